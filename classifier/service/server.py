"""The application on a socket: time-outs for slow clients, several processes, a quiet end."""

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

import h11
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from classifier.errors import ClassifierError
from classifier.service.app import create_app
from classifier.service.corrections import FeedbackFile
from classifier.service.limits import Limits, ServiceSettings
from classifier.service.metrics import MULTIPROCESS
from classifier.service.requests import HEADER_BYTES
from classifier.service.service import Shelf, Shelved

__all__ = ["TimedProtocol", "bind", "checked", "serve", "server_config"]


BACKLOG = 2048
SEND_BUFFER = 64 * 1024
GRACE_SECONDS = 30
# Bytes of an answer that a client must take within the time for reading.
LEAST_TAKEN = 16 * 1024
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


class TimedProtocol(H11Protocol):
    """HTTP/1.1 that hangs up on clients who neither finish asking nor take their answer.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, *args: Any, limits: Limits, **more: Any) -> None:
        super().__init__(*args, **more)
        self._limits = limits
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        # an answer leaves in two pieces, and the second must not wait until the first is confirmed
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # the system takes more only when a third of its buffer is free, and with a large one a
        # slow client would seem to take nothing for many seconds
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if len(self.connections) > self._limits.connections:
            transport.abort()
        else:
            self._watch_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_reading_timer()
        self._stop_writing_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came; between answers the next request must arrive in time."""
        super().data_received(data)
        self._watch_reading()

    def pause_writing(self) -> None:
        """Wait for the client to take what was sent."""
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        """Go on, now that the client has taken it."""
        self._stop_writing_timer()
        super().resume_writing()

    def _watch_reading(self) -> None:
        if self.cycle is not None and (not self.cycle.response_complete or self._is_idle()):
            self._stop_reading_timer()
        elif self._reading is None and not self.transport.is_closing():
            self._reading = self.loop.call_later(self._limits.read_seconds, self.transport.abort)

    def _is_idle(self) -> bool:
        """Return whether nothing of another request has come, nor is left of the last one."""
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def _watch_writing(self) -> None:
        waiting = self.transport.get_write_buffer_size()

        def check() -> None:
            if waiting - self.transport.get_write_buffer_size() < LEAST_TAKEN:
                self.transport.abort()
            else:
                self._watch_writing()

        self._writing = self.loop.call_later(self._limits.read_seconds, check)

    def _stop_reading_timer(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _stop_writing_timer(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 takes a free one.

    Raises
    ------
    ClassifierError
        When the address is taken, not this machine's, or not allowed.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ClassifierError(
            f"cannot listen on {host} port {port} ({error.strerror or error}). Choose another "
            "--host or --port."
        ) from error


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
        http=partial(TimedProtocol, limits=settings.limits),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        workers=workers,
        backlog=BACKLOG,
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES,
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
