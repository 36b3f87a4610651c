"""The program and its commands, and how errors leave it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from classifier.cli import corpus, models, predict, train
from classifier.corpus.table import disarmed
from classifier.errors import ClassifierError

__all__ = ["app", "main"]

EPILOG = """Examples:
  classifier predict article.txt
  classifier predict news/ --out tags.csv
  classifier train articles.jsonl --out mymodel
  classifier predict --model mymodel articles.jsonl --explain"""


class Program(TyperGroup):
    """The group of all commands: errors that the user can mend leave it as one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        with _errors_as_lines():
            try:
                return super().invoke(ctx)
            finally:
                _flush()


app = typer.Typer(
    cls=Program,
    help="Tag news articles with sectors, several or none, and see why.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("predict", epilog=predict.EPILOG)(predict.predict)
app.command("train", epilog=train.EPILOG)(train.train)
app.add_typer(corpus.app, name="corpus")
app.command("info", epilog=models.INFO_EPILOG)(models.info)
app.command("export", epilog=models.EXPORT_EPILOG)(models.export)
app.command("import", epilog=models.IMPORT_EPILOG)(models.import_)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"classifier {version('classifier')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            callback=_print_version,
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    app(prog_name="classifier")


@contextmanager
def _errors_as_lines() -> Iterator[None]:
    try:
        yield
    except ClassifierError as error:
        _fail(str(error))
    except BrokenPipeError:
        # The reader (head, less) has gone: point stdout elsewhere so that the flush at exit
        # does not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        _fail("interrupted", code=130)


def _fail(message: str, *, code: int = 1) -> None:
    typer.echo(f"classifier: {disarmed(message)}", err=True)
    raise typer.Exit(code)


def _flush() -> None:
    # Here and not at exit, where Python would report a reader that has gone as a failure.
    if sys.stdout is not None:
        sys.stdout.flush()
