"""Divide a corpus by outlet: test on outlets that had no part in the training.

`groups` and sides are as `classifier.corpus.split_sides` describes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from classifier.corpus.split_random import stratified_folds
from classifier.corpus.split_sides import FloatArray, IntArray, Sides, check_share, without_leaks
from classifier.errors import CorpusError

__all__ = ["leave_one_source_out", "outlet_folds", "outlet_split"]


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
        yield str(name), *without_leaks("leave_one_source_out", names == name, groups=groups)


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
        Between 0 and 1.
    groups : ndarray of shape (n_articles,), int, or None
        Near-duplicates share a number.
    seed : int
        Of the draw.

    Raises
    ------
    SettingsError
        If `test_share` is not between 0 and 1.
    CorpusError
        If there are fewer than two outlets, a side would be empty, or `groups` has another
        length.
    """
    check_share("outlet_split", test_share)
    names = np.array(sources, dtype=str)
    outlets, sizes = _outlets("outlet_split", names, at_least=2)
    order = np.random.default_rng(seed).permutation(len(outlets))
    chosen, open_places = [], test_share * len(names)
    for outlet in order:
        if abs(open_places - sizes[outlet]) < abs(open_places):
            chosen.append(outlet)
            open_places -= sizes[outlet]
    in_test = np.isin(names, outlets[chosen or [np.argmin(sizes)]])
    return without_leaks("outlet_split", in_test, groups=groups)


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
    sources : sequence of str, length n_articles
        Outlets, empty when unknown.
    truth : ndarray of shape (n_articles, n_labels), float64
        1 present, 0 absent, NaN unknown.
    n_folds : int
        At least 2, at most as many as there are outlets.
    groups : ndarray of shape (n_articles,), int, or None
        Near-duplicates share a number.
    seed : int
        Decides between equals.

    Raises
    ------
    SettingsError
        If `n_folds` is below 2.
    CorpusError
        If there are fewer outlets than folds, a train side would be empty, or `groups` has
        another length.
    """
    names = np.array(sources, dtype=str)
    outlets, _ = _outlets("outlet_folds", names, at_least=n_folds)
    named = names != ""
    fold_of = np.full(len(names), -1, np.int64)
    codes = np.searchsorted(outlets, names[named])
    fold_of[named] = stratified_folds(truth[named], codes, n_folds=n_folds, seed=seed)
    for fold in range(n_folds):
        yield without_leaks("outlet_folds", fold_of == fold, groups=groups)


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
