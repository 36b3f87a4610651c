"""What every split of a corpus shares: its two sides, and no near-duplicates across them.

In every function `groups` is None or an int array of shape (n_articles,), in which
near-duplicates share a number (see `classifier.corpus.near_duplicates`). A side of a split is a
sorted int64 array of article positions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classifier.errors import CorpusError, SettingsError

__all__ = [
    "FloatArray",
    "IntArray",
    "Sides",
    "check_share",
    "group_members",
    "sides",
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
