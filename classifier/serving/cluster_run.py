"""One run of an archive over a cluster: tasks out, answers in, whatever becomes of workers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any

from classifier.errors import ClassifierError
from classifier.serving.archive_run import cut_short
from classifier.serving.cluster_client import import_distributed
from classifier.serving.cluster_journal import ClusterJournal
from classifier.serving.cluster_model import PackedModel
from classifier.serving.cluster_places import Files
from classifier.serving.cluster_shard import FarTask, begun_mark, parts_folder, tag_far_shard
from classifier.serving.journal import Entry
from classifier.serving.run_summary import Failure, Progress, RunSummary
from classifier.serving.tagger import TagOptions
from classifier.serving.workers import Answer, told

__all__ = ["ClusterRun"]

RETRIES = 2
TICK = 1.0
# Clusters that grow on demand have no worker before there is a task.
PATIENCE = 60.0


@dataclass
class ClusterRun:
    """One run over what is left to do.

    Parameters
    ----------
    files : Files
    kept : ClusterJournal
    client : distributed.Client
    packed : PackedModel
    options : TagOptions
    """

    files: Files
    kept: ClusterJournal
    client: Any
    packed: PackedModel
    options: TagOptions
    failures: list[Failure] = field(default_factory=list)
    articles: int = 0
    n_bytes: int = 0
    workers: set[str] = field(default_factory=set)
    start: float = field(default_factory=time.monotonic)

    def finished(self, progress: Callable[[Progress], None]) -> RunSummary:
        """Do it, and return what was done.

        Raises
        ------
        ClassifierError
            When there is no worker, the cluster goes, or no more can be written.
        """
        archive = self.files.archive
        earlier = self.kept.done(archive)
        run = secrets.token_hex(4)
        tasks = [
            FarTask(shard, address, self.kept.out.address, run)
            for shard, address in zip(archive.shards, self.files.addresses, strict=True)
            if shard.name not in earlier
        ]
        if tasks:
            with self._parts(run):
                self._work(tasks, progress)
        return self._summary(len(earlier))

    @contextmanager
    def _parts(self, run: str) -> Iterator[None]:
        """Make the folder of what is not whole, and take it away with what is left in the end."""
        out = self.kept.out
        folder = out.below(parts_folder(run))
        out.fs.makedirs(folder, exist_ok=True)
        try:
            out.fs.pipe_file(out.below(begun_mark(run)), b"")
            yield
        finally:
            with suppress(OSError):
                # a local folder is locked, so what killed runs have left is nobody's
                out.fs.rm(folder.rpartition("/")[0] if out.is_local else folder, recursive=True)

    def _work(self, tasks: list[FarTask], progress: Callable[[Progress], None]) -> None:
        n_bytes, n_files = sum(task.shard.n_bytes for task in tasks), len(self.files.archive.shards)
        waiting: dict[Any, FarTask] = {}
        try:
            waiting |= self._submitted(tasks)
            done = n_files - len(tasks)
            for future in self._ended(waiting):
                if future is not None:
                    self._take(future, waiting.pop(future))
                    done += 1
                seconds = time.monotonic() - self.start
                progress(Progress(done, n_files, self.articles, self.n_bytes, n_bytes, seconds))
        finally:
            with suppress(OSError):
                self.client.cancel(list(waiting), force=True)

    def _submitted(self, tasks: list[FarTask]) -> dict[Any, FarTask]:
        model = self._model()
        futures = self.client.map(
            tag_far_shard,
            tasks,
            packed=model,
            options=self.options,
            retries=RETRIES,
            pure=False,
            key=[f"classifier-{task.run}-{number}" for number, task in enumerate(tasks)],
        )
        return dict(zip(futures, tasks, strict=True))

    def _model(self) -> Any:
        """Return the model as a result that each worker asks for once, and that can be remade."""
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            model = self.client.submit(_same, self.packed, key=f"model-{secrets.token_hex(4)}")
        taken = Event()
        model.add_done_callback(lambda ended: taken.set())
        if not taken.wait(PATIENCE):
            raise ClassifierError(
                f"{self._address}: no worker took a task in {PATIENCE:g} s. Start "
                "workers: dask worker ADDRESS"
            )
        self.workers |= set(self._threads())
        return model

    def _ended(self, waiting: dict[Any, FarTask]) -> Iterator[Any | None]:
        """Yield futures as they end, and ``None`` when none does for a while."""
        ended: SimpleQueue[Any] = SimpleQueue()
        for future in waiting:
            future.add_done_callback(ended.put)
        seen = time.monotonic()
        while waiting:
            try:
                yield ended.get(timeout=TICK)
            except Empty:
                yield None
            if time.monotonic() - seen > TICK:
                self.workers |= set(self._threads())
                seen = time.monotonic()

    def _take(self, future: Any, task: FarTask) -> None:
        if future.status == "finished":
            answer: Answer[FarTask] = future.result()
        elif future.status == "error":
            answer = _failed(task, future.exception())
        else:
            raise self._refusal(f"{self._address}: the scheduler has gone or dropped the task")
        self.n_bytes += task.shard.n_bytes
        if answer.stop:
            raise self._refusal(f"{task.shard.name}: {answer.reason.rstrip('.')}")
        if answer.reason:
            self.failures.append(Failure(task.shard.name, answer.reason))
        else:
            self._note(task, answer)

    @property
    def _address(self) -> str:
        return str(self.client.scheduler.address)

    def _threads(self) -> Mapping[str, int]:
        """Return the threads of each worker by its address."""
        try:
            threads: Mapping[str, int] = self.client.nthreads()
        except OSError:
            raise self._refusal(f"{self._address}: the scheduler has gone") from None
        return threads

    def _refusal(self, reason: str) -> ClassifierError:
        archive = self.files.archive
        return cut_short(reason, len(self.kept.done(archive)), archive)

    def _note(self, task: FarTask, answer: Answer[FarTask]) -> None:
        shard, result = task.shard, answer.value
        self.articles += result.tally.read
        self.kept.add(Entry.of(shard, result))

    def _summary(self, n_earlier: int) -> RunSummary:
        done = self.kept.done(self.files.archive)
        threads = self._threads()
        return RunSummary(
            out=self.kept.out.address,
            model=self.packed.signature,
            labels=self.packed.labels,
            n_files=len(done),
            n_earlier=n_earlier,
            failures=tuple(self.failures),
            passed_over=self.files.archive.passed_over,
            tally=self.kept.journal.tally(done),
            articles=self.articles,
            seconds=time.monotonic() - self.start,
            jobs=sum(threads.values()),
            workers_replaced=len(self.workers - set(threads)),
        )


def _same(packed: PackedModel) -> PackedModel:
    return packed


def _failed(task: FarTask, error: Exception) -> Answer[FarTask]:
    distributed = import_distributed()
    if isinstance(error, distributed.KilledWorker):
        reason, stop = "the workers that had it died, again and again; is memory short?", False
    else:
        reason, stop = told(error, made=not isinstance(error, ClassifierError))
    return Answer(0, task, reason=reason, stop=stop)
