"""A model in words: first lines, figures and card say what was recorded, and no more."""

import json
from dataclasses import replace

import numpy as np
import pytest

from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus
from classifier.errors import ModelError
from classifier.evaluation.card import model_card, model_document
from classifier.evaluation.report import Breakdowns
from classifier.model.folder import load_model, save_model
from classifier.pages.document import document_text, markdown_table
from classifier.pages.page import document_page
from classifier.training.record import outlet_figures, reliability_bins
from classifier.training.settings import Settings
from classifier.training.train import train
from tests.cases import each_case, read_cases
from tests.models import tiny_model
from tests.reports import invented_report

INFO = read_cases("recorded_training")
FIGURES = INFO["figures"]
NO_BREAKDOWNS = Breakdowns((), (), ())


@pytest.fixture
def model():
    """Return a model whose training recorded everything."""
    return replace(tiny_model(), info=INFO)


def lines(model):
    """Return what a terminal shows of a model, without the origin of its figures."""
    said = document_text(model_document(model))
    return [line for line in said if not line.startswith("From ")]


def test_a_model_is_described_in_three_lines(model):
    """Labels, corpus and versions are told."""
    assert lines(model)[:5] == [
        "tiny@01234567",
        "any number of energy, diplomacy, culture; 12 terms",
        "trained on 5,952 articles (3,552 of them a natural sample, 3,056 without a label), "
        "corpus 98def8855c93",
        "made with numpy 2.4.6, python 3.11.7",
        "",
    ]


def test_what_was_not_recorded_is_left_out():
    """A model made by hand has no history."""
    model = replace(tiny_model(mode="one"), info={"corpus": {"name": "invented"}})

    assert lines(model) == [
        "tiny",
        "exactly one of energy, diplomacy, culture; 12 terms",
        "",
        "Figures",
        "No figures are recorded.",
        "",
    ]


def test_the_figures_are_those_of_the_card(model):
    """The same tables without the marks of Markdown; figures that do not exist are dashes."""
    assert lines(model)[5:20] == [
        "Figures",
        "  label      articles  precision  recall     F1     AP    ECE   cut",
        "  energy        1,234      0.800   0.750  0.774  0.900  0.020  0.47",
        "  diplomacy         3          –   0.000      –  0.100      –  0.70",
        "  culture          20      1.000   0.500  0.667  0.700  0.043  0.29",
        "Micro-F1 0.812 (0.700–0.900), macro-F1 0.750.",
        "",
        "Working points",
        "Which cuts decide: predict --point, tag(point=), point in a request.",
        "  point     precision  recall     F1  false tags",
        "  balanced      0.800   0.750  0.774      12.5 %",
        "  precise       1.000   0.500  0.667           –",
        "",
        "Known failures",
        "  Weakest label: culture, F1 0.667; of 100 articles that have it 50 are missed, of 100 "
        "that are given it 0 do not have it.",
    ]


def test_a_page_shows_words_without_the_marks_of_markdown(model):
    """What is in italics or code in the card is words alone, and no name can be markup."""
    hostile = replace(model, labels=("<b>_x_", "diplomacy", "culture"))
    figures = FIGURES | {"labels": {"<b>_x_": FIGURES["labels"]["energy"]} | FIGURES["labels"]}
    rare = figures["labels"]["<b>_x_"] | {"rare": True}
    figures["labels"]["<b>_x_"] = rare

    page = document_page(model_document(replace(hostile, info=INFO | {"figures": figures})))

    assert "<p>Which cuts decide: predict --point, tag(point=), point in a request.</p>" in page
    assert "so a safe one: &lt;b&gt;_x_, diplomacy." in page


def test_a_label_that_is_never_given_has_no_cut(model):
    """An infinite cut is a dash, and so is every cut where exactly one label is given."""
    never = replace(model, cuts=np.array([np.inf, 0.0, 0.3125]))
    one = replace(tiny_model(mode="one"), info=INFO)

    assert [row.split()[-1] for row in lines(never)[7:10]] == ["–", "0.70", "0.29"]
    assert [row.split()[-1] for row in lines(one)[7:10]] == ["–", "–", "–"]


def test_a_terminal_shows_the_first_labels():
    """The card has them all."""
    labels = tuple(f"label {k}" for k in range(41))
    figures = FIGURES | {"labels": dict.fromkeys(labels, FIGURES["labels"]["energy"])}
    many = replace(
        tiny_model(mode="one"), labels=labels, cuts=np.zeros(41), info={"figures": figures}
    )

    assert "The first 40 of 41 rows:" in lines(many)
    assert "\n| label 40 | 1,234 |" in model_card(many)


@each_case("card")
def test_the_card_tells_what_was_recorded(model, case):
    """Each case is a part of the card and what it promises."""
    card = model_card(model)

    assert [each for each in case["shows"] if each not in card] == []


