"""What each setting and each part of the data does, alone; part of ``make bench-quality``.

Every variant trains once without each outlet of NewsArticles and once without each source of the
world corpora, as `bench.quality` does, and is compared with the base on the same articles.
Selection is off, so that only the named thing differs. With words, only variants whose names hold
one of them run, and the others keep their results; ``--curve`` draws the curve of house articles.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from bench.readme import put_between_marks
from bench.unseen import HOUSE, LEFT_OUT, OUTLETS, ROOT, SOURCES, WORLD, News, Split, gather, splits
from classifier.corpus.folds import stratified_folds
from classifier.evaluation.bootstrap import paired_bootstrap
from classifier.evaluation.metrics import average_precision, false_tag_rate, micro_f1
from classifier.pages.document import markdown_table, signed
from classifier.training.choose import Fold
from classifier.training.count import tfidf
from classifier.training.cuts import choose_thresholds
from classifier.training.fit import (
    Candidate,
    Rows,
    article_weights,
    fit_linear,
    fold_idf,
    ratio_scales,
)
from classifier.training.settings import Settings

RESULTS = ROOT / "bench" / "results" / "variants.json"
PAGE = ROOT / "docs" / "variants.md"
BASE = "the base"
HOUSE_ARTICLES = (0, 300, 600, 1200, 2400, 4800)

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]
Fits = list[tuple[Matrix, Matrix, Matrix]]
N_FOLDS = 5
# Weight of articles of others that are no natural sample.
PICKED = 0.3
# What was fitted is kept: variants that differ in cuts alone share it.
MARGINS: dict[str, Fits] = {}


@dataclass(frozen=True)
class Variant:
    """One change of the base.

    Parameters
    ----------
    candidate : dict
        Fields of `Candidate` that differ.
    counting : dict
        Settings that differ in counting.
    cuts : dict
        Arguments of `choose_thresholds` that differ; the margins are the base's.
    weights : dict of str to float
        Weights of corpora.
    without : tuple of str
        Corpora that are left out of the training.
    left_out : tuple of str
        Corpora that are left out in every other variant too.
    most_house : int or None
        So many articles of ours at most.
    """

    name: str
    candidate: dict[str, Any] = field(default_factory=dict)
    counting: dict[str, Any] = field(default_factory=dict)
    cuts: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    left_out: tuple[str, ...] = LEFT_OUT
    most_house: int | None = None


VARIANTS = (
    Variant(BASE),
    *(Variant(f"ratio_power {p}", {"ratio_power": p}) for p in (0.0, 1.0)),
    *(Variant(f"lead_repeats {n}", {"lead_repeats": n}) for n in (0, 1, 4)),
    Variant("idf smooth", {"idf": "smooth"}),
    *(Variant(f"C {c}", {"C": c}) for c in (0.5, 2.0)),
    Variant("fold_plurals false", counting={"fold_plurals": False}),
    Variant("bigrams true", {"bigrams": True}, {"bigrams": (True,), "pair_min_df": 25}),
    *(Variant(f"borderline_weight {w}", {"borderline_weight": w}) for w in (0.25, 1.0)),
    Variant("auxiliary_weight 0.6", weights=dict.fromkeys(("allsides", *WORLD, HOUSE), 0.6)),
    Variant("auxiliary_weight 1.0", weights=dict.fromkeys(("allsides", *WORLD), 1.0)),
    Variant("cuts smoothed-f1", cuts={"rule": "smoothed-f1"}),
    Variant("cuts micro-macro", cuts={"rule": "micro-macro"}),
    *(Variant(f"max_false_tags {x}", cuts={"max_false_tags": x}) for x in (0.05, 0.075, 0.12, 1.0)),
    Variant("cuts smoothed-f1, no limit", cuts={"rule": "smoothed-f1", "max_false_tags": 1.0}),
    *(Variant(f"without {name}", without=(name,)) for name in WORLD if name not in LEFT_OUT),
    *(Variant(f"with {name}", left_out=tuple({*LEFT_OUT} - {name})) for name in LEFT_OUT),
    Variant("without world", without=WORLD),
    Variant("without allsides", without=("allsides",)),
    Variant("without house", without=(HOUSE,)),
    *(Variant(f"allsides at {w}", weights={"allsides": w}) for w in (0.6, 1.0)),
    *(Variant(f"house at {w}", weights={HOUSE: w}) for w in (0.3, 0.6, 2.0)),
)


@dataclass(frozen=True)
class Outcome:
    """Margins and tags of a scheme's test articles."""

    rows: NDArray[np.int64]
    margins: Matrix
    given: Flags


def main() -> None:
    """Run variants or the curve, and write results and table."""
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if "--curve" in sys.argv:
        n_house = int((counted().corpora == HOUSE).sum())
        sizes = sorted({min(n, n_house) for n in HOUSE_ARTICLES})
        rows = compared([Variant(f"{n}", most_house=n) for n in sizes])
        results["curve"] = [{"house": int(name), **row} for name, row in rows.items()]
    elif "--pages" not in sys.argv:
        named = [v for v in VARIANTS[1:] if not words or any(w in v.name for w in words)]
        rows = results.get("variants", {}) if words else {}
        results["variants"] = rows | compared([VARIANTS[0], *named])
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    put_between_marks(PAGE, "variants", table(results["variants"]))


