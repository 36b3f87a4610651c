"""classifier corpus fetch, build, show and merge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from classifier.cli.corpora import open_corpus
from classifier.cli.options import QuietOption, reads_articles
from classifier.cli.progress import echo_lines, remark_on
from classifier.cli.targets import file_target, refuse_inputs
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


@app.command(
    epilog="""Examples:
  classifier suggest mymodel archive.jsonl --out sheet.csv
  classifier corpus merge archive.jsonl sheet.csv --out labelled.jsonl.gz
  classifier corpus merge mine.jsonl corrections.jsonl --prefer new --out mine2.jsonl"""
)
@reads_articles(labels=True)
def merge(
    corpus: Annotated[
        str, typer.Argument(metavar="CORPUS", help="A file, a folder, or a fetched corpus's name.")
    ],
    labelled: Annotated[
        str,
        typer.Argument(
            metavar="LABELLED",
            help="A filled-in sheet (.csv, .tsv), or .jsonl with labels or corrections.",
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", callback=file_target, help="JSONL to write, packed if it ends in .gz."
        ),
    ],
    suggested_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=lambda path: path and file_target(path),
            help="Move newly labelled articles that a model chose there; train takes them as "
            "--auxiliary.",
            show_default="they stay in the corpus",
        ),
    ] = None,
    prefer: Annotated[
        Literal["new", "old"] | None,
        typer.Option(
            help="Which label counts where a row contradicts the corpus.",
            show_default="refuse such rows",
        ),
    ] = None,
    new_labels: Annotated[
        bool,
        typer.Option(
            "--new-labels", metavar="", help="Let in labels that the corpus does not know."
        ),
    ] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A column that is no label; repeatable."),
    ] = None,
    labelled_encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of LABELLED.")
    ] = "utf-8",
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Put labels and corrections into a corpus, and write it anew.

    A blank cell decides nothing. Ids that are not in the corpus, articles
    with two rows and contradictions are refused, and then nothing is written.
    Prints how many cells were added, changed and confirmed.
    """
    from classifier.corpus.merge import merge_labels, save_articles
    from classifier.corpus.verdicts import read_verdicts

    for target in filter(None, (out, suggested_out)):
        refuse_inputs(target, [Path(corpus), Path(labelled)])
    if suggested_out is not None and suggested_out.resolve() == out.resolve():
        raise typer.BadParameter("must not be --out itself", param_hint="--suggested-out")
    tally = ReadTally()
    verdicts = read_verdicts(labelled, ignore=ignore or [], encoding=labelled_encoding)
    articles = open_corpus(corpus, reading, tally).articles
    merged = merge_labels(articles, verdicts, prefer=prefer, new_labels=new_labels)
    fair, chosen = merged.parts() if suggested_out else (merged.articles, [])
    echo_lines(str(merged))
    for articles, path in ((chosen, suggested_out), (fair, out)):
        if path is not None:
            echo_lines(f"{save_articles(articles, path):,} articles in {path}")
    if tally.skipped:
        remark_on(tally, quiet=quiet)
