"""What an audit keeps of each article once its text has gone by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.article import Article
from classifier.corpus.corpus import Corpus
from classifier.corpus.labels import label_names, truth_matrix
from classifier.text import article_text

__all__ = ["Kept", "Mention", "Watch"]

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

    def texts(self, corpora: Sequence[Corpus], watches: Iterable[Watch]) -> Iterator[str]:
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
