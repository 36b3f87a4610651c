"""The options that commands share, and what they refuse."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from classifier.cli.terminal import echo_note
from classifier.corpus.corpus import FORMATS, UNLABELLED, Corpus, ReadOptions, ReadTally
from classifier.errors import BadInputError, ClassifierError, CorpusError, ModelError
from classifier.fields import USUAL_NAMES

__all__ = [
    "ArchiveOptions",
    "Command",
    "CorpusArgument",
    "CorpusTarget",
    "Group",
    "ModelOption",
    "ModelTarget",
    "OptionGroup",
    "QuietOption",
    "SheetFormatOption",
    "file_target",
    "grouped",
    "model_target",
    "named_path",
    "open_corpora",
    "open_corpus",
    "reads_articles",
    "refuse_inputs",
    "report_target",
    "thresholds_from",
    "try_writing",
]


class Plain:
    """Shows ``--help`` and the like without a kind of value, and checks no defaults.

    Typer checks every value by pydantic, what was not given too, and pydantic takes longer to load
    than an article to tag.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, flags without a word for a value."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            param.process_value = functools.partial(_value, param)
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
        return params


def _value(param: Any, ctx: Any, value: Any) -> Any:
    """Return the value of a parameter: a default as it is, and what needs no check by Typer."""
    # in the words of Typer 0.29; without them its own way is taken
    described = getattr(param, "type_descriptor", None)
    info, kind = (getattr(described, name, None) for name in ("parameter_info", "annotation"))
    if ctx.get_parameter_source(param.name).name == "DEFAULT" and not param.required:
        return value if param.callback is None else param.callback(ctx, param, value)
    several = isinstance(value, tuple | list)
    texts = list(value) if several else [value]
    known = info is not None and not param.required and param.callback is None
    if known and all(isinstance(text, str) for text in texts):
        kind = get_args(kind)[0] if get_origin(kind) is list else kind
        plain = [_plain(text, kind, info) for text in texts]
        if None not in plain:
            return plain if several else plain[0]
    return type(param).process_value(param, ctx, value)


def _plain(text: str, kind: Any, info: Any) -> Any:
    """Return what the text of an option stands for, nothing where Typer has to look at it."""
    if info.parser is not None:
        return info.parser(text)
    if kind is int and text.isdecimal():
        number = int(text)
        low, high = info.min, info.max
        return number if (low or 0) <= number and (high is None or number <= high) else None
    return text if kind is str or text in get_args(kind) else None


class Command(Plain, TyperCommand):
    """One command."""


class Group(Plain, TyperGroup):
    """A group of commands."""


Target = TypeVar("Target", Path, Path | None)
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


def file_target(path: Target) -> Target:
    """Return `path` when a file can be put there in one step, also when there is none.

    Raises
    ------
    ClassifierError
        When it is a folder, a device or the like, which a new file must not replace.
    """
    if path is None:
        return path
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


def report_target(folder: Path | None) -> Path | None:
    """Return `folder` when a report may be written there, without a trace of having tried.

    Raises
    ------
    ClassifierError
        When it is a file, or cannot be written to.
    """
    if folder is None:
        return None
    if folder.exists() and not folder.is_dir():
        raise ClassifierError(f"{folder}: is a file. Name a folder.")
    try:
        try_writing(folder)
    except OSError as error:
        raise ClassifierError(
            f"{folder}: no report can be written there ({error.strerror}). Name another folder."
        ) from None
    return folder


def try_writing(folder: Path) -> None:
    """Raise `OSError` when nothing can be written below `folder`, which need not be there yet."""
    import tempfile

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

    if _is_path(name):
        return Corpus(Path(name).stem, read_articles([name], reading, tally=tally), natural=natural)
    from classifier.published.sources import NAMES, load_corpus

    if name not in NAMES:
        raise CorpusError(
            f"{name}: no such file or folder, and no corpus of that name. Check the spelling; "
            f"the corpora are {', '.join(NAMES)}."
        )
    return Corpus(name, load_corpus(name, announce=echo_note), natural=natural)


def _is_path(name: str) -> bool:
    return name == "-" or Path(name).exists()


ModelOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        parser=named_path,
        help="Folder of the model.",
        show_default="the shipped model",
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
CorpusArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="CORPUS", help="A file, a folder, or a fetched corpus's name.")
]
CorpusTarget: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        callback=file_target,
        help="JSONL to write, packed if it ends in .gz.",
    ),
]
QuietOption: TypeAlias = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no notes.")
]
SheetFormatOption: TypeAlias = Annotated[
    Literal["csv", "doccano", "label-studio"] | None,
    typer.Option(
        help="What the sheet is for: spreadsheets, doccano or Label Studio.",
        show_default="by the file's name: .csv, .jsonl, .json",
    ),
]
# For the parser, not the type checker: a literal type spelled by a constant.
_Format: Any = Literal[FORMATS]
_OnError: Any = Literal["stop", "skip"]
_reading = functools.partial(typer.Option, rich_help_panel="Reading")
_labels = functools.partial(typer.Option, rich_help_panel="Labels and other fields")
_archive = functools.partial(typer.Option, rich_help_panel="Archives")


