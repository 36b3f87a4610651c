"""A file as it is, read on the service's side by the readers of the command line."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePath

from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.corpus.find import Source, format_by_name
from classifier.corpus.formats.documents import declared_charset
from classifier.corpus.open import COMPRESSIONS, PACKED
from classifier.corpus.read import read_rows
from classifier.corpus.rows import BadRowError, Row, unwrapped
from classifier.errors import BadInputError, sanitized
from classifier.fields import usual_field
from classifier.service.schemas import ReadAnswer

__all__ = ["read_upload"]

# Of all cells together, and of one file: no more than a page can show and send on.
MOST_CHARACTERS, MOST_ROWS, MOST_COLUMNS = 100_000_000, 200_000, 500
# Rows that are looked at for the column with the longest cells.
_SAMPLE = 50


def read_upload(name: str, content: bytes) -> ReadAnswer:
    """Return the rows of a file.

    Parameters
    ----------
    name : str
        What the file is called; its end tells the format, else the first bytes do. Nothing is
        written or looked for under that name.
    content : bytes
        What is not UTF-8 is taken for Windows-1252, or for what a page says that it is.

    Raises
    ------
    BadInputError
        When it cannot be read, is packed, or holds more than a page can show.
    """
    shown = sanitized(name)[-100:] or "the file"
    if PurePath(name).suffix.lower() in COMPRESSIONS or content.startswith(PACKED):
        raise BadInputError(f"{shown}: packed files are not read here. Unpack it.")
    format = format_by_name(PurePath(name))
    named = format == "html" and declared_charset(content[:4096].decode("latin-1"))
    options = ReadOptions(encoding="utf-8" if named or _is_utf8(content) else "cp1252")
    # some formats are read from files alone
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"upload.{format}")
        path.write_bytes(content)
        source = Source(shown, path, format, "")
        return _table(read_rows(source, options, tally=ReadTally(tell=lambda note: None)), shown)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _table(rows: Iterator[Row], name: str) -> ReadAnswer:
    records, left, problems, single = list[dict[str, str]](), MOST_CHARACTERS, list[str](), False
    for row in islice(rows, MOST_ROWS + 1):
        try:
            if row.problem is not None:
                raise row.problem
            cells = dict(_cells(unwrapped(row.values)))
        except BadRowError as problem:
            problems.append(f"{row.place}: {problem}")
            continue
        left -= sum(map(len, cells.values()))
        single = not row.unit
        records.append(cells)
        if left < 0 or len(records) > MOST_ROWS:
            raise BadInputError(
                f"{name}: holds more than {MOST_ROWS:,} articles, or more than "
                f"{MOST_CHARACTERS:,} characters. Use the command: classifier predict."
            )
    columns = list(dict.fromkeys(name for cells in records for name in cells))[:MOST_COLUMNS]
    table = [[cells.get(name, "") for name in columns] for cells in records]
    # what it is made of here need not be checked once more
    return ReadAnswer.model_construct(
        columns=columns,
        rows=table,
        fields={part: _column(columns, table, part) for part in ("text", "title", "id")},
        single=single,
        left_out=len(problems),
        problem=problems[0] if problems else "",
    )


def _cells(values: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        way = f"{before}{name}"
        if isinstance(value, Mapping) and before.count(".") < 3:
            yield from _cells(value, f"{way}.")
        elif isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            yield way, "\n\n".join(value)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            yield way, str(value)
        else:
            yield way, ""


def _column(columns: Sequence[str], rows: list[list[str]], part: str) -> str | None:
    try:
        found = usual_field(columns, part)
    except BadInputError:
        found = None
    if found is None and part == "text" and columns:
        sizes = [sum(map(len, column)) for column in zip(*rows[:_SAMPLE], strict=True)]
        return columns[sizes.index(max(sizes))]
    return found
