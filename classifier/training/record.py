"""What new articles are compared with: how held-out articles looked to the model."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.drift.drift import Histogram, given_tags, jensen_shannon
from classifier.evaluation.bootstrap import Interval, bootstrap_f1
from classifier.evaluation.metrics import (
    confusion,
    expected_calibration_error,
    f1_of,
    false_tag_rate,
    per_label,
    ratio,
)
from classifier.model.calibration import Calibration, PiecewiseLinear
from classifier.model.model import Model
from classifier.model.vocabulary import Matrix, Vector
from classifier.training.choose import Choice
from classifier.training.count import (
    CountedCorpus,
    LabelledArticles,
    document_frequencies,
)
from classifier.training.cuts import calibrate, held_out_tags
from classifier.training.settings import Settings

__all__ = ["held_out_probabilities", "provenance", "quality_figures", "with_reference"]


# Outlets with figures of their own, and held-out articles from which an outlet has them.
MOST_OUTLETS, FEWEST_ARTICLES = 15, 20
RELIABILITY_BINS = 10


def quality_figures(
    margins: Matrix,
    truth: Matrix,
    folds: NDArray[np.int64],
    groups: NDArray[np.int64],
    labels: tuple[str, ...],
    settings: Settings,
    *,
    sources: Sequence[str] = (),
) -> dict[str, object]:
    """Return cross-validated figures as JSON types; cuts and calibration are cross-fitted too.

    Settings were chosen on the same folds, so these figures flatter a little; nested
    cross-validation and unseen outlets are the business of ``make quality``.

    Parameters
    ----------
    margins, truth : ndarray of shape (n_held_out, n_labels)
    folds, groups : ndarray of int64 of shape (n_held_out,)
    labels : tuple of str, length n_labels
    settings : Settings
    sources : sequence of str, length n_held_out
        Outlets, empty where unknown; without any there are no figures by outlet.
    """
    calibrations = fold_calibrations(margins, truth, folds, settings)
    tags = tags_out_of_fold(margins, truth, folds, settings, calibrations)
    given = tags["balanced"]
    probabilities = _calibrated(margins, folds, calibrations)
    f1 = bootstrap_f1(truth, given, groups=groups)
    errors = expected_calibration_error(truth, probabilities)
    return {
        "micro_f1": _interval(f1["micro"]),
        "macro_f1": _interval(f1["macro"]),
        "false_tag_rate": _number(false_tag_rate(truth, given).value),
        "points": {
            name: point_figures(truth, of_point)
            for name, of_point in tags.items()
            if settings.labels == "several"
        },
        "labels": {
            row.label: {
                "support": row.support,
                "rare": row.support < settings.rare_positives,
                **{
                    name: _number(getattr(row, name))
                    for name in ("precision", "recall", "f1", "average_precision")
                },
                "calibration_error": _number(errors[k]),
            }
            for k, row in enumerate(per_label(truth, given, probabilities, labels))
        },
        "outlets": outlet_figures(truth, given, groups, sources),
        "reliability": reliability_bins(truth, probabilities),
    }


def point_figures(truth: Matrix, given: NDArray[np.bool_]) -> dict[str, float | None]:
    """Return precision, recall and F1 of tags over all cells, and the share of false tags."""
    counts = confusion(truth, given)
    tp, fp, fn = counts.tp.sum(), counts.fp.sum(), counts.fn.sum()
    return {
        "precision": _number(float(ratio(tp, tp + fp))),
        "recall": _number(float(ratio(tp, tp + fn))),
        "f1": _number(float(f1_of(tp, fp, fn))),
        "false_tag_rate": _number(false_tag_rate(truth, given).value),
    }


def outlet_figures(
    truth: Matrix, given: NDArray[np.bool_], groups: NDArray[np.int64], sources: Sequence[str]
) -> list[dict[str, object]]:
    """Return the micro-F1 of outlets with enough articles, those with most articles first."""
    counts = sorted(Counter(filter(None, sources)).items(), key=lambda each: (-each[1], each[0]))
    figures: list[dict[str, object]] = []
    for name, n_articles in counts[:MOST_OUTLETS]:
        if n_articles >= FEWEST_ARTICLES:
            rows = np.array([source == name for source in sources])
            f1 = bootstrap_f1(truth[rows], given[rows], groups=groups[rows])["micro"]
            figures.append({"name": name, "articles": n_articles, "micro_f1": _interval(f1)})
    return figures


def reliability_bins(truth: Matrix, probabilities: Matrix) -> list[dict[str, object]]:
    """Return what was said and what was so, over the known cells of all labels together.

    The bins are of equal width, which is how people name probabilities; empty ones are left out.
    """
    known = ~np.isnan(truth)
    p, y = probabilities[known], truth[known]
    bin_of = np.minimum((p * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    return [
        {
            "from": number / RELIABILITY_BINS,
            "to": (number + 1) / RELIABILITY_BINS,
            "cells": int((bin_of == number).sum()),
            "probability": _number(p[bin_of == number].mean()),
            "present": _number(y[bin_of == number].mean()),
        }
        for number in np.unique(bin_of).tolist()
    ]


def held_out_probabilities(
    margins: Matrix, truth: Matrix, folds: NDArray[np.int64], settings: Settings
) -> Matrix:
    """Return probabilities of held-out articles by calibrations fitted without them."""
    return _calibrated(margins, folds, fold_calibrations(margins, truth, folds, settings))


def fold_calibrations(
    margins: Matrix, truth: Matrix, folds: NDArray[np.int64], settings: Settings
) -> list[Calibration]:
    """Return, per fold, the calibration fitted to the articles of the others."""
    others = [folds != fold for fold in range(folds.max() + 1)]
    return [calibrate(margins[rest], truth[rest], settings) for rest in others]


def _calibrated(
    margins: Matrix, folds: NDArray[np.int64], calibrations: Sequence[Calibration]
) -> Matrix:
    probabilities = np.full(margins.shape, np.nan)
    for fold, calibration in enumerate(calibrations):
        probabilities[folds == fold] = calibration(margins[folds == fold])
    return probabilities


def tags_out_of_fold(
    margins: Matrix,
    truth: Matrix,
    folds: NDArray[np.int64],
    settings: Settings,
    calibrations: Sequence[Calibration],
) -> dict[str, NDArray[np.bool_]]:
    """Return tags of held-out articles, cuts chosen without them, by working point."""
    if settings.labels == "one":
        return {"balanced": np.arange(truth.shape[1]) == margins.argmax(axis=1)[:, None]}
    fitted = [c if isinstance(c, PiecewiseLinear) else None for c in calibrations]
    return held_out_tags(margins, truth, folds, fitted=fitted, **settings.cut_rules)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _interval(found: Interval) -> list[float | None]:
    return [_number(value) for value in (found.estimate, found.low, found.high)]


def provenance(
    counted: LabelledArticles,
    Y: Matrix,
    choice: Choice,
    settings: Settings,
    labels: tuple[str, ...],
) -> dict[str, object]:
    """Return settings, choices, corpus and versions as JSON types, for the manifest."""
    return {
        "settings": settings.to_json(),
        "chosen": {
            "C": dict(zip(labels, choice.C, strict=True)),
            "lead_repeats": choice.candidate.lead_repeats,
            "bigrams": choice.candidate.bigrams,
            "ratio_power": choice.candidate.ratio_power,
            "borderline_weight": choice.candidate.borderline_weight,
            "corpus_weights": dict(
                zip(counted.corpora, choice.candidate.corpus_weights, strict=True)
            ),
        },
        "trials": [
            {**vars(candidate), "score": round(trial.score, 6), "folds": trial.folds}
            for candidate, trial in choice.trials.items()
        ],
        "corpus": {
            "names": counted.corpora,
            "parts": _parts(counted),
            "sha256": counted.sha256,
            "articles": len(counted),
            "natural": int(counted.natural.sum()),
            "unlabelled": counted.n_unlabelled,
            "none": int((np.nansum(Y, axis=1) == 0).sum()),
            "positives": dict(zip(labels, np.nansum(Y, axis=0).astype(int).tolist(), strict=True)),
        },
        "versions": {
            "python": platform.python_version(),
            **{p: version(p) for p in ("classifier", "numpy", "scipy", "scikit-learn")},
        },
    }


def _parts(counted: LabelledArticles) -> list[dict[str, object]]:
    """Return the corpora in order: name, articles, natural ones, whether it was auxiliary."""
    members = [counted.corpus == number for number in range(len(counted.corpora))]
    return [
        {
            "name": name,
            "articles": int(member.sum()),
            "natural": int(counted.natural[member].sum()),
            # else each article says of itself that it was picked
            "auxiliary": any(
                counted.labels[i].natural and not counted.natural[i] for i in np.flatnonzero(member)
            ),
        }
        for name, member in zip(counted.corpora, members, strict=True)
    ]


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
    """Return `model` with a block ``reference`` in its info, for `classifier.drift.drift`.

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
    counts, coverage = _words(counted, settings.min_df, bigrams=model.analyzer.bigrams)
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
        "terms": term_distances(counts, folds, min_df=settings.min_df),
    }
    return replace(model, info={**model.info, "reference": reference})


