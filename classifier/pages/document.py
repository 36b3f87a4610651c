"""One document of sections, shown as text for a terminal, as Markdown and as one HTML page."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, TypeAlias, TypeVar

from classifier.errors import sanitized

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "Block",
    "Bullets",
    "Code",
    "Document",
    "Figure",
    "Folded",
    "Marked",
    "Prose",
    "Row",
    "Section",
    "Table",
    "document_text",
    "first_rows",
    "interval",
    "markdown",
    "markdown_table",
    "marked_words",
    "percent",
    "plain",
    "rounded",
    "section_text",
    "signed",
    "unmarked",
]


Row: TypeAlias = tuple[str, ...]
Value = TypeVar("Value")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
# Of Markdown of our own: comments, and marks that are not escaped.
_MARKS = re.compile(r"<!--.*?-->|\\([\\`*_{}\[\]<>#|~!&])|[`*]")
# A number with a unit, an interval or what it is out of; a dash or nothing where there is none.
_NUMBER = re.compile(
    r"(?:[+-]?[\d.,]+(?: ?%| MB)?)(?: \([+\d., %–to-]+\))?(?:,? [\d,]+ of [\d,]+| of [\d,]+)?|–|"
)
# Columns of a terminal that the widest cell is never cut below.
_LEAST_WIDTH = 20


class Prose(str):
    """Words in Markdown of our own, in which `plain` has escaped what came from outside.

    They can stand wherever a document has words; its other forms show them without the marks.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under heads; columns of numbers alone stand at the right.

    Parameters
    ----------
    columns : tuple of str
    rows : tuple of tuple of str
        Cells as they came in: each form of the document escapes them.
    notes : tuple of str
        What the page says under the tile of each row, where a table of names and values stands in
        the lead.
    """

    columns: Row
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    kind: ClassVar[str] = "table"

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers alone."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return tuple(any(column) and all(map(_NUMBER.fullmatch, column)) for column in columns)


@dataclass(frozen=True, slots=True)
class Marked:
    """A text of which parts are marked on the page.

    Parameters
    ----------
    text : str
    marks : tuple of (int, int, float)
        From where to where, and what the part weighs: for above 0, against below. Of parts that
        overlap the first counts.
    """

    text: str
    marks: tuple[tuple[int, int, float], ...]
    kind: ClassVar[str] = "marked"

    def __str__(self) -> str:
        return self.text

    def pieces(self) -> Iterator[tuple[str, float, float]]:
        """Yield the parts of the text, each with its strength from -1 to 1 and its weight."""
        strongest = max((abs(weight) for *_, weight in self.marks), default=0) or 1
        done = 0
        for start, end, weight in sorted(self.marks):
            if done <= start < end:
                yield self.text[done:start], 0.0, 0.0
                yield self.text[start:end], weight / strongest, weight
                done = end
        yield self.text[done:], 0.0, 0.0


def marked_words(
    words: Iterable[tuple[int, int, str]], values: Mapping[str, Value]
) -> list[tuple[int, int, Value]]:
    """Return start, end and value of every word that has a value, alone or with a neighbour.

    Parameters
    ----------
    words : iterable of (int, int, str)
        Start, end and term of each, in order.
    values : mapping
        Term → anything that is true. Of a term of two words, only neighbours count.
    """
    words = list(words)
    found = [values.get(term) for _, _, term in words]
    for i, ((_, _, first), (_, _, second)) in enumerate(pairwise(words)):
        pair = values.get(f"{first} {second}")
        found[i], found[i + 1] = found[i] or pair, found[i + 1] or pair
    return [(a, b, value) for (a, b, _), value in zip(words, found, strict=True) if value]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of items, each a line with the lines under it."""

    items: tuple[tuple[str, tuple[str | Marked, ...]], ...]
    kind: ClassVar[str] = "bullets"

    @classmethod
    def of(cls, items: Iterable[str]) -> Bullets:
        """Return a list of lines without lines under them."""
        return cls(tuple((item, ()) for item in items))

    @property
    def marked(self) -> bool:
        """Whether some line is marked: the page then shows each item in a box."""
        return any(isinstance(line, Marked) for _, under in self.items for line in under)


