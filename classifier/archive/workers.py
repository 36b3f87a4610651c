"""One stream of JSONL through many processes: the parent moves bytes, workers do the rest."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import re
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Generic, TypeVar

from classifier.archive.score import model_folder
from classifier.archive.shard import GZIP_LEVEL, Shard, ShardResult, position, tag_shard
from classifier.archive.tagger import Tagger, TagOptions, Tally, tag_block
from classifier.corpus.corpus import ReadTally
from classifier.corpus.find import Source, find_sources
from classifier.corpus.open import (
    Block,
    format_by_content,
    line_blocks,
    open_bytes,
    utf8_bytes,
)
from classifier.corpus.read import check_rejects
from classifier.errors import BadInputError, ClassifierError, ModelError
from classifier.files import opened_text, packed
from classifier.model.folder import load_model, save_model
from classifier.model.model import Model

__all__ = [
    "Answer",
    "BlockTask",
    "Crew",
    "Note",
    "PrivateModel",
    "ShardTask",
    "TaggedBlock",
    "block_worker",
    "interrupts_held",
    "private_model",
    "serve",
    "shard_worker",
    "tag_stream",
    "tagged_blocks",
    "told",
]


_OURS = re.compile(r"manifest\.json|[a-z]+-[0-9a-f]{8}\.(?:txt|npy)")


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
def private_model(model: Model | Path | str | None, folder: Path) -> Iterator[PrivateModel]:
    """Put a model into `folder`, and take it away in the end.

    Parameters
    ----------
    model : Model, path or None
        In memory or in a folder; the shipped model when not given.
    folder : Path
        What it holds is removed first.

    Raises
    ------
    ModelError
        When it cannot be loaded.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        kept = save_model(model, folder) if isinstance(model, Model) else _copied(model, folder)
        signature = model.signature if isinstance(model, Model) else kept.signature
        yield PrivateModel(folder, str(kept.info["hash"]), signature, kept.labels)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(source: Path | str | None, folder: Path) -> Model:
    place = model_folder(source)
    try:
        return _copy(place, folder)
    except ModelError:
        # in the words of someone who named this folder, should anything be wrong with it
        load_model(place)
        # it was replaced while it was copied
        shutil.rmtree(folder, ignore_errors=True)
        return _copy(place, folder)


def _copy(source: Path, folder: Path) -> Model:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            # what leads out of the folder is missed in the copy, and then refused by its name
            inside = path.is_file() and path.resolve().is_relative_to(source.resolve())
            if _OURS.fullmatch(path.name) and inside:
                shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise ModelError(f"{source}: cannot be copied to {folder} ({error.strerror}).") from None
    return load_model(folder)


