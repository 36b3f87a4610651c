"""Objects of other programs as rows: search hits, ninjs, JSON Feed, labelling tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from classifier.corpus.formats.documents import plain_html
from classifier.corpus.formats.ninjs import objects, parsed_ninjs

__all__ = ["WRAPPERS", "host_of", "ninjs_row", "shape_of"]

# Fields that hold the row itself.
WRAPPERS = ("_source", "data", "doc", "fields", "node", "row")
Values = Mapping[str, Any]
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
    done = objects(values.get("annotations") or values.get("completions"))
    counted = [each for each in done if not (each.get("was_cancelled") or each.get("skipped"))]
    if counted:
        row["labels"] = [
            choice
            for result in objects(counted[0].get("result"))
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
    marks = objects(values.get("annotations"))
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
    """Return an item of ninjs, with labels that were added to it."""
    return parsed_ninjs(values) | _judged(values)


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
