"""articles → counts → tf-idf: terms are counted once, folds reuse the counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.corpus.corpus import Corpus
from classifier.corpus.near_duplicates import near_duplicate_groups
from classifier.model.reading import sublinear
from classifier.model.tokenize import Analyzer
from classifier.progress import Progress
from classifier.training.labelled import ArticleNotes, LabelledArticles
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
class CountedCorpus(LabelledArticles):
    """All that training keeps of its articles; the texts are gone.

    Parameters
    ----------
    body, lead : csr_matrix of float64 of shape (n_articles, n_terms)
        How often each term occurs in the whole text, and within its lead.
    """

    body: sp.csr_matrix
    lead: sp.csr_matrix

    def select(self, rows: NDArray[np.int64]) -> CountedCorpus:
        """Return the corpus with only these articles."""
        return replace(super().select(rows), body=self.body[rows], lead=self.lead[rows])

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
    progress: Progress,
) -> CountedCorpus:
    """Read every labelled article once and return the counts of its terms.

    Texts are read as a stream: each is dropped as soon as it is counted and compared.
    """
    counter = TermCounter(analyzer)
    notes = ArticleNotes()

    def texts() -> Iterator[str]:
        for text in notes.texts(corpora, progress):
            counter.add(text)
            yield text

    groups = near_duplicate_groups(texts())
    body, lead, vocabulary = counter.matrices(min_df)
    n_words = np.array(counter.n_words, dtype=np.int64)
    return CountedCorpus(body=body, lead=lead, **notes.fields(vocabulary, n_words, groups))


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
