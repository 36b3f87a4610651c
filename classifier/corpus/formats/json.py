"""JSON files: an array, an object that holds one, what pandas writes, objects in a row."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from classifier.corpus.formats.shapes import is_item, shaped
from classifier.corpus.rows import BadRowError, Row
from classifier.errors import BadInputError

__all__ = ["json_rows"]

# What is held is copied after each item, so little is held.
_CHUNK = 2**16
_BLANK = " \t\r\n"
# Where objects that hold a list of articles keep it.
_LISTS = ("articles", "items", "docs", "documents", "results", "data", "entries", "rows", "records")
_DECODER = json.JSONDecoder()


def json_rows(stream: io.TextIOBase, file: str, *, keep_item: bool = False) -> Iterator[Row]:
    """Yield one row per article of a JSON file, numbered from 1; an array is read as a stream.

    Parameters
    ----------
    stream : text stream
    file : str
        What messages call it.
    keep_item : bool
        As for `classifier.corpus.formats.shapes.shaped`.

    Raises
    ------
    BadInputError
        When it is not JSON, ends too early, is nested too deeply, or holds no list of objects.
    """
    text = _Text(stream)
    text.more()
    text.held = text.held.removeprefix("\ufeff")
    in_array = text.skip(_BLANK) == "["
    values = _values(text, file, in_array=in_array)
    begun = list(islice(values, 2))
    found: Iterator[Any] = chain(begun, values)
    if len(begun) == 1 and not in_array and isinstance(begun[0], dict):
        found = iter(_articles(begun[0], file))
    for number, value in enumerate(shaped(found, keep_item=keep_item), 1):
        if isinstance(value, dict):
            yield Row(file, number, value, unit="item")
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


def _values(text: _Text, file: str, *, in_array: bool) -> Iterator[Any]:
    """Yield the elements of an array, or the values that stand one after the other."""
    if in_array:
        text.held = text.held[1:]
    number = 0
    while (mark := text.skip(_BLANK + ("," if number else ""))) and not (in_array and mark == "]"):
        number += 1
        yield _value(text, file, number)
    if in_array and not mark:
        raise BadInputError(f"{file}: the array is not closed, so the file was cut short.")


def _value(text: _Text, file: str, number: int) -> Any:
    while True:
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
                text.held = text.held[end:]
                return value
        text.more()


def _articles(whole: Mapping[str, Any], file: str) -> list[Any]:
    """Return the articles in one object: in a list of it, as pandas writes them, or itself."""
    if is_item(whole):
        return [whole]
    hits = whole.get("hits")
    if isinstance(hits, dict) and isinstance(hits.get("hits"), list):
        return list(hits["hits"])
    if {"columns", "data"} <= whole.keys() and isinstance(whole["data"], list):
        return [dict(zip(whole["columns"], row, strict=False)) for row in whole["data"]]
    lists = [name for name in _LISTS if _holds_objects(whole.get(name))]
    lists = lists or [name for name, value in whole.items() if _holds_objects(value)]
    if len(lists) > 1:
        raise BadInputError(f"{file}: holds several lists of objects ({', '.join(lists)}).")
    if lists:
        return list(whole[lists[0]])
    inner = list(whole.values())
    if inner and all(isinstance(value, dict) for value in inner):
        return _frame(whole)
    return [whole]


def _holds_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _frame(whole: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Return the rows of what pandas writes by index, or by columns, its default."""
    cells = [value for row in whole.values() for value in row.values()]
    by_columns = {"text", "title", "body", "content"} & {name.lower() for name in whole}
    if not by_columns or not cells:
        return list(whole.values())
    keys = dict.fromkeys(key for column in whole.values() for key in column)
    return [{name: column.get(key) for name, column in whole.items()} for key in keys]
