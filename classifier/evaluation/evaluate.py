"""Model and labelled articles → report."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.article import Progress, no_progress
from classifier.corpus.read import labelled_articles
from classifier.errors import SettingsError, listed, number_of
from classifier.evaluation.bootstrap import Interval, Resampling, ShareInterval, resampled_sums
from classifier.evaluation.judge import Judged, judge
from classifier.evaluation.metrics import commonest, confusions, cooccurrence, f1_counts
from classifier.evaluation.report import (
    LabelReport,
    Report,
    Slice,
    WorstError,
    breakdowns,
    corpus_facts,
    headline,
    label_reports,
    model_facts,
    note_counts,
    ranking,
)
from classifier.fields import Articles
from classifier.model.folder import as_model
from classifier.model.model import Model
from classifier.pages.document import (
    Block,
    Bullets,
    Code,
    Document,
    Figure,
    Folded,
    Marked,
    Row,
    Section,
    Table,
    first_rows,
    interval,
    percent,
    rounded,
)
from classifier.pages.plots import (
    bars_with_intervals,
    heat_map,
    histogram_with_cut,
    precision_recall,
    reliability,
)

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "SLICE_COLUMNS",
    "evaluate",
    "label_figures",
    "report_document",
    "seen_warning",
    "slice_rows",
    "warnings",
]


_LABEL_COLUMNS = (
    "label", "articles", "given", "precision", "recall", "F1", "AP", "ECE", "cut",
)  # fmt: skip
SLICE_COLUMNS = ("", "articles", "micro-F1", "macro-F1", "false tags")


def _subject(report: Report) -> str:
    """Return which model was judged on what, in one line."""
    corpus = report.corpus
    seen = " (SEEN IN TRAINING)" if corpus.seen_in_training else ""
    days = f", {corpus.first_date} to {corpus.last_date}" if corpus.first_date else ""
    return (
        f"{report.model.signature} on {corpus.name or 'a corpus without a name'}{seen}: "
        f"{number_of(corpus.n_articles, 'labelled article')}{days}; "
        f"{corpus.n_untagged:,} without any of the labels, "
        f"{corpus.n_unlabelled:,} unlabelled left out"
    )


# Labelled articles, near-duplicates as one, below which no figure is worth much.
FEW_ARTICLES = 30


def warnings(report: Report) -> list[str]:
    """Return what must be known before a figure is believed."""
    corpus = report.corpus
    said = [seen_warning(report)] if corpus.seen_in_training else []
    if corpus.unknown_labels:
        said.append(
            f"labels that the model does not know are left out: {listed(corpus.unknown_labels)}"
        )
    if corpus.unmentioned_labels:
        said.append(
            "labels that the corpus never mentions are not judged: "
            + listed(corpus.unmentioned_labels)
        )
    return said + list(_too_little(report))


def _too_little(report: Report) -> Iterator[str]:
    """Yield why the figures say little, whatever they are."""
    corpus, known = report.corpus, [label for label in report.labels if label.known]
    if known and all(label.support in (0, label.known) for label in known):
        given = [label.label for label in known if label.support]
        yield (
            f"every article has the same labels ({listed(given) or 'none'}): the figures do not "
            "tell how well the model tells articles apart. Add articles without them."
        )
    if corpus.n_groups < FEW_ARTICLES:
        yield (
            f"only {corpus.n_groups} separate articles are labelled: with fewer than "
            f"{FEW_ARTICLES} even the intervals are a guess."
        )


def seen_warning(report: Report) -> str:
    """Return what it means that the model was trained on the corpus."""
    what = (
        "these very articles"
        if report.corpus.seen_because == "content"
        else f"a corpus called '{report.corpus.name}'"
    )
    return (
        f"THE MODEL WAS TRAINED ON {what}: the figures tell how well it remembers them, not how "
        "well it tags others. Judge it on articles that it has not seen."
    )


def _headline_rows(report: Report) -> tuple[Row, ...]:
    """Return the name and the value of each figure of the whole."""
    h, r = report.headline, report.ranking
    ranked = (
        ", ".join(f"{rounded(value, 3)} at {k}" for k, value in at.items())
        for at in (r.precision_at, r.recall_at)
    )
    return (
        ("micro-F1", _interval(h.micro_f1)),
        ("macro-F1", _interval(h.macro_f1)),
        ("weighted F1", _interval(h.weighted_f1)),
        ("mean average precision", _interval(h.mean_average_precision)),
        ("all labels right", _share(h.exact_match)),
        ("false tags where none is due", _share(h.false_tag_rate)),
        ("mean Brier score", _interval(h.mean_brier)),
        ("largest calibration error", _interval(h.max_calibration_error)),
        *zip(("precision", "recall"), ranked, strict=True),
    )


def _label_rows(report: Report) -> tuple[Row, ...]:
    """Return the cells under `_LABEL_COLUMNS` of each label."""
    return tuple(
        (
            each.label,
            f"{each.support:,}",
            f"{each.predicted:,}",
            rounded(each.precision, 3),
            rounded(each.recall, 3),
            _interval(each.f1),
            rounded(each.average_precision, 3),
            rounded(each.calibration_error, 3),
            rounded(each.cut),
        )
        for each in report.labels
    )


def slice_rows(report: Report, kind: str) -> tuple[Row, ...]:
    """Return the cells under `SLICE_COLUMNS`, by "outlet", "month" or "length"."""
    return tuple(
        (
            each.name,
            f"{each.n_articles:,}",
            _interval(each.micro_f1),
            rounded(each.macro_f1, 3),
            _count(each.false_tag_rate),
        )
        for each in getattr(report.breakdowns, kind)
    )


def _interval(value: Interval) -> str:
    return interval(value.estimate, value.low, value.high)


def _share(value: ShareInterval) -> str:
    return f"{_interval(value)}, {_count(value)}"


def _count(value: ShareInterval) -> str:
    return f"{value.count:,} of {value.of:,}"


MOST_ERRORS = 20
# More labels and rows than this are folded on the page, and more cells not legible on a phone.
_MOST_LABELS, _MOST_ROWS, _MOST_BARS = 12, 15, 40
# What the figures of the whole mean, in their order.
_MEANING = (
    "Precision and recall of all tags in one figure; frequent labels weigh more. 1 is perfect.",
    "The mean F1 of the labels; a rare label weighs as much as a frequent one.",
    "The mean F1 of the labels, each weighed by its articles.",
    "How well articles are ranked, whatever the cut. 1 is perfect.",
    "Articles that got all their labels and no other.",
    "Articles of no label that were given one; lower is better.",
    "The squared error of the probabilities; lower is better.",
    "How far probabilities are from frequencies, on the label where they are furthest.",
    "Labels that are right among the best-scored ones of an article.",
    "Labels of an article that are found among its best-scored ones.",
)


def report_document(
    report: Report, *, most_labels: int | None = None, plots: bool = False
) -> Document:
    """Return the report as a document, with the 20 worst errors.

    Parameters
    ----------
    report : Report
    most_labels : int, optional
        So many labels, the first ones; all when not given.
    plots : bool
        Whether the page is to have its plots, which takes the extra ``report``.
    """
    return Document(
        "evaluation",
        f"{report.model.name} on {report.corpus.name or 'a corpus'}",
        tuple(_lead(report)),
        tuple(_sections(report, most_labels or len(report.labels), plots=plots)),
        tuple(warnings(report)),
    )


def _lead(report: Report) -> Iterator[Block]:
    yield f"{_subject(report)}."
    labels = report.labels
    right = sum(round(each.recall * each.support) for each in labels if each.support)
    given, due = sum(each.predicted for each in labels), sum(each.support for each in labels)
    said = f"{percent(right / given)} of the {given:,} tags given are right" if given else "no tag"
    found = f"; of the {due:,} that were due {percent(right / due)} were found" if due else ""
    yield f"{said}{found}." if given else f"The model gave {said}{found}."
    few = [each.label for each in labels if each.support < FEW_ARTICLES]
    if few and report.corpus.n_groups >= FEW_ARTICLES:
        yield (
            f"Fewer than {FEW_ARTICLES} articles have {listed(few)}: there the figures are rough, "
            "also where an interval is narrow."
        )
    if report.model.mode == "one":
        yield "The model gives exactly one label to each article, so there are no cuts."
    if report.corpus.seen_in_training is None:
        yield "The model does not say what it was trained on; if these articles, it looks too good."
    yield _intervals(report)
    yield Table(("figure", "value"), _headline_rows(report), _MEANING)


def _sections(report: Report, most_labels: int, *, plots: bool) -> Iterator[Section]:
    bars = _label_bars(report.labels) if plots else ()
    table = first_rows(_LABEL_COLUMNS, _label_rows(report), most_labels)
    yield Section("Labels", (*bars, *table))
    if plots:
        yield from _curves(report.labels)
    for kind in ("outlet", "month", "length"):
        if rows := slice_rows(report, kind):
            bars = _slice_bars(report, kind) if plots else ()
            shown: tuple[Block, ...] = (*bars, Table((kind, *SLICE_COLUMNS[1:]), rows))
            if plots and len(rows) > _MOST_ROWS:
                shown = (Folded(f"{len(rows)} rows", shown),)
            yield Section(f"By {kind}", shown)
    if plots and len(report.cooccurrence.labels) > 1:
        yield Section("Labels together", tuple(_cooccurrence_maps(report)))
    if pairs := report.confusions.commonest():
        rows = tuple((said, right, f"{count:,}") for said, right, count in pairs)
        maps = (_confusion_map(report),) if plots else ()
        confused = Table(("said", "right", "articles"), rows)
        yield Section("Given where another was right", (*maps, confused))
    if report.notes:
        rows = tuple((each.note, f"{each.n_articles:,}") for each in report.notes)
        yield Section("Not judged", (Table(("note", "articles"), rows),))
    if report.worst_errors:
        one, marks = report.model.mode == "one", (_ON_MARKS,) if plots else ()
        items = tuple(_error(each, one=one) for each in report.worst_errors[:MOST_ERRORS])
        yield Section("Worst errors", (_ON_ERRORS, *marks, Bullets(items)))
    yield Section("How to repeat it", (Code((_command(report),)), _made_of(report)))


def _intervals(report: Report) -> str:
    how = report.resampling
    if not how.repeats:
        return "No intervals: nothing was resampled."
    return (
        f"In brackets: {percent(how.level)} bootstrap intervals ({how.repeats:,} resamples, "
        f"seed {how.seed}), near-duplicates drawn together."
    )


_ON_ERRORS = (
    "Where the probability was furthest on the wrong side. Some of these may be errors of the "
    "labels, not of the model."
)
_ON_MARKS = (
    "Words underlined full spoke for the label, words underlined dashed against it; the stronger "
    "the colour, the more."
)


def _error(error: WorstError, *, one: bool) -> tuple[str, tuple[str | Marked, ...]]:
    other = "the label given had" if error.kind == "missed" else "the right label had"
    what = other if one else "cut"
    cut = f", {what} {rounded(error.cut, 3)}" if error.cut == error.cut else ""
    words = ", ".join(f"{t.term} {t.contribution:+.2f}" for t in error.terms)
    where = ", ".join(filter(None, (error.id, error.outlet, error.date)))
    verb = "missed" if error.kind == "missed" else "wrongly given"
    note = f" ({error.note})" if error.note else ""
    return f"{error.title or error.id or '(no title)'} ({where or 'no id'})", (
        f"{error.label} {verb}: probability {rounded(error.probability, 3)}{cut}{note}",
        f"words: {words or 'none known'}",
        Marked(error.excerpt, error.marks),
    )


_ON_CURVES = (
    "The first plot of a label: every cut trades precision for recall; the dot is the cut in use, "
    "the dotted line is what guessing would reach. The second: on the dotted line, what the model "
    "calls 70 % is right in 70 of 100 cases; larger dots stand for more articles. The third: "
    "articles with the label upwards, those without downwards, each to its own scale; what is on "
    "the wrong side of the cut is drawn full."
)


def _curves(labels: Sequence[LabelReport]) -> Iterator[Section]:
    f1 = [f"{each.label}: F1 {rounded(each.f1.estimate)}" for each in labels]
    titles = [f"{f1[k]}, {each.support:,} articles" for k, each in enumerate(labels)]
    many, figures = len(labels) > _MOST_LABELS, [(label_figures(each),) for each in labels]
    folded = map(Folded, titles, figures) if many else ()
    yield Section("Cuts and probabilities", (_ON_CURVES, *folded))
    if not many:
        yield from (Section(*each, level=3) for each in zip(titles, figures, strict=True))


def label_figures(label: LabelReport) -> tuple[Figure, Figure, Figure]:
    """Return the precision-recall curve, the reliability curve and the histogram of a label."""
    return _precision_recall(label), _reliability(label), _histogram(label)


def _precision_recall(label: LabelReport) -> Figure:
    curve = label.precision_recall
    at = f"At the cut precision is {rounded(label.precision)} and recall {rounded(label.recall)}"
    said = f"{at}; average precision {rounded(label.average_precision)}."
    plot = precision_recall(
        curve.precision,
        curve.recall,
        title=f"Precision over recall of {label.label}",
        desc=said,
        point=(label.recall, label.precision),
        share=label.support / label.known if label.known else None,
    )
    return Figure(plot, said)


def _reliability(label: LabelReport) -> Figure:
    bins = label.reliability
    said = "; ".join(
        f"{percent(each.mean_probability)} said, {percent(each.share_present)} had it"
        for each in bins
    )
    plot = reliability(
        [each.mean_probability for each in bins],
        [each.share_present for each in bins],
        [each.n for each in bins],
        title=f"Reliability of the probabilities of {label.label}",
        desc=f"From the least probable articles to the most: {said}.",
    )
    error = f"Calibration error {rounded(label.calibration_error, 3)}"
    return Figure(plot, f"{error}, Brier score {rounded(label.brier, 3)}.")


def _histogram(label: LabelReport) -> Figure:
    counts = label.histogram
    said = (
        f"{number_of(label.support, 'article has', 'articles have')} the label, "
        f"{label.known - label.support:,} do not; "
        f"{label.predicted:,} were given it, from {percent(label.cut)} on."
    )
    plot = histogram_with_cut(
        counts.edges,
        counts.present,
        counts.absent,
        cut=label.cut,
        title=f"Probabilities of articles with and without {label.label}",
        desc=said,
    )
    return Figure(plot, said)


def _label_bars(labels: Sequence[LabelReport]) -> tuple[Block, ...]:
    bars = _interval_bars([each.label for each in labels], [e.f1 for e in labels], "F1 per label")
    return (Folded("All labels as bars", (bars,)),) if len(labels) > _MOST_LABELS else (bars,)


def _slice_bars(report: Report, kind: str) -> tuple[Figure, ...]:
    slices: tuple[Slice, ...] = getattr(report.breakdowns, kind)
    if not 2 <= len(slices) <= _MOST_BARS:
        return ()
    intervals = [each.micro_f1 for each in slices]
    return (_interval_bars([each.name for each in slices], intervals, f"Micro-F1 by {kind}"),)


def _interval_bars(names: Sequence[str], intervals: Sequence[Interval], title: str) -> Figure:
    estimates, lows, highs = (
        [getattr(each, end) for each in intervals] for end in ("estimate", "low", "high")
    )
    desc = "Bars with intervals; the same figures stand in the table."
    plot = bars_with_intervals(names, estimates, lows, highs, title=title, desc=desc, x_label="F1")
    return Figure(plot, f"{title}; the thin line is the interval.")


def _cooccurrence_maps(report: Report) -> Iterator[Block]:
    """Yield the maps of truth and of prediction."""
    table = report.cooccurrence
    chosen = _frequent(table.labels, report.labels)
    more = f" Shown are the {len(chosen)} most frequent labels."
    yield (
        "Articles that have both labels; on the diagonal, all that have the label. The two squares "
        "should look alike." + (more if len(chosen) < len(table.labels) else "")
    )
    yield tuple(
        Figure(_map(counts, table.labels, chosen, f"Articles that have both labels, {name}"), name)
        for name, counts in (("in truth", table.truth), ("as predicted", table.predicted))
    )


def _confusion_map(report: Report) -> Figure:
    table = report.confusions
    known = table.labels[:-1]
    chosen = [*_frequent(known, report.labels), len(known)]
    title = "What was said where what was right"
    plot = _map(table.counts, table.labels, chosen, title, said="said", right="right")
    return Figure(plot, "Rows: what the model said. Columns: what was right. None: no label.")


def _frequent(names: Sequence[str], labels: Sequence[LabelReport]) -> list[int]:
    """Return the places of the labels with the most articles, in the order of `names`."""
    support = {each.label: each.support for each in labels}
    by_support = sorted(range(len(names)), key=lambda place: -support.get(names[place], 0))
    return sorted(by_support[:_MOST_LABELS])


def _map(
    counts: Sequence[Sequence[int]],
    names: Sequence[str],
    chosen: Sequence[int],
    title: str,
    *,
    said: str = "",
    right: str = "",
) -> Markup:
    shown = [names[place] for place in chosen]
    return heat_map(
        [[counts[row][column] for column in chosen] for row in chosen],
        shown,
        shown,
        title=title,
        desc="A square of counts, the stronger the colour the more.",
        row_label=said,
        column_label=right,
        plain_diagonal=True,
    )


def _command(report: Report) -> str:
    """Return the command that makes this report, with the names as they were given or nearly so."""
    how = report.resampling
    thresholds = (
        f"--threshold={name}={value:g}" for name, value in report.model.thresholds.items()
    )
    words = ["classifier", "evaluate", report.model.name, report.corpus.name or "CORPUS"]
    options = [f"--repeats={how.repeats}", f"--seed={how.seed}", "--out=report"]
    return shlex.join([*words, *thresholds, *options])


def _made_of(report: Report) -> Table:
    model, corpus, how = report.model, report.corpus, report.resampling
    versions = {name: version(name) for name in ("classifier", "numpy")}
    rows = {
        "model": model.signature,
        "hash": model.hash,
        "articles": f"{corpus.n_articles:,} labelled, {corpus.n_groups:,} when near-duplicates "
        "count as one",
        "intervals": f"bootstrap, {how.repeats:,} draws of groups of near-duplicates, seed "
        f"{how.seed}",
        "report format": str(report.schema_version),
        **versions,
        "Python": platform.python_version(),
    }
    return Table(("what", "value"), tuple(rows.items()))


# Stages after the reading, for the progress.
STAGES = 4


def evaluate(
    model: Model | Path | str,
    articles: Articles | Path | str,
    *,
    name: str = "",
    thresholds: Mapping[str, float] | None = None,
    repeats: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Return how well a model tags labelled articles, with everything that figures rest on.

    Parameters
    ----------
    model : Model, path or str
        A model, its folder, or a shipped one's name.
    articles : iterable of Article or mapping, path, or data frame
        Read once, as a stream. Unlabelled ones are counted and left out; labels that no article
        mentions are unknown, not absent.
    name : str
        What the corpus is called; a model remembers the names of those it was trained on.
    thresholds : mapping of str to float, optional
        Probabilities from which labels are given, instead of the model's own cuts.
    repeats : int
        Resamples of the bootstrap; with none the intervals are NaN.
    seed : int
        Of the resamples. The same articles, in any order, and seed give the same report.
    progress : callable, optional
        Called with the step, how much of it is done, and of how much (0 when not known).

    Raises
    ------
    CorpusError
        When no article is labelled, or model and corpus have no label in common.
    ModelError
        When a threshold names no label of the model or is no probability.
    SettingsError
        When `repeats` or `seed` is below 0.
    """
    if repeats < 0 or seed < 0:
        raise SettingsError(f"repeats is {repeats} and seed {seed}. Choose numbers from 0 on.")
    tick, how = progress or no_progress, Resampling(repeats, seed)
    model, given = as_model(model), labelled_articles(articles)
    judged = judge(model, given, thresholds=thresholds or {}, progress=tick)
    return _report(model, judged, how, tick, name=name, thresholds=thresholds or {})


