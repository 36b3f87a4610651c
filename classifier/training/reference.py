"""What new articles are compared with: how held-out articles looked to the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.evaluation.distances import Histogram, given_tags, jensen_shannon
from classifier.model.model import Model
from classifier.training.features import CountedCorpus
from classifier.training.settings import Settings
from classifier.training.term_counter import document_frequencies

__all__ = ["with_reference"]

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# Sizes of samples whose words are compared with training, each half of the one before.
LEAST_SAMPLE = 20
SAMPLES_PER_FOLD = 12


def with_reference(
    model: Model,
    counted: CountedCorpus,
    folds: NDArray[np.int64],
    settings: Settings,
    *,
    margins: Matrix,
) -> Model:
    """Return `model` with a block ``reference`` in its info, for `classifier.serving.drift`.

    Parameters
    ----------
    model : Model
        As fitted on all articles.
    counted : CountedCorpus
    folds : ndarray of int64 of shape (n_articles,)
        -1 for articles that were never held out, which are no natural sample.
    settings : Settings
    margins : ndarray of shape (n_held_out, n_labels)
    """
    given = given_tags(model, margins)
    occurs, coverage = _words(counted, settings.min_df, bigrams=model.analyzer.bigrams)
    coverage = coverage[folds >= 0]
    words = counted.n_words[folds >= 0].astype(np.float64)
    reference = {
        "articles": len(margins),
        "coverage": Histogram.of(coverage).to_json(),
        "words": Histogram.of(words).to_json(),
        "margins": {
            label: Histogram.of(margins[:, k]).to_json() for k, label in enumerate(model.labels)
        },
        "tagged": dict(zip(model.labels, given.mean(axis=0).round(4).tolist(), strict=True)),
        "untagged": round(float(1 - given.any(axis=1).mean()), 4),
        # with these, the idf tells in how many articles each term occurs
        "idf": settings.idf,
        "counted_articles": len(counted),
        "terms": term_distances(occurs, folds, min_df=settings.min_df),
    }
    return replace(model, info={**model.info, "reference": reference})


def _words(counted: CountedCorpus, min_df: int, *, bigrams: bool) -> tuple[Occurrences, Vector]:
    """Return where terms occur, and the share of each article's words that all others make known.

    Held out a fold at a time, articles would seem to hold fewer known words than new ones do,
    because the model at last has the words of all folds.
    """
    known = document_frequencies(counted.body) > min_df
    body = counted.body if bigrams else counted.body[:, ~counted.is_pair]
    return Occurrences(body), counted.coverage(np.arange(len(counted)), known)


class Occurrences:
    """Occurrences in a matrix of counts, of shape (n_articles, n_terms)."""

    def __init__(self, counts: sp.csr_matrix) -> None:
        ones = np.ones(counts.nnz)
        self._occurs = sp.csr_matrix((ones, counts.indices, counts.indptr), shape=counts.shape)

    def frequencies(self, folds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return in how many articles each term is, in each fold and last in all of them."""
        parts = [self._occurs[folds == fold] for fold in range(folds.max() + 1)]
        return np.stack([document_frequencies(part) for part in [*parts, self._occurs]])

    def of_samples(self, samples: Sequence[NDArray[np.int64]]) -> Iterator[Vector]:
        """Yield in how many articles of each sample each term is; shape (n_terms,)."""
        for sample in samples:
            yield document_frequencies(self._occurs[sample]).astype(np.float64)


def term_distances(
    occurs: Occurrences, folds: NDArray[np.int64], *, min_df: int, seed: int = 0
) -> dict[str, list[int] | list[float]]:
    """Return how far the words of fair samples lie from those of training, by sample size.

    Samples are drawn without replacement out of one fold and compared with the other folds, so
    that no article is compared with itself (subsampling, Politis and Romano 1994).

    Returns
    -------
    dict
        ``sizes`` in articles, rising, and for each the ``mean`` and ``sd`` of the
        Jensen-Shannon divergence in bits. No sizes when folds are too small for any.
    """
    rng = np.random.default_rng(seed)
    found: dict[int, list[float]] = {}
    sizes = _sample_sizes(int((folds == 0).sum()))
    frequencies = occurs.frequencies(folds)
    for fold in range(folds.max() + 1):
        training = frequencies[-1] - frequencies[fold]
        known = training >= min_df
        articles = np.flatnonzero(folds == fold)
        drawn = [size for size in sizes for _ in range(SAMPLES_PER_FOLD)]
        samples = [articles[rng.permutation(len(articles))[:size]] for size in drawn]
        for size, counts in zip(drawn, occurs.of_samples(samples), strict=True):
            if counts[known].any():
                distance = float(jensen_shannon(counts[known], training[known]))
                found.setdefault(size, []).append(distance)
    sizes = sorted(size for size, values in found.items() if len(values) > 1)
    return {
        "sizes": sizes,
        "mean": [round(float(np.mean(found[size])), 6) for size in sizes],
        "sd": [round(float(np.std(found[size], ddof=1)), 6) for size in sizes],
    }


def _sample_sizes(n_articles: int) -> list[int]:
    """Return half of a fold, half of that, and so on down to `LEAST_SAMPLE`."""
    sizes = []
    while (n_articles := n_articles // 2) >= LEAST_SAMPLE:
        sizes.append(int(n_articles))
    return sizes
