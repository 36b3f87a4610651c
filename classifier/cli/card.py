"""classifier card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classifier.cli.progress import echo_lines
from classifier.cli.targets import file_target, refuse_inputs
from classifier.errors import BadInputError

if TYPE_CHECKING:
    from classifier.evaluation.report import Report

EPILOG = """Examples:
  classifier card mymodel
  classifier evaluate mymodel test.jsonl --out report
  classifier card mymodel --report report/report.json --out mymodel/README.md"""


def _card_target(path: Path | None) -> Path | None:
    return path and file_target(path)


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
            callback=_card_target,
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
    from classifier.resources import replacing
    from classifier.serving.score import load

    if out is not None:
        refuse_inputs(out, report or [])
    text = model_card(load(model), reports=[_read_report(path) for path in report or []])
    if out is None:
        echo_lines(text.rstrip("\n"))
        return
    with replacing(out.resolve()) as file:
        file.write(text.encode())


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
