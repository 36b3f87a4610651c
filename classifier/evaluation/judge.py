"""Two models over one stream of articles: what each said, and the texts they disagree on."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import IO

import numpy as np
import numpy.typing as npt

from classifier.article import Article, Labels, Progress
from classifier.corpus.corpus import digest_row
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.corpus.labels import label_names, truth_matrix
from classifier.errors import CorpusError, listed, number_of
from classifier.evaluation.worst import WorstCells, WorstError
from classifier.fields import Articles, iter_articles
from classifier.model.model import BATCH, Model
from classifier.model.prediction import Prediction
from classifier.text import article_text

__all__ = ["Judged", "PairedJudgement", "PairedReading", "judge", "judge_pair", "read_with_both"]


FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


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
    known = _known_labels(kept)
    shared = [k for k, label in enumerate(model.labels) if label in known]
    labels = tuple(model.labels[k] for k in shared)
    _check(kept, known, model.labels)
    # by content, so that resamples and ties do not depend on the order of reading
    order = sorted(range(len(kept.keys)), key=kept.keys.__getitem__)
    return Judged(
        labels=labels,
        truth=truth_matrix([_among(kept.labels[i], labels) for i in order], labels),
        predicted=np.array(kept.given)[np.ix_(order, shared)],
        probabilities=np.array(kept.scores)[np.ix_(order, shared)],
        cuts=np.array([cuts.get(label, np.nan) for label in labels]),
        cut_margins=np.array([margins.get(label, np.nan) for label in labels]),
        groups=_numbered(groups[order]),
        n_words=np.array(kept.n_words, dtype=np.int64)[order],
        sources=tuple(kept.sources[i] for i in order),
        dates=tuple(kept.dates[i] for i in order),
        notes=tuple(kept.notes[i] for i in order),
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


def _known_labels(kept: _Kept) -> frozenset[str]:
    """Return every label that some article is said to have, or not to have."""
    sets = (labels.present | (labels.absent or frozenset()) for labels in kept.labels)
    return frozenset().union(*sets)


def _among(labels: Labels, names: tuple[str, ...]) -> Labels:
    """Return what is said of these labels alone."""
    return Labels(labels.present & set(names), labels.absent)


def _numbered(groups: IntArray) -> IntArray:
    """Return 0, 1, 2 … for the groups in the order in which they first appear."""
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups.tolist()])


def _check(kept: _Kept, known: frozenset[str], labels: tuple[str, ...]) -> None:
    """Raise unless there is something to judge by."""
    if not kept.labels and not kept.n_unlabelled:
        raise CorpusError("nothing to evaluate on: the corpus holds no article.")
    if not kept.labels:
        raise CorpusError(
            "nothing to evaluate on: "
            f"{number_of(kept.n_unlabelled, 'article was', 'articles were')} read and none is "
            "labelled. Labels are read from the field 'labels', or the one named by --labels-field."
        )
    if not known:
        raise CorpusError(
            f"nothing to evaluate on: all {len(kept.labels)} labelled articles are labelled as "
            "none of any label, so no label is known. Add articles that have one, or name absent "
            "labels in the field 'negative'."
        )
    if not known & set(labels):
        raise CorpusError(
            f"model and corpus have no label in common: the model gives {listed(labels)}; "
            f"the corpus knows {listed(sorted(known))}. Evaluate on a corpus with the model's "
            "labels."
        )


@dataclass
class _Kept:
    """What is noted of each article while its text streams by."""

    model: Model
    worst: WorstCells
    labels: list[Labels] = field(default_factory=list)
    scores: list[FloatArray] = field(default_factory=list)
    given: list[BoolArray] = field(default_factory=list)
    n_words: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    n_unlabelled: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

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
            progress("judging articles", len(self.labels), 0)
            yield text

    def _note(self, article: Article, labels: Labels, prediction: Prediction, text: str) -> None:
        row = digest_row(article.id, text, labels)
        key = hashlib.sha256(row).digest()
        self.digest.update(row)
        self.worst.note(article, labels, prediction, text, key=key)
        self.labels.append(labels)
        self.scores.append(np.array([prediction.scores[label] for label in self.model.labels]))
        self.given.append(np.isin(self.model.labels, prediction.tags))
        self.n_words.append(len(text.split()))
        self.sources.append(article.source)
        self.dates.append(article.date)
        self.notes.append(prediction.note)
        self.keys.append(key)


@dataclass(frozen=True, slots=True, eq=False)
class PairedJudgement:
    """The articles and labels of which something is known, and what both models said of them.

    Parameters
    ----------
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


def judge_pair(reading: PairedReading, labels: Sequence[str]) -> PairedJudgement:
    """Return the judgement of the articles and labels of which the corpus says something.

    Parameters
    ----------
    reading : PairedReading
    labels : sequence of str
        Those of the reading.

    Raises
    ------
    CorpusError
        If the corpus says nothing of any of the labels.
    """
    truth = _truth(reading.articles, labels)
    known = ~np.isnan(truth)
    columns, rows = np.flatnonzero(known.any(axis=0)), np.flatnonzero(known.any(axis=1))
    if not rows.size:
        raise CorpusError(
            f"none of the {len(reading.articles)} articles says anything of a label that both "
            f"models know ({listed(labels)}; labels found: "
            f"{listed(label_names(reading.articles)) or 'none'}). Check the labels field."
        )
    return PairedJudgement(
        labels=tuple(labels[column] for column in columns.tolist()),
        places=rows,
        truth=truth[np.ix_(rows, columns)],
        given=reading.given[:, rows][:, :, columns],
        scores=reading.scores[:, rows][:, :, columns],
        groups=reading.groups[rows],
    )


