"""A model in words: its figures, and its card, which says where it fails and how to remake it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any

from classifier.errors import ModelError, listed
from classifier.evaluation.evaluate import SLICE_COLUMNS, report_document, slice_rows
from classifier.evaluation.report import Report
from classifier.files import resource
from classifier.model.folder import cut_texts, reading_record, recorded
from classifier.model.model import Model
from classifier.pages.document import (
    Block,
    Bullets,
    Code,
    Document,
    Prose,
    Row,
    Section,
    Table,
    first_rows,
    interval,
    markdown,
    percent,
    plain,
    rounded,
)
from classifier.published.sources import CORPORA

__all__ = ["model_card", "model_document"]

Figures = Mapping[str, Any]
# Rows of labels, and sections of the card, that a terminal shows.
MOST_LABELS = 40
_IN_SHORT = ("Figures", "Working points", "Known failures")
# The place that `make quality` fills with what it measured.
_MEASURED = Prose("<!-- quality: begin -->\n<!-- quality: end -->")


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
        if report.model.hash != model.info.get("hash"):
            raise ModelError(
                f"the report is about {report.model.signature}, the card about {model.signature}. "
                "Evaluate this model, or make the card of that one."
            )
    with reading_record(model):
        sections = tuple(_sections(model, reports))
        return markdown(Document("model", model.name, (_kind(model),), sections))


def model_document(model: Model) -> Document:
    """Return what a model is and how good, in short; what was not recorded is left out.

    Raises
    ------
    ModelError
        When what was recorded is damaged.
    """
    with reading_record(model):
        sections = _figure_sections(model, MOST_LABELS)
        shown = tuple(section for section in sections if section.title in _IN_SHORT)
        return Document("model", model.signature, tuple(_facts(model)), shown)


def _facts(model: Model) -> Iterator[str]:
    kind = "any number of" if model.mode == "several" else "exactly one of"
    yield f"{kind} {listed(model.labels)}; {len(model.vocabulary):,} terms"
    corpus = recorded(model, "corpus")
    if {"articles", "natural", "none", "sha256"} <= set(corpus):
        yield (
            f"trained on {corpus['articles']:,} articles ({corpus['natural']:,} of them a natural "
            f"sample, {corpus['none']:,} without a label), corpus {corpus['sha256']:.12}"
        )
    if model.codes:
        codes = (f"{label} {' '.join(each)}" for label, each in model.codes.items())
        yield f"codes: {listed(list(codes))}"
    if versions := recorded(model, "versions"):
        yield "made with " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))


def _sections(model: Model, reports: Sequence[Report]) -> Iterator[Section]:
    yield Section("What it is for, and what it is not for", (Bullets.of(_purpose(model)),))
    yield Section("Labels", tuple(_labels(model)))
    yield Section("Training corpus", tuple(_corpus(model)))
    yield from _figure_sections(model, len(model.labels))
    yield Section("Measured on other articles", (*(() if reports else _MEASURE), _MEASURED))
    yield from map(_measured, reports)
    chosen = recorded(model, "chosen")
    values = [Prose(f"`{k}`: {plain(_value(chosen[k]))}") for k in _CHOSEN if k in chosen]
    yield Section("Chosen by cross-validation", (Bullets.of(values) if values else "Nothing.",))
    yield Section("How to make it again", tuple(_remaking(model)))
    yield Section("Why it said so", _REASONS)


def _kind(model: Model) -> Prose:
    gives = (
        "gives each label whose margin reaches its cut: several, one or none"
        if model.mode == "several"
        else "gives the label with the highest margin, always exactly one"
    )
    return Prose(
        "A linear tagger of `classifier` for news articles. It reads headline and text, weighs "
        f"{len(model.vocabulary):,} terms by tf-idf, and {gives}. Its scores are calibrated "
        "probabilities. The folder holds numbers and words only; nothing in it runs."
    )


def _purpose(model: Model) -> Iterator[Prose]:
    yield Prose(
        "**For** bringing news articles of the kind it was trained on to the desks, feeds "
        "and archives of these labels, where somebody sees the result and can overrule it."
    )
    yield Prose(f"**For articles, not for scraps:** {_limits(model)}")
    yield Prose(
        "**Not for decisions about people**: hiring, credit, policing, moderation or "
        "surveillance. It says what an article deals with and nothing of whom it names."
    )
    yield Prose("**Not a judge** of truth, importance, tone or bias.")
    yield Prose(
        "**Not for other texts**, such as posts, chats or contracts, and not for other "
        "languages than that of its corpus. Evaluate it on such texts first."
    )
    yield Prose(
        "**Not for counting as it is**: shares of tags are off by its errors, and by "
        "different errors from outlet to outlet."
    )


def _limits(model: Model) -> str:
    few = (
        f"with fewer than {model.min_words} known words, or with less than "
        f"{percent(model.min_coverage)} of its words known (another language, another "
        "subject), an article "
    )
    if model.mode == "several":
        return few + "gets a note in place of tags."
    return few + "gets a note beside its label, which is then no more than a guess."


_RULE = re.compile(r"^\| `(\w+)` \| (.+) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"^\*\*The test for every sector:\*\* (.+)$", re.MULTILINE)


def _labels(model: Model) -> Iterator[Block]:
    """Yield the labels with their articles, and with their rules where the rules are ours."""
    counts = recorded(model, "corpus").get("positives", {})
    articles = [f"{counts[label]:,}" if label in counts else "–" for label in model.labels]
    pairs = tuple(zip(model.labels, articles, strict=True))
    if not _is_published(model):
        yield "What they mean is known to those who labelled the corpus; nothing else is recorded."
        yield Table(("label", "training articles"), pairs)
        return
    text = resource("data", "SECTORS.md").read_text(encoding="utf-8")
    rules = {label: (Prose(give), Prose(leave)) for label, give, leave in _RULE.findall(text)}
    test = _TEST.search(text)
    said = f" The test for every one: {test[1]}" if test else ""
    yield Prose(f"By the rules of `data/SECTORS.md`.{said}")
    rows = tuple((label, *rules.get(label, ("–", "–")), n) for label, n in pairs)
    yield Table(("label", "give it for", "not for", "training articles"), rows)


def _is_published(model: Model) -> bool:
    """Return whether our own labels of a published corpus were trained on."""
    return not CORPORA.keys().isdisjoint(recorded(model, "corpus").get("names", ()))


# Articles in `data/house`, which join the published corpora.
_HOUSE = ("house", "written for this project; events and quotes are invented", "as the project")
_OWN = ("named on the command line", "not recorded")


def _corpus(model: Model) -> Iterator[Block]:
    """Yield what the model was trained on, its sources and licences as far as they are known."""
    corpus = recorded(model, "corpus")
    if not {"articles", "natural", "none", "sha256"} <= set(corpus):
        yield "Nothing is recorded."
        return
    columns = ("corpus", "sample", "source", "licence", "labelled articles")
    yield Table(columns, tuple(_part_row(model, part) for part in _parts(corpus)))
    yield Prose(
        f"{corpus['articles']:,} labelled articles, {corpus['natural']:,} of them in natural "
        f"samples, {corpus['none']:,} without a label; {corpus.get('unlabelled', 0):,} unlabelled "
        "ones were left out. Auxiliary articles help the fit; cuts, calibration and figures come "
        "from natural samples alone. SHA-256 over ids, texts and labels: "
        f"`{plain(corpus['sha256'])}`."
    )


def _parts(corpus: Figures) -> Sequence[Figures]:
    """Return the parts of the corpus; older models recorded their names alone."""
    parts: Sequence[Figures] = corpus.get("parts") or [
        {"name": name} for name in corpus.get("names", ())
    ]
    return parts


def _part_row(model: Model, part: Figures) -> Row:
    name, (source, licence) = part["name"], _OWN
    if name in CORPORA:
        source, licence = CORPORA[name].about, CORPORA[name].licence
    elif name == _HOUSE[0] and _is_published(model):
        _, source, licence = _HOUSE
    if "natural" not in part:
        return name, "–", source, licence, "–"
    return name, _sample(part), source, licence, f"{part['articles']:,}"


def _sample(part: Figures) -> str:
    """Return how a corpus was used; older models say of ``natural`` only whether, not how many."""
    if not part["natural"]:
        return "auxiliary"
    partly = part["natural"] is not True and part["natural"] < part["articles"]
    return f"natural: {part['natural']:,}" if partly else "natural"


_LABEL_COLUMNS = ("label", "articles", "precision", "recall", "F1", "AP", "ECE", "cut")
_POINT_COLUMNS = ("point", "precision", "recall", "F1", "false tags")
_NUMBERS = ("precision", "recall", "f1", "average_precision", "calibration_error")


def _figure_sections(model: Model, most_labels: int) -> Iterator[Section]:
    """Yield the held-out figures of the training, calibration and known failures."""
    figures = recorded(model, "figures")
    if not figures:
        yield Section("Figures", ("No figures are recorded.",))
        return
    labels = first_rows(_LABEL_COLUMNS, list(_label_rows(model, figures)), most_labels)
    yield Section("Figures", (_origin(model), *labels, _overall(figures)))
    if points := figures.get("points"):
        rows = tuple((name, *_point(each)) for name, each in sorted(points.items()))
        yield Section("Working points", (_ON_POINTS, Table(_POINT_COLUMNS, rows)), level=3)
    if outlets := figures.get("outlets"):
        rows = tuple((e["name"], f"{e['articles']:,}", interval(*e["micro_f1"])) for e in outlets)
        table = Table(("outlet", "articles", "micro-F1"), rows)
        yield Section("By outlet", (_ON_OUTLETS, table), level=3)
    if bins := figures.get("reliability"):
        table = Table(("said", "mean said", "was so", "cases"), tuple(map(_bin, bins)))
        yield Section("Calibration", (_CALIBRATION, table))
    yield Section("Known failures", (Bullets.of(_failures(model, figures)),))


_ON_POINTS = Prose("Which cuts decide: `predict --point`, `tag(point=)`, `point` in a request.")
_ON_OUTLETS = "The outlets with most held-out articles; others of each were trained on."
_CALIBRATION = Prose(
    "What the model said of held-out articles and how often it was so. A case is an article and a "
    "label;\nwere the probabilities perfect, the two columns in the middle would be equal."
)


def _origin(model: Model) -> Prose:
    settings = recorded(model, "settings")
    folds = f"{int(settings['n_folds'])}-fold " if "n_folds" in settings else ""
    return Prose(
        f"From {folds}cross-validation on the articles of natural samples, near-duplicates "
        "kept together, cuts and calibration made without the articles they are judged on. "
        "Settings were chosen on the same folds and outlets are on both sides, so expect less on "
        "articles of other outlets. In brackets 95 % bootstrap intervals. AP is the average "
        "precision, ECE the expected calibration error, *cut* the probability from which a label "
        "is given."
    )


def _label_rows(model: Model, figures: Figures) -> Iterator[Row]:
    for label, cut in zip(model.labels, cut_texts(model), strict=True):
        row = figures["labels"][label]
        numbers = [rounded(row.get(name), 3) for name in _NUMBERS]
        yield label, f"{row['support']:,}", *numbers, cut


def _overall(figures: Figures) -> Prose:
    return Prose(
        f"Micro-F1 **{interval(*figures['micro_f1'])}**, "
        f"macro-F1 **{interval(*figures['macro_f1'])}**."
    )


def _point(figures: Figures) -> Row:
    numbers = (rounded(figures[name], 3) for name in ("precision", "recall", "f1"))
    return *numbers, percent(figures["false_tag_rate"], 1)


def _bin(figures: Figures) -> Row:
    said = f"{100 * figures['from']:.0f}–{100 * figures['to']:.0f} %"
    shares = (percent(figures[name], 1) for name in ("probability", "present"))
    return said, *shares, f"{figures['cells']:,}"


def _failures(model: Model, figures: Figures) -> Iterator[Prose]:
    labels = {plain(label): figures["labels"][label] for label in model.labels}
    yield from _weakest(labels, "f1", min, _weakest_label)
    yield from _weakest(
        labels, "calibration_error", max,
        lambda name, row: f"Probabilities are least reliable for **{name}**: off by "
        f"{percent(row['calibration_error'], 1)} on average.",
    )  # fmt: skip
    outlets = {plain(each["name"]): each for each in figures.get("outlets", ())}
    if len(outlets) > 1:
        name, worst = min(outlets.items(), key=lambda each: _estimate(each[1]))
        yield Prose(f"Weakest outlet: **{name}**, micro-F1 {interval(*worst['micro_f1'])}.")
    if figures["false_tag_rate"] is not None:
        share = percent(figures["false_tag_rate"], 1)
        yield Prose(f"Of the articles without a label, {share} are given one all the same.")
    rare = [name for name, row in labels.items() if row["rare"]]
    if rare:
        yield Prose(f"Too few articles for a cut of its own, so a safe one: {', '.join(rare)}.")
    yield Prose(
        "It knows the words of its corpus: names and affairs that came up later say nothing to "
        "it. `classifier drift` tells when new articles have moved away."
    )


def _weakest(
    labels: Figures, name: str, worst: Callable[..., str], say: Callable[[str, Figures], str]
) -> Iterator[Prose]:
    known = [label for label, row in labels.items() if row.get(name) is not None]
    if known:
        label = worst(known, key=lambda each: labels[each][name])
        yield Prose(say(label, labels[label]))


def _weakest_label(name: str, row: Figures) -> str:
    said = f"Weakest label: **{name}**, F1 {rounded(row['f1'], 3)}"
    if row["precision"] is None or row["recall"] is None:
        return f"{said}."
    missed, false = (f"{100 * (1 - row[figure]):.0f}" for figure in ("recall", "precision"))
    return (
        f"{said}; of 100 articles that have it {missed} are missed, of 100 that are given it "
        f"{false} do not have it."
    )


def _estimate(outlet: Figures) -> float:
    estimate = outlet["micro_f1"][0]
    return 2.0 if estimate is None else float(estimate)


MOST_OUTLETS = 15
_MEASURE = (
    "The figures that count are those on articles like yours which the model has not seen:",
    Code(
        (
            "classifier evaluate FOLDER test.jsonl --out report",
            "classifier card FOLDER --report report/report.json",
        )
    ),
)


def _measured(report: Report) -> Section:
    """Return what an evaluation of the model found."""
    document = report_document(report)
    blocks: list[Block] = [Prose(f"> **Warning:** {plain(each)}") for each in document.warnings]
    blocks += (*document.lead, *document.sections[0].blocks)
    if rows := slice_rows(report, "outlet")[:MOST_OUTLETS]:
        blocks.append(Table(("outlet", *SLICE_COLUMNS[1:]), rows))
    name = report.corpus.name or "a corpus without a name"
    return Section(f"Measured on {name}", tuple(blocks), level=3)


_CHOSEN = ("C", "lead_repeats", "bigrams", "ratio_power", "borderline_weight", "corpus_weights")
_STEPS = Prose("""\
With the same articles, seed and versions, this gives the same bytes whatever `--jobs` is.
Corpora stand here by their names; a name that `classifier corpus fetch` does not know was a file
or folder so called.""")


def _remaking(model: Model) -> Iterator[Block]:
    """Yield command, settings and versions that repeat the training."""
    settings, corpus = recorded(model, "settings"), recorded(model, "corpus")
    if not settings or not corpus.get("names"):
        yield "The training is not recorded."
        return
    yield _STEPS
    yield Code((_command(model, _parts(corpus)),))
    yield Prose("`settings.toml`:")
    # TOML has no word for None, which is the default
    known = {name: value for name, value in sorted(settings.items()) if value is not None}
    yield Code(tuple(f"{name} = {json.dumps(value)}" for name, value in known.items()), "toml")
    versions = recorded(model, "versions")
    made = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
    yield f"Versions: {made or 'not recorded'}."


def _command(model: Model, parts: Sequence[Figures]) -> str:
    aside = [part.get("auxiliary", not part.get("natural", True)) for part in parts]
    words = ["classifier", "train"]
    words += [part["name"] for part, auxiliary in zip(parts, aside, strict=True) if not auxiliary]
    for part in compress(parts, aside):
        words += ["--auxiliary", part["name"]]
    words += ["--settings", "settings.toml", "--out", model.name]
    note = "" if all("natural" in part for part in parts) else "  # auxiliary ones not recorded"
    return shlex.join(words) + note


def _value(value: object) -> str:
    """Return a chosen value, or those of each name, one where all are the same."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, dict):
        return str(value)
    if len(set(value.values())) == 1:
        return str(next(iter(value.values())))
    return ", ".join(f"{each} for {name}" for name, each in sorted(value.items()))


_REASONS = (
    Prose(
        "The model is linear: what each term adds and the bias sum up to the margin, exactly, and "
        "a label\nis given from its cut on."
    ),
    Code(("classifier predict --model FOLDER article.txt --explain",)),
    Prose(
        'In Python `classifier.load("FOLDER").predict([text])[0].explain()["LABEL"]` holds every '
        "term."
    ),
)
