"""What a comparison of two models found, as values and as JSON types."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from classifier.evaluation.intervals import Interval
from classifier.evaluation.metrics import Share

__all__ = [
    "ArticleChange",
    "ChangedTag",
    "Comparison",
    "InBoth",
    "LabelChange",
    "Side",
    "TermChange",
    "Turned",
]

DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models and its own figures, on the labels that both know.

    Parameters
    ----------
    model : str
        Name and short hash.
    n_labels, n_terms, n_bytes : int
        Labels and terms of the whole model, and what its arrays take on disk.
    articles_per_second : float
        How fast it tagged, cleaning of the text included, on one core.
    micro_f1, macro_f1 : float
    false_tags : Share
        Articles given any tag, of those known to have none of the labels.
    calibration_error : float
        Expected calibration error, mean of the labels.
    """

    model: str
    n_labels: int
    n_terms: int
    n_bytes: int
    articles_per_second: float
    micro_f1: float
    macro_f1: float
    false_tags: Share
    calibration_error: float


@dataclass(frozen=True, slots=True)
class LabelChange:
    """How one label did: F1 of both, known cells that b alone has right (fixed), or a alone."""

    label: str
    support: int
    f1_a: float
    f1_b: float
    change: Interval
    fixed: int
    broken: int
    calibration_error_a: float
    calibration_error_b: float


@dataclass(frozen=True, slots=True)
class Turned:
    """Articles whose every known cell is right, by which of the models has them so.

    Parameters
    ----------
    both_right, fixed, broken, both_wrong : int
        `fixed` are right by b alone, `broken` by a alone.
    p_value : float
        Of the exact McNemar test: how often chance alone would divide the fixed and broken
        articles so unevenly or worse. 1 when there are none.
    """

    both_right: int
    fixed: int
    broken: int
    both_wrong: int
    p_value: float


@dataclass(frozen=True, slots=True)
class TermChange:
    """What a term adds to a label's margin in each model, 0 in one that does not know it."""

    term: str
    a: float
    b: float

    @property
    def change(self) -> float:
        """How much more it adds in b."""
        return self.b - self.a


@dataclass(frozen=True, slots=True)
class InBoth:
    """The same number in both models."""

    a: float
    b: float


@dataclass(frozen=True, slots=True)
class ChangedTag:
    """A label that one model gives an article and the other does not.

    Parameters
    ----------
    label : str
    present : bool
        Whether the article has it.
    given_b : bool
        Whether b gives it; a does the opposite.
    score : InBoth
        Probabilities.
    margin, bias, cut : InBoth
        As in `classifier.model.prediction.Explanation`: bias and all terms add up to the margin.
    terms : tuple of TermChange
        The terms whose contributions differ most.
    """

    label: str
    present: bool
    given_b: bool
    score: InBoth
    margin: InBoth
    bias: InBoth
    cut: InBoth
    terms: tuple[TermChange, ...]


@dataclass(frozen=True, slots=True)
class ArticleChange:
    """An article that was fixed or broken, with every tag that changed.

    Parameters
    ----------
    place : int
        Where it stood in the corpus, counted from 1.
    id, title : str
    note_a, note_b : str
        Why a model would not judge it, else empty.
    tags : tuple of ChangedTag
    """

    place: int
    id: str
    title: str
    note_a: str
    note_b: str
    tags: tuple[ChangedTag, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same articles.

    Parameters
    ----------
    a, b : Side
    n_articles : int
        Articles read.
    n_judged : int
        Those of which a label that both models know is known; all figures rest on them.
    n_separate : int
        Judged articles, near-duplicates counted as one.
    micro, macro : Interval
        How much higher the F1 of b is, with its interval.
    labels : tuple of LabelChange
        In the order of a.
    only_a, only_b : tuple of str
        Labels of one model alone; they take part in no figure.
    unjudged : tuple of str
        Labels that both know and the corpus says nothing of.
    turned : Turned
    fixed, broken : tuple of ArticleChange
        The strongest few, by how far a changed tag's probability moved.
    """

    a: Side
    b: Side
    n_articles: int
    n_judged: int
    n_separate: int
    micro: Interval
    macro: Interval
    labels: tuple[LabelChange, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    unjudged: tuple[str, ...]
    turned: Turned
    fixed: tuple[ArticleChange, ...]
    broken: tuple[ArticleChange, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types: 6 decimals, null for what nothing speaks for."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, Share):
        return {"count": value.count, "of": value.of, "value": _plain(value.value)}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return round(value, DECIMALS) if math.isfinite(value) else None
    return value
