"""Cross-validation chooses among candidates, one setting after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.training.features import CountedCorpus
from classifier.training.folds import HeldOut
from classifier.training.labelled import LabelledArticles
from classifier.training.linear import Candidate
from classifier.training.settings import Settings
from classifier.training.thresholds import choose_thresholds
from classifier.training.trials import Trial, Trials

__all__ = ["Choice", "choose_candidate", "climb", "n_candidates"]

Matrix = NDArray[np.float64]

Change = Callable[[Candidate], Candidate]


@dataclass(frozen=True)
class Choice:
    """What cross-validation chose.

    Parameters
    ----------
    candidate : Candidate
    C : tuple of float, length n_labels
    held_out : HeldOut
        Of the chosen candidate, for cuts and calibration.
    trials : dict of Candidate to Trial
        Every candidate tried, and how it did.
    """

    candidate: Candidate
    C: tuple[float, ...]
    held_out: HeldOut
    trials: dict[Candidate, Trial]


def n_candidates(counted: LabelledArticles, settings: Settings) -> int:
    """Return how many candidates `choose_candidate` will try at most."""
    n_values = [*map(len, _axes(counted, settings)), len(set(settings.C))]
    return 1 + sum(n - 1 for n in n_values)


def _axes(counted: LabelledArticles, settings: Settings) -> list[list[Change]]:
    """Return, per choice to make before that of C, the changes among which to choose.

    Choices that cannot matter have one change.
    """
    auxiliary = sorted(set(counted.corpus[~counted.natural].tolist()))
    has_lead, has_borderline = settings.lead_words > 0, bool(counted.borderline.any())
    return [
        [_set("bigrams", value) for value in _distinct(settings.bigrams)],
        [_set("lead_repeats", v) for v in _distinct(settings.lead_repeats, several=has_lead)],
        *([_weigh(c, v) for v in _distinct(settings.auxiliary_weight)] for c in auxiliary),
        [
            _set("borderline_weight", value)
            for value in _distinct(settings.borderline_weight, several=has_borderline)
        ],
    ]


def _distinct(values: tuple[Any, ...], *, several: bool = True) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values if several else values[:1]))


def _set(name: str, value: object) -> Change:
    return lambda candidate: replace(candidate, **{name: value})  # type: ignore[arg-type]


def _weigh(corpus: int, weight: float) -> Change:
    def change(candidate: Candidate) -> Candidate:
        weights = list(candidate.corpus_weights)
        weights[corpus] = weight
        return replace(candidate, corpus_weights=tuple(weights))

    return change


def _first_candidate(
    counted: LabelledArticles, settings: Settings, axes: list[list[Change]]
) -> Candidate:
    """Return the candidate of first values, C from the middle."""
    weights = (1.0,) * len(counted.corpora)
    candidate = Candidate(C=1.0, idf=settings.idf, corpus_weights=weights)
    for axis in axes:
        candidate = axis[0](candidate)
    return replace(candidate, C=settings.C[(len(settings.C) - 1) // 2])


def choose_candidate(
    counted: CountedCorpus,
    Y: Matrix,
    folds: NDArray[np.int64],
    settings: Settings,
    *,
    jobs: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> Choice:
    """Choose every setting that has several candidates by the score on held-out articles.

    One setting is varied at a time, the others at their best so far; a candidate that is clearly
    behind on some of the folds is not tried on the others. Folds, counts and (for most
    candidates) matrices are shared. Ties go to the value that stands first. C comes last, as
    the best penalty depends on features and weights, and by steps from the middle.
    """
    axes = _axes(counted, settings)
    best = _first_candidate(counted, settings, axes)
    trials = Trials(counted, Y, folds, settings, jobs, tick)
    for axis in axes:
        best = trials.best([change(best) for change in axis])
    best = climb(trials, best, settings.C)
    C, held_out = (best.C,) * Y.shape[1], trials.results[best]
    if settings.C_per_label:
        C, held_out = _choose_per_label(trials, best)
    return Choice(best, C, held_out, trials.found)


def climb(trials: Trials, start: Candidate, C: Sequence[float]) -> Candidate:
    """Return the best on the way up from the C of `start`, then on the way down.

    A larger C takes longer to fit, so the next one is tried only where the last one helped.
    """
    best = start
    above, below = (sorted(c for c in C if c > start.C), sorted(c for c in C if c < start.C))
    for way in (above, below[::-1]):
        for candidate in (replace(start, C=c) for c in way):
            if trials.best([best, candidate]) is best:
                break
            best = candidate
    return best


def _choose_per_label(trials: Trials, best: Candidate) -> tuple[tuple[float, ...], HeldOut]:
    candidates = [replace(best, C=C) for C in trials.settings.C]
    trials.run(candidates)
    margins = trials.results[best].margins.copy()
    chosen = []
    for k in range(margins.shape[1]):
        # best stands first, so that it stays where another C is no better
        winner = max([best, *candidates], key=lambda c: _label_score(trials, c, k))
        chosen.append(winner.C)
        margins[:, k] = trials.results[winner].margins[:, k]
    return tuple(chosen), replace(trials.results[best], margins=margins)


def _label_score(trials: Trials, candidate: Candidate, k: int) -> float:
    """Return the best smoothed F1 of one label at any cut, on its held-out margins."""
    held = trials.folds >= 0
    m, y = trials.results[candidate].margins[held][:, [k]], trials.Y[held][:, [k]]
    given = m >= choose_thresholds(m, y, rule="smoothed-f1", rare_positives=0)
    known = ~np.isnan(y)
    tp = (given & (y > 0)).sum()
    return float((2 * tp + 1) / (given[known].sum() + (y[known] > 0).sum() + 2))
