"""How much better one tagger is than another on the same articles: micro, macro, per label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.evaluation.counts import f1_counts, f1_of, macro_of, micro_of
from classifier.evaluation.intervals import Interval, percentile_interval, resampled_sums

__all__ = ["F1Changes", "paired_f1_changes"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class F1Changes:
    """How much higher each F1 of the second tagger is; `labels` in the order of the columns."""

    micro: Interval
    macro: Interval
    labels: tuple[Interval, ...]


def paired_f1_changes(
    truth: FloatArray,
    predicted_a: BoolArray,
    predicted_b: BoolArray,
    *,
    groups: IntArray | None = None,
    repeats: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> F1Changes:
    """Return what `paired_bootstrap` does for micro-F1, for macro-F1 and the F1 of each label.

    Both taggers are scored on the same resampled articles. A label whose F1 is a 0/0 for one of
    them has no change there: NaN. The macro-F1 of each is that of `metrics.macro_f1`.

    Parameters
    ----------
    truth : ndarray of shape (n_articles, n_labels), float64
        1 present, 0 absent, NaN unknown.
    predicted_a, predicted_b : ndarray of shape (n_articles, n_labels), bool
    groups, repeats, seed, level
        As in `classifier.evaluation.intervals.bootstrap_interval`.
    """
    cells = np.stack([f1_counts(truth, given) for given in (predicted_a, predicted_b)], axis=1)
    total, drawn = cells.sum(axis=0), resampled_sums(cells, groups, repeats, seed)

    def change(figure: Callable[[npt.NDArray[Any]], Any]) -> Interval:
        (a, b), values = figure(total), figure(drawn)
        return percentile_interval(b - a, values[:, 1] - values[:, 0], level)

    labels = tuple(change(partial(_f1_of_label, label)) for label in range(truth.shape[1]))
    return F1Changes(change(micro_of), change(macro_of), labels)


def _f1_of_label(label: int, counts: npt.NDArray[Any]) -> FloatArray:
    """Return the F1 of one label from counts of shape (…, 3, n_labels), of shape (…)."""
    tp, fp, fn = np.moveaxis(counts[..., label], -1, 0)
    return f1_of(tp, fp, fn)
