"""classifier suggest."""

from __future__ import annotations

import dataclasses
import sys
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from classifier.cli.options import (
    OptionGroup,
    QuietOption,
    SheetFormatOption,
    file_target,
    open_corpus,
    reads_articles,
    refuse_inputs,
)
from classifier.cli.terminal import counted_on_terminal, echo_note, read_tally, report_skipped
from classifier.corpus.corpus import ReadOptions
from classifier.errors import number_of

EPILOG = """Examples:
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
    corpora = [open_corpus(name, reading, tally) for name in articles]
    stream = chain.from_iterable(corpus.articles for corpus in corpora)
    shown = counted_on_terminal(stream, "articles", quiet=quiet)
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
    if tally.skipped:
        report_skipped(tally, quiet=quiet)
