"""Predictions → where the user wants them, in the form the user wants."""

from __future__ import annotations

import gzip
import io
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from classifier.cli.progress import on_terminal

if TYPE_CHECKING:
    from classifier.article import Article
    from classifier.model.model import Model
    from classifier.model.prediction import Prediction

__all__ = ["FORMATS", "Layout", "chosen_layout", "write_bytes", "write_predictions"]

FORMATS = ("table", "jsonl", "csv", "parquet")

Pair = tuple["Article", "Prediction"]
_FORMAT_OF = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".txt": "table",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """In what form predictions leave, and where to.

    Parameters
    ----------
    format : str
        One of `FORMATS`.
    out : Path or None
        The file; ``None`` is standard output.
    scores, terms, explain : bool
        Whether a table draws all scores, names the words behind each tag, and whether tags are
        explained in full.
    """

    format: str
    out: Path | None = None
    scores: bool = False
    terms: bool = False
    explain: bool = False

    @property
    def on_screen(self) -> bool:
        """Whether predictions go to a terminal."""
        return self.out is None and on_terminal(sys.stdout)


def chosen_layout(
    format: str | None,
    out: Path | None,
    *,
    scores: bool = False,
    terms: bool = False,
    explain: bool = False,
) -> Layout:
    """Return what the options ask for.

    Raises
    ------
    typer.BadParameter
        When they contradict each other, or the file's name does not tell a format.
    """
    out = None if out is None or str(out) == "-" else out
    if out is not None and out.is_dir():
        raise _refusal(f"{out} is a folder; name a file in it", "--out")
    format = format or _format(out)
    if format == "parquet" and out is None:
        raise _refusal("parquet needs --out FILE", "--format")
    if explain and format in ("csv", "parquet"):
        raise _refusal(f"goes into a table or jsonl, not into {format}", "--explain")
    return Layout(format, out, scores=scores, terms=terms, explain=explain)


def _refusal(message: str, option: str) -> Exception:
    # only then, as loading it takes longer than tagging an article
    import typer

    return typer.BadParameter(message, param_hint=option)


def _format(out: Path | None) -> str:
    if out is None or _is_special(out):
        return "table" if out is None and on_terminal(sys.stdout) else "jsonl"
    name = Path(out.stem) if _is_packed(out) else out
    format = _FORMAT_OF.get(name.suffix.lower(), "")
    if not format or (_is_packed(out) and format == "parquet"):
        raise _refusal(
            f"the name {out.name} tells no format; let it end in .jsonl, .csv, .parquet or .txt "
            "(.gz packs all but .parquet), or pass --format",
            "--out",
        )
    return format


def _is_special(out: Path) -> bool:
    return out.exists() and not out.is_file()


def _is_packed(out: Path) -> bool:
    return out.suffix.lower() == ".gz"


def write_predictions(
    model: Model,
    articles: Iterable[Article],
    layout: Layout,
    *,
    thresholds: Mapping[str, float],
    keep: Callable[[Prediction], bool] | None = None,
) -> None:
    """Tag articles one after the other and write them, or those to `keep`, as they come.

    A file appears, or replaces an older one, only when all went well.
    """
    from classifier.corpus import write

    if layout.explain or layout.format == "table":
        pairs = _pairs(model, articles, thresholds)
        line = _line_maker(model, layout, thresholds)
        with _opened(layout.out) as stream:
            stream.writelines(
                f"{line(article, said)}\n" for article, said in pairs if keep is None or keep(said)
            )
        return
    predictions = model.predict_stream(articles, thresholds=thresholds)
    if keep is not None:
        predictions = filter(keep, predictions)
    if layout.format == "parquet" and layout.out is not None:
        layout.out.parent.mkdir(parents=True, exist_ok=True)
        write.write_parquet(predictions, layout.out, labels=model.labels)
        return
    with _opened(layout.out) as stream:
        if layout.format == "csv":
            write.write_csv(predictions, stream, labels=model.labels)
        else:
            write.write_jsonl(predictions, stream)


def _pairs(
    model: Model, articles: Iterable[Article], thresholds: Mapping[str, float]
) -> Iterator[Pair]:
    """Yield each article with its prediction; only the batch under way is held."""
    waiting: deque[Article] = deque()

    def noted() -> Iterator[Article]:
        for article in articles:
            waiting.append(article)
            yield article

    for prediction in model.predict_stream(noted(), thresholds=thresholds):
        yield waiting.popleft(), prediction


def _line_maker(
    model: Model, layout: Layout, thresholds: Mapping[str, float]
) -> Callable[[Article, Prediction], str]:
    from classifier.cli.explanation import explained_json
    from classifier.cli.listing import Listing

    if layout.format == "jsonl":
        return lambda article, prediction: explained_json(prediction)
    listing = Listing.of(model, thresholds, on_screen=layout.on_screen)
    return lambda article, prediction: listing.entry(
        article,
        prediction,
        scores=layout.scores,
        terms=layout.terms,
        explain=layout.explain,
    )


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        if sys.stdout is None:
            raise OSError("standard output is closed; name a file with --out")
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
        yield sys.stdout
        return
    with (
        _opened_file(out) as raw,
        _packed(raw) if _is_packed(out) else nullcontext(raw) as binary,
        io.TextIOWrapper(binary, "utf-8", errors="backslashreplace", newline="") as stream,
    ):
        yield stream


@contextmanager
def _opened_file(out: Path) -> Iterator[BinaryIO]:
    from classifier.resources import replacing

    # a pipe or /dev/null is written to, not replaced; a link's target is replaced, not the link
    with out.open("wb") if _is_special(out) else replacing(out.resolve()) as raw:
        yield raw


@contextmanager
def write_bytes(out: Path | None) -> Iterator[tuple[Callable[[bytes], object], str]]:
    """Give what writes bytes to a file or standard output, and the suffix they are packed for."""
    if out is None:
        if sys.stdout is None:
            raise OSError("standard output is closed; name a file with --out")
        yield sys.stdout.buffer.write, ""
        return
    with _opened_file(out) as raw:
        yield raw.write, ".gz" if _is_packed(out) else ""


def _packed(raw: BinaryIO) -> BinaryIO:
    # neither name nor time, so that the same predictions give the same bytes
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0)  # type: ignore[return-value]
