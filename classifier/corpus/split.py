"""Divide a corpus for training and testing, never through the middle of near-duplicates.

In every function `groups` is None or an int array of shape (n_articles,), in which
near-duplicates share a number (see `classifier.corpus.near_duplicates`). A side of a split is a
sorted int64 array of article positions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from classifier.errors import CorpusError, SettingsError

__all__ = ["leave_one_source_out", "random_split", "stratified_folds", "time_split"]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Split = tuple[IntArray, IntArray]

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def stratified_folds(
    truth: FloatArray, groups: IntArray | None = None, *, n_folds: int = 5, seed: int = 0
) -> IntArray:
    """Return the fold of every article, each label spread over the folds as evenly as it goes.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011), with groups of near-duplicates
    in the place of single articles: the label with the fewest articles left is dealt out first,
    each group to the fold that has the fewest articles of that label, then the fewest at all.
    Articles without a label come last and level the sizes.

    Parameters
    ----------
    truth : ndarray of shape (n_articles, n_labels), float64
        1 present, 0 absent, NaN unknown; only the cells that are 1 count.
    groups : ndarray of shape (n_articles,), int, or None
        Articles of one group always share a fold.
    n_folds : int
        At least 2.
    seed : int
        Decides the order within a label and between equal folds.

    Returns
    -------
    ndarray of shape (n_articles,), int64
        Fold numbers from 0 to ``n_folds - 1``, each of them in use. A fold exceeds
        ``n_articles / n_folds`` by less than its largest group.

    Raises
    ------
    SettingsError
        If `n_folds` is below 2.
    CorpusError
        If there are fewer groups than folds, or `groups` has another length than `truth`.
    """
    if n_folds < 2:
        raise SettingsError(f"stratified_folds: n_folds is {n_folds}. Choose 2 or more.")
    member, sizes = _group_members(groups, len(truth))
    if len(sizes) < n_folds:
        raise CorpusError(
            f"stratified_folds: {len(sizes)} separate articles or groups of near-duplicates "
            f"cannot fill {n_folds} folds. Lower n_folds or add articles."
        )
    positives = np.zeros((len(sizes), truth.shape[1]), np.int64)
    np.add.at(positives, member, truth == 1)
    return _deal(positives, sizes, n_folds, np.random.default_rng(seed))[member]


def _deal(positives: IntArray, sizes: IntArray, n_folds: int, rng: np.random.Generator) -> IntArray:
    """Return the fold of every group, from its articles per label and in all."""
    fold_of = np.full(len(sizes), -1, np.int64)
    held = np.zeros((n_folds, positives.shape[1] + 1), np.int64)
    counts = np.column_stack([positives, sizes])
    capacity = sizes.sum() / n_folds
    for label, chosen in _rarest_first(positives, sizes, rng):
        for group in chosen:
            fold = _neediest(held[:, label], held[:, -1], capacity, rng)
            fold_of[group] = fold
            held[fold] += counts[group]
    return fold_of


def _rarest_first(
    positives: IntArray, sizes: IntArray, rng: np.random.Generator
) -> Iterator[tuple[int, IntArray]]:
    """Yield each label and its groups that are left, large ones first; -1 is "without label"."""
    # Large groups go first because small ones can still level the folds afterwards.
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    left = np.ones(len(sizes), bool)
    remaining = positives.sum(axis=0)
    while remaining.any():
        label = int(np.argmin(np.where(remaining > 0, remaining, np.iinfo(np.int64).max)))
        chosen = order[left[order] & (positives[order, label] > 0)]
        yield label, chosen
        left[chosen] = False
        remaining = remaining - positives[chosen].sum(axis=0)
    yield -1, order[left[order]]


def _neediest(
    of_label: IntArray, in_all: IntArray, capacity: float, rng: np.random.Generator
) -> int:
    """Return the fold with the fewest articles of the label among those not yet full."""
    by_need = np.lexsort((rng.random(len(in_all)), in_all, of_label, in_all >= capacity))
    return int(by_need[0])


def random_split(
    n_articles: int, *, test_share: float = 0.2, groups: IntArray | None = None, seed: int = 0
) -> Split:
    """Return train and test positions drawn at random, whole groups at a time.

    The test side has `test_share` of the articles at most, rounded; a group too large for what
    is left of that stays in the train side.

    Raises
    ------
    SettingsError
        If `test_share` is not between 0 and 1.
    CorpusError
        If a side would be empty, or `groups` has another length than `n_articles`.
    """
    _check_share("random_split", test_share)
    member, sizes = _group_members(groups, n_articles)
    room = max(round(test_share * n_articles), 1)
    drawn = []
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if sizes[group] <= room:
            drawn.append(group)
            room -= sizes[group]
    in_test = np.isin(member, drawn)
    return _sides("random_split", ~in_test, in_test)


def time_split(
    dates: Sequence[str], *, test_share: float = 0.2, groups: IntArray | None = None
) -> Split:
    """Return train positions before a day and test positions from that day on.

    The day is the one whose test side comes closest to `test_share` of the dated articles; a day
    is never divided. Articles without a date go to the train side. Near-duplicates of test
    articles leave the train side and are then on neither.

    Parameters
    ----------
    dates : sequence of str
        ``YYYY-MM-DD``, a time of day after it is ignored; empty when unknown.
    test_share : float
        Between 0 and 1.
    groups : ndarray of shape (n_articles,), int, or None
        Near-duplicates share a number.

    Raises
    ------
    SettingsError
        If `test_share` is not between 0 and 1.
    CorpusError
        If a date has another form, a side would be empty, or `groups` has another length.
    """
    _check_share("time_split", test_share)
    days = np.array([_day(date, place) for place, date in enumerate(dates)], dtype=str)
    dated = np.sort(days[days != ""])
    if not dated.size:
        raise CorpusError("time_split: no article has a date. Use random_split.")
    distinct, first = np.unique(dated, return_index=True)
    off_target = np.abs(len(dated) - first - test_share * len(dated))
    # With every dated article in the test side nothing is "before"; only one day leaves no choice.
    day = distinct[1:][np.argmin(off_target[1:])] if len(distinct) > 1 else distinct[0]
    return _without_leaks("time_split", days >= day, groups)


def _day(date: str, place: int) -> str:
    """Return the day of `date`, empty for an empty one."""
    if date and not DAY.match(date):
        raise CorpusError(
            f"time_split: the article at position {place} has the date {date!r}. "
            "Write dates as YYYY-MM-DD, or leave them empty."
        )
    return date[:10]


def leave_one_source_out(
    sources: Sequence[str], groups: IntArray | None = None
) -> Iterator[tuple[str, IntArray, IntArray]]:
    """Yield each source in alphabetical order with its train and test positions.

    The test side is the articles of the source, the train side all others but for their
    near-duplicates. Articles with an empty source are never tested on.

    Raises
    ------
    CorpusError
        When a source comes that leaves nothing to train on, or `groups` has another length.
    """
    names = np.array(sources, dtype=str)
    for name in np.unique(names[names != ""]):
        yield str(name), *_without_leaks("leave_one_source_out", names == name, groups)


def _without_leaks(function: str, in_test: npt.NDArray[np.bool_], groups: IntArray | None) -> Split:
    """Return both sides, the near-duplicates of test articles taken from the train side."""
    member, _ = _group_members(groups, len(in_test))
    return _sides(function, ~np.isin(member, member[in_test]), in_test)


def _sides(function: str, in_train: npt.NDArray[np.bool_], in_test: npt.NDArray[np.bool_]) -> Split:
    """Return the positions of both sides, neither of them empty."""
    train, test = np.flatnonzero(in_train), np.flatnonzero(in_test)
    if not (train.size and test.size):
        raise CorpusError(
            f"{function}: {train.size} articles to train on and {test.size} to test on, out of "
            f"{len(in_test)}. Add articles, or choose another split."
        )
    return train, test


def _group_members(groups: IntArray | None, n_articles: int) -> tuple[IntArray, IntArray]:
    """Return the group of every article, numbered from 0 without gaps, and the group sizes."""
    own = np.arange(n_articles) if groups is None else np.asarray(groups)
    if len(own) != n_articles:
        raise CorpusError(
            f"groups has {len(own)} numbers for {n_articles} articles. Compute it on the same list."
        )
    _, member, sizes = np.unique(own, return_inverse=True, return_counts=True)
    return member, sizes


def _check_share(function: str, test_share: float) -> None:
    """Raise unless `test_share` leaves something on both sides."""
    if not 0 < test_share < 1:
        raise SettingsError(
            f"{function}: test_share is {test_share}. Choose one between 0 and 1, such as 0.2."
        )
