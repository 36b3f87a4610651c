"""Cuts: written-out little examples, brute force for the joint rule, and no cut from thin air."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import f1_score

from classifier.errors import SettingsError
from classifier.training.cuts import (
    POINTS,
    choose_shift,
    choose_thresholds,
    held_out_tags,
    pooled_cut,
)
from tests.cases import cases

NAN = np.nan
# Two labels of four articles: one easy, one with a single positive below the pooled cut.
SCORES = np.array([[0.9, 0.7], [0.8, 0.2], [0.4, 0.1], [0.3, 0.05]])
TRUTH = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])


def column(*values):
    """Return one label's cells."""
    return np.array(values, dtype=float)[:, None]


def cells(pairs, n_labels):
    """Return scores and truth of shape (n_articles, n_labels) from a flat list of pairs."""
    return np.array(pairs).reshape(-1, n_labels, 2).transpose(2, 0, 1)


@cases("thresholds", "scores", "truth", "cut")
def test_a_cut_has_the_best_smoothed_f1(scores, truth, cut):
    """The best (2tp + 1) / (2tp + fp + fn + 2), worked out by hand."""
    assert_allclose(
        choose_thresholds(column(*scores), column(*truth), rare_positives=0, rule="smoothed-f1"),
        [cut],
    )


def test_of_equally_good_cuts_the_higher_is_chosen():
    """Giving it to none scores as much as giving it to all: rather none."""
    scores = column(9, 8, 7, 6, 5, 4)
    truth = column(0, 0, 0, 0, 0, 1)

    # None 1/3; all 3 / (2 + 5 + 0 + 2) = 1/3.
    assert_allclose(choose_thresholds(scores, truth, rare_positives=0, rule="smoothed-f1"), [10])


def test_a_label_without_known_articles_is_never_given():
    """There is no score to cut between."""
    cuts = choose_thresholds(
        column(0.4, 0.6), column(NAN, NAN), rare_positives=0, rule="smoothed-f1"
    )

    assert cuts.tolist() == [np.inf]


def test_the_pooled_cut_is_best_for_all_labels_together():
    """Giving the two best of all eight cells scores 5/7, three 5/8."""
    assert pooled_cut(SCORES, TRUTH) == pytest.approx(0.75)


@pytest.mark.parametrize(("rare_positives", "cuts"), [(0, [0.6, 0.15]), (2, [0.6, 0.75])])
def test_a_rare_label_gets_no_cut_below_the_pooled_one(rare_positives, cuts):
    """One positive article cannot justify a cut at 0.15; two can justify theirs."""
    assert_allclose(
        choose_thresholds(SCORES, TRUTH, rare_positives=rare_positives, rule="smoothed-f1"), cuts
    )


def test_a_label_with_one_article_borrows_from_its_like():
    """Its own articles say to give it to all; two labels like it say to give it to few."""
    scores = np.array([[0.9, 0.9, 0.7], [0.4, 0.3, 0.6], [0.3, 0.2, 0.5], [0.1, 0.1, 0.2]])
    truth = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])

    alone = choose_thresholds(scores[:, 2:], truth[:, 2:], rule="smoothed-f1")
    together = choose_thresholds(scores, truth, rule="smoothed-f1")

    assert_allclose(alone, [-0.8])
    assert_allclose(together, [0.65, 0.6, 0.8])


def test_a_rare_label_keeps_a_cut_above_the_pooled_one():
    """A label that is never present stays above its highest score."""
    truth = np.column_stack([TRUTH[:, 0], np.zeros(4)])

    assert_allclose(
        choose_thresholds(SCORES, truth, rare_positives=2, rule="smoothed-f1"), [0.6, 1.7]
    )


@pytest.mark.parametrize("rule", ["smoothed-f1", "micro-macro"])
def test_unknown_cells_are_left_out(rule):
    """Articles whose truth is unknown move no cut, wherever they score."""
    scores = np.vstack([SCORES, [[0.5, 0.95], [0.65, 0.15], [2.0, -3.0]]])
    truth = np.vstack([TRUTH, np.full((3, 2), NAN)])

    cuts = choose_thresholds(scores, truth, rule=rule, rare_positives=2)

    assert_array_equal(cuts, choose_thresholds(SCORES, TRUTH, rule=rule, rare_positives=2))


