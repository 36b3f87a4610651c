"""Whether new articles are like those of training, told without crying wolf."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from bench.drift import trained, verdicts
from classifier.article import Article
from classifier.corpus.read import read_articles
from classifier.drift import drift as observed
from classifier.drift.drift import (
    Drift,
    Histogram,
    Measure,
    article_counts,
    drift,
    given_tags,
    jensen_shannon,
    observe,
    stability_index,
    stability_limit,
)
from classifier.errors import BadInputError, ModelError
from classifier.model.folder import load_model, save_model
from classifier.training.count import inverse_document_frequencies
from classifier.training.record import term_distances
from classifier.training.settings import Settings
from classifier.training.train import train
from tests.command_line import EXAMPLES
from tests.models import tiny_model

HOUSE = EXAMPLES.parents[1] / "house"
CHEAP = Settings(C=(1.0,), lead_repeats=(2,), borderline_weight=(1.0,), auxiliary_weight=(1.0,))
FOREIGN = (
    "Der Ausschuss hat am Mittwoch über den Haushalt der Stadt beraten, und die Abgeordneten",
    "La commission a examiné mercredi le budget de la ville, puis les députés ont voté le",
    "Комитет в среду обсудил бюджет города, после чего депутаты проголосовали за новый",
)

counts = st.lists(st.integers(0, 50), min_size=3, max_size=3).map(np.array)


@pytest.fixture(scope="module")
def articles():
    """Return the house articles in an order without pattern."""
    found = list(read_articles([HOUSE]))
    return [found[i] for i in np.random.default_rng(3).permutation(len(found))]


@pytest.fixture(scope="module")
def model(articles):
    """Return a model of two house articles in three."""
    return train(articles[:400], CHEAP, name="house")


def test_fair_samples_are_as_in_training(model, articles):
    """Articles of the same hand that the model has not seen, all of them and small lots."""
    lots = [articles[400:], *(articles[start : start + 50] for start in range(400, 600, 50))]

    found = [drift(model, lot) for lot in lots]

    assert [each.verdict for each in found] == ["as in training"] * 5
    assert found[0].reasons == ()
    assert (found[0].n_articles, found[0].n_training) == (len(articles) - 400, 400)


def test_foreign_languages_are_different(model):
    """Hardly a word is known, and the reason says so first."""
    foreign = [Article(f"{text} {i} {j}.") for i in range(10) for j, text in enumerate(FOREIGN)]

    found = drift(model, foreign)

    assert found.verdict == "different"
    assert any(reason.startswith("known words: 100 % of the articles") for reason in found.reasons)


def test_another_kind_of_article_is_different(model, articles):
    """Short notes on one subject: length, tags and words are named."""
    notes = [f"Gas prices rose again on day {i}, the ministry of energy said." for i in range(60)]

    found = drift(model, notes)

    assert found.verdict == "different"
    assert any(reason.startswith("length in words: 100 %") for reason in found.reasons)
    assert any(reason.startswith("energy is given to ") for reason in found.reasons)
    assert {"gas", "price"} <= set(found.more_often)


def test_order_does_not_matter_for_what_is_compared(model, articles):
    """All but the lots in which terms are counted."""
    forth, back = (drift(model, lot).to_json() for lot in (articles[400:], articles[:399:-1]))

    measures = (found["measures"] for found in (forth, back))
    first, second = ({n: m for n, m in found.items() if n != "terms"} for found in measures)
    assert first == second


def test_the_reference_survives_the_folder(model, articles, tmp_path):
    """A saved and loaded model gives the same verdict, and keeps little for it."""
    save_model(model, tmp_path / "m")

    loaded = load_model(tmp_path / "m")

    assert loaded.info["reference"] == model.info["reference"]
    assert (
        drift(loaded, articles[400:]).to_json()["measures"]
        == (drift(model, articles[400:]).to_json()["measures"])
    )
    assert len(str(model.info["reference"])) < 4000


def test_texts_without_a_known_word_are_compared_too(model):
    """Their terms are as far away as can be."""
    found = drift(model, ["ωωω ψψψ"] * 25)

    terms = next(measure for measure in found.measures if measure.name == "terms")
    assert (terms.distance, terms.level) == (1.0, 2)
    assert "none that the model knows" in terms.reason
    assert found.more_often == ()


def test_a_model_without_reference_asks_for_a_training():
    """Models of older versions keep none."""
    with pytest.raises(ModelError, match=r"keeps nothing to compare .* Train it again"):
        drift(tiny_model(), ["oil"] * 30)


def test_a_damaged_reference_is_an_error(model):
    """Not a traceback."""
    info = {**model.info, "reference": {"articles": 3}}

    with pytest.raises(ModelError, match="what its training recorded is damaged"):
        drift(replace(model, info=info), ["oil"] * 30)


@pytest.mark.parametrize("n", [0, 19])
def test_a_handful_of_articles_is_refused(model, n):
    """They tell nothing about the rest."""
    with pytest.raises(BadInputError, match=f"{n} articles tell nothing"):
        drift(model, ["oil"] * n)


def test_small_corpora_leave_the_terms_out(articles):
    """Folds of a few articles cannot tell how far fair samples go."""
    small = train(articles[:90], replace(CHEAP, n_folds=3), name="small")

    assert small.info["reference"]["terms"] == {"sizes": [], "mean": [], "sd": []}
    assert "terms" not in {measure.name for measure in drift(small, articles[400:450]).measures}


@pytest.mark.parametrize(
    ("distances", "verdict"),
    [((0.1, 0.3), "as in training"), ((0.1, 0.31), "somewhat different"), ((0.5, 0), "different")],
)
def test_the_verdict_is_that_of_the_worst_measure(distances, verdict):
    """What chance explains, and a little beyond, does not count."""
    measures = [Measure(str(d), 0, 0, d, 0.2, (0.1, 0.25), f"by {d}") for d in distances]

    found = Drift("m", 20, 20, tuple(measures), ())

    assert found.verdict == verdict
    assert found.reasons == tuple(f"by {d}" for d in distances if d > 0.3)


@pytest.mark.parametrize(
    ("values", "edges", "shares"),
    [
        (list(range(1, 11)), (1, 2, 3, 4, 5, 6, 7, 8, 9), (0.1,) * 10),
        ([0] * 5 + [1] * 5, (0, 1), (0.5, 0.5, 0.0)),
        ([7], (7,), (1.0, 0.0)),
    ],
)
def test_a_histogram_holds_the_shares_between_its_deciles(values, edges, shares):
    """Also where one value is several deciles."""
    found = Histogram.of(np.array(values, dtype=float))

    assert (found.edges, found.shares) == (edges, shares)
    assert found.counts(np.array(values, dtype=float)).tolist() == [s * len(values) for s in shares]


def test_the_stability_index_by_hand():
    """Shares 0.5 and 0.5 against 0.25 and 0.75, each count half a count higher."""
    found = stability_index(np.array([9.5, 9.5]), np.array([4.5, 14.5]))

    assert found == pytest.approx(0.25 * math.log(2) - 0.25 * math.log(0.5 / 0.75))


@given(counts, counts)
def test_the_stability_index_is_no_less_than_zero_and_has_no_direction(one, other):
    """Equal shares are at distance zero."""
    assert stability_index(one, other) >= -1e-12
    assert stability_index(one, other) == pytest.approx(stability_index(other, one))
    assert stability_index(one, one) == 0


def test_small_samples_are_allowed_more():
    """Ten even bins: near the chi-squared quantile over the number of articles."""
    limits = [stability_limit([0.1] * 10, n, 10_000, level=0.05) for n in (50, 500)]

    assert limits[0] == pytest.approx(16.92 / 50, rel=0.15)
    assert limits[1] == pytest.approx(16.92 / 500, rel=0.15)


def test_the_divergence_by_hand():
    """Nothing in common is one bit; the same shares are none."""
    reference = np.array([2.0, 2.0, 0.0])

    assert jensen_shannon(np.array([0.0, 0.0, 9.0]), reference) == pytest.approx(1.0)
    assert jensen_shannon(np.array([5.0, 5.0, 0.0]), reference) == 0.0


@given(counts.filter(np.any), counts.filter(np.any))
def test_the_divergence_lies_between_no_bit_and_one(one, other):
    """Whatever the counts."""
    assert -1e-12 <= jensen_shannon(one, other) <= 1 + 1e-12


@pytest.mark.parametrize("form", ["bm25", "smooth"])
def test_article_counts_come_back_out_of_the_idf(form):
    """Exactly, in the single precision in which a model keeps it."""
    rows = [[column < n for column in range(12)] for n in (12, 11, 7, 3, 1)]
    X = sp.csr_matrix(np.array(rows, dtype=float))
    idf = inverse_document_frequencies(X, 1, form=form).astype(np.float32)

    assert article_counts(idf, 5, form=form).tolist() == np.array(rows).sum(axis=0).tolist()


def test_tags_are_given_from_the_cut_on():
    """Or to the highest margin, where each article has exactly one."""
    margins = np.array([[0.125, -1.0, 0.3], [-2.0, -1.0, -3.0]])

    assert given_tags(tiny_model(), margins).tolist() == [[True, False, False], [False] * 3]
    one = given_tags(tiny_model(mode="one"), margins)
    assert one.tolist() == [[False, False, True], [False, True, False]]


def test_samples_of_terms_come_closer_the_larger_they_are():
    """And folds of the same articles stay below folds of different ones."""
    rng = np.random.default_rng(0)
    occurs = sp.csr_matrix((rng.random((400, 30)) < 0.3).astype(float))
    folds = np.arange(400) % 2

    found = term_distances(occurs, folds, min_df=2)

    assert found["sizes"] == [25, 50, 100]
    assert found["mean"][0] > found["mean"][1] > found["mean"][2] > 0
    assert all(sd > 0 for sd in found["sd"])


def test_the_terms_of_a_fair_draw_are_kept(monkeypatch):
    """However long the stream; coverage and margins of all are."""
    monkeypatch.setattr(observed, "TERMS_KEPT", 10)

    found = observe(tiny_model(), ["oil"] * 300 + ["gas oil"] * 300)

    assert (len(found), len(found.terms)) == (600, 10)
    assert 0 < sum(len(ids) == 2 for ids in found.terms) < 10
    assert found.term_counts.sum() == 900
    assert sum(part.sum() for part in found.parts(4, 12)) >= 8


@pytest.mark.corpus
def test_real_news_held_back_is_as_in_training():
    """A quarter of the corpus, near-duplicates on one side, and lots of fifty out of it."""
    model, held = trained()

    assert drift(model, held).verdict == "as in training"
    assert verdicts(model, held, 50, n_samples=10)["as in training"] == 10