def _words(counted: CountedCorpus, min_df: int, *, bigrams: bool) -> tuple[sp.csr_matrix, Vector]:
    """Return the counts of terms, and the share of each article's words that all others make known.

    Held out a fold at a time, articles would seem to hold fewer known words than new ones do,
    because the model at last has the words of all folds.
    """
    counts = counted.counts(0)
    known = document_frequencies(counts) > min_df
    coverage = counted.coverage(np.arange(len(counted)), known)
    left_out = counted.is_pair.any() and not bigrams
    return counts[:, ~counted.is_pair] if left_out else counts, coverage


def term_distances(
    counts: sp.csr_matrix, folds: NDArray[np.int64], *, min_df: int, seed: int = 0
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
    frequencies = document_frequencies(counts)
    for fold in range(folds.max() + 1):
        held = counts[folds == fold]
        training = (frequencies - document_frequencies(held)).astype(np.float64)
        known = np.flatnonzero(training >= min_df)
        held, training = held[:, known], training[known]
        for size in (size for size in sizes for _ in range(SAMPLES_PER_FOLD)):
            drawn = held[rng.permutation(held.shape[0])[:size]]
            df = np.bincount(drawn.indices, minlength=len(known))
            if df.any():
                found.setdefault(size, []).append(_distance(df, training))
    sizes = sorted(size for size, values in found.items() if len(values) > 1)
    return {
        "sizes": sizes,
        "mean": [round(float(np.mean(found[size])), 6) for size in sizes],
        "sd": [round(float(np.std(found[size], ddof=1)), 6) for size in sizes],
    }


def _distance(df: NDArray[np.int64], training: Vector) -> float:
    """Return the divergence of a sample from training.

    All terms that the sample lacks are taken as one, which adds as much as they do.
    """
    reference = training[df > 0]
    counts = np.append(df[df > 0], 0.0)
    return float(jensen_shannon(counts, np.append(reference, training.sum() - reference.sum())))


def _sample_sizes(n_articles: int) -> list[int]:
    """Return half of a fold, half of that, and so on down to `LEAST_SAMPLE`."""
    sizes = []
    while (n_articles := n_articles // 2) >= LEAST_SAMPLE:
        sizes.append(int(n_articles))
    return sizes
