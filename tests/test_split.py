"""Every split keeps near-duplicates together and says when it cannot be made."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from classifier.article import Article, Labels
from classifier.corpus.folds import (
    outlet_folds,
    outlet_split,
    stratified_folds,
    stratified_split,
    time_folds,
    time_split,
)
from classifier.corpus.split import SplitOptions, split_corpus
from classifier.errors import CorpusError, SettingsError

CELL = st.sampled_from([0.0, 1.0, np.nan])
MONTHS = [f"2020-{month:02d}-15" for month in range(1, 11)]


@st.composite
def corpora(draw):
    """Invent labels, groups, dates and sources of 12 to 40 articles."""
    n_articles = draw(st.integers(12, 40))
    truth = draw(stn.arrays(np.float64, (n_articles, draw(st.integers(0, 4))), elements=CELL))
    groups = draw(stn.arrays(np.int64, n_articles, elements=st.integers(0, 30)))
    groups[:6] = np.arange(100, 106)
    dates = draw(st.lists(st.sampled_from([*MONTHS, ""]), min_size=n_articles, max_size=n_articles))
    return truth, groups, [*MONTHS[:6], *dates[6:]]


def split_groups(groups, *sides):
    """Return the groups that occur in more than one of the sides."""
    seen = [set(groups[side].tolist()) for side in sides]
    return {group for place, side in enumerate(seen) for group in side & set().union(*seen[:place])}


def test_each_label_is_spread_over_the_folds():
    """Ten articles of one label and five of another give each of five folds two and one."""
    truth = np.zeros((40, 2))
    truth[:10, 0] = 1
    truth[10:15, 1] = 1

    folds = stratified_folds(truth)

    assert np.bincount(folds).tolist() == [8, 8, 8, 8, 8]
    assert np.bincount(folds[:10]).tolist() == [2, 2, 2, 2, 2]
    assert np.bincount(folds[10:15]).tolist() == [1, 1, 1, 1, 1]


def test_folds_are_int64_from_zero():
    """The fold numbers can index an array directly."""
    folds = stratified_folds(np.zeros((7, 1)), n_folds=3)

    assert folds.dtype == np.int64
    assert sorted(set(folds.tolist())) == [0, 1, 2]


def test_a_rare_label_is_dealt_out_before_a_common_one():
    """The two articles that have both labels land in different folds."""
    truth = np.ones((20, 2))
    truth[2:, 1] = 0

    folds = stratified_folds(truth, n_folds=2)

    assert sorted(folds[:2].tolist()) == [0, 1]
    assert np.bincount(folds).tolist() == [10, 10]


def test_unknown_cells_count_for_nothing():
    """A cell nobody knows places its article exactly as an absent one does."""
    truth = np.zeros((30, 2))
    truth[:6, 0] = 1
    unknown = np.where(truth == 0, np.nan, truth)

    assert stratified_folds(unknown).tolist() == stratified_folds(truth).tolist()


def test_another_seed_gives_other_folds():
    """The seed really takes part."""
    truth = np.zeros((50, 1))

    assert stratified_folds(truth, seed=0).tolist() != stratified_folds(truth, seed=1).tolist()


def test_a_large_group_is_placed_before_small_ones():
    """One group of four and six single articles still make two folds of five."""
    groups = np.array([6, 5, 4, 3, 2, 1, 0, 0, 0, 0])

    assert np.bincount(stratified_folds(np.zeros((10, 1)), groups, n_folds=2)).tolist() == [5, 5]


def test_a_label_is_levelled_before_the_sizes_are():
    """The second article of a label goes where the label is missing, not where there is room."""
    truth = np.zeros((10, 2))
    truth[0, 0] = 1
    truth[3:5, 1] = 1
    groups = np.array([0, 0, 0, 3, 4, 5, 6, 7, 8, 9])

    folds = stratified_folds(truth, groups, n_folds=2)

    assert sorted(folds[3:5].tolist()) == [0, 1]
    assert np.bincount(folds).tolist() == [5, 5]


def test_a_full_fold_takes_no_more():
    """Beside a group of five of eight articles, the other three fill the other fold."""
    truth = np.zeros((8, 2))
    truth[0, 0] = 1
    truth[5:, 1] = 1
    groups = np.array([0, 0, 0, 0, 0, 5, 6, 7])

    assert sorted(np.bincount(stratified_folds(truth, groups, n_folds=2)).tolist()) == [3, 5]


@pytest.mark.parametrize(
    ("groups", "n_folds", "error", "message"),
    [
        (None, 1, SettingsError, r"n_folds is 1\. Choose 2 or more"),
        ([0, 0, 1, 1, 2, 2], 5, CorpusError, "3 separate articles or groups .* cannot fill 5 fol"),
        ([0, 1], 5, CorpusError, "groups has 2 numbers for 6 articles"),
    ],
    ids=["one fold", "few groups", "other groups"],
)
def test_folds_that_cannot_be_filled_are_refused(groups, n_folds, error, message):
    """One leaves nothing to test on, three groups cannot fill five; both lengths are told."""
    groups = None if groups is None else np.array(groups)

    with pytest.raises(error, match=message):
        stratified_folds(np.zeros((6, 1)), groups, n_folds=n_folds)


def test_many_articles_and_labels_take_seconds():
    """Twenty thousand articles of a hundred labels stay far from a coffee break."""
    truth = (np.random.default_rng(0).random((20_000, 100)) < 0.03).astype(float)
    started = time.process_time()

    folds = stratified_folds(truth)

    assert time.process_time() - started < 60
    assert np.bincount(folds).tolist() == [4000, 4000, 4000, 4000, 4000]


@settings(max_examples=60)
@given(corpus=corpora(), n_folds=st.integers(2, 6), seed=st.integers(0, 5))
def test_folds_keep_groups_whole_and_sizes_within_a_group(corpus, n_folds, seed):
    """Every article has one fold, no fold is empty, and none is too large by a whole group."""
    truth, groups, _ = corpus

    folds = stratified_folds(truth, groups, n_folds=n_folds, seed=seed)

    sides = [np.flatnonzero(folds == fold) for fold in range(n_folds)]
    sizes = np.array([len(side) for side in sides])
    assert sizes.sum() == len(truth)
    assert split_groups(groups, *sides) == set()
    assert sizes.min() >= 1
    assert sizes.max() < len(truth) / n_folds + np.unique(groups, return_counts=True)[1].max()
    assert stratified_folds(truth, groups, n_folds=n_folds, seed=seed).tolist() == folds.tolist()


@settings(max_examples=60)
@given(positives=st.integers(0, 30), corpus=corpora(), n_folds=st.integers(2, 6))
def test_articles_with_and_without_a_label_are_both_level(positives, corpus, n_folds):
    """Of one label, fold counts differ by one at most, and so do the fold sizes."""
    truth = np.zeros((len(corpus[0]) + 30, 1))
    truth[:positives] = 1

    folds = stratified_folds(truth, n_folds=n_folds)

    assert np.ptp(np.bincount(folds, minlength=n_folds)) <= 1
    assert np.ptp(np.bincount(folds[:positives], minlength=n_folds)) <= 1


@settings(max_examples=60)
@given(corpus=corpora(), share=st.sampled_from([0.1, 0.3, 0.5]))
def test_a_split_by_time_divides_no_group(corpus, share):
    """No near-duplicate of a test article is trained on."""
    _, groups, dates = corpus

    by_time = time_split(dates, test_share=share, groups=groups)

    assert split_groups(groups, *by_time) == set()


def test_the_latest_articles_are_the_test_side():
    """A fifth of ten months is the last two, whatever their order in the file."""
    train, test = time_split(MONTHS[::-1])

    assert test.tolist() == [0, 1]
    assert train.tolist() == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_day_is_never_divided():
    """Articles of the first test day are all in the test side, also at another hour."""
    dates = ["2020-01-01", "2020-01-02", "2020-01-03T09:00", "2020-01-03", "2020-01-03T23:59"]

    train, test = time_split(dates, test_share=0.4)

    assert train.tolist() == [0, 1]
    assert test.tolist() == [2, 3, 4]


def test_undated_articles_are_trained_on():
    """Without a date nobody can claim an article came later."""
    train, test = time_split(["", "2020-01-01", "2020-01-02", ""], test_share=0.5)

    assert train.tolist() == [0, 1, 3]
    assert test.tolist() == [2]


def test_the_only_dated_day_is_the_test_side():
    """Undated articles are enough to train on."""
    train, test = time_split(["", "2020-01-01", "", "2020-01-01"])

    assert train.tolist() == [0, 2]
    assert test.tolist() == [1, 3]


def test_near_duplicates_of_later_articles_are_on_neither_side():
    """The early version of a test article, dated or not, leaves the train side."""
    dates = ["2020-01-01", "2020-01-02", "", "2020-01-03", "2020-01-04"]

    train, test = time_split(dates, test_share=0.25, groups=np.array([7, 1, 7, 2, 7]))

    assert train.tolist() == [1, 3]
    assert test.tolist() == [4]


@pytest.mark.parametrize("date", ["15/01/2020", "January", "2020-1-5"])
def test_a_date_of_another_form_is_refused(date):
    """Days that do not sort as text would silently divide the corpus anywhere."""
    with pytest.raises(CorpusError, match=f"position 1 has the date '{date}'.*YYYY-MM-DD"):
        time_split(["2020-01-01", date])


@pytest.mark.parametrize(
    ("date", "message"),
    [
        ("", r"no article has a date\. Split at random"),
        ("2020-01-01", "split by time: 0 articles to train on and 2 to test on"),
    ],
)
def test_a_corpus_without_days_to_part_is_refused(date, message):
    """The message names the split that works; nothing comes before the only day."""
    with pytest.raises(CorpusError, match=message):
        time_split([date, date])


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1])
def test_a_share_that_leaves_a_side_empty_is_refused(share):
    """The value is named, and the split in words of the user."""
    with pytest.raises(SettingsError, match=f"split by time: test_share is {share}"):
        time_split(MONTHS, test_share=share)


def test_a_stratified_split_has_the_same_share_of_each_label_on_both_sides():
    """Of forty and of ten articles a fifth is eight and two."""
    truth = np.zeros((100, 2))
    truth[:40, 0] = 1
    truth[30:40, 1] = 1

    train, test = stratified_split(truth, test_share=0.2, seed=3)

    assert (len(train), len(test)) == (80, 20)
    assert truth[test].sum(axis=0).tolist() == [8, 2]


@settings(max_examples=60)
@given(corpus=corpora(), share=st.sampled_from([0.1, 0.3, 0.5]), seed=st.integers(0, 5))
def test_a_stratified_split_divides_no_group_and_loses_no_article(corpus, share, seed):
    """Every article is on one side, and the test side exceeds its share by less than a group."""
    truth, groups, _ = corpus

    train, test = stratified_split(truth, groups, test_share=share, seed=seed)

    assert sorted([*train, *test]) == list(range(len(truth)))
    assert split_groups(groups, train, test) == set()
    assert len(test) < share * len(truth) + 1 + np.unique(groups, return_counts=True)[1].max()


def test_the_smallest_corpus_still_has_two_sides():
    """Of two articles one is tested on, whatever a fifth of two is."""
    assert [len(side) for side in stratified_split(np.zeros((2, 1)))] == [1, 1]
    with pytest.raises(CorpusError, match="0 articles to train on and 1 to test on, out of 1"):
        stratified_split(np.zeros((1, 1)))
    with pytest.raises(CorpusError, match="out of 0"):
        stratified_split(np.zeros((0, 1)))


def test_folds_by_time_chain_forward():
    """Three blocks of two days: train on the first, then on the first two."""
    folds = list(time_folds([*MONTHS[:6], ""], n_folds=2))

    assert [(train.tolist(), test.tolist()) for train, test in folds] == [
        ([0, 1, 6], [2, 3]),
        ([0, 1, 2, 3, 6], [4, 5]),
    ]


def test_a_crowded_day_is_one_block():
    """Nine articles of one day are tested on together, and each other block has a day."""
    dates = ["2020-01-01", "2020-01-02", *["2020-01-03"] * 9, "2020-01-04"]

    folds = list(time_folds(dates, n_folds=3))

    assert [test.tolist() for _, test in folds] == [[1], [2, 3, 4, 5, 6, 7, 8, 9, 10], [11]]


def test_folds_by_time_need_more_days_than_folds():
    """The message says how many days there are and how many it takes."""
    with pytest.raises(CorpusError, match=r"3 different days cannot make 3 folds.*takes 4"):
        list(time_folds(MONTHS[:3], n_folds=3))
    with pytest.raises(SettingsError, match="n_folds is 1"):
        list(time_folds(MONTHS, n_folds=1))


@settings(max_examples=60)
@given(corpus=corpora(), n_folds=st.integers(2, 4))
def test_folds_by_time_never_train_on_what_comes_later(corpus, n_folds):
    """Days trained on come before days tested on, and no near-duplicate crosses over."""
    _, groups, dates = corpus
    groups = np.where(np.arange(len(dates)) < 6, groups, groups % 3)

    folds = list(time_folds(dates, n_folds=n_folds, groups=groups))

    assert len(folds) == n_folds
    tested = np.concatenate([test for _, test in folds])
    assert len(set(tested.tolist())) == len(tested)
    for train, test in folds:
        assert max(dates[i] for i in train) < min(dates[i] for i in test)
        assert split_groups(groups, train, test) == set()


def test_outlets_are_drawn_until_the_share_is_met():
    """Of five outlets of equal size, a share of 0.4 takes two; other seeds take others."""
    sources = list("ABCDE") * 4

    sides = [outlet_split(sources, test_share=0.4, seed=seed)[1] for seed in range(6)]

    assert {len(test) for test in sides} == {8}
    assert {len({sources[i] for i in test}) for test in sides} == {2}
    assert len({tuple(test.tolist()) for test in sides}) > 1


def test_the_smallest_outlet_is_tested_on_when_all_are_too_large():
    """Two outlets, a share of 0.1: half or none; the smaller one is taken."""
    train, test = outlet_split(["A"] * 6 + ["B"] * 4 + [""], test_share=0.1)

    assert test.tolist() == [6, 7, 8, 9]
    assert train.tolist() == [0, 1, 2, 3, 4, 5, 10]


def test_outlet_folds_test_each_outlet_once_and_level_the_labels():
    """Two outlets have all of a label, and land in different folds."""
    sources = [name for name in "ABCDEF" for _ in range(5)]
    truth = np.zeros((30, 1))
    truth[:10] = 1

    folds = list(outlet_folds(sources, truth, n_folds=2))

    assert [len(test) for _, test in folds] == [15, 15]
    assert [truth[test].sum() for _, test in folds] == [5, 5]
    assert sorted(i for _, test in folds for i in test) == list(range(30))


def test_split_corpus_is_for_articles_and_reads_them_once():
    """A generator of articles gives positions, of which near-duplicates share a side."""
    story = " ".join(f"word{i}" for i in range(40))
    texts = [story, f"{story} more", *(" ".join(f"w{i}x{k}" for k in range(9)) for i in range(8))]
    labels = Labels(frozenset({"energy"}))

    splits = split_corpus((Article(text, labels=labels) for text in texts), folds=3, seed=2)

    assert [split.name for split in splits] == ["fold-1", "fold-2", "fold-3"]
    assert sorted(i for split in splits for i in split.test) == list(range(10))
    assert [np.isin([0, 1], split.test).sum() for split in splits].count(2) == 1
    assert [len(split.left_out) for split in splits] == [0, 0, 0]


def test_a_corpus_split_by_time_tells_left_out_from_later():
    """A reprint that would be trained on is left out; an article of a later block is not."""
    story = " ".join(f"word{i}" for i in range(40))
    texts = [story, "one", "two", story, "three", "four"]
    articles = [Article(text, date=date) for text, date in zip(texts, MONTHS, strict=False)]

    first, second = split_corpus(articles, by="time", folds=2)

    assert (first.train.tolist(), first.test.tolist()) == ([1], [2, 3])
    assert first.left_out.tolist() == [0]
    assert (second.test.tolist(), second.left_out.tolist()) == ([4, 5], [])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"by": "magic"}, "by is 'magic'. Choose one of random, time, outlet"),
        ({"folds": 1}, "folds is 1. Choose 2 or more"),
        ({"folds": 3, "test_share": 0.1}, r"both folds \(3\) and a test share \(0.1\)"),
        ({"test_share": 0.0}, "test_share is 0.0"),
    ],
)
def test_options_that_mean_nothing_are_refused(values, message):
    """The message names the option and its value."""
    with pytest.raises(SettingsError, match=message):
        SplitOptions(**values)
