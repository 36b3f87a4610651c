"""What answers look like, for the documentation; the routes write them as plain JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "BatchAnswer",
    "ExplainAnswer",
    "FeedbackAnswer",
    "HealthAnswer",
    "ModelAnswer",
    "ModelsAnswer",
    "PredictionAnswer",
    "ProblemAnswer",
]

Share = Annotated[float, Field(ge=0, le=1)]
Cut = Annotated[
    float | None, Field(description="Probability from which a label is given; null for never.")
]


class PredictionAnswer(BaseModel):
    """What the model says of one article, as a line of `classifier predict`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "id": "a-17",
                "tags": ["energy", "diplomacy"],
                "scores": {"culture": 0.004, "diplomacy": 0.71, "energy": 0.93},
                "coverage": 0.97,
                "model": "sectors@ee10fbae",
            }
        },
    )

    id: str
    tags: list[str] = Field(description="The labels given, the most probable first; often none.")
    scores: dict[str, Share] = Field(description="Calibrated probability of every label.")
    coverage: Share = Field(description="Share of the words that the model knows.")
    model: str = Field(description="Name and short hash of the model.")
    note: str = Field(default="", description="Why the model would not judge; often missing.")


class BatchAnswer(BaseModel):
    """One prediction an article, in order."""

    model_config = ConfigDict(extra="forbid")

    predictions: list[PredictionAnswer]


class TermAnswer(BaseModel):
    """What one term adds to a margin."""

    model_config = ConfigDict(extra="forbid")

    term: str
    count: int
    contribution: float


class LabelAnswer(BaseModel):
    """Why a label was given or not: contributions and bias add up to the margin."""

    model_config = ConfigDict(extra="forbid")

    probability: Share
    cut: Cut
    margin: float
    bias: float
    terms: list[TermAnswer] = Field(description="Every known term, the weightiest first.")


class ExplainAnswer(BaseModel):
    """A prediction with its reasons."""

    model_config = ConfigDict(extra="forbid")

    prediction: PredictionAnswer
    text: str = Field(description="The text that the model read.")
    labels: dict[str, LabelAnswer]
    spans: list[tuple[int, int, str]] = Field(
        description="Start, end and term of every known word in `text`, counted in Unicode "
        "characters from 0. A term of two words has a span of its own over both."
    )


class ModelAnswer(BaseModel):
    """A model that is served."""

    name: str
    signature: str
    hash: str
    mode: Literal["several", "one"]
    labels: list[str]
    cuts: dict[str, Cut]
    terms: int = Field(description="Size of the vocabulary.")
    min_words: int
    min_coverage: Share
    versions: dict[str, str] = Field(description="What the model was made with.")
    card: str = Field(description="Markdown for people.")
    models: list[str] = Field(description="Names of all models; the first is the default.")
    feedback: bool = Field(description="Whether corrections are taken.")
    limits: dict[str, float]


class ModelSummary(BaseModel):
    """A model in a line."""

    name: str
    signature: str
    labels: list[str]
    default: bool


class ModelsAnswer(BaseModel):
    """All models that are served."""

    models: list[ModelSummary]


class FeedbackAnswer(BaseModel):
    """What became of a correction."""

    saved: Literal[True]
    replaced: bool = Field(description="Whether an earlier correction of the article gave way.")


class HealthAnswer(BaseModel):
    """How the service is."""

    status: Literal["ok"]


class FieldError(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemAnswer(BaseModel):
    """An error, by RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Content Too Large",
                "status": 413,
                "detail": "articles has 1001 articles, at most 1000 are taken. Send fewer at once.",
                "field": "articles",
                "limit": 1000,
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    field: str | None = Field(default=None, description="Where in the body.")
    limit: float | None = Field(default=None, description="The limit that was passed.")
    errors: list[FieldError] | None = None
