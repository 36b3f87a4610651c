"""classifier train."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classifier.cli.options import reads_articles
from classifier.cli.progress import training_progress
from classifier.corpus.read_options import ReadOptions, ReadTally

if TYPE_CHECKING:
    from classifier.corpus.corpus import Corpus


@reads_articles
def train(
    corpus: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS...",
            help="Labelled articles: files, folders, or the name of a fetched corpus.",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the model goes.")],
    auxiliary: Annotated[
        list[str] | None,
        typer.Option(
            "--auxiliary",
            metavar="CORPUS",
            help="More labelled articles that help the fit but are no fair sample: cuts, "
            "calibration and figures leave them out. Repeatable.",
        ),
    ] = None,
    settings: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings in TOML.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Labels fitted at once.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the settings' seed.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    reading: ReadOptions,
) -> None:
    """Train a model on labelled articles and save it as a folder.

    Cross-validation chooses features, weights, penalty and cuts; the figures printed come from
    articles that the fits had not seen. The old model stays in place until the new one is whole.
    """
    from classifier.model.description import model_card, quality_table
    from classifier.model.store import save_model
    from classifier.training.settings import Settings, read_settings
    from classifier.training.train import train as train_model

    chosen = read_settings(settings) if settings else Settings()
    chosen = chosen if seed is None else dataclasses.replace(chosen, seed=seed)
    tally = ReadTally()
    corpora = [_corpus(name, reading, tally, natural=True) for name in corpus]
    corpora += [_corpus(name, reading, tally, natural=False) for name in auxiliary or []]
    with training_progress(quiet=quiet) as progress:
        model = train_model(corpora, chosen, name=out.resolve().name, jobs=jobs, progress=progress)
    model = save_model(model, out, card=model_card(model))
    typer.echo(quality_table(model))
    typer.echo(f"\nSaved as {out} ({model.signature}).")
    if tally.skipped:
        typer.echo(f"classifier: {tally.skipped} bad rows were skipped", err=True)


def _corpus(name: str, reading: ReadOptions, tally: ReadTally, *, natural: bool) -> Corpus:
    from classifier.corpus.corpus import Corpus
    from classifier.corpus.fetch import CORPORA, load_corpus
    from classifier.corpus.read import read_articles

    if name in CORPORA and not Path(name).exists():
        return Corpus(name, load_corpus(name), natural=natural and CORPORA[name].natural)
    articles = read_articles([name], reading, tally=tally)
    return Corpus(Path(name).stem, articles, natural=natural)
