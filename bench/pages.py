"""Tables of the benchmarks, put between marks of the pages."""

from __future__ import annotations

from pathlib import Path

__all__ = ["put_between_marks"]


def put_between_marks(page: Path, mark: str, body: str) -> None:
    """Replace what stands between ``<!-- mark: begin -->`` and ``<!-- mark: end -->``."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    head, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"{page} has no place for the table: {begin} … {end}")
    page.write_text(f"{head}{begin}\n{body}\n{end}{tail}", encoding="utf-8")
