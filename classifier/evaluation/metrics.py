"""How good tags are: counts and F1, ranking and calibration.

Throughout, `truth` is float64 of shape (n_articles, n_labels), 1 present, 0 absent, NaN unknown;
unknown cells are left out of every figure. `predicted` is bool, `scores` and `probabilities` are
float, all of the shape of `truth`; `BadInputError` is raised for any other shape. A figure that
nothing speaks for, a 0/0, is NaN and never a 0 or a 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation.counts import (
    Counts,
    check_shapes,
    confusion,
    confusion_cells,
    f1_counts,
    f1_of,
    known_mean,
    macro_of,
    micro_of,
    ratio,
)

__all__ = [
    "Counts",
    "LabelFigures",
    "Share",
    "average_precision",
    "brier",
    "confusion",
    "equal_mass_bins",
    "exact_match",
    "expected_calibration_error",
    "false_tag_rate",
    "macro_f1",
    "micro_f1",
    "per_label",
    "precision_at_k",
    "recall_at_k",
    "roc_auc",
    "weighted_f1",
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


def weighted_f1(truth: FloatArray, predicted: BoolArray) -> float:
    """Return the mean F1 of the labels, weighted by the articles that have each."""
    tp, fp, fn = f1_counts(truth, predicted).sum(axis=0)
    return float(ratio(np.nansum((tp + fn) * f1_of(tp, fp, fn)), (tp + fn).sum()))


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


def exact_match(truth: FloatArray, predicted: BoolArray) -> Share:
    """Return the articles whose every known cell is right, of those with any known cell."""
    _, fp, fn, _ = confusion_cells(truth, predicted)
    judged = ~np.isnan(truth).all(axis=1)
    return Share(int((judged & ~(fp | fn).any(axis=1)).sum()), int(judged.sum()))


def false_tag_rate(truth: FloatArray, predicted: BoolArray) -> Share:
    """Return the articles given any tag, of those known to have none of the labels."""
    _, fp, _, _ = confusion_cells(truth, predicted)
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
