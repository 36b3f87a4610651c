"""Divide arrays for training and testing, never through the middle of near-duplicates.

In these functions `groups` is None or an int array of shape (n_articles,), in which near-duplicates
share a number (see `classifier.corpus.duplicates`), `test_share` is between 0 and 1, `n_folds` at
least 2, and a side is a sorted int64 array of article positions. Another share or number is a
`SettingsError`; `groups` of another length, or a side that would be empty, is a `CorpusError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from classifier.errors import CorpusError, SettingsError

__all__ = [
    "FloatArray",
    "IntArray",
    "Sides",
    "check_share",
    "group_members",
    "outlet_folds",
    "outlet_split",
    "sides",
    "stratified_folds",
    "stratified_split",
    "time_folds",
    "time_split",
    "without_leaks",
]


IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Sides = tuple[IntArray, IntArray]


def without_leaks(
    function: str,
    in_test: BoolArray,
    *,
    groups: IntArray | None,
    in_train: BoolArray | bool = True,
) -> Sides:
    """Return both sides, the near-duplicates of test articles taken from the train side."""
    member, _ = group_members(groups, len(in_test))
    return sides(function, in_train & ~np.isin(member, member[in_test]), in_test)


def sides(function: str, in_train: BoolArray, in_test: BoolArray) -> Sides:
    """Return the positions of both sides, neither of them empty."""
    train, test = np.flatnonzero(in_train), np.flatnonzero(in_test)
    if not (train.size and test.size):
        raise CorpusError(
            f"{function}: {train.size} articles to train on and {test.size} to test on, out of "
            f"{len(in_test)}. Add articles, or choose another split."
        )
    return train, test


def group_members(groups: IntArray | None, n_articles: int) -> tuple[IntArray, IntArray]:
    """Return the group of every article, numbered from 0 without gaps, and the group sizes."""
    own = np.arange(n_articles) if groups is None else np.asarray(groups)
    if len(own) != n_articles:
        raise CorpusError(
            f"groups has {len(own)} numbers for {n_articles} articles. Compute it on the same list."
        )
    _, member, sizes = np.unique(own, return_inverse=True, return_counts=True)
    return member, sizes


def check_share(function: str, test_share: float) -> None:
    """Raise unless `test_share` leaves something on both sides."""
    if not 0 < test_share < 1:
        raise SettingsError(
            f"{function}: test_share is {test_share}. Choose one between 0 and 1, such as 0.2."
        )


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
        raise SettingsError(f"folds: n_folds is {n_folds}. Choose 2 or more.")
    member, sizes = group_members(groups, len(truth))
    if len(sizes) < n_folds:
        raise CorpusError(
            f"folds: {len(sizes)} separate articles or groups of near-duplicates "
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
    truth, groups
        As in `stratified_folds`; articles of one group are always on one side.
    test_share : float
    seed : int
        Decides the order within a label and between sides in equal need.

    Raises
    ------
    SettingsError, CorpusError
        As this module says.
    """
    check_share("split at random", test_share)
    member, sizes = group_members(groups, len(truth))
    n_test = max(round(test_share * len(truth)), 1)
    capacity = np.array([len(truth) - n_test, n_test], float)
    fold_of = _deal(_positives(truth, member), sizes, capacity, np.random.default_rng(seed))
    in_test = fold_of[member] == 1
    return sides("split at random", ~in_test, in_test)


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


def outlet_split(
    sources: Sequence[str],
    *,
    test_share: float = 0.2,
    groups: IntArray | None = None,
    seed: int = 0,
) -> Sides:
    """Return train and test positions such that every outlet is on one side alone.

    Outlets are drawn at random; one goes to the test side when that brings its articles closer
    to `test_share` of all, and the smallest does when none would. Articles without an outlet
    are trained on. Near-duplicates of test articles leave the train side and are on neither.

    Parameters
    ----------
    sources : sequence of str, length n_articles
        Outlets, empty when unknown.
    test_share : float
    groups : ndarray of shape (n_articles,), int, or None
    seed : int
        Of the draw.

    Raises
    ------
    SettingsError, CorpusError
        As this module says, and if there are fewer than two outlets.
    """
    check_share("split by outlet", test_share)
    names = np.array(sources, dtype=str)
    outlets, sizes = _outlets("split by outlet", names, at_least=2)
    order = np.random.default_rng(seed).permutation(len(outlets))
    chosen, open_places = [], test_share * len(names)
    for outlet in order:
        if abs(open_places - sizes[outlet]) < abs(open_places):
            chosen.append(outlet)
            open_places -= sizes[outlet]
    in_test = np.isin(names, outlets[chosen or [np.argmin(sizes)]])
    return without_leaks("split by outlet", in_test, groups=groups)


