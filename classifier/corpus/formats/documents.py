"""Files that are one article each: Markdown and web pages without their markup."""

from __future__ import annotations

import html
import re
from typing import Any

from classifier.errors import BadInputError

__all__ = ["MOST_TAGS", "html_article", "markdown_article", "plain_html"]

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?=[\w-]+:|#)(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M
)
_TITLE_LINE = re.compile(r"^title:(.*)$", re.M)
_HEADING = re.compile(r"\A\s*#[ \t]+(.*)(?:\n|\Z)")
# Every pattern stops at the next marker of its own kind, so none can be made to run for long.
# The time to find the text of a page grows with the square of their number: 4 s for so many.
MOST_TAGS = 30_000
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BLOCK = re.compile(r"(?i)</?(?:p|br|div|h[1-6]|li|tr|blockquote)\b[^<>]{0,2000}>")
_MARKUP = (
    (re.compile(r"<!--(?:(?!-->|<!--).)*-->", re.S), ""),
    (re.compile(r"^[ \t]*(?:```|~~~).*$", re.M), ""),
    (re.compile(r"^[ \t]*(?:={3,}|(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", re.M), ""),
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*)$", re.M), lambda found: _heading(found[1])),
    (re.compile(r"^[ \t]*(?:>[ \t]?)+", re.M), ""),
    (re.compile(r"^([ \t]*)[-*+][ \t]+", re.M), r"\1"),
    (re.compile(r"!\[([^\[\]]*)\]\((?:[^()\n]|\([^()\n]*\))*\)"), r"\1"),
    (re.compile(r"\[([^\[\]]*)\]\((?:[^()\n]|\([^()\n]*\))*\)"), r"\1"),
    (re.compile(r"\[([^\[\]]+)\]\[[^\[\]\n]*\]"), r"\1"),
    (re.compile(r"^[ \t]*\[[^\[\]\n]+\]:[ \t]+\S+.*$", re.M), ""),
    (re.compile(r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*\n]+)(?<=[^\s*\\])\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*\n]+)(?<=[^\s*\\])\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w\\])(_{1,3})(?=[^\s_])([^_\n]+)(?<=[^\s_\\])\1(?!\w)"), r"\2"),
    (re.compile(r"(?<!`)`+([^`\n]+)`+"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!>~|])"), r"\1"),
    (re.compile(r"\n{3,}"), "\n\n"),
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
    found = _trafilatura(name).bare_extraction(page, with_metadata=True, include_comments=False)
    if found is None:
        return "", "", ""
    title, text = found.title or "", found.text or ""
    return title, text.removeprefix(f"{title}\n") if title else text, found.date or ""


def plain_html(markup: str) -> str:
    """Return the text of a fragment of HTML, blocks on lines of their own."""
    return html.unescape(_TAG.sub("", _BLOCK.sub("\n", markup))).strip()


def _split_title(markdown: str) -> tuple[str, str]:
    front = _FRONT_MATTER.match(markdown)
    body = markdown[front.end() :] if front else markdown
    named = _TITLE_LINE.search(front[1]) if front else None
    if named:
        return named[1].strip(" \t'\""), body
    heading = _HEADING.match(body)
    return (_heading(heading[1]), body[heading.end() :]) if heading else ("", body)


def _heading(words: str) -> str:
    """Return a heading's words without the number signs that may close it."""
    bare = words.rstrip()
    opened = bare.rstrip("#")
    return opened.rstrip() if opened[-1:].isspace() else bare


def _without_markup(text: str) -> str:
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text.strip()


def _trafilatura(name: str) -> Any:
    try:
        import trafilatura
    except ImportError as error:
        reason = str(error).partition("\n")[0]
        raise BadInputError(
            f"{name}: HTML needs trafilatura ({reason}). Run: pip install 'classifier[html]'"
        ) from None
    return trafilatura
