"""Whether new articles are like those a model was trained on, and in what they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import BadInputError, ModelError, number_of
from classifier.fields import Articles, iter_articles
from classifier.model.folder import reading_record
from classifier.model.model import BATCH, Model
from classifier.pages.document import Bullets, Document, Section, Table, percent
from classifier.text import article_text

__all__ = [
    "LEAST_ARTICLES",
    "LEVELS",
    "Drift",
    "Histogram",
    "Measure",
    "Observed",
    "article_counts",
    "drift",
    "drift_document",
    "given_tags",
    "jensen_shannon",
    "observe",
    "stability_index",
    "stability_limit",
    "term_divergences",
]


Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
# Articles whose terms are kept; a fair draw of them when there are more.
TERMS_KEPT = 5000


@dataclass(frozen=True)
class Observed:
    """What a model saw.

    Parameters
    ----------
    coverage, n_words : ndarray of float64 of shape (n_articles,)
    margins : ndarray of shape (n_articles, n_labels)
    term_counts : ndarray of float64 of shape (n_terms,)
        In how many articles each term occurs.
    terms : list of ndarray of int64
        Terms of each of at most `TERMS_KEPT` articles, in random order.
    """

    coverage: Vector
    n_words: Vector
    margins: Matrix
    term_counts: Vector
    terms: list[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.coverage)

    def parts(self, size: int, n_terms: int) -> Iterator[Vector]:
        """Yield how many articles each term is in, for one lot of `size` articles after another."""
        for start in range(0, len(self.terms) - size + 1, size):
            ids = np.concatenate(self.terms[start : start + size])
            yield np.bincount(ids, minlength=n_terms).astype(np.float64)


def observe(model: Model, articles: Articles, *, seed: int = 0) -> Observed:
    """Read `articles` as a stream; `seed` decides whose terms are kept, and their order."""
    rng = np.random.default_rng(seed)
    seen: dict[str, list[NDArray[np.float64]]] = {"coverage": [], "n_words": [], "margins": []}
    counts = np.zeros(len(model.vocabulary))
    kept: list[NDArray[np.int64]] = []
    n_seen, remaining = 0, iter_articles(articles)
    while batch := list(islice(remaining, BATCH)):
        reading = model.read(map(article_text, batch))
        seen["coverage"].append(reading.n_known / np.maximum(reading.n_words, 1))
        seen["n_words"].append(reading.n_words.astype(np.float64))
        seen["margins"].append(model.margins_from(reading))
        counts += np.bincount(reading.terms, minlength=len(counts))
        for ids in np.split(reading.terms, reading.starts[1:-1]):
            n_seen += 1
            _keep(kept, ids, n_seen, rng)
    order = rng.permutation(len(kept))
    return Observed(
        **{name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in seen.items()},
        term_counts=counts,
        terms=[kept[i] for i in order],
    )


def _keep(
    kept: list[NDArray[np.int64]], ids: NDArray[np.int64], n_seen: int, rng: np.random.Generator
) -> None:
    """Keep one more article, or in place of another as chance decides (Vitter 1985)."""
    if len(kept) < TERMS_KEPT:
        kept.append(ids)
    elif (place := int(rng.integers(n_seen))) < TERMS_KEPT:
        kept[place] = ids


LEVELS = ("as in training", "somewhat different", "different")


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing compared.

    Parameters
    ----------
    name : str
        ``coverage``, ``words``, ``margin of <label>``, ``tag <label>`` or ``terms``.
    training, here : float or None
        Medians, or for tags shares of articles; ``None`` where there is no single number.
    distance : float
        Population stability index; for terms the Jensen-Shannon divergence in bits.
    chance : float
        What the distance of a fair sample of this size stays below.
    allowed : tuple of float
        How far beyond chance "somewhat different" and "different" begin.
    reason : str
        The comparison in words.
    """

    name: str
    training: float | None
    here: float | None
    distance: float
    chance: float
    allowed: tuple[float, float]
    reason: str

    @property
    def level(self) -> int:
        """0 as in training, 1 somewhat different, 2 different."""
        return sum(self.distance > self.chance + allowed for allowed in self.allowed)


