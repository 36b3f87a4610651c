"""Labelled articles whose counts lie in temporary files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classifier.corpus.corpus import Corpus
from classifier.corpus.near_duplicates import near_duplicate_groups
from classifier.corpus.scratch import Scratch
from classifier.model.tokenize import Analyzer
from classifier.progress import Progress
from classifier.training.labelled import ArticleNotes, LabelledArticles
from classifier.training.memory import Plan
from classifier.training.spill import SpillingCounter
from classifier.training.stored_rows import StoredRows

__all__ = ["StoredCorpus", "store_corpora"]

Vector = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class StoredCorpus(LabelledArticles):
    """All that training keeps of its articles, most of it in temporary files.

    Parameters
    ----------
    rows : StoredRows
        The counts of terms. Terms are numbered by how frequent they are.
    numbers : ndarray of int32 of shape (n_terms,)
        The number of each term of the vocabulary.
    plan : Plan
        What the memory is used for.
    """

    rows: StoredRows
    numbers: NDArray[np.int32]
    plan: Plan

    def select(self, rows: NDArray[np.int64]) -> StoredCorpus:
        """Return the corpus with only these articles, in rising order; this one is used up."""
        return replace(super().select(rows), rows=self.rows.select(rows))

    def words(self) -> Flags:
        """Return which terms, by their numbers, are no pairs of tokens."""
        found = np.empty(len(self.numbers), dtype=bool)
        found[self.numbers] = ~self.is_pair
        return found

    def coverage(self, kept: Flags) -> Vector:
        """Return the share of each article's words that are among the kept terms.

        Parameters
        ----------
        kept : ndarray of bool of shape (n_terms, n_columns)

        Returns
        -------
        ndarray of float64 of shape (n_articles, n_columns)
        """
        words = (kept & self.words()[:, None]).astype(np.float64)
        found = self.rows.product(self.rows.body.astype(np.float64), words)
        return found / np.maximum(self.n_words, 1)[:, None]

    def frequencies(self, folds: NDArray[np.int64], present: Flags) -> NDArray[np.int64]:
        """Return in how many articles of each fold, and last of all, each term occurs.

        Parameters
        ----------
        folds : ndarray of int64 of shape (n_articles,)
            -1 for articles in no fold.
        present : ndarray of bool of shape (n_codes,)
            Which codes say that a term occurs.

        Returns
        -------
        ndarray of int64 of shape (n_folds + 1, n_terms)
        """
        n_folds, n_terms = int(folds.max(initial=-1)) + 1, self.rows.n_terms
        found = np.zeros((n_folds + 1, n_terms), dtype=np.int64)
        for block in self.rows.blocks():
            occurs = present[block.codes]
            fold_of = np.repeat(folds[block.rows], np.diff(block.starts))
            found[-1] += np.bincount(block.terms[occurs], minlength=n_terms)
            for fold in range(n_folds):
                of_fold = block.terms[occurs & (fold_of == fold)]
                found[fold] += np.bincount(of_fold, minlength=n_terms)
        return found


def store_corpora(
    corpora: Iterable[Corpus],
    analyzer: Analyzer,
    *,
    min_df: int,
    progress: Progress,
    scratch: Scratch,
    plan: Plan,
) -> StoredCorpus:
    """Read every labelled article once, as `count_corpora` does, and write what grows."""
    counter = SpillingCounter(
        analyzer, scratch, most_terms=plan.most_terms, most_kept=plan.most_kept
    )
    notes = ArticleNotes()

    def texts() -> Iterator[str]:
        for text in notes.texts(corpora, progress):
            counter.add(text)
            yield text

    groups = near_duplicate_groups(texts(), new_column=scratch)
    rows, vocabulary, numbers = counter.finish(min_df)
    n_words = np.array(counter.n_words, dtype=np.int64)
    fields = notes.fields(vocabulary, n_words, groups)
    return StoredCorpus(rows=rows, numbers=numbers, plan=plan, **fields)
