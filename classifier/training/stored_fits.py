"""What cross-validation and the final fit ask for, from counts in temporary files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.training.block_fit import fit_blocks
from classifier.training.folds import HELD_OUT_TOLERANCE
from classifier.training.linear import Candidate, Linear, article_weights, signs_of
from classifier.training.solver import TOLERANCE, Duals
from classifier.training.stored_corpus import StoredCorpus
from classifier.training.weighting import Weighting, weigh

__all__ = ["StoredFits", "StoredFold"]

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
    min_df : int
    """

    def __init__(
        self, counted: StoredCorpus, Y: Matrix, folds: NDArray[np.int64], *, min_df: int
    ) -> None:
        self.counted, self.folds, self._Y = counted, folds, Y
        self._min_df = min_df
        self._block = counted.plan.block(
            len(counted),
            counted.rows.n_terms,
            n_labels=Y.shape[1],
            n_folds=int(folds.max(initial=0)) + 1,
        )
        self._weighting: tuple[object, Weighting, Vector] | None = None
        self._alphas = counted.rows.scratch(np.float64, len(counted))
        self._last: dict[int, int] = {}

    def fold(self, candidate: Candidate, number: int) -> StoredFold:
        """Return a fold as the candidate counts and weighs terms."""
        weighting, coverage = self._weigh(candidate)
        test = np.flatnonzero(self.folds == number)
        return StoredFold(self, weighting, number, test, coverage[test])

    def final(
        self, candidate: Candidate, C: Sequence[float], *, jobs: int = 1
    ) -> tuple[Vector, Linear]:
        """Return idf and functions fitted on all articles, in the order of the vocabulary."""
        weighting, _ = self._weigh(candidate)
        weights = article_weights(self.counted, candidate)
        linear, _ = self.fit(weighting, -1, C, weights, jobs=jobs, tolerance=TOLERANCE)
        numbers = self.counted.numbers
        return weighting.idf[-1][numbers], Linear(linear.coef[numbers], linear.bias)

    def fit_fold(
        self, weighting: Weighting, fold: int, C: Sequence[float], weights: Vector, *, jobs: int
    ) -> Linear:
        """Fit every label on the articles that are not in `fold`, for candidates to be told."""
        linear, alphas = self.fit(
            weighting,
            fold,
            C,
            weights,
            jobs=jobs,
            tolerance=HELD_OUT_TOLERANCE,
            start=self._start(fold),
        )
        self._remember(fold, alphas)
        return linear

    def fit(
        self,
        weighting: Weighting,
        fold: int,
        C: Sequence[float],
        weights: Vector,
        *,
        jobs: int,
        tolerance: float,
        start: Matrix | None = None,
    ) -> tuple[Linear, Matrix]:
        """Fit every label, -1 for no fold to leave out; return dual variables as well."""
        used = np.where((self.folds != fold) | (fold < 0), weights, 0.0)
        signs, constant = signs_of(self._Y, used)
        coef, alphas = fit_blocks(
            weighting.rows(self.counted.rows, fold),
            np.ascontiguousarray(signs.T),
            C,
            weights,
            size=self._block,
            start=start,
            jobs=jobs,
            tolerance=tolerance,
        )
        bias = np.where(constant != 0, constant, coef[:, -1])
        return Linear(np.ascontiguousarray(coef[:, :-1].T), bias), alphas

    def _weigh(self, candidate: Candidate) -> tuple[Weighting, Vector]:
        """Return weights and the share of known words when each article is held out."""
        key = candidate.lead_repeats, candidate.bigrams, candidate.idf
        if self._weighting is None or self._weighting[0] != key:
            self._weighting = None
            weighting = weigh(self.counted, self.folds, candidate, min_df=self._min_df)
            shares = self.counted.coverage(weighting.known.T)
            own = shares[np.arange(len(shares)), self.folds]
            self._weighting = key, weighting, own
        return self._weighting[1:]

    def _start(self, fold: int) -> Matrix | None:
        """Return the dual variables of the last fit of this fold, or else of any."""
        if not self._last:
            return None
        place = self._last.get(fold, next(reversed(self._last.values())))
        return self._alphas.read(place, place + self._Y.shape[1])

    def _remember(self, fold: int, alphas: Matrix) -> None:
        place = self._last.setdefault(fold, len(self._alphas))
        if place == len(self._alphas):
            self._alphas.append(alphas)
        else:
            self._alphas.write(place, alphas)


@dataclass(frozen=True)
class StoredFold:
    """A fold whose articles are read block by block; a `HeldOutFold`."""

    fits: StoredFits
    weighting: Weighting
    number: int
    test: NDArray[np.int64]
    coverage: Vector

    def margins(
        self, Y: Matrix, C: float, weights: Vector, *, jobs: int = 1, start: Duals | None = None
    ) -> tuple[Matrix, None]:
        """Return the margins of the articles held out; where to start is kept in a file."""
        each = [C] * Y.shape[1]
        linear = self.fits.fit_fold(self.weighting, self.number, each, weights, jobs=jobs)
        weighted = linear.coef * self.weighting.idf[self.number][:, None]
        scales, stored = self.weighting.scales[self.number], self.fits.counted.rows
        margins = np.empty((len(self.test), Y.shape[1]))
        for block in stored.blocks():
            rows = np.flatnonzero(self.fits.folds[block.rows] == self.number)
            found = block.matrix(self.weighting.table, stored.n_terms)[rows] @ weighted
            places = np.searchsorted(self.test, block.rows[rows])
            margins[places] = found * scales[block.rows[rows], None] + linear.bias
        return margins, None
