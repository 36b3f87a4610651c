"""Bodies of requests, read no further and waited for no longer than the limits allow."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TypeVar

from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classifier.article import Article
from classifier.errors import sanitized
from classifier.service.errors import (
    EXPECTED,
    MAX_ERRORS,
    ProblemError,
    field_errors,
    problem_of,
    wrong_fields,
)
from classifier.service.limits import Limits
from classifier.service.schemas import (
    ArticleLine,
    ArticleRequest,
    BatchRequest,
    FeedbackRequest,
)
from classifier.service.service import Service

__all__ = [
    "BYTES",
    "DOCS",
    "HEADER_BYTES",
    "JSON",
    "NDJSON",
    "PROBABILITY",
    "SECURITY_HEADERS",
    "Direct",
    "Gate",
    "Watch",
    "article_of",
    "checked_labels",
    "media_type",
    "parsed",
    "parsed_prediction",
    "read_body",
    "thresholds_from",
]


RawHeader = tuple[bytes, bytes]
POLICY = (
    b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    b"object-src 'none'"
)
DOCS = "/docs"
# FastAPI's page of the addresses starts its script in the page itself and draws with data: images.
DOCS_POLICY = (
    POLICY + b"; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:"
)
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
HEADER_BYTES = 16 * 1024
# Of one body; far beyond what any sound one has.
MOST_FIELDS = 10_000
# Bodies that are coming in may together have as many bytes as so many of the longest.
BODIES_AT_ONCE = 32
GUARDED = ("/v1/", "/metrics")
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
log = logging.getLogger("classifier.service")


class Watch:
    """Outermost: headers for every answer, one line of log and one count for every request.

    Parameters
    ----------
    app : ASGI application
    service : Service
    paths : collection of str
        The addresses there are; all others are counted as one.
    """

    def __init__(self, app: ASGIApp, service: Service, paths: Collection[str]) -> None:
        self._app, self._service, self._paths = app, service, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, and watch it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 0, time.perf_counter()
        without_body = scope["method"] == "HEAD"
        path, under_way = _path(scope), self._service.metrics.under_way

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _secured(message["headers"], path)
            elif without_body:
                message = {**message, "body": b""}
            await send(message)

        under_way.inc()
        try:
            asked = {**scope, "method": "GET"} if without_body else scope
            await self._app(asked, receive, watched)
        finally:
            under_way.dec()
            self._note(scope["method"], path, status, time.perf_counter() - start)

    def _note(self, method: str, path: str, status: int, seconds: float) -> None:
        counted = method if method in METHODS else "other", path if path in self._paths else "other"
        self._service.metrics.requests(*counted, str(status)).inc()
        self._service.metrics.seconds(counted[1]).observe(seconds)
        if counted != (method, path):
            method, path = sanitized(method), sanitized(path[:200])
        log.info("%s %s %s %.1f ms", method, path, status, seconds * 1000)


def _secured(headers: Iterable[RawHeader], path: str) -> list[RawHeader]:
    policy = DOCS_POLICY if path == DOCS else POLICY
    secured = [*headers, (b"content-security-policy", policy), *SECURITY_HEADERS]
    if not any(name == b"cache-control" for name, _ in secured):
        secured.append((b"cache-control", b"no-store"))
    return secured


def _path(scope: Scope) -> str:
    """Return the path below the one where another application has mounted this one."""
    path: str = scope.get("path", "")
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


class Gate:
    """Lets in who asks under a known name and bears the token, and no more than fit.

    Parameters
    ----------
    app : ASGI application
    service : Service
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        self._token = service.settings.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        problem = (
            _too_long_headers(scope)
            or self._host(headers)
            or self._bearer(scope, headers)
            or (self._service.refusal() if _is_work(scope) else None)
        )
        return problem.response() if problem else None

    def _host(self, headers: Headers) -> ProblemError | None:
        host, hosts = headers.get("host", "").lower(), self._service.settings.hosts
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if not hosts or name in hosts:
            return None
        return ProblemError(
            421,
            f"this service is not called '{name:.80}'. Start it with --allow-host to allow that.",
            field="Host",
        )

    def _bearer(self, scope: Scope, headers: Headers) -> ProblemError | None:
        if not self._token or not _path(scope).startswith(GUARDED):
            return None
        scheme, _, said = headers.get("authorization", "").partition(" ")
        # in constant time, so that its length of time tells nothing of the token
        same = hmac.compare_digest(said.strip().encode("latin-1"), self._token)
        if same and scheme.lower() == "bearer":
            return None
        return ProblemError(
            401,
            "this service asks for a token. Send it as 'Authorization: Bearer …'.",
            headers={"WWW-Authenticate": 'Bearer realm="classifier"'},
            field="Authorization",
        )


