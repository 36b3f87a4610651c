"""Vocabulary and arrays of a model as bytes, and back with every check."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from classifier.errors import ModelError
from classifier.model.model import Model
from classifier.model.table import Buffer, Table, fault_of, n_slots
from classifier.model.vocabulary import Vocabulary

__all__ = ["Buffer", "decoded", "encoded"]

FLOAT = np.dtype("<f4")
SLOT = np.dtype("<u4")
MAX_HEADER_BYTES = 10_240
LARGEST_VALUE = 1e4
MEND = "Fetch or train the model again."


def encoded(model: Model) -> dict[str, bytes]:
    """Return the bytes of vocabulary, table, idf and weights; the same model, the same bytes.

    Raises
    ------
    ModelError
        When a term is no text that UTF-8 can hold.
    """
    try:
        vocabulary = Vocabulary.of(model.vocabulary)
    except UnicodeEncodeError as error:
        raise ModelError(f"model '{model.name}': a term is no valid text: {error}") from error
    return {
        "vocabulary": vocabulary.lines[:],
        "table": _npy_bytes(vocabulary.table, SLOT),
        "idf": _npy_bytes(model.idf, FLOAT),
        "weights": _npy_bytes(model.weights, FLOAT),
    }


def _npy_bytes(values: NDArray[Any], dtype: np.dtype[Any]) -> bytes:
    stream = io.BytesIO()
    little = np.ascontiguousarray(values, dtype=dtype)
    npy.write_array(stream, little, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def decoded(
    outline: Model, n_terms: int, buffers: Mapping[str, Buffer], paths: Mapping[str, Path]
) -> Model:
    """Return `outline` with what `buffers` hold, not copied.

    Parameters
    ----------
    outline : Model
    n_terms : int
        What the manifest says.
    buffers : mapping of str to bytes or mmap
        By role.
    paths : mapping of str to Path
        By role, for the errors.

    Raises
    ------
    ModelError
        When something does not have the form, size or range that it must have.
    """
    n_labels = len(outline.labels)
    idf = _floats(buffers["idf"], (n_terms,), paths["idf"])
    if not idf.min(initial=1) > 0:
        raise ModelError(f"{paths['idf']} holds values that are not above zero. {MEND}")
    return replace(
        outline,
        vocabulary=_vocabulary(buffers, n_terms, paths),
        idf=idf,
        weights=_floats(buffers["weights"], (n_terms, n_labels), paths["weights"]),
    )


def _vocabulary(
    buffers: Mapping[str, Buffer], n_terms: int, paths: Mapping[str, Path]
) -> Vocabulary:
    path = paths["vocabulary"]
    # models of format 1 have no table; it is made when it is needed
    table = _table(buffers["table"], n_terms, paths["table"]) if "table" in buffers else None
    vocabulary = Vocabulary(buffers["vocabulary"], table)
    try:
        str(vocabulary.lines, "utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not UTF-8: {error}. {MEND}") from error
    if not vocabulary.whole or len(vocabulary) != n_terms:
        raise ModelError(
            f"{path} holds {len(vocabulary)} whole lines where the model has {n_terms} terms. "
            f"{MEND}"
        )
    if not vocabulary.in_order:
        raise ModelError(f"{path} must hold different terms in code point order. {MEND}")
    fault = "" if table is None else fault_of(table, vocabulary.lines, vocabulary.starts)
    if fault:
        raise ModelError(f"{paths['table']} {fault}. {MEND}")
    return vocabulary


def _table(buffer: Buffer, n_terms: int, path: Path) -> Table:
    return _array(buffer, (n_slots(n_terms), 2), path, dtype=SLOT)


def _floats(buffer: Buffer, shape: tuple[int, ...], path: Path) -> NDArray[np.float32]:
    values = _array(buffer, shape, path, dtype=FLOAT)
    if not -LARGEST_VALUE <= values.min(initial=0) <= values.max(initial=0) <= LARGEST_VALUE:
        raise ModelError(f"{path} holds values that are no numbers or above {LARGEST_VALUE:g}.")
    return values


def _array(
    buffer: Buffer, shape: tuple[int, ...], path: Path, *, dtype: np.dtype[Any]
) -> NDArray[Any]:
    start = _header_length(buffer, shape, path, dtype)
    # compared in Python's integers before anything of that size is asked for
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(buffer) != wanted:
        raise ModelError(f"{path} has {len(buffer)} bytes, shape {shape} needs {wanted}. {MEND}")
    return np.frombuffer(buffer, dtype, offset=start).reshape(shape)


def _header_length(buffer: Buffer, shape: tuple[int, ...], path: Path, dtype: np.dtype[Any]) -> int:
    stream = io.BytesIO(buffer[:MAX_HEADER_BYTES])
    try:
        version = npy.read_magic(stream)
        found, fortran_order, kind = npy.read_array_header_1_0(stream)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is no readable .npy file: {error}. {MEND}") from error
    if (version, found, fortran_order, kind) != ((1, 0), shape, False, dtype):
        order = "Fortran" if fortran_order else "C"
        raise ModelError(
            f"{path} holds shape {found} of {kind} in {order} order (.npy version {version[0]}), "
            f"the model needs {shape} of {dtype} in C order (version 1). {MEND}"
        )
    return stream.tell()
