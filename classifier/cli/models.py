"""classifier info, export and import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from classifier.cli.options import ModelOption, ModelTarget
from classifier.cli.progress import echo_lines
from classifier.cli.targets import file_target

INFO_EPILOG = """Examples:
  classifier info
  classifier info mymodel"""
EXPORT_EPILOG = """Example:
  classifier export --model mymodel --joblib mymodel.joblib"""
IMPORT_EPILOG = """Example:
  classifier import --joblib mymodel.joblib --out mymodel"""


def info(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="Folder of the model.", show_default="the shipped model"
        ),
    ] = None,
) -> None:
    """Check a model and tell what it is: labels, figures, cuts, what it was trained on."""
    from classifier.cli.predict import chosen_model
    from classifier.compiled import kernel_status
    from classifier.model.description import described, quality_table

    model = chosen_model(folder)
    echo_lines(f"{described(model)}\nkernel: {kernel_status()}\n\n{quality_table(model)}")


def export(
    joblib: Annotated[
        Path,
        typer.Option("--joblib", metavar="FILE", callback=file_target, help="The file to write."),
    ],
    model: ModelOption = None,
) -> None:
    """Write a model as a plain scikit-learn pipeline with the same scores.

    Joblib files are pickles: loading one runs whatever code it holds. Load
    only files whose origin you trust; to pass a model on, pass on its folder.
    """
    from classifier.cli.predict import chosen_model
    from classifier.model.export import export_joblib

    export_joblib(chosen_model(model), joblib)
    typer.echo(f"{joblib}: a scikit-learn pipeline; loading it runs code, so trust its origin")


def import_(
    joblib: Annotated[Path, typer.Option("--joblib", metavar="FILE", help="The file to read.")],
    out: ModelTarget,
) -> None:
    """Turn a pipeline that `classifier export` wrote back into a model folder.

    This RUNS CODE from the file: joblib files are pickles. Import only
    files you trust.
    """
    from classifier.errors import ModelError
    from classifier.evaluation.card import model_card
    from classifier.model.export import import_joblib
    from classifier.model.store import save_model

    if not joblib.is_file():
        raise ModelError(f"{joblib}: no such file. Check the spelling.")
    model = import_joblib(joblib)
    model = save_model(model, out, card=model_card(model))
    typer.echo(f"Saved as {out} ({model.signature}).")
