"""Bodies of requests, read no further and waited for no longer than the limits allow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from classifier.serving.http.problems import ProblemError, invalid
from classifier.serving.http.schemas import ArticleLine, FeedbackRequest
from classifier.serving.http.settings import Limits

__all__ = [
    "JSON",
    "NDJSON",
    "PROBABILITY",
    "checked_article",
    "checked_articles",
    "checked_labels",
    "media_type",
    "parsed",
    "read_body",
    "thresholds_from",
]

JSON, NDJSON = "application/json", "application/x-ndjson"

PROBABILITY = r"(?:0?\.[0-9]{1,17}|[01](?:\.0{1,17})?)"
_THRESHOLD = re.compile(f"(.+)=({PROBABILITY})", re.DOTALL)

Body = TypeVar("Body")


def media_type(request: Request, *accepted: str) -> str:
    """Return what the body is said to be.

    Raises
    ------
    ProblemError
        415 when it is nothing of `accepted`, or packed.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(
            415,
            "the body is packed (Content-Encoding). Send it as it is.",
            headers={"Accept-Encoding": "identity"},
            field="Content-Encoding",
        )
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in accepted:
        raise ProblemError(
            415,
            f"Content-Type is '{said:.80}'. Send {' or '.join(accepted)}.",
            headers={"Accept": ", ".join(accepted)},
            field="Content-Type",
        )
    return said


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the whole body.

    Raises
    ------
    ProblemError
        413 as soon as it is too long, 408 when it does not come in time.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limits.body_bytes:
        raise _too_long(limits.body_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.read_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise _too_long(limits.body_bytes)
    except TimeoutError:
        raise ProblemError(
            408,
            f"the body was not there after {limits.read_seconds:g} seconds.",
            headers={"Connection": "close"},
            limit=limits.read_seconds,
        ) from None
    return bytes(body)


def _too_long(most: int) -> ProblemError:
    # what still comes is thrown away by the server, for as long as a request may take to arrive
    return ProblemError(
        413,
        f"the body is longer than {most} bytes. Send fewer articles at once, or one a line as "
        f"{NDJSON}.",
        field="",
        limit=most,
    )


def parsed(adapter: TypeAdapter[Body], body: bytes, *, skip: int = 0) -> Body:
    """Return a JSON body as what `adapter` checks for.

    Raises
    ------
    ProblemError
        400 when it is no JSON, 422 when a field is missing or wrong.
    """
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise invalid(error, skip=skip) from None


def checked_article(article: ArticleLine, limits: Limits, *, place: str = "") -> None:
    """Raise a 413 when an article is too long; `place` stands before the names of its fields."""
    lengths = {name: len(getattr(article, name)) for name in ("text", "title", "id")}
    if sum(lengths.values()) > limits.text_chars:
        longest = max(lengths, key=lengths.__getitem__)
        raise ProblemError(
            413,
            f"{place}{longest} has {lengths[longest]} characters, at most {limits.text_chars} are "
            "taken for text, title and id together. Send less of it.",
            field=f"{place}{longest}",
            limit=limits.text_chars,
        )


def checked_articles(articles: Sequence[ArticleLine], limits: Limits) -> None:
    """Raise a 413 when there are too many articles, or one is too long."""
    if len(articles) > limits.batch_articles:
        raise ProblemError(
            413,
            f"articles has {len(articles)} articles, at most {limits.batch_articles} are taken. "
            f"Send fewer at once, or one a line as {NDJSON}.",
            field="articles",
            limit=limits.batch_articles,
        )
    for i, article in enumerate(articles):
        checked_article(article, limits, place=f"articles[{i}].")


def checked_labels(body: FeedbackRequest, known: Sequence[str]) -> None:
    """Raise a 422 when a correction names a label that is not `known`, or says nothing."""
    negative = body.negative or []
    for field, names in (("labels", body.labels), ("negative", negative)):
        strangers = [name for name in names if name not in known]
        if strangers:
            raise ProblemError(
                422,
                f"{field}: '{strangers[0]:.60}' is no label of the model. Its labels are "
                f"{', '.join(known)}.",
                field=field,
            )
    both = sorted(set(body.labels) & set(negative))
    if both:
        raise ProblemError(422, f"negative: '{both[0]}' also stands in labels.", field="negative")
    if body.negative is not None and not (body.labels or negative):
        raise ProblemError(422, "labels: both lists are empty, which says nothing.", field="labels")


def thresholds_from(pairs: Sequence[str]) -> dict[str, float]:
    """Return ``["energy=0.7"]`` as ``{"energy": 0.7}``, or raise a 422."""
    thresholds = {}
    for pair in pairs:
        found = _THRESHOLD.fullmatch(pair)
        if not found:
            raise ProblemError(
                422,
                f"threshold: '{pair:.60}' is not of the form label=0.7.",
                field="threshold",
            )
        thresholds[found[1]] = float(found[2])
    return thresholds
