"""classifier corpus, suggest and split: articles are fetched, labelled and divided."""

from __future__ import annotations

import dataclasses
import io
import sys
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from classifier.cli.app import (
    Command,
    Group,
    echo_lines,
    echo_note,
    read_tally,
    report_skipped,
    write_or_print,
)
from classifier.cli.options import (
    CorpusArgument,
    CorpusTarget,
    OptionGroup,
    QuietOption,
    SheetFormatOption,
    counted_articles,
    file_target,
    open_corpus,
    reads_articles,
    refuse_inputs,
)
from classifier.corpus.corpus import ReadOptions
from classifier.errors import number_of
from classifier.published.sources import NAMES, build_corpus, fetch_corpus

if TYPE_CHECKING:
    from classifier.article import Article


_ROWS_SHOWN, _NAME_WIDTH, _VALUE_WIDTH = 3, 12, 80
corpus_app = typer.Typer(
    name="corpus",
    cls=Group,
    add_completion=False,
    rich_markup_mode="rich",
    help="The published corpora with our labels, and a look into any corpus.",
    no_args_is_help=True,
)
# For the parser, not the type checker: a literal type spelled by a constant.
_Name: Any = Literal[NAMES]
Name: TypeAlias = Annotated[
    _Name,
    typer.Argument(metavar="NAME", help="A published corpus; world is all but the first two."),
]


@corpus_app.command(
    cls=Command,
    epilog="""Examples:
  classifier corpus fetch news_articles
  classifier corpus fetch world
  classifier corpus fetch allsides --from clone/""",
)
def fetch(
    name: Name,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Take it from here, not from the network: a clone, or a folder of clones that "
            "are called as the corpora.",
        ),
    ] = None,
) -> None:
    """Bring the texts of a published corpus into the cache, checked by their hashes.

    Prints where they are. What is already there is checked, not fetched again,
    and a fetch that was cut short goes on.
    """
    paths = fetch_corpus(name, source=source, announce=lambda line: typer.echo(line, err=True))
    echo_lines("\n".join(map(str, paths)))


@corpus_app.command(
    cls=Command,
    epilog="""Example:
  classifier corpus build news_articles --out news.jsonl.gz""",
)
def build(
    name: Name,
    out: CorpusTarget,
) -> None:
    """Join a fetched corpus with our labels and write it as one JSONL file."""
    typer.echo(f"{number_of(build_corpus(name, out), 'article')} in {out}")


@corpus_app.command(
    cls=Command,
    epilog="""Examples:
  classifier corpus show news_articles
  classifier corpus show mine.csv --labels-field sectors --separator ;""",
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
    """Count a corpus: articles, labels, outlets, days; and show what was read of three rows.

    Several are counted as one.
    """
    from itertools import chain, islice

    from classifier.corpus.corpus import describe_corpus

    tally = read_tally(quiet=quiet)
    articles = counted_articles(corpus, reading, tally, quiet=True)
    first = list(islice(articles, _ROWS_SHOWN))
    summary = describe_corpus(chain(first, articles))
    echo_lines("\n".join([str(summary), *map(_shown, first)]))
    report_skipped(tally, quiet=quiet)


class MergeOptions(OptionGroup):
    """How labels and corrections are put into a corpus."""

    suggested_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=file_target,
            help="Move newly labelled articles that a model chose there; train takes them as "
            "--auxiliary.",
            show_default="they stay in the corpus",
        ),
    ] = None
    prefer: Annotated[
        Literal["new", "old"] | None,
        typer.Option(
            help="Which label counts where a row contradicts the corpus.",
            show_default="refuse such rows",
        ),
    ] = None
    new_labels: Annotated[
        bool,
        typer.Option("--new-labels", help="Let in labels that the corpus does not know."),
    ] = False
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A column that is no label; repeatable."),
    ] = None
    labelled_encoding: Annotated[
        str, typer.Option(metavar="NAME", help="Encoding of LABELLED.")
    ] = "utf-8"


