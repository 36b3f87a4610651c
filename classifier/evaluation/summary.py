"""The figures of a report as rows of words, for the terminal and for Markdown."""

from __future__ import annotations

import math
from dataclasses import dataclass

from classifier.evaluation.intervals import Interval, ShareInterval
from classifier.evaluation.report import Report

__all__ = [
    "LABEL_COLUMNS",
    "SLICE_COLUMNS",
    "Confused",
    "commonest_confusions",
    "headline_rows",
    "label_rows",
    "number",
    "seen_warning",
    "slice_rows",
    "subject",
    "warnings",
]

LABEL_COLUMNS = (
    "label", "articles", "given", "precision", "recall", "F1", "AP", "ECE", "cut",
)  # fmt: skip
SLICE_COLUMNS = ("", "articles", "micro-F1", "macro-F1", "false tags")
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Confused:
    """`said` was said so often where `right` was right."""

    said: str
    right: str
    count: int


def subject(report: Report) -> str:
    """Return which model was judged on what, in one line."""
    corpus = report.corpus
    seen = " (SEEN IN TRAINING)" if corpus.seen_in_training else ""
    days = f", {corpus.first_date} to {corpus.last_date}" if corpus.first_date else ""
    return (
        f"{report.model.signature} on {corpus.name or 'a corpus without a name'}{seen}: "
        f"{corpus.n_articles:,} labelled articles{days}; {corpus.n_untagged:,} without any of "
        f"the labels, {corpus.n_unlabelled:,} unlabelled left out"
    )


def warnings(report: Report) -> list[str]:
    """Return what must be known before a figure is believed."""
    corpus = report.corpus
    said = [seen_warning(report)] if corpus.seen_in_training else []
    if corpus.unknown_labels:
        said.append(
            f"labels that the model does not know are left out: {', '.join(corpus.unknown_labels)}"
        )
    if corpus.unmentioned_labels:
        said.append(
            "labels that the corpus never mentions are not judged: "
            + ", ".join(corpus.unmentioned_labels)
        )
    return said


def seen_warning(report: Report) -> str:
    """Return what it means that the model was trained on the corpus."""
    what = (
        "these very articles"
        if report.corpus.seen_because == "content"
        else f"a corpus called '{report.corpus.name}'"
    )
    return (
        f"THE MODEL WAS TRAINED ON {what}: the figures tell how well it remembers them, not how "
        "well it tags others. Judge it on articles that it has not seen."
    )


def headline_rows(report: Report) -> list[tuple[str, str]]:
    """Return the name and the value of each figure of the whole."""
    h, r = report.headline, report.ranking
    ranked = (
        ", ".join(f"{number(value)} at {k}" for k, value in at.items())
        for at in (r.precision_at, r.recall_at)
    )
    return [
        ("micro-F1", _interval(h.micro_f1)),
        ("macro-F1", _interval(h.macro_f1)),
        ("weighted F1", _interval(h.weighted_f1)),
        ("mean average precision", _interval(h.mean_average_precision)),
        ("all labels right", _share(h.exact_match)),
        ("false tags where none is due", _share(h.false_tag_rate)),
        ("mean Brier score", _interval(h.mean_brier)),
        ("largest calibration error", _interval(h.max_calibration_error)),
        *zip(("precision", "recall"), ranked, strict=True),
    ]


def label_rows(report: Report) -> list[tuple[str, ...]]:
    """Return the cells under `LABEL_COLUMNS` of each label."""
    return [
        (
            each.label,
            f"{each.support:,}",
            f"{each.predicted:,}",
            number(each.precision),
            number(each.recall),
            _interval(each.f1),
            number(each.average_precision),
            number(each.calibration_error),
            NOTHING if math.isnan(each.cut) else f"{each.cut:.2f}",
        )
        for each in report.labels
    ]


def slice_rows(report: Report, kind: str) -> list[tuple[str, ...]]:
    """Return the cells under `SLICE_COLUMNS`, by "outlet", "month" or "length"."""
    return [
        (
            each.name,
            f"{each.n_articles:,}",
            _interval(each.micro_f1),
            number(each.macro_f1),
            _count(each.false_tag_rate),
        )
        for each in getattr(report.breakdowns, kind)
    ]


def commonest_confusions(report: Report, most: int = 20) -> list[Confused]:
    """Return the commonest mistakes, the commonest first."""
    labels, counts = report.confusions.labels, report.confusions.counts
    found = [
        Confused(labels[i], labels[j], count)
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(found, key=lambda each: -each.count)[:most]


def number(value: float) -> str:
    """Return three decimals, a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.3f}"


def _interval(value: Interval | ShareInterval) -> str:
    if math.isnan(value.low):
        return number(value.estimate)
    return f"{value.estimate:.3f} ({value.low:.3f}–{value.high:.3f})"


def _share(value: ShareInterval) -> str:
    return f"{_interval(value)}, {_count(value)}"


def _count(value: ShareInterval) -> str:
    return f"{value.count:,} of {value.of:,}"
