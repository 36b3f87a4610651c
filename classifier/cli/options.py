"""Options that several commands share."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from classifier.corpus.read_options import FORMATS, ReadOptions

__all__ = ["ModelOption", "reads_articles", "thresholds_from"]

ModelOption = Annotated[
    Path | None,
    typer.Option("--model", metavar="DIR", help="Model folder.", show_default="the shipped model"),
]

_PANEL = "Reading"


def _field(name: str, help: str) -> Any:
    return Annotated[
        str, typer.Option(f"--{name}-field", metavar="NAME", help=help, rich_help_panel=_PANEL)
    ]


_READING: dict[str, Any] = {
    "input_format": Annotated[
        str | None,
        typer.Option(
            help=f"One of {', '.join(FORMATS)}.", show_default="by file name", metavar="FORMAT",
            rich_help_panel=_PANEL,
        ),
    ],
    "encoding": Annotated[
        str, typer.Option(help="Encoding of text files.", rich_help_panel=_PANEL)
    ],
    "text_field": _field("text", "Field with the body."),
    "title_field": _field("title", "Field with the headline."),
    "id_field": _field("id", "Field with the id."),
    "source_field": _field("source", "Field with the outlet."),
    "date_field": _field("date", "Field with the day of publication."),
    "labels_field": _field("labels", "Field with the labels: a list, or one text."),
    "negative_field": _field("negative", "Field with the labels an article is known not to have."),
    "confidence_field": _field("confidence", "Field that says 'borderline' or not."),
    "label_columns": Annotated[
        list[str],
        typer.Option(
            "--label-column", metavar="NAME",
            help="A column for one label (1, 0 or blank); may be repeated.", rich_help_panel=_PANEL,
        ),
    ],
    "separator": Annotated[
        str, typer.Option(help="Between labels in one text.", rich_help_panel=_PANEL)
    ],
    "on_error": Annotated[
        str,
        typer.Option(
            metavar="stop|skip", help="At a bad row: stop, or skip and count it.",
            rich_help_panel=_PANEL,
        ),
    ],
    "rejects": Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where skipped rows go.", rich_help_panel=_PANEL),
    ],
}  # fmt: skip

_DEFAULTS = {f.name: f.default for f in dataclasses.fields(ReadOptions)} | {
    "input_format": None,
    "label_columns": [],
}


def reads_articles(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every reading option; it receives them as one `reading: ReadOptions`.

    Typer builds options from a function's signature, so the wrapper's signature is that of the
    command with `reading` replaced by the options.
    """

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        chosen = {name: values.pop(name) for name in _READING}
        chosen["format"] = chosen.pop("input_format")
        chosen["label_columns"] = tuple(chosen["label_columns"])
        command(**values, reading=ReadOptions(**chosen))

    own = [
        p
        for p in inspect.signature(command, eval_str=True).parameters.values()
        if p.name != "reading"
    ]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[name], annotation=kind
        )
        for name, kind in _READING.items()
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def thresholds_from(pairs: list[str]) -> dict[str, float]:
    """Return ``["energy=0.7"]`` as ``{"energy": 0.7}``.

    Raises
    ------
    typer.BadParameter
        When a pair is not a label, an equals sign and a number.
    """
    thresholds = {}
    for pair in pairs:
        label, _, number = pair.rpartition("=")
        try:
            thresholds[label] = float(number)
        except ValueError:
            label = ""
        if not label:
            raise typer.BadParameter(
                f"'{pair}' is not of the form label=0.7", param_hint="--threshold"
            )
    return thresholds
