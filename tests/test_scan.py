"""The compiled look ahead: what it passes over, the steps would not have changed."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import classifier.text as rules
from classifier.article import Article
from classifier.compiled import SCAN, SWITCH, compiled
from classifier.text import article_text, article_text_by_steps, scanner
from tests.cases import cases
from tests.test_text import pieces

pytestmark = pytest.mark.skipif(compiled(SCAN) is None, reason="the scanner was not compiled")

# Spaces, line ends and widths of storage meet, in runs that straddle sixteen characters.
SPACES = (
    *("a", "bc ", " ", "\n", "\r", "\t", "\u00a0", "\u202f", "é", "“", "—", "\U0001f525"),
    *("x" * 15, "\u00ad", "\u200b", "\u200e", "\ufeff", "\u2028", "Ã", "©", "\ufffd", "\u200d"),
    *("\x96", "\u2009", "\ufe0f", "\u4e2d", "&", "amp;", "<b", ">"),
)
spaced = st.lists(st.sampled_from(SPACES), max_size=60).map("".join)
characters = st.text(st.characters(), max_size=200)
promotions = st.sampled_from([*rules._PROMOTIONS, rules._CONTRIBUTED]).flatmap(st.from_regex)
openings = st.sampled_from(
    [
        rules._DATELINE_OF_DAY,
        rules._DATELINE_OF_CITY,
        rules._DATELINE_OF_AGENCY,
        rules._METADATA,
        rules._STAMPED,
    ]
).flatmap(lambda pattern: st.from_regex(rf"\A(?:{pattern})"))
# The words a credit is made of, whole and in part, next to what may follow.
CREDITS = (
    *rules.credit_verbs(),
    *("report", "reports.", "reported citing ", "the", "The", "by", "with", ", ", ".", "\n", " "),
    *(", TASS reports.", ", the dam, AFP reported citing "),
    *("Reuters", "dpa", "Trend", "AP", "Interfax-Ukraine", "Agence France-Presse", "Trendy"),
)
credits = st.lists(st.sampled_from(CREDITS), max_size=30)


@given(st.one_of(characters, spaced, pieces))
def test_a_text_is_what_the_steps_make_of_it(text):
    """Whole Unicode, every kind of space, and pieces that the steps care about."""
    assert article_text(text) == article_text_by_steps(text)


@given(st.one_of(spaced, pieces), st.one_of(spaced, pieces))
def test_so_is_an_article_with_a_title(title, body):
    """Titles go through the same look ahead."""
    article = Article(f"{title}\n{body}", title=title)
    assert article_text(article) == article_text_by_steps(article)


@settings(max_examples=300)
@given(st.text(st.sampled_from("Aa.é “"), max_size=30), promotions)
def test_no_promotion_is_passed_over(before, promotion):
    """Whatever a pattern can match ends an article here as it does there."""
    for text in (f"The dam is full. {promotion}", f"{before}\n{promotion}"):
        assert article_text(text) == article_text_by_steps(text)


@settings(max_examples=300)
@given(openings, st.sampled_from(["", "BAKU, May 2. ", "Dams are full, says a study\n"]))
def test_no_opening_is_passed_over(opening, before):
    """Whatever a pattern can match is taken out, in the first line and behind a subtitle."""
    for text in (f"{before}{opening}The dam is full.", f"{before}\n{opening}The dam is full."):
        assert article_text(text) == article_text_by_steps(text)


@settings(max_examples=300)
@given(credits.map(" ".join))
def test_no_credit_is_passed_over(text):
    """Credits of every verb, of several agencies and of names that only begin like one."""
    assert article_text(text) == article_text_by_steps(text)


@cases("scan", "text", "expected")
def test_foreign_characters_are_what_the_steps_make_of_them(text, expected):
    """What invisible marks hid is markup; joiners stay between pictures alone."""
    assert article_text(text) == article_text_by_steps(text) == expected


@pytest.mark.parametrize("verb", rules.credit_verbs())
def test_every_verb_is_looked_for(verb):
    """A credit after each of them is found, deep in a text too."""
    text = "The dam is full and the river is high. " * 3 + f"They {verb} Reuters. So it is."

    assert article_text(text) == "The dam is full and the river is high. " * 3 + (
        f"They {verb}. So it is."
    )


def test_most_texts_are_passed_by_without_a_copy():
    """A text with nothing to mend comes back as the object it was."""
    scan = scanner()
    text = "The dam is “full”, and the river — they say — is high.\n\nSo it is."

    spaced = scan.spaced(text)

    assert spaced is not None
    assert spaced[0] is text
    assert spaced[1:] == (0, 0)


def test_what_needs_no_mending_needs_none_beside_anything():
    """It is printable, composed, and composes with no character before it."""
    decomposed = [unicodedata.decomposition(chr(c)).split() for c in range(sys.maxunicode)]
    pairs = [each for each in decomposed if len(each) == 2 and "<" not in each[0]]
    seconds = {chr(int(second, 16)) for _, second in pairs}

    found = {c: scanner().spaced(f"a{c}b") for c in map(chr, range(0xA1, sys.maxunicode))}
    kept = [c for c, spaced in found.items() if spaced and c in spaced[0]]
    changed = [c for c in kept if article_text_by_steps(f"a{c}b") != f"a{c}b"]

    assert len(kept) == 27501
    assert changed == []
    assert not seconds.intersection(kept)


def test_a_text_gets_the_storage_that_its_characters_need():
    """Without its one wide space a text is stored like any other of its words."""
    assert article_text("The\u202fdam.") == "The dam."
    assert article_text("The\u00a0dam.").isascii()


@pytest.mark.parametrize(
    "words",
    [
        (("to",), (), (), ()),
        ((), ("apa",), (), ()),
        ((), (), ("",), ()),
        ((), (), (), ("x" * 33,)),
        (("tolé",), (), (), ()),
        ((), (), (), ("x",) * 257),
    ],
)
def test_words_it_cannot_look_for_are_refused(words):
    """Verbs and names it does not stop at; empty, long, foreign and too many words."""
    module = compiled(SCAN)
    assert module is not None

    with pytest.raises(ValueError, match=r"word|verb|name|ascii"):
        module.Scanner(*words)


def test_only_strings_are_looked_at():
    """Bytes are no text."""
    scan = scanner()
    with pytest.raises(TypeError):
        scan.spaced(b"The dam.")


@pytest.fixture
def steps_alone(monkeypatch):
    """Switch the compiled look ahead off for one test."""
    monkeypatch.setenv(SWITCH, "off")
    scanner.cache_clear()
    yield
    scanner.cache_clear()


@pytest.mark.usefixtures("steps_alone")
def test_it_can_be_switched_off():
    """Every step is taken in turn then, with the same result."""
    assert scanner() is None
    assert article_text("PARIS, May 2. The dam is full. Read more: Dams") == "The dam is full."
