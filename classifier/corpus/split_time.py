"""Divide a corpus by day: train on what came before, test on what came after.

`groups` and sides are as `classifier.corpus.split_sides` describes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from classifier.corpus.split_sides import IntArray, Sides, check_share, without_leaks
from classifier.errors import CorpusError, SettingsError

__all__ = ["time_folds", "time_split"]

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
    check_share("time_split", test_share)
    days = np.array([_day(date, place) for place, date in enumerate(dates)], dtype=str)
    dated = np.sort(days[days != ""])
    if not dated.size:
        raise CorpusError("time_split: no article has a date. Use random_split.")
    distinct, first = np.unique(dated, return_index=True)
    off_target = np.abs(len(dated) - first - test_share * len(dated))
    # With every dated article in the test side nothing is "before"; only one day leaves no choice.
    day = distinct[1:][np.argmin(off_target[1:])] if len(distinct) > 1 else distinct[0]
    return without_leaks("time_split", days >= day, groups=groups)


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
    dates : sequence of str
        As in `time_split`.
    n_folds : int
        At least 2.
    groups : ndarray of shape (n_articles,), int, or None
        Near-duplicates share a number.

    Raises
    ------
    SettingsError
        If `n_folds` is below 2.
    CorpusError
        If there are not more days than folds, a date has another form than ``YYYY-MM-DD``, a
        train side would be empty, or `groups` has another length.
    """
    if n_folds < 2:
        raise SettingsError(f"time_folds: n_folds is {n_folds}. Choose 2 or more.")
    days = np.array([_day(date, place) for place, date in enumerate(dates)], dtype=str)
    starts = [*_block_starts(np.sort(days[days != ""]), n_folds), "\uffff"]
    for start, stop in pairwise(starts):
        in_test = (days >= start) & (days < stop)
        yield without_leaks("time_folds", in_test, in_train=days < start, groups=groups)


def _block_starts(dated: npt.NDArray[np.str_], n_folds: int) -> list[str]:
    """Return the first day of each block but the first, from the sorted days of all articles."""
    distinct, first = np.unique(dated, return_index=True)
    if len(distinct) <= n_folds:
        raise CorpusError(
            f"time_folds: {len(distinct)} different days cannot make {n_folds} folds and a past "
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
            f"time_split: the article at position {place} has the date {date!r}. "
            "Write dates as YYYY-MM-DD, or leave them empty."
        )
    return date[:10]
