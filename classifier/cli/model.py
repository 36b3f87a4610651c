"""classifier info, export and card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from classifier.cli.app import echo_lines, print_document
from classifier.cli.options import file_target, named_path, refuse_inputs
from classifier.errors import BadInputError, ClassifierError

if TYPE_CHECKING:
    from classifier.evaluation.report import Report


INFO_EPILOG = """Examples:
  classifier info
  classifier info mymodel"""
EXPORT_EPILOG = """Example:
  classifier export mymodel --joblib mymodel.joblib"""

FolderArgument: TypeAlias = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="Folder of the model.", show_default="the shipped model"),
]


def info(folder: FolderArgument = None) -> None:
    """Check a model and tell what it is: labels, figures, cuts, what it was trained on."""
    from classifier.cli.predict import chosen_model
    from classifier.compiled import kernel_status
    from classifier.evaluation.card import model_document

    document = model_document(chosen_model(folder))
    lead = (*document.lead, f"kernel: {kernel_status()}")
    print_document(replace(document, lead=lead), "table")


def export(
    folder: FolderArgument = None,
    *,
    joblib: Annotated[
        Path,
        typer.Option("--joblib", metavar="FILE", callback=file_target, help="The file to write."),
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", hidden=True, parser=named_path, help="The folder, as before."),
    ] = None,
) -> None:
    """Write a model as a plain scikit-learn pipeline with the same scores.

    Joblib files are pickles: loading one runs whatever code it holds. Load
    only files whose origin you trust; to pass a model on, pass on its folder.
    """
    from classifier.cli.predict import chosen_model
    from classifier.model.export import export_joblib

    if folder is not None and model is not None:
        raise typer.BadParameter("a folder is named already", param_hint="--model")
    export_joblib(chosen_model(folder or model), joblib)
    typer.echo(f"{joblib}: a scikit-learn pipeline; loading it runs code, so trust its origin")


import_app = typer.Typer(add_completion=False)


@import_app.command(
    hidden=True,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def import_() -> None:
    """Refuse to read a joblib file, as a former release did."""
    raise ClassifierError(
        "importing from joblib was dropped: loading such a file runs whatever code it holds. Use "
        "the folder that the model was exported from."
    )


CARD_EPILOG = """Examples:
  classifier card mymodel
  classifier evaluate mymodel test.jsonl --out report
  classifier card mymodel --report report/report.json --out mymodel/README.md"""


def card(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Folder of the model, or 'sectors', the shipped.")
    ] = "sectors",
    *,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="report.json of an evaluation of this model, to join the card; repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=file_target,
            help="Write the card there.",
            show_default="standard output",
        ),
    ] = None,
) -> None:
    """Tell what a model is for, how good it is, and where it fails.

    In Markdown: labels and their rules, corpus, figures, calibration, known
    failures, how to make it again. Training writes the same card into the
    model's folder; --report adds figures on articles it has not seen.
    """
    from classifier.evaluation.card import model_card
    from classifier.files import write_file
    from classifier.model.folder import as_model

    if out is not None:
        refuse_inputs(out, report or [])
    text = model_card(as_model(model), reports=[_read_report(path) for path in report or []])
    if out is None:
        echo_lines(text.rstrip("\n"))
        return
    write_file(out, text.encode())


def _read_report(path: Path) -> Report:
    from classifier.evaluation.report import Report

    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is not JSON: {error}. Name a report.json.") from None
    if not isinstance(values, dict):
        raise BadInputError(f"{path} holds no report. Name the report.json of an evaluation.")
    try:
        return Report.from_json(values)
    except BadInputError as error:
        raise BadInputError(f"{path}: {error}") from None
