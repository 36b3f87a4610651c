"""Candidates on held-out articles, fold by fold, each as far as it takes to tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.evaluation.metrics import average_precision
from classifier.training.features import CountedCorpus, damped_counts
from classifier.training.folds import Fold, HeldOut
from classifier.training.linear import Candidate, article_weights
from classifier.training.settings import Settings
from classifier.training.solver import Duals

__all__ = ["Trial", "Trials", "held_out_score"]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# A fold's held-out articles are judged in so many parts, by which differences are told from chance.
PARTS = 5
FEWEST_IN_A_PART = 20
# Folds before a candidate may be given up, and how many standard errors it must lie behind.
FEWEST_FOLDS, CLEARLY = 2, 2.0
# Between fits with C and n times C, dual variables grow by about the root of n.
GROWTH = 0.5
# What is kept from one candidate to the next saves time only; with more, it is made again.
MOST_KEPT_BYTES = 500e6


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

    A candidate that after two folds or more is behind the best by twice the standard error of
    the difference is given up: parts of the folds are compared pair by pair.
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
        self._kept_bytes = 0.0
        self._counts: tuple[int, sp.csr_matrix] | None = None

    def best(self, candidates: Sequence[Candidate]) -> Candidate:
        """Return the best; equals go to the one that stands first."""
        first, *others = candidates
        self.run([first])
        self._leader = first
        self.run(others, rival=first)
        self._leader = max(candidates, key=lambda c: self.found[c].score)
        self._duals = {self._leader: self._duals.get(self._leader, [])}
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
        start = self._start(candidate, number)
        margins, duals = fold.margins(self.Y, candidate.C, weights, jobs=self.jobs, start=start)
        self.results[candidate].fill(fold, margins)
        self._keep_duals(candidate, duals)
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

    def _keep_duals(self, candidate: Candidate, duals: Duals | None) -> None:
        small = 2 * 4.0 * self.Y.size * self.settings.n_folds < MOST_KEPT_BYTES
        self._duals.setdefault(candidate, []).append(duals if small else None)

    def _fold(self, candidate: Candidate, number: int) -> Fold:
        key = (candidate.lead_repeats, candidate.bigrams, number)
        if key in self._matrices:
            return self._matrices[key]
        damped, min_df = self._damped(candidate.lead_repeats), self.settings.min_df
        fold = Fold.of(self.counted, self.folds, number, candidate, min_df=min_df, damped=damped)
        self._kept_bytes += 12.0 * self.counted.body.nnz
        if self._kept_bytes < MOST_KEPT_BYTES:
            self._matrices[key] = fold
        return fold

    def _damped(self, lead_repeats: int) -> sp.csr_matrix:
        """Return the counts of the candidate, made once as long as no other number is wanted."""
        if self._counts is None or self._counts[0] != lead_repeats:
            self._counts = lead_repeats, damped_counts(self.counted.counts(lead_repeats))
        return self._counts[1]
