"""Tasks through an executor: processes of this machine, or whatever else takes tasks."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, BinaryIO, Generic, Protocol, TypeVar, cast

from classifier.archive.shard import GZIP_LEVEL, Shard, ShardResult, position, tag_shard
from classifier.archive.tagger import Tagger, TagOptions, Tally, tag_block
from classifier.corpus.corpus import ReadTally
from classifier.corpus.open import (
    Block,
    Source,
    find_sources,
    format_by_content,
    line_blocks,
    open_bytes,
    utf8_bytes,
)
from classifier.corpus.read import check_rejects
from classifier.errors import BadInputError, ClassifierError, ModelError
from classifier.files import opened_text, packed
from classifier.model.folder import (
    MANIFEST,
    load_model,
    model_folder,
    parse_manifest,
    save_model,
)
from classifier.model.model import Model

__all__ = [
    "Answer",
    "BlockTask",
    "Crew",
    "Executor",
    "Note",
    "PrivateModel",
    "Processes",
    "ShardTask",
    "TaggedBlock",
    "block_worker",
    "interrupts_held",
    "perform",
    "private_model",
    "shard_worker",
    "tag_stream",
    "tagged_blocks",
    "told",
]


@dataclass(frozen=True, slots=True)
class PrivateModel:
    """A model in a folder that nobody else writes to.

    Parameters
    ----------
    folder : Path
    sha256 : str
        The model's hash, which each worker compares.
    signature : str
        What results call it.
    labels : tuple of str
    """

    folder: Path
    sha256: str
    signature: str
    labels: tuple[str, ...]

    def load(self) -> Model:
        """Return the model, mapped.

        Raises
        ------
        ModelError
            When it is not the one that the run began with.
        """
        model = load_model(self.folder, mmap=True)
        if model.info["hash"] != self.sha256:
            raise ModelError(f"{self.folder}: was changed by someone. Run the same command again.")
        return model


@contextmanager
def private_model(
    model: Model | Path | str | None, folder: Path, *, loaded: Model | None = None
) -> Iterator[PrivateModel]:
    """Put a model into `folder`, and take it away in the end.

    Parameters
    ----------
    model : Model, path or None
        In memory or in a folder; the shipped model when not given.
    folder : Path
        What it holds is removed first.
    loaded : Model, optional
        What is in the folder of `model`, when that is known.

    Raises
    ------
    ModelError
        When it cannot be loaded.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        if isinstance(model, Model):
            sha256, signature = str(save_model(model, folder).info["hash"]), model.signature
        else:
            model = _copied(model_folder(model), folder, loaded)
            sha256, signature = str(model.info["hash"]), model.signature
        yield PrivateModel(folder, sha256, signature, model.labels)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(source: Path, folder: Path, loaded: Model | None) -> Model:
    """Copy the files that a model consists of; each worker checks them when it loads them."""
    model = loaded or load_model(source)
    with suppress(FileNotFoundError):
        if _copy(source, folder) == model.info["hash"]:
            return model
    raise ModelError(f"{source}: was replaced while it was copied. Run the same command again.")


def _copy(source: Path, folder: Path) -> object:
    """Copy a model and return its hash."""
    path = source / MANIFEST
    raw = path.read_bytes()
    manifest = parse_manifest(raw, path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).write_bytes(raw)
        for stored in manifest.files.values():
            shutil.copyfile(source / stored.name, folder / stored.name)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ModelError(f"{source}: cannot be copied to {folder} ({error.strerror}).") from None
    return manifest.outline.info["hash"]


# Errors that others would meet too: the disk is full, or may not be written to.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def told(error: BaseException, *, made: bool = True) -> tuple[str, bool]:
    """Return what is said of an error, and whether other tasks would meet it too."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", not made or error.errno in _FULL
    if isinstance(error, ClassifierError):
        return str(error), not (made and isinstance(error, BadInputError))
    return f"{type(error).__name__}: {error}", not made


Task = TypeVar("Task")
Report = Callable[[int, int], None]
Do = Callable[[Any, Report], object]
# How often a task whose worker has died is tried once more.
RETRIES = 2
# How often a crew looks up while nothing happens, so that progress is shown.
PATIENCE = 0.25
GRACE = 5.0


@dataclass(frozen=True, slots=True)
class Note:
    """Word from a task under way: the articles and bytes it has read so far."""

    index: int
    articles: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Answer(Generic[Task]):
    """What became of a task: its value, or why it has none.

    Parameters
    ----------
    index : int
        Its place among the tasks.
    task : object
    value : object
        ``None`` when it failed.
    reason : str
        Empty when it did not.
    stop : bool
        Whether others would fail for the same reason, such as a full disk.
    """

    index: int
    task: Task
    value: Any = None
    reason: str = ""
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker sends back, see `Answer`; `may_pass` when another try may succeed."""

    value: object = None
    reason: str = ""
    stop: bool = False
    may_pass: bool = False


