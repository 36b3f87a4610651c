"""Divide the articles of a corpus for training and testing; `split_corpus` is the way in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from classifier.article import Article
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.corpus.folds import (
    FloatArray,
    IntArray,
    Sides,
    outlet_folds,
    outlet_split,
    stratified_folds,
    stratified_split,
    time_folds,
    time_split,
)
from classifier.corpus.labels import label_names, truth_matrix
from classifier.errors import CorpusError, SettingsError
from classifier.fields import Articles, iter_articles
from classifier.text import article_text

__all__ = [
    "WAYS",
    "Outline",
    "Split",
    "SplitOptions",
    "outline_of",
    "split_corpus",
    "split_outline",
]


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A corpus without its texts.

    Parameters
    ----------
    articles : tuple of Article
        With id, outlet, date and labels; text, headline and other fields are taken away.
    labels : tuple of str
        Every label that some article is said to have or not to have, sorted.
    truth : ndarray of shape (n_articles, n_labels), float64
        1 present, 0 absent, NaN unknown.
    groups : ndarray of shape (n_articles,), int64
        Near-duplicates share a number.
    """

    articles: tuple[Article, ...]
    labels: tuple[str, ...]
    truth: FloatArray
    groups: IntArray


def outline_of(
    articles: Articles, keep: Callable[[Article], None] = lambda article: None
) -> Outline:
    """Read a stream of articles once, hand each to `keep`, and return what a split needs.

    Raises
    ------
    CorpusError
        If there are no articles, or two have the same id.
    """
    kept: list[Article] = []

    def texts() -> Iterator[str]:
        for article in iter_articles(articles):
            keep(article)
            kept.append(replace(article, text="", title="", extra={}))
            yield article_text(article)

    groups = near_duplicate_groups(texts())
    _check_ids(kept)
    names = label_names(kept)
    truth = truth_matrix([article.labels for article in kept], names)
    return Outline(tuple(kept), names, truth, groups)


def _check_ids(articles: list[Article]) -> None:
    if not articles:
        raise CorpusError("there are no articles to split. Check what was read.")
    first: dict[str, int] = {}
    for place, article in enumerate(articles):
        if article.id and first.setdefault(article.id, place) != place:
            raise CorpusError(
                f"articles {first[article.id] + 1} and {place + 1} have the same id "
                f"'{article.id:.60}'. Give every article its own id, or none."
            )


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
    articles: Articles,
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
