"""The addresses under /v1: predict, explain, models, corrections."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from classifier.article import Article
from classifier.corpus.write import prediction_row
from classifier.errors import ModelError
from classifier.model.prediction import Prediction
from classifier.serving.http import answers
from classifier.serving.http.bodies import (
    JSON,
    NDJSON,
    checked_article,
    checked_articles,
    checked_labels,
    media_type,
    parsed,
    read_body,
    thresholds_from,
)
from classifier.serving.http.describing import model_object, models_object
from classifier.serving.http.feedback import FeedbackFullError
from classifier.serving.http.lines import LinesResponse, predicted_lines
from classifier.serving.http.openapi import (
    explain_extra,
    feedback_extra,
    model_extra,
    predict_extra,
    problem_answers,
)
from classifier.serving.http.problems import ProblemError
from classifier.serving.http.schemas import EXPLAIN, FEEDBACK, PREDICT, BatchRequest
from classifier.serving.http.service import Service, service_of
from classifier.serving.http.shelf import Shelved

__all__ = ["router"]

Value = TypeVar("Value")

log = logging.getLogger("classifier.serving")
router = APIRouter(prefix="/v1")


@router.post(
    "/predict",
    summary="Tag one article, several, or a stream of them",
    responses={
        200: {"model": answers.PredictionAnswer | answers.BatchAnswer},
        **problem_answers(400, 401, 404, 408, 413, 415, 422, 429, 503),
    },
    openapi_extra=predict_extra(),
)
async def predict(request: Request) -> Response:
    """Give the labels of articles, several or none, with the probability of every label.

    One article is answered with one prediction, `articles` with as many in their order. Lines of
    JSON (`application/x-ndjson`) are answered line by line while they come in; a bad line is
    answered with a problem that holds its number, and the stream goes on.
    """
    service = service_of(request)
    if media_type(request, JSON, NDJSON) == NDJSON:
        return _stream(request, service)
    body = parsed(PREDICT, await read_body(request, service.limits), skip=1)
    lines = body.articles if isinstance(body, BatchRequest) else [body]
    if isinstance(body, BatchRequest):
        checked_articles(lines, service.limits)
    else:
        checked_article(body, service.limits)
    chosen, thresholds = _chosen(request, service, model=body.model)
    articles = [line.article() for line in lines]
    said = await _predicted(service, chosen, articles, thresholds=thresholds | body.thresholds)
    rows = [prediction_row(each) for each in said]
    return JSONResponse({"predictions": rows} if isinstance(body, BatchRequest) else rows[0])


@router.post(
    "/explain",
    summary="Say why an article gets its labels",
    responses={
        200: {"model": answers.ExplainAnswer},
        **problem_answers(400, 401, 404, 408, 413, 415, 422, 503),
    },
    openapi_extra=explain_extra(),
)
async def explain(request: Request) -> Response:
    """Tag one article and give, per label, every known term with what it adds to the margin."""
    from classifier.serving.http.explaining import explained

    service = service_of(request)
    media_type(request, JSON)
    body = parsed(EXPLAIN, await read_body(request, service.limits))
    checked_article(body, service.limits)
    chosen, article = service.model(body.model), body.article()
    _log_texts(service, [article])
    work = partial(explained, chosen.model, article, thresholds=body.thresholds)
    return JSONResponse(await _in_time(service, service.scorer.run(work)))


@router.get(
    "/model",
    summary="Describe a model",
    responses={200: {"model": answers.ModelAnswer}, **problem_answers(401, 404)},
    openapi_extra=model_extra(),
)
async def model(request: Request) -> Response:
    """Give a model's labels, cuts, versions, hash and card, and the names of all models."""
    service = service_of(request)
    chosen = service.model(request.query_params.get("model"))
    return JSONResponse(model_object(service, chosen))


@router.get(
    "/models",
    summary="List the models",
    responses={200: {"model": answers.ModelsAnswer}, **problem_answers(401)},
)
async def models(request: Request) -> Response:
    """Give the name, signature and labels of every model."""
    return JSONResponse(models_object(service_of(request)))


@router.post(
    "/feedback",
    summary="Save a correction",
    responses={
        200: {"model": answers.FeedbackAnswer},
        **problem_answers(400, 401, 404, 408, 413, 415, 422, 503, 507),
    },
    openapi_extra=feedback_extra(),
)
async def feedback(request: Request) -> Response:
    """Add an article with its right labels to the file of corrections.

    Only where the service was started with `--feedback FILE`. A later correction of the same
    article takes the place of the earlier one.
    """
    service = service_of(request)
    if service.feedback is None:
        raise ProblemError(
            404, "corrections are not taken. Start the service with --feedback FILE."
        )
    media_type(request, JSON)
    body = parsed(FEEDBACK, await read_body(request, service.limits))
    checked_article(body, service.limits)
    checked_labels(body, service.model(body.model).model.labels)
    row = {"id": body.id, "title": body.title, "text": body.text, "labels": body.labels}
    row |= {} if body.negative is None else {"negative": body.negative}
    kept = {name: value for name, value in row.items() if value != ""}
    try:
        replaced = await asyncio.to_thread(service.feedback.save, kept)
    except FeedbackFullError as error:
        raise ProblemError(507, str(error)) from None
    return JSONResponse({"saved": True, "replaced": replaced})


def _stream(request: Request, service: Service) -> Response:
    chosen, thresholds = _chosen(request, service)
    if service.streams >= service.limits.streams:
        raise ProblemError(
            429,
            f"{service.limits.streams} streams are under way, which is as many as are taken.",
            headers={"Retry-After": "5"},
            limit=service.limits.streams,
        )
    service.streams += 1
    lines = predicted_lines(
        request,
        chosen.model,
        service.scorer,
        service.limits,
        thresholds=thresholds,
        observe=partial(service.metrics.predicted, chosen.name),
    )
    return LinesResponse(lines, service.close_stream)


def _chosen(
    request: Request, service: Service, *, model: str | None = None
) -> tuple[Shelved, dict[str, float]]:
    """Return the model and the thresholds that the address asks for; a body's model is first."""
    by_address = service.model(request.query_params.get("model"))
    chosen = by_address if model is None else service.model(model)
    thresholds = thresholds_from(request.query_params.getlist("threshold"))
    try:
        chosen.model.predict([], thresholds=thresholds)
    except ModelError as error:
        raise ProblemError(422, f"{str(error).rstrip('.')}.", field="threshold") from None
    return chosen, thresholds


async def _predicted(
    service: Service,
    chosen: Shelved,
    articles: Sequence[Article],
    *,
    thresholds: Mapping[str, float],
) -> list[Prediction]:
    _log_texts(service, articles)
    work = service.scorer.predict(chosen.model, articles, thresholds=thresholds)
    said = await _in_time(service, work)
    service.metrics.predicted(chosen.name, said)
    return said


async def _in_time(service: Service, work: Awaitable[Value]) -> Value:
    try:
        async with asyncio.timeout(service.limits.answer_seconds):
            return await work
    except TimeoutError:
        raise ProblemError(
            503,
            f"no answer after {service.limits.answer_seconds:g} seconds. Send less, or try again.",
            headers={"Retry-After": "5"},
            limit=service.limits.answer_seconds,
        ) from None
    except ModelError as error:
        raise ProblemError(422, f"{str(error).rstrip('.')}.", field="thresholds") from None


def _log_texts(service: Service, articles: Sequence[Article]) -> None:
    if service.settings.log_text:
        for article in articles:
            log.info("article %s", json.dumps([article.id, article.title, article.text]))