def perform(make: Callable[[], Do], task: object, report: Report) -> Outcome:
    """Do a task in a worker; an error is an outcome, as not every error can be sent.

    Parameters
    ----------
    make : callable
        Gives what does tasks.
    task : object
    report : callable
        Given the articles and bytes read so far, now and then.
    """
    do = None
    try:
        do = make()
        return Outcome(do(task, report))
    except Exception as error:
        reason, stop = told(error, made=do is not None)
        return Outcome(None, reason, stop, may_pass=isinstance(error, OSError))


class LostError(ClassifierError):
    """Whatever took the tasks has gone."""


class Executor(Protocol):
    """What takes tasks for a crew, on this machine or on many."""

    @property
    def n_replaced(self) -> int:
        """Workers that died."""

    def has_room(self) -> bool:
        """Return whether one more task may be submitted."""

    def submit(self, index: int, task: Any) -> Future[Outcome]:
        """Begin with a task."""

    def outcome(self, future: Future[Outcome]) -> Outcome:
        """Return what became of a task that has ended, the death of its worker too."""

    def notes(self) -> list[Note]:
        """Return how far the tasks under way are.

        Raises
        ------
        LostError
            When there is nobody to ask.
        """

    def close(self) -> None:
        """End all that is under way, at once."""


@dataclass(slots=True)
class _Job(Generic[Task]):
    index: int
    task: Task
    n_tries: int = 0


class Crew(Generic[Task]):
    """Workers for one kind of task.

    Parameters
    ----------
    make : callable
        Called once in each worker with `arguments`; a function of a task and of what takes
        its progress. Both are pickled by name, so they stand in modules.
    arguments : tuple
    jobs : int
        Workers.
    ahead : int or None
        How many tasks may be under way or done before the oldest that is not; ``None`` is any.
    copied : bool
        Whether workers may begin as copies of this process, see `can_copy`.
    executor : Executor, optional
        Takes the tasks instead of processes of this machine.
    """

    def __init__(
        self,
        make: Callable[..., Do],
        arguments: tuple[Any, ...],
        *,
        jobs: int = 1,
        ahead: int | None = None,
        copied: bool = False,
        executor: Executor | None = None,
    ) -> None:
        self._executor = executor or Processes(partial(make, *arguments), jobs, copied=copied)
        self._ahead = ahead
        self._ended: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._under_way: dict[Future[Outcome], _Job[Task]] = {}
        self._again: deque[_Job[Task]] = deque()
        self._prepared: _Job[Task] | None = None
        self._newest = -1

    @property
    def n_replaced(self) -> int:
        """Workers that died."""
        return self._executor.n_replaced

    def run(self, tasks: Iterator[Task]) -> Generator[Answer[Task] | Note | None]:
        """Yield the answers as they come, notes of progress, and ``None`` when nothing happens.

        Tasks are taken from the iterator only when a worker is free for them. Close this
        generator to end all workers at once.
        """
        jobs = (_Job(index, task) for index, task in enumerate(tasks))
        try:
            while self._hand_out(jobs):
                # read while the workers are busy, so that none has to wait for it
                self._prepared = self._prepared or self._fresh(jobs)
                answer = self._next_answer()
                # the next task goes out before this answer is dealt with
                self._hand_out(jobs)
                yield answer
                yield from self._executor.notes()
        finally:
            self._executor.close()

    def _hand_out(self, jobs: Iterator[_Job[Task]]) -> bool:
        """Give tasks to workers while there are some of both; tell whether any is under way."""
        while self._executor.has_room():
            job = self._next(jobs)
            if job is None:
                break
            future = self._executor.submit(job.index, job.task)
            self._under_way[future] = job
            future.add_done_callback(self._ended.put)
        return bool(self._under_way)

    def _next(self, jobs: Iterator[_Job[Task]]) -> _Job[Task] | None:
        if self._again:
            return self._again.popleft()
        job, self._prepared = self._prepared or self._fresh(jobs), None
        return job

    def _fresh(self, jobs: Iterator[_Job[Task]]) -> _Job[Task] | None:
        if self._ahead is not None and self._under_way:
            oldest = min(job.index for job in self._under_way.values())
            if self._newest - oldest >= self._ahead:
                return None
        job = next(jobs, None)
        self._newest = self._newest if job is None else job.index
        return job

    def _next_answer(self) -> Answer[Task] | None:
        """Return what became of a job, ``None`` when none ends or it is tried again."""
        try:
            future = self._ended.get(timeout=PATIENCE)
        except Empty:
            return None
        job, outcome = self._under_way.pop(future), self._executor.outcome(future)
        job.n_tries += 1
        if outcome.may_pass and job.n_tries <= RETRIES:
            self._again.append(job)
            return None
        return Answer(job.index, job.task, outcome.value, outcome.reason, outcome.stop)


