"""classifier drift."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import typer

from classifier.cli.options import QuietOption, open_corpus, reads_articles
from classifier.cli.terminal import (
    counted_on_terminal,
    echo_lines,
    print_document,
    read_tally,
    report_skipped,
)
from classifier.corpus.corpus import ReadOptions
from classifier.files import json_text

EPILOG = """Examples:
  classifier drift mymodel today.jsonl
  classifier drift mymodel news/ --format json
  classifier drift mymodel today.jsonl --strict || echo 'label and train again'"""


@reads_articles(labels=False)
def drift(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Folder of the model, or 'sectors'.")
    ],
    articles: Annotated[
        list[str],
        typer.Argument(
            metavar="ARTICLES", help="A file, a folder, or a fetched corpus's name; no labels."
        ),
    ],
    *,
    format: Annotated[
        Literal["table", "json", "markdown"], typer.Option(help="How to print.")
    ] = "table",
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when they are different.")
    ] = False,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Say whether articles are like those the model was trained on.

    Compares known words, length, margins, tags and terms with articles held
    out in training. The verdict: as in training, somewhat different, or
    different. A fair sample is called as in training 95 times in 100 or more.
    """
    from classifier.drift.drift import drift as compare_with_training
    from classifier.drift.drift import drift_document
    from classifier.model.folder import as_model

    tagger, tally = as_model(model), read_tally(quiet=quiet)
    corpora = [open_corpus(name, reading, tally) for name in articles]
    stream = chain.from_iterable(corpus.articles for corpus in corpora)
    found = compare_with_training(tagger, counted_on_terminal(stream, "articles", quiet=quiet))
    if format == "json":
        echo_lines(json_text(found.to_json()).rstrip())
    else:
        print_document(drift_document(found), format)
    if tally.skipped:
        report_skipped(tally, quiet=quiet)
    if strict and found.verdict == "different":
        raise typer.Exit(1)
