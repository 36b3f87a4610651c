"""What a model sees in a stream of articles, without keeping their texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article, as_articles
from classifier.model.model import BATCH, Model
from classifier.text import article_text

__all__ = ["Observed", "observe"]

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


def observe(model: Model, articles: Iterable[Article | str], *, seed: int = 0) -> Observed:
    """Read `articles` as a stream; `seed` decides whose terms are kept, and their order."""
    rng = np.random.default_rng(seed)
    seen: dict[str, list[NDArray[np.float64]]] = {"coverage": [], "n_words": [], "margins": []}
    counts = np.zeros(len(model.vocabulary))
    kept: list[NDArray[np.int64]] = []
    n_seen, remaining = 0, iter(articles)
    while batch := as_articles(islice(remaining, BATCH)):
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
