"""classifier audit."""

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
    echo_note,
    print_document,
    read_tally,
    report_skipped,
    training_progress,
    write_report,
)
from classifier.corpus.corpus import ReadOptions
from classifier.files import json_text

if TYPE_CHECKING:
    from classifier.audit.audit import Audit
    from classifier.audit.kept import AuditSettings

EPILOG = """Examples:
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
    format: Annotated[
        Literal["table", "json", "markdown"], typer.Option(help="What is printed.")
    ] = "table"
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
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Labels fitted at once; changes only the time.")
    ] = 1

    def settings(self) -> AuditSettings:
        """Return what they ask for."""
        from classifier.audit.kept import AuditSettings

        given = {name: getattr(self, name) for name in ("similarity", "repeats", "seed", "jobs")}
        return AuditSettings(**given, labels=not self.no_labels)


@reads_articles(labels=True)
def audit(
    corpus: Annotated[
        str,
        typer.Argument(metavar="CORPUS", help="A file, a folder, or a fetched corpus's name."),
    ],
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

    against, out = options.against, options.out
    if corpus == against == "-":
        raise typer.BadParameter("standard input can only be read once", param_hint="--against")
    tally = read_tally(quiet=quiet)
    first = open_corpus(corpus, reading, tally)
    second = open_corpus(against, reading, tally) if against is not None else None
    with training_progress(quiet=quiet) as progress:
        found = audit_corpus(first, against=second, settings=options.settings(), progress=progress)
    _print(found, options.format, options.shown)
    if out is not None:
        _write(found, out, shown=options.shown, quiet=quiet)
    if tally.skipped or not found.summary.n_articles:
        report_skipped(tally, quiet=quiet)
    if options.strict and found.fails:
        typer.echo("classifier: leaks or conflicts were found (--strict)", err=True)
        raise typer.Exit(1)


def _print(found: Audit, format: str, shown: int) -> None:
    from classifier.audit.report import audit_document

    if format == "json":
        typer.echo(json_text(found.to_json()), nl=False)
    else:
        print_document(audit_document(found, shown=shown), format)


def _write(found: Audit, folder: Path, *, shown: int, quiet: bool) -> None:
    from classifier.audit.report import audit_document
    from classifier.pages.page import document_page

    names = write_report(
        folder,
        "audit",
        found.to_json(),
        audit_document(found, shown=shown),
        page=lambda: document_page(audit_document(found, shown=PAGE_ROWS, plots=True)),
    )
    if not quiet:
        echo_note(f"{', '.join(names)} in {folder}")
