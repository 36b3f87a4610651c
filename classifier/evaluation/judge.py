"""What models say of labelled articles: of one model with its worst errors, of two together."""

from __future__ import annotations

import hashlib
import heapq
import math
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO

import numpy as np

from classifier.article import Article, Labels, Progress
from classifier.corpus.corpus import digest_row
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.corpus.labels import label_names, truth_matrix
from classifier.errors import CorpusError, listed, number_of
from classifier.evaluation.metrics import BoolArray, FloatArray, IntArray
from classifier.fields import Articles, iter_articles
from classifier.model.model import BATCH, Model
from classifier.model.prediction import Prediction
from classifier.model.vocabulary import Analyzer
from classifier.pages.document import marked_words
from classifier.text import article_text

__all__ = [
    "CUT",
    "LONGEST",
    "Judged",
    "PairedJudgement",
    "TermWeight",
    "WorstCells",
    "WorstError",
    "excerpt",
    "judge",
    "judge_pair",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is kept of the labelled articles; their order does not depend on how they came.

    Parameters
    ----------
    labels : tuple of str
        Those that both the model and the corpus know, in the model's order.
    truth : ndarray of float64 of shape (n_articles, n_labels)
        1 present, 0 absent, NaN unknown.
    predicted : ndarray of bool of shape (n_articles, n_labels)
    probabilities : ndarray of float64 of shape (n_articles, n_labels)
    cuts, cut_margins : ndarray of float64 of shape (n_labels,)
        From which probability and margin a label is given; NaN where there is none.
    groups : ndarray of int64 of shape (n_articles,)
        Near-duplicates share a number.
    n_words : ndarray of int64 of shape (n_articles,)
    sources, dates, notes : tuple of str, length n_articles
    unknown_labels, unmentioned_labels : tuple of str
        Labels of the corpus alone, and of the model alone.
    n_unlabelled : int
    sha256 : str
        Of the corpus as training hashes it: ids, prepared texts and labels in the order read.
    worst : tuple of WorstError
    """

    labels: tuple[str, ...]
    truth: FloatArray
    predicted: BoolArray
    probabilities: FloatArray
    cuts: FloatArray
    cut_margins: FloatArray
    groups: IntArray
    n_words: IntArray
    sources: tuple[str, ...]
    dates: tuple[str, ...]
    notes: tuple[str, ...]
    unknown_labels: tuple[str, ...]
    unmentioned_labels: tuple[str, ...]
    n_unlabelled: int
    sha256: str
    worst: tuple[WorstError, ...]


def judge(
    model: Model,
    articles: Iterable[Article],
    *,
    thresholds: Mapping[str, float],
    progress: Progress,
) -> Judged:
    """Read every article once and return what figures are made of; texts are not kept.

    Raises
    ------
    CorpusError
        When no article is labelled, or model and corpus have no label in common.
    """
    cuts, margins = _cuts(model, thresholds)
    kept = _Kept(model, WorstCells(cuts, model))
    groups = near_duplicate_groups(kept.texts(articles, thresholds, progress))
    known = _check(kept, model.labels)
    shared = [k for k, label in enumerate(model.labels) if label in known]
    labels = tuple(model.labels[k] for k in shared)
    # by content, so that resamples and ties do not depend on the order of reading
    order = sorted(range(len(kept.rows)), key=lambda i: kept.rows[i][-1])
    said, scores, given, n_words, sources, dates, notes, _ = zip(
        *(kept.rows[i] for i in order), strict=True
    )
    among = [Labels(each.present & set(labels), each.absent) for each in said]
    return Judged(
        labels=labels,
        truth=truth_matrix(among, labels),
        predicted=np.array(given)[:, shared],
        probabilities=np.array(scores)[:, shared],
        cuts=np.array([cuts.get(label, np.nan) for label in labels]),
        cut_margins=np.array([margins.get(label, np.nan) for label in labels]),
        groups=_numbered(groups[order]),
        n_words=np.array(n_words, dtype=np.int64),
        sources=sources,
        dates=dates,
        notes=notes,
        unknown_labels=tuple(sorted(known - set(model.labels))),
        unmentioned_labels=tuple(label for label in model.labels if label not in known),
        n_unlabelled=kept.n_unlabelled,
        sha256=kept.digest.hexdigest(),
        worst=kept.worst.errors(labels),
    )


def _cuts(
    model: Model, thresholds: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return, per label, the probability and the margin from which it is given, NaN for none."""
    if model.mode == "one":
        return {}, {}
    finite = np.where(np.isfinite(model.cuts), model.cuts, np.nan)
    cuts = dict(zip(model.labels, model.cut_probabilities.tolist(), strict=True))
    margins = dict(zip(model.labels, finite.tolist(), strict=True))
    return cuts | dict(thresholds), margins | dict.fromkeys(thresholds, np.nan)


def _numbered(groups: IntArray) -> IntArray:
    """Return 0, 1, 2 … for the groups in the order in which they first appear."""
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups.tolist()])


