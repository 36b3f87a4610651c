"""classifier evaluate, compare, audit and drift: models and corpora are judged."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from classifier.cli.app import (
    echo_note,
    print_found,
    read_tally,
    report_skipped,
    training_progress,
    write_found,
)
from classifier.cli.options import (
    CorpusArgument,
    FitsOption,
    OptionGroup,
    QuietOption,
    SheetFormatOption,
    ThresholdOption,
    counted_articles,
    file_target,
    open_corpus,
    reads_articles,
    refuse_inputs,
    report_target,
    thresholds_from,
)
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.errors import ClassifierError, CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from classifier.article import Article
    from classifier.audit.kept import AuditSettings
    from classifier.evaluation.compare import Comparison
    from classifier.evaluation.report import Report
    from classifier.model.model import Model
    from classifier.pages.document import Document

EVALUATE_EPILOG = """Examples:
  classifier evaluate mymodel test.jsonl
  classifier evaluate mymodel test.jsonl --out report/
  classifier evaluate sectors news/ --format json | jq .headline.micro_f1
  classifier evaluate mymodel table.csv --label-column energy --label-column sport
  classifier evaluate mymodel test.jsonl --errors-out again.csv
  classifier evaluate mymodel test.jsonl --threshold energy=0.7"""

JSON, MARKDOWN, HTML = "report.json", "report.md", "report.html"
# Rows of labels in the table that is printed.
MOST_LABELS = 40
Format: TypeAlias = Literal["table", "json", "markdown"]


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
    format: Annotated[Format, typer.Option(help="What to print.")] = "table"
    threshold: ThresholdOption = None
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
    from classifier.evaluation.evaluate import report_document, seen_warning, warnings
    from classifier.model.folder import as_model

    floors, tally = thresholds_from(options.threshold), read_tally(quiet=quiet)
    out, errors_out = options.out, options.errors_out
    if out is not None:
        refuse_inputs(out / JSON, [Path(corpus)])
    if errors_out is not None and corpus == "-":
        raise typer.BadParameter("needs a corpus to read twice, no -", param_hint="--errors-out")
    if errors_out is not None:
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
    report_skipped(tally, quiet=quiet)
    # the most important even when quiet
    seen = [seen_warning(report)] if report.corpus.seen_in_training else []
    for warning in seen if quiet else warnings(report):
        echo_note(warning)
    document = partial(report_document, report)
    print_found(report, partial(_printed, report, options.format), options.format)
    if out is not None:
        plotted = None if options.no_html else partial(document, plots=True)
        write_found(report, out, "report", document, plotted)
    if errors_out is not None:
        again = open_corpus(corpus, reading, ReadTally(tell=lambda note: None))
        _write_sheet(judged, report, again.articles, errors_out, options.sheet_format)


def _printed(report: Report, format: str) -> Document:
    """Return the whole report, or for a terminal its lead and the labels."""
    from classifier.evaluation.evaluate import report_document

    if format == "markdown":
        return report_document(report)
    document = report_document(report, most_labels=MOST_LABELS)
    return replace(document, sections=document.sections[:1])


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


COMPARE_EPILOG = """Examples:
  classifier compare sectors mymodel articles.jsonl
  classifier compare mymodel-old mymodel held-out.jsonl --out comparison
  classifier compare sectors mymodel test.jsonl.gz --fail-if-worse 0.005 --measure macro"""


class CompareOptions(OptionGroup):
    """What to show, and when a model is worse."""

    format: Annotated[Format, typer.Option(help="How to print.")] = "table"
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            callback=report_target,
            help="Also write compare.json, compare.md and compare.html there.",
        ),
    ] = None
    fail_if_worse: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="BY",
            help="Exit with code 1 when the F1 of B is lower than that of A by more than this.",
            show_default="never",
        ),
    ] = None
    measure: Annotated[
        Literal["micro", "macro"], typer.Option(help="Which F1 --fail-if-worse looks at.")
    ] = "micro"
    examples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Fixed and broken articles to explain.")
    ] = 5
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the bootstrap.")] = 0


@reads_articles(labels=True)
def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="The old model: its folder, or the name of a shipped one (sectors)."
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The new model, likewise.")],
    corpus: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS",
            help="Labelled articles that neither was trained on: a file, a folder, or a fetched "
            "corpus's name.",
        ),
    ],
    *,
    options: CompareOptions,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Compare two models on the same labelled articles: what changed, and is it real.

    F1 with paired bootstrap intervals, articles that B fixed or broke and
    the terms behind it, false tags, calibration, size and speed. Labels
    that only one of them knows are left out.
    """
    from classifier.evaluation.compare import compare as compare_models
    from classifier.evaluation.compare import comparison_document
    from classifier.model.folder import as_model

    models = (as_model(a), as_model(b))
    tally = read_tally(quiet=quiet)
    tally.follow(models[1].labels)
    articles = counted_articles([corpus], reading, tally, quiet=quiet)
    comparison = compare_models(*models, articles, n_examples=options.examples, seed=options.seed)
    document = partial(comparison_document, comparison)
    print_found(comparison, document, options.format)
    if options.out is not None:
        write_found(comparison, options.out, "compare", document, document)
    report_skipped(tally, quiet=quiet)
    if options.fail_if_worse is not None:
        _judge(comparison, options.measure, options.fail_if_worse, quiet=quiet)


