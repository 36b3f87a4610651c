"""Out-of-fold margins → the map from margins to probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp

from classifier.model.calibration import Calibration, PiecewiseLinear, Softmax
from classifier.training.settings import Settings

__all__ = ["calibrate", "fit_calibration", "fit_softmax"]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

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
    return fit_calibration(
        margins,
        truth,
        method=settings.calibration,
        isotonic_positives=settings.isotonic_positives,
    )


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

    best = minimize(posterior, centre, jac=True, method="L-BFGS-B", bounds=SIGMOID_BOUNDS)
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

    def __call__(self, ab: Vector) -> tuple[float, Vector]:
        """Return value and gradient."""
        value, gradient, _ = self.derivatives(ab)
        return value, gradient

    def derivatives(self, ab: Vector) -> tuple[float, Vector, Matrix]:
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
    value, gradient, hessian = posterior.derivatives(ab)
    for _ in range(NEWTON_STEPS):
        step = -np.linalg.solve(hessian, gradient)
        if -(gradient @ step) < NEWTON_END:
            return np.asarray(ab + step)
        step /= max(1.0, abs(step[0]))
        while (ab + step != ab).any():
            if (ab + step >= low).all() and (ab + step <= high).all():
                there = posterior.derivatives(ab + step)
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
