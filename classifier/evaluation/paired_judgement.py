"""What two models said, against what is known of the articles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.article import Article
from classifier.corpus.labels import label_names, truth_matrix
from classifier.errors import CorpusError
from classifier.evaluation.paired_reading import PairedReading

__all__ = ["PairedJudgement", "judge_pair"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


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
            f"models know ({', '.join(labels)}; labels found: "
            f"{', '.join(label_names(reading.articles)) or 'none'}). Check the labels field."
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
