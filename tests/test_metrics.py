"""Every figure against numbers worked out by hand, and the fast paths against the plain ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.testing import assert_allclose
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from classifier.errors import BadInputError
from classifier.evaluation import metrics
from classifier.evaluation.metrics import LabelFigures, Share

NAN = np.nan
# Three labels: one mixed, one never present but predicted, one neither.
TRUTH = np.array(
    [
        [1, 0, 0],
        [1, 0, 0],
        [0, 0, NAN],
        [NAN, 0, 0],
        [1, NAN, 0],
    ]
)
PREDICTED = np.array(
    [
        [True, False, False],
        [False, False, False],
        [True, True, True],
        [True, False, False],
        [True, True, False],
    ]
)
SCORES = np.array(
    [
        [0.9, 0.1, 0.1],
        [0.4, 0.1, 0.2],
        [0.6, 0.8, 0.9],
        [0.7, 0.2, 0.3],
        [0.8, 0.9, 0.1],
    ]
)


def invented(seed, shape=(200, 4)):
    """Return truth with one cell in ten unknown, and tags that are right more often than not."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(shape) < 0.3).astype(float)
    predicted = (truth == 1) ^ (rng.random(shape) < 0.2)
    truth[rng.random(shape) < 0.1] = NAN
    return truth, predicted


def test_confusion_counts_known_cells_only():
    """The unknown cells, all of them predicted, appear in no count."""
    counts = metrics.confusion(TRUTH, PREDICTED)

    assert counts.tp.tolist() == [2, 0, 0]
    assert counts.fp.tolist() == [1, 1, 0]
    assert counts.fn.tolist() == [1, 0, 0]
    assert counts.tn.tolist() == [0, 3, 4]


def test_micro_f1_pools_the_cells_of_all_labels():
    """Two hits, two false tags and one miss make 4 / (4 + 2 + 1)."""
    assert metrics.micro_f1(TRUTH, PREDICTED) == pytest.approx(4 / 7)


def test_macro_f1_leaves_out_a_label_that_nobody_saw():
    """The labels count 2/3 and 0 (predicted, never present); the third counts not at all."""
    assert metrics.macro_f1(TRUTH, PREDICTED) == pytest.approx((2 / 3 + 0) / 2)


def test_figures_of_nothing_are_nan():
    """Where nothing is present and nothing predicted, no F1 is claimed."""
    truth, predicted = np.zeros((3, 2)), np.zeros((3, 2), bool)

    assert np.isnan(metrics.micro_f1(truth, predicted))
    assert np.isnan(metrics.macro_f1(truth, predicted))


def test_per_label_figures_come_in_the_order_of_the_names():
    """Each label has its row, and the label without support has its gaps."""
    mixed, predicted_only, unseen = metrics.per_label(TRUTH, PREDICTED, SCORES, ["a", "b", "c"])

    assert mixed == LabelFigures(
        label="a",
        precision=pytest.approx(2 / 3),
        recall=pytest.approx(2 / 3),
        f1=pytest.approx(2 / 3),
        average_precision=pytest.approx((1 + 1 + 3 / 4) / 3),
        roc_auc=pytest.approx(2 / 3),
        support=3,
        predicted_count=3,
    )
    assert (predicted_only.precision, predicted_only.f1, predicted_only.predicted_count) == (
        0,
        0,
        1,
    )
    assert np.isnan([predicted_only.recall, unseen.precision, unseen.f1, unseen.roc_auc]).all()
    assert (unseen.label, unseen.support) == ("c", 0)


def test_names_of_another_model_are_refused():
    """A missing name must not shift the others."""
    with pytest.raises(ValueError, match="zip"):
        metrics.per_label(TRUTH, PREDICTED, SCORES, ["a", "b"])


def test_false_tags_are_counted_on_articles_known_to_have_none():
    """An unknown cell or a label keeps an article out; any tag counts once."""
    truth = np.array([[0, 0], [0, 0], [0, 0], [0, NAN], [1, 0]])
    predicted = np.array([[True, True], [False, False], [False, False], [True, True], [True, True]])

    assert metrics.false_tag_rate(truth, predicted) == Share(1, 3)


def test_a_share_of_no_articles_is_nan():
    """A share has a value only with something to divide by."""
    assert Share(1, 4).value == 0.25
    assert np.isnan(Share(0, 0).value)


def test_brier_is_the_mean_squared_error_of_known_cells():
    """Errors of 0.1 and 0.4 average to 0.085; a label nobody knows has none."""
    truth = np.array([[1, NAN], [0, NAN], [NAN, NAN]])
    probabilities = np.array([[0.9, 0.5], [0.4, 0.5], [0.0, 0.5]])

    assert_allclose(metrics.brier(truth, probabilities), [(0.01 + 0.16) / 2, NAN])


def test_calibration_error_compares_bins_of_equal_mass():
    """Lower half: 0.2 against 1/2; upper half: 0.7 against 1/2; on average 0.25 off."""
    truth = np.array([[0.0], [1.0], [1.0], [0.0]])
    probabilities = np.array([[0.1], [0.3], [0.6], [0.8]])

    assert_allclose(metrics.expected_calibration_error(truth, probabilities, bins=2), [0.25])
    assert_allclose(metrics.expected_calibration_error(truth, probabilities, bins=1), [0.05])


def test_calibration_error_keeps_equal_probabilities_in_one_bin():
    """A constant forecast of the true share is perfect, whatever the order of articles."""
    truth = np.array([[1.0], [1.0], [0.0], [0.0]])

    assert_allclose(metrics.expected_calibration_error(truth, np.full((4, 1), 0.5)), [0.0])


