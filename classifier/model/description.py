"""A model in words: its card, its figures, its first lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from classifier.model.model import Model

__all__ = ["described", "model_card", "quality_table"]

NUMBER_WORDS = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 10: "ten"}


def described(model: Model) -> str:
    """Return what a model is, in a few lines; what its training did not record is left out."""
    kind = "any number of" if model.mode == "several" else "exactly one of"
    labels = ", ".join(model.labels)
    lines = [f"{model.signature}: {kind} {labels}; {len(model.vocabulary):,} terms"]
    corpus = _part(model, "corpus")
    if {"articles", "natural", "none", "sha256"} <= set(corpus):
        lines.append(
            f"trained on {corpus['articles']:,} articles ({corpus['natural']:,} of them a natural "
            f"sample, {corpus['none']:,} without a label), corpus {corpus['sha256']:.12}"
        )
    versions = _part(model, "versions")
    if versions:
        lines.append("made with " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())))
    return "\n".join(lines)


def quality_table(model: Model) -> str:
    """Return cross-validated figures of a training as a table for the terminal.

    ``cut`` is the probability from which a label is given.
    """
    figures = _part(model, "figures")
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
    cuts = model.calibration(np.where(np.isfinite(model.cuts), model.cuts, 1e9)[None, :])[0]
    for k, label in enumerate(model.labels):
        f = figures[label]
        given = model.mode == "several" and np.isfinite(model.cuts[k])
        yield (
            f"{label:<{width}}{f['support']:>9,}{_number(f['precision']):>11}"
            f"{_number(f['recall']):>8}{_number(f['f1']):>7}{_number(f['average_precision']):>7}"
            f"{f'{cuts[k]:.2f}' if given else '–':>7}"
        )


def model_card(model: Model) -> str:
    """Return the README of a model folder, in Markdown."""
    gives = (
        "gives each label whose margin reaches its cut, several or none"
        if model.mode == "several"
        else "gives the label with the highest margin"
    )
    return f"""# {model.name}

A linear tagger of `classifier` for news articles. It reads headline and text, weighs words by
tf-idf, and {gives}.
The scores are calibrated probabilities.

```
{described(model)}
```

## Figures

{_origin_of_figures(model)}
```
{quality_table(model)}
```

## Chosen by cross-validation

{_chosen(model)}
## Use

`classifier predict --model FOLDER article.txt`, or `classifier.load("FOLDER")` in Python. The
folder holds numbers and words only; nothing in it runs. An article with fewer than
{model.min_words} known words, or less than {100 * model.min_coverage:.0f} % of its words known,
is not judged.
"""


def _origin_of_figures(model: Model) -> str:
    n_folds = _part(model, "settings").get("n_folds")
    if not n_folds or not _part(model, "figures"):
        return ""
    return f"""Cross-validation over {NUMBER_WORDS.get(n_folds, n_folds)} folds of the training \
corpus, cuts chosen without the
articles they are judged on. The settings below were chosen on the same folds, so expect a little
less on articles of other outlets.
"""


def _chosen(model: Model) -> str:
    chosen = _part(model, "chosen")
    return "".join(f"- {name}: {_value(value)}\n" for name, value in chosen.items()) or "Nothing.\n"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{each} for {name}" for name, each in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _part(model: Model, name: str) -> dict[str, Any]:
    part = model.info.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(figures: Mapping[str, Any]) -> str:
    share = figures["false_tag_rate"]
    return "–" if share is None else f"{100 * share:.1f} %"
