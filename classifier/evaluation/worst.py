"""The cells whose probability is furthest on the wrong side of the cut, with the reasons."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from classifier.article import Article, Labels
from classifier.model.model import Model
from classifier.model.prediction import Prediction
from classifier.model.vocabulary import Analyzer

__all__ = [
    "CUT",
    "LONGEST",
    "Mark",
    "TermWeight",
    "WorstCells",
    "WorstError",
    "excerpt",
    "marked_words",
]


Mark = tuple[int, int, float]
Value = TypeVar("Value")
LONGEST = 600
# Characters before the first marked word, so that one sees what it is about.
CONTEXT = 60
CUT = "…"


def excerpt(
    text: str, contributions: Mapping[str, float], analyzer: Analyzer
) -> tuple[str, tuple[Mark, ...]]:
    """Return at most 600 characters of `text` and the marks in them.

    Parameters
    ----------
    text : str
        Prepared by `article_text`.
    contributions : mapping of str to float
        Term → what it adds to the margin. Of a term of two words, only neighbours count.

    Returns
    -------
    excerpt : str
        "…" stands where the text goes on.
    marks : tuple of (start, end, contribution)
        In characters of the excerpt, in order.
    """
    marks = marked_words(text, contributions, analyzer)
    if len(text) <= LONGEST:
        return text, tuple(marks)
    start, end = _window(text, marks)
    lead = CUT if start else ""
    moved = len(lead) - start
    inside = tuple((a + moved, b + moved, c) for a, b, c in marks if start <= a and b <= end)
    return lead + text[start:end] + (CUT if end < len(text) else ""), inside


def marked_words(
    text: str, values: Mapping[str, Value], analyzer: Analyzer
) -> list[tuple[int, int, Value]]:
    """Return start, end and value of every word of `text` with a value, alone or with a neighbour.

    Parameters
    ----------
    values : mapping
        Term → anything that is true. Of a term of two words, only neighbours count.
    """
    spans = list(analyzer.spans(text))
    found = [values.get(token) for _, _, token in spans]
    for i, ((_, _, first), (_, _, second)) in enumerate(pairwise(spans)):
        pair = values.get(f"{first} {second}")
        found[i], found[i + 1] = found[i] or pair, found[i + 1] or pair
    return [(a, b, value) for (a, b, _), value in zip(spans, found, strict=True) if value]


def _window(text: str, marks: list[Mark]) -> tuple[int, int]:
    """Return start and end of the part with the weightiest marks, ended at words."""
    room = LONGEST - 2 * len(CUT)
    starts = np.array([0, *(_word_start(text, a - CONTEXT) for a, _, _ in marks)])
    begins, ends = (np.array([mark[i] for mark in marks], dtype=np.int64) for i in (0, 1))
    weights = np.cumsum([0.0, *(abs(c) for _, _, c in marks)])
    last = np.searchsorted(ends, starts + room, side="right")
    inside = weights[last] - weights[np.minimum(np.searchsorted(begins, starts), last)]
    start = int(starts[inside.argmax()])
    return start, _word_end(text, start, start + room)


def _word_start(text: str, near: int) -> int:
    """Return where a word begins after `near`, or the start of the text when that is close."""
    if near <= CONTEXT:
        return 0
    space = text.find(" ", near, near + CONTEXT)
    return near if space < 0 else space + 1


def _word_end(text: str, start: int, limit: int) -> int:
    """Return where the last whole word before `limit` ends."""
    if limit >= len(text):
        return len(text)
    space = text.rfind(" ", start + CONTEXT, limit + 1)
    return limit if space < 0 else space


# Errors kept of each label and kind while reading, and in the end of all.
EACH, ALL = 10, 100
# As many terms as a reader takes in at a glance.
TERMS = 10


@dataclass(frozen=True, slots=True)
class TermWeight:
    """What a term adds to the label's margin."""

    term: str
    contribution: float


