"""Tasks through an executor: processes of this machine, or whatever else takes tasks."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, Protocol, TypeVar, cast

from classifier.errors import BadInputError, ClassifierError

__all__ = [
    "Answer",
    "Do",
    "Executor",
    "LostError",
    "Note",
    "Outcome",
    "Pool",
    "Processes",
    "Report",
    "begin_worker",
    "can_copy",
    "end_with",
    "interrupts_held",
    "perform",
    "perform_here",
    "reason_of",
]


# Errors that others would meet too: the disk is full, or may not be written to.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def reason_of(error: BaseException, *, made: bool = True) -> tuple[str, bool]:
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
# How often a pool looks up while nothing happens, so that progress is shown.
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
        reason, stop = reason_of(error, made=do is not None)
        return Outcome(None, reason, stop, may_pass=not isinstance(error, ClassifierError))


class LostError(ClassifierError):
    """Whatever took the tasks has gone."""


class Executor(Protocol):
    """What takes tasks for a pool, on this machine or on many."""

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


class Pool(Generic[Task]):
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
        Whether workers begin as copies of this process, where `can_copy` allows it.
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
    others go on. A copy may begin while threads serve other pools: none of their locks are its own.

    Parameters
    ----------
    make : callable
        Gives what does tasks; called once in each process.
    jobs : int
    copied : bool
        Whether workers begin as copies of this process, where `can_copy` allows it.
    """

    def __init__(self, make: Callable[[], Do], jobs: int, *, copied: bool = False) -> None:
        self._make = make
        self._context = multiprocessing.get_context("fork" if copied else "spawn")
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
            worker = self._idle.pop() if self._idle else self._started(self._places.pop())
            self._read[2 * worker.place : 2 * worker.place + 2] = 0, 0
            try:
                future = worker.pool.submit(perform_here, task)
            except BrokenProcessPool:
                # it has died while it was idle
                self._discard(worker)
                return self.submit(index, task)
            self._busy[future] = worker, index
        return future

    def _started(self, place: int) -> _Worker:
        context = _OneProcess(self._context)
        begin = (self._make, os.getpid(), self._read, place)
        pool = ProcessPoolExecutor(
            1, cast("BaseContext", context), initializer=begin_worker, initargs=begin
        )
        return _Worker(pool, context, place)

    def _discard(self, worker: _Worker) -> None:
        worker.pool.shutdown()
        self._places.append(worker.place)
        self.n_replaced += 1

    def outcome(self, future: Future[Outcome]) -> Outcome:
        """Return what became of a task that has ended, the death of its worker too."""
        worker, _ = self._busy.pop(future)
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            self._discard(worker)
            how = _death(worker.context.process)
            reason = f"the worker process died {RETRIES + 1} times on it ({how})"
            return Outcome(None, reason, may_pass=True)
        self._idle.append(worker)
        # what fails on this machine fails again
        return (
            Outcome(None, *reason_of(error)) if error else replace(future.result(), may_pass=False)
        )

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


def begin_worker(make: Callable[[], Do], parent: int, read: Any, place: int) -> None:
    """Make a worker of this process, which lasts as long as the one that it works for."""
    global _make, _report
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=end_with, args=(parent,), daemon=True).start()

    def report(articles: int, n_bytes: int) -> None:
        read[2 * place], read[2 * place + 1] = articles, n_bytes

    _make, _report = cache(make), report


def end_with(parent: int) -> None:
    """End this process soon after another one."""
    while os.getppid() == parent:
        time.sleep(PATIENCE)
    # nobody would give the result its name
    os._exit(1)


def perform_here(task: object) -> Outcome:
    """Do a task in a process that `begin_worker` has made a worker."""
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
