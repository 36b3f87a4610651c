"""classifier corpus fetch, build and show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from classifier.cli.corpora import open_corpus
from classifier.cli.options import QuietOption, reads_articles
from classifier.cli.progress import echo_lines, remark_on
from classifier.cli.targets import file_target
from classifier.corpus.read_options import ReadOptions, ReadTally

app = typer.Typer(
    help="The published corpora with our labels, and a look into any corpus.",
    no_args_is_help=True,
)

Name: TypeAlias = Annotated[
    Literal["news_articles", "allsides"],
    typer.Argument(metavar="NAME", help="The published corpus."),
]


@app.command(
    epilog="""Examples:
  classifier corpus fetch news_articles
  classifier corpus fetch allsides --from downloads/"""
)
def fetch(
    name: Name,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Take it from here, not from the network."),
    ] = None,
) -> None:
    """Bring the texts of a published corpus into the cache, checked by their hashes.

    Prints where they are. What is already there is checked, not fetched again.
    """
    from classifier.corpus.fetch import fetch_corpus

    path = fetch_corpus(name, source=source, announce=lambda line: typer.echo(line, err=True))
    typer.echo(path)


@app.command(
    epilog="""Example:
  classifier corpus build news_articles --out news.jsonl.gz"""
)
def build(
    name: Name,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", callback=file_target, help="JSONL to write, packed if it ends in .gz."
        ),
    ],
) -> None:
    """Join a fetched corpus with our labels and write it as one JSONL file."""
    from classifier.corpus.fetch import build_corpus

    typer.echo(f"{build_corpus(name, out):,} articles in {out}")


@app.command(
    epilog="""Examples:
  classifier corpus show news_articles
  classifier corpus show mine.csv --labels-field sectors --separator ;"""
)
@reads_articles(labels=True)
def show(
    corpus: Annotated[
        list[str],
        typer.Argument(metavar="CORPUS", help="A file, a folder, or a fetched corpus's name."),
    ],
    *,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Count a corpus: articles, labels, outlets, days. Several are counted as one."""
    from itertools import chain

    from classifier.corpus.summary import describe_corpus

    tally = ReadTally()
    corpora = [open_corpus(name, reading, tally) for name in corpus]
    summary = describe_corpus(chain.from_iterable(each.articles for each in corpora))
    echo_lines(str(summary))
    if tally.skipped:
        remark_on(tally, quiet=quiet)
