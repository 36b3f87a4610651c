"""Fits know what they may know: known cells, other folds, and the weights they are told."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus
from classifier.model.vocabulary import Analyzer
from classifier.training.choose import out_of_fold
from classifier.training.count import count_corpora
from classifier.training.fit import Candidate, article_weights, fit_label, fit_linear, fold_idf

NAN = np.nan
WORDS = {
    "energy": ["oil", "gas", "pipeline", "barrel"],
    "culture": ["choir", "museum", "opera", "film"],
    "": ["rain", "road", "school", "train"],
}
FILLERS = ["the", "and", "said", "house", "people", "week"]


def rows(seed, n_articles=40, n_terms=12, n_labels=3):
    """Return a sparse matrix of unit rows and labels that follow its terms."""
    rng = np.random.default_rng(seed)
    dense = rng.random((n_articles, n_terms)) * (rng.random((n_articles, n_terms)) < 0.4)
    dense[:, 0] += 0.1
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    hidden = rng.normal(size=(n_terms, n_labels))
    return sp.csr_matrix(dense), (dense @ hidden > 0).astype(float)


def counted(n_articles=30, *, bigrams=False, extra=lambda number: ""):
    """Return counts of invented articles, their truth (energy, culture) and their folds."""
    rng = np.random.default_rng(0)
    names = [["energy", "culture", ""][number % 3] for number in range(n_articles)]
    articles = [
        Article(
            " ".join([*rng.choice(WORDS[name], 3), *rng.choice(FILLERS, 6), extra(number)]),
            labels=Labels(frozenset(filter(None, [name]))),
        )
        for number, name in enumerate(names)
    ]
    analyzer = Analyzer(lead_words=4, lead_repeats=1, bigrams=bigrams)
    corpus = count_corpora(
        [Corpus("invented", articles)], analyzer, min_df=1, progress=lambda *call: None
    )
    Y = np.array([[name == "energy", name == "culture"] for name in names], dtype=float)
    return corpus, Y, np.arange(n_articles) // 3 % 3


@pytest.mark.parametrize("seed", range(3))
def test_unknown_cells_are_masked(seed):
    """A fit with unknown cells is the fit on the rows that are known, up to the tolerance."""
    X, Y = rows(seed)
    unknown = np.random.default_rng(seed).random(Y.shape) < 0.3
    weights = np.linspace(0.5, 1.5, len(Y))

    masked = fit_linear(X, np.where(unknown, NAN, Y), [1.0, 0.3, 3.0], weights)

    for k, C in enumerate([1.0, 0.3, 3.0]):
        known = ~unknown[:, k]
        alone = fit_linear(X[known], Y[known][:, [k]], [C], weights[known])
        assert_allclose(masked.coef[:, [k]], alone.coef, atol=2e-3)
        assert_allclose(masked.bias[[k]], alone.bias, atol=2e-3)


@pytest.mark.parametrize(
    ("y", "bias"),
    [([0, 0, 0], -1.0), ([1, 1, 1], 1.0), ([1, NAN, 1], 1.0), ([NAN, NAN, NAN], -1.0)],
)
def test_a_one_sided_label_is_a_constant(y, bias):
    """With nothing to tell apart every margin is one, on the side that was seen."""
    X, _ = rows(0, n_articles=3)

    coef, intercept = fit_label(X, np.array(y, dtype=float), 1.0, np.ones(3))

    assert (coef == 0).all()
    assert intercept == bias


def test_a_separable_label_is_told_apart():
    """Margins of present articles lie above zero, those of absent ones below."""
    X = sp.csr_matrix(np.repeat([[1.0, 0.0], [0.0, 1.0]], 10, axis=0))
    y = np.repeat([1.0, 0.0], 10)

    coef, bias = fit_label(X, y, 10.0, np.ones(20))

    assert_allclose(X @ coef + bias, np.repeat([1.0, -1.0], 10), atol=0.1)


def test_an_article_of_weight_two_counts_like_two_of_weight_one():
    """The loss is the same sum, so the fit is the same up to the solver's tolerance."""
    X, Y = rows(1)
    weights = np.repeat([2.0, 1.0], 20)
    twice = np.repeat(np.arange(40), weights.astype(int))

    weighted = fit_linear(X, Y, [1.0] * 3, weights)
    repeated = fit_linear(X[twice], Y[twice], [1.0] * 3, np.ones(60))

    assert_allclose(weighted.coef, repeated.coef, atol=2e-3)
    assert_allclose(weighted.bias, repeated.bias, atol=2e-3)


def test_a_stronger_penalty_gives_smaller_weights():
    """C is the inverse strength."""
    X, Y = rows(2)

    weak, strong = (fit_linear(X, Y, [C] * 3, np.ones(40)) for C in (10.0, 0.01))

    assert (np.linalg.norm(strong.coef, axis=0) < np.linalg.norm(weak.coef, axis=0)).all()


def test_the_number_of_jobs_changes_no_bit():
    """Fits beside one another draw no common random numbers."""
    X, Y = rows(3, n_labels=5)

    alone, beside = (fit_linear(X, Y, [1.0] * 5, np.ones(40), jobs=jobs) for jobs in (1, 2))

    assert alone.coef.tobytes() == beside.coef.tobytes()
    assert alone.bias.tobytes() == beside.bias.tobytes()