class Processes:
    """An executor of processes of this machine.

    Each worker is a pool of one process, so that it is known on which task one has died, and the
    others go on.

    Parameters
    ----------
    make : callable
        Gives what does tasks; called once in each process.
    jobs : int
    copied : bool
        Whether workers may begin as copies of this process, see `can_copy`.
    """

    def __init__(self, make: Callable[[], Do], jobs: int, *, copied: bool = False) -> None:
        self._make = make
        self._context = multiprocessing.get_context("fork" if copied and can_copy() else "spawn")
        # of the task that each worker is at: articles and bytes read
        self._read = self._context.RawArray("q", 2 * jobs)
        self._places = list(range(jobs))
        self._idle: list[_Worker] = []
        self._busy: dict[Future[Outcome], tuple[_Worker, int]] = {}
        self.n_replaced = 0

    def has_room(self) -> bool:
        """Return whether a worker is free, or not there yet."""
        return bool(self._idle or self._places)

    def submit(self, index: int, task: object) -> Future[Outcome]:
        """Begin with a task, in a process that lives."""
        with interrupts_held():
            worker = self._idle.pop() if self._idle else self._hired(self._places.pop())
            self._read[2 * worker.place : 2 * worker.place + 2] = 0, 0
            try:
                future = worker.pool.submit(_do, task)
            except BrokenProcessPool:
                # it has died while it was idle
                self._bury(worker)
                return self.submit(index, task)
            self._busy[future] = worker, index
        return future

    def _hired(self, place: int) -> _Worker:
        context = _OneProcess(self._context)
        begin = (self._make, os.getpid(), self._read, place)
        pool = ProcessPoolExecutor(
            1, cast("BaseContext", context), initializer=_begin, initargs=begin
        )
        return _Worker(pool, context, place)

    def _bury(self, worker: _Worker) -> None:
        worker.pool.shutdown()
        self._places.append(worker.place)
        self.n_replaced += 1

    def outcome(self, future: Future[Outcome]) -> Outcome:
        """Return what became of a task that has ended, the death of its worker too."""
        worker, _ = self._busy.pop(future)
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            self._bury(worker)
            how = _death(worker.context.process)
            reason = f"the worker process died {RETRIES + 1} times on it ({how})"
            return Outcome(None, reason, may_pass=True)
        self._idle.append(worker)
        # what fails on this machine fails again
        return Outcome(None, *told(error)) if error else replace(future.result(), may_pass=False)

    def notes(self) -> list[Note]:
        """Return how far the tasks under way are."""
        return [
            Note(index, *self._read[2 * worker.place : 2 * worker.place + 2])
            for worker, index in self._busy.values()
        ]

    def close(self) -> None:
        """End all processes at once, whatever they are at."""
        workers = [*self._idle, *(worker for worker, _ in self._busy.values())]
        processes = [each.context.process for each in workers if each.context.process is not None]
        for process in processes:
            process.terminate()
        for process in processes:
            if not wait([process.sentinel], GRACE):
                process.kill()
        for worker in workers:
            worker.pool.shutdown(cancel_futures=True)
        self._idle, self._busy = [], {}


