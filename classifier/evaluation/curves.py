"""One label's curves: precision by recall, frequency by probability, and how scores spread.

`y` is float64 of shape (n_known,), 1 present and 0 absent; `p` the probabilities of the same cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation.metrics import equal_mass_bins

__all__ = [
    "Histogram",
    "PrecisionRecall",
    "ReliabilityBin",
    "histogram",
    "precision_recall",
    "reliability",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

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
