"""Parquet in, Parquet out: batches of columns go through as they are, new columns beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from classifier.corpus.open_parquet import import_parquet
from classifier.corpus.open_paths import Source
from classifier.corpus.read_parquet import parquet_rows
from classifier.corpus.read_row import Row
from classifier.errors import BadInputError
from classifier.serving.row_writers import table_fields
from classifier.serving.run_summary import Tally
from classifier.serving.tagger import Reject, Tagger, clash

__all__ = ["tag_parquet"]

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
    `BATCH_ROWS` rows. Parameters are those of `classifier.serving.shard.tag_shard`.
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

    text, number = pa.string(), pa.float64()
    names, prefix = tagger.names, tagger.options.prefix
    added = [
        pa.field(names["tags"], pa.list_(text)),
        *(pa.field(f"{prefix}score_{label}", number) for label in tagger.model.labels),
        pa.field(names["coverage"], number),
        pa.field(names["model"], text),
        pa.field(names["note"], text),
    ]
    kept = list(tagger.carried(dict.fromkeys(schema.names)))
    if not tagger.options.carry:
        kept = [column for column in kept if column == tagger.options.reading.id_field]
    taken = next((field.name for field in added if field.name in kept), None)
    if taken is not None:
        raise BadInputError(f"{name}: {clash(taken)}")
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
    reading = tagger.options.reading
    wanted = (reading.text_field, reading.title_field, reading.id_field)
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
