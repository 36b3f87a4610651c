"""Divide a corpus for training and testing, never through the middle of near-duplicates.

`split_corpus` does it for articles. The functions it rests on take arrays; in them `groups` is
None or an int array of shape (n_articles,), in which near-duplicates share a number (see
`classifier.corpus.near_duplicates`), and a side is a sorted int64 array of article positions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from classifier.article import Article
from classifier.corpus.split_outlets import leave_one_source_out, outlet_folds, outlet_split
from classifier.corpus.split_outline import Outline, outline_of
from classifier.corpus.split_random import random_split, stratified_folds, stratified_split
from classifier.corpus.split_sides import IntArray, Sides
from classifier.corpus.split_time import time_folds, time_split
from classifier.errors import CorpusError, SettingsError

__all__ = [
    "WAYS",
    "Split",
    "SplitOptions",
    "leave_one_source_out",
    "outlet_folds",
    "outlet_split",
    "random_split",
    "split_corpus",
    "split_outline",
    "stratified_folds",
    "stratified_split",
    "time_folds",
    "time_split",
]

WAYS = ("random", "time", "outlet")
TEST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How a corpus is divided.

    Parameters
    ----------
    by : {"random", "time", "outlet"}
        Stratified by label, later days against earlier ones, or whole outlets left out.
    test_share : float or None
        Share of the articles to test on, between 0 and 1; 0.2 when None. Not with `folds`.
    folds : int or None
        So many splits, at least 2, in place of one.
    seed : int
        Of what chance decides; by time it decides nothing.

    Raises
    ------
    SettingsError
        If a value is out of range, or both `test_share` and `folds` are given.
    """

    by: str = "random"
    test_share: float | None = None
    folds: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise SettingsError(f"by is '{self.by}'. Choose one of {', '.join(WAYS)}.")
        if self.folds is not None and self.test_share is not None:
            raise SettingsError(
                f"both folds ({self.folds}) and a test share ({self.test_share}) are given. "
                "Folds decide the share themselves; leave one of them out."
            )
        if self.folds is not None and self.folds < 2:
            raise SettingsError(f"folds is {self.folds}. Choose 2 or more, or leave it out.")
        if not 0 < self.share < 1:
            raise SettingsError(
                f"test_share is {self.share}. Choose one between 0 and 1, such as 0.2."
            )

    @property
    def share(self) -> float:
        """The share to test on when there are no folds."""
        return TEST_SHARE if self.test_share is None else self.test_share


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One way to train and test, as positions of articles.

    Parameters
    ----------
    name : str
        ``fold-1``, ``fold-2`` … or empty when there is only one split.
    train, test : ndarray of int64
        Sorted positions of the articles to train and to test on.
    left_out : ndarray of int64
        Near-duplicates of test articles that would otherwise be trained on.
    """

    name: str
    train: IntArray
    test: IntArray
    left_out: IntArray


def split_corpus(
    articles: Iterable[Article | str],
    *,
    by: str = "random",
    test_share: float | None = None,
    folds: int | None = None,
    seed: int = 0,
) -> tuple[Split, ...]:
    """Return how to divide articles for training and testing: one split, or one a fold.

    Near-duplicates are found (MinHash) and never stand on both sides.

    Parameters
    ----------
    articles : iterable of Article or str
        Read once, in order; the texts are not kept.
    by, test_share, folds, seed
        As in `SplitOptions`. Folds by time are forward chaining: train on the past, test on the
        days that follow.

    Raises
    ------
    SettingsError
        If a value is out of range, or both `test_share` and `folds` are given.
    CorpusError
        If the articles cannot be divided so: too few, two of one id, without dates or outlets.

    Examples
    --------
    >>> stories = [f"story number {word}" for word in "one two three four five".split()]
    >>> [split] = split_corpus(stories, seed=1)
    >>> len(split.train), len(split.test)
    (4, 1)
    """
    options = SplitOptions(by, test_share, folds, seed)
    return split_outline(outline_of(articles), options)


def split_outline(outline: Outline, options: SplitOptions) -> tuple[Split, ...]:
    """Return what `split_corpus` does, of a corpus that was read before."""
    divide = {"random": _by_chance, "time": _by_time, "outlet": _by_outlet}[options.by]
    sides = divide(outline, options)
    names = [f"fold-{fold}" for fold in range(1, len(sides) + 1)] if options.folds else [""]
    return tuple(
        Split(name, train, test, _left_out(outline, options, train, test))
        for name, (train, test) in zip(names, sides, strict=True)
    )


def _by_chance(outline: Outline, options: SplitOptions) -> list[Sides]:
    truth, groups, seed = outline.truth, outline.groups, options.seed
    if options.folds is None:
        return [stratified_split(truth, groups, test_share=options.share, seed=seed)]
    fold_of = stratified_folds(truth, groups, n_folds=options.folds, seed=seed)
    return [
        (np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold))
        for fold in range(options.folds)
    ]


def _by_time(outline: Outline, options: SplitOptions) -> list[Sides]:
    dates = [article.date for article in outline.articles]
    if not any(dates):
        raise CorpusError(
            f"all {len(dates)} articles lack a date, so none is later than another. Name the "
            "field that holds it (--date-field), or split by random or by outlet."
        )
    if options.folds is None:
        return [time_split(dates, test_share=options.share, groups=outline.groups)]
    return list(time_folds(dates, n_folds=options.folds, groups=outline.groups))


def _by_outlet(outline: Outline, options: SplitOptions) -> list[Sides]:
    sources = [article.source for article in outline.articles]
    groups, seed = outline.groups, options.seed
    if options.folds is None:
        return [outlet_split(sources, test_share=options.share, groups=groups, seed=seed)]
    folds = outlet_folds(sources, outline.truth, n_folds=options.folds, groups=groups, seed=seed)
    return list(folds)


def _left_out(outline: Outline, options: SplitOptions, train: IntArray, test: IntArray) -> IntArray:
    """Return the articles of neither side; by time, those of days after the test side are not."""
    rest = np.setdiff1d(np.arange(len(outline.articles)), np.concatenate([train, test]))
    if options.by != "time":
        return rest
    days = [article.date[:10] for article in outline.articles]
    last = max(days[place] for place in test)
    return np.array([place for place in rest if days[place] <= last], dtype=np.int64)
