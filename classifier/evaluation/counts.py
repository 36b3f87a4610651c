"""Counts of right and wrong cells, which every figure of tags is made of.

`truth` and `predicted` are as `classifier.evaluation.metrics` describes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import BadInputError

__all__ = [
    "Counts",
    "check_shapes",
    "confusion",
    "confusion_cells",
    "f1_counts",
    "f1_of",
    "known_mean",
    "macro_of",
    "micro_of",
    "ratio",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


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


def macro_of(counts: npt.NDArray[Any]) -> Any:
    """Return the macro-F1 of counts of shape (…, 3, n_labels), of shape (…)."""
    tp, fp, fn = np.moveaxis(counts, -2, 0)
    return known_mean(f1_of(tp, fp, fn))


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
