"""classifier predict: articles into one file or the screen, an archive into a folder."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from classifier.cli.app import (
    counted_on_terminal,
    echo_lines,
    echo_note,
    on_terminal,
    read_tally,
    report_skipped,
)
from classifier.cli.options import (
    ModelOption,
    OptionGroup,
    QuietOption,
    TextOptions,
    ThresholdOption,
    grouped,
    named_path,
    refuse_inputs,
    thresholds_from,
)
from classifier.corpus.corpus import ReadOptions
from classifier.errors import BadInputError, ClassifierError, ModelError

if TYPE_CHECKING:
    from classifier.archive.tagger import RunSummary, TagOptions
    from classifier.article import Article
    from classifier.model.model import Model
    from classifier.model.prediction import Prediction

PREDICT_EPILOG = """Examples:
  classifier predict article.txt --explain
  classifier predict news/ more.csv --text-field body --out tags.csv
  classifier predict articles.jsonl --threshold energy=0.7 | head -3
  cat articles.jsonl | classifier predict --format table
  classifier predict ARCHIVE/ --out TAGGED/ --jobs 4 --summary counts.json
  classifier predict 'ARCHIVE/2024-*.jsonl.gz' --out ENERGY/ --where 'energy>0.8'"""

_archive = partial(typer.Option, rich_help_panel="Archives")
FORMATS = ("table", "jsonl", "csv", "parquet", "xlsx", "ninjs")
# Those that cannot go to a stream, and those whose objects and rows have no room for reasons.
_BINARY, _NO_REASONS = ("parquet", "xlsx"), ("csv", "parquet", "xlsx", "ninjs")
_FORMAT_OF = {f".{name}": name for name in FORMATS[1:]} | {".ndjson": "jsonl", ".txt": "table"}
# For the parser, not the type checker: a literal type spelled by a constant.
_Format: Any = Literal[FORMATS]


class CutOptions(OptionGroup):
    """From when on a label is given."""

    point: Annotated[
        Literal["balanced", "precise", "complete"],
        typer.Option(help="Cuts that decide: precise for few false tags, complete for few misses."),
    ] = "balanced"
    threshold: ThresholdOption = None

    def floors(self, model: Path | None) -> dict[str, float]:
        """Return the probabilities that decide in place of the model's own cuts."""
        given = thresholds_from(self.threshold)
        if self.point == "balanced":
            return given
        return chosen_model(model).thresholds_at(self.point) | given


class OutputOptions(OptionGroup):
    """Where predictions go, and in what form."""

    format: Annotated[
        _Format | None,
        typer.Option(help="How to print.", show_default="table on a terminal, jsonl elsewhere"),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            parser=named_path,
            help="Write there: .jsonl, .csv, .parquet, .xlsx, .ninjs or .txt (a table); .gz packs "
            "text. In a folder each file gets one of its name, with all its fields.",
            show_default=False,
        ),
    ] = None
    scores: Annotated[
        bool, typer.Option("--scores", help="In a table, draw every label's score.")
    ] = False
    terms: Annotated[
        bool,
        typer.Option("--terms", help="In a table, name the words behind each tag."),
    ] = False
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show the words that raised and lowered each tag."),
    ] = False
    codes: Annotated[
        bool,
        typer.Option("--codes", help="Add the codes of each tag, such as IPTC Media Topics."),
    ] = False

    @property
    def on_screen(self) -> bool:
        """Whether predictions go to a terminal."""
        return self.out is None and on_terminal(sys.stdout)

    def chosen(self) -> OutputOptions:
        """Return them with the format that was meant, and no file where it is ``-``.

        Raises
        ------
        typer.BadParameter
            When they contradict each other, or the file's name does not tell a format.
        """
        out = None if self.out is None or str(self.out) == "-" else self.out
        if out is not None and out.is_dir():
            raise typer.BadParameter(f"{out} is a folder; name a file in it", param_hint="--out")
        format = self.format or _format(out)
        if format in _BINARY and out is None:
            raise typer.BadParameter(f"{format} needs --out FILE", param_hint="--format")
        if self.explain and format in _NO_REASONS:
            raise typer.BadParameter(
                f"goes into a table or jsonl, not into {format}", param_hint="--explain"
            )
        return OutputOptions(**vars(self) | {"format": format, "out": out})


