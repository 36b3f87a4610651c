"""What counts as the same story, and that it counts the same everywhere."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.compiled import compiled
from classifier.corpus.duplicates import near_duplicate_groups, sketcher
from classifier.errors import SettingsError
from tests.test_kernel import texts as any_texts

needs_compiler = pytest.mark.skipif(compiled() is None, reason="no compiled sketches")
SENTENCE = st.lists(st.text("abcdefghij", min_size=2, max_size=6), min_size=8, max_size=14)
CORPUS = st.lists(
    st.sampled_from(
        [
            "The minister met her colleague on Monday.",
            "the minister met her colleague on monday",
            "The minister met her colleague on Tuesday and left.",
            "Prices of gas rose again in the north of the country last week.",
            "PRICES of gas rose again, in the north of the country, last week",
            "",
            "!",
            "Short one",
        ]
    ),
    max_size=12,
)
ACROSS_PROCESSES = """
from classifier.corpus.duplicates import near_duplicate_groups
stories = [" ".join(f"w{5 * i + j}" for j in range(60)) for i in range(40)]
print(near_duplicate_groups(stories, threshold=0.84).tolist())
"""


def numbered_words(prefix, n_words):
    """Return an invented text in which no word occurs twice."""
    return " ".join(f"{prefix}{number}" for number in range(n_words))


def groups_with_hash_seed(hash_seed):
    """Return what a fresh interpreter with its own string hashes prints."""
    return subprocess.run(
        [sys.executable, "-c", ACROSS_PROCESSES],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_groups_are_numbered_in_the_order_they_appear():
    """The first text opens group 0, the next new story group 1, and so on."""
    texts = ["Gas rose.", "A play opened.", "Gas rose.", "Votes were cast."]

    groups = near_duplicate_groups(texts)

    assert groups.tolist() == [0, 1, 0, 2]
    assert groups.dtype == np.int64


def test_no_texts_have_no_groups():
    """An empty stream gives an empty array."""
    assert near_duplicate_groups(iter([])).tolist() == []


def test_case_and_punctuation_do_not_make_another_story():
    """A text in capitals and without commas is the same text."""
    assert near_duplicate_groups(["Oil, gas: up!", "OIL GAS UP"]).tolist() == [0, 0]


def test_short_texts_share_a_group_only_when_their_words_are_equal():
    """Below five words there are no shingles, and nothing is guessed."""
    texts = ["oil prices rise sharply", "oil prices rise", "Oil prices rise."]

    assert near_duplicate_groups(texts).tolist() == [0, 1, 1]


def test_texts_without_words_are_equal_to_each_other():
    """An empty text and one of signs alone carry the same nothing."""
    assert near_duplicate_groups(["", "…!", "word"]).tolist() == [0, 0, 1]


def test_a_lone_surrogate_stops_nothing():
    """Broken characters from scraping separate words like any other sign."""
    assert near_duplicate_groups(["a\ud800b", "a b"]).tolist() == [0, 0]


def test_texts_with_half_of_their_words_in_common_are_different_stories():
    """A quoted passage does not make two articles one: Jaccard 96 of 304 is below 0.7."""
    shared = numbered_words("s", 100)
    texts = [f"{shared} {numbered_words('a', 100)}", f"{shared} {numbered_words('b', 100)}"]

    assert near_duplicate_groups(texts).tolist() == [0, 1]
    assert near_duplicate_groups(texts, threshold=0.1).tolist() == [0, 0]


def test_the_neighbour_of_a_neighbour_is_in_the_group():
    """Two distant versions are joined by the version between them, also when it comes last."""
    start, middle, end = (numbered_words(prefix, 100) for prefix in "abc")
    first, last = f"{start} {middle} {middle}x", f"{middle} {middle}x {end}"
    bridge = f"{start} {middle} {middle}x {end}"

    assert near_duplicate_groups([first, last], threshold=0.6).tolist() == [0, 1]
    assert near_duplicate_groups([first, last, bridge], threshold=0.6).tolist() == [0, 0, 0]


def test_single_words_are_compared_when_shingles_are_one_word():
    """With one word per shingle the order of words means nothing."""
    texts = ["gas oil coal wind sun", "sun wind coal oil gas"]

    assert near_duplicate_groups(texts, shingle=1).tolist() == [0, 0]
    assert near_duplicate_groups(texts, shingle=2).tolist() == [0, 1]


def test_groups_do_not_depend_on_the_string_hashes_of_the_process():
    """Two interpreters agree even on stories whose similarity is at the threshold itself."""
    assert groups_with_hash_seed("1") == groups_with_hash_seed("2")


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01])
def test_an_impossible_threshold_is_refused(threshold):
    """The message carries the value and the range."""
    with pytest.raises(SettingsError, match=rf"threshold is {threshold}\. Choose one above 0"):
        near_duplicate_groups(["text"], threshold=threshold)


def test_a_shingle_without_words_is_refused():
    """The message carries the value and the least one that works."""
    with pytest.raises(SettingsError, match=r"shingle is 0\. Choose 1 word or more"):
        near_duplicate_groups(["text"], shingle=0)


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.7, 0.95, 1])
def test_identical_shingles_meet_at_every_threshold(threshold):
    """Texts that repeat the same shingles differ as strings but not as sets."""
    cycle = "gas oil coal wind sun "

    groups = near_duplicate_groups([cycle * 4, cycle * 5, "other words " * 9], threshold=threshold)

    assert groups.tolist() == [0, 0, 1]


@settings(max_examples=25)
@given(
    sentences=st.lists(SENTENCE, min_size=30, max_size=40), other=SENTENCE, seed=st.integers(0, 9)
)
def test_a_copy_with_one_sentence_changed_stays_in_the_group(sentences, other, seed):
    """One sentence in thirty leaves most shingles, and so the group, as it was."""
    story = ". ".join(" ".join(sentence) for sentence in sentences)
    edited = ". ".join(" ".join(sentence) for sentence in [*sentences[:9], other, *sentences[10:]])

    groups = near_duplicate_groups([story, numbered_words("u", 300), edited], seed=seed)

    assert groups.tolist() == [0, 1, 0]


@settings(max_examples=40)
@given(texts=CORPUS)
def test_two_calls_agree_and_the_order_of_texts_changes_no_group(texts):
    """Reading the corpus backwards brings together exactly the same pairs."""
    forwards = near_duplicate_groups(texts)
    backwards = near_duplicate_groups(texts[::-1])[::-1]

    assert near_duplicate_groups(texts).tolist() == forwards.tolist()
    assert np.array_equal(
        forwards[:, None] == forwards[None, :], backwards[:, None] == backwards[None, :]
    )


def both_sketchers(**settings):
    """Return the compiled way to a sketch and the one of Python."""
    ours = sketcher(**settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLASSIFIER_KERNEL", "off")
        return ours, sketcher(**settings)


def assert_sketched_alike(text, ours, reference):
    """Compare words and signature, to the last bit."""
    (words, signature), (other_words, other) = ours(text), reference(text)
    assert words == other_words
    assert signature.tobytes() == other.tobytes()


@needs_compiler
@given(text=any_texts, shingle=st.integers(1, 6), seed=st.integers(0, 99))
def test_compiled_sketches_are_those_of_python(text, shingle, seed):
    """Any text, whatever it folds to."""
    assert_sketched_alike(text, *both_sketchers(shingle=shingle, seed=seed))


@needs_compiler
@pytest.mark.parametrize("start", range(0, 0x110000, 0x10000))
def test_compiled_sketches_know_every_character(start):
    """Each of Unicode between letters and alone, surrogates among them."""
    text = " ".join(f"a{chr(c)}b {chr(c)}" for c in range(start, start + 0x10000))

    assert_sketched_alike(text, *both_sketchers(shingle=5, seed=0))


def test_a_signature_is_the_least_hash_under_each_permutation():
    """The numbers stay, as groups must not change from version to version."""
    words, signature = sketcher(shingle=2, seed=0)("Gas prices rose, gas PRICES fell.")

    assert words == b"gas prices rose gas prices fell"
    assert signature[:3].tolist() == [1148402566, 1719587719, 415888815]


@needs_compiler
def test_permutations_of_another_number_are_refused():
    """Nothing is read beyond them."""
    from classifier.corpus import _shingles

    with pytest.raises(ValueError, match="63 factors, 64 summands, shingles of 5"):
        _shingles.sketch("", 5, np.ones(63, np.uint32), np.ones(64, np.uint32))
