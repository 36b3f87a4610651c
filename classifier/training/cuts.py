"""Held-out scores → probabilities, and one cut per label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp

from classifier.errors import SettingsError
from classifier.model.calibration import Calibration, PiecewiseLinear, Softmax
from classifier.model.vocabulary import Matrix, Vector
from classifier.training.settings import Settings

__all__ = [
    "POINTS",
    "CutRules",
    "Cuts",
    "WorkingPoint",
    "calibrate",
    "choose_shift",
    "choose_thresholds",
    "fit_calibration",
    "fit_softmax",
    "held_out_tags",
]


RULES = ("expected-f1", "smoothed-f1", "micro-macro")
SHIFTS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1)
# With fewer articles without a label, their share of false tags is too rough to act on.
FEWEST_UNTAGGED = 50
# The largest share of false tags where nobody chose one, and the share of articles without a label
# from which it holds: it serves streams of all news. Where nearly every article has a label, it
# would raise all cuts for the sake of a few.
USUAL_FALSE_TAGS = 0.09
MOSTLY_UNTAGGED = 0.25
# What a label with few positives borrows from others with few: as much as so many positives, of
# labels nearer in the logarithm of their number the more. Half or five times as much, and
# half or twice as near, are as good on labels of R52 and 20 Newsgroups (docs/variants.md).
BORROWED_POSITIVES, NEARNESS = 1.0, 0.4
# Cuts tried for it at most.
MOST_TRIED = 1024


@dataclass(frozen=True, slots=True)
class WorkingPoint:
    """What cuts are chosen for.

    Parameters
    ----------
    beta : float
        Recall counts so many times as much as precision (F-beta; van Rijsbergen, 1979).
    false_tags : float or None
        How much of the share of false tags that balanced cuts may let through; ``None`` for no
        limit.
    """

    beta: float = 1.0
    false_tags: float | None = 1.0


# A model's own cuts are "balanced".
POINTS = {
    "balanced": WorkingPoint(),
    "precise": WorkingPoint(beta=0.5, false_tags=0.5),
    "complete": WorkingPoint(beta=2.0, false_tags=None),
}


@dataclass(frozen=True)
class CutRules:
    """How cuts are chosen.

    Parameters
    ----------
    rule : {"expected-f1", "smoothed-f1", "micro-macro"}
        Half of the best expected F1, the cut in calibrated probability that is best for F1
        (Lipton et al., ECML 2014), for labels with `isotonic_positives` positives, whose
        probabilities can be relied on, and smoothed F1 for the others; the best
        ``(2tp + 1) / (2tp + fp + fn + 2)`` per label, which never collapses to "everything" on
        a label without positives, to which labels below `isotonic_positives` add what is known
        of labels with about as many; or the best sum of micro- and macro-F1 over all labels, by
        cyclic descent (Lin et al., CIKM 2023).
    rare_positives : int
        A label with fewer positives gets no cut below the one that is best for all labels
        pooled. Above 1 it costs labels with few what they borrow from others.
    max_false_tags : float or None
        Largest share of the articles known to have no label that may be given one. Where the
        cuts exceed it, all are raised by the same amount. ``None`` stands for 0.09 where at
        least a quarter of the articles have no label, else for no limit.
    calibration, isotonic_positives
        Of the calibration behind expected F1, as in `fit_calibration`.

    Raises
    ------
    SettingsError
        For any other rule.
    """

    rule: str = "expected-f1"
    rare_positives: int = 1
    max_false_tags: float | None = 1.0
    calibration: str = "auto"
    isotonic_positives: int = 50

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise SettingsError(f"rule is '{self.rule}'. Choose one of {', '.join(RULES)}.")


@dataclass(frozen=True)
class Cuts:
    """The cuts of every working point; what they have in common is made once.

    Parameters
    ----------
    scores : ndarray of shape (n_articles, n_labels)
        Out-of-fold scores, never training scores; any scale that all labels share.
    truth : ndarray of shape (n_articles, n_labels)
        1 present, 0 absent, NaN unknown; unknown cells are left out.
    rules : CutRules
    fitted : PiecewiseLinear, optional
        The calibration that the rules ask for, where these scores were calibrated before.
    """

    scores: Matrix
    truth: Matrix
    rules: CutRules
    fitted: PiecewiseLinear | None = None

    def at(self, point: WorkingPoint) -> Vector:
        """Return, per label, the cut from which it is given.

        A label of which nothing is known gets the pooled cut too. No label is given sooner than
        at the balanced point where fewer false tags are wanted, none later where fewer misses
        are. The rule "micro-macro" knows F1 alone: smoothed F-beta stands in for it.

        Returns
        -------
        ndarray of shape (n_labels,)
        """
        if point.beta == 1:
            return self._chosen(point)
        bound = np.maximum if point.beta < 1 else np.minimum
        return np.asarray(bound(self._chosen(point), self._balanced))

    @cached_property
    def _balanced(self) -> Vector:
        return self._chosen(POINTS["balanced"])

    def _chosen(self, point: WorkingPoint) -> Vector:
        cuts = self._best(point.beta)
        rare = self._n_positive < self.rules.rare_positives
        unseen = np.array([len(curve.ranked) == 0 for curve in self._curves])
        pooled = np.inf
        if (rare | unseen).any():
            pooled = pooled_cut(self.scores, self.truth, point.beta)
        cuts[rare] = np.maximum(cuts[rare], pooled)
        cuts[unseen] = pooled
        excess = self.scores - cuts
        return np.asarray(cuts + _raise(excess, self.truth, self.rules.max_false_tags, point))

    def _best(self, beta: float) -> Vector:
        if self.rules.rule == "micro-macro" and beta == 1:
            return _micro_macro(self._curves)
        common = self._n_positive >= self.rules.isotonic_positives
        cuts = _smoothed(self._curves, beta, common)
        if self.rules.rule == "expected-f1":
            for k in np.flatnonzero(common):
                margins, probabilities = self._calibrated[k]
                promised = np.interp(np.sort(self.scores[:, k]), margins, probabilities)
                cuts[k] = np.interp(_best_cut(promised, beta), probabilities, margins)
        return cuts

    @cached_property
    def _curves(self) -> list[_Curve]:
        columns = (np.ascontiguousarray(each.T) for each in (self.scores, self.truth))
        return [_Curve(*each) for each in zip(*columns, strict=True)]

    @cached_property
    def _n_positive(self) -> NDArray[np.int64]:
        return np.array([curve.n_positive for curve in self._curves])

    @cached_property
    def _calibrated(self) -> list[tuple[Sequence[float], Sequence[float]]]:
        """Each label's line of margins and probabilities."""
        fitted = self.fitted or fit_calibration(
            self.scores,
            self.truth,
            method=self.rules.calibration,
            isotonic_positives=self.rules.isotonic_positives,
        )
        return list(zip(fitted.margins, fitted.probabilities, strict=True))


