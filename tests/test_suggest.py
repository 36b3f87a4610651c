"""Which articles to label next: unsure ones from different topics, and a fair draw."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from classifier.article import Article, Labels
from classifier.errors import SettingsError
from classifier.labelling.suggest import choose_spread, cut_probabilities, hesitation, suggest
from tests.models import tiny_model

# It is sure of a text of concerts and museums, and unsure of one of ministers.
MODEL = replace(tiny_model(), min_words=1, min_coverage=0.1)


def sure(name):
    """Return a text with words that no other has, so that none is a copy."""
    return "concert museum concert museum " + " ".join(f"{name}{i}" for i in range(9))


def unsure(name):
    """Return a text with words that no other has, so that none is a copy."""
    return "the minister and the minister " + " ".join(f"{name}{i}" for i in range(9))


def articles(*texts):
    """Return one unlabelled article a text, called 0, 1, 2 and so on."""
    return [Article(text, id=str(i)) for i, text in enumerate(texts)]


def ids(suggestions):
    """Return which articles were suggested."""
    return [suggestion.article.id for suggestion in suggestions]


@pytest.mark.parametrize(
    ("score", "unsure"), [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0), (0.6, 0.5), (1.0, 0.0)]
)
def test_hesitation_is_greatest_at_the_cut(score, unsure):
    """It falls to nothing where the model is certain, on either side."""
    assert hesitation(np.array([[score]]), np.array([0.2]))[0, 0] == pytest.approx(unsure)


@given(st.floats(0, 1), st.floats(0.02, 0.98))
def test_hesitation_lies_between_nothing_and_one(score, cut):
    """Whatever the score and the cut."""
    assert 0 <= hesitation(np.array([[score]]), np.array([cut]))[0, 0] <= 1


def test_cuts_become_probabilities():
    """Also that of a label which is never given, and of a model that gives exactly one."""
    never = replace(tiny_model(), cuts=np.array([0.0, 0.5, np.inf]))

    assert cut_probabilities(never).tolist() == pytest.approx([0.4, 0.9, 0.98])
    assert cut_probabilities(tiny_model(mode="one")).tolist() == [0.5, 0.5, 0.5]


def test_chosen_articles_differ_from_each_other():
    """A copy of the first costs half its priority, so another topic comes second."""
    vectors = csr_matrix(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]))

    assert choose_spread(np.array([1.0, 0.9, 0.6, 0.1]), vectors, 3) == [0, 2, 1]


def test_no_more_are_chosen_than_there_are():
    """Each article comes once."""
    vectors = csr_matrix(np.eye(2))

    assert sorted(choose_spread(np.array([0.0, 0.0]), vectors, 5)) == [0, 1]


def test_unsure_articles_come_before_sure_ones():
    """Without a random part, the model's own doubt decides."""
    pool = articles(sure("a"), sure("b"), unsure("c"), unsure("d"))

    found = suggest(MODEL, pool, n=2, random_share=0)

    assert sorted(ids(found)) == ["2", "3"]
    assert [each.drawn_at_random for each in found] == [False, False]
    assert found[0].why == f"unsure of {found[0].label} ({found[0].probability:.2f})"
    assert found[0].entry.row(excerpt=10) == {
        "id": found[0].article.id,
        "outlet": "",
        "date": "",
        "title": "",
        "excerpt": "the minist …",
        "suggested": "|".join(found[0].tags),
        "why": found[0].why,
    }


def test_labelled_articles_and_their_copies_are_passed_over():
    """What is known already, or printed again, is not worth a labeller's time."""
    labelled = Article(unsure("a"), id="known", labels=Labels())
    others = articles(unsure("a"), unsure("b"), unsure("b").upper())

    found = suggest(MODEL, [*others, labelled], n=5)

    assert ids(found) in (["1"], ["2"])


def test_articles_that_cannot_be_judged_are_passed_over():
    """Another language or no words at all."""
    found = suggest(MODEL, articles("ganz und gar nicht zu lesen hier", "", unsure("u")), n=5)

    assert ids(found) == ["2"]


def test_a_part_is_drawn_at_random():
    """The draw is the same for a seed, differs between seeds, and is marked as such."""
    pool = articles(*(unsure(f"n{i}x") + " oil" * (i % 3) for i in range(40)))

    found = suggest(MODEL, pool, n=10, random_share=0.5, seed=1)

    drawn = [each for each in found if each.drawn_at_random]
    assert (len(found), len(drawn), len(set(ids(found)))) == (10, 5, 10)
    assert {each.why for each in drawn} == {"drawn at random"}
    assert ids(found) == ids(suggest(MODEL, pool, n=10, random_share=0.5, seed=1))
    assert [each.drawn_at_random for each in found] == [False, True] * 5
    others = suggest(MODEL, pool, n=10, random_share=0.5, seed=2)
    assert ids(drawn) != ids(each for each in others if each.drawn_at_random)


def test_all_can_be_drawn_at_random():
    """Then the model chooses none, and few articles are all taken."""
    found = suggest(MODEL, articles(sure("s"), unsure("u")), n=5, random_share=1)

    assert sorted(ids(found)) == ["0", "1"]
    assert all(each.drawn_at_random for each in found)


def test_more_articles_than_are_kept_give_the_best():
    """Only the candidates of highest rank are held; the unsure one among many is found."""
    pool = articles(*(sure(f"n{i}x") for i in range(50)), unsure("u"))

    assert ids(suggest(MODEL, pool, n=1, random_share=0)) == ["50"]


def test_nothing_to_suggest_is_an_empty_list():
    """No articles, no suggestions."""
    assert suggest(MODEL, [], n=3) == []


@pytest.mark.parametrize("options", [{"n": 0}, {"random_share": 1.5}, {"random_share": -1}])
def test_options_out_of_range_are_refused(options):
    """The message says which."""
    with pytest.raises(SettingsError, match="suggest: n is "):
        suggest(MODEL, [], **options)
