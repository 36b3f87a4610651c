"""margins → probabilities → answers: the fitted maps, as plain numbers that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Protocol

import numpy as np

from classifier.compiled import compiled
from classifier.errors import ModelError, listed
from classifier.model.vocabulary import Matrix, Vector

__all__ = [
    "Answer",
    "Calibration",
    "Decision",
    "Judged",
    "PiecewiseLinear",
    "Softmax",
    "calibration_from_json",
    "checked_floors",
]


class Calibration(Protocol):
    """A map from margins to probabilities that keeps the order of the margins."""

    def __call__(self, margins: Matrix) -> Matrix:
        """Return probabilities of the shape of `margins`, (n_articles, n_labels)."""
        ...

    def to_json(self) -> dict[str, object]:
        """Return the numbers that `calibration_from_json` reads back."""
        ...


# From so many on a search a label costs less than comparing all with all knots.
MANY_ARTICLES = 512


@dataclass(frozen=True)
class PiecewiseLinear:
    """One rising broken line a label; beyond its ends the probability stays constant.

    np.interp computes the same, but a compiler that fuses its multiplication with its addition
    would have it differ from the other ways here, which must agree to the last bit.

    Parameters
    ----------
    margins, probabilities : sequence of sequence of float
        Per label the knots, strictly increasing in the margin, not falling in the probability.
    """

    margins: Sequence[Sequence[float]]
    probabilities: Sequence[Sequence[float]]

    def __post_init__(self) -> None:
        for x, y in zip(self.margins, self.probabilities, strict=True):
            valid = (
                len(x) == len(y) > 0
                and bool(np.all(np.isfinite(x)) and np.all(np.diff(x) > 0))
                and bool(np.all(np.diff(y) >= 0))
                and 0 <= y[0] <= y[-1] <= 1
            )
            if not valid:
                raise ModelError("a calibration line must rise from one margin to the next")

    def __call__(self, margins: Matrix) -> Matrix:
        """Return probabilities of the shape of `margins`, (n_articles, n_labels)."""
        x, y, slope, last = self.knots
        within = np.clip(margins, x[:, 0], last)
        labels = np.arange(len(x))
        if len(within) < MANY_ARTICLES:
            before = np.maximum((within[:, :, None] >= x).sum(axis=2) - 1, 0)
        else:
            lines = zip(x, within.T, strict=True)
            before = np.column_stack([knots.searchsorted(w, "right") - 1 for knots, w in lines])
        gone = within - x[labels, before]
        return np.asarray(slope[labels, before] * gone + y[labels, before])

    @cached_property
    def knots(self) -> tuple[Matrix, Matrix, Matrix, Vector]:
        """The lines as arrays: margins, probabilities and slopes, then each one's last margin.

        The first three are of shape (n_labels, most_knots). Shorter lines end in knots at
        infinity; the slope is that to the next knot, 0 at the last.
        """
        shape = (len(self.margins), max(map(len, self.margins), default=1))
        x, y, slope = (np.full(shape, fill) for fill in (np.inf, 0.0, 0.0))
        for k, line in enumerate(zip(self.margins, self.probabilities, strict=True)):
            n = len(line[0])
            x[k, :n], y[k, :n] = line
            with np.errstate(over="ignore"):
                rise = np.diff(y[k, :n]) / np.diff(x[k, :n])
            # between neighbouring numbers lies no margin to multiply an infinite slope by
            slope[k, : n - 1] = np.where(np.isfinite(rise), rise, 0.0)
        return x, y, slope, np.array([margins[-1] for margins in self.margins], np.float64)

    def to_json(self) -> dict[str, object]:
        """Return the numbers that `calibration_from_json` reads back."""
        return {
            "kind": "piecewise-linear",
            "margins": [list(x) for x in self.margins],
            "probabilities": [list(y) for y in self.probabilities],
        }


@dataclass(frozen=True)
class Softmax:
    """Temperature scaling for exactly one label an article (Guo et al., ICML 2017).

    Parameters
    ----------
    scale : float
        What the margins are multiplied by (1 / temperature), above zero.
    """

    scale: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ModelError(f"the scale of a softmax must be above zero, not {self.scale!r}")

    def __call__(self, margins: Matrix) -> Matrix:
        """Return probabilities of the shape of `margins`, each row adding up to one."""
        z = self.scale * (margins - margins.max(axis=1, keepdims=True))
        e = np.exp(z)
        return np.asarray(e / e.sum(axis=1, keepdims=True))

    def to_json(self) -> dict[str, object]:
        """Return the numbers that `calibration_from_json` reads back."""
        return {"kind": "softmax", "scale": self.scale}


def calibration_from_json(value: Mapping[str, object]) -> Calibration:
    """Return the calibration that `to_json` described.

    Raises
    ------
    ModelError
        When the description is not one of ours.
    """
    try:
        if value["kind"] == "softmax":
            return Softmax(float(value["scale"]))  # type: ignore[arg-type]
        if value["kind"] == "piecewise-linear":
            return PiecewiseLinear(value["margins"], value["probabilities"])  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the calibration is not readable: {error}") from error
    raise ModelError(f"the calibration is of a kind not known here: {value['kind']!r:.60}")


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
        numbers = (*self.calibration.knots, self.cuts, self.floors)
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

    def judged(
        self, margins: Matrix, n_words: Sequence[int], n_known: Sequence[int]
    ) -> list[Judged]:
        """Return the answers with the number of words of each article, and of known ones."""
        rows = zip(self(margins), n_words, n_known, strict=True)
        return [(*answer, words, known) for answer, words, known in rows]

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
            known = listed(labels)
            raise ModelError(f"threshold for '{label}': the model's labels are {known}")
        if mode == "one":
            raise ModelError("a model that gives exactly one label takes no thresholds")
        if not 0 <= floor <= 1:
            raise ModelError(f"threshold for '{label}' must lie between 0 and 1, not {floor}")
        floors[labels.index(label)] = floor
    return floors
