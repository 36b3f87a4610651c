"""The part of a card that tells how good a model is and where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from classifier.evaluation.markdown_table import markdown_table, plain
from classifier.evaluation.report import Report
from classifier.evaluation.summary import (
    LABEL_COLUMNS,
    SLICE_COLUMNS,
    headline_rows,
    label_rows,
    slice_rows,
    subject,
    warnings,
)
from classifier.model.description import cut_texts, recorded
from classifier.model.model import Model

__all__ = ["figures_blocks", "measured_blocks"]

Figures = Mapping[str, Any]

MOST_OUTLETS = 15
_LABEL_COLUMNS = ("label", "articles", "precision", "recall", "F1", "AP", "ECE", "cut")
_NUMBERS = ("precision", "recall", "f1", "average_precision", "calibration_error")


def figures_blocks(model: Model) -> Iterator[str]:
    """Yield the held-out figures of the training, calibration and known failures."""
    yield "## Figures"
    figures = recorded(model, "figures")
    if not figures:
        yield "No figures are recorded."
        return
    yield _origin(model)
    yield markdown_table(_LABEL_COLUMNS, _label_rows(model, figures))
    yield _overall(figures)
    if figures.get("outlets"):
        yield "### By outlet"
        yield "The outlets with most held-out articles; others of each were trained on."
        yield markdown_table(("outlet", "articles", "micro-F1"), _outlet_rows(figures))
    if figures.get("reliability"):
        yield "## Calibration"
        yield _CALIBRATION
        yield markdown_table(("said", "mean said", "was so", "cases"), _bins(figures))
    yield "## Known failures"
    yield "\n".join(f"- {failure}" for failure in _failures(model, figures))


def _origin(model: Model) -> str:
    settings = recorded(model, "settings")
    folds = f"{settings['n_folds']}-fold " if "n_folds" in settings else ""
    return (
        f"From {folds}cross-validation on the articles of natural samples, near-duplicates kept "
        "together, cuts and calibration made without the articles they are judged on. Settings "
        "were chosen on the same folds and outlets are on both sides, so expect less on articles "
        "of other outlets. In brackets 95 % bootstrap intervals. AP is the average precision, "
        "ECE the expected calibration error, *cut* the probability from which a label is given."
    )


def _label_rows(model: Model, figures: Figures) -> Iterator[list[str]]:
    for label, cut in zip(model.labels, cut_texts(model), strict=True):
        row = figures["labels"][label]
        numbers = [_number(row.get(name)) for name in _NUMBERS]
        yield [plain(label), f"{row['support']:,}", *numbers, cut]


def _overall(figures: Figures) -> str:
    return (
        f"Micro-F1 **{_interval(figures['micro_f1'])}**, "
        f"macro-F1 **{_interval(figures['macro_f1'])}**."
    )


def _outlet_rows(figures: Figures) -> Iterator[list[str]]:
    for each in figures["outlets"]:
        yield [plain(each["name"]), f"{each['articles']:,}", _interval(each["micro_f1"])]


_CALIBRATION = """\
What the model said of held-out articles and how often it was so. A case is an article and a label;
were the probabilities perfect, the two columns in the middle would be equal."""


def _bins(figures: Figures) -> Iterator[list[str]]:
    for each in figures["reliability"]:
        said = f"{100 * each['from']:.0f}–{100 * each['to']:.0f} %"
        shares = [f"{100 * each[name]:.1f} %" for name in ("probability", "present")]
        yield [said, *shares, f"{each['cells']:,}"]


def _failures(model: Model, figures: Figures) -> Iterator[str]:
    labels = {plain(label): figures["labels"][label] for label in model.labels}
    yield from _weakest(labels, "f1", min, _weakest_label)
    yield from _weakest(
        labels, "calibration_error", max,
        lambda name, row: f"Probabilities are least reliable for **{name}**: off by "
        f"{100 * row['calibration_error']:.1f} % on average.",
    )  # fmt: skip
    outlets = {plain(each["name"]): each for each in figures.get("outlets", ())}
    if len(outlets) > 1:
        name, worst = min(outlets.items(), key=lambda each: _estimate(each[1]))
        yield f"Weakest outlet: **{name}**, micro-F1 {_interval(worst['micro_f1'])}."
    if figures["false_tag_rate"] is not None:
        share = f"{100 * figures['false_tag_rate']:.1f} %"
        yield f"Of the articles without a label, {share} are given one all the same."
    rare = [name for name, row in labels.items() if row["rare"]]
    if rare:
        yield f"Too few articles for a cut of its own, so a safe one: {', '.join(rare)}."
    yield (
        "It knows the words of its corpus: names and affairs that came up later say nothing to "
        "it. `classifier drift` tells when new articles have moved away."
    )


def _weakest(
    labels: Figures, name: str, worst: Callable[..., str], say: Callable[[str, Figures], str]
) -> Iterator[str]:
    known = [label for label, row in labels.items() if row.get(name) is not None]
    if known:
        label = worst(known, key=lambda each: labels[each][name])
        yield say(label, labels[label])


def _weakest_label(name: str, row: Figures) -> str:
    said = f"Weakest label: **{name}**, F1 {_number(row['f1'])}"
    if row["precision"] is None or row["recall"] is None:
        return f"{said}."
    return (
        f"{said}; of 100 articles that have it {_of_hundred(1 - row['recall'])} are missed, of "
        f"100 that are given it {_of_hundred(1 - row['precision'])} do not have it."
    )


def _of_hundred(share: float) -> str:
    return f"{100 * share:.0f}"


def _estimate(outlet: Figures) -> float:
    estimate = outlet["micro_f1"][0]
    return 2.0 if estimate is None else float(estimate)


def measured_blocks(reports: Sequence[Report]) -> Iterator[str]:
    """Yield what evaluations of the model found, or how to make one."""
    if not reports:
        yield _MEASURE
    for report in reports:
        yield f"### Measured on {plain(report.corpus.name or 'a corpus without a name')}"
        yield from (f"> **Mind:** {plain(warning)}" for warning in warnings(report))
        yield f"{plain(subject(report))}."
        yield markdown_table(("figure", "value"), _plain_rows(headline_rows(report)))
        yield markdown_table(LABEL_COLUMNS, _plain_rows(label_rows(report)))
        if rows := slice_rows(report, "outlet")[:MOST_OUTLETS]:
            yield markdown_table(("outlet", *SLICE_COLUMNS[1:]), _plain_rows(rows))


_MEASURE = """\
The figures that count are those on articles like yours which the model has not seen:

```
classifier evaluate FOLDER test.jsonl --out report
classifier card FOLDER --report report/report.json
```"""


def _plain_rows(rows: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    for row in rows:
        yield [plain(cell) for cell in row]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(values: Sequence[float | None]) -> str:
    estimate, low, high = values
    if low is None:
        return _number(estimate)
    return f"{_number(estimate)} ({_number(low)}–{_number(high)})"
