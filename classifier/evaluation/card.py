"""A model in words: its figures, and its card, which says where it fails and how to remake it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress, islice
from typing import Any

from classifier.errors import ModelError, disarmed, listed
from classifier.evaluation.evaluate import (
    LABEL_COLUMNS,
    SLICE_COLUMNS,
    headline_rows,
    label_rows,
    slice_rows,
    subject,
    warnings,
)
from classifier.evaluation.report import Report
from classifier.files import resource
from classifier.model.folder import cut_texts, reading_record, recorded
from classifier.model.model import Model
from classifier.pages.document import interval, markdown_table, plain, rounded
from classifier.published.sources import CORPORA

__all__ = [
    "MEASURED_BEGIN",
    "MEASURED_END",
    "corpus_blocks",
    "described",
    "figures_blocks",
    "label_blocks",
    "measured_blocks",
    "model_card",
    "quality_table",
    "remaking_blocks",
]


Figures = Mapping[str, Any]
MOST_OUTLETS = 15
_LABEL_COLUMNS = ("label", "articles", "precision", "recall", "F1", "AP", "ECE", "cut")
_NUMBERS = ("precision", "recall", "f1", "average_precision", "calibration_error")


def figures_blocks(model: Model) -> Iterator[str]:
    """Yield the held-out figures of the training, calibration and known failures."""
    yield "## Figures"
    figures = recorded(model, "figures")
    if not figures:
        yield "No figures are recorded."
        return
    yield _origin(model)
    yield markdown_table(_LABEL_COLUMNS, _label_rows(model, figures))
    yield _overall(figures)
    if figures.get("points"):
        yield "### Working points"
        yield "Which cuts decide: `predict --point`, `tag(point=)`, `point` in a request."
        columns = ("point", "precision", "recall", "F1", "false tags")
        yield markdown_table(columns, _point_rows(figures["points"]))
    if figures.get("outlets"):
        yield "### By outlet"
        yield "The outlets with most held-out articles; others of each were trained on."
        yield markdown_table(("outlet", "articles", "micro-F1"), _outlet_rows(figures))
    if figures.get("reliability"):
        yield "## Calibration"
        yield _CALIBRATION
        yield markdown_table(("said", "mean said", "was so", "cases"), _bins(figures))
    yield "## Known failures"
    yield "\n".join(f"- {failure}" for failure in _failures(model, figures))


def _origin(model: Model) -> str:
    settings = recorded(model, "settings")
    folds = f"{settings['n_folds']}-fold " if "n_folds" in settings else ""
    return (
        f"From {folds}cross-validation on the articles of natural samples, near-duplicates kept "
        "together, cuts and calibration made without the articles they are judged on. Settings "
        "were chosen on the same folds and outlets are on both sides, so expect less on articles "
        "of other outlets. In brackets 95 % bootstrap intervals. AP is the average precision, "
        "ECE the expected calibration error, *cut* the probability from which a label is given."
    )


def _label_rows(model: Model, figures: Figures) -> Iterator[list[str]]:
    for label, cut in zip(model.labels, cut_texts(model), strict=True):
        row = figures["labels"][label]
        numbers = [rounded(row.get(name), 3) for name in _NUMBERS]
        yield [plain(label), f"{row['support']:,}", *numbers, cut]


def _point_rows(points: Figures) -> Iterator[list[str]]:
    for name, each in sorted(points.items()):
        numbers = [rounded(each[figure], 3) for figure in ("precision", "recall", "f1")]
        yield [plain(name), *numbers, _share(each)]


def _share(figures: Figures) -> str:
    share = figures["false_tag_rate"]
    return "–" if share is None else f"{100 * share:.1f} %"


def _overall(figures: Figures) -> str:
    return (
        f"Micro-F1 **{interval(*figures['micro_f1'])}**, "
        f"macro-F1 **{interval(*figures['macro_f1'])}**."
    )


def _outlet_rows(figures: Figures) -> Iterator[list[str]]:
    for each in figures["outlets"]:
        yield [plain(each["name"]), f"{each['articles']:,}", interval(*each["micro_f1"])]


_CALIBRATION = """\
What the model said of held-out articles and how often it was so. A case is an article and a label;
were the probabilities perfect, the two columns in the middle would be equal."""


def _bins(figures: Figures) -> Iterator[list[str]]:
    for each in figures["reliability"]:
        said = f"{100 * each['from']:.0f}–{100 * each['to']:.0f} %"
        shares = [f"{100 * each[name]:.1f} %" for name in ("probability", "present")]
        yield [said, *shares, f"{each['cells']:,}"]


def _failures(model: Model, figures: Figures) -> Iterator[str]:
    labels = {plain(label): figures["labels"][label] for label in model.labels}
    yield from _weakest(labels, "f1", min, _weakest_label)
    yield from _weakest(
        labels, "calibration_error", max,
        lambda name, row: f"Probabilities are least reliable for **{name}**: off by "
        f"{100 * row['calibration_error']:.1f} % on average.",
    )  # fmt: skip
    outlets = {plain(each["name"]): each for each in figures.get("outlets", ())}
    if len(outlets) > 1:
        name, worst = min(outlets.items(), key=lambda each: _estimate(each[1]))
        yield f"Weakest outlet: **{name}**, micro-F1 {interval(*worst['micro_f1'])}."
    if figures["false_tag_rate"] is not None:
        yield f"Of the articles without a label, {_share(figures)} are given one all the same."
    rare = [name for name, row in labels.items() if row["rare"]]
    if rare:
        yield f"Too few articles for a cut of its own, so a safe one: {', '.join(rare)}."
    yield (
        "It knows the words of its corpus: names and affairs that came up later say nothing to "
        "it. `classifier drift` tells when new articles have moved away."
    )


def _weakest(
    labels: Figures, name: str, worst: Callable[..., str], say: Callable[[str, Figures], str]
) -> Iterator[str]:
    known = [label for label, row in labels.items() if row.get(name) is not None]
    if known:
        label = worst(known, key=lambda each: labels[each][name])
        yield say(label, labels[label])


def _weakest_label(name: str, row: Figures) -> str:
    said = f"Weakest label: **{name}**, F1 {rounded(row['f1'], 3)}"
    if row["precision"] is None or row["recall"] is None:
        return f"{said}."
    return (
        f"{said}; of 100 articles that have it {_of_hundred(1 - row['recall'])} are missed, of "
        f"100 that are given it {_of_hundred(1 - row['precision'])} do not have it."
    )


def _of_hundred(share: float) -> str:
    return f"{100 * share:.0f}"


def _estimate(outlet: Figures) -> float:
    estimate = outlet["micro_f1"][0]
    return 2.0 if estimate is None else float(estimate)


def measured_blocks(reports: Sequence[Report]) -> Iterator[str]:
    """Yield what evaluations of the model found, or how to make one."""
    if not reports:
        yield _MEASURE
    for report in reports:
        yield f"### Measured on {plain(report.corpus.name or 'a corpus without a name')}"
        yield from (f"> **Warning:** {plain(warning)}" for warning in warnings(report))
        yield f"{plain(subject(report))}."
        yield markdown_table(("figure", "value"), _plain_rows(headline_rows(report)))
        yield markdown_table(LABEL_COLUMNS, _plain_rows(label_rows(report)))
        if rows := slice_rows(report, "outlet")[:MOST_OUTLETS]:
            yield markdown_table(("outlet", *SLICE_COLUMNS[1:]), _plain_rows(rows))


_MEASURE = """\
The figures that count are those on articles like yours which the model has not seen:

