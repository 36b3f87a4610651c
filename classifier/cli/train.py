"""classifier train."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classifier.cli.app import (
    echo_lines,
    print_document,
    read_tally,
    report_skipped,
    training_progress,
)
from classifier.cli.options import (
    FitsOption,
    ModelTarget,
    OptionGroup,
    QuietOption,
    open_corpora,
    reads_articles,
)
from classifier.corpus.corpus import ReadOptions

if TYPE_CHECKING:
    from classifier.corpus.codes import LabelCodes
    from classifier.training.settings import Settings


def _dropped(value: object) -> object:
    """Refuse an option of former releases."""
    if value is not None:
        raise typer.BadParameter(
            "training from temporary files was dropped: all counts stay in memory. Leave out "
            "--memory and --scratch."
        )
    return value


TRAIN_EPILOG = """Examples:
  classifier train articles.jsonl --out mymodel
  classifier train news/ --out mymodel --settings settings.toml --jobs 4
  classifier train ninjs/ --label-codes codes.toml --out mymodel
  classifier train table.csv --label-column energy --label-column sport --out mymodel
  classifier corpus fetch news_articles
  classifier train news_articles --out mymodel"""


class TrainOptions(OptionGroup):
    """How to train."""

    auxiliary: Annotated[
        list[str] | None,
        typer.Option(
            "--auxiliary",
            metavar="CORPUS",
            help="More labelled articles that help the fit but are no fair sample: cuts, "
            "calibration and figures leave them out. Repeatable.",
        ),
    ] = None
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings in TOML, in place of the defaults."),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Seed of the folds, in place of the settings'."),
    ] = None
    false_tags: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Largest share of articles without a label that may be given one.",
            show_default="0.09 where a quarter of the articles have none",
        ),
    ] = None
    label_codes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Codes that labels stand for, as TOML, JSON or CSV; the model carries them, and "
            "labels that are narrower codes become these labels.",
            show_default="the sectors' Media Topics for published corpora",
        ),
    ] = None
    jobs: FitsOption = 1
    memory: Annotated[str | None, typer.Option(hidden=True, callback=_dropped, help="Dropped.")] = (
        None
    )
    scratch: Annotated[
        Path | None, typer.Option(hidden=True, callback=_dropped, help="Dropped.")
    ] = None


@reads_articles(labels=True)
def train(
    corpus: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS",
            help="Labelled articles: a file, a folder, or a fetched corpus's name. Each is a "
            "corpus of its own; labels that never occur in it are unknown there, not absent.",
        ),
    ],
    *,
    out: ModelTarget,
    options: TrainOptions,
    quiet: QuietOption = False,
    reading: ReadOptions,
) -> None:
    """Train a model on labelled articles and save it as a folder.

    Cross-validation chooses features, weights, penalty and cuts; the
    figures printed come from articles that the fits had not seen. An old
    model in the folder stays in place until the new one is whole.
    """
    settings, tally = _settings(options), read_tally(quiet=quiet)
    codes = chosen_codes(options.label_codes, corpus)
    corpora = open_corpora(corpus, reading, tally)
    corpora += open_corpora(options.auxiliary or [], reading, tally, natural=False)
    # what takes seconds to load comes after what may be wrong with the call
    from classifier.evaluation.card import model_card, model_document
    from classifier.model.folder import save_model
    from classifier.training.train import train as train_model

    with training_progress(quiet=quiet) as progress:
        model = train_model(
            corpora,
            settings,
            name=out.resolve().name,
            codes=codes,
            jobs=options.jobs,
            progress=progress,
            tell=tally.note,
        )
    model = save_model(model, out, card=model_card(model))
    report_skipped(tally, quiet=quiet, always=True)
    print_document(model_document(model), "table")
    echo_lines(f"Saved as {out} ({model.signature}).")


def chosen_codes(path: Path | None, corpora: list[str]) -> LabelCodes | None:
    """Return the codes in a file, or those of the sectors where a published corpus is named."""
    from classifier.corpus.codes import read_label_codes, sector_codes
    from classifier.published.sources import NAMES

    if path is not None:
        return read_label_codes(path)
    published = any(name in NAMES and not Path(name).exists() for name in corpora)
    return sector_codes() if published else None


def _settings(options: TrainOptions) -> Settings:
    from classifier.training.settings import Settings, read_settings

    settings = read_settings(options.settings) if options.settings else Settings()
    given = {"seed": options.seed, "max_false_tags": options.false_tags}
    return dataclasses.replace(settings, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
