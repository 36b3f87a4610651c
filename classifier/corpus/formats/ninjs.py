"""Items of ninjs (IPTC) as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from classifier.corpus.formats.documents import plain_html

__all__ = ["objects", "parsed_ninjs"]

Values = Mapping[str, Any]
_CODES = ("code", "uri", "literal", "name")


def parsed_ninjs(values: Values) -> dict[str, Any]:
    """Return an item of ninjs 1.x, 2.x or 3.x, its subjects' codes as labels.

    The text is its body, else what describes it. In 1.x the names of bodies and headlines end in
    what they are, such as ``body_main``; later they are lists of parts with a role.
    """
    row = {
        "id": values["uri"],
        "title": values.get("headline")
        or _beginning_with("headline_", values)
        or _first_value(values.get("headlines"), _is_minor)
        or values.get("title")
        or "",
        "text": _text(values),
        "source": values.get("byline") or values.get("by") or "",
        "date": str(values.get("versioncreated") or values.get("versionCreated") or ""),
        "byline": values.get("byline") or values.get("by") or "",
        "located": values.get("located") or "",
        "language": values.get("language") or "",
    }
    subjects = values.get("subject") or values.get("subjects")
    if subjects:
        found = objects(subjects)
        codes = (next(filter(None, map(each.get, _CODES)), None) for each in found)
        row["subjects"] = [str(code) for code in codes if code] if found else subjects
    return row


def objects(parts: object) -> list[dict[str, Any]]:
    """Return the objects in a list, none where there is no list."""
    return [each for each in parts if isinstance(each, dict)] if isinstance(parts, list) else []


def _text(values: Values) -> object:
    plain = values.get("body_text") or values.get("body_main")
    return plain or plain_html(
        _beginning_with("body", values)
        or _first_value(values.get("bodies"), _is_html)
        or _beginning_with("description_", values)
        or _first_value(values.get("descriptions"), _is_no_text)
    )


def _beginning_with(name: str, values: Values) -> Any:
    """Return the first value that is there, is no group of others, and whose name begins so."""
    single = ((key, value) for key, value in values.items() if not isinstance(value, dict | list))
    return next((value for key, value in single if key.startswith(name) and value), "")


def _first_value(parts: object, order: Callable[[Values], bool]) -> str:
    """Return the value of the first part of a list such as ``headlines``."""
    found = sorted(objects(parts), key=order)
    return str(found[0].get("value") or "") if found else ""


def _is_minor(part: Values) -> bool:
    return part.get("role") != "main"


def _is_no_text(part: Values) -> bool:
    return part.get("role") not in ("text", "caption", "summary")


def _is_html(part: Values) -> bool:
    return "html" in str(part.get("contenttype") or part.get("contentType"))
