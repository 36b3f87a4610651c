"""A model in words: first lines, figures and card say what was recorded, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from classifier.model.description import described, model_card, quality_table
from tests.models import tiny_model

FIGURES = {
    "micro_f1": [0.8123, 0.7, 0.9],
    "macro_f1": [0.75, None, None],
    "false_tag_rate": 0.125,
    "labels": {
        "energy": {
            "support": 1234,
            "rare": False,
            "precision": 0.8,
            "recall": 0.75,
            "f1": 0.7742,
            "average_precision": 0.9,
        },
        "diplomacy": {
            "support": 3,
            "rare": True,
            "precision": None,
            "recall": 0.0,
            "f1": None,
            "average_precision": 0.1,
        },
        "culture": {
            "support": 20,
            "rare": False,
            "precision": 1.0,
            "recall": 0.5,
            "f1": 0.6667,
            "average_precision": 0.7,
        },
    },
}
INFO = {
    "hash": "0123456789abcdef",
    "settings": {"n_folds": 5},
    "chosen": {"C": {"energy": 1.0, "diplomacy": 0.3}, "bigrams": False, "lead_repeats": 2},
    "corpus": {"articles": 5952, "natural": 3552, "none": 3056, "sha256": "98def8855c93beef"},
    "versions": {"python": "3.11.7", "numpy": "2.4.6"},
    "figures": FIGURES,
}


@pytest.fixture
def model():
    """Return a model whose training recorded everything."""
    return replace(tiny_model(), info=INFO)


def test_a_model_is_described_in_three_lines(model):
    """Labels, corpus and versions are told."""
    assert described(model) == (
        "tiny@01234567: any number of energy, diplomacy, culture; 12 terms\n"
        "trained on 5,952 articles (3,552 of them a natural sample, 3,056 without a label), "
        "corpus 98def8855c93\n"
        "made with numpy 2.4.6, python 3.11.7"
    )


def test_what_was_not_recorded_is_left_out():
    """A model made by hand has no history."""
    model = replace(tiny_model(mode="one"), info={"corpus": {"name": "invented"}})

    assert described(model) == "tiny: exactly one of energy, diplomacy, culture; 12 terms"
    assert quality_table(model) == "no figures are recorded"


def test_the_table_has_a_row_a_label(model):
    """Figures that do not exist are dashes, and rare labels are named."""
    assert quality_table(model) == (
        "            articles  precision  recall     F1     AP    cut\n"
        "energy         1,234      0.800   0.750  0.774  0.900   0.47\n"
        "diplomacy          3          –   0.000      –  0.100   0.70\n"
        "culture           20      1.000   0.500  0.667  0.700   0.29\n"
        "micro-F1 0.812 (95 % interval 0.700–0.900)\n"
        "macro-F1 0.750 (95 % interval –––)\n"
        "articles without a label that were given one: 12.5 %\n"
        "too few articles for a cut of its own, so a safe one: diplomacy"
    )


def test_a_label_that_is_never_given_has_no_cut(model):
    """An infinite cut is a dash, and so is every cut where exactly one label is given."""
    never = replace(model, cuts=np.array([np.inf, 0.0, 0.3125]))
    one = replace(tiny_model(mode="one"), info=INFO)

    assert [row.split()[-1] for row in quality_table(never).splitlines()[1:4]] == [
        "–", "0.70", "0.29",
    ]  # fmt: skip
    assert [row.split()[-1] for row in quality_table(one).splitlines()[1:4]] == ["–", "–", "–"]


def test_long_labels_keep_the_columns_in_line(model):
    """The first column is as wide as the longest label."""
    labels = ("energy", "foreign affairs and trade", "culture")
    figures = dict(zip(labels, FIGURES["labels"].values(), strict=True))
    long = replace(model, labels=labels, info={"figures": {**FIGURES, "labels": figures}})

    rows = quality_table(long).splitlines()[:4]

    assert {len(row) for row in rows} == {76}


def test_no_articles_without_label_no_rate(model):
    """A share of nothing is a dash."""
    info = {"figures": {**FIGURES, "false_tag_rate": None}}

    assert "given one: –" in quality_table(replace(model, info=info))


def test_the_card_tells_all_of_it(model):
    """The README of a model folder is Markdown with the description, figures and choices."""
    card = model_card(model)

    assert card.startswith("# tiny\n")
    assert "gives each label whose margin reaches its cut, several or none." in card
    assert f"```\n{described(model)}\n```" in card
    assert f"```\n{quality_table(model)}\n```" in card
    assert "Cross-validation over five folds of the training corpus" in card
    assert "- C: 1.0 for energy, 0.3 for diplomacy\n- bigrams: no\n- lead_repeats: 2\n" in card
    assert "fewer than\n5 known words, or less than 50 % of its words known" in card


def test_the_card_of_a_model_made_by_hand_promises_nothing():
    """Without a training there are no figures and no choices to tell of."""
    card = model_card(replace(tiny_model(mode="one"), info={}))

    assert "gives the label with the highest margin." in card
    assert "Cross-validation over" not in card
    assert "no figures are recorded" in card
    assert "## Chosen by cross-validation\n\nNothing.\n" in card
