"""The general way through a file: rows of any format in, rows of another out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO

from classifier.corpus.open_parquet import import_parquet
from classifier.corpus.open_paths import Source
from classifier.corpus.open_text import open_bytes, open_text
from classifier.corpus.read_jsonl import utf8_jsonl_rows
from classifier.corpus.read_parquet import parquet_rows
from classifier.corpus.read_row import Row
from classifier.corpus.read_rows import csv_rows
from classifier.errors import BadInputError
from classifier.serving.line_blocks import Block, line_blocks, utf8_bytes
from classifier.serving.row_writers import opened_writer, table_fields
from classifier.serving.run_summary import Tally
from classifier.serving.tagger import Reject, Tagger, TagOptions

__all__ = ["write_rows"]

MOST_COLUMNS = 10_000
REPORTED_ROWS = 256


def write_rows(
    source: Source,
    tagger: Tagger,
    stream: BinaryIO,
    *,
    format: str,
    tally: Tally,
    reject: Reject,
    report: Callable[[int, int], None],
) -> None:
    """Tag a file's rows and write them as JSONL, CSV, TSV or Parquet.

    CSV and Parquet get one column for every field that some row of the file has, which takes
    reading a JSONL file twice; what is no text becomes JSON in them.

    Parameters
    ----------
    source : Source
    tagger : Tagger
    stream : binary stream
    format : str
    tally, reject, report
        See `classifier.serving.shard.tag_shard`.
    """
    options = tagger.options
    fields, rows = _opened(source, options, named=format != "jsonl")
    kept = list(tagger.carried(dict.fromkeys(fields)))
    with opened_writer(format, stream, tagger, kept) as write:
        for number, (row, article, prediction) in enumerate(tagger.tagged(rows, tally, reject)):
            own = tagger.carried(row.values) if options.carry else {"id": article.id}
            added = tagger.added(prediction)
            write(own | (added if format == "jsonl" else table_fields(tagger, added)))
            if number % REPORTED_ROWS == 0:
                report(tally.read, 0)


def _opened(
    source: Source, options: TagOptions, *, named: bool
) -> tuple[Sequence[str], Iterator[Row]]:
    """Return the names of the fields, where they are wanted, and the rows."""
    if source.format in ("csv", "tsv"):
        rows = _csv(source, options)
        header = next(rows)
        return list(header.values), rows
    if source.format == "parquet":
        return _parquet_names(source), parquet_rows(source)
    return _jsonl_names(source, options) if named else (), _jsonl(source, options)


def _parquet_names(source: Source) -> list[str]:
    # opened and checked by the rows, whose first is asked for to that end
    next(parquet_rows(source), None)
    return list(import_parquet(source.name).read_schema(source.path).names)


def _jsonl_names(source: Source, options: TagOptions) -> list[str]:
    names: dict[str, None] = {}
    for row in _jsonl(source, options):
        names.update(dict.fromkeys(row.values))
        if len(names) > MOST_COLUMNS:
            raise BadInputError(
                f"{row.place}: here the fields become more than {MOST_COLUMNS:,}, too many for "
                "columns. Write JSONL."
            )
    return list(names)


def _jsonl(source: Source, options: TagOptions) -> Iterator[Row]:
    encoding = options.reading.encoding
    with (
        open_bytes(source, None, encoding=encoding) as stream,
        utf8_bytes(stream, encoding) as read,
    ):
        for block in line_blocks(read, longest=options.longest_line):
            lines = _checked(block, source, options).split(b"\n")
            yield from utf8_jsonl_rows(lines, source.name, encoding=encoding, first=block.first)


def _checked(block: Block, source: Source, options: TagOptions) -> bytes:
    if block.too_long:
        raise _too_long(f"{source.name} line {block.first}", options)
    return block.data


def _csv(source: Source, options: TagOptions) -> Iterator[Row]:
    """Yield a row whose fields are the header, then the rows."""
    reading, delimiter = options.reading, "\t" if source.format == "tsv" else ","
    with (
        open_bytes(source, None, encoding=reading.encoding) as stream,
        open_text(stream, encoding=reading.encoding, newline="") as text,
    ):
        lines = _Lines(text, source, options)
        seen: list[str] = []
        names = _header(lines, seen, delimiter)
        yield Row(source.name, 1, dict.fromkeys(names))
        again = chain(seen, lines)
        for row in csv_rows(again, source.name, encoding=reading.encoding, delimiter=delimiter):
            lines.begin_record()
            yield row


def _header(lines: Iterable[str], seen: list[str], delimiter: str) -> list[str]:
    """Return the cells of the first record; its lines are put into `seen`."""

    def noted() -> Iterator[str]:
        for line in lines:
            seen.append(line)
            yield line

    try:
        cells = next(filter(None, csv.reader(noted(), delimiter=delimiter, strict=True)), [])
    except csv.Error:
        # told when the same lines are read as rows
        cells = []
    return [cell.strip() for cell in cells]


class _Lines:
    """The lines of a CSV file, which ends where a record is too long to be held."""

    def __init__(self, text: io.TextIOBase, source: Source, options: TagOptions) -> None:
        self._text, self._source, self._options = text, source, options
        self._number = self._held = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._options.longest_line + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self._held += len(line)
        if self._held > self._options.longest_line:
            raise _too_long(f"{self._source.name} line {self._number}", self._options)
        return line

    def begin_record(self) -> None:
        """Say that a record has ended."""
        self._held = 0


def _too_long(place: str, options: TagOptions) -> BadInputError:
    return BadInputError(
        f"{place}: a record longer than {options.max_line_mb} MB ends here or goes on. Is a quote "
        "not closed? If such records are right, raise --max-line-mb."
    )
