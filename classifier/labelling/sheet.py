"""The sheet a labeller fills in: its columns, and cells that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from classifier.article import Article, Labels
from classifier.corpus.corpus import ReadOptions
from classifier.corpus.labels import parse_label_columns
from classifier.corpus.open import (
    find_sources,
    format_by_content,
    marked_encoding,
    open_bytes,
    open_text,
)
from classifier.corpus.read import csv_rows, jsonl_rows
from classifier.corpus.rows import BadRowError, Row, article_from
from classifier.corpus.write import plain_cell, safe_cell
from classifier.errors import BadInputError, disarmed
from classifier.fields import is_blank
from classifier.files import replacing_text

__all__ = [
    "DRAWN_AT_RANDOM",
    "RESERVED",
    "Verdict",
    "article_key",
    "label_column",
    "label_of_column",
    "read_verdicts",
    "save_sheet",
    "sheet_row",
    "text_key",
    "write_sheet",
]


_CONFIDENCE = {"": None, "clear": False, "borderline": True}
_DELIMITERS = ",;\t"
_FIELDS = ReadOptions(usual_labels=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one row says of one article.

    Parameters
    ----------
    place : str
        Where the row stands, for messages.
    id : str
        The article's id or key; empty when the row goes by its text.
    cells : mapping of str to bool
        Label → whether the article has it. Labels that are not in here are unknown.
    rest_absent : bool
        Whether every other label that the corpus knows is absent, as a plain list says.
    borderline : bool or None
        Whether the labeller hesitated; ``None`` when the row does not say.
    article : Article or None
        The row's own text, without labels.
    single : bool
        Whether it is a correction of one label; several may speak of one article.
    model_chose : bool
        Whether a model chose the article for labelling; such articles are no fair sample.
    """

    place: str
    id: str
    cells: Mapping[str, bool] = field(default_factory=dict)
    rest_absent: bool = False
    borderline: bool | None = None
    article: Article | None = None
    single: bool = False
    model_chose: bool = False


def read_verdicts(
    path: Path | str, *, ignore: Collection[str] = (), encoding: str = "utf-8"
) -> list[Verdict]:
    """Return what a labelled file says, one `Verdict` a row.

    Parameters
    ----------
    path : Path or str
        CSV (commas, semicolons or tabs) with an ``id`` column and one column a label, as
        `classifier.labelling.sheet.write_sheet` wrote it; or JSONL, each line of which holds such
        cells, or ``labels`` and perhaps ``negative``, or one ``label`` with its ``value``.
        JSONL lines may bring a ``text`` of their own in place of an ``id``. ``-`` is standard
        input.
    ignore : collection of str
        Columns that are no labels, such as remarks.
    encoding : str
        Some spreadsheets write cp1252.

    Raises
    ------
    BadInputError
        At the first row that makes no sense: a cell that is neither 1, 0 nor blank, neither id
        nor text, a label on both sides.
    """
    try:
        return [_placed_verdict(row, ignore) for row in _rows(path, encoding)]
    except BadInputError as error:
        # --encoding is that of the corpus
        raise BadInputError(str(error).replace("--encoding", "--labelled-encoding")) from None


def _placed_verdict(row: Row, ignore: Collection[str]) -> Verdict:
    try:
        return _verdict(row, ignore)
    except BadInputError as error:
        raise BadInputError(f"{row.place}: {error}") from None


def _rows(path: Path | str, encoding: str) -> Iterator[Row]:
    """Yield the rows, a cell of CSV as it was before it was made safe for spreadsheets."""
    for source in find_sources([path]):
        with open_bytes(source, None, encoding=encoding) as stream:
            encoding = marked_encoding(stream, encoding)
            form = source.format or format_by_content(stream)
            if form == "jsonl":
                with open_text(stream, encoding=encoding, newline="\n") as text:
                    yield from jsonl_rows(text, source.name, encoding=encoding)
            elif form in ("csv", "tsv"):
                delimiter = _delimiter(stream.peek(4096))
                with open_text(stream, encoding=encoding, newline="") as text:
                    rows = csv_rows(text, source.name, encoding=encoding, delimiter=delimiter)
                    yield from map(_without_text, rows)
            else:
                raise BadInputError(f"{source.name}: labels are read from .csv, .tsv or .jsonl.")


