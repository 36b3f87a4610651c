"""Divide a corpus by chance, each label spread as evenly as it goes, near-duplicates together.

`groups` and sides are as `classifier.corpus.split_sides` describes them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from classifier.corpus.split_sides import (
    FloatArray,
    IntArray,
    Sides,
    check_share,
    group_members,
    sides,
)
from classifier.errors import CorpusError, SettingsError

__all__ = ["random_split", "stratified_folds", "stratified_split"]


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
    member, sizes = group_members(groups, len(truth))
    if len(sizes) < n_folds:
        raise CorpusError(
            f"stratified_folds: {len(sizes)} separate articles or groups of near-duplicates "
            f"cannot fill {n_folds} folds. Ask for fewer folds, or add articles."
        )
    capacity = np.full(n_folds, len(truth) / n_folds)
    return _deal(_positives(truth, member), sizes, capacity, np.random.default_rng(seed))[member]


def stratified_split(
    truth: FloatArray,
    groups: IntArray | None = None,
    *,
    test_share: float = 0.2,
    seed: int = 0,
) -> Sides:
    """Return train and test positions with about the same share of each label in both.

    The way of `stratified_folds` with two folds of different size. A group of near-duplicates
    may carry the test side over its share by less than its own size.

    Parameters
    ----------
    truth : ndarray of shape (n_articles, n_labels), float64
        1 present, 0 absent, NaN unknown; only the cells that are 1 count.
    groups : ndarray of shape (n_articles,), int, or None
        Articles of one group are always on one side.
    test_share : float
        Between 0 and 1.
    seed : int
        Decides the order within a label and between sides in equal need.

    Raises
    ------
    SettingsError
        If `test_share` is not between 0 and 1.
    CorpusError
        If a side would be empty, or `groups` has another length than `truth`.
    """
    check_share("stratified_split", test_share)
    member, sizes = group_members(groups, len(truth))
    n_test = max(round(test_share * len(truth)), 1)
    capacity = np.array([len(truth) - n_test, n_test], float)
    fold_of = _deal(_positives(truth, member), sizes, capacity, np.random.default_rng(seed))
    in_test = fold_of[member] == 1
    return sides("stratified_split", ~in_test, in_test)


def _positives(truth: FloatArray, member: IntArray) -> IntArray:
    """Return how many articles of each group have each label, of shape (n_groups, n_labels)."""
    positives = np.zeros((member.max(initial=-1) + 1, truth.shape[1]), np.int64)
    np.add.at(positives, member, truth == 1)
    return positives


def _deal(
    positives: IntArray, sizes: IntArray, capacity: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Return the fold of every group, from its articles per label and in all."""
    fold_of = np.full(len(sizes), -1, np.int64)
    counts = np.column_stack([positives, sizes])
    due = capacity[:, None] / max(capacity.sum(), 1) * counts.sum(axis=0)
    held = np.zeros(due.shape, np.int64)
    for label, chosen in _rarest_first(positives, sizes, rng):
        for group in chosen:
            missing = due[:, label] - held[:, label]
            fold = _neediest(missing, capacity - held[:, -1], rng)
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


def _neediest(missing: FloatArray, room: FloatArray, rng: np.random.Generator) -> int:
    """Return the fold that misses most articles of the label among those not yet full."""
    by_need = np.lexsort((rng.random(len(room)), -room, -missing, room <= 0))
    return int(by_need[0])


def random_split(
    n_articles: int, *, test_share: float = 0.2, groups: IntArray | None = None, seed: int = 0
) -> Sides:
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
    check_share("random_split", test_share)
    member, sizes = group_members(groups, n_articles)
    room = max(round(test_share * n_articles), 1)
    drawn = []
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if sizes[group] <= room:
            drawn.append(group)
            room -= sizes[group]
    in_test = np.isin(member, drawn)
    return sides("random_split", ~in_test, in_test)
