"""The program and its commands, and how errors leave it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer

from classifier.cli import (
    audit,
    compare,
    corpus,
    drift,
    evaluate,
    model,
    predict,
    serve,
    suggest,
    train,
)
from classifier.cli.options import Command, Group
from classifier.cli.terminal import EXPECTED, flush, told

__all__ = ["app", "main"]

EPILOG = """Examples:
  classifier predict article.txt
  classifier predict news/ --out tags.csv
  classifier train articles.jsonl --out mymodel
  classifier predict --model mymodel articles.jsonl --explain"""


class Program(Group):
    """The group of all commands: errors that the user can mend leave it as one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        with _errors_as_lines():
            try:
                return super().invoke(ctx)
            finally:
                flush()


app = typer.Typer(
    cls=Program,
    help="Tag news articles with sectors, several or none, and see why.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("predict", cls=Command, epilog=predict.EPILOG)(predict.predict)
app.command("train", cls=Command, epilog=train.EPILOG)(train.train)
app.command("evaluate", cls=Command, epilog=evaluate.EPILOG)(evaluate.evaluate)
app.command("audit", cls=Command, epilog=audit.EPILOG)(audit.audit)
app.add_typer(corpus.app, name="corpus", cls=Group)
app.command("split", cls=Command, epilog=corpus.SPLIT_EPILOG)(corpus.split)
app.command("compare", cls=Command, epilog=compare.EPILOG)(compare.compare)
app.command("drift", cls=Command, epilog=drift.EPILOG)(drift.drift)
app.command("suggest", cls=Command, epilog=suggest.EPILOG)(suggest.suggest)
app.command("serve", cls=Command, epilog=serve.EPILOG)(serve.serve)
app.command("info", cls=Command, epilog=model.INFO_EPILOG)(model.info)
app.command("card", cls=Command, epilog=model.CARD_EPILOG)(model.card)
app.command("export", cls=Command, epilog=model.EXPORT_EPILOG)(model.export)
app.command(
    "import",
    hidden=True,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(model.import_)


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
    except EXPECTED as error:
        code = told(error)
        if code:
            raise typer.Exit(code) from None
