"""The figures of some of the articles: of an outlet, a month, a length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation.counts import f1_counts, micro_of
from classifier.evaluation.headline import untagged_cells
from classifier.evaluation.intervals import (
    Interval,
    Resampling,
    ShareInterval,
    percentile_interval,
    resampled_sums,
    share_interval,
)
from classifier.evaluation.judged import Judged
from classifier.evaluation.metrics import macro_f1

__all__ = ["Breakdowns", "Slice", "breakdowns"]

IntArray = npt.NDArray[np.int64]

# The names with most articles have a row of their own, the rest shares one.
MOST_ROWS = 30
UNKNOWN, OTHERS = "unknown", " others"
# Words from which the next band of lengths begins.
BANDS = (50, 150, 300, 600, 1200)


@dataclass(frozen=True, slots=True)
class Slice:
    """The figures of some of the articles, such as those of one outlet."""

    name: str
    n_articles: int
    micro_f1: Interval
    macro_f1: float
    false_tag_rate: ShareInterval


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """The articles by outlet (most articles first), month and number of words."""

    outlet: tuple[Slice, ...]
    month: tuple[Slice, ...]
    length: tuple[Slice, ...]


def breakdowns(judged: Judged, how: Resampling) -> Breakdowns:
    """Return the figures by outlet, month and length; none where nothing is known of it."""
    months = [date[:7] for date in judged.dates]
    bands = np.searchsorted(BANDS, judged.n_words, side="right").tolist()
    by_month = sorted(_named(months), key=lambda row: (OTHERS in row[0], row[0]))
    by_length = [
        (_band(b), np.flatnonzero(np.equal(bands, b)).tolist()) for b in sorted(set(bands))
    ]
    return Breakdowns(
        *(
            tuple(_slice(name, np.array(rows), judged, how) for name, rows in parts)
            for parts in (_named(judged.sources), by_month, by_length)
        )
    )


def _named(names: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return each name with its rows, the commonest first, the rarest together at the end."""
    if not any(names):
        return []
    ranked = sorted(Counter(names).items(), key=lambda item: (-item[1], not item[0], item[0]))
    own: dict[str, list[int]] = {name: [] for name, _ in ranked[:MOST_ROWS]}
    rest: list[int] = []
    for row, name in enumerate(names):
        own.get(name, rest).append(row)
    parts = [(name or UNKNOWN, rows) for name, rows in own.items()]
    return [*parts, (f"{len(ranked) - MOST_ROWS}{OTHERS}", rest)] if rest else parts


def _band(number: int) -> str:
    """Return what a band of lengths is called."""
    if number == 0:
        return f"under {BANDS[0]} words"
    if number == len(BANDS):
        return f"{BANDS[-1]} words or more"
    return f"{BANDS[number - 1]}–{BANDS[number] - 1} words"


def _slice(name: str, rows: IntArray, judged: Judged, how: Resampling) -> Slice:
    truth, predicted = judged.truth[rows], judged.predicted[rows]
    counts = f1_counts(truth, predicted).sum(axis=2)
    cells = np.column_stack([counts, untagged_cells(truth, predicted)])
    sums = resampled_sums(cells, judged.groups[rows], how.repeats, how.seed)
    count, of = cells[:, 3:].sum(axis=0).tolist()
    estimate, spread = (micro_of(each[..., :3, None]) for each in (cells.sum(axis=0), sums))
    return Slice(
        name=name,
        n_articles=len(rows),
        micro_f1=percentile_interval(float(estimate), spread, how.level),
        macro_f1=macro_f1(truth, predicted),
        false_tag_rate=share_interval(count, of, sums[:, 3:], how.level),
    )
