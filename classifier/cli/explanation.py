"""Why a prediction came out as it did, as JSON and as words to mark in the text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from itertools import pairwise

from classifier.corpus.write import Codes, prediction_row
from classifier.model.prediction import Explanation, Prediction
from classifier.model.vocabulary import Analyzer

__all__ = ["TOP", "deciding_spans", "explained_json"]

# As many terms as a reader takes in at a glance.
TOP = 8


def explained_json(prediction: Prediction, codes: Codes | None = None) -> str:
    """Return a prediction with its explanation as one line of JSON.

    ``explanation`` holds, per label, ``margin``, ``bias``, ``cut`` (null for a label that is
    never given) and ``terms`` (term → what it adds to the margin, the weightiest first); the
    terms and the bias add up to the margin.
    """
    explanation = {
        label: {
            "margin": why.margin,
            "bias": why.bias,
            "cut": why.cut if math.isfinite(why.cut) else None,
            "terms": {c.term: c.value for c in why.contributions},
        }
        for label, why in prediction.explain().items()
    }
    row = prediction_row(prediction, codes) | {"explanation": explanation}
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def deciding_spans(
    text: str, explanations: Iterable[Explanation], analyzer: Analyzer
) -> list[tuple[int, int, str]]:
    """Return start, end and label of every word of `text` in a label's weightiest terms.

    A word belongs to the label that it raised most. Of a term of two words, only neighbours
    count.
    """
    owners = _owners(explanations)
    tokens = list(analyzer.spans(text))
    labels = [owners.get(token, "") for _, _, token in tokens]
    for i, ((_, _, first), (_, _, second)) in enumerate(pairwise(tokens)):
        owner = owners.get(f"{first} {second}", "")
        labels[i] = labels[i] or owner
        labels[i + 1] = labels[i + 1] or owner
    spans = zip(tokens, labels, strict=True)
    return [(start, stop, label) for (start, stop, _), label in spans if label]


def _owners(explanations: Iterable[Explanation]) -> Mapping[str, str]:
    """Return, per deciding term, the label that it raised most."""
    strongest: dict[str, tuple[float, str]] = {}
    for why in explanations:
        for c in why.raised[:TOP]:
            if c.value > strongest.get(c.term, (0.0, ""))[0]:
                strongest[c.term] = (c.value, why.label)
    return {term: label for term, (_, label) in strongest.items()}
