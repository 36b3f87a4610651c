"""A document → one HTML file that fetches nothing and runs no script."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING

from classifier.errors import needing
from classifier.pages.document import Document, rounded, unmarked

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["document_page", "report_extra", "shown"]

# Controls, lone surrogates, non-characters, and what turns the reading direction of a whole line.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def document_page(document: Document) -> str:
    """Return a document as one HTML page without scripts that fetches nothing.

    Raises
    ------
    ClassifierError
        When the extra ``report`` is not installed.
    """
    return _environment().get_template("document.html").render(document=document)


def report_extra() -> AbstractContextManager[None]:
    """Turn a missing Jinja or matplotlib into an error that says how to install it."""
    return needing("report", "HTML pages need", ("jinja2", "markupsafe", "matplotlib"))


def shown(text: str) -> str:
    r"""Return the text with U+FFFD for every character that is no sign; its length stays.

    >>> shown("a\x00b\u202ec")
    'a�b�c'
    """
    return _UNSHOWABLE.sub("\ufffd", text)


@cache
def _environment() -> Environment:
    with report_extra():
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

    def finalize(value: object) -> object:
        if isinstance(value, str) and not isinstance(value, Markup):
            return shown(unmarked(value))
        return value

    environment = Environment(
        loader=PackageLoader("classifier.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rounded"] = rounded
    return environment
