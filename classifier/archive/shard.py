"""One file of an archive: read, tagged, written whole."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO

from classifier.archive.tagger import Reject, Tagger, TagOptions, Tally, clash, tag_block
from classifier.corpus.corpus import ReadOptions
from classifier.corpus.find import Source
from classifier.corpus.formats.jsonl import utf8_jsonl_rows
from classifier.corpus.formats.table import csv_table, found_delimiter
from classifier.corpus.open import (
    Block,
    format_by_content,
    import_parquet,
    is_utf8,
    line_blocks,
    marked_encoding,
    open_bytes,
    open_text,
    parquet_schema,
    parquet_writer,
    utf8_bytes,
)
from classifier.corpus.read import parquet_rows, read_rows
from classifier.corpus.rows import Row
from classifier.corpus.write import csv_cell, without_nan
from classifier.errors import BadInputError
from classifier.files import file_sha256, packed

__all__ = [
    "Rejects",
    "Shard",
    "ShardResult",
    "jsonl_blocks",
    "opened_part",
    "opened_writer",
    "table_fields",
    "tag_parquet",
    "tag_shard",
    "write_rows",
]


ROW_GROUP = 1024
Written = Callable[[Mapping[str, object]], None]


def table_fields(tagger: Tagger, added: Mapping[str, Any]) -> dict[str, object]:
    """Return what a prediction adds as columns: one a score, and a note in each row."""
    names, prefix = tagger.names, tagger.options.prefix
    return {
        names["tags"]: added[names["tags"]],
        **{f"{prefix}score_{label}": p for label, p in added[names["scores"]].items()},
        names["coverage"]: added[names["coverage"]],
        names["model"]: added[names["model"]],
        names["note"]: added.get(names["note"], ""),
    }


@contextmanager
def opened_writer(
    format: str, stream: BinaryIO, tagger: Tagger, own: list[str]
) -> Iterator[Written]:
    """Give a function that writes a row, a mapping, to `stream` in a format.

    Parameters
    ----------
    format : str
        One of `classifier.corpus.corpus.FORMATS`.
    stream : binary stream
    tagger : Tagger
    own : list of str
        The fields that rows have of their own; JSONL needs none.
    """
    if format == "jsonl":
        yield lambda row: _write_json(stream, row)
        return
    kept = own if tagger.options.carry else ["id"]
    columns = dict.fromkeys(kept, str) | _added_columns(tagger, kept)
    if format == "parquet":
        with _parquet_writer(stream, columns) as write:
            yield write
        return
    with _text(stream) as text:
        writer = csv.writer(text, delimiter="\t" if format == "tsv" else ",", lineterminator="\n")
        writer.writerow(map(csv_cell, columns))
        yield lambda row: writer.writerow([_cell(name, row.get(name), tagger) for name in columns])


@contextmanager
def _text(stream: BinaryIO) -> Iterator[TextIO]:
    text = io.TextIOWrapper(stream, "utf-8", errors="backslashreplace", newline="")
    yield text
    text.detach()


def _write_json(stream: BinaryIO, row: Mapping[str, object]) -> None:
    # what JSON has no form for, such as dates in Parquet, becomes text
    line = json.dumps(without_nan(row), ensure_ascii=False, default=str)
    stream.write(f"{line}\n".encode())


def _added_columns(tagger: Tagger, own: Iterable[str]) -> dict[str, type]:
    """Return name and type of each column that a prediction adds.

    Raises
    ------
    BadInputError
        When one of the row's `own` is called so.
    """
    names, prefix = tagger.names, tagger.options.prefix
    added: dict[str, type] = {
        names["tags"]: list,
        **{f"{prefix}score_{label}": float for label in tagger.model.labels},
        names["coverage"]: float,
        names["model"]: str,
        names["note"]: str,
    }
    for name in filter(added.__contains__, own):
        raise BadInputError(clash(name))
    return added


def _cell(name: str, value: object, tagger: Tagger) -> object:
    if name == tagger.names["tags"] and isinstance(value, list):
        return csv_cell("|".join(value))
    return csv_cell(_as_text(value))


def _as_text(value: object) -> object:
    if value is None or value != value:
        return ""
    return (
        value
        if isinstance(value, str | float | int)
        else json.dumps(without_nan(value), ensure_ascii=False, default=str)
    )


@contextmanager
def _parquet_writer(stream: BinaryIO, columns: Mapping[str, type]) -> Iterator[Written]:
    texts = [name for name, kind in columns.items() if kind is str]
    waiting: list[dict[str, object]] = []

    def write(row: Mapping[str, object]) -> None:
        own = {name: _text_or_none(row.get(name)) for name in texts}
        waiting.append({**row, **own})
        if len(waiting) >= ROW_GROUP:
            add_rows(waiting)
            waiting.clear()

    with parquet_writer(stream, columns) as add_rows:
        yield write
        add_rows(waiting)


def _text_or_none(value: object) -> str | None:
    return None if value is None or value != value else str(_as_text(value))


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
        See `classifier.archive.shard.tag_shard`.
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
    if source.format == "parquet":
        return _parquet_names(source), parquet_rows(source)
    if _is_table(source, options.reading):
        rows = _csv(source, options)
        header = next(rows)
        return list(header.values), rows
    if source.format == "jsonl":
        return _names(_jsonl(source, options)) if named else (), _jsonl(source, options)
    names = _names(read_rows(source, options.reading)) if named else ()
    return names, read_rows(source, options.reading)


def _is_table(source: Source, reading: ReadOptions) -> bool:
    """Return whether a file is called a table and does not begin as something else."""
    if source.format not in ("csv", "tsv") or reading.format:
        return source.format in ("csv", "tsv")
    with open_bytes(source, None, encoding=reading.encoding) as stream:
        return format_by_content(stream, source.format) == source.format


def _parquet_names(source: Source) -> list[str]:
    # opened and checked by the rows, whose first is asked for to that end
    next(parquet_rows(source), None)
    return list(import_parquet(source.name).read_schema(source.path).names)


def _names(rows: Iterable[Row]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row.values))
        if len(names) > MOST_COLUMNS:
            raise BadInputError(
                f"{row.place}: here the fields become more than {MOST_COLUMNS:,}, too many for "
                "columns. Write JSONL."
            )
    return list(names)


def _jsonl(source: Source, options: TagOptions) -> Iterator[Row]:
    encoding = options.reading.encoding
    for block, _, _ in jsonl_blocks(source, options):
        lines = _checked(block, source, options).split(b"\n")
        yield from utf8_jsonl_rows(lines, source.name, encoding=encoding, first=block.first)


def _checked(block: Block, source: Source, options: TagOptions) -> bytes:
    if block.too_long:
        raise _too_long(f"{source.name} line {block.first}", options)
    return block.data


def _csv(source: Source, options: TagOptions) -> Iterator[Row]:
    """Yield a row whose fields are the header, then the rows."""
    with open_bytes(source, None, encoding=options.reading.encoding) as stream:
        encoding = marked_encoding(stream, options.reading.encoding)
        reading = replace(options.reading, encoding=encoding)
        delimiter = found_delimiter(stream, source.format, reading)
        with open_text(stream, encoding=encoding, newline="") as text:
            yield from _csv_rows(_Lines(text, source, options), source.name, reading, delimiter)


def _csv_rows(lines: _Lines, file: str, reading: ReadOptions, delimiter: str) -> Iterator[Row]:
    names, rows = csv_table(lines, file, reading, delimiter=delimiter)
    yield Row(file, 1, dict.fromkeys(names))
    for row in rows:
        lines.begin_record()
        yield row


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


BATCH_ROWS = 1024


def tag_parquet(
    path: Path,
    tagger: Tagger,
    raw: BinaryIO,
    *,
    tally: Tally,
    reject: Reject,
    report: Callable[[int, int], None],
) -> None:
    """Write the rows of a Parquet file with their predictions as more columns.

    Types, metadata and compression of the file's own columns are kept; a row group holds
    `BATCH_ROWS` rows. Parameters are those of `classifier.archive.shard.tag_shard`.
    """
    parquet = import_parquet(str(path))
    # says in the readers' words what is wrong with a file that is none
    next(parquet_rows(Source(str(path), path, "parquet")), None)
    with parquet.ParquetFile(path) as file:
        kept, schema = _schemas(file.schema_arrow, tagger, str(path))
        n_rows, size = file.metadata.num_rows, path.stat().st_size
        done = 0
        with parquet.ParquetWriter(raw, schema, compression=_codec(file.metadata)) as writer:
            for batch in _batches(file, path):
                tagged = _tagged(batch, done, path, tagger, tally, reject)
                writer.write_batch(_joined(batch, tagged, kept, schema))
                done += batch.num_rows
                report(tally.read, size * done // max(n_rows, 1))


def _schemas(schema: Any, tagger: Tagger, name: str) -> tuple[list[str], Any]:
    """Return the names of the file's own columns that are written, and the whole schema."""
    import pyarrow as pa

    kept = list(tagger.carried(dict.fromkeys(schema.names)))
    if not tagger.options.carry:
        kept = [column for column in kept if column == tagger.names_of(schema.names)["id"]]
    try:
        added = parquet_schema(_added_columns(tagger, kept))
    except BadInputError as error:
        raise BadInputError(f"{name}: {error}") from None
    own = [schema.field(column) for column in kept]
    return kept, pa.schema([*own, *added], metadata=schema.metadata)


