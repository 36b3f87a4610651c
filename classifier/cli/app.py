"""The program: its commands, what they show on a terminal, and how errors leave it."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from classifier.corpus.corpus import ReadTally
from classifier.errors import ClassifierError, number_of, sanitized
from classifier.files import json_text, write_file

if TYPE_CHECKING:
    from classifier.pages.document import Document


EPILOG = """Examples:
  classifier predict article.txt
  classifier predict news/ --out tags.csv
  classifier train articles.jsonl --out mymodel
  classifier predict --model mymodel articles.jsonl --explain"""


class Plain:
    """Shows ``--help`` and the like without a kind of value, and checks no defaults.

    Typer checks every value by pydantic, what was not given too, and pydantic takes longer to load
    than an article to tag.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, flags without a word for a value."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            param.process_value = functools.partial(_value, param)
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
        return params


def _value(param: Any, ctx: Any, value: Any) -> Any:
    """Return the value of a parameter: a default as it is, and what needs no check by Typer."""
    # in the words of Typer 0.29; without them its own way is taken
    described = getattr(param, "type_descriptor", None)
    info, kind = (getattr(described, name, None) for name in ("parameter_info", "annotation"))
    if ctx.get_parameter_source(param.name).name == "DEFAULT" and not param.required:
        return value if param.callback is None else param.callback(ctx, param, value)
    several = isinstance(value, tuple | list)
    texts = list(value) if several else [value]
    known = info is not None and not param.required and param.callback is None
    if known and all(isinstance(text, str) for text in texts):
        kind = get_args(kind)[0] if get_origin(kind) is list else kind
        plain = [_plain(text, kind, info) for text in texts]
        if None not in plain:
            return plain if several else plain[0]
    return type(param).process_value(param, ctx, value)


def _plain(text: str, kind: Any, info: Any) -> Any:
    """Return what the text of an option stands for, nothing where Typer has to look at it."""
    if info.parser is not None:
        return info.parser(text)
    if kind is int and text.isdecimal():
        number = int(text)
        low, high = info.min, info.max
        return number if (low or 0) <= number and (high is None or number <= high) else None
    return text if kind is str or text in get_args(kind) else None


class Command(Plain, TyperCommand):
    """One command."""


class Group(Plain, TyperGroup):
    """A group of commands."""


# In which module each command is: loaded when it is asked for, as all take longer than a tag.
COMMANDS = {
    "predict": "predict",
    "train": "train",
    "evaluate": "evaluate",
    "audit": "evaluate",
    "corpus": "corpus",
    "split": "corpus",
    "compare": "evaluate",
    "drift": "evaluate",
    "suggest": "corpus",
    "serve": "serve",
    "info": "model",
    "card": "model",
    "export": "model",
    "import": "model",
}


class Commands(Mapping[str, Any]):
    """The commands by name, each made when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        return _command(name, COMMANDS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@functools.cache
def _command(name: str, module: str) -> Any:
    """Return a command, a function with examples under its help, or a program of its own."""
    found = vars(import_module(f"classifier.cli.{module}"))
    made = found.get(f"{name}_app")
    if made is None:
        made = typer.Typer(add_completion=False, rich_markup_mode="rich")
        made.command(cls=Command, epilog=found[f"{name.upper()}_EPILOG"])(found[name])
    return get_command(made)


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
        try:
            try:
                return super().invoke(ctx)
            finally:
                flush()
        except EXPECTED as error:
            if code := exit_code(error):
                raise typer.Exit(code) from None


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


# What users meet and can mend; anything else is a fault of the program and shows as one.
EXPECTED = (ClassifierError, OSError, KeyboardInterrupt)


def exit_code(error: BaseException) -> int:
    """Say one of the `EXPECTED` errors on standard error and return the exit code for it."""
    if isinstance(error, BrokenPipeError):
        # The reader (head, less) has gone: point stdout elsewhere so that the flush at exit
        # does not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, KeyboardInterrupt):
        message, code = "interrupted", 130
    elif isinstance(error, OSError) and error.filename:
        message, code = f"{error.filename}: {error.strerror}", 1
    else:
        message, code = str(error), 1
    echo_note(message)
    return code


def flush() -> None:
    """Write out what waits in standard output, so that a reader that has gone is met here.

    At exit Python would report it as a failure.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


Item = TypeVar("Item")
# Quick runs show nothing: a bar that flashes by only disturbs.
PATIENCE = 2.0
# Seconds between two lines of progress on a terminal.
PAUSE = 0.2


def on_terminal(stream: Any) -> bool:
    """Return whether a person sees what is written to `stream`, which may be closed."""
    return stream is not None and bool(stream.isatty())


def echo_lines(text: str) -> None:
    """Print lines that may hold names from outside, harmless for a terminal."""
    columns = shutil.get_terminal_size().columns if on_terminal(sys.stdout) else 0
    for line in map(sanitized, text.split("\n")):
        # a table keeps its columns; sentences break between words
        prose = columns and len(line) > columns and "   " not in line.strip()
        indent = line[: len(line) - len(line.lstrip())]
        typer.echo(
            textwrap.fill(line, columns, subsequent_indent=f"{indent}  ", break_long_words=False)
            if prose
            else line
        )


