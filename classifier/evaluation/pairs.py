"""Which labels come together, and which is said where another would be right.

`truth` and `predicted` are as `classifier.evaluation.metrics` describes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation.counts import confusion_cells

__all__ = ["NONE", "Confusions", "Cooccurrence", "commonest", "confusions", "cooccurrence"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Counts = tuple[tuple[int, ...], ...]

# What stands for "no label" among the labels of `Confusions`.
NONE = "none"
# As many labels as a square of numbers can show.
MOST_LABELS = 50


@dataclass(frozen=True, slots=True)
class Cooccurrence:
    """Articles that have both labels, in truth and as predicted; symmetric."""

    labels: tuple[str, ...]
    truth: Counts
    predicted: Counts


@dataclass(frozen=True, slots=True)
class Confusions:
    """`counts[x][y]`: so often x was said where y was right; the last label is "none"."""

    labels: tuple[str, ...]
    counts: Counts


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


def _together(a: BoolArray, b: BoolArray) -> Counts:
    return _rows(a.T.astype(np.int64) @ b.astype(np.int64))


def _rows(counts: IntArray) -> Counts:
    return tuple(map(tuple, counts.tolist()))
