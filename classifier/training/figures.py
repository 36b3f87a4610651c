"""What the held-out articles of a training say of its quality."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.intervals import bootstrap_f1
from classifier.evaluation.metrics import (
    expected_calibration_error,
    false_tag_rate,
    per_label,
)
from classifier.training.calibrate import calibrate
from classifier.training.select import tags_out_of_fold
from classifier.training.settings import Settings

__all__ = ["held_out_probabilities", "quality_figures"]

Matrix = NDArray[np.float64]


def quality_figures(
    margins: Matrix,
    truth: Matrix,
    folds: NDArray[np.int64],
    groups: NDArray[np.int64],
    labels: tuple[str, ...],
    settings: Settings,
) -> dict[str, object]:
    """Return cross-validated figures as JSON types; cuts and calibration are cross-fitted too.

    Settings were chosen on the same folds, so these figures flatter a little; nested
    cross-validation and unseen outlets are the business of ``make quality``.
    """
    given = tags_out_of_fold(margins, truth, folds, settings)
    probabilities = held_out_probabilities(margins, truth, folds, settings)
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
    }


def held_out_probabilities(
    margins: Matrix, truth: Matrix, folds: NDArray[np.int64], settings: Settings
) -> Matrix:
    """Return probabilities of held-out articles by calibrations fitted without them."""
    probabilities = np.full(margins.shape, np.nan)
    for fold in range(folds.max() + 1):
        rest, test = folds != fold, folds == fold
        probabilities[test] = calibrate(margins[rest], truth[rest], settings)(margins[test])
    return probabilities


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _rounded(*values: float) -> list[float | None]:
    return [_number(value) for value in values]
