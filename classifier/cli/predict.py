"""classifier predict."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from classifier.cli.archive import is_archive, predict_archive, predict_stream
from classifier.cli.options import (
    ArchiveOptions,
    ModelOption,
    OptionGroup,
    QuietOption,
    named_path,
    reads_articles,
    refuse_inputs,
    thresholds_from,
)
from classifier.cli.output import FORMATS, Layout, chosen_layout, write_predictions
from classifier.cli.terminal import counted_on_terminal, on_terminal, read_tally, report_skipped
from classifier.corpus.corpus import ReadOptions

if TYPE_CHECKING:
    from classifier.model.model import Model

EPILOG = """Examples:
  classifier predict article.txt --explain
  classifier predict news/ more.csv --text-field body --out tags.csv
  classifier predict articles.jsonl --threshold energy=0.7 | head -3
  cat articles.jsonl | classifier predict --format table
  classifier predict ARCHIVE/ --out TAGGED/ --jobs 4 --summary counts.json
  classifier predict 'ARCHIVE/2024-*.jsonl.gz' --out ENERGY/ --where 'energy>0.8'"""

# For the parser, not the type checker: a literal type spelled by a constant.
_Format: Any = Literal[FORMATS]


class CutOptions(OptionGroup):
    """From when on a label is given."""

    point: Annotated[
        Literal["balanced", "precise", "complete"],
        typer.Option(help="Cuts that decide: precise for few false tags, complete for few misses."),
    ] = "balanced"
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=P",
            help="Give a label from this probability on instead of the model's cut; repeatable.",
        ),
    ] = None

    def floors(self, model: Path | None) -> dict[str, float]:
        """Return the probabilities that decide in place of the model's own cuts."""
        given = thresholds_from(self.threshold or [])
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

    def layout(self) -> Layout:
        """Return what they ask for.

        Raises
        ------
        typer.BadParameter
            When they contradict each other.
        """
        shown = {name: getattr(self, name) for name in ("scores", "terms", "explain", "codes")}
        return chosen_layout(self.format, self.out, **shown)


@reads_articles(labels=False)
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
    reading: ReadOptions,
) -> None:
    """Tag articles: files of any kind, folders of them, or standard input.

    One article in a .txt, .md or .html file, or many in .jsonl, .csv, .tsv
    or .parquet. Prints a table on a terminal and one JSON object a line
    when piped. Most articles of a newspaper get no tag; that is an answer.
    An archive of any size goes into a folder; cut short, it goes on where
    it stopped when the same command is run again.
    """
    from classifier.corpus.read import read_articles

    floors, out = cuts.floors(model), output.out
    common: dict[str, Any] = {"model": model, "thresholds": floors, "quiet": quiet}
    if files and out is not None and (archive.dask or is_archive(files, out)):
        if output.codes:
            raise typer.BadParameter("goes into a single file", param_hint="--codes")
        predict_archive(files, out, archive, reading, format=output.format, **common)
        return
    archive.refuse_folder_options()
    layout = output.layout()
    tally = read_tally(quiet=quiet)
    # people are shown the headline of an article without an id
    reading = dataclasses.replace(
        reading, line_ids=layout.format != "table", keep_item=layout.format == "ninjs"
    )
    inputs = _inputs(files, layout.out)
    if (archive.jobs or 1) > 1:
        predict_stream(inputs, layout, archive, reading, **common)
        return
    articles = read_articles(inputs, reading, tally=tally)
    tagger = chosen_model(model)
    keep = None
    if archive.where or archive.tags:
        from classifier.archive.filters import keeping

        keep = keeping(tagger.labels, where=archive.where, tags=archive.wanted_tags)
    shown = counted_on_terminal(articles, "articles", quiet=quiet or layout.on_screen)
    write_predictions(tagger, shown, layout, thresholds=floors, keep=keep)
    report_skipped(tally, quiet=quiet)


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
