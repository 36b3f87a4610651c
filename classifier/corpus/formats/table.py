"""Tables of text: CSV and TSV as spreadsheets and programs write them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from classifier.corpus.corpus import ReadOptions
from classifier.corpus.rows import BadRowError, Row, check_bytes
from classifier.errors import BadInputError, number_of
from classifier.fields import PARTS, usual_field

__all__ = [
    "csv_table",
    "found_delimiter",
    "header_again",
    "is_part",
    "named_records",
]

# What a quote that is never closed may enclose; a field is held in memory whole.
_FIELD_LIMIT = 10**8
_DEFAULTS = ReadOptions()
_SEPARATOR_LINE = r'"?sep=(.)"?\s*'


def csv_table(
    lines: Iterable[str],
    file: str,
    options: ReadOptions = _DEFAULTS,
    *,
    delimiter: str = ",",
) -> tuple[list[str], Iterator[Row]]:
    """Return the columns of a table and its rows; a bad record is a row with a problem.

    Parameters
    ----------
    lines : iterable of str
        Decoded lines with their ends kept, undecodable bytes as U+DC80 to U+DCFF. A first line
        ``sep=;``, as Excel takes it, is passed over.
    file : str
        What messages call it.
    options : ReadOptions
        `encoding` of what `lines` were decoded as; `quoting`; `header` and `columns`.
    delimiter : str
        What stands between cells. Quotes work the same whatever it is.

    Raises
    ------
    BadInputError
        If the header cannot be read, names a column twice, or is plainly no header.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    feed = _Feed(lines, options.encoding)
    delimiter = feed.skip_separator_line() or delimiter
    dialect: Any = {"quoting": csv.QUOTE_MINIMAL if options.quoting else csv.QUOTE_NONE}
    reader = csv.reader(feed, delimiter=delimiter, strict=True, **dialect)
    names, records = named_records(_records(reader, feed, file), f"{file} line", options)
    under = f"a header of {len(names)}" if options.header else f"{len(names)} columns"
    return names, (
        each if isinstance(each, Row) else _csv_row(names, each, file, under) for each in records
    )


def named_records(
    records: Iterator[Any], unit: str, options: ReadOptions
) -> tuple[list[str], Iterator[Any]]:
    """Return the names of a table's columns, and the records below them.

    Parameters
    ----------
    records : iterator of ((int, list of str) or Row)
        Number and cells of each, or a row with a problem.
    unit : str
        File and unit, such as ``news.csv line``, for messages.
    options : ReadOptions

    Raises
    ------
    BadInputError
        If the first row is a bad one, has more cells than there are names, names a column
        twice, or is plainly data.
    """
    records = _below_caption(records, options)
    first = next(records, None)
    if first is None:
        return [], records
    if isinstance(first, Row):
        raise BadInputError(f"{first.place}: {first.problem}")
    names = _column_names(first[1], f"{unit} {first[0]}", options)
    return names, records if options.header else chain([first], records)


def _records(
    reader: Iterator[list[str]], feed: _Feed, file: str
) -> Iterator[tuple[int, list[str]] | Row]:
    """Yield the line and cells of every record that holds anything, or a row with a problem."""
    while True:
        line = feed.begin_record()
        try:
            cells = next(reader)
            feed.check()
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(file, line, problem=_quoting_problem(error), raw="".join(feed.record))
        except BadRowError as problem:
            yield Row(file, line, problem=problem, raw="".join(feed.record))
        else:
            if any(cells):
                yield line, cells


class _Feed:
    """The lines on their way into the CSV reader, watched for what it would let through.

    Those of the record being read are in `record`.
    """

    def __init__(self, lines: Iterable[str], encoding: str) -> None:
        self._lines = iter(lines)
        self._n_lines = 0
        self._encoding = encoding
        self.record: list[str] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._n_lines += 1
        self.record.append(line)
        return line

    def skip_separator_line(self) -> str:
        """Pass over a first line ``sep=;``, and return the mark; nothing when it is none."""
        first = next(self._lines, None)
        found = re.fullmatch(_SEPARATOR_LINE, first) if first is not None else None
        if found:
            self._n_lines += 1
            return found[1]
        self._lines = chain([] if first is None else [first], self._lines)
        return ""

    def begin_record(self) -> int:
        """Let the last record go, and return the line on which the next one starts."""
        self.record = []
        return self._n_lines + 1

    def check(self) -> None:
        """Raise what is wrong with the lines of this record."""
        for line in self.record:
            check_bytes(line, self._encoding)
            if "\0" in line:
                raise BadRowError("NUL byte", "holds a NUL byte. Remove it; text has none.")


def _csv_row(names: list[str], record: tuple[int, list[str]], file: str, under: str) -> Row:
    line, cells = record
    while len(cells) > len(names) and not cells[-1].strip():
        cells.pop()
    problem = header_again(cells, names)
    if problem is None and len(cells) == len(names):
        return Row(file, line, dict(zip(names, cells, strict=True)))
    problem = problem or BadRowError(
        "wrong number of cells",
        f"{number_of(len(cells), 'cell')} under {under}. Quote cells that hold the delimiter or a "
        "line break.",
    )
    return Row(file, line, problem=problem, raw=cells)


