"""Rows with predictions → JSONL, CSV, TSV or Parquet, one at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

from classifier.corpus.open_parquet import import_parquet
from classifier.errors import BadInputError
from classifier.serving.tagger import Tagger, clash

__all__ = ["opened_writer", "table_fields"]

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
        ``jsonl``, ``csv``, ``tsv`` or ``parquet``.
    stream : binary stream
    tagger : Tagger
    own : list of str
        The fields that rows have of their own; JSONL needs none.
    """
    if format == "jsonl":
        yield lambda row: _write_json(stream, row)
        return
    columns = _columns(tagger, own)
    if format == "parquet":
        with _parquet_writer(stream, columns) as write:
            yield write
        return
    with _text(stream) as text:
        writer = csv.writer(text, delimiter="\t" if format == "tsv" else ",", lineterminator="\n")
        writer.writerow(columns)
        yield lambda row: writer.writerow([_cell(name, row.get(name), tagger) for name in columns])


@contextmanager
def _text(stream: BinaryIO) -> Iterator[TextIO]:
    text = io.TextIOWrapper(stream, "utf-8", errors="backslashreplace", newline="")
    yield text
    text.detach()


def _write_json(stream: BinaryIO, row: Mapping[str, object]) -> None:
    # what JSON has no form for, such as dates in Parquet, becomes text
    line = json.dumps(row, ensure_ascii=False, default=str)
    stream.write(f"{line}\n".encode())


def _columns(tagger: Tagger, own: list[str]) -> dict[str, type]:
    """Return name and type of each column: the row's own, which are text, and the added ones."""
    labels, names, prefix = tagger.model.labels, tagger.names, tagger.options.prefix
    added: dict[str, type] = {
        names["tags"]: list,
        **{f"{prefix}score_{label}": float for label in labels},
        names["coverage"]: float,
        names["model"]: str,
        names["note"]: str,
    }
    for name in own if tagger.options.carry else ():
        if name in added:
            raise BadInputError(clash(name))
    return dict.fromkeys(own if tagger.options.carry else ["id"], str) | added


def _cell(name: str, value: object, tagger: Tagger) -> object:
    if name == tagger.names["tags"] and isinstance(value, list):
        return "|".join(value)
    return _as_text(value)


def _as_text(value: object) -> object:
    if value is None:
        return ""
    return (
        value
        if isinstance(value, str | float | int)
        else json.dumps(value, ensure_ascii=False, default=str)
    )


@contextmanager
def _parquet_writer(stream: BinaryIO, columns: Mapping[str, type]) -> Iterator[Written]:
    parquet = import_parquet("Parquet")
    import pyarrow

    kinds = {str: pyarrow.string(), float: pyarrow.float64(), list: pyarrow.list_(pyarrow.string())}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    texts = [name for name, kind in columns.items() if kind is str]
    waiting: list[dict[str, object]] = []

    def flush() -> None:
        writer.write_table(pyarrow.Table.from_pylist(waiting, schema=schema))
        waiting.clear()

    def write(row: Mapping[str, object]) -> None:
        own = {name: _text_or_none(row.get(name)) for name in texts}
        waiting.append({**row, **own})
        if len(waiting) >= ROW_GROUP:
            flush()

    with parquet.ParquetWriter(stream, schema) as writer:
        yield write
        flush()


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(_as_text(value))
