"""What is said of a run over an archive: progress while it goes on, counts in the end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from classifier.cli.leave import remark
from classifier.cli.progress import on_terminal

if TYPE_CHECKING:
    from classifier.serving.run_summary import Progress, RunSummary

__all__ = ["ShownProgress", "progress_line", "summary_lines", "tell_summary"]

# Seconds between two lines of progress on a terminal, and elsewhere.
PAUSE, LONG_PAUSE = 0.2, 60.0


class ShownProgress:
    """Progress on standard error: one line that is redrawn, or now and then a line of a log."""

    def __init__(self, *, quiet: bool) -> None:
        self._on_screen = on_terminal(sys.stderr)
        self._quiet = quiet or sys.stderr is None
        self._pause = PAUSE if self._on_screen else LONG_PAUSE
        self._last, self._drawn = time.monotonic(), False
        self.finished = "0 files are"

    def __call__(self, state: Progress) -> None:
        """Show how far the run is, unless that was shown a moment ago."""
        self.finished = f"{state.files:,} of {state.n_files:,} files are"
        now = time.monotonic()
        if self._quiet or now - self._last < self._pause:
            return
        self._last, self._drawn = now, True
        start, end = ("\r", "\x1b[K") if self._on_screen else ("", "\n")
        sys.stderr.write(start + progress_line(state) + end)
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line that was redrawn."""
        if self._drawn and self._on_screen:
            sys.stderr.write("\n")


def progress_line(state: Progress) -> str:
    """Return how far a run is, with its rate and the time left."""
    line = (
        f"{state.files:,} of {state.n_files:,} files, {state.articles:,} articles, "
        f"{state.rate:,.0f} a second"
    )
    left = state.seconds_left
    return line if left is None else f"{line}, {_clock(left)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def tell_summary(summary: RunSummary, target: Path | None, *, quiet: bool) -> None:
    """Say what a run did, and write its counts to `target` as JSON, or print them for ``-``."""
    from classifier.resources import replacing

    if not quiet:
        for line in summary_lines(summary):
            remark(line)
    for failure in summary.failures:
        remark(f"failed: {failure.file}: {failure.reason}")
    if target is not None:
        content = json.dumps(summary.to_json(), indent=1, ensure_ascii=False)
        if str(target) == "-":
            typer.echo(content)
        else:
            with replacing(target) as stream:
                stream.write(f"{content}\n".encode("utf-8", "backslashreplace"))


def summary_lines(summary: RunSummary) -> list[str]:
    """Return what people read at the end of a run."""
    tally = summary.tally
    earlier = f" ({summary.n_earlier:,} by an earlier run)" if summary.n_earlier else ""
    lines = [
        f"{summary.n_files:,} files in {summary.out}{earlier}, {tally.read:,} articles, "
        f"{tally.written:,} written, by {summary.model}",
        ", ".join(f"{label} {tally.tags[label]:,}" for label in summary.labels)
        + f", no tag {tally.untagged:,}",
    ]
    if summary.articles:
        lines.append(
            f"{summary.articles:,} articles in {_clock(summary.seconds)}, {summary.rate:,.0f} a "
            f"second (--jobs {summary.jobs})"
        )
    if tally.rejects:
        reasons = ", ".join(f"{n:,} {kind}" for kind, n in tally.rejects.most_common())
        folder = f"{summary.out}/.classifier/rejects"
        lines.append(f"bad rows: {tally.rejects.total():,} ({reasons}), in {folder}")
    if summary.passed_over:
        lines.append(f"passed over: {summary.passed_over:,} (no rows, or links out of the archive)")
    if summary.workers_replaced:
        lines.append(f"workers that died and were replaced: {summary.workers_replaced:,}")
    return lines
