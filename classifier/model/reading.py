"""The compiled kernel where there is one, behind the same words as the NumPy path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from classifier.compiled import compiled
from classifier.errors import ModelError, listed
from classifier.model.calibration import Calibration, PiecewiseLinear
from classifier.model.vocabulary import Analyzer, Vocabulary

if TYPE_CHECKING:
    from classifier.model.model import Model

__all__ = [
    "UNKNOWN",
    "Answer",
    "Decision",
    "Judged",
    "Kernel",
    "Reading",
    "WordIds",
    "checked_floors",
    "counted",
    "judged",
    "kernel_of",
    "on_grid",
    "sublinear",
    "tfidf_values",
]


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


# The labels given to an article, the most probable first, and the probability of every label.
Answer = tuple[tuple[str, ...], dict[str, float]]
# An answer, and how many words of the article there are and are known.
Judged = tuple[tuple[str, ...], dict[str, float], int, int]


@dataclass(frozen=True, eq=False)
class Decision:
    """What makes answers of margins.

    Parameters
    ----------
    labels : tuple of str
    calibration : Calibration
    cuts : ndarray of float64 of shape (n_labels,)
        Margins from which labels are given.
    floors : ndarray of float64 of shape (n_labels,)
        Probabilities from which they are given instead, NaN where the cut decides.
    mode : {"several", "one"}
        In mode "one" the largest margin decides alone.
    """

    labels: tuple[str, ...]
    calibration: Calibration
    cuts: Vector
    floors: Vector
    mode: str

    @cached_property
    def decider(self) -> object | None:
        """The same compiled, for lines and any number of labels an article."""
        module = compiled()
        if (
            module is None
            or self.mode == "one"
            or not isinstance(self.calibration, PiecewiseLinear)
        ):
            return None
        knots = self.calibration.knots
        numbers = (knots.x, knots.y, knots.slope, knots.last, self.cuts, self.floors)
        plain = [np.ascontiguousarray(each, np.float64) for each in numbers]
        decider: object = module.Decider(tuple(self.labels), *plain)
        return decider

    @cached_property
    def _limits(self) -> list[tuple[float, float]]:
        return list(zip(self.cuts.tolist(), self.floors.tolist(), strict=True))

    def __call__(self, margins: Matrix) -> list[Answer]:
        """Return the answers to margins of shape (n_articles, n_labels)."""
        # in lists, as arrays cost an article by itself more than they save a batch
        scores, rows = self.calibration(margins).tolist(), margins.tolist()
        if self.mode == "one":
            given = [[best] for best in margins.argmax(axis=1).tolist()]
        else:
            given = list(map(self._given, rows, scores))
        return [
            (self._ranked(*article), dict(zip(self.labels, article[2], strict=True)))
            for article in zip(given, rows, scores, strict=True)
        ]

    def _given(self, margins: list[float], scores: list[float]) -> list[int]:
        """Return the places of the labels given to an article."""
        rows = enumerate(zip(margins, scores, self._limits, strict=True))
        return [
            place
            for place, (margin, score, (cut, floor)) in rows
            if (margin >= cut if isnan(floor) else score >= floor)
        ]

    def _ranked(
        self, given: list[int], margins: list[float], scores: list[float]
    ) -> tuple[str, ...]:
        """Return labels, the most probable first; of equally probable ones the higher margin."""
        if len(given) > 1:
            given.sort(key=lambda place: (-scores[place], -margins[place]))
        return tuple([self.labels[place] for place in given])


def checked_floors(labels: Sequence[str], thresholds: Mapping[str, float], mode: str) -> Vector:
    """Return thresholds as floors of shape (n_labels,), NaN where there is none.

    Raises
    ------
    ModelError
        When a threshold names no label of the model or is no probability.
    """
    floors = np.full(len(labels), np.nan)
    for label, floor in thresholds.items():
        if label not in labels:
            known = listed(labels)
            raise ModelError(f"threshold for '{label}': the model's labels are {known}")
        if mode == "one":
            raise ModelError("a model that gives exactly one label takes no thresholds")
        if not 0 <= floor <= 1:
            raise ModelError(f"threshold for '{label}' must lie between 0 and 1, not {floor}")
        floors[labels.index(label)] = floor
    return floors


def judged(
    answers: Sequence[Answer], n_words: Sequence[int], n_known: Sequence[int]
) -> list[Judged]:
    """Return answers with the number of words of each article, and of known ones."""
    rows = zip(answers, n_words, n_known, strict=True)
    return [(*answer, words, known) for answer, words, known in rows]


# What the kernel can round to the grid of contributions in one addition.
LARGEST_WEIGHT = 2.0**18
# Counts below this are weighed by a table, which NumPy made; nearly all counts are.
MOST_LOGS = 4096


class Kernel:
    """A model's reading and margins, compiled.

    Parameters
    ----------
    module : module
        What `compiled` returns.
    model : Model
    vocabulary : Vocabulary
        The same terms as the model's.
    """

    def __init__(self, module: ModuleType, model: Model, vocabulary: Vocabulary) -> None:
        analyzer = model.analyzer
        self._scorer = module.Scorer(
            vocabulary.lines,
            vocabulary.starts,
            # a copy only where numbers are stored the other way round
            np.ascontiguousarray(vocabulary.table, np.uint32),
            np.ascontiguousarray(model.idf, np.float32),
            np.ascontiguousarray(model.weights, np.float32),
            on_grid(model.bias),
            sublinear(np.arange(1, MOST_LOGS)),
            lead_words=analyzer.lead_words,
            lead_repeats=analyzer.lead_repeats,
            lead_divisor=analyzer.lead_divisor,
            bigrams=analyzer.bigrams,
            fold_plurals=analyzer.fold_plurals,
        )

    def read(self, texts: Iterable[str]) -> Reading:
        """Return prepared texts as known terms with counts."""
        return Reading(*self._scorer.read(tuple(texts)))

    def margins(self, reading: Reading) -> NDArray[np.float64]:
        """Return the margins of a reading; shape (n_articles, n_labels)."""
        tf = sublinear(reading.counts)
        return np.asarray(self._scorer.margins(reading.starts, reading.terms, tf))

    def judged(self, texts: list[str], decision: Decision) -> list[Judged]:
        """Return the answers to prepared texts with their numbers of words and known words."""
        if decision.decider is not None:
            answers: list[Judged] = self._scorer.judged(texts, decision.decider)
            return answers
        margins, n_words, n_known = self._scorer.scored(texts)
        return judged(decision(margins), n_words, n_known)


def kernel_of(model: Model) -> Kernel | None:
    """Return the kernel of a model, nothing where there is none or the model is none of its kind.

    Unusual models are ones made in memory: with other numbers than float32, with terms out of
    order, or with weights that no fit gives.
    """
    module = compiled()
    if module is None or not _is_usual(model):
        return None
    try:
        vocabulary = Vocabulary.of(model.vocabulary)
    except UnicodeEncodeError:
        return None
    fits = len(vocabulary) == len(model.vocabulary) and vocabulary.in_order
    return Kernel(module, model, vocabulary) if fits else None


def _is_usual(model: Model) -> bool:
    analyzer, weights = model.analyzer, model.weights
    return (
        weights.dtype == model.idf.dtype == np.float32
        and weights.shape == (len(model.idf), len(model.labels))
        and len(model.vocabulary) == len(model.idf)
        and -LARGEST_WEIGHT < weights.min(initial=0) <= weights.max(initial=0) < LARGEST_WEIGHT
        and min(analyzer.lead_words, analyzer.lead_repeats, analyzer.lead_divisor - 1) >= 0
    )
