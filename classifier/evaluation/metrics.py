"""How good tags are: counts and F1, ranking, calibration, and intervals around them.

Throughout, `truth` is float64 of shape (n_articles, n_labels), 1 present, 0 absent, NaN unknown;
unknown cells are left out of every figure. `predicted` is bool, `scores` and `probabilities` are
float, all of the shape of `truth`; `BadInputError` is raised for any other shape. A figure that
nothing speaks for, a 0/0, is NaN and never a 0 or a 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import BadInputError

__all__ = [
    "Counts",
    "Interval",
    "LabelFigures",
    "Share",
    "average_precision",
    "bootstrap_f1",
    "bootstrap_interval",
    "brier",
    "confusion",
    "exact_match",
    "expected_calibration_error",
    "false_tag_rate",
    "macro_f1",
    "micro_f1",
    "paired_bootstrap",
    "per_label",
    "precision_at_k",
    "recall_at_k",
    "roc_auc",
    "weighted_f1",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Statistic = Callable[[FloatArray, npt.NDArray[Any]], float]


@dataclass(frozen=True, slots=True)
class Counts:
    """Known cells per label by truth and prediction, each an int64 array of shape (n_labels,)."""

    tp: IntArray
    fp: IntArray
    fn: IntArray
    tn: IntArray


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """How one label did; `support` and `predicted_count` are counts of known cells."""

    label: str
    precision: float
    recall: float
    f1: float
    average_precision: float
    roc_auc: float
    support: int
    predicted_count: int


@dataclass(frozen=True, slots=True)
class Share:
    """So many articles out of so many."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share from 0 to 1, NaN of no articles."""
        return self.count / self.of if self.of else float("nan")


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure on all articles and the percentiles of it over resampled ones."""

    estimate: float
    low: float
    high: float


def confusion(truth: FloatArray, predicted: BoolArray) -> Counts:
    """Return the true and false positives and negatives per label."""
    tp, fp, fn, tn = (cells.sum(axis=0) for cells in _confusion_cells(truth, predicted))
    return Counts(tp, fp, fn, tn)


def micro_f1(truth: FloatArray, predicted: BoolArray) -> float:
    """Return the F1 of all known cells as if they were of one label."""
    return float(_micro(_f1_counts(truth, predicted).sum(axis=0)))


def macro_f1(truth: FloatArray, predicted: BoolArray) -> float:
    """Return the mean F1 of the labels.

    A label neither present nor predicted anywhere is left out; one predicted but never present
    counts as 0.
    """
    return float(_macro(_f1_counts(truth, predicted).sum(axis=0)))


def weighted_f1(truth: FloatArray, predicted: BoolArray) -> float:
    """Return the mean F1 of the labels, weighted by the articles that have each."""
    tp, fp, fn = _f1_counts(truth, predicted).sum(axis=0)
    return float(_ratio(np.nansum((tp + fn) * _f1(tp, fp, fn)), (tp + fn).sum()))


def per_label(
    truth: FloatArray, predicted: BoolArray, scores: FloatArray, names: Sequence[str]
) -> list[LabelFigures]:
    """Return the figures of each label, in the order of `names`, of length n_labels."""
    counts = confusion(truth, predicted)
    support, chosen = counts.tp + counts.fn, counts.tp + counts.fp
    columns = (
        _ratio(counts.tp, chosen),
        _ratio(counts.tp, support),
        _f1(counts.tp, counts.fp, counts.fn),
        average_precision(truth, scores),
        roc_auc(truth, scores),
        support,
        chosen,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [LabelFigures(name, *row) for name, row in zip(names, rows, strict=True)]


def exact_match(truth: FloatArray, predicted: BoolArray) -> Share:
    """Return the articles whose every known cell is right, of those with any known cell."""
    _, fp, fn, _ = _confusion_cells(truth, predicted)
    judged = ~np.isnan(truth).all(axis=1)
    return Share(int((judged & ~(fp | fn).any(axis=1)).sum()), int(judged.sum()))


def false_tag_rate(truth: FloatArray, predicted: BoolArray) -> Share:
    """Return the articles given any tag, of those known to have none of the labels."""
    _, fp, _, _ = _confusion_cells(truth, predicted)
    untagged = (truth == 0).all(axis=1)
    return Share(int((untagged & fp.any(axis=1)).sum()), int(untagged.sum()))


def brier(truth: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Return the mean squared error of the probabilities per label, float64 of (n_labels,)."""
    return _by_label(truth, probabilities, lambda y, p: float(np.mean((p - y) ** 2)))


def expected_calibration_error(
    truth: FloatArray, probabilities: FloatArray, bins: int = 10
) -> FloatArray:
    """Return, per label, how far probabilities are from frequencies on average.

    The gap of Naeini, Cooper and Hauskrecht (2015) between mean probability and share present,
    weighted by the articles in each bin, over bins of equal mass (Nguyen and O'Connor 2015), as
    most probabilities of a rare label would crowd into the lowest of bins of equal width. Equal
    probabilities share a bin, so the order of articles does not matter.

    Returns
    -------
    ndarray of shape (n_labels,), float64
    """

    def gap(y: FloatArray, p: FloatArray) -> float:
        bin_of = np.searchsorted(np.sort(p), p) * bins // len(p)
        return float(np.abs(np.bincount(bin_of, weights=p - y)).sum() / len(p))

    return _by_label(truth, probabilities, gap)


def average_precision(truth: FloatArray, scores: FloatArray) -> FloatArray:
    """Return the area under the precision-recall steps per label, float64 of (n_labels,).

    Equal scores are one step, as in scikit-learn; NaN for a label that is never present.
    """
    return _by_label(truth, scores, _average_precision)


