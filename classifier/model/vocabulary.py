"""Text → terms → how often each counts.

The terms of a model are lines of UTF-8 that become strings only when somebody asks for them.
"""

from __future__ import annotations

import mmap
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from operator import lt
from typing import TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from classifier.compiled import compiled

__all__ = [
    "PLURALS",
    "TOKEN_PATTERN",
    "UNKNOWN",
    "Analyzer",
    "Buffer",
    "Reading",
    "Table",
    "Vocabulary",
    "WordIds",
    "counted",
    "fault_of",
    "fold",
    "fold_table",
    "n_slots",
    "on_grid",
    "singular",
    "sublinear",
    "table_of",
    "term_hash",
    "tfidf_values",
]

Ids: TypeAlias = NDArray[np.int64]
Vector: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64]
TOKEN_PATTERN = r"\w\w+"
_find_tokens = re.compile(TOKEN_PATTERN).findall
Item = TypeVar("Item")
_WORD = re.compile(r"\w+")
# Where str.lower leaves one letter as several terms: the dotted capital İ becomes two characters,
# of which the second ends a word; Σ depends on its neighbours; capital ẞ and ß are SS in headlines.
_SPECIAL = {"İ": "i", "Σ": "σ", "ς": "σ", "ẞ": "ss", "ß": "ss"}


def fold(text: str) -> str:
    """Return `text` in lower case, each character folded without regard to its neighbours.

    Unlike `str.lower`, ``İ`` folds to ``i``, every sigma to ``σ`` and ``ß`` to ``ss``, so that a
    headline in capitals and the body in small letters give the same terms.

    Examples
    --------
    >>> fold("İlham STRAẞE ΟΔΟΣ")
    'ilham strasse οδοσ'
    """
    if text.isascii():
        return text.lower()
    # Σ is replaced before lowering, because str.lower looks at its neighbours.
    text = text.replace("İ", "i").replace("Σ", "σ").lower()
    return text.replace("ς", "σ").replace("ß", "ss")


@cache
def fold_table() -> dict[int, str]:
    """Return `fold` as a table for `str.translate`, code point → replacement.

    It lets a pipeline without this package fold exactly as this package does.
    """
    lowered = {c: chr(c).lower() for c in range(sys.maxunicode + 1) if chr(c).lower() != chr(c)}
    return lowered | {ord(c): folded for c, folded in _SPECIAL.items()}


# Plural endings as patterns and what stands for them, in order; `singular` in other words.
PLURALS = (
    (r"(?<=\w{3})(?<!\bmov)(?<!\bser)(?<!\bspec)(?<!\bcook)ies\b", "y"),
    (r"(?<=\w\w(?:ch|sh|ss))es\b", ""),
    (r"(?<=\w\wx)es\b", ""),
    (r"(?<=\w{3})(?<![uis])s\b", ""),
)
# Plurals in -ies whose singular ends in -ie, or is the same.
_IN_IE = ("movies", "series", "species", "cookies")


def singular(token: str) -> str:
    """Return an English plural without its ending, any other token as it is.

    A cautious form of the S-stemmer of Harman (JASIS, 1991): words of three letters and endings
    -ss, -us and -is stay; -es goes as a whole after -ch, -sh, -ss and -x.

    Examples
    --------
    >>> [singular(token) for token in ("policies", "talks", "gas", "congress", "speeches")]
    ['policy', 'talk', 'gas', 'congress', 'speech']
    """
    if len(token) < 4 or token[-1] != "s":
        return token
    if len(token) > 5 and token.endswith("ies") and token not in _IN_IE:
        return token[:-3] + "y"
    if token.endswith("es") and _takes_es(token[:-2]):
        return token[:-2]
    return token if token[-2] in "uis" else token[:-1]


def _takes_es(stem: str) -> bool:
    if stem.endswith(("ch", "sh", "ss")):
        return len(stem) > 3
    return stem.endswith("x") and len(stem) > 2


