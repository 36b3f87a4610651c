"""How far a figure, or the difference of two taggers, would be off on other articles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import BadInputError
from classifier.evaluation.metrics import (
    BoolArray,
    FloatArray,
    IntArray,
    average_precision,
    brier,
    check_shapes,
    equal_mass_bins,
    expected_calibration_error,
    f1_counts,
    known_mean,
    macro_of,
    micro_of,
    ratio,
)

__all__ = [
    "F1Changes",
    "Interval",
    "Resampling",
    "ShareInterval",
    "bootstrap_calibration",
    "bootstrap_f1",
    "bootstrap_interval",
    "bootstrap_mean_average_precision",
    "paired_bootstrap",
    "paired_f1_changes",
    "percentile_interval",
    "resampled_sums",
    "resampled_weights",
    "share_interval",
]


Statistic = Callable[[FloatArray, npt.NDArray[Any]], float]
# Products with whole matrices are many times faster than with one resample after the other.
DRAWS_AT_ONCE = 32
# Of many articles fewer resamples are held together: 4 MB.
NUMBERS_AT_ONCE = 2**19
BINS = 10
# Labels whose calibration is resampled at once; ten numbers an article and label.
LABELS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure on all articles and the percentiles of it over resampled ones."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ShareInterval(Interval):
    """`count` articles of `of`, as a share from 0 to 1 with its interval."""

    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are made: so many resamples, their seed, the share of them inside."""

    repeats: int = 1000
    seed: int = 0
    level: float = 0.95


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
    rows = np.arange(len(truth))
    values = []
    for weights in resampled_weights(groups, len(truth), repeats=repeats, seed=seed):
        drawn = np.repeat(rows, weights)
        values.append(statistic(truth[drawn], predicted[drawn]))
    return percentile_interval(statistic(truth, predicted), np.array(values), level)


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

    A label that a resample lacks counts there as it does in all. The keys are "micro" and
    "macro"; the parameters are those of `bootstrap_interval`.
    """
    cells = f1_counts(truth, predicted)
    total, counts = cells.sum(axis=0), resampled_sums(cells, groups, repeats, seed)
    return {
        "micro": percentile_interval(micro_of(total), micro_of(counts), level),
        "macro": percentile_interval(macro_of(total), macro_of(counts, total), level),
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
    return paired_f1_changes(
        truth, predicted_a, predicted_b, groups=groups, repeats=repeats, seed=seed, level=level
    ).micro


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
    precisions = list(map(_weighted_precision, truth.T, scores.T))
    values = []
    for drawn in resampled_weights(groups, len(truth), repeats=repeats, seed=seed):
        weights = drawn.astype(np.float64)
        values.append(known_mean(np.array([precision(weights) for precision in precisions])))
    estimate = float(known_mean(average_precision(truth, scores)))
    return percentile_interval(estimate, np.array(values), level)


def _weighted_precision(y: FloatArray, s: FloatArray) -> Callable[[FloatArray], float]:
    """Return what gives a label's average precision with each article counted some times."""
    known = np.flatnonzero(~np.isnan(y))
    rows = known[np.argsort(-s[known], kind="stable")]
    present = np.flatnonzero(y[rows] == 1)
    # equal scores count all at once, and articles below the last present one not at all
    ends = np.searchsorted(-s[rows], -s[rows[present]], side="right") - 1
    upto = np.searchsorted(present, ends, side="right") - 1
    present, rows = rows[present], rows[: ends.max(initial=-1) + 1]

    def precision(weights: FloatArray) -> float:
        gained = weights[present]
        hits, seen = np.cumsum(gained)[upto], np.cumsum(weights[rows])[ends]
        return float(ratio(np.sum(gained * hits / np.maximum(seen, 1)), gained.sum()))

    return precision


def bootstrap_calibration(
    truth: FloatArray, p: FloatArray, *, groups: IntArray | None, how: Resampling
) -> tuple[Interval, Interval]:
    """Return the mean Brier score and the largest calibration error of the labels.

    Parameters
    ----------
    p : ndarray of shape (n_articles, n_labels), float64
        Probabilities; where `truth` is known they are judged.
    groups : ndarray of shape (n_articles,), int, or None
        As in `bootstrap_interval`.
    """
    known = ~np.isnan(truth)
    errors = np.stack([np.where(known, (p - truth) ** 2, 0.0), known], axis=1)
    sums = resampled_sums(errors, groups, how.repeats, how.seed)
    squares, n_known = sums[:, 0], sums[:, 1]
    gaps = ratio(_resampled_gaps(truth, p, groups, how), n_known)
    largest = np.where(np.isnan(gaps), -1.0, gaps).max(axis=1)
    mean = float(known_mean(brier(truth, p)))
    worst = float(np.nanmax(expected_calibration_error(truth, p)))
    return (
        percentile_interval(mean, known_mean(ratio(squares, n_known)), how.level),
        percentile_interval(worst, largest, how.level),
    )


