"""Why a prediction came out as it did, for a terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping

import typer

from classifier.article import Article
from classifier.corpus.write import prediction_row
from classifier.model.prediction import Contribution, Explanation, Prediction
from classifier.model.tokenize import token_spans
from classifier.text import article_text

__all__ = ["explained_json", "explained_text"]

# As many terms as a reader takes in at a glance.
TOP = 8
COLOURS = ("yellow", "cyan", "green", "magenta", "blue", "red")


def explained_json(prediction: Prediction) -> str:
    """Return a prediction with its explanation as one line of JSON.

    ``explanation`` holds, per label, ``margin``, ``bias``, ``cut`` and ``terms`` (term → what it
    adds to the margin, the weightiest first); the terms and the bias add up to the margin.
    """
    explanation = {
        label: {
            "margin": why.margin,
            "bias": why.bias,
            "cut": why.cut,
            "terms": {c.term: c.value for c in why.contributions},
        }
        for label, why in prediction.explain().items()
    }
    row = prediction_row(prediction) | {"explanation": explanation}
    return json.dumps(row, ensure_ascii=False)


def explained_text(article: Article, prediction: Prediction, *, colour: bool) -> str:
    """Return the terms that raised and lowered each tag, then the text with them marked.

    An article without a tag is explained by its most probable label.
    """
    explanations = prediction.explain()
    labels = prediction.tags or (max(prediction.scores, key=prediction.scores.__getitem__),)
    paint = {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(explanations)}
    lines = [_reasons(explanations[label], paint[label], colour=colour) for label in labels]
    owners = _owners({label: explanations[label] for label in labels})
    return "\n".join([*lines, "", _marked(article_text(article), owners, paint, colour=colour)])


def _reasons(why: Explanation, paint: str, *, colour: bool) -> str:
    name = typer.style(why.label, fg=paint, bold=True) if colour else why.label
    lines = [
        f"  {name}: margin {why.margin:+.3f} (given from {why.cut:+.3f}), bias {why.bias:+.3f}"
    ]
    for sign, terms in (("+", why.raised[:TOP]), ("-", why.lowered[:TOP])):
        if terms:
            lines.append(f"    {sign} " + "  ".join(_term(c) for c in terms))
    return "\n".join(lines)


def _term(c: Contribution) -> str:
    return f"{c.term} {abs(c.value):.3f}"


def _owners(explanations: Mapping[str, Explanation]) -> dict[str, str]:
    """Return, per deciding term, the label that it raised most."""
    strongest: dict[str, tuple[float, str]] = {}
    for label, why in explanations.items():
        for c in why.raised[: 2 * TOP]:
            for word in c.term.split(" "):
                strongest[word] = max(strongest.get(word, (0.0, label)), (c.value, label))
    return {word: label for word, (_, label) in strongest.items()}


def _marked(text: str, owners: Mapping[str, str], paint: Mapping[str, str], *, colour: bool) -> str:
    parts, end = [], 0
    for start, stop, token in token_spans(text):
        if token in owners:
            label = owners[token]
            word = text[start:stop]
            marked = typer.style(word, fg=paint[label], bold=True) if colour else f"[{word}]"
            parts += [text[end:start], marked]
            end = stop
    shown = "".join([*parts, text[end:]])
    return "\n".join(f"    {line}" for line in shown.splitlines())
