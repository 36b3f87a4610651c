"""What a service answers, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from classifier.errors import ClassifierError
from classifier.model.prediction import Contribution, Prediction

__all__ = [
    "ExplainedLabel",
    "ExplainedPrediction",
    "ServedModel",
    "ServiceError",
    "prediction_of",
]


class ServiceError(ClassifierError):
    """The service cannot be reached, or has answered with a problem.

    Parameters
    ----------
    detail : str
    status : int
        0 when there was no answer.
    problem : mapping
        The problem document, with ``field`` and ``limit`` where the service named them.
    """

    def __init__(
        self, detail: str, *, status: int = 0, problem: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.problem = status, dict(problem or {})


@dataclass(frozen=True, slots=True)
class ExplainedLabel:
    """Why a label was given or not: the contributions and the bias add up to the margin.

    Parameters
    ----------
    label : str
    probability : float
    cut : float or None
        Probability from which the label is given, ``None`` for never.
    margin, bias : float
    contributions : tuple of Contribution
        Every known term, the weightiest first.
    """

    label: str
    probability: float
    cut: float | None
    margin: float
    bias: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class ExplainedPrediction:
    """A prediction with its reasons.

    Parameters
    ----------
    prediction : Prediction
    text : str
        What the model read.
    labels : mapping of str to ExplainedLabel
    spans : tuple of (int, int, str)
        Start, end and term of every known word in `text`.
    """

    prediction: Prediction
    text: str
    labels: Mapping[str, ExplainedLabel]
    spans: tuple[tuple[int, int, str], ...]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Return what POST /v1/explain answered."""
        return cls(
            prediction_of(answer["prediction"]),
            answer["text"],
            {label: _label_of(label, why) for label, why in answer["labels"].items()},
            tuple((start, end, term) for start, end, term in answer["spans"]),
        )


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model of the service.

    Parameters
    ----------
    name, signature, hash : str
    labels : tuple of str
    cuts : mapping of str to (float or None)
        Probabilities from which labels are given, ``None`` for never.
    versions : mapping of str to str
    card : str
        Markdown.
    models : tuple of str
        Names of all models, the default first.
    feedback : bool
        Whether corrections are taken.
    """

    name: str
    signature: str
    hash: str
    labels: tuple[str, ...]
    cuts: Mapping[str, float | None]
    versions: Mapping[str, str]
    card: str
    models: tuple[str, ...]
    feedback: bool

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Return what GET /v1/model answered."""
        kept = {each.name: answer[each.name] for each in fields(cls)}
        return cls(**kept | {name: tuple(answer[name]) for name in ("labels", "models")})


def prediction_of(row: Mapping[str, Any]) -> Prediction:
    """Return a prediction as the service wrote it."""
    return Prediction(
        row["id"],
        tuple(row["tags"]),
        row["scores"],
        row["coverage"],
        row["model"],
        row.get("note", ""),
    )


def _label_of(label: str, why: Mapping[str, Any]) -> ExplainedLabel:
    terms = (Contribution(t["term"], t["count"], t["contribution"]) for t in why["terms"])
    return ExplainedLabel(
        label, why["probability"], why["cut"], why["margin"], why["bias"], tuple(terms)
    )
