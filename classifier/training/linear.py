"""One-vs-rest fits, unknown cells masked."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import joblib
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from classifier.training.features import CountedCorpus, inverse_document_frequencies
from classifier.training.labelled import LabelledArticles
from classifier.training.solver import MOST_EPOCHS, TOLERANCE, fit_compiled, solver

__all__ = [
    "Candidate",
    "Linear",
    "article_weights",
    "fit_by_liblinear",
    "fit_linear",
    "fold_idf",
    "signs_of",
]

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
        return fit_by_liblinear(X, Y, C, weights, jobs, TOLERANCE)
    signs, constant = signs_of(Y, weights)
    coef = fit_compiled(module, X, signs, C, weights, jobs=jobs)
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
