"""Texts whose characters were lost or exchanged on their way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from classifier.article import Article
from classifier.audit.kept import Kept, Mention

__all__ = ["DAMAGES", "Damage", "DamageWatch"]

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# A quotation mark and a question mark that stand where only a lost quote or dash can have been,
# see classifier.corpus.repair.
_QUESTION_MARKS = re.compile(r"(?<=\s)\"\?(?=\S)|\"\?(?=\w)")


def _is_mojibake(text: str) -> bool:
    from ftfy.badness import is_bad

    # Holes are counted by themselves.
    return not text.isascii() and bool(is_bad(text.replace("\ufffd", "")))


DAMAGES: Mapping[str, Callable[[str], bool]] = {
    "mojibake": _is_mojibake,
    "lost characters (U+FFFD)": lambda text: "\ufffd" in text,
    "lone surrogates": lambda text: bool(_SURROGATE.search(text)),
    "control characters": lambda text: bool(_CONTROLS.search(text)),
    "private characters": lambda text: bool(_PRIVATE.search(text)),
    "question marks for quotes": lambda text: bool(_QUESTION_MARKS.search(text)),
    "not in normal form C": lambda text: not unicodedata.is_normalized("NFC", text),
}


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage.

    Parameters
    ----------
    kind : str
        A key of `DAMAGES`.
    n_left : int
        Articles that still have it after the text rules.
    articles : tuple of Mention
        All that came with it.
    """

    kind: str
    n_left: int
    articles: tuple[Mention, ...]


class DamageWatch:
    """Notes which articles are damaged, and which the text rules do not mend."""

    def __init__(self) -> None:
        self._places: dict[str, list[int]] = {kind: [] for kind in DAMAGES}
        self._left: dict[str, int] = dict.fromkeys(DAMAGES, 0)

    def see(self, place: int, article: Article, text: str) -> None:
        """Look for every kind of damage in headline and text."""
        raw = f"{article.title}\n{article.text}"
        for kind, shows in DAMAGES.items():
            if shows(raw):
                self._places[kind].append(place)
                self._left[kind] += shows(text)

    def found(self, kept: Kept) -> tuple[Damage, ...]:
        """Return every kind that occurred."""
        return tuple(
            Damage(kind, self._left[kind], tuple(map(kept.mention, places)))
            for kind, places in self._places.items()
            if places
        )