def choose_thresholds(
    scores: Matrix,
    truth: Matrix,
    *,
    point: WorkingPoint = POINTS["balanced"],
    **rules: Any,
) -> Vector:
    """Return, per label, the cut from which it is given at one working point.

    Parameters
    ----------
    scores, truth
        As in `Cuts`.
    point : WorkingPoint
        What takes the place of F1, and of `max_false_tags`.
    **rules
        Those of `CutRules`.

    Returns
    -------
    ndarray of shape (n_labels,)
    """
    return Cuts(scores, truth, CutRules(**rules)).at(point)


def _raise(
    excess: Matrix, truth: Matrix, max_false_tags: float | None, point: WorkingPoint
) -> float:
    """Return by how much all cuts must rise to keep to the largest share of false tags."""
    untagged = (truth == 0).all(axis=1)
    if max_false_tags is None:
        max_false_tags = USUAL_FALSE_TAGS if untagged.mean() >= MOSTLY_UNTAGGED else 1.0
    too_few = untagged.sum() < FEWEST_UNTAGGED
    if point.false_tags is None or max_false_tags >= 1 or too_few:
        return 0.0
    strongest = np.sort(excess[untagged].max(axis=1))[::-1]
    n_allowed = int(max_false_tags * point.false_tags * len(strongest))
    first_refused = strongest[n_allowed]
    last_allowed = strongest[n_allowed - 1] if n_allowed else first_refused + 1.0
    return max(float(first_refused + last_allowed) / 2, 0.0)


