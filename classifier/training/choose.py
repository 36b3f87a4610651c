"""Cross-validation chooses among candidates, one setting after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.metrics import average_precision
from classifier.model.vocabulary import Matrix, Vector
from classifier.training.count import (
    CountedCorpus,
    LabelledArticles,
    document_frequencies,
    idf_of,
)
from classifier.training.cuts import choose_thresholds
from classifier.training.fit import (
    Candidate,
    Duals,
    Rows,
    Scales,
    article_weights,
    fit_by_liblinear,
    margins_compiled,
    ratio_scales,
    signs_of,
    solver,
)
from classifier.training.settings import Settings

__all__ = [
    "Choice",
    "Fold",
    "HeldOut",
    "Trial",
    "Trials",
    "choose_candidate",
    "climb",
    "held_out_score",
    "n_candidates",
    "out_of_fold",
]


# Of fits that only tell of candidates, cuts and calibration: the usual one of LIBLINEAR. It moves a
# margin by less than a hundredth in the root mean square, and the average precision on held-out
# articles by 0.0002 at most.
HELD_OUT_TOLERANCE = 0.1


@dataclass(frozen=True)
class HeldOut:
    """Out-of-fold results; rows of articles that were never held out are NaN.

    Parameters
    ----------
    margins : ndarray of shape (n_articles, n_labels)
    coverage : ndarray of shape (n_articles,)
        Share of each article's words in the vocabulary of the folds it was not in.
    """

    margins: Matrix
    coverage: Vector

    @classmethod
    def empty(cls, Y: Matrix) -> HeldOut:
        """Return results of which there are none yet; `Y` is of shape (n_articles, n_labels)."""
        return cls(np.full(Y.shape, np.nan), np.full(len(Y), np.nan))

    def fill(self, fold: Fold, margins: Matrix) -> None:
        """Take in the margins of the articles that a fold held out."""
        self.margins[fold.test] = margins
        self.coverage[fold.test] = fold.coverage


@dataclass(frozen=True)
class Fold:
    """The matrices of one fold; candidates that agree on terms and their counts share them.

    Parameters
    ----------
    train, test : ndarray of int64
        Rows of the articles.
    rows : Rows
        Of all articles.
    coverage : ndarray of shape (n_test,)
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    rows: Rows
    coverage: Vector

    @classmethod
    def of(
        cls,
        counted: CountedCorpus,
        folds: NDArray[np.int64],
        number: int,
        candidate: Candidate,
        *,
        min_df: int,
    ) -> Fold:
        """Return the matrices of a candidate for one of the folds."""
        occurs = counted.occurrences(candidate.lead_repeats)
        train, test = np.flatnonzero(folds != number), np.flatnonzero(folds == number)
        df = document_frequencies(occurs) - document_frequencies(occurs[test])
        idf = idf_of(df, len(train), min_df, form=candidate.idf)
        idf = idf if candidate.bigrams else np.where(counted.is_pair, 0.0, idf)
        rows = Rows.weighed(counted, candidate.lead_repeats, idf)
        return cls(train, test, rows, counted.coverage(test, idf > 0))

    def scales(self, Y: Matrix, candidate: Candidate, weights: Vector) -> Scales | None:
        """Return `ratio_scales` of the articles to train on."""
        train = self.rows.select(self.train)
        return ratio_scales(train, Y[self.train], weights[self.train], candidate.ratio_power)

    def margins(
        self,
        Y: Matrix,
        candidate: Candidate,
        weights: Vector,
        scales: Scales | None,
        *,
        jobs: int = 1,
        start: Duals | None = None,
    ) -> tuple[Matrix, Duals | None]:
        """Return the margins of the articles held out, and where another fit may start.

        Parameters
        ----------
        Y : ndarray of shape (n_articles, n_labels)
        candidate : Candidate
        weights : ndarray of shape (n_articles,)
        scales : ndarray of shape (n_terms, n_labels) or None
            What the method of this name returns for them.
        start : ndarray of shape (n_train, n_labels), optional
            Dual variables of another fit of this fold.

        Returns
        -------
        ndarray of shape (n_test, n_labels)
        ndarray of shape (n_train, n_labels), or None from LIBLINEAR
        """
        module, each = solver(), [candidate.C] * Y.shape[1]
        Y, weights = Y[self.train], weights[self.train]
        train, test = self.rows.select(self.train), self.rows.select(self.test)
        options: dict[str, Any] = {"scales": scales, "jobs": jobs, "tolerance": HELD_OUT_TOLERANCE}
        if module is None:
            linear = fit_by_liblinear(train, Y, each, weights, **options)
            return test.X[self.test] @ linear.coef + linear.bias, None
        signs, constant = signs_of(Y, weights)
        margins, duals = margins_compiled(
            module, train, signs, each, weights, test, start=start, **options
        )
        return margins + constant, duals


