"""Fits on all folds but one, and what they say of the articles of that one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.training.features import CountedCorpus, damped_counts, idf_of, weighted
from classifier.training.linear import Candidate, article_weights, fit_by_liblinear, signs_of
from classifier.training.rows import Rows
from classifier.training.solver import Duals, margins_compiled, solver
from classifier.training.term_counter import document_frequencies

__all__ = ["Fold", "HeldOut", "out_of_fold"]

# Of fits that only tell of candidates, cuts and calibration. Against 0.001 it moves a margin by a
# thousandth, and the average precision on held-out articles by 0.0002 at most.
HELD_OUT_TOLERANCE = 1e-2

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


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

    def fill(self, fold: Fold, margins: Matrix) -> None:
        """Take in the margins of the articles that a fold held out."""
        self.margins[fold.test] = margins
        self.coverage[fold.test] = fold.coverage


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
            linear = fit_by_liblinear(self.X_train, Y, each, weights, jobs, tolerance)
            return self.X_test @ linear.coef + linear.bias, None
        signs, constant = signs_of(Y, weights)
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
