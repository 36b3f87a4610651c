"""What an audit keeps of each article once its text has gone by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.article import Article, Progress, no_progress
from classifier.corpus.corpus import Corpus
from classifier.corpus.labels import label_names, truth_matrix
from classifier.errors import SettingsError
from classifier.text import article_text, composed, printable, spaced_once, with_mojibake_repaired

__all__ = ["AuditSettings", "Kept", "LineWatch", "Mention", "RepeatedLine", "Watch"]


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """From when on something is a finding.

    Parameters
    ----------
    similarity : float
        Jaccard similarity of word 5-grams from which articles are near-duplicates, above 0 and
        up to 1.
    repeats : int
        Articles of one outlet in which a line stands from which it is boilerplate, at least 2.
    short_words, long_words : int
        Articles with fewer or with more words are named.
    labels : bool
        Whether labels are judged by cross-validation, which takes most of the time.
    seed : int
        Of the folds and of the signatures.
    jobs : int
        Labels fitted at once; changes only the time.
    """

    similarity: float = 0.7
    repeats: int = 5
    short_words: int = 50
    long_words: int = 5000
    labels: bool = True
    seed: int = 0
    jobs: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.similarity <= 1:
            raise SettingsError(
                f"similarity is {self.similarity}. Choose one above 0 and up to 1, such as 0.7."
            )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value < least:
                raise SettingsError(f"{name} is {value}. Choose {least} or more.")


_LEAST = {"repeats": 2, "short_words": 0, "long_words": 1, "seed": 0, "jobs": 1}
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
        # its characters mended, all lines still there
        raw = spaced_once(composed(printable(with_mojibake_repaired(article.text))))
        for key, line in dict(_keyed_lines(article.source, raw)).items():
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


def _keyed_lines(source: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines and sentences of some words, each with the hash of what matters in it."""
    for line in _ENDS.split(text):
        if len(line.split(maxsplit=LEAST_WORDS)) >= LEAST_WORDS:
            words = _DIGITS.sub("0", _NOT_WORDS.sub(" ", line.casefold())).strip()
            content = f"{source}\n{words}".encode("utf-8", "surrogatepass")
            yield int.from_bytes(blake2b(content, digest_size=8).digest(), "big"), line


LONGEST_TITLE = 80  # characters of a headline that are kept
AUDITED = 0  # the corpus itself; what it is held against has number 1


@dataclass(frozen=True, slots=True)
class Mention:
    """An article as findings name it.

    Parameters
    ----------
    corpus : str
        Name of its corpus.
    number : int
        Its place in that corpus, from 1; the only name of an article without an id.
    id, title, source : str
        As they came in; of the title at most 80 characters.
    """

    corpus: str
    number: int
    id: str
    title: str
    source: str

    def __str__(self) -> str:
        return self.id or f"no. {self.number}"


class Watch(Protocol):
    """Something that looks at every article of the audited corpus as it goes by."""

    def see(self, place: int, article: Article, text: str) -> None:
        """Look at an article, its position among all and its text after the text rules."""


@dataclass
class Kept:
    """Names, labels and a hash per article, in reading order over both corpora.

    Parameters
    ----------
    names : list of str
        Of the corpora.
    articles : list of Article
        Without text and extra, their titles cut.
    starts : list of int
        Position of the first article of each corpus.
    digests : list of bytes
        Hash of each text after the text rules, 16 bytes.
    has_words : list of bool
        Whether there is any word in it.
    """

    names: list[str] = field(default_factory=list)
    articles: list[Article] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    has_words: list[bool] = field(default_factory=list)

    def texts(
        self,
        corpora: Sequence[Corpus],
        watches: Iterable[Watch],
        progress: Progress = no_progress,
    ) -> Iterator[str]:
        """Yield the text of every article after the text rules; it is not kept."""
        for number, corpus in enumerate(corpora):
            self.names.append(corpus.name)
            self.starts.append(len(self.articles))
            watching = tuple(watches) if number == AUDITED else ()
            for article in corpus.articles:
                text = article_text(article)
                for watch in watching:
                    watch.see(len(self.articles), article, text)
                self._keep(article, text)
                progress("reading articles", len(self.articles), 0)
                yield text

    def _keep(self, article: Article, text: str) -> None:
        title = article.title[:LONGEST_TITLE]
        kept = Article("", title, article.id, article.source, article.date, article.labels)
        self.articles.append(kept)
        utf8 = text.encode("utf-8", "surrogatepass")
        self.digests.append(blake2b(utf8, digest_size=16).digest())
        self.has_words.append(any(map(str.isalnum, text)))

    def audited(self) -> range:
        """Return the positions of the articles of the audited corpus."""
        return range([*self.starts, len(self.articles)][1])

    def is_audited(self, place: int) -> bool:
        """Return whether the article at a position is of the audited corpus."""
        return place in self.audited()

    def mention(self, place: int) -> Mention:
        """Return the article at a position as findings name it."""
        article, corpus = self.articles[place], 0 if self.is_audited(place) else 1
        number = place - self.starts[corpus] + 1
        return Mention(self.names[corpus], number, article.id, article.title, article.source)

    def truth(self) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
        """Return the label names of both corpora and what is known; see `truth_matrix`."""
        ends = [*self.starts[1:], len(self.articles)]
        parts = [self.articles[a:b] for a, b in zip(self.starts, ends, strict=True)]
        known = [frozenset(label_names(part)) for part in parts]
        names = tuple(sorted(frozenset().union(*known)))
        covered = [labels for labels, part in zip(known, parts, strict=True) for _ in part]
        return names, truth_matrix([a.labels for a in self.articles], names, covered)
