"""Two models on the same articles: paired figures, fixed and broken articles, the terms behind."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import compare
from classifier.article import Article, Labels
from classifier.errors import CorpusError, ModelError
from classifier.evaluation import metrics
from classifier.evaluation.bootstrap import (
    Interval,
    bootstrap_interval,
    paired_bootstrap,
    paired_f1_changes,
)
from classifier.evaluation.compare import comparison_document
from classifier.pages.document import document_text, markdown
from tests.models import ENERGY_TEXT, LABELS, one_label_model, tiny_model

DIPLOMACY_TEXT = "The minister and the ambassador held talks and talks in the city"
CULTURE_TEXT = "The museum opened the concert and the museum and the hall"
PLAIN_TEXT = "The minister and the clerk and the mayor went home"
NOTHING = Interval(0.0, 0.0, 0.0)


def shown(comparison):
    """Return the comparison as the terminal shows it."""
    return "\n".join(document_text(comparison_document(comparison)))


def article(text, *present, absent=None, id="", title=""):
    """Return a labelled article."""
    absent = None if absent is None else frozenset(absent)
    return Article(text, id=id, title=title, labels=Labels(frozenset(present), absent))


def corpus():
    """Return four articles that the tiny model tags rightly."""
    return [
        article(ENERGY_TEXT, "energy", id="e", title="Oil"),
        article(DIPLOMACY_TEXT, "diplomacy", id="d"),
        article(CULTURE_TEXT, "culture", id="c", title="Art"),
        article(PLAIN_TEXT, id="p"),
    ]


def changed_model(*, without=(), **changes):
    """Return the tiny model with some terms' weights set to nothing, or other changes."""
    model = tiny_model()
    weights = model.weights.copy()
    for term in without:
        weights[model.term_ids[term]] = 0
    return replace(model, weights=weights, name="other", **changes)