def write_or_print(text: str, target: Path) -> None:
    """Write a text into a file, or print it for ``-``."""
    if str(target) == "-":
        typer.echo(text, nl=False)
    else:
        write_file(target, text.encode())


# Columns that a table uses at most.
WIDEST = 160


def print_found(found: Any, document: Callable[[], Document], format: str) -> None:
    """Print what was found as ``json``, or the document of it as `print_document` does."""
    if format == "json":
        typer.echo(json_text(found.to_json()), nl=False)
    else:
        print_document(document(), format)


def print_document(document: Document, format: str) -> None:
    """Print a document as ``markdown``, or as text cut to the width of the terminal."""
    from classifier.pages.document import markdown, section_text

    if format == "markdown":
        echo_lines(markdown(document).rstrip("\n"))
        return
    width = min(shutil.get_terminal_size().columns, WIDEST) if on_terminal(sys.stdout) else None
    for section in document.parts:
        heading, *lines = section_text(section, width=width)
        # colours only reach a terminal, and not one that asks for none
        typer.echo(typer.style(heading, bold=True, fg="red" if section.alarm else None))
        typer.echo("\n".join([*lines, ""]))


def write_found(
    found: Any,
    folder: Path,
    stem: str,
    document: Callable[[], Document],
    plotted: Callable[[], Document] | None = None,
) -> list[str]:
    """Write what was found as JSON, Markdown and a page, and return the names of the files.

    The page, that of the document `plotted`, needs an extra; without it that file is left out,
    and the reason said.
    """
    from classifier.pages.document import markdown
    from classifier.pages.page import document_page

    made: dict[str, Callable[[], str]] = {
        ".json": lambda: json_text(found.to_json()),
        ".md": lambda: markdown(document()),
    }
    if plotted is not None:
        made[".html"] = lambda: document_page(plotted())
    written = []
    for suffix, text in made.items():
        try:
            encoded = text().encode(errors="backslashreplace")
        except ClassifierError as error:
            echo_note(f"{stem}{suffix} is left out: {error}")
            continue
        write_file(folder / f"{stem}{suffix}", encoded)
        written.append(f"{stem}{suffix}")
    return written


def counted_on_terminal(items: Iterable[Item], noun: str, *, quiet: bool) -> Iterator[Item]:
    """Yield `items`, and after two seconds keep a count and a rate on the terminal."""
    if quiet or not on_terminal(sys.stderr):
        yield from items
        return
    start = shown = time.monotonic()
    count, one = 0, noun.removesuffix("s")
    try:
        for count, item in enumerate(items, 1):
            yield item
            now = time.monotonic()
            if now - start > PATIENCE and now - shown > PAUSE:
                rate = f"{count / (now - start):,.0f} a second "
                sys.stderr.write(f"\r{number_of(count, one)}, {rate}")
                sys.stderr.flush()
                shown = now
    finally:
        if shown > start:
            seconds = f"{time.monotonic() - start:.1f} s          "
            sys.stderr.write(f"\r{number_of(count, one)} in {seconds}\n")


def read_tally(*, quiet: bool) -> ReadTally:
    """Return a tally whose notes are said on standard error as they come up."""
    return ReadTally(tell=lambda note: None) if quiet else ReadTally(tell=echo_note)


def report_skipped(tally: ReadTally, *, quiet: bool, always: bool = False) -> None:
    """Say which rows were skipped, if some were or `always`; and when there was nothing to read."""
    if quiet or not (tally.skipped or always):
        return
    if tally.headlines:
        echo_note(headlines_line(tally.headlines))
    if tally.skipped:
        reasons = ", ".join(f"{n} {kind}" for kind, n in tally.reasons.most_common())
        rows = number_of(tally.skipped, "bad row was", "bad rows were")
        echo_note(f"{rows} skipped ({reasons})")
    elif not tally.read:
        echo_note("there were no articles to read")


def headlines_line(n: int) -> str:
    """Return how many articles are headlines alone."""
    items = number_of(n, "article is", "articles are")
    return f"{items} a headline without a text, and judged on it"


@contextmanager
def training_progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yield what `train` reports to: a bar with the time left on a terminal, else nothing."""
    if quiet or not on_terminal(sys.stderr):
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns: list[Any] = [
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                for earlier in bars.tasks:
                    bars.update(earlier.id, total=earlier.completed)
                tasks[step] = bars.add_task(step, total=total or None)
            bars.update(tasks[step], completed=done)

        yield report


def echo_note(text: str) -> None:
    """Say something on standard error, if there is one, as one line a terminal obeys nothing of."""
    if sys.stderr is not None:
        sys.stderr.write(f"classifier: {sanitized(text)}\n")
