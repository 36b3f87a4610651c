"""JSON files: an array, an object that holds one, what pandas writes, objects in a row."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from classifier.corpus.formats.jsonl import check_characters
from classifier.corpus.formats.wrapped import articles_in
from classifier.corpus.rows import BadRowError, Row, check_bytes
from classifier.errors import BadInputError

__all__ = ["json_rows"]

# What is held is copied after each item, so little is held.
_CHUNK = 2**16
# An object that holds all articles is held whole.
_MOST_HELD = 3 * 10**8
_BLANK = " \t\r\n"
_DECODER = json.JSONDecoder()


def json_rows(stream: io.TextIOBase, file: str, encoding: str) -> Iterator[Row]:
    """Yield one row per article of a JSON file, numbered from 1; an array is read as a stream.

    See `jsonl_rows` for what `file` and `encoding` are.

    Raises
    ------
    BadInputError
        When it is not JSON, ends too early, is nested too deeply, or holds no list of objects.
    """
    text = _Text(stream)
    text.more()
    text.held = text.held.removeprefix("\ufeff")
    in_array = text.skip(_BLANK) == "["
    values = _values(text, file, encoding, in_array=in_array)
    begun = list(islice(values, 2))
    found: Iterator[Any] = chain(begun, values)
    if len(begun) == 1 and not in_array and isinstance(begun[0], dict):
        found = iter(articles_in(begun[0], file))
    for number, value in enumerate(found, 1):
        if isinstance(value, dict):
            yield Row(file, number, value, unit="item")
        elif isinstance(value, BadRowError):
            yield Row(file, number, problem=value, unit="item")
        else:
            problem = BadRowError(
                "not a JSON object", "is not an object. Write one {...} an article."
            )
            yield Row(file, number, problem=problem, raw=value, unit="item")


class _Text:
    """A text that is read as far as it is needed."""

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream = stream
        self.held, self.ended, self._next = "", False, _CHUNK

    def more(self) -> None:
        """Read on, twice as much each time, so that what is long is not begun too often."""
        piece = self._stream.read(max(self._next, len(self.held)))
        self.ended = not piece
        self.held += piece

    def skip(self, marks: str) -> str:
        """Return the first character that is none of `marks`, nothing at the end."""
        while True:
            self.held = self.held.lstrip(marks)
            if self.held or self.ended:
                return self.held[:1]
            self.more()


def _values(text: _Text, file: str, encoding: str, *, in_array: bool) -> Iterator[Any]:
    """Yield the elements of an array, or the values that stand one after the other."""
    if in_array:
        text.held = text.held[1:]
    number = 0
    while (mark := text.skip(_BLANK + ("," if number else ""))) and not (in_array and mark == "]"):
        number += 1
        yield _value(text, file, encoding, number)
    if in_array and not mark:
        raise BadInputError(f"{file}: the array is not closed, so the file was cut short.")


def _value(text: _Text, file: str, encoding: str, number: int) -> Any:
    """Return the next value, or what is wrong with its characters."""
    while len(text.held) <= _MOST_HELD:
        try:
            value, end = _DECODER.raw_decode(text.held)
        except RecursionError:
            raise BadInputError(f"{file} item {number}: nested too deeply.") from None
        except ValueError as error:
            if text.ended:
                raise BadInputError(f"{file} item {number}: not valid JSON ({error}).") from None
        else:
            # a number might go on in what was not read yet
            if end < len(text.held) or text.ended:
                taken, text.held = text.held[:end], text.held[end:]
                return _checked(value, taken, encoding)
        text.more()
    raise BadInputError(
        f"{file} item {number}: is longer than {_MOST_HELD:,} characters, so no article. Write an "
        "array of articles, or one a line."
    )


def _checked(value: object, taken: str, encoding: str) -> object:
    try:
        check_bytes(taken, encoding)
        check_characters(taken, value)
    except BadRowError as problem:
        return problem
    return value