@dataclass(frozen=True, slots=True)
class Code:
    """Lines that can be copied into a terminal or a file."""

    lines: tuple[str, ...]
    language: str = ""
    kind: ClassVar[str] = "code"


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot, shown on the page alone, and what it shows in words."""

    plot: Markup
    caption: str
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True, slots=True)
class Folded:
    """Blocks under a line of their own, which the page shows when they are asked for."""

    title: str
    blocks: tuple[Block, ...]
    kind: ClassVar[str] = "folded"


# Figures in a tuple stand side by side.
Block: TypeAlias = str | Table | Bullets | Code | Figure | Folded | tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it.

    Parameters
    ----------
    title : str
    blocks : tuple of Block
        A string is a paragraph.
    alarm : bool
        Whether no figure can be trusted as long as this stands.
    level : int
        Of the heading; 3 in a part of the section before.
    """

    title: str
    blocks: tuple[Block, ...]
    alarm: bool = False
    level: int = 2


@dataclass(frozen=True, slots=True)
class Document:
    """What a command found.

    Parameters
    ----------
    kind : str
        What the document is called above its title, such as "audit".
    title : str
    lead : tuple of Block
        What stands before the first section.
    sections : tuple of Section
    warnings : tuple of str
        What must be known before a figure is believed.
    """

    kind: str
    title: str
    lead: tuple[Block, ...]
    sections: tuple[Section, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Section, ...]:
        """The lead under the title, then the sections."""
        return Section(self.title, self.lead), *self.sections


def first_rows(columns: Row, rows: Sequence[Row], most: int) -> tuple[Block, ...]:
    """Return a table of the first rows, after the sentence that says that there are more."""
    if not rows:
        return ()
    table = Table(columns, tuple(rows[:most]))
    more = len(rows) > most
    return (f"The first {most:,} of {len(rows):,} rows:", table) if more else (table,)


def document_text(document: Document, *, width: int | None = None) -> Iterator[str]:
    """Yield a document as lines of plain text, harmless for a terminal.

    Parameters
    ----------
    width : int or None
        Columns; sentences break and cells are cut to fit. ``None`` cuts nothing.
    """
    for section in document.parts:
        if lines := list(section_text(section, width=width))[1:]:
            yield from (sanitized(section.title), *lines, "")


def section_text(section: Section, *, width: int | None = None) -> Iterator[str]:
    """Yield a section as `document_text` does, its heading first."""
    yield sanitized(section.title)
    for block in section.blocks:
        yield from _block_text(block, width)


def _block_text(block: Block, width: int | None) -> Iterator[str]:
    if isinstance(block, Table):
        yield from _table_text(block, width)
    elif isinstance(block, Bullets):
        for item, under in block.items:
            yield from _wrapped(item, width, "  ")
            for line in under:
                yield from _wrapped(str(line), width, "    ")
    elif isinstance(block, Folded):
        if lines := [line for each in block.blocks for line in _block_text(each, width)]:
            yield from (*_wrapped(block.title, width, ""), *lines)
    elif isinstance(block, Code):
        yield from (f"  {sanitized(line)}".rstrip() for line in block.lines)
    elif isinstance(block, str):
        yield from _wrapped(block, width, "")


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    line = indent + _on_one_line(text)
    return textwrap.wrap(line, width, subsequent_indent=indent) if width else [line]


def _on_one_line(text: str) -> str:
    return sanitized(" ".join(unmarked(text).split()))


def unmarked(text: str) -> str:
    r"""Return words without the marks of Markdown where they are `Prose`.

    >>> unmarked(Prose(r"**gafam\_cpi** is `house`")), unmarked("2 * 3")
    ('gafam_cpi is house', '2 * 3')
    """
    return _MARKS.sub(r"\1", text) if isinstance(text, Prose) else text