class ArchiveOptions(OptionGroup):
    """What is to become of an archive, and how it is read."""

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

    def tag_options(self, reading: ReadOptions, thresholds: dict[str, float]) -> TagOptions:
        """Return them as the library takes them."""
        from classifier.archive.tagger import TagOptions

        return TagOptions(
            reading,
            thresholds=thresholds,
            where=self.where,
            tags=self.wanted_tags,
            drop_text=self.drop_text,
            prefix=self.prefix,
            max_line_mb=self.max_line_mb,
        )

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


@grouped
def predict(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE|FOLDER|-",
            parser=named_path,
            help="What to tag; - is standard input, which is also read when text is piped in.",
            show_default=False,
        ),
    ] = None,
    *,
    model: ModelOption = None,
    cuts: CutOptions,
    output: OutputOptions,
    quiet: QuietOption = False,
    archive: ArchiveOptions,
    reading: TextOptions,
) -> None:
    """Tag articles: files of any kind, folders of them, or standard input.

    One article in a .txt, .md or .html file, or many in .jsonl, .csv, .tsv
    or .parquet. Prints a table on a terminal and one JSON object a line
    when piped. Most articles of a newspaper get no tag; that is an answer.
    An archive of any size goes into a folder; cut short, it goes on where
    it stopped when the same command is run again.
    """
    from classifier.corpus.read import read_articles

    read, floors, out = reading.reading(), cuts.floors(model), output.out
    common: dict[str, Any] = {"model": model, "thresholds": floors, "quiet": quiet}
    if files and out is not None and (archive.dask or is_archive(files, out)):
        if output.codes:
            raise typer.BadParameter("goes into a single file", param_hint="--codes")
        # bad rows are set aside, unless something else was asked for
        read = read if reading.on_error else replace(read, on_error="skip")
        predict_archive(files, out, archive, read, format=output.format, **common)
        return
    archive.refuse_folder_options()
    layout = output.chosen()
    tally = read_tally(quiet=quiet)
    # people are shown the headline of an article without an id
    read = replace(read, line_ids=layout.format != "table", keep_item=layout.format == "ninjs")
    inputs = _inputs(files, layout.out)
    if (archive.jobs or 1) > 1:
        predict_stream(inputs, layout, archive, read, **common)
        return
    articles = read_articles(inputs, read, tally=tally)
    tagger = chosen_model(model)
    keep = None
    if archive.where or archive.tags:
        from classifier.archive.filters import keeping

        keep = keeping(tagger.labels, where=archive.where, tags=archive.wanted_tags)
    shown = counted_on_terminal(articles, "articles", quiet=quiet or layout.on_screen)
    write_predictions(tagger, shown, layout, thresholds=floors, keep=keep)
    report_skipped(tally, quiet=quiet, always=True)


def _inputs(files: list[Path] | None, out: Path | None) -> list[Path | str]:
    if files:
        if out is not None:
            refuse_inputs(out, files)
        return ["-" if str(path) == "-" else path for path in files]
    if sys.stdin is None or on_terminal(sys.stdin):
        raise typer.BadParameter("name a file or a folder, or pipe text in", param_hint="FILE")
    return ["-"]


def chosen_model(folder: Path | None) -> Model:
    """Return the model in a folder, or the shipped one."""
    from classifier.model.folder import as_model, shipped_model

    return shipped_model() if folder is None else as_model(folder)


def _format(out: Path | None) -> str:
    if out is None or (out.exists() and not out.is_file()):
        return "table" if out is None and on_terminal(sys.stdout) else "jsonl"
    name = Path(out.stem) if _is_packed(out) else out
    format = _FORMAT_OF.get(name.suffix.lower(), "")
    if not format or (_is_packed(out) and format in _BINARY):
        folder = "" if out.suffix else ". A folder for a single file has to be there: make it first"
        raise typer.BadParameter(
            f"the name {out.name} tells no format; let it end in .jsonl, .csv, .parquet, "
            f".xlsx, .ninjs or .txt (.gz packs text), or pass --format{folder}",
            param_hint="--out",
        )
    return format


