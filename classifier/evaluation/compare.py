"""Two models, or a model and its own past, on the same articles."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.corpus.read import labelled_articles
from classifier.errors import ModelError, listed
from classifier.evaluation.bootstrap import F1Changes, Interval, paired_f1_changes
from classifier.evaluation.judge import PairedJudgement, judge_pair
from classifier.evaluation.metrics import (
    IntArray,
    Share,
    confusion,
    expected_calibration_error,
    f1_of,
    false_tag_rate,
    known_mean,
    macro_f1,
    micro_f1,
)
from classifier.evaluation.report import json_value
from classifier.fields import Articles
from classifier.model.folder import as_model, encoded
from classifier.model.model import Model
from classifier.model.prediction import Explanation
from classifier.pages.document import (
    Block,
    Bullets,
    Document,
    Section,
    Table,
    percent,
    rounded,
    signed,
)

__all__ = [
    "ArticleChange",
    "ChangedTag",
    "Comparison",
    "InBoth",
    "LabelChange",
    "Side",
    "TermChange",
    "Turned",
    "compare",
    "comparison_document",
    "strongest",
    "turned_articles",
]


# As many terms as a reader takes in at a glance.
TOP = 8


def turned_articles(judgement: PairedJudgement) -> tuple[Turned, IntArray, IntArray]:
    """Return the counts of right articles and the rows of those fixed, and of those broken.

    An article is right when all its known cells are. The test is McNemar's (1947) in its exact
    form: under chance, fixed and broken articles fall like a coin.
    """
    from scipy.stats import binomtest

    right_a, right_b = (~wrong.any(axis=1) for wrong in judgement.wrong)
    fixed, broken = np.flatnonzero(right_b & ~right_a), np.flatnonzero(right_a & ~right_b)
    n = len(fixed) + len(broken)
    turned = Turned(
        both_right=int((right_a & right_b).sum()),
        fixed=len(fixed),
        broken=len(broken),
        both_wrong=int((~right_a & ~right_b).sum()),
        p_value=float(binomtest(len(fixed), n, 0.5).pvalue) if n else 1.0,
    )
    return turned, fixed, broken


def strongest(judgement: PairedJudgement, rows: IntArray, n: int) -> IntArray:
    """Return the n of `rows` in which the probability of a changed tag moved furthest."""
    moved = np.abs(judgement.scores[1] - judgement.scores[0])[rows]
    furthest = np.where(judgement.changed[rows], moved, 0).max(axis=1, initial=0)
    return rows[np.argsort(-furthest, kind="stable")[:n]]


def _examples(
    models: Sequence[Model], judgement: PairedJudgement, rows: IntArray, n: int
) -> tuple[ArticleChange, ...]:
    chosen = strongest(judgement, rows, n).tolist()
    return tuple(_article_change(models, judgement, row) for row in chosen)


def _article_change(models: Sequence[Model], judgement: PairedJudgement, row: int) -> ArticleChange:
    """Return an article with every tag that changed and the terms behind it."""
    place, reading = int(judgement.places[row]), judgement.reading
    article, (note_a, note_b) = reading.articles[place], reading.notes[place]
    a, b = (model.explain(reading.text(place)) for model in models)
    tags = tuple(
        _changed_tag(judgement, row, int(k), a[judgement.labels[k]], b[judgement.labels[k]])
        for k in np.flatnonzero(judgement.changed[row])
    )
    return ArticleChange(place + 1, article.id, article.title, note_a, note_b, tags)


def _changed_tag(
    judgement: PairedJudgement, row: int, k: int, a: Explanation, b: Explanation
) -> ChangedTag:
    return ChangedTag(
        label=judgement.labels[k],
        present=bool(judgement.truth[row, k] == 1),
        given_b=bool(judgement.given[1, row, k]),
        score=InBoth(*judgement.scores[:, row, k].tolist()),
        margin=InBoth(a.margin, b.margin),
        bias=InBoth(a.bias, b.bias),
        cut=InBoth(a.cut, b.cut),
        terms=_term_changes(a, b)[:TOP],
    )


def _term_changes(a: Explanation, b: Explanation) -> tuple[TermChange, ...]:
    """Return every term of either explanation that changed, the largest change first."""
    in_a, in_b = ({c.term: c.value for c in each.contributions} for each in (a, b))
    terms = dict.fromkeys([*in_a, *in_b])
    changes = [TermChange(term, in_a.get(term, 0.0), in_b.get(term, 0.0)) for term in terms]
    changed = [change for change in changes if change.change]
    return tuple(sorted(changed, key=lambda change: (-abs(change.change), change.term)))


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models and its own figures, on the labels that both know.

    Parameters
    ----------
    model : str
        Name and short hash.
    n_labels, n_terms, n_bytes : int
        Labels and terms of the whole model, and what its arrays take on disk.
    articles_per_second : float
        How fast it tagged, cleaning of the text included, on one core.
    micro_f1, macro_f1 : float
    false_tags : Share
        Articles given any tag, of those known to have none of the labels.
    calibration_error : float
        Expected calibration error, mean of the labels.
    """

    model: str
    n_labels: int
    n_terms: int
    n_bytes: int
    articles_per_second: float
    micro_f1: float
    macro_f1: float
    false_tags: Share
    calibration_error: float


