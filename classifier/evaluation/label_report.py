"""The figures and curves of every label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation.counts import f1_of
from classifier.evaluation.curves import (
    Histogram,
    PrecisionRecall,
    ReliabilityBin,
    histogram,
    precision_recall,
    reliability,
)
from classifier.evaluation.intervals import Interval, percentile_interval
from classifier.evaluation.judged import Judged
from classifier.evaluation.metrics import brier, expected_calibration_error, per_label

__all__ = ["LabelReport", "label_reports"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelReport:
    """How one label did.

    Parameters
    ----------
    label : str
    support, predicted, known : int
        Articles that have it, were given it, and of which it is known; the first two among the
        last.
    cut : float
        Probability from which it is given; NaN when it never is, or in mode "one".
    cut_margin : float
        The same as a margin; NaN also where a threshold stands in its place.
    precision, recall, average_precision, roc_auc, brier, calibration_error : float
    f1 : Interval
    precision_recall : PrecisionRecall
        At most 200 points.
    reliability : tuple of ReliabilityBin
        At most ten, of about equal `n`, the probability rising.
    histogram : Histogram
    """

    label: str
    support: int
    predicted: int
    known: int
    cut: float
    cut_margin: float
    precision: float
    recall: float
    f1: Interval
    average_precision: float
    roc_auc: float
    brier: float
    calibration_error: float
    precision_recall: PrecisionRecall
    reliability: tuple[ReliabilityBin, ...]
    histogram: Histogram


def label_reports(
    judged: Judged, resampled: FloatArray, *, level: float
) -> tuple[LabelReport, ...]:
    """Return what was found of each label that the corpus knows, in the model's order.

    Parameters
    ----------
    resampled : ndarray of shape (repeats, 3, n_labels)
        True positives, false positives and false negatives of every resample.
    """
    f1 = f1_of(*np.moveaxis(resampled, 1, 0))
    return tuple(_label_reports(judged, f1, level))


def _label_reports(judged: Judged, f1: FloatArray, level: float) -> Iterator[LabelReport]:
    truth, p = judged.truth, judged.probabilities
    rows = per_label(truth, judged.predicted, p, judged.labels)
    errors, squares = expected_calibration_error(truth, p), brier(truth, p)
    for k, row in enumerate(rows):
        known = ~np.isnan(truth[:, k])
        cells = truth[known, k], p[known, k]
        yield LabelReport(
            label=row.label,
            support=row.support,
            predicted=row.predicted_count,
            known=int(known.sum()),
            cut=float(judged.cuts[k]),
            cut_margin=float(judged.cut_margins[k]),
            precision=row.precision,
            recall=row.recall,
            f1=percentile_interval(row.f1, f1[:, k], level),
            average_precision=row.average_precision,
            roc_auc=row.roc_auc,
            brier=float(squares[k]),
            calibration_error=float(errors[k]),
            precision_recall=precision_recall(*cells),
            reliability=reliability(*cells),
            histogram=histogram(*cells),
        )
