"""What cross-validation and the final fit ask for, from counts in temporary files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.training.block_fit import Rows, fit_blocks
from classifier.training.linear import Candidate, HeldOut, Linear, article_weights
from classifier.training.stored_corpus import StoredCorpus
from classifier.training.weighting import Weighting, weigh

__all__ = ["StoredFits"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class StoredFits:
    """Fits candidates over shared folds; each fit starts where a similar one ended.

    Parameters
    ----------
    counted : StoredCorpus
    Y : ndarray of shape (n_articles, n_labels)
        1 present, 0 absent, NaN unknown.
    folds : ndarray of int64 of shape (n_articles,)
        Fold of each article; -1 for articles that are trained on in every fold.
    min_df, jobs : int
    """

    def __init__(
        self,
        counted: StoredCorpus,
        Y: Matrix,
        folds: NDArray[np.int64],
        *,
        min_df: int,
        jobs: int = 1,
    ) -> None:
        self._counted, self._folds, self._jobs = counted, folds, jobs
        self._min_df = min_df
        signs = np.where(np.isnan(Y), 0, np.where(Y > 0, 1, -1)).astype(np.int8)
        self._signs = np.ascontiguousarray(signs.T)
        self._weighting: tuple[object, Weighting, Vector] | None = None
        self._alphas = counted.rows.scratch(np.float64, len(counted))
        self._last: dict[int, int] = {}

    def out_of_fold(
        self,
        counted: object,
        Y: Matrix,
        folds: NDArray[np.int64],
        candidates: Sequence[Candidate],
        *,
        tick: Callable[[], None] = lambda: None,
        **_: Any,
    ) -> list[HeldOut]:
        """Return what `classifier.training.linear.out_of_fold` does, of the corpus given first."""
        results = [HeldOut(np.full(Y.shape, np.nan), np.full(len(Y), np.nan)) for _ in candidates]
        weighting, coverage = self._weigh(candidates[0])
        for fold in range(folds.max() + 1):
            for candidate, result in zip(candidates, results, strict=True):
                C = [candidate.C] * Y.shape[1]
                linear = self._fit(weighting, fold, candidate, C)
                self._hold_out(weighting, fold, linear, result.margins)
                result.coverage[folds == fold] = coverage[folds == fold]
                tick()
        return results

    def final(self, candidate: Candidate, C: Sequence[float]) -> tuple[Vector, Linear]:
        """Return idf and functions fitted on all articles, in the order of the vocabulary."""
        weighting, _ = self._weigh(candidate)
        linear = self._fit(weighting, -1, candidate, C)
        numbers = self._counted.numbers
        return weighting.idf[-1][numbers], Linear(linear.coef[numbers], linear.bias)

    def _weigh(self, candidate: Candidate) -> tuple[Weighting, Vector]:
        """Return weights and the share of known words when each article is held out."""
        key = candidate.lead_repeats, candidate.bigrams, candidate.idf
        if self._weighting is None or self._weighting[0] != key:
            self._weighting = None
            weighting = weigh(self._counted, self._folds, candidate, min_df=self._min_df)
            shares = self._counted.coverage(weighting.known.T)
            own = shares[np.arange(len(shares)), self._folds]
            self._weighting = key, weighting, own
        return self._weighting[1:]

    def _fit(
        self, weighting: Weighting, fold: int, candidate: Candidate, C: Sequence[float]
    ) -> Linear:
        """Fit every label on the articles that are not in `fold`."""
        weights = article_weights(self._counted, candidate)
        used = (weights > 0) & ((self._folds != fold) | (fold < 0))
        signs = np.where(used, self._signs, 0).astype(np.int8)
        present, absent = (signs > 0).any(axis=1), (signs < 0).any(axis=1)
        learnt = present & absent
        signs[~learnt] = 0
        rows = Rows(
            self._counted.rows, weighting.table, weighting.idf[fold], weighting.scales[fold]
        )
        coef, alphas = fit_blocks(
            rows,
            signs,
            C,
            weights,
            size=self._counted.plan.block,
            start=self._start(fold),
            jobs=self._jobs,
        )
        self._remember(fold, alphas)
        bias = np.where(learnt, coef[:, -1], np.where(present, 1.0, -1.0))
        return Linear(np.ascontiguousarray(coef[:, :-1].T), bias)

    def _start(self, fold: int) -> Matrix | None:
        """Return the dual variables of the last fit of this fold, or else of any."""
        if not self._last:
            return None
        place = self._last.get(fold, next(reversed(self._last.values())))
        return self._alphas.read(place, place + len(self._signs))

    def _remember(self, fold: int, alphas: Matrix) -> None:
        place = self._last.setdefault(fold, len(self._alphas))
        if place == len(self._alphas):
            self._alphas.append(alphas)
        else:
            self._alphas.write(place, alphas)

    def _hold_out(self, weighting: Weighting, fold: int, linear: Linear, margins: Matrix) -> None:
        """Fill in the margins of the articles of a fold."""
        weights = linear.coef * weighting.idf[fold][:, None]
        scales, stored = weighting.scales[fold], self._counted.rows
        for block in stored.blocks():
            rows = np.flatnonzero(self._folds[block.rows] == fold)
            places = block.rows[rows]
            found = block.matrix(weighting.table, stored.n_terms)[rows] @ weights
            margins[places] = found * scales[places, None] + linear.bias
