"""What a model reads in texts: known terms, their counts and their tf-idf values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNKNOWN", "Reading", "WordIds", "counted", "on_grid", "sublinear", "tfidf_values"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# The id of terms that the model does not know.
UNKNOWN = -1

# Hostile input has no end of words; those that come up after so many are looked up each time.
REMEMBERED_WORDS = 500_000

# Contributions are whole multiples of 2^-32. Sums of them below 2^20 are exact in float64 in
# whatever order they are added, so an explanation adds up to its margin to the last bit and an
# article has the same margin alone as in a batch.
GRID = 2.0**32


class WordIds(dict[str, int]):
    """Word → id of its token, `UNKNOWN` for none; each word is made a token only once."""

    def __init__(self, token_ids: Mapping[str, int], token: Callable[[str], str]) -> None:
        super().__init__()
        self._token_ids = token_ids
        self._token = token

    def __missing__(self, word: str) -> int:
        found = self._token_ids.get(self._token(word), UNKNOWN)
        if len(self) < REMEMBERED_WORDS:
            self[word] = found
        return found


def on_grid(values: Matrix) -> Matrix:
    """Return `values` rounded to the grid on which sums are exact."""
    return np.asarray(np.rint(values * GRID) / GRID)


@dataclass(frozen=True)
class Reading:
    """A batch of texts as the model reads it: known terms, sorted by article and term.

    Parameters
    ----------
    starts : ndarray of int64 of shape (n_articles + 1,)
        Where each article's terms begin in the other arrays.
    terms, counts : ndarray of int64 of shape (n_terms_in_batch,)
        Term ids and how often each was counted.
    n_words, n_known : ndarray of int64 of shape (n_articles,)
        Words of each article, and those of them in the vocabulary.
    """

    starts: NDArray[np.int64]
    terms: NDArray[np.int64]
    counts: NDArray[np.int64]
    n_words: NDArray[np.int64]
    n_known: NDArray[np.int64]


def sublinear(counts: NDArray[np.int64]) -> Vector:
    """Return what counts weigh before idf: 1 + ln count."""
    return np.asarray(1.0 + np.log(counts))


def tfidf_values(reading: Reading, idf: NDArray[np.float32]) -> Vector:
    """Return sublinear tf-idf, each article scaled to unit length; shape (n_terms_in_batch,)."""
    values = sublinear(reading.counts) * idf[reading.terms]
    lengths = np.diff(reading.starts)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    # bincount adds in order, so an article's norm does not depend on its neighbours
    norms = np.sqrt(np.bincount(rows, weights=values * values, minlength=len(lengths)))
    return np.asarray(values / norms[rows])


def counted(words: Sequence[list[int]], terms: Sequence[list[int]], n_terms: int) -> Reading:
    """Return a batch as a `Reading`.

    Parameters
    ----------
    words, terms : sequence of list of int, length n_articles
        Ids of each article's tokens, and of its terms as often as they count; `UNKNOWN` for
        those that are not in the vocabulary.
    n_terms : int
        Size of the vocabulary.
    """
    width = max(n_terms, 1)
    flat = np.fromiter(chain.from_iterable(terms), dtype=np.int64)
    rows = np.repeat(np.arange(len(terms)), [len(row) for row in terms])
    known = flat != UNKNOWN
    keys, counts = np.unique(rows[known] * width + flat[known], return_counts=True)
    return Reading(
        starts=np.searchsorted(keys, np.arange(len(terms) + 1) * width),
        terms=keys % width,
        counts=counts,
        n_words=np.array([len(row) for row in words], dtype=np.int64),
        n_known=np.array([len(row) - row.count(UNKNOWN) for row in words], dtype=np.int64),
    )