def _delimiter(head: bytes) -> str:
    """Return what stands between the headings; some spreadsheets write semicolons or tabs."""
    heading = head.partition(b"\n")[0].decode(errors="replace")
    return max(_DELIMITERS, key=heading.count)


def _without_text(row: Row) -> Row:
    """Return a sheet's row without the text, which went through a spreadsheet."""
    kept = {name: value for name, value in row.values.items() if name not in ("text", "excerpt")}
    return replace(row, values={n: plain_cell(str(v)) for n, v in kept.items()})


def _verdict(row: Row, ignore: Collection[str]) -> Verdict:
    if row.problem is not None:
        raise row.problem
    values = {name: value for name, value in row.values.items() if name not in ignore}
    article = _own_article(values) if values.get("text") else None
    id = article.id if article else _id(values)
    if not id and article is None:
        raise BadRowError(
            "no id", f"neither an id nor a text (found: {', '.join(values)}). Say which article."
        )
    verdict = Verdict(
        row.place,
        id,
        article=replace(article, labels=None) if article else None,
        model_chose=values.get("why") not in (None, "", DRAWN_AT_RANDOM),
    )
    if "label" in values:
        return replace(verdict, cells=_correction(values), single=True)
    verdict = replace(verdict, borderline=_borderline(values))
    if "labels" in values or "negative" in values:
        return _listed(verdict, values)
    return replace(verdict, cells=_cells(parse_label_columns(_label_cells(values))))


def _own_article(values: Mapping[str, object]) -> Article:
    if "label" in values:
        values = {n: values[n] for n in ("id", "text", "title", "source", "date") if n in values}
    return article_from(values, _FIELDS)


def _id(values: Mapping[str, object]) -> str:
    value = values.get("id")
    return "" if is_blank(value) else str(value).strip()


def _correction(values: Mapping[str, object]) -> dict[str, bool]:
    label = values["label"]
    if not isinstance(label, str) or not label.strip():
        raise BadRowError("bad labels", f"'label' is {label!r:.60}. Write the label's name.")
    if "value" not in values:
        raise BadRowError("bad labels", "a 'label' without a 'value'. Write 1, 0 or null.")
    return _cells(parse_label_columns({label.strip(): values["value"]}))


def _label_cells(values: Mapping[str, object]) -> dict[str, object]:
    return {label_of_column(name): value for name, value in values.items() if name not in RESERVED}


def _listed(verdict: Verdict, values: Mapping[str, object]) -> Verdict:
    fields = {"text": "-", "labels": values.get("labels"), "negative": values.get("negative")}
    labels = article_from(fields, _FIELDS).labels
    plain = labels is not None and labels.absent is None
    return replace(verdict, cells=_cells(labels), rest_absent=plain)


def _cells(labels: Labels | None) -> dict[str, bool]:
    if labels is None:
        return {}
    present, absent = dict.fromkeys(labels.present, True), labels.absent or ()
    return present | dict.fromkeys(absent, False)


def _borderline(values: Mapping[str, object]) -> bool | None:
    value = values.get("confidence")
    word = "" if is_blank(value) else str(value).strip().lower()
    if word not in _CONFIDENCE:
        raise BadRowError(
            "bad confidence",
            f"confidence is {value!r:.60}. Write clear or borderline, or leave it empty.",
        )
    return _CONFIDENCE[word]


ARTICLE_COLUMNS = ("id", "outlet", "date", "title", "excerpt", "text")
HINT_COLUMNS = ("suggested", "why")
# Fields of labelled articles and of corrections, which may come back in place of a sheet.
OTHER_FIELDS = ("confidence", "source", "label", "value", "labels", "negative")
RESERVED = frozenset((*ARTICLE_COLUMNS, *HINT_COLUMNS, *OTHER_FIELDS))
# What a sheet gives as the reason for articles that are a fair sample.
DRAWN_AT_RANDOM = "drawn at random"
# Spreadsheets cut longer cells off without a word.
LONGEST_CELL = 32_000
LABEL_PREFIX = "label:"
# What spreadsheets run as formulas, in both widths, or skip on the way to one.
_KEY_PREFIX = "text:"


