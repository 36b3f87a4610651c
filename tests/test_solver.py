"""The compiled solver finds what LIBLINEAR finds, whoever calls it and however often at once."""

from dataclasses import fields

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.svm import LinearSVC

from classifier.training.count import CountedCorpus, LabelledArticles, tfidf
from classifier.training.fit import (
    Rows,
    fit_compiled,
    fit_linear,
    margins_compiled,
    ratio_scales,
    solver,
)

needs_compiler = pytest.mark.skipif(solver() is None, reason="no compiled solver")


def problem(seed, n_rows=40, n_terms=15, density=0.3):
    """Return unit rows, some of them empty, both signs for three labels, and weights."""
    rng = np.random.default_rng(seed)
    dense = rng.random((n_rows, n_terms)) * (rng.random((n_rows, n_terms)) < density)
    dense[::7] = 0.0
    dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
    signs = np.where(rng.random((n_rows, 3)) < 0.3, 1, -1)
    signs[:2] = [[1] * 3, [-1] * 3]
    return sp.csr_matrix(dense), signs, rng.uniform(0.2, 2.0, n_rows)


def objective(X, signs, C, weights, coef):
    """Return what the fit makes small, for one label."""
    short = np.maximum(1 - signs * (X @ coef[:-1] + coef[-1]), 0)
    return coef @ coef / 2 + C * weights @ (short**2 * (signs != 0))


def by_liblinear(X, signs, C, weights):
    """Return weights and bias of one label at a tight tolerance."""
    svm = LinearSVC(C=C, dual=True, tol=1e-8, max_iter=1_000_000, random_state=0)
    known = signs != 0
    svm.fit(X[known], signs[known], sample_weight=weights[known])
    return np.append(svm.coef_[0], svm.intercept_)


@needs_compiler
@settings(max_examples=40)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.01, 0.3, 1.0, 10.0]),
    st.sampled_from([0.05, 0.3, 0.9]),
    st.sampled_from([0.0, 0.4]),
)
def test_the_fit_is_that_of_liblinear(seed, C, density, unknown):
    """At a tight tolerance both find the one minimum, whatever is empty, unknown or weighted."""
    X, signs, weights = problem(seed, density=density)
    hidden = np.random.default_rng(seed + 1).random(signs.shape) < unknown
    hidden[:2] = False
    signs = np.where(hidden, 0, signs)

    ours = fit_compiled(solver(), X, signs, [C] * 3, weights, tolerance=1e-5)

    theirs = [by_liblinear(X, signs[:, k], C, weights) for k in range(3)]
    assert_allclose(ours, np.transpose(theirs), atol=5e-4)


@needs_compiler
def test_scales_are_those_of_features_that_are_scaled():
    """A penalty divided by s is the fit of features times the root of s, weights scaled back."""
    X, signs, weights = problem(3)
    # of eight binary digits, as the solver rounds others
    scales = np.random.default_rng(3).integers(13, 255, (X.shape[1], 3)).astype(np.float32) / 64

    ours = fit_compiled(solver(), X, signs, [1.0] * 3, weights, scales=scales, tolerance=1e-5)

    for k in range(3):
        factors = np.sqrt(scales[:, k])
        theirs = by_liblinear(X.multiply(factors).tocsr(), signs[:, k], 1.0, weights)
        assert_allclose(ours[:, k], theirs * np.append(factors, 1.0), atol=5e-4)


@needs_compiler
@pytest.mark.parametrize("C", [0.3, 3.0, 30.0])
def test_the_usual_tolerance_is_close_enough(C):
    """The objective exceeds the least one by less than a thousandth."""
    X, signs, weights = problem(1, n_rows=300, n_terms=80)

    fitted = fit_compiled(solver(), X, signs, [C] * 3, weights)

    for k in range(3):
        least = objective(X, signs[:, k], C, weights, by_liblinear(X, signs[:, k], C, weights))
        assert objective(X, signs[:, k], C, weights, fitted[:, k]) < least * 1.001


@needs_compiler
def test_a_label_does_not_depend_on_threads_or_on_its_neighbours():
    """To the last bit."""
    X, signs, weights = problem(2)

    alone = [fit_compiled(solver(), X, signs[:, [k]], [1.0], weights) for k in range(3)]
    beside = fit_compiled(solver(), X, signs, [1.0] * 3, weights, jobs=3)

    assert np.hstack(alone).tobytes() == beside.tobytes()


@needs_compiler
@pytest.mark.parametrize("n_labels", [1, 8, 9, 16, 17, 40])
def test_labels_side_by_side_are_as_they_are_alone(n_labels):
    """However many lanes are filled; to the last bit, also where some need longer than others."""
    X, _, weights = problem(8)
    signs = np.where(np.random.default_rng(8).random((40, n_labels)) < 0.2, 1, -1)
    signs[:2] = [[1] * n_labels, [-1] * n_labels]
    C = np.geomspace(0.01, 30, n_labels)

    beside = fit_compiled(solver(), X, signs, C, weights)

    for k in range(n_labels):
        alone = fit_compiled(solver(), X, signs[:, [k]], [C[k]], weights)
        assert alone.tobytes() == beside[:, [k]].tobytes()


