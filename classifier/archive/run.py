"""An archive of many files → a folder of the same files with tags; killed, it goes on later."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from classifier.archive.journal import (
    VERSION,
    Entry,
    Journal,
    check_free,
    occupied,
    opened_journal,
    read_journal,
)
from classifier.archive.score import model_folder
from classifier.archive.shard import Rejects, Shard, ShardResult, opened_part
from classifier.archive.shards import Archive, find_archive
from classifier.archive.tagger import Failure, Progress, RunSummary, Tagger, TagOptions, Tally
from classifier.archive.workers import (
    Answer,
    Crew,
    Note,
    PrivateModel,
    ShardTask,
    block_tasks,
    private_model,
    shard_worker,
    tagged_blocks,
    told,
)
from classifier.corpus.open import import_parquet
from classifier.errors import BadInputError, ClassifierError
from classifier.files import file_sha256
from classifier.model.folder import load_model, save_model
from classifier.model.model import Model

__all__ = [
    "ArchiveRun",
    "Plan",
    "SingleShard",
    "cut_short",
    "finished_names",
    "plan_archive",
    "tag_archive",
]


class SingleShard:
    """In place of a `Crew`, when there is one file of JSONL and more than one worker."""

    def __init__(self, model: PrivateModel, options: TagOptions, *, jobs: int) -> None:
        self._model, self._options, self._jobs = model, options, jobs
        self.n_replaced = 0

    def run(self, tasks: Iterator[ShardTask]) -> Generator[Answer[ShardTask] | Note]:
        """Yield notes of progress and then the answer."""
        for task in tasks:
            tally = Tally()
            try:
                yield from self._tagged(task, tally)
                size, sha256 = task.part.stat().st_size, file_sha256(task.part)
                yield Answer(0, task, ShardResult(size, sha256, tally))
            except (ClassifierError, OSError) as error:
                reason, stop = told(error)
                yield Answer(0, task, reason=reason, stop=stop)

    def _tagged(self, task: ShardTask, tally: Tally) -> Iterator[Note]:
        shard = task.shard
        blocks = block_tasks(shard.source, self._options, Path(shard.target).suffix.lower())
        with opened_part(task.part) as raw, Rejects(task.rejects) as reject:
            for block, tagged in tagged_blocks(blocks, self._model, self._options, jobs=self._jobs):
                raw.write(tagged.data)
                tally.add(tagged.tally)
                if tagged.rejects:
                    reject(tagged.rejects)
                yield Note(0, tally.read, block.read_bytes)
            shard.check_unchanged()


Report = Callable[[Progress], None]


def finished_names(archive: Archive, journal: Journal) -> set[str]:
    """Return the files whose results are there and need not be made again."""
    entries = journal.entries
    return {
        shard.name
        for shard in archive.shards
        if shard.name in entries and entries[shard.name].holds(shard, journal.out)
    }


def cut_short(reason: str, n_done: int, archive: Archive) -> ClassifierError:
    """Return the error that ends a run which can go on later."""
    return ClassifierError(
        f"{reason}. {n_done} of {len(archive.shards)} files are finished and stay; mend this and "
        "run the same command again to go on."
    )


@dataclass
class ArchiveRun:
    """One run over what is left to do."""

    archive: Archive
    journal: Journal
    model: PrivateModel
    options: TagOptions
    jobs: int
    failures: list[Failure] = field(default_factory=list)
    articles: int = 0
    n_bytes: int = 0
    under_way: dict[int, Note] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    def finished(self, progress: Report) -> RunSummary:
        """Do it, and return what was done."""
        earlier = finished_names(self.archive, self.journal)
        todo = [shard for shard in self.archive.shards if shard.name not in earlier]
        parts = self.journal.folder / "parts"
        shutil.rmtree(parts, ignore_errors=True)
        try:
            n_replaced = self._work(todo, parts / secrets.token_hex(4), progress) if todo else 0
        finally:
            shutil.rmtree(parts, ignore_errors=True)
        return self._summary(len(earlier), n_replaced)

    def _work(self, todo: list[Shard], parts: Path, progress: Report) -> int:
        n_files, n_bytes = len(self.archive.shards), sum(shard.n_bytes for shard in todo)
        done = n_files - len(todo)
        tasks = (
            ShardTask(shard, parts / str(number), parts / f"{number}.rejects")
            for number, shard in enumerate(todo)
        )
        crew = self._crew(todo)
        with closing(crew.run(tasks)) as answers:
            for word in answers:
                if isinstance(word, Answer):
                    done += 1
                self._take(word)
                progress(self._progress(done, n_files, n_bytes))
        return crew.n_replaced

    def _crew(self, todo: list[Shard]) -> Crew[ShardTask] | SingleShard:
        if len(todo) == 1 and todo[0].by_lines and self.jobs > 1:
            return SingleShard(self.model, self.options, jobs=self.jobs)
        jobs = min(self.jobs, len(todo))
        return Crew(shard_worker, (self.model, self.options), jobs=jobs)

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

    def _take(self, word: Answer[ShardTask] | Note | None) -> None:
        if isinstance(word, Note):
            self.under_way[word.index] = word
        elif isinstance(word, Answer):
            self.under_way.pop(word.index, None)
            self.n_bytes += word.task.shard.n_bytes
            if word.reason:
                self._fail(word.task, word.reason, word.stop)
                return
            try:
                self._publish(word.task, word.value)
            except (BadInputError, OSError) as error:
                self._fail(word.task, *told(error))

    def _fail(self, task: ShardTask, reason: str, stop: bool) -> None:
        name = task.shard.name
        for path in (task.part, task.rejects):
            path.unlink(missing_ok=True)
        if stop:
            n_done = len(finished_names(self.archive, self.journal))
            raise cut_short(f"{name}: {reason}", n_done, self.archive)
        self.failures.append(Failure(name, reason))

    def _publish(self, task: ShardTask, result: ShardResult) -> None:
        """Give a result its name, then write it down; killed in between, it is done again."""
        shard, out = task.shard, self.journal.out
        if not self.journal.may_write(shard.target):
            raise BadInputError(occupied(out / shard.target))
        rejects = self.journal.rejects_of(shard.name)
        if task.rejects.exists():
            rejects.parent.mkdir(parents=True, exist_ok=True)
            os.replace(task.rejects, rejects)  # noqa: PTH105
        else:
            rejects.unlink(missing_ok=True)
        target = out / shard.target
        target.parent.mkdir(parents=True, exist_ok=True)
        self.journal.claim(shard.target, (result.n_bytes, result.sha256))
        os.replace(task.part, target)  # noqa: PTH105
        self.articles += result.tally.read
        self.journal.add(Entry.of(shard, result))

    def _summary(self, n_earlier: int, n_replaced: int) -> RunSummary:
        done = finished_names(self.archive, self.journal)
        return RunSummary(
            out=str(self.journal.out),
            model=self.model.signature,
            labels=self.model.labels,
            n_files=len(done),
            n_earlier=n_earlier,
            failures=tuple(self.failures),
            passed_over=self.archive.passed_over,
            tally=self.journal.tally(done),
            articles=self.articles,
            seconds=time.monotonic() - self.start,
            jobs=self.jobs,
            workers_replaced=n_replaced,
        )


Source = Path | str | Sequence[Path | str]


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
    done = _checked(archive, out, options, model, restart=restart)
    return [
        Plan(shard.name, shard.target, "done" if shard.name in done else "to do")
        for shard in archive.shards
    ]


def _checked(
    archive: Archive,
    out: Path,
    options: TagOptions,
    model: Model | Path | str | None,
    *,
    restart: bool,
) -> set[str]:
    """Return the names of the files that are finished, once nothing speaks against a run."""
    journal = read_journal(out)
    sha256 = _saved_hash(model) if isinstance(model, Model) else ""
    loaded = model if isinstance(model, Model) else load_model(model_folder(model))
    Tagger(loaded, options)
    if not restart:
        journal.check(_settings(archive, options, sha256 or str(loaded.info["hash"])))
    done = set() if restart else finished_names(archive, journal)
    check_free(archive, done, journal.may_write, out)
    return done


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
    options, out = options or TagOptions(), Path(out)
    archive = _found(source, out, options)
    # refuses what makes no sense before there is a trace of it
    _checked(archive, out, options, model, restart=restart)
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
    return {"version": VERSION, "model": sha256, "source": str(archive.root), **options.to_json()}
