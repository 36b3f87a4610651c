"""The service as tests ask it: the application in this process, or a real one."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from classifier.model.folder import save_model
from classifier.service.app import create_app
from classifier.service.limits import Limits, ServiceSettings, Source
from tests.command_line import PATIENCE, environment
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

__all__ = [
    "BLANK_TEXT",
    "ENERGY_TEXT",
    "MIXED_TEXT",
    "POINTS",
    "Application",
    "Process",
    "asked",
    "asking",
    "running",
    "serving",
    "talking_to",
    "tiny_folder",
]

BLANK_TEXT = "und der die das"
# Working points of the tiny model: what gives no label to anything, and every label to most.
POINTS = {"precise": [1.0, 1.0, 1.0], "complete": [0.0, 0.0, 0.0]}


def tiny_folder(folder: Path, *, points=None, **changes) -> Path:
    """Save the tiny model in `folder`, its card included, with cuts for working points."""
    model = tiny_model(**changes)
    if points:
        model = replace(model, info={**model.info, "points": points})
    save_model(model, folder, card="# tiny\n\nFor tests.\n")
    return folder


class Application(httpx.BaseTransport):
    """Asks an application in this process; `pieces` of a body come one after the other."""

    def __init__(self, app):
        self.app = app

    def handle_request(self, request):
        """Return the application's answer, 500 when it raises after having answered."""
        pieces = request.extensions.get("pieces", [request.read()])
        status, headers, body = asyncio.run(converse(self.app, request, pieces))
        return httpx.Response(status, headers=headers, content=body)


async def converse(app, request, pieces):
    """Return status, headers and body of an application's answer."""
    waiting = [{"type": "http.request", "body": each, "more_body": True} for each in pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent = []

    async def receive():
        await asyncio.sleep(0)
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": request.method, "scheme": "http", "root_path": "", "path": request.url.path,
        "raw_path": request.url.raw_path, "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000), "state": {},
    }  # fmt: skip
    with suppress(ZeroDivisionError):  # what a test raises on purpose, answered with 500 before
        await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], sent[0]["headers"], body


def asking(folder: Path, *, limits=None, sources=None, **settings) -> httpx.Client:
    """Return a client of the application with the tiny model."""
    app = create_app(
        ServiceSettings(
            sources=sources or (Source(folder),), limits=Limits(**(limits or {})), **settings
        )
    )
    return httpx.Client(transport=Application(app), base_url="http://127.0.0.1")


def talking_to(app) -> httpx.AsyncClient:
    """Return a client of an application that answers several requests at once."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def asked(client, path, body, **more):
    """Post a body; a string or bytes go as they are."""
    kind = {"Content-Type": "application/json"} | more.pop("headers", {})
    content = {"content": body} if isinstance(body, str | bytes) else {"json": body}
    return client.post(path, headers=kind, **content, **more)


@dataclass
class Process:
    """A service in a process of its own, or in this one; `log` is what it has said so far."""

    popen: subprocess.Popen | None = None
    url: str = ""
    log: list[str] = field(default_factory=list)
    _ended: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def follow(self) -> None:
        """Read its log until it ends."""
        for line in self.popen.stderr:
            with self._news:
                self.log.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_for(self, pattern: str, *, times: int = 1, seconds: float = PATIENCE) -> str:
        """Return the line of the log that holds `pattern` as often as asked."""
        with self._news:
            self._news.wait_for(lambda: self._ended or self._found(pattern, times), seconds)
            found = self._found(pattern, times)
        assert found, f"no {pattern!r} in {''.join(self.log)}"
        return found

    def _found(self, pattern: str, times: int) -> str:
        lines = [line for line in self.log if re.search(pattern, line)]
        return lines[times - 1] if len(lines) >= times else ""

    def get(self, path: str, **more) -> httpx.Response:
        """Return the answer to a question, over a connection of its own."""
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE, **more)

    def post(self, path: str, **more) -> httpx.Response:
        """Return the answer to what is sent, over a connection of its own."""
        return httpx.post(f"{self.url}{path}", timeout=PATIENCE, **more)

    def send(self, name: int) -> None:
        """Send a signal."""
        os.kill(self.popen.pid, name)


@contextmanager
def serving(*options, workers=1, **env):
    """Run `classifier serve` on a free port while the block lasts."""
    command = ("-m", "classifier", "serve", "--port", "0", "--workers", workers, *options)
    with running(*command, workers=workers, **env) as process:
        yield process


@contextmanager
def running(*command, workers=1, **env):
    """Run Python with a program that says where it serves, while the block lasts."""
    popen = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stderr=subprocess.PIPE, text=True, env=environment(**env),
    )  # fmt: skip
    process = Process(popen)
    reader = threading.Thread(target=process.follow)
    reader.start()
    try:
        line = process.wait_for("serving .* on http|^classifier: (?!anyone)")
        process.url = re.search(r"http://\S+", line)[0]
        process.wait_for("startup complete", times=workers)
        yield process
    finally:
        if popen.poll() is None:
            process.send(signal.SIGTERM)
        popen.wait(PATIENCE)
        reader.join()
        popen.stderr.close()
