"""Time grows with what comes in, whatever it is: texts that were made to be slow."""

import time

import pytest

from classifier.article import Article
from classifier.corpus.formats.documents import html_article, markdown_article
from classifier.errors import BadInputError
from classifier.text import STEPS, article_text, article_text_by_steps, with_mojibake_repaired
from tests.cases import each_case

SIZES = (1_000, 4_000, 16_000, 64_000)  # characters
MARKDOWN = (
    *("[", "](", "![", "*", "**a", "_a", "`a", "<!--", "> ", "- ", "# ", "\\", "[a](", "[a]["),
    *("---\n", "[a](b(", "title: a\n", "~~~\n", "[a]: ", "`_*[", " ", "\n"),
)
PAGE = (
    *("<p>a ", "<div>", "<table><tr><td>a", "<ul><li>a", "<p><b>a", "<a href=x>a ", "a<br>"),
    *("<!--", "< a", "&amp;", "<script>", "<p a=", "</p>"),
)


def slow_at(function, hostile):
    """Return the first size that takes far more than four times what a quarter of it took.

    Linear time is 4 times, quadratic 16; a fifth of a second is slow for nothing. What seems slow
    is measured again, as something else may have disturbed it.
    """
    allowed = 1.0  # of the first, on any machine
    for size in SIZES:
        text = hostile(size)
        for _ in range(3):
            start = time.process_time()
            function(text)
            seconds = time.process_time() - start
            if seconds <= allowed:
                break
        else:
            return size
        allowed = max(0.2, 10 * seconds)
    return 0


@each_case("hostile_texts")
@pytest.mark.parametrize("rule", [article_text, article_text_by_steps, *STEPS])
def test_a_text_rule_takes_time_with_the_length(rule, case):
    """A thousand characters or 64 thousand, alone and in an article."""

    def hostile(size):
        return case["before"] + case["repeat"] * (size // len(case["repeat"])) + case["after"]

    assert slow_at(rule, hostile) == 0


def test_a_hostile_title_takes_no_longer_than_a_body():
    """Titles go through the same repairs."""
    assert (
        slow_at(lambda text: article_text(Article("a", title=text)), lambda n: "Â" * n + "”") == 0
    )


@pytest.mark.parametrize("rule", [article_text, article_text_by_steps])
def test_tags_within_tags_are_taken_off_so_many_deep(rule):
    """Both ways to a text agree, and what is nested deeper than any page stays."""
    assert rule("<<b>b>The dam.") == "The dam."
    assert rule("<" * 9 + "b>" * 9 + "The dam.") == "<" * 9 + "b>" * 9 + "The dam."
    assert slow_at(rule, lambda n: "é" + "<" * (n // 3) + "b>" * (n // 3)) == 0


def test_damage_beyond_repair_stays_and_the_line_beside_it_is_repaired():
    """A line that would take more rounds than real damage does is left as it is."""
    text = f"{'Â' * 40}”\nThe minister said itâ€™s over."

    assert with_mojibake_repaired(text) == f"{'Â' * 40}”\nThe minister said it’s over."


def test_a_text_whose_lines_all_take_many_rounds_stays_as_it_is():
    """Ten lines misread again and again are repaired; a hundred were made to take time."""
    line = "ÂÂÂÂÂ”"

    assert with_mojibake_repaired("\n".join([line] * 10)) == "\n".join(["”"] * 10)
    assert with_mojibake_repaired("\n".join([line] * 100)) == "\n".join([line] * 100)


@pytest.mark.parametrize("before", ["", "a ", "---\na: b\n", "# "])
@pytest.mark.parametrize("bait", MARKDOWN)
def test_markdown_takes_time_with_the_length(bait, before):
    """Openings that never close, and markers in rows."""
    assert slow_at(markdown_article, lambda n: before + bait * (n // len(bait))) == 0


@pytest.mark.parametrize("bait", PAGE)
def test_a_page_of_a_common_size_is_read_in_a_few_seconds(bait):
    """Tags are what takes time: up to the limit it is bearable."""
    html = f"<html><body>{bait * (64_000 // len(bait))}"
    start = time.process_time()

    html_article(html, "a.html")

    assert time.process_time() - start < 60


def test_a_page_of_too_many_tags_is_refused():
    """Before it is parsed, as the time to find its text grows with the square of their number."""
    with pytest.raises(BadInputError, match=r"a\.html: 30001 tags, .* at most 30000"):
        html_article("<p>a " * 30_001, "a.html")