def _resampled_gaps(
    truth: FloatArray, p: FloatArray, groups: IntArray | None, how: Resampling
) -> FloatArray:
    """Return, per resample and label, the gaps of its bins added up; the bins stay as they are."""
    parts = []
    for start in range(0, truth.shape[1], LABELS_AT_ONCE):
        block = range(start, min(start + LABELS_AT_ONCE, truth.shape[1]))
        gaps = np.zeros((len(truth), len(block), BINS))
        for i, k in enumerate(block):
            rows = np.flatnonzero(~np.isnan(truth[:, k]))
            bins = equal_mass_bins(p[rows, k], BINS)
            gaps[rows, i, bins] = p[rows, k] - truth[rows, k]
        sums = resampled_sums(gaps, groups, how.repeats, how.seed)
        parts.append(np.abs(sums).sum(axis=2))
    return np.concatenate(parts, axis=1)


def resampled_sums(
    cells: npt.NDArray[Any], groups: IntArray | None, repeats: int, seed: int
) -> FloatArray:
    """Return the sum of `cells` over each resample's articles.

    Parameters
    ----------
    cells : ndarray of shape (n_articles, …)
        Counts, errors: what figures are made of by adding up.
    groups, repeats, seed
        As in `bootstrap_interval`; with the same ones the same articles are drawn.

    Returns
    -------
    ndarray of shape (repeats, …), float64
    """
    n_articles, *shape = cells.shape
    from scipy.sparse import csr_matrix

    cluster_of = _clusters(groups, n_articles)
    # Weighted sums of counts: no article is copied, and the float sums of integers are exact.
    # Few cells of many labels are other than 0.
    flat = cells.reshape(n_articles, -1)
    articles, columns = np.nonzero(flat)
    values = flat[articles, columns].astype(np.float64)
    size = (int(cluster_of.max()) + 1, flat.shape[1])
    summed = csr_matrix((values, (cluster_of[articles], columns)), size)
    draws = _resamples(size[0], repeats, seed)
    sums = [np.empty((0, size[1]))]
    at_once = min(max(NUMBERS_AT_ONCE // size[0], 1), DRAWS_AT_ONCE)
    while chunk := list(islice(draws, at_once)):
        sums.append(np.array(chunk, dtype=np.float64) @ summed)
    return np.concatenate(sums).reshape(repeats, *shape)


def resampled_weights(
    groups: IntArray | None, n_articles: int, *, repeats: int, seed: int
) -> Iterator[IntArray]:
    """Yield, per resample, how often each article was drawn, of shape (n_articles,)."""
    cluster_of = _clusters(groups, n_articles)
    for drawn in _resamples(int(cluster_of.max()) + 1, repeats, seed):
        yield drawn[cluster_of]


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


def percentile_interval(estimate: float, values: FloatArray, level: float) -> Interval:
    """Return the middle `level` of `values` around `estimate`."""
    known = values[~np.isnan(values)]
    low, high = (
        np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if known.size else (np.nan,) * 2
    )
    return Interval(float(estimate), float(low), float(high))


def share_interval(count: int, of: int, sums: FloatArray, level: float = 0.95) -> ShareInterval:
    """Return the share `count` / `of` with its interval.

    Parameters
    ----------
    sums : ndarray of shape (repeats, 2)
        `count` and `of` in every resample.
    """
    share = percentile_interval(float(ratio(count, of)), ratio(sums[:, 0], sums[:, 1]), level)
    return ShareInterval(share.estimate, share.low, share.high, int(count), int(of))


@dataclass(frozen=True, slots=True)
class F1Changes:
    """How much higher each F1 of the second tagger is; `labels` in the order of the columns."""

    micro: Interval
    macro: Interval
    labels: tuple[Interval, ...]


def paired_f1_changes(
    truth: FloatArray,
    predicted_a: BoolArray,
    predicted_b: BoolArray,
    *,
    groups: IntArray | None = None,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> F1Changes:
    """Return what `paired_bootstrap` does for micro-F1, for macro-F1 and the F1 of each label.

    Both taggers are scored on the same resampled articles. A label whose F1 is a 0/0 for one of
    them has no change there: NaN. The macro-F1 of each is that of `metrics.macro_f1`.

    Parameters
    ----------
    truth : ndarray of shape (n_articles, n_labels), float64
        1 present, 0 absent, NaN unknown.
    predicted_a, predicted_b : ndarray of shape (n_articles, n_labels), bool
    groups, repeats, seed, level
        As in `classifier.evaluation.bootstrap.bootstrap_interval`.
    """
    cells = np.stack([f1_counts(truth, given) for given in (predicted_a, predicted_b)], axis=1)
    total, drawn = cells.sum(axis=0), resampled_sums(cells, groups, repeats, seed)

    def change(figure: Callable[[npt.NDArray[Any]], Any]) -> Interval:
        (a, b), values = figure(total), figure(drawn)
        return percentile_interval(b - a, values[:, 1] - values[:, 0], level)

    # of one label micro-F1 is its F1
    labels = [change(partial(_micro_of_one, label)) for label in range(truth.shape[1])]
    return F1Changes(change(micro_of), change(partial(macro_of, total=total)), tuple(labels))


def _micro_of_one(label: int, counts: npt.NDArray[Any]) -> Any:
    return micro_of(counts[..., [label]])
