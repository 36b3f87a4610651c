"""Plots of a page → one SVG image that needs no page, as notebooks and image files want it."""

from __future__ import annotations

import re
import reprlib
from functools import cache
from importlib.resources import files

from classifier.errors import BadInputError

__all__ = ["standalone"]

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
