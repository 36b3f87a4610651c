"""Figures of what is predicted against the truth.

`truth` is 1 where a label is present, 0 where it is absent and NaN where nobody knows, float64 of
shape (n_articles, n_labels); `predicted` is of the same shape and bool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import BadInputError

__all__ = [
    "NONE",
    "Confusions",
    "Cooccurrence",
    "Counts",
    "Histogram",
    "LabelFigures",
    "PrecisionRecall",
    "ReliabilityBin",
    "Share",
    "average_precision",
    "brier",
    "check_shapes",
    "commonest",
    "confusion",
    "confusion_cells",
    "confusions",
    "cooccurrence",
    "equal_mass_bins",
    "exact_cells",
    "expected_calibration_error",
    "f1_counts",
    "f1_of",
    "false_tag_rate",
    "histogram",
    "known_mean",
    "macro_f1",
    "macro_of",
    "micro_f1",
    "micro_of",
    "per_label",
    "precision_at_k",
    "precision_recall",
    "ratio",
    "recall_at_k",
    "reliability",
    "roc_auc",
    "untagged_cells",
    "weighted_of",
]


FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


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


def micro_f1(truth: FloatArray, predicted: BoolArray) -> float:
    """Return the F1 of all known cells as if they were of one label."""
    return float(micro_of(f1_counts(truth, predicted).sum(axis=0)))


def macro_f1(truth: FloatArray, predicted: BoolArray) -> float:
    """Return the mean F1 of the labels.

    A label neither present nor predicted anywhere is left out; one predicted but never present
    counts as 0.
    """
    return float(macro_of(f1_counts(truth, predicted).sum(axis=0)))


def per_label(
    truth: FloatArray, predicted: BoolArray, scores: FloatArray, names: Sequence[str]
) -> list[LabelFigures]:
    """Return the figures of each label, in the order of `names`, of length n_labels."""
    counts = confusion(truth, predicted)
    support, chosen = counts.tp + counts.fn, counts.tp + counts.fp
    columns = (
        ratio(counts.tp, chosen),
        ratio(counts.tp, support),
        f1_of(counts.tp, counts.fp, counts.fn),
        average_precision(truth, scores),
        roc_auc(truth, scores),
        support,
        chosen,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [LabelFigures(name, *row) for name, row in zip(names, rows, strict=True)]


def false_tag_rate(truth: FloatArray, predicted: BoolArray) -> Share:
    """Return the articles given any tag, of those known to have none of the labels."""
    check_shapes(truth, predicted)
    return Share(*untagged_cells(truth, predicted).sum(axis=0).tolist())


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
        bin_of = equal_mass_bins(p, bins)
        return float(np.abs(np.bincount(bin_of, weights=p - y)).sum() / len(p))

    return _by_label(truth, probabilities, gap)


def equal_mass_bins(p: FloatArray, bins: int = 10) -> IntArray:
    """Return the bin from 0 on of each value; equal values share one, so some may be empty."""
    return np.asarray(np.searchsorted(np.sort(p), p) * bins // len(p), dtype=np.int64)


def average_precision(truth: FloatArray, scores: FloatArray) -> FloatArray:
    """Return the area under the precision-recall steps per label, float64 of (n_labels,).

    Equal scores are one step, as in scikit-learn; NaN for a label that is never present.
    """
    return _by_label(truth, scores, _average_precision)


def _average_precision(y: FloatArray, s: FloatArray) -> float:
    """Return the mean over present articles of the precision among scores no lower than theirs."""
    present, absent = np.sort(s[y > 0]), np.sort(s[y <= 0])
    if not len(present):
        return float("nan")
    hits = len(present) - np.searchsorted(present, present)
    false = len(absent) - np.searchsorted(absent, present)
    return float(np.mean(hits / (hits + false)))


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
    return float(ratio(below.sum(), 2 * len(present) * len(absent)))


def precision_at_k(truth: FloatArray, scores: FloatArray, k: int) -> float:
    """Return the share present among the k best-scored known labels of an article, on average.

    Articles without any label are left out; where fewer than k cells are known, all of them are
    the best k. Among equal scores the earlier label comes first.
    """
    hits, _, known = _top_hits(truth, scores, k)
    return float(known_mean(ratio(hits, np.minimum(known, k))))


def recall_at_k(truth: FloatArray, scores: FloatArray, k: int) -> float:
    """Return the share of an article's labels among its k best-scored ones, on average.

    Articles, unknown cells and equal scores are treated as in `precision_at_k`.
    """
    hits, present, _ = _top_hits(truth, scores, k)
    return float(known_mean(hits / present))


def _by_label(
    truth: FloatArray, scores: FloatArray, figure: Callable[[FloatArray, FloatArray], float]
) -> FloatArray:
    """Return `figure` of the known cells of each label, NaN for a label without any."""
    check_shapes(truth, scores)
    values = np.full(truth.shape[1], np.nan)
    for label, known in enumerate(~np.isnan(truth.T)):
        if known.any():
            values[label] = figure(truth[known, label], scores[known, label])
    return values


def _top_hits(truth: FloatArray, scores: FloatArray, k: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return labels among the best k, labels, and known cells, per article with a label."""
    check_shapes(truth, scores)
    labelled = (truth == 1).any(axis=1)
    present, known = truth[labelled] == 1, ~np.isnan(truth[labelled])
    ranked = np.argsort(np.where(known, -scores[labelled], np.inf), axis=1, kind="stable")
    hits = np.take_along_axis(present, ranked[:, :k], axis=1).sum(axis=1)
    return hits, present.sum(axis=1), known.sum(axis=1)


