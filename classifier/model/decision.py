"""margins → scores and tags: calibrated, then held to the cuts or to a caller's thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan

import numpy as np
from numpy.typing import NDArray

from classifier.compiled import compiled
from classifier.errors import ModelError
from classifier.model.calibration import Calibration, PiecewiseLinear

__all__ = ["Answer", "Decision", "Judged", "checked_floors", "judged"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# The labels given to an article, the most probable first, and the probability of every label.
Answer = tuple[tuple[str, ...], dict[str, float]]
# An answer, and how many words of the article there are and are known.
Judged = tuple[tuple[str, ...], dict[str, float], int, int]


@dataclass(frozen=True, eq=False)
class Decision:
    """What makes answers of margins.

    Parameters
    ----------
    labels : tuple of str
    calibration : Calibration
    cuts : ndarray of float64 of shape (n_labels,)
        Margins from which labels are given.
    floors : ndarray of float64 of shape (n_labels,)
        Probabilities from which they are given instead, NaN where the cut decides.
    mode : {"several", "one"}
        In mode "one" the largest margin decides alone.
    """

    labels: tuple[str, ...]
    calibration: Calibration
    cuts: Vector
    floors: Vector
    mode: str

    @cached_property
    def decider(self) -> object | None:
        """The same compiled, for lines and any number of labels an article."""
        module = compiled()
        if (
            module is None
            or self.mode == "one"
            or not isinstance(self.calibration, PiecewiseLinear)
        ):
            return None
        knots = self.calibration.knots
        numbers = (knots.x, knots.y, knots.slope, knots.last, self.cuts, self.floors)
        plain = [np.ascontiguousarray(each, np.float64) for each in numbers]
        decider: object = module.Decider(tuple(self.labels), *plain)
        return decider

    @cached_property
    def _limits(self) -> list[tuple[float, float]]:
        return list(zip(self.cuts.tolist(), self.floors.tolist(), strict=True))

    def __call__(self, margins: Matrix) -> list[Answer]:
        """Return the answers to margins of shape (n_articles, n_labels)."""
        # in lists, as arrays cost an article by itself more than they save a batch
        scores, rows = self.calibration(margins).tolist(), margins.tolist()
        if self.mode == "one":
            given = [[best] for best in margins.argmax(axis=1).tolist()]
        else:
            given = list(map(self._given, rows, scores))
        return [
            (self._ranked(*article), dict(zip(self.labels, article[2], strict=True)))
            for article in zip(given, rows, scores, strict=True)
        ]

    def _given(self, margins: list[float], scores: list[float]) -> list[int]:
        """Return the places of the labels given to an article."""
        rows = enumerate(zip(margins, scores, self._limits, strict=True))
        return [
            place
            for place, (margin, score, (cut, floor)) in rows
            if (margin >= cut if isnan(floor) else score >= floor)
        ]

    def _ranked(
        self, given: list[int], margins: list[float], scores: list[float]
    ) -> tuple[str, ...]:
        """Return labels, the most probable first; of equally probable ones the higher margin."""
        if len(given) > 1:
            given.sort(key=lambda place: (-scores[place], -margins[place]))
        return tuple([self.labels[place] for place in given])


def checked_floors(labels: Sequence[str], thresholds: Mapping[str, float], mode: str) -> Vector:
    """Return thresholds as floors of shape (n_labels,), NaN where there is none.

    Raises
    ------
    ModelError
        When a threshold names no label of the model or is no probability.
    """
    floors = np.full(len(labels), np.nan)
    for label, floor in thresholds.items():
        if label not in labels:
            known = ", ".join(labels)
            raise ModelError(f"threshold for '{label}': the model's labels are {known}")
        if mode == "one":
            raise ModelError("a model that gives exactly one label takes no thresholds")
        if not 0 <= floor <= 1:
            raise ModelError(f"threshold for '{label}' must lie between 0 and 1, not {floor}")
        floors[labels.index(label)] = floor
    return floors


def judged(
    answers: Sequence[Answer], n_words: Sequence[int], n_known: Sequence[int]
) -> list[Judged]:
    """Return answers with the number of words of each article, and of known ones."""
    rows = zip(answers, n_words, n_known, strict=True)
    return [(*answer, words, known) for answer, words, known in rows]
