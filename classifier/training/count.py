"""Corpora → counted articles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from classifier.article import Article
from classifier.corpus.corpus import Corpus
from classifier.model.tokenize import Analyzer
from classifier.progress import Progress, no_progress
from classifier.training.features import CountedCorpus, count_corpora
from classifier.training.settings import Settings

__all__ = ["as_corpora", "count_articles"]


def as_corpora(corpus: Iterable[Article] | Corpus | Sequence[Corpus]) -> Sequence[Corpus]:
    """Return any of the forms that `train` takes as a sequence of `Corpus`."""
    if isinstance(corpus, Corpus):
        return [corpus]
    if isinstance(corpus, Sequence) and corpus and isinstance(corpus[0], Corpus):
        return corpus
    return [Corpus("corpus", corpus)]  # type: ignore[arg-type]


def count_articles(
    corpora: Sequence[Corpus], settings: Settings, *, progress: Progress = no_progress
) -> CountedCorpus:
    """Read the corpora and return their counts, without auxiliary copies of natural articles."""
    analyzer = _counting_analyzer(settings)
    counted = count_corpora(corpora, analyzer, min_df=settings.min_df, progress=progress)
    return _without_copies(counted)


def _counting_analyzer(settings: Settings) -> Analyzer:
    return Analyzer(
        lead_words=settings.lead_words,
        lead_divisor=settings.lead_divisor,
        bigrams=any(settings.bigrams),
        fold_plurals=settings.fold_plurals,
    )


def _without_copies(counted: CountedCorpus) -> CountedCorpus:
    natural_groups = counted.groups[counted.natural]
    copies = ~counted.natural & np.isin(counted.groups, natural_groups)
    return counted.select(np.flatnonzero(~copies)) if copies.any() else counted
