"""How unsure a model is of articles, and which of them differ from each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.model.model import Model

__all__ = ["choose_spread", "cut_probabilities", "hesitation"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# What likeness to a chosen article costs.
SPREAD = 0.5
# A margin beyond every cut; and how close to certain a cut may lie to be hesitated over.
NEVER, LEAST_CUT = 1e9, 0.02


def cut_probabilities(model: Model) -> Vector:
    """Return the probability from which each label is given; shape (n_labels,)."""
    if model.mode == "one":
        return np.full(len(model.labels), 0.5)
    # the calibration needs a number where a label is never given
    cuts = np.where(np.isfinite(model.cuts), model.cuts, NEVER)
    probabilities: Vector = model.calibration(cuts[None, :])[0]
    return np.clip(probabilities, LEAST_CUT, 1 - LEAST_CUT)


def hesitation(scores: Matrix, cuts: Vector) -> Matrix:
    """Return how unsure a model is of each label: 1 at its cut, 0 at the probabilities 0 and 1.

    Parameters
    ----------
    scores : ndarray of shape (n_articles, n_labels)
        Probabilities.
    cuts : ndarray of shape (n_labels,)
        Probabilities above 0 and below 1.
    """
    return np.asarray(np.where(scores < cuts, scores / cuts, (1 - scores) / (1 - cuts)))


def choose_spread(priority: Vector, vectors: Any, n: int) -> list[int]:
    """Return the positions of `n` articles of high priority that differ from each other.

    Each in turn is the one with the highest priority, less `SPREAD` of it for an article just
    like one chosen before.

    Parameters
    ----------
    priority : ndarray of shape (n_articles,)
        Above zero.
    vectors : csr_matrix of shape (n_articles, n_terms)
        Of unit length, no negative values.
    """
    closeness = np.zeros(len(priority))
    left = priority.astype(np.float64)
    chosen: list[int] = []
    for _ in range(min(n, len(priority))):
        best = int(np.argmax(left * (1 - SPREAD * closeness)))
        chosen.append(best)
        left[best] = -np.inf
        closeness = np.maximum(closeness, (vectors @ vectors[best].T).toarray().ravel())
    return chosen
