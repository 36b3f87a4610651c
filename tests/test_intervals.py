"""Intervals against the normal law, against the plain way, and against themselves."""

import time

import numpy as np
import pytest
from numpy.testing import assert_allclose

from classifier.errors import BadInputError
from classifier.evaluation import metrics
from classifier.evaluation.bootstrap import (
    Interval,
    bootstrap_f1,
    bootstrap_interval,
    paired_bootstrap,
)

# One label with a true positive, a false positive and a miss, over three articles.
TRUTH = np.array([[1.0], [0.0], [1.0]])
PREDICTED = np.array([[True], [True], [False]])


def invented(seed, shape=(200, 4)):
    """Return truth with one cell in ten unknown, and tags that are right more often than not."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(shape) < 0.3).astype(float)
    predicted = (truth == 1) ^ (rng.random(shape) < 0.2)
    truth[rng.random(shape) < 0.1] = np.nan
    return truth, predicted


def test_groups_of_another_length_are_refused():
    """The message carries both lengths."""
    with pytest.raises(BadInputError, match="groups has 2 numbers for 3 articles"):
        bootstrap_f1(TRUTH, PREDICTED, groups=np.array([0, 1]))


def test_no_articles_have_no_interval():
    """There is nothing to draw from."""
    with pytest.raises(BadInputError, match="at least one article"):
        bootstrap_f1(np.zeros((0, 2)), np.zeros((0, 2), bool))


@pytest.mark.parametrize("clusters", [None, 60])
def test_the_fast_bootstrap_equals_the_plain_one(clusters):
    """Summed counts and copied rows give the same intervals for the same seed."""
    truth, predicted = invented(1)
    groups = clusters and np.arange(len(truth)) * 7 % clusters
    options = {"groups": groups, "repeats": 50, "seed": 4}

    fast = bootstrap_f1(truth, predicted, **options)
    micro = bootstrap_interval(metrics.micro_f1, truth, predicted, **options)
    macro = bootstrap_interval(metrics.macro_f1, truth, predicted, **options)

    assert_allclose([fast["micro"].low, fast["micro"].high], [micro.low, micro.high], rtol=1e-12)
    assert_allclose([fast["macro"].low, fast["macro"].high], [macro.low, macro.high], rtol=1e-12)
    assert fast["micro"].estimate == micro.estimate == metrics.micro_f1(truth, predicted)
    assert fast["macro"].estimate == macro.estimate == metrics.macro_f1(truth, predicted)


def test_an_interval_of_many_articles_has_the_width_of_the_normal_law():
    """The mean of 400 fair coins has a standard error of 0.025, so 95 % span 0.098."""
    truth = np.tile([[0.0], [1.0]], (200, 1))

    interval = bootstrap_interval(lambda y, _: float(y.mean()), truth, truth)

    assert interval.estimate == 0.5
    assert interval.high - interval.low == pytest.approx(0.098, abs=0.01)


def test_copies_that_are_drawn_together_widen_the_interval():
    """Four copies of each article tell as much as one: the interval is twice as wide."""
    truth, predicted = (np.repeat(array, 4, axis=0) for array in invented(2))
    groups = np.repeat(np.arange(200), 4)

    alone = bootstrap_f1(truth, predicted)["micro"]
    together = bootstrap_f1(truth, predicted, groups=groups)["micro"]

    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(2, abs=0.25)


def test_a_higher_level_gives_a_wider_interval():
    """99 in 100 resamples lie further apart than 50 in 100."""
    truth, predicted = invented(3)

    narrow = bootstrap_f1(truth, predicted, level=0.5)["macro"]
    wide = bootstrap_f1(truth, predicted, level=0.99)["macro"]

    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


def test_intervals_repeat_for_a_seed():
    """The same seed draws the same articles, another seed others."""
    truth, predicted = invented(5)

    first = bootstrap_f1(truth, predicted, seed=1)

    assert bootstrap_f1(truth, predicted, seed=1) == first
    assert bootstrap_f1(truth, predicted, seed=2) != first


def test_an_interval_of_nothing_is_nan():
    """With no tag and no label, or without resamples, there is no interval."""
    nothing = bootstrap_f1(np.zeros((3, 2)), np.zeros((3, 2), bool), repeats=5)["macro"]
    unrepeated = bootstrap_f1(TRUTH, PREDICTED, repeats=0)["micro"]

    assert np.isnan([nothing.estimate, nothing.low, nothing.high]).all()
    assert unrepeated.estimate == pytest.approx(1 / 2)
    assert np.isnan([unrepeated.low, unrepeated.high]).all()


def test_the_paired_difference_is_that_of_the_second_over_the_first():
    """A perfect tagger beats a worse one by what is missing to 1, on every resample."""
    truth, worse = invented(6)
    perfect = truth == 1

    difference = paired_bootstrap(truth, worse, perfect)
    worse_alone = bootstrap_f1(truth, worse)["micro"]

    assert difference.estimate == pytest.approx(1 - worse_alone.estimate)
    assert difference.low == pytest.approx(1 - worse_alone.high)
    assert difference.high == pytest.approx(1 - worse_alone.low)


def test_a_tagger_does_not_differ_from_itself():
    """Pairing takes away all of the noise that both share."""
    truth, predicted = invented(7)

    assert paired_bootstrap(truth, predicted, predicted) == Interval(0, 0, 0)


def test_intervals_of_thousands_of_articles_take_seconds():
    """4000 articles, five labels, a thousand resamples."""
    truth, predicted = invented(8, (4000, 5))
    started = time.process_time()

    bootstrap_f1(truth, predicted)

    assert time.process_time() - started < 20


def test_a_macro_f1_lies_in_its_own_interval_with_many_rare_labels():
    """Labels that a resample lacks count there as they do in all articles."""
    rng = np.random.default_rng(0)
    truth = np.zeros((300, 200))
    truth[rng.integers(0, 300, 200), np.arange(200)] = 1
    predicted = np.zeros((300, 200), dtype=bool)
    predicted[:, :3] = truth[:, :3] == 1

    macro = bootstrap_f1(truth, predicted)["macro"]

    assert macro.estimate == pytest.approx(3 / 200)
    assert macro.low <= macro.estimate <= macro.high
