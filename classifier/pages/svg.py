"""matplotlib figures → SVG that can stand inside a page, in the page's own colours.

The elements carry no ids, so any number of plots can share a page. Colours are CSS variables
of ``base.html`` and follow light, dark and print. Text stays text.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from classifier.pages.page import report_extra, shown

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["INK", "LINE", "SERIES", "SOFT", "Canvas", "drawing", "short"]

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