@pytest.mark.parametrize("seed", range(4))
def test_micro_macro_finds_the_best_of_all_combinations(seed):
    """Of all 216 combinations of cuts none has a higher sum of micro- and macro-F1."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((5, 3)) < 0.4).astype(float)
    scores = rng.permutation(15).reshape(5, 3) + 4 * truth

    cuts = choose_thresholds(scores, truth, rule="micro-macro", rare_positives=0)

    places = (np.append(np.sort(scores[:, k]), 99) - 0.25 for k in range(3))
    best = max(micro_plus_macro(truth, scores >= np.array(at)) for at in product(*places))
    assert micro_plus_macro(truth, scores >= cuts) == pytest.approx(best)


def micro_plus_macro(truth, given_tags):
    """Return the sum of both as scikit-learn defines them."""
    return sum(f1_score(truth, given_tags, average=a, zero_division=0) for a in ("micro", "macro"))


@pytest.mark.parametrize(("rule", "cuts"), [("smoothed-f1", [-1, -1]), ("micro-macro", [-1, 2.5])])
def test_micro_macro_weighs_a_label_against_the_others(rule, cuts):
    """The second label's F1 is 2/3 either way, yet given to all it costs the pool false tags."""
    scores = np.column_stack([np.arange(6.0), np.arange(6.0)])
    truth = np.column_stack([[1.0, 0, 1, 1, 0, 1], [1.0, 0, 0, 1, 1, 0]])

    # Alone: to all 7/11, from 3 on 5/8. Micro-F1 of both labels: to all 14/19, from 3 on 12/16.
    assert_allclose(choose_thresholds(scores, truth, rule=rule, rare_positives=0), cuts)


cell = st.tuples(st.integers(0, 5), st.sampled_from([0.0, 1.0, NAN]))


@pytest.mark.parametrize("rule", ["smoothed-f1", "micro-macro"])
@settings(max_examples=60)
@given(pairs=st.lists(cell, min_size=24, max_size=24), order=st.permutations(range(12)))
def test_the_order_of_articles_moves_no_cut(rule, pairs, order):
    """Ties, gaps and all."""
    scores, truth = cells(pairs, 2)

    cuts = choose_thresholds(scores, truth, rule=rule, rare_positives=3)

    shuffled = choose_thresholds(scores[order], truth[order], rule=rule, rare_positives=3)
    assert_array_equal(shuffled, cuts)


@settings(max_examples=60)
@given(pairs=st.lists(cell, min_size=1, max_size=20))
def test_a_label_without_positives_is_given_to_nobody(pairs):
    """Whatever the scores of absent and unknown articles, nobody seen gets it."""
    scores, truth = cells(pairs, 1)
    known = ~np.isnan(truth)
    absent = np.where(known, 0.0, NAN)

    for rule in ("smoothed-f1", "micro-macro"):
        cuts = choose_thresholds(scores, absent, rule=rule, rare_positives=0)
        assert not (scores >= cuts)[known].any()


def test_scores_one_ulp_apart_can_be_cut_between():
    """The cut between two neighbouring floats gives the upper one and not the lower."""
    low, high = 1.0, np.nextafter(1.0, 2.0)

    [cut] = choose_thresholds(column(high, low), column(1, 0), rare_positives=0, rule="smoothed-f1")

    assert low < cut <= high


def test_held_out_tags_come_from_the_cuts_of_the_other_folds():
    """The first fold is cut at the second's 0.75, and the other way round at 0.25."""
    scores = column(0.3, 0.2, 0.8, 0.7)
    truth = column(1, 0, 1, 0)
    folds = np.array([0, 0, 1, 1])

    tags = held_out_tags(scores, truth, folds, rule="smoothed-f1", rare_positives=0)["balanced"]

    assert tags[:, 0].tolist() == [False, False, True, True]


def test_articles_of_no_fold_are_given_nothing_and_move_no_cut():
    """An auxiliary article, fold -1, is never held out."""
    scores = column(0.3, 0.2, 0.8, 0.7, 0.5)
    truth = column(1, 0, 1, 0, 1)
    folds = np.array([0, 0, 1, 1, -1])

    tags = held_out_tags(scores, truth, folds, rule="micro-macro", rare_positives=0)["balanced"]

    assert tags[:, 0].tolist() == [False, False, True, True, False]


def test_an_unknown_rule_is_refused():
    """A misspelt rule must not pass for another."""
    with pytest.raises(
        SettingsError, match=r"rule is 'f1'\. Choose one of expected-f1, smoothed-f1, micro-macro"
    ):
        choose_thresholds(np.zeros((1, 1)), np.ones((1, 1)), rule="f1")


def test_the_expected_cut_is_where_the_probability_is_half_the_best_f1():
    """Two thousand articles whose probability is the sigmoid of the score: F* is about 0.675."""
    rng = np.random.default_rng(0)
    scores = rng.normal(-1.5, 2.0, size=(2000, 1))
    truth = (rng.random((2000, 1)) < 1 / (1 + np.exp(-scores))).astype(float)

    cut = choose_thresholds(scores, truth)[0]

    # sigmoid(-0.674) = 0.338, half of the best F1 of 200,000 articles drawn alike
    assert cut == pytest.approx(-0.674, abs=0.2)


@pytest.mark.parametrize("rule", ["expected-f1", "smoothed-f1", "micro-macro"])
@pytest.mark.parametrize("allowed", [0.02, 0.05, 0.10])
def test_no_more_articles_without_a_label_get_one_than_allowed(rule, allowed):
    """All cuts rise together until the share of false tags is within what is allowed."""
    rng = np.random.default_rng(1)
    truth = (rng.random((1000, 3)) < 0.15).astype(float)
    scores = rng.normal(size=(1000, 3)) + 1.5 * truth

    free = choose_thresholds(scores, truth, rule=rule)
    kept = choose_thresholds(scores, truth, rule=rule, max_false_tags=allowed)

    untagged = truth.sum(axis=1) == 0
    assert (scores[untagged] >= free).any(axis=1).mean() > 0.10
    assert allowed - 0.005 < (scores[untagged] >= kept).any(axis=1).mean() <= allowed
    assert np.ptp(kept - free) == pytest.approx(0)


