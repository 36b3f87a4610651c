"""One tokeniser: its folding, its spans and its terms agree with one another on any text."""

import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifier.model.vocabulary import Analyzer, fold, fold_table
from tests.cases import cases, read_cases

CASES = read_cases("tokens")
# Surrogates too: a text that came from broken JSON may hold one.
any_text = st.text(st.characters(exclude_categories=()))
# Letters whose folding depends on their neighbours, or changes their number.
tricky_text = st.text("İIiıΣσςẞßǅŉΐﬁẛA_1. \u0307\u0345\u200d", max_size=12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_texts_become_the_tokens_written_down(case):
    """Every case is folded and divided as its file says."""
    assert Analyzer().tokens(case["text"]) == case["tokens"]


@cases("tokenize", "text", "folded")
def test_folding_looks_at_no_neighbours(text, folded):
    """Case goes, sigmas are one letter, ß is two, and the dotted I leaves no dot behind."""
    assert fold(text) == folded


def test_fold_equals_its_table_for_every_code_point():
    """A pipeline that only has the table folds each of the 1,114,112 code points alike."""
    table = fold_table()

    different = [
        code for code in range(sys.maxunicode + 1) if fold(chr(code)) != chr(code).translate(table)
    ]

    assert different == []


@given(any_text | tricky_text)
@example("ΑΣΑΣ Σ'")
def test_fold_equals_its_table_for_every_text(text):
    """Neighbours change nothing, whichever they are."""
    assert fold(text) == text.translate(fold_table())


@given(any_text | tricky_text)
def test_folding_twice_is_folding_once(text):
    """A folded text has nothing left to fold."""
    assert fold(fold(text)) == fold(text)


@given(any_text | tricky_text)
@example("ß")
@example("İ")
def test_spans_give_the_tokens_of_the_analyzer(text):
    """What is highlighted is what was counted."""
    assert [token for _, _, token in Analyzer().spans(text)] == Analyzer().tokens(text)


@given(any_text | tricky_text)
def test_spans_lie_apart_and_fold_to_their_tokens(text):
    """Each span cuts exactly its token out of the text as it was written."""
    spans = list(Analyzer().spans(text))

    ends = [0, *(end for _, end, _ in spans)]
    assert all(start >= end for end, (start, _, _) in zip(ends, spans, strict=False))
    assert all(fold(text[start:end]) == token for start, end, token in spans)


def test_spans_point_into_the_text_as_written():
    """Positions are those of the text, although ß folds to two letters."""
    assert list(Analyzer().spans("Die Straße, ß!")) == [
        (0, 3, "die"),
        (4, 10, "strasse"),
        (12, 13, "ss"),
    ]


def test_the_lead_is_counted_before_the_text():
    """Two words at the start come two times more."""
    analyzer = Analyzer(lead_words=2, lead_repeats=2)

    assert analyzer.terms("Oil and gas") == ["oil", "and", "oil", "and", "oil", "and", "gas"]


@pytest.mark.parametrize(
    "analyzer", [Analyzer(), Analyzer(lead_words=2), Analyzer(lead_repeats=3)], ids=repr
)
def test_without_lead_or_repeats_terms_are_tokens(analyzer):
    """Either number at zero treats all of the text alike."""
    assert analyzer.terms("Oil and gas") == ["oil", "and", "gas"]


def test_a_lead_longer_than_the_text_is_the_text():
    """Two words with a lead of a hundred are simply counted twice."""
    assert Analyzer(lead_words=100, lead_repeats=1).terms("Oil up") == ["oil", "up", "oil", "up"]


def test_pairs_are_neighbours_in_reading_order():
    """Pairs follow the single words, and one word makes none."""
    analyzer = Analyzer(bigrams=True)

    assert analyzer.terms("Oil and gas") == ["oil", "and", "gas", "oil and", "and gas"]
    assert analyzer.terms("Oil") == ["oil"]
    assert analyzer.terms("") == []


def test_pairs_run_over_the_repeated_lead():
    """The end of a repeated lead neighbours the first word again."""
    analyzer = Analyzer(lead_words=2, lead_repeats=1, bigrams=True)

    assert analyzer.terms("Oil and gas") == [
        *["oil", "and", "oil", "and", "gas"],
        *["oil and", "and oil", "oil and", "and gas"],
    ]