def out_of_fold(
    counted: CountedCorpus,
    Y: Matrix,
    folds: NDArray[np.int64],
    candidates: Sequence[Candidate],
    *,
    min_df: int,
    jobs: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> list[HeldOut]:
    """Return, per candidate, the margins of articles by models that never saw them.

    All candidates must agree on terms and their weights: they share one matrix a fold.

    Parameters
    ----------
    folds : ndarray of int64 of shape (n_articles,)
        Fold of each article; -1 for articles that are trained on in every fold.
    """
    results = [HeldOut.empty(Y) for _ in candidates]
    for number in range(folds.max() + 1):
        fold = Fold.of(counted, folds, number, candidates[0], min_df=min_df)
        for candidate, result in zip(candidates, results, strict=True):
            weights = article_weights(counted, candidate)
            scales = fold.scales(Y, candidate, weights)
            margins, _ = fold.margins(Y, candidate, weights, scales, jobs=jobs)
            result.fill(fold, margins)
            tick()
    return results


# A fold's held-out articles are judged in so many parts, by which differences are told from chance.
PARTS = 5
FEWEST_IN_A_PART = 20
# Folds before a candidate may be given up, and how many standard errors it must lie behind.
FEWEST_FOLDS, CLEARLY = 2, 1.0
# Between fits with C and n times C, dual variables grow by about the root of n.
GROWTH = 0.5
# What is kept from one candidate to the next saves time only; with more, it is made again.
MOST_DUAL_BYTES, MOST_MATRIX_BYTES = 500e6, 64e6


def held_out_score(margins: Matrix, Y: Matrix, *, mode: str) -> float:
    """Return how well margins rank held-out cells of all labels together.

    It is the average precision over all cells (micro-averaged); with exactly one label an
    article, the accuracy. Measured on news it agrees with unseen outlets where the F1 at fitted
    cuts is mostly noise: candidates differ by less than the cuts do from fold to fold.
    """
    held = ~np.isnan(margins).any(axis=1)
    margins, Y = margins[held], Y[held]
    if mode == "one":
        return float((margins.argmax(axis=1) == Y.argmax(axis=1)).mean())
    return float(average_precision(Y.reshape(-1, 1), margins.reshape(-1, 1))[0])


@dataclass(frozen=True)
class Trial:
    """How a candidate did.

    Parameters
    ----------
    score : float
        On all folds; of one that was given up, by how much it lay behind the best until then.
    folds : int
        How many folds it was tried on.
    """

    score: float
    folds: int


@dataclass
class Trials:
    """Tries candidates, each once, and remembers how they did.

    A candidate that after two folds or more is behind the best by the standard error of the
    difference is given up: parts of the folds are compared pair by pair.
    """

    counted: CountedCorpus
    Y: Matrix
    folds: NDArray[np.int64]
    settings: Settings
    jobs: int
    tick: Callable[[], None]
    found: dict[Candidate, Trial] = field(default_factory=dict)
    results: dict[Candidate, HeldOut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._leader: Candidate | None = None
        self._parts: dict[Candidate, list[Vector]] = {}
        self._duals: dict[Candidate, list[Duals | None]] = {}
        self._matrices: dict[tuple[int, bool, int], Fold] = {}
        self._kept_scales: dict[tuple[Candidate, int, int], Scales] = {}
        self._kept_bytes = 0.0

    def best(self, candidates: Sequence[Candidate]) -> Candidate:
        """Return the best; equals go to the one that stands first."""
        first, *others = candidates
        self.run([first])
        self._leader = first
        self.run(others, rival=first)
        self._leader = max(candidates, key=lambda c: self.found[c].score)
        self._duals = {self._leader: self._duals.get(self._leader, [])}
        if not self.settings.C_per_label:  # else all take part in the choice
            self.results = {c: each for c, each in self.results.items() if c == self._leader}
            self._parts = {c: each for c, each in self._parts.items() if c == self._leader}
        return self._leader

    def run(self, candidates: Sequence[Candidate], *, rival: Candidate | None = None) -> None:
        """Try candidates on all folds, or until they are clearly behind the rival."""
        for candidate in dict.fromkeys(candidates):
            parts = self._parts.setdefault(candidate, [])
            self.results.setdefault(candidate, HeldOut.empty(self.Y))
            while len(parts) < self.settings.n_folds and not self._is_behind(candidate, rival):
                parts.append(self._tried(candidate, len(parts)))
                self.tick()
            self.found[candidate] = self._trial(candidate, rival)

    def _tried(self, candidate: Candidate, number: int) -> Vector:
        """Fit a candidate on one fold; return its score on each part of the articles held out."""
        fold, weights = self._fold(candidate, number), article_weights(self.counted, candidate)
        scales = self._scales(candidate, number, fold, weights)
        start = self._start(candidate, number)
        margins, duals = fold.margins(
            self.Y, candidate, weights, scales, jobs=self.jobs, start=start
        )
        self.results[candidate].fill(fold, margins)
        small = 2 * 4.0 * self.Y.size * self.settings.n_folds < MOST_DUAL_BYTES
        self._duals.setdefault(candidate, []).append(duals if small else None)
        mode, part_of = self.settings.labels, self._part_of(fold.test)
        cells = self.Y[fold.test]
        return np.array(
            [
                held_out_score(margins[part_of == part], cells[part_of == part], mode=mode)
                for part in range(PARTS if self._is_race else 0)
            ]
        )

    @property
    def _is_race(self) -> bool:
        n_parts = self.settings.n_folds * PARTS
        return int((self.folds >= 0).sum()) >= FEWEST_IN_A_PART * n_parts

    def _part_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the part of each article; near-duplicates share one."""
        return np.unique(self.counted.groups[rows], return_inverse=True)[1] % PARTS

    def _is_behind(self, candidate: Candidate, rival: Candidate | None) -> bool:
        n_folds = len(self._parts[candidate])
        if rival is None or not self._is_race or n_folds < FEWEST_FOLDS:
            return False
        ahead = self._lead(candidate, rival)
        error = ahead.std(ddof=1) / np.sqrt(len(ahead))
        return bool(ahead.mean() > CLEARLY * error)

    def _lead(self, candidate: Candidate, rival: Candidate) -> Vector:
        """Return by how much the rival is ahead, on every part that both were tried on."""
        mine = np.concatenate(self._parts[candidate])
        ahead = np.concatenate(self._parts[rival])[: len(mine)] - mine
        return ahead[~np.isnan(ahead)]

    def _trial(self, candidate: Candidate, rival: Candidate | None) -> Trial:
        n_folds = len(self._parts[candidate])
        if rival is None or n_folds == self.settings.n_folds:
            margins = self.results[candidate].margins
            return Trial(held_out_score(margins, self.Y, mode=self.settings.labels), n_folds)
        behind = float(self._lead(candidate, rival).mean())
        return Trial(self.found[rival].score - behind, n_folds)

    def _start(self, candidate: Candidate, number: int) -> Duals | None:
        """Return where the fit of a fold may start: where the one of the best ended."""
        leader = self._leader
        if leader is None or number >= len(self._duals.get(leader, [])):
            return None
        duals = self._duals[leader][number]
        growth = np.float32((candidate.C / leader.C) ** GROWTH)
        return None if duals is None else growth * duals

    def _fold(self, candidate: Candidate, number: int) -> Fold:
        key = (candidate.lead_repeats, candidate.bigrams, number)
        if key in self._matrices:
            return self._matrices[key]
        fold = Fold.of(self.counted, self.folds, number, candidate, min_df=self.settings.min_df)
        if self._has_room(fold.rows.X.data):
            self._matrices[key] = fold
        return fold

    def _scales(
        self, candidate: Candidate, number: int, fold: Fold, weights: Vector
    ) -> Scales | None:
        """Return the scales of a fold, which depend neither on C nor on how often terms occur."""
        key = (replace(candidate, C=1.0, lead_repeats=0), fold.rows.X.nnz, number)
        if key in self._kept_scales:
            return self._kept_scales[key]
        scales = fold.scales(self.Y, candidate, weights)
        if scales is not None and self._has_room(scales):
            self._kept_scales[key] = scales
        return scales

    def _has_room(self, numbers: NDArray[np.float32]) -> bool:
        self._kept_bytes += numbers.nbytes
        return self._kept_bytes < MOST_MATRIX_BYTES


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
    natural = set(counted.corpus[counted.natural].tolist())
    picked = set(counted.corpus[~counted.natural].tolist())
    # A corpus without a natural article has a weight of its own; what the others picked shares one.
    weighed = [([number], settings.auxiliary_weight) for number in sorted(picked - natural)]
    if picked & natural:
        weighed.append((sorted(picked & natural), settings.picked_weight))
    has_lead, has_borderline = settings.lead_words > 0, bool(counted.borderline.any())
    return [
        [_set("bigrams", value) for value in _distinct(settings.bigrams)],
        [_set("ratio_power", value) for value in _distinct(settings.ratio_powers)],
        [_set("lead_repeats", v) for v in _distinct(settings.lead_repeats, several=has_lead)],
        *([_weigh(corpora, v) for v in _distinct(values)] for corpora, values in weighed),
        [
            _set("borderline_weight", value)
            for value in _distinct(settings.borderline_weight, several=has_borderline)
        ],
    ]


def _distinct(values: tuple[Any, ...], *, several: bool = True) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values if several else values[:1]))


def _set(name: str, value: object) -> Change:
    return lambda candidate: replace(candidate, **{name: value})  # type: ignore[arg-type]


def _weigh(corpora: Sequence[int], weight: float) -> Change:
    def change(candidate: Candidate) -> Candidate:
        weights = list(candidate.corpus_weights)
        for number in corpora:
            weights[number] = weight
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
