"""Tiny models with invented numbers, for tests of everything that takes a model."""

import numpy as np

from classifier.model.calibration import PiecewiseLinear, Softmax
from classifier.model.model import Model
from classifier.model.vocabulary import Analyzer

# term: idf, then the weights of energy, diplomacy, culture
TERMS = {
    "ambassador": (2.5, -0.25, 2.0, -0.5),
    "and": (1.0, 0.0, 0.0, 0.0),
    "concert": (2.75, -0.5, -0.75, 2.25),
    "gas": (2.0, 1.75, 0.25, -0.5),
    "minister": (1.5, 0.25, 0.75, -0.25),
    "museum": (2.5, -0.5, -0.5, 2.0),
    "oil": (2.0, 2.0, -0.25, -0.5),
    "pipeline": (2.25, 1.5, 0.0, -0.25),
    "strasse": (3.0, 0.5, 0.5, 0.5),
    "talks": (1.75, 0.0, 1.5, -0.5),
    "the": (1.0, 0.0, 0.0, 0.0),
    "οδοσ": (3.0, -0.25, 0.25, 0.5),
}
PAIRS = {
    "gas pipeline": (2.75, 0.75, -0.25, -0.25),
    "the minister": (1.75, 0.0, 0.5, 0.0),
}
LABELS = ("energy", "diplomacy", "culture")
ENERGY_TEXT = "Oil and gas: the minister opened the pipeline"
MIXED_TEXT = "The minister and the ambassador held talks and talks on the gas pipeline"


def tiny_model(
    *,
    mode: str = "several",
    lead_words: int = 0,
    lead_repeats: int = 0,
    bigrams: bool = False,
    fold_plurals: bool = False,
    lead_divisor: int = 1,
) -> Model:
    """Return a model of 12 words (and 2 pairs with `bigrams`) and 3 labels."""
    rows = dict(sorted((TERMS | (PAIRS if bigrams else {})).items()))
    numbers = np.array(list(rows.values()), dtype=np.float32)
    lines = PiecewiseLinear(
        margins=[[-1.0, 0.0, 1.0], [-1.5, 0.5], [-1.0, -0.5, 0.25, 1.5]],
        probabilities=[[0.02, 0.4, 0.95], [0.1, 0.9], [0.0, 0.25, 0.25, 1.0]],
    )
    return Model(
        labels=LABELS,
        vocabulary=tuple(rows),
        idf=numbers[:, 0].copy(),
        weights=numbers[:, 1:].copy(),
        bias=np.array([-0.75, -0.5, -0.625]),
        cuts=np.array([0.125, 0.0, 0.3125]),
        base_rates=np.array([0.25, 0.125, 0.0625]),
        calibration=Softmax(1.5) if mode == "one" else lines,
        analyzer=Analyzer(lead_words, lead_repeats, bigrams, fold_plurals, lead_divisor),
        mode=mode,
        name="tiny",
        info={"seed": 7, "corpus": {"name": "invented", "n_articles": 40}},
    )


def one_label_model() -> Model:
    """Return a model of 3 words that knows the label energy alone."""
    return Model(
        labels=("energy",),
        vocabulary=("and", "gas", "oil"),
        idf=np.array([1.0, 2.0, 2.0], dtype=np.float32),
        weights=np.array([[0.0], [1.5], [2.0]], dtype=np.float32),
        bias=np.array([-0.5]),
        cuts=np.array([0.25]),
        base_rates=np.array([0.25]),
        calibration=PiecewiseLinear(margins=[[-0.5, 1.5]], probabilities=[[0.1, 0.9]]),
        analyzer=Analyzer(),
        min_words=1,
        name="one-label",
    )
