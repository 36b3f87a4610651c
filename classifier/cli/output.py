"""Predictions → where the user wants them, in the form the user wants."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import textwrap
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer

from classifier.article import Article
from classifier.cli.app import on_terminal
from classifier.cli.options import OptionGroup, named_path
from classifier.corpus.write import Codes, prediction_row, table_line
from classifier.errors import ModelError, sanitized
from classifier.model.model import Model
from classifier.model.prediction import Contribution, Explanation, Prediction
from classifier.text import article_text

# As many terms as a reader takes in at a glance.
TOP = 8
COLOURS = ("yellow", "cyan", "green", "magenta", "blue", "red")
INDENT = "    "
BAR = 25
# Characters of a text that are shown, and columns that are pleasant to read.
LONGEST, WIDEST = 2000, 100


FORMATS = ("table", "jsonl", "csv", "parquet", "xlsx", "ninjs")
# Those that cannot go to a stream, and those whose objects and rows have no room for reasons.
_BINARY, _NO_REASONS = ("parquet", "xlsx"), ("csv", "parquet", "xlsx", "ninjs")
_FORMAT_OF = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".ninjs": "ninjs",
    ".txt": "table",
}
# For the parser, not the type checker: a literal type spelled by a constant.
_Format: Any = Literal[FORMATS]


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


class Listing:
    """How entries are laid out; without colours, words are marked by brackets.

    Parameters
    ----------
    model : Model
    thresholds : mapping of str to float
        Probabilities that decide in place of its cuts.
    layout : OutputOptions
    codes : mapping of str to sequence of str or None
        Codes to show beside tags.
    """

    def __init__(
        self,
        model: Model,
        thresholds: Mapping[str, float],
        layout: OutputOptions,
        codes: Codes | None,
    ) -> None:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self._analyzer, self._layout, self._codes = model.analyzer, layout, codes
        self._colour = layout.on_screen and not plain
        self._width = min(shutil.get_terminal_size().columns, WIDEST)
        # from when on each label is given, in words
        self._rules = {
            label: _rule(cut, thresholds.get(label), model.mode)
            for label, cut in zip(model.labels, model.cuts.tolist(), strict=True)
        }

    def entry(self, article: Article, prediction: Prediction) -> str:
        """Return what is shown of one article: its line, and more where asked for."""
        layout = self._layout
        named = replace(prediction, id=article.id or article.title or "(no id)")
        lines = [table_line(named, self._codes)]
        if layout.scores:
            lines += self._bars(prediction)
        if layout.terms and not layout.explain:
            lines += self._words(prediction)
        if layout.explain and not prediction.note:
            lines += [*self._reasons(article, prediction), ""]
        return "\n".join(lines)

    def _bars(self, prediction: Prediction) -> list[str]:
        longest = max(map(len, prediction.scores))
        lines = []
        for label, p in prediction.scores.items():
            line = f"{sanitized(label):<{longest}}  {p:.3f}  {'█' * round(p * BAR)}".rstrip()
            lines.append(
                INDENT + (self._painted(line, label) if label in prediction.tags else line)
            )
        return lines

    def _words(self, prediction: Prediction) -> list[str]:
        """Return a line a tag, or more where it is long, with the words that raised it most."""
        lines = []
        why = prediction.explain() if prediction.tags else {}
        for label in prediction.tags:
            words = " ".join(c.term for c in why[label].raised[:TOP])
            name = f"{sanitized(label)}:"
            first, *more = self._filled(f"{name} {sanitized(words)}", INDENT)
            lines += [first.replace(name, f"{self._painted(name[:-1], label)}:", 1), *more]
        return lines

    def _reasons(self, article: Article, prediction: Prediction) -> list[str]:
        """Return the weightiest terms of each tag, or of the likeliest label, and the text."""
        scores, explanations = prediction.scores, prediction.explain()
        labels = prediction.tags or (max(scores, key=scores.__getitem__),)
        chosen = [explanations[label] for label in labels]
        weights = [line for why in chosen for line in self._weights(why, scores[why.label])]
        return [*weights, "", *self._marked(article_text(article), chosen)]

    def _weights(self, why: Explanation, score: float) -> list[str]:
        name = self._painted(sanitized(why.label), why.label)
        sum = f"margin {why.margin:+.3f} (bias {why.bias:+.3f})"
        return [
            f"{INDENT}{name} {score:.2f}: {sum}, {self._rules[why.label]}",
            *self._terms("+", why.raised[:TOP]),
            *self._terms("-", why.lowered[:TOP]),
        ]

    def _terms(self, sign: str, terms: Sequence[Contribution]) -> list[str]:
        # held together by no-break spaces while lines are made
        words = "  ".join(f"{c.term} {abs(c.value):.3f}".replace(" ", "\xa0") for c in terms)
        lines = self._filled(words, f"{INDENT}{sign} ")
        return [sanitized(line.replace("\xa0", " ")) for line in lines]

    def _filled(self, words: str, start: str) -> list[str]:
        """Return lines of whole words, the first after `start`, the others further in."""
        return textwrap.wrap(
            words,
            self._width,
            initial_indent=start,
            subsequent_indent=f"{INDENT}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _marked(self, text: str, explanations: Sequence[Explanation]) -> list[str]:
        from classifier.pages.document import marked_words

        head, rest = _trimmed(text)
        wrapped = "\n".join(self._wrapped(head))
        numbers = {why.label: n for n, why in enumerate(explanations, 1)}
        words, parts, end = self._analyzer.spans(wrapped), [], 0
        for start, stop, label in marked_words(words, _owners(explanations)):
            parts += [wrapped[end:start], self._mark(wrapped[start:stop], label, numbers)]
            end = stop
        legend = " ".join(self._mark(sanitized(label), label, numbers) for label in numbers)
        lines = [f"marked: {legend}", *"".join([*parts, wrapped[end:]]).split("\n"), *rest]
        return [f"{INDENT}{line}".rstrip() for line in lines]

    def _wrapped(self, text: str) -> list[str]:
        room = max(self._width - len(INDENT), 20)
        lines: list[str] = []
        for paragraph in map(sanitized, text.split("\n")):
            wrapped = textwrap.wrap(paragraph, room, break_long_words=False, break_on_hyphens=False)
            lines += wrapped or [""]
        return lines

    def _mark(self, word: str, label: str, numbers: Mapping[str, int]) -> str:
        if self._colour:
            return self._painted(word, label)
        return f"[{word} {numbers[label]}]" if len(numbers) > 1 else f"[{word}]"

    def _painted(self, text: str, label: str) -> str:
        if not self._colour:
            return text
        paint = COLOURS[list(self._rules).index(label) % len(COLOURS)]
        return typer.style(text, fg=paint, bold=True)


def explained_json(prediction: Prediction, codes: Codes | None = None) -> str:
    """Return a prediction with its explanation as one line of JSON.

    ``explanation`` holds, per label, ``margin``, ``bias``, ``cut`` (null for a label that is
    never given) and ``terms`` (term → what it adds to the margin, the weightiest first); the
    terms and the bias add up to the margin.
    """
    explanation = {
        label: {
            "margin": why.margin,
            "bias": why.bias,
            "cut": why.cut if math.isfinite(why.cut) else None,
            "terms": {c.term: c.value for c in why.contributions},
        }
        for label, why in prediction.explain().items()
    }
    row = prediction_row(prediction, codes) | {"explanation": explanation}
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def _owners(explanations: Iterable[Explanation]) -> Mapping[str, str]:
    """Return, per deciding term, the label that it raised most."""
    strongest: dict[str, tuple[float, str]] = {}
    for why in explanations:
        for c in why.raised[:TOP]:
            if c.value > strongest.get(c.term, (0.0, ""))[0]:
                strongest[c.term] = (c.value, why.label)
    return {term: label for term, (_, label) in strongest.items()}


def _rule(cut: float, threshold: float | None, mode: str) -> str:
    if mode == "one":
        return "the highest is given"
    if threshold is not None:
        return f"given from score {threshold:g} on"
    return f"given from {cut:+.3f} on" if math.isfinite(cut) else "never given"


def _trimmed(text: str) -> tuple[str, list[str]]:
    """Return the start of a text, ended at a word, and the line about the rest."""
    if len(text) <= LONGEST:
        return text, []
    head = text[:LONGEST].rsplit(None, 1)[0]
    return head, [f"… and {len(text) - len(head):,} more characters"]


Pair = tuple[Article, Prediction]


def _format(out: Path | None) -> str:
    if out is None or (out.exists() and not out.is_file()):
        return "table" if out is None and on_terminal(sys.stdout) else "jsonl"
    name = Path(out.stem) if _is_packed(out) else out
    format = _FORMAT_OF.get(name.suffix.lower(), "")
    if not format or (_is_packed(out) and format in _BINARY):
        raise typer.BadParameter(
            f"the name {out.name} tells no format; let it end in .jsonl, .csv, .parquet, "
            ".xlsx, .ninjs or .txt (.gz packs text), or pass --format",
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
    if layout.explain or layout.format == "table":
        pairs = _pairs(model, articles, thresholds)
        line = (
            Listing(model, thresholds, layout, codes).entry
            if layout.format == "table"
            else lambda _, prediction: explained_json(prediction, codes)
        )
        with _opened(layout.out) as stream:
            stream.writelines(
                f"{line(article, said)}\n" for article, said in pairs if keep is None or keep(said)
            )
        return
    if layout.format == "ninjs":
        pairs = _pairs(model, articles, thresholds)
        with _opened(layout.out) as stream:
            kept = (pair for pair in pairs if keep is None or keep(pair[1]))
            write.write_ninjs(kept, stream, codes=model.codes)
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
) -> Iterator[Pair]:
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
