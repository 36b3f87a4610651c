"""Tables of the benchmarks, put between marks of the pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["interval", "put_between_marks", "signed"]


def put_between_marks(page: Path, mark: str, body: str) -> None:
    """Replace what stands between ``<!-- mark: begin -->`` and ``<!-- mark: end -->``."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    head, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"{page} has no place for the table: {begin} … {end}")
    page.write_text(f"{head}{begin}\n{body}\n{end}{tail}", encoding="utf-8")


def interval(values: Sequence[float], digits: int = 3) -> str:
    """Return an estimate with its interval in brackets."""
    estimate, low, high = (f"{value:.{digits}f}" for value in values)
    return f"{estimate} ({low}–{high})"


def signed(values: Sequence[float]) -> str:
    """Return a difference with its interval in brackets."""
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(*values)