@dataclass(frozen=True, slots=True)
class Counts:
    """Known cells per label by truth and prediction, each an int64 array of shape (n_labels,)."""

    tp: IntArray
    fp: IntArray
    fn: IntArray
    tn: IntArray


def confusion(truth: FloatArray, predicted: BoolArray) -> Counts:
    """Return the true and false positives and negatives per label."""
    tp, fp, fn, tn = (cells.sum(axis=0) for cells in confusion_cells(truth, predicted))
    return Counts(tp, fp, fn, tn)


def confusion_cells(truth: FloatArray, predicted: BoolArray) -> tuple[BoolArray, ...]:
    """Return where the true and false positives and negatives are, each the shape of `truth`."""
    check_shapes(truth, predicted)
    present, absent, chosen = truth == 1, truth == 0, np.asarray(predicted, dtype=bool)
    return present & chosen, absent & chosen, present & ~chosen, absent & ~chosen


def f1_counts(truth: FloatArray, predicted: BoolArray) -> IntArray:
    """Return tp, fp and fn of every cell as 0 or 1, of shape (n_articles, 3, n_labels)."""
    return np.stack(confusion_cells(truth, predicted)[:3], axis=1).astype(np.int64)


def micro_of(counts: npt.NDArray[Any]) -> Any:
    """Return the micro-F1 of counts of shape (…, 3, n_labels), of shape (…)."""
    tp, fp, fn = np.moveaxis(counts.sum(axis=-1), -1, 0)
    return f1_of(tp, fp, fn)


def macro_of(counts: npt.NDArray[Any], total: npt.NDArray[Any] | None = None) -> Any:
    """Return the macro-F1 of counts of shape (…, 3, n_labels), of shape (…).

    `total`, of counts that these were resampled from, tells the F1 of labels that were not drawn:
    without them resamples would leave rare labels out, and be better than what they are drawn from.
    """
    f1 = f1_of(*np.moveaxis(counts, -2, 0))
    if total is not None:
        f1 = np.where(np.isnan(f1), f1_of(*np.moveaxis(total, -2, 0)), f1)
    return known_mean(f1)


def weighted_of(counts: FloatArray) -> FloatArray:
    """Return the weighted F1 of counts of shape (…, 3, n_labels), of shape (…)."""
    tp, fp, fn = np.moveaxis(counts, -2, 0)
    return ratio(np.nansum((tp + fn) * f1_of(tp, fp, fn), axis=-1), (tp + fn).sum(axis=-1))


def exact_cells(truth: FloatArray, predicted: BoolArray) -> BoolArray:
    """Return which articles are right in all known cells, and which have any; (n_articles, 2)."""
    _, false, missed, _ = confusion_cells(truth, predicted)
    judged = ~np.isnan(truth).all(axis=1)
    return np.column_stack([judged & ~(false | missed).any(axis=1), judged])


def untagged_cells(truth: FloatArray, predicted: BoolArray) -> BoolArray:
    """Return which articles have no label and were given one, and which have none.

    The shape is (n_articles, 2); `false_tag_rate` is the first out of the second.
    """
    untagged = (truth == 0).all(axis=1)
    return np.column_stack([untagged & predicted.any(axis=1), untagged])


def f1_of(tp: npt.NDArray[Any], fp: npt.NDArray[Any], fn: npt.NDArray[Any]) -> FloatArray:
    """Return 2 tp / (2 tp + fp + fn), NaN where nothing is present or predicted."""
    return ratio(2 * tp, 2 * tp + fp + fn)


def known_mean(values: FloatArray) -> FloatArray:
    """Return the mean over the last axis of the values that are not NaN."""
    return ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    """Return the quotient, NaN where the denominator is 0."""
    below = np.asarray(denominator, dtype=np.float64)
    return np.asarray(numerator) / np.where(below == 0, np.nan, below)


def check_shapes(truth: FloatArray, other: npt.NDArray[Any]) -> None:
    """Raise unless both arrays have a cell for the same articles and labels."""
    if np.ndim(truth) != 2 or np.shape(truth) != np.shape(other):
        raise BadInputError(
            f"truth has the shape {np.shape(truth)}, what is measured against it "
            f"{np.shape(other)}. Pass both as (n_articles, n_labels), rows in the same order."
        )


