"""One line a prediction: columns in line, whatever the id holds."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.corpus.write import table_line
from classifier.errors import sanitized
from classifier.model.prediction import Prediction


def tagged(id):
    """Return a prediction for an article with that id."""
    return Prediction(id=id, tags=("energy",), scores={"energy": 0.5}, coverage=1.0, model="m")


@pytest.mark.parametrize(
    ("id", "column"),
    [
        ("", " " * 24),
        ("a", "a" + " " * 23),
        ("x" * 24, "x" * 24),
        ("x" * 25, "x" * 23 + "…"),
        ("日本" * 6, "日本" * 6),
        ("日本" * 6 + "日", "日本" * 5 + "日… "),
        ("x" + "日本" * 6, "x" + "日本" * 5 + "日…"),
        ("e\u0301" * 24, "e\u0301" * 24),
        ("line\nbreak", "line�break" + " " * 14),
        ("\u202eevil", "�evil" + " " * 19),
    ],
)
def test_the_id_takes_24_columns(id, column):
    """Long ids are cut; wide and combining characters count as the terminal shows them."""
    assert table_line(tagged(id)) == f"{column}  energy 0.50"


def test_persian_and_emoji_keep_their_joiners():
    """Only what commands a terminal is replaced."""
    assert sanitized("می‌خواهم 👩‍💻") == "می‌خواهم 👩‍💻"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text):
    """No control character, no lone surrogate, no turn of direction, and the same length."""
    safe = sanitized(text)

    assert len(safe) == len(text)
    assert not {unicodedata.category(char) for char in safe} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(char) for char in safe} & {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip
