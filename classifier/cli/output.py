"""What people see of predictions and of a run over an archive: lines, reasons, progress."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from classifier.article import Article
from classifier.cli.app import PAUSE, echo_note, headlines_line, on_terminal, write_or_print
from classifier.corpus.write import Codes, prediction_row, table_line
from classifier.errors import number_of, sanitized
from classifier.files import json_text
from classifier.model.model import Model
from classifier.model.prediction import Contribution, Explanation, Prediction
from classifier.text import article_text

if TYPE_CHECKING:
    from classifier.archive.tagger import Progress, RunSummary
    from classifier.cli.predict import OutputOptions

# As many terms as a reader takes in at a glance.
TOP = 8
COLOURS = ("yellow", "cyan", "green", "magenta", "blue", "red")
INDENT = "    "
BAR = 25
# Characters of a text that are shown, and columns that are pleasant to read.
LONGEST, WIDEST = 2000, 100


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


def line_maker(
    model: Model, layout: OutputOptions, *, thresholds: Mapping[str, float], codes: Codes | None
) -> Callable[[Article, Prediction], str]:
    """Return what makes a line of a prediction, or several lines with more of it."""
    if layout.format == "table":
        return Listing(model, thresholds, layout, codes).entry
    return lambda _, prediction: explained_json(prediction, codes)


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


# Seconds between two lines of progress where there is no terminal.
LONG_PAUSE = 60.0


class ShownProgress:
    """Progress on standard error: one line that is redrawn, or now and then a line of a log."""

    def __init__(self, *, quiet: bool) -> None:
        self._on_screen = on_terminal(sys.stderr)
        self._quiet = quiet or sys.stderr is None
        self._pause = PAUSE if self._on_screen else LONG_PAUSE
        self._last, self._drawn = time.monotonic(), False
        self.finished = "0 files are"

    def __call__(self, state: Progress) -> None:
        """Show how far the run is, unless that was shown a moment ago."""
        self.finished = f"{state.files:,} of {state.n_files:,} files are"
        now = time.monotonic()
        if self._quiet or now - self._last < self._pause:
            return
        self._last, self._drawn = now, True
        start, end = ("\r", "\x1b[K") if self._on_screen else ("", "\n")
        sys.stderr.write(start + progress_line(state) + end)
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line that was redrawn."""
        if self._drawn and self._on_screen:
            sys.stderr.write("\n")


def progress_line(state: Progress) -> str:
    """Return how far a run is, with its rate and the time left."""
    line = (
        f"{state.files:,} of {number_of(state.n_files, 'file')}, "
        f"{number_of(state.articles, 'article')}, {state.rate:,.0f} a second"
    )
    left = state.seconds_left
    return line if left is None else f"{line}, {_clock(left)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def tell_summary(summary: RunSummary, target: Path | None, *, quiet: bool) -> None:
    """Say what a run did, and write its counts to `target` as JSON, or print them for ``-``."""
    if not quiet:
        for line in summary_lines(summary):
            echo_note(line)
    for failure in summary.failures:
        echo_note(f"failed: {failure.file}: {failure.reason}")
    if target is not None:
        write_or_print(json_text(summary.to_json()), target)


def summary_lines(summary: RunSummary) -> list[str]:
    """Return what people read at the end of a run."""
    tally = summary.tally
    earlier = f" ({summary.n_earlier:,} by an earlier run)" if summary.n_earlier else ""
    lines = [
        f"{number_of(summary.n_files, 'file')} in {summary.out}{earlier}, "
        f"{number_of(tally.read, 'article')}, "
        f"{tally.written:,} written, by {summary.model}",
        ", ".join(f"{label} {tally.tags[label]:,}" for label in summary.labels)
        + f", no tag {tally.untagged:,}",
    ]
    if summary.articles:
        lines.append(
            f"{number_of(summary.articles, 'article')} in {_clock(summary.seconds)}, "
            f"{summary.rate:,.0f} a second (--jobs {summary.jobs})"
        )
    if tally.headlines:
        lines.append(headlines_line(tally.headlines))
    if tally.rejects:
        reasons = ", ".join(f"{n:,} {kind}" for kind, n in tally.rejects.most_common())
        folder = f"{summary.out}/.classifier/rejects"
        lines.append(f"bad rows: {tally.rejects.total():,} ({reasons}), in {folder}")
    if summary.passed_over:
        lines.append(f"passed over: {summary.passed_over:,} (no rows, or links out of the archive)")
    if summary.workers_replaced:
        lines.append(f"workers that died and were replaced: {summary.workers_replaced:,}")
    return lines
