"""The articles in one JSON object: in a list of it, as pandas writes them, or itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from classifier.corpus.formats.shapes import shape_of
from classifier.errors import BadInputError
from classifier.fields import USUAL_NAMES

__all__ = ["articles_in"]

# Where objects that hold a list of articles keep it.
_LISTS = (
    *("articles", "items", "docs", "documents", "results", "data", "entries", "rows", "records"),
    *("nodes", "edges"),
)
# What holds a body is no wrapper; a feed may have a description.
_BODIES = frozenset(("text", "body", "content", "article", "maintext", "body_text", "full_text"))
# What tells an article from an object that holds one that holds a list.
_OF_ARTICLES = frozenset(("title", "headline", "summary", "description"))
_COLUMNS = frozenset(("title", *_BODIES))


def articles_in(whole: Mapping[str, Any], file: str) -> list[Any]:
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
