"""The application: addresses, documentation and page behind one gate."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import fastapi_offline
import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from classifier.article import Article
from classifier.corpus.write import prediction_row
from classifier.errors import BadInputError, ModelError
from classifier.model.model import BALANCED, Model
from classifier.model.prediction import Prediction
from classifier.service import schemas as answers
from classifier.service.corrections import FeedbackFullError
from classifier.service.errors import MEDIA_TYPE, ProblemError, add_problem_handlers
from classifier.service.limits import ServiceSettings
from classifier.service.lines import LinesResponse, predicted_lines
from classifier.service.page import page_files
from classifier.service.requests import (
    BYTES,
    DOCS,
    JSON,
    NDJSON,
    PROBABILITY,
    Direct,
    Gate,
    Watch,
    article_of,
    checked_labels,
    media_type,
    parsed,
    parsed_prediction,
    read_body,
    thresholds_from,
)
from classifier.service.schemas import (
    ARTICLE,
    ArticleRequest,
    BatchRequest,
    FeedbackRequest,
    ProblemAnswer,
    cut_probabilities,
    explained,
)
from classifier.service.service import Service, Shelved, service_of
from classifier.service.uploads import read_upload

__all__ = ["create_app", "model_object", "models_object", "router"]


REF = "#/components/schemas/{model}"
BODIES = (ArticleRequest, BatchRequest, FeedbackRequest, ProblemAnswer)
MEANING = {
    400: "The body is not valid JSON, or did not come whole.",
    401: "The token is missing or wrong.",
    404: "There is no such model, or the service does not do this.",
    408: "The body did not come in time.",
    413: "The body, the batch or an article is too large.",
    415: "The body is of another type, or packed.",
    422: "A field is missing or wrong.",
    429: "Too many streams at once; see Retry-After.",
    503: "Too many requests at once, or no answer in time; see Retry-After.",
    507: "The file of corrections is full.",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route may answer with."""
    schema = {"$ref": REF.format(model=ProblemAnswer.__name__)}
    return {
        status: {"description": MEANING[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _body(*bodies: type[BaseModel], **content: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a request, which FastAPI cannot tell as the route reads it itself."""
    one_of = [{"$ref": REF.format(model=each.__name__)} for each in bodies]
    schema = {"schema": {"oneOf": one_of} if len(one_of) > 1 else one_of[0]}
    return {"required": True, "content": {JSON: schema | content}}


def _query(name: str, description: str, **schema: object) -> dict[str, Any]:
    """Return a parameter of the address."""
    form = {"type": "string"} | schema
    return {"name": name, "in": "query", "description": description, "schema": form}


_MODEL = _query("model", "Name of a model; the first one when left out.")
_POINT = _query("point", "Working point, for lines; a body's own comes first.")
_CODES = _query(
    "codes", "Whether lines are answered with the codes of each tag.", enum=["true", "false"]
)
_THRESHOLD = _query(
    "threshold",
    "LABEL=P, as often as needed, for lines; a body's own fields come first.",
    type="array",
    items={"type": "string", "pattern": f"^.+={PROBABILITY}$"},
)
_READ = {
    "requestBody": {
        "required": True,
        "content": {
            BYTES: {
                "schema": {"type": "string", "format": "binary"},
                "example": f"{json.dumps(ARTICLE)}\n",
            }
        },
    },
    "parameters": [_query("name", "What the file is called.")],
}
_PREDICT: dict[str, Any] = {
    "requestBody": _body(
        ArticleRequest,
        BatchRequest,
        examples={
            "one": {"summary": "One article", "value": ARTICLE},
            "batch": {
                "summary": "Several, with a cut of one's own",
                "value": {"articles": [ARTICLE], "thresholds": {"energy": 0.7}},
            },
        },
    ),
    "parameters": [_MODEL, _POINT, _CODES, _THRESHOLD],
}
_PREDICT["requestBody"]["content"][NDJSON] = {
    "schema": {"type": "string"},
    "example": f'{json.dumps(ARTICLE)}\n{{"id": "a-18", "text": "The museum reopens."}}\n',
}


def _describe(app: FastAPI, *, guarded: bool) -> dict[str, Any]:
    """Return FastAPI's document with the bodies, which the routes read for themselves."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, bodies = models_json_schema([(each, "validation") for each in BODIES], ref_template=REF)
        document["components"]["schemas"] |= bodies["$defs"]
        if guarded:
            bearer = {"token": {"type": "http", "scheme": "bearer"}}
            document["components"]["securitySchemes"] = bearer
            document["security"] = [{"token": []}]
        app.openapi_schema = document
    return app.openapi_schema


def model_object(service: Service, chosen: Shelved) -> dict[str, object]:
    """Return what GET /v1/model answers."""
    model = chosen.model
    versions = model.info.get("versions")
    return {
        "name": chosen.name,
        "signature": model.signature,
        "hash": str(model.info.get("hash", "")),
        "mode": model.mode,
        "labels": list(model.labels),
        "cuts": cut_probabilities(model),
        "codes": model.codes,
        "points": list(model.points),
        "terms": len(model.vocabulary),
        "min_words": model.min_words,
        "min_coverage": model.min_coverage,
        "versions": dict(versions) if isinstance(versions, dict) else {},
        "card": chosen.card,
        "models": list(service.shelf.models),
        "feedback": service.feedback is not None,
        "limits": dataclasses.asdict(service.limits),
    }


def models_object(service: Service) -> dict[str, object]:
    """Return what GET /v1/models answers."""
    default = service.shelf.default
    return {
        "models": [
            {
                "name": each.name,
                "signature": each.model.signature,
                "labels": list(each.model.labels),
                "default": each is default,
            }
            for each in service.shelf.models.values()
        ]
    }


Value = TypeVar("Value")
log = logging.getLogger("classifier.service")
router = APIRouter(prefix="/v1")


@router.post(
    "/predict",
    summary="Tag one article, several, or a stream of them",
    responses={
        200: {"model": answers.PredictionAnswer | answers.BatchAnswer},
        **_problems(400, 401, 404, 408, 413, 415, 422, 429, 503),
    },
    openapi_extra=_PREDICT,
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
    content = await read_body(request, service)
    with service.working():
        body = parsed_prediction(content, service.limits)
        lines = body.articles if isinstance(body, BatchRequest) else [body]
        chosen, thresholds = _chosen(request, service, model=body.model, point=body.point)
        articles = list(map(article_of, lines))
        said = await _predicted(service, chosen, articles, thresholds=thresholds | body.thresholds)
    codes = chosen.model.codes if body.codes or _wants_codes(request) else None
    rows = [prediction_row(each, codes) for each in said]
    return _Answer({"predictions": rows} if isinstance(body, BatchRequest) else rows[0])


@router.post(
    "/read",
    summary="Read a file",
    responses={
        200: {"model": answers.ReadAnswer},
        **_problems(400, 401, 408, 413, 415, 422, 429, 503),
    },
    openapi_extra=_READ,
)
async def read(request: Request) -> Response:
    """Give the rows of a file in any format that the command line reads, but packed ones.

    The file is sent as it is; its name tells the format, else its first bytes do. Nothing of it
    is kept.
    """
    service = service_of(request)
    media_type(request, BYTES)
    _open_stream(service)
    try:
        content = await read_body(request, service, most=service.limits.file_bytes)
        with service.working():
            work = partial(read_upload, request.query_params.get("name", ""), content)
            table = await _in_time(service, service.scorer.run(work))
        return _Answer(vars(table))
    except BadInputError as error:
        raise ProblemError(422, str(error), field="") from None
    finally:
        service.close_stream()


@router.post(
    "/explain",
    summary="Say why an article gets its labels",
    responses={
        200: {"model": answers.ExplainAnswer},
        **_problems(400, 401, 404, 408, 413, 415, 422, 503),
    },
    openapi_extra={"requestBody": _body(ArticleRequest)},
)
async def explain(request: Request) -> Response:
    """Tag one article and give, per label, every known term with what it adds to the margin."""
    service = service_of(request)
    media_type(request, JSON)
    content = await read_body(request, service)
    with service.working():
        body = parsed(ArticleRequest, content, service.limits)
        chosen, article = service.model(body.model), article_of(body)
        _log_texts(service, [article])
        thresholds = _cuts_at(chosen.model, body.point or BALANCED) | body.thresholds
        codes = chosen.model.codes if body.codes else None
        work = partial(explained, chosen.model, article, thresholds=thresholds, codes=codes)
        prediction, answer = await _in_time(service, service.scorer.run(work))
    service.count(chosen.name, [prediction])
    return _Answer(answer)


@router.get(
    "/model",
    summary="Describe a model",
    responses={200: {"model": answers.ModelAnswer}, **_problems(401, 404)},
    openapi_extra={"parameters": [_MODEL]},
)
async def model(request: Request) -> Response:
    """Give a model's labels, cuts, versions, hash and card, and the names of all models."""
    service = service_of(request)
    chosen = service.model(request.query_params.get("model"))
    return _Answer(model_object(service, chosen))


@router.get(
    "/models",
    summary="List the models",
    responses={200: {"model": answers.ModelsAnswer}, **_problems(401)},
)
async def models(request: Request) -> Response:
    """Give the name, signature and labels of every model."""
    return _Answer(models_object(service_of(request)))


@router.post(
    "/feedback",
    summary="Save a correction",
    responses={
        200: {"model": answers.FeedbackAnswer},
        **_problems(400, 401, 404, 408, 413, 415, 422, 503, 507),
    },
    openapi_extra={"requestBody": _body(FeedbackRequest)},
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
    content = await read_body(request, service)
    with service.working():
        body = parsed(FeedbackRequest, content, service.limits)
        checked_labels(body, service.model(body.model).model.labels)
        row = {"id": body.id, "title": body.title, "text": body.text, "labels": body.labels}
        row |= {} if body.negative is None else {"negative": body.negative}
        kept = {name: value for name, value in row.items() if value != ""}
        try:
            work = service.writer.run(partial(service.feedback.save, kept))
            replaced = await _in_time(service, work)
        except FeedbackFullError as error:
            raise ProblemError(507, str(error)) from None
    return _Answer({"saved": True, "replaced": replaced})


def _stream(request: Request, service: Service) -> Response:
    chosen, thresholds = _chosen(request, service)
    _open_stream(service)
    lines = predicted_lines(
        request,
        chosen.model,
        service.scorer,
        service.limits,
        thresholds=thresholds,
        codes=chosen.model.codes if _wants_codes(request) else None,
        observe=partial(service.count, chosen.name),
    )
    return LinesResponse(lines, service.close_stream)


def _open_stream(service: Service) -> None:
    """Count a stream of lines, or a file, or raise a 429 where there are too many."""
    if service.streams >= service.limits.streams:
        raise ProblemError(
            429,
            f"{service.limits.streams} streams are under way, which is as many as are taken.",
            headers={"Retry-After": "5"},
            limit=service.limits.streams,
        )
    service.streams += 1


def _chosen(
    request: Request, service: Service, *, model: str | None = None, point: str | None = None
) -> tuple[Shelved, dict[str, float]]:
    """Return the model and the thresholds that the address asks for.

    A body's model and working point come before the address's.
    """
    by_address = service.model(request.query_params.get("model"))
    chosen = by_address if model is None else service.model(model)
    thresholds = thresholds_from(request.query_params.getlist("threshold"))
    if thresholds:
        try:
            chosen.model.predict([], thresholds=thresholds)
        except ModelError as error:
            raise ProblemError(422, f"{str(error).rstrip('.')}.", field="threshold") from None
    at = point or request.query_params.get("point", BALANCED)
    return chosen, _cuts_at(chosen.model, at) | thresholds


def _wants_codes(request: Request) -> bool:
    said = request.query_params.get("codes", "false")
    if said not in ("true", "false"):
        raise ProblemError(422, f"codes is '{said:.60}'. Write true or false.", field="codes")
    return said == "true"


def _cuts_at(model: Model, point: str) -> dict[str, float]:
    try:
        return model.thresholds_at(point[:60])
    except ModelError as error:
        raise ProblemError(422, f"{str(error).rstrip('.')}.", field="point") from None


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
    service.count(chosen.name, said)
    return said


async def _in_time(service: Service, work: Awaitable[Value]) -> Value:
    try:
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


_SCRIPTS = "docs-files"


def create_app(settings: ServiceSettings | None = None) -> ASGIApp:
    """Return the service as an ASGI application, its models loaded.

    Parameters
    ----------
    settings : ServiceSettings, optional
        The shipped model with the default limits when left out.

    Raises
    ------
    ClassifierError
        When a model cannot be loaded, or the file of corrections cannot be written to.
    """
    service = Service.of(settings or ServiceSettings())
    app = FastAPI(
        title="classifier",
        description="Tags news articles with sectors, and says why.",
        version=version("classifier"),
        lifespan=_lifespan,
        docs_url=None,  # FastAPI's own loads its script from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.openapi = partial(_describe, app, guarded=bool(service.settings.token))  # type: ignore[method-assign]
    app.state.service = service
    add_problem_handlers(app)
    app.include_router(router)
    _add_health(app)
    _add_plain(app)
    paths = [getattr(route, "path", "") for route in (*app.routes, *router.routes)]
    return Watch(_with_cors(Gate(Direct(app, router.routes), service), service), service, paths)


class _Answer(JSONResponse):
    """JSON without the encoder of the standard library, which takes ten times as long."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        return msgspec.json.encode(content)


def _with_cors(app: ASGIApp, service: Service) -> ASGIApp:
    origins = service.settings.cors_origins
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["Retry-After"],
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    with service.reloading_on_hangup():
        yield
    service.close()


def _add_health(app: FastAPI) -> None:
    ok: dict[int | str, dict[str, Any]] = {200: {"model": answers.HealthAnswer}}

    @app.get("/health/live", summary="Say whether the process is alive", responses={**ok})
    async def live() -> Response:
        """Answer as long as the process can."""
        return _Answer({"status": "ok"})

    @app.get(
        "/health/ready",
        summary="Say whether it takes work",
        responses={**ok, **_problems(503)},
    )
    async def ready(request: Request) -> Response:
        """Answer 503 while as many requests are under way as are taken, or no scoring ends."""
        if refusal := service_of(request).refusal():
            raise refusal
        return _Answer({"status": "ok"})

    text = {"description": "Counts.", "content": {"text/plain": {"schema": {"type": "string"}}}}

    @app.get(
        "/metrics",
        summary="Counts for Prometheus",
        response_class=Response,
        responses={200: text, **_problems(401)},
    )
    async def metrics(request: Request) -> Response:
        """Give requests, times, articles, labels and stuck threads, of all processes together."""
        return Response(service_of(request).metrics.page(), media_type=CONTENT_TYPE_LATEST)


def _add_plain(app: FastAPI) -> None:
    """Add what is no part of the documented interface: the page, and FastAPI's of the addresses."""
    for path, (content, kind) in page_files().items():
        app.router.routes.append(Route(path, _file(content, kind), methods=["GET"]))
    scripts = Path(fastapi_offline.__file__).with_name("static")
    app.mount(f"/{_SCRIPTS}", StaticFiles(directory=scripts))

    @app.get(DOCS, include_in_schema=False)
    async def docs() -> Response:
        # relative addresses, for proxies that add a prefix
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url=f"{_SCRIPTS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_SCRIPTS}/swagger-ui.css",
            swagger_favicon_url="icon.svg",
        )


def _file(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return answer