@dataclass(frozen=True, slots=True)
class LabelChange:
    """How one label did: F1 of both, known cells that b alone has right (fixed), or a alone."""

    label: str
    support: int
    f1_a: float
    f1_b: float
    change: Interval
    fixed: int
    broken: int
    calibration_error_a: float
    calibration_error_b: float


@dataclass(frozen=True, slots=True)
class Turned:
    """Articles whose every known cell is right, by which of the models has them so.

    Parameters
    ----------
    both_right, fixed, broken, both_wrong : int
        `fixed` are right by b alone, `broken` by a alone.
    p_value : float
        Of the exact McNemar test: how often chance alone would divide the fixed and broken
        articles so unevenly or worse. 1 when there are none.
    """

    both_right: int
    fixed: int
    broken: int
    both_wrong: int
    p_value: float


@dataclass(frozen=True, slots=True)
class TermChange:
    """What a term adds to a label's margin in each model, 0 in one that does not know it."""

    term: str
    a: float
    b: float

    @property
    def change(self) -> float:
        """How much more it adds in b."""
        return self.b - self.a


@dataclass(frozen=True, slots=True)
class InBoth:
    """The same number in both models."""

    a: float
    b: float


@dataclass(frozen=True, slots=True)
class ChangedTag:
    """A label that one model gives an article and the other does not.

    Parameters
    ----------
    label : str
    present : bool
        Whether the article has it.
    given_b : bool
        Whether b gives it; a does the opposite.
    score : InBoth
        Probabilities.
    margin, bias, cut : InBoth
        As in `classifier.model.prediction.Explanation`: bias and all terms add up to the margin.
    terms : tuple of TermChange
        The terms whose contributions differ most.
    """

    label: str
    present: bool
    given_b: bool
    score: InBoth
    margin: InBoth
    bias: InBoth
    cut: InBoth
    terms: tuple[TermChange, ...]


