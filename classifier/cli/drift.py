"""classifier drift."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from classifier.cli.options import QuietOption, open_corpus, reads_articles
from classifier.cli.terminal import counted_on_terminal, echo_lines, read_tally, remark_on
from classifier.corpus.corpus import ReadOptions
from classifier.files import json_text

if TYPE_CHECKING:
    from classifier.drift.drift import Drift

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
    format: Annotated[Literal["table", "json"], typer.Option(help="How to print.")] = "table",
    strict: Annotated[
        bool, typer.Option("--strict", metavar="", help="Exit with 1 when they are different.")
    ] = False,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Say whether articles are like those the model was trained on.

    Compares known words, length, margins, tags and terms with articles held
    out in training. The verdict: as in training, somewhat different, or
    different. A fair sample is called as in training 95 times in 100 or more.
    """
    from classifier.archive.score import load
    from classifier.drift.drift import drift as compare_with_training

    tagger, tally = load(model), read_tally(quiet=quiet)
    corpora = [open_corpus(name, reading, tally) for name in articles]
    stream = chain.from_iterable(corpus.articles for corpus in corpora)
    found = compare_with_training(tagger, counted_on_terminal(stream, "articles", quiet=quiet))
    echo_lines(json_text(found.to_json()).rstrip() if format == "json" else _table(found))
    if tally.skipped:
        remark_on(tally, quiet=quiet)
    if strict and found.verdict == "different":
        raise typer.Exit(1)


def _table(found: Drift) -> str:
    head = [
        f"{found.n_articles:,} articles, {found.n_training:,} held out when {found.model} was "
        "trained",
        found.verdict + (":" if found.reasons else ""),
        *(f"  {reason}" for reason in found.reasons),
        "",
    ]
    return "\n".join([*head, *_rows(found)])


def _rows(found: Drift) -> Iterator[str]:
    width = max(len(measure.name) for measure in found.measures) + 2
    yield f"{'':<{width}}{'training':>9}{'here':>9}{'distance':>10}{'chance':>8}"
    for m in found.measures:
        numbers = "".join("–".rjust(9) if v is None else f"{v:9.4g}" for v in (m.training, m.here))
        mark = ("", "  somewhat", "  different")[m.level]
        yield f"{m.name:<{width}}{numbers}{m.distance:>10.3f}{m.chance:>8.3f}{mark}"