@dataclass(frozen=True, slots=True)
class Drift:
    """How new articles compare with those held out in training.

    Parameters
    ----------
    model : str
        Its name and short hash.
    n_articles, n_training : int
        New articles, and the held-out ones they are compared with.
    measures : tuple of Measure
    more_often : tuple of str
        The terms that set the new articles apart most, the strongest first.
    """

    model: str
    n_articles: int
    n_training: int
    measures: tuple[Measure, ...]
    more_often: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """``as in training``, ``somewhat different`` or ``different``: that of the worst."""
        return LEVELS[max(measure.level for measure in self.measures)]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What differs, the worst first; empty when nothing does."""
        off = [measure for measure in self.measures if measure.level]
        off.sort(key=lambda m: (-m.level, -(m.distance - m.chance) / m.allowed[0]))
        return tuple(measure.reason for measure in off)

    def to_json(self) -> dict[str, object]:
        """Return everything as JSON types."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "model": self.model,
            "articles": self.n_articles,
            "training_articles": self.n_training,
            "measures": {
                m.name: {
                    "verdict": LEVELS[m.level],
                    "training": m.training,
                    "here": m.here,
                    "distance": round(m.distance, 4),
                    "chance": round(m.chance, 4),
                }
                for m in self.measures
            },
            "more_often": list(self.more_often),
        }


LEAST_ARTICLES = 20
# Of fair samples, at most this share may be called anything but "as in training".
FALSE_ALARMS = 0.05
# How far beyond chance a measure may go: what credit scoring calls stable, and what a real shift
# (Siddiqi 2006); for terms, in bits, what batches of single outlets show (docs/drift.md).
ALLOWED = (0.1, 0.25)
ALLOWED_TERMS = (0.01, 0.05)
N_TERMS = 8


def drift(model: Model, articles: Articles) -> Drift:
    """Compare articles with those held out when the model was trained.

    Coverage, length, margins and tags are compared by the population stability index, terms by
    the Jensen-Shannon divergence. Each may go as far as chance takes a fair sample of the same
    size, at a level divided by the number of measures (Bonferroni), and by `ALLOWED` beyond.

    Parameters
    ----------
    model : Model
        Trained by a version that keeps a reference; see `classifier.training.record`.
    articles : iterable of Article or str
        Read once, as a stream.

    Raises
    ------
    ModelError
        When the model keeps no reference.
    BadInputError
        When there are fewer than `LEAST_ARTICLES` articles.
    """
    reference = _reference(model)
    seen = observe(model, articles)
    if len(seen) < LEAST_ARTICLES:
        raise BadInputError(
            f"{number_of(len(seen), 'article tells', 'articles tell')} nothing about the rest: "
            f"compare {LEAST_ARTICLES} or more."
        )
    with reading_record(model):
        level = FALSE_ALARMS / (3 + 2 * len(model.labels))
        base = _base(model, reference)
        measures = [*_scalars(model, seen, reference, level), *_tags(model, seen, reference, level)]
        measures += _terms(model, seen, reference["terms"], base, level)
        n_training = int(reference["articles"])
    names = _more_often(model, seen.term_counts, base)
    return Drift(model.signature, len(seen), n_training, tuple(measures), names)


def drift_document(found: Drift) -> Document:
    """Return the verdict, its reasons and every measure as a document."""
    says = (
        f"{found.n_articles:,} articles, compared with the {found.n_training:,} held out when "
        f"{found.model} was trained: {found.verdict}."
    )
    reasons = (Bullets.of(found.reasons),) if found.reasons else ()
    rows = tuple(
        (
            measure.name,
            *("–" if v is None else f"{v:.4g}" for v in (measure.training, measure.here)),
            f"{measure.distance:.3f}",
            f"{measure.chance:.3f}",
            LEVELS[measure.level],
        )
        for measure in found.measures
    )
    columns = ("measure", "training", "here", "distance", "chance", "verdict")
    sections = (Section("Measures", (Table(columns, rows),)),)
    return Document("drift", found.verdict.capitalize(), (says, *reasons), sections)


