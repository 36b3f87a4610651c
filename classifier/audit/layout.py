"""Sections as plain text, as Markdown and as one HTML page."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from classifier.audit.audit import Audit
from classifier.audit.section import Section
from classifier.audit.sections import sections
from classifier.corpus.table import disarmed

__all__ = ["html_page", "markdown_page", "markdown_section", "section_lines"]

# Columns of a terminal that the last cell of a row may start at and still be worth showing.
LEAST_LAST = 20
# Characters with which running text would turn into markup.
_MARKUP = re.compile(r"([\\`*_\[\]|~])")


def section_lines(section: Section, *, width: int | None = None) -> Iterator[str]:
    """Yield a section as lines of plain text, heading first, harmless for a terminal.

    Parameters
    ----------
    width : int or None
        Columns; cells are cut to fit. ``None`` cuts nothing.
    """
    yield disarmed(section.title)
    for sentence in map(disarmed, section.says):
        yield from textwrap.wrap(sentence, width) if width else [sentence]
    if section.rows:
        yield from _table_lines(section, width)


def _table_lines(section: Section, width: int | None) -> Iterator[str]:
    cells = [[disarmed(cell) for cell in row] for row in (section.columns, *section.rows)]
    widths = _widths(cells, width)
    for row in cells:
        fitted = (
            _shortened(cell, size).rjust(size) if is_right else _shortened(cell, size).ljust(size)
            for cell, size, is_right in zip(row, widths, section.numeric, strict=True)
        )
        yield f"  {'  '.join(fitted)}".rstrip()


def _widths(cells: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Return the columns of each cell, the widest made smaller until all fit."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while width and sum(widths) + 2 * len(widths) > width and max(widths) > LEAST_LAST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _shortened(cell: str, size: int) -> str:
    return cell if len(cell) <= size else f"{cell[: size - 1]}…"


def markdown_page(audit: Audit, *, shown: int = 10) -> str:
    """Return the audit as Markdown; no title or line can turn into markup."""
    head, *rest = sections(audit, shown=shown)
    blocks = [markdown_section(head, level=1), *map(markdown_section, rest)]
    return "\n\n".join(blocks) + "\n"


def markdown_section(section: Section, level: int = 2) -> str:
    """Return a section under a heading of that level."""
    blocks = [f"{'#' * level} {_marked(section.title)}"]
    if section.says:
        blocks.append(" ".join(map(_marked, section.says)))
    if section.rows:
        rules = ["---:" if number else "---" for number in section.numeric]
        rows = [section.columns, rules, *_marked_rows(section.rows)]
        blocks.append("\n".join(map(_markdown_row, rows)))
    return "\n\n".join(blocks)


def _marked_rows(rows: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    for row in rows:
        yield [_marked(cell) for cell in row]


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _marked(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\1", html.escape(disarmed(text), quote=False))


def html_page(audit: Audit, *, shown: int = 50) -> str:
    """Return the audit as one HTML page.

    Raises
    ------
    ClassifierError
        When the extra ``report`` is not installed.
    """
    from classifier.pages.page import render_page, report_extra

    with report_extra():
        from classifier.pages.plots import heat_map

    labels = audit.labels.labels
    title = "Articles with both labels; on the diagonal, with this one alone"
    plot = heat_map(audit.labels.together, labels, labels, title=title) if labels else None
    head, *rest = sections(audit, shown=shown)
    return render_page(
        "audit.html", title=head.title, head=head, sections=rest, audit=audit, plot=plot
    )
