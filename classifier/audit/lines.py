"""Lines and sentences that an outlet prints again and again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from classifier.article import Article
from classifier.text_steps import composed, printable, spaced_once, with_mojibake_repaired

__all__ = ["LineWatch", "RepeatedLine"]

# A line end, or the space after the end of a sentence.
_ENDS = re.compile("\n+|(?<=[.!?…])[\"”’')\\]]{0,2} +")
_NOT_WORDS = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"\d+")
LEAST_WORDS = 3
LONGEST_EXCERPT = 80


@dataclass(frozen=True, slots=True)
class RepeatedLine:
    """A line, or a sentence of one, that stands in several articles of an outlet.

    Parameters
    ----------
    source : str
        The outlet, empty when the articles name none.
    excerpt : str
        Its first 80 characters as they stand in the first article.
    n_articles : int
        In how many articles it stands; near-duplicates count once. Case, punctuation and the
        digits of numbers do not matter.
    n_left : int
        In how many of these it is still there after the text rules.
    """

    source: str
    excerpt: str
    n_articles: int
    n_left: int


@dataclass
class _Seen:
    """A line that has come a second time: its first words, and where it stood."""

    source: str
    excerpt: str
    places: list[int] = field(default_factory=list)
    left: list[bool] = field(default_factory=list)


class LineWatch:
    """Counts lines by hash; words are kept only of those that come a second time."""

    def __init__(self) -> None:
        self._first: dict[int, tuple[int, bool]] = {}
        self._again: dict[int, _Seen] = {}

    def see(self, place: int, article: Article, text: str) -> None:
        """Count the lines and sentences of an article, each once."""
        left = {key for key, _ in _keyed_lines(article.source, text)}
        for key, line in dict(_keyed_lines(article.source, _readable(article.text))).items():
            if key not in self._first:
                self._first[key] = (place, key in left)
                continue
            if key not in self._again:
                first_place, first_left = self._first[key]
                excerpt = line[:LONGEST_EXCERPT]
                self._again[key] = _Seen(article.source, excerpt, [first_place], [first_left])
            self._again[key].places.append(place)
            self._again[key].left.append(key in left)

    def repeated(self, groups: npt.NDArray[np.int64], least: int) -> tuple[RepeatedLine, ...]:
        """Return what stands in at least so many separate articles, the most frequent first.

        Parameters
        ----------
        groups : ndarray of int64 of shape (n_articles,)
            Near-duplicates share a number.
        """
        lines = [
            RepeatedLine(
                seen.source,
                seen.excerpt,
                len(np.unique(groups[seen.places])),
                len(np.unique(groups[seen.places][np.array(seen.left, dtype=bool)])),
            )
            for seen in self._again.values()
            if len(seen.places) >= least
        ]
        frequent = [line for line in lines if line.n_articles >= least]
        order = sorted(frequent, key=lambda line: (-line.n_articles, line.source, line.excerpt))
        return tuple(order)


def _readable(text: str) -> str:
    """Return the raw text with its characters mended, all lines still there."""
    return spaced_once(composed(printable(with_mojibake_repaired(text))))


def _keyed_lines(source: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines and sentences of some words, each with the hash of what matters in it."""
    for line in _ENDS.split(text):
        if len(line.split(maxsplit=LEAST_WORDS)) >= LEAST_WORDS:
            words = _DIGITS.sub("0", _NOT_WORDS.sub(" ", line.casefold())).strip()
            content = f"{source}\n{words}".encode("utf-8", "surrogatepass")
            yield int.from_bytes(blake2b(content, digest_size=8).digest(), "big"), line