@corpus_app.command(
    cls=Command,
    epilog="""Examples:
  classifier suggest mymodel archive.jsonl --out sheet.csv
  classifier corpus merge archive.jsonl sheet.csv --out labelled.jsonl.gz
  classifier corpus merge mine.jsonl corrections.jsonl --prefer new --out mine2.jsonl""",
)
@reads_articles(labels=True)
def merge(
    corpus: CorpusArgument,
    labelled: Annotated[
        str,
        typer.Argument(
            metavar="LABELLED",
            help="A filled-in sheet (.csv, .tsv), .jsonl with labels or corrections, or what "
            "doccano (.jsonl) or Label Studio (.json) exports.",
        ),
    ],
    *,
    out: CorpusTarget,
    options: MergeOptions,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Put labels and corrections into a corpus, and write it anew.

    A blank cell decides nothing. Ids that are not in the corpus, articles
    with two rows and contradictions are refused, and then nothing is written.
    Prints how many cells were added, changed and confirmed.
    """
    from classifier.labelling.merge import merge_labels, save_articles
    from classifier.labelling.sheet import read_verdicts

    suggested_out = options.suggested_out
    for target in filter(None, (out, suggested_out)):
        refuse_inputs(target, [Path(corpus), Path(labelled)])
    tally = read_tally(quiet=quiet)
    reading = dataclasses.replace(reading, usual_labels=False)
    verdicts = read_verdicts(
        labelled, ignore=options.ignore or [], encoding=options.labelled_encoding
    )
    articles = open_corpus(corpus, reading, tally).articles
    merged = merge_labels(articles, verdicts, prefer=options.prefer, new_labels=options.new_labels)
    fair, chosen = merged.parts() if suggested_out else (merged.articles, [])
    echo_lines(str(merged))
    for articles, path in ((chosen, suggested_out), (fair, out)):
        if path is not None:
            echo_lines(f"{number_of(save_articles(articles, path), 'article')} in {path}")
    report_skipped(tally, quiet=quiet)


def _shown(article: Article) -> str:
    """Return what was read of a row, a field a line."""
    labels = article.labels
    parts = {part: getattr(article, part) for part in ("id", "title", "text", "source", "date")}
    if labels is not None:
        parts["labels"] = ", ".join(sorted(labels.present)) or "none of these"
        parts["not"] = ", ".join(sorted(labels.absent or ()))
    parts["other fields"] = ", ".join(map(str, article.extra))
    lines = [
        f"{name:<{_NAME_WIDTH}}  {shorten(value, _VALUE_WIDTH, placeholder=' …')}"
        for name, value in parts.items()
        if value
    ]
    return "\n".join(["", *lines])


SUGGEST_EPILOG = """Examples:
  classifier suggest mymodel archive.jsonl --out sheet.csv
  classifier suggest mymodel archive.jsonl -n 50 --random-share 0 --excerpt 0 > sheet.csv
  classifier suggest mymodel archive.jsonl --out tasks.json    # for Label Studio
  classifier corpus merge archive.jsonl sheet.csv --out labelled.jsonl --suggested-out chosen.jsonl
  classifier train labelled.jsonl --auxiliary chosen.jsonl --out mymodel"""


class SuggestOptions(OptionGroup):
    """Which articles to choose, and how to show them."""

    number: Annotated[
        int, typer.Option("--number", "-n", min=1, metavar="N", help="How many articles.")
    ] = 100
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=file_target,
            help="Sheet to write: .csv, .jsonl for doccano, .json for Label Studio.",
            show_default="standard output",
        ),
    ] = None
    random_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            help="Share drawn at random. Cuts and calibration need such a fair sample.",
        ),
    ] = 0.5
    excerpt: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Characters of each text; 0 gives all of it."),
    ] = 600
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the draw.")] = 0
    sheet_format: SheetFormatOption = None


@reads_articles(labels=True)
def suggest(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Folder of the model, or 'sectors'.")
    ],
    articles: Annotated[
        list[str],
        typer.Argument(
            metavar="ARTICLES",
            help="A file, a folder, or a fetched corpus's name. Articles that have labels are "
            "passed over, and so are copies of them.",
        ),
    ],
    *,
    options: SuggestOptions,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Choose the articles to label next, and write a sheet to fill in.

    One part are articles over which the model hesitates, from different
    topics, the other part is drawn at random; no copies. Each label has an
    empty column: write 1 or 0, or leave it blank for unknown. What the model
    would give stands under 'suggested'. 'corpus merge' takes the sheet back.
    """
    from classifier.labelling.sheet import save_sheet
    from classifier.labelling.sheet import sheet_format as format_of
    from classifier.labelling.suggest import suggest as suggest_articles
    from classifier.model.folder import as_model

    out, n = options.out, options.number
    refuse_inputs(out or Path("-"), map(Path, articles))
    tagger, tally = as_model(model), read_tally(quiet=quiet)
    tally.follow(tagger.labels)
    # what sections an archive has is no sign that somebody labelled it
    reading = dataclasses.replace(reading, usual_labels=False)
    shown = counted_articles(articles, reading, tally, quiet=quiet)
    chosen = suggest_articles(
        tagger, shown, n=n, random_share=options.random_share, seed=options.seed
    )
    save_sheet(
        [each.entry for each in chosen],
        out or sys.stdout,
        labels=tagger.labels,
        excerpt=options.excerpt,
        format=format_of(out, options.sheet_format),
        model=tagger.signature,
    )
    if out is not None and not quiet:
        echo_note(f"{number_of(len(chosen), 'article')} to label in {out}")
    if not quiet and len(chosen) < n:
        echo_note(
            f"{number_of(len(chosen), 'article')} to suggest; the rest have labels, are copies, or "
            "cannot be judged"
        )
    report_skipped(tally, quiet=quiet)


SPLIT_EPILOG = """Examples:
  classifier split articles.jsonl --out parts
  classifier split news_articles --by outlet --folds 5 --out folds
  classifier split articles.jsonl --by time --test-share 0.3 --assignments parts.csv
  classifier train parts/train.jsonl.gz --out mymodel"""


class DivideOptions(OptionGroup):
    """How to divide a corpus, and where to write the parts."""

    by: Annotated[
        Literal["random", "time", "outlet"],
        typer.Option(
            help="random: each label spread evenly. time: train on earlier days, test on later "
            "ones. outlet: test on outlets that are not trained on."
        ),
    ] = "random"
    test_share: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Share to test on, 0 to 1.", show_default="0.2"
        ),
    ] = None
    folds: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="K", help="K splits in place of one; by time, each later than the last."
        ),
    ] = None
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of what chance decides.")] = 0
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write train.jsonl.gz and test.jsonl.gz there, with --folds in fold-1, fold-2 …; "
            "a new or empty folder, or that of an earlier split to replace.",
        ),
    ] = None
    assignments: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a CSV of id and part there; - is the screen."),
    ] = None
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder with other files.")
    ] = False


