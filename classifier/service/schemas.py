"""Why a prediction came out as it did, as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from classifier.article import Article
from classifier.corpus.write import Codes, prediction_row
from classifier.model.model import Model
from classifier.model.prediction import Prediction
from classifier.text import article_text

__all__ = [
    "ArticleLine",
    "ArticleRequest",
    "BatchAnswer",
    "BatchRequest",
    "ExplainAnswer",
    "FeedbackAnswer",
    "FeedbackRequest",
    "HealthAnswer",
    "ModelAnswer",
    "ModelsAnswer",
    "PredictionAnswer",
    "ProblemAnswer",
    "ReadAnswer",
    "cut_probabilities",
    "explained",
]


TEXT = (
    "The energy ministers of four Caspian countries agreed on Thursday to link their power grids. "
    "Parliament must still ratify the treaty, and engineers expect the first cable within five "
    "years."
)
ARTICLE: dict[str, Any] = {"id": "a-17", "title": "Four countries link their grids", "text": TEXT}
# Something to see: neither blanks nor controls alone.
_VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f\ufeff]"
_WORD_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}], "default": ""}


def _word(value: object) -> object:
    """Return a headline or id as the command line reads it: numbers as text, null as none."""
    if value is None or value != value:
        return ""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else value


Text = Annotated[str, Field(pattern=_VISIBLE, description="The body of the article.")]
Word = Annotated[str, BeforeValidator(_word), WithJsonSchema(_WORD_SCHEMA)]
Probability = Annotated[float, Field(ge=0, le=1)]
Thresholds = Annotated[
    dict[str, Probability],
    Field(description="Give a label from this probability on instead of the model's cut."),
]
Point = Annotated[
    Literal["balanced", "precise", "complete"] | None,
    Field(
        description="Working point: the model's own cuts (also when left out or null), cuts for "
        "few false tags, or for few misses. `thresholds` come before it."
    ),
]
WithCodes = Annotated[
    bool, Field(description="Answer with the codes of each tag, such as IPTC Media Topics.")
]
ModelName = Annotated[
    str, Field(description="Name of a model; the first one when left out or null.")
]
_STRICT = ConfigDict(strict=True)
_CLOSED = ConfigDict(strict=True, extra="forbid")


class ArticleLine(BaseModel):
    """One article; other fields of its row are passed over."""

    model_config = _STRICT

    text: Text
    title: Word = ""
    id: Word = ""


class ArticleRequest(ArticleLine):
    """One article to tag."""

    model_config = ConfigDict(
        strict=True, json_schema_extra={"example": ARTICLE, "not": {"required": ["articles"]}}
    )

    thresholds: Thresholds = Field(default_factory=dict)
    point: Point = None
    codes: WithCodes = False
    model: ModelName | None = None


class BatchRequest(BaseModel):
    """Several articles to tag."""

    model_config = _CLOSED | ConfigDict(
        json_schema_extra={"example": {"articles": [ARTICLE], "thresholds": {"energy": 0.7}}}
    )

    articles: Annotated[list[ArticleLine], Field(min_length=1)]
    thresholds: Thresholds = Field(default_factory=dict)
    point: Point = None
    codes: WithCodes = False
    model: ModelName | None = None


class FeedbackRequest(ArticleLine):
    """An article with its labels as they should be."""

    model_config = _CLOSED | ConfigDict(
        json_schema_extra={"example": {**ARTICLE, "labels": ["energy"], "negative": ["culture"]}}
    )

    labels: list[str] = Field(description="Labels that the article has.")
    negative: list[str] | None = Field(
        default=None,
        description="Labels that it has not. Left out, it has none but `labels`; labels in "
        "neither list are unknown.",
    )
    model: ModelName | None = None


Cut = Annotated[
    float | None, Field(description="Probability from which a label is given; null for never.")
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PredictionAnswer(_Answer):
    """What the model says of one article, as a line of `classifier predict`."""

    model_config = ConfigDict(
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
    scores: dict[str, Probability] = Field(description="Calibrated probability of every label.")
    coverage: Probability = Field(description="Probability of the words that the model knows.")
    model: str = Field(description="Name and short hash of the model.")
    note: str = Field(default="", description="Why the model would not judge; often missing.")
    codes: dict[str, list[str]] = Field(
        default_factory=dict, description="Codes of each tag; only where asked for."
    )


class BatchAnswer(_Answer):
    """One prediction an article, in order."""

    predictions: list[PredictionAnswer]


class TermAnswer(_Answer):
    """What one term adds to a margin."""

    term: str
    count: int
    contribution: float


class LabelAnswer(_Answer):
    """Why a label was given or not: contributions and bias add up to the margin."""

    probability: Probability
    cut: Cut
    margin: float
    bias: float
    terms: list[TermAnswer] = Field(description="Every known term, the weightiest first.")


class ExplainAnswer(_Answer):
    """A prediction with its reasons."""

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
    codes: dict[str, list[str]] = Field(description="Codes of labels, where known.")
    points: list[str] = Field(description="Working points that it has cuts for, its own first.")
    terms: int = Field(description="Size of the vocabulary.")
    min_words: int
    min_coverage: Probability
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


class ReadAnswer(_Answer):
    """What a file holds."""

    columns: list[str] = Field(description="The fields of its rows.")
    rows: list[list[str]] = Field(description="A cell a column.")
    fields: dict[str, str | None] = Field(
        description="Which column is the `text`, the `title` and the `id`; null for none."
    )
    single: bool = Field(description="Whether the file is one article.")
    left_out: int = Field(description="Bad rows.")
    problem: str = Field(description="What is wrong with the first of them.")


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


Span = tuple[int, int, str]


def cut_probabilities(
    model: Model, thresholds: Mapping[str, float] | None = None
) -> dict[str, float | None]:
    """Return, per label, the probability from which it is given.

    ``None`` stands for a label that is never given, and for all labels of a model that gives
    exactly one.
    """
    cuts = {
        label: None if np.isnan(cut) else round(cut, 6)
        for label, cut in zip(model.labels, model.cut_probabilities.tolist(), strict=True)
    }
    return cuts | dict(thresholds or {})


def explained(
    model: Model,
    article: Article,
    *,
    thresholds: Mapping[str, float] | None = None,
    codes: Codes | None = None,
) -> tuple[Prediction, dict[str, object]]:
    """Return a prediction, and with it the text that was read, reasons and words to mark.

    Raises
    ------
    ModelError
        When a threshold names no label of the model.
    """
    prediction = model.predict([article], thresholds=thresholds)[0]
    why, cuts = prediction.explain(), cut_probabilities(model, thresholds)
    text = article_text(article)
    terms = {c.term for c in next(iter(why.values())).contributions}
    return prediction, {
        "prediction": prediction_row(prediction, codes),
        "text": text,
        "labels": {
            label: {
                "probability": round(float(prediction.scores[label]), 6),
                "cut": cuts[label],
                "margin": each.margin,
                "bias": each.bias,
                "terms": [
                    {"term": c.term, "count": c.count, "contribution": c.value}
                    for c in each.contributions
                ],
            }
            for label, each in why.items()
        },
        "spans": list(_spans(model, text, terms)),
    }


def _spans(model: Model, text: str, terms: set[str]) -> Iterator[Span]:
    """Yield start, end and term of every known word of `text`, then of every known pair."""
    words = list(model.analyzer.spans(text))
    yield from (word for word in words if word[2] in terms)
    if model.analyzer.bigrams:
        for (start, _, first), (_, end, second) in pairwise(words):
            if f"{first} {second}" in terms:
                yield start, end, f"{first} {second}"