def _truth(articles: Sequence[Article], labels: Sequence[str]) -> FloatArray:
    """Return what is known of `labels`; a plain list of labels denies those of its corpus."""
    corpus = label_names(articles)
    names = sorted({*corpus, *labels})
    known = [frozenset(corpus)] * len(articles)
    truth = truth_matrix([article.labels for article in articles], names, known)
    return truth[:, [names.index(label) for label in labels]]


Pair = tuple[Model, Model]


@dataclass(frozen=True, slots=True, eq=False)
class PairedReading:
    """What two models said of the same articles.

    Parameters
    ----------
    articles : tuple of Article
        Without their texts, and without headlines where the models agree.
    given : ndarray of shape (2, n_articles, n_labels), bool
        The tags of each model.
    scores : ndarray of shape (2, n_articles, n_labels), float64
        The probabilities of each model.
    notes : dict of int to (str, str)
        The notes of both, for articles on which they disagree.
    groups : ndarray of shape (n_articles,), int64
        Near-duplicates share a number.
    seconds : ndarray of shape (2,), float64
        Time that each model took.
    spool : binary stream
        The prepared texts on which the models disagree; `spans` says where each lies.
    """

    articles: tuple[Article, ...]
    given: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    notes: dict[int, tuple[str, str]]
    groups: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    spool: IO[bytes]
    spans: dict[int, tuple[int, int]]

    def text(self, place: int) -> str:
        """Return the prepared text of an article on which the models disagree."""
        start, length = self.spans[place]
        self.spool.seek(start)
        return self.spool.read(length).decode("utf-8", "surrogatepass")


def read_with_both(
    models: Pair, articles: Articles, labels: Sequence[str], spool: IO[bytes]
) -> PairedReading:
    """Tag a stream with both models, once, keeping of the texts only what `spool` takes.

    Parameters
    ----------
    models : pair of Model
    articles : iterable of Article or str
    labels : sequence of str
        The labels to keep, known to both.
    spool : binary stream
        Empty, readable and writable.
    """
    collector = _Collector(models, labels, spool)
    groups = near_duplicate_groups(collector.texts(articles))
    return collector.reading(groups)


class _Collector:
    """What is kept of the stream while it passes.

    Parameters
    ----------
    models, labels, spool
        As in `read_with_both`.
    """

    def __init__(self, models: Pair, labels: Sequence[str], spool: IO[bytes]) -> None:
        self._models, self._labels, self._spool = models, labels, spool
        self._kept: list[Article] = []
        self._given = [np.zeros((2, 0, len(labels)), bool)]
        self._scores = [np.zeros((2, 0, len(labels)))]
        self._notes: dict[int, tuple[str, str]] = {}
        self._spans: dict[int, tuple[int, int]] = {}
        self._seconds = np.zeros(2)

    def texts(self, articles: Articles) -> Iterator[str]:
        """Yield the prepared texts, each after both models have tagged it."""
        remaining = iter_articles(articles)
        while batch := list(islice(remaining, BATCH)):
            said = [self._predict(number, batch) for number in (0, 1)]
            given = np.array([[self._tags(p) for p in each] for each in said])
            self._given.append(given)
            self._scores.append(np.array([[self._row(p) for p in each] for each in said]))
            differ = (given[0] != given[1]).any(axis=1)
            for article, a, b, disagreed in zip(batch, *said, differ, strict=True):
                text = article_text(article)
                if disagreed:
                    self._keep_text(text, notes=(a.note, b.note))
                title = article.title if disagreed else ""
                self._kept.append(replace(article, text="", title=title, extra={}))
                yield text

    def _predict(self, number: int, batch: list[Article]) -> list[Prediction]:
        started = time.perf_counter()
        predictions = self._models[number].predict(batch)
        self._seconds[number] += time.perf_counter() - started
        return predictions

    def _tags(self, prediction: Prediction) -> list[bool]:
        return [label in prediction.tags for label in self._labels]

    def _row(self, prediction: Prediction) -> list[float]:
        return [prediction.scores[label] for label in self._labels]

    def _keep_text(self, text: str, *, notes: tuple[str, str]) -> None:
        place = len(self._kept)
        self._notes[place] = notes
        content = text.encode("utf-8", "surrogatepass")
        self._spans[place] = (self._spool.tell(), self._spool.write(content))

    def reading(self, groups: npt.NDArray[np.int64]) -> PairedReading:
        """Return all that was kept."""
        return PairedReading(
            articles=tuple(self._kept),
            given=np.concatenate(self._given, axis=1),
            scores=np.concatenate(self._scores, axis=1),
            notes=self._notes,
            groups=groups,
            seconds=self._seconds,
            spool=self._spool,
            spans=self._spans,
        )
