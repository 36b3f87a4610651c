"""Which terms are in which articles, from counts in temporary files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from classifier.training.block_fit import block_solver
from classifier.training.stored_corpus import StoredCorpus

__all__ = ["StoredOccurrences"]

# Of counts that are made in one pass.
SAMPLES_BYTES = 8_000_000

Ints = NDArray[np.int64]
Vector = NDArray[np.float64]


class StoredOccurrences:
    """Occurrences in a stored corpus.

    Parameters
    ----------
    counted : StoredCorpus
    bigrams : bool
        Whether pairs of tokens are terms; the others have columns either way.
    """

    def __init__(self, counted: StoredCorpus, *, bigrams: bool) -> None:
        self._counted = counted
        self._shown = counted.words() | bigrams

    @cached_property
    def in_articles(self) -> Ints:
        """In how many articles each term is, pairs among them; shape (n_terms,)."""
        nowhere = np.full(len(self._counted), -1)
        found = self._counted.frequencies(nowhere, self._counted.rows.body > 0)[-1]
        return np.asarray(found)

    def frequencies(self, folds: Ints) -> Ints:
        """Return in how many articles each term is, in each fold and last in all of them."""
        found = self._counted.frequencies(folds, self._counted.rows.body > 0)
        return np.asarray(found[:, self._shown])

    def of_samples(self, samples: Sequence[Ints]) -> Iterator[Vector]:
        """Yield in how many articles of each sample each term is; shape (n_terms,).

        As many samples are counted in one pass as there is memory for.
        """
        at_once = max(SAMPLES_BYTES // (4 * max(self._counted.rows.n_terms, 1)), 1)
        for first in range(0, len(samples), at_once):
            for counts in self._tallied(samples[first : first + at_once]):
                yield counts[self._shown].astype(np.float64)

    def _tallied(self, samples: Sequence[Ints]) -> NDArray[np.int32]:
        """Return counts of shape (n_samples, n_terms)."""
        rows = self._counted.rows
        articles = np.concatenate(samples)
        order = np.argsort(articles, kind="stable")
        numbers = np.repeat(np.arange(len(samples), dtype=np.int32), list(map(len, samples)))[order]
        starts = np.searchsorted(articles[order], np.arange(len(rows) + 1))
        counts = np.zeros((len(samples), rows.n_terms), dtype=np.int32)
        occurs = (rows.body > 0).astype(np.uint8)
        for block in rows.blocks():
            of_block = starts[block.rows[0] : block.rows[-1] + 2]
            flags = occurs[block.codes]
            block_solver().tally(block.starts, block.terms, flags, of_block, numbers, counts)
        return counts
