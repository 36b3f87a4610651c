"""Predictions as entries for people: a line, bars, and the text with its deciding words marked."""

from __future__ import annotations

import math
import os
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from classifier.article import Article
from classifier.cli.explanation import TOP, deciding_spans
from classifier.corpus.table import disarmed, table_line
from classifier.model.model import Model
from classifier.model.prediction import Contribution, Explanation, Prediction
from classifier.model.tokenize import Analyzer
from classifier.text import article_text

__all__ = ["Listing"]

COLOURS = ("yellow", "cyan", "green", "magenta", "blue", "red")
INDENT = "    "
BAR = 25
# Characters of a text that are shown, and columns that are pleasant to read.
LONGEST, WIDEST = 2000, 100


@dataclass(frozen=True, slots=True)
class Listing:
    """How entries are laid out.

    Parameters
    ----------
    rules : mapping of str to str
        Per label, in the model's order, from when on it is given, in words.
    analyzer : Analyzer
        Finds the words to mark.
    colour : bool
        Whether the stream shows colours; without them, words are marked by brackets.
    width : int
        Columns.
    """

    rules: Mapping[str, str]
    analyzer: Analyzer
    colour: bool = False
    width: int = 80

    @classmethod
    def of(cls, model: Model, thresholds: Mapping[str, float], *, on_screen: bool) -> Listing:
        """Return the listing for a model's predictions, coloured unless ``NO_COLOR`` is set."""
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        columns = shutil.get_terminal_size().columns
        rules = {
            label: _rule(cut, thresholds.get(label), model.mode)
            for label, cut in zip(model.labels, model.cuts.tolist(), strict=True)
        }
        return cls(
            rules,
            model.analyzer,
            colour=on_screen and not plain,
            width=min(columns, WIDEST),
        )

    def entry(
        self,
        article: Article,
        prediction: Prediction,
        *,
        scores: bool = False,
        terms: bool = False,
        explain: bool = False,
    ) -> str:
        """Return what is shown of one article: its line, and more where asked for."""
        named = replace(prediction, id=article.id or article.title or "(no id)")
        lines = [table_line(named)]
        if scores:
            lines += self._bars(prediction)
        if terms and not explain:
            lines += self._words(prediction)
        if explain and not prediction.note:
            lines += [*self._reasons(article, prediction), ""]
        return "\n".join(lines)

    def _bars(self, prediction: Prediction) -> list[str]:
        longest = max(map(len, prediction.scores))
        lines = []
        for label, p in prediction.scores.items():
            line = f"{disarmed(label):<{longest}}  {p:.3f}  {'█' * round(p * BAR)}".rstrip()
            lines.append(
                INDENT + (self._painted(line, label) if label in prediction.tags else line)
            )
        return lines

    def _words(self, prediction: Prediction) -> list[str]:
        """Return a line a tag with the words that raised it most."""
        lines = []
        for label in prediction.tags:
            words = " ".join(c.term for c in prediction.explain()[label].raised[:TOP])
            lines.append(f"{INDENT}{self._painted(disarmed(label), label)}: {disarmed(words)}")
        return lines

    def _reasons(self, article: Article, prediction: Prediction) -> list[str]:
        """Return the weightiest terms of each tag, or of the likeliest label, and the text."""
        scores, explanations = prediction.scores, prediction.explain()
        labels = prediction.tags or (max(scores, key=scores.__getitem__),)
        chosen = [explanations[label] for label in labels]
        weights = [line for why in chosen for line in self._weights(why, scores[why.label])]
        return [*weights, "", *self._marked(article_text(article), chosen)]

    def _weights(self, why: Explanation, score: float) -> list[str]:
        name = self._painted(disarmed(why.label), why.label)
        sum = f"margin {why.margin:+.3f} (bias {why.bias:+.3f})"
        return [
            f"{INDENT}{name} {score:.2f}: {sum}, {self.rules[why.label]}",
            *self._terms("+", why.raised[:TOP]),
            *self._terms("-", why.lowered[:TOP]),
        ]

    def _terms(self, sign: str, terms: Sequence[Contribution]) -> list[str]:
        # held together by no-break spaces while lines are made
        words = "  ".join(f"{c.term} {abs(c.value):.3f}".replace(" ", "\xa0") for c in terms)
        lines = textwrap.wrap(
            words,
            self.width,
            initial_indent=f"{INDENT}{sign} ",
            subsequent_indent=f"{INDENT}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        return [disarmed(line.replace("\xa0", " ")) for line in lines]

    def _marked(self, text: str, explanations: Sequence[Explanation]) -> list[str]:
        head, rest = _trimmed(text)
        wrapped = "\n".join(self._wrapped(head))
        numbers = {why.label: n for n, why in enumerate(explanations, 1)}
        parts, end = [], 0
        for start, stop, label in deciding_spans(wrapped, explanations, self.analyzer):
            parts += [wrapped[end:start], self._mark(wrapped[start:stop], label, numbers)]
            end = stop
        legend = " ".join(self._mark(disarmed(label), label, numbers) for label in numbers)
        lines = [f"marked: {legend}", *"".join([*parts, wrapped[end:]]).split("\n"), *rest]
        return [f"{INDENT}{line}".rstrip() for line in lines]

    def _wrapped(self, text: str) -> list[str]:
        room = max(self.width - len(INDENT), 20)
        lines: list[str] = []
        for paragraph in map(disarmed, text.split("\n")):
            wrapped = textwrap.wrap(paragraph, room, break_long_words=False, break_on_hyphens=False)
            lines += wrapped or [""]
        return lines

    def _mark(self, word: str, label: str, numbers: Mapping[str, int]) -> str:
        if self.colour:
            return self._painted(word, label)
        return f"[{word} {numbers[label]}]" if len(numbers) > 1 else f"[{word}]"

    def _painted(self, text: str, label: str) -> str:
        if not self.colour:
            return text
        import typer

        paint = COLOURS[list(self.rules).index(label) % len(COLOURS)]
        return typer.style(text, fg=paint, bold=True)


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
