"""How long articles are, and which are too short or too long to be articles."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass

import numpy as np

from classifier.article import Article
from classifier.audit.kept import Kept, Mention
from classifier.audit.settings import AuditSettings

__all__ = ["LengthWatch", "Lengths"]

_WORD = re.compile(r"\w+")
QUANTILES = {
    "shortest": 0,
    "5 %": 5,
    "25 %": 25,
    "half": 50,
    "75 %": 75,
    "95 %": 95,
    "longest": 100,
}


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths in words after the text rules, headline included.

    Parameters
    ----------
    quantiles : dict of str to int
        Empty for an empty corpus.
    empty, short, long : tuple of Mention
        Articles without a word, with some but few, and with very many.
    """

    quantiles: dict[str, int]
    empty: tuple[Mention, ...]
    short: tuple[Mention, ...]
    long: tuple[Mention, ...]


class LengthWatch:
    """Counts the words of each article."""

    def __init__(self) -> None:
        self._n_words = array("q")

    def see(self, place: int, article: Article, text: str) -> None:
        """Count the words of an article."""
        self._n_words.append(sum(1 for _ in _WORD.finditer(text)))

    def found(self, kept: Kept, settings: AuditSettings) -> Lengths:
        """Return the distribution and its extremes."""
        n = np.array(self._n_words, dtype=np.int64)
        places = np.array(kept.audited(), dtype=np.int64)
        quantiles = (
            {
                name: int(np.percentile(n, share, method="lower"))
                for name, share in QUANTILES.items()
            }
            if len(n)
            else {}
        )
        chosen = (n == 0, (n > 0) & (n < settings.short_words), n > settings.long_words)
        return Lengths(
            quantiles, *(tuple(map(kept.mention, places[rows].tolist())) for rows in chosen)
        )
