"""An archive of many files → a folder of the same files with tags; killed, it goes on later."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from classifier.archive.journal import (
    FOLDER,
    PARTS,
    VERSION,
    Entry,
    Journal,
    occupied,
    opened_journal,
    publish,
    read_journal,
)
from classifier.archive.shard import Shard, ShardResult
from classifier.archive.shards import Archive, Place, find_archive, place_of
from classifier.archive.tagger import (
    Failure,
    Progress,
    RunSummary,
    TagOptions,
    check_options,
)
from classifier.archive.tasks import ShardTask, SingleShard, private_model, shard_worker
from classifier.archive.workers import Answer, LostError, Note, Pool, reason_of
from classifier.corpus.open import import_parquet
from classifier.errors import BadInputError, ClassifierError
from classifier.model.folder import load_model, model_folder, save_model
from classifier.model.model import Model

__all__ = ["ArchiveRun", "Plan", "Planned", "begun_mark", "plan_archive", "planned", "tag_archive"]


Source = Path | str | Sequence[Path | str]
Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run is to do, once nothing speaks against it.

    Parameters
    ----------
    archive : Archive
    out : Place
        The folder of the results.
    model : Model
    settings : mapping
        All that decides what is written.
    done : set of str
        Names of the files that are finished.
    restart : bool
    """

    archive: Archive
    out: Place
    model: Model
    settings: Mapping[str, Any]
    done: set[str]
    restart: bool


def planned(
    source: Source,
    out: Place,
    *,
    model: Model,
    sha256: str,
    options: TagOptions,
    restart: bool,
) -> Planned:
    """Return what a run is to do; nothing is written.

    Parameters
    ----------
    sha256 : str
        The hash of the model as it lies on a disk.
    source, out, model, options, restart
        See `tag_archive`.

    Raises
    ------
    ClassifierError
        When it makes no sense.
    """
    if out.is_local and Path(out.path).exists() and not Path(out.path).is_dir():
        raise BadInputError(f"{out.address}: is a file. Name a folder for the results.")
    archive = find_archive(source, out, input_format=options.reading.format, format=options.format)
    for shard in archive.shards:
        if "parquet" in (shard.format, shard.target_format):
            import_parquet(shard.name)
            break
    check_options(model, options)
    settings = {"version": VERSION, "model": sha256, "source": archive.root, **options.to_json()}
    journal = read_journal(out)
    if not restart:
        journal.check(settings)
    done = set() if restart else journal.finished(archive)
    journal.check_free(archive, done)
    return Planned(archive, out, model, settings, done, restart)


def begun_mark(run: str) -> str:
    """Return the file in the folder of results that is there as long as a run goes on."""
    return f"{PARTS}/{run}/begun"


