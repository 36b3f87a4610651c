"""The application on a socket: its limits there, several processes, a quiet end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from classifier.errors import ClassifierError
from classifier.service.app import create_app
from classifier.service.corrections import FeedbackFile
from classifier.service.limits import ServiceSettings
from classifier.service.requests import HEADER_BYTES
from classifier.service.service import MULTIPROCESS, Shelf, Shelved

__all__ = ["TimedProtocol", "bind", "checked", "serve", "server_config"]


BACKLOG = 2048
SEND_BUFFER = 64 * 1024
GRACE_SECONDS = 30
TOO_LONG_HEADERS = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "classifier.service": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}


class TimedProtocol(HttpToolsProtocol):
    """HTTP/1.1 that hangs up on a client whose headers take too long, or have no end.

    It goes by the calls of asyncio and of httptools alone.

    Parameters
    ----------
    seconds : float
        For the headers of a request.
    more : object
        What uvicorn makes a protocol with.
    """

    def __init__(self, *, seconds: float, **more: Any) -> None:
        super().__init__(**more)
        self._seconds = seconds
        self._late: asyncio.TimerHandle | None = None
        self._n_bytes = 0  # since there was something whole
        self._in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._go_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came, unless there is too much of it that is neither headers nor body."""
        self._n_bytes += len(data)
        super().data_received(data)
        if self._n_bytes > HEADER_BYTES:
            if not self._in_body:
                self.transport.write(TOO_LONG_HEADERS)
            self.transport.close()
        elif self._n_bytes and not self._in_body and self._late is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Begin with a request."""
        self._in_body = True
        self._go_on()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take in a piece of a body."""
        self._go_on()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._in_body = False
        self._go_on()
        super().on_message_complete()

    def _wait(self) -> None:
        self._late = self.loop.call_later(self._seconds, self.transport.abort)

    def _go_on(self) -> None:
        self._n_bytes = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None


def bind(host: str, port: int, *, idle_seconds: float = 10.0) -> socket.socket:
    """Return a socket that listens there; port 0 takes a free one.

    Parameters
    ----------
    host : str
    port : int
    idle_seconds : float
        After which the system, where it can, hangs up on a client that takes nothing of its answer.

    Raises
    ------
    ClassifierError
        When the address is taken, not this machine's, or not allowed.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ClassifierError(
            f"cannot listen on {host} port {port} ({error.strerror or error}). Choose another "
            "--host or --port."
        ) from error
    # connections inherit all three; an answer leaves in two pieces, and the second must not wait
    # until the first is confirmed
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # what a client does not take waits here, not in the process alone
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = int(idle_seconds * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return listener


def checked(settings: ServiceSettings) -> list[Shelved]:
    """Return the models that the service will load, the default first.

    Raises
    ------
    ClassifierError
        When one cannot be loaded, or corrections cannot be saved, before anything listens.
    """
    if settings.feedback:
        FeedbackFile(settings.feedback)
    return list(Shelf(settings.sources).models.values())


def server_config(settings: ServiceSettings, *, workers: int = 1) -> Config:
    """Return how uvicorn is to run the application."""
    return Config(
        partial(create_app, settings),
        factory=True,
        http=partial(TimedProtocol, seconds=settings.limits.read_seconds),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        workers=workers,
        backlog=BACKLOG,
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.limits.connections + 1,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Workers(Multiprocess):
    """Processes that share a socket; SIGHUP goes to each, which then reloads its models."""

    def handle_hup(self) -> None:
        """Pass the signal on."""
        for process in self.processes:
            if process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGHUP)


def serve(settings: ServiceSettings, listener: socket.socket, *, workers: int = 1) -> None:
    """Answer requests until told to stop by SIGTERM or SIGINT; requests under way are finished.

    Parameters
    ----------
    settings : ServiceSettings
    listener : socket
        From `bind`.
    workers : int
        Processes.
    """
    config = server_config(settings, workers=workers)
    if workers == 1:
        with _signals_end_quietly():
            Server(config).run(sockets=[listener])
        return
    with tempfile.TemporaryDirectory(prefix="classifier-metrics-") as folder:
        os.environ[MULTIPROCESS] = folder
        try:
            _Workers(config, [listener]).run()
        finally:
            del os.environ[MULTIPROCESS]


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Let a signal that has ended the server do nothing more; uvicorn raises it once again."""
    before = {
        each: signal.signal(each, lambda *_: None) for each in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
