"""margins → probabilities: the fitted maps, as plain numbers that JSON can hold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from classifier.errors import ModelError

__all__ = ["Calibration", "Knots", "PiecewiseLinear", "Softmax", "calibration_from_json"]

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


# From so many on a search a label costs less than comparing all with all knots.
MANY_ARTICLES = 512


@dataclass(frozen=True, eq=False)
class Knots:
    """Broken lines of different length at once; beyond its ends each stays constant.

    np.interp computes the same, but a compiler that fuses its multiplication with its addition
    would have it differ from the other ways here, which must agree to the last bit.

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
    def of(cls, lines: Sequence[tuple[Vector, Vector]]) -> Knots:
        """Return the lines of margins and probabilities."""
        width = max((len(x) for x, _ in lines), default=1)
        x, y, slope = (np.full((len(lines), width), fill) for fill in (np.inf, 0.0, 0.0))
        for k, (margins, probabilities) in enumerate(lines):
            n = len(margins)
            x[k, :n], y[k, :n] = margins, probabilities
            with np.errstate(over="ignore"):
                rise = np.diff(probabilities) / np.diff(margins)
            # between neighbouring numbers lies no margin to multiply an infinite slope by
            slope[k, : n - 1] = np.where(np.isfinite(rise), rise, 0.0)
        return cls(x, y, slope, np.array([margins[-1] for margins, _ in lines]))

    def __call__(self, margins: Matrix) -> Matrix:
        """Return probabilities of the shape of `margins`, (n_articles, n_labels)."""
        within = np.clip(margins, self.x[:, 0], self.last)
        labels = np.arange(len(self.x))
        knots = self._knots_before(within)
        gone = within - self.x[labels, knots]
        return np.asarray(self.slope[labels, knots] * gone + self.y[labels, knots])

    def _knots_before(self, within: Matrix) -> NDArray[np.int64]:
        if len(within) < MANY_ARTICLES:
            return np.asarray(np.maximum((within[:, :, None] >= self.x).sum(axis=2) - 1, 0))
        found = [x.searchsorted(w, "right") - 1 for x, w in zip(self.x, within.T, strict=True)]
        return np.column_stack(found)

    def of_one(self, margins: list[float]) -> list[float]:
        """Return the probabilities of one article, which costs less than arrays of one row."""
        probabilities = []
        for margin, (x, y, slope) in zip(margins, self._as_lists, strict=True):
            within = min(max(margin, x[0]), x[-1])
            knot = bisect_right(x, within) - 1
            probabilities.append(slope[knot] * (within - x[knot]) + y[knot])
        return probabilities

    @cached_property
    def _as_lists(self) -> list[tuple[list[float], list[float], list[float]]]:
        sizes = np.isfinite(self.x).sum(axis=1).tolist()
        rows = zip(self.x, self.y, self.slope, sizes, strict=True)
        return [(x[:n].tolist(), y[:n].tolist(), slope[:n].tolist()) for x, y, slope, n in rows]


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
        if len(margins) == 1:
            return np.array([self.knots.of_one(margins[0].tolist())])
        return self.knots(margins)

    @cached_property
    def knots(self) -> Knots:
        """The lines as arrays."""
        lines = zip(self.margins, self.probabilities, strict=True)
        return Knots.of([(np.array(x, dtype=float), np.array(y, dtype=float)) for x, y in lines])

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