@dataclass(frozen=True, slots=True)
class Analyzer:
    """How prepared text becomes a sequence of terms.

    Parameters
    ----------
    lead_words : int
        Number of tokens at the start (headline and first sentences) that count more often.
    lead_repeats : int
        How many extra times the lead is counted; 0 treats all of the text alike.
    bigrams : bool
        Whether pairs of neighbouring tokens are terms as well.
    fold_plurals : bool
        Whether an English plural and its singular are one term.
    lead_divisor : int
        The lead is at most one in so many of the tokens, rounded up; 1 sets no such limit. A
        short text is not all lead.
    """

    lead_words: int = 0
    lead_repeats: int = 0
    bigrams: bool = False
    fold_plurals: bool = False
    lead_divisor: int = 1

    def words(self, text: str) -> list[str]:
        """Return the folded words of `text` in reading order, plurals as they stand."""
        return _find_tokens(fold(text))

    def token(self, word: str) -> str:
        """Return the token that a folded word counts as."""
        return singular(word) if self.fold_plurals else word

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of `text`, each once, in reading order."""
        words = self.words(text)
        return [singular(word) for word in words] if self.fold_plurals else words

    def spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield start, end and token of every word of `text`, for highlighting."""
        for match in _WORD.finditer(text):
            word = fold(match[0])
            if len(word) > 1:
                yield match.start(), match.end(), self.token(word)

    def lead_length(self, n_tokens: int) -> int:
        """Return how many of `n_tokens` tokens are the lead."""
        return min(self.lead_words, -(-n_tokens // self.lead_divisor))

    def weigh_lead(self, sequence: list[Item]) -> list[Item]:
        """Return `sequence` (tokens, or their ids) with its lead repeated before it."""
        return sequence[: self.lead_length(len(sequence))] * self.lead_repeats + sequence

    def pairs(self, tokens: list[str]) -> list[str]:
        """Return the terms that are pairs of neighbours, none when `bigrams` is off."""
        if not self.bigrams:
            return []
        return [f"{a} {b}" for a, b in pairwise(self.weigh_lead(tokens))]

    def terms(self, text: str) -> list[str]:
        """Return the terms of `text`, each as often as it counts."""
        tokens = self.tokens(text)
        return self.weigh_lead(tokens) + self.pairs(tokens)


Buffer: TypeAlias = bytes | mmap.mmap
Table: TypeAlias = NDArray[np.uint32]
LEAST_SLOTS = 8
# _kernel.pyx has the same two
SEED, FACTOR = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
_64_BITS = 2**64 - 1


def n_slots(n_terms: int) -> int:
    """Return the size of a table: a power of two of which a third at least stays empty.

    Examples
    --------
    >>> [n_slots(n) for n in (0, 5, 6, 34_000)]
    [8, 8, 16, 65536]
    """
    size = LEAST_SLOTS
    while 3 * n_terms > 2 * size:
        size *= 2
    return size


def term_hash(term: bytes) -> int:
    """Return the hash of a term's UTF-8, a whole number below 2^64."""
    value = len(term) * SEED & _64_BITS
    for start in range(0, len(term), 8):
        word = int.from_bytes(term[start : start + 8], "little")
        value = (value ^ word) * FACTOR & _64_BITS
        value ^= value >> 32
    return value


def table_of(lines: Buffer, starts: NDArray[np.int64]) -> Table:
    """Return the table of a vocabulary; uint32 of shape (n_slots, 2).

    Parameters
    ----------
    lines : bytes or mmap
        The terms in UTF-8, a line end after each.
    starts : ndarray of int64 of shape (n_terms + 1,)
        Where each line begins, and where the last ends.
    """
    size = n_slots(len(starts) - 1)
    kernel = compiled()
    return kernel.table_of(lines, starts, size) if kernel else _table_of(lines, starts, size)


def _table_of(lines: Buffer, starts: NDArray[np.int64], size: int) -> Table:
    slots = [(0, 0)] * size
    for number, (start, end) in enumerate(pairwise(starts.tolist()), 1):
        value = term_hash(lines[start : end - 1])
        at = value % size
        while slots[at][1]:
            at = (at + 1) % size
        slots[at] = (value >> 32, number)
    return np.array(slots, dtype=np.uint32)


def fault_of(table: Table, lines: Buffer, starts: NDArray[np.int64]) -> str:
    """Return what is wrong with a table of the right shape, empty when nothing is.

    The terms must be different ones.
    Without the kernel, which alone uses the table, only its ids are looked at.
    """
    n_terms, n_entries = len(starts) - 1, np.count_nonzero(table[:, 1])
    if n_entries != n_terms:
        return f"has {n_entries} entries for {n_terms} terms"
    kernel = compiled()
    if kernel:
        lost = kernel.misplaced(lines, starts, table)
        return f"does not lead to term {lost}" if lost >= 0 else ""
    ids = np.sort(table[:, 1])[len(table) - n_terms :]
    return "" if np.array_equal(ids, np.arange(1, n_terms + 1)) else "leads to a term twice"


class Vocabulary(Sequence[str]):
    """Different terms in code point order.

    Parameters
    ----------
    lines : bytes or mmap
        In UTF-8, a line end after each term; not copied.
    table : ndarray of uint32 of shape (n_slots, 2), optional
        As `table_of` gives it; made when it is needed and missing.
    """

    def __init__(self, lines: Buffer, table: Table | None = None) -> None:
        self.lines = lines
        bytes_ = np.frombuffer(lines, np.uint8) if lines else np.empty(0, np.uint8)
        self.starts: NDArray[np.int64] = np.append(-1, np.flatnonzero(bytes_ == ord("\n"))) + 1
        if table is not None:
            self.table = table

    @classmethod
    def of(cls, terms: Sequence[str]) -> Vocabulary:
        """Return a sequence of terms as a vocabulary.

        Raises
        ------
        UnicodeEncodeError
            When one holds what UTF-8 cannot.
        """
        if isinstance(terms, Vocabulary):
            return terms
        return cls("".join(f"{term}\n" for term in terms).encode())

    @cached_property
    def in_order(self) -> bool:
        """Whether the terms are different ones in code point order."""
        kernel = compiled()
        if kernel:
            # the order of bytes in UTF-8 is that of code points
            return bool(kernel.unordered(self.lines, self.starts) < 0)
        terms = ["", *self]
        return all(map(lt, terms, terms[1:]))

    @cached_property
    def table(self) -> Table:
        """What leads from a term to its id."""
        return table_of(self.lines, self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        at = range(len(self))[index]
        return str(self.lines[self.starts[at] : self.starts[at + 1] - 1], "utf-8")

    def __iter__(self) -> Iterator[str]:
        return iter(str(self.lines, "utf-8").split("\n")[:-1])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Vocabulary):
            return self.lines[:] == other.lines[:]
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self)} terms>"

    def __reduce__(self) -> tuple[object, ...]:
        return Vocabulary, (self.lines[:], np.asarray(self.table))


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
