"""Lines of JSON as rows, by a quick parser where it and the exact one agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from classifier.corpus.open import is_utf8
from classifier.corpus.rows import BadRowError, Row, check_bytes

__all__ = ["check_characters", "jsonl_rows", "utf8_jsonl_rows"]

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


_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def jsonl_rows(lines: Iterable[str], file: str, *, encoding: str, first: int = 1) -> Iterator[Row]:
    """Yield one row per line that is not blank; a bad line becomes a row with a problem.

    Parameters
    ----------
    lines : iterable of str
        Decoded lines, undecodable bytes as U+DC80 to U+DCFF.
    file, encoding, first
        As in `utf8_jsonl_rows`.
    """
    for number, line in enumerate(lines, first):
        if line.strip():
            try:
                yield Row(file, number, _json_object(line, encoding))
            except BadRowError as problem:
                yield Row(file, number, problem=problem, raw=line.rstrip("\r\n"))


def _json_object(line: str, encoding: str) -> dict[str, object]:
    check_bytes(line, encoding)
    value = _json_value(line)
    if not isinstance(value, dict):
        raise BadRowError(
            "not a JSON object",
            f"a JSON {_json_name(value)}, not an object. Write one {{...}} with its fields a line.",
        )
    check_characters(line, value)
    return value


def _json_value(line: str) -> object:
    try:
        # a comma is what is left of an array
        return json.loads(line.rstrip().removesuffix(","))
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at column {error.colno}"
    except ValueError as error:
        reason = str(error)
    except RecursionError:
        reason = "nested too deeply"
    raise BadRowError("bad JSON", f"not valid JSON ({reason}). Write one whole object a line.")


def _json_name(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def check_characters(text: str, value: object) -> None:
    """Raise `BadRowError` when a string in JSON holds half a character.

    No file could be written with it again.

    Parameters
    ----------
    text : str
        The JSON.
    value : object
        What it stands for.
    """
    if not _HALF_PAIR.search(text):
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise BadRowError(
            "bad encoding",
            "a character was cut in two (half of a surrogate pair). Write it whole, or drop it.",
        ) from None
