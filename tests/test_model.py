"""A model's answers: exact, the same alone as in company, and none where it cannot judge."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from classifier.article import Article
from classifier.errors import ModelError
from classifier.model.model import Model
from classifier.model.prediction import Contribution, Explanation
from tests.cases import cases
from tests.models import ENERGY_TEXT, MIXED_TEXT, one_label_model, tiny_model

TINY = tiny_model(lead_words=4, lead_repeats=1, bigrams=True)
ONE = one_label_model()
TEXTS = [
    ENERGY_TEXT,
    MIXED_TEXT,
    "Museum and concert: the museum",
    "the the the and and and",
    "Öl und Benzin kosten mehr als je zuvor",
    "gas",
    "",
    "talks",
]
BASE_RATES = {"energy": 0.25, "diplomacy": 0.125, "culture": 0.0625}

words = st.sampled_from([*TINY.term_ids, "unheard", "Gas", "Straße", "ΟΔΟΣ", "a", "."])
texts = st.lists(words, max_size=20).map(" ".join)


def answer(prediction):
    """Return all that a prediction says, its explanation included."""
    return (prediction, prediction.explain())


def test_the_margin_of_one_term_is_its_weight():
    """A single term has unit length: the weight of oil, 2, and the bias of -0.5."""
    assert ONE.margins(["oil", "oil oil oil", "OIL unheard"]).tolist() == [[1.5], [1.5], [1.5]]


def test_the_margin_of_two_terms_shares_out_unit_length():
    """Equal counts and idf: (1.5 + 2) / √2 - 0.5. Three times oil counts 1 + ln 3."""
    margins = ONE.margins(["oil gas", "oil gas oil oil"])

    # (2.0986 · 2 + 1 · 1.5) / √(2.0986² + 1) - 0.5
    assert margins[:, 0] == pytest.approx([1.974873734, 1.950745], abs=1e-5)


def test_a_text_without_known_terms_has_the_bias_as_margin():
    """Nothing speaks for or against."""
    assert TINY.margins(["", "unheard of"]).tolist() == [[-0.75, -0.5, -0.625]] * 2


def test_the_lead_counts_more_and_pairs_count():
    """The reading has the counts of lead, text and pairs, terms in order of their ids."""
    reading = TINY.read(["gas pipeline talks"])

    found = {TINY.vocabulary[t]: n for t, n in zip(reading.terms, reading.counts, strict=True)}
    assert found == {"gas": 2, "gas pipeline": 2, "pipeline": 2, "talks": 2}
    assert reading.n_words.tolist() == [3]
    assert reading.n_known.tolist() == [3]


def test_a_prediction_carries_everything_about_its_article():
    """Id, tags, calibrated scores in the order of labels, coverage and the model's name."""
    [prediction] = ONE.predict([Article("gas gas unheard gas", id="a1")])

    assert prediction.id == "a1"
    assert prediction.tags == ("energy",)
    assert prediction.scores == {"energy": pytest.approx(0.7)}
    assert prediction.coverage == 0.75
    assert prediction.model == "one-label"
    assert prediction.note == ""


def test_title_and_body_are_read_alike():
    """The headline is part of the text."""
    titled, plain = ONE.predict([Article("and", title="Gas"), "gas and"])

    assert titled.scores == plain.scores


def test_a_label_is_given_from_its_cut_on():
    """A margin on the cut is enough, one below is not."""
    raised = Model(**{**vars_of(ONE), "cuts": np.array([1.5])})
    beyond = Model(**{**vars_of(ONE), "cuts": np.array([np.nextafter(1.5, 2)])})

    assert raised.predict(["oil"])[0].tags == ("energy",)
    assert beyond.predict(["oil"])[0].tags == ()


def vars_of(model):
    """Return the fields of a model."""
    return {name: getattr(model, name) for name in Model.__dataclass_fields__}


def test_tags_stand_in_order_of_their_probability():
    """Most probable first, whatever the order of labels; the scores keep that order."""
    [prediction] = tiny_model().predict([MIXED_TEXT], thresholds=dict.fromkeys(BASE_RATES, 0.0))

    assert prediction.tags == ("diplomacy", "energy", "culture")
    assert list(prediction.scores) == ["energy", "diplomacy", "culture"]


