"""The sheet a labeller fills in: its columns, and cells that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from classifier.article import Article
from classifier.corpus.table import disarmed
from classifier.resources import replacing

__all__ = [
    "DRAWN_AT_RANDOM",
    "RESERVED",
    "article_key",
    "label_column",
    "label_of_column",
    "plain_cell",
    "safe_cell",
    "save_sheet",
    "sheet_row",
    "text_key",
    "write_sheet",
]

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
_FORMULA = re.compile("'*[=+\\-@|%\t\r\n＝＋－＠]")
_KEY_PREFIX = "text:"


def safe_cell(text: str) -> str:
    """Return `text` so that a spreadsheet shows it instead of computing it.

    An apostrophe goes before what could begin a formula; `plain_cell` takes exactly that one
    away, so every text survives the way there and back.

    >>> safe_cell("=1+1"), safe_cell("'=1+1"), safe_cell("gas")
    ("'=1+1", "''=1+1", 'gas')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(cell: str) -> str:
    """Return the text that `safe_cell` turned into `cell`.

    >>> plain_cell("'=1+1"), plain_cell("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


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
    with (
        replacing(target) as raw,
        # the mark at the start of the file is what tells spreadsheets its encoding
        io.TextIOWrapper(raw, "utf-8-sig", errors="backslashreplace", newline="") as stream,
    ):
        return write_sheet(rows, stream, labels=labels, excerpt=excerpt)


def _readable(text: str) -> str:
    """Return `text` on one line, harmless for a terminal and short enough for one cell."""
    return _shortened(disarmed(" ".join(text.split())), LONGEST_CELL)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length].rstrip()} …"
