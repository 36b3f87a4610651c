"""Whether there is something to train on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.errors import CorpusError
from classifier.training.labelled import LabelledArticles
from classifier.training.settings import Settings

__all__ = ["check_counted"]

Matrix = NDArray[np.float64]


def check_counted(
    counted: LabelledArticles, Y: Matrix, labels: tuple[str, ...], settings: Settings
) -> None:
    """Raise `CorpusError` where counted articles are nothing to train on."""
    if not len(counted):
        raise CorpusError(
            f"nothing to train on: {counted.n_unlabelled} articles were read and none is labelled. "
            "Labels are read from the field 'labels', or the one named by --labels-field"
        )
    if not counted.natural.any():
        raise CorpusError("only auxiliary corpora are given: cuts and figures need a natural one")
    if not labels:
        raise CorpusError("nothing to train on: every article is labelled as none of any label")
    if len(np.unique(counted.groups[counted.natural])) < settings.n_folds:
        raise CorpusError(
            f"{counted.natural.sum()} labelled articles, near-duplicates counted once, are too "
            f"few for {settings.n_folds} folds"
        )
    if not counted.vocabulary:
        raise CorpusError(
            f"no term occurs in {settings.min_df} articles (min_df): nothing to learn"
        )
    if settings.labels == "one":
        _check_exactly_one(counted, Y)


def _check_exactly_one(counted: LabelledArticles, Y: Matrix) -> None:
    wrong = np.flatnonzero((np.nansum(Y, axis=1) != 1) | np.isnan(Y).any(axis=1))
    if len(wrong):
        i = wrong[0]
        found = ", ".join(sorted(counted.labels[i].present)) or "none"
        if np.isnan(Y[i]).any():
            found += ", and others are unknown to its corpus"
        raise CorpusError(
            f"article '{counted.ids[i]}' has the labels: {found}; with labels = \"one\" each "
            f"article needs exactly one ({len(wrong)} articles differ)"
        )
