"""One-vs-rest fits over shared folds, unknown cells masked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import joblib
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from classifier.training.features import (
    CountedCorpus,
    damped_counts,
    idf_of,
    inverse_document_frequencies,
    weighted,
)
from classifier.training.labelled import LabelledArticles
from classifier.training.solver import (
    MOST_EPOCHS,
    TOLERANCE,
    Duals,
    Rows,
    fit_compiled,
    margins_compiled,
    solver,
)
from classifier.training.term_counter import document_frequencies

__all__ = [
    "Candidate",
    "Fold",
    "HeldOut",
    "HeldOutFold",
    "Linear",
    "article_weights",
    "fit_linear",
    "out_of_fold",
]

# Of fits that only tell of candidates, cuts and calibration. It moves a margin by a thousandth, and
# the average precision on held-out articles by a hundredth of what candidates differ by.
HELD_OUT_TOLERANCE = 3e-2

# LIBLINEAR draws from one random generator a process; fits in threads would share its draws.
_ONE_FIT = threading.Lock()

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """One choice of everything that cross-validation decides.

    Parameters
    ----------
    C : float
    lead_repeats : int
    bigrams : bool
    idf : {"bm25", "smooth"}
    borderline_weight : float
    corpus_weights : tuple of float
        Weight of the articles of each corpus; none stands for 1 throughout.
    """

    C: float
    lead_repeats: int = 0
    bigrams: bool = False
    idf: str = "bm25"
    borderline_weight: float = 1.0
    corpus_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Linear:
    """Fitted linear functions: `coef` of shape (n_terms, n_labels), `bias` of shape (n_labels,)."""

    coef: Matrix
    bias: Vector


class HeldOutFold(Protocol):
    """The articles of a fold, and what is made of them by fits on the others."""

    @property
    def test(self) -> NDArray[np.int64]:
        """Rows of the articles held out."""

    @property
    def coverage(self) -> Vector:
        """Share of their words that the others make known; shape (n_test,)."""

    def margins(
        self, Y: Matrix, C: float, weights: Vector, *, jobs: int = 1, start: Duals | None = None
    ) -> tuple[Matrix, Duals | None]:
        """Return the margins of the articles held out, and where another fit may start."""


@dataclass(frozen=True)
class HeldOut:
    """Out-of-fold results; rows of articles that were never held out are NaN.

    Parameters
    ----------
    margins : ndarray of shape (n_articles, n_labels)
    coverage : ndarray of shape (n_articles,)
        Share of each article's words in the vocabulary of the folds it was not in.
    """

    margins: Matrix
    coverage: Vector

    @classmethod
    def empty(cls, Y: Matrix) -> HeldOut:
        """Return results of which there are none yet; `Y` is of shape (n_articles, n_labels)."""
        return cls(np.full(Y.shape, np.nan), np.full(len(Y), np.nan))

    def fill(self, fold: HeldOutFold, margins: Matrix) -> None:
        """Take in the margins of the articles that a fold held out."""
        self.margins[fold.test] = margins
        self.coverage[fold.test] = fold.coverage


def article_weights(counted: LabelledArticles, candidate: Candidate) -> Vector:
    """Return the weight of each article in the fit; shape (n_articles,)."""
    borderline = np.where(counted.borderline, candidate.borderline_weight, 1.0)
    if not candidate.corpus_weights:
        return borderline
    weights: Vector = np.array(candidate.corpus_weights)[counted.corpus]
    return borderline * weights


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
    svm = LinearSVC(C=C, dual=True, tol=tolerance, max_iter=MOST_EPOCHS, random_state=0)
    with _ONE_FIT:
        svm.fit(X, present, sample_weight=weights)
    return svm.coef_[0], float(svm.intercept_[0])


def fit_linear(
    X: sp.csr_matrix, Y: Matrix, C: Sequence[float], weights: Vector, *, jobs: int = 1
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
    """
    module = solver()
    if module is None:
        return _fit_by_liblinear(X, Y, C, weights, jobs, TOLERANCE)
    signs, constant = _signs(Y, weights)
    coef = fit_compiled(module, X, signs, C, weights, jobs=jobs)
    return Linear(coef[:-1], np.where(constant != 0, constant, coef[-1]))


def _signs(Y: Matrix, weights: Vector) -> tuple[NDArray[np.int8], Vector]:
    """Return 1 present, -1 absent, 0 to leave out, and the margin of labels that never change.

    A label of whose cells all are the same has no signs, but 1 or -1 for a margin; others have 0.
    """
    signs = np.where(Y > 0, 1, -1).astype(np.int8)
    signs[np.isnan(Y) | (weights <= 0)[:, None]] = 0
    present, absent = (signs > 0).any(axis=0), (signs < 0).any(axis=0)
    constant = np.where(present & absent, 0.0, np.where(present, 1.0, -1.0))
    signs[:, constant != 0] = 0
    return signs, constant


