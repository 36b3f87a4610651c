"""Predictions → where the user wants them, in the form the user wants."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer

from classifier.article import Article
from classifier.cli.explanation import explained_json, explained_text
from classifier.corpus import write
from classifier.model.model import Model
from classifier.model.prediction import Prediction

__all__ = ["FORMATS", "write_predictions"]

FORMATS = ("table", "jsonl", "csv", "parquet")


def write_predictions(
    model: Model,
    articles: Iterable[Article],
    *,
    thresholds: Mapping[str, float],
    format: str | None,
    out: Path | None,
    scores: bool,
    explain: bool,
) -> None:
    """Tag articles one after the other and write them as they come."""
    chosen = _format(format, out)
    pairs = _pairs(model, articles, thresholds)
    if chosen == "parquet":
        if out is None:
            raise typer.BadParameter("parquet needs --out FILE", param_hint="--format")
        write.write_parquet((p for _, p in pairs), out, labels=model.labels)
        return
    with _opened(out) as stream:
        if explain and chosen == "csv":
            raise typer.BadParameter("needs --format table or jsonl", param_hint="--explain")
        if chosen == "csv":
            write.write_csv((p for _, p in pairs), stream, labels=model.labels)
        elif chosen == "jsonl" and explain:
            _write_lines((explained_json(p) for _, p in pairs), stream)
        elif chosen == "jsonl":
            write.write_jsonl((p for _, p in pairs), stream)
        else:
            colour = stream.isatty()
            _write_lines(
                (_shown(a, p, scores=scores, explain=explain, colour=colour) for a, p in pairs),
                stream,
            )


def _pairs(
    model: Model, articles: Iterable[Article], thresholds: Mapping[str, float]
) -> Iterator[tuple[Article, Prediction]]:
    """Yield each article with its prediction; only the batch under way is held."""
    waiting: list[Article] = []

    def noted() -> Iterator[Article]:
        for article in articles:
            waiting.append(article)
            yield article

    for prediction in model.predict_stream(noted(), thresholds=thresholds):
        yield waiting.pop(0), prediction


def _shown(
    article: Article, prediction: Prediction, *, scores: bool, explain: bool, colour: bool
) -> str:
    line = write.table_line(prediction)
    if scores:
        line += "".join(f"\n  {p:5.3f} {label}" for label, p in prediction.scores.items())
    if explain:
        line += "\n" + explained_text(article, prediction, colour=colour) + "\n"
    return line


def _format(format: str | None, out: Path | None) -> str:
    if format is None and out is not None:
        format = out.suffix.lstrip(".").lower()
        format = "jsonl" if format not in FORMATS else format
    if format is None:
        format = "table" if sys.stdout.isatty() else "jsonl"
    if format not in FORMATS:
        raise typer.BadParameter(
            f"'{format}' is none of {', '.join(FORMATS)}", param_hint="--format"
        )
    return format


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
        yield sys.stdout
        return
    with out.open("w", encoding="utf-8", newline="") as stream:
        yield stream


def _write_lines(lines: Iterable[str], stream: TextIO) -> None:
    for line in lines:
        stream.write(line + "\n")