def _table_text(table: Table, width: int | None) -> Iterator[str]:
    cells = [[_on_one_line(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = _widths(cells, width)
    for row in cells:
        fitted = (
            _shortened(cell, size).rjust(size) if is_right else _shortened(cell, size).ljust(size)
            for cell, size, is_right in zip(row, widths, table.numeric, strict=True)
        )
        yield f"  {'  '.join(fitted)}".rstrip()


def _widths(cells: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Return the columns of each cell, the widest made smaller until all fit."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while width and sum(widths) + 2 * len(widths) > width and max(widths) > _LEAST_WIDTH:
        widths[widths.index(max(widths))] -= 1
    return widths


def _shortened(cell: str, size: int) -> str:
    return cell if len(cell) <= size else f"{cell[: size - 1]}…"


def markdown(document: Document) -> str:
    """Return a document as Markdown; nothing in it that came from outside can turn into markup."""
    blocks = [f"# {plain(document.title)}"]
    blocks += [f"> **Warning:** {plain(warning)}" for warning in document.warnings]
    blocks += _markdown_blocks(document.lead)
    for section in document.sections:
        if under := list(_markdown_blocks(section.blocks)):
            blocks += [f"{'#' * section.level} {plain(section.title)}", *under]
    return "\n\n".join(blocks) + "\n"


def _markdown_blocks(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, str):
            yield plain(block)
        elif isinstance(block, Table):
            rows = ([plain(cell) for cell in row] for row in block.rows)
            yield _markdown_table(block.columns, block.numeric, rows)
        elif isinstance(block, Bullets):
            lines = (
                [f"- {plain(item)}", *(f"  - {plain(str(line))}" for line in under)]
                for item, under in block.items
            )
            yield "\n".join(line for item in lines for line in item)
        elif isinstance(block, Folded):
            if under := list(_markdown_blocks(block.blocks)):
                yield from (plain(block.title), *under)
        elif isinstance(block, Code):
            yield "\n".join([f"```{block.language}", *map(sanitized, block.lines), "```"])


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Return a table whose cells are already Markdown; the first `left` columns are words."""
    return _markdown_table(columns, [i >= left for i in range(len(columns))], rows)


def _markdown_table(
    columns: Sequence[str], numeric: Sequence[bool], rows: Iterable[Sequence[str]]
) -> str:
    marks = ["---:" if is_number else "---" for is_number in numeric]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, marks, *rows])


def plain(text: str) -> str:
    r"""Return text on one line, with nothing in it that Markdown or a terminal would obey.

    >>> plain("a|b\nc")
    'a\\|b c'
    """
    if isinstance(text, Prose):
        return text
    return _MARKUP.sub(r"\\\1", sanitized(" ".join(text.split())))


def rounded(value: float | None, digits: int = 2) -> str:
    """Return the number with so many decimals, a dash where there is none.

    >>> rounded(0.8251), rounded(float("nan"))
    ('0.83', '–')
    """
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """Return the share in percent, a dash where there is none.

    >>> percent(0.074), percent(0.0746, 1), percent(None)
    ('7 %', '7.5 %', '–')
    """
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f} %"


def interval(
    estimate: float | None, low: float | None, high: float | None, *, digits: int = 3
) -> str:
    """Return an estimate and its interval in brackets, if there is one.

    >>> interval(0.8251, 0.8, 0.85), interval(0.5, None, None)
    ('0.825 (0.800–0.850)', '0.500')
    """
    if low is None or not math.isfinite(low):
        return rounded(estimate, digits)
    return f"{rounded(estimate, digits)} ({rounded(low, digits)}–{rounded(high, digits)})"


def signed(estimate: float, low: float, high: float) -> str:
    """Return a difference with its sign and the bounds of its interval.

    >>> signed(0.0104, -0.0002, 0.02)
    '+0.010 (0.000 to +0.020)'
    """
    if not math.isfinite(estimate):
        return "–"
    # a change that rounds to nothing has no sign
    texts = [re.sub(r"^[+-](?=0\.000$)", "", f"{each:+.3f}") for each in (estimate, low, high)]
    return "{} ({} to {})".format(*texts)