def pooled_cut(scores: Matrix, truth: Matrix, beta: float = 1.0) -> float:
    """Return the one cut with the best smoothed F-beta over all labels taken together."""
    curve = _Curve(scores.ravel(), truth.ravel())
    return float(curve.cuts[curve.smoothed(beta).argmax()])


def choose_shift(margins: Matrix, truth: Matrix) -> Vector:
    """Return what to add to each label's margin where each article has exactly one label.

    One-vs-rest margins of rare labels come out low. Adding ``-a * ln(share of the label)`` makes
    up for it; of a few values of `a`, 0 among them, the one with the best accuracy on held-out
    margins is taken, the smallest of equals.

    Parameters
    ----------
    margins, truth : ndarray of shape (n_articles, n_labels)
        Out-of-fold margins; `truth` has exactly one 1 a row.

    Returns
    -------
    ndarray of shape (n_labels,)
    """
    rarity = -np.log((truth.sum(axis=0) + 1) / (len(truth) + truth.shape[1]))
    right = truth.argmax(axis=1)
    accuracy = [((margins + a * rarity).argmax(axis=1) == right).mean() for a in SHIFTS]
    return np.asarray(SHIFTS[int(np.argmax(accuracy))] * rarity)


def held_out_tags(
    scores: Matrix,
    truth: Matrix,
    folds: NDArray[np.int64],
    *,
    fitted: Sequence[PiecewiseLinear | None] = (),
    **rules: Any,
) -> dict[str, NDArray[np.bool_]]:
    """Return tags by cuts that were chosen on the other folds, of each point; shape of `scores`.

    Rows outside every fold (fold -1) are given nothing. `rules` are those of `CutRules`; what is
    `fitted` to the others of each fold goes to `Cuts`, where it is.
    """
    given = {name: np.zeros(scores.shape, dtype=bool) for name in POINTS}
    for fold, calibration in enumerate(fitted or [None] * (folds.max() + 1)):
        rest, test = (folds >= 0) & (folds != fold), folds == fold
        cuts = Cuts(scores[rest], truth[rest], CutRules(**rules), calibration)
        for name, point in POINTS.items():
            given[name][test] = scores[test] >= cuts.at(point)
    return given


class _Curve:
    """True and false positives of one label at every cut that can be the best.

    That is above all scores, or right below a positive: further down there are only more false
    positives.
    """

    def __init__(self, scores: Vector, truth: Vector) -> None:
        known = ~(np.isnan(truth) | np.isnan(scores))
        self.ranked = np.sort(scores[known])
        self.positive = np.sort(scores[known & (truth > 0)])
        self.n_positive = len(self.positive)
        at = np.unique(self.positive)[::-1]
        self.tp = np.append(0, _reaching(self.positive, at))
        self.fp = np.append(0, _reaching(self.ranked, at)) - self.tp
        top = self.ranked[-1] + 1.0 if len(self.ranked) else np.inf
        self.cuts = np.append(top, self.below(at))

    @property
    def fn(self) -> NDArray[np.int64]:
        return self.n_positive - self.tp

    def cells(self, place: int) -> NDArray[np.int64]:
        return np.array([self.tp[place], self.fp[place], self.fn[place]])

    def smoothed(self, beta: float = 1.0) -> Vector:
        return _smoothed_f(self.tp, self.tp + self.fp, self.n_positive, beta)

    def below(self, scores: Vector) -> Vector:
        """Return the cuts between scores and the next ones below them."""
        places = self.ranked.searchsorted(scores)
        lower = self.ranked[np.maximum(places - 1, 0)]
        middle = (scores + lower) / 2
        # Between neighbouring floats the mean is one of them; it must not be the lower.
        middle = np.where(middle > lower, middle, scores)
        return np.where(places > 0, middle, scores - 1.0)

    def f1(self) -> Vector:
        return np.asarray(2 * self.tp / np.maximum(2 * self.tp + self.fp + self.fn, 1))


def _reaching(ranked: Vector, scores: Vector) -> NDArray[np.int64]:
    """Return how many of the `ranked`, rising, are as high as each of the scores."""
    return len(ranked) - ranked.searchsorted(scores)


