"""Two models over one stream of articles: what each said, and the texts they disagree on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO

import numpy as np
import numpy.typing as npt

from classifier.article import Article, as_articles
from classifier.corpus.near_duplicates import near_duplicate_groups
from classifier.model.model import BATCH, Model
from classifier.model.prediction import Prediction
from classifier.text import article_text

__all__ = ["PairedReading", "read_with_both"]

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
    models: Pair, articles: Iterable[Article | str], labels: Sequence[str], spool: IO[bytes]
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

    def texts(self, articles: Iterable[Article | str]) -> Iterator[str]:
        """Yield the prepared texts, each after both models have tagged it."""
        remaining = iter(articles)
        while batch := as_articles(islice(remaining, BATCH)):
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
