"""One-vs-rest fits, unknown cells masked."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from types import ModuleType
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.compiled import SOLVER, compiled
from classifier.model.vocabulary import Matrix, Vector, sublinear
from classifier.training.count import (
    CountedCorpus,
    LabelledArticles,
    chunks,
    inverse_document_frequencies,
    tfidf,
    with_data,
)

__all__ = [
    "MOST_EPOCHS",
    "TOLERANCE",
    "Candidate",
    "Duals",
    "Linear",
    "Rows",
    "Scales",
    "article_weights",
    "fit_by_liblinear",
    "fit_compiled",
    "fit_linear",
    "fold_idf",
    "margins_compiled",
    "ratio_scales",
    "signs_of",
    "solver",
]


@dataclass(frozen=True)
class Rows:
    """Some rows of a sparse matrix as the solver reads them, without a copy.

    Parameters
    ----------
    X : csr_matrix of float32 of shape (n_articles, n_terms)
        Rounding its values moves a margin by less than 1e-6, the tolerance by more.
    chosen : ndarray of int64 of shape (n_rows,)
    """

    X: sp.csr_matrix
    chosen: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.chosen)

    @classmethod
    def of(cls, X: sp.csr_matrix) -> Rows:
        """Return all rows of a matrix."""
        return cls(X.astype(np.float32), np.arange(X.shape[0]))

    @classmethod
    def weighed(cls, counted: CountedCorpus, lead_repeats: int, idf: Vector) -> Rows:
        """Return all rows of counts as `tfidf` weighs them; only the values take memory."""
        body, lead, module = counted.occurrences(lead_repeats), counted.lead, solver()
        X = with_data(body, np.empty(body.nnz, np.float32))
        rows = cls(X, np.arange(X.shape[0]))
        bounds = rows.bounds
        for some in chunks(len(rows)):
            entries = slice(X.indptr[some.start], X.indptr[some.stop])
            counts = body.data[entries].astype(np.int64)
            if lead_repeats:
                counts += lead_repeats * lead.data[entries].astype(np.int64)
            if module is None:
                X.data[entries] = tfidf(with_data(body[some], counts), idf).data
                continue
            terms = X.indices[entries].astype(np.int32, copy=False)
            places = bounds[some] - entries.start
            module.weigh(places, terms, sublinear(counts), idf, X.data[entries])
        return rows

    def select(self, chosen: NDArray[np.int64]) -> Rows:
        """Return some of the rows."""
        return replace(self, chosen=self.chosen[chosen])

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Where each row begins, and where it has ended; shape (n_rows, 2)."""
        bounds = (self.X.indptr[self.chosen], self.X.indptr[self.chosen + 1])
        return np.stack(bounds, axis=1).astype(np.int64)

    @property
    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """What the compiled solver reads: the bounds, and the terms and values between them."""
        return self.bounds, self.X.indices.astype(np.int32, copy=False), self.X.data

    def pieces(self) -> Iterator[tuple[slice, sp.csr_matrix]]:
        """Yield the rows as matrices, some at a time."""
        return ((some, self.X[self.chosen[some]]) for some in chunks(len(self)))


