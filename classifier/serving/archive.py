"""An archive of many files → a folder of the same files with tags; killed, it goes on later."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from classifier.corpus.open_parquet import import_parquet
from classifier.errors import BadInputError
from classifier.model.model import Model
from classifier.serving.archive_run import ArchiveRun, finished_names
from classifier.serving.journal import Journal, opened_journal, read_journal
from classifier.serving.private_model import private_model
from classifier.serving.run_summary import Progress, RunSummary
from classifier.serving.shards import Archive, find_archive
from classifier.serving.tagger import Tagger, TagOptions

__all__ = ["Plan", "plan_archive", "tag_archive"]

Source = Path | str | Sequence[Path | str]
Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do with a file: ``"to do"``, or nothing as it is ``"done"``."""

    name: str
    target: str
    state: str


def plan_archive(
    source: Source,
    out: Path | str,
    *,
    model: Model | Path | str | None = None,
    options: TagOptions | None = None,
    restart: bool = False,
) -> list[Plan]:
    """Return what `tag_archive` would do, and write nothing.

    Raises
    ------
    ClassifierError
        What `tag_archive` would raise before its first file.
    """
    options, out = options or TagOptions(), Path(out)
    archive = _found(source, out, options)
    journal = read_journal(out)
    if restart:
        _check_free(archive, journal)
        journal = Journal(out)
    with TemporaryDirectory() as folder, private_model(model, Path(folder, "model")) as own:
        Tagger(own.load(), options)
        journal.check(_settings(archive, options, own.sha256))
    if not restart:
        _check_free(archive, journal)
    done = finished_names(archive, journal)
    return [
        Plan(shard.name, shard.target, "done" if shard.name in done else "to do")
        for shard in archive.shards
    ]


def tag_archive(
    source: Source,
    out: Path | str,
    *,
    model: Model | Path | str | None = None,
    jobs: int | None = None,
    options: TagOptions | None = None,
    restart: bool = False,
    progress: Report | None = None,
) -> RunSummary:
    """Tag every article of an archive and write a file for each of its files.

    Parameters
    ----------
    source : path or sequence of paths
        A folder, a pattern, or files: JSONL, CSV, TSV, Parquet.
    out : path
        The folder of the results. What an earlier run with the same options, model and source
        has finished in it is not done again.
    model : Model, path or None
        The shipped model when not given.
    jobs : int, optional
        Worker processes; as many as there are cores when not given.
    options : TagOptions, optional
        What to read and what to write.
    restart : bool
        Do everything again, whatever was finished and however.
    progress : callable, optional
        Called now and then, at least once a second.

    Returns
    -------
    RunSummary
        With the files that failed; one that did never stands in the way of the others.

    Raises
    ------
    ClassifierError
        Before the first file, when the run makes no sense; later when nothing more can be
        written. What is finished stays, and the same call goes on.

    Notes
    -----
    A script that calls this needs ``if __name__ == "__main__":``, as workers import it.
    """
    options, out = options or TagOptions(), Path(out)
    # refuses what makes no sense before there is a trace of it
    plan_archive(source, out, model=model, options=options, restart=restart)
    archive = _found(source, out, options)
    with (
        opened_journal(out) as journal,
        private_model(model, journal.folder / "model") as own,
    ):
        if restart:
            journal.restart()
        settings = _settings(archive, options, own.sha256)
        journal.check(settings)
        journal.begin(settings)
        run = ArchiveRun(archive, journal, own, options, jobs or os.cpu_count() or 1)
        return run.finished(progress or (lambda state: None))


def _found(source: Source, out: Path, options: TagOptions) -> Archive:
    if out.exists() and not out.is_dir():
        raise BadInputError(f"{out}: is a file. Name a folder for the results.")
    archive = find_archive(source, out, input_format=options.reading.format, format=options.format)
    for shard in archive.shards:
        if "parquet" in (shard.format, shard.target_format):
            import_parquet(shard.name)
            break
    return archive


def _settings(archive: Archive, options: TagOptions, sha256: str) -> Mapping[str, Any]:
    return {"version": 1, "model": sha256, "source": str(archive.root), **options.to_json()}


def _check_free(archive: Archive, journal: Journal) -> None:
    """Raise when a first run would replace files that it did not write."""
    if journal.settings is not None:
        return
    for shard in archive.shards:
        if os.path.lexists(journal.out / shard.target):
            raise BadInputError(
                f"{journal.out / shard.target}: is there already, and no run of ours has written "
                "it. Name another folder."
            )