@needs_compiler
def test_a_fit_may_start_where_another_ended():
    """It ends in the same minimum; started in its own there is nothing left to do."""
    X, signs, weights = problem(9, n_rows=200, n_terms=40)
    rows, settings = Rows.of(X), {"tolerance": 1e-4}
    _, duals = margins_compiled(solver(), rows, signs, [0.3] * 3, weights, rows)

    cold, end = margins_compiled(solver(), rows, signs, [3.0] * 3, weights, rows, **settings)
    warm, _ = margins_compiled(
        solver(), rows, signs, [3.0] * 3, weights, rows, start=duals, **settings
    )
    again, same = margins_compiled(
        solver(), rows, signs, [3.0] * 3, weights, rows, start=end, tolerance=1e-2
    )

    assert_allclose(warm, cold, atol=1e-3)
    assert_allclose(again, cold, atol=2e-3)
    assert_allclose(same, end, atol=2e-2)


@needs_compiler
def test_rows_to_leave_out_change_nothing():
    """Neither those of unknown labels nor terms whose weight is 0."""
    X, signs, weights = problem(3)
    signs[10:20] = 0
    kept = np.flatnonzero(signs[:, 0])
    padded = sp.csr_matrix(
        (np.append(X.data, 0.0), np.append(X.indices, 0), [*X.indptr[:-1], X.nnz + 1])
    )

    masked = fit_compiled(solver(), padded, signs, [1.0] * 3, weights, tolerance=1e-5)

    without = fit_compiled(solver(), X[kept], signs[kept], [1.0] * 3, weights[kept], tolerance=1e-5)
    assert_allclose(masked, without, atol=2e-4)


@needs_compiler
def test_empty_rows_alone_teach_the_bias():
    """Without any term the best constant is left: the mean, drawn towards 0 by the penalty."""
    signs = np.array([[1], [1], [1], [-1]])

    fitted = fit_compiled(solver(), sp.csr_matrix((4, 2)), signs, [1.0], np.ones(4), tolerance=1e-5)

    assert_allclose(fitted, [[0.0], [0.0], [4 / 9]], atol=1e-5)


@pytest.mark.parametrize("switch", ["", "off"])
def test_articles_without_weight_count_for_nothing(monkeypatch, switch):
    """A label whose only present article has no weight is a constant, on both paths."""
    monkeypatch.setenv("CLASSIFIER_KERNEL", switch)
    X, signs, _ = problem(4)
    Y = (signs[:, :1] > 0).astype(float)
    weights = np.where(Y[:, 0] > 0, 0.0, 1.0)

    fitted = fit_linear(X, Y, [1.0], weights)

    assert (fitted.coef == 0).all()
    assert fitted.bias.tolist() == [-1.0]


def test_both_paths_rank_alike(monkeypatch):
    """With and without a compiler margins agree within the tolerance."""
    X, signs, weights = problem(5, n_rows=200, n_terms=60)
    Y = np.where(signs > 0, 1.0, 0.0)
    Y[50:80, 0] = np.nan

    ours = fit_linear(X, Y, [1.0] * 3, weights)
    monkeypatch.setenv("CLASSIFIER_KERNEL", "off")
    theirs = fit_linear(X, Y, [1.0] * 3, weights)

    assert solver() is None
    assert_allclose(X @ ours.coef + ours.bias, X @ theirs.coef + theirs.bias, atol=5e-3)


@needs_compiler
def test_a_fit_that_was_cut_short_says_so():
    """One epoch is never enough to know."""
    X, signs, weights = problem(6)

    with pytest.warns(UserWarning, match="label 0 is not fitted to 0.001"):
        fit_compiled(solver(), X, signs[:, :1], [10.0], weights, most=1)


@needs_compiler
def test_no_rows_are_no_crash():
    """An empty matrix gives zeros."""
    nothing = sp.csr_matrix((0, 3))

    fitted = fit_compiled(solver(), nothing, np.zeros((0, 2)), [1.0] * 2, np.zeros(0))

    assert fitted.tolist() == [[0.0, 0.0]] * 4


@needs_compiler
def test_signs_of_other_rows_are_refused():
    """Nothing is read beyond the matrix."""
    X, signs, weights = problem(7)

    with pytest.raises(ValueError, match="not of the same rows"):
        fit_compiled(solver(), X, signs[:-1], [1.0] * 3, weights)


def raw(X, **others):
    """Return arguments of the compiled function for one narrow block, some of them replaced."""
    rows, n = Rows.of(X), X.shape[0]
    given = {
        "bounds": rows.bounds,
        "terms": rows.X.indices,
        "values": rows.X.data,
        "scales": np.ones((X.shape[1], 8), np.float32),
        "signs": np.ones((n, 8), np.float32),
        "weights": np.ones(n, np.float32),
        "C": np.ones(8, np.float32),
        "alphas": np.zeros((n, 8), np.float32),
    } | others
    return given | {"tolerance": 1e-3, "most": 9}