def _too_long_headers(scope: Scope) -> ProblemError | None:
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    size += sum(len(name) + len(value) for name, value in scope["headers"])
    if size <= HEADER_BYTES:
        return None
    return ProblemError(
        431,
        f"address and headers have {size} bytes, at most {HEADER_BYTES} are taken.",
        headers={"Connection": "close"},
        limit=HEADER_BYTES,
    )


def _is_work(scope: Scope) -> bool:
    return _path(scope).startswith("/v1/") and scope["method"] == "POST"


class Direct:
    """Calls the functions of some routes itself: FastAPI's way to them takes longer than they do.

    All other requests go that way, and so does a wrong method.

    Parameters
    ----------
    app : FastAPI
    routes : sequence of BaseRoute
        Their functions take a request, and return or raise what is answered.
    """

    def __init__(self, app: FastAPI, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._endpoints: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            (method, route.path): route.endpoint
            for route in routes
            if isinstance(route, Route)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        endpoint = self._endpoints.get((scope.get("method", ""), _path(scope)))
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await endpoint(Request({**scope, "app": self._app}, receive))
        except Exception as error:
            await problem_of(error).response()(scope, receive, send)
            if not isinstance(error, EXPECTED):
                raise
            return
        await response(scope, receive, send)


JSON, NDJSON = "application/json", "application/x-ndjson"
BYTES = "application/octet-stream"
LINES = frozenset(
    {NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonl"}
    | {"application/jsonlines", "application/x-jsonlines"}
)
PROBABILITY = r"(?:0?\.[0-9]{1,17}|[01](?:\.0{1,17})?)"
_THRESHOLD = re.compile(f"(.+)=({PROBABILITY})", re.DOTALL)
Body = TypeVar("Body", bound=BaseModel)
Line = TypeVar("Line", bound=ArticleLine)


def media_type(request: Request, *accepted: str) -> str:
    """Return what the body is said to be; JSON lines have several names and one answer.

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
    said = NDJSON if said in LINES else said
    if said not in accepted:
        raise ProblemError(
            415,
            f"Content-Type is '{said:.80}'. Send {' or '.join(accepted)}.",
            headers={"Accept": ", ".join(accepted)},
            field="Content-Type",
        )
    return said


async def read_body(request: Request, service: Service, *, most: int = 0) -> bytes:
    """Return the whole body, of at most `most` bytes or else as the limits say.

    Raises
    ------
    ProblemError
        413 when it is too long, 408 when it does not come in time, 503 when the bodies that are
        coming in have too many bytes together.
    """
    limits = service.limits
    most = most or limits.body_bytes
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most:
        raise _too_long(most)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.read_seconds):
            chunks = request.stream()
            async for chunk in chunks:
                body += chunk
                service.n_bytes += len(chunk)
                if len(body) > most:
                    # thrown away, as a client that cannot send on does not read the answer
                    async for _ in chunks:
                        pass
                    raise _too_long(most)
                if service.n_bytes > BODIES_AT_ONCE * limits.body_bytes:
                    raise _too_many(BODIES_AT_ONCE * limits.body_bytes)
    except TimeoutError:
        raise ProblemError(
            408,
            f"the body was not there after {limits.read_seconds:g} seconds.",
            headers={"Connection": "close"},
            limit=limits.read_seconds,
        ) from None
    finally:
        service.n_bytes -= len(body)
    return bytes(body)


def _too_many(most: int) -> ProblemError:
    return ProblemError(
        503,
        f"the bodies that are coming in have more than {most} bytes together. Try again.",
        headers={"Retry-After": "1", "Connection": "close"},
        limit=most,
    )


def _too_long(most: int) -> ProblemError:
    return ProblemError(
        413,
        f"the body is longer than {most} bytes. Send fewer articles at once, or one a line as "
        f"{NDJSON}.",
        field="",
        limit=most,
    )


def article_of(line: ArticleLine) -> Article:
    """Return the article of a body or line."""
    return Article(line.text, title=line.title, id=line.id)


def parsed(kind: type[Line], body: bytes, limits: Limits) -> Line:
    """Return a JSON body as an article of some `kind`.

    Raises
    ------
    ProblemError
        400 when it is no JSON, 413 when the article is too long, 422 when a field is missing or
        wrong.
    """
    article = _checked(kind, _document(body))
    _check_length(article, limits)
    return article


def parsed_prediction(body: bytes, limits: Limits) -> ArticleRequest | BatchRequest:
    """Return one article to tag, or several.

    Limits come before all else, and what is wrong is looked for in the first articles that have
    something wrong, so that a bad body costs no more than a good one.

    Raises
    ------
    ProblemError
        400 when it is no JSON, 413 for too many articles or a long one, 422 when a field is missing
        or wrong.
    """
    document = _document(body)
    if not isinstance(document, dict) or "articles" not in document:
        article = _checked(ArticleRequest, document)
        _check_length(article, limits)
        return article
    articles = document["articles"]
    if isinstance(articles, list):
        if len(articles) > limits.batch_articles:
            raise ProblemError(
                413,
                f"articles has {len(articles)} articles, at most {limits.batch_articles} are "
                f"taken. Send fewer at once, or one a line as {NDJSON}.",
                field="articles",
                limit=limits.batch_articles,
            )
        document = document | {"articles": _checked_each(articles)}
    batch = _checked(BatchRequest, document)
    for i, line in enumerate(batch.articles):
        _check_length(line, limits, place=f"articles[{i}].")
    return batch


def _document(body: bytes) -> object:
    """Return a body as what its JSON says, with no more fields than are looked at one by one."""
    try:
        document = from_json(body)
    except ValueError as error:
        raise ProblemError(400, f"the body is not valid JSON ({error}).") from None
    if isinstance(document, dict):
        parts = {name: document.get(name) for name in ("thresholds", "labels", "negative")}
        for name, part in {"": document, **parts}.items():
            if isinstance(part, dict | list) and len(part) > MOST_FIELDS:
                raise ProblemError(
                    422,
                    f"{name or 'the body'}: {len(part)} entries, at most {MOST_FIELDS} are taken.",
                    field=name,
                    limit=MOST_FIELDS,
                )
    return document


def _checked(kind: type[Body], document: object) -> Body:
    if isinstance(document, list):
        raise ProblemError(
            422,
            'the body: is a list. Send one article as an object, or several as {"articles": […]}.',
            field="",
        )
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise wrong_fields(field_errors(error)) from None


def _checked_each(articles: list[object]) -> list[ArticleLine]:
    """Return the articles, each checked, or raise what is wrong with the first that are wrong."""
    checked, wrong = [], []
    for i, article in enumerate(articles):
        try:
            checked.append(ArticleLine.model_validate(article))
        except ValidationError as error:
            wrong += field_errors(error, before=("articles", i))
            if len(wrong) >= MAX_ERRORS:
                break
    if wrong:
        raise wrong_fields(wrong)
    return checked


def _check_length(article: ArticleLine, limits: Limits, *, place: str = "") -> None:
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
