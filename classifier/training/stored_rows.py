"""Counts of terms in temporary files, read in blocks of articles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.corpus.scratch import FileColumn, Scratch

__all__ = ["Block", "StoredRows"]

Ints = NDArray[np.int64]
Vector = NDArray[np.float64]

# Terms of articles that are looked at together where the size does not matter.
AT_ONCE = 2**19
# Of a block that is not read in order, from different places.
PIECES = 16


@dataclass(frozen=True)
class Block:
    """Some articles.

    Parameters
    ----------
    rows : ndarray of int64 of shape (n_articles,)
        Which ones, in rising order.
    starts : ndarray of int64 of shape (n_articles + 1,)
        Where each article begins in the other arrays.
    terms : ndarray of int32
    codes : ndarray of uint16
    """

    rows: Ints
    starts: Ints
    terms: NDArray[np.int32]
    codes: NDArray[np.uint16]

    def matrix(self, table: Vector, n_terms: int) -> sp.csr_matrix:
        """Return the articles as a matrix of what `table` gives for their codes."""
        values = table[self.codes]
        shape = (len(self.rows), n_terms)
        return sp.csr_matrix((values, self.terms, self.starts), shape=shape)


@dataclass(frozen=True)
class StoredRows:
    """Terms of articles and the codes of their counts.

    Parameters
    ----------
    starts : ndarray of int64 of shape (n_articles + 1,)
    terms : column of int32
        Below `n_terms`, the most frequent ones first; distinct within an article.
    codes : column of uint16
    body, lead : ndarray of int64 of shape (n_codes,)
        How often a term with this code occurs in the text and in its lead; 0 times in a text is
        a pair that only a repeated lead makes.
    n_terms : int
    scratch : Scratch
    """

    starts: Ints
    terms: FileColumn
    codes: FileColumn
    body: Ints
    lead: Ints
    n_terms: int
    scratch: Scratch

    def __len__(self) -> int:
        return len(self.starts) - 1

    def blocks(self, size: int = AT_ONCE) -> Iterator[Block]:
        """Yield all articles in order in blocks of at most `size` terms, or of one article."""
        for first, stop in self._spans(size):
            yield self._block([(first, stop)])

    def mixed_blocks(self, size: int, rng: np.random.Generator) -> Iterator[Block]:
        """Yield all articles in blocks of about `size` terms, each of pieces from anywhere."""
        spans = list(self._spans(size // PIECES))
        order = rng.permutation(len(spans)).tolist()
        for first in range(0, len(order), PIECES):
            yield self._block(sorted(spans[i] for i in order[first : first + PIECES]))

    def _spans(self, size: int) -> Iterator[tuple[int, int]]:
        first = 0
        while first < len(self):
            after = np.searchsorted(self.starts, self.starts[first] + size, side="right") - 1
            stop = max(int(after), first + 1)
            yield first, stop
            first = stop

    def _block(self, spans: list[tuple[int, int]]) -> Block:
        places = [(int(self.starts[first]), int(self.starts[stop])) for first, stop in spans]
        lengths = [np.diff(self.starts[first : stop + 1]) for first, stop in spans]
        return Block(
            np.concatenate([np.arange(first, stop) for first, stop in spans]),
            np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
            self.terms.read_all(places),
            self.codes.read_all(places),
        )

    def select(self, rows: Ints) -> StoredRows:
        """Return these articles, in rising order, in files of their own; the old ones are closed.

        Their terms keep their numbers.
        """
        kept = np.zeros(len(self), dtype=bool)
        kept[rows] = True
        terms, codes = self.scratch(np.int32), self.scratch(np.uint16)
        for block in self.blocks():
            of_kept = np.repeat(kept[block.rows], np.diff(block.starts))
            terms.append(block.terms[of_kept])
            codes.append(block.codes[of_kept])
        self.terms.close()
        self.codes.close()
        starts = np.concatenate([[0], np.cumsum(np.diff(self.starts)[kept])])
        return replace(self, starts=starts, terms=terms, codes=codes)

    def counts(self, lead_repeats: int) -> Ints:
        """Return the count that each code stands for with the lead counted so often more."""
        return np.asarray(self.body + lead_repeats * self.lead)

    def product(self, table: Vector, right: Vector) -> Vector:
        """Return what `table` gives for the codes, as a matrix, times a dense matrix.

        Parameters
        ----------
        right : ndarray of shape (n_terms, n_columns)

        Returns
        -------
        ndarray of shape (n_articles, n_columns)
        """
        found = np.empty((len(self), right.shape[1]))
        for block in self.blocks():
            found[block.rows] = block.matrix(table, self.n_terms) @ right
        return found
