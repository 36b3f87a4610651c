"""The errors this package raises on purpose; the command line prints them as one line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

__all__ = [
    "BadInputError",
    "ClassifierError",
    "CorpusError",
    "ModelError",
    "SettingsError",
    "listed",
    "needing",
    "number_of",
    "sanitized",
]

# Controls of both kinds, line separators, marks that turn the direction, lone surrogates.
_DANGEROUS = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


def sanitized(text: str) -> str:
    r"""Return `text` as one line, with everything that a terminal would obey as U+FFFD.

    >>> sanitized("\x1b[31mred")
    '�[31mred'
    """
    return re.sub(_DANGEROUS, "\ufffd", text)


def listed(names: Sequence[str], *, most: int = 12) -> str:
    """Return names with commas between, no more than `most` of them.

    >>> listed(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def number_of(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun, and perhaps its verb, in the singular or the plural.

    >>> number_of(1, "article"), number_of(1200, "article"), number_of(0, "id is", "ids are")
    ('1 article', '1,200 articles', '0 ids are')
    """
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


class ClassifierError(Exception):
    """Something the user can mend; the message says what, where, and what to do."""


class BadInputError(ClassifierError):
    """A file or a row that cannot be read as articles."""


class CorpusError(ClassifierError):
    """A corpus that cannot be fetched, joined with its labels or trained on."""


class SettingsError(ClassifierError):
    """A setting that does not exist or has a value out of range."""


class ModelError(ClassifierError):
    """A model folder that cannot be trusted or does not fit what is asked of it."""


@contextmanager
def needing(extra: str, what: str, libraries: Collection[str] = ()) -> Iterator[None]:
    """Say which extra of the package to install where an import in the block fails.

    Parameters
    ----------
    extra : str
    what : str
        Who needs what, such as ``"a.xlsx: XLSX needs openpyxl"``; without the name of the library
        where `libraries` are given.
    libraries : collection of str
        What the extra brings: the missing one is named, and other imports fail as they do.

    Raises
    ------
    BadInputError
        When an import fails.
    """
    try:
        yield
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if libraries and missing not in libraries:
            raise
        # what is there and cannot be loaded says why
        found = not isinstance(error, ModuleNotFoundError)
        reason = f" ({str(error).partition(chr(10))[0]})" if found else ""
        named = f"{what} {missing}" if libraries else what
        message = f"{named}{reason}. Run: pip install 'classifier[{extra}]'"
    else:
        return
    raise BadInputError(message)
