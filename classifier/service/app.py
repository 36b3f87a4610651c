"""The application: addresses, documentation and page behind one gate."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from html import escape
from importlib import import_module
from importlib.metadata import version
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
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
from classifier.service.metrics import CONTENT_TYPE_LATEST
from classifier.service.requests import (
    BYTES,
    JSON,
    NDJSON,
    PROBABILITY,
    Gate,
    Watch,
    checked_article,
    checked_articles,
    checked_labels,
    media_type,
    parsed,
    parsed_prediction,
    read_body,
    thresholds_from,
)
from classifier.service.schemas import (
    ARTICLE,
    EXPLAIN,
    FEEDBACK,
    ArticleRequest,
    BatchRequest,
    FeedbackRequest,
    ProblemAnswer,
    cut_probabilities,
)
from classifier.service.service import Service, Shelved, service_of
from classifier.service.uploads import read_upload

__all__ = [
    "STYLE",
    "create_app",
    "describe_openapi",
    "docs_page",
    "explain_extra",
    "feedback_extra",
    "model_extra",
    "model_object",
    "models_object",
    "predict_extra",
    "problem_answers",
    "read_extra",
    "router",
]


_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|/]")
REF = "#/components/schemas/{model}"
BODIES = (ArticleRequest, BatchRequest, FeedbackRequest)
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
_MODEL_PARAMETER = {
    "name": "model",
    "in": "query",
    "description": "Name of a model; the first one when left out.",
    "schema": {"type": "string"},
}


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems that a route may answer with."""
    schema = {"$ref": REF.format(model=ProblemAnswer.__name__)}
    return {
        status: {"description": MEANING[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def predict_extra() -> dict[str, Any]:
    """Return what FastAPI cannot tell from the code of /v1/predict."""
    one_of = [{"$ref": REF.format(model=each.__name__)} for each in (ArticleRequest, BatchRequest)]
    lines = "".join(
        json.dumps(row) + "\n" for row in (ARTICLE, {"id": "a-18", "text": "The museum reopens."})
    )
    examples = {
        "one": {"summary": "One article", "value": ARTICLE},
        "batch": {
            "summary": "Several, with a cut of one's own",
            "value": {"articles": [ARTICLE], "thresholds": {"energy": 0.7}},
        },
    }
    content = {
        JSON: {"schema": {"oneOf": one_of}, "examples": examples},
        NDJSON: {"schema": {"type": "string"}, "example": lines},
    }
    threshold = {
        "name": "threshold",
        "in": "query",
        "description": "LABEL=P, as often as needed, for lines; a body's own fields come first.",
        "schema": {"type": "array", "items": {"type": "string"}},
    }
    point = {
        "name": "point",
        "in": "query",
        "description": "Working point, for lines; a body's own comes first.",
        "schema": {"type": "string"},
    }
    codes = {
        "name": "codes",
        "in": "query",
        "description": "Whether lines are answered with the codes of each tag.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    }
    return {
        "requestBody": {"required": True, "content": content},
        "parameters": [_MODEL_PARAMETER, point, codes, threshold],
    }


def read_extra() -> dict[str, Any]:
    """Return what FastAPI cannot tell from the code of /v1/read."""
    name = {
        "name": "name",
        "in": "query",
        "description": "What the file is called.",
        "schema": {"type": "string"},
    }
    example = json.dumps(ARTICLE) + "\n"
    content = {BYTES: {"schema": {"type": "string", "format": "binary"}, "example": example}}
    return {"requestBody": {"required": True, "content": content}, "parameters": [name]}


def explain_extra() -> dict[str, Any]:
    """Return what FastAPI cannot tell from the code of /v1/explain."""
    return _json_body(ArticleRequest.__name__)


def feedback_extra() -> dict[str, Any]:
    """Return what FastAPI cannot tell from the code of /v1/feedback."""
    return _json_body(FeedbackRequest.__name__)


def model_extra() -> dict[str, Any]:
    """Return what FastAPI cannot tell from the code of /v1/model."""
    return {"parameters": [_MODEL_PARAMETER]}


def _json_body(name: str) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": REF.format(model=name)}}}
    return {"requestBody": {"required": True, "content": content}}


def describe_openapi(app: FastAPI, service: Service) -> dict[str, Any]:
    """Return the document for the models that are served now."""
    document = get_openapi(
        title="classifier",
        version=app.version,
        description="Tags news articles with sectors, and says why.",
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    bodies = models_json_schema([(each, "validation") for each in BODIES], ref_template=REF)
    problem = ProblemAnswer.model_json_schema(ref_template=REF)
    schemas |= bodies[1].get("$defs", {}) | problem.pop("$defs", {})
    schemas[ProblemAnswer.__name__] = problem
    if not service.settings.token:  # they are nobody's who does not bear it
        _name_models_and_labels(document, service)
    else:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _name_models_and_labels(document: dict[str, Any], service: Service) -> None:
    """Say which models and labels there are, so that the document asks for nothing else."""
    models = service.shelf.models
    served = [each.model for each in models.values()]
    labels = list(dict.fromkeys(label for each in served for label in each.labels))
    points = list(dict.fromkeys(point for each in served for point in each.points))
    for body in BODIES:
        fields = document["components"]["schemas"][body.__name__]["properties"]
        fields["model"] = {"enum": [*models, None], "description": _MODEL_PARAMETER["description"]}
        if "thresholds" in fields:
            fields["thresholds"] |= _closed(fields["thresholds"], labels)
            fields["point"] = {**fields["point"], "anyOf": [{"enum": [*points, None]}]}
        for name in ("labels", "negative"):
            _restrict(fields.get(name, {}), labels)
    for path in ("/v1/predict", "/v1/model"):
        for method in document["paths"][path].values():
            for each in method["parameters"]:
                _restrict_parameter(each, {"model": list(models), "point": points}, labels)


def _closed(thresholds: dict[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    each = thresholds["additionalProperties"]
    return {"properties": dict.fromkeys(labels, each), "additionalProperties": False}


def _restrict(field: dict[str, Any], labels: Sequence[str]) -> None:
    for form in (field, *field.get("anyOf", ())):
        if form.get("type") == "array":
            form["items"] = {"type": "string", "enum": list(labels)}


def _restrict_parameter(
    parameter: dict[str, Any], names: Mapping[str, Sequence[str]], labels: Sequence[str]
) -> None:
    if parameter["name"] == "codes":
        return
    if parameter["name"] in names:
        parameter["schema"] = {"type": "string", "enum": list(names[parameter["name"]])}
    else:
        either = "|".join(_SPECIAL.sub(r"\\\g<0>", label) for label in labels)
        form = {"type": "string", "pattern": f"^(?:{either})={PROBABILITY}$"}
        parameter["schema"] = {"type": "array", "items": form}
        parameter["example"] = [f"{labels[0]}=0.7"]


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


STYLE = """\
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 50rem; margin: 0 auto; padding: 1rem; }
h2 { border-top: 1px solid; padding-top: 1rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .75rem; }
pre { border: 1px solid #8888; border-radius: .3rem; }
code { font-family: ui-monospace, monospace; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .15rem 1rem .15rem 0; }
"""


def docs_page(document: Mapping[str, Any]) -> bytes:
    """Return the page: every address with its fields, an example to run, and its answers."""
    parts = [
        _operation(document, path, method, each)
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    ]
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: addresses</title>
<link rel="stylesheet" href="docs.css">
</head>
<body>
<main>
<h1>{title}</h1>
<p>{escape(document["info"]["description"])}
For programs: <a href="openapi.json">openapi.json</a>.</p>
{"".join(parts)}</main>
</body>
</html>
""".encode()


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> str:
    text = operation.get("description", "").replace("\n\n", "</p>\n<p>")
    return (
        f"<section>\n<h2><code>{method.upper()} {escape(path)}</code></h2>\n"
        f"<p><strong>{escape(operation.get('summary', ''))}.</strong> {_ticked(text)}</p>\n"
        f"{''.join(_examples(document, path, method, operation))}"
        f"{_table(_parameters(operation), 'Query')}"
        f"{_table(_answers(operation), 'Answers')}</section>\n"
    )


def _ticked(text: str) -> str:
    """Return `text` with what stands between backticks as code; paragraphs stay as they are."""
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _examples(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    bodies = operation.get("requestBody", {}).get("content", {})
    for kind, content in bodies.items():
        for value in _values(document, content):
            yield _shown(_command(path, kind, value))
    if not bodies and method == "get":
        yield _shown(f"curl -s http://127.0.0.1:8000{path}")
    for content in operation["responses"].get("200", {}).get("content", {}).values():
        for value in _values(document, content):
            yield f"<p>Answer:</p>\n{_shown(json.dumps(value, indent=1, ensure_ascii=False))}"


def _command(path: str, kind: str, value: object) -> str:
    body = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)
    return (
        f"curl -s http://127.0.0.1:8000{path} -H 'Content-Type: {kind}' "
        f"--data-binary @- <<'END'\n{body.rstrip()}\nEND"
    )


def _values(document: Mapping[str, Any], content: Mapping[str, Any]) -> list[object]:
    if "examples" in content:
        return [each["value"] for each in content["examples"].values()]
    if "example" in content:
        return [content["example"]]
    schema = content.get("schema", {})
    first = (schema.get("anyOf") or [schema])[0]
    found = document["components"]["schemas"].get(first.get("$ref", "").rpartition("/")[2], {})
    return [found["example"]] if "example" in found else []


def _shown(code: str) -> str:
    return f"<pre><code>{escape(code)}</code></pre>\n"


def _table(rows: Mapping[str, str], title: str) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(text)}</td></tr>\n"
        for name, text in rows.items()
    )
    return f"<table>\n<caption>{title}</caption>\n{cells}</table>\n"


def _parameters(operation: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("description", "") for each in operation.get("parameters", ())}


def _answers(operation: Mapping[str, Any]) -> dict[str, str]:
    return {code: each.get("description", "") for code, each in operation["responses"].items()}


Value = TypeVar("Value")
log = logging.getLogger("classifier.service")
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
    content = await read_body(request, service)
    with service.working():
        body = parsed_prediction(content, service.limits)
        lines = body.articles if isinstance(body, BatchRequest) else [body]
        if isinstance(body, BatchRequest):
            checked_articles(lines, service.limits)
        else:
            checked_article(body, service.limits)
        chosen, thresholds = _chosen(request, service, model=body.model, point=body.point)
        articles = [line.article() for line in lines]
        said = await _predicted(service, chosen, articles, thresholds=thresholds | body.thresholds)
    codes = chosen.model.codes if body.codes or _wants_codes(request) else None
    rows = [prediction_row(each, codes) for each in said]
    return JSONResponse({"predictions": rows} if isinstance(body, BatchRequest) else rows[0])


@router.post(
    "/read",
    summary="Read a file",
    responses={
        200: {"model": answers.ReadAnswer},
        **problem_answers(400, 401, 408, 413, 415, 422, 429, 503),
    },
    openapi_extra=read_extra(),
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
        return JSONResponse(dataclasses.asdict(table))
    except BadInputError as error:
        raise ProblemError(422, str(error), field="") from None
    finally:
        service.close_stream()


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
    from classifier.service.schemas import explained

    service = service_of(request)
    media_type(request, JSON)
    content = await read_body(request, service)
    with service.working():
        body = parsed(EXPLAIN, content)
        checked_article(body, service.limits)
        chosen, article = service.model(body.model), body.article()
        _log_texts(service, [article])
        thresholds = _cuts_at(chosen.model, body.point or BALANCED) | body.thresholds
        codes = chosen.model.codes if body.codes else None
        work = partial(explained, chosen.model, article, thresholds=thresholds, codes=codes)
        prediction, answer = await _in_time(service, service.scorer.run(work))
    service.metrics.predicted(chosen.name, [prediction])
    return JSONResponse(answer)


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
    content = await read_body(request, service)
    with service.working():
        body = parsed(FEEDBACK, content)
        checked_article(body, service.limits)
        checked_labels(body, service.model(body.model).model.labels)
        row = {"id": body.id, "title": body.title, "text": body.text, "labels": body.labels}
        row |= {} if body.negative is None else {"negative": body.negative}
        kept = {name: value for name, value in row.items() if value != ""}
        try:
            work = service.writer.run(partial(service.feedback.save, kept))
            replaced = await _in_time(service, work)
        except FeedbackFullError as error:
            raise ProblemError(507, str(error)) from None
    return JSONResponse({"saved": True, "replaced": replaced})


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
        observe=partial(service.metrics.predicted, chosen.name),
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
    service.metrics.predicted(chosen.name, said)
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


PAGE = "classifier.service.page"


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
        version=version("classifier"),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    add_problem_handlers(app)
    app.include_router(router)
    _add_health(app)
    _add_plain(app, service)
    paths = [getattr(route, "path", "") for route in (*app.routes, *router.routes)]
    return Watch(_with_cors(Gate(app, service), service), service, paths)


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
        return JSONResponse({"status": "ok"})

    @app.get(
        "/health/ready",
        summary="Say whether it takes work",
        responses={**ok, **problem_answers(503)},
    )
    async def ready(request: Request) -> Response:
        """Answer 503 while as many requests are under way as are taken, or no scoring ends."""
        if refusal := service_of(request).refusal():
            raise refusal
        return JSONResponse({"status": "ok"})

    text = {"description": "Counts.", "content": {"text/plain": {"schema": {"type": "string"}}}}

    @app.get(
        "/metrics",
        summary="Counts for Prometheus",
        response_class=Response,
        responses={200: text, **problem_answers(401)},
    )
    async def metrics(request: Request) -> Response:
        """Give requests, times, articles, labels and stuck threads, of all processes together."""
        return Response(service_of(request).metrics.page(), media_type=CONTENT_TYPE_LATEST)


def _add_plain(app: FastAPI, service: Service) -> None:
    """Add what is no part of the documented interface: the documentation and the page."""

    async def openapi(request: Request) -> Response:
        return JSONResponse(describe_openapi(app, service))

    async def docs(request: Request) -> Response:
        return _fixed(docs_page(describe_openapi(app, service)), "text/html; charset=utf-8")

    plain = {"/openapi.json": openapi, "/docs": docs}
    for path, answer in plain.items():
        app.router.routes.append(Route(path, answer, methods=["GET"]))
    files = {"/docs.css": (STYLE.encode(), "text/css; charset=utf-8"), **_page_files()}
    for path, (content, kind) in files.items():
        app.router.routes.append(Route(path, _file(content, kind), methods=["GET"]))


def _file(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return _fixed(content, kind)

    return answer


def _fixed(content: bytes, kind: str) -> Response:
    return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})


def _page_files() -> dict[str, tuple[bytes, str]]:
    """Return the page's files by address, none where the page is not installed."""
    try:
        page = import_module(PAGE)
    except ModuleNotFoundError as error:
        if error.name != PAGE:
            raise
        return {}
    files: dict[str, tuple[bytes, str]] = page.page_files()
    return files
