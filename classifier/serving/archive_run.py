"""One run over what is left to do of an archive: workers, names, the journal, the counts."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from classifier.errors import ClassifierError
from classifier.serving.journal import Entry, Journal
from classifier.serving.private_model import PrivateModel
from classifier.serving.run_summary import Failure, Progress, RunSummary
from classifier.serving.shard import Shard, ShardResult
from classifier.serving.shards import Archive
from classifier.serving.single_shard import SingleShard
from classifier.serving.tag_workers import ShardTask, shard_worker
from classifier.serving.tagger import TagOptions
from classifier.serving.workers import Answer, Crew, Note, told

__all__ = ["ArchiveRun", "cut_short", "finished_names"]

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
            except OSError as error:
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
        rejects = self.journal.folder / "rejects" / f"{shard.name}.jsonl"
        if task.rejects.exists():
            rejects.parent.mkdir(parents=True, exist_ok=True)
            os.replace(task.rejects, rejects)  # noqa: PTH105
        else:
            rejects.unlink(missing_ok=True)
        target = out / shard.target
        target.parent.mkdir(parents=True, exist_ok=True)
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
