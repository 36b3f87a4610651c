"""The figures of the whole, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation.counts import (
    BoolArray,
    confusion_cells,
    f1_of,
    known_mean,
    macro_of,
    micro_of,
    ratio,
)
from classifier.evaluation.intervals import (
    Interval,
    Resampling,
    ShareInterval,
    percentile_interval,
    resampled_sums,
    share_interval,
)
from classifier.evaluation.judged import Judged
from classifier.evaluation.metrics import brier, equal_mass_bins, expected_calibration_error
from classifier.evaluation.ranking import bootstrap_mean_average_precision

__all__ = ["Headline", "headline", "untagged_cells"]

FloatArray = npt.NDArray[np.float64]

BINS = 10
# Labels whose calibration is resampled at once; ten numbers an article and label.
LABELS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Headline:
    """The figures of the whole, each with its interval."""

    micro_f1: Interval
    macro_f1: Interval
    weighted_f1: Interval
    mean_average_precision: Interval
    exact_match: ShareInterval
    false_tag_rate: ShareInterval
    mean_brier: Interval
    max_calibration_error: Interval


def headline(judged: Judged, cells: FloatArray, resampled: FloatArray, how: Resampling) -> Headline:
    """Return the figures of all articles.

    Parameters
    ----------
    cells : ndarray of shape (3, n_labels)
        True positives, false positives and false negatives.
    resampled : ndarray of shape (repeats, 3, n_labels)
        The same of every resample.
    """
    truth, predicted = judged.truth, judged.predicted
    micro, macro, weighted = (
        percentile_interval(float(figure(cells)), figure(resampled), how.level)
        for figure in (micro_of, macro_of, _weighted_of)
    )
    mean_brier, calibration = _probability_figures(judged, how)
    return Headline(
        micro_f1=micro,
        macro_f1=macro,
        weighted_f1=weighted,
        mean_average_precision=bootstrap_mean_average_precision(
            truth, judged.probabilities, groups=judged.groups,
            repeats=how.repeats, seed=how.seed, level=how.level,
        ),
        exact_match=_share(_exact_cells(truth, predicted), judged, how),
        false_tag_rate=_share(untagged_cells(truth, predicted), judged, how),
        mean_brier=mean_brier,
        max_calibration_error=calibration,
    )  # fmt: skip


def _weighted_of(counts: FloatArray) -> FloatArray:
    """Return the weighted F1 of counts of shape (…, 3, n_labels), of shape (…)."""
    tp, fp, fn = np.moveaxis(counts, -2, 0)
    return ratio(np.nansum((tp + fn) * f1_of(tp, fp, fn), axis=-1), (tp + fn).sum(axis=-1))


def _exact_cells(truth: FloatArray, predicted: BoolArray) -> BoolArray:
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


def _share(cells: BoolArray, judged: Judged, how: Resampling) -> ShareInterval:
    sums = resampled_sums(cells, judged.groups, how.repeats, how.seed)
    count, of = cells.sum(axis=0).tolist()
    return share_interval(count, of, sums, how.level)


def _probability_figures(judged: Judged, how: Resampling) -> tuple[Interval, Interval]:
    """Return the mean Brier score and the largest calibration error of the labels."""
    truth, p = judged.truth, judged.probabilities
    known = ~np.isnan(truth)
    errors = np.stack([np.where(known, (p - truth) ** 2, 0.0), known], axis=1)
    sums = resampled_sums(errors, judged.groups, how.repeats, how.seed)
    n_known = sums[:, 1]
    gaps = ratio(_resampled_gaps(truth, p, judged, how), n_known)
    largest = np.where(np.isnan(gaps), -1.0, gaps).max(axis=1)
    return (
        percentile_interval(
            float(known_mean(brier(truth, p))), known_mean(ratio(sums[:, 0], n_known)), how.level
        ),
        percentile_interval(
            float(np.nanmax(expected_calibration_error(truth, p))), largest, how.level
        ),
    )


def _resampled_gaps(
    truth: FloatArray, p: FloatArray, judged: Judged, how: Resampling
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
        sums = resampled_sums(gaps, judged.groups, how.repeats, how.seed)
        parts.append(np.abs(sums).sum(axis=2))
    return np.concatenate(parts, axis=1)
