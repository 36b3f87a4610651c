"""What new articles are compared with: how held-out articles looked to the model."""

from __future__ import annotations

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
    occurs = _occurrences(counted, model)
    coverage = _coverage_by_others(counted, np.flatnonzero(folds >= 0), settings.min_df)
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


def _occurrences(counted: CountedCorpus, model: Model) -> sp.csr_matrix:
    """Return which terms of the model's kind are in which articles, as 0 and 1."""
    body = counted.body if model.analyzer.bigrams else counted.body[:, ~counted.is_pair]
    return sp.csr_matrix((np.ones(body.nnz), body.indices, body.indptr), shape=body.shape)


def _coverage_by_others(counted: CountedCorpus, rows: NDArray[np.int64], min_df: int) -> Vector:
    """Return the share of each article's words that all other articles make known.

    Held out a fold at a time, articles would seem to hold fewer known words than new ones do,
    because the model at last has the words of all folds.
    """
    return counted.coverage(rows, document_frequencies(counted.body) > min_df)


def term_distances(
    occurs: sp.csr_matrix, folds: NDArray[np.int64], *, min_df: int, seed: int = 0
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
    for fold in range(folds.max() + 1):
        training = np.asarray(occurs[folds != fold].sum(axis=0)).ravel()
        known = training >= min_df
        held = occurs[folds == fold][:, known]
        for size in _sample_sizes((folds == 0).sum()):
            counts = _sampled(rng, held.shape[0], size) @ held
            found.setdefault(size, []).extend(_distances(counts, training[known]))
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


def _sampled(rng: np.random.Generator, n_articles: int, size: int) -> sp.csr_matrix:
    """Return which articles are in each sample; shape (SAMPLES_PER_FOLD, n_articles)."""
    samples = [rng.permutation(n_articles)[:size] for _ in range(SAMPLES_PER_FOLD)]
    columns, starts = np.concatenate(samples), np.arange(SAMPLES_PER_FOLD + 1) * size
    shape = (SAMPLES_PER_FOLD, n_articles)
    return sp.csr_matrix((np.ones(len(columns)), columns, starts), shape=shape)


def _distances(counts: sp.csr_matrix, training: Vector) -> list[float]:
    """Return the divergence of each sample that holds a known word."""
    rows = (counts[i].toarray().ravel() for i in range(counts.shape[0]))
    return [float(jensen_shannon(row, training)) for row in rows if row.any()]