def test_weights_multiply():
    """Hesitation and an unnatural sample each lower the weight of an article."""
    labels = [Labels(), Labels(borderline=True)]
    corpora = [
        Corpus("n", [Article("oil", labels=each) for each in labels]),
        Corpus("a", [Article("oil", labels=each) for each in labels], natural=False),
    ]
    corpus = count_corpora(corpora, Analyzer(), min_df=1, progress=lambda *call: None)

    weights = article_weights(
        corpus, Candidate(1.0, borderline_weight=0.5, corpus_weights=(1.0, 0.25))
    )

    assert weights.tolist() == [1.0, 0.5, 0.25, 0.125]


def test_a_candidate_without_pairs_gives_pairs_no_weight():
    """They are counted, as another candidate wants them."""
    corpus, _, _ = counted(bigrams=True)
    pair = np.array([" " in term for term in corpus.vocabulary])

    without, with_pairs = (
        fold_idf(corpus.counts(0), corpus, Candidate(1.0, bigrams=bigrams), 1)
        for bigrams in (False, True)
    )

    assert pair.any()
    assert (without[pair] == 0).all()
    assert (without[~pair] > 0).all()
    assert (with_pairs > 0).all()


def test_every_article_is_held_out_once_and_judged_well():
    """On easy articles held-out margins have the right sign."""
    corpus, Y, folds = counted()

    [held_out] = out_of_fold(corpus, Y, folds, [Candidate(1.0)], min_df=1)

    assert_array_equal(held_out.margins > 0, Y > 0)
    assert ((held_out.coverage > 0.8) & (held_out.coverage <= 1)).all()


def test_candidates_that_share_a_matrix_are_as_they_are_alone():
    """Each candidate has its own C and weights; one tick per fold and candidate."""
    corpus, Y, folds = counted()
    candidates = [Candidate(0.3), Candidate(3.0)]
    ticks = []

    together = out_of_fold(corpus, Y, folds, candidates, min_df=1, tick=lambda: ticks.append(1))

    assert len(ticks) == 6
    for candidate, result in zip(candidates, together, strict=True):
        [alone] = out_of_fold(corpus, Y, folds, [candidate], min_df=1)
        assert_array_equal(result.margins, alone.margins)
        assert_array_equal(result.coverage, alone.coverage)


@settings(max_examples=10)
@given(st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=24, max_size=24))
def test_labels_of_held_out_articles_are_never_used(cells):
    """Whatever is said of the first fold's articles, their own margins stay to the last bit."""
    corpus, Y, folds = counted()
    other = Y.copy()
    other[folds == 0] = np.reshape(cells, (12, 2))

    [honest] = out_of_fold(corpus, Y, folds, [Candidate(1.0)], min_df=1)
    [changed] = out_of_fold(corpus, other, folds, [Candidate(1.0)], min_df=1)

    assert changed.margins[folds == 0].tobytes() == honest.margins[folds == 0].tobytes()


def test_a_term_of_one_fold_has_no_influence_there():
    """A word in all energy articles of one fold, and nowhere else, tells nothing about them."""
    corpus, Y, folds = counted()
    marked, _, _ = counted(extra=lambda number: "secret" if number % 9 == 0 else "")

    [plain] = out_of_fold(corpus, Y, folds, [Candidate(1.0)], min_df=1)
    [other] = out_of_fold(marked, Y, folds, [Candidate(1.0)], min_df=1)

    assert "secret" in marked.vocabulary
    assert set(folds[::9]) == {0}
    assert_allclose(other.margins[folds == 0], plain.margins[folds == 0], atol=1e-9)
    assert (other.coverage[::9] < plain.coverage[::9]).all()


def test_held_out_articles_do_not_influence_one_another():
    """Without half of its fold, an article keeps its margin: idf comes from the other folds."""
    corpus, Y, folds = counted()
    left = np.flatnonzero((folds != 0) | (np.arange(30) % 2 == 0))
    rest = corpus.select(left)

    [whole] = out_of_fold(corpus, Y, folds, [Candidate(1.0)], min_df=1)
    [halved] = out_of_fold(rest, Y[left], folds[left], [Candidate(1.0)], min_df=1)

    held = folds[left] == 0
    assert held.sum() == 6
    assert halved.margins[held].tobytes() == whole.margins[left][held].tobytes()
    assert_array_equal(halved.coverage[held], whole.coverage[left][held])


def test_articles_outside_the_folds_are_trained_on_and_never_held_out():
    """Rows of fold -1 stay NaN, and the others' margins change without them."""
    corpus, Y, folds = counted()
    outside = np.where(np.arange(30) >= 24, -1, folds)

    [held_out] = out_of_fold(corpus, Y, outside, [Candidate(1.0)], min_df=1)
    inner = np.arange(24)
    rest = corpus.select(inner)
    [without] = out_of_fold(rest, Y[inner], folds[inner], [Candidate(1.0)], min_df=1)

    assert np.isnan(held_out.margins[24:]).all()
    assert np.isnan(held_out.coverage[24:]).all()
    assert not np.isnan(held_out.margins[:24]).any()
    assert (held_out.margins[:24] != without.margins).all()