def test_the_card_has_its_parts_in_order(model):
    """What it is not for stands above all figures; our sectors' rules are not those of others."""
    card = model_card(model)
    failures = card.partition("## Known failures")[2].partition("\n## ")[0]

    assert card.startswith("# tiny\n\nA linear tagger")
    assert card.index("## What it is for, and what it is not for") < card.index("## Figures")
    assert "Weakest label: **culture**" in failures
    assert "so a safe one: diplomacy." in failures
    assert "SECTORS.md" not in card


def test_no_weakest_spot_is_made_up(model):
    """Where nothing was measured there is none, and one outlet is not the worst of all."""
    rows = {
        label: {**row, "f1": 0.5, "precision": None, "calibration_error": None, "rare": False}
        for label, row in FIGURES["labels"].items()
    }
    figures = {"outlets": FIGURES["outlets"][:1], "labels": rows, "false_tag_rate": None}
    card = model_card(replace(model, info={"figures": {**FIGURES, **figures}}))

    failures = card.partition("## Known failures")[2].partition("\n## ")[0]

    assert "- Weakest label: **energy**, F1 0.500.\n" in failures
    assert failures.count("\n- ") == 2


def test_the_card_of_a_published_corpus_has_rules_source_and_licence(model):
    """The rules are those of data/SECTORS.md, the sources those that are fetched."""
    parts = [
        {"name": "news_articles", "articles": 3552, "natural": True},
        {"name": "house", "articles": 614, "natural": False},
        {"name": "allsides", "articles": 4800, "natural": 800, "auxiliary": False},
        {"name": "felix", "articles": 400, "natural": 0, "auxiliary": False},
    ]
    corpus = {**INFO["corpus"], "names": ["news_articles", "house"], "parts": parts}
    card = model_card(replace(model, info={**INFO, "corpus": corpus}))

    assert "The test for every one: would a reader who follows only this sector" in card
    assert "| energy | producing, moving, trading, pricing" in card
    assert "doi:10.7910/DVN/GMFCTR) | The texts belong to their publishers" in card
    assert "| house | auxiliary | written for this project;" in card
    assert "| allsides | natural: 800 | Article-Bias-Prediction" in card
    assert "classifier train news_articles allsides felix --auxiliary house --settings" in card


def test_a_label_that_the_rules_do_not_know_has_none(model):
    """A published corpus may be trained on together with other labels."""
    corpus = {**INFO["corpus"], "names": ["news_articles"], "parts": []}
    other = replace(model, labels=("energy", "sport", "culture"), info={"corpus": corpus})

    assert "| sport | – | – | – |" in model_card(other)


def test_a_model_of_an_older_format_says_what_it_lacks(model):
    """Which corpora were auxiliary was not always recorded."""
    corpus = {name: value for name, value in INFO["corpus"].items() if name != "parts"}
    card = model_card(replace(model, info={**INFO, "corpus": corpus}))

    assert "| mine | – | named on the command line | not recorded | – |" in card
    assert "--out tiny  # auxiliary ones not recorded\n" in card


def test_the_card_of_a_model_made_by_hand_promises_nothing():
    """Without a training there are no figures and no choices to tell of."""
    card = model_card(replace(tiny_model(mode="one"), info={}))

    assert "gives the label with the highest margin, always exactly one." in card
    assert "gets a note beside its label" in card
    assert "## Training corpus\n\nNothing is recorded.\n" in card
    assert "## Figures\n\nNo figures are recorded.\n" in card
    assert "## Chosen by cross-validation\n\nNothing.\n" in card
    assert "## How to make it again\n\nThe training is not recorded.\n" in card
    assert "## Known failures" not in card


def test_names_from_outside_cannot_leave_their_place(model):
    """Neither lines of a table nor a block of code can be ended by a name."""
    parts = [{"name": "a\n```\n# b", "articles": 1, "natural": True}]
    corpus = {**INFO["corpus"], "names": ["a\n```\n# b"], "parts": parts}
    hostile = replace(
        model,
        name="x\n# y\x1b[31m",
        labels=("energy", "<b>\n|d", "culture"),
        info={"corpus": corpus, "settings": INFO["settings"]},
    )

    card = model_card(hostile)

    assert card.startswith("# x \\# y\ufffd\\[31m\n")
    assert "| \\<b\\> \\|d | – |" in card
    assert "\nclassifier train 'a\ufffd```\ufffd# b' --settings" in card
    assert "\x1b" not in card


def test_a_report_joins_the_card(model):
    """Headline, labels and outlets, under the name of the corpus."""
    report = invented_report()
    own = replace(model, info={**INFO, "hash": report.model.hash})

    card = model_card(own, reports=[report])

    assert "### Measured on valley\n" in card
    assert "labels that the model does not know are left out: weather" in card
    assert "| micro-F1 | 0.810 (0.740–0.870) |" in card
    assert "| energy | 14 | 15 | 0.800 | 0.857 | 0.830 (0.610–0.950) |" in card
    assert "| Valley Herald | 40 | 0.800 (0.680–0.900) |" in card
    assert "which the model has not seen:" not in card


