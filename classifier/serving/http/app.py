"""The application: addresses, documentation and page behind one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from classifier.serving.http import answers, routes
from classifier.serving.http.docs_page import STYLE, docs_page
from classifier.serving.http.gate import Gate, Watch
from classifier.serving.http.metrics import CONTENT_TYPE_LATEST
from classifier.serving.http.openapi import describe_openapi, problem_answers
from classifier.serving.http.problems import ProblemError, add_problem_handlers
from classifier.serving.http.service import Service, service_of
from classifier.serving.http.settings import ServiceSettings

__all__ = ["create_app"]

PAGE = "classifier.serving.page"


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
    app.include_router(routes.router)
    _add_health(app)
    _add_plain(app, service)
    paths = [getattr(route, "path", "") for route in (*app.routes, *routes.router.routes)]
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
    service.scorer.close()


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
        """Answer 503 while as many requests are under way as are taken."""
        service = service_of(request)
        if service.under_way >= service.limits.requests:
            raise ProblemError(503, "as many requests are under way as are taken.")
        return JSONResponse({"status": "ok"})

    text = {"description": "Counts.", "content": {"text/plain": {"schema": {"type": "string"}}}}

    @app.get(
        "/metrics",
        summary="Counts for Prometheus",
        response_class=Response,
        responses={200: text, **problem_answers(401)},
    )
    async def metrics(request: Request) -> Response:
        """Give requests, times, articles, labels and batches, of all processes together."""
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
