"""Tables of text: CSV and TSV as spreadsheets and programs write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from classifier.corpus.corpus import ReadOptions
from classifier.corpus.formats.header import below_caption, column_names, header_again
from classifier.corpus.rows import BadRowError, Row, check_bytes
from classifier.errors import BadInputError, number_of

__all__ = ["csv_table"]

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
    records = below_caption(_records(reader, feed, file), options)
    first = next(records, None)
    if first is None:
        return [], iter(())
    if isinstance(first, Row):
        raise BadInputError(f"{first.place}: {first.problem}")
    names = column_names(first[1], f"{file} line {first[0]}", options)
    rest = records if options.header else chain([first], records)
    under = f"a header of {len(names)}" if options.header else f"{len(names)} columns"
    return names, (
        each if isinstance(each, Row) else _csv_row(names, *each, file, under) for each in rest
    )


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


def _csv_row(names: list[str], line: int, cells: list[str], file: str, under: str) -> Row:
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
