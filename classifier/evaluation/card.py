"""The card of a model: what it is for, how good it is, where it fails, how to make it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from classifier.errors import ModelError
from classifier.evaluation.card_figures import figures_blocks, measured_blocks
from classifier.evaluation.card_origin import corpus_blocks, label_blocks, remaking_blocks
from classifier.evaluation.markdown_table import plain
from classifier.evaluation.report import Report
from classifier.model.model import Model

__all__ = ["MEASURED_BEGIN", "MEASURED_END", "model_card"]

# The place that `make quality` fills with what it measured.
MEASURED_BEGIN, MEASURED_END = "<!-- quality: begin -->", "<!-- quality: end -->"


def model_card(model: Model, *, reports: Sequence[Report] = ()) -> str:
    """Return the README of a model folder, in Markdown.

    It tells what the training recorded and no more. The same training gives the same bytes,
    before the model is saved and after it is loaded.

    Parameters
    ----------
    model : Model
    reports : sequence of Report
        Evaluations of this very model, which join the card in their order.

    Raises
    ------
    ModelError
        When a report is about another model.
    """
    for report in reports:
        _check_model(report, model)
    return "\n\n".join(_blocks(model, reports)) + "\n"


def _blocks(model: Model, reports: Sequence[Report]) -> Iterator[str]:
    yield f"# {plain(model.name)}"
    yield _kind(model)
    yield "## What it is for, and what it is not for"
    yield _purpose(model)
    yield from label_blocks(model)
    yield from corpus_blocks(model)
    yield from figures_blocks(model)
    yield "## Measured on other articles"
    yield from measured_blocks(reports)
    yield f"{MEASURED_BEGIN}\n{MEASURED_END}"
    yield from remaking_blocks(model)
    yield "## Why it said so"
    yield _REASONS


def _kind(model: Model) -> str:
    gives = (
        "gives each label whose margin reaches its cut: several, one or none"
        if model.mode == "several"
        else "gives the label with the highest margin, always exactly one"
    )
    return (
        "A linear tagger of `classifier` for news articles. It reads headline and text, weighs "
        f"{len(model.vocabulary):,} terms by tf-idf, and {gives}. Its scores are calibrated "
        "probabilities. The folder holds numbers and words only; nothing in it runs."
    )


def _purpose(model: Model) -> str:
    return "\n".join(
        [
            "- **For** bringing news articles of the kind it was trained on to the desks, feeds "
            "and archives of these labels, where somebody sees the result and can overrule it.",
            f"- **For articles, not for scraps:** {_limits(model)}",
            "- **Not for decisions about people**: hiring, credit, policing, moderation or "
            "surveillance. It says what an article deals with and nothing of whom it names.",
            "- **Not a judge** of truth, importance, tone or bias.",
            "- **Not for other texts**, such as posts, chats or contracts, and not for other "
            "languages than that of its corpus. Evaluate it on such texts first.",
            "- **Not for counting as it is**: shares of tags are off by its errors, and by "
            "different errors from outlet to outlet.",
        ]
    )


def _limits(model: Model) -> str:
    few = (
        f"with fewer than {model.min_words} known words, or with less than "
        f"{100 * model.min_coverage:.0f} % of its words known (another language, another "
        "subject), an article "
    )
    if model.mode == "several":
        return few + "gets a remark in place of tags."
    return few + "gets a remark beside its label, which is then no more than a guess."


_REASONS = """\
The model is linear: what each term adds and the bias sum up to the margin, exactly, and a label
is given from its cut on.

```
classifier predict --model FOLDER article.txt --explain
```

In Python `classifier.load("FOLDER").predict([text])[0].explain()["LABEL"]` holds every term."""


def _check_model(report: Report, model: Model) -> None:
    if report.model.hash != model.info.get("hash"):
        raise ModelError(
            f"the report is about {report.model.signature}, the card about {model.signature}. "
            "Evaluate this model, or make the card of that one."
        )
