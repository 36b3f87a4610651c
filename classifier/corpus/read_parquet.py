"""Parquet files as rows, one record batch in memory at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from classifier.corpus.open_parquet import import_parquet
from classifier.corpus.open_paths import Source
from classifier.corpus.read_row import Row
from classifier.errors import BadInputError

__all__ = ["parquet_rows"]

_BATCH_ROWS = 256


def parquet_rows(source: Source) -> Iterator[Row]:
    """Yield one row per record of a Parquet file, numbered from 1.

    Raises
    ------
    BadInputError
        If pyarrow is missing, the file is standard input, is not Parquet, is damaged, or names a
        column twice.
    """
    if source.path is None:
        raise BadInputError("standard input: Parquet cannot be streamed. Save it to a file first.")
    parquet = import_parquet(source.name)
    with _named_errors(source.name), parquet.ParquetFile(source.path) as file:
        _check_columns(file.schema_arrow.names, source.name)
        batches = file.iter_batches(batch_size=_BATCH_ROWS)
        rows = (values for batch in batches for values in batch.to_pylist())
        for number, values in enumerate(rows, 1):
            yield Row(source.name, number, values, unit="row")


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    from pyarrow.lib import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        message = f"{name}: not a Parquet file, or a damaged one ({reason}). Write it again."
    else:
        return
    raise BadInputError(message)


def _check_columns(names: list[str], file: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadInputError(f"{file}: column '{twice[0]}' is there twice. Rename one of them.")
