"""What a worker process does: one task after the other, and word of each."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from classifier.errors import ClassifierError

__all__ = ["serve", "told"]


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