TOLERANCE = 1e-3
MOST_EPOCHS = 20_000
# Of the log-ratios: added to every count, and to every ratio so that no term is out of reach.
PRIOR_COUNT, RATIO_FLOOR = 1.0, 0.3
Lanes = NDArray[np.float32]
Duals = NDArray[np.float32]
Scales = NDArray[np.float32]
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
    **options: Any,
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
    **options
        ``scales``, an ndarray of shape (n_terms, n_labels): what the squared weight of a term is
        divided by in a label's penalty; ``jobs``: threads, which share the matrix; ``tolerance``:
        the largest violation of the dual's optimality, as LIBLINEAR measures it; ``most``: sweeps
        over the rows at most, a label that needs more is warned of; ``start``, an ndarray of
        float32 of shape (n_rows, n_labels): dual variables to begin with, such as those of a fit
        with other values or another C.
    """
    rows = X if isinstance(X, Rows) else Rows.of(X)
    coef = np.empty((rows.X.shape[1] + 1, signs.shape[1]))

    def keep(labels: NDArray[np.int64], fitted: Lanes) -> None:
        coef[:, labels] = fitted[:, : len(labels)]

    _fit(module, rows, signs, C, weights, keep, **options)
    return coef


def margins_compiled(
    module: ModuleType,
    rows: Rows,
    signs: Signs,
    C: Sequence[float],
    weights: Vector,
    test: Rows,
    **options: Any,
) -> tuple[Matrix, Duals]:
    """Return the margins of other rows after a fit, and the dual variables where it ended.

    The parameters are those of `fit_compiled`.

    Parameters
    ----------
    test : Rows
        Others of the same matrix.

    Returns
    -------
    ndarray of float64 of shape (n_test, n_labels)
    ndarray of float32 of shape (n_rows, n_labels)
    """
    margins = np.empty((len(test), signs.shape[1]))

    def keep(labels: NDArray[np.int64], fitted: Lanes) -> None:
        margins[:, labels] = module.margins(*test.entries, fitted)[:, : len(labels)]

    duals = _fit(module, rows, signs, C, weights, keep, **options)
    return margins, duals


def _fit(
    module: ModuleType,
    rows: Rows,
    signs: Signs,
    C: Sequence[float],
    weights: Vector,
    keep: Callable[[NDArray[np.int64], Lanes], None],
    *,
    scales: Scales | None = None,
    jobs: int = 1,
    tolerance: float = TOLERANCE,
    most: int = MOST_EPOCHS,
    start: Duals | None = None,
) -> Duals:
    """Fit as many labels at once as there are lanes; `keep` takes labels and their weights."""
    blocks, entries = _blocks(signs, module.WIDTHS), rows.entries
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
        scaled = np.ones((rows.X.shape[1], width), np.float32)
        if scales is not None:
            scaled[:, : len(labels)] = scales[:, labels]
        coef, unfinished = module.fit(
            *entries,
            scaled,
            lanes,
            known,
            costs,
            alphas,
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


# LIBLINEAR draws from one random generator a process; fits in threads would share its draws.
_ONE_FIT = threading.Lock()


@dataclass(frozen=True)
class Candidate:
    """One choice of everything that cross-validation decides.

    Parameters
    ----------
    C : float
    lead_repeats : int
    bigrams : bool
    idf : {"bm25", "smooth"}
    ratio_power : float
        Of the log-ratio by which terms are penalised less, see `ratio_scales`; 0 for all alike.
    borderline_weight : float
    corpus_weights : tuple of float
        Weight of the articles of each corpus; none stands for 1 throughout.
    """

    C: float
    lead_repeats: int = 0
    bigrams: bool = False
    idf: str = "bm25"
    ratio_power: float = 0.0
    borderline_weight: float = 1.0
    corpus_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Linear:
    """Fitted linear functions: `coef` of shape (n_terms, n_labels), `bias` of shape (n_labels,)."""

    coef: Matrix
    bias: Vector


def article_weights(counted: LabelledArticles, candidate: Candidate) -> Vector:
    """Return the weight of each article in the fit; shape (n_articles,).

    That of a corpus is for its articles that are no natural sample.
    """
    borderline = np.where(counted.borderline, candidate.borderline_weight, 1.0)
    if not candidate.corpus_weights:
        return borderline
    weights: Vector = np.array(candidate.corpus_weights)[counted.corpus]
    return borderline * np.where(counted.natural, 1.0, weights)


def fit_label(
    X: sp.csr_matrix, y: Vector, C: float, weights: Vector, tolerance: float = TOLERANCE
) -> tuple[Vector, float]:
    """Fit one label by LIBLINEAR; rows with unknown `y` or no weight are left out."""
    known = ~np.isnan(y) & (weights > 0)
    if not known.all():  # a copy of all rows is only made where some are left out
        X, y, weights = X[known], y[known], weights[known]
    present = y > 0
    if present.all() or not present.any():
        return np.zeros(X.shape[1]), 1.0 if present.any() else -1.0
    from sklearn.svm import LinearSVC  # takes longer to import than many trainings

    svm = LinearSVC(C=C, dual=True, tol=tolerance, max_iter=MOST_EPOCHS, random_state=0)
    with _ONE_FIT:
        svm.fit(X, present, sample_weight=weights)
    return svm.coef_[0], float(svm.intercept_[0])


def ratio_scales(X: Rows, Y: Matrix, weights: Vector, power: float) -> Scales | None:
    """Return by how much less each term is penalised for each label, None for all alike.

    The penalty of a term's squared weight is divided by ``((floor + |r|) ** power) ** 2``, where r
    is the log-ratio of the term's share among the articles with the label and among those without
    (Wang and Manning, ACL 2012, there with power 1 and as a scaling of the features): words that
    tell a label by themselves are trusted sooner than those that merely fit its articles.

    Parameters
    ----------
    X : Rows
        Only which entries are there counts.
    Y : ndarray of shape (n_articles, n_labels)
        1 present, 0 absent, NaN unknown.
    weights : ndarray of shape (n_articles,)
    power : float

    Returns
    -------
    ndarray of float32 of shape (n_terms, n_labels), or None where `power` is 0
        On average 1 over all entries of `X`.
    """
    if power == 0:
        return None
    n_terms, n_labels = X.X.shape[1], Y.shape[1]
    weighed = np.column_stack([Y > 0, np.isnan(Y), np.ones(len(Y))]) * weights[:, None]
    cells = np.column_stack([weighed, np.ones(len(Y))]).astype(np.float32)
    sums = reduce(
        add,
        (
            sp.csr_matrix(cells[some].T) @ with_data(piece, np.ones_like(piece.data))
            for some, piece in X.pieces()
        ),
    )
    everywhere, frequency = (sums[2 * n_labels + i].toarray()[0] for i in range(2))
    scales = np.empty((n_labels, n_terms), np.float32)
    for k in range(n_labels):
        present, unknown = sums[k].toarray()[0], sums[n_labels + k].toarray()[0]
        absent = np.maximum(everywhere - unknown - present, 0)
        scales[k] = _label_scales(present + PRIOR_COUNT, absent + PRIOR_COUNT, power)
        scales[k] *= max(frequency.sum(), 1) / max(scales[k] @ frequency, 1e-9)
    return scales.T


def _label_scales(present: Lanes, absent: Lanes, power: float) -> Lanes:
    ratio = np.log(present / absent) - np.log(present.sum() / absent.sum())
    scales: Lanes = (RATIO_FLOOR + np.abs(ratio)) ** (2 * power)
    return scales


def fit_linear(
    X: sp.csr_matrix | Rows,
    Y: Matrix,
    C: Sequence[float],
    weights: Vector,
    *,
    scales: Scales | None = None,
    jobs: int = 1,
) -> Linear:
    """Fit every label by squared hinge with an L2 penalty, each with its own C.

    The method is dual coordinate descent (Hsieh et al., ICML 2008): by the compiled solver in
    threads, or where there is none by LIBLINEAR in processes. The result does not depend on how
    many there are.

    Parameters
    ----------
    Y : ndarray of shape (n_articles, n_labels)
        1 present, 0 absent, NaN unknown: left out of the fit of that label.
    weights : ndarray of shape (n_articles,)
    scales : ndarray of shape (n_terms, n_labels), optional
        What the squared weight of a term is divided by in the penalty of a label.
    """
    module, rows = solver(), X if isinstance(X, Rows) else Rows.of(X)
    if module is None:
        return fit_by_liblinear(rows, Y, C, weights, jobs, TOLERANCE, scales)
    signs, constant = signs_of(Y, weights)
    coef = fit_compiled(module, rows, signs, C, weights, scales=scales, jobs=jobs)
    return Linear(coef[:-1], np.where(constant != 0, constant, coef[-1]))


def signs_of(Y: Matrix, weights: Vector) -> tuple[NDArray[np.int8], Vector]:
    """Return 1 present, -1 absent, 0 to leave out, and the margin of labels that never change.

    A label of whose cells all are the same has no signs, but 1 or -1 for a margin; others have 0.
    """
    signs = np.where(Y > 0, 1, -1).astype(np.int8)
    signs[np.isnan(Y) | (weights <= 0)[:, None]] = 0
    present, absent = (signs > 0).any(axis=0), (signs < 0).any(axis=0)
    constant = np.where(present & absent, 0.0, np.where(present, 1.0, -1.0))
    signs[:, constant != 0] = 0
    return signs, constant


def fit_by_liblinear(
    rows: Rows,
    Y: Matrix,
    C: Sequence[float],
    weights: Vector,
    jobs: int,
    tolerance: float,
    scales: Scales | None = None,
) -> Linear:
    """Fit in processes, in which each fit starts the random generator afresh."""
    import joblib

    X = rows.X[rows.chosen].astype(np.float64)
    factors = np.ones((X.shape[1], Y.shape[1])) if scales is None else np.sqrt(scales)
    fits = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(fit_label)(
            X if scales is None else sp.csr_matrix(X.multiply(factors[:, k])),
            Y[:, k],
            C[k],
            weights,
            tolerance,
        )
        for k in range(Y.shape[1])
    )
    coef = np.column_stack([coef for coef, _ in fits]) * factors
    return Linear(coef, np.array([bias for _, bias in fits]))


def fold_idf(
    counts: sp.csr_matrix, counted: CountedCorpus, candidate: Candidate, min_df: int
) -> Vector:
    """Return idf over the rows of `counts`, 0 for terms that the candidate leaves out."""
    idf = inverse_document_frequencies(counts, min_df, form=candidate.idf)
    return idf if candidate.bigrams else np.where(counted.is_pair, 0.0, idf)
