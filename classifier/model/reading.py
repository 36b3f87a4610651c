"""What a model reads in texts: known terms, their counts and their tf-idf values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.model.tokenize import Analyzer

__all__ = ["UNKNOWN", "Reading", "WordIds", "counted", "on_grid", "sublinear", "tfidf_values"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Ids = NDArray[np.int64]

# The id of terms that the model does not know.
UNKNOWN = -1

NO_WORD = -2

# Hostile input has no end of pieces; those that come up after so many, and those of so many
# bytes, are looked at each time.
REMEMBERED_PIECES = 500_000
LONGEST_REMEMBERED = 64

# Per byte: ASCII in small letters, spaces for what belongs to no word, other bytes as they are.
_PIECES = bytes(
    c if c > 0x7F or chr(c).isalnum() or c == 0x5F else 0x20 for c in range(256)
).lower()

# Contributions are whole multiples of 2^-32. Sums of them below 2^20 are exact in float64 in
# whatever order they are added, so an explanation adds up to its margin to the last bit and an
# article has the same margin alone as in a batch.
GRID = 2.0**32

# Marks beyond ASCII that often stand between two words without a space.
_BETWEEN_WORDS = "’—"


class WordIds(dict[bytes, int | tuple[int, ...]]):
    """Piece of a text → id of its word, or ids of its words; each is looked at only once.

    Pieces are what stands between characters of ASCII that belong to no word, in small letters:
    one word nearly always, which is found so in half the time that a regular expression takes.
    Words that the model does not know are `UNKNOWN`, pieces without a word `NO_WORD`.

    Parameters
    ----------
    token_ids : mapping of str to int
        Ids of words and, where they are terms, of pairs.
    analyzer : Analyzer
    """

    def __init__(self, token_ids: Mapping[str, int], analyzer: Analyzer) -> None:
        super().__init__()
        self._token_ids = token_ids
        self._analyzer = analyzer

    def read(self, text: str) -> tuple[Ids, Ids]:
        """Return the ids of a prepared text's words, and of its terms as often as they count."""
        words, analyzer = self._words(text), self._analyzer
        lead = words[: analyzer.lead_length(len(words))]
        repeated = [lead] * analyzer.lead_repeats
        return words, np.concatenate([*repeated, words, *self._pairs(text)])

    def _pairs(self, text: str) -> list[Ids]:
        if not self._analyzer.bigrams:
            return []
        pairs = self._analyzer.pairs(self._analyzer.tokens(text))
        return [np.array([self._token_ids.get(pair, UNKNOWN) for pair in pairs], np.int64)]

    def _words(self, text: str) -> Ids:
        if not str.isascii(text):
            for mark in _BETWEEN_WORDS:
                text = text.replace(mark, " ")
        pieces = text.encode("utf-8", "surrogatepass").translate(_PIECES).split()
        ids = list(map(self.__getitem__, pieces))
        try:
            found = np.fromiter(ids, np.int64, len(ids))
        except (TypeError, ValueError):  # a piece of several words
            found = np.array(_spread(ids), np.int64)
        return np.asarray(found[found != NO_WORD])

    def __missing__(self, piece: bytes) -> int | tuple[int, ...]:
        words = self._analyzer.words(piece.decode("utf-8", "surrogatepass"))
        tokens = map(self._analyzer.token, words)
        ids = tuple([self._token_ids.get(token, UNKNOWN) for token in tokens]) or (NO_WORD,)
        found = ids[0] if len(ids) == 1 else ids
        if len(self) < REMEMBERED_PIECES and len(piece) <= LONGEST_REMEMBERED:
            self[piece] = found
        return found


def _spread(ids: Iterable[int | tuple[int, ...]]) -> list[int]:
    return [word for each in ids for word in (each if isinstance(each, tuple) else (each,))]


def on_grid(values: Matrix) -> Matrix:
    """Return `values` rounded to the grid on which sums are exact."""
    scaled = np.asarray(values * GRID)
    np.rint(scaled, out=scaled)
    scaled /= GRID
    return scaled


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
    # take, as it costs a fifth of brackets
    values = sublinear(reading.counts) * idf.take(reading.terms)
    lengths = reading.starts[1:] - reading.starts[:-1]
    rows = np.arange(len(lengths)).repeat(lengths)
    # bincount adds in order, so an article's norm does not depend on its neighbours
    norms = np.sqrt(np.bincount(rows, weights=values * values, minlength=len(lengths)))
    return np.asarray(values / norms.take(rows))


def counted(read: Sequence[tuple[Ids, Ids]], n_terms: int) -> Reading:
    """Return a batch as a `Reading`.

    Parameters
    ----------
    read : sequence of tuple of two ndarray of int64, length n_articles
        What `WordIds.read` returns of each article.
    n_terms : int
        Size of the vocabulary.
    """
    width = max(n_terms, 1)
    flat = np.concatenate([np.zeros(0, np.int64), *(terms for _, terms in read)])
    rows = np.arange(0, width * len(read), width).repeat([len(terms) for _, terms in read])
    keys = (flat + rows)[flat != UNKNOWN]
    keys.sort()
    edges = np.ones(len(keys) + 1, dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=edges[1:-1])
    firsts = edges.nonzero()[0]
    keys = keys[firsts[:-1]]
    return Reading(
        starts=keys.searchsorted(np.arange(0, width * (len(read) + 1), width)),
        terms=keys % width,
        counts=firsts[1:] - firsts[:-1],
        n_words=np.array([len(words) for words, _ in read], dtype=np.int64),
        n_known=np.array([np.count_nonzero(words >= 0) for words, _ in read], dtype=np.int64),
    )