def _report(
    model: Model,
    judged: Judged,
    how: Resampling,
    tick: Progress,
    *,
    name: str,
    thresholds: Mapping[str, float],
) -> Report:
    truth, predicted = judged.truth, judged.predicted
    cells = f1_counts(truth, predicted)
    resampled = resampled_sums(cells, judged.groups, how.repeats, how.seed)
    tick("resampling", 1, STAGES)
    whole = headline(judged, cells.sum(axis=0), resampled, how)
    tick("resampling", 2, STAGES)
    labels = label_reports(judged, resampled, level=how.level)
    tick("resampling", 3, STAGES)
    parts = breakdowns(judged, how)
    tick("resampling", 4, STAGES)
    shown = commonest(truth)
    shown_labels = [judged.labels[k] for k in shown]
    return Report(
        model=model_facts(model, thresholds),
        corpus=corpus_facts(model, judged, name),
        resampling=how,
        headline=whole,
        ranking=ranking(truth, judged.probabilities),
        labels=labels,
        breakdowns=parts,
        cooccurrence=cooccurrence(truth[:, shown], predicted[:, shown], shown_labels),
        confusions=confusions(truth[:, shown], predicted[:, shown], shown_labels),
        notes=note_counts(judged.notes),
        worst_errors=judged.worst,
    )
