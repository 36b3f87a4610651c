"""articles → counts → tf-idf: terms are counted once, folds reuse the counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus, digest_row
from classifier.corpus.near_duplicates import near_duplicate_groups
from classifier.model.reading import sublinear
from classifier.model.tokenize import Analyzer
from classifier.text import article_text
from classifier.training.term_counter import TermCounter, document_frequencies

__all__ = [
    "CountedCorpus",
    "count_corpora",
    "damped_counts",
    "idf_of",
    "inverse_document_frequencies",
    "tfidf",
    "weighted",
]


@dataclass(frozen=True)
class CountedCorpus:
    """All that training keeps of its articles; the texts are gone.

    Parameters
    ----------
    body, lead : csr_matrix of float64 of shape (n_articles, n_terms)
        How often each term occurs in the whole text, and within its lead.
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

    body: sp.csr_matrix
    lead: sp.csr_matrix
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

    def select(self, rows: NDArray[np.int64]) -> CountedCorpus:
        """Return the corpus with only these articles."""
        lists = ("labels", "known", "sources", "dates", "ids")
        arrays = ("body", "lead", "n_words", "groups", "corpus", "natural", "borderline")
        picked: dict[str, Any] = {name: [getattr(self, name)[i] for i in rows] for name in lists}
        picked |= {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, **picked)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Every label that some corpus knows, sorted."""
        return tuple(sorted(frozenset().union(*self.known)))

    @cached_property
    def is_pair(self) -> NDArray[np.bool_]:
        """Which terms are pairs of tokens; shape (n_terms,)."""
        return np.array([" " in term for term in self.vocabulary], dtype=bool)

    def counts(self, lead_repeats: int) -> sp.csr_matrix:
        """Return counts with the lead counted `lead_repeats` more times."""
        if lead_repeats == 0:
            return self.body
        return (self.body + lead_repeats * self.lead).tocsr()

    def coverage(self, rows: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the share of each row's words that are among the `kept` terms."""
        words = kept & ~self.is_pair
        return np.asarray(self.body[rows] @ words.astype(float)) / np.maximum(self.n_words[rows], 1)


def count_corpora(
    corpora: Iterable[Corpus],
    analyzer: Analyzer,
    *,
    min_df: int,
    progress: Callable[[str, int, int], None],
) -> CountedCorpus:
    """Read every labelled article once and return the counts of its terms.

    Texts are read as a stream: each is dropped as soon as it is counted and compared.
    """
    counter = TermCounter(analyzer)
    kept = _Kept()

    def texts() -> Iterator[str]:
        for text in kept.texts(corpora):
            counter.add(text)
            progress("reading articles", len(kept.ids), 0)
            yield text

    groups = near_duplicate_groups(texts())
    body, lead, vocabulary = counter.matrices(min_df)
    return CountedCorpus(
        body=body,
        lead=lead,
        vocabulary=vocabulary,
        n_words=np.array(counter.n_words, dtype=np.int64),
        groups=groups,
        labels=kept.labels,
        known=[kept.known[number] for number in kept.corpus],
        corpus=np.array(kept.corpus, dtype=np.int64),
        corpora=kept.corpora,
        natural=np.array(kept.natural, dtype=bool),
        borderline=np.array([labels.borderline for labels in kept.labels], dtype=bool),
        sources=kept.sources,
        dates=kept.dates,
        ids=kept.ids,
        n_unlabelled=kept.n_unlabelled,
        sha256=kept.digest.hexdigest(),
    )


@dataclass
class _Kept:
    """What is noted of each article while its text streams by."""

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

    def texts(self, corpora: Iterable[Corpus]) -> Iterator[str]:
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
                yield text
            self.known[number] = frozenset(known)

    def _note(self, article: Article, labels: Labels, number: int, *, natural: bool) -> None:
        self.labels.append(labels)
        self.corpus.append(number)
        self.natural.append(natural)
        self.sources.append(article.source)
        self.dates.append(article.date)
        self.ids.append(article.id)


def inverse_document_frequencies(
    counts: sp.csr_matrix, min_df: int, *, form: str = "bm25"
) -> NDArray[np.float64]:
    """Return the idf of each term, 0 for terms below `min_df` and above 0 for all others.

    Parameters
    ----------
    form : {"bm25", "smooth"}
        ``ln((n + 1) / (df + 1/2))``, as in BM25 (Robertson and Zaragoza, 2009) but never below
        0, by which words of every article weigh next to nothing; or
        ``ln((n + 1) / (df + 1)) + 1``, scikit-learn's ``TfidfTransformer(smooth_idf=True)``.
    """
    return idf_of(document_frequencies(counts), counts.shape[0], min_df, form=form)


def idf_of(
    df: NDArray[np.int64], n: int, min_df: int, *, form: str = "bm25"
) -> NDArray[np.float64]:
    """Return the idf of terms that are in `df` of `n` articles."""
    idf = np.log((n + 1) / (df + 0.5)) if form == "bm25" else np.log((n + 1) / (df + 1)) + 1
    return np.where(df >= min_df, idf, 0.0)


def tfidf(counts: sp.csr_matrix, idf: NDArray[np.float64]) -> sp.csr_matrix:
    """Return sublinear tf-idf rows of unit length; shape and terms of `counts`."""
    return weighted(damped_counts(counts), idf)


def damped_counts(counts: sp.csr_matrix) -> sp.csr_matrix:
    """Return ``1 + ln count`` for every count."""
    return sp.csr_matrix((sublinear(counts.data), counts.indices, counts.indptr), counts.shape)


def weighted(damped: sp.csr_matrix, idf: NDArray[np.float64]) -> sp.csr_matrix:
    """Return rows of unit length, each term weighted by its idf."""
    values = damped.data * idf[damped.indices]
    rows = np.repeat(np.arange(damped.shape[0]), np.diff(damped.indptr))
    norms = np.sqrt(np.bincount(rows, weights=values * values, minlength=damped.shape[0]))
    norms[norms == 0] = 1.0
    return sp.csr_matrix((values / norms[rows], damped.indices, damped.indptr), damped.shape)
