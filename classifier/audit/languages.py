"""Articles in another language than the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from classifier.article import Article
from classifier.audit.kept import Kept, Mention

__all__ = ["LanguageWatch", "Languages"]

# Characters that are looked at, and how few are too few to tell.
READ, LEAST = 1000, 100
# Below this probability nothing is said.
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Languages:
    """What languages the articles are in.

    Parameters
    ----------
    note : str
        Why nothing was looked at; empty when it was.
    counts : dict of str to int
        Articles per language (ISO 639 code), the most frequent first.
    n_unsure : int
        Articles that are too short or too mixed to tell.
    others : tuple of (str, Mention)
        Each article that is not in the most frequent language, with its own.
    """

    note: str
    counts: dict[str, int]
    n_unsure: int
    others: tuple[tuple[str, Mention], ...]


class LanguageWatch:
    """Notes the language of each article with py3langid, which works offline.

    The method is that of Lui and Baldwin, langid.py, ACL 2012: multinomial naive Bayes over
    byte n-grams.
    """

    def __init__(self) -> None:
        self._identifier = None if find_spec("py3langid") is None else _identifier()
        self._language: dict[int, str] = {}

    def see(self, place: int, article: Article, text: str) -> None:
        """Note the language of an article, or that it cannot be told."""
        if self._identifier is None:
            return
        start = text[:READ]
        language, probability = self._identifier.classify(start)
        sure = probability >= SURE and sum(map(str.isalpha, start)) >= LEAST
        self._language[place] = language if sure else ""

    def found(self, kept: Kept) -> Languages:
        """Return the languages, and every article that is not in the most frequent one."""
        if self._identifier is None:
            return Languages("needs py3langid: pip install 'classifier[audit]'", {}, 0, ())
        counts = Counter(self._language.values())
        n_unsure = counts.pop("", 0)
        ranked = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        main = next(iter(ranked), "")
        others = tuple(
            (language, kept.mention(place))
            for place, language in self._language.items()
            if language not in ("", main)
        )
        return Languages("", ranked, n_unsure, others)


@cache
def _identifier() -> Any:
    """Return the identifier, whose tables are read once."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