def _is_packed(out: Path) -> bool:
    return out.suffix.lower() == ".gz"


def write_predictions(
    model: Model,
    articles: Iterable[Article],
    layout: OutputOptions,
    *,
    thresholds: Mapping[str, float],
    keep: Callable[[Prediction], bool] | None = None,
) -> None:
    """Tag articles one after the other and write them, or those to `keep`, as they come.

    A file appears, or replaces an older one, only when all went well.
    """
    from classifier.corpus import write

    if layout.codes and not model.codes:
        raise ModelError(
            f"{model.name} carries no codes for its labels. Train it with --label-codes FILE."
        )
    codes = model.codes if layout.codes else None
    if layout.explain or layout.format in ("table", "ninjs"):
        from classifier.cli.output import line_maker

        pairs = _pairs(model, articles, thresholds)
        kept = (pair for pair in pairs if keep is None or keep(pair[1]))
        line = line_maker(model, layout, thresholds=thresholds, codes=codes)
        with _opened(layout.out) as stream:
            if layout.format == "ninjs":
                write.write_ninjs(kept, stream, codes=model.codes)
            else:
                stream.writelines(f"{line(*pair)}\n" for pair in kept)
        return
    predictions = model.predict_stream(articles, thresholds=thresholds)
    if keep is not None:
        predictions = filter(keep, predictions)
    if layout.format in _BINARY and layout.out is not None:
        save = write.write_xlsx if layout.format == "xlsx" else write.write_parquet
        save(predictions, layout.out, labels=model.labels, codes=codes)
        return
    with _opened(layout.out) as stream:
        if layout.format == "csv":
            write.write_csv(predictions, stream, labels=model.labels, codes=codes)
        else:
            write.write_jsonl(predictions, stream, codes=codes)


def _pairs(
    model: Model, articles: Iterable[Article], thresholds: Mapping[str, float]
) -> Iterator[tuple[Article, Prediction]]:
    """Yield each article with its prediction; only the batch under way is held."""
    waiting: deque[Article] = deque()

    def noted() -> Iterator[Article]:
        for article in articles:
            waiting.append(article)
            yield article

    for prediction in model.predict_stream(noted(), thresholds=thresholds):
        yield waiting.popleft(), prediction


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        _check_open()
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
        yield sys.stdout
        return
    from classifier.files import replacing_text

    with replacing_text(out, errors="backslashreplace") as stream:
        yield stream


def _check_open() -> None:
    if sys.stdout is None:
        raise OSError("standard output is closed; name a file with --out")


@contextmanager
def write_bytes(out: Path | None) -> Iterator[tuple[Callable[[bytes], object], str]]:
    """Give what writes bytes to a file or standard output, and the suffix they are packed for."""
    if out is None:
        _check_open()
        yield sys.stdout.buffer.write, ""
        return
    from classifier.files import replacing

    with replacing(out) as raw:
        yield raw.write, ".gz" if _is_packed(out) else ""


def is_archive(files: Sequence[Path], out: Path) -> bool:
    """Return whether results go into a folder: one that is there, or several into a new one."""
    from classifier.archive.shards import is_pattern

    if "-" in map(str, files):
        return False
    if out.is_dir():
        return True
    several = len(files) > 1 or is_pattern(files[0]) or files[0].is_dir()
    return several and not out.suffix and not out.exists()