def test_average_precision_takes_ties_as_one_step():
    """The tie of one present and one absent article yields precision 2/3 for both."""
    truth = np.array([[1.0], [1.0], [0.0], [0.0], [NAN]])
    scores = np.array([[0.9], [0.5], [0.5], [0.1], [1.0]])

    assert_allclose(metrics.average_precision(truth, scores), [(1 + 2 / 3) / 2])


def test_roc_auc_counts_a_tie_as_half():
    """Of four pairs three are in order and one is tied."""
    truth = np.array([[1.0], [1.0], [0.0], [0.0], [NAN]])
    scores = np.array([[0.9], [0.5], [0.5], [0.1], [0.0]])

    assert_allclose(metrics.roc_auc(truth, scores), [3.5 / 4])


def test_ranking_figures_of_one_sided_labels_are_nan():
    """Never present has no precision-recall curve; never or always present has no pairs."""
    truth = np.array([[0.0, 1.0, NAN], [0.0, 1.0, NAN]])
    scores = np.array([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]])

    assert_allclose(metrics.average_precision(truth, scores), [NAN, 1, NAN])
    assert_allclose(metrics.roc_auc(truth, scores), [NAN, NAN, NAN])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("levels", [3, 20, 10**9])
def test_ranking_figures_equal_those_of_scikit_learn(seed, levels):
    """From heavy ties to none, the figures are the reference's to the last digits."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((150, 3)) < [0.05, 0.3, 0.9]).astype(float)
    truth[:2] = [[0, 0, 0], [1, 1, 1]]
    scores = rng.integers(levels, size=truth.shape) / levels

    reference = [
        [measure(truth[:, label], scores[:, label]) for label in range(3)]
        for measure in (average_precision_score, roc_auc_score)
    ]

    assert_allclose(metrics.average_precision(truth, scores), reference[0], rtol=1e-12)
    assert_allclose(metrics.roc_auc(truth, scores), reference[1], rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_f1_equals_that_of_scikit_learn(seed):
    """With every cell known and every label present, the averages are the usual ones."""
    truth, predicted = invented(seed)
    truth = np.nan_to_num(truth)

    reference = {mean: f1_score(truth, predicted, average=mean) for mean in ("micro", "macro")}

    assert metrics.micro_f1(truth, predicted) == pytest.approx(reference["micro"])
    assert metrics.macro_f1(truth, predicted) == pytest.approx(reference["macro"])


def test_precision_and_recall_at_k_look_at_known_labels_of_labelled_articles():
    """The unknown best label is passed over, and the article without labels is left out."""
    truth = np.array([[NAN, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]])
    scores = np.array([[0.9, 0.8, 0.7, 0.1], [0.9, 0.8, 0.7, 0.1], [0.9, 0.8, 0.7, 0.1]])

    assert metrics.precision_at_k(truth, scores, 1) == pytest.approx((1 + 0) / 2)
    assert metrics.recall_at_k(truth, scores, 1) == pytest.approx((1 / 2 + 0) / 2)
    assert metrics.precision_at_k(truth, scores, 3) == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert metrics.recall_at_k(truth, scores, 3) == pytest.approx(1)


def test_precision_at_k_divides_by_the_cells_there_are():
    """Two known cells, one of them present, have a best three of two."""
    truth, scores = np.array([[1, 0, NAN]]), np.array([[0.1, 0.2, 0.3]])

    assert metrics.precision_at_k(truth, scores, 3) == pytest.approx(1 / 2)


def test_precision_at_k_of_no_labelled_article_is_nan():
    """Nothing can be ranked right where nothing is present."""
    assert np.isnan(metrics.precision_at_k(np.zeros((2, 3)), np.zeros((2, 3)), 1))


@pytest.mark.parametrize("shape", [(5, 1), (4, 3), (3, 5), (5,)])
def test_arrays_of_other_shapes_are_refused(shape):
    """Broadcasting one column over all labels would give figures of something else."""
    with pytest.raises(BadInputError, match=r"truth has the shape \(5, 3\)"):
        metrics.confusion(TRUTH, np.ones(shape, bool))
    with pytest.raises(BadInputError, match=r"truth has the shape \(5, 3\)"):
        metrics.brier(TRUTH, np.ones(shape))


@settings(max_examples=60)
@given(
    truth=stn.arrays(np.float64, (12, 3), elements=st.sampled_from([0.0, 1.0, NAN])),
    scores=stn.arrays(np.float64, (12, 3), elements=st.integers(0, 4).map(lambda step: step / 4)),
    order=st.permutations(range(12)),
)
def test_the_order_of_articles_changes_no_figure(truth, scores, order):
    """Rows shuffled alike give the same figures, ties, gaps and all."""
    for measure in (
        metrics.average_precision,
        metrics.roc_auc,
        metrics.brier,
        metrics.expected_calibration_error,
    ):
        assert_allclose(measure(truth[order], scores[order]), measure(truth, scores), atol=1e-12)
    tags = scores > 0.5
    assert metrics.confusion(truth[order], tags[order]).tp.tolist() == (
        metrics.confusion(truth, tags).tp.tolist()
    )


@settings(max_examples=60)
@given(
    truth=stn.arrays(np.float64, (8, 3), elements=st.sampled_from([0.0, 1.0, NAN])),
    predicted=stn.arrays(np.bool_, (8, 3)),
)
def test_tags_of_unknown_cells_change_nothing(truth, predicted):
    """Whatever is said where nobody knows the answer is neither right nor wrong."""
    flipped = predicted ^ np.isnan(truth)

    assert_allclose(
        [measure(truth, flipped) for measure in (metrics.micro_f1, metrics.macro_f1)],
        [measure(truth, predicted) for measure in (metrics.micro_f1, metrics.macro_f1)],
    )
    assert metrics.false_tag_rate(truth, flipped) == metrics.false_tag_rate(truth, predicted)
