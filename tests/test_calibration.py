"""Probabilities: rising with the margin, honest on new articles, and readable from JSON."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.testing import assert_allclose, assert_array_equal

from classifier.errors import ModelError
from classifier.evaluation.metrics import expected_calibration_error
from classifier.model.calibration import PiecewiseLinear, Softmax, calibration_from_json
from classifier.training.cuts import centred_isotonic, fit_calibration, fit_softmax
from tests.cases import cases

NAN = np.nan
LINES = PiecewiseLinear(margins=[[-1.0, 0.0, 1.0], [0.0]], probabilities=[[0.1, 0.5, 0.9], [0.25]])


def sigmoid(z):
    """Return the logistic function, written plainly."""
    return 1 / (1 + np.exp(-z))


def drawn(seed, n_articles, slope=2.0, intercept=-1.0):
    """Return margins of one label and truths drawn with known probabilities."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(0, 1.5, (n_articles, 1))
    truth = rng.random((n_articles, 1)) < sigmoid(slope * margins + intercept)
    return margins, truth.astype(float)


def test_a_line_is_straight_between_knots_and_level_beyond():
    """Each label has its own line; one knot makes it constant."""
    probabilities = LINES(np.array([[-0.5, -7.0], [0.25, 0.0], [5.0, 7.0], [-5.0, 1.0]]))

    assert_allclose(probabilities, [[0.3, 0.25], [0.6, 0.25], [0.9, 0.25], [0.1, 0.25]])


@settings(max_examples=100)
@given(
    places=st.sets(st.integers(-50, 50), min_size=1, max_size=9).map(sorted),
    margins=st.lists(st.floats(-5, 5) | st.sampled_from([-np.inf, np.inf]), min_size=2),
    data=st.data(),
)
def test_lines_are_those_of_numpy_alone_as_in_company(places, margins, data):
    """The same numbers as np.interp; one row, some and very many have the same bits."""
    rise = st.lists(st.floats(0, 1), min_size=len(places), max_size=len(places)).map(sorted)
    x, y = [place / 16 for place in places], data.draw(rise)
    rows = np.array(margins)[:, None]

    together = PiecewiseLinear([x], [y])(rows)

    assert_allclose(together[:, 0], np.interp(margins, x, y), rtol=0, atol=1e-15)
    assert_array_equal(
        np.concatenate([PiecewiseLinear([x], [y])(row[None]) for row in rows]), together
    )
    assert_array_equal(PiecewiseLinear([x], [y])(np.tile(rows, (300, 1)))[-len(rows) :], together)


def test_no_number_has_no_probability():
    """Alone and in company."""
    assert np.isnan(LINES(np.full((1, 2), NAN))).all()
    assert np.isnan(LINES(np.full((2, 2), NAN))).all()


def test_a_step_between_neighbouring_numbers_has_no_slope():
    """A rise that float64 cannot divide leaves no probability without a number."""
    step = PiecewiseLinear([[0.0, 5e-324]], [[0.25, 0.75]])
    margins = np.array([[-1.0], [0.0], [5e-324], [1.0]])

    assert step(margins).tolist() == [[0.25], [0.25], [0.75], [0.75]]


@pytest.mark.parametrize("calibration", [LINES, Softmax(1.5)], ids=["lines", "softmax"])
def test_a_calibration_survives_json(calibration):
    """What is written down reads back as the same numbers."""
    margins = np.array([[-0.7, 0.2], [0.4, -3.0]])

    again = calibration_from_json(json.loads(json.dumps(calibration.to_json())))

    assert again == calibration
    assert_array_equal(again(margins), calibration(margins))


@pytest.mark.parametrize(
    ("margins", "probabilities"),
    [
        ([0.0, 0.0], [0.1, 0.2]),
        ([1.0, 0.0], [0.1, 0.2]),
        ([0.0, 1.0], [0.2, 0.1]),
        ([0.0, 1.0], [0.2]),
        ([], []),
        ([0.0, 1.0], [-0.1, 0.2]),
        ([0.0, 1.0], [0.2, 1.1]),
        ([0.0, NAN], [0.1, 0.2]),
        ([0.0, np.inf], [0.1, 0.2]),
        ([0.0, 1.0, 2.0], [0.1, NAN, 0.2]),
    ],
)
def test_a_line_that_does_not_rise_is_refused(margins, probabilities):
    """Margins must grow, probabilities must not fall nor leave 0 to 1."""
    with pytest.raises(ModelError, match="must rise"):
        PiecewiseLinear([margins], [probabilities])


