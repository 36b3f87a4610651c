"""Invented reports of any number of labels, for tests of everything that shows a report."""

import numpy as np

from classifier.evaluation.bootstrap import Interval
from classifier.evaluation.report import (
    Breakdowns,
    Confusions,
    Cooccurrence,
    CorpusFacts,
    Headline,
    Histogram,
    LabelReport,
    ModelFacts,
    NoteCount,
    PrecisionRecall,
    Ranking,
    ReliabilityBin,
    Report,
    Resampling,
    ShareInterval,
    Slice,
    TermWeight,
    WorstError,
)

NAN = float("nan")
EXCERPT = "The ambassador opened the pipeline and spoke of gas."


def invented_report(names=("energy", "culture"), *, corpus=None, errors=None, **fields) -> Report:
    """Return a report on these labels; `corpus` changes fields of the corpus facts."""
    values = {
        "model": ModelFacts("tiny", "tiny@0a1b2c3d", "0a1b2c3d" * 8, tuple(names), "several", {}),
        "corpus": corpus_facts(**(corpus or {})),
        "resampling": Resampling(1000, 0, 0.95),
        "headline": headline(),
        "ranking": Ranking({"1": 0.875, "3": 0.5}, {"1": 0.625, "3": 0.9375}),
        "labels": tuple(label_report(name, seed) for seed, name in enumerate(names)),
        "breakdowns": Breakdowns(
            outlet=(slice_of("Valley Herald", 40), slice_of("", 20)),
            month=(slice_of("2031-04", 60),),
            length=(slice_of("under 200 words", 25), slice_of("200 to 399 words", 35)),
        ),
        "cooccurrence": Cooccurrence(tuple(names), counts(len(names)), counts(len(names), 1)),
        "confusions": Confusions((*names, "none"), counts(len(names) + 1, 2)),
        "notes": (NoteCount("too short to judge", 3),),
        "worst_errors": (worst_error(names[0]),) if errors is None else tuple(errors),
    }
    return Report(**values | fields)


def corpus_facts(**fields) -> CorpusFacts:
    """Return facts of a corpus of 60 articles that had no part in the training."""
    values = {
        "name": "valley",
        "n_articles": 60,
        "n_unlabelled": 4,
        "n_groups": 58,
        "n_untagged": 24,
        "first_date": "2031-04-01",
        "last_date": "2031-04-30",
        "unknown_labels": ("weather",),
        "unmentioned_labels": (),
        "seen_in_training": False,
        "seen_because": "",
    }
    return CorpusFacts(**values | fields)


def headline() -> Headline:
    """Return figures that differ from each other in the first two decimals."""
    return Headline(
        micro_f1=Interval(0.81, 0.74, 0.87),
        macro_f1=Interval(0.76, 0.65, 0.83),
        weighted_f1=Interval(0.79, 0.71, 0.85),
        mean_average_precision=Interval(0.88, 0.82, 0.93),
        exact_match=ShareInterval(0.7, 0.58, 0.81, 42, 60),
        false_tag_rate=ShareInterval(0.125, 0.0, 0.27, 3, 24),
        mean_brier=Interval(0.06, 0.04, 0.09),
        max_calibration_error=Interval(0.11, 0.05, 0.19),
    )


def label_report(name, seed=0, **fields) -> LabelReport:
    """Return figures of one label with curves of 40 invented articles."""
    rng = np.random.default_rng(seed)
    present = rng.beta(5, 2, 14)
    absent = rng.beta(1, 6, 26)
    edges = np.linspace(0, 1, 21)
    cuts = np.sort(np.r_[present, absent])
    found = np.array([(present >= cut).sum() for cut in cuts])
    given = np.arange(40, 0, -1)
    values = {
        "label": name,
        "support": 14,
        "predicted": 15,
        "known": 40,
        "cut": 0.4,
        "cut_margin": -0.1,
        "precision": 0.8,
        "recall": 0.857143,
        "f1": Interval(0.83, 0.61, 0.95),
        "average_precision": 0.91,
        "roc_auc": 0.94,
        "brier": 0.073,
        "calibration_error": 0.052,
        "precision_recall": PrecisionRecall(
            tuple((found / given)[::-1].tolist()),
            tuple((found / 14)[::-1].tolist()),
            tuple(cuts[::-1].tolist()),
        ),
        "reliability": (
            ReliabilityBin(0.05, 0.0, 14),
            ReliabilityBin(0.35, 0.3, 13),
            ReliabilityBin(0.8, 0.85, 13),
        ),
        "histogram": Histogram(
            tuple(edges.tolist()),
            tuple(np.histogram(present, edges)[0].tolist()),
            tuple(np.histogram(absent, edges)[0].tolist()),
        ),
    }
    return LabelReport(**values | fields)


def empty_label(name) -> LabelReport:
    """Return the figures of a label that nothing is known of."""
    return label_report(
        name,
        support=0,
        predicted=0,
        known=0,
        cut=NAN,
        cut_margin=NAN,
        precision=NAN,
        recall=NAN,
        f1=Interval(NAN, NAN, NAN),
        average_precision=NAN,
        roc_auc=NAN,
        brier=NAN,
        calibration_error=NAN,
        precision_recall=PrecisionRecall((), (), ()),
        reliability=(),
        histogram=Histogram(tuple(np.linspace(0, 1, 21).tolist()), (0,) * 20, (0,) * 20),
    )


def slice_of(name, n_articles) -> Slice:
    """Return the figures of so many articles."""
    false_tags = ShareInterval(0.1, 0.0, 0.3, 1, 10)
    return Slice(name, n_articles, Interval(0.8, 0.68, 0.9), 0.7, false_tags)


def counts(size, seed=0) -> tuple[tuple[int, ...], ...]:
    """Return a square of small counts."""
    drawn = np.random.default_rng(seed).integers(1, 30, (size, size))
    return tuple(tuple(row) for row in drawn.tolist())


def worst_error(label, **fields) -> WorstError:
    """Return a missed label with one word for it and one against it."""
    values = {
        "id": "v-17",
        "title": "A pipeline opens",
        "outlet": "Valley Herald",
        "date": "2031-04-12",
        "label": label,
        "kind": "missed",
        "probability": 0.07,
        "cut": 0.4,
        "note": "",
        "terms": (TermWeight("gas", 1.5), TermWeight("ambassador", -2.25)),
        "excerpt": EXCERPT,
        "marks": ((4, 14, -2.25), (48, 51, 1.5)),
    }
    return WorstError(**values | fields)