def test_equally_probable_tags_stand_in_order_of_their_margins():
    """Beyond the ends of the lines both are 0.9; the margin of the second is higher."""
    lines = type(ONE.calibration)(margins=[[0.0], [0.0]], probabilities=[[0.9], [0.9]])
    two = Model(
        **{
            **vars_of(ONE),
            "labels": ("first", "second"),
            "weights": np.array([[0, 0], [1, 2], [1, 2]], dtype=np.float32),
            "bias": np.zeros(2),
            "cuts": np.zeros(2),
            "base_rates": np.zeros(2),
            "calibration": lines,
        }
    )

    assert two.predict(["oil"])[0].tags == ("second", "first")


def test_one_mode_gives_exactly_the_best_label():
    """Also where no margin is above zero, and whatever the cuts."""
    one = tiny_model(mode="one")

    energy, mixed, stop = one.predict([ENERGY_TEXT, MIXED_TEXT, "the and the and the and"])

    assert (energy.tags, mixed.tags, stop.tags) == (("energy",), ("diplomacy",), ("diplomacy",))
    assert sum(energy.scores.values()) == pytest.approx(1.0)


@cases("model", "text", "note")
def test_what_cannot_be_judged_gets_base_rates_no_tags_and_a_reason(text, note):
    """Too few words, or too few known ones: the scores are what any article would get."""
    [prediction] = TINY.predict([text])

    assert prediction.note == note
    assert prediction.tags == ()
    assert prediction.scores == BASE_RATES


@pytest.mark.parametrize("text", ["", "oil gas pipeline", "Öl und Benzin kosten mehr als je"])
def test_exactly_one_label_is_given_with_the_remark(text):
    """Where each article has one label it gets its likeliest, and the reader is warned."""
    [prediction] = tiny_model(mode="one").predict([text])

    assert prediction.note != ""
    assert prediction.tags == (max(prediction.scores, key=prediction.scores.__getitem__),)
    assert sum(prediction.scores.values()) == pytest.approx(1)


def test_a_threshold_of_zero_tags_nothing_that_cannot_be_judged():
    """A note goes before any threshold."""
    assert TINY.predict(["oil"], thresholds={"energy": 0.0})[0].tags == ()


def test_controls_and_direction_marks_divide_or_vanish():
    """NUL stands between words; a right-to-left mark and a soft hyphen inside one vanish."""
    hidden, plain = TINY.predict(
        ["oil\0gas\0the\0mini\u200fster and\0pipe\u00adline", "oil gas the minister and pipeline"]
    )

    assert answer(hidden) == answer(plain)


@pytest.mark.parametrize(
    ("text", "n_words", "most"),
    [
        ("oil " * 1_000_000, 1_000_000, 1_000_000),
        ("oil and gas: the minister. " * 380_000, 1_900_000, 380_000),
    ],
    ids=["a million times one word", "ten megabytes"],
)
def test_very_long_articles_are_read_whole(text, n_words, most):
    """Counts are exact and the score is finite."""
    [prediction] = ONE.predict([text])
    reading = ONE.read([text])

    assert reading.n_words.tolist() == [n_words]
    assert max(reading.counts) == most
    assert 0 < prediction.scores["energy"] < 1


