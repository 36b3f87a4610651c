"""How errors leave the program: one line on standard error and an exit code."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from classifier.corpus.corpus import ReadTally
from classifier.errors import ClassifierError, number_of, sanitized
from classifier.files import json_text, write_file

if TYPE_CHECKING:
    from classifier.pages.document import Document

__all__ = [
    "EXPECTED",
    "counted_on_terminal",
    "echo_lines",
    "echo_note",
    "exit_code",
    "flush",
    "on_terminal",
    "print_document",
    "read_tally",
    "report_skipped",
    "training_progress",
    "write_report",
]


Item = TypeVar("Item")
# Quick runs show nothing: a bar that flashes by only disturbs.
PATIENCE = 2.0
PAUSE = 0.2


def on_terminal(stream: Any) -> bool:
    """Return whether a person sees what is written to `stream`, which may be closed."""
    return stream is not None and bool(stream.isatty())


def echo_lines(text: str) -> None:
    """Print lines that may hold names from outside, harmless for a terminal."""
    import typer

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


# Columns that a table uses at most.
WIDEST = 160


def print_document(document: Document, format: str) -> None:
    """Print a document as ``markdown``, or as text cut to the width of the terminal."""
    import typer

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


def write_report(
    folder: Path, stem: str, content: object, document: Document, page: Callable[[], str] | None
) -> list[str]:
    """Write what was found as JSON, Markdown and a page, and return the names of the files.

    The page needs an extra; without it that file is left out, and the reason said.
    """
    from classifier.pages.document import markdown

    made: dict[str, Callable[[], str]] = {
        ".json": lambda: json_text(content),
        ".md": lambda: markdown(document),
    }
    written = []
    for suffix, text in (made | ({".html": page} if page is not None else {})).items():
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
    return ReadTally(tell=_silent if quiet else echo_note)


def _silent(text: str) -> None:
    """Say nothing."""


def report_skipped(tally: ReadTally, *, quiet: bool) -> None:
    """Say which rows were skipped, and when there was nothing to read."""
    if quiet:
        return
    if tally.headlines:
        items = number_of(tally.headlines, "article is", "articles are")
        echo_note(f"{items} a headline without a text, and judged on it")
    if tally.skipped:
        reasons = ", ".join(f"{n} {kind}" for kind, n in tally.reasons.most_common())
        rows = number_of(tally.skipped, "bad row was", "bad rows were")
        echo_note(f"{rows} skipped ({reasons})")
    elif not tally.read:
        echo_note("there were no articles to read")


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


def echo_note(text: str) -> None:
    """Say something on standard error, if there is one, as one line a terminal obeys nothing of."""
    if sys.stderr is not None:
        sys.stderr.write(f"classifier: {sanitized(text)}\n")


def flush() -> None:
    """Write out what waits in standard output, so that a reader that has gone is met here.

    At exit Python would report it as a failure.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