def _best_cut(probabilities: Vector, beta: float) -> float:
    """Return the cut that is best for the smoothed F-beta that these probabilities promise.

    It is the best value at any cut, divided by 1 + beta² (Lipton et al., ECML 2014).
    """
    ranked = np.sort(probabilities[~np.isnan(probabilities)])[::-1]
    tp, given = np.append(0.0, np.cumsum(ranked)), np.arange(len(ranked) + 1)
    weight = beta**2
    promised = ((1 + weight) * tp + 1) / (given + weight * tp[-1] + 2)
    return float(promised.max()) / (1 + weight)


def _smoothed_f(tp: Any, given: Any, n_positive: Any, beta: float) -> Vector:
    """F-beta with one more article half right and half wrong."""
    weight = beta**2
    return np.asarray(((1 + weight) * tp + 1) / (given + weight * n_positive + 2))


def _smoothed(curves: list[_Curve], beta: float, common: NDArray[np.bool_]) -> Vector:
    cuts = np.array([curve.cuts[curve.smoothed(beta).argmax()] for curve in curves])
    few = np.flatnonzero(~common & np.array([curve.n_positive > 0 for curve in curves]))
    if len(few) > 1:
        cuts[few] = _borrowed([curves[k] for k in few], beta)
    return cuts


def _borrowed(curves: list[_Curve], beta: float) -> Vector:
    """Return the cut with the best smoothed F-beta of each label and its like taken together."""
    tried = np.unique(np.concatenate([curve.positive for curve in curves]))
    if len(tried) > MOST_TRIED:
        tried = np.quantile(tried, np.linspace(0, 1, MOST_TRIED), method="nearest")
    tp, given = (
        np.array([_reaching(ranked, tried) for ranked in scores], dtype=np.float64)
        for scores in ([c.positive for c in curves], [c.ranked for c in curves])
    )
    n_positive = np.array([float(curve.n_positive) for curve in curves])
    weights = _likeness(n_positive)
    common = _smoothed_f(weights @ tp, weights @ given, (weights @ n_positive)[:, None], beta)
    best = common.argmax(axis=1)
    return np.array([curve.below(tried[[i]])[0] for curve, i in zip(curves, best, strict=True)])


def _likeness(n_positive: Vector) -> Matrix:
    """Return how much the articles of each label count for each other; 1 for its own."""
    size = np.log(n_positive + 1)
    near = np.exp(-(((size[:, None] - size) / NEARNESS) ** 2) / 2)
    np.fill_diagonal(near, 0.0)
    near *= BORROWED_POSITIVES / np.maximum(near @ n_positive, 1e-9)[:, None]
    return near + np.eye(len(near))


def _micro_macro(curves: list[_Curve], *, rounds: int = 10) -> Vector:
    chosen = np.array([curve.smoothed().argmax() for curve in curves])
    total = sum(curve.cells(i) for curve, i in zip(curves, chosen, strict=True))
    for _ in range(rounds):
        before = chosen.copy()
        for k, curve in enumerate(curves):
            total = total - curve.cells(chosen[k])
            tp, fp, fn = total[0] + curve.tp, total[1] + curve.fp, total[2] + curve.fn
            micro = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
            chosen[k] = (micro + curve.f1() / len(curves)).argmax()
            total = total + curve.cells(chosen[k])
        if (chosen == before).all():
            break
    return np.array([curve.cuts[i] for curve, i in zip(curves, chosen, strict=True)])


# Weight of the pooled curve in a label's own: as much as this many of its articles.
PRIOR_ARTICLES = 20.0
SIGMOID_KNOTS = 65
# Of the logarithm of the slope, and of the intercept.
SIGMOID_BOUNDS = [(-5.0, 5.0), (-50.0, 50.0)]
# A sigmoid is fitted to the means of so many margins next to each other. Within a bin of a
# thousandth of the range it is straight but for a millionth.
SIGMOID_BINS = 1024
# Half a dozen are usual; where a step promises to gain less than this, it is the last.
NEWTON_STEPS, NEWTON_END = 50, 1e-8


