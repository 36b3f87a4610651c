"""Vocabulary and arrays of a model as bytes, and back with every check."""

from __future__ import annotations

import io
import math
import mmap
import operator
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from classifier.errors import ModelError
from classifier.model.model import Model

__all__ = ["Buffer", "decoded", "encoded"]

Buffer: TypeAlias = bytes | mmap.mmap

FLOAT = np.dtype("<f4")
MAX_HEADER_BYTES = 10_240
LARGEST_VALUE = 1e4
MEND = "Fetch or train the model again."


def encoded(model: Model) -> dict[str, bytes]:
    """Return the bytes of vocabulary, idf and weights; the same model gives the same bytes.

    Raises
    ------
    ModelError
        When a term is no text that UTF-8 can hold.
    """
    try:
        vocabulary = "".join(f"{term}\n" for term in model.vocabulary).encode()
    except UnicodeEncodeError as error:
        raise ModelError(f"model '{model.name}': a term is no valid text: {error}") from error
    return {
        "vocabulary": vocabulary,
        "idf": _npy_bytes(model.idf),
        "weights": _npy_bytes(model.weights),
    }


def _npy_bytes(values: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    little = np.ascontiguousarray(values, dtype=FLOAT)
    npy.write_array(stream, little, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def decoded(
    outline: Model, n_terms: int, buffers: Mapping[str, Buffer], paths: Mapping[str, Path]
) -> Model:
    """Return `outline` with the vocabulary, idf and weights that `buffers` hold, not copied.

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
    idf = _array(buffers["idf"], (n_terms,), paths["idf"])
    if not idf.min(initial=1) > 0:
        raise ModelError(f"{paths['idf']} holds values that are not above zero. {MEND}")
    return replace(
        outline,
        vocabulary=_terms(buffers["vocabulary"], n_terms, paths["vocabulary"]),
        idf=idf,
        weights=_array(buffers["weights"], (n_terms, n_labels), paths["weights"]),
    )


def _terms(buffer: Buffer, n_terms: int, path: Path) -> tuple[str, ...]:
    try:
        *terms, rest = str(buffer, "utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not UTF-8: {error}. {MEND}") from error
    if rest or len(terms) != n_terms:
        raise ModelError(
            f"{path} holds {len(terms)} whole lines where the model has {n_terms} terms. {MEND}"
        )
    if not all(map(operator.lt, ["", *terms], terms)):
        raise ModelError(f"{path} must hold different terms in code point order. {MEND}")
    return tuple(terms)


def _array(buffer: Buffer, shape: tuple[int, ...], path: Path) -> NDArray[np.float32]:
    start = _header_length(buffer, shape, path)
    # compared in Python's integers before anything of that size is asked for
    wanted = start + math.prod(shape) * FLOAT.itemsize
    if len(buffer) != wanted:
        raise ModelError(f"{path} has {len(buffer)} bytes, shape {shape} needs {wanted}. {MEND}")
    values = np.frombuffer(buffer, FLOAT, offset=start).reshape(shape)
    if not np.abs(values).max(initial=0) <= LARGEST_VALUE:
        raise ModelError(f"{path} holds values that are no numbers or above {LARGEST_VALUE:g}.")
    return values


def _header_length(buffer: Buffer, shape: tuple[int, ...], path: Path) -> int:
    stream = io.BytesIO(buffer[:MAX_HEADER_BYTES])
    try:
        version = npy.read_magic(stream)
        found, fortran_order, dtype = npy.read_array_header_1_0(stream)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is no readable .npy file: {error}. {MEND}") from error
    if (version, found, fortran_order, dtype) != ((1, 0), shape, False, FLOAT):
        order = "Fortran" if fortran_order else "C"
        raise ModelError(
            f"{path} holds shape {found} of {dtype} in {order} order (.npy version {version[0]}), "
            f"the model needs {shape} of {FLOAT} in C order (version 1). {MEND}"
        )
    return stream.tell()
