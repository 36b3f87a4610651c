"""The plots of every page: arrays in, inline SVG out.

All take `title` and `desc` for screen readers (see `classifier.pages.plots.drawing`). What is NaN
is not drawn; without anything to draw the plot says so.
"""

from __future__ import annotations

import re
import reprlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt

from classifier.errors import BadInputError
from classifier.pages.page import report_extra, shown

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "bars_with_intervals",
    "heat_map",
    "histogram_with_cut",
    "lines",
    "precision_recall",
    "reliability",
    "short",
    "standalone",
]


# Stand-ins that matplotlib draws with; pure black would be left out of the file as the default.
INK, SOFT, LINE = "#010101", "#020202", "#030303"
SERIES = ("#040404", "#050505", "#060606", "#070707")
_VARIABLES = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)},
}
_COLOUR = re.compile("|".join(_VARIABLES))
_FONT_FAMILY = re.compile(r"font: ([\d.]+px)[^;]*|font-family: [^;]*;?")
# Any, as matplotlib's stubs want the keys as literals.
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "classifier",
    "text.parse_math": False,
    "text.color": INK,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "lines.linewidth": 1.8,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    # matplotlib draws tick marks by reference to an id; the grid shows the places as well.
    "xtick.bottom": False,
    "ytick.left": False,
}


class Canvas:
    """One pair of axes to draw on; `svg` is there once the drawing is over."""

    axes: Axes
    svg: Markup


@contextmanager
def drawing(
    width: float,
    height: float,
    *,
    title: str,
    desc: str = "",
    margins: tuple[float, float, float, float] | None = None,
) -> Iterator[Canvas]:
    """Yield axes to draw on; afterwards the canvas holds them as inline SVG.

    Parameters
    ----------
    width, height : float
        In points, 72 to the inch; the page scales the plot to the room there is.
    title, desc : str
        What a screen reader says: the name of the plot, and what can be seen in it.
    margins : (left, right, bottom, top) or None
        In points; None measures all text to find them, which takes as long as the drawing.
    """
    with report_extra():
        import matplotlib as mpl
        from markupsafe import Markup
        from matplotlib.figure import Figure
    canvas = Canvas()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Widths are measured with a font that lacks some scripts; the reader's browser has its own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        if margins is None:
            figure.set_layout_engine("constrained")
        else:
            left, right, bottom, top = margins
            figure.subplots_adjust(
                left / width, bottom / height, 1 - right / width, 1 - top / height
            )
        canvas.axes = figure.add_subplot()
        yield canvas
        canvas.svg = Markup(_inline(figure, shown(title), shown(desc)))


def short(text: str, length: int = 24) -> str:
    """Return the text on one line, cut to so many characters, as plots show names.

    >>> short("foreign affairs, defence and trade")
    'foreign affairs, defenc…'
    """
    line = " ".join(shown(text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _inline(figure: Figure, title: str, desc: str) -> str:
    """Return the figure as one svg element without ids, namespaces, fonts or fixed size."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = BytesIO()
    # Figure.savefig would draw twice, for sizes that it does not need here.
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    drawn = ET.fromstring(buffer.getvalue())
    svg = ET.Element("svg", {"viewBox": drawn.get("viewBox", ""), "role": "img", "class": "plot"})
    svg.set("aria-label", title)
    ET.SubElement(svg, "title").text = title
    ET.SubElement(svg, "desc").text = desc or title
    svg.extend(_plain(child) for child in drawn if _local(child) == "g")
    return ET.tostring(svg, encoding="unicode")


def _plain(element: ET.Element) -> ET.Element:
    """Return the element and what it holds without namespaces and ids, in variable colours."""
    plain = ET.Element(_local(element))
    plain.text = element.text if plain.tag == "text" else None
    for name, value in element.attrib.items():
        if name not in ("id", "clip-path"):
            plain.set(name, _restyled(value) if name == "style" else value)
    plain.extend(_plain(child) for child in element)
    return plain


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _restyled(style: str) -> str:
    """Return the style in the page's colours and font."""
    sized = _FONT_FAMILY.sub(lambda font: f"font-size: {font[1]}" if font[1] else "", style)
    return _COLOUR.sub(lambda colour: _VARIABLES[colour[0]], sized)


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
    from matplotlib.patches import Rectangle

    coloured, n_columns = np.nan_to_num(table), table.shape[1]
    if plain_diagonal:
        np.fill_diagonal(coloured, 0)
    # text in ink stays legible on the darkest
    strengths = 0.04 + 0.51 * coloured / (coloured.max(initial=0) or 1)
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            corner, alpha = (column - 0.47, row - 0.47), float(strengths[row, column])
            square = Rectangle(corner, 0.94, 0.94, color=SERIES[0], linewidth=0, alpha=alpha)
            axes.add_artist(square)
            if n_columns <= 12:
                size, text = 9 if n_columns <= 7 else 6.5, numbers.format(value)
                axes.text(column, row, text, ha="center", va="center", fontsize=size)


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


_VARIABLE = re.compile(r"--([\w-]+): (#[0-9a-f]{6})")
_USE = re.compile(r"var\(--([\w-]+)\)")
_HEAD = re.compile(r'<svg viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*aria-label="([^"]*)">')
# Points: room for the name above a plot, and between plots.
_CAPTION, _GAP = 22.0, 12.0
# Pixels to a point, and of the widest image: what a notebook shows without scrolling.
_SCALE, _WIDEST = 1.3, 880.0


def standalone(*plots: str) -> str:
    """Return plots side by side as one SVG image, their names above, in light colours.

    Parameters
    ----------
    *plots : str
        What the functions of `classifier.pages.plots` return, at least one.

    Raises
    ------
    BadInputError
        When something else is given.
    """
    placed, left, height = [], 0.0, 0.0
    for plot in map(str, plots):
        w, h, name = _head(plot)
        placed.append(f'<text x="{left + 4:g}" y="14" font-size="10.5" fill="var(--ink)">{name}')
        place = f'x="{left:g}" y="{_CAPTION:g}" width="{w:g}" height="{h:g}"'
        placed.append(f"</text>{plot.replace('<svg ', f'<svg {place} ', 1)}")
        left, height = left + w + _GAP, max(height, h + _CAPTION)
    width, colours = left - _GAP, _light_colours()
    scale = min(_SCALE, _WIDEST / width)
    drawn = _USE.sub(lambda use: colours[use[1]], "".join(placed))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width * scale:.0f}" height="{height * scale:.0f}" '
        'font-family="DejaVu Sans, Verdana, sans-serif">'
        f'<rect width="100%" height="100%" fill="{colours["card"]}"/>{drawn}</svg>'
    )


def _head(plot: str) -> tuple[float, float, str]:
    """Return width, height and name of a plot."""
    found = _HEAD.match(plot)
    if found is None:
        raise BadInputError(
            f"{reprlib.repr(plot)} is no plot. Pass what classifier.pages.plots returns."
        )
    return float(found[1]), float(found[2]), found[3]


@cache
def _light_colours() -> dict[str, str]:
    style = (files("classifier.pages") / "templates" / "style.css").read_text(encoding="utf-8")
    # The first of each name is the light one; those of dark screens and print follow.
    return dict(reversed(_VARIABLE.findall(style)))


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
