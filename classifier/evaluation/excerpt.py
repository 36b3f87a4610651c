"""The part of a text where the deciding words are, with their places."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from classifier.model.tokenize import Analyzer

__all__ = ["LONGEST", "Mark", "excerpt"]

Mark = tuple[int, int, float]

LONGEST = 600
# Characters before the first marked word, so that one sees what it is about.
CONTEXT = 60
CUT = "…"


def excerpt(
    text: str, contributions: Mapping[str, float], analyzer: Analyzer
) -> tuple[str, tuple[Mark, ...]]:
    """Return at most 600 characters of `text` and the marks in them.

    Parameters
    ----------
    text : str
        Prepared by `article_text`.
    contributions : mapping of str to float
        Term → what it adds to the margin. Of a term of two words, only neighbours count.

    Returns
    -------
    excerpt : str
        "…" stands where the text goes on.
    marks : tuple of (start, end, contribution)
        In characters of the excerpt, in order.
    """
    marks = _marks(text, contributions, analyzer)
    if len(text) <= LONGEST:
        return text, tuple(marks)
    start, end = _window(text, marks)
    lead = CUT if start else ""
    moved = len(lead) - start
    inside = tuple((a + moved, b + moved, c) for a, b, c in marks if start <= a and b <= end)
    return lead + text[start:end] + (CUT if end < len(text) else ""), inside


def _marks(text: str, contributions: Mapping[str, float], analyzer: Analyzer) -> list[Mark]:
    """Return every word of `text` that has a contribution, alone or with its neighbour."""
    spans = list(analyzer.spans(text))
    values = [contributions.get(token, 0.0) for _, _, token in spans]
    for i, ((_, _, first), (_, _, second)) in enumerate(pairwise(spans)):
        pair = contributions.get(f"{first} {second}", 0.0)
        values[i], values[i + 1] = values[i] or pair, values[i + 1] or pair
    return [(a, b, c) for (a, b, _), c in zip(spans, values, strict=True) if c]


def _window(text: str, marks: list[Mark]) -> tuple[int, int]:
    """Return start and end of the part with the weightiest marks, ended at words."""
    room = LONGEST - 2 * len(CUT)
    starts = np.array([0, *(_word_start(text, a - CONTEXT) for a, _, _ in marks)])
    begins, ends = (np.array([mark[i] for mark in marks], dtype=np.int64) for i in (0, 1))
    weights = np.cumsum([0.0, *(abs(c) for _, _, c in marks)])
    last = np.searchsorted(ends, starts + room, side="right")
    inside = weights[last] - weights[np.minimum(np.searchsorted(begins, starts), last)]
    start = int(starts[inside.argmax()])
    return start, _word_end(text, start, start + room)


def _word_start(text: str, near: int) -> int:
    """Return where a word begins after `near`, or the start of the text when that is close."""
    if near <= CONTEXT:
        return 0
    space = text.find(" ", near, near + CONTEXT)
    return near if space < 0 else space + 1


def _word_end(text: str, start: int, limit: int) -> int:
    """Return where the last whole word before `limit` ends."""
    if limit >= len(text):
        return len(text)
    space = text.rfind(" ", start + CONTEXT, limit + 1)
    return limit if space < 0 else space
