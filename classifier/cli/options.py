"""The options of `classifier predict` that are about archives."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from classifier.corpus.corpus import FORMATS, UNREAD, Corpus, ReadOptions, ReadTally
from classifier.errors import BadInputError, ClassifierError, CorpusError, ModelError
from classifier.fields import USUAL_NAMES

__all__ = [
    "ArchiveOptions",
    "Command",
    "Group",
    "ModelOption",
    "ModelTarget",
    "QuietOption",
    "SheetFormatOption",
    "file_target",
    "folder_target",
    "model_target",
    "named_path",
    "open_corpora",
    "open_corpus",
    "reads_articles",
    "refuse_archive_options",
    "refuse_inputs",
    "report_target",
    "tags_archives",
    "thresholds_from",
    "try_writing",
]


class PlainHelp:
    """Shows ``--help`` and the like without a kind of value, as they take none."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, flags without a word for a value."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
        return params


class Command(PlainHelp, TyperCommand):
    """One command."""


class Group(PlainHelp, TyperGroup):
    """A group of commands."""


# What a save that was cut short leaves behind, which the next one clears away.
_OURS = ("vocabulary-", "table-", "idf-", "weights-", "README.md")


def named_path(text: str) -> Path:
    """Return a path that the user named; nothing is no path, though `Path` takes it for a folder.

    Raises
    ------
    typer.BadParameter
        When it is empty.
    """
    if not text:
        raise typer.BadParameter("an empty name is no file. Name one, or . for this folder.")
    return Path(text)


def file_target(path: Path) -> Path:
    """Return `path` when a file can be put there in one step.

    Raises
    ------
    ClassifierError
        When it is a folder, a device or the like, which a new file must not replace.
    """
    if path.is_dir():
        raise ClassifierError(f"{path}: is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise ClassifierError(f"{path}: is no regular file. Name another one.")
    return path


def model_target(folder: Path) -> Path:
    """Return `folder` when a model may be saved there, without a trace of having tried.

    Raises
    ------
    ModelError
        When it is a file, holds files and no model, or cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise ModelError(f"{folder}: is a file. Name a folder.")
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
        try_writing(folder)
    except OSError as error:
        raise ModelError(
            f"{folder}: no model can be written there ({error.strerror}). Choose another folder."
        ) from None
    others = [name for name in names if not name.startswith((".", *_OURS))]
    if others and "manifest.json" not in names:
        raise ModelError(
            f"{folder}: holds files and no model (such as {others[0]}). Name a new or empty folder."
        )
    return folder


def folder_target(path: Path | None) -> Path | None:
    """Return `path` when it can be a folder of results, also when there is none.

    Raises
    ------
    ClassifierError
        When it is a file.
    """
    if path is not None and path.exists() and not path.is_dir():
        raise ClassifierError(f"{path}: is a file. Name a folder.")
    return path


def report_target(folder: Path | None) -> Path | None:
    """Return `folder` when a report may be written there, without a trace of having tried.

    Raises
    ------
    ClassifierError
        When it is a file, or cannot be written to.
    """
    if folder_target(folder) is None or folder is None:
        return None
    try:
        try_writing(folder)
    except OSError as error:
        raise ClassifierError(
            f"{folder}: no report can be written there ({error.strerror}). Name another folder."
        ) from None
    return folder


def try_writing(folder: Path) -> None:
    """Raise `OSError` when nothing can be written below `folder`, which need not be there yet."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    with tempfile.TemporaryFile(dir=nearest):
        pass


def refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    """Raise `BadInputError` when `path` is one of `inputs`, which it would replace."""
    if path.resolve() in {each.resolve() for each in inputs}:
        raise BadInputError(f"{path}: is also an input. Name another file for the result.")


def open_corpora(
    names: Sequence[str], reading: ReadOptions, tally: ReadTally, *, natural: bool = True
) -> list[Corpus]:
    """Return the corpora of some paths and names, every corpus of a group by itself.

    Raises
    ------
    CorpusError, BadInputError
        As `open_corpus` does; for a group with all that is missing.
    """
    from classifier.published.sources import GROUPS, load_corpus

    for name in names:
        if name in GROUPS and not _is_path(name):
            load_corpus(name)  # which says at once when one of them was not fetched
    single = [(name,) if _is_path(name) else GROUPS.get(name, (name,)) for name in names]
    return [
        open_corpus(name, reading, tally, natural=natural) for group in single for name in group
    ]


def open_corpus(
    name: str, reading: ReadOptions, tally: ReadTally, *, natural: bool = True
) -> Corpus:
    """Return the corpus at a path or of a name, a group as one; a path wins.

    Raises
    ------
    CorpusError
        When `name` is neither a path nor a corpus, or that corpus was not fetched.
    BadInputError
        When nothing at the path can be read.
    """
    from classifier.corpus.read import read_articles
    from classifier.published.sources import NAMES, load_corpus

    if _is_path(name):
        return Corpus(Path(name).stem, read_articles([name], reading, tally=tally), natural=natural)
    if name not in NAMES:
        raise CorpusError(
            f"{name}: no such file or folder, and no corpus of that name. Check the spelling; "
            f"the corpora are {', '.join(NAMES)}."
        )
    return Corpus(name, load_corpus(name, announce=_warn), natural=natural)


def _is_path(name: str) -> bool:
    return name == "-" or Path(name).exists()


def _warn(line: str) -> None:
    typer.echo(f"classifier: {line}", err=True)


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
    bool, typer.Option("--quiet", "-q", metavar="", help="No progress and no notes.")
]
SheetFormatOption: TypeAlias = Annotated[
    Literal["csv", "doccano", "label-studio"] | None,
    typer.Option(
        help="What the sheet is for: spreadsheets, doccano or Label Studio.",
        show_default="by the file's name: .csv, .jsonl, .json",
    ),
]
_READING, _LABELS = "Reading", "Labels and other fields"
# For the parser, not the type checker: a literal type spelled by a constant.
_Format: Any = Literal[FORMATS]
_OnError: Any = Literal["stop", "skip"]