@needs_compiler
@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"signs": np.ones((40, 7), np.float32)}, "7 lanes of signs do not fit"),
        ({"C": np.ones(16, np.float32)}, "8 lanes of signs do not fit"),
        ({"alphas": np.zeros((40, 16), np.float32)}, "8 lanes of signs do not fit"),
        ({"alphas": np.zeros((39, 8), np.float32)}, "not of the same rows"),
        ({"terms": np.zeros(3, np.int32)}, "a row is beyond the 3 entries"),
        ({"bounds": np.full((40, 2), [-1, 1])}, "a row is beyond"),
        ({"bounds": np.full((40, 2), [1, -2])}, "a row is beyond"),
        ({"scales": np.ones((15, 16), np.float32)}, "16 lanes of scales do not fit 8"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(others, message):
    """Whatever is too short or too narrow."""
    X, _, _ = problem(7)

    with pytest.raises(ValueError, match=message):
        solver().fit(**raw(X, **others))


def some_counts(n_rows, n_terms):
    """Return counts from 1 to 8, at the same places for the same shape."""
    X = sp.random(n_rows, n_terms, 0.4, format="csr", random_state=3)
    counts = np.random.default_rng(n_rows).integers(1, 9, X.nnz, np.uint8)
    return sp.csr_matrix((counts, X.indices, X.indptr), X.shape)


def corpus(body, lead):
    """Return a corpus of which nothing is known but counts."""
    nothing = dict.fromkeys(each.name for each in fields(LabelledArticles))
    return CountedCorpus(**nothing, body=body, lead=lead)


@needs_compiler
def test_rows_are_weighed_as_matrices_are():
    """Counts times idf, of unit length; to the last bit, and nothing but values is new."""
    counts = some_counts(5_000, 12)
    idf = np.random.default_rng(3).uniform(0.5, 3, 12)
    idf[[2, 7]] = 0

    ours = Rows.weighed(corpus(counts, counts), 0, idf)

    assert ours.X.data.tobytes() == tfidf(counts, idf).data.astype(np.float32).tobytes()
    assert np.shares_memory(ours.X.indices, counts.indices)


@needs_compiler
def test_rows_with_repeated_leads_are_those_of_all_counts():
    """Counts of the lead are added as many times before anything is weighed."""
    body, lead = some_counts(200, 40), some_counts(200, 40)
    whole = sp.csr_matrix((body.data + 2 * lead.data, body.indices, body.indptr), body.shape)
    idf = np.linspace(0.1, 1, 40)

    ours = Rows.weighed(corpus(body, lead), 2, idf)

    assert ours.X.data.tobytes() == tfidf(whole, idf).data.astype(np.float32).tobytes()


@needs_compiler
def test_margins_are_sums_of_the_weights_of_the_terms():
    """Those of the rows that are chosen, in their order, the bias among them."""
    X, signs, weights = problem(9, n_rows=200, n_terms=40)
    rows = Rows.of(X)

    margins, _ = margins_compiled(
        solver(), rows, signs, [3.0] * 3, weights, rows.select(np.array([7, 2]))
    )

    coef = fit_compiled(solver(), X, signs, [3.0] * 3, weights)
    assert_allclose(margins, X[[7, 2]] @ coef[:-1] + coef[-1], atol=1e-5)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_scales_are_log_ratios(power):
    """Of a term's shares, on average 1 over the entries; unknown cells count nowhere."""
    counts = sp.csr_matrix(np.array([[1, 0], [2, 1], [0, 1], [1, 1]], np.float32))
    Y = np.array([[1, np.nan], [0, 1], [0, 0], [1, 1]])
    weights = np.array([1.0, 0.5, 1.0, 1.0])

    scales = ratio_scales(Rows.of(counts), Y, weights, power)

    present, absent = np.array([[3, 2], [2.5, 2.5]]), np.array([[1.5, 2.5], [1, 2]])
    shares = [each / each.sum(axis=1, keepdims=True) for each in (present, absent)]
    expected = (0.3 + abs(np.log(shares[0] / shares[1]))) ** (2 * power)
    assert_allclose(scales.T, expected * 6 / (expected @ [3, 3])[:, None], rtol=1e-5)


@needs_compiler
@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"terms": np.array([0, 3], np.int32)}, "a term is none of the 2"),
        ({"terms": np.array([-1, 0], np.int32)}, "a term is none of the 2"),
        ({"bounds": np.array([[0, 3]])}, "a row is beyond the 2"),
        ({"damped": np.ones(1)}, "do not fit together"),
        ({"values": np.ones(3, np.float32)}, "do not fit together"),
    ],
)
def test_rows_that_are_not_there_are_refused(others, message):
    """Nothing is read beside the matrix."""
    given = {
        "bounds": np.array([[0, 2]]),
        "terms": np.array([0, 1], np.int32),
        "damped": np.ones(2),
        "idf": np.ones(2),
        "values": np.ones(2, np.float32),
    } | others

    with pytest.raises(ValueError, match=message):
        solver().weigh(**given)
