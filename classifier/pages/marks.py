"""What plots are put together from: dots, squares, the halves of a histogram, names of cells.

Nothing here uses matplotlib's markers or clipping, which refer to ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from classifier.pages.svg import INK, SERIES, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "cells",
    "dot",
    "dots",
    "half",
    "known",
    "line",
    "name_cells",
    "say_if_empty",
    "total",
    "unit_square",
    "whiskers",
]

FloatArray = npt.NDArray[np.float64]


def known(*columns: npt.ArrayLike) -> tuple[FloatArray, ...]:
    """Return the columns without the rows in which any of them is not a finite number."""
    table = np.array([np.asarray(column, dtype=np.float64).ravel() for column in columns])
    return tuple(table[:, np.isfinite(table).all(axis=0)])


def unit_square(axes: Axes, x_label: str, y_label: str) -> None:
    """Let both axes run from 0 to 1."""
    ticks = np.linspace(0, 1, 6)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=ticks, yticks=ticks, xlabel=x_label, ylabel=y_label)


def line(axes: Axes, x: FloatArray, y: FloatArray, width: float = 1.8) -> None:
    """Draw a curve in the first colour, its ends whole."""
    axes.plot(x, y, color=SERIES[0], linewidth=width, clip_on=False)


def dot(axes: Axes, x: float, y: float, radius: float = 4.0, colour: str = SERIES[0]) -> None:
    """Draw a disc of so many points; matplotlib's markers would refer to an id."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D, ScaledTranslation

    # The stubs ask for an affine scale; any transform of a point will do.
    centre = ScaledTranslation(x, y, axes.transData)  # type: ignore[arg-type]
    disc = PathPatch(Path.unit_circle(), transform=Affine2D().scale(radius) + centre)
    disc.set(facecolor=colour, edgecolor="none", clip_on=False, zorder=3)
    axes.add_artist(disc)


def dots(
    axes: Axes, x: FloatArray, y: FloatArray, *, radii: FloatArray, colour: str = SERIES[0]
) -> None:
    """Draw a disc at each place."""
    for each in zip(x, y, radii, strict=True):
        dot(axes, *each, colour=colour)


def half(
    axes: Axes, edges: FloatArray, counts: FloatArray, *, sign: int, faults: npt.NDArray[np.bool_]
) -> None:
    """Draw one side of the double histogram, its highest bar of length 1."""
    heights = sign * np.nan_to_num(counts) / max(np.nanmax(counts, initial=0), 1)
    colour = SERIES[0] if sign > 0 else SERIES[1]
    for chosen, alpha in ((~faults, 0.4), (faults, 1.0)):
        steps = np.where(chosen, heights, 0)
        axes.stairs(steps, edges, fill=True, facecolor=colour, alpha=alpha, edgecolor="none")


def whiskers(axes: Axes, places: npt.ArrayLike, low: FloatArray, high: FloatArray) -> None:
    """Draw an interval along the x axis at each place, with its ends."""
    for place, left, right in zip(np.asarray(places), low, high, strict=True):
        axes.plot([left, right], [place, place], color=INK, linewidth=1.4, clip_on=False)
        for end in (left, right):
            axes.plot([end, end], [place - 0.2, place + 0.2], color=INK, linewidth=1.4)


def cells(axes: Axes, table: FloatArray, *, numbers: str, plain_diagonal: bool) -> None:
    """Draw the numbers as squares, with the numbers in them up to twelve columns."""
    strengths = _strengths(table, plain_diagonal=plain_diagonal)
    n_columns = table.shape[1]
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            _box(axes, column, row, strength=float(strengths[row, column]))
            if n_columns <= 12:
                size, text = 9 if n_columns <= 7 else 6.5, numbers.format(value)
                axes.text(column, row, text, ha="center", va="center", fontsize=size)


def _strengths(table: FloatArray, *, plain_diagonal: bool) -> FloatArray:
    """Return how opaque each square is; text in ink stays legible on the darkest."""
    coloured = np.nan_to_num(table)
    if plain_diagonal:
        np.fill_diagonal(coloured, 0)
    return 0.04 + 0.51 * coloured / (coloured.max(initial=0) or 1)


def _box(axes: Axes, x: float, y: float, *, strength: float) -> None:
    from matplotlib.patches import Rectangle

    corner = (x - 0.47, y - 0.47)
    axes.add_artist(Rectangle(corner, 0.94, 0.94, color=SERIES[0], linewidth=0, alpha=strength))


def total(counts: FloatArray) -> str:
    """Return the sum of the counts as a plot shows it."""
    return f"{np.nansum(counts):,.0f}"


def name_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Write the names along the rows and, slanted, along the columns."""
    axes.set_xticks(range(len(columns)), [short(each, 16) for each in columns], rotation=45)
    axes.set_yticks(range(len(rows)), [short(each, 16) for each in rows])
    axes.set_xlim(-0.5, max(len(columns), 1) - 0.5)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(labelcolor=INK)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def say_if_empty(axes: Axes, values: FloatArray) -> None:
    """Say so where no value is finite."""
    if not np.isfinite(values).any():
        axes.text(0.5, 0.5, "no figures", transform=axes.transAxes, ha="center", va="center")