def _quoting_problem(error: csv.Error) -> BadRowError:
    if "unexpected end" in str(error):
        reason = "a quote opened here is never closed. Close it, or pass --no-quoting"
    else:
        reason = f"{error}. Double every quote inside a quoted cell, or pass --no-quoting"
    return BadRowError("bad quoting", f"{reason} if quotes do not enclose cells.")


_HEAD_BYTES = 4096
_HEAD_ROWS = 10
_QUOTED = r'"[^"]*"'
# What no column is called: a sentence, or very many words.
_PROSE = r"(?s)\S \S+ \S.*[.!…]['\"”’»)]*$|(?:\S+ ){12}|.{200}"
_NUMBER = r"[-+]?\d[\d.,:/-]*"


def _column_names(cells: Sequence[str], place: str, options: ReadOptions) -> list[str]:
    """Return the names of a table's columns, by its first row or by what options say."""
    # a second mark is what comes of a file with one that is written with one again
    header = [cell.replace("\ufeff", "").strip() for cell in cells]
    if not options.header:
        names = list(options.columns) or [str(number) for number, _ in enumerate(cells, 1)]
        if (len(names) < len(cells) and any(header[len(names) :])) or len(names) > len(cells):
            raise BadInputError(
                f"{place}: {number_of(len(cells), 'cell')}, and --columns names {len(names)}. Name "
                "each column."
            )
        return names
    if _is_data(header, options):
        raise BadInputError(
            f"{place}: this row is data, not the names of columns; pass --no-header and "
            "--columns, such as --columns label,title,text."
        )
    while header and not header[-1]:
        header.pop()
    if header.count("") > 1:
        header = [cell or str(number) for number, cell in enumerate(header, 1)]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise BadInputError(f"{place}: the header names '{twice[0]}' twice. Rename one of them.")
    return header


def _below_caption(rows: Iterator[Any], options: ReadOptions) -> Iterator[Any]:
    """Yield the rows of a table but for a caption, such as "Export of May", above its header.

    No more rows are taken ahead than what may be a caption.
    """
    if not options.header or options.text_field:
        return rows
    head = list[Any]()
    for row in islice(rows, _HEAD_ROWS):
        head.append(row)
        cells = row[1] if isinstance(row, tuple) else ()
        words = [cell for cell in cells if cell]
        if len(words) > 1:
            below = list(islice(rows, 1)) if len(words) < len(cells) else []
            return chain([] if below and _are_groups(words, below[0]) else [row], below, rows)
        if not isinstance(row, tuple) or any(usual_field(words, part) for part in PARTS):
            break
    return chain(head, rows)


def _are_groups(words: Sequence[str], below: Any) -> bool:
    """Return whether words stand over several columns each, whose names are in the row below."""
    names = [cell for cell in below[1] if cell] if isinstance(below, tuple) else []
    n_parts = [sum(map(is_part, row)) for row in (words, names)]
    return n_parts[1] > max(n_parts[0], 1) and len(names) > len(words)


def is_part(name: str) -> bool:
    """Return whether a column is called as some part of an article."""
    return any(usual_field([name], part) for part in PARTS)


def header_again(cells: Sequence[str], names: Sequence[str]) -> BadRowError | None:
    """Return what is wrong with a row that repeats the header, as in tables put together."""
    if len(names) < 2 or len(cells) != len(names) or names[0] not in cells[0]:
        return None
    if any(c.replace("\ufeff", "").strip() != n for c, n in zip(cells, names, strict=True)):
        return None
    return BadRowError("header again", "repeats the names of the columns. Leave this row out.")


def found_delimiter(stream: io.BufferedReader, format: str, options: ReadOptions) -> str:
    """Return what stands between the cells of a table.

    Parameters
    ----------
    stream : io.BufferedReader
        Nothing of it is taken.
    format : str
        ``csv`` or ``tsv``, whose own mark is taken where it occurs in the header.
    options : ReadOptions
        Without a header, what makes equally many cells of the first lines is taken.
    """
    head = stream.peek(_HEAD_BYTES)[:_HEAD_BYTES].decode(options.encoding, "replace")
    usual = "\t" if format == "tsv" else ","
    lines = re.sub(_QUOTED, "", head).splitlines() or [""]
    marks = dict.fromkeys((usual, "\t", ";", "|", ","))
    if not options.header:
        # before a blank, a comma or semicolon belongs to a sentence
        whole = [re.sub("[,;] ", " ", line) for line in lines[:-1] or lines if line]
        wanted = len(options.columns) - 1
        for mark in marks:
            counts = {line.count(mark) for line in whole}
            if len(counts) == 1 and (counts == {wanted} if options.columns else counts != {0}):
                return mark
    return usual if usual in lines[0] else max(marks, key=lines[0].count)


def _is_data(header: Sequence[str], options: ReadOptions) -> bool:
    """Return whether a first row holds prose or a number among words, and no name that is known."""
    named = {getattr(options, f"{part}_field") for part in PARTS}.union(options.label_columns)
    if named.intersection(header) or any(map(is_part, header)):
        return False
    if any(re.search(_PROSE, cell) for cell in header):
        return True
    filled = [cell for cell in header if cell]
    n_numbers = sum(re.fullmatch(_NUMBER, cell) is not None for cell in filled)
    return 0 < n_numbers < len(filled)
