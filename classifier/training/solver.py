"""The compiled solver where there is one: labels side by side over one matrix, in threads."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.compiled import SOLVER, compiled
from classifier.training.rows import Rows

__all__ = [
    "MOST_EPOCHS",
    "TOLERANCE",
    "Duals",
    "fit_compiled",
    "margins_compiled",
    "solver",
]

TOLERANCE = 1e-3
MOST_EPOCHS = 20_000

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Lanes = NDArray[np.float32]
Duals = NDArray[np.float32]
Signs = NDArray[np.signedinteger[Any]]


def solver() -> ModuleType | None:
    """Return the compiled solver, nothing where it is missing or switched off."""
    return compiled(SOLVER)


def fit_compiled(
    module: ModuleType,
    X: sp.csr_matrix | Rows,
    signs: Signs,
    C: Sequence[float],
    weights: Vector,
    *,
    jobs: int = 1,
    tolerance: float = TOLERANCE,
    most: int = MOST_EPOCHS,
) -> Matrix:
    """Return the weights of every label, the bias in the last row; (n_terms + 1, n_labels).

    The result depends neither on the number of threads nor on which labels are fitted together:
    rows are visited in an order that is the same for all.

    Parameters
    ----------
    signs : ndarray of int of shape (n_rows, n_labels)
        1 present, -1 absent, 0 to leave out.
    weights : ndarray of shape (n_rows,)
        Above 0 where a row is not left out.
    jobs : int
        Threads; they share the matrix.
    tolerance : float
        Largest violation of the dual's optimality, as LIBLINEAR measures it.
    most : int
        Sweeps over the rows at most; a label that needs more is warned of.
    """
    rows = X if isinstance(X, Rows) else Rows.of(X)
    places = np.append(rows.place, len(rows.place))
    coef = np.empty((len(places), signs.shape[1]))

    def keep(labels: NDArray[np.int64], fitted: Lanes) -> None:
        coef[:, labels] = fitted[places, : len(labels)]

    _fit(module, rows, signs, C, weights, keep, jobs=jobs, tolerance=tolerance, most=most)
    return coef


def margins_compiled(
    module: ModuleType,
    rows: Rows,
    signs: Signs,
    C: Sequence[float],
    weights: Vector,
    X_test: sp.csr_matrix,
    *,
    jobs: int = 1,
    tolerance: float = TOLERANCE,
    start: Duals | None = None,
) -> tuple[Matrix, Duals]:
    """Return the margins of other rows after a fit, and the dual variables where it ended.

    The parameters are those of `fit_compiled`.

    Parameters
    ----------
    X_test : csr_matrix of float32 of shape (n_test, n_terms)
        As `Rows.arranged` returns it.
    start : ndarray of float32 of shape (n_rows, n_labels), optional
        Dual variables to begin with, such as those of a fit with other values or another C.

    Returns
    -------
    ndarray of float64 of shape (n_test, n_labels)
    ndarray of float32 of shape (n_rows, n_labels)
    """
    margins = np.empty((X_test.shape[0], signs.shape[1]))

    def keep(labels: NDArray[np.int64], fitted: Lanes) -> None:
        margins[:, labels] = (X_test @ fitted[:-1] + fitted[-1])[:, : len(labels)]

    duals = _fit(module, rows, signs, C, weights, keep, jobs=jobs, tolerance=tolerance, start=start)
    return margins, duals


def _fit(
    module: ModuleType,
    rows: Rows,
    signs: Signs,
    C: Sequence[float],
    weights: Vector,
    keep: Callable[[NDArray[np.int64], Lanes], None],
    *,
    jobs: int,
    tolerance: float,
    most: int = MOST_EPOCHS,
    start: Duals | None = None,
) -> Duals:
    """Fit as many labels at once as there are lanes; `keep` takes labels and their weights."""
    blocks = _blocks(signs, module.WIDTHS)
    known = np.where(weights > 0, weights, 1.0).astype(np.float32)
    duals = np.empty(signs.shape, np.float32)

    def fit(block: tuple[NDArray[np.int64], int]) -> None:
        labels, width = block
        lanes = np.zeros((len(signs), width), np.float32)
        lanes[:, : len(labels)] = signs[:, labels]
        costs = np.ones(width, np.float32)
        costs[: len(labels)] = np.asarray(C)[labels]
        alphas = np.zeros_like(lanes)
        if start is not None:
            alphas[:, : len(labels)] = start[:, labels]
        coef, unfinished = module.fit(
            rows.starts,
            rows.terms,
            rows.values,
            rows.squares,
            lanes,
            known,
            costs,
            alphas,
            n_terms=len(rows.place),
            tolerance=tolerance,
            most=most,
        )
        for label in labels[unfinished[: len(labels)]]:
            warnings.warn(f"label {label} is not fitted to {tolerance} yet", stacklevel=2)
        duals[:, labels] = alphas[:, : len(labels)]
        keep(labels, coef)

    with ThreadPoolExecutor(jobs) as threads:
        list(threads.map(fit, blocks))
    return duals


def _blocks(signs: Signs, widths: Sequence[int]) -> list[tuple[NDArray[np.int64], int]]:
    """Return which labels to fit side by side, and in how many lanes; rare ones together.

    They need fewer sweeps than common ones.
    """
    order = np.argsort(-(signs > 0).sum(axis=0), kind="stable")
    blocks = [order[i : i + max(widths)] for i in range(0, len(order), max(widths))]
    return [(labels, min(w for w in widths if w >= len(labels))) for labels in blocks]
