"""How errors leave the program: one line on standard error and an exit code."""

from __future__ import annotations

import os
import sys

from classifier.corpus.table import disarmed
from classifier.errors import ClassifierError

__all__ = ["EXPECTED", "flush", "remark", "told"]

# What users meet and can mend; anything else is a fault of the program and shows as one.
EXPECTED = (ClassifierError, OSError, KeyboardInterrupt)


def told(error: BaseException) -> int:
    """Say one of the `EXPECTED` errors on standard error and return the exit code for it."""
    if isinstance(error, BrokenPipeError):
        # The reader (head, less) has gone: point stdout elsewhere so that the flush at exit
        # does not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, KeyboardInterrupt):
        message, code = "interrupted", 130
    elif isinstance(error, OSError) and error.filename:
        message, code = f"{error.filename}: {error.strerror}", 1
    else:
        message, code = str(error), 1
    remark(message)
    return code


def remark(text: str) -> None:
    """Say something on standard error, if there is one, as one line a terminal obeys nothing of."""
    if sys.stderr is not None:
        sys.stderr.write(f"classifier: {disarmed(text)}\n")


def flush() -> None:
    """Write out what waits in standard output, so that a reader that has gone is met here.

    At exit Python would report it as a failure.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