```
classifier evaluate FOLDER test.jsonl --out report
classifier card FOLDER --report report/report.json
```"""


def _plain_rows(rows: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    for row in rows:
        yield [plain(cell) for cell in row]


Facts = Mapping[str, Any]
_RULE = re.compile(r"^\| `(\w+)` \| (.+) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"^\*\*The test for every sector:\*\* (.+)$", re.MULTILINE)
# Articles in `data/house`, which join the published corpora.
_HOUSE = ("house", "written for this project; events and quotes are invented", "as the project")
_OWN = ("named on the command line", "not recorded")
_CHOSEN = ("C", "lead_repeats", "bigrams", "ratio_power", "borderline_weight", "corpus_weights")


def label_blocks(model: Model) -> Iterator[str]:
    """Yield the labels with their articles, and with their rules where the rules are ours."""
    yield "## Labels"
    counts = recorded(model, "corpus").get("positives", {})
    articles = [f"{counts[label]:,}" if label in counts else "–" for label in model.labels]
    pairs = list(zip(model.labels, articles, strict=True))
    rules = _sector_rules() if _is_published(model) else {}
    if not rules:
        yield "What they mean is known to those who labelled the corpus; nothing else is recorded."
        yield markdown_table(("label", "training articles"), ([plain(k), n] for k, n in pairs))
        return
    yield _sector_test()
    rows = [[plain(label), *rules.get(label, ("–", "–")), n] for label, n in pairs]
    yield markdown_table(("label", "give it for", "not for", "training articles"), rows, left=3)


def _is_published(model: Model) -> bool:
    """Return whether our own labels of a published corpus were trained on."""
    return not CORPORA.keys().isdisjoint(recorded(model, "corpus").get("names", ()))


def _rules_text() -> str:
    return resource("data", "SECTORS.md").read_text(encoding="utf-8")


def _sector_rules() -> dict[str, tuple[str, str]]:
    return {label: (give, leave) for label, give, leave in _RULE.findall(_rules_text())}


def _sector_test() -> str:
    found = _TEST.search(_rules_text())
    test = f" The test for every one: {found[1]}" if found else ""
    return f"By the rules of `data/SECTORS.md`.{test}"


def corpus_blocks(model: Model) -> Iterator[str]:
    """Yield what the model was trained on, its sources and licences as far as they are known."""
    yield "## Training corpus"
    corpus = recorded(model, "corpus")
    if not {"articles", "natural", "none", "sha256"} <= set(corpus):
        yield "Nothing is recorded."
        return
    columns = ("corpus", "sample", "source", "licence", "labelled articles")
    yield markdown_table(columns, _part_rows(model, _parts(corpus)), left=4)
    yield (
        f"{corpus['articles']:,} labelled articles, {corpus['natural']:,} of them in natural "
        f"samples, {corpus['none']:,} without a label; {corpus.get('unlabelled', 0):,} unlabelled "
        "ones were left out. Auxiliary articles help the fit; cuts, calibration and figures come "
        f"from natural samples alone. SHA-256 over ids, texts and labels: `{corpus['sha256']}`."
    )


def _parts(corpus: Facts) -> Sequence[Facts]:
    """Return the parts of the corpus; older models recorded their names alone."""
    parts: Sequence[Facts] = corpus.get("parts") or [
        {"name": name} for name in corpus.get("names", ())
    ]
    return parts


def _part_rows(model: Model, parts: Sequence[Facts]) -> Iterator[list[str]]:
    for part in parts:
        name, licence = part["name"], ""
        if name in CORPORA:
            source, licence = CORPORA[name].about, CORPORA[name].licence
        elif name == _HOUSE[0] and _is_published(model):
            _, source, licence = _HOUSE
        else:
            source, licence = _OWN
        sample, n_articles = "–", "–"
        if "natural" in part:
            sample = _sample(part)
            n_articles = f"{part['articles']:,}"
        yield [*map(plain, (name, sample, source, licence)), n_articles]


def _sample(part: Facts) -> str:
    """Return how a corpus was used; older models say of ``natural`` only whether, not how many."""
    if not part["natural"]:
        return "auxiliary"
    partly = part["natural"] is not True and part["natural"] < part["articles"]
    return f"natural: {part['natural']:,}" if partly else "natural"


def remaking_blocks(model: Model) -> Iterator[str]:
    """Yield the choices of the training, and command, settings and versions to repeat it."""
    yield "## Chosen by cross-validation"
    chosen = recorded(model, "chosen")
    rows = [f"- `{name}`: {_value(chosen[name])}" for name in _CHOSEN if name in chosen]
    yield "\n".join(rows) or "Nothing."
    yield "## How to make it again"
    settings, corpus = recorded(model, "settings"), recorded(model, "corpus")
    if not settings or not corpus.get("names"):
        yield "The training is not recorded."
        return
    yield _STEPS
    yield _fenced("", [_command(model, _parts(corpus))])
    yield "`settings.toml`:"
    yield _fenced("toml", _toml(settings))
    yield f"Versions: {_versions(model)}."


_STEPS = """\
With the same articles, seed and versions, this gives the same bytes whatever `--jobs` is.
Corpora stand here by their names; a name that `classifier corpus fetch` does not know was a file
or folder so called."""


def _command(model: Model, parts: Sequence[Facts]) -> str:
    aside = [part.get("auxiliary", not part.get("natural", True)) for part in parts]
    words = ["classifier", "train"]
    words += [part["name"] for part, auxiliary in zip(parts, aside, strict=True) if not auxiliary]
    for part in compress(parts, aside):
        words += ["--auxiliary", part["name"]]
    words += ["--settings", "settings.toml", "--out", model.name]
    remark = "" if all("natural" in part for part in parts) else "  # auxiliary ones not recorded"
    return disarmed(shlex.join(words)) + remark


def _toml(settings: Facts) -> list[str]:
    """Return settings as lines of TOML, which has no word for None: that is the default."""
    known = {name: value for name, value in sorted(settings.items()) if value is not None}
    return [f"{name} = {json.dumps(value)}" for name, value in known.items()]


def _fenced(language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _versions(model: Model) -> str:
    versions = recorded(model, "versions")
    return ", ".join(f"{name} {versions[name]}" for name in sorted(versions)) or "not recorded"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return _by_name(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _by_name(values: Mapping[str, object]) -> str:
    """Return one value where all are the same, else each with its name."""
    if len(set(values.values())) == 1:
        return str(next(iter(values.values())))
    return ", ".join(f"{value} for {plain(name)}" for name, value in sorted(values.items()))


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
        When a report is about another model, or what the training recorded is damaged.
    """
    for report in reports:
        _check_model(report, model)
    with reading_record(model):
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
        return few + "gets a note in place of tags."
    return few + "gets a note beside its label, which is then no more than a guess."


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


