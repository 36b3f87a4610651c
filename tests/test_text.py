"""What an article turns into before anything counts its words."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import classifier.text as rules
from classifier.article import Article
from classifier.text import STEPS, TEXT_RULES_VERSION, article_text

CASES = Path(__file__).parent / "cases"
MILLION = 1_000_000

# Pieces that the steps care about; joined at random they meet in ways nobody wrote down.
PIECES = (
    *("LONDON (Reuters) - ", "BAKU, Azerbaijan, April 18. ", "MOSCOW, January 9. /TASS/. "),
    *("WASHINGTON — ", "Baku, April 18, AZERTAC\n", "date 2025-04-18\n", "By Jane Doe\n"),
    *("Published: 3 May 2024\n", "Category: Energy\n", "he told Trend ", ", TASS reports.", " dpa"),
    *(" told", " reports", " Reuters", "Follow us on Twitter.", "Read more: Dams", "© 2025 Dam."),
    *(
        "All rights reserved.",
        "(Photo: Reuters)",
        "The dam is full. ",
        "Dr. Roe ",
        "\n",
        "\n\n",
        " ",
    ),
    *("\t", "\r\n", "\u00a0", "\u200d", "\u0301", "cafÃ© ", "â€™", "é", ". ", '"', "a", "A", "1"),
)
pieces = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
characters = st.text(st.characters(), max_size=200)


def cases(name):
    """Return the cases of one file as parameters, the known failures marked."""
    rows = json.loads((CASES / f"{name}.json").read_text("utf-8"))
    return [
        pytest.param(
            row,
            id=row["name"],
            marks=[pytest.mark.xfail(reason=why) for why in filter(None, [row.get("fails")])],
        )
        for row in rows
    ]


@pytest.mark.parametrize("case", cases("text_steps"))
def test_a_step_changes_what_it_says_and_nothing_else(case):
    """Each step alone turns its input into what the case writes out."""
    assert getattr(rules, case["step"])(case["input"]) == case["expected"]


@pytest.mark.parametrize("case", cases("text_articles"))
def test_an_article_becomes_title_blank_line_body(case):
    """All steps together turn title and body into one string."""
    assert article_text(Article(case["input"], title=case["title"])) == case["expected"]


def test_a_plain_string_is_a_body_without_a_title():
    """A string gets the body's steps and no title."""
    assert article_text("PARIS, May 2. The dam is full. Read more: Dams") == "The dam is full."


def test_the_steps_are_in_the_order_the_rules_version_stands_for():
    """Whoever reorders, adds or drops a step must raise the version and this list."""
    assert TEXT_RULES_VERSION == 3
    assert [step.__name__ for step in STEPS] == [
        "without_markup",
        "with_mojibake_repaired",
        "printable",
        "composed",
        "spaced_once",
        "without_credits",
        "without_opening",
        "without_promotion",
    ]


def test_a_tower_of_marks_is_cut_to_thirty():
    """Stacked marks beyond any script are dropped rather than sorted at quadratic cost."""
    text = rules.composed("a" + "\u0327\u0301" * 500)
    assert len(text) == 30
    assert text.startswith("á\u0327")


def test_what_is_passed_over_as_sound_needs_no_mending():
    """The steps for characters change nothing of it, whatever it stands beside."""
    sound = [c for c in map(chr, range(0x80, 0x3000)) if rules._SOUND.fullmatch(c)]

    changed = [c for c in sound if step_by_step(f"a{c}e{c}\u0301 {c} {c}b") != mended(c)]

    assert len(sound) == 711
    assert changed == []


def step_by_step(text):
    """Return a text after the steps for characters, one by one."""
    for step in STEPS[1:4]:
        text = step(text)
    return text


def mended(c):
    """Return what composing the e with its accent leaves of the text around `c`."""
    accented = unicodedata.normalize("NFC", f"{c}\u0301")
    return f"a{c}e{accented} {c} {c}b"


capitals = st.sampled_from([rules._DATELINE_OF_DAY, rules._DATELINE_OF_CITY])


@given(capitals.flatmap(lambda pattern: st.from_regex(rf"\A(?:{pattern})\Z")))
def test_every_dateline_has_the_marks_that_it_is_looked_for_by(dateline):
    """No text is passed over that the patterns would match."""
    assert rules._DATELINE_MARK.search(dateline, 0, rules._LONGEST_DATELINE)
    assert rules._CAPITALS.match(dateline)


metadata = st.sampled_from([rules._METADATA, rules._STAMPED])


@given(metadata.flatmap(lambda pattern: st.from_regex(rf"\A(?:{pattern})")))
def test_metadata_begins_as_it_is_looked_for(text):
    """No text is passed over that the patterns would match."""
    assert re.match(rules._METADATA_MARK, text)


@given(st.from_regex(rules._DATELINE_OF_AGENCY, fullmatch=True))
def test_every_dateline_of_an_agency_has_its_marks(dateline):
    """The agency stands in slashes, in brackets or behind a comma."""
    assert rules._DATELINE_MARK.search(dateline, 0, rules._LONGEST_DATELINE)
    assert rules._names_agency(dateline[: rules._LONGEST_DATELINE])


@given(st.one_of(characters, pieces))
def test_any_text_comes_out_clean_and_composed(text):
    """Whatever comes in, the result is composed, trimmed and free of control characters."""
    result = article_text(text)
    assert unicodedata.is_normalized("NFC", result)
    assert result == result.strip()
    assert {c for c in result if unicodedata.category(c) in ("Cc", "Cs")} <= {"\n"}


@given(st.one_of(characters, pieces))
def test_a_result_is_its_own_result(text):
    """Cleaning a cleaned text changes nothing."""
    once = article_text(text)
    assert article_text(once) == once


@given(pieces, pieces)
def test_a_title_is_never_joined_twice(title, body):
    """A stored result given back as the body of the same title stays the same."""
    once = article_text(Article(body, title=title))
    assert article_text(Article(once, title=title)) == once


@given(pieces)
def test_a_body_with_words_is_never_emptied(body):
    """No step, nor all of them, takes the last word of an article."""
    assert article_text("The dam is full. " + body)
    assert article_text(body + "the dam is full")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param(" " * 5 * MILLION, 0, id="spaces"),
        pytest.param("\n" * MILLION, 0, id="line ends"),
        pytest.param("\x00" * MILLION, 0, id="NUL"),
        pytest.param("gas " * MILLION, 4 * MILLION - 1, id="one word a million times"),
        pytest.param("g" * 10 * MILLION, 10 * MILLION, id="one word of ten megabytes"),
        pytest.param("BAKU, " * MILLION, 6 * MILLION - 1, id="a dateline that never ends"),
        pytest.param("told Reuters" + " Reuters" * MILLION, 4, id="a credit that never ends"),
        pytest.param("Read more\n" * MILLION, 10 * MILLION - 1, id="nothing but links"),
        pytest.param("By Jane Doe\n" * 100_000, 11, id="nothing but bylines"),
        pytest.param("date " + "1" * MILLION, MILLION + 5, id="a date that never ends"),
        pytest.param("a" + "\u0301\u0327" * MILLION, 30, id="marks on one letter"),
        pytest.param("Ã©" * MILLION, MILLION, id="damaged letters"),
        pytest.param("." * 5 * MILLION, 5 * MILLION, id="full stops"),
    ],
)
def test_a_hostile_giant_is_read_in_linear_time(text, length):
    """Megabytes of one thing repeated come through; a quadratic step would never finish."""
    assert len(article_text(text)) == length