def _field(name: str, help: str, *, option: Any = _labels) -> Any:
    found = USUAL_NAMES[name]
    shown = ", ".join(found[:4]) + (" …" if len(found) > 4 else "")
    made = option(f"--{name}-field", metavar="NAME", help=help, show_default=shown)
    return Annotated[str | None, made]


_TextField: Any = _field("text", "Field or column with the body.", option=_reading)
_TitleField: Any = _field("title", "Field or column with the headline.", option=_reading)
_IdField: Any = _field("id", "Field or column with the id.", option=_reading)
_LabelsField: Any = _field("labels", "Field with the labels: a list, or one text.")
_NegativeField: Any = _field("negative", "Field with labels that the article is known not to have.")
_ConfidenceField: Any = _field(
    "confidence", "Field that says 'borderline' where the labeller hesitated."
)
_SampleField: Any = _field(
    "sample", "Field that says how an article was picked: random or nothing is a natural sample."
)
_SourceField: Any = _field("source", "Field with the outlet.")
_DateField: Any = _field("date", "Field with the day of publication.")


class OptionGroup:
    """Options that a command takes as one value: its fields with what Typer is to know of each.

    No dataclass, as making one takes as long as tagging twenty articles. `on_error_named` is no
    option of its own: whether ``--on-error`` was given.
    """

    on_error_named: bool = False

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    @classmethod
    @functools.cache
    def options(cls) -> dict[str, Any]:
        """Return the fields that are options, with what Typer is to know of each."""
        hints = get_type_hints(cls, include_extras=True)
        return {name: hint for name, hint in hints.items() if get_origin(hint) is Annotated}


class TextOptions(OptionGroup):
    """How to read text, headline and id; of the rest nothing is read, so nothing can be wrong."""

    input_format: Annotated[
        _Format | None,
        _reading(
            metavar="FORMAT",
            help=f"What the files hold: {', '.join(FORMATS)}.",
            show_default="what their names tell",
        ),
    ] = None
    encoding: Annotated[str, _reading(metavar="NAME", help="Encoding of text files.")] = "utf-8"
    sheet: Annotated[
        str, _reading(metavar="NAME", help="Sheet of a workbook.", show_default="the first")
    ] = ""
    text_field: _TextField = None
    title_field: _TitleField = None
    id_field: _IdField = None
    quoting: Annotated[
        bool, _reading("--quoting/--no-quoting", help="Whether quotes enclose cells of a table.")
    ] = True
    header: Annotated[
        bool,
        _reading(
            "--header/--no-header", help="Whether the first row of a table names its columns."
        ),
    ] = True
    columns: Annotated[
        str,
        _reading(
            metavar="A,B,C",
            help="Names for the columns of a table, in order; with --no-header.",
            show_default="1,2,3 …",
        ),
    ] = ""
    unique_ids: Annotated[
        bool, _reading("--unique-ids", help="Refuse an id that comes again; else it is an update.")
    ] = False
    on_error: Annotated[
        _OnError | None,
        _reading(
            help="At a bad row: stop, or skip and count it.",
            show_default="stop",
        ),
    ] = None
    rejects: Annotated[
        Path | None, _reading(metavar="FILE", help="Where skipped rows go, as JSONL.")
    ] = None

    def reading(self) -> ReadOptions:
        """Return them as the library takes them.

        Raises
        ------
        typer.BadParameter
            When one needs another that was not given.
        """
        chosen = {name: getattr(self, name) for name in self.options()}
        chosen["on_error"] = self.on_error or "stop"
        if self.rejects and chosen["on_error"] == "stop":
            raise typer.BadParameter("needs --on-error skip", param_hint="--rejects")
        chosen["columns"] = tuple(filter(None, map(str.strip, self.columns.split(","))))
        if chosen["columns"] and self.header:
            raise typer.BadParameter("needs --no-header", param_hint="--columns")
        chosen["format"] = chosen.pop("input_format")
        return self._read_options(chosen)

    def _read_options(self, chosen: dict[str, Any]) -> ReadOptions:
        return dataclasses.replace(UNLABELLED, **chosen)