class _OneProcess:
    """A context of multiprocessing that remembers the process it has made."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self.process: BaseProcess | None = None

    def Process(self, *args: Any, **options: Any) -> BaseProcess:  # noqa: N802
        process: BaseProcess = self._context.Process(*args, **options)
        self.process = process
        return process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


@dataclass(frozen=True, slots=True)
class _Worker:
    pool: ProcessPoolExecutor
    context: _OneProcess
    place: int


# In a worker: what does tasks, and what takes their progress.
_make: Callable[[], Do]
_report: Report


def _begin(make: Callable[[], Do], parent: int, read: Any, place: int) -> None:
    """Make a worker of this process, which lasts as long as the one that it works for."""
    global _make, _report
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(parent,), daemon=True).start()

    def report(articles: int, n_bytes: int) -> None:
        read[2 * place], read[2 * place + 1] = articles, n_bytes

    _make, _report = cache(make), report


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PATIENCE)
    # nobody would give the result its name
    os._exit(1)


def _do(task: object) -> Outcome:
    return perform(_make, task, _report)


def can_copy() -> bool:
    """Return whether a copy of this process would be sound, which no other thread may run for.

    A copy has all modules loaded, which else take a worker a fifth of a second; but a lock that
    another thread holds just then stays locked in it.
    """
    with suppress(OSError):
        for _ in range(5):
            if len(list(Path("/proc/self/task").iterdir())) == 1:
                return True
            # a thread that was joined is listed for a moment longer
            time.sleep(0.002)
    return False


def _death(process: BaseProcess | None) -> str:
    code = None if process is None else process.exitcode
    if code is not None and code < 0:
        more = "; is memory short?" if -code == 9 else ""
        return f"signal {-code}{more}"
    return f"exit code {code}"


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: it is for the parent, which ends them."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A file to tag and where to put the result and the rejects until they get their names."""

    shard: Shard
    part: Path
    rejects: Path


@dataclass(frozen=True, slots=True)
class BlockTask:
    """Lines of a file to tag; `packing` is ``.gz``, ``.zst`` or empty.

    What becomes of them goes into the file `part`, if there is one: a worker that is killed while
    it sends much would leave its run waiting for the rest.
    """

    block: Block
    file: str
    packing: str
    read_bytes: int = 0
    part: Path | None = None

    @property
    def place(self) -> str:
        """The lines, for messages."""
        n_more = self.block.data.count(b"\n") - 1
        first = self.block.first
        return f"{self.file} lines {first} to {first + max(n_more, 0)}"


@dataclass(frozen=True, slots=True)
class TaggedBlock:
    """What became of a block: bytes to write, counts, and bad rows as lines of JSON."""

    data: bytes
    tally: Tally
    rejects: str
    n_bytes: int = 0

    def put(self, part: Path) -> TaggedBlock:
        """Leave it in a file, and return what it takes to get it from there."""
        part.write_bytes(self.data + self.rejects.encode("ascii"))
        return TaggedBlock(b"", self.tally, "", len(self.data))

    def taken(self, part: Path) -> TaggedBlock:
        """Return what was left in a file, which goes."""
        content = part.read_bytes()
        part.unlink()
        rejects = content[self.n_bytes :].decode("ascii")
        return TaggedBlock(content[: self.n_bytes], self.tally, rejects)


def shard_worker(
    model: PrivateModel, options: TagOptions
) -> Callable[[ShardTask, Report], ShardResult]:
    """Return what tags a whole file."""
    tagger = Tagger(model.load(), options, model.signature)

    def work(task: ShardTask, report: Report) -> ShardResult:
        return tag_shard(task.shard, tagger, task.part, rejects=task.rejects, report=report)

    return work


def block_worker(
    model: PrivateModel, options: TagOptions
) -> Callable[[BlockTask, Report], TaggedBlock]:
    """Return what tags a block of lines; packed blocks stand one after the other in a file."""
    tagger = Tagger(model.load(), options, model.signature)

    def work(task: BlockTask, report: Report) -> TaggedBlock:
        tally, rejects = Tally(), list[str]()
        data = tag_block(tagger, task.block, task.file, tally=tally, reject=rejects.append)
        if data and task.packing:
            packing = io.BytesIO()
            with packed(packing, task.packing, gzip_level=GZIP_LEVEL) as stream:
                stream.write(data)
            data = packing.getvalue()
        tagged = TaggedBlock(data, tally, "".join(rejects))
        return tagged if task.part is None else tagged.put(task.part)

    return work


# Blocks under way or waiting for an earlier one, for each worker.
WINDOW = 4


