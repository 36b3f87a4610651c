"""Progress on standard error: drawn on a terminal, silent anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["counted_on_terminal", "training_progress"]

Item = TypeVar("Item")

# Quick runs show nothing: a bar that flashes by only disturbs.
PATIENCE = 2.0


def counted_on_terminal(items: Iterable[Item], noun: str, *, quiet: bool) -> Iterator[Item]:
    """Yield `items`, and after two seconds keep a count and a rate on the terminal."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    start = shown = time.monotonic()
    count = 0
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - start > PATIENCE and now - shown > 0.2:
            sys.stderr.write(f"\r{count:,} {noun}, {count / (now - start):,.0f} a second ")
            shown = now
    if shown > start:
        sys.stderr.write(f"\r{count:,} {noun} in {time.monotonic() - start:.1f} s          \n")


@contextmanager
def training_progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yield what `train` reports to: a bar with the time left on a terminal, else nothing."""
    if quiet or not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns: list[Any] = [
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None)
            bars.update(tasks[step], completed=done)

        yield report