def _codec(metadata: Any) -> str:
    if not metadata.num_row_groups or not metadata.num_columns:
        return "snappy"
    codec = str(metadata.row_group(0).column(0).compression).lower()
    return "none" if codec == "uncompressed" else codec


def _batches(file: Any, path: Path) -> Iterator[Any]:
    from pyarrow.lib import ArrowException

    try:
        yield from file.iter_batches(batch_size=BATCH_ROWS)
    except (ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        message = f"{path}: a damaged Parquet file ({reason}). Write it again."
    else:
        return
    raise BadInputError(message)


def _tagged(
    batch: Any, done: int, path: Path, tagger: Tagger, tally: Tally, reject: Reject
) -> tuple[list[int], list[dict[str, object]]]:
    """Return the places of the rows to write in a batch, and what is added to each."""
    wanted = tagger.names_of(batch.schema.names).values()
    read = batch.select([name for name in wanted if name in batch.schema.names])
    rows = (
        Row(str(path), number, values, unit="row")
        for number, values in enumerate(read.to_pylist(), done + 1)
    )
    places, added = [], []
    for row, _, prediction in tagger.tagged(rows, tally, reject):
        places.append(row.line - done - 1)
        added.append(table_fields(tagger, tagger.added(prediction)))
    return places, added


def _joined(
    batch: Any, tagged: tuple[list[int], list[dict[str, object]]], kept: list[str], schema: Any
) -> Any:
    import pyarrow as pa

    places, added = tagged
    own = batch.select(kept)
    if len(places) < batch.num_rows:
        own = own.take(pa.array(places, pa.int64()))
    columns = [
        pa.array([row[field.name] for row in added], field.type)
        for field in list(schema)[len(kept) :]
    ]
    return pa.RecordBatch.from_arrays([*own.columns, *columns], schema=schema)


# Level 6, the default, takes longer than the tagging and saves a tenth of the bytes.
GZIP_LEVEL = 2
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Shard:
    """A file to tag.

    Parameters
    ----------
    name : str
        Its path below the archive, with slashes.
    address : str
        Where it can be opened: a path, or an address that fsspec knows.
    format : str
        One of `classifier.corpus.corpus.FORMATS`.
    target : str
        The path of its result below the folder of results.
    target_format : str
    n_bytes, mtime_ns : int
        Its size and time of change when it was found.
    """

    name: str
    address: str
    format: str
    target: str
    target_format: str
    n_bytes: int
    mtime_ns: int

    @property
    def path(self) -> Path:
        """The file, where its address is a path."""
        return Path(self.address)

    @property
    def source(self) -> Source:
        """The file as the readers take it."""
        return Source(str(self.path), self.path, self.format)

    @property
    def by_lines(self) -> bool:
        """Whether lines of JSON become lines of JSON."""
        return self.format == self.target_format == "jsonl"

    def check_unchanged(self) -> None:
        """Raise `BadInputError` when the file is not what it was when it was found."""
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.n_bytes, self.mtime_ns):
            raise BadInputError(f"{self.path}: was changed while it was read. Run once more.")


