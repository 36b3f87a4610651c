"""What an evaluation found, as frozen values and as JSON.

`docs/evaluate.md` says what every figure means, `docs/report.schema.json` which JSON it is. A
figure that nothing speaks for is NaN here and null there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from classifier.errors import BadInputError
from classifier.evaluation.breakdown import Breakdowns, Slice
from classifier.evaluation.curves import Histogram, PrecisionRecall, ReliabilityBin
from classifier.evaluation.headline import Headline
from classifier.evaluation.intervals import Interval, Resampling, ShareInterval
from classifier.evaluation.json_values import from_json_value, json_value
from classifier.evaluation.label_report import LabelReport
from classifier.evaluation.pairs import NONE, Confusions, Cooccurrence
from classifier.evaluation.ranking import Ranking
from classifier.evaluation.worst import TermWeight, WorstError

__all__ = [
    "NONE",
    "SCHEMA_VERSION",
    "Breakdowns",
    "Confusions",
    "Cooccurrence",
    "CorpusFacts",
    "Headline",
    "Histogram",
    "Interval",
    "LabelReport",
    "ModelFacts",
    "NoteCount",
    "PrecisionRecall",
    "Ranking",
    "ReliabilityBin",
    "Report",
    "Resampling",
    "ShareInterval",
    "Slice",
    "TermWeight",
    "WorstError",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model was judged; `thresholds` are probabilities given in place of its own cuts."""

    name: str
    signature: str
    hash: str
    labels: tuple[str, ...]
    mode: str
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """What it was judged on.

    Parameters
    ----------
    name : str
    n_articles, n_unlabelled : int
        Labelled articles, which all figures are about, and those that were left out.
    n_groups : int
        Articles when near-duplicates count as one.
    n_untagged : int
        Articles that are known to have none of the labels.
    first_date, last_date : str
        The earliest and the latest day, ``YYYY-MM-DD``, empty when no article has one.
    unknown_labels : tuple of str
        Labels of the corpus that the model does not have; they are left out.
    unmentioned_labels : tuple of str
        Labels of the model that the corpus never mentions, not even as absent; they are
        unknown in every article, so nothing is said of them.
    seen_in_training : bool or None
        Whether the model was trained on this corpus, as far as names and hashes tell; ``None``
        when the model does not say what it was trained on.
    seen_because : str
        "content" (the very same articles), "name" (a corpus of that name), or empty.
    """

    name: str
    n_articles: int
    n_unlabelled: int
    n_groups: int
    n_untagged: int
    first_date: str
    last_date: str
    unknown_labels: tuple[str, ...]
    unmentioned_labels: tuple[str, ...]
    seen_in_training: bool | None
    seen_because: str


@dataclass(frozen=True, slots=True)
class NoteCount:
    """So many articles got this note, its numbers left out."""

    note: str
    n_articles: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything an evaluation found; `worst_errors` starts with the worst."""

    model: ModelFacts
    corpus: CorpusFacts
    resampling: Resampling
    headline: Headline
    ranking: Ranking
    labels: tuple[LabelReport, ...]
    breakdowns: Breakdowns
    cooccurrence: Cooccurrence
    confusions: Confusions
    notes: tuple[NoteCount, ...]
    worst_errors: tuple[WorstError, ...]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, object]:
        """Return the report as JSON types, numbers with six decimals, NaN as None."""
        return json_value(self)  # type: ignore[return-value]

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Report:
        """Return the report that `to_json` made of it.

        Raises
        ------
        BadInputError
            When it is no report, or one of another version.
        """
        version = values.get("schema_version")
        if version != SCHEMA_VERSION:
            raise BadInputError(
                f"report: schema_version is {version!r}, this classifier knows {SCHEMA_VERSION}. "
                "Evaluate the model again."
            )
        return from_json_value(cls, values, where="report")
