"""Model and labelled articles → report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from classifier.article import Article
from classifier.errors import SettingsError
from classifier.evaluation.breakdown import breakdowns
from classifier.evaluation.counts import f1_counts
from classifier.evaluation.headline import headline
from classifier.evaluation.intervals import Resampling, resampled_sums
from classifier.evaluation.judged import Judged, judge
from classifier.evaluation.label_report import label_reports
from classifier.evaluation.pairs import commonest, confusions, cooccurrence
from classifier.evaluation.ranking import ranking
from classifier.evaluation.report import CorpusFacts, ModelFacts, NoteCount, Report
from classifier.model.model import Model
from classifier.progress import Progress, no_progress

__all__ = ["evaluate"]

# Stages after the reading, for the progress.
STAGES = 4
_NUMBER = re.compile(r"\d+")


def evaluate(
    model: Model,
    articles: Iterable[Article],
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
    model : Model
    articles : iterable of Article
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
    judged = judge(model, articles, thresholds=thresholds or {}, progress=tick)
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
        model=_model_facts(model, thresholds),
        corpus=_corpus_facts(model, judged, name),
        resampling=how,
        headline=whole,
        ranking=ranking(truth, judged.probabilities),
        labels=labels,
        breakdowns=parts,
        cooccurrence=cooccurrence(truth[:, shown], predicted[:, shown], shown_labels),
        confusions=confusions(truth[:, shown], predicted[:, shown], shown_labels),
        notes=_notes(judged.notes),
        worst_errors=judged.worst,
    )


def _model_facts(model: Model, thresholds: Mapping[str, float]) -> ModelFacts:
    return ModelFacts(
        name=model.name,
        signature=model.signature,
        hash=str(model.info.get("hash", "")),
        labels=model.labels,
        mode=model.mode,
        thresholds=dict(thresholds),
    )


def _corpus_facts(model: Model, judged: Judged, name: str) -> CorpusFacts:
    seen, because = _seen_in_training(model, name, judged.sha256)
    days = sorted(filter(None, judged.dates))
    return CorpusFacts(
        name=name,
        n_articles=len(judged.truth),
        n_unlabelled=judged.n_unlabelled,
        n_groups=len(np.unique(judged.groups)),
        n_untagged=int((judged.truth == 0).all(axis=1).sum()),
        first_date=days[0] if days else "",
        last_date=days[-1] if days else "",
        unknown_labels=judged.unknown_labels,
        unmentioned_labels=judged.unmentioned_labels,
        seen_in_training=seen,
        seen_because=because,
    )


def _seen_in_training(model: Model, name: str, sha256: str) -> tuple[bool | None, str]:
    """Return whether the model was trained on the corpus, if it can tell, and what says so."""
    corpus = model.info.get("corpus")
    if not isinstance(corpus, Mapping) or not {"names", "sha256"} <= set(corpus):
        return None, ""
    if corpus["sha256"] == sha256:
        return True, "content"
    return (True, "name") if name and name in corpus["names"] else (False, "")


def _notes(notes: Iterable[str]) -> tuple[NoteCount, ...]:
    """Return how often each note was made, whatever its numbers, the commonest first."""
    counts = Counter(_NUMBER.sub("…", note) for note in notes if note)
    return tuple(NoteCount(*item) for item in sorted(counts.items(), key=lambda i: (-i[1], i[0])))
