"""How good the tagger is on articles it has not seen; ``make quality`` runs it.

Every figure comes from articles that had no part in fitting, choosing, cutting or calibrating:
the whole training, selection included, runs again inside each training part.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray

from bench.pages import put_between_marks
from classifier.corpus.corpus import Corpus
from classifier.corpus.labels import truth_matrix
from classifier.corpus.read import read_articles
from classifier.corpus.split import leave_one_source_out, stratified_folds, time_split
from classifier.evaluation.bootstrap import bootstrap_f1, paired_bootstrap
from classifier.evaluation.metrics import (
    average_precision,
    expected_calibration_error,
    false_tag_rate,
    per_label,
)
from classifier.model.model import Model
from classifier.published.sources import load_corpus
from classifier.training.count import CountedCorpus, tfidf
from classifier.training.settings import Settings
from classifier.training.train import count_articles, fit_model

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "quality.json"
UNSEEN = "unseen outlet"
PAGES = {"README.md": "summary", "docs/quality.md": "full", "models/sectors/README.md": "card"}

CARD_SAYS = (
    "Trainings like this one (`make quality`), each on articles that had no part in it; *unseen",
    "outlet* is what to expect on articles of your own. The plain baseline is a unigram tf-idf",
    "LinearSVC in the same run.",
)

Rows = NDArray[np.int64]
Matrix = NDArray[np.float64]

# The plain way: unigrams, sublinear tf-idf, LinearSVC with C=1, one cut a label by smoothed F1,
# trained on the natural corpus alone.
BASELINE = Settings(
    C=(1.0,),
    lead_repeats=(0,),
    fold_plurals=False,
    idf="smooth",
    borderline_weight=(1.0,),
    thresholds="smoothed-f1",
    max_false_tags=1.0,
)


@dataclass(frozen=True)
class Split:
    """Articles to train on and articles to test on, as row numbers."""

    scheme: str
    part: str
    train: Rows
    test: Rows


def main() -> None:
    """Measure everything and write the results, the tables and the README's part.

    With ``--pages`` nothing is measured: the pages get the results that are there.
    """
    if "--pages" in sys.argv:
        write_pages(json.loads(RESULTS.read_text()))
        return
    counted, plain_counted = counted_corpora(Settings()), counted_corpora(BASELINE)
    labels = counted.label_names
    Y = truth_matrix(counted.labels, labels)
    splits = list(all_splits(counted, Y))
    jobs = [(split, plain) for split in splits for plain in (False, True)]
    outcomes = joblib.Parallel(n_jobs=2, verbose=5)(
        joblib.delayed(outcome)(plain_counted if plain else counted, split, plain=plain)
        for split, plain in jobs
    )
    results = {"labels": labels, "schemes": {}}
    results["corrections"] = corrections(counted, plain_counted, splits, jobs, outcomes)
    for scheme in dict.fromkeys(split.scheme for split in splits):
        ours = collected(jobs, outcomes, scheme, plain=False)
        plain = collected(jobs, outcomes, scheme, plain=True)
        results["schemes"][scheme] = figures(ours, plain, Y, counted, labels)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write_pages(results)


def corrections(counted, plain_counted, splits, jobs, outcomes):  # type: ignore[no-untyped-def]
    """Return the micro-F1 on unseen outlets by the labels trained on and judged by.

    It keeps what better labels did apart from what better methods did.
    """
    unseen = [split for split in splits if split.scheme == UNSEEN]
    former = {plain: labels_before(c) for plain, c in ((False, counted), (True, plain_counted))}
    again = joblib.Parallel(n_jobs=2, verbose=5)(
        joblib.delayed(outcome)(former[plain], split, plain=plain)
        for split in unseen
        for plain in (False, True)
    )
    before = [(split, plain) for split in unseen for plain in (False, True)]
    names = counted.label_names
    truths = {
        "corrected": truth_matrix(counted.labels, names),
        "before": truth_matrix(former[False].labels, names),
    }
    table = {}
    for trained, runs, outs in (("corrected", jobs, outcomes), ("before", before, again)):
        for plain in (False, True):
            out = collected(runs, outs, UNSEEN, plain=plain)
            for judged, truth in truths.items():
                figure = _f1(truth[out.rows], out.given, counted.groups[out.rows])
                table[f"{'plain' if plain else 'ours'}, {trained}, {judged}"] = figure
    return table


def labels_before(counted: CountedCorpus) -> CountedCorpus:
    """Return the corpora with the labels as they were before the corrections."""
    place = {
        (counted.corpora[corpus], id): i
        for i, (corpus, id) in enumerate(zip(counted.corpus, counted.ids, strict=True))
    }
    labels = list(counted.labels)
    with (ROOT / "data" / "label_changes.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            i = place.get((row["corpus"], row["article_id"]))
            if i is not None:
                sector = frozenset({row["sector"]})
                present = labels[i].present
                was = present | sector if row["before"] == "present" else present - sector
                labels[i] = replace(labels[i], present=was)
    return replace(counted, labels=labels)


def counted_corpora(settings: Settings) -> CountedCorpus:
    """Count the natural corpus, then what only helps the fit."""
    corpora = [
        Corpus("news_articles", load_corpus("news_articles")),
        Corpus("allsides", load_corpus("allsides"), natural=False),
    ]
    if "--without-house" not in sys.argv:
        house = read_articles([ROOT / "data" / "house"])
        corpora.append(Corpus("house", house, natural=False))
    return count_articles(corpora, settings)


def all_splits(counted: CountedCorpus, Y: Matrix) -> Iterator[Split]:
    """Yield every split; near-duplicates of test articles never stay on the training side."""
    natural = np.flatnonzero(counted.natural)
    extra = np.flatnonzero(~counted.natural)
    groups = counted.groups[natural]
    sources = [counted.sources[i] for i in natural]
    for source, train, test in leave_one_source_out(sources, groups):
        yield Split(UNSEEN, source, _joined(natural[train], extra), natural[test])
    folds = stratified_folds(Y[natural], groups, n_folds=5, seed=1)
    for fold in range(5):
        train, test = natural[folds != fold], natural[folds == fold]
        yield Split("nested cross-validation", f"fold {fold + 1}", _joined(train, extra), test)
    dates = [counted.dates[i] for i in natural]
    train, test = time_split(dates, test_share=0.25, groups=groups)
    yield Split("later articles", "last quarter", _joined(natural[train], extra), natural[test])
    allsides = extra[[counted.sources[i] != "house" for i in extra]]
    yield Split("other source: news_articles → allsides", "all", natural, allsides)
    yield Split("other source: allsides → news_articles", "all", allsides, natural)


def _joined(train: Rows, extra: Rows) -> Rows:
    return np.concatenate([train, extra])


def outcome(
    counted: CountedCorpus, split: Split, *, plain: bool
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Train on one side; return probabilities and tags of the other, (n_test, n_labels)."""
    train = counted.select(split.train)
    if split.scheme == "other source: allsides → news_articles":
        train = replace(train, natural=np.ones(len(train), dtype=bool))
    elif plain:
        train = train.select(np.flatnonzero(train.natural))
    model = fit_model(train, BASELINE if plain else Settings())
    margins = margins_of(model, counted, split.test)
    return model.calibration(margins), margins >= model.cuts