def test_few_articles_without_a_label_raise_no_cut():
    """Below fifty their share of false tags says nothing."""
    truth = np.repeat([[0.0], [1.0]], [40, 60], axis=0)
    scores = np.linspace(-1, 1, 100)[::-1][:, None]

    capped = choose_thresholds(scores, truth, rule="smoothed-f1", max_false_tags=0.0)

    assert capped == choose_thresholds(scores, truth, rule="smoothed-f1")


def test_margins_of_rare_labels_are_raised_where_that_is_more_often_right():
    """Two of ten articles are of the rare label and lose by 0.1; the rest win by 0.2."""
    truth = np.repeat([[1.0, 0.0], [0.0, 1.0]], [8, 2], axis=0)
    margins = np.repeat([[0.3, 0.0], [0.1, 0.0]], [8, 2], axis=0)

    shift = choose_shift(margins, truth)

    # Shares (8 + 1) / 12 and (2 + 1) / 12; 0.1 times the difference of their logarithms is 0.11.
    assert_allclose(shift, [0.1 * np.log(12 / 9), 0.1 * np.log(12 / 3)])


def test_no_margin_is_raised_without_need():
    """Everything is right already."""
    assert choose_shift(np.eye(3), np.eye(3)).tolist() == [0.0, 0.0, 0.0]


def test_expected_f1_is_for_labels_with_enough_positives():
    """With fewer, probabilities are too rough to build on, and smoothed F1 sets the cut."""
    scores = column(*np.linspace(-1, 1, 40))
    truth = (scores > 0.3).astype(float)
    truth[[3, 36]] = 1 - truth[[3, 36]]

    few = choose_thresholds(scores, truth, rule="expected-f1", isotonic_positives=50)
    enough = choose_thresholds(scores, truth, rule="expected-f1", isotonic_positives=10)

    assert few == choose_thresholds(scores, truth, rule="smoothed-f1")
    assert enough != few


def test_the_calibration_behind_expected_f1_can_be_chosen():
    """A sigmoid and an isotonic line promise different F1, so other cuts."""
    scores = column(*np.linspace(-1, 1, 40))
    truth = (scores > 0.3).astype(float)
    truth[[3, 36]] = 1 - truth[[3, 36]]

    cuts = [
        choose_thresholds(scores, truth, isotonic_positives=10, calibration=method)[0]
        for method in ("isotonic", "platt")
    ]

    assert cuts[0] != cuts[1]


@pytest.mark.parametrize(("n_untagged", "limited"), [(60, False), (200, True)])
def test_without_a_chosen_limit_false_tags_are_limited_on_streams_of_all_news(n_untagged, limited):
    """From a quarter of articles without a label on, 9 % of them may be given one."""
    tagged = 300
    # the weaker the score, the more articles without the label have the same
    scores = column(*np.linspace(0, 1, tagged), *np.linspace(0.2, 0.9, n_untagged))
    truth = column(*np.ones(tagged), *np.zeros(n_untagged))

    free = choose_thresholds(scores, truth, rule="smoothed-f1", max_false_tags=1.0)
    usual = choose_thresholds(scores, truth, rule="smoothed-f1", max_false_tags=None)

    false_tags = (scores[tagged:] >= usual).mean()
    assert (false_tags <= 0.09, bool(usual > free)) == (limited, limited)


@pytest.mark.parametrize("rule", ["expected-f1", "smoothed-f1", "micro-macro"])
def test_precise_cuts_lie_above_balanced_ones_and_complete_ones_below(rule):
    """On scores that overlap, whatever the rule; balanced is what comes without a point."""
    rng = np.random.default_rng(0)
    truth = (rng.random((400, 2)) < 0.3).astype(float)
    scores = truth + rng.normal(0, 0.7, truth.shape)

    cuts = {
        name: choose_thresholds(scores, truth, rule=rule, max_false_tags=None, point=point)
        for name, point in POINTS.items()
    }

    assert (cuts["precise"] >= cuts["balanced"]).all()
    assert cuts["precise"].sum() > cuts["balanced"].sum()
    assert (cuts["complete"] < cuts["balanced"]).all()
    assert_array_equal(
        cuts["balanced"], choose_thresholds(scores, truth, rule=rule, max_false_tags=None)
    )


def test_precise_cuts_let_half_as_many_false_tags_through():
    """Of articles without a label, at most half of what was allowed at the balanced cuts."""
    rng = np.random.default_rng(1)
    truth = (rng.random((2000, 1)) < 0.4).astype(float)
    scores = truth + rng.normal(0, 0.6, truth.shape)

    cuts = choose_thresholds(scores, truth, max_false_tags=0.1, point=POINTS["precise"])

    assert (scores[truth == 0] >= cuts).mean() <= 0.05
