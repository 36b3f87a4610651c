"""classifier serve."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from classifier.cli.app import echo_note
from classifier.cli.options import OptionGroup, grouped
from classifier.errors import SettingsError, needing
from classifier.service.limits import Limits, ServiceSettings, Source

SERVE_EPILOG = """Examples:
  classifier serve
  classifier serve --model mymodel --model old=models/2024 --port 9000 --workers 2
  CLASSIFIER_TOKEN=secret classifier serve --host 0.0.0.0
  classifier serve --feedback corrections.jsonl"""

TOKEN_VARIABLE = "CLASSIFIER_TOKEN"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

EXTRA = frozenset(
    {"fastapi", "starlette", "pydantic", "uvicorn", "httptools"}
    | {"fastapi_offline", "prometheus_client"}
)

_ORIGIN = re.compile(r"https?://[\w.-]+(:\d+)?")
_NAMED = re.compile(r"([\w.-]+)=(.+)", re.DOTALL)
_limit = partial(typer.Option, rich_help_panel="Limits of one process")


class ServeOptions(OptionGroup):
    """The options of the command."""

    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="Folder of a model; repeatable, the first is the default.",
            show_default="the shipped model",
        ),
    ] = None
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1"
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="0 takes a free one.")
    ] = 8000
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes.")] = 1
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"File with the token that requests must bear; {TOKEN_VARIABLE} holds one too.",
        ),
    ] = None
    feedback: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take corrections into this JSONL, for 'corpus merge'."),
    ] = None
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN", help="Let pages of this origin ask (https://a.org); repeatable."
        ),
    ] = None
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Answer to this name and those of this machine alone; repeatable. On loopback "
            "without a token no other name is answered anyway.",
        ),
    ] = None
    max_body: Annotated[float, _limit(min=0.001, metavar="MB", help="Of a JSON body.")] = 8.0
    max_file: Annotated[float, _limit(min=0.001, metavar="MB", help="Of a file to read.")] = 50.0
    max_text: Annotated[int, _limit(min=1, metavar="N", help="Characters of an article.")] = (
        1_000_000
    )
    max_batch: Annotated[int, _limit(min=1, metavar="N", help="Articles in a JSON body.")] = 1000
    max_requests: Annotated[
        int, _limit(min=1, metavar="N", help="Requests under way; more get 503.")
    ] = 256
    together: Annotated[int | None, typer.Option(hidden=True, help="Has no effect any more.")] = (
        None
    )
    read_timeout: Annotated[
        float, _limit(min=0.01, metavar="S", help="Seconds for a request to arrive.")
    ] = 10.0
    log_text: Annotated[
        bool, typer.Option("--log-text", help="Let the log hold articles' texts.")
    ] = False

    @property
    def local(self) -> bool:
        """Whether no other machine can ask."""
        return self.host in (*LOOPBACK, "::1") or self.host.startswith("127.")

    def settings(self) -> ServiceSettings:
        """Return them as the service takes them.

        Raises
        ------
        SettingsError
            When the token could not be sent, or a limit is not positive.
        """
        token, names = _token(self.token_file), self.allow_host or []
        closed = bool(names) or (self.local and not token)
        return ServiceSettings(
            sources=tuple(map(_source, self.model or [""])),
            limits=Limits(
                body_bytes=int(self.max_body * 2**20),
                file_bytes=int(self.max_file * 2**20),
                text_chars=self.max_text,
                batch_articles=self.max_batch,
                requests=self.max_requests,
                read_seconds=self.read_timeout,
            ),
            token=token,
            feedback=self.feedback,
            cors_origins=tuple(map(_origin, self.cors_origin or [])),
            hosts=tuple(map(str.lower, (*LOOPBACK, self.host, *names))) if closed else (),
            log_text=self.log_text,
        )


@grouped
def serve(options: ServeOptions) -> None:
    """Serve models over HTTP, with a page at / and the addresses at /docs.

    SIGHUP loads the models again without dropping a request; SIGTERM and
    Ctrl-C finish what is under way. The log goes to standard error and holds
    no text of articles. Needs the extra 'serve'.
    """
    if options.together is not None:
        echo_note("--together has no effect any more: every request is scored by itself.")
    settings = options.settings()
    with needing("serve", "the service needs", EXTRA):
        import classifier.service.server as server
    served = ", ".join(each.model.signature for each in server.checked(settings))
    idle = settings.limits.read_seconds
    with server.bind(options.host, options.port, idle_seconds=idle) as listener:
        place, number = listener.getsockname()[:2]
        address = f"[{place}]" if ":" in place else place
        echo_note(f"serving {served} on http://{address}:{number}")
        if not options.local and not settings.token:
            echo_note(
                f"anyone who reaches {options.host} can ask. Set {TOKEN_VARIABLE}, or pass "
                "--token-file."
            )
        server.serve(settings, listener, workers=options.workers)


def _source(text: str) -> Source:
    """Return ``NAME=DIR`` or ``DIR`` as a source; a folder of that very name comes first."""
    named = _NAMED.fullmatch(text)
    if not named or Path(text).exists():
        return Source(Path(text) if text else None)
    return Source(Path(named[2]), name=named[1])


def _token(path: Path | None) -> str:
    token = os.environ.get(TOKEN_VARIABLE, "")
    if path is not None:
        token = path.read_text(encoding="utf-8").strip()
    if (path is not None and not token) or not all("!" <= c <= "~" for c in token):
        raise SettingsError(
            f"the token in {path or TOKEN_VARIABLE} is empty, or holds blanks or letters beyond "
            "ASCII. Write one line of visible ASCII characters."
        )
    return token


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise typer.BadParameter(
            f"'{text}' is no origin such as https://a.org", param_hint="--cors-origin"
        )
    return text