def outlet_folds(
    sources: Sequence[str],
    truth: FloatArray,
    *,
    n_folds: int = 5,
    groups: IntArray | None = None,
    seed: int = 0,
) -> Iterator[Sides]:
    """Yield train and test positions such that each outlet is tested on once, and whole.

    Outlets are dealt to folds as `stratified_folds` deals out near-duplicates, so that labels
    and sizes are as level as whole outlets allow; with as many folds as outlets each is left
    out once. Articles without an outlet are trained on in every fold. Near-duplicates of test
    articles leave the train side.

    Parameters
    ----------
    sources, truth
        As in `outlet_split` and `stratified_folds`.
    n_folds : int
        At most as many as there are outlets.
    groups : ndarray of shape (n_articles,), int, or None
    seed : int
        Decides between equals.

    Raises
    ------
    SettingsError, CorpusError
        As this module says, and if there are fewer outlets than folds.
    """
    names = np.array(sources, dtype=str)
    outlets, _ = _outlets("folds by outlet", names, at_least=n_folds)
    named = names != ""
    fold_of = np.full(len(names), -1, np.int64)
    codes = np.searchsorted(outlets, names[named])
    fold_of[named] = stratified_folds(truth[named], codes, n_folds=n_folds, seed=seed)
    for fold in range(n_folds):
        yield without_leaks("folds by outlet", fold_of == fold, groups=groups)


def _outlets(
    function: str, names: npt.NDArray[np.str_], *, at_least: int
) -> tuple[npt.NDArray[np.str_], IntArray]:
    """Return the outlets in alphabetical order and their numbers of articles."""
    outlets, sizes = np.unique(names[names != ""], return_counts=True)
    if len(outlets) < at_least:
        found = ", ".join(outlets[:5].tolist()) or "none"
        raise CorpusError(
            f"{function}: {len(outlets)} outlets where {at_least} are needed (found: {found}; "
            f"{(names == '').sum()} of {len(names)} articles name none). Name the field that "
            "holds the outlet (--source-field), ask for fewer folds, or choose another split."
        )
    return outlets, sizes


DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def time_split(
    dates: Sequence[str], *, test_share: float = 0.2, groups: IntArray | None = None
) -> Sides:
    """Return train positions before a day and test positions from that day on.

    The day is the one whose test side comes closest to `test_share` of the dated articles; a day
    is never divided. Articles without a date go to the train side. Near-duplicates of test
    articles leave the train side and are then on neither.

    Parameters
    ----------
    dates : sequence of str
        ``YYYY-MM-DD``, a time of day after it is ignored; empty when unknown.
    test_share : float
    groups : ndarray of shape (n_articles,), int, or None

    Raises
    ------
    SettingsError, CorpusError
        As this module says, and if a date has another form.
    """
    check_share("split by time", test_share)
    days = np.array([_day(date, place) for place, date in enumerate(dates)], dtype=str)
    dated = np.sort(days[days != ""])
    if not dated.size:
        raise CorpusError("split by time: no article has a date. Split at random instead.")
    distinct, first = np.unique(dated, return_index=True)
    off_target = np.abs(len(dated) - first - test_share * len(dated))
    # With every dated article in the test side nothing is "before"; only one day leaves no choice.
    day = distinct[1:][np.argmin(off_target[1:])] if len(distinct) > 1 else distinct[0]
    return without_leaks("split by time", days >= day, groups=groups)


def time_folds(
    dates: Sequence[str], *, n_folds: int = 5, groups: IntArray | None = None
) -> Iterator[Sides]:
    """Yield train and test positions of forward chaining: the past, then the days that follow.

    The days make ``n_folds + 1`` blocks with about as many articles each; a day is never
    divided. The first test side is the second block, the last one the last block, and each is
    trained for on everything before it. Articles without a date are always on the train side.
    Near-duplicates of test articles leave the train side.

    Parameters
    ----------
    dates, groups
        As in `time_split`.
    n_folds : int

    Raises
    ------
    SettingsError, CorpusError
        As this module says, and if there are not more days than folds, or a date has another
        form than ``YYYY-MM-DD``.
    """
    if n_folds < 2:
        raise SettingsError(f"folds by time: n_folds is {n_folds}. Choose 2 or more.")
    days = np.array([_day(date, place) for place, date in enumerate(dates)], dtype=str)
    starts = [*_block_starts(np.sort(days[days != ""]), n_folds), "\uffff"]
    for start, stop in pairwise(starts):
        in_test = (days >= start) & (days < stop)
        yield without_leaks("folds by time", in_test, in_train=days < start, groups=groups)


def _block_starts(dated: npt.NDArray[np.str_], n_folds: int) -> list[str]:
    """Return the first day of each block but the first, from the sorted days of all articles."""
    distinct, first = np.unique(dated, return_index=True)
    if len(distinct) <= n_folds:
        raise CorpusError(
            f"folds by time: {len(distinct)} different days cannot make {n_folds} folds and a past "
            f"to train the first on, which takes {n_folds + 1}. Ask for fewer folds."
        )
    starts: list[int] = [0]
    for fold in range(1, n_folds + 1):
        # Each later block needs a day too.
        free = np.arange(starts[-1] + 1, len(distinct) - n_folds + fold)
        off_target = np.abs(first[free] - fold * len(dated) / (n_folds + 1))
        starts.append(int(free[np.argmin(off_target)]))
    return [str(day) for day in distinct[starts[1:]]]


def _day(date: str, place: int) -> str:
    """Return the day of `date`, empty for an empty one."""
    if date and not DAY.match(date):
        raise CorpusError(
            f"split by time: the article at position {place} has the date {date!r}. "
            "Write dates as YYYY-MM-DD, or leave them empty."
        )
    return date[:10]
