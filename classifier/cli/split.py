"""classifier split."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from classifier.cli.corpora import open_corpus
from classifier.cli.options import QuietOption, reads_articles
from classifier.cli.progress import counted_on_terminal, remark_on
from classifier.cli.targets import file_target, refuse_inputs
from classifier.corpus.read_options import ReadOptions, ReadTally
from classifier.corpus.table import disarmed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from classifier.article import Article
    from classifier.corpus.split import Split, SplitOptions
    from classifier.corpus.split_outline import Outline

EPILOG = """Examples:
  classifier split articles.jsonl --out parts
  classifier split news_articles --by outlet --folds 5 --out folds
  classifier split articles.jsonl --by time --test-share 0.3 --assignments parts.csv
  classifier train parts/train.jsonl.gz --out mymodel"""


@reads_articles(labels=True)
def split(
    corpus: Annotated[
        str,
        typer.Argument(metavar="CORPUS", help="A file, a folder, or a fetched corpus's name."),
    ],
    *,
    by: Annotated[
        Literal["random", "time", "outlet"],
        typer.Option(
            help="random: each label spread evenly. time: train on earlier days, test on later "
            "ones. outlet: test on outlets that are not trained on."
        ),
    ] = "random",
    test_share: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Share to test on, 0 to 1.", show_default="0.2"
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="K", help="K splits in place of one; by time, each later than the last."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of what chance decides.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write train.jsonl.gz and test.jsonl.gz there, with --folds in fold-1, fold-2 …; "
            "a new or empty folder, or that of an earlier split to replace.",
        ),
    ] = None,
    assignments: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a CSV of id and part there; - is the screen."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Write into a folder with other files.")
    ] = False,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Divide labelled articles into parts to train and to test on.

    Near-duplicates never stand on both sides. Articles keep all their
    fields. What each part holds is told on standard error.
    """
    from classifier.corpus.split import SplitOptions

    _check_targets(corpus, out, assignments, shares=folds is not None and test_share is not None)
    options = SplitOptions(by, test_share, folds, seed)
    tally = ReadTally()
    articles = open_corpus(corpus, reading, tally).articles
    shown = counted_on_terminal(articles, "articles", quiet=quiet)
    outline, splits = _divided(shown, out, options, force=force)
    if assignments is not None:
        _write_table(outline, splits, assignments)
    if tally.skipped:
        remark_on(tally, quiet=quiet)
    if not quiet:
        _tell(outline, splits, options)


def _check_targets(
    corpus: str, out: Path | None, assignments: Path | None, *, shares: bool
) -> None:
    if shares:
        raise typer.BadParameter("not together with --folds", param_hint="--test-share")
    if out is None and assignments is None:
        raise typer.BadParameter(
            "say where to: --out DIR or --assignments FILE", param_hint="--out"
        )
    if assignments is not None and str(assignments) != "-":
        refuse_inputs(file_target(assignments), [Path(corpus)])
    source = Path(corpus).resolve()
    if out is not None and source.exists() and out.resolve() in (source, *source.parents):
        raise typer.BadParameter(
            f"{corpus} lies in {out}, where parts are replaced; name another folder",
            param_hint="--out",
        )


def _divided(
    articles: Iterable[Article], out: Path | None, options: SplitOptions, *, force: bool
) -> tuple[Outline, tuple[Split, ...]]:
    from classifier.corpus.split import split_outline
    from classifier.corpus.split_files import split_into_files
    from classifier.corpus.split_outline import outline_of

    if out is not None:
        return split_into_files(articles, out, options, force=force)
    outline = outline_of(articles)
    return outline, split_outline(outline, options)


def _write_table(outline: Outline, splits: tuple[Split, ...], target: Path) -> None:
    from classifier.corpus.split_files import write_assignments
    from classifier.resources import replacing

    table = io.StringIO()
    write_assignments(outline, splits, table)
    if str(target) == "-":
        typer.echo(table.getvalue(), nl=False)
        return
    with replacing(target) as stream:
        stream.write(table.getvalue().encode())


def _tell(outline: Outline, splits: tuple[Split, ...], options: SplitOptions) -> None:
    from classifier.corpus.split_summary import split_remarks, split_table

    for line in split_table(outline, splits, options).split("\n"):
        typer.echo(disarmed(line), err=True)
    for remark in split_remarks(outline, splits, options):
        typer.echo(f"classifier: {disarmed(remark)}", err=True)