def test_figures_on_articles_of_the_training_carry_their_warning(model):
    """They would flatter without it."""
    seen = {"seen_in_training": True, "seen_because": "name"}
    report = invented_report(corpus={**seen, "name": ""}, breakdowns=NO_BREAKDOWNS)
    own = replace(model, info={**INFO, "hash": report.model.hash})

    card = model_card(own, reports=[report])

    assert "### Measured on a corpus without a name\n\n> **Warning:** THE MODEL WAS TRAINED" in card
    assert "Valley Herald" not in card


def test_a_report_about_another_model_is_refused(model):
    """Its figures would be somebody else's."""
    with pytest.raises(ModelError, match=r"about tiny@0a1b2c3d, the card about tiny@01234567"):
        model_card(model, reports=[invented_report()])


def articles(source="", n=24):
    """Return labelled articles of two subjects, every third without a label."""
    bodies = [("energy", "oil gas pipeline"), ("culture", "museum concert opera"), ("", "rain sun")]
    for i in range(n):
        label, body = bodies[i % 3]
        labels = Labels(frozenset({label} - {""}))
        yield Article(f"{body} number{i} story{source}", source=source, labels=labels)


def test_the_card_is_the_same_before_saving_and_after_loading(tmp_path):
    """The same training gives the same bytes, from whatever form of the model."""
    corpora = [Corpus("z", articles()), Corpus("a", articles("extra", 9), natural=False)]
    quick = Settings(C=(1.0,), n_folds=2, min_words=1)
    model = train(corpora, quick, name="mine")

    save_model(model, tmp_path / "mine")

    assert model_card(load_model(tmp_path / "mine")) == model_card(model)
    assert "classifier train z --auxiliary a --settings" in model_card(model)


def test_a_training_records_the_outlets_with_enough_articles():
    """20 held-out articles are enough, and articles without an outlet are nobody's."""
    stream = [*articles("Valley Herald", 21), *articles("Hill Post", 18), *articles(n=21)]
    model = train(stream, Settings(C=(1.0,), n_folds=2, min_words=1))

    (outlet,) = model.info["figures"]["outlets"]

    assert (outlet["name"], outlet["articles"]) == ("Valley Herald", 21)
    assert model.info["corpus"]["parts"] == [
        {"name": "corpus", "articles": 60, "natural": 60, "auxiliary": False}
    ]


def test_outlets_have_figures_of_their_own_articles():
    """The commonest first, equals by name, no more than fifteen."""
    truth = np.ones((16 * 20 + 1, 1))
    given = np.ones((16 * 20 + 1, 1), dtype=bool)
    given[:10] = False
    sources = [f"outlet {i // 20:02}" for i in range(16 * 20)] + ["outlet 07"]

    figures = outlet_figures(truth, given, np.arange(len(truth)), sources)

    assert [each["name"] for each in figures[:2]] == ["outlet 07", "outlet 00"]
    assert figures[0] == {"name": "outlet 07", "articles": 21, "micro_f1": [1.0, 1.0, 1.0]}
    assert figures[1]["micro_f1"][0] == 0.6667
    assert len(figures) == 15


def test_reliability_is_counted_in_bins_of_equal_width():
    """Unknown cells are left out, empty bins too, and a certainty is in the last one."""
    truth = np.array([[1.0, 0.0], [0.0, np.nan], [1.0, 0.0]])
    probabilities = np.array([[1.0, 0.05], [0.96, 0.5], [0.98, 0.03]])

    assert reliability_bins(truth, probabilities) == [
        {"from": 0.0, "to": 0.1, "cells": 2, "probability": 0.04, "present": 0.0},
        {"from": 0.9, "to": 1.0, "cells": 3, "probability": 0.98, "present": 0.6667},
    ]


def test_words_stand_left_and_numbers_right():
    """As many columns of words as are asked for."""
    assert markdown_table(["a", "b", "c"], [["x", "y", "1"]], left=2) == (
        "| a | b | c |\n| --- | --- | ---: |\n| x | y | 1 |"
    )


def shown(model):
    """Return all that is said of what a training recorded."""
    return [*lines(model), model_card(model)]


@pytest.mark.parametrize("record", read_cases("damaged_records"), ids=json.dumps)
def test_a_damaged_record_is_an_error_of_the_model(record):
    """What a training recorded may be any JSON; where it cannot be shown, one sentence says so."""
    model = replace(tiny_model(), info=record)

    with pytest.raises(ModelError, match="model 'tiny': what its training recorded is damaged"):
        shown(model)
