"""The OpenAPI document: bodies and examples that the routes check by themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from classifier.serving.http.answers import ProblemAnswer
from classifier.serving.http.bodies import JSON, NDJSON, PROBABILITY
from classifier.serving.http.problems import MEDIA_TYPE
from classifier.serving.http.schemas import (
    ARTICLE,
    ArticleRequest,
    BatchRequest,
    FeedbackRequest,
)
from classifier.serving.http.service import Service

__all__ = [
    "describe_openapi",
    "explain_extra",
    "feedback_extra",
    "model_extra",
    "predict_extra",
    "problem_answers",
]

_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|/]")
REF = "#/components/schemas/{model}"
BODIES = (ArticleRequest, BatchRequest, FeedbackRequest)
SHORT = {"id": "a-18", "text": "The museum reopens."}
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
    return {
        "requestBody": {"required": True, "content": content},
        "parameters": [_MODEL_PARAMETER, threshold],
    }


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
    _name_models_and_labels(document, service)
    if service.settings.token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _name_models_and_labels(document: dict[str, Any], service: Service) -> None:
    """Say which models and labels there are, so that the document asks for nothing else."""
    models = service.shelf.models
    labels = list(dict.fromkeys(label for each in models.values() for label in each.model.labels))
    for body in BODIES:
        fields = document["components"]["schemas"][body.__name__]["properties"]
        fields["model"] = {"enum": [*models, None], "description": _MODEL_PARAMETER["description"]}
        if "thresholds" in fields:
            fields["thresholds"] |= _closed(fields["thresholds"], labels)
        for name in ("labels", "negative"):
            _restrict(fields.get(name, {}), labels)
    for path in ("/v1/predict", "/v1/model"):
        for method in document["paths"][path].values():
            for each in method["parameters"]:
                _restrict_parameter(each, list(models), labels)


def _closed(thresholds: dict[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    each = thresholds["additionalProperties"]
    return {"properties": dict.fromkeys(labels, each), "additionalProperties": False}


def _restrict(field: dict[str, Any], labels: Sequence[str]) -> None:
    for form in (field, *field.get("anyOf", ())):
        if form.get("type") == "array":
            form["items"] = {"type": "string", "enum": list(labels)}


def _restrict_parameter(
    parameter: dict[str, Any], models: Sequence[str], labels: Sequence[str]
) -> None:
    if parameter["name"] == "model":
        parameter["schema"] = {"type": "string", "enum": list(models)}
    else:
        names = "|".join(_SPECIAL.sub(r"\\\g<0>", label) for label in labels)
        form = {"type": "string", "pattern": f"^(?:{names})={PROBABILITY}$"}
        parameter["schema"] = {"type": "array", "items": form}
        parameter["example"] = [f"{labels[0]}=0.7"]
