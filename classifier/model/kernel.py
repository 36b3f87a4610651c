"""The compiled kernel where there is one, behind the same words as the NumPy path."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from classifier.compiled import compiled
from classifier.model.decision import Decision, Judged, judged
from classifier.model.reading import Reading, on_grid, sublinear
from classifier.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from classifier.model.model import Model

__all__ = ["Kernel", "kernel_of"]

# What the kernel can round to the grid of contributions in one addition.
LARGEST_WEIGHT = 2.0**18

# Counts below this are weighed by a table, which NumPy made; nearly all counts are.
MOST_LOGS = 4096


class Kernel:
    """A model's reading and margins, compiled.

    Parameters
    ----------
    module : module
        What `compiled` returns.
    model : Model
    vocabulary : Vocabulary
        The same terms as the model's.
    """

    def __init__(self, module: ModuleType, model: Model, vocabulary: Vocabulary) -> None:
        analyzer = model.analyzer
        self._scorer = module.Scorer(
            vocabulary.lines,
            vocabulary.starts,
            # a copy only where numbers are stored the other way round
            np.ascontiguousarray(vocabulary.table, np.uint32),
            np.ascontiguousarray(model.idf, np.float32),
            np.ascontiguousarray(model.weights, np.float32),
            on_grid(model.bias),
            sublinear(np.arange(1, MOST_LOGS)),
            lead_words=analyzer.lead_words,
            lead_repeats=analyzer.lead_repeats,
            lead_divisor=analyzer.lead_divisor,
            bigrams=analyzer.bigrams,
            fold_plurals=analyzer.fold_plurals,
        )

    def read(self, texts: Iterable[str]) -> Reading:
        """Return prepared texts as known terms with counts."""
        return Reading(*self._scorer.read(tuple(texts)))

    def margins(self, reading: Reading) -> NDArray[np.float64]:
        """Return the margins of a reading; shape (n_articles, n_labels)."""
        tf = sublinear(reading.counts)
        return np.asarray(self._scorer.margins(reading.starts, reading.terms, tf))

    def judged(self, texts: list[str], decision: Decision) -> list[Judged]:
        """Return the answers to prepared texts with their numbers of words and known words."""
        if decision.decider is not None:
            answers: list[Judged] = self._scorer.judged(texts, decision.decider)
            return answers
        margins, n_words, n_known = self._scorer.scored(texts)
        return judged(decision(margins), n_words, n_known)


def kernel_of(model: Model) -> Kernel | None:
    """Return the kernel of a model, nothing where there is none or the model is none of its kind.

    Unusual models are ones made in memory: with other numbers than float32, with terms out of
    order, or with weights that no fit gives.
    """
    module = compiled()
    if module is None or not _is_usual(model):
        return None
    try:
        vocabulary = Vocabulary.of(model.vocabulary)
    except UnicodeEncodeError:
        return None
    fits = len(vocabulary) == len(model.vocabulary) and vocabulary.in_order
    return Kernel(module, model, vocabulary) if fits else None


def _is_usual(model: Model) -> bool:
    analyzer, weights = model.analyzer, model.weights
    return (
        weights.dtype == model.idf.dtype == np.float32
        and weights.shape == (len(model.idf), len(model.labels))
        and len(model.vocabulary) == len(model.idf)
        and -LARGEST_WEIGHT < weights.min(initial=0) <= weights.max(initial=0) < LARGEST_WEIGHT
        and min(analyzer.lead_words, analyzer.lead_repeats, analyzer.lead_divisor - 1) >= 0
    )