@pytest.mark.parametrize("scale", [0.0, -1.0, NAN, np.inf])
def test_a_scale_that_is_not_above_zero_is_refused(scale):
    """A negative temperature would turn the order round."""
    with pytest.raises(ModelError, match="scale of a softmax must be above zero"):
        Softmax(scale)


@cases("calibration", "value", "message")
def test_a_description_of_something_else_is_refused(value, message):
    """A damaged manifest gives an error of ours, not a traceback."""
    with pytest.raises(ModelError, match=message):
        calibration_from_json(value)


def test_softmax_of_written_out_margins():
    """Twice the difference ln 2 is a ratio of four; huge margins overflow nothing."""
    probabilities = Softmax(2.0)(np.array([[np.log(2.0), 0.0], [1e6, 1e6]]))

    assert_allclose(probabilities, [[0.8, 0.2], [0.5, 0.5]])


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(st.integers(-50, 50), st.sampled_from([0.0, 1.0, NAN])), min_size=1, max_size=40
    ),
    method=st.sampled_from(["auto", "isotonic", "platt"]),
)
def test_order_is_kept_and_no_probability_is_certain(rows, method):
    """Whatever the sample, a higher margin never gets a lower probability, nor 0 or 1."""
    margins, truth = np.array(rows).T[:, :, None]

    calibration = fit_calibration(margins / 16, truth, method=method, isotonic_positives=3)

    probabilities = calibration(np.linspace(-9, 9, 200)[:, None])[:, 0]
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities.min() > 0
    assert probabilities.max() < 1


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-50, 50), st.booleans()), min_size=2, max_size=40))
@example([(-48, True), (-32, False), (32, False), (48, False)])
def test_isotonic_keeps_the_order_of_different_margins_strictly(rows):
    """Unlike the step function, centred isotonic regression makes no ties in the sample."""
    margins, truth = np.array(rows, dtype=float).T[:, :, None]

    calibration = fit_calibration(margins / 16, truth, method="isotonic")

    probabilities = calibration(np.unique(margins / 16)[:, None])[:, 0]
    assert (np.diff(probabilities) > 0).all()


def test_a_sigmoid_keeps_the_order_of_different_margins_strictly():
    """Margins that lie far from the cut on a separable sample still rank."""
    margins = np.linspace(-4, 4, 200)[:, None]

    calibration = fit_calibration(margins, (margins > 0).astype(float), method="platt")

    assert (np.diff(calibration(margins)[:, 0]) > 0).all()


def test_isotonic_blocks_become_knots_at_their_means():
    """Three blocks, and tails as far out as the sample spans, half way to 0 and 1."""
    margins = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    truth = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0])

    knots, probabilities = centred_isotonic(margins, truth)

    # Blocks: {-1}: 0 of 1, {0, 1}: 1 of 2, {2, 3, 4}: 3 of 3, each as (k + 1/2) / (n + 1).
    assert_allclose(knots, [-6.0, -1.0, 0.5, 3.0, 9.0])
    assert_allclose(probabilities, [0.125, 0.25, 0.5, 0.875, 0.9375])


def test_isotonic_does_not_depend_on_the_order_of_equal_margins():
    """Two of four at margin 0 and three of four at 1 are two blocks, in whatever order."""
    margins = np.repeat([0.0, 1.0], 4)

    one = centred_isotonic(margins, np.array([0.0, 0, 1, 1, 0, 1, 1, 1]))
    other = centred_isotonic(margins, np.array([1.0, 1, 0, 0, 1, 1, 1, 0]))

    assert_allclose(one[1], [0.25, 0.5, 0.7, 0.85])
    assert_allclose(other[1], [0.25, 0.5, 0.7, 0.85])


