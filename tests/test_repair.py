"""What the damaged NewsArticles archive is mended to."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.published.wheel import repair_question_marks

CASES = Path(__file__).parent / "cases" / "repair.json"


def cases():
    """Return the cases as parameters, the known failures marked."""
    return [
        pytest.param(
            row,
            id=row["name"],
            marks=[pytest.mark.xfail(reason=why) for why in filter(None, [row.get("fails")])],
        )
        for row in json.loads(CASES.read_text("utf-8"))
    ]


@pytest.mark.parametrize("case", cases())
def test_damage_is_mended_and_sound_text_left_alone(case):
    """Each damaged sentence becomes what the case writes out."""
    assert repair_question_marks(case["input"]) == case["expected"]


@given(st.text(alphabet='abcXYZ ,.!?-"—\n\ufffd1'))
def test_any_text_is_accepted_and_keeps_its_letters(text):
    """Only marks and spaces change when no listed word is damaged."""
    assert [c for c in repair_question_marks(text) if c.isalnum()] == [
        c for c in text if c.isalnum()
    ]


@given(st.text(alphabet="abcXYZ ,.!?—'\n1"))
def test_text_without_quotes_hyphens_or_damage_keeps_every_mark(text):
    """Nothing is removed where there is nothing that could be damage."""
    assert repair_question_marks(text).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("piece", ['"?', "- ", ".-", "of-", "Ab?", "-", '."? - '])
def test_a_million_marks_are_mended_in_linear_time(piece):
    """A megabyte of damage comes through; a quadratic pattern would never finish."""
    assert repair_question_marks("end. " + piece * 1_000_000).startswith("end.")
