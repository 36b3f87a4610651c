"""train(corpus, settings) → Model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.article import Progress, no_progress
from classifier.corpus.codes import LabelCodes
from classifier.corpus.corpus import Corpus
from classifier.corpus.folds import stratified_folds
from classifier.corpus.labels import truth_matrix
from classifier.fields import Articles
from classifier.model.calibration import Calibration, PiecewiseLinear
from classifier.model.model import Model
from classifier.model.vocabulary import Analyzer, Matrix, Vector
from classifier.training.choose import Choice, choose_candidate, n_candidates
from classifier.training.count import (
    CountedCorpus,
    LabelledArticles,
    as_corpora,
    check_counted,
    corpus_notes,
    count_articles,
)
from classifier.training.cuts import POINTS, CutRules, Cuts, calibrate, choose_shift
from classifier.training.fit import (
    Rows,
    article_weights,
    fit_linear,
    fold_idf,
    ratio_scales,
)
from classifier.training.record import provenance, quality_figures, with_reference
from classifier.training.settings import Settings

__all__ = ["count_articles", "fit_model", "train"]


_LOG = logging.getLogger("classifier")
# Held-out articles know nine words in ten; below this part of the median share the text is
# likely in another language.
COVERAGE_SHARE = 0.7


def train(
    corpus: Articles | Path | str | Corpus | Sequence[Corpus],
    settings: Settings | None = None,
    *,
    name: str = "model",
    codes: LabelCodes | None = None,
    jobs: int = 1,
    progress: Progress = no_progress,
    tell: Callable[[str], None] = _LOG.warning,
) -> Model:
    """Train a model.

    Parameters
    ----------
    corpus : Corpus, sequence of Corpus, path, iterable of Article or mapping, or data frame
        Read once, as a stream; mappings and rows of a frame as rows of a file are. Of articles
        of one corpus with one id the last counts. Those without labels are left out; a corpus
        knows the labels that occur in it, others are unknown in its articles.
    settings : Settings, optional
    name : str
        What the model is called in its manifest and in predictions.
    codes : LabelCodes, optional
        What labels stand for; the model carries it. Labels of articles that are codes become
        the labels above them.
    jobs : int
        How many labels are fitted at once; the result does not depend on it.
    progress : callable
        Called with the step, how much of it is done, and of how much (0 when not known).
    tell : callable
        Given a sentence about what makes figures worth little: few articles, one class.

    Raises
    ------
    CorpusError
        When there is nothing to learn from: no labels, or fewer articles than folds.
    BadInputError
        When `corpus`, or an article in it, is something else.
    """
    settings = settings or Settings()
    corpora = as_corpora(corpus)
    if codes is not None:
        corpora = [replace(c, articles=codes.mapped(c.articles, tell=tell)) for c in corpora]
    counted = count_articles(corpora, settings, progress=progress)
    for note in corpus_notes(counted):
        tell(note)
    known = (codes or LabelCodes({})).of(counted.label_names)
    return fit_model(counted, settings, name=name, codes=known, jobs=jobs, progress=progress)


def fit_model(
    counted: CountedCorpus,
    settings: Settings,
    *,
    name: str = "model",
    codes: Mapping[str, Sequence[str]] | None = None,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Model:
    """Choose, fit, cut and calibrate on counted articles; `codes` are recorded by label."""
    labels = counted.label_names
    Y = truth_matrix(counted.labels, labels, [k or frozenset(labels) for k in counted.known])
    check_counted(counted, Y, labels, settings)
    folds = natural_folds(counted, Y, settings)
    total = n_candidates(counted, settings) * settings.n_folds + 1
    tick = _ticker(progress, total)
    choice = choose_candidate(counted, Y, folds, settings, jobs=jobs, tick=tick)
    held = folds >= 0
    margins, truth = choice.held_out.margins[held], Y[held]
    model = _final_fit(counted, Y, choice, settings, jobs=jobs)
    if settings.labels == "one":
        shift = choose_shift(margins, truth)
        margins, model["bias"] = margins + shift, model["bias"] + shift
    progress("fitting", total, total)
    figures = quality_figures(
        margins,
        truth,
        folds[held],
        counted.groups[held],
        labels,
        settings,
        sources=[counted.sources[i] for i in np.flatnonzero(held)],
    )
    calibration = calibrate(margins, truth, settings)
    cuts = _cuts(margins, truth, settings, calibration)
    fitted = Model(
        labels=labels,
        **model,
        cuts=cuts["balanced"],
        base_rates=_base_rates(truth),
        calibration=calibration,
        analyzer=Analyzer(
            lead_words=settings.lead_words,
            lead_divisor=settings.lead_divisor,
            lead_repeats=choice.candidate.lead_repeats,
            bigrams=choice.candidate.bigrams,
            fold_plurals=settings.fold_plurals,
        ),
        mode=settings.labels,
        min_words=settings.min_words,
        min_coverage=_min_coverage(choice, held, settings),
        name=name,
        info=provenance(counted, Y, choice, settings, labels)
        | {"figures": figures, "points": _points(cuts, calibration)}
        | ({"codes": {label: list(each) for label, each in codes.items()}} if codes else {}),
    )
    return with_reference(fitted, counted, folds, settings, margins=margins)


def natural_folds(counted: LabelledArticles, Y: Matrix, settings: Settings) -> NDArray[np.int64]:
    """Return the fold of each article, -1 for those that are no natural sample."""
    folds = np.full(len(counted), -1, dtype=np.int64)
    natural = counted.natural
    folds[natural] = stratified_folds(
        Y[natural], counted.groups[natural], n_folds=settings.n_folds, seed=settings.seed
    )
    return folds


def _ticker(progress: Progress, total: int) -> Callable[[], None]:
    done = iter(range(1, total + 1))
    return lambda: progress("fitting", next(done, total), total)


def _final_fit(
    counted: CountedCorpus,
    Y: Matrix,
    choice: Choice,
    settings: Settings,
    *,
    jobs: int,
) -> dict[str, Any]:
    """Return what a model takes of a fit on all articles, without terms that weigh nothing."""
    lead_repeats = choice.candidate.lead_repeats
    idf = fold_idf(counted.occurrences(lead_repeats), counted, choice.candidate, settings.min_df)
    weights = article_weights(counted, choice.candidate)
    X = Rows.weighed(counted, lead_repeats, idf)
    scales = ratio_scales(X, Y, weights, choice.candidate.ratio_power)
    linear = fit_linear(X, Y, choice.C, weights, scales=scales, jobs=jobs)
    kept = np.flatnonzero(idf > 0)
    return {
        "vocabulary": [counted.vocabulary[i] for i in kept],
        "idf": idf[kept].astype(np.float32),
        "weights": linear.coef[kept].astype(np.float32),
        "bias": linear.bias,
    }


def _base_rates(truth: Matrix) -> Any:
    """Return each label's share of the articles that know it, 0 where none does."""
    present = np.nansum(truth, axis=0)
    return present / np.maximum((~np.isnan(truth)).sum(axis=0), 1)


def _cuts(
    margins: Matrix, truth: Matrix, settings: Settings, calibration: Calibration
) -> dict[str, Vector]:
    """Return the cuts of every working point; with exactly one label an article, of one."""
    if not isinstance(calibration, PiecewiseLinear):
        return {"balanced": np.zeros(truth.shape[1])}
    cuts = Cuts(margins, truth, CutRules(**settings.cut_rules), calibration)
    return {name: cuts.at(point) for name, point in POINTS.items()}


def _points(cuts: dict[str, Vector], calibration: Calibration) -> dict[str, list[float]]:
    """Return the probabilities of the cuts at every working point but the model's own."""
    others = {name: cut for name, cut in cuts.items() if name != "balanced"}
    return {name: calibration(cut[None, :])[0].round(6).tolist() for name, cut in others.items()}


def _min_coverage(choice: Choice, held: NDArray[np.bool_], settings: Settings) -> float:
    if settings.min_coverage is not None:
        return settings.min_coverage
    return float(COVERAGE_SHARE * np.median(choice.held_out.coverage[held]))
