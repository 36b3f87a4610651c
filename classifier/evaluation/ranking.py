"""How well labels are ranked: among an article's labels, and articles within a label.

`truth`, `scores` and `probabilities` are as `classifier.evaluation.metrics` describes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation.counts import known_mean, ratio
from classifier.evaluation.intervals import Interval, percentile_interval, resampled_weights
from classifier.evaluation.metrics import average_precision, precision_at_k, recall_at_k

__all__ = ["Ranking", "bootstrap_mean_average_precision", "ranking"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

AT = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Precision and recall among an article's best labels; the keys are "1", "3" and "5"."""

    precision_at: Mapping[str, float]
    recall_at: Mapping[str, float]


def ranking(truth: FloatArray, scores: FloatArray) -> Ranking:
    """Return precision and recall at 1, 3 and 5."""
    return Ranking(
        {str(k): precision_at_k(truth, scores, k) for k in AT},
        {str(k): recall_at_k(truth, scores, k) for k in AT},
    )


def bootstrap_mean_average_precision(
    truth: FloatArray,
    scores: FloatArray,
    *,
    groups: IntArray | None = None,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return what `bootstrap_interval` does for the mean average precision, but fast.

    A label that is never present is left out of the mean. The parameters are those of
    `bootstrap_interval`.
    """
    rankings = [_Ranked.of(y, s) for y, s in zip(truth.T, scores.T, strict=True)]
    values = []
    for drawn in resampled_weights(groups, len(truth), repeats=repeats, seed=seed):
        weights = drawn.astype(np.float64)
        values.append(known_mean(np.array([ranked.precision(weights) for ranked in rankings])))
    estimate = float(known_mean(average_precision(truth, scores)))
    return percentile_interval(estimate, np.array(values), level)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """One label's known articles, the highest score first, cut up where precision is taken.

    Parameters
    ----------
    rows, starts : ndarray of int64
        Articles down to the last present one, and where in them each step begins; a step ends
        with equal scores of which one at least is present.
    present, present_starts : ndarray of int64
        The same of the present articles alone.
    """

    rows: IntArray
    starts: IntArray
    present: IntArray
    present_starts: IntArray

    @classmethod
    def of(cls, y: FloatArray, s: FloatArray) -> _Ranked:
        known = np.flatnonzero(~np.isnan(y))
        rows = known[np.argsort(-s[known], kind="stable")]
        present = np.flatnonzero(y[rows] == 1)
        ends = np.unique(np.searchsorted(-s[rows], -s[rows[present]], side="right"))
        steps = np.searchsorted(present, ends)
        return cls(
            rows[: ends[-1]] if ends.size else rows[:0],
            np.append(0, ends)[:-1],
            rows[present],
            np.append(0, steps)[:-1],
        )

    def precision(self, weights: FloatArray) -> float:
        """Return the average precision with each article counted `weights` times."""
        if not self.present.size:
            return float("nan")
        gained = np.add.reduceat(weights[self.present], self.present_starts)
        seen = np.cumsum(np.add.reduceat(weights[self.rows], self.starts))
        hits = np.cumsum(gained)
        return float(ratio(np.sum(gained * hits / np.maximum(seen, 1)), hits[-1]))