@reads_articles(labels=True)
def split(
    corpus: CorpusArgument,
    *,
    options: DivideOptions,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Divide labelled articles into parts to train and to test on.

    Near-duplicates never stand on both sides. Articles keep all their
    fields. What each part holds is printed on standard error.
    """
    from classifier.corpus.split import (
        SplitOptions,
        outline_of,
        split_document,
        split_into_files,
        split_outline,
        write_assignments,
    )
    from classifier.pages.document import document_text

    _check_targets(corpus, options)
    how = SplitOptions(options.by, options.test_share, options.folds, options.seed)
    tally = read_tally(quiet=quiet)
    shown = counted_articles([corpus], reading, tally, quiet=quiet)
    if options.out is not None:
        outline, splits = split_into_files(shown, options.out, how, force=options.force)
    else:
        outline = outline_of(shown)
        splits = split_outline(outline, how)
    if options.assignments is not None:
        table = io.StringIO()
        write_assignments(outline, splits, table)
        write_or_print(table.getvalue(), options.assignments)
    report_skipped(tally, quiet=quiet)
    for line in () if quiet else document_text(split_document(outline, splits, how)):
        typer.echo(line, err=True)


def _check_targets(corpus: str, options: DivideOptions) -> None:
    out, assignments = options.out, options.assignments
    if options.folds is not None and options.test_share is not None:
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