def serve(
    connection: Connection,
    make: Callable[..., Any],
    arguments: tuple[Any, ...],
    parent: int,
    held: Sequence[Connection] = (),
) -> None:
    """Do what comes in until the other end is closed.

    Parameters
    ----------
    connection : Connection
        Gives tasks, takes notes of progress and answers.
    make : callable
        Called with `arguments` at the first task; gives what does tasks.
    arguments : tuple
    parent : int
        Without this process there is nobody to work for.
    held : sequence of Connection
        Ends of pipes that this process has because it is a copy; closed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for each in held:
        each.close()

    def note(articles: int, n_bytes: int) -> None:
        if os.getppid() != parent:
            # nobody would give the result its name
            raise SystemExit
        connection.send(("note", articles, n_bytes))

    do = None
    with suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            try:
                do = do or make(*arguments)
                answer: tuple[object, ...] = ("answer", do(task, note))
            except Exception as error:
                answer = ("answer", None, *told(error, made=do is not None))
            connection.send(answer)


def told(error: Exception, *, made: bool = True) -> tuple[str, bool]:
    """Return what is said of an error, and whether other tasks would meet it too."""
    if isinstance(error, OSError):
        full = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", not made or error.errno in full
    if isinstance(error, ClassifierError):
        return str(error), not made
    return f"{type(error).__name__}: {error}", not made


Task = TypeVar("Task")
RETRIES = 2
# How often a crew looks up while nothing happens, so that progress is shown.
PATIENCE = 1.0
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


@dataclass(slots=True)
class _Job(Generic[Task]):
    index: int
    task: Task
    deaths: int = 0


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
    """

    def __init__(
        self,
        make: Callable[..., Callable[[Task, Callable[[int, int], None]], object]],
        arguments: tuple[Any, ...],
        *,
        jobs: int,
        ahead: int | None = None,
        copied: bool = False,
    ) -> None:
        self._make, self._arguments = make, arguments
        self._jobs, self._ahead = jobs, ahead
        self._copied = copied and can_copy()
        self._busy: dict[Connection, tuple[BaseProcess, _Job[Task]]] = {}
        self._idle: list[tuple[Connection, BaseProcess]] = []
        self._again: deque[_Job[Task]] = deque()
        self._prepared: _Job[Task] | None = None
        self._newest = -1
        self.n_replaced = 0

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
                ready = wait(list(self._busy), PATIENCE)
                if not ready:
                    yield None
                for connection in ready:
                    word = self._heard(connection)  # type: ignore[arg-type]
                    # the next task goes out before this answer is dealt with
                    self._hand_out(jobs)
                    if word is not None:
                        yield word
        finally:
            self._dismiss()

    def _hand_out(self, jobs: Iterator[_Job[Task]]) -> bool:
        """Give tasks to workers while there are some of both; tell whether any is under way."""
        while len(self._busy) < self._jobs:
            job = self._next(jobs)
            if job is None:
                break
            connection, process = self._idle.pop() if self._idle else self._hire()
            with suppress(OSError):  # it has just died, which is seen when it is listened to
                connection.send(job.task)
            self._busy[connection] = (process, job)
        return bool(self._busy)

    def _next(self, jobs: Iterator[_Job[Task]]) -> _Job[Task] | None:
        if self._again:
            return self._again.popleft()
        job, self._prepared = self._prepared or self._fresh(jobs), None
        return job

    def _fresh(self, jobs: Iterator[_Job[Task]]) -> _Job[Task] | None:
        if self._ahead is not None and self._busy:
            oldest = min(job.index for _, job in self._busy.values())
            if self._newest - oldest >= self._ahead:
                return None
        job = next(jobs, None)
        self._newest = self._newest if job is None else job.index
        return job

    def _hire(self) -> tuple[Connection, BaseProcess]:
        ours, theirs = multiprocessing.Pipe()
        # a copy has our ends of all pipes too, and no worker may wait at one that a copy holds open
        ends = [ours, *self._busy, *(each for each, _ in self._idle)]
        context: Any = multiprocessing.get_context("fork" if self._copied else "spawn")
        process = context.Process(
            target=serve,
            args=(
                theirs,
                self._make,
                self._arguments,
                os.getpid(),
                ends if self._copied else (),
            ),
            daemon=True,
        )
        with interrupts_held():
            process.start()
        theirs.close()
        return ours, process

    def _heard(self, connection: Connection) -> Answer[Task] | Note | None:
        process, job = self._busy[connection]
        try:
            kind, *content = connection.recv()
        except (EOFError, OSError):
            del self._busy[connection]
            connection.close()
            process.join()
            return self._bury(process, job)
        if kind == "note":
            return Note(job.index, *content)
        del self._busy[connection]
        self._idle.append((connection, process))
        return Answer(job.index, job.task, *content)

    def _bury(self, process: BaseProcess, job: _Job[Task]) -> Answer[Task] | None:
        self.n_replaced += 1
        job.deaths += 1
        if job.deaths <= RETRIES:
            self._again.append(job)
            return None
        reason = f"the worker process died {job.deaths} times on it ({_death(process.exitcode)})"
        return Answer(job.index, job.task, reason=reason)

    def _dismiss(self) -> None:
        crew = [*self._idle, *((each, process) for each, (process, _) in self._busy.items())]
        for _, process in crew:
            process.terminate()
        for connection, process in crew:
            process.join(GRACE)
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()
        self._idle, self._busy = [], {}


def can_copy() -> bool:
    """Return whether a copy of this process would be sound, which no other thread may run for.

    A copy has all modules loaded, which else take a worker a fifth of a second; but a lock that
    another thread holds just then stays locked in it.
    """
    with suppress(OSError):
        return len(list(Path("/proc/self/task").iterdir())) == 1
    return False


def _death(code: int | None) -> str:
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


Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A file to tag and where to put the result and the rejects until they get their names."""

    shard: Shard
    part: Path
    rejects: Path


@dataclass(frozen=True, slots=True)
class BlockTask:
    """Lines of a file to tag; `packing` is ``.gz``, ``.zst`` or empty."""

    block: Block
    file: str
    packing: str
    read_bytes: int = 0

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
        return TaggedBlock(data, tally, "".join(rejects))

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
        for _, tagged in tagged_blocks(blocks, own, options, jobs=jobs, copied=copied):
            tally.read += tagged.tally.read
            tally.reasons.update(tagged.tally.rejects)
            tally.skipped = tally.reasons.total()
            if rejects:
                rejects.write(tagged.rejects)
            yield tagged.data


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
        held = "" if options.reading.format else format_by_content(stream, source.format)
        if stream.peek(1) and held not in ("jsonl", ""):
            raise BadInputError(f"{source.name}: is no JSONL but {held}. Leave out --jobs.")
        with utf8_bytes(stream, encoding) as read:
            for block in line_blocks(read, longest=options.longest_line):
                yield BlockTask(block, source.name, packing, position(stream))


def tagged_blocks(
    tasks: Iterable[BlockTask],
    model: PrivateModel,
    options: TagOptions,
    *,
    jobs: int,
    copied: bool = False,
) -> Iterator[tuple[BlockTask, TaggedBlock]]:
    """Yield tasks with what became of them, in order.

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
    with closing(crew.run(iter(tasks))) as answers:
        for answer in answers:
            if isinstance(answer, Answer):
                early[answer.index] = answer
            while turn in early:
                done = early.pop(turn)
                turn += 1
                yield done.task, _value(done)


def _value(answer: Answer[BlockTask]) -> TaggedBlock:
    if not answer.reason:
        return answer.value  # type: ignore[no-any-return]
    place = "" if answer.task.file in answer.reason else f"{answer.task.place}: "
    raise BadInputError(f"{place}{answer.reason}")
