"""Corpora → counted articles, in memory or in temporary files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from classifier.article import Article
from classifier.corpus.corpus import Corpus
from classifier.corpus.scratch import Scratch
from classifier.model.tokenize import Analyzer
from classifier.progress import Progress, no_progress
from classifier.training.features import CountedCorpus, count_corpora
from classifier.training.memory import Plan
from classifier.training.settings import Settings
from classifier.training.stored_corpus import StoredCorpus, store_corpora

__all__ = ["as_corpora", "count_articles", "store_articles"]

Articles = TypeVar("Articles", CountedCorpus, StoredCorpus)


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


def store_articles(
    corpora: Sequence[Corpus],
    settings: Settings,
    *,
    scratch: Scratch,
    plan: Plan,
    progress: Progress = no_progress,
) -> StoredCorpus:
    """Do what `count_articles` does, with counts in temporary files."""
    counted = store_corpora(
        corpora,
        _counting_analyzer(settings),
        min_df=settings.min_df,
        progress=progress,
        scratch=scratch,
        plan=plan,
    )
    return _without_copies(counted)


def _counting_analyzer(settings: Settings) -> Analyzer:
    return Analyzer(
        lead_words=settings.lead_words,
        lead_divisor=settings.lead_divisor,
        bigrams=any(settings.bigrams),
        fold_plurals=settings.fold_plurals,
    )


def _without_copies(counted: Articles) -> Articles:
    natural_groups = counted.groups[counted.natural]
    copies = ~counted.natural & np.isin(counted.groups, natural_groups)
    return counted.select(np.flatnonzero(~copies)) if copies.any() else counted
