"""What every request passes: who asks, how many ask at once, what is logged, safe headers."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classifier.corpus.table import disarmed
from classifier.serving.http.problems import ProblemError
from classifier.serving.http.service import Service

__all__ = ["SECURITY_HEADERS", "Gate", "Watch"]

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
RETRY_SECONDS = 1
GUARDED = ("/v1/", "/metrics")

log = logging.getLogger("classifier.serving")


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

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _secure(MutableHeaders(scope=message))
            await send(message)

        try:
            with self._service.metrics.under_way.track_inprogress():
                await self._app(scope, receive, watched)
        finally:
            self._note(scope, status, time.perf_counter() - start)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        known = path if path in self._paths else "other"
        self._service.metrics.answered(scope["method"], known, status, seconds)
        log.info(
            "%s %s %s %.1f ms",
            disarmed(scope["method"]),
            disarmed(path[:200]),
            status,
            seconds * 1000,
        )


def _secure(headers: MutableHeaders) -> None:
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")


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
        if refusal is not None:
            await refusal(scope, receive, send)
        elif _is_work(scope):
            await self._counted(lambda: self._app(scope, receive, send))
        else:
            await self._app(scope, receive, send)

    async def _counted(self, answer: Callable[[], Awaitable[None]]) -> None:
        self._service.under_way += 1
        try:
            await answer()
        finally:
            self._service.under_way -= 1

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        for problem in (self._host(headers), self._bearer(scope, headers), self._room(scope)):
            if problem is not None:
                return problem.response()
        return None

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
        if not self._token or not scope["path"].startswith(GUARDED):
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

    def _room(self, scope: Scope) -> ProblemError | None:
        most = self._service.limits.requests
        if not _is_work(scope) or self._service.under_way < most:
            return None
        return ProblemError(
            503,
            f"{most} requests are under way, which is as many as are taken. Try again.",
            headers={"Retry-After": str(RETRY_SECONDS)},
            limit=most,
        )


def _is_work(scope: Scope) -> bool:
    return bool(scope["path"].startswith("/v1/") and scope["method"] == "POST")
