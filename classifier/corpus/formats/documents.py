"""Files that are one article each: Markdown and web pages without their markup."""

from __future__ import annotations

import re
from typing import Any

from classifier.errors import BadInputError, needing

__all__ = [
    "MOST_TAGS",
    "declared_charset",
    "html_article",
    "in_declared_charset",
    "markdown_article",
    "plain_html",
]

# Compiled when they are needed, as those of Markdown take longer than an article to tag.
_FRONT_MATTER = r"(?sm)\A---[ \t]*\n(?=[\w-]+:|#)(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
_TITLE_LINE = r"(?m)^title:(.*)$"
_HEADING = r"\A\s*#[ \t]+(.*)(?:\n|\Z)"
# Every pattern stops at the next marker of its own kind, so none can be made to run for long.
# The time to find the text of a page grows with the square of their number: 4 s for so many.
MOST_TAGS = 30_000
_CHARSET = r"(?i)<meta\s[^<>]{0,200}charset\s*=\s*[\"']?([\w-]{1,40})"
# What browsers read under these names.
_READ_AS = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252"}
_TAG = r"<[^<>]{0,2000}>"
_BLOCK = r"(?i)</?(?:p|br|div|h[1-6]|li|tr|blockquote)\b[^<>]{0,2000}>"
_MARKUP = (
    (r"(?s)<!--(?:(?!-->|<!--).)*-->", ""),
    (r"(?m)^[ \t]*(?:```|~~~).*$", ""),
    (r"(?m)^[ \t]*(?:={3,}|(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", ""),
    (r"(?m)^[ \t]{0,3}#{1,6}[ \t]+(.*)$", lambda found: _heading(found[1])),
    (r"(?m)^[ \t]*(?:>[ \t]?)+", ""),
    (r"(?m)^([ \t]*)[-*+][ \t]+", r"\1"),
    (r"!\[([^\[\]]*)\]\((?:[^()\n]|\([^()\n]*\))*\)", r"\1"),
    (r"\[([^\[\]]*)\]\((?:[^()\n]|\([^()\n]*\))*\)", r"\1"),
    (r"\[([^\[\]]+)\]\[[^\[\]\n]*\]", r"\1"),
    (r"(?m)^[ \t]*\[[^\[\]\n]+\]:[ \t]+\S+.*$", ""),
    (r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*\n]+)(?<=[^\s*\\])\1(?![\w*])", r"\2"),
    (r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*\n]+)(?<=[^\s*\\])\1(?![\w*])", r"\2"),
    (r"(?<![\w\\])(_{1,3})(?=[^\s_])([^_\n]+)(?<=[^\s_\\])\1(?!\w)", r"\2"),
    (r"(?<!`)`+([^`\n]+)`+", r"\1"),
    (r"\\([\\`*_{}\[\]()#+\-.!>~|])", r"\1"),
    (r"\n{3,}", "\n\n"),
)


def markdown_article(markdown: str) -> tuple[str, str]:
    r"""Return title and text of a Markdown file, with front matter and light markup gone.

    The title is the one in the front matter, or else a heading of the first level at the top.

    >>> markdown_article("# Grid *warns*\n\nDemand [rises](https://example.org).")
    ('Grid warns', 'Demand rises.')
    """
    title, body = _split_title(markdown.replace("\r\n", "\n"))
    return _without_markup(title), _without_markup(body)


def html_article(page: str | bytes, name: str) -> tuple[str, str, str]:
    """Return title, main text and day of a web page; the text is empty when none is found.

    Parameters
    ----------
    page : str or bytes
        Of bytes, the encoding is the one that the page names.
    name : str
        What messages call it.

    Raises
    ------
    BadInputError
        If trafilatura is missing, or the page has more tags than any article's.
    """
    tags = page.count("<") if isinstance(page, str) else page.count(b"<")
    if tags > MOST_TAGS:
        raise BadInputError(
            f"{name}: {tags} tags, and a page is searched for its text when it has at most "
            f"{MOST_TAGS}. Save the text of the article alone."
        )
    with needing("html", f"{name}: HTML needs trafilatura"):
        from trafilatura import bare_extraction
    found: Any = bare_extraction(page, with_metadata=True, include_comments=False)
    if found is None:
        return "", "", ""
    title, text = found.title or "", found.text or ""
    return title, text.removeprefix(f"{title}\n") if title else text, found.date or ""


def declared_charset(page: str) -> str:
    """Return the encoding that the head of a web page names, nothing where it names none."""
    found = re.search(_CHARSET, page[:4096])
    return _READ_AS.get(found[1].lower(), found[1]) if found else ""


def in_declared_charset(page: str, encoding: str) -> str:
    """Return a page that has bytes which are not `encoding` in the encoding that it names.

    Parameters
    ----------
    page : str
        Undecodable bytes stand as U+DC80 to U+DCFF.
    encoding : str
        What it was decoded as.
    """
    try:
        return page.encode(encoding, "surrogateescape").decode(declared_charset(page))
    except (UnicodeError, LookupError):
        return page


def plain_html(markup: str) -> str:
    """Return the text of a fragment of HTML, blocks on lines of their own."""
    import html

    return html.unescape(re.sub(_TAG, "", re.sub(_BLOCK, "\n", markup))).strip()


def _split_title(markdown: str) -> tuple[str, str]:
    front = re.match(_FRONT_MATTER, markdown)
    body = markdown[front.end() :] if front else markdown
    named = re.search(_TITLE_LINE, front[1]) if front else None
    if named:
        return named[1].strip(" \t'\""), body
    heading = re.match(_HEADING, body)
    return (_heading(heading[1]), body[heading.end() :]) if heading else ("", body)


def _heading(words: str) -> str:
    """Return a heading's words without the number signs that may close it."""
    bare = words.rstrip()
    opened = bare.rstrip("#")
    return opened.rstrip() if opened[-1:].isspace() else bare


def _without_markup(text: str) -> str:
    for pattern, replacement in _MARKUP:
        text = re.sub(pattern, replacement, text)
    return text.strip()