def compared(variants: list[Variant]) -> dict[str, dict[str, Any]]:
    """Return the figures of every variant on both schemes, and what changed against the first."""
    first: dict[str, Outcome] = {}
    found: dict[str, dict[str, Any]] = {}
    for variant in variants:
        news = counted(**variant.counting)
        found[variant.name] = {}
        for scheme in (OUTLETS, SOURCES):
            out = outcome(news, variant, scheme)
            base = first.setdefault(scheme, out)
            found[variant.name][scheme] = figures(news, base, out)
        print(variant.name, json.dumps(found[variant.name]), flush=True)
    return found


@cache
def counted(**counting: Any) -> News:
    """Return all articles, counted in one way."""
    return gather(replace(Settings(), **counting))


def outcome(news: News, variant: Variant, scheme: str) -> Outcome:
    """Train without each part of a scheme and tag it."""
    parts = [split for split in splits(news, variant.left_out) if split.scheme == scheme]
    fits = f"{scheme}: {replace(variant, name='', cuts={})}"
    if fits not in MARGINS:
        MARGINS[fits] = joblib.Parallel(n_jobs=2)(
            joblib.delayed(margins)(news, variant, split) for split in parts
        )
    given = [
        test >= choose_thresholds(held, truth, **({"max_false_tags": None} | variant.cuts))
        for held, truth, test in MARGINS[fits]
    ]
    return Outcome(
        np.concatenate([split.test for split in parts]),
        np.concatenate([test for _, _, test in MARGINS[fits]]),
        np.concatenate(given),
    )


def margins(news: News, variant: Variant, split: Split) -> tuple[Matrix, Matrix, Matrix]:
    """Return out-of-fold margins and truth of natural articles, and margins of unseen ones."""
    train = split.train[used(news, variant)[split.train]]
    part, Y = news.counted.select(train), news.truth[train]
    weights = {HOUSE: 1.0} | variant.weights
    candidate = Candidate(
        **{"C": 1.0, "lead_repeats": 2, "ratio_power": 0.5, "borderline_weight": 0.5}
        | variant.candidate,
        corpus_weights=tuple(weights.get(name, PICKED) for name in part.corpora),
    )
    folds = np.full(len(part), -1)
    natural = part.natural
    folds[natural] = stratified_folds(Y[natural], part.groups[natural], n_folds=N_FOLDS, seed=0)
    each, held = article_weights(part, candidate), np.full(Y.shape, np.nan)
    for number in range(N_FOLDS):
        fold = Fold.of(part, folds, number, candidate, min_df=Settings.min_df)
        scales = fold.scales(Y, candidate, each)
        held[fold.test], _ = fold.margins(Y, candidate, each, scales)
    idf = fold_idf(part.occurrences(candidate.lead_repeats), part, candidate, Settings.min_df)
    X = Rows.weighed(part, candidate.lead_repeats, idf)
    scales = ratio_scales(X, Y, each, candidate.ratio_power)
    linear = fit_linear(X, Y, [candidate.C] * Y.shape[1], each, scales=scales)
    test = tfidf(news.counted.counts(candidate.lead_repeats)[split.test], idf)
    return held[natural], Y[natural], test @ linear.coef + linear.bias


def used(news: News, variant: Variant) -> Flags:
    """Return which articles a variant may train on."""
    kept: Flags = ~np.isin(news.corpora, variant.without)
    if variant.most_house is not None:
        ours = np.flatnonzero(news.corpora == HOUSE)
        order = np.random.default_rng(0).permutation(ours)
        kept[order[variant.most_house :]] = False
    return kept


def figures(news: News, base: Outcome, out: Outcome) -> dict[str, Any]:
    """Return the figures of a variant on one scheme as JSON types."""
    truth, groups = news.truth[base.rows], news.counted.groups[base.rows]
    gain = paired_bootstrap(truth, base.given, out.given, groups=groups)
    return {
        "micro_f1": micro_f1(truth, out.given),
        "change": [gain.estimate, gain.low, gain.high],
        "mean_average_precision": float(average_precision(truth, out.margins).mean()),
        "false_tags": false_tag_rate(truth, out.given).value,
    }


def table(results: dict[str, Any]) -> str:
    """Return the results as Markdown; changes are against the base, in the first row."""
    base = results[BASE]
    rows = []
    for name, found in results.items():
        cells = [name]
        for scheme in (OUTLETS, SOURCES):
            f, b = found[scheme], base[scheme]
            ranking = f["mean_average_precision"]
            if found is base:
                cells += [f"**{f['micro_f1']:.3f}**", f"{ranking:.4f}", f"{f['false_tags']:.1%}"]
            else:
                moved = ranking - b["mean_average_precision"]
                cells += [signed(*f["change"]), f"{moved:+.4f}", f"{f['false_tags']:.1%}"]
        rows.append(cells)
    columns = ["", "outlets: micro-F1", "mAP", "false tags"]
    return markdown_table([*columns, "sources: micro-F1", "mAP", "false tags"], rows)


if __name__ == "__main__":
    main()
