"""One-vs-rest fits over counts that are read from temporary files block by block."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.compiled import BLOCK_SOLVER, compiled
from classifier.errors import SettingsError
from classifier.training.solver import MOST_EPOCHS, TOLERANCE
from classifier.training.stored_rows import Block, StoredRows

__all__ = ["Rows", "block_solver", "fit_blocks"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# How often a block is gone through when it is in memory. More save reading and cost computing.
SWEEPS = 2

Each = Callable[[Callable[[int], None], Iterable[int]], object]


def block_solver() -> ModuleType:
    """Return the compiled solver for blocks.

    Raises
    ------
    SettingsError
        When it is missing or switched off.
    """
    module = compiled(BLOCK_SOLVER)
    if module is None:
        raise SettingsError(
            "training with a limit of memory needs the compiled solver, which is missing here or "
            "switched off by CLASSIFIER_KERNEL. Install the package where there is a C compiler, "
            "or train without --memory."
        )
    return module


@dataclass(frozen=True)
class Rows:
    """tf-idf rows as the solver puts them together.

    Parameters
    ----------
    stored : StoredRows
    table : ndarray of float64 of shape (n_codes,)
    idf : ndarray of float64 of shape (n_terms,)
    scales : ndarray of float64 of shape (n_articles,)
    """

    stored: StoredRows
    table: Vector
    idf: Vector
    scales: Vector

    def parts(self, block: Block, squared: Vector) -> tuple[Any, ...]:
        """Return what the solver is told of a block."""
        return block.starts, block.terms, block.codes, self.table, squared, self.scales[block.rows]


@dataclass
class _State:
    """Where the descent of each label is.

    Parameters
    ----------
    signs : ndarray of int8 of shape (n_labels, n_articles)
    alphas : ndarray of float64 of shape (n_labels, n_articles)
    u : ndarray of float64 of shape (n_labels, n_terms + 1)
    """

    signs: NDArray[np.int8]
    alphas: Matrix
    u: Matrix
    aside: NDArray[np.uint8] = field(init=False)
    limit: Vector = field(init=False)
    largest: Vector = field(init=False)
    smallest: Vector = field(init=False)

    def __post_init__(self) -> None:
        self.aside = np.zeros(self.signs.shape, dtype=np.uint8)
        self.limit = np.full(len(self.signs), np.inf)
        self.begin_pass()

    def begin_pass(self) -> None:
        self.largest = np.full(len(self.signs), -np.inf)
        self.smallest = np.full(len(self.signs), np.inf)

    def is_done(self, k: int, tolerance: float) -> bool:
        """Return whether a label is fitted after a pass, and say what the next may pass over."""
        high, low = self.largest[k], self.smallest[k]
        if max(high, -low, high - low) > tolerance:
            self.limit[k] = high if high > 0 else np.inf
            return False
        if not self.aside[k].any():
            return True
        self.aside[k] = 0
        self.limit[k] = np.inf
        return False


def fit_blocks(
    rows: Rows,
    signs: NDArray[np.int8],
    C: Sequence[float],
    weights: Vector,
    *,
    size: int,
    start: Matrix | None = None,
    jobs: int = 1,
    tolerance: float = TOLERANCE,
    most: int = MOST_EPOCHS,
) -> tuple[Matrix, Matrix]:
    """Return the weights of every label, the bias behind them, and the dual variables.

    Dual coordinate descent a block at a time (Yu et al., KDD 2010) until LIBLINEAR's rule holds
    over a whole pass. A label's result depends neither on other labels nor on `jobs`.

    Parameters
    ----------
    signs : ndarray of int8 of shape (n_labels, n_articles)
        1 present, -1 absent, 0 to leave out.
    size : int
        Terms a block.
    start : ndarray of float64 of shape (n_labels, n_articles), optional
        Dual variables of a similar problem to start from; none below 0.

    Returns
    -------
    ndarray of float64 of shape (n_labels, n_terms + 1)
    ndarray of float64 of shape (n_labels, n_articles)
    """
    module = block_solver()
    squared = np.square(rows.idf)
    u = np.zeros((len(signs), rows.stored.n_terms + 1))
    state = _State(signs, np.zeros(signs.shape) if start is None else start * (signs != 0), u)
    learnt = [k for k in range(len(signs)) if signs[k].any()]
    with _threads(jobs) as each:
        if start is not None:
            _gather(module, rows, squared, state, size, each)
        for number in range(most):
            if not learnt:
                break
            _pass(module, rows, squared, state, learnt, size, each, C, weights, number)
            learnt = [k for k in learnt if not state.is_done(k, tolerance)]
    for k in learnt:
        warnings.warn(f"label {k} is not fitted to {tolerance} yet", stacklevel=2)
    coef = np.divide(u[:, :-1], rows.idf, out=u[:, :-1], where=rows.idf > 0)
    return np.column_stack([coef, u[:, -1]]), state.alphas


@contextmanager
def _threads(jobs: int) -> Iterator[Each]:
    """Yield what calls a function for each of some numbers, in threads where there are several."""
    if jobs == 1:
        yield lambda call, numbers: list(map(call, numbers))
        return
    with ThreadPoolExecutor(jobs) as threads:
        yield lambda call, numbers: list(threads.map(call, numbers))


def _gather(
    module: ModuleType, rows: Rows, squared: Vector, state: _State, size: int, each: Each
) -> None:
    for block in rows.stored.blocks(size):
        parts = rows.parts(block, squared)

        def call(k: int, block: Block = block, parts: Any = parts) -> None:
            signs, alphas = state.signs[k, block.rows], state.alphas[k, block.rows]
            module.gather(*parts, signs, alphas, state.u[k])

        each(call, range(len(state.signs)))


def _pass(
    module: ModuleType,
    rows: Rows,
    squared: Vector,
    state: _State,
    labels: list[int],
    size: int,
    each: Each,
    C: Sequence[float],
    weights: Vector,
    number: int,
) -> None:
    state.begin_pass()
    for block in rows.stored.mixed_blocks(size, np.random.default_rng(number)):
        parts, places = rows.parts(block, squared), block.rows

        def call(k: int, parts: Any = parts, places: Any = places) -> None:
            alphas, aside = state.alphas[k, places], state.aside[k, places]
            largest, smallest = module.descend(
                *parts,
                state.signs[k, places],
                C[k] * weights[places],
                alphas,
                aside,
                state.u[k],
                limit=state.limit[k],
                sweeps=SWEEPS,
                seed=(number << 32) + int(places[0]),
            )
            state.alphas[k, places], state.aside[k, places] = alphas, aside
            state.largest[k] = max(state.largest[k], largest)
            state.smallest[k] = min(state.smallest[k], smallest)

        each(call, labels)