def _fit_by_liblinear(
    X: sp.csr_matrix, Y: Matrix, C: Sequence[float], weights: Vector, jobs: int, tolerance: float
) -> Linear:
    """Fit in processes, in which each fit starts the random generator afresh."""
    fits = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(fit_label)(X, Y[:, k], C[k], weights, tolerance) for k in range(Y.shape[1])
    )
    coef = np.column_stack([coef for coef, _ in fits])
    return Linear(coef, np.array([bias for _, bias in fits]))


def fold_idf(
    counts: sp.csr_matrix, counted: CountedCorpus, candidate: Candidate, min_df: int
) -> Vector:
    """Return idf over the rows of `counts`, 0 for terms that the candidate leaves out."""
    idf = inverse_document_frequencies(counts, min_df, form=candidate.idf)
    return idf if candidate.bigrams else np.where(counted.is_pair, 0.0, idf)


@dataclass(frozen=True)
class Fold:
    """The matrices of one fold; candidates that agree on terms and their counts share them.

    Parameters
    ----------
    train, test : ndarray of int64
        Rows of the articles.
    X_train : csr_matrix, or Rows for the compiled solver
    X_test : csr_matrix
        Its columns in the order of `X_train`.
    coverage : ndarray of shape (n_test,)
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    X_train: sp.csr_matrix | Rows
    X_test: sp.csr_matrix
    coverage: Vector

    @classmethod
    def of(
        cls,
        counted: CountedCorpus,
        folds: NDArray[np.int64],
        number: int,
        candidate: Candidate,
        *,
        min_df: int,
        damped: sp.csr_matrix | None = None,
    ) -> Fold:
        """Return the matrices of a candidate for one of the folds.

        `damped` are the candidate's counts as `damped_counts` returns them, where they are at hand.
        """
        if damped is None:
            damped = damped_counts(counted.counts(candidate.lead_repeats))
        train, test = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
        held_out, module = damped[test], solver()
        df = document_frequencies(damped) - document_frequencies(held_out)
        idf = idf_of(df, len(train), min_df, form=candidate.idf)
        idf = idf if candidate.bigrams else np.where(counted.is_pair, 0.0, idf)
        X_test = weighted(held_out, idf)
        if module is None:
            X_train = weighted(damped[train], idf)
        else:
            X_train = Rows.weighed(module, damped, train, idf, df)
            X_test = X_train.arranged(X_test)
        return cls(train, test, X_train, X_test, counted.coverage(test, idf > 0))

    def margins(
        self, Y: Matrix, C: float, weights: Vector, *, jobs: int = 1, start: Duals | None = None
    ) -> tuple[Matrix, Duals | None]:
        """Return the margins of the articles held out, and where another fit may start.

        Parameters
        ----------
        Y : ndarray of shape (n_articles, n_labels)
        weights : ndarray of shape (n_articles,)
        start : ndarray of shape (n_train, n_labels), optional
            Dual variables of another fit of this fold.

        Returns
        -------
        ndarray of shape (n_test, n_labels)
        ndarray of shape (n_train, n_labels), or None from LIBLINEAR
        """
        module, each = solver(), [C] * Y.shape[1]
        Y, weights = Y[self.train], weights[self.train]
        if module is None or not isinstance(self.X_train, Rows):
            tolerance = HELD_OUT_TOLERANCE
            linear = _fit_by_liblinear(self.X_train, Y, each, weights, jobs, tolerance)
            return self.X_test @ linear.coef + linear.bias, None
        signs, constant = _signs(Y, weights)
        margins, duals = margins_compiled(
            module,
            self.X_train,
            signs,
            each,
            weights,
            self.X_test,
            jobs=jobs,
            tolerance=HELD_OUT_TOLERANCE,
            start=start,
        )
        return margins + constant, duals


def out_of_fold(
    counted: CountedCorpus,
    Y: Matrix,
    folds: NDArray[np.int64],
    candidates: Sequence[Candidate],
    *,
    min_df: int,
    jobs: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> list[HeldOut]:
    """Return, per candidate, the margins of articles by models that never saw them.

    All candidates must agree on terms and their weights: they share one matrix a fold.

    Parameters
    ----------
    folds : ndarray of int64 of shape (n_articles,)
        Fold of each article; -1 for articles that are trained on in every fold.
    """
    results = [HeldOut.empty(Y) for _ in candidates]
    for number in range(folds.max() + 1):
        fold = Fold.of(counted, folds, number, candidates[0], min_df=min_df)
        for candidate, result in zip(candidates, results, strict=True):
            weights = article_weights(counted, candidate)
            margins, _ = fold.margins(Y, candidate.C, weights, jobs=jobs)
            result.fill(fold, margins)
            tick()
    return results