def margins_of(model: Model, counted: CountedCorpus, rows: Rows) -> Matrix:
    """Return the model's margins of counted articles, shape (n_rows, n_labels)."""
    column = {term: i for i, term in enumerate(counted.vocabulary)}
    columns = [column[term] for term in model.vocabulary]
    counts = counted.counts(model.analyzer.lead_repeats)[rows][:, columns]
    return tfidf(counts, model.idf.astype(float)) @ model.weights.astype(float) + model.bias


@dataclass(frozen=True)
class Outcomes:
    """Test articles of one scheme with what was said of them."""

    rows: Rows
    parts: list[str]
    probabilities: Matrix
    given: NDArray[np.bool_]


def collected(jobs, outcomes, scheme: str, *, plain: bool) -> Outcomes:  # type: ignore[no-untyped-def]
    """Put the parts of one scheme together."""
    mine = [
        (split, out)
        for (split, was_plain), out in zip(jobs, outcomes, strict=True)
        if split.scheme == scheme and was_plain == plain
    ]
    return Outcomes(
        np.concatenate([split.test for split, _ in mine]),
        [split.part for split, _ in mine for _ in split.test],
        np.concatenate([probabilities for _, (probabilities, _) in mine]),
        np.concatenate([given for _, (_, given) in mine]),
    )


def figures(
    ours: Outcomes, plain: Outcomes, Y: Matrix, counted: CountedCorpus, labels: tuple[str, ...]
) -> dict[str, object]:
    """Return the figures of one scheme, ours beside the plain baseline, as JSON types."""
    truth, groups = Y[ours.rows], counted.groups[ours.rows]
    parts = np.array(ours.parts)
    gain = paired_bootstrap(truth, plain.given, ours.given, groups=groups)
    return {
        "articles": len(truth),
        "ours": summary(truth, ours, groups, labels),
        "plain": summary(truth, plain, groups, labels),
        "gain": [gain.estimate, gain.low, gain.high],
        "parts": {
            part: _f1(truth[parts == part], ours.given[parts == part], groups[parts == part])
            for part in dict.fromkeys(ours.parts)
        },
        "plain_parts": {
            part: _f1(truth[parts == part], plain.given[parts == part], groups[parts == part])
            for part in dict.fromkeys(plain.parts)
        },
    }