def article_key(article: Article) -> str:
    """Return what finds an article again: its id, or a hash of its text where it has none.

    An id that does not survive a spreadsheet (blanks at its ends, control characters) is
    passed over as well.
    """
    id = article.id
    usable = id and id == id.strip() and id == disarmed(id)
    return id if usable else text_key(article.text)


def text_key(text: str) -> str:
    """Return ``text:`` and 16 hex digits, the same for texts that differ in white space alone."""
    # a lone surrogate is no reason not to have a key
    content = " ".join(text.split()).encode(errors="surrogatepass")
    return _KEY_PREFIX + hashlib.sha256(content).hexdigest()[:16]


def label_column(label: str) -> str:
    """Return the heading of a label's column: its name, marked when the sheet needs that name.

    >>> label_column("energy"), label_column("title")
    ('energy', 'label:title')
    """
    taken = label in RESERVED or label.startswith(LABEL_PREFIX)
    return safe_cell(f"{LABEL_PREFIX}{label}" if taken else label)


def label_of_column(heading: str) -> str:
    """Return the label that `label_column` gave a heading."""
    return plain_cell(heading).removeprefix(LABEL_PREFIX)


def sheet_row(article: Article, *, excerpt: int) -> dict[str, str]:
    """Return the cells that tell a labeller which article it is.

    Parameters
    ----------
    article : Article
    excerpt : int
        Characters of the text under ``excerpt``; 0 puts the whole text under ``text``.
    """
    text = _readable(article.text)
    shown = {"excerpt": _shortened(text, excerpt)} if excerpt else {"text": text}
    cells = {"outlet": article.source, "date": article.date, "title": article.title}
    return {
        "id": article_key(article),
        **{name: _readable(cell) for name, cell in cells.items()},
        **shown,
    }


def write_sheet(
    rows: Iterable[Mapping[str, str]], stream: TextIO, *, labels: Sequence[str], excerpt: int
) -> int:
    """Write the header and one record a row, label columns empty, and return how many rows.

    Parameters
    ----------
    rows : iterable of mapping of str to str
        Cells by column; columns that a row does not name stay empty.
    stream : text stream opened with ``newline=""``
    labels : sequence of str
        One column each, in this order.
    excerpt : int
        As for `sheet_row`; it decides the name of the text's column.
    """
    unused = "text" if excerpt else "excerpt"
    before = [name for name in ARTICLE_COLUMNS if name != unused]
    blank = [""] * (len(labels) + 1)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*before, *map(label_column, labels), "confidence", *HINT_COLUMNS])
    n_rows = 0
    for row in rows:
        n_rows += 1
        known = [safe_cell(row.get(name, "")) for name in before]
        hints = [safe_cell(row.get(name, "")) for name in HINT_COLUMNS]
        writer.writerow([*known, *blank, *hints])
    return n_rows


def save_sheet(
    rows: Iterable[Mapping[str, str]],
    target: Path | TextIO,
    *,
    labels: Sequence[str],
    excerpt: int,
) -> int:
    """Write a sheet to a file, by which spreadsheets know it for UTF-8, or to a stream."""
    if not isinstance(target, Path):
        return write_sheet(rows, target, labels=labels, excerpt=excerpt)
    # the mark at the start of the file is what tells spreadsheets its encoding
    with replacing_text(target, encoding="utf-8-sig", errors="backslashreplace") as stream:
        return write_sheet(rows, stream, labels=labels, excerpt=excerpt)


def _readable(text: str) -> str:
    """Return `text` on one line, harmless for a terminal and short enough for one cell."""
    return _shortened(disarmed(" ".join(text.split())), LONGEST_CELL)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length].rstrip()} …"
