"""A model in words: its card, its figures, its first lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from classifier.model.model import Model

__all__ = ["described", "model_card", "quality_table"]


def described(model: Model) -> str:
    """Return what a model is, in a few lines."""
    corpus = _part(model, "corpus")
    kind = "any number of labels" if model.mode == "several" else "exactly one label"
    lines = [
        f"{model.signature}: {kind} of {len(model.labels)}, {len(model.vocabulary):,} terms",
    ]
    if corpus:
        lines.append(
            f"trained on {corpus['articles']:,} articles ({corpus['natural']:,} of them a natural "
            f"sample; {corpus['none']:,} without a label), corpus {corpus['sha256'][:12]}"
        )
    versions = _part(model, "versions")
    if versions:
        lines.append("made with " + ", ".join(f"{k} {v}" for k, v in versions.items()))
    return "\n".join(lines)


def quality_table(model: Model) -> str:
    """Return cross-validated figures of a training as a table for the terminal."""
    figures = _part(model, "figures")
    if not figures:
        return "no figures are recorded"
    header = f"{'':<14}{'articles':>9}{'precision':>11}{'recall':>8}{'F1':>7}{'AP':>7}{'cut':>7}"
    rows = [header, *_rows(model, figures["labels"])]
    for name in ("micro", "macro"):
        estimate, low, high = figures[f"{name}_f1"]
        rows.append(f"{name}-F1 {_number(estimate)} (95 % interval {_number(low)}–{_number(high)})")
    rows.append(
        f"{_percent(figures['false_tag_rate'])} of the articles without a label were given one"
    )
    rare = [label for label, f in figures["labels"].items() if f["rare"]]
    if rare:
        rows.append(
            f"too few articles for a cut of their own, a safe one is used: {', '.join(rare)}"
        )
    return "\n".join(rows)


def _rows(model: Model, figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    cuts = model.calibration(np.where(np.isfinite(model.cuts), model.cuts, 1e9)[None, :])[0]
    for k, label in enumerate(model.labels):
        f = figures[label]
        cut = f"{cuts[k]:.2f}" if model.mode == "several" else "–"
        yield (
            f"{label:<14}{f['support']:>9,}{_number(f['precision']):>11}{_number(f['recall']):>8}"
            f"{_number(f['f1']):>7}{_number(f['average_precision']):>7}{cut:>7}"
        )


def model_card(model: Model) -> str:
    """Return the README of a model folder, in Markdown."""
    corpus, chosen = _part(model, "corpus"), _part(model, "chosen")
    trained = f"It was trained on {corpus['articles']:,} articles." if corpus else ""
    settings = "".join(f"- {name}: {value}\n" for name, value in chosen.items())
    return f"""# {model.name}

A linear tagger for news articles: {", ".join(model.labels)}. {trained}
It reads headline and text, weighs words by tf-idf, and gives each label whose margin reaches
its cut; the scores are calibrated probabilities.

```
{described(model)}
```

## Figures

Five-fold cross-validation on the training corpus, cuts chosen without the articles they are
judged on. The penalty and the weights were chosen on the same folds, so expect a little less on
articles of other outlets.

```
{quality_table(model)}
```

## Chosen by cross-validation

{settings}
## Use

`classifier predict --model FOLDER article.txt`, or `classifier.load("FOLDER")` in Python. The
folder holds numbers and words only; nothing in it runs. An article with fewer than
{model.min_words} known words, or with less than {model.min_coverage:.0%} of its words known, is
not judged.
"""


def _part(model: Model, name: str) -> dict[str, Any]:
    part = model.info.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
