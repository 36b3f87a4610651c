"""How far a figure could be off: percentiles of it over resampled articles.

`truth` and `predicted` are as `classifier.evaluation.metrics` describes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import BadInputError
from classifier.evaluation.counts import check_shapes, f1_counts, macro_of, micro_of

__all__ = ["Interval", "bootstrap_f1", "bootstrap_interval", "paired_bootstrap"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Statistic = Callable[[FloatArray, npt.NDArray[Any]], float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure on all articles and the percentiles of it over resampled ones."""

    estimate: float
    low: float
    high: float


def bootstrap_interval(
    statistic: Statistic,
    truth: FloatArray,
    predicted: npt.NDArray[Any],
    *,
    groups: IntArray | None = None,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the percentile bootstrap interval (Efron 1979) of any figure.

    Parameters
    ----------
    statistic : callable
        Called with rows of `truth` and the same rows of `predicted`, returns a float.
    predicted : ndarray of shape (n_articles, n_labels)
        Tags, scores or probabilities: what `statistic` takes.
    groups : ndarray of shape (n_articles,), int, or None
        Articles that share a number are drawn together, as near-duplicates tell nothing twice.
    repeats : int
        Number of resamples; with none the interval is NaN.
    level : float
        Share of the resampled figures inside the interval; those that are NaN are left out.
    """
    check_shapes(truth, predicted)
    cluster_of = _clusters(groups, len(truth))
    rows = np.arange(len(truth))
    values = []
    for weights in _resamples(int(cluster_of.max()) + 1, repeats, seed):
        drawn = np.repeat(rows, weights[cluster_of])
        values.append(statistic(truth[drawn], predicted[drawn]))
    return _interval(statistic(truth, predicted), np.array(values), level)


def bootstrap_f1(
    truth: FloatArray,
    predicted: BoolArray,
    *,
    groups: IntArray | None = None,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Return what `bootstrap_interval` does for `micro_f1` and `macro_f1`, but fast.

    The keys are "micro" and "macro"; the parameters are those of `bootstrap_interval`.
    """
    cells = f1_counts(truth, predicted)
    counts = _resampled_counts(cells, groups, repeats, seed)
    return {
        name: _interval(figure(cells.sum(axis=0)), figure(counts), level)
        for name, figure in (("micro", micro_of), ("macro", macro_of))
    }


def paired_bootstrap(
    truth: FloatArray,
    predicted_a: BoolArray,
    predicted_b: BoolArray,
    *,
    groups: IntArray | None = None,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the interval of how much higher the micro-F1 of b is than that of a.

    Both are scored on the same resampled articles; the parameters are those of
    `bootstrap_interval`.
    """
    cells = [f1_counts(truth, predicted) for predicted in (predicted_a, predicted_b)]
    a, b = (micro_of(_resampled_counts(each, groups, repeats, seed)) for each in cells)
    estimate_a, estimate_b = (micro_of(each.sum(axis=0)) for each in cells)
    return _interval(estimate_b - estimate_a, b - a, level)


def _resampled_counts(
    cells: IntArray, groups: IntArray | None, repeats: int, seed: int
) -> FloatArray:
    """Return tp, fp and fn per label of each resample, of shape (repeats, 3, n_labels)."""
    n_articles, *shape = cells.shape
    cluster_of = _clusters(groups, n_articles)
    summed = np.zeros((int(cluster_of.max()) + 1, int(np.prod(shape))))
    np.add.at(summed, cluster_of, cells.reshape(n_articles, -1))
    draws = _resamples(len(summed), repeats, seed)
    # Weighted sums of counts: no article is copied, and the float sums of integers are exact.
    return np.array([weights @ summed for weights in draws]).reshape(repeats, *shape)


def _resamples(n_clusters: int, repeats: int, seed: int) -> Iterator[IntArray]:
    """Yield, per resample, how often each cluster was drawn with replacement."""
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield np.bincount(rng.integers(n_clusters, size=n_clusters), minlength=n_clusters)


def _clusters(groups: IntArray | None, n_articles: int) -> IntArray:
    """Return the cluster of every article, numbered from 0 without gaps."""
    own = np.arange(n_articles) if groups is None else np.asarray(groups)
    if len(own) != n_articles or not n_articles:
        raise BadInputError(
            f"groups has {len(own)} numbers for {n_articles} articles. Pass one per article, "
            "and at least one article."
        )
    return np.unique(own, return_inverse=True)[1]


def _interval(estimate: float, values: FloatArray, level: float) -> Interval:
    """Return the middle `level` of `values` around `estimate`."""
    known = values[~np.isnan(values)]
    low, high = (
        np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if known.size else (np.nan,) * 2
    )
    return Interval(float(estimate), float(low), float(high))
