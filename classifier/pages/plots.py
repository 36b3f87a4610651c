"""The plots of every page: arrays in, inline SVG out.

All take `title` and `desc` for screen readers (see `classifier.pages.svg.drawing`). What is NaN
is not drawn; without anything to draw the plot says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from classifier.pages.marks import (
    cells,
    dot,
    dots,
    half,
    known,
    line,
    name_cells,
    say_if_empty,
    total,
    unit_square,
    whiskers,
)
from classifier.pages.svg import INK, SERIES, SOFT, drawing, short

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "bars_with_intervals",
    "heat_map",
    "histogram_with_cut",
    "lines",
    "precision_recall",
    "reliability",
]

Values = npt.ArrayLike
# Points; a phone shows a plot at about this width, a wide screen no more than half as large again.
_WIDTH, _SQUARE = 300.0, 270.0
_MARGINS = (46.0, 8.0, 36.0, 16.0)
_DASHES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))
# Colour and dashes change together at first; the sixteenth curve still has a look of its own.
_LOOKS = [(SERIES[i % 4], _DASHES[(i + i // 4) % 4]) for i in range(16)]


def precision_recall(
    precision: Values,
    recall: Values,
    *,
    title: str,
    desc: str = "",
    point: tuple[float, float] | None = None,
    share: float | None = None,
) -> Markup:
    """Draw precision over recall.

    Parameters
    ----------
    precision, recall : array-like of shape (n_points,)
        From 0 to 1, in the order of the cuts.
    point : (recall, precision) or None
        Where the model's cut stands on the curve.
    share : float or None
        Share of articles that have the label, which is the precision of guessing.
    """
    x, y = known(recall, precision)
    with drawing(_WIDTH, _SQUARE, title=title, desc=desc, margins=_MARGINS) as canvas:
        axes = canvas.axes
        unit_square(axes, "recall", "precision")
        line(axes, x, y)
        if share is not None and np.isfinite(share):
            axes.axhline(share, color=SOFT, linewidth=1, linestyle=(0, (2, 2)))
        if point is not None and np.isfinite(point).all():
            dot(axes, *point, radius=4.5, colour=SERIES[1])
        say_if_empty(axes, x)
    return canvas.svg


def reliability(
    mean_probability: Values, share_present: Values, counts: Values, *, title: str, desc: str = ""
) -> Markup:
    """Draw how often a label is present where the model says so many percent.

    Parameters
    ----------
    mean_probability, share_present : array-like of shape (n_bins,)
        From 0 to 1.
    counts : array-like of shape (n_bins,)
        Articles per bin; the area of a dot grows with them.
    """
    x, y, n = known(mean_probability, share_present, counts)
    with drawing(_WIDTH, _SQUARE, title=title, desc=desc, margins=_MARGINS) as canvas:
        axes = canvas.axes
        unit_square(axes, "probability given by the model", "share that have the label")
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (2, 2)), clip_on=False)
        line(axes, x, y, width=1.2)
        dots(axes, x, y, radii=1.5 + 3.5 * np.sqrt(n / max(n.max(initial=0), 1)))
        say_if_empty(axes, x)
    return canvas.svg


def histogram_with_cut(
    edges: Values,
    present: Values,
    absent: Values,
    *,
    cut: float | None,
    title: str,
    desc: str = "",
    x_label: str = "probability given by the model",
) -> Markup:
    """Draw the scores of articles with a label upwards and of those without downwards.

    Each side has a scale of its own, as the articles without the label are often many more.
    What is on the wrong side of the cut is drawn full, the rest pale.

    Parameters
    ----------
    edges : array-like of shape (n_bins + 1,)
    present, absent : array-like of shape (n_bins,)
        Articles per bin.
    """
    ends, above, below = (np.asarray(each, dtype=np.float64) for each in (edges, present, absent))
    with drawing(_WIDTH, _SQUARE, title=title, desc=desc, margins=_MARGINS) as canvas:
        axes = canvas.axes
        if ends.size > 1:
            wrong = np.nan if cut is None else cut
            half(axes, ends, above, sign=1, faults=ends[1:] <= wrong)
            half(axes, ends, below, sign=-1, faults=ends[:-1] >= wrong)
            axes.set_xlim(ends[0], ends[-1])
        axes.axhline(0, color=SOFT, linewidth=0.8)
        if cut is not None and np.isfinite(cut):
            axes.axvline(cut, color=INK, linewidth=1.2)
            axes.text(cut, 1.16, "cut", ha="center", va="bottom", color=INK)
        axes.set(xlabel=x_label, ylim=(-1.15, 1.15), yticks=[-0.6, 0.6])
        axes.set_yticklabels([f"without\n({total(below)})", f"with\n({total(above)})"])
        axes.grid(visible=False)
        say_if_empty(axes, ends)
    return canvas.svg


def bars_with_intervals(
    names: Sequence[str],
    estimates: Values,
    lows: Values,
    highs: Values,
    *,
    title: str,
    desc: str = "",
    x_label: str = "",
    limits: tuple[float, float] | None = (0.0, 1.0),
) -> Markup:
    """Draw one bar per name, the first on top, and the interval of each.

    Parameters
    ----------
    names : sequence of str, length n
    estimates, lows, highs : array-like of shape (n,)
    limits : (float, float) or None
        Ends of the axis; None fits them to the values.
    """
    middle, low, high = (np.asarray(each, dtype=np.float64) for each in (estimates, lows, highs))
    places = np.arange(len(names))
    with drawing(_WIDTH, 50 + 19 * max(len(names), 2), title=title, desc=desc) as canvas:
        axes = canvas.axes
        axes.barh(places, np.nan_to_num(middle), height=0.68, color=SERIES[0], alpha=0.55)
        whiskers(axes, places, low, high)
        axes.axvline(0, color=SOFT, linewidth=0.8)
        axes.set(xlabel=x_label, yticks=places, yticklabels=[short(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.grid(visible=False, axis="y")
        if limits:
            axes.set_xlim(*limits)
        say_if_empty(axes, middle)
    return canvas.svg


def heat_map(
    values: Values,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    desc: str = "",
    row_label: str = "",
    column_label: str = "",
    numbers: str = "{:,.0f}",
    plain_diagonal: bool = False,
) -> Markup:
    """Draw a table of numbers as squares, the stronger the colour the larger.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_columns)
        None of them negative; a NaN is left empty.
    numbers : str
        Format of the numbers, which are written into up to twelve columns.
    plain_diagonal : bool
        Leave the diagonal uncoloured, where it would outshine all else.
    """
    table = np.asarray(values, dtype=np.float64).reshape(len(rows), len(columns))
    side = 215 / max(len(columns), 6)
    with drawing(_WIDTH, 90 + side * max(len(rows), 2), title=title, desc=desc) as canvas:
        axes = canvas.axes
        cells(axes, table, numbers=numbers, plain_diagonal=plain_diagonal)
        name_cells(axes, rows, columns)
        axes.set(xlabel=short(column_label, 60), ylabel=short(row_label, 60))
        say_if_empty(axes, table)
    return canvas.svg


def lines(
    series: Mapping[str, tuple[Values, Values]],
    *,
    title: str,
    desc: str = "",
    x_label: str = "",
    y_label: str = "",
    log_x: bool = False,
) -> Markup:
    """Draw up to sixteen curves, which differ in dashes as well as in colour.

    Parameters
    ----------
    series : mapping of str to (x, y)
        Name and points of each curve, two array-likes of the same length.
    """
    drawn = {name: known(*points) for name, points in series.items()}
    with drawing(_WIDTH, 220, title=title, desc=desc) as canvas:
        axes = canvas.axes
        if log_x:
            axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,g}")
        for (name, (x, y)), (colour, dashes) in zip(drawn.items(), _LOOKS, strict=False):
            axes.plot(x, y, color=colour, linestyle=dashes, clip_on=False, label=short(name, 40))
            dots(axes, x, y, radii=np.full(len(x), 2.5), colour=colour)
        if len(drawn) > 1:
            axes.legend(frameon=False)
        axes.set(xlabel=x_label, ylabel=y_label)
        say_if_empty(axes, np.concatenate([x for x, _ in drawn.values()] or [np.empty(0)]))
    return canvas.svg
