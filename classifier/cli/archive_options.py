"""The options of `classifier predict` that are about archives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["ArchiveOptions", "refuse_archive_options", "tags_archives"]

_PANEL = "Archives"


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """What the options of the panel say (see `_OPTIONS`), and whether ``--on-error`` was given."""

    jobs: int | None
    dask: str
    where: str
    tags: str
    drop_text: bool
    prefix: str
    max_line_mb: int
    summary: Path | None
    restart: bool
    dry_run: bool
    on_error_named: bool

    @property
    def wanted_tags(self) -> tuple[str, ...]:
        """The tags of ``--tags``."""
        return tuple(tag.strip() for tag in self.tags.split(",") if tag.strip())


def _option(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **more)


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "jobs": (
        None,
        Annotated[
            int | None,
            _option(
                "--jobs",
                min=1,
                metavar="N",
                help="Processes. Into a single file, JSONL alone goes through several.",
                show_default="one a core into a folder, else 1",
            ),
        ],
    ),
    "dask": (
        "",
        Annotated[
            str,
            _option(
                metavar="ADDRESS",
                help="Tag into a folder on a Dask cluster: tcp://scheduler:8786, or local for a "
                "trial. Files and folder may be any address that fsspec opens, s3://… too.",
                show_default=False,
            ),
        ],
    ),
    "where": (
        "",
        Annotated[
            str,
            _option(
                metavar="CONDITION",
                help="Keep what meets it: 'energy>0.5 and (culture<0.1 or coverage>=0.9)'.",
                show_default=False,
            ),
        ],
    ),
    "tags": (
        "",
        Annotated[
            str,
            _option(
                metavar="TAG,TAG", help="Keep what was given one of these.", show_default=False
            ),
        ],
    ),
    "drop_text": (
        False,
        Annotated[
            bool, _option("--drop-text", metavar="", help="Leave the body out of a folder's rows.")
        ],
    ),
    "prefix": (
        "",
        Annotated[
            str,
            _option(
                metavar="TEXT",
                help="Stands before the names of the fields added to a folder's rows.",
                show_default=False,
            ),
        ],
    ),
    "max_line_mb": (
        16,
        Annotated[
            int,
            _option(
                min=1, max=1024, metavar="N", help="Longer lines are bad rows; bounds the memory."
            ),
        ],
    ),
    "summary": (
        None,
        Annotated[
            Path | None,
            _option(metavar="FILE", help="Write a folder's counts there as JSON; - prints them."),
        ],
    ),
    "restart": (
        False,
        Annotated[
            bool,
            _option("--restart", metavar="", help="Do a folder again, whatever is finished."),
        ],
    ),
    "dry_run": (
        False,
        Annotated[
            bool,
            _option("--dry-run", metavar="", help="List what a folder would get; write nothing."),
        ],
    ),
}
_FOLDER_ONLY = ("dask", "drop_text", "prefix", "summary", "restart", "dry_run")


def tags_archives(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of archives; it receives them as one `archive`."""

    @functools.wraps(command)
    def wrapper(context: typer.Context, **values: Any) -> None:
        chosen = {name: values.pop(name) for name in _OPTIONS}
        source = context.get_parameter_source("on_error")
        named = source is not None and source.name != "DEFAULT"
        command(**values, archive=ArchiveOptions(**chosen, on_error_named=named))

    own = inspect.signature(command, eval_str=True).parameters.values()
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (default, kind) in _OPTIONS.items()
    ]
    parameters = [p for p in own if p.name not in ("archive", "reading")]
    parameters += added + [p for p in own if p.name == "reading"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters.append(inspect.Parameter("context", keyword, annotation=typer.Context))
    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    wrapper.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in kept}
    return wrapper


def refuse_archive_options(options: ArchiveOptions) -> None:
    """Raise `typer.BadParameter` at an option that makes sense for a folder of results alone."""
    for name in _FOLDER_ONLY:
        if getattr(options, name) != _OPTIONS[name][0]:
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter("needs --out FOLDER", param_hint=option)