class LabelledOptions(TextOptions):
    """How to read articles with their labels, outlets and days."""

    labels_field: _LabelsField = None
    separator: Annotated[
        str | None,
        _labels(
            metavar="TEXT",
            help="Stands between labels in one text.",
            show_default="the first of | ; , in it",
        ),
    ] = None
    exact_labels: Annotated[
        bool,
        _labels("--exact-labels", help="Keep labels apart that differ in case or blanks alone."),
    ] = False
    label_names: Annotated[
        Path | None,
        _labels(
            metavar="FILE",
            help="Names for labels that are codes: one a line from code 0 on, lines of CODE,NAME, "
            "or JSON.",
            show_default=False,
        ),
    ] = None
    label_columns: Annotated[
        list[str] | None,
        _labels(
            "--label-column",
            metavar="NAME",
            help="A column for one label (1, 0 or blank); repeat it for each label.",
        ),
    ] = None
    negative_field: _NegativeField = None
    confidence_field: _ConfidenceField = None
    sample_field: _SampleField = None
    source_field: _SourceField = None
    date_field: _DateField = None
    date_format: Annotated[
        str,
        _labels(
            metavar="FORMAT",
            help="How dates are written, such as '%d/%m/%Y'.",
            show_default="ISO 8601, RFC 822, or seconds since 1970",
        ),
    ] = ""

    def _read_options(self, chosen: dict[str, Any]) -> ReadOptions:
        chosen["label_columns"] = tuple(self.label_columns or ())
        chosen["label_names"] = {}
        if self.label_names is not None:
            from classifier.corpus.labels import read_label_names

            chosen["label_names"] = read_label_names(self.label_names)
        return ReadOptions(**chosen)


class ArchiveOptions(OptionGroup):
    """The options of `classifier predict` that are about archives."""

    jobs: Annotated[
        int | None,
        _archive(
            min=1,
            metavar="N",
            help="Processes. Into a single file, JSONL alone goes through several.",
            show_default="one a core into a folder, else 1",
        ),
    ] = None
    dask: Annotated[
        str,
        _archive(
            metavar="ADDRESS",
            help="Tag into a folder on a Dask cluster: tcp://scheduler:8786, or local for a "
            "trial. Files and folder may be any address that fsspec opens, s3://… too.",
            show_default=False,
        ),
    ] = ""
    where: Annotated[
        str,
        _archive(
            metavar="CONDITION",
            help="Keep what meets it: 'energy>0.5 and (culture<0.1 or coverage>=0.9)'.",
            show_default=False,
        ),
    ] = ""
    tags: Annotated[
        str,
        _archive(metavar="TAG,TAG", help="Keep what was given one of these.", show_default=False),
    ] = ""
    drop_text: Annotated[
        bool, _archive("--drop-text", help="Leave the body out of a folder's rows.")
    ] = False
    prefix: Annotated[
        str,
        _archive(
            metavar="TEXT",
            help="Stands before the names of the fields added to a folder's rows.",
            show_default=False,
        ),
    ] = ""
    max_line_mb: Annotated[
        int,
        _archive(
            min=1, max=1024, metavar="N", help="Longer lines are bad rows; bounds the memory."
        ),
    ] = 16
    summary: Annotated[
        Path | None,
        _archive(metavar="FILE", help="Write a folder's counts there as JSON; - prints them."),
    ] = None
    restart: Annotated[
        bool, _archive("--restart", help="Do a folder again, whatever is finished.")
    ] = False
    dry_run: Annotated[
        bool, _archive("--dry-run", help="List what a folder would get; write nothing.")
    ] = False

    @property
    def wanted_tags(self) -> tuple[str, ...]:
        """The tags of ``--tags``."""
        return tuple(tag.strip() for tag in self.tags.split(",") if tag.strip())

    def refuse_folder_options(self) -> None:
        """Raise `typer.BadParameter` at an option that makes sense for a folder alone."""
        for name in ("dask", "drop_text", "prefix", "summary", "restart", "dry_run"):
            if getattr(self, name):
                raise typer.BadParameter(
                    "needs --out FOLDER", param_hint="--" + name.replace("_", "-")
                )


# Options that name a file to write.
_WRITTEN = ("out", "rejects", "summary", "assignments", "suggested_out", "errors_out")


def reads_articles(*, labels: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the reading options; it receives them as one `reading: ReadOptions`."""
    return functools.partial(grouped, reading=LabelledOptions if labels else TextOptions)


def grouped(
    command: Callable[..., None], *, reading: type[TextOptions] | None = None
) -> Callable[..., None]:
    """Return a command that has the options of its groups, its parameters of type `OptionGroup`.

    Typer builds options from a function's signature, so that of the result has the fields of the
    groups in their places.
    """
    own = inspect.signature(command, eval_str=True).parameters
    groups = {name: p.annotation for name, p in own.items() if _is_group(p.annotation)}
    groups |= {"reading": reading} if reading else {}

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        _refuse_one_file(values)
        made = {
            name: group(**{each: values.pop(each) for each in group.options()})
            for name, group in groups.items()
        }
        if reading:
            given = made.pop("reading")
            for group in made.values():
                group.on_error_named = given.on_error is not None
            made["reading"] = given.reading()
        command(**values, **made)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters: list[inspect.Parameter] = []
    for each in own.values():
        group = groups.get(each.name)
        parameters += (
            [each.replace(kind=keyword)]
            if group is None
            else [
                inspect.Parameter(name, keyword, default=getattr(group, name), annotation=hint)
                for name, hint in group.options().items()
            ]
        )
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, OptionGroup)


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
