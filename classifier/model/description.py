"""A model in words: its first lines and its figures for the terminal.

Its card, which tells more, is made by `classifier.evaluation.card`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from classifier.model.model import Model

__all__ = ["cut_texts", "described", "quality_table", "recorded"]


def described(model: Model) -> str:
    """Return what a model is, in a few lines; what its training did not record is left out."""
    kind = "any number of" if model.mode == "several" else "exactly one of"
    labels = ", ".join(model.labels)
    lines = [f"{model.signature}: {kind} {labels}; {len(model.vocabulary):,} terms"]
    corpus = recorded(model, "corpus")
    if {"articles", "natural", "none", "sha256"} <= set(corpus):
        lines.append(
            f"trained on {corpus['articles']:,} articles ({corpus['natural']:,} of them a natural "
            f"sample, {corpus['none']:,} without a label), corpus {corpus['sha256']:.12}"
        )
    versions = recorded(model, "versions")
    if versions:
        lines.append("made with " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())))
    return "\n".join(lines)


def quality_table(model: Model) -> str:
    """Return cross-validated figures of a training as a table for the terminal.

    ``cut`` is the probability from which a label is given.
    """
    figures = recorded(model, "figures")
    if not figures:
        return "no figures are recorded"
    width = max(len(label) for label in model.labels) + 2
    columns = f"{'articles':>9}{'precision':>11}{'recall':>8}{'F1':>7}{'AP':>7}{'cut':>7}"
    rows = [" " * width + columns, *_rows(model, figures["labels"], width)]
    for name in ("micro", "macro"):
        estimate, low, high = figures[f"{name}_f1"]
        rows.append(f"{name}-F1 {_number(estimate)} (95 % interval {_number(low)}–{_number(high)})")
    rows.append(f"articles without a label that were given one: {_percent(figures)}")
    rare = [label for label, f in figures["labels"].items() if f["rare"]]
    if rare:
        rows.append(f"too few articles for a cut of its own, so a safe one: {', '.join(rare)}")
    return "\n".join(rows)


def _rows(model: Model, figures: Mapping[str, Mapping[str, Any]], width: int) -> Iterator[str]:
    for label, cut in zip(model.labels, cut_texts(model), strict=True):
        f = figures[label]
        yield (
            f"{label:<{width}}{f['support']:>9,}{_number(f['precision']):>11}"
            f"{_number(f['recall']):>8}{_number(f['f1']):>7}{_number(f['average_precision']):>7}"
            f"{cut:>7}"
        )


def cut_texts(model: Model) -> list[str]:
    """Return the probability from which each label is given, a dash where there is none."""
    return ["–" if np.isnan(cut) else f"{cut:.2f}" for cut in model.cut_probabilities]


def recorded(model: Model, name: str) -> dict[str, Any]:
    """Return a part of what the training recorded, empty when it did not."""
    part = model.info.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(figures: Mapping[str, Any]) -> str:
    share = figures["false_tag_rate"]
    return "–" if share is None else f"{100 * share:.1f} %"
