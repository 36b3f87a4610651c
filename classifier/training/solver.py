"""The compiled solver where there is one: all labels over one matrix, in threads."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.compiled import SOLVER, compiled

__all__ = ["MOST_EPOCHS", "TOLERANCE", "fit_compiled", "solver"]

TOLERANCE = 1e-3
MOST_EPOCHS = 20_000

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


def solver() -> ModuleType | None:
    """Return the compiled solver, nothing where the kernel is missing or switched off."""
    return None if compiled() is None else compiled(SOLVER)


@dataclass(frozen=True)
class Rows:
    """A sparse matrix as the solver reads it, the most frequent terms first.

    Frequent terms lie side by side, so that their weights stay in the processor's first cache.

    Parameters
    ----------
    starts : ndarray of int64 of shape (n_rows + 1,)
    terms : ndarray of int32
    values : ndarray of float32
        Other than 0. Rounding them moves a margin by less than 1e-6, the tolerance by more.
    squares : ndarray of float64 of shape (n_rows,)
        Squared length of each row, and 1 for the bias.
    place : ndarray of int64 of shape (n_terms,)
        Where each column of the matrix is among the terms.
    """

    starts: NDArray[np.int64]
    terms: NDArray[np.int32]
    values: NDArray[np.float32]
    squares: Vector
    place: NDArray[np.int64]

    @classmethod
    def of(cls, X: sp.csr_matrix) -> Rows:
        """Return the rows of a matrix without its zeros."""
        kept = X.data != 0
        columns, values = X.indices[kept], X.data[kept].astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(kept)])[X.indptr].astype(np.int64)
        frequency = np.bincount(columns, minlength=X.shape[1])
        place = np.empty(X.shape[1], dtype=np.int64)
        place[np.argsort(-frequency, kind="stable")] = np.arange(X.shape[1])
        row_of = np.repeat(np.arange(X.shape[0]), np.diff(starts))
        weights = np.square(values, dtype=np.float64)
        squares = np.bincount(row_of, weights=weights, minlength=X.shape[0]).astype(np.float64)
        return cls(starts, place[columns].astype(np.int32), values, squares + 1.0, place)


def fit_compiled(
    module: ModuleType,
    X: sp.csr_matrix,
    signs: NDArray[np.int64],
    C: Sequence[float],
    weights: Vector,
    *,
    jobs: int = 1,
    tolerance: float = TOLERANCE,
    most: int = MOST_EPOCHS,
) -> Matrix:
    """Return the weights of every label, the bias in the last row; (n_terms + 1, n_labels).

    Each label starts the random generator afresh, so that the result depends neither on the
    number of threads nor on which labels are fitted together.

    Parameters
    ----------
    signs : ndarray of int of shape (n_rows, n_labels)
        1 present, -1 absent, 0 to leave out.
    jobs : int
        Threads; they share the matrix.
    tolerance : float
        Largest violation of the dual's optimality, as LIBLINEAR measures it.
    most : int
        Epochs at most; a label that needs more is warned of.
    """
    rows = Rows.of(X)

    def fit(k: int) -> Vector:
        coef, converged = module.fit(
            rows.starts,
            rows.terms,
            rows.values,
            rows.squares,
            signs[:, k].astype(np.int8),
            C[k] * weights,
            n_terms=X.shape[1],
            tolerance=tolerance,
            most=most,
        )
        if not converged:
            warnings.warn(f"label {k} is not fitted to {tolerance} yet", stacklevel=2)
        return np.asarray(coef)

    with ThreadPoolExecutor(jobs) as threads:
        coef = np.column_stack(list(threads.map(fit, range(signs.shape[1]))))
    return np.asarray(coef[np.append(rows.place, X.shape[1])])