def calibrate(margins: Matrix, truth: Matrix, settings: Settings) -> Calibration:
    """Fit the calibration that the settings ask for on out-of-fold margins."""
    if settings.labels == "one":
        return fit_softmax(margins, truth)
    enough = settings.isotonic_positives
    return fit_calibration(margins, truth, method=settings.calibration, isotonic_positives=enough)


def fit_calibration(
    margins: Matrix, truth: Matrix, *, method: str = "auto", isotonic_positives: int = 50
) -> PiecewiseLinear:
    """Return a rising line per label that turns margins into probabilities.

    Parameters
    ----------
    margins : ndarray of shape (n_articles, n_labels)
        Out-of-fold margins, never training margins.
    truth : ndarray of shape (n_articles, n_labels)
        1 present, 0 absent, NaN unknown; unknown cells are left out.
    method : {"auto", "isotonic", "platt"}
        Centred isotonic regression (Oron and Flournoy, 2017), which unlike the step function
        keeps the order of margins; or a sigmoid (Platt, 1999) drawn towards the one of all
        labels pooled. "auto" takes the first from `isotonic_positives` positives on.
    """
    pooled = _fit_sigmoid(margins.ravel(), truth.ravel(), prior=None)
    lines = [
        _fit_line(margins[:, k], truth[:, k], pooled, method, isotonic_positives)
        for k in range(margins.shape[1])
    ]
    return PiecewiseLinear([x.tolist() for x, _ in lines], [y.tolist() for _, y in lines])


def _fit_line(
    margins: Vector, truth: Vector, pooled: Vector, method: str, isotonic_positives: int
) -> tuple[Vector, Vector]:
    known = ~np.isnan(truth) & ~np.isnan(margins)
    m, t = margins[known], truth[known]
    enough = min(t.sum(), (1 - t).sum()) >= isotonic_positives
    if len(m) and (method == "isotonic" or (method == "auto" and enough)):
        return centred_isotonic(m, t)
    return _sigmoid_line(_fit_sigmoid(m, t, prior=pooled), m)


def centred_isotonic(margins: Vector, truth: Vector) -> tuple[Vector, Vector]:
    """Return knots (margins, probabilities) of a strictly rising line through isotonic blocks.

    Each block of the isotonic fit becomes one knot at its mean margin. Its probability is
    ``(k + 1/2) / (n + 1)``, so that no finite sample claims 0 or 1.
    """
    from scipy.optimize import isotonic_regression

    m, place = np.unique(margins, return_inverse=True)
    n = np.bincount(place).astype(np.float64)
    share = np.bincount(place, weights=truth) / n
    x, y, n = _blocks(m, isotonic_regression(share, weights=n).x, n)
    x, y, n = _blocks(x, isotonic_regression((y * n + 0.5) / (n + 1), weights=n).x, n)
    return _with_tails(x, y, margins)


