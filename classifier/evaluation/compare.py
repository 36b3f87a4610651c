"""Two models, or a model and its own past, on the same articles."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

import numpy as np

from classifier.article import Article
from classifier.errors import ModelError
from classifier.evaluation.article_changes import explained_changes, strongest, turned_articles
from classifier.evaluation.comparison import Comparison, LabelChange, Side
from classifier.evaluation.counts import confusion, f1_of, known_mean
from classifier.evaluation.f1_changes import F1Changes, paired_f1_changes
from classifier.evaluation.metrics import (
    expected_calibration_error,
    false_tag_rate,
    macro_f1,
    micro_f1,
)
from classifier.evaluation.paired_judgement import PairedJudgement, judge_pair
from classifier.evaluation.paired_reading import PairedReading, read_with_both
from classifier.model.contents import encoded
from classifier.model.model import Model

__all__ = ["compare"]


def compare(
    a: Model,
    b: Model,
    articles: Iterable[Article],
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
    a, b : Model
        The old and the new one; they may be the same.
    articles : iterable of Article
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
    shared = _shared_labels(a, b)
    with tempfile.TemporaryFile() as spool:
        reading = read_with_both((a, b), articles, shared, spool)
        judgement = judge_pair(reading, shared)
        turned, *changed = turned_articles(judgement)
        fixed, broken = (
            explained_changes((a, b), reading, judgement, strongest(judgement, rows, n_examples))
            for rows in changed
        )
    changes = paired_f1_changes(
        judgement.truth, *judgement.given, groups=judgement.groups, repeats=repeats, seed=seed
    )
    return Comparison(
        a=_side(0, a, reading, judgement),
        b=_side(1, b, reading, judgement),
        n_articles=len(reading.articles),
        n_judged=len(judgement.places),
        n_separate=len(np.unique(judgement.groups)),
        micro=changes.micro,
        macro=changes.macro,
        labels=_label_changes(judgement, changes),
        only_a=tuple(label for label in a.labels if label not in shared),
        only_b=tuple(label for label in b.labels if label not in shared),
        unjudged=tuple(label for label in shared if label not in judgement.labels),
        turned=turned,
        fixed=fixed,
        broken=broken,
    )


def _shared_labels(a: Model, b: Model) -> tuple[str, ...]:
    shared = tuple(label for label in a.labels if label in b.labels)
    if not shared:
        raise ModelError(
            f"{a.signature} and {b.signature} share no label ({', '.join(a.labels)}; "
            f"{', '.join(b.labels)}). Compare models of the same labels."
        )
    return shared


def _side(number: int, model: Model, reading: PairedReading, judgement: PairedJudgement) -> Side:
    truth, given = judgement.truth, judgement.given[number]
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
