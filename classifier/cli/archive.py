"""What is said of a run over an archive: progress while it goes on, counts in the end."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from classifier.cli.options import ArchiveOptions
from classifier.cli.output import Layout, write_bytes
from classifier.cli.terminal import echo_lines, echo_note, on_terminal, read_tally, report_skipped
from classifier.corpus.corpus import ReadOptions
from classifier.errors import BadInputError, ClassifierError

if TYPE_CHECKING:
    from classifier.archive.tagger import Progress, RunSummary, TagOptions

__all__ = [
    "ShownProgress",
    "is_archive",
    "predict_archive",
    "predict_stream",
    "progress_line",
    "summary_lines",
    "tell_summary",
]


def is_archive(files: Sequence[Path], out: Path) -> bool:
    """Return whether results go into a folder: one that is there, or several into a new one."""
    from classifier.archive.shards import is_pattern

    if "-" in map(str, files):
        return False
    if out.is_dir():
        return True
    several = len(files) > 1 or is_pattern(files[0]) or files[0].is_dir()
    return several and not out.suffix and not out.exists()


def predict_archive(
    files: Sequence[Path],
    out: Path,
    archive: ArchiveOptions,
    reading: ReadOptions,
    *,
    model: Path | None,
    thresholds: dict[str, float],
    format: str | None,
    quiet: bool,
) -> None:
    """Tag an archive into a folder, and say what became of it.

    Raises
    ------
    typer.Exit
        With 1 when some file has no result.
    """
    from classifier.archive.run import plan_archive

    _refuse_with_dask(archive)
    if format in ("table", "xlsx", "ninjs"):
        raise typer.BadParameter("a folder takes jsonl, csv or parquet", param_hint="--format")
    if reading.rejects is not None:
        raise typer.BadParameter(
            f"a folder keeps bad rows by itself, in {out}/.classifier/rejects",
            param_hint="--rejects",
        )
    _refuse_documents(files)
    if not archive.dask:
        _note_fields(files, reading, quiet=quiet)
    source = files[0] if len(files) == 1 else files
    options = replace(_tag_options(archive, _reading(reading, archive), thresholds), format=format)
    if archive.dry_run:
        plans = plan_archive(source, out, model=model, options=options, restart=archive.restart)
        echo_lines("\n".join(f"{plan.state:<7} {plan.name} → {plan.target}" for plan in plans))
        return
    shown = ShownProgress(quiet=quiet)
    try:
        summary = _tagging(archive)(
            source,
            out,
            model=model,
            jobs=archive.jobs,
            options=options,
            restart=archive.restart,
            progress=shown,
        )
    except KeyboardInterrupt:
        shown.end()
        echo_note(f"{shown.finished} finished and stay; run the same command again to go on")
        raise
    shown.end()
    tell_summary(summary, archive.summary, quiet=quiet)
    if summary.failures:
        raise typer.Exit(1)


def _tagging(archive: ArchiveOptions) -> Callable[..., RunSummary]:
    """Return what tags: this machine or a cluster."""
    if not archive.dask:
        from classifier.archive.run import tag_archive

        return tag_archive
    from classifier.archive.cluster import predict_on_cluster

    return functools.partial(predict_on_cluster, address=archive.dask)


def _refuse_with_dask(archive: ArchiveOptions) -> None:
    if archive.dask and archive.dry_run:
        raise typer.BadParameter("looks at this machine alone", param_hint="--dry-run")
    if archive.dask not in ("", "local") and archive.jobs is not None:
        raise typer.BadParameter("a cluster has its own workers", param_hint="--jobs")


def _tag_options(
    archive: ArchiveOptions, reading: ReadOptions, thresholds: dict[str, float]
) -> TagOptions:
    from classifier.archive.tagger import TagOptions

    return TagOptions(
        reading,
        thresholds=thresholds,
        where=archive.where,
        tags=archive.wanted_tags,
        drop_text=archive.drop_text,
        prefix=archive.prefix,
        max_line_mb=archive.max_line_mb,
    )


def _reading(reading: ReadOptions, archive: ArchiveOptions) -> ReadOptions:
    """Return the options with bad rows set aside, unless something else was asked for."""
    return reading if archive.on_error_named else replace(reading, on_error="skip")


def _refuse_documents(files: Sequence[Path]) -> None:
    """Raise `BadInputError` for a folder of files that are one article each."""
    from classifier.corpus.find import find_sources

    if len(files) != 1 or not files[0].is_dir():
        return
    try:
        formats = {source.format for source in find_sources(files)}
    except BadInputError:
        return
    if formats <= {"txt", "md", "html"}:
        raise BadInputError(
            f"{files[0]}: holds files of one article each ({', '.join(sorted(formats))}). Tag them "
            "into one file, for example --out tags.jsonl."
        )


def predict_stream(
    files: list[Path | str],
    layout: Layout,
    archive: ArchiveOptions,
    reading: ReadOptions,
    *,
    model: Path | None,
    thresholds: dict[str, float],
    quiet: bool,
) -> None:
    """Tag JSONL with several processes into one file or standard output.

    Raises
    ------
    typer.BadParameter
        When anything but plain JSONL is to be written.
    """
    if layout.format != "jsonl" or layout.explain or layout.codes:
        raise typer.BadParameter(
            "several processes write plain jsonl into a single file; leave it out",
            param_hint="--jobs",
        )
    from classifier.archive.tasks import tag_stream

    _note_fields(files, reading, quiet=quiet)
    tally = read_tally(quiet=quiet)
    with write_bytes(layout.out) as (write, packing):
        for data in tag_stream(
            files,
            model=model,
            jobs=archive.jobs or 1,
            options=replace(_tag_options(archive, reading, thresholds), carry=False),
            packing=packing,
            tally=tally,
            copied=True,
        ):
            write(data)
    report_skipped(tally, quiet=quiet)


# Rows that are looked at before processes are started: a field misspelt is in none of them.
_ROWS_AHEAD = 100


def _note_fields(paths: Sequence[Path | str], reading: ReadOptions, *, quiet: bool) -> None:
    """Say which fields are read as what, before several processes read the files.

    Raises
    ------
    BadInputError
        If a single file is to be read, and a field that `reading` names is in no row of it.
    """
    from classifier.corpus.read import read_articles

    files = [Path(path) for path in paths if str(path) != "-" and Path(path).is_file()]
    if not files:
        return
    some = replace(reading, on_error="skip", rejects=None)
    articles = read_articles(files[:1], some, tally=read_tally(quiet=quiet))
    try:
        for _ in islice(articles, _ROWS_AHEAD if len(paths) == 1 else 1):
            pass
    except ClassifierError:
        # of one file among several it says little, and each is told in its turn
        if len(paths) == 1:
            raise


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
    from classifier.files import json_text, write_file

    if not quiet:
        for line in summary_lines(summary):
            echo_note(line)
    for failure in summary.failures:
        echo_note(f"failed: {failure.file}: {failure.reason}")
    if target is not None:
        content = json_text(summary.to_json())
        if str(target) == "-":
            typer.echo(content, nl=False)
        else:
            write_file(target, content.encode())


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
    if tally.headlines:
        items = "article is" if tally.headlines == 1 else "articles are"
        lines.append(f"{tally.headlines:,} {items} a headline without a text, and judged on it")
    if tally.rejects:
        reasons = ", ".join(f"{n:,} {kind}" for kind, n in tally.rejects.most_common())
        folder = f"{summary.out}/.classifier/rejects"
        lines.append(f"bad rows: {tally.rejects.total():,} ({reasons}), in {folder}")
    if summary.passed_over:
        lines.append(f"passed over: {summary.passed_over:,} (no rows, or links out of the archive)")
    if summary.workers_replaced:
        lines.append(f"workers that died and were replaced: {summary.workers_replaced:,}")
    return lines