def invented(seed, shape=(150, 4)):
    """Return truth with one cell in ten unknown, and two taggers that are often right."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(shape) < 0.3).astype(float)
    a, b = ((truth == 1) ^ (rng.random(shape) < wrong) for wrong in (0.2, 0.15))
    truth[rng.random(shape) < 0.1] = np.nan
    return truth, a, b


def test_the_tiny_model_is_right_on_the_corpus():
    """What the other tests rest on."""
    assert [p.tags for p in tiny_model().predict(corpus())] == [
        ("energy",),
        ("diplomacy",),
        ("culture",),
        (),
    ]


def test_a_model_does_not_differ_from_itself():
    """Every change is zero, nothing is fixed or broken, and the test says nothing."""
    result = compare(tiny_model(), tiny_model(), corpus(), repeats=50)

    assert (result.micro, result.macro) == (NOTHING, NOTHING)
    assert [row.change for row in result.labels] == [NOTHING] * 3
    assert (result.turned.both_right, result.turned.both_wrong) == (4, 0)
    assert (result.turned.fixed, result.turned.broken, result.turned.p_value) == (0, 0, 1.0)
    assert (result.fixed, result.broken) == ((), ())
    assert (result.a.micro_f1, result.b.macro_f1) == (1.0, 1.0)


def test_a_broken_article_is_counted_and_explained():
    """Without "gas" and "oil" the energy article loses its tag, and those terms say why."""
    worse = changed_model(without=["gas", "oil"])

    result = compare(tiny_model(), worse, corpus(), repeats=50)

    assert (result.turned.fixed, result.turned.broken, result.turned.both_right) == (0, 1, 3)
    assert result.turned.p_value == 1.0
    assert (result.a.micro_f1, result.b.micro_f1) == (1.0, pytest.approx(0.8))
    assert result.micro.estimate == pytest.approx(-0.2)
    assert [(row.label, row.support, row.fixed, row.broken) for row in result.labels] == [
        ("energy", 1, 0, 1),
        ("diplomacy", 1, 0, 0),
        ("culture", 1, 0, 0),
    ]
    [change] = result.broken
    [tag] = change.tags
    assert (change.place, change.id, change.title) == (1, "e", "Oil")
    assert (tag.label, tag.present, tag.given_b) == ("energy", True, False)
    assert tag.score.a > tag.score.b
    assert [(term.term, term.b) for term in tag.terms] == [("oil", 0.0), ("gas", 0.0)]
    lost = sum(term.change for term in tag.terms)
    assert tag.margin.b - tag.margin.a == pytest.approx(lost)
    assert tag.bias.a == tag.bias.b == -0.75


def test_fixed_is_broken_the_other_way_round():
    """Exchanging the models turns every change round."""
    worse = changed_model(without=["gas", "oil"])

    forth = compare(worse, tiny_model(), corpus(), repeats=50)
    back = compare(tiny_model(), worse, corpus(), repeats=50)

    assert [change.id for change in forth.fixed] == ["e"]
    assert forth.broken == ()
    assert forth.micro.estimate == -back.micro.estimate
    assert (forth.micro.low, forth.micro.high) == pytest.approx((-back.micro.high, -back.micro.low))


def test_the_strongest_change_comes_first_and_no_more_than_asked_for():
    """Two articles lose their tags; the one whose probability fell further is shown."""
    silent = changed_model(without=["gas", "oil", "museum", "concert"])

    both = compare(tiny_model(), silent, corpus(), repeats=1)
    one = compare(tiny_model(), silent, corpus(), repeats=1, n_examples=1)

    fell = [change.tags[0].score.a - change.tags[0].score.b for change in both.broken]
    assert sorted(change.id for change in both.broken) == ["c", "e"]
    assert fell == sorted(fell, reverse=True)
    assert one.broken == both.broken[:1]
    assert one.turned.broken == 2


def test_a_moved_cut_is_a_change_without_terms():
    """The margins are the same; only the bar is higher."""
    strict = changed_model(cuts=np.array([50.0, 0.0, 0.3125]))

    result = compare(tiny_model(), strict, corpus(), repeats=1)

    [tag] = result.broken[0].tags
    assert (tag.terms, tag.cut.a, tag.cut.b) == ((), 0.125, 50.0)
    assert "no term changed; cut +0.12 → +50.00" in shown(result)


def test_labels_of_one_model_alone_are_listed_and_left_out():
    """Of three labels against one, the figures are of the one."""
    result = compare(tiny_model(), one_label_model(), corpus(), repeats=10)

    assert (result.only_a, result.only_b) == (("diplomacy", "culture"), ())
    assert [row.label for row in result.labels] == ["energy"]
    assert "Left out, as only A knows them: diplomacy, culture." in shown(result)
    mirrored = compare(one_label_model(), tiny_model(), corpus(), repeats=10)
    assert (mirrored.only_a, mirrored.only_b) == ((), ("diplomacy", "culture"))


def test_models_without_a_common_label_are_refused():
    """The message names both sets of labels."""
    other = replace(one_label_model(), labels=("sport",))

    with pytest.raises(ModelError, match=r"share no label \(energy, diplomacy, culture; sport\)"):
        compare(tiny_model(), other, corpus())


def test_unknown_cells_count_nowhere():
    """An article known for culture alone says nothing of its lost energy tag."""
    worse = changed_model(without=["gas", "oil"])
    known = [*corpus()[1:], article(ENERGY_TEXT, absent=["culture"], id="half")]

    result = compare(tiny_model(), worse, known, repeats=10)

    assert result.turned.broken == 0
    assert result.micro.estimate == 0
    assert result.n_judged == 4


def test_labels_the_corpus_never_names_are_unknown_there():
    """A corpus that knows only energy and diplomacy does not deny culture."""
    result = compare(tiny_model(), tiny_model(), [*corpus()[:2], article(CULTURE_TEXT)], repeats=10)

    assert result.unjudged == ("culture",)
    assert [row.label for row in result.labels] == ["energy", "diplomacy"]
    assert result.a.false_tags == metrics.Share(0, 1)


def test_unlabelled_articles_are_read_and_not_judged():
    """They count as articles alone; a corpus of nothing else is refused."""
    result = compare(tiny_model(), tiny_model(), [*corpus(), Article(ENERGY_TEXT)], repeats=10)

    assert (result.n_articles, result.n_judged) == (5, 4)
    with pytest.raises(CorpusError, match=r"none of the 1 articles says anything .* found: none"):
        compare(tiny_model(), tiny_model(), [Article(ENERGY_TEXT)])
    with pytest.raises(CorpusError, match="none of the 0 articles"):
        compare(tiny_model(), tiny_model(), [])
    with pytest.raises(CorpusError, match="labels found: sport"):
        compare(tiny_model(), tiny_model(), [article("the match", "sport")])


def test_near_duplicates_are_drawn_together():
    """Forty copies of one story tell as much as one: the interval has its full width."""
    worse = changed_model(without=["gas", "oil"])
    copies = [article(ENERGY_TEXT, "energy") for _ in range(40)]

    result = compare(tiny_model(), worse, [*corpus(), *copies], repeats=200)

    assert (result.n_judged, result.n_separate) == (44, 4)
    assert (result.micro.low, result.micro.high) == (-1.0, 0.0)


def test_articles_that_could_not_be_judged_say_so():
    """A note explains a tag that no contribution does."""
    picky = changed_model(min_words=50)

    [change] = compare(tiny_model(), picky, corpus()[:1], repeats=1).broken

    assert change.note_a == ""
    assert change.note_b == "too short to judge: 7 known words, at least 50 needed"


def test_a_stream_of_several_batches_is_read_once():
    """A generator of 600 articles is enough, and gives what a list does."""
    worse = changed_model(without=["museum", "concert"])
    kinds = [article(ENERGY_TEXT, "energy"), article(CULTURE_TEXT, "culture"), article(PLAIN_TEXT)]
    many = kinds * 200

    result = compare(tiny_model(), worse, (each for each in many), repeats=10)

    assert (result.n_articles, result.turned.broken, result.turned.both_right) == (600, 200, 400)
    assert [change.place for change in result.broken] == [2, 5, 8, 11, 14]
    assert result.a.articles_per_second > 0


def test_size_is_that_of_the_arrays():
    """Twelve terms with one idf and three weights each, 32 slots of 8 bytes, three headers."""
    side = compare(tiny_model(), tiny_model(), corpus(), repeats=1).a

    assert (side.model, side.n_labels, side.n_terms) == ("tiny", 3, 12)
    assert side.n_bytes == 12 * 4 + 36 * 4 + 32 * 8 + 3 * 128 + 83


def test_json_holds_everything_and_no_nan():
    """What nothing speaks for is null; numbers have six decimals."""
    absent = [article(PLAIN_TEXT, absent=LABELS, id="p")]
    content = compare(tiny_model(), tiny_model(), absent, repeats=5).to_json()

    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["micro"] == {"estimate": None, "low": None, "high": None}
    assert content["a"]["false_tags"] == {"count": 0, "of": 1, "value": 0.0}
    assert content["labels"][0]["label"] == "energy"
    assert content["turned"] == {
        "both_right": 1, "fixed": 0, "broken": 0, "both_wrong": 0, "p_value": 1.0,
    }  # fmt: skip


def test_what_nothing_speaks_for_is_a_dash():
    """No label present or given: no F1, and no share of articles without a label."""
    absent = [article(PLAIN_TEXT, absent=["energy"], id="p")]
    lines = shown(compare(tiny_model(), one_label_model(), absent, repeats=5)).splitlines()

    assert [line.split() for line in lines if "micro-F1" in line] == [["micro-F1", "–", "–", "–"]]


def test_markdown_shows_figures_and_changes_and_obeys_no_name():
    """Tables, and headlines from outside as plain text."""
    worse = changed_model(without=["gas", "oil"])
    hostile = [*corpus(), article(ENERGY_TEXT, "energy", id="x|y", title="<b>*Oil*</b>\n# up")]

    page = markdown(comparison_document(compare(tiny_model(), worse, hostile, repeats=20)))

    assert page.startswith("# tiny against other\n")
    assert "| energy | 2 | 1.000 | 0.000 | -1.000 (-1.000 to -1.000) | 0 | 2 |" in page
    assert "## Strongest broken\n\n- x\\|y \\<b\\>\\*Oil\\*\\</b\\> \\# up\n  - energy" in page
    assert "- e Oil\n  - energy wrongly taken away, 0.95 → 0.46: oil +0.91 → +0.00" in page
    assert "## Strongest fixed" not in page


def test_markdown_names_notes_and_labels_left_out():
    """What took no part, and why an article was not judged."""
    picky = replace(one_label_model(), min_words=50)

    page = markdown(comparison_document(compare(tiny_model(), picky, corpus(), repeats=5)))

    assert "Left out, as only A knows them: diplomacy, culture." in page
    assert "  - B: too short to judge" in page or "  - B: the model knows" in page


@pytest.mark.parametrize("clusters", [None, 40])
def test_paired_changes_equal_the_plain_bootstrap(clusters):
    """Micro, macro and each label, against resampled rows scored by the plain measures."""
    truth, a, b = invented(1)
    groups = clusters and np.arange(len(truth)) * 7 % clusters
    options = {"groups": groups, "repeats": 40, "seed": 3}
    both = np.stack([a, b], axis=2)
    stacked = np.repeat(truth[:, :, None], 2, axis=2).reshape(len(truth), -1)

    def change(figure):
        def statistic(y, p):
            y, p = y.reshape(len(y), -1, 2)[:, :, 0], p.reshape(len(p), -1, 2)
            return figure(y, p[:, :, 1]) - figure(y, p[:, :, 0])

        found = bootstrap_interval(statistic, stacked, both.reshape(len(truth), -1), **options)
        return pytest.approx((found.estimate, found.low, found.high))

    changes = paired_f1_changes(truth, a, b, **options)
    plain = [change(metrics.micro_f1), change(metrics.macro_f1)]
    plain += [change(lambda y, p, k=k: metrics.micro_f1(y[:, [k]], p[:, [k]])) for k in range(4)]

    found = [changes.micro, changes.macro, *changes.labels]
    assert [(each.estimate, each.low, each.high) for each in found] == plain
    assert changes.micro == paired_bootstrap(truth, a, b, **options)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_paired_changes_turn_round_with_the_taggers(seed):
    """The change of a over b is that of b over a with the other sign, and of itself nothing."""
    truth, a, b = invented(seed, (30, 2))

    forth = paired_f1_changes(truth, a, b, repeats=20, seed=seed)
    back = paired_f1_changes(truth, b, a, repeats=20, seed=seed)

    assert forth.macro.estimate == pytest.approx(-back.macro.estimate)
    assert (forth.macro.low, forth.macro.high) == pytest.approx((-back.macro.high, -back.macro.low))
    assert paired_f1_changes(truth, a, a, repeats=20).macro == NOTHING


def test_a_label_that_neither_has_nor_gets_has_no_change():
    """0/0 is no F1; the other labels are not touched by it."""
    truth = np.array([[1.0, 0.0], [0.0, 0.0]])
    given_a = np.array([[False, False], [False, False]])

    changes = paired_f1_changes(truth, given_a, truth == 1, repeats=10)

    assert np.isnan(changes.labels[1].estimate)
    assert changes.labels[0].estimate == changes.macro.estimate == 1.0