# Rows of labels in the table for the terminal.
MOST_LABELS = 40


def described(model: Model) -> str:
    """Return what a model is, in a few lines; what its training did not record is left out.

    Raises
    ------
    ModelError
        When what was recorded is damaged.
    """
    with reading_record(model):
        return _described(model)


def _described(model: Model) -> str:
    kind = "any number of" if model.mode == "several" else "exactly one of"
    labels = listed(model.labels)
    lines = [f"{model.signature}: {kind} {labels}; {len(model.vocabulary):,} terms"]
    corpus = recorded(model, "corpus")
    if {"articles", "natural", "none", "sha256"} <= set(corpus):
        lines.append(
            f"trained on {corpus['articles']:,} articles ({corpus['natural']:,} of them a natural "
            f"sample, {corpus['none']:,} without a label), corpus {corpus['sha256']:.12}"
        )
    if model.codes:
        codes = (f"{label} {' '.join(each)}" for label, each in model.codes.items())
        lines.append(f"codes: {listed(list(codes))}")
    versions = recorded(model, "versions")
    if versions:
        lines.append("made with " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())))
    return "\n".join(lines)


def quality_table(model: Model) -> str:
    """Return cross-validated figures of a training as a table for the terminal.

    ``cut`` is the probability from which a label is given.

    Raises
    ------
    ModelError
        When what was recorded is damaged.
    """
    with reading_record(model):
        return _quality_table(model)


