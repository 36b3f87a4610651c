"""Conditions on scores: what they mean, and how mistakes in them are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.archive.filters import keeping, parse_where
from classifier.errors import SettingsError
from tests.cases import cases
from tests.models import ENERGY_TEXT, LABELS, MIXED_TEXT, tiny_model

VALUES = {"energy": 0.75, "diplomacy": 0.25, "culture": 0.0, "coverage": 0.9}


@cases("archive_filters", "where", "met")
def test_a_condition_means_what_it_says(where, met):
    """Comparisons, `and` before `or`, parentheses, in any case of letters."""
    assert parse_where(where, LABELS)(VALUES) is met


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("energi>0.5", "'energi' is none of energy, diplomacy, culture, coverage"),
        ("energy", "a comparison was expected at the end"),
        ("energy>", "a number was expected at the end"),
        ("energy>high", "a number was expected where 'high' stands"),
        ("energy>1e5x", "a number was expected where '1e5x' stands"),
        ("energy and culture", "a comparison was expected where 'and' stands"),
        ("energy>0.5 culture>0.5", "and, or was expected where 'culture' stands"),
        ("energy>0.5 and", "a label was expected at the end"),
        ("(energy>0.5", "a parenthesis is not closed"),
        ("energy>0.5)", "and, or was expected where ')' stands"),
        ("energy ! 0.5", "'!' means nothing"),
        ('"energy > 0.5', "means nothing"),
        ("(" * 51 + "energy>0" + ")" * 51, "more than 50 parentheses"),
        ("(" * 100_000, "more than 50 parentheses"),
        ("__import__('os').system('true')", "is none of energy"),
    ],
)
def test_a_condition_that_means_nothing_is_told(where, message):
    """The message quotes the condition and says what was expected."""
    with pytest.raises(SettingsError) as told:
        parse_where(where, LABELS)

    assert message in str(told.value)


@given(st.text(alphabet="energyculturandor ()<>=!.01\"'\n", max_size=40))
def test_any_text_is_a_condition_or_a_settings_error(where):
    """Nothing typed leads to another error."""
    try:
        result = parse_where(where, LABELS)(VALUES)
    except SettingsError:
        result = False

    assert result in (True, False)


def test_tags_keep_what_was_given_one_of_them():
    """Any of the tags will do; a condition comes on top."""
    energy, mixed, foreign = tiny_model().predict([ENERGY_TEXT, MIXED_TEXT, "und der die das"])

    keep = keeping(LABELS, tags=["energy", "culture"])
    both = keeping(LABELS, tags=["energy"], where="diplomacy>=0.9")

    assert [keep(each) for each in (energy, mixed, foreign)] == [True, True, False]
    assert [both(each) for each in (energy, mixed, foreign)] == [False, True, False]
    assert keeping(LABELS) is None


def test_a_condition_sees_scores_as_they_are_written():
    """Rounded to 6 decimals, so that results can be filtered again with the same outcome."""
    (mixed,) = tiny_model().predict([MIXED_TEXT])

    assert mixed.scores["energy"] != 0.615987
    assert keeping(LABELS, where="energy=0.615987")(mixed)
    assert keeping(LABELS, where="coverage=0.8462")(mixed)


def test_a_tag_that_the_model_has_not_is_told():
    """A misspelt tag does not keep nothing in silence."""
    with pytest.raises(SettingsError, match="no label 'energi'"):
        keeping(LABELS, tags=["energi"])
