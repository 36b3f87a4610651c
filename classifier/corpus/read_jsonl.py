"""JSONL in UTF-8 as rows, straight from bytes; what is not plain goes the exact way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from classifier.corpus.open_text import is_utf8
from classifier.corpus.read_row import Row
from classifier.corpus.read_rows import jsonl_rows

__all__ = ["utf8_jsonl_rows"]

# Loading the quick parser takes as long as it saves on a thousand lines.
_LINES_BEFORE = 256


def utf8_jsonl_rows(
    lines: Iterable[bytes], file: str, *, encoding: str = "utf-8", first: int = 1
) -> Iterator[Row]:
    """Yield one row per line that is not blank; a bad line becomes a row with a problem.

    Parameters
    ----------
    lines : iterable of bytes
        In UTF-8, without a byte-order mark. When decoded from another encoding, bytes that are
        none of it stand as the surrogates U+DC80 to U+DCFF.
    file : str
        What messages call it.
    encoding : str
        What `lines` are, or were decoded from.
    first : int
        Number of the first of `lines` in the file.

    Notes
    -----
    The same rows as `jsonl_rows` of the decoded lines. What the quick parser takes, it reads as
    `json` does, to the last digit. What it refuses is read by `json`: mistakes, which are named as
    ever, and what only Python calls JSON, such as ``NaN`` or a blank line.
    """
    errors = "surrogateescape" if is_utf8(encoding) else "surrogatepass"
    parse = None
    for number, line in enumerate(lines, first):
        if parse is None and number > _LINES_BEFORE:
            parse = _parser()
        if parse is not None:
            try:
                values = parse(line)
            # whatever it is, too deep a nesting among it, the exact way tells it as ever
            except Exception:
                values = None
            if type(values) is dict:
                yield Row(file, number, values)
                continue
        text = line.decode("utf-8", errors)
        yield from jsonl_rows((text,), file, encoding=encoding, first=number)


@cache
def _parser() -> Callable[[bytes], Any]:
    from msgspec.json import Decoder

    return Decoder().decode
