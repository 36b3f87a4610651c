"""What training keeps of labelled articles besides the counts of their terms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus, digest_row
from classifier.progress import Progress
from classifier.text import article_text

__all__ = ["ArticleNotes", "LabelledArticles"]


@dataclass(frozen=True)
class LabelledArticles:
    """Labelled articles without their texts.

    Parameters
    ----------
    vocabulary : list of str
        Terms in code point order.
    n_words : ndarray of int64 of shape (n_articles,)
    groups : ndarray of int64 of shape (n_articles,)
        Near-duplicates share a number.
    labels, known : list, length n_articles
        What is known of each article, and the labels that its corpus knows.
    corpus : ndarray of int64 of shape (n_articles,)
        Which of `corpora` each article is from.
    corpora : list of str
        Names of the corpora.
    natural, borderline : ndarray of bool of shape (n_articles,)
    sources, dates, ids : list of str
    n_unlabelled : int
        Articles that were read and left out because nothing is known of their labels.
    sha256 : str
        Over the ids, prepared texts and labels, in order.
    """

    vocabulary: list[str]
    n_words: NDArray[np.int64]
    groups: NDArray[np.int64]
    labels: list[Labels]
    known: list[frozenset[str]]
    corpus: NDArray[np.int64]
    corpora: list[str]
    natural: NDArray[np.bool_]
    borderline: NDArray[np.bool_]
    sources: list[str]
    dates: list[str]
    ids: list[str]
    n_unlabelled: int
    sha256: str

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: NDArray[np.int64]) -> Self:
        """Return the corpus with only these articles."""
        lists = ("labels", "known", "sources", "dates", "ids")
        arrays = ("n_words", "groups", "corpus", "natural", "borderline")
        picked: dict[str, Any] = {name: [getattr(self, name)[i] for i in rows] for name in lists}
        picked |= {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, **picked)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Every label that some corpus knows, sorted."""
        return tuple(sorted(frozenset().union(*set(self.known))))

    @cached_property
    def is_pair(self) -> NDArray[np.bool_]:
        """Which terms are pairs of tokens; shape (n_terms,)."""
        return np.array([" " in term for term in self.vocabulary], dtype=bool)


@dataclass
class ArticleNotes:
    """What is noted of each article while its text streams by; equal values are kept once."""

    labels: list[Labels] = field(default_factory=list)
    corpus: list[int] = field(default_factory=list)
    corpora: list[str] = field(default_factory=list)
    natural: list[bool] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    known: dict[int, frozenset[str]] = field(default_factory=dict)
    n_unlabelled: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    seen: dict[Any, Any] = field(default_factory=dict)

    def texts(self, corpora: Iterable[Corpus], progress: Progress) -> Iterator[str]:
        """Yield the prepared text of every labelled article."""
        for number, corpus in enumerate(corpora):
            known: set[str] = set()
            self.corpora.append(corpus.name)
            for article in corpus.articles:
                if article.labels is None:
                    self.n_unlabelled += 1
                    continue
                self._note(article, article.labels, number, natural=corpus.natural)
                known |= article.labels.present | (article.labels.absent or frozenset())
                text = article_text(article)
                self.digest.update(digest_row(article.id, text, article.labels))
                progress("reading articles", len(self.ids), 0)
                yield text
            self.known[number] = frozenset(known)

    def _note(self, article: Article, labels: Labels, number: int, *, natural: bool) -> None:
        self.labels.append(self._once(labels))
        self.corpus.append(number)
        self.natural.append(natural)
        self.sources.append(self._once(article.source))
        self.dates.append(self._once(article.date))
        self.ids.append(article.id)

    def _once(self, value: Any) -> Any:
        return self.seen.setdefault(value, value)

    def fields(
        self, vocabulary: list[str], n_words: NDArray[np.int64], groups: NDArray[np.int64]
    ) -> dict[str, Any]:
        """Return the fields of `LabelledArticles`."""
        return {
            "vocabulary": vocabulary,
            "n_words": n_words,
            "groups": groups,
            "labels": self.labels,
            "known": [self.known[number] for number in self.corpus],
            "corpus": np.array(self.corpus, dtype=np.int64),
            "corpora": self.corpora,
            "natural": np.array(self.natural, dtype=bool),
            "borderline": np.array([labels.borderline for labels in self.labels], dtype=bool),
            "sources": self.sources,
            "dates": self.dates,
            "ids": self.ids,
            "n_unlabelled": self.n_unlabelled,
            "sha256": self.digest.hexdigest(),
        }
