"""`classifier predict` with a folder of results, and with several processes into one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from classifier.cli.archive_options import ArchiveOptions
from classifier.cli.archive_report import ShownProgress, tell_summary
from classifier.cli.leave import remark
from classifier.cli.output import Layout
from classifier.cli.progress import echo_lines
from classifier.cli.stream import write_stream
from classifier.corpus.read_options import ReadOptions

if TYPE_CHECKING:
    from classifier.serving.run_summary import RunSummary
    from classifier.serving.tagger import TagOptions

__all__ = ["is_archive", "predict_archive", "predict_stream"]


def is_archive(files: Sequence[Path], out: Path) -> bool:
    """Return whether results go into a folder: one that is there, or several into a new one."""
    from classifier.serving.shards import is_pattern

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
    from classifier.serving.archive import plan_archive

    _refuse_with_dask(archive)
    if format == "table":
        raise typer.BadParameter("a folder takes jsonl, csv or parquet", param_hint="--format")
    if reading.rejects is not None:
        raise typer.BadParameter(
            f"a folder keeps bad rows by itself, in {out}/.classifier/rejects",
            param_hint="--rejects",
        )
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
        remark(f"{shown.finished} finished and stay; run the same command again to go on")
        raise
    shown.end()
    tell_summary(summary, archive.summary, quiet=quiet)
    if summary.failures:
        raise typer.Exit(1)


def _tagging(archive: ArchiveOptions) -> Callable[..., RunSummary]:
    """Return what tags: this machine or a cluster."""
    if not archive.dask:
        from classifier.serving.archive import tag_archive

        return tag_archive
    from classifier.serving.cluster import predict_on_cluster

    return functools.partial(predict_on_cluster, address=archive.dask)


def _refuse_with_dask(archive: ArchiveOptions) -> None:
    if archive.dask and archive.dry_run:
        raise typer.BadParameter("looks at this machine alone", param_hint="--dry-run")
    if archive.dask not in ("", "local") and archive.jobs is not None:
        raise typer.BadParameter("a cluster has its own workers", param_hint="--jobs")


def _tag_options(
    archive: ArchiveOptions, reading: ReadOptions, thresholds: dict[str, float]
) -> TagOptions:
    from classifier.serving.tagger import TagOptions

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
    if layout.format != "jsonl" or layout.explain:
        raise typer.BadParameter(
            "several processes write plain jsonl into a single file; leave it out",
            param_hint="--jobs",
        )
    options = replace(_tag_options(archive, reading, thresholds), carry=False)
    write_stream(
        files, layout.out, model=model, jobs=archive.jobs or 1, options=options, quiet=quiet
    )