@settings(max_examples=60)
@given(st.lists(texts, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_an_article_is_judged_alone_as_in_company(batch, random):
    """A batch of many in any order equals batches of one, to the last bit."""
    shuffled = random.sample(batch, len(batch))

    together = dict(zip(shuffled, map(answer, TINY.predict(shuffled)), strict=True))

    for text in batch:
        [alone] = TINY.predict([text])
        assert answer(alone) == together[text]


def test_batches_join_without_a_seam():
    """Six hundred articles are three batches; each is what it is alone, in its place."""
    many = [Article(TEXTS[n % len(TEXTS)], id=str(n)) for n in range(600)]
    alone = [TINY.predict([text])[0] for text in TEXTS]

    predictions = TINY.predict(iter(many))

    assert [p.id for p in predictions] == [str(n) for n in range(600)]
    assert [p.scores for p in predictions] == [alone[n % len(TEXTS)].scores for n in range(600)]
    assert [p.tags for p in predictions] == [alone[n % len(TEXTS)].tags for n in range(600)]


def test_a_stream_is_read_batch_by_batch():
    """After the first answer no more than a batch has been asked for."""
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield ENERGY_TEXT

    first = next(TINY.predict_stream(endless()))

    assert first.tags == ("energy",)
    assert len(asked) == 256


def test_no_articles_get_no_predictions():
    """Nothing in, nothing out."""
    assert TINY.predict([]) == []


@settings(max_examples=100)
@given(texts, st.randoms(use_true_random=False))
def test_contributions_add_up_to_the_margin_in_any_order(text, random):
    """Bias and contributions make the margin exactly, however they are added."""
    for explanation in TINY.explain(text).values():
        parts = [explanation.bias, *(c.value for c in explanation.contributions)]

        total = 0.0
        for part in random.sample(parts, len(parts)):
            total += part

        assert total == explanation.margin


@given(texts)
def test_explanations_are_of_the_margins_that_decide(text):
    """The same margin, to the last bit, and the cut it is measured against."""
    explanations = TINY.explain(text)

    assert_array_equal([e.margin for e in explanations.values()], TINY.margins([text])[0])
    assert [e.cut for e in explanations.values()] == [0.125, 0.0, 0.3125]


def test_an_explanation_lists_every_known_term_the_weightiest_first():
    """What raises the label and what lowers it, each by strength; zeros in neither."""
    [prediction] = tiny_model().predict([MIXED_TEXT])

    energy = prediction.explain()["energy"]

    assert energy.label == "energy"
    assert [(c.term, c.count) for c in energy.contributions] == [
        *[("gas", 1), ("pipeline", 1), ("ambassador", 1), ("minister", 1)],
        *[("and", 2), ("talks", 2), ("the", 3)],
    ]
    assert [c.term for c in energy.raised] == ["gas", "pipeline", "minister"]
    assert [c.term for c in energy.lowered] == ["ambassador"]


def test_raised_and_lowered_keep_the_order_of_strength():
    """The signs part the list, nothing is sorted again."""
    parts = [Contribution(t, 1, v) for t, v in (("b", -3.0), ("a", 2.0), ("z", -1.0), ("o", 0.0))]

    explanation = Explanation("energy", -2.0, 0.0, 0.5, tuple(parts))

    assert explanation.raised == (Contribution("a", 1, 2.0),)
    assert explanation.lowered == (Contribution("b", 1, -3.0), Contribution("z", 1, -1.0))


def test_an_explanation_of_nothing_is_the_bias():
    """A text without known words has no contributions."""
    assert ONE.explain("unheard")["energy"] == Explanation("energy", -0.5, -0.5, 0.25, ())


def test_predictions_travel_without_their_model():
    """Pickled for another process, a prediction is equal but cannot be explained there."""
    prediction = TINY.predict([ENERGY_TEXT])[0]

    travelled = pickle.loads(pickle.dumps(prediction))

    assert travelled == prediction
    with pytest.raises(ModelError, match="explain it where it was made"):
        travelled.explain()


def test_plurals_count_as_their_singular_when_folded():
    """The words are those of the text, the terms those of the vocabulary."""
    model = tiny_model(fold_plurals=True)

    folded = model.margins(["ministers visit museums and pipelines"])

    assert_array_equal(folded, model.margins(["minister visit museum and pipeline"]))
    assert (folded != tiny_model().margins(["ministers visit museums and pipelines"])).any()


def test_more_words_than_are_remembered_are_still_read(monkeypatch):
    """Looking a word up again gives what remembering it gives."""
    expected = tiny_model().margins([MIXED_TEXT])
    monkeypatch.setattr("classifier.model.vocabulary.REMEMBERED_PIECES", 2)
    model = tiny_model()

    assert_array_equal(model.margins_of(model.read_by_dict([MIXED_TEXT])), expected)
    assert len(model.word_ids) == 2


def test_what_has_no_end_is_not_remembered():
    """A line of a script without spaces is read, and would never come again."""
    model = tiny_model()

    reading = model.read_by_dict(["漢" * 22, "漢" * 21])

    assert reading.n_words.tolist() == [1, 1]
    assert list(model.word_ids) == [("漢" * 21).encode()]


@given(
    text=texts,
    floors=st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted),
    label=st.sampled_from(sorted(BASE_RATES)),
)
def test_a_higher_threshold_never_adds_a_tag(text, floors, label):
    """Tags at a higher probability are among those at a lower one; other labels stay."""
    low, high = (TINY.predict([text], thresholds={label: f})[0].tags for f in floors)

    assert set(high) <= set(low)
    assert set(low) - set(high) <= {label}


def test_a_threshold_replaces_the_cut_of_its_label_alone():
    """A label is given from the probability on, the others by their cuts."""
    scores = TINY.predict([ENERGY_TEXT])[0].scores

    at, above = (
        TINY.predict([ENERGY_TEXT], thresholds={"diplomacy": floor})[0]
        for floor in (scores["diplomacy"], np.nextafter(scores["diplomacy"], 1))
    )

    assert TINY.predict([ENERGY_TEXT])[0].tags == ("energy",)
    assert at.tags == ("energy", "diplomacy")
    assert above.tags == ("energy",)


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"sport": 0.5}, "threshold for 'sport': the model's labels are energy, diplomacy, cul"),
        ({"energy": 1.5}, "threshold for 'energy' must lie between 0 and 1, not 1.5"),
        ({"energy": -0.1}, "must lie between 0 and 1, not -0.1"),
        ({"energy": float("nan")}, "must lie between 0 and 1, not nan"),
    ],
)
def test_a_threshold_that_means_nothing_is_refused(thresholds, message):
    """A label of another model, or no probability."""
    with pytest.raises(ModelError, match=message):
        TINY.predict([ENERGY_TEXT], thresholds=thresholds)