def _blocks(x: Vector, y: Vector, n: Vector) -> tuple[Vector, Vector, Vector]:
    """Merge runs of equal `y`; return the mean x, the y and the weight of each."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(y) > 1e-12]))
    weight = np.add.reduceat(n, starts)
    return np.add.reduceat(x * n, starts) / weight, y[starts], weight


def _with_tails(x: Vector, y: Vector, margins: Vector) -> tuple[Vector, Vector]:
    """Add a knot far beyond either end, so that margins there still rank, towards 0 and 1."""
    low, high = min(x[0], margins.min(initial=x[0])), max(x[-1], margins.max(initial=x[-1]))
    reach = max(high - low, 1.0)
    return (
        np.concatenate([[low - reach], x, [high + reach]]),
        np.concatenate([[y[0] / 2], y, [(1 + y[-1]) / 2]]),
    )


def _fit_sigmoid(margins: Vector, truth: Vector, prior: Vector | None) -> Vector:
    """Return (log slope, intercept) of a sigmoid by maximum a posteriori.

    The slope is fitted as its logarithm, so it stays above zero and order is kept.
    """
    known = ~np.isnan(truth) & ~np.isnan(margins)
    centre = np.array([np.log(2.0), 0.0]) if prior is None else prior
    strength = 1e-3 if prior is None else PRIOR_ARTICLES / 4  # a cell informs by at most 1/4
    posterior = _SigmoidPosterior(*_binned(margins[known], truth[known]), centre, strength)
    found = _by_newton(posterior)
    if found is not None:
        return found
    from scipy.optimize import minimize

    best = minimize(
        lambda ab: posterior(ab)[:2], centre, jac=True, method="L-BFGS-B", bounds=SIGMOID_BOUNDS
    )
    return np.asarray(best.x)


def _binned(margins: Vector, truth: Vector) -> tuple[Vector, Vector, Vector]:
    """Return mean margin, mean truth and number of articles of each bin that has any."""
    if len(margins) <= SIGMOID_BINS:
        return margins, truth, np.ones(len(margins))
    low, high = margins.min(), margins.max()
    scale = SIGMOID_BINS / max(high - low, 1e-300)
    place = np.minimum(((margins - low) * scale).astype(np.int64), SIGMOID_BINS - 1)
    n = np.bincount(place)
    some = n > 0
    m, t = (np.bincount(place, weights=values)[some] / n[some] for values in (margins, truth))
    return m, t, n[some].astype(np.float64)


@dataclass(frozen=True)
class _SigmoidPosterior:
    """Minus the logarithm of it, up to a constant, at (log slope, intercept)."""

    margins: Vector
    truth: Vector
    n: Vector
    centre: Vector
    strength: float

    def __call__(self, ab: Vector) -> tuple[float, Vector, Matrix]:
        """Return value, gradient and Hessian, without what would make it indefinite."""
        rise = np.exp(ab[0]) * self.margins
        z = rise + ab[1]
        p = expit(z)
        away, excess, spread = ab - self.centre, self.n * (p - self.truth), self.n * p * (1 - p)
        value = self.n @ ((1 - self.truth) * z - log_expit(z)) + self.strength * (away @ away) / 2
        slope, cross = excess @ rise, spread @ rise
        gradient = np.array([slope, excess.sum()]) + self.strength * away
        hessian = np.array([[spread * rise @ rise, cross], [cross, spread.sum()]])
        hessian += self.strength * np.eye(2)
        curved = hessian + np.array([[slope, 0.0], [0.0, 0.0]])
        return float(value), gradient, curved if np.linalg.det(curved) > 0 else hessian


def _by_newton(posterior: _SigmoidPosterior) -> Vector | None:
    """Return the minimum, nothing where Newton's steps do not lead there within the bounds."""
    ab = posterior.centre
    low, high = np.transpose(SIGMOID_BOUNDS)
    value, gradient, hessian = posterior(ab)
    for _ in range(NEWTON_STEPS):
        step = -np.linalg.solve(hessian, gradient)
        if -(gradient @ step) < NEWTON_END:
            return np.asarray(ab + step)
        step /= max(1.0, abs(step[0]))
        while (ab + step != ab).any():
            if (ab + step >= low).all() and (ab + step <= high).all():
                there = posterior(ab + step)
                if there[0] < value:
                    break
            step = step / 2
        else:
            return None
        ab, (value, gradient, hessian) = ab + step, there
    return None


def _sigmoid_line(ab: Vector, margins: Vector) -> tuple[Vector, Vector]:
    """Return a sigmoid as knots, dense enough to be within 0.001 of it."""
    slope, intercept = np.exp(ab[0]), ab[1]
    z = np.linspace(-9.0, 9.0, SIGMOID_KNOTS)
    return _with_tails((z - intercept) / slope, np.asarray(expit(z)), margins)


def fit_softmax(margins: Matrix, truth: Matrix) -> Softmax:
    """Return the temperature that makes out-of-fold margins most likely (Guo et al., 2017).

    Parameters
    ----------
    margins, truth : ndarray of shape (n_articles, n_labels)
        `truth` has exactly one 1 a row.
    """

    def loss(log_scale: float) -> float:
        z = np.exp(log_scale) * margins
        return float((logsumexp(z, axis=1) - (z * truth).sum(axis=1)).mean())

    from scipy.optimize import minimize_scalar

    best = minimize_scalar(loss, bounds=(-4.0, 6.0), method="bounded")
    return Softmax(float(np.exp(best.x)))