def _check(kept: _Kept, names: tuple[str, ...]) -> frozenset[str]:
    """Return every label that some article is said to have or not to have, if one is of `names`.

    Raises
    ------
    CorpusError
        When there is nothing to judge by.
    """
    if not kept.rows and not kept.n_unlabelled:
        raise CorpusError("nothing to evaluate on: the corpus holds no article.")
    if not kept.rows:
        raise CorpusError(
            "nothing to evaluate on: "
            f"{number_of(kept.n_unlabelled, 'article was', 'articles were')} read and none is "
            "labelled. Labels are read from the field 'labels', or the one named by --labels-field."
        )
    sets = (labels.present | (labels.absent or frozenset()) for labels, *_ in kept.rows)
    known = frozenset[str]().union(*sets)
    if not known:
        raise CorpusError(
            f"nothing to evaluate on: all {len(kept.rows)} labelled articles are labelled as "
            "none of any label, so no label is known. Add articles that have one, or name absent "
            "labels in the field 'negative'."
        )
    if not known & set(names):
        raise CorpusError(
            f"model and corpus have no label in common: the model gives {listed(names)}; "
            f"the corpus knows {listed(sorted(known))}. Evaluate on a corpus with the model's "
            "labels."
        )
    return known


# Labels, scores, tags, number of words, outlet, day, note, and a key by content.
_Row = tuple[Labels, FloatArray, BoolArray, int, str, str, str, bytes]


class _Kept:
    """What is noted of each article while its text streams by."""

    def __init__(self, model: Model, worst: WorstCells) -> None:
        self.model, self.worst = model, worst
        self.rows: list[_Row] = []
        self.n_unlabelled, self.digest = 0, hashlib.sha256()

    def texts(
        self, articles: Iterable[Article], thresholds: Mapping[str, float], progress: Progress
    ) -> Iterator[str]:
        """Yield the prepared text of every labelled article."""
        waiting: deque[tuple[Article, Labels]] = deque()

        def labelled() -> Iterator[Article]:
            for article in articles:
                if article.labels is None:
                    self.n_unlabelled += 1
                else:
                    waiting.append((article, article.labels))
                    yield article

        for prediction in self.model.predict_stream(labelled(), thresholds=thresholds):
            article, labels = waiting.popleft()
            text = article_text(article)
            self._note(article, labels, prediction, text)
            progress("judging articles", len(self.rows), 0)
            yield text

    def _note(self, article: Article, labels: Labels, prediction: Prediction, text: str) -> None:
        row = digest_row(article.id, text, labels)
        key = hashlib.sha256(row).digest()
        self.digest.update(row)
        self.worst.note(article, labels, prediction, text, key=key)
        scores = np.array([prediction.scores[label] for label in self.model.labels])
        given, n_words = np.isin(self.model.labels, prediction.tags), len(text.split())
        named = article.source, article.date, prediction.note
        self.rows.append((labels, scores, given, n_words, *named, key))


Mark = tuple[int, int, float]
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
    marks = marked_words(analyzer.spans(text), contributions)
    if len(text) <= LONGEST:
        return text, tuple(marks)
    start, end = _window(text, marks)
    lead = CUT if start else ""
    moved = len(lead) - start
    inside = tuple((a + moved, b + moved, c) for a, b, c in marks if start <= a and b <= end)
    return lead + text[start:end] + (CUT if end < len(text) else ""), inside


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


@dataclass(frozen=True, slots=True, eq=False)
class PairedJudgement:
    """The articles and labels of which something is known, and what both models said of them.

    Parameters
    ----------
    reading : PairedReading
        Of all articles.
    labels : tuple of str
    places : ndarray of shape (n_articles,), int64
        Where each article stands in the reading.
    truth : ndarray of shape (n_articles, n_labels), float64
        1 present, 0 absent, NaN unknown.
    given : ndarray of shape (2, n_articles, n_labels), bool
    scores : ndarray of shape (2, n_articles, n_labels), float64
    groups : ndarray of shape (n_articles,), int64
        Near-duplicates share a number.
    """

    reading: PairedReading
    labels: tuple[str, ...]
    places: IntArray
    truth: FloatArray
    given: BoolArray
    scores: FloatArray
    groups: IntArray

    @property
    def wrong(self) -> BoolArray:
        """Known cells that each model has wrong, of shape (2, n_articles, n_labels)."""
        return np.asarray(~np.isnan(self.truth) & (self.given != (self.truth == 1)))

    @property
    def changed(self) -> BoolArray:
        """Known cells that only one model has wrong, of shape (n_articles, n_labels)."""
        wrong_a, wrong_b = self.wrong
        return np.asarray(wrong_a != wrong_b)