def test_a_wrong_threshold_is_refused_before_any_article():
    """Also when there are none."""
    with pytest.raises(ModelError, match="sport"):
        TINY.predict([], thresholds={"sport": 0.5})


def test_a_model_of_exactly_one_label_takes_no_thresholds():
    """The best is given, whatever its probability."""
    with pytest.raises(ModelError, match="takes no thresholds"):
        tiny_model(mode="one").predict([ENERGY_TEXT], thresholds={"energy": 0.5})


@pytest.mark.parametrize(
    ("info", "signature"), [({}, "tiny"), ({"hash": "0123456789abcdef"}, "tiny@01234567")]
)
def test_a_prediction_is_signed(info, signature):
    """Name and the first eight digits of the hash, if the model was stored."""
    model = Model(**{**vars_of(tiny_model()), "info": info})

    assert model.predict([ENERGY_TEXT])[0].model == signature


def test_a_model_without_terms_still_answers():
    """Every word is unknown to it."""
    empty = Model(
        **{
            **vars_of(ONE),
            "vocabulary": (),
            "idf": np.zeros(0, np.float32),
            "weights": np.zeros((0, 1), np.float32),
        }
    )

    [prediction] = empty.predict(["oil and gas"])

    assert prediction.note == "the model knows 0 of 3 words: another language or subject?"
    assert empty.margins(["oil"]).tolist() == [[-0.5]]


POINTED = replace(ONE, info={"points": {"precise": [0.9], "complete": [0.1]}})


def test_a_working_point_stands_for_thresholds():
    """Balanced is the model's own cuts; a threshold that is given as well counts."""
    texts = ["oil", "oil gas", ""]

    assert POINTED.points == ("balanced", "precise", "complete")
    assert POINTED.thresholds_at("balanced") == {}
    assert POINTED.thresholds_at("precise") == {"energy": 0.9}
    expected = POINTED.predict(texts, thresholds={"energy": 0.1})
    assert POINTED.predict(texts, point="complete") == expected
    assert POINTED.predict(texts, point="precise", thresholds={"energy": 0.1}) == expected


@pytest.mark.parametrize(
    ("model", "point", "message"),
    [
        (ONE, "precise", "has no cuts for 'precise'. Choose one of balanced, or train the model"),
        (POINTED, "exact", "has no cuts for 'exact'. Choose one of balanced, precise, complete."),
        (
            replace(ONE, info={"points": {"precise": [0.1, 0.2]}}),
            "precise",
            "the cuts for 'precise' are not one for each label",
        ),
    ],
)
def test_a_point_without_cuts_is_refused(model, point, message):
    """What there is is named."""
    with pytest.raises(ModelError, match=re.escape(message)):
        model.predict(["oil"], point=point)