MOST_POINTS = 200
BARS = 20


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Points of the precision-recall curve, recall rising; `threshold` is a probability."""

    precision: tuple[float, ...]
    recall: tuple[float, ...]
    threshold: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """`n` articles of like probability, and the share of them that has the label."""

    mean_probability: float
    share_present: float
    n: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Articles with and without the label by probability; one more edge than counts."""

    edges: tuple[float, ...]
    present: tuple[int, ...]
    absent: tuple[int, ...]


def precision_recall(y: FloatArray, p: FloatArray) -> PrecisionRecall:
    """Return precision and recall from every probability on, thinned; empty without a positive."""
    if not (y == 1).any():
        return PrecisionRecall((), (), ())
    order = np.argsort(-p, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    hits = np.cumsum(y[order])[last_of_tie]
    recall = hits / hits[-1]
    kept = _thinned(recall)
    return PrecisionRecall(
        precision=tuple((hits / (last_of_tie + 1))[kept].tolist()),
        recall=tuple(recall[kept].tolist()),
        threshold=tuple(p[order][last_of_tie][kept].tolist()),
    )


def _thinned(recall: FloatArray) -> IntArray:
    """Return the places to keep: half of them evenly along the recall, half along the articles."""
    if len(recall) <= MOST_POINTS:
        return np.arange(len(recall))
    steps = np.searchsorted(recall, np.linspace(recall[0], 1, MOST_POINTS // 2))
    places = np.linspace(0, len(recall) - 1, MOST_POINTS // 2).astype(np.int64)
    return np.union1d(steps, places)


def reliability(y: FloatArray, p: FloatArray) -> tuple[ReliabilityBin, ...]:
    """Return the bins that `expected_calibration_error` is made of, without the empty ones."""
    if not len(p):
        return ()
    bin_of = equal_mass_bins(p)
    return tuple(
        ReliabilityBin(float(p[inside].mean()), float(y[inside].mean()), int(inside.sum()))
        for inside in (bin_of == b for b in np.unique(bin_of))
    )


def histogram(y: FloatArray, p: FloatArray) -> Histogram:
    """Return the articles with and without the label in 20 equal steps of probability."""
    edges = np.linspace(0, 1, BARS + 1)
    present, absent = (np.histogram(p[y == side], edges)[0].tolist() for side in (1, 0))
    return Histogram(tuple(edges.round(2).tolist()), tuple(present), tuple(absent))


PairCounts = tuple[tuple[int, ...], ...]
# What stands for "no label" among the labels of `Confusions`.
NONE = "none"
# As many labels as a square of numbers can show.
MOST_LABELS = 50


@dataclass(frozen=True, slots=True)
class Cooccurrence:
    """Articles that have both labels, in truth and as predicted; symmetric."""

    labels: tuple[str, ...]
    truth: PairCounts
    predicted: PairCounts


@dataclass(frozen=True, slots=True)
class Confusions:
    """`counts[x][y]`: so often x was said where y was right; the last label is "none"."""

    labels: tuple[str, ...]
    counts: PairCounts

    def commonest(self, most: int = 20) -> list[tuple[str, str, int]]:
        """Return what was said, where what was right, and how often, the commonest first."""
        found = [
            (said, right, count)
            for said, counts in zip(self.labels, self.counts, strict=True)
            for right, count in zip(self.labels, counts, strict=True)
            if said != right and count
        ]
        return sorted(found, key=lambda each: -each[2])[:most]


def commonest(truth: FloatArray) -> IntArray:
    """Return the columns of the 50 labels that most articles have, in their order."""
    by_support = np.argsort(-(truth == 1).sum(axis=0), kind="stable")
    return np.sort(by_support[:MOST_LABELS])


def cooccurrence(truth: FloatArray, predicted: BoolArray, labels: Sequence[str]) -> Cooccurrence:
    """Return how many articles have each pair of labels, of those that know both."""
    present, chosen = truth == 1, predicted & ~np.isnan(truth)
    return Cooccurrence(tuple(labels), _together(present, present), _together(chosen, chosen))


def confusions(truth: FloatArray, predicted: BoolArray, labels: Sequence[str]) -> Confusions:
    """Return how often each label was said where another was right.

    A false label counts once for every label that the article was owed, or as said where none
    was right; an owed label in an article without a false one counts as none said. The diagonal
    holds the right labels, and at its end the articles with none, rightly.
    """
    hit, false, missed, _ = confusion_cells(truth, predicted)
    nothing = (truth == 0).all(axis=1) & ~predicted.any(axis=1)
    said = np.column_stack([false, missed.any(axis=1) & ~false.any(axis=1)])
    right = np.column_stack([missed, false.any(axis=1) & ~missed.any(axis=1)])
    counts = said.T.astype(np.int64) @ right.astype(np.int64)
    counts[np.diag_indices(len(counts))] += np.append(hit.sum(axis=0), nothing.sum())
    return Confusions((*labels, NONE), _rows(counts))


def _together(a: BoolArray, b: BoolArray) -> PairCounts:
    return _rows(a.T.astype(np.int64) @ b.astype(np.int64))


def _rows(counts: IntArray) -> PairCounts:
    return tuple(map(tuple, counts.tolist()))
