"""The program and its commands, and how errors leave it."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from classifier.cli import corpus, models, predict, train
from classifier.errors import ClassifierError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Tags news articles with sectors: energy, technology, diplomacy, parliament, culture.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("predict")(predict.predict)
app.command("train")(train.train)
app.add_typer(corpus.app, name="corpus")
app.command("info")(models.info)
app.command("export")(models.export)
app.command("import")(models.import_)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"classifier {version('classifier')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Tag news articles with sectors, several or none, and see why."""


def main() -> None:
    """Run the command line; errors that the user can mend become one line and exit code 1."""
    try:
        app()
    except ClassifierError as error:
        _fail(str(error))
    except BrokenPipeError:
        # The reader (head, less) has gone: point stdout elsewhere so that the flush at exit
        # does not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        typer.echo("classifier: interrupted", err=True)
        sys.exit(130)


def _fail(message: str) -> None:
    typer.echo(f"classifier: {message}", err=True)
    sys.exit(1)
