"""Processes that each do one task at a time, and are replaced when they die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, TypeVar

from classifier.serving.worker import serve, told

__all__ = ["Answer", "Crew", "Note", "interrupts_held", "told"]

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