def _quality_table(model: Model) -> str:
    figures = recorded(model, "figures")
    if not figures:
        return "no figures are recorded"
    width = max(len(label) for label in model.labels) + 2
    columns = f"{'articles':>9}{'precision':>11}{'recall':>8}{'F1':>7}{'AP':>7}{'cut':>7}"
    rows = [
        " " * width + columns,
        *islice(_quality_rows(model, figures["labels"], width), MOST_LABELS),
    ]
    if len(model.labels) > MOST_LABELS:
        rows.append(f"… and {len(model.labels) - MOST_LABELS:,} more labels")
    for name in ("micro", "macro"):
        estimate, low, high = figures[f"{name}_f1"]
        rows.append(
            f"{name}-F1 {rounded(estimate, 3)} (95 % interval {rounded(low, 3)}–{rounded(high, 3)})"
        )
    rows.append(f"articles without a label that were given one: {_share(figures)}")
    for point, f in figures.get("points", {}).items():
        rows.append(
            f"{point}: precision {rounded(f['precision'], 3)}, recall {rounded(f['recall'], 3)}, "
            f"F1 {rounded(f['f1'], 3)}, false tags {_share(f)}"
        )
    rare = [label for label, f in figures["labels"].items() if f["rare"]]
    if rare:
        rows.append(f"too few articles for a cut of its own, so a safe one: {listed(rare)}")
    return "\n".join(rows)


def _quality_rows(
    model: Model, figures: Mapping[str, Mapping[str, Any]], width: int
) -> Iterator[str]:
    for label, cut in zip(model.labels, cut_texts(model), strict=True):
        f = figures[label]
        names = ("precision", "recall", "f1", "average_precision")
        p, r, f1, ap = (rounded(f[name], 3) for name in names)
        yield f"{label:<{width}}{f['support']:>9,}{p:>11}{r:>8}{f1:>7}{ap:>7}{cut:>7}"