def _reference(model: Model) -> Mapping[str, Any]:
    reference = model.info.get("reference")
    if not isinstance(reference, dict):
        raise ModelError(
            f"model '{model.name}' keeps nothing to compare new articles with: it was trained by "
            "an older classifier. Train it again."
        )
    return reference


def _scalars(
    model: Model, seen: Observed, reference: Mapping[str, Any], level: float
) -> Iterator[Measure]:
    n = int(reference["articles"])
    named = {
        "coverage": ("known words", seen.coverage, reference["coverage"]),
        "words": ("length in words", seen.n_words, reference["words"]),
    }
    for k, label in enumerate(model.labels):
        name = f"margin of {label}"
        named[name] = (name, seen.margins[:, k], reference["margins"][label])
    for name, (words, values, stored) in named.items():
        histogram = Histogram.from_json(stored)
        counts = histogram.counts(values)
        yield Measure(
            name,
            histogram.median,
            round(float(np.median(values)), 4),
            float(stability_index(counts, np.array(histogram.shares) * n)),
            stability_limit(histogram.shares, len(seen), n, level=level),
            ALLOWED,
            f"{words}: {_tails(histogram, counts / len(seen))}",
        )


def _tails(histogram: Histogram, here: Vector) -> str:
    """Return how much lies below the lowest and above the highest edge, here and in training."""
    low, high, shares = histogram.edges[0], histogram.edges[-1], histogram.shares
    return (
        f"{percent(here[0])} of the articles at {low:.4g} or less ({percent(shares[0])} in "
        f"training), {percent(here[-1])} above {high:.4g} ({percent(shares[-1])})"
    )


def _tags(
    model: Model, seen: Observed, reference: Mapping[str, Any], level: float
) -> Iterator[Measure]:
    n = int(reference["articles"])
    given = given_tags(model, seen.margins)
    for k, label in enumerate(model.labels):
        before, here = float(reference["tagged"][label]), float(given[:, k].mean())
        old, new = np.array([before, 1 - before]), np.array([here, 1 - here])
        yield Measure(
            f"tag {label}",
            before,
            round(here, 4),
            float(stability_index(new * len(seen), old * n)),
            stability_limit(old.tolist(), len(seen), n, level=level),
            ALLOWED,
            f"{label} is given to {percent(here, 1)} ({percent(before, 1)} in training)",
        )


def _base(model: Model, reference: Mapping[str, Any]) -> Vector:
    """Return in how many training articles each term occurs."""
    n_counted = int(reference["counted_articles"])
    return article_counts(model.idf, n_counted, form=str(reference["idf"]))


def _terms(
    model: Model, seen: Observed, stored: Mapping[str, Any], base: Vector, level: float
) -> Iterator[Measure]:
    """Yield the comparison of terms, in parts of a size for which training tells what is fair."""
    fitting = [i for i, size in enumerate(stored["sizes"]) if size <= len(seen)]
    if not fitting:
        return
    size, mean, sd = (stored[name][fitting[-1]] for name in ("sizes", "mean", "sd"))
    parts = seen.parts(int(size), len(model.vocabulary))
    distance = float(np.mean([jensen_shannon(part, base) if part.any() else 1.0 for part in parts]))
    names = ", ".join(_more_often(model, seen.term_counts, base)) or "none that the model knows"
    chance = mean + sd * NormalDist().inv_cdf(1 - level)
    reason = f"words: more often than in training {names}"
    yield Measure("terms", None, None, distance, chance, ALLOWED_TERMS, reason)


def _more_often(model: Model, counts: Vector, base: Vector) -> tuple[str, ...]:
    if not counts.any():
        return ()
    more = counts / counts.sum() > base / base.sum()
    order = np.argsort(-np.where(more, term_divergences(counts, base), 0.0), kind="stable")
    return tuple(model.vocabulary[i] for i in order[:N_TERMS] if more[i])


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