def _option(*names: str, panel: str = _READING, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, **more)


def _field(name: str, help: str, *, panel: str = _READING) -> Any:
    found = USUAL_NAMES[name]
    shown = ", ".join(found[:4]) + (" …" if len(found) > 4 else "")
    option = _option(f"--{name}-field", metavar="NAME", help=help, panel=panel, show_default=shown)
    return Annotated[str | None, option]


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
    "sheet": Annotated[
        str, _option(metavar="NAME", help="Sheet of a workbook.", show_default="the first")
    ],
    "text_field": _field("text", "Field or column with the body."),
    "title_field": _field("title", "Field or column with the headline."),
    "id_field": _field("id", "Field or column with the id."),
    "quoting": Annotated[
        bool,
        _option(
            "--quoting/--no-quoting",
            metavar="",
            help="Whether quotes enclose cells of a table.",
        ),
    ],
    "header": Annotated[
        bool,
        _option(
            "--header/--no-header",
            metavar="",
            help="Whether the first row of a table names its columns.",
        ),
    ],
    "columns": Annotated[
        str,
        _option(
            metavar="A,B,C",
            help="Names for the columns of a table, in order; with --no-header.",
            show_default="1,2,3 …",
        ),
    ],
    "unique_ids": Annotated[
        bool,
        _option(
            "--unique-ids", metavar="", help="Refuse an id that comes again; else it is an update."
        ),
    ],
    "on_error": Annotated[_OnError, _option(help="At a bad row: stop, or skip and count it.")],
    "rejects": Annotated[
        Path | None, _option(metavar="FILE", help="Where skipped rows go, as JSONL.")
    ],
}
_LABEL_OPTIONS: dict[str, Any] = {
    "labels_field": _field("labels", "Field with the labels: a list, or one text.", panel=_LABELS),
    "separator": Annotated[
        str | None,
        _option(
            metavar="TEXT",
            help="Stands between labels in one text.",
            panel=_LABELS,
            show_default="the first of | ; , in it",
        ),
    ],
    "exact_labels": Annotated[
        bool,
        _option(
            "--exact-labels",
            metavar="",
            help="Keep labels apart that differ in case or blanks alone.",
            panel=_LABELS,
        ),
    ],
    "label_names": Annotated[
        Path | None,
        _option(
            metavar="FILE",
            help="Names for labels that are codes: one a line from code 0 on, lines of CODE,NAME, "
            "or JSON.",
            panel=_LABELS,
            show_default=False,
        ),
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
    "sample_field": _field(
        "sample",
        "Field that says how an article was picked: random or nothing is a natural sample.",
        panel=_LABELS,
    ),
    "source_field": _field("source", "Field with the outlet.", panel=_LABELS),
    "date_field": _field("date", "Field with the day of publication.", panel=_LABELS),
    "date_format": Annotated[
        str,
        _option(
            metavar="FORMAT",
            help="How dates are written, such as '%d/%m/%Y'.",
            panel=_LABELS,
            show_default="ISO 8601, RFC 822, or seconds since 1970",
        ),
    ],
}
# Options that name a file to write.
_WRITTEN = ("out", "rejects", "summary", "assignments", "suggested_out", "errors_out")
_DEFAULTS = {f.name: f.default for f in dataclasses.fields(ReadOptions)} | {
    "input_format": None,
    "columns": "",
    "label_columns": [],
    "label_names": None,
}


def reads_articles(*, labels: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the reading options; it receives them as one `reading: ReadOptions`.

    Without `labels` only the text, headline and id are read, so that nothing can be wrong with
    the rest. Typer builds options from a function's signature, so the wrapper's signature is
    that of the command with `reading` replaced by the options.
    """
    options = _TEXT_OPTIONS | (_LABEL_OPTIONS if labels else {})
    unread: dict[str, Any] = {}
    if not labels:
        unread = {name: UNREAD for name in _LABEL_OPTIONS if "_field" in name} | {"line_ids": True}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**values: Any) -> None:
            _refuse_one_file(values)
            chosen = {name: values.pop(name) for name in options}
            command(**values, reading=_read_options(chosen | unread))

        parameters = _parameters(command, options)
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def _refuse_one_file(values: dict[str, Any]) -> None:
    """Raise `typer.BadParameter` when two options name one file to write."""
    named: dict[Path, str] = {}
    for name in _WRITTEN:
        path = values.get(name)
        # devices take whatever comes
        if not isinstance(path, Path) or (path.exists() and not path.is_file()):
            continue
        option = "--" + name.replace("_", "-")
        other = named.setdefault(path.resolve(), option)
        if other != option:
            raise typer.BadParameter(
                f"{path} is also the file of {other}; name another one", param_hint=option
            )


def _read_options(chosen: dict[str, Any]) -> ReadOptions:
    if chosen["rejects"] and chosen["on_error"] == "stop":
        raise typer.BadParameter("needs --on-error skip", param_hint="--rejects")
    chosen["columns"] = tuple(filter(None, map(str.strip, chosen["columns"].split(","))))
    if chosen["columns"] and chosen["header"]:
        raise typer.BadParameter("needs --no-header", param_hint="--columns")
    columns = tuple(chosen.pop("label_columns", ()))
    names = chosen.pop("label_names", None)
    if names is not None:
        from classifier.corpus.labels import read_label_names

        chosen["label_names"] = read_label_names(names)
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


def _archive_option(*names: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **more)


_OPTIONS: dict[str, tuple[Any, Any]] = {
    "jobs": (
        None,
        Annotated[
            int | None,
            _archive_option(
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
            _archive_option(
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
            _archive_option(
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
            _archive_option(
                metavar="TAG,TAG", help="Keep what was given one of these.", show_default=False
            ),
        ],
    ),
    "drop_text": (
        False,
        Annotated[
            bool,
            _archive_option(
                "--drop-text", metavar="", help="Leave the body out of a folder's rows."
            ),
        ],
    ),
    "prefix": (
        "",
        Annotated[
            str,
            _archive_option(
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
            _archive_option(
                min=1, max=1024, metavar="N", help="Longer lines are bad rows; bounds the memory."
            ),
        ],
    ),
    "summary": (
        None,
        Annotated[
            Path | None,
            _archive_option(
                metavar="FILE", help="Write a folder's counts there as JSON; - prints them."
            ),
        ],
    ),
    "restart": (
        False,
        Annotated[
            bool,
            _archive_option(
                "--restart", metavar="", help="Do a folder again, whatever is finished."
            ),
        ],
    ),
    "dry_run": (
        False,
        Annotated[
            bool,
            _archive_option(
                "--dry-run", metavar="", help="List what a folder would get; write nothing."
            ),
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
