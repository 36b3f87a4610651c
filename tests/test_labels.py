"""Labels: what a row's cells say, and the matrix of present, absent and unknown."""

import numpy as np
import pytest

from classifier.article import Article, Labels
from classifier.corpus.labels import label_names, parse_label_columns, parse_labels, truth_matrix
from classifier.errors import BadInputError

NAN = float("nan")


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


def test_negative_labels_leave_the_rest_unknown():
    """With a list of negatives, only what it names is absent."""
    assert parse_labels(["energy"], ["culture"]) == Labels(
        frozenset({"energy"}), frozenset({"culture"})
    )


def test_an_empty_negative_list_is_kept_apart_from_no_list():
    """An empty list of negatives says that no label is known to be absent."""
    assert parse_labels("energy", "") == Labels(frozenset({"energy"}), frozenset())


def test_negatives_alone_label_an_article():
    """Knowing what an article is not about is knowledge, even if nothing is known present."""
    assert parse_labels(None, "culture") == Labels(frozenset(), frozenset({"culture"}))


def test_hesitation_is_kept():
    """Borderline labels stay marked."""
    assert parse_labels("energy", borderline=True) == Labels(frozenset({"energy"}), None, True)


def test_another_separator_splits_and_is_refused_in_lists():
    """The separator is the user's choice, and a listed label may not hold it."""
    assert parse_labels("a;b|c", separator=";") == Labels(frozenset({"a", "b|c"}))
    with pytest.raises(BadInputError, match=r"label 'a;b' holds the separator ';'\. Split it"):
        parse_labels(["a;b"], separator=";")


def test_a_label_on_both_sides_is_refused():
    """A label cannot be present and absent at once."""
    with pytest.raises(BadInputError, match="label 'energy' is both present and negative"):
        parse_labels("energy", "energy|culture")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"energy": "a"}, r"the labels are \{'energy': 'a'\}, neither a list nor a string"),
        (True, "the labels are True, neither a list nor a string"),
        ([None], "label None is not a string"),
    ],
)
def test_other_types_are_refused(value, message):
    """What is neither a list nor a string is shown back to the user."""
    with pytest.raises(BadInputError, match=message):
        parse_labels(value)


def test_an_unknown_label_is_refused_with_the_closest_known():
    """A misspelt label is named together with what was probably meant."""
    with pytest.raises(BadInputError, match=r"unknown label 'energi'\. Did you mean 'energy'\?"):
        parse_labels("energi", known=("energy", "culture"))


def test_an_unknown_label_like_no_other_gets_the_list():
    """When nothing is close, all known labels are named; negatives are checked as well."""
    with pytest.raises(BadInputError, match=r"unknown label 'xyz'\. Known are: energy, culture\."):
        parse_labels("energy", "xyz", known=("energy", "culture"))


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


def test_a_label_column_with_another_value_is_refused():
    """The column and the value are named."""
    with pytest.raises(BadInputError, match=r"label column 'energy' holds '2'\. Write 1"):
        parse_label_columns({"energy": "2"})


def test_a_label_column_must_be_a_known_label():
    """Columns are checked like labels."""
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
