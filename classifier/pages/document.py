"""Text from outside as Markdown text, and tables of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from classifier.corpus.write import disarmed

__all__ = ["markdown_table", "plain"]


_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def plain(text: str) -> str:
    r"""Return text on one line, with nothing in it that Markdown or a terminal would obey.

    >>> plain("a|b\nc")
    'a\\|b c'
    """
    return _MARKUP.sub(r"\\\1", disarmed(" ".join(text.split())))


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Return a table whose cells are already Markdown; the first `left` columns are words."""
    marks = ["---"] * left + ["---:"] * (len(columns) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, marks, *rows])
