"""classifier evaluate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from classifier.cli.options import (
    OptionGroup,
    QuietOption,
    SheetFormatOption,
    file_target,
    open_corpus,
    reads_articles,
    refuse_inputs,
    report_target,
    thresholds_from,
)
from classifier.cli.terminal import (
    echo_note,
    print_document,
    read_tally,
    report_skipped,
    training_progress,
    write_report,
)
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.files import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from classifier.article import Article
    from classifier.evaluation.report import Report
    from classifier.model.model import Model

EPILOG = """Examples:
  classifier evaluate mymodel test.jsonl
  classifier evaluate mymodel test.jsonl --out report/
  classifier evaluate sectors news/ --format json | jq .headline.micro_f1
  classifier evaluate mymodel table.csv --label-column energy --label-column sport
  classifier evaluate mymodel test.jsonl --errors-out again.csv
  classifier evaluate mymodel test.jsonl --threshold energy=0.7"""

FORMATS = ("table", "json", "markdown")
JSON, MARKDOWN, HTML = "report.json", "report.md", "report.html"
# Rows of labels in the table that is printed.
MOST_LABELS = 40
# For the parser, not the type checker: a literal type spelled by a constant.
_Format: Any = Literal[FORMATS]


class EvaluateOptions(OptionGroup):
    """What to write, and how to judge."""

    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            callback=report_target,
            help=f"Write {JSON}, {MARKDOWN} and {HTML} into this folder.",
            show_default=False,
        ),
    ] = None
    errors_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=file_target,
            help="Write the articles with the worst errors there, to be labelled again: .csv, "
            ".jsonl for doccano, .json for Label Studio.",
            show_default=False,
        ),
    ] = None
    sheet_format: SheetFormatOption = None
    no_html: Annotated[
        bool,
        typer.Option("--no-html", help=f"With --out, write no {HTML}."),
    ] = False
    format: Annotated[_Format, typer.Option(help="What to print.")] = "table"
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=P",
            help="Give a label from this probability on instead of the model's cut; repeatable.",
        ),
    ] = None
    repeats: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Resamples behind the intervals; 0 for no intervals."
        ),
    ] = 1000
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the resamples.")] = 0


@reads_articles(labels=True)
def evaluate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Folder of the model, or 'sectors', the shipped.")
    ],
    corpus: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS",
            help="Labelled articles that the model has not seen: a file, a folder, or a fetched "
            "corpus's name. Labels that never occur in it are unknown there, not absent.",
        ),
    ],
    *,
    options: EvaluateOptions,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Judge a model on labelled articles: F1, ranking, calibration, worst errors.

    Prints the figures with 95 % intervals; --out keeps the whole report,
    with curves, outlets and the articles it was most wrong about. What
    every figure means stands in docs/evaluate.md.
    """
    from classifier.evaluation.evaluate import evaluate as evaluate_model
    from classifier.model.folder import as_model

    floors, tally = thresholds_from(options.threshold or []), read_tally(quiet=quiet)
    out, errors_out = options.out, options.errors_out
    if out is not None:
        refuse_inputs(out / JSON, [Path(corpus)])
    if errors_out is not None:
        if corpus == "-":
            hint = "--errors-out"
            raise typer.BadParameter("needs a corpus to read twice, no -", param_hint=hint)
        refuse_inputs(errors_out, [Path(corpus)])
    judged, articles = as_model(model), open_corpus(corpus, reading, tally)
    tally.follow(judged.labels)
    with training_progress(quiet=quiet) as progress:
        report = evaluate_model(
            judged,
            articles.articles,
            name=articles.name,
            thresholds=floors,
            repeats=options.repeats,
            seed=options.seed,
            progress=progress,
        )
    if tally.skipped:
        report_skipped(tally, quiet=quiet)
    _warn(report, quiet=quiet)
    _print(report, options.format)
    if out is not None:
        _write(report, out, html=not options.no_html)
    if errors_out is not None:
        again = open_corpus(corpus, reading, ReadTally(tell=lambda note: None))
        _write_sheet(judged, report, again.articles, errors_out, options.sheet_format)


def _warn(report: Report, *, quiet: bool) -> None:
    """Say on standard error what must be known, the most important even when `quiet`."""
    from classifier.evaluation.evaluate import seen_warning, warnings

    seen = [seen_warning(report)] if report.corpus.seen_in_training else []
    for warning in seen if quiet else warnings(report):
        echo_note(warning)


def _print(report: Report, format: str) -> None:
    from classifier.evaluation.evaluate import report_document

    if format == "json":
        typer.echo(json_text(report.to_json()), nl=False)
        return
    if format == "markdown":
        print_document(report_document(report), format)
    else:
        document = report_document(report, most_labels=MOST_LABELS)
        print_document(replace(document, sections=document.sections[:1]), format)


def _write(report: Report, folder: Path, *, html: bool) -> None:
    from classifier.evaluation.evaluate import report_document
    from classifier.pages.page import document_page

    page = (lambda: document_page(report_document(report, plots=True))) if html else None
    write_report(folder, "report", report.to_json(), report_document(report), page)


def _write_sheet(
    model: Model, report: Report, articles: Iterable[Article], target: Path, format: str | None
) -> None:
    from classifier.labelling.sheet import save_sheet, sheet_format
    from classifier.labelling.suggest import worst_entries

    save_sheet(
        worst_entries(model, articles, report.worst_errors),
        target,
        labels=model.labels,
        excerpt=0,
        format=sheet_format(target, format),
        model=model.signature,
    )
