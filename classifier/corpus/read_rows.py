"""JSONL, CSV and TSV as rows, one in memory at a time."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from classifier.corpus.open_text import bad_bytes, encoding_reason
from classifier.corpus.read_row import BadRowError, Row
from classifier.errors import BadInputError

__all__ = ["csv_rows", "jsonl_rows"]

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
# The widest limit that fits a C long everywhere; a field is held in memory whole anyway.
_FIELD_LIMIT = 2**31 - 1


def jsonl_rows(lines: Iterable[str], file: str, *, encoding: str, first: int = 1) -> Iterator[Row]:
    """Yield one row per line that is not blank; a bad line becomes a row with a problem.

    Parameters
    ----------
    lines : iterable of str
        Decoded lines, undecodable bytes as U+DC80 to U+DCFF.
    file : str
        What messages call it.
    encoding : str
        What `lines` were decoded as, for messages.
    first : int
        Number of the first of `lines` in the file.
    """
    for number, line in enumerate(lines, first):
        if line.strip():
            try:
                yield Row(file, number, _json_object(line, encoding))
            except BadRowError as problem:
                yield Row(file, number, problem=problem, raw=line.rstrip("\r\n"))


def _json_object(line: str, encoding: str) -> dict[str, object]:
    _, found = bad_bytes(line)
    if found:
        raise BadRowError("bad encoding", encoding_reason(found, encoding))
    value = _json_value(line)
    if not isinstance(value, dict):
        raise BadRowError(
            "not a JSON object",
            f"a JSON {_json_name(value)}, not an object. Write one {{...}} with its fields a line.",
        )
    if _HALF_PAIR.search(line):
        _refuse_half_pairs(value)
    return value


def _json_value(line: str) -> object:
    try:
        return json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at column {error.colno}"
    except ValueError as error:
        reason = str(error)
    except RecursionError:
        reason = "nested too deeply"
    raise BadRowError("bad JSON", f"not valid JSON ({reason}). Write one whole object a line.")


def _json_name(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _refuse_half_pairs(value: dict[str, object]) -> None:
    """Raise when a string holds half a character, which no file could be written with again."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise BadRowError(
            "bad encoding",
            "a character was cut in two (half of a surrogate pair). Write it whole, or drop it.",
        ) from None


def csv_rows(
    lines: Iterable[str], file: str, *, encoding: str, delimiter: str = ","
) -> Iterator[Row]:
    """Yield one row per record below the header; a bad record becomes a row with a problem.

    Parameters
    ----------
    lines : iterable of str
        Decoded lines with their ends kept, undecodable bytes as U+DC80 to U+DCFF.
    file : str
        What messages call it.
    encoding : str
        What `lines` were decoded as, for messages.
    delimiter : str
        What stands between cells. Quotes work the same whatever it is.

    Raises
    ------
    BadInputError
        If the header cannot be read or names a column twice.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    feed = _Feed(lines, encoding)
    records = _records(csv.reader(feed, delimiter=delimiter, strict=True), feed, file)
    first = next(records, None)
    if isinstance(first, Row):
        raise BadInputError(f"{first.place}: {first.problem}")
    header = _header(first[1], file) if first else []
    for record in records:
        yield record if isinstance(record, Row) else _csv_row(header, *record, file)


def _records(
    reader: Iterator[list[str]], feed: _Feed, file: str
) -> Iterator[tuple[int, list[str]] | Row]:
    """Yield the line and cells of every record that is not blank, or a row with a problem."""
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
            if cells:
                yield line, cells


class _Feed:
    """The lines on their way into the CSV reader, watched for what it would let through.

    Parameters
    ----------
    lines : iterable of str
        The decoded lines.
    encoding : str
        What they were decoded as.

    Attributes
    ----------
    record : list of str
        The lines of the record being read.
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

    def begin_record(self) -> int:
        """Let the last record go, and return the line on which the next one starts."""
        self.record = []
        return self._n_lines + 1

    def check(self) -> None:
        """Raise what is wrong with the lines of this record."""
        for line in self.record:
            _, found = bad_bytes(line)
            if found:
                raise BadRowError("bad encoding", encoding_reason(found, self._encoding))
            if "\0" in line:
                raise BadRowError("NUL byte", "holds a NUL byte. Remove it; text has none.")


def _header(cells: list[str], file: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise BadInputError(f"{file}: the header names '{twice[0]}' twice. Rename one of them.")
    return header


def _csv_row(header: list[str], line: int, cells: list[str], file: str) -> Row:
    if len(cells) == len(header):
        return Row(file, line, dict(zip(header, cells, strict=True)))
    problem = BadRowError(
        "wrong number of cells",
        f"{len(cells)} cells under a header of {len(header)}. "
        "Quote cells that hold the delimiter or a line break.",
    )
    return Row(file, line, problem=problem, raw=cells)


def _quoting_problem(error: csv.Error) -> BadRowError:
    if "unexpected end" in str(error):
        return BadRowError("bad quoting", "a quote opened here is never closed. Close it.")
    return BadRowError("bad quoting", f"{error}. Double every quote inside a quoted cell.")
