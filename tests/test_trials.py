"""A candidate is tried on as many folds as it takes to tell."""

import numpy as np
import pytest
import scipy.sparse as sp

from classifier.article import Labels
from classifier.training.choose import Trials
from classifier.training.count import CountedCorpus
from classifier.training.fit import Candidate
from classifier.training.settings import Settings

N_FOLDS = 5


def corpus(n_articles, *, seed=0):
    """Return counts of articles whose one label shows in the words 0 to 9, the truth and folds."""
    rng = np.random.default_rng(seed)
    present = rng.random(n_articles) < 0.4
    counts = rng.poisson(0.15, (n_articles, 40))
    counts[present, :10] += rng.poisson(0.3, (present.sum(), 10))
    counts[:, 39] += 1
    body = sp.csr_matrix(counts.astype(np.uint8))
    names = [frozenset({"energy"} if there else ()) for there in present]
    counted = CountedCorpus(
        body=body,
        lead=body,
        vocabulary=[f"w{i:02}" for i in range(40)],
        n_words=counts.sum(axis=1),
        groups=np.arange(n_articles),
        labels=[Labels(name) for name in names],
        known=[frozenset({"energy"})] * n_articles,
        corpus=np.zeros(n_articles, dtype=np.int64),
        corpora=["made"],
        natural=np.ones(n_articles, dtype=bool),
        borderline=np.zeros(n_articles, dtype=bool),
        sources=[""] * n_articles,
        dates=[""] * n_articles,
        ids=[str(i) for i in range(n_articles)],
        n_unlabelled=0,
        sha256="",
    )
    return counted, present[:, None].astype(float), np.arange(n_articles) % N_FOLDS


def trials_of(n_articles, **settings):
    """Return trials on a corpus, and the ticks that they give."""
    ticks = []
    counted, Y, folds = corpus(n_articles)
    return Trials(counted, Y, folds, Settings(**settings), 1, lambda: ticks.append(1)), ticks


def test_a_candidate_that_is_clearly_behind_is_given_up():
    """A penalty so strong that the words hardly count shows on two folds."""
    trials, ticks = trials_of(1500)
    good, bad = Candidate(1.0), Candidate(1e-6)

    assert trials.best([good, bad]) is good

    assert (trials.found[good].folds, trials.found[bad].folds) == (5, 2)
    assert trials.found[bad].score < trials.found[good].score
    assert len(ticks) == 7


def test_equals_differ_by_no_more_than_the_tolerance():
    """A weight that no article has changes nothing but where the fits start."""
    trials, _ = trials_of(1500)
    one, other = Candidate(1.0), Candidate(1.0, borderline_weight=0.5)

    assert trials.best([one, other]) is one

    assert trials.found[other].score == pytest.approx(trials.found[one].score, abs=1e-3)


def test_few_articles_give_nobody_up():
    """Parts of a fold with a dozen articles say nothing."""
    trials, _ = trials_of(400)

    trials.best([Candidate(1.0), Candidate(1e-6)])

    assert [trial.folds for trial in trials.found.values()] == [5, 5]


def test_one_that_was_given_up_is_tried_on_the_other_folds_when_all_are_wanted():
    """A penalty for each label is chosen among whole trials."""
    trials, _ = trials_of(1500)
    bad = Candidate(1e-6)
    trials.best([Candidate(1.0), bad])

    trials.run([bad])

    assert trials.found[bad].folds == 5
    assert not np.isnan(trials.results[bad].margins).any()


def test_what_is_kept_between_candidates_changes_no_choice(monkeypatch):
    """Without it matrices are made again and fits begin at nothing."""
    kept, _ = trials_of(1500)
    candidates = [Candidate(0.3), Candidate(1.0), Candidate(3.0)]
    with_all = kept.best(candidates)
    for name in ("MOST_DUAL_BYTES", "MOST_MATRIX_BYTES"):
        monkeypatch.setattr(f"classifier.training.choose.{name}", 0)
    fresh, _ = trials_of(1500)

    assert fresh.best(candidates) == with_all

    for candidate in candidates:
        score = fresh.found[candidate].score
        assert kept.found[candidate].score == pytest.approx(score, abs=1e-3)


def test_with_one_label_an_article_the_accuracy_is_compared():
    """The same rules hold for parts that are judged by accuracy."""
    counted, Y, folds = corpus(1500)
    both = np.hstack([Y, 1 - Y])
    trials = Trials(counted, both, folds, Settings(labels="one"), 1, lambda: None)

    trials.best([Candidate(1.0), Candidate(1e-6)])

    assert trials.found[Candidate(1e-6)].folds < 5