@dataclass(frozen=True, slots=True)
class ShardResult:
    """A result that waits to be given its name: its bytes, their SHA-256, and the counts."""

    n_bytes: int
    sha256: str
    tally: Tally


def tag_shard(
    shard: Shard, tagger: Tagger, part: Path, *, rejects: Path, report: Report
) -> ShardResult:
    """Tag all articles of a file and write them to `part`, in order.

    Parameters
    ----------
    shard : Shard
    tagger : Tagger
    part : Path
        Flushed to the disk when whole, gone after an error.
    rejects : Path
        The same for bad rows, one JSON object a line; only made when there are some.
    report : callable
        Called now and then with the articles read and the bytes they took of the file.

    Raises
    ------
    BadInputError
        When the file cannot be read to its end, or a field that is named is in no row of it.
    OSError
        When the result cannot be written.
    """
    tally = Tally()
    with opened_part(part) as raw, Rejects(rejects) as reject:
        with packed(raw, Path(shard.target).suffix.lower(), gzip_level=GZIP_LEVEL) as stream:
            if shard.by_lines:
                for block, n_bytes, _ in jsonl_blocks(shard.source, tagger.options):
                    name = shard.source.name
                    stream.write(tag_block(tagger, block, name, tally=tally, reject=reject))
                    report(tally.read, n_bytes)
            elif shard.format == shard.target_format == "parquet":
                tag_parquet(shard.path, tagger, raw, tally=tally, reject=reject, report=report)
            else:
                write_rows(
                    shard.source,
                    tagger,
                    stream,
                    format=shard.target_format,
                    tally=tally,
                    reject=reject,
                    report=report,
                )
        shard.check_unchanged()
        tally.check_fields(shard.source.name)
    return ShardResult(part.stat().st_size, file_sha256(part), tally)