def test_isotonic_probabilities_are_honest_on_new_articles():
    """Ten thousand articles to learn from, ten thousand to check on: off by less than 0.03."""
    margins, truth = drawn(1, 10_000)
    new_margins, new_truth = drawn(2, 10_000)

    probabilities = fit_calibration(margins, truth)(new_margins)

    assert expected_calibration_error(new_truth, probabilities)[0] < 0.03
    assert np.abs(probabilities - sigmoid(2 * new_margins - 1)).mean() < 0.03


def test_a_sigmoid_finds_the_slope_and_intercept_of_its_sample():
    """Four thousand articles drawn from a known sigmoid give it back."""
    margins, truth = drawn(3, 4000)

    probabilities = fit_calibration(margins, truth, method="platt")(np.array([[-1.0], [0.5], [2]]))

    assert_allclose(probabilities[:, 0], [0.0474, 0.5, 0.9526], atol=0.03)


def test_a_label_with_few_articles_follows_the_pooled_sigmoid():
    """Three odd articles bend the curve of all labels by little, three hundred by much."""
    margins, truth = (np.tile(column, (1, 2)) for column in drawn(4, 2000))
    truth[3:, 1] = NAN
    margins[:3, 1], truth[:3, 1] = [-1.0, -1.0, 1.0], [1.0, 1.0, 0.0]

    few = fit_calibration(margins, truth, method="platt")
    margins[:300, 1], truth[:300, 1] = np.tile([-1.0, -1.0, 1.0], 100), np.tile([1.0, 1.0, 0], 100)
    many = fit_calibration(margins, truth, method="platt")

    grid = np.tile(np.linspace(-3, 3, 25)[:, None], (1, 2))
    assert np.abs(few(grid)[:, 1] - few(grid)[:, 0]).max() < 0.2
    assert np.abs(many(grid)[:, 1] - many(grid)[:, 0]).max() > 0.3


def test_a_label_that_nobody_knows_takes_the_pooled_sigmoid():
    """With no known cell of its own there is nothing to draw it elsewhere."""
    margins, truth = (np.tile(column, (1, 2)) for column in drawn(5, 3000))
    truth[:, 1] = NAN

    probabilities = fit_calibration(margins, truth, method="platt")(np.array([[-1.0, -1], [1, 1]]))

    assert_allclose(probabilities[:, 1], probabilities[:, 0], atol=0.005)


@pytest.mark.parametrize(
    ("n_present", "n_absent", "knots"), [(50, 50, 4), (49, 90, 67), (90, 49, 67)]
)
def test_auto_takes_isotonic_when_both_sides_have_enough(n_present, n_absent, knots):
    """From fifty present and fifty absent on there are two blocks and two tails, not a sigmoid."""
    truth = np.repeat([0.0, 1.0, NAN], [n_absent, n_present, 20])[:, None]
    margins = np.arange(len(truth), dtype=float)[:, None]

    calibration = fit_calibration(margins, truth, isotonic_positives=50)

    assert len(calibration.margins[0]) == knots


@pytest.mark.parametrize("method", ["isotonic", "platt"])
@settings(max_examples=12)
@given(
    truth=stn.arrays(np.float64, (30, 2), elements=st.sampled_from([0.0, 1.0, NAN])),
    moved=st.floats(-100, 100),
)
def test_unknown_cells_change_nothing(method, truth, moved):
    """Neither a margin where the truth is unknown nor a truth where the margin is counts."""
    margins = np.linspace(-1, 1, 60).reshape(30, 2)
    unknown = np.isnan(truth)

    plain = fit_calibration(margins, truth, method=method)
    other = fit_calibration(np.where(unknown, moved, margins), truth, method=method)
    blank = fit_calibration(
        np.where(unknown, NAN, margins), np.where(unknown, 1.0, truth), method=method
    )

    assert plain == other == blank


def test_softmax_recovers_a_known_temperature():
    """Labels drawn from twice the margins are most likely at a scale of two."""
    rng = np.random.default_rng(6)
    logits = rng.normal(0, 2, (5000, 4))
    chosen = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)

    calibration = fit_softmax(logits / 2, np.eye(4)[chosen])

    assert calibration.scale == pytest.approx(2.0, rel=0.05)
