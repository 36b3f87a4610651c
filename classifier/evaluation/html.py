"""A report as one self-contained HTML page that a newsroom can read."""

from __future__ import annotations

import math
import platform
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from classifier.evaluation.intervals import Interval
from classifier.evaluation.label_plots import LabelPlots, label_plots
from classifier.evaluation.report import (
    Breakdowns,
    Confusions,
    Cooccurrence,
    LabelReport,
    Report,
    ShareInterval,
    Slice,
    WorstError,
)
from classifier.evaluation.summary import commonest_confusions
from classifier.pages.page import render_page
from classifier.pages.plots import bars_with_intervals, heat_map

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["report_page"]

# More labels than this are folded, more cells than this would not be legible on a phone.
_MOST_LABELS, _MOST_BARS, _MOST_PAIRS = 12, 40, 15
_MOST_ROWS, _MOST_ERRORS = 15, 20
# Below this, an interval of F1 is rarely narrower than 0.3.
_FEW_ARTICLES = 30


@dataclass(frozen=True, slots=True)
class _Tags:
    """Tags of all labels: `right` of those `given`, of those `due`."""

    right: int
    given: int
    due: int


@dataclass(frozen=True, slots=True)
class _Breakdown:
    """The slices of one kind, and their bars when there are few enough."""

    name: str
    slices: tuple[Slice, ...]
    bars: Markup | None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of an excerpt; `strength` is from -1, against the label, to 1, for it."""

    text: str
    strength: float = 0.0
    contribution: float = 0.0


@dataclass(frozen=True, slots=True)
class _Error:
    """A worst error with its excerpt cut at the marks."""

    error: WorstError
    pieces: tuple[_Piece, ...]


def report_page(report: Report) -> str:
    """Return the HTML page of an evaluation: one file, no script, nothing fetched.

    Raises
    ------
    ClassifierError
        When the extra ``report`` (Jinja, matplotlib) is not installed.
    """
    f1 = [label for label in report.labels if math.isfinite(label.f1.estimate)]
    ranked = sorted(f1, key=lambda label: -label.f1.estimate)
    return render_page(
        "evaluation.html",
        title=f"How well “{report.model.name}” tags “{report.corpus.name or 'articles'}”",
        report=report,
        tags=_tags(report.labels),
        best=ranked[0] if len(ranked) > 1 else None,
        worst=ranked[-1] if len(ranked) > 1 else None,
        few=[label.label for label in report.labels if label.support < _FEW_ARTICLES],
        few_articles=_FEW_ARTICLES,
        bars=_label_bars(report.labels),
        folded=len(report.labels) > _MOST_LABELS,
        plots=_plots(report.labels),
        matrices=_cooccurrence_maps(report.cooccurrence, report.labels),
        confusion_map=_confusion_map(report.confusions, report.labels),
        most_labels=_MOST_LABELS,
        pairs=commonest_confusions(report, _MOST_PAIRS),
        most_rows=_MOST_ROWS,
        breakdowns=_breakdowns(report.breakdowns),
        errors=[_Error(each, tuple(_pieces(each))) for each in report.worst_errors],
        most_errors=_MOST_ERRORS,
        command=_command(report),
        versions=_versions(),
    )


def _tags(labels: Sequence[LabelReport]) -> _Tags:
    right = sum(round(each.recall * each.support) for each in labels if each.support)
    return _Tags(right, sum(each.predicted for each in labels), sum(e.support for e in labels))


def _plots(labels: Sequence[LabelReport]) -> list[tuple[LabelReport, LabelPlots]]:
    return [(label, label_plots(label)) for label in labels]


def _label_bars(labels: Sequence[LabelReport]) -> Markup:
    return _interval_bars([each.label for each in labels], [e.f1 for e in labels], "F1 per label")


def _interval_bars(
    names: Sequence[str], intervals: Sequence[Interval | ShareInterval], title: str
) -> Markup:
    estimates, lows, highs = (
        [getattr(each, end) for each in intervals] for end in ("estimate", "low", "high")
    )
    desc = "Bars with intervals; the same figures stand in the table."
    return bars_with_intervals(names, estimates, lows, highs, title=title, desc=desc, x_label="F1")


def _cooccurrence_maps(table: Cooccurrence, labels: Sequence[LabelReport]) -> list[Markup]:
    """Return the maps of truth and of prediction, none where no two labels can meet."""
    if len(table.labels) < 2:
        return []
    chosen = _frequent(table.labels, labels)
    return [
        _map(counts, table.labels, chosen, title=f"Articles that have both labels, {name}")
        for name, counts in (("in truth", table.truth), ("as predicted", table.predicted))
    ]


def _confusion_map(table: Confusions, labels: Sequence[LabelReport]) -> Markup:
    known = table.labels[:-1]
    chosen = [*_frequent(known, labels), len(known)]
    return _map(
        table.counts,
        table.labels,
        chosen,
        title="What was said where what was right",
        row_label="said",
        column_label="right",
    )


def _frequent(names: Sequence[str], labels: Sequence[LabelReport]) -> list[int]:
    """Return the places of the labels with the most articles, in the order of `names`."""
    support = {each.label: each.support for each in labels}
    by_support = sorted(range(len(names)), key=lambda place: -support.get(names[place], 0))
    return sorted(by_support[:_MOST_LABELS])


def _map(
    counts: Sequence[Sequence[int]],
    names: Sequence[str],
    chosen: Sequence[int],
    *,
    title: str,
    row_label: str = "",
    column_label: str = "",
) -> Markup:
    shown = [names[place] for place in chosen]
    cells = [[counts[row][column] for column in chosen] for row in chosen]
    return heat_map(
        cells,
        shown,
        shown,
        title=title,
        desc="A square of counts, the stronger the colour the more.",
        row_label=row_label,
        column_label=column_label,
        plain_diagonal=True,
    )


def _breakdowns(breakdowns: Breakdowns) -> list[_Breakdown]:
    kinds = (
        ("outlet", breakdowns.outlet),
        ("month", breakdowns.month),
        ("length", breakdowns.length),
    )
    return [_Breakdown(name, slices, _slice_bars(name, slices)) for name, slices in kinds]


def _slice_bars(name: str, slices: Sequence[Slice]) -> Markup | None:
    if not 2 <= len(slices) <= _MOST_BARS:
        return None
    intervals = [each.micro_f1 for each in slices]
    return _interval_bars([each.name for each in slices], intervals, f"Micro-F1 by {name}")


def _pieces(error: WorstError) -> Iterator[_Piece]:
    """Yield the excerpt in parts; of marks that overlap, the first one counts."""
    strongest = max((abs(value) for *_, value in error.marks), default=0) or 1
    done = 0
    for start, end, value in sorted(error.marks):
        if done <= start < end:
            yield _Piece(error.excerpt[done:start])
            yield _Piece(error.excerpt[start:end], value / strongest, value)
            done = end
    yield _Piece(error.excerpt[done:])


def _command(report: Report) -> str:
    """Return the command that makes this page, with the names as they were given or nearly so."""
    how = report.resampling
    thresholds = (
        f"--threshold={name}={value:g}" for name, value in report.model.thresholds.items()
    )
    words = ["classifier", "evaluate", report.model.name, report.corpus.name or "CORPUS"]
    options = [f"--repeats={how.repeats}", f"--seed={how.seed}", "--out=report"]
    return shlex.join([*words, *thresholds, *options])


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("classifier", "numpy", "matplotlib")}
    return packages | {"Python": platform.python_version()}