def jsonl_blocks(
    source: Source, options: TagOptions, stdin: BinaryIO | None = None, *, checked: bool = False
) -> Iterator[tuple[Block, int, int | None]]:
    """Yield the lines of a JSONL file in blocks.

    Each comes with the bytes of the file read so far and, where the file itself holds these lines
    in UTF-8 and can be read again, the place in it where the first block starts.

    Raises
    ------
    BadInputError
        When it cannot be read or, if it is to be `checked`, does not begin as JSONL.
    """
    with open_bytes(source, stdin, encoding=options.reading.encoding) as stream:
        encoding = marked_encoding(stream, options.reading.encoding)
        if checked and not options.reading.format and stream.peek(1):
            held = format_by_content(stream, source.format)
            if held not in ("jsonl", ""):
                raise BadInputError(f"{source.name}: is no JSONL but {held}. Leave out --jobs.")
        with utf8_bytes(stream, encoding) as read:
            again = isinstance(stream.raw, io.FileIO) and stream.seekable() and is_utf8(encoding)
            start = stream.tell() if again else None
            for block in line_blocks(read, longest=options.longest_line):
                yield block, _position(stream), start


def _position(stream: IO[bytes]) -> int:
    """Return how many bytes of the file itself were read, 0 where that cannot be told."""
    with suppress(OSError, ValueError):
        return os.lseek(stream.fileno(), 0, os.SEEK_CUR)
    return 0


@contextmanager
def opened_part(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is flushed to the disk in the end, and gone after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and not error.filename:
            error.filename = str(path)
        raise


class Rejects:
    """The file of bad rows, opened at the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: TextIO | None = None

    def __enter__(self) -> Reject:
        self._path.unlink(missing_ok=True)
        return self._add

    def _add(self, line: str) -> None:
        if self._stream is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._path.open("w", encoding="ascii")
        self._stream.write(line)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._stream is not None:
            self._stream.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)
