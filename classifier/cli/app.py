"""The program and its commands, and how errors leave it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.main import get_command

from classifier.cli.options import Command, Group
from classifier.cli.terminal import EXPECTED, exit_code, flush

__all__ = ["app"]

EPILOG = """Examples:
  classifier predict article.txt
  classifier predict news/ --out tags.csv
  classifier train articles.jsonl --out mymodel
  classifier predict --model mymodel articles.jsonl --explain"""


class Place(NamedTuple):
    """Where a command is written: loaded when it is asked for, as all take longer than a tag."""

    module: str
    function: str
    epilog: str = "EPILOG"


COMMANDS = {
    "predict": Place("predict", "predict"),
    "train": Place("train", "train"),
    "evaluate": Place("evaluate", "evaluate"),
    "audit": Place("audit", "audit"),
    "corpus": Place("corpus", "app"),
    "split": Place("corpus", "split", "SPLIT_EPILOG"),
    "compare": Place("compare", "compare"),
    "drift": Place("drift", "drift"),
    "suggest": Place("suggest", "suggest"),
    "serve": Place("serve", "serve"),
    "info": Place("model", "info", "INFO_EPILOG"),
    "card": Place("model", "card", "CARD_EPILOG"),
    "export": Place("model", "export", "EXPORT_EPILOG"),
    "import": Place("model", "import_app"),
}


class Commands(Mapping[str, Any]):
    """The commands by name, each made when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        return _command(COMMANDS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@cache
def _command(place: Place) -> Any:
    module = import_module(f"classifier.cli.{place.module}")
    found = getattr(module, place.function)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        alone.command(cls=Command, epilog=getattr(module, place.epilog))(found)
        found = alone
    return get_command(found)


class Program(Group):
    """The group of all commands: errors that the user can mend leave it as one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, without loading them."""
        return list(COMMANDS)

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


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"classifier {version('classifier')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version.",
        ),
    ] = False,
) -> None:
    pass


@contextmanager
def _errors_as_lines() -> Iterator[None]:
    try:
        yield
    except EXPECTED as error:
        code = exit_code(error)
        if code:
            raise typer.Exit(code) from None