@dataclass(frozen=True, slots=True)
class ArticleChange:
    """An article that was fixed or broken, with every tag that changed.

    Parameters
    ----------
    place : int
        Where it stood in the corpus, counted from 1.
    id, title : str
    note_a, note_b : str
        Why a model would not judge it, else empty.
    tags : tuple of ChangedTag
    """

    place: int
    id: str
    title: str
    note_a: str
    note_b: str
    tags: tuple[ChangedTag, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same articles.

    Parameters
    ----------
    a, b : Side
    n_articles : int
        Articles read.
    n_judged : int
        Those of which a label that both models know is known; all figures rest on them.
    n_separate : int
        Judged articles, near-duplicates counted as one.
    micro, macro : Interval
        How much higher the F1 of b is, with its interval.
    labels : tuple of LabelChange
        In the order of a.
    only_a, only_b : tuple of str
        Labels of one model alone; they take part in no figure.
    unjudged : tuple of str
        Labels that both know and the corpus says nothing of.
    turned : Turned
    fixed, broken : tuple of ArticleChange
        The strongest few, by how far a changed tag's probability moved.
    """

    a: Side
    b: Side
    n_articles: int
    n_judged: int
    n_separate: int
    micro: Interval
    macro: Interval
    labels: tuple[LabelChange, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    unjudged: tuple[str, ...]
    turned: Turned
    fixed: tuple[ArticleChange, ...]
    broken: tuple[ArticleChange, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types: 6 decimals, null for what nothing speaks for."""
        content: Any = json_value(self)
        for name in ("a", "b"):
            content[name]["false_tags"]["value"] = json_value(getattr(self, name).false_tags.value)
        return content  # type: ignore[no-any-return]


TERMS_SHOWN = 5


def comparison_document(comparison: Comparison) -> Document:
    """Return the whole comparison as a document."""
    a, b = comparison.a, comparison.b
    says = (
        f"A is {a.model}, B is {b.model}: {comparison.n_judged:,} of {comparison.n_articles:,} "
        f"articles judged, {comparison.n_separate:,} when near-duplicates count as one. "
        "Changes are those of B over A, with 95 % paired bootstrap intervals."
    )
    sections = (
        Section("Labels", (_label_table(comparison),)),
        Section("Articles", tuple(_turned(comparison.turned))),
        *(
            Section(f"Strongest {name}", (Bullets(tuple(map(_article_item, changes))),))
            for name, changes in (("fixed", comparison.fixed), ("broken", comparison.broken))
            if changes
        ),
    )
    lead: list[Block] = [says, *_left_out(comparison), _figure_table(comparison)]
    return Document("comparison", f"{a.model} against {b.model}", tuple(lead), sections)


def _left_out(comparison: Comparison) -> Iterator[str]:
    for what, labels in (
        ("only A knows", comparison.only_a),
        ("only B knows", comparison.only_b),
        ("the corpus says nothing of", comparison.unjudged),
    ):
        if labels:
            yield f"Left out, as {what} them: {listed(labels)}."


def _figure_table(comparison: Comparison) -> Table:
    a, b = comparison.a, comparison.b
    false_tags = (percent(side.false_tags.value, 1) for side in (a, b))
    rows = (
        ("micro-F1", *_numbers(a.micro_f1, b.micro_f1), signed(*_bounds(comparison.micro))),
        ("macro-F1", *_numbers(a.macro_f1, b.macro_f1), signed(*_bounds(comparison.macro))),
        ("articles without a label given one", *false_tags, ""),
        ("calibration error", *_numbers(a.calibration_error, b.calibration_error), ""),
        ("labels", f"{a.n_labels}", f"{b.n_labels}", ""),
        ("terms", f"{a.n_terms:,}", f"{b.n_terms:,}", ""),
        ("size", f"{a.n_bytes / 1e6:.1f} MB", f"{b.n_bytes / 1e6:.1f} MB", ""),
        ("articles a second", *(f"{side.articles_per_second:,.0f}" for side in (a, b)), ""),
    )
    return Table(("", "A", "B", "change"), rows)


def _label_table(comparison: Comparison) -> Table:
    rows = tuple(
        (
            row.label,
            f"{row.support:,}",
            *_numbers(row.f1_a, row.f1_b),
            signed(*_bounds(row.change)),
            f"{row.fixed:,}",
            f"{row.broken:,}",
            *_numbers(row.calibration_error_a, row.calibration_error_b),
        )
        for row in comparison.labels
    )
    columns = ("label", "articles", "F1 A", "F1 B", "change", "fixed", "broken", "ECE A", "ECE B")
    return Table(columns, rows)


def _turned(turned: Turned) -> Iterator[str | Table]:
    counts = (turned.both_right, turned.fixed, turned.broken, turned.both_wrong)
    columns = ("right in both", "fixed by B", "broken by B", "wrong in both")
    yield Table(columns, (tuple(f"{n:,}" for n in counts),))
    yield (
        "An article is right when all its known labels are. Exact McNemar test: "
        f"p = {turned.p_value:.3g}."
    )


def _article_item(change: ArticleChange) -> tuple[str, tuple[str, ...]]:
    notes = (("A", change.note_a), ("B", change.note_b))
    under = [f"{letter}: {note}" for letter, note in notes if note]
    name = f"{change.id or f'article {change.place}'}  {change.title}".rstrip()
    return name, (*under, *map(changed_tag_line, change.tags))


def changed_tag_line(tag: ChangedTag) -> str:
    """Return what happened to a tag and the terms that moved most, as one line."""
    verb = "given" if tag.given_b else "taken away"
    rightly = "rightly" if tag.given_b == tag.present else "wrongly"
    terms = ", ".join(f"{t.term} {t.a:+.2f} → {t.b:+.2f}" for t in tag.terms[:TERMS_SHOWN])
    # With the same terms behind it, only bias or cut can have changed the tag.
    why = terms or f"no term changed; cut {tag.cut.a:+.2f} → {tag.cut.b:+.2f}"
    return f"{tag.label} {rightly} {verb}, {tag.score.a:.2f} → {tag.score.b:.2f}: {why}"


def _bounds(change: Interval) -> tuple[float, float, float]:
    return change.estimate, change.low, change.high


def _numbers(*values: float) -> list[str]:
    return [rounded(value, 3) for value in values]


def compare(
    a: Model | Path | str,
    b: Model | Path | str,
    articles: Articles | Path | str,
    *,
    n_examples: int = 5,
    repeats: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Return how two models do on the same labelled articles.

    The articles are read once, as a stream. Figures are of the labels that both models know and
    of cells that are known; near-duplicates are resampled together.

    Parameters
    ----------
    a, b : Model, path or str
        The old and the new one, their folders, or names of shipped ones; they may be the same.
    articles : iterable of Article or mapping, path, or data frame
        Neither model should have been trained on them.
    n_examples : int
        How many fixed and how many broken articles to explain.
    repeats : int
        Resamples of the bootstrap intervals.
    seed : int
        Of the resamples.

    Raises
    ------
    ModelError
        If the models share no label.
    CorpusError
        If no article says anything of a label that both know.
    """
    a, b = as_model(a), as_model(b)
    shared = _shared_labels(a, b)
    with tempfile.TemporaryFile() as spool:
        judgement = judge_pair((a, b), labelled_articles(articles), shared, spool)
        turned, *changed = turned_articles(judgement)
        fixed, broken = (_examples((a, b), judgement, rows, n_examples) for rows in changed)
    truth, given, groups = judgement.truth, judgement.given, judgement.groups
    changes = paired_f1_changes(truth, *given, groups=groups, repeats=repeats, seed=seed)
    return Comparison(
        a=_side(0, a, judgement),
        b=_side(1, b, judgement),
        n_articles=len(judgement.reading.articles),
        n_judged=len(judgement.places),
        n_separate=len(np.unique(groups)),
        micro=changes.micro,
        macro=changes.macro,
        labels=_label_changes(judgement, changes),
        only_a=_without(a.labels, shared),
        only_b=_without(b.labels, shared),
        unjudged=_without(shared, judgement.labels),
        turned=turned,
        fixed=fixed,
        broken=broken,
    )


def _without(labels: Iterable[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(label for label in labels if label not in others)


def _shared_labels(a: Model, b: Model) -> tuple[str, ...]:
    shared = tuple(label for label in a.labels if label in b.labels)
    if not shared:
        raise ModelError(
            f"{a.signature} and {b.signature} share no label ({listed(a.labels)}; "
            f"{listed(b.labels)}). Compare models of the same labels."
        )
    return shared


def _side(number: int, model: Model, judgement: PairedJudgement) -> Side:
    truth, given, reading = judgement.truth, judgement.given[number], judgement.reading
    errors = expected_calibration_error(truth, judgement.scores[number])
    return Side(
        model=model.signature,
        n_labels=len(model.labels),
        n_terms=len(model.vocabulary),
        n_bytes=sum(map(len, encoded(model).values())),
        articles_per_second=len(reading.articles) / float(reading.seconds[number]),
        micro_f1=micro_f1(truth, given),
        macro_f1=macro_f1(truth, given),
        false_tags=false_tag_rate(truth, given),
        calibration_error=float(known_mean(errors)),
    )


def _label_changes(judgement: PairedJudgement, changes: F1Changes) -> tuple[LabelChange, ...]:
    counts = [confusion(judgement.truth, given) for given in judgement.given]
    wrong_a, wrong_b = judgement.wrong
    columns = (
        judgement.labels,
        (counts[0].tp + counts[0].fn).tolist(),
        *(f1_of(each.tp, each.fp, each.fn).tolist() for each in counts),
        changes.labels,
        (wrong_a & ~wrong_b).sum(axis=0).tolist(),
        (wrong_b & ~wrong_a).sum(axis=0).tolist(),
        *(expected_calibration_error(judgement.truth, p).tolist() for p in judgement.scores),
    )
    return tuple(LabelChange(*row) for row in zip(*columns, strict=True))
