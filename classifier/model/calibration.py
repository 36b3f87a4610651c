"""margins → probabilities: the fitted maps, as plain numbers that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from classifier.errors import ModelError

__all__ = ["Calibration", "PiecewiseLinear", "Softmax", "calibration_from_json"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class Calibration(Protocol):
    """A map from margins to probabilities that keeps the order of the margins."""

    def __call__(self, margins: Matrix) -> Matrix:
        """Return probabilities of the shape of `margins`, (n_articles, n_labels)."""
        ...

    def to_json(self) -> dict[str, object]:
        """Return the numbers that `calibration_from_json` reads back."""
        ...


# One call of np.interp a label costs more than arrays of all labels from so many labels on, unless
# there are so many articles.
MOST_ALONE, MANY_ARTICLES = 12, 256


@dataclass(frozen=True, eq=False)
class _Knots:
    """What np.interp computes, for lines of different length at once.

    Parameters
    ----------
    x, y, slope : ndarray of float64 of shape (n_labels, most_knots)
        Shorter lines end in knots at infinity; the slope is that to the next knot, 0 at the last.
    last : ndarray of float64 of shape (n_labels,)
        The margin of each line's last knot.
    """

    x: Matrix
    y: Matrix
    slope: Matrix
    last: Vector

    @classmethod
    def of(cls, lines: Sequence[tuple[Vector, Vector]]) -> _Knots:
        width = max(len(x) for x, _ in lines)
        x, y, slope = (np.full((len(lines), width), fill) for fill in (np.inf, 0.0, 0.0))
        for k, (margins, probabilities) in enumerate(lines):
            n = len(margins)
            x[k, :n], y[k, :n] = margins, probabilities
            slope[k, : n - 1] = np.diff(probabilities) / np.diff(margins)
        return cls(x, y, slope, np.array([margins[-1] for margins, _ in lines]))

    def __call__(self, margins: Matrix) -> Matrix:
        """Return probabilities of the shape of `margins`, (n_articles, n_labels)."""
        within = np.clip(margins, self.x[:, 0], self.last)
        labels = np.arange(len(self.x))
        knots = np.maximum((within[:, :, None] >= self.x).sum(axis=2) - 1, 0)
        gone = within - self.x[labels, knots]
        return np.asarray(self.slope[labels, knots] * gone + self.y[labels, knots])


@dataclass(frozen=True)
class PiecewiseLinear:
    """One rising broken line a label; beyond its ends the probability stays constant.

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
        if len(self.margins) > MOST_ALONE and len(margins) < MANY_ARTICLES:
            return self._knots(margins)
        probabilities = np.empty(margins.shape)
        for k, (x, y) in enumerate(self._lines):
            probabilities[:, k] = np.interp(margins[:, k], x, y)
        return probabilities

    @cached_property
    def _lines(self) -> list[tuple[Vector, Vector]]:
        lines = zip(self.margins, self.probabilities, strict=True)
        return [(np.array(x, dtype=float), np.array(y, dtype=float)) for x, y in lines]

    @cached_property
    def _knots(self) -> _Knots:
        return _Knots.of(self._lines)

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
    raise ModelError(f"the calibration is of a kind not known here: {value['kind']!r}")
