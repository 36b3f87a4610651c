"""Golden articles: texts that a model scores when it is saved and again whenever it is loaded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classifier.errors import ModelError
from classifier.model.manifest import GoldenArticle
from classifier.model.model import Model
from classifier.text import article_text

__all__ = ["check_golden", "golden_articles", "golden_texts"]

MAX_LABELS = 8
N_RAISING, N_LOWERING = 12, 4
CAPITAL_EVERY = 3

# Another processor may round a logarithm differently; a changed rule moves far more than this.
MARGIN_TOLERANCE = 1e-6
# A steep calibration line turns a tolerable margin into a larger step of the score.
SCORE_TOLERANCE = 1e-4

# Written for this file, so that dateline, credit and promotion pass through the text rules.
WIRE_STORY = (
    "BAKU, Azerbaijan, March 14. The energy ministers of four Caspian countries have agreed to "
    "link their power grids by the end of the decade, the ministry told Reuters on Thursday.\n"
    "Parliament must still ratify the treaty. Engineers expect the first undersea cable, 195 km "
    "long, to carry wind power west within five years, and museums along the shore hope for "
    "visitors.\n"
    "Subscribe to our newsletter and follow us on Telegram!"
)


def golden_texts(model: Model) -> list[str]:
    """Return texts for a model to be checked with; the same model gives the same texts.

    One for each of its first labels, made of the words that speak most for and against it,
    then one wire story and the empty text. No article of anyone's is among them.
    """
    words = np.array([i for i, term in enumerate(model.vocabulary) if " " not in term], dtype=int)
    rows = range(min(len(model.labels), MAX_LABELS))
    return [*(_label_text(model, words, k) for k in rows), WIRE_STORY, ""]


def _label_text(model: Model, words: np.ndarray[tuple[int], np.dtype[np.int64]], k: int) -> str:
    order = words[np.argsort(-model.weights[words, k], kind="stable")]
    chosen = [*order[:N_RAISING], *order[N_RAISING:][-N_LOWERING:]]
    return " ".join(_shown(i, model.vocabulary[word]) for i, word in enumerate(chosen))


def _shown(position: int, term: str) -> str:
    # beyond ASCII, capitals depend on the version of Unicode that Python was built with
    return term.capitalize() if position % CAPITAL_EVERY == 0 and term.isascii() else term


def golden_articles(model: Model) -> tuple[GoldenArticle, ...]:
    """Return the golden texts of `model` with what it says of them."""
    return _scored(model, golden_texts(model))


def _scored(model: Model, texts: Sequence[str]) -> tuple[GoldenArticle, ...]:
    margins = model.margins([article_text(text) for text in texts])
    return tuple(
        GoldenArticle(text, tuple(row.tolist()), tuple(said.scores.values()), said.tags)
        for text, row, said in zip(texts, margins, model.predict(texts), strict=True)
    )


def check_golden(model: Model, golden: Sequence[GoldenArticle], where: str) -> None:
    """Score the golden articles again.

    Raises
    ------
    ModelError
        When a margin, a score or a tag differs from what was said when the model was saved.
    """
    again = _scored(model, [article.text for article in golden])
    for number, (now, then) in enumerate(zip(again, golden, strict=True), 1):
        difference = _difference(model.labels, now, then)
        if difference:
            raise ModelError(
                f"{where}: golden article {number} {difference}. This installation does not "
                "compute what the model was made with; install the classifier that made it, or "
                "train the model again."
            )


def _difference(labels: Sequence[str], now: GoldenArticle, then: GoldenArticle) -> str:
    kinds = [
        ("has a margin of", now.margins, then.margins, MARGIN_TOLERANCE),
        ("scores", now.scores, then.scores, SCORE_TOLERANCE),
    ]
    for verb, found, saved, tolerance in kinds:
        for label, a, b in zip(labels, found, saved, strict=True):
            if abs(a - b) > tolerance:
                return f"{verb} {a:.6g} for '{label}' where the manifest says {b:.6g}"
    if set(now.tags) != set(then.tags):
        tags = [", ".join(article.tags) or "nothing" for article in (now, then)]
        return f"is tagged {tags[0]} where the manifest says {tags[1]}"
    return ""
