"""How often labels occur, and how often together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.audit.kept import Kept

__all__ = ["LabelCounts", "count_labels"]


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Labels of the audited corpus in numbers.

    Parameters
    ----------
    labels : tuple of str
        In sorted order.
    n_present, n_absent, n_unknown : tuple of int, length n_labels
        Articles by what is known of each label, unlabelled ones left out.
    together : tuple of tuple of int, shape (n_labels, n_labels)
        Articles with both labels; on the diagonal those that have no other.
    """

    labels: tuple[str, ...]
    n_present: tuple[int, ...]
    n_absent: tuple[int, ...]
    n_unknown: tuple[int, ...]
    together: tuple[tuple[int, ...], ...]


def count_labels(kept: Kept) -> LabelCounts:
    """Count the labels of the audited corpus, whatever another corpus knows."""
    names, Y = kept.truth()
    labelled = [i for i in kept.audited() if kept.articles[i].labels is not None]
    known = np.asarray(~np.isnan(Y[kept.audited()]).all(axis=0))
    labels = tuple(name for name, keep in zip(names, known, strict=True) if keep)
    Y = Y[labelled][:, known]
    present = (Y == 1).astype(np.int64)
    together = present.T @ present
    np.fill_diagonal(together, present[present.sum(axis=1) == 1].sum(axis=0))
    states = (Y == 1, Y == 0, np.isnan(Y))
    n_present, n_absent, n_unknown = (tuple(state.sum(axis=0).tolist()) for state in states)
    rows = tuple(map(tuple, together.tolist()))
    return LabelCounts(labels, n_present, n_absent, n_unknown, rows)
