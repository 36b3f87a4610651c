"""classifier compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from classifier.cli.options import (
    OptionGroup,
    QuietOption,
    open_corpus,
    reads_articles,
    report_target,
)
from classifier.cli.terminal import (
    counted_on_terminal,
    print_document,
    read_tally,
    report_skipped,
    write_report,
)
from classifier.corpus.corpus import ReadOptions
from classifier.errors import ClassifierError, CorpusError
from classifier.files import json_text

if TYPE_CHECKING:
    from classifier.evaluation.compare import Comparison

EPILOG = """Examples:
  classifier compare sectors mymodel articles.jsonl
  classifier compare mymodel-old mymodel held-out.jsonl --out comparison
  classifier compare sectors mymodel test.jsonl.gz --fail-if-worse 0.005 --measure macro"""


class CompareOptions(OptionGroup):
    """What to show, and when a model is worse."""

    format: Annotated[Literal["table", "json", "markdown"], typer.Option(help="How to print.")] = (
        "table"
    )
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
    from classifier.model.folder import as_model

    models = (as_model(a), as_model(b))
    tally = read_tally(quiet=quiet)
    tally.follow(models[1].labels)
    articles = open_corpus(corpus, reading, tally).articles
    shown = counted_on_terminal(articles, "articles", quiet=quiet)
    comparison = compare_models(*models, shown, n_examples=options.examples, seed=options.seed)
    _print(comparison, options.format)
    if options.out is not None:
        _write(comparison, options.out)
    if tally.skipped:
        report_skipped(tally, quiet=quiet)
    if options.fail_if_worse is not None:
        _judge(comparison, options.measure, options.fail_if_worse, quiet=quiet)


def _print(comparison: Comparison, format: str) -> None:
    from classifier.evaluation.compare import comparison_document

    if format == "json":
        typer.echo(json_text(comparison.to_json()), nl=False)
    else:
        print_document(comparison_document(comparison), format)


def _write(comparison: Comparison, out: Path) -> None:
    from classifier.evaluation.compare import comparison_document
    from classifier.pages.page import document_page

    document = comparison_document(comparison)
    content = comparison.to_json()
    write_report(out, "compare", content, document, lambda: document_page(document))


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
        typer.echo(f"classifier: {verdict}, no fall of more than {most:g}", err=True)
