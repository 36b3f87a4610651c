"""Labels: what a row's cells say, and the matrix of present, absent and unknown."""

from dataclasses import replace

import numpy as np
import pytest

from classifier.article import Article, Labels
from classifier.corpus.labels import label_names, parse_label_columns, parse_labels, truth_matrix
from classifier.errors import BadInputError

NAN = float("nan")
KNOWN = {"known": ("energy", "culture")}


@pytest.mark.parametrize("value", ["energy|culture", " culture | energy |", ["energy", "culture "]])
def test_a_list_and_a_separated_string_say_the_same(value):
    """However labels are written down, the same set comes out, stripped and without repeats."""
    assert parse_labels(value) == Labels(frozenset({"energy", "culture"}))


@pytest.mark.parametrize("value", ["", "  ", [], [" "], ()])
def test_nothing_listed_means_none_of_these(value):
    """An empty list is an answer: none of the labels apply."""
    assert parse_labels(value) == Labels(frozenset(), None)


@pytest.mark.parametrize("value", [None, NAN])
def test_null_and_nan_mean_nobody_looked(value):
    """A value that a data frame leaves for "missing" makes the article unlabelled."""
    assert parse_labels(value) is None


@pytest.mark.parametrize("word", ["NA", "None", "null", "nan"])
def test_words_that_other_readers_take_for_missing_are_labels(word):
    """A string is a string, even when it spells a missing value."""
    assert parse_labels(word) == Labels(frozenset({word}))


@pytest.mark.parametrize(
    ("present", "absent", "labels"),
    [
        ("energy", None, Labels(frozenset({"energy"}), None)),
        (["energy"], ["culture"], Labels(frozenset({"energy"}), frozenset({"culture"}))),
        ("energy", "", Labels(frozenset({"energy"}), frozenset())),
        (None, "culture", Labels(frozenset(), frozenset({"culture"}))),
    ],
)
def test_negative_labels_leave_the_rest_unknown(present, absent, labels):
    """Only what they name is absent: none of an empty list, all others without one."""
    assert parse_labels(present, absent) == labels
    assert parse_labels(present, absent, borderline=True) == replace(labels, borderline=True)


def test_another_separator_splits():
    """The separator is the user's choice."""
    assert parse_labels("a;b|c", separator=";") == Labels(frozenset({"a", "b|c"}))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([{"a": "b"}], {}, r"the labels are \{'a': 'b'\}, neither a list nor a string"),
        ([True], {}, "the labels are True, neither a list nor a string"),
        ([[None]], {}, "label None is not a string"),
        ([["a;b"]], {"separator": ";"}, r"label 'a;b' holds the separator ';'\. Split it"),
        (["energy", "energy|culture"], {}, "label 'energy' is both present and negative"),
        (["energi"], KNOWN, r"unknown label 'energi'\. Did you mean 'energy'\?"),
        (["energy", "xyz"], KNOWN, r"unknown label 'xyz'\. Known are: energy, culture\."),
    ],
)
def test_labels_that_make_no_sense_are_refused(values, options, message):
    """They are shown back to the user, with what was probably meant or all that are known."""
    with pytest.raises(BadInputError, match=message):
        parse_labels(*values, **options)


def test_label_columns_hold_present_absent_and_unknown():
    """Every way of writing yes, no and nothing is understood."""
    cells = {"a": "1", "b": "TRUE", "c": " yes ", "d": 1, "e": True, "f": 1.0}
    cells |= {"g": "0", "h": "false", "i": "No", "j": 0, "k": False, "l": "0.0"}
    cells |= {"m": "", "n": None, "o": NAN}

    labels = parse_label_columns(cells, borderline=True)

    assert labels == Labels(frozenset("abcdef"), frozenset("ghijkl"), borderline=True)


def test_blank_label_columns_leave_an_article_unlabelled():
    """A row nobody filled in is not "none of these"."""
    assert parse_label_columns({"energy": "", "culture": None}) is None


def test_a_label_column_with_another_value_or_name_is_refused():
    """The column and the value are named; columns are checked like labels."""
    with pytest.raises(BadInputError, match=r"label column 'energy' holds '2'\. Write 1"):
        parse_label_columns({"energy": "2"})
    with pytest.raises(BadInputError, match="Did you mean 'energy'"):
        parse_label_columns({"energi": "1"}, known=("energy",))


def test_label_names_are_sorted_and_include_the_absent():
    """Every label that is spoken of is named once."""
    articles = [
        Article("x", labels=Labels(frozenset({"energy", "culture"}))),
        Article("y", labels=Labels(frozenset({"energy"}), frozenset({"art"}))),
        Article("z"),
    ]
    assert label_names(articles) == ("art", "culture", "energy")


def test_truth_matrix_tells_present_absent_and_unknown_apart():
    """One row of each kind, with labels outside the columns left aside when absent."""
    labels = [
        Labels(frozenset({"b"})),
        Labels(),
        Labels(frozenset({"a"}), frozenset({"c", "elsewhere"})),
        None,
    ]

    Y = truth_matrix(labels, ("a", "b", "c"))

    expected = [[0, 1, 0], [0, 0, 0], [1, NAN, 0], [NAN, NAN, NAN]]
    np.testing.assert_array_equal(Y, expected)
    assert Y.dtype == np.float64


def test_truth_matrix_counts_as_absent_only_what_the_corpus_knows():
    """A label that an article's corpus never used is unknown for it."""
    labels = [Labels(frozenset({"a"})), Labels(frozenset({"c"}))]
    known = [frozenset({"a", "b"}), frozenset({"b"})]

    Y = truth_matrix(labels, ("a", "b", "c"), known)

    np.testing.assert_array_equal(Y, [[1, 0, NAN], [NAN, 0, 1]])


def test_truth_matrix_of_nothing_has_the_right_shape():
    """No articles still have columns."""
    assert truth_matrix([], ("a", "b")).shape == (0, 2)


def test_truth_matrix_refuses_a_label_without_a_column():
    """A present label that would be lost is an error that says where."""
    with pytest.raises(BadInputError, match=r"article 2: label 'z' is not among .* \(a, b\)"):
        truth_matrix([Labels(), Labels(frozenset({"z"}))], ("a", "b"))


def test_truth_matrix_wants_one_corpus_per_article():
    """Lists of different lengths are never paired up silently."""
    with pytest.raises(ValueError, match="shorter"):
        truth_matrix([Labels(), Labels()], ("a",), [frozenset({"a"})])
