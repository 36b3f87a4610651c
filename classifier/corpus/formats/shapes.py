"""Objects of other programs as rows: search hits, ninjs, JSON Feed, labelling tools."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from classifier.corpus.corpus import ITEM

__all__ = ["is_item", "plain_html", "shaped"]

Values = Mapping[str, Any]
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BLOCK = re.compile(r"(?i)</?(?:p|br|div|h[1-6]|li|tr|blockquote)\b[^<>]{0,2000}>")


def shaped(items: Iterable[Any], *, keep_item: bool = False) -> Iterator[Any]:
    """Yield rows: objects whose first one is of a known shape as rows, others as they are.

    With `keep_item`, rows of ninjs hold the item itself under `ITEM`.
    """
    rest = iter(items)
    first = next(rest, None)
    if first is None:
        return
    shape = _shape_of(first) if isinstance(first, dict) else None
    kept = keep_item and shape is _ninjs
    for item in chain([first], rest):
        if shape and isinstance(item, dict):
            yield shape(item) | ({ITEM: item} if kept else {})
        else:
            yield item


def is_item(values: Values) -> bool:
    """Return whether an object is an article of a known shape by itself."""
    return _shape_of(values) is not None


def plain_html(markup: str) -> str:
    """Return the text of a fragment of HTML, blocks on lines of their own."""
    return html.unescape(_TAG.sub("", _BLOCK.sub("\n", markup))).strip()


def _shape_of(values: Values) -> Callable[[Values], dict[str, Any]] | None:
    if isinstance(values.get("_source"), dict):
        return _hit
    if isinstance(values.get("data"), dict) and {"annotations", "completions"} & values.keys():
        return _label_studio
    if {"accept", "answer"} & values.keys() and "text" in values:
        return _prodigy
    if "uri" in values and {"body_text", "body_html", "bodies"} & values.keys():
        return _ninjs
    if {"content_text", "content_html"} & values.keys():
        return _feed_item
    return None


def _hit(values: Values) -> dict[str, Any]:
    """Return what a search engine found, its id among its fields."""
    found = dict(values.get("_source") or {})
    return found if "id" in found or "_id" not in values else {"id": str(values["_id"]), **found}


def _label_studio(values: Values) -> dict[str, Any]:
    """Return a task of Label Studio with the choices of its first annotation that counts."""
    data = dict(values.get("data") or {})
    data.setdefault("id", str(values.get("id", "")))
    done = values.get("annotations") or values.get("completions") or []
    counted = [each for each in done if not (each.get("was_cancelled") or each.get("skipped"))]
    if counted:
        data["labels"] = [
            choice
            for result in counted[0].get("result") or []
            for choice in (result.get("value") or {}).get("choices") or []
        ]
    return data


def _prodigy(values: Values) -> dict[str, Any]:
    """Return an example of Prodigy; what was rejected or ignored is unlabelled."""
    row = {k: v for k, v in values.items() if k not in ("accept", "answer", "label", "options")}
    if values.get("answer", "accept") == "accept":
        single = [values["label"]] if isinstance(values.get("label"), str) else []
        row["labels"] = values.get("accept") or single
    return row


def _feed_item(values: Values) -> dict[str, Any]:
    """Return an item of JSON Feed."""
    text = values.get("content_text") or plain_html(values.get("content_html") or "")
    row = {
        "id": str(values.get("id", "")),
        "title": values.get("title") or "",
        "text": text or values.get("summary") or "",
        "date": str(values.get("date_published") or ""),
        "source": str(values.get("url") or ""),
    }
    return row | ({"labels": values["tags"]} if values.get("tags") else {})


def _ninjs(values: Values) -> dict[str, Any]:
    """Return an item of ninjs 1.x, 2.x or 3.x (IPTC), its subjects' codes as labels."""
    row = {
        "id": values["uri"],
        "title": values.get("headline") or _valued(values.get("headlines")),
        "text": values.get("body_text")
        or plain_html(values.get("body_html") or "")
        or _body(values.get("bodies")),
        "source": values.get("byline") or values.get("by") or "",
        "date": str(values.get("versioncreated") or values.get("versionCreated") or ""),
        "located": values.get("located") or "",
        "language": values.get("language") or "",
    }
    subjects = values.get("subject") or values.get("subjects")
    if subjects:
        codes = (each.get("code") or each.get("uri") or each.get("name") for each in subjects)
        row["labels"] = [str(code) for code in codes if code]
    return row


def _objects(parts: object) -> list[dict[str, Any]]:
    return [each for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []


def _valued(parts: object) -> str:
    """Return the first value of a list such as ``headlines``, its main role first."""
    found = sorted(_objects(parts), key=lambda each: each.get("role") != "main")
    return str(found[0].get("value") or "") if found else ""


def _body(bodies: object) -> str:
    """Return the text of the plain body, else that of one in HTML."""
    found = sorted(
        _objects(bodies),
        key=lambda each: "html" in str(each.get("contenttype") or each.get("contentType")),
    )
    return plain_html(str(found[0].get("value") or "")) if found else ""