def summary(
    truth: Matrix, out: Outcomes, groups: Rows, labels: tuple[str, ...]
) -> dict[str, object]:
    """Return the headline figures of one run over one scheme."""
    ece = expected_calibration_error(truth, out.probabilities)
    f1 = bootstrap_f1(truth, out.given, groups=groups)
    return {
        "micro_f1": [f1["micro"].estimate, f1["micro"].low, f1["micro"].high],
        "macro_f1": [f1["macro"].estimate, f1["macro"].low, f1["macro"].high],
        "mean_average_precision": float(np.nanmean(average_precision(truth, out.probabilities))),
        "false_tag_rate": false_tag_rate(truth, out.given).value,
        "labels": {
            row.label: {
                "support": row.support,
                "precision": row.precision,
                "recall": row.recall,
                "f1": row.f1,
                "average_precision": row.average_precision,
                "calibration_error": float(ece[k]),
            }
            for k, row in enumerate(per_label(truth, out.given, out.probabilities, labels))
        },
    }


def _f1(truth: Matrix, given: NDArray[np.bool_], groups: Rows) -> list[float]:
    micro = bootstrap_f1(truth, given, groups=groups)["micro"]
    return [micro.estimate, micro.low, micro.high, len(truth)]


def write_pages(results: dict) -> None:  # type: ignore[type-arg]
    """Put the tables between the marks in the README and the docs."""
    for page, kind in PAGES.items():
        put_between_marks(ROOT / page, "quality", table(results, kind))


def table(results: dict, kind: str) -> str:  # type: ignore[type-arg]
    """Return the results as Markdown."""
    lines = [
        "| judged on | articles | micro-F1 | macro-F1 | plain baseline | gain |",
        "|---|---:|---|---|---|---|",
    ]
    for scheme, f in results["schemes"].items():
        ours, plain = f["ours"], f["plain"]
        lines.append(
            f"| {scheme} | {f['articles']:,} | **{_interval(ours['micro_f1'])}** "
            f"| {_interval(ours['macro_f1'])} | {_interval(plain['micro_f1'])} "
            f"| {_signed(f['gain'])} |"
        )
    if kind == "card":
        lines = [*CARD_SAYS, "", *lines]
    if kind == "full":
        lines += ["", *_corrections(results["corrections"])]
        for scheme, f in results["schemes"].items():
            lines += ["", *_details(scheme, f)]
    return "\n".join(lines)


def _corrections(table: dict) -> list[str]:  # type: ignore[type-arg]
    lines = [
        "### what corrected labels did, and what methods did",
        "",
        "Micro-F1 on unseen outlets. Down a column the judge is the same: the first two rows tell "
        "what training on corrected labels did, against the plain rows what the method did.",
        "",
        "| method | trained on labels | judged by the labels before | judged by corrected labels |",
        "|---|---|---|---|",
    ]
    for method in ("ours", "plain"):
        for trained in ("corrected", "before"):
            cells = [table[f"{method}, {trained}, {judged}"] for judged in ("before", "corrected")]
            shown = " | ".join(_interval(cell[:3]) for cell in cells)
            lines.append(f"| {method} | {trained} | {shown} |")
    return lines


def _details(scheme: str, f: dict) -> list[str]:  # type: ignore[type-arg]
    lines = [
        f"### {scheme}",
        "",
        f"Articles without a label that were given one: {f['ours']['false_tag_rate']:.1%} "
        f"(plain {f['plain']['false_tag_rate']:.1%}). Mean average precision "
        f"{f['ours']['mean_average_precision']:.3f} "
        f"(plain {f['plain']['mean_average_precision']:.3f}).",
        "",
        "| label | articles | precision | recall | F1 | plain F1 | AP | calibration error |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for label, row in f["ours"]["labels"].items():
        lines.append(
            f"| {label} | {row['support']} | {row['precision']:.3f} | {row['recall']:.3f} "
            f"| {row['f1']:.3f} | {f['plain']['labels'][label]['f1']:.3f} "
            f"| {row['average_precision']:.3f} | {row['calibration_error']:.1%} |"
        )
    if len(f["parts"]) > 1:
        lines += ["", "| part | articles | micro-F1 |", "|---|---:|---|"]
        lines += [f"| {p} | {n} | {_interval(v)} |" for p, (*v, n) in f["parts"].items()]
    return lines


def _interval(values: list[float]) -> str:
    return "{:.3f} ({:.3f}–{:.3f})".format(*values)


def _signed(values: list[float]) -> str:
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(*values)


if __name__ == "__main__":
    main()
