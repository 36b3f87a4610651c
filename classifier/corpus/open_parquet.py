"""pyarrow, imported when first needed, and Parquet files that appear only when complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from classifier.errors import BadInputError

__all__ = ["Rows", "import_parquet", "open_parquet_writer"]

Rows = list[dict[str, Any]]


def import_parquet(name: str) -> Any:
    """Return the module `pyarrow.parquet`.

    Raises
    ------
    BadInputError
        If pyarrow is missing; the message names the file `name` that asked for it.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise BadInputError(
            f"{name}: Parquet needs pyarrow. Run: pip install 'classifier[parquet]'"
        ) from None
    return parquet


@contextmanager
def open_parquet_writer(
    path: Path, columns: Mapping[str, type]
) -> Iterator[Callable[[Rows], None]]:
    """Give a function that adds rows to `path`, which is replaced only when all went well.

    Parameters
    ----------
    path : Path
        Where the file will be.
    columns : mapping of str to type
        ``str``, ``float`` (float64) or ``list`` (of strings) by column, in order.

    Raises
    ------
    BadInputError
        If pyarrow is missing, or `path` or a value cannot be written.
    """
    parquet = import_parquet(str(path))
    from pyarrow import ArrowException

    schema = _schema(columns)
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with parquet.ParquetWriter(unfinished, schema) as writer:
            yield lambda rows: writer.write_table(_table(rows, schema))
        unfinished.replace(path)
    except (OSError, ArrowException, UnicodeError) as error:
        raise BadInputError(f"{path}: cannot be written ({error}). Write elsewhere.") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _schema(columns: Mapping[str, type]) -> Any:
    import pyarrow

    text = pyarrow.string()
    types = {str: text, float: pyarrow.float64(), list: pyarrow.list_(text)}
    return pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])


def _table(rows: Rows, schema: Any) -> Any:
    import pyarrow

    return pyarrow.Table.from_pylist(rows, schema=schema)