def _judge(comparison: Comparison, measure: str, most: float, *, quiet: bool) -> None:
    change = comparison.micro if measure == "micro" else comparison.macro
    if change.estimate != change.estimate:
        raise CorpusError(
            f"the {measure}-F1 of both cannot be compared: no label is present or given. Compare "
            "on articles that have some."
        )
    # Rounded, so that a fall by exactly the limit passes whatever its last binary digit.
    fell = round(-change.estimate, 9)
    verdict = f"{measure}-F1 of B over A: {change.estimate:+.4f}"
    if fell > most:
        raise ClassifierError(f"B is worse. {verdict}, a fall of more than {most:g}")
    if not quiet:
        echo_note(f"{verdict}, no fall of more than {most:g}")


AUDIT_EPILOG = """Examples:
  classifier audit news.jsonl
  classifier audit train.jsonl --against test.jsonl --strict
  classifier audit news_articles --no-labels --format markdown
  classifier audit mine.csv --labels-field sectors --out audit/"""

# Rows of each table of the page.
PAGE_ROWS = 50


class AuditOptions(OptionGroup):
    """What to look for, and what to show."""

    against: Annotated[
        str | None,
        typer.Option(
            metavar="OTHER", help="A corpus in which no article of CORPUS should stand: a test set."
        ),
    ] = None
    no_labels: Annotated[
        bool, typer.Option("--no-labels", help="Do not judge labels, which takes fits.")
    ] = False
    similarity: Annotated[
        float, typer.Option(metavar="SHARE", help="Of word 5-grams, from which texts are the same.")
    ] = 0.7
    repeats: Annotated[
        int,
        typer.Option(metavar="N", help="Articles of an outlet that make a line boilerplate."),
    ] = 5
    shown: Annotated[
        int, typer.Option(min=1, metavar="N", help="Rows of each table; JSON always has all.")
    ] = 10
    format: Annotated[Format, typer.Option(help="What is printed.")] = "table"
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            callback=report_target,
            help="Also write audit.json, audit.md and audit.html into this folder.",
        ),
    ] = None
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 at leaks or conflicts.")] = (
        False
    )
    seed: Annotated[int, typer.Option(metavar="N", help="Of folds and signatures.")] = 0
    jobs: FitsOption = 1

    def settings(self) -> AuditSettings:
        """Return what they ask for."""
        from classifier.audit.kept import AuditSettings

        given = {name: getattr(self, name) for name in ("similarity", "repeats", "seed", "jobs")}
        return AuditSettings(**given, labels=not self.no_labels)


@reads_articles(labels=True)
def audit(
    corpus: CorpusArgument,
    *,
    options: AuditOptions,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Check a corpus before you train on it or believe a figure from it.

    Leaks, duplicates, contradicting and suspicious labels, boilerplate,
    damaged characters, other languages, lengths. No article's text is
    kept or shown, but for headlines and the starts of repeated lines.
    """
    from classifier.audit.audit import audit as audit_corpus
    from classifier.audit.report import audit_document

    against, out = options.against, options.out
    if corpus == against == "-":
        raise typer.BadParameter("standard input can only be read once", param_hint="--against")
    tally = read_tally(quiet=quiet)
    first = open_corpus(corpus, reading, tally)
    second = open_corpus(against, reading, tally) if against is not None else None
    with training_progress(quiet=quiet) as progress:
        found = audit_corpus(first, against=second, settings=options.settings(), progress=progress)
    document = partial(audit_document, found, shown=options.shown)
    print_found(found, document, options.format)
    if out is not None:
        plotted = partial(audit_document, found, shown=PAGE_ROWS, plots=True)
        names = write_found(found, out, "audit", document, plotted)
        if not quiet:
            echo_note(f"{', '.join(names)} in {out}")
    report_skipped(tally, quiet=quiet, always=not found.summary.n_articles)
    if options.strict and found.fails:
        raise ClassifierError("leaks or conflicts were found (--strict)")


DRIFT_EPILOG = """Examples:
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
    format: Annotated[Format, typer.Option(help="How to print.")] = "table",
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
    found = compare_with_training(tagger, counted_articles(articles, reading, tally, quiet=quiet))
    print_found(found, partial(drift_document, found), format)
    report_skipped(tally, quiet=quiet)
    if strict and found.verdict == "different":
        raise typer.Exit(1)
