"""Why a prediction came out as it did, as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from classifier.article import Article
from classifier.corpus.write import prediction_row
from classifier.model.model import Model
from classifier.model.prediction import Explanation, Prediction
from classifier.text import article_text

__all__ = ["cut_probabilities", "explained"]

Span = tuple[int, int, str]


def cut_probabilities(
    model: Model, thresholds: Mapping[str, float] | None = None
) -> dict[str, float | None]:
    """Return, per label, the probability from which it is given.

    ``None`` stands for a label that is never given, and for all labels of a model that gives
    exactly one.
    """
    cuts = {
        label: None if np.isnan(cut) else round(cut, 6)
        for label, cut in zip(model.labels, model.cut_probabilities.tolist(), strict=True)
    }
    return cuts | dict(thresholds or {})


def explained(
    model: Model, article: Article, *, thresholds: Mapping[str, float] | None = None
) -> dict[str, object]:
    """Return the prediction, the text that was read, reasons per label, and words to mark.

    Raises
    ------
    ModelError
        When a threshold names no label of the model.
    """
    prediction = model.predict([article], thresholds=thresholds)[0]
    why, cuts = prediction.explain(), cut_probabilities(model, thresholds)
    text = article_text(article)
    terms = {c.term for c in next(iter(why.values())).contributions}
    return {
        "prediction": prediction_row(prediction),
        "text": text,
        "labels": {
            label: _reasons(prediction, each, cuts[label], label) for label, each in why.items()
        },
        "spans": list(_spans(model, text, terms)),
    }


def _reasons(
    prediction: Prediction, why: Explanation, cut: float | None, label: str
) -> dict[str, object]:
    return {
        "probability": round(float(prediction.scores[label]), 6),
        "cut": cut,
        "margin": why.margin,
        "bias": why.bias,
        "terms": [
            {"term": c.term, "count": c.count, "contribution": c.value} for c in why.contributions
        ],
    }


def _spans(model: Model, text: str, terms: set[str]) -> Iterator[Span]:
    """Yield start, end and term of every known word of `text`, then of every known pair."""
    words = list(model.analyzer.spans(text))
    yield from (word for word in words if word[2] in terms)
    if model.analyzer.bigrams:
        for (start, _, first), (_, end, second) in pairwise(words):
            if f"{first} {second}" in terms:
                yield start, end, f"{first} {second}"
