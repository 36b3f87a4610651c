"""classifier serve."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classifier.cli.leave import remark
from classifier.errors import ClassifierError, SettingsError

if TYPE_CHECKING:
    from classifier.serving.http.settings import ServiceSettings, Source

EPILOG = """Examples:
  classifier serve
  classifier serve --model mymodel --model old=models/2024 --port 9000 --workers 2
  CLASSIFIER_TOKEN=secret classifier serve --host 0.0.0.0
  classifier serve --feedback corrections.jsonl"""

TOKEN_VARIABLE = "CLASSIFIER_TOKEN"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

_NAMED = re.compile(r"([\w.-]+)=(.+)", re.DOTALL)
_LIMITS = "Limits of one process"


def serve(
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="Folder of a model; repeatable, the first is the default.",
            show_default="the shipped model",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="0 takes a free one.")
    ] = 8000,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes.")] = 1,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"File with the token that requests must bear; {TOKEN_VARIABLE} holds one too.",
        ),
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Take corrections into this JSONL, for 'corpus merge'."
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN", help="Let pages of this origin ask (https://a.org); repeatable."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Answer to this name too; repeatable. On loopback without a token only "
            "localhost and its addresses are answered.",
        ),
    ] = None,
    max_body: Annotated[
        float,
        typer.Option(min=0.001, metavar="MB", help="Of a JSON body.", rich_help_panel=_LIMITS),
    ] = 8.0,
    max_text: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Characters of an article.", rich_help_panel=_LIMITS
        ),
    ] = 1_000_000,
    max_batch: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Articles in a JSON body.", rich_help_panel=_LIMITS
        ),
    ] = 1000,
    max_requests: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Requests under way; more get 503.", rich_help_panel=_LIMITS
        ),
    ] = 256,
    read_timeout: Annotated[
        float,
        typer.Option(
            min=0.01, metavar="S", help="Seconds for a request to arrive.", rich_help_panel=_LIMITS
        ),
    ] = 10.0,
    log_text: Annotated[
        bool, typer.Option("--log-text", metavar="", help="Let the log hold articles' texts.")
    ] = False,
) -> None:
    """Serve models over HTTP, with a page at / and the addresses at /docs.

    SIGHUP loads the models again without dropping a request; SIGTERM and
    Ctrl-C finish what is under way. The log goes to standard error and holds
    no text of articles. Needs the extra 'serve'.
    """
    with _extra_needed():
        from classifier.serving.http import server
    from classifier.serving.http.settings import Limits, ServiceSettings

    settings = ServiceSettings(
        sources=_sources(model or []),
        limits=Limits(
            body_bytes=int(max_body * 2**20),
            text_chars=max_text,
            batch_articles=max_batch,
            requests=max_requests,
            read_seconds=read_timeout,
        ),
        token=_token(token_file),
        feedback=feedback,
        cors_origins=tuple(cors_origin or ()),
        log_text=log_text,
    )
