"""RSS and Atom feeds, NewsML-G2 and NITF, without entities and without the network."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from classifier.corpus.formats.documents import plain_html
from classifier.corpus.rows import Row
from classifier.errors import BadInputError, needing

__all__ = ["xml_rows"]

_END = re.compile(rb"</(?:\w+:)?(?:rss|feed|rdf)\s*>\s*(?:<!--.*-->\s*)?\Z", re.I | re.S)
_G2 = re.compile(rb"iptc\.org/std/nar|<(?:\w+:)?(?:news(?:Message|Item)|nitf)\b")
# What an export of WordPress holds beside articles.
_NO_POSTS = ("attachment", "revision", "nav_menu_item", "custom_css", "customize_changeset")
# A feed is held whole, several times over.
_MOST_BYTES = 5 * 10**7


def xml_rows(stream: io.BufferedIOBase, file: str) -> Iterator[Row]:
    """Yield one row per entry of a feed, per news item of NewsML-G2 or for a story in NITF.

    Raises
    ------
    BadInputError
        When a library is missing, the file is not well formed, declares entities of its own, or
        is neither.
    """
    # a single read would ask for room for all that may come
    pieces = islice(iter(partial(stream.read, 2**20), b""), _MOST_BYTES // 2**20 + 1)
    data = b"".join(pieces)
    if len(data) > _MOST_BYTES:
        raise BadInputError(f"{file}: more than {_MOST_BYTES // 10**6} MB of XML are not read.")
    plain = data.replace(b"\0", b"")  # as there are between letters in UTF-16
    if b"<!ENTITY" in plain.upper():
        raise BadInputError(f"{file}: declares entities of its own, which are not read.")
    read = _news_items if _G2.search(plain[:10_000]) else _entries
    for number, values in enumerate(read(data, file), 1):
        yield Row(file, number, values, unit="item")


def _entries(data: bytes, file: str) -> Iterator[dict[str, Any]]:
    with needing("feeds", f"{file}: feeds need feedparser"):
        import feedparser
    try:
        feed = feedparser.parse(io.BytesIO(data), resolve_relative_uris=False)
    except (ValueError, RecursionError, LookupError) as error:
        raise BadInputError(f"{file}: not well-formed XML ({error}).") from None
    if not feed.get("version"):
        raise BadInputError(
            f"{file}: neither RSS, Atom, NewsML-G2 nor NITF was found in it. Save "
            "its articles as .jsonl or .csv first."
        )
    if feed.bozo and not feed.entries:
        raise BadInputError(f"{file}: not well-formed XML ({feed.bozo_exception}).")
    if feed.bozo and not _END.search(data.replace(b"\0", b"")):
        raise BadInputError(f"{file}: the feed is not closed, so the file was cut short.")
    for entry in (each for each in feed.entries if each.get("wp_post_type") not in _NO_POSTS):
        full = max((c.get("value") or "" for c in entry.get("content") or []), key=len, default="")
        row = {
            "id": entry.get("id") or entry.get("link") or "",
            "title": plain_html(entry.get("title") or ""),
            "text": plain_html(full or entry.get("summary") or ""),
            "date": _day(entry.get("published_parsed") or entry.get("updated_parsed")),
            "source": feed.feed.get("title") or "",
        }
        tags = [tag["term"] for tag in entry.get("tags") or [] if tag.get("term")]
        yield row | ({"categories": tags} if tags else {})


def _day(parsed: Any) -> str:
    return f"{parsed.tm_year:04}-{parsed.tm_mon:02}-{parsed.tm_mday:02}" if parsed else ""


def _news_items(data: bytes, file: str) -> Iterator[dict[str, Any]]:
    with needing("html", f"{file}: NewsML-G2 and NITF need lxml"):
        from lxml import etree
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise BadInputError(f"{file}: not well-formed XML ({error}).") from None
    if etree.QName(root).localname == "nitf":
        yield _nitf(root)
    # of any namespace: senders leave it out now and then
    for item in root.iter("{*}newsItem"):
        row, kind = _news_item(item), item.find("{*}itemMeta/{*}itemClass")
        text = kind is None or kind.get("qcode", "").endswith((":text", ":composite"))
        # pictures and films have no text
        if text or row["text"] or row["title"]:
            yield row


def _news_item(item: Any) -> dict[str, Any]:
    meta = item.find("{*}contentMeta")
    body = [_text(each) for each in item.iter("{*}inlineData", "{*}p")]
    if not any(body):
        body = [_text(each) for each in item.iter("{*}inlineXML")]
    paragraphs = list(dict.fromkeys(filter(None, body)))
    row = {
        "id": item.get("guid") or "",
        "title": _first(meta, "headline"),
        "text": "\n\n".join(paragraphs),
        "located": _first(meta, "dateline"),
        "date": _first(item.find("{*}itemMeta"), "versionCreated")[:10],
        "source": _first(meta, "creditline"),
    }
    codes = [s.get("qcode") or s.get("literal") for s in item.iter("{*}subject")]
    return row | ({"subjects": [c for c in codes if c]} if any(codes) else {})


def _nitf(story: Any) -> dict[str, Any]:
    """Return a story in NITF, as agencies send it without an envelope of NewsML-G2."""
    names = ("doc-id", "date.issue")
    known, issued = (next(story.iter(f"{{*}}{name}"), dict[str, str]()) for name in names)
    paragraphs = (_text(p) for body in story.iter("{*}body.content") for p in body.iter("{*}p"))
    return {
        "id": known.get("id-string", ""),
        "title": _first(next(story.iter("{*}hedline"), None), "hl1"),
        "text": "\n\n".join(filter(None, paragraphs)),
        "date": issued.get("norm", "")[:8],
    }


def _text(element: Any) -> str:
    text = "".join(element.itertext()).strip()
    return plain_html(text) if "html" in (element.get("contenttype") or "") else text


def _first(parent: Any, name: str) -> str:
    found = parent.find(f"{{*}}{name}") if parent is not None else None
    return "".join(found.itertext()).strip() if found is not None else ""
