"""Options that several commands share."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from classifier.cli.targets import model_target
from classifier.corpus.read_options import FORMATS, UNREAD, ReadOptions

__all__ = ["ModelOption", "ModelTarget", "QuietOption", "reads_articles", "thresholds_from"]

ModelOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--model", metavar="DIR", help="Folder of the model.", show_default="the shipped model"
    ),
]
ModelTarget: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        callback=model_target,
        help="Folder for the model: a new or empty one, or that of a model to replace.",
    ),
]
QuietOption: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", metavar="", help="No progress and no remarks.")
]

_READING, _LABELS = "Reading", "Labels and other fields"
# For the parser, not the type checker: a literal type spelled by a constant.
_Format: Any = Literal[FORMATS]
_OnError: Any = Literal["stop", "skip"]


def _option(*names: str, panel: str = _READING, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, **more)


def _field(name: str, help: str, *, panel: str = _READING) -> Any:
    return Annotated[str, _option(f"--{name}-field", metavar="NAME", help=help, panel=panel)]


_TEXT_OPTIONS: dict[str, Any] = {
    "input_format": Annotated[
        _Format | None,
        _option(
            metavar="FORMAT",
            help=f"What the files hold: {', '.join(FORMATS)}.",
            show_default="what their names tell",
        ),
    ],
    "encoding": Annotated[str, _option(metavar="NAME", help="Encoding of text files.")],
    "text_field": _field("text", "Field or column with the body."),
    "title_field": _field("title", "Field or column with the headline."),
    "id_field": _field("id", "Field or column with the id."),
    "on_error": Annotated[_OnError, _option(help="At a bad row: stop, or skip and count it.")],
    "rejects": Annotated[
        Path | None, _option(metavar="FILE", help="Where skipped rows go, as JSONL.")
    ],
}
_LABEL_OPTIONS: dict[str, Any] = {
    "labels_field": _field("labels", "Field with the labels: a list, or one text.", panel=_LABELS),
    "separator": Annotated[
        str, _option(metavar="TEXT", help="Stands between labels in one text.", panel=_LABELS)
    ],
    "label_columns": Annotated[
        list[str],
        _option(
            "--label-column",
            metavar="NAME",
            help="A column for one label (1, 0 or blank); repeat it for each label.",
            panel=_LABELS,
        ),
    ],
    "negative_field": _field(
        "negative", "Field with labels that the article is known not to have.", panel=_LABELS
    ),
    "confidence_field": _field(
        "confidence", "Field that says 'borderline' where the labeller hesitated.", panel=_LABELS
    ),
    "source_field": _field("source", "Field with the outlet.", panel=_LABELS),
    "date_field": _field("date", "Field with the day of publication.", panel=_LABELS),
}
_DEFAULTS = {f.name: f.default for f in dataclasses.fields(ReadOptions)} | {
    "input_format": None,
    "label_columns": [],
}


def reads_articles(*, labels: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the reading options; it receives them as one `reading: ReadOptions`.

    Without `labels` only the text, headline and id are read, so that nothing can be wrong with
    the rest. Typer builds options from a function's signature, so the wrapper's signature is
    that of the command with `reading` replaced by the options.
    """
    options = _TEXT_OPTIONS | (_LABEL_OPTIONS if labels else {})
    unread = {} if labels else {name: UNREAD for name in _LABEL_OPTIONS if "_field" in name}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**values: Any) -> None:
            chosen = {name: values.pop(name) for name in options}
            command(**values, reading=_read_options(chosen | unread))

        parameters = _parameters(command, options)
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def _read_options(chosen: dict[str, Any]) -> ReadOptions:
    if chosen["rejects"] and chosen["on_error"] == "stop":
        raise typer.BadParameter("needs --on-error skip", param_hint="--rejects")
    columns = tuple(chosen.pop("label_columns", ()))
    return ReadOptions(format=chosen.pop("input_format"), label_columns=columns, **chosen)


def _parameters(command: Callable[..., None], options: dict[str, Any]) -> list[inspect.Parameter]:
    own = inspect.signature(command, eval_str=True).parameters.values()
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[name], annotation=kind
        )
        for name, kind in options.items()
    ]
    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name != "reading"]
    return kept + shared


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
