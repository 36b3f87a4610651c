"""classifier predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classifier.cli.options import ModelOption, reads_articles, thresholds_from
from classifier.cli.output import FORMATS, write_predictions
from classifier.cli.progress import counted_on_terminal
from classifier.corpus.read_options import ReadOptions, ReadTally

if TYPE_CHECKING:
    from classifier.model.model import Model


@reads_articles
def predict(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE|FOLDER|-]...", help="What to tag; - is standard input."),
    ] = None,
    *,
    model: ModelOption = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FORMATS),
            help="How to print.",
            show_default="table on a terminal, jsonl when piped",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write here instead; the name tells the format."),
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Show every label's score.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the terms that raised and lowered each tag.")
    ] = False,
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=P", help="Give a label from this probability on; repeatable."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no remarks.")] = False,
    reading: ReadOptions,
) -> None:
    """Tag articles: files of any kind, folders of them, or standard input.

    One article in a plain text file, or many in JSONL, CSV or Parquet. Prints a table on a
    terminal and one JSON object a line when piped.
    """
    from classifier.corpus.read import read_articles

    tally = ReadTally()
    articles = read_articles(_inputs(files), reading, tally=tally)
    tagger = chosen_model(model)
    shown = counted_on_terminal(articles, "articles", quiet=quiet)
    write_predictions(
        tagger,
        shown,
        thresholds=thresholds_from(threshold or []),
        format=format,
        out=out,
        scores=scores,
        explain=explain,
    )
    if tally.skipped and not quiet:
        typer.echo(f"classifier: {tally.skipped} bad rows were skipped", err=True)


def _inputs(files: list[Path] | None) -> list[Path | str]:
    if files:
        return ["-" if str(path) == "-" else path for path in files]
    if sys.stdin.isatty():
        raise typer.BadParameter("name a file or a folder, or pipe text in", param_hint="FILE")
    return ["-"]


def chosen_model(folder: Path | None) -> Model:
    """Return the model in a folder, or the shipped one."""
    from classifier.serving.score import load, shipped_model

    return shipped_model() if folder is None else load(folder)