def tag_stream(
    paths: Sequence[Path | str],
    *,
    model: Model | Path | str | None = None,
    jobs: int = 2,
    options: TagOptions | None = None,
    packing: str = "",
    tally: ReadTally | None = None,
    stdin: BinaryIO | None = None,
    copied: bool = False,
) -> Iterator[bytes]:
    """Yield the tagged lines of JSONL files in order, as bytes to write one after the other.

    Parameters
    ----------
    paths : sequence of paths
        JSONL files, packed or not, folders of them, or ``-``.
    model : Model, path or None
        The shipped model when not given.
    jobs : int
        Worker processes.
    options : TagOptions, optional
        By default what `classifier predict` writes; the first bad row stops the run.
    packing : str
        ``.gz`` or ``.zst`` to pack what is written, else empty.
    tally : ReadTally, optional
        Counted up.
    stdin : binary stream, optional
        Read for ``-``.
    copied : bool
        Whether workers may begin as copies of this process, which is sooner and only for a program
        that knows what else it runs.

    Raises
    ------
    BadInputError
        At once when a file is no JSONL, or would be overwritten by the rejects; while reading,
        when a row or a file is bad.

    Notes
    -----
    The same bytes as one process writes, except that an id may come up more than once: ids are
    not remembered, so memory does not grow with the input.
    """
    options = options or TagOptions(replace(TagOptions().reading, on_error="stop"), carry=False)
    sources = find_sources(paths, format=options.reading.format)
    for source in sources:
        if source.format not in ("jsonl", ""):
            raise BadInputError(
                f"{source.name}: is {source.format}. Only JSONL goes through several processes "
                "in one stream; leave out --jobs."
            )
    check_rejects(options.reading, sources)
    return _stream(sources, model, jobs, options, packing, tally or ReadTally(), stdin, copied)


def _stream(
    sources: list[Source],
    model: Model | Path | str | None,
    jobs: int,
    options: TagOptions,
    packing: str,
    tally: ReadTally,
    stdin: BinaryIO | None,
    copied: bool,
) -> Iterator[bytes]:
    rejects_path = options.reading.rejects
    with (
        TemporaryDirectory() as folder,
        private_model(model, Path(folder, "model")) as own,
        opened_text(rejects_path) if rejects_path else nullcontext() as rejects,
    ):
        blocks = (
            task for source in sources for task in block_tasks(source, options, packing, stdin)
        )
        tagged_all = tagged_blocks(blocks, own, options, Path(folder), jobs=jobs, copied=copied)
        total = Tally()
        for _, tagged in tagged_all:
            total.add(tagged.tally)
            tally.read += tagged.tally.read
            tally.headlines += tagged.tally.headlines
            tally.reasons.update(tagged.tally.rejects)
            tally.skipped = tally.reasons.total()
            if rejects:
                rejects.write(tagged.rejects)
            yield tagged.data
        total.check_fields(", ".join(source.name for source in sources))


def block_tasks(
    source: Source, options: TagOptions, packing: str, stdin: BinaryIO | None = None
) -> Iterator[BlockTask]:
    """Yield the lines of a file as tasks.

    Raises
    ------
    BadInputError
        When it cannot be read or, for standard input, is no JSONL.
    """
    encoding = options.reading.encoding
    with open_bytes(source, stdin, encoding=encoding) as stream:
        if not source.format and stream.peek(1) and format_by_content(stream) != "jsonl":
            raise BadInputError(f"{source.name}: is no JSONL. Leave out --jobs.")
        with utf8_bytes(stream, encoding) as read:
            for block in line_blocks(read, longest=options.longest_line):
                yield BlockTask(block, source.name, packing, position(stream))


def tagged_blocks(
    tasks: Iterable[BlockTask],
    model: PrivateModel,
    options: TagOptions,
    folder: Path,
    *,
    jobs: int,
    copied: bool = False,
) -> Iterator[tuple[BlockTask, TaggedBlock]]:
    """Yield tasks with what became of them, in order; `folder` holds what waits for its turn.

    Raises
    ------
    BadInputError
        What the first that failed failed of.
    """
    crew: Crew[BlockTask] = Crew(
        block_worker, (model, options), jobs=jobs, ahead=WINDOW * jobs, copied=copied
    )
    early: dict[int, Answer[BlockTask]] = {}
    turn = 0
    numbered = (replace(task, part=folder / f"{n}.block") for n, task in enumerate(tasks))
    with closing(crew.run(numbered)) as answers:
        for answer in answers:
            if isinstance(answer, Answer):
                early[answer.index] = answer
            while turn in early:
                done = early.pop(turn)
                turn += 1
                yield done.task, _value(done)


def _value(answer: Answer[BlockTask]) -> TaggedBlock:
    tagged, part = answer.value, answer.task.part
    if not answer.reason:
        return tagged if part is None else tagged.taken(part)  # type: ignore[no-any-return]
    place = "" if answer.task.file in answer.reason else f"{answer.task.place}: "
    kind = ClassifierError if answer.stop else BadInputError
    raise kind(f"{place}{answer.reason}")