def _average_precision(y: FloatArray, s: FloatArray) -> float:
    """Return the sum over distinct scores of precision times the recall gained there."""
    order = np.argsort(-s, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)
    hits = np.cumsum(y[order])[last_of_tie]
    gained = np.diff(hits, prepend=0.0)
    return float(_ratio(np.sum(gained * hits / (last_of_tie + 1)), hits[-1]))


def roc_auc(truth: FloatArray, scores: FloatArray) -> FloatArray:
    """Return, per label, how often a present article outscores an absent one, ties as half.

    float64 of (n_labels,); NaN for a label that is never or always present.
    """
    return _by_label(truth, scores, _roc_auc)


def _roc_auc(y: FloatArray, s: FloatArray) -> float:
    """Return the share of (present, absent) pairs in the right order."""
    absent = np.sort(s[y == 0])
    present = s[y == 1]
    # Counting from the left and from the right of a tie gives it the weight of a half.
    below = np.searchsorted(absent, present) + np.searchsorted(absent, present, side="right")
    return float(_ratio(below.sum(), 2 * len(present) * len(absent)))


def precision_at_k(truth: FloatArray, scores: FloatArray, k: int) -> float:
    """Return the share present among the k best-scored known labels of an article, on average.

    Articles without any label are left out; where fewer than k cells are known, all of them are
    the best k. Among equal scores the earlier label comes first.
    """
    hits, _, known = _top_hits(truth, scores, k)
    return float(_mean(_ratio(hits, np.minimum(known, k))))


def recall_at_k(truth: FloatArray, scores: FloatArray, k: int) -> float:
    """Return the share of an article's labels among its k best-scored ones, on average.

    Articles, unknown cells and equal scores are treated as in `precision_at_k`.
    """
    hits, present, _ = _top_hits(truth, scores, k)
    return float(_mean(hits / present))


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
    _check_shapes(truth, predicted)
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
    cells = _f1_counts(truth, predicted)
    counts = _resampled_counts(cells, groups, repeats, seed)
    return {
        name: _interval(figure(cells.sum(axis=0)), figure(counts), level)
        for name, figure in (("micro", _micro), ("macro", _macro))
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
    cells = [_f1_counts(truth, predicted) for predicted in (predicted_a, predicted_b)]
    a, b = (_micro(_resampled_counts(each, groups, repeats, seed)) for each in cells)
    estimate_a, estimate_b = (_micro(each.sum(axis=0)) for each in cells)
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


def _confusion_cells(truth: FloatArray, predicted: BoolArray) -> tuple[BoolArray, ...]:
    """Return where the true and false positives and negatives are, each the shape of `truth`."""
    _check_shapes(truth, predicted)
    present, absent, chosen = truth == 1, truth == 0, np.asarray(predicted, dtype=bool)
    return present & chosen, absent & chosen, present & ~chosen, absent & ~chosen


def _f1_counts(truth: FloatArray, predicted: BoolArray) -> IntArray:
    """Return tp, fp and fn of every cell as 0 or 1, of shape (n_articles, 3, n_labels)."""
    return np.stack(_confusion_cells(truth, predicted)[:3], axis=1).astype(np.int64)


def _micro(counts: npt.NDArray[Any]) -> Any:
    """Return the micro-F1 of counts of shape (…, 3, n_labels), of shape (…)."""
    tp, fp, fn = np.moveaxis(counts.sum(axis=-1), -1, 0)
    return _f1(tp, fp, fn)


def _macro(counts: npt.NDArray[Any]) -> Any:
    """Return the macro-F1 of counts of shape (…, 3, n_labels), of shape (…)."""
    tp, fp, fn = np.moveaxis(counts, -2, 0)
    return _mean(_f1(tp, fp, fn))


def _f1(tp: npt.NDArray[Any], fp: npt.NDArray[Any], fn: npt.NDArray[Any]) -> FloatArray:
    """Return 2 tp / (2 tp + fp + fn), NaN where nothing is present or predicted."""
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean over the last axis of the values that are not NaN."""
    return _ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


def _ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    """Return the quotient, NaN where the denominator is 0."""
    below = np.asarray(denominator, dtype=np.float64)
    return np.asarray(numerator) / np.where(below == 0, np.nan, below)


def _by_label(
    truth: FloatArray, scores: FloatArray, figure: Callable[[FloatArray, FloatArray], float]
) -> FloatArray:
    """Return `figure` of the known cells of each label, NaN for a label without any."""
    _check_shapes(truth, scores)
    values = np.full(truth.shape[1], np.nan)
    for label, known in enumerate(~np.isnan(truth.T)):
        if known.any():
            values[label] = figure(truth[known, label], scores[known, label])
    return values


def _top_hits(truth: FloatArray, scores: FloatArray, k: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return labels among the best k, labels, and known cells, per article with a label."""
    _check_shapes(truth, scores)
    labelled = (truth == 1).any(axis=1)
    present, known = truth[labelled] == 1, ~np.isnan(truth[labelled])
    ranked = np.argsort(np.where(known, -scores[labelled], np.inf), axis=1, kind="stable")
    hits = np.take_along_axis(present, ranked[:, :k], axis=1).sum(axis=1)
    return hits, present.sum(axis=1), known.sum(axis=1)


def _check_shapes(truth: FloatArray, other: npt.NDArray[Any]) -> None:
    """Raise unless both arrays have a cell for the same articles and labels."""
    if np.ndim(truth) != 2 or np.shape(truth) != np.shape(other):
        raise BadInputError(
            f"truth has the shape {np.shape(truth)}, what is measured against it "
            f"{np.shape(other)}. Pass both as (n_articles, n_labels), rows in the same order."
        )
