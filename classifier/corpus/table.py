"""A prediction as one line for people, which no article can use to command the terminal."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifier.corpus.write import Tagged

__all__ = ["disarmed", "table_line"]

ID_WIDTH = 24

# Controls of both kinds, line separators, marks that turn the direction, lone surrogates.
_DANGEROUS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def disarmed(text: str) -> str:
    r"""Return `text` as one line, with everything that a terminal would obey as U+FFFD.

    >>> disarmed("\x1b[31mred")
    '�[31mred'
    """
    return _DANGEROUS.sub("\ufffd", text)


def table_line(prediction: Tagged) -> str:
    """Return a prediction as the line that `write_table` writes."""
    tags = ", ".join(f"{tag} {prediction.scores[tag]:.2f}" for tag in prediction.tags)
    note = f"  ({prediction.note})" if prediction.note else ""
    return f"{_fitted(disarmed(prediction.id))}  {disarmed(tags or '–')}{disarmed(note)}"


def _fitted(id: str) -> str:
    """Return `id` on exactly 24 columns of a terminal, cut or filled up."""
    ends = [0, *accumulate(map(_columns, id))]
    if ends[-1] <= ID_WIDTH:
        return id + " " * (ID_WIDTH - ends[-1])
    kept = bisect_right(ends, ID_WIDTH - 1) - 1
    return f"{id[:kept]}…" + " " * (ID_WIDTH - 1 - ends[kept])


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
