"""The cells whose probability is furthest on the wrong side of the cut, with the reasons."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from classifier.article import Article, Labels
from classifier.evaluation.excerpt import Mark, excerpt
from classifier.model.prediction import Prediction
from classifier.model.tokenize import Analyzer

__all__ = ["TermWeight", "WorstCells", "WorstError"]

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
    analyzer : Analyzer
        Finds the words to mark.
    """

    def __init__(self, cuts: Mapping[str, float], analyzer: Analyzer) -> None:
        self._cuts = cuts
        self._analyzer = analyzer
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
        article, why = cell.article, cell.prediction.explain()[cell.label]
        terms = {c.term: c.value for c in why.contributions[:TERMS] if c.value}
        shown, marks = excerpt(cell.text, terms, self._analyzer)
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