@dataclass
class ArchiveRun:
    """One run over what is left to do.

    Parameters
    ----------
    plan : Planned
    journal : Journal
        Opened.
    pool_for : callable
        From the files to do to what tags them.
    task_of : callable
        From the name of the run and a file to its task. A `ShardTask` leaves a part that the run
        gives its name; other tasks do that themselves.
    signature : str
        What results call the model.
    jobs : int
    """

    plan: Planned
    journal: Journal
    pool_for: Callable[[list[Shard]], Pool[Any] | SingleShard]
    task_of: Callable[[str, Shard], Any]
    signature: str
    jobs: int
    failures: list[Failure] = field(default_factory=list)
    articles: int = 0
    n_bytes: int = 0
    under_way: dict[int, Note] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    def finished(self, progress: Report | None) -> RunSummary:
        """Do it, and return what was done.

        Raises
        ------
        ClassifierError
            When nothing more can be written, or whatever tags has gone.
        """
        archive, journal = self.plan.archive, self.journal
        if self.plan.restart:
            journal.restart()
        journal.check(self.plan.settings)
        journal.begin(self.plan.settings)
        earlier = journal.finished(archive)
        todo = [shard for shard in archive.shards if shard.name not in earlier]
        n_replaced = 0
        if todo:
            with self._begun() as run:
                n_replaced = self._work(run, todo, progress or (lambda state: None))
        done = journal.finished(archive)
        return RunSummary(
            out=self.plan.out.address,
            model=self.signature,
            labels=self.plan.model.labels,
            n_files=len(done),
            n_earlier=len(earlier),
            failures=tuple(self.failures),
            passed_over=archive.passed_over,
            tally=journal.tally(done),
            articles=self.articles,
            seconds=time.monotonic() - self.start,
            jobs=self.jobs,
            workers_replaced=n_replaced,
        )

    @contextmanager
    def _begun(self) -> Iterator[str]:
        """Name the run, keep its mark, and take away in the end what is not whole."""
        run, out = secrets.token_hex(4), self.plan.out
        # a local folder is locked, so what killed runs have left is nobody's
        parts = PARTS if out.is_local else f"{PARTS}/{run}"
        out.remove_folder(parts)
        try:
            out.write(begun_mark(run), b"")
            yield run
        finally:
            out.remove_folder(parts)

    def _work(self, run: str, todo: list[Shard], progress: Report) -> int:
        n_files, n_bytes = len(self.plan.archive.shards), sum(shard.n_bytes for shard in todo)
        pool, tasks = self.pool_for(todo), (self.task_of(run, shard) for shard in todo)
        done = n_files - len(todo)
        try:
            with closing(pool.run(tasks)) as answers:
                for word in answers:
                    done += isinstance(word, Answer)
                    self._take(word)
                    progress(self._progress(done, n_files, n_bytes))
            return pool.n_replaced
        except LostError as error:
            raise self._cut_short(str(error)) from None

    def _progress(self, done: int, n_files: int, n_bytes: int) -> Progress:
        notes = self.under_way.values()
        return Progress(
            files=done,
            n_files=n_files,
            articles=self.articles + sum(note.articles for note in notes),
            done=self.n_bytes + sum(note.n_bytes for note in notes),
            n_bytes=n_bytes,
            seconds=time.monotonic() - self.start,
        )

    def _take(self, word: Answer[Any] | Note | None) -> None:
        if isinstance(word, Note):
            self.under_way[word.index] = word
        elif isinstance(word, Answer):
            self.under_way.pop(word.index, None)
            self.n_bytes += word.task.shard.n_bytes
            if word.reason:
                self._fail(word.task, word.reason, word.stop)
                return
            try:
                self._finish(word.task, word.value)
            except (BadInputError, OSError) as error:
                self._fail(word.task, *reason_of(error))

    def _finish(self, task: Any, result: ShardResult) -> None:
        """Give a result its name, then write it down; killed in between, it is done again."""
        shard, out = task.shard, self.plan.out
        if isinstance(task, ShardTask):
            if not self.journal.may_write(shard.target):
                raise BadInputError(occupied(out, shard.target))
            publish(out, shard, result, task.part, task.rejects)
        self.articles += result.tally.read
        self.journal.add(Entry.of(shard, result))

    def _fail(self, task: Any, reason: str, stop: bool) -> None:
        name = task.shard.name
        if isinstance(task, ShardTask):
            for path in (task.part, task.rejects):
                path.unlink(missing_ok=True)
        if stop:
            raise self._cut_short(f"{name}: {reason.rstrip('.')}")
        self.failures.append(Failure(name, reason))

    def _cut_short(self, reason: str) -> ClassifierError:
        archive = self.plan.archive
        return ClassifierError(
            f"{reason}. {len(self.journal.finished(archive))} of {len(archive.shards)} files are "
            "finished and stay; mend this and run the same command again to go on."
        )


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
    plan = _planned_here(source, out, model, options or TagOptions(), restart=restart)
    return [
        Plan(shard.name, shard.target, "done" if shard.name in plan.done else "to do")
        for shard in plan.archive.shards
    ]


def _planned_here(
    source: Source,
    out: Path | str,
    model: Model | Path | str | None,
    options: TagOptions,
    *,
    restart: bool,
) -> Planned:
    if isinstance(model, Model):
        loaded, sha256 = model, _saved_hash(model)
    else:
        loaded = load_model(model_folder(model))
        sha256 = str(loaded.info["hash"])
    return planned(
        source, place_of(out), model=loaded, sha256=sha256, options=options, restart=restart
    )


def _saved_hash(model: Model) -> str:
    """Return the hash that a model in memory has when it is saved."""
    with TemporaryDirectory() as folder:
        return str(save_model(model, Path(folder)).info["hash"])


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
    options, jobs = options or TagOptions(), jobs or os.cpu_count() or 1
    plan = _planned_here(source, out, model, options, restart=restart)
    folder = Path(plan.out.below(FOLDER))
    own_model = private_model(model, folder / "model", loaded=plan.model)
    with opened_journal(plan.out) as journal, own_model as own:

        def pool_for(todo: list[Shard]) -> Pool[ShardTask] | SingleShard:
            if len(todo) == 1 and todo[0].by_lines and jobs > 1:
                return SingleShard(own, options, jobs=jobs)
            return Pool(shard_worker, (own, options), jobs=min(jobs, len(todo)))

        return ArchiveRun(
            plan, journal, pool_for, partial(_task, plan.out), own.signature, jobs
        ).finished(progress)


def _task(out: Place, run: str, shard: Shard) -> ShardTask:
    part = Path(out.below(f"{PARTS}/{run}/{secrets.token_hex(8)}"))
    return ShardTask(shard, part, part.with_suffix(".rejects"))