@dataclass(frozen=True, slots=True)
class WorstError:
    """A cell whose probability is far on the wrong side of the cut.

    Parameters
    ----------
    id, title, outlet, date : str
        Of the article, empty when unknown.
    label : str
    kind : {"missed", "false"}
        Present and not given, or absent and given.
    probability, cut : float
        In mode "one", `cut` is the probability of the label that was given (missed) or that
        would have been right (false).
    note : str
        Why the model did not judge the article, else empty.
    terms : tuple of TermWeight
        The weightiest, at most ten.
    excerpt : str
        At most 600 characters of the prepared text, where the weightiest words are; "…" at an
        end says that the text goes on.
    marks : tuple of (start, end, contribution)
        Characters of `excerpt` that belong to `terms`.
    """

    id: str
    title: str
    outlet: str
    date: str
    label: str
    kind: str
    probability: float
    cut: float
    note: str
    terms: tuple[TermWeight, ...]
    excerpt: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class _Cell:
    """An article, what was said of it, and the label that it was wrong about."""

    article: Article
    prediction: Prediction
    text: str
    label: str
    kind: str
    cut: float

    @property
    def probability(self) -> float:
        return self.prediction.scores[self.label]

    @property
    def distance(self) -> float:
        """How far the probability is on the wrong side; a label never given is cut at 1."""
        cut = 1.0 if math.isnan(self.cut) else self.cut
        return cut - self.probability if self.kind == "missed" else self.probability - cut


class WorstCells:
    """Notes articles as they stream by and keeps the texts of the worst few.

    Parameters
    ----------
    cuts : mapping of str to float
        Probability from which a label is given, NaN for never; empty when exactly one label is
        given.
    model : Model
        Tells which words decided.
    """

    def __init__(self, cuts: Mapping[str, float], model: Model) -> None:
        self._cuts = cuts
        self._model = model
        self._heaps: dict[tuple[str, str], list[tuple[float, bytes, int, _Cell]]] = defaultdict(
            list
        )
        self._n_seen = 0

    def note(
        self, article: Article, labels: Labels, prediction: Prediction, text: str, *, key: bytes
    ) -> None:
        """Look at an article; `key` decides between errors of equal weight."""
        for cell in self._wrong(article, labels, prediction, text):
            self._n_seen += 1
            heap = self._heaps[cell.label, cell.kind]
            heapq.heappush(heap, (cell.distance, key, self._n_seen, cell))
            if len(heap) > EACH:
                heapq.heappop(heap)

    def errors(self, known: Collection[str]) -> tuple[WorstError, ...]:
        """Return the worst errors of the labels that the corpus turned out to know."""
        entries = [
            entry for (label, _), heap in self._heaps.items() if label in known for entry in heap
        ]
        entries.sort(key=lambda entry: (-entry[0], entry[1], entry[3].label))
        return tuple(self._explained(cell) for *_, cell in entries[:ALL])

    def _wrong(
        self, article: Article, labels: Labels, prediction: Prediction, text: str
    ) -> Iterator[_Cell]:
        given, scores = set(prediction.tags), prediction.scores
        absent = given if labels.absent is None else given & labels.absent
        best = max((scores[label] for label in labels.present & scores.keys()), default=0.0)
        for label in sorted(labels.present & scores.keys() - given):
            cut = self._cuts.get(label, max((scores[tag] for tag in given), default=1.0))
            yield _Cell(article, prediction, text, label, "missed", cut)
        for label in sorted(absent - labels.present):
            yield _Cell(article, prediction, text, label, "false", self._cuts.get(label, best))

    def _explained(self, cell: _Cell) -> WorstError:
        article, why = cell.article, self._model.explain(cell.text)[cell.label]
        terms = {c.term: c.value for c in why.contributions[:TERMS] if c.value}
        shown, marks = excerpt(cell.text, terms, self._model.analyzer)
        return WorstError(
            id=article.id,
            title=article.title,
            outlet=article.source,
            date=article.date,
            label=cell.label,
            kind=cell.kind,
            probability=cell.probability,
            cut=cell.cut,
            note=cell.prediction.note,
            terms=tuple(TermWeight(term, value) for term, value in terms.items()),
            excerpt=shown,
            marks=marks,
        )
