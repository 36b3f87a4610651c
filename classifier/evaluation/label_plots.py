"""The three plots of one label: what a cut costs, what a probability is worth, what it parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from classifier.evaluation.report import LabelReport
from classifier.pages.page import percent, rounded
from classifier.pages.plots import histogram_with_cut, precision_recall, reliability

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["LabelPlots", "label_plots"]


@dataclass(frozen=True, slots=True)
class LabelPlots:
    """The plots of one label as inline SVG."""

    precision_recall: Markup
    reliability: Markup
    histogram: Markup


def label_plots(label: LabelReport) -> LabelPlots:
    """Return the precision-recall curve, the reliability curve and the score histogram."""
    return LabelPlots(_precision_recall(label), _reliability(label), _histogram(label))


def _precision_recall(label: LabelReport) -> Markup:
    curve = label.precision_recall
    return precision_recall(
        curve.precision,
        curve.recall,
        title=f"Precision over recall of {label.label}",
        desc=f"At the cut precision is {rounded(label.precision)} and recall "
        f"{rounded(label.recall)}; average precision {rounded(label.average_precision)}.",
        point=(label.recall, label.precision),
        share=label.support / label.known if label.known else None,
    )


def _reliability(label: LabelReport) -> Markup:
    bins = label.reliability
    said = "; ".join(
        f"{percent(each.mean_probability)} said, {percent(each.share_present)} had it"
        for each in bins
    )
    return reliability(
        [each.mean_probability for each in bins],
        [each.share_present for each in bins],
        [each.n for each in bins],
        title=f"Reliability of the probabilities of {label.label}",
        desc=f"From the least probable articles to the most: {said}.",
    )


def _histogram(label: LabelReport) -> Markup:
    counts = label.histogram
    return histogram_with_cut(
        counts.edges,
        counts.present,
        counts.absent,
        cut=label.cut,
        title=f"Probabilities of articles with and without {label.label}",
        desc=f"{sum(counts.present):,} articles have the label, {sum(counts.absent):,} do not; "
        f"it is given from {percent(label.cut)} on.",
    )