def judge_pair(
    models: Pair, articles: Articles, labels: Sequence[str], spool: IO[bytes]
) -> PairedJudgement:
    """Tag a stream with both models, once, and judge them where the corpus says something.

    Parameters
    ----------
    models : pair of Model
    articles : iterable of Article or str
    labels : sequence of str
        Known to both.
    spool : binary stream
        Empty, readable and writable: all that is kept of texts.

    Raises
    ------
    CorpusError
        If the corpus says nothing of any of the labels.
    """
    reading = PairedReading(models, labels, spool)
    groups = near_duplicate_groups(reading.texts(articles))
    truth = _truth(reading.articles, labels)
    known = ~np.isnan(truth)
    columns, rows = np.flatnonzero(known.any(axis=0)), np.flatnonzero(known.any(axis=1))
    if not rows.size:
        raise CorpusError(
            f"none of the {len(reading.articles)} articles says anything of a label that both "
            f"models know ({listed(labels)}; labels found: "
            f"{listed(label_names(reading.articles)) or 'none'}). Check the labels field."
        )
    given, scores = (
        np.concatenate(parts, axis=1)[:, rows][:, :, columns]
        for parts in (reading.given, reading.scores)
    )
    return PairedJudgement(
        reading,
        tuple(labels[column] for column in columns.tolist()),
        rows,
        truth[np.ix_(rows, columns)],
        given,
        scores,
        groups[rows],
    )


def _truth(articles: Sequence[Article], labels: Sequence[str]) -> FloatArray:
    """Return what is known of `labels`; a plain list of labels denies those of its corpus."""
    corpus = label_names(articles)
    names = sorted({*corpus, *labels})
    known = [frozenset(corpus)] * len(articles)
    truth = truth_matrix([article.labels for article in articles], names, known)
    return truth[:, [names.index(label) for label in labels]]


Pair = tuple[Model, Model]


class PairedReading:
    """What two models said of the articles of a stream, and of their texts what `spool` takes.

    Parameters
    ----------
    models, labels, spool
        As in `judge_pair`.

    Attributes
    ----------
    articles : list of Article
        Without their texts, and without headlines where the models agree.
    given : list of ndarray of shape (2, n_batch, n_labels), bool
        The tags of each model.
    scores : list of ndarray of shape (2, n_batch, n_labels), float64
        The probabilities of each model.
    notes : dict of int to (str, str)
        The notes of both, for articles on which they disagree.
    seconds : ndarray of shape (2,), float64
        Time that each model took.
    """

    def __init__(self, models: Pair, labels: Sequence[str], spool: IO[bytes]) -> None:
        self._models, self._labels, self._spool = models, labels, spool
        self.articles: list[Article] = []
        self.given = [np.zeros((2, 0, len(labels)), bool)]
        self.scores = [np.zeros((2, 0, len(labels)))]
        self.notes: dict[int, tuple[str, str]] = {}
        self.seconds = np.zeros(2)
        self._spans: dict[int, tuple[int, int]] = {}

    def text(self, place: int) -> str:
        """Return the prepared text of an article on which the models disagree."""
        start, length = self._spans[place]
        self._spool.seek(start)
        return self._spool.read(length).decode("utf-8", "surrogatepass")

    def texts(self, articles: Articles) -> Iterator[str]:
        """Yield the prepared texts, each after both models have tagged it."""
        remaining = iter_articles(articles)
        while batch := list(islice(remaining, BATCH)):
            said = [self._predict(number, batch) for number in (0, 1)]
            given = np.array([[np.isin(self._labels, p.tags) for p in each] for each in said])
            scores = [[[p.scores[label] for label in self._labels] for p in each] for each in said]
            self.given.append(given)
            self.scores.append(np.array(scores))
            differ = (given[0] != given[1]).any(axis=1)
            for article, a, b, disagreed in zip(batch, *said, differ, strict=True):
                text = article_text(article)
                title, place = "", len(self.articles)
                if disagreed:
                    title, self.notes[place] = article.title, (a.note, b.note)
                    content = text.encode("utf-8", "surrogatepass")
                    self._spans[place] = (self._spool.tell(), self._spool.write(content))
                self.articles.append(replace(article, text="", title=title, extra={}))
                yield text

    def _predict(self, number: int, batch: list[Article]) -> list[Prediction]:
        started = time.perf_counter()
        predictions = self._models[number].predict(batch)
        self.seconds[number] += time.perf_counter() - started
        return predictions
