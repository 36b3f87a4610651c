"""What goes over the wire: bodies as they are checked, answers as they are documented."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    WithJsonSchema,
)

from classifier.article import Article

__all__ = [
    "EXPLAIN",
    "FEEDBACK",
    "LINE",
    "PREDICT",
    "ArticleRequest",
    "BatchRequest",
    "FeedbackRequest",
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

    def article(self) -> Article:
        """Return the article."""
        return Article(self.text, title=self.title, id=self.id)


class ArticleRequest(ArticleLine):
    """One article to tag."""

    model_config = ConfigDict(
        strict=True, json_schema_extra={"example": ARTICLE, "not": {"required": ["articles"]}}
    )

    thresholds: Thresholds = Field(default_factory=dict)
    model: ModelName | None = None


class BatchRequest(BaseModel):
    """Several articles to tag."""

    model_config = _CLOSED | ConfigDict(
        json_schema_extra={"example": {"articles": [ARTICLE], "thresholds": {"energy": 0.7}}}
    )

    articles: Annotated[list[ArticleLine], Field(min_length=1)]
    thresholds: Thresholds = Field(default_factory=dict)
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


def _form(value: Any) -> str:
    keys = value if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    return "batch" if "articles" in keys else "one"


PREDICT: TypeAdapter[ArticleRequest | BatchRequest] = TypeAdapter(
    Annotated[
        Annotated[ArticleRequest, Tag("one")] | Annotated[BatchRequest, Tag("batch")],
        Discriminator(_form),
    ]
)
EXPLAIN = TypeAdapter(ArticleRequest)
FEEDBACK = TypeAdapter(FeedbackRequest)
LINE = TypeAdapter(ArticleLine)
