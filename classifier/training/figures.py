"""What the held-out articles of a training say of its quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.intervals import bootstrap_f1
from classifier.evaluation.metrics import (
    expected_calibration_error,
    false_tag_rate,
    per_label,
)
from classifier.model.calibration import Calibration, PiecewiseLinear
from classifier.training.calibrate import calibrate
from classifier.training.settings import Settings
from classifier.training.thresholds import held_out_tags

__all__ = ["held_out_probabilities", "quality_figures"]

Matrix = NDArray[np.float64]

# Outlets with figures of their own, and held-out articles from which an outlet has them.
MOST_OUTLETS, FEWEST_ARTICLES = 15, 20
RELIABILITY_BINS = 10


def quality_figures(
    margins: Matrix,
    truth: Matrix,
    folds: NDArray[np.int64],
    groups: NDArray[np.int64],
    labels: tuple[str, ...],
    settings: Settings,
    *,
    sources: Sequence[str] = (),
) -> dict[str, object]:
    """Return cross-validated figures as JSON types; cuts and calibration are cross-fitted too.

    Settings were chosen on the same folds, so these figures flatter a little; nested
    cross-validation and unseen outlets are the business of ``make quality``.

    Parameters
    ----------
    margins, truth : ndarray of shape (n_held_out, n_labels)
    folds, groups : ndarray of int64 of shape (n_held_out,)
    labels : tuple of str, length n_labels
    settings : Settings
    sources : sequence of str, length n_held_out
        Outlets, empty where unknown; without any there are no figures by outlet.
    """
    calibrations = fold_calibrations(margins, truth, folds, settings)
    given = tags_out_of_fold(margins, truth, folds, settings, calibrations)
    probabilities = _calibrated(margins, folds, calibrations)
    f1 = bootstrap_f1(truth, given, groups=groups)
    errors = expected_calibration_error(truth, probabilities)
    return {
        "micro_f1": _rounded(f1["micro"].estimate, f1["micro"].low, f1["micro"].high),
        "macro_f1": _rounded(f1["macro"].estimate, f1["macro"].low, f1["macro"].high),
        "false_tag_rate": _number(false_tag_rate(truth, given).value),
        "labels": {
            row.label: {
                "support": row.support,
                "rare": row.support < settings.rare_positives,
                **{
                    name: _number(getattr(row, name))
                    for name in ("precision", "recall", "f1", "average_precision")
                },
                "calibration_error": _number(errors[k]),
            }
            for k, row in enumerate(per_label(truth, given, probabilities, labels))
        },
        "outlets": outlet_figures(truth, given, groups, sources),
        "reliability": reliability_bins(truth, probabilities),
    }


def outlet_figures(
    truth: Matrix, given: NDArray[np.bool_], groups: NDArray[np.int64], sources: Sequence[str]
) -> list[dict[str, object]]:
    """Return the micro-F1 of outlets with enough articles, those with most articles first."""
    counts = sorted(Counter(filter(None, sources)).items(), key=lambda each: (-each[1], each[0]))
    figures: list[dict[str, object]] = []
    for name, n_articles in counts[:MOST_OUTLETS]:
        if n_articles >= FEWEST_ARTICLES:
            rows = np.array([source == name for source in sources])
            f1 = bootstrap_f1(truth[rows], given[rows], groups=groups[rows])["micro"]
            interval = _rounded(f1.estimate, f1.low, f1.high)
            figures.append({"name": name, "articles": n_articles, "micro_f1": interval})
    return figures


def reliability_bins(truth: Matrix, probabilities: Matrix) -> list[dict[str, object]]:
    """Return what was said and what was so, over the known cells of all labels together.

    The bins are of equal width, which is how people name probabilities; empty ones are left out.
    """
    known = ~np.isnan(truth)
    p, y = probabilities[known], truth[known]
    bin_of = np.minimum((p * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    return [
        {
            "from": number / RELIABILITY_BINS,
            "to": (number + 1) / RELIABILITY_BINS,
            "cells": int((bin_of == number).sum()),
            "probability": _number(p[bin_of == number].mean()),
            "present": _number(y[bin_of == number].mean()),
        }
        for number in np.unique(bin_of).tolist()
    ]


def held_out_probabilities(
    margins: Matrix, truth: Matrix, folds: NDArray[np.int64], settings: Settings
) -> Matrix:
    """Return probabilities of held-out articles by calibrations fitted without them."""
    return _calibrated(margins, folds, fold_calibrations(margins, truth, folds, settings))


def fold_calibrations(
    margins: Matrix, truth: Matrix, folds: NDArray[np.int64], settings: Settings
) -> list[Calibration]:
    """Return, per fold, the calibration fitted to the articles of the others."""
    others = [folds != fold for fold in range(folds.max() + 1)]
    return [calibrate(margins[rest], truth[rest], settings) for rest in others]


def _calibrated(
    margins: Matrix, folds: NDArray[np.int64], calibrations: Sequence[Calibration]
) -> Matrix:
    probabilities = np.full(margins.shape, np.nan)
    for fold, calibration in enumerate(calibrations):
        probabilities[folds == fold] = calibration(margins[folds == fold])
    return probabilities


def tags_out_of_fold(
    margins: Matrix,
    truth: Matrix,
    folds: NDArray[np.int64],
    settings: Settings,
    calibrations: Sequence[Calibration],
) -> NDArray[np.bool_]:
    """Return tags of held-out articles, cuts chosen without them; shape of `margins`."""
    if settings.labels == "one":
        return np.asarray(np.arange(truth.shape[1]) == margins.argmax(axis=1)[:, None])
    fitted = [c if isinstance(c, PiecewiseLinear) else None for c in calibrations]
    return held_out_tags(margins, truth, folds, fitted=fitted, **settings.cut_rules)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _rounded(*values: float) -> list[float | None]:
    return [_number(value) for value in values]