def predict_archive(
    files: Sequence[Path],
    out: Path,
    archive: ArchiveOptions,
    reading: ReadOptions,
    *,
    model: Path | None,
    thresholds: dict[str, float],
    format: str | None,
    quiet: bool,
) -> None:
    """Tag an archive into a folder, and say what became of it.

    Raises
    ------
    typer.Exit
        With 1 when some file has no result.
    """
    from classifier.archive.run import plan_archive
    from classifier.cli.output import ShownProgress, tell_summary

    if archive.dask and archive.dry_run:
        raise typer.BadParameter("looks at this machine alone", param_hint="--dry-run")
    if archive.dask not in ("", "local") and archive.jobs is not None:
        raise typer.BadParameter("a cluster has its own workers", param_hint="--jobs")
    if format in ("table", "xlsx", "ninjs"):
        raise typer.BadParameter("a folder takes jsonl, csv or parquet", param_hint="--format")
    if reading.rejects is not None:
        raise typer.BadParameter(
            f"a folder keeps bad rows by itself, in {out}/.classifier/rejects",
            param_hint="--rejects",
        )
    _refuse_documents(files)
    if not archive.dask:
        _note_fields(files, reading, quiet=quiet)
    source = files[0] if len(files) == 1 else files
    options = replace(archive.tag_options(reading, thresholds), format=format)
    if archive.dry_run:
        plans = plan_archive(source, out, model=model, options=options, restart=archive.restart)
        echo_lines("\n".join(f"{plan.state:<7} {plan.name} → {plan.target}" for plan in plans))
        return
    shown = ShownProgress(quiet=quiet)
    try:
        summary = _tagging(archive)(
            source,
            out,
            model=model,
            jobs=archive.jobs,
            options=options,
            restart=archive.restart,
            progress=shown,
        )
    except KeyboardInterrupt:
        shown.end()
        echo_note(f"{shown.finished} finished and stay; run the same command again to go on")
        raise
    shown.end()
    tell_summary(summary, archive.summary, quiet=quiet)
    if summary.failures:
        raise typer.Exit(1)


def _tagging(archive: ArchiveOptions) -> Callable[..., RunSummary]:
    """Return what tags: this machine or a cluster."""
    if archive.dask:
        from classifier.archive.cluster import predict_on_cluster

        return partial(predict_on_cluster, address=archive.dask)
    from classifier.archive.run import tag_archive

    return tag_archive


def _refuse_documents(files: Sequence[Path]) -> None:
    """Raise `BadInputError` for a folder of files that are one article each."""
    from classifier.corpus.find import find_sources

    if len(files) != 1 or not files[0].is_dir():
        return
    try:
        formats = {source.format for source in find_sources(files)}
    except BadInputError:
        return
    if formats <= {"txt", "md", "html"}:
        raise BadInputError(
            f"{files[0]}: holds files of one article each ({', '.join(sorted(formats))}). Tag them "
            "into one file, for example --out tags.jsonl."
        )


def predict_stream(
    files: list[Path | str],
    layout: OutputOptions,
    archive: ArchiveOptions,
    reading: ReadOptions,
    *,
    model: Path | None,
    thresholds: dict[str, float],
    quiet: bool,
) -> None:
    """Tag JSONL with several processes into one file or standard output.

    Raises
    ------
    typer.BadParameter
        When anything but plain JSONL is to be written.
    """
    if layout.format != "jsonl" or layout.explain or layout.codes:
        raise typer.BadParameter(
            "several processes write plain jsonl into a single file; leave it out",
            param_hint="--jobs",
        )
    from classifier.archive.tasks import tag_stream

    _note_fields(files, reading, quiet=quiet)
    tally = read_tally(quiet=quiet)
    with write_bytes(layout.out) as (write, packing):
        for data in tag_stream(
            files,
            model=model,
            jobs=archive.jobs or 1,
            options=replace(archive.tag_options(reading, thresholds), carry=False),
            packing=packing,
            tally=tally,
            copied=True,
        ):
            write(data)
    report_skipped(tally, quiet=quiet, always=True)


# Rows that are looked at before processes are started: a field misspelt is in none of them.
_ROWS_AHEAD = 100


def _note_fields(paths: Sequence[Path | str], reading: ReadOptions, *, quiet: bool) -> None:
    """Say which fields are read as what, before several processes read the files.

    Raises
    ------
    BadInputError
        If a single file is to be read, and a field that `reading` names is in no row of it.
    """
    from classifier.corpus.read import read_articles

    files = [Path(path) for path in paths if str(path) != "-" and Path(path).is_file()]
    if not files:
        return
    some = replace(reading, on_error="skip", rejects=None)
    articles = read_articles(files[:1], some, tally=read_tally(quiet=quiet))
    try:
        for _ in islice(articles, _ROWS_AHEAD if len(paths) == 1 else 1):
            pass
    except ClassifierError:
        # of one file among several it says little, and each is told in its turn
        if len(paths) == 1:
            raise
