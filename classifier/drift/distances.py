"""How far two distributions lie apart: shares over bins, and shares of terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.model.model import Model

__all__ = [
    "Histogram",
    "article_counts",
    "given_tags",
    "jensen_shannon",
    "shares_of",
    "stability_index",
    "stability_limit",
    "term_divergences",
]


Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
N_BINS = 10
# Added to each bin, so that an empty one does not make the index infinite.
SMOOTHING = 0.5
DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Histogram:
    """What share of a sample lies between which values.

    Parameters
    ----------
    edges : tuple of float
        Between the bins, rising; a value equal to an edge lies below it.
    shares : tuple of float
        One more than `edges`; together 1.
    median : float
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    median: float

    @classmethod
    def of(cls, values: Vector) -> Histogram:
        """Return the deciles of a sample and what share of it lies between them.

        Values that occur often can be several deciles at once; those are one edge.
        """
        deciles = np.quantile(values, np.arange(1, N_BINS) / N_BINS, method="lower")
        edges = np.unique(np.round(deciles, 4))
        shares = _counts(values, edges) / len(values)
        median = round(float(np.median(values)), 4)
        return cls(tuple(edges.tolist()), tuple(shares.round(6).tolist()), median)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Histogram:
        """Return what `to_json` described."""
        return cls(tuple(stored["edges"]), tuple(stored["shares"]), float(stored["median"]))

    def to_json(self) -> dict[str, object]:
        """Return JSON types, for the manifest of a model."""
        return {"edges": list(self.edges), "shares": list(self.shares), "median": self.median}

    def counts(self, values: Vector) -> Vector:
        """Return how many of `values` lie in each bin."""
        return _counts(values, np.array(self.edges))


def _counts(values: Vector, edges: Vector) -> Vector:
    bins = np.searchsorted(edges, np.round(values, 4), side="left")
    return np.bincount(bins, minlength=len(edges) + 1).astype(np.float64)


def given_tags(model: Model, margins: Matrix) -> NDArray[np.bool_]:
    """Return which labels the cuts give at these margins; shape (n_articles, n_labels)."""
    if model.mode == "one":
        return np.asarray(np.arange(margins.shape[1]) == margins.argmax(axis=1)[:, None])
    return np.asarray(margins >= model.cuts)


def shares_of(counts: NDArray[Any]) -> Matrix:
    """Return counts as shares of their sum along the last axis, no bin quite empty."""
    smooth = counts + SMOOTHING
    return np.asarray(smooth / smooth.sum(axis=-1, keepdims=True))


def stability_index(counts: NDArray[Any], reference: NDArray[Any]) -> Any:
    """Return the population stability index of counts over bins against others.

    It is the sum over bins of ``(p - q) * ln(p / q)``, Jeffreys' divergence (1946) of the two
    distributions. Credit scoring reads less than 0.1 as stable and more than 0.25 as a real
    shift (Siddiqi, Credit Risk Scorecards, 2006).

    Parameters
    ----------
    counts, reference : ndarray of shape (..., n_bins)
    """
    p, q = shares_of(counts), shares_of(reference)
    return ((p - q) * np.log(p / q)).sum(axis=-1)


def stability_limit(
    shares: Sequence[float], n: int, n_reference: int, *, level: float, seed: int = 0
) -> float:
    """Return what the index of a fair sample exceeds with probability `level`.

    Pairs of samples of the two sizes are drawn from the same distribution. The index of small
    samples is large by chance alone (Yurdakul 2018), so no fixed limit serves all sizes.

    Parameters
    ----------
    shares : sequence of float
        Of the bins, together 1.
    n, n_reference : int
        Articles on either side.
    """
    rng = np.random.default_rng(seed)
    p = np.array(shares) / np.sum(shares)
    new, old = rng.multinomial(n, p, DRAWS), rng.multinomial(n_reference, p, DRAWS)
    return float(np.quantile(stability_index(new, old), 1 - level))


def article_counts(idf: NDArray[np.floating[Any]], n_articles: int, *, form: str) -> Vector:
    """Return in how many training articles each term occurs, out of its idf; shape (n_terms,).

    Parameters
    ----------
    idf : ndarray of shape (n_terms,)
    n_articles : int
        Articles whose terms were counted.
    form : {"bm25", "smooth"}
        How the idf was computed: ``ln((n + 1) / (df + 1/2))``, or ``ln((n + 1) / (df + 1)) + 1``.
    """
    offset, shift = (0.5, 0.0) if form == "bm25" else (1.0, 1.0)
    ratio = np.exp(idf.astype(np.float64) - shift)
    return np.asarray(np.rint((n_articles + 1) / ratio - offset))


def jensen_shannon(counts: Matrix, reference: Vector) -> Any:
    """Return the Jensen-Shannon divergence (Lin 1991) of counts from others, 0 to 1 bit.

    Parameters
    ----------
    counts : ndarray of shape (..., n_terms)
        In how many articles each term occurs; not all zero.
    reference : ndarray of shape (n_terms,)
    """
    return term_divergences(counts, reference).sum(axis=-1)


def term_divergences(counts: Matrix, reference: Vector) -> Matrix:
    """Return what each term adds to `jensen_shannon`; shape of `counts`."""
    p = counts / counts.sum(axis=-1, keepdims=True)
    q = reference / reference.sum()
    m = (p + q) / 2
    return np.asarray((_entropy_part(p, m) + _entropy_part(q, m)) / 2)


def _entropy_part(p: Matrix, m: Matrix) -> Matrix:
    # where m is zero, p is too
    ratio = np.divide(p, m, out=np.ones(np.broadcast(p, m).shape), where=(p > 0) & (m > 0))
    return np.asarray(p * np.log2(ratio))
