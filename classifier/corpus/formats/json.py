"""JSON files: an array, an object that holds one, what pandas writes, objects in a row."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from classifier.corpus.formats.jsonl import check_characters
from classifier.corpus.formats.shapes import shape_of
from classifier.corpus.rows import BadRowError, Row, check_bytes
from classifier.errors import BadInputError
from classifier.fields import USUAL_NAMES

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
        found = iter(_articles_in(begun[0], file))
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


# Where objects that hold a list of articles keep it.
_LISTS = (
    *("articles", "items", "docs", "documents", "results", "data", "entries", "rows", "records"),
    *("nodes", "edges", "posts", "stories", "entry", "item"),
)
# What holds a body is no wrapper; a feed may have a description.
_BODIES = frozenset(("text", "body", "content", "article", "maintext", "body_text", "full_text"))
# What tells an article from an object that holds one that holds a list.
_OF_ARTICLES = frozenset(("title", "headline", "summary", "description"))
_COLUMNS = frozenset(("title", *_BODIES))


def _articles_in(whole: Mapping[str, Any], file: str) -> list[Any]:
    """Return the articles in an object.

    Parameters
    ----------
    whole : mapping
        An article; an object with one list of objects in it, at most two objects deeper; what
        pandas writes by rows, columns or as ``split``.
    file : str
        What messages call it.

    Raises
    ------
    BadInputError
        When it holds several lists that may be meant.
    """
    if shape_of(whole) or _has_text(whole, _BODIES):
        return [whole]
    hits = whole.get("hits")
    if isinstance(hits, dict) and isinstance(hits.get("hits"), list):
        return list(hits["hits"])
    if _is_split(whole):
        return [dict(zip(whole["columns"], row, strict=False)) for row in whole["data"]]
    lists = _lists(whole, _LISTS) or _lists(whole, whole)
    far = _below(_below(whole, _BODIES | _OF_ARTICLES), _BODIES)
    for level in (_below(whole, _BODIES), far):
        lists = lists or _lists(level, (way for way in level if way.rpartition(".")[2] in _LISTS))
    if len(lists) > 1:
        raise BadInputError(f"{file}: holds several lists of objects ({', '.join(lists)}).")
    if lists:
        return next(iter(lists.values()))
    if any(whole.get(name) == [] for name in _LISTS):
        return []
    by_id = [whole[name] for name in _LISTS if _holds_objects(whole.get(name))]
    if len(by_id) == 1:
        return _frame(by_id[0])
    return _frame(whole) if _holds_objects(whole) else [whole]


def _below(level: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return what is one level further down, by its way, but for objects with texts so called."""
    return {
        f"{way}.{name}": value
        for way, inner in level.items()
        if isinstance(inner, dict) and not _has_text(inner, names)
        for name, value in inner.items()
    }


def _has_text(values: Mapping[str, Any], names: Collection[str]) -> bool:
    return any(isinstance(values[name], str) for name in values if name.lower() in names)


def _lists(whole: Mapping[str, Any], names: Iterable[str]) -> dict[str, list[Any]]:
    """Return the lists of objects under some names."""
    found = {name: whole.get(name) for name in names}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
    }


def _holds_objects(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else ()
    return bool(inner) and all(isinstance(each, dict) for each in inner)


def _is_split(whole: Mapping[str, Any]) -> bool:
    columns, data = whole.get("columns"), whole.get("data")
    return (
        isinstance(columns, list)
        and all(isinstance(name, str) for name in columns)
        and isinstance(data, list)
        and all(isinstance(row, list) for row in data)
    )


def _frame(whole: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Return the rows of what pandas writes by index, or by columns, its default."""
    inner = [key for row in whole.values() for key in row]
    by_columns = any(name.lower() in _COLUMNS for name in whole)
    if not any(map(str.isdigit, whole)):
        by_columns = by_columns or (bool(inner) and all(map(str.isdigit, inner)))
    if not by_columns or not inner:
        return [_called(name, row) for name, row in whole.items()]
    keys = dict.fromkeys(key for column in whole.values() for key in column)
    return [{name: column.get(key) for name, column in whole.items()} for key in keys]


def _called(name: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row called as what it stands under, unless it has an id or that is a number."""
    has_id = any(each.lower() in USUAL_NAMES["id"] for each in row)
    return row if name.isdigit() or has_id else {"id": name, **row}
