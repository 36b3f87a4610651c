"""classifier corpus fetch, build and show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from classifier.cli.options import reads_articles
from classifier.corpus.read_options import ReadOptions

app = typer.Typer(
    help="The published corpora with our labels, and a look into any corpus.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="news_articles or allsides.")]


@app.command()
def fetch(
    name: Name,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Take it from here instead of the network."),
    ] = None,
) -> None:
    """Bring the texts of a published corpus into the cache, checked by their hashes."""
    from classifier.corpus.fetch import fetch_corpus

    path = fetch_corpus(name, source=source, announce=lambda line: typer.echo(line, err=True))
    typer.echo(path)


@app.command()
def build(
    name: Name,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="JSONL to write, packed if it ends in .gz.")
    ],
) -> None:
    """Join a fetched corpus with our labels and write it as one JSONL file."""
    from classifier.corpus.fetch import build_corpus

    typer.echo(f"{build_corpus(name, out)} articles in {out}")


@app.command()
@reads_articles
def show(
    corpus: Annotated[
        list[str],
        typer.Argument(metavar="CORPUS...", help="Files, folders, or a fetched corpus's name."),
    ],
    *,
    reading: ReadOptions,
) -> None:
    """Count a corpus: articles, labels, outlets, days."""
    from itertools import chain

    from classifier.corpus.fetch import CORPORA, load_corpus
    from classifier.corpus.read import read_articles
    from classifier.corpus.summary import describe_corpus

    articles = (
        load_corpus(name)
        if name in CORPORA and not Path(name).exists()
        else read_articles([name], reading)
        for name in corpus
    )
    typer.echo(str(describe_corpus(chain.from_iterable(articles))))
