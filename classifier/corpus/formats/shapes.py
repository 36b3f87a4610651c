"""Objects of other programs as rows: search hits, ninjs, JSON Feed, labelling tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from classifier.corpus.formats.documents import plain_html

__all__ = ["WRAPPERS", "host_of", "ninjs_row", "shape_of"]

# Fields that hold the row itself.
WRAPPERS = ("_source", "data", "doc", "fields", "node", "row")
Values = Mapping[str, Any]
_CODES = ("code", "uri", "literal", "name")
_HOST = r"[\w+.-]+://(?:[^/?#@]*@)?([^/?#:]+)"


def shape_of(fields: Iterable[str]) -> Callable[[Values], Values] | None:
    """Return what makes a row of an object with these fields, nothing where it is one already."""
    names = set(fields)
    return next((shape for marks, shape in _SHAPES if all(names & each for each in marks)), None)


def host_of(address: str) -> str:
    """Return the host in a web address, nothing where there is none."""
    found = re.match(_HOST, address)
    return found[1].lower() if found else ""


def _hit(values: Values) -> Values:
    """Return what a search engine found, its id among its fields."""
    found = values["_source"]
    if not isinstance(found, dict):
        return values
    return found if "id" in found or "_id" not in values else {"id": str(values["_id"]), **found}


def _within(values: Values) -> Values:
    """Return the row that a field holds, with what stands beside it where it is silent."""
    return {**values, **next((values[n] for n in WRAPPERS if isinstance(values.get(n), dict)), {})}


def _label_studio(values: Values) -> Values:
    """Return a task of Label Studio with the choices of its first annotation that counts."""
    if not isinstance(values["data"], dict):
        return values
    row = {"id": str(values.get("id", "")), **values["data"]}
    done = _objects(values.get("annotations") or values.get("completions"))
    counted = [each for each in done if not (each.get("was_cancelled") or each.get("skipped"))]
    if counted:
        row["labels"] = [
            choice
            for result in _objects(counted[0].get("result"))
            for choice in _choices(result.get("value"))
        ]
    return row


def _choices(value: object) -> list[Any]:
    """Return the choices of a control, of a taxonomy the last step of each path."""
    if not isinstance(value, dict):
        return []
    paths = [path for path in value.get("taxonomy") or [] if isinstance(path, list) and path]
    return [*(value.get("choices") or []), *(path[-1] for path in paths)]


def _doccano(values: Values) -> Values:
    """Return an example of doccano; one that nobody has labelled has an empty list of labels."""
    row = {name: value for name, value in values.items() if name not in _DOCCANO}
    if "text" not in row and isinstance(values.get("data"), str):
        row["text"] = row.pop("data")
    marks = _objects(values.get("annotations"))
    found = values.get("label") or values.get("labels") or [each.get("label") for each in marks]
    return row | ({"labels": found} if found else {})


def _feed_item(values: Values) -> Values:
    """Return an item of JSON Feed."""
    text = values.get("content_text") or plain_html(values.get("content_html") or "")
    row = {
        "id": str(values.get("id", "")),
        "title": values.get("title") or "",
        "text": text or values.get("summary") or "",
        "date": str(values.get("date_published") or ""),
        "source": host_of(str(values.get("url") or "")),
    }
    return row | ({"categories": values["tags"]} if values.get("tags") else {}) | _judged(values)


def ninjs_row(values: Values) -> Values:
    """Return an item of ninjs 1.x, 2.x or 3.x, its subjects' codes as labels.

    The text is its body, else what describes it. In 1.x the names of bodies and headlines end in
    what they are, such as ``body_main``; later they are lists of parts with a role.
    """
    byline = values.get("byline") or values.get("by") or ""
    row = {
        "id": values["uri"],
        "title": values.get("headline")
        or _beginning_with("headline_", values)
        or _first_value(values.get("headlines"), ("main",))
        or values.get("title")
        or "",
        "text": _ninjs_text(values),
        "source": byline,
        "date": str(values.get("versioncreated") or values.get("versionCreated") or ""),
        "byline": byline,
        "located": values.get("located") or "",
        "language": values.get("language") or "",
    }
    subjects = values.get("subject") or values.get("subjects")
    if subjects:
        found = _objects(subjects)
        codes = (next(filter(None, map(each.get, _CODES)), None) for each in found)
        row["subjects"] = [str(code) for code in codes if code] if found else subjects
    return row | _judged(values)


def _objects(parts: object) -> list[dict[str, Any]]:
    """Return the objects in a list, none where there is no list."""
    return [each for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []


def _ninjs_text(values: Values) -> object:
    plain = values.get("body_text") or values.get("body_main")
    # of a body in several forms the one that is no HTML
    bodies = sorted(_objects(values.get("bodies")), key=_is_html)
    return plain or plain_html(
        _beginning_with("body", values)
        or _first_value(bodies)
        or _beginning_with("description_", values)
        or _first_value(values.get("descriptions"), ("text", "caption", "summary"))
    )


def _beginning_with(name: str, values: Values) -> Any:
    """Return the first value that is there, is no group of others, and whose name begins so."""
    single = ((key, value) for key, value in values.items() if not isinstance(value, dict | list))
    return next((value for key, value in single if key.startswith(name) and value), "")


def _first_value(parts: object, roles: Sequence[str] = ()) -> str:
    """Return the value of the first part of a list such as ``headlines``, best of these roles."""
    found = sorted(_objects(parts), key=lambda part: part.get("role") not in roles)
    return str(found[0].get("value") or "") if found else ""


def _is_html(part: Values) -> bool:
    return "html" in str(part.get("contenttype") or part.get("contentType"))


def _judged(values: Values) -> dict[str, Any]:
    return {name: values[name] for name in ("labels", "negative", "sample") if name in values}


_DOCCANO = frozenset(("label", "labels", "annotations"))
# Shapes by the fields that each of them has: one of every set.
_SHAPES: tuple[tuple[tuple[frozenset[str], ...], Callable[[Values], Values]], ...] = tuple(
    (tuple(frozenset(each.split()) for each in marks), shape)
    for *marks, shape in (
        ("_source", "_id _index _score", _hit),
        ("data", "annotations completions predictions", "id", _label_studio),
        ("text data", "label labels annotations", "Comments annotation_approver", _doccano),
        ("text", "annotations", "id", "meta", _doccano),
        ("uri", "body_text body_html body_xhtml bodies", ninjs_row),
        ("uri", "versioncreated versionCreated standard", "type headline headlines", ninjs_row),
        ("content_text content_html", _feed_item),
        # CouchDB, the viewer of Hugging Face, the Guardian, chosen fields of Elasticsearch
        ("doc row fields", "key row_idx webTitle _index", _within),
        # GraphQL
        ("node", _within),
    )
)
