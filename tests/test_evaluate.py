"""evaluate: figures worked out by hand, unknown cells left out, the report as JSON and Markdown."""

import json
import math
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import evaluate, read_articles, train
from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus
from classifier.errors import BadInputError, CorpusError, ModelError, SettingsError
from classifier.evaluation.bootstrap import (
    Interval,
    ShareInterval,
    bootstrap_interval,
    bootstrap_mean_average_precision,
)
from classifier.evaluation.evaluate import report_document
from classifier.evaluation.judge import excerpt
from classifier.evaluation.metrics import (
    average_precision,
    confusions,
    cooccurrence,
    histogram,
    precision_recall,
    reliability,
)
from classifier.evaluation.report import MOST_ROWS, NoteCount, Report
from classifier.model.vocabulary import Analyzer
from classifier.pages.document import markdown
from classifier.training.settings import Settings
from tests.cases import cases
from tests.models import ENERGY_TEXT, MIXED_TEXT, one_label_model, tiny_model

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "report.schema.json").read_text())
EXAMPLES = Path(__file__).parent.parent / "data" / "examples" / "articles.jsonl"
NAN = math.nan


def has(*present, absent=None):
    """Return labels that an article has, and perhaps those it is known not to have."""
    return Labels(frozenset(present), None if absent is None else frozenset(absent))


# What the tiny model says: energy; diplomacy and energy; nothing (it cannot read it); culture;
# diplomacy.
ARTICLES = (
    Article(ENERGY_TEXT, id="1", source="Wire", date="2031-04-02", labels=has("energy")),
    Article(MIXED_TEXT, id="2", source="Wire", date="2031-04-30", labels=has("diplomacy")),
    Article("und der die das", id="3", source="Post", date="2031-05-01", labels=has("culture")),
    Article("The museum concert and the minister talks", id="4", labels=has("culture")),
    Article("The minister talks and talks", id="5", title="Talks", labels=has()),
    Article("Nobody has looked at this", id="6"),
)


@pytest.fixture(scope="module")
def report():
    """Return what there is to say of the tiny model on the six articles."""
    return evaluate(tiny_model(), ARTICLES, name="six")


def test_the_headline_is_what_one_counts_by_hand(report):
    """Three right tags, two false ones and one missed; two articles right in every cell."""
    h = report.headline

    assert h.micro_f1.estimate == pytest.approx(6 / 9)
    assert h.macro_f1.estimate == pytest.approx(2 / 3)
    assert h.weighted_f1.estimate == pytest.approx(2 / 3)
    assert (h.exact_match.count, h.exact_match.of, h.exact_match.estimate) == (2, 5, 0.4)
    assert (h.false_tag_rate.count, h.false_tag_rate.of) == (1, 1)
    # energy: the best; diplomacy: 0.9 twice, one of them right; culture: first and third,
    # for 0.0625 is above the zeros
    assert h.mean_average_precision.estimate == pytest.approx((1 + 1 / 2 + 1) / 3)


def test_every_label_is_told_by_itself(report):
    """Counts, cut, and figures are of the label's own cells."""
    energy, diplomacy, culture = report.labels

    assert [each.label for each in report.labels] == ["energy", "diplomacy", "culture"]
    assert (energy.support, energy.predicted, energy.known) == (1, 2, 5)
    assert (energy.precision, energy.recall, energy.average_precision) == (0.5, 1.0, 1.0)
    # half way between the knots 0 → 0.4 and 1 → 0.95, an eighth of the way
    assert (energy.cut, energy.cut_margin) == (pytest.approx(0.4 + 0.55 / 8), 0.125)
    assert (diplomacy.support, diplomacy.predicted, diplomacy.precision) == (1, 2, 0.5)
    assert (culture.support, culture.predicted, culture.recall) == (2, 1, 0.5)
    assert culture.brier == pytest.approx(((1 - 0.0625) ** 2 + (1 - 0.9684903) ** 2) / 5)


def test_the_facts_of_model_and_corpus_are_kept(report):
    """One sees which model was judged on what."""
    corpus, model = report.corpus, report.model

    assert (corpus.name, corpus.n_articles, corpus.n_unlabelled) == ("six", 5, 1)
    assert (corpus.n_groups, corpus.n_untagged) == (5, 1)
    assert (corpus.first_date, corpus.last_date) == ("2031-04-02", "2031-05-01")
    assert (corpus.seen_in_training, corpus.seen_because) == (None, "")
    assert (model.name, model.signature, model.mode) == ("tiny", "tiny", "several")
    assert report.schema_version == 1


def test_notes_are_counted_without_their_numbers(report):
    """The same reason is one entry."""
    assert report.notes == (
        NoteCount("the model knows … of … words: another language or subject?", 1),
    )


def test_breakdowns_are_by_outlet_month_and_length(report):
    """What no article says is told as unknown; months stand in order."""
    parts = report.breakdowns

    assert [(s.name, s.n_articles) for s in parts.outlet] == [
        ("Wire", 2),
        ("unknown", 2),
        ("Post", 1),
    ]
    assert [(s.name, s.n_articles) for s in parts.month] == [
        ("2031-04", 2),
        ("2031-05", 1),
        ("unknown", 2),
    ]
    assert [(s.name, s.n_articles) for s in parts.length] == [("under 50 words", 5)]
    assert parts.outlet[0].micro_f1.estimate == pytest.approx(4 / 5)
    assert parts.outlet[1].false_tag_rate.of == 1


def test_the_worst_errors_come_first_with_their_reasons(report):
    """The furthest on the wrong side is first; words are marked where they stand."""
    worst = report.worst_errors

    assert [(e.id, e.label, e.kind) for e in worst] == [
        ("3", "culture", "missed"),
        ("5", "diplomacy", "false"),
        ("2", "energy", "false"),
    ]
    assert worst[0].note == "the model knows 0 of 4 words: another language or subject?"
    assert [t.term for t in worst[1].terms] == ["talks", "minister"]
    assert (worst[1].title, worst[1].probability) == ("Talks", 0.9)
    marked = [worst[1].excerpt[start:end] for start, end, _ in worst[1].marks]
    assert marked == ["Talks", "minister", "talks", "talks"]
    assert worst[1].marks[0][2] == worst[1].terms[0].contribution


def test_the_order_of_articles_does_not_matter():
    """Not even for the resamples and for errors of equal weight."""
    again = evaluate(tiny_model(), ARTICLES[::-1], name="six")

    assert again.to_json() == evaluate(tiny_model(), ARTICLES, name="six").to_json()


def test_a_perfect_model_has_ones():
    """Where truth is what the model says, all is right."""
    model = tiny_model()
    texts = [ENERGY_TEXT, MIXED_TEXT, "The concert and the museum and a concert"]
    articles = [Article(p_text, labels=has(*p.tags)) for p_text, p in
                zip(texts, model.predict(texts), strict=True)]  # fmt: skip

    h = evaluate(model, articles).headline

    assert h.micro_f1 == h.macro_f1 == h.weighted_f1 == Interval(1.0, 1.0, 1.0)
    assert h.exact_match == ShareInterval(1.0, 1.0, 1.0, 3, 3)
    assert h.mean_average_precision.estimate == 1.0


def test_unknown_cells_are_left_out_of_every_figure():
    """A wrong tag of which nothing is known changes nothing."""
    known = [
        Article(ENERGY_TEXT, id="1", labels=has("energy", absent=["diplomacy"])),
        Article("The concert and the museum", id="2", labels=has("culture", absent=["energy"])),
    ]
    # said to be energy and diplomacy: the first right, the second unknown
    half = Article(MIXED_TEXT, id="3", labels=has("energy", absent=["culture"]))

    report = evaluate(tiny_model(), [*known, half])

    energy, diplomacy, culture = report.labels
    assert report.headline.micro_f1.estimate == 1.0
    assert report.headline.exact_match.count == 3
    assert (energy.known, diplomacy.known, culture.known) == (3, 1, 2)
    assert (diplomacy.predicted, report.worst_errors) == (0, ())
    assert sum(diplomacy.histogram.absent) == 1
    assert report.cooccurrence.predicted[0][1] == 0
    assert report.confusions.counts[1] == (0, 0, 0, 0)
    assert report.breakdowns.length[0].micro_f1.estimate == 1.0


def test_labels_of_one_side_alone_are_named_and_left_out():
    """The model does not know sport, and the corpus never mentions diplomacy and culture."""
    articles = [
        Article(ENERGY_TEXT, labels=has("energy", "sport")),
        Article("The minister talks and talks", labels=has("sport")),
    ]

    report = evaluate(tiny_model(), articles)

    assert report.corpus.unknown_labels == ("sport",)
    assert report.corpus.unmentioned_labels == ("diplomacy", "culture")
    assert [each.label for each in report.labels] == ["energy"]
    assert report.headline.false_tag_rate.of == 1
    assert report.worst_errors == ()
    assert "labels that the model does not know are left out: sport" in markdown(
        report_document(report)
    )


def test_one_label_of_each_article_has_no_cut():
    """A model of exactly one label is judged by what would have been right."""
    report = evaluate(tiny_model(mode="one"), ARTICLES)

    worst = {(e.id, e.label): e for e in report.worst_errors}
    assert report.model.mode == "one"
    assert math.isnan(report.labels[0].cut)
    assert math.isnan(report.labels[0].cut_margin)
    assert report.headline.exact_match.count == 3
    assert worst["3", "culture"].cut == worst["3", "diplomacy"].probability
    assert worst["3", "diplomacy"].cut == worst["3", "culture"].probability
    assert worst["5", "diplomacy"].cut == 0.0


def test_a_model_of_one_label_is_judged():
    """Squares of one label are fine."""
    articles = [Article("Oil and gas", labels=has("energy")), Article("and oil", labels=has())]

    report = evaluate(one_label_model(), articles)

    assert report.headline.micro_f1.estimate == pytest.approx(2 / 3)
    assert report.confusions.labels == ("energy", "none")
    assert report.confusions.counts == ((1, 1), (0, 0))


def test_a_label_that_is_never_given_has_no_cut():
    """It is missed as far as its probability is from one."""
    model = replace(tiny_model(), cuts=np.array([np.inf, 0.0, 0.3125]))

    report = evaluate(model, ARTICLES[:2])

    assert math.isnan(report.labels[0].cut)
    assert math.isnan(report.labels[0].precision)
    assert [(e.label, e.kind) for e in report.worst_errors] == [("energy", "missed")]
    assert report.to_json()["labels"][0]["cut"] is None


def test_thresholds_stand_in_place_of_cuts():
    """With a higher one for diplomacy nothing is given, and the report says so."""
    report = evaluate(tiny_model(), ARTICLES, thresholds={"diplomacy": 0.95})

    diplomacy = report.labels[1]
    assert report.model.thresholds == {"diplomacy": 0.95}
    assert (diplomacy.predicted, diplomacy.cut) == (0, 0.95)
    assert math.isnan(diplomacy.cut_margin)


def test_without_resamples_there_are_no_intervals():
    """The figures stay, the ends are null."""
    report = evaluate(tiny_model(), ARTICLES, repeats=0)

    assert report.to_json()["headline"]["micro_f1"] == {
        "estimate": 0.666667,
        "low": None,
        "high": None,
    }
    assert "nothing was resampled" in markdown(report_document(report))


def test_another_seed_draws_other_articles():
    """The estimate stays, the interval moves a little."""
    first, second = (
        evaluate(tiny_model(), ARTICLES, seed=seed, repeats=50).headline.mean_brier
        for seed in (0, 1)
    )

    assert first.estimate == second.estimate
    assert first.low != second.low


def test_near_duplicates_are_drawn_together():
    """Ten copies are one draw: of two draws, both may be right, or both wrong."""
    copies = [Article(ENERGY_TEXT, id=f"{i}", labels=has("energy")) for i in range(10)]
    other = Article(MIXED_TEXT, id="x", labels=has("culture", absent=["energy"]))

    report = evaluate(tiny_model(), [*copies, other])

    assert report.corpus.n_groups == 2
    assert (report.headline.exact_match.low, report.headline.exact_match.high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("articles", "message"),
    [
        ([], "nothing to evaluate on: the corpus holds no article"),
        ([Article("text")], "1 article was read and none is labelled"),
        ([Article("text", labels=has())], "labelled as none of any label"),
        ([Article("text", labels=has("sport"))], "the corpus knows sport. Evaluate on"),
        ([Article("t", labels=has(*map(str, range(14))))], "knows 0, 1, 10, .* and 2 more"),
    ],
    ids=["empty", "unlabelled", "no labels", "other labels", "many other labels"],
)
def test_a_corpus_that_tells_nothing_is_refused(articles, message):
    """The error says what is missing."""
    with pytest.raises(CorpusError, match=message):
        evaluate(tiny_model(), articles)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"repeats": -1}, SettingsError),
        ({"seed": -1}, SettingsError),
        ({"thresholds": {"sport": 0.5}}, ModelError),
    ],
)
def test_options_out_of_range_are_refused(options, error):
    """Nothing is guessed."""
    with pytest.raises(error):
        evaluate(tiny_model(), ARTICLES, **options)


def test_a_training_corpus_is_known_by_its_articles_and_by_its_name():
    """Published corpora go by their names; other files of one name are not one corpus."""
    bodies = {"energy": "oil gas pipeline number {}", "culture": "museum concert opera number {}"}
    articles = [
        Article(body.format(i), labels=has(label))
        for i in range(8)
        for label, body in bodies.items()
    ]
    quick = Settings(C=(1.0,), lead_repeats=(0,), borderline_weight=(1.0,), n_folds=2)
    model = train([Corpus("allsides", articles[:8]), Corpus("mine", articles[8:])], quick)

    seen = [
        evaluate(model, given, name=name, repeats=0).corpus
        for given, name in (
            (articles, "another"),
            (articles[1:], "allsides"),
            (articles[1:], "mine"),
            (articles[1:], ""),
        )
    ]

    assert [(c.seen_in_training, c.seen_because) for c in seen] == [
        (True, "content"),
        (True, "name"),
        (False, ""),
        (False, ""),
    ]


def test_seen_articles_are_said_loudly_in_markdown(report):
    """The warning stands before every figure."""
    by_content, by_name = (
        markdown(
            report_document(
                replace(
                    report, corpus=replace(report.corpus, seen_in_training=True, seen_because=why)
                )
            )
        )
        for why in ("content", "name")
    )

    assert "**Warning:** THE MODEL WAS TRAINED ON these very articles" in by_content
    assert "THE MODEL WAS TRAINED ON a corpus called 'six'" in by_name
    assert by_name.index("TRAINED") < by_name.index("micro-F1")
    assert "SEEN IN TRAINING" in by_name


def test_a_report_cannot_be_changed(report):
    """It is a value."""
    with pytest.raises(FrozenInstanceError):
        report.headline = None


@pytest.mark.parametrize("mode", ["several", "one"])
def test_a_report_is_the_json_that_the_schema_says(mode):
    """Every field stands in docs/report.schema.json, and no other."""
    values = evaluate(tiny_model(mode=mode), ARTICLES, repeats=20).to_json()

    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(values, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values | {"more": 1}, SCHEMA)


def test_every_field_of_the_schema_is_described():
    """In a sentence of its own or that of what it refers to."""
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    fields = [(name, each) for part in parts for name, each in part["properties"].items()]

    assert len(fields) > 90
    assert [name for name, each in fields if len(each.get("description", "")) < 8] == []


def test_a_report_comes_back_from_its_json(report):
    """What was written is read again, nulls as NaN."""
    values = json.loads(json.dumps(report.to_json(), allow_nan=False))

    back = Report.from_json(values)

    assert back.to_json() == values
    assert back.worst_errors[0].id == "3"
    assert isinstance(back.labels[0].f1, Interval)
    assert isinstance(back.headline.exact_match, ShareInterval)


@cases("evaluate", "change", "message")
def test_json_that_is_no_report_is_refused(report, change, message):
    """The error names the field."""
    with pytest.raises(BadInputError, match=message):
        Report.from_json(report.to_json() | change)


def test_a_mark_has_three_numbers(report):
    """Tuples of a fixed length are counted."""
    values = report.to_json()
    values["worst_errors"][0]["marks"] = [[1, 2]]

    with pytest.raises(BadInputError, match=r"marks\[0\]: must be 3 values, but is \[1, 2\]"):
        Report.from_json(values)


def test_markdown_holds_the_figures_and_nothing_that_outsiders_wrote_is_read_as_markdown():
    """Headlines and labels cannot make links, tables or HTML."""
    hostile = Article(
        "The minister talks and talks <script>", title="[a](http://x) | `b`\n# c", labels=has()
    )

    shown = markdown(report_document(evaluate(tiny_model(), [*ARTICLES[:5], hostile], name="a|b")))

    assert "# tiny on a\\|b" in shown
    assert "| micro-F1 | 0.600 (" in shown
    assert "| energy | 1 | 2 | 0.500 | 1.000 | 0.667 (" in shown
    assert "## By month" in shown
    assert "| diplomacy | none | 2 |" in shown
    assert "\\[a\\](http://x) \\| \\`b\\` \\# c" in shown
    assert "<script>" not in shown


def test_outlets_beyond_thirty_share_a_row():
    """The 30 largest have their own."""
    articles = [
        Article(f"Oil and gas {n}", source=f"Outlet {n:02}", labels=has("energy"))
        for n in [*range(MOST_ROWS + 5), *range(MOST_ROWS)]
    ]

    rows = evaluate(tiny_model(), articles, repeats=0).breakdowns.outlet

    assert len(rows) == 31
    assert (rows[0].name, rows[0].n_articles) == ("Outlet 00", 2)
    assert (rows[-1].name, rows[-1].n_articles) == ("5 others", 5)


def test_lengths_are_in_bands():
    """A band begins at its first number."""
    lengths = (49, 50, 149, 150, 1199, 1200)
    articles = [Article(" ".join(["oil"] * n), id=f"{n}", labels=has("energy")) for n in lengths]

    rows = evaluate(tiny_model(), articles, repeats=0).breakdowns.length

    assert [(row.name, row.n_articles) for row in rows] == [
        ("under 50 words", 1),
        ("50–149 words", 2),
        ("150–299 words", 1),
        ("600–1199 words", 1),
        ("1200 words or more", 1),
    ]


def test_no_more_than_ten_errors_of_a_label_and_kind_are_kept():
    """The ten worst, not the first."""
    articles = [
        Article(f"{'oil ' * (n + 3)} and the talks", id=f"{n}", labels=has("culture"))
        for n in range(15)
    ]
    absent = [replace(each, labels=has(absent=["energy", "culture"])) for each in articles]

    worst = evaluate(tiny_model(), [*absent, ARTICLES[0]], repeats=0).worst_errors

    assert len(worst) == 10
    assert {(e.label, e.kind) for e in worst} == {("energy", "false")}
    distances = [e.probability - e.cut for e in worst]
    assert distances == sorted(distances, reverse=True)


def test_a_progress_hears_of_reading_and_resampling():
    """Each labelled article is a step, then each stage."""
    heard = []

    evaluate(tiny_model(), ARTICLES, repeats=0, progress=lambda *step: heard.append(step))

    assert heard[:2] == [("judging articles", 1, 0), ("judging articles", 2, 0)]
    assert heard[-1] == ("resampling", 4, 4)


def test_the_shipped_examples_are_judged_and_fit_the_schema():
    """A real model on real articles: every figure is there."""
    from classifier.archive.score import shipped_model

    report = evaluate(shipped_model(), read_articles([EXAMPLES]), name="examples", repeats=50)

    jsonschema.validate(report.to_json(), SCHEMA)
    assert report.corpus.n_articles == 68
    assert report.corpus.seen_in_training is False
    assert 0.9 < report.headline.micro_f1.low <= report.headline.micro_f1.estimate
    assert all(
        e.excerpt[start:end].strip() for e in report.worst_errors for start, end, _ in e.marks
    )


def test_confusions_pair_what_was_said_with_what_was_owed():
    """One row a case: right, mistaken, false alone, missed alone, rightly none, unknown."""
    truth = np.array([[1, 0], [0, 1], [0, 0], [1, 0], [0, 0], [NAN, 0]], dtype=float)
    said = np.array([[1, 0], [1, 0], [1, 0], [0, 0], [0, 0], [1, 0]], dtype=bool)

    found = confusions(truth, said, ["a", "b"])

    assert found.labels == ("a", "b", "none")
    assert found.counts == ((1, 1, 1), (0, 0, 0), (1, 0, 1))


def test_cooccurrence_counts_articles_with_both():
    """Truth and prediction have a square each, unknown cells left out."""
    truth = np.array([[1, 1], [1, 0], [1, NAN]], dtype=float)
    said = np.array([[1, 0], [1, 1], [1, 1]], dtype=bool)

    found = cooccurrence(truth, said, ["a", "b"])

    assert found.truth == ((3, 1), (1, 1))
    assert found.predicted == ((3, 1), (1, 1))


def test_a_precision_recall_curve_has_a_point_for_every_probability():
    """Equal probabilities are one point."""
    curve = precision_recall(np.array([1.0, 0, 1, 0]), np.array([0.9, 0.5, 0.5, 0.1]))

    assert curve.precision == (1.0, pytest.approx(2 / 3), 0.5)
    assert curve.recall == (0.5, 1.0, 1.0)
    assert curve.threshold == (0.9, 0.5, 0.1)


@settings(max_examples=25)
@given(n=st.integers(1, 3000), share=st.floats(0.001, 0.999), seed=st.integers(0, 99))
def test_a_curve_has_at_most_two_hundred_points(n, share, seed):
    """Its recall rises to one, its thresholds fall, and its last point is the whole."""
    rng = np.random.default_rng(seed)
    y, p = (rng.random(n) < share).astype(float), rng.random(n)
    y[0] = 1.0

    curve = precision_recall(y, p)

    assert 1 <= len(curve.recall) == len(curve.precision) == len(curve.threshold) <= 200
    assert list(curve.recall) == sorted(curve.recall)
    assert list(curve.threshold) == sorted(curve.threshold, reverse=True)
    assert (curve.recall[-1], curve.precision[-1]) == (1.0, y.mean())


def test_a_label_without_a_positive_has_no_curve():
    """And one without a known cell no reliability."""
    nothing = np.empty(0)

    assert precision_recall(np.zeros(3), np.ones(3) / 2).recall == ()
    assert reliability(nothing, nothing) == ()


def test_a_histogram_parts_present_from_absent():
    """A probability of one falls into the last step."""
    counts = histogram(np.array([1.0, 0.0, 0.0]), np.array([1.0, 0.02, 0.05]))

    assert (counts.present[-1], counts.absent[:2]) == (1, (1, 1))
    assert (len(counts.edges), counts.edges[1], counts.edges[-1]) == (21, 0.05, 1.0)


@settings(max_examples=25)
@given(seed=st.integers(0, 999), n=st.integers(2, 40), levels=st.integers(1, 5))
def test_the_fast_interval_of_mean_average_precision_is_the_slow_one(seed, n, levels):
    """Weighted ranks and resampled articles are the same, ties and unknown cells included."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0.0, 1.0, NAN], size=(n, 3), p=[0.6, 0.3, 0.1])
    truth[0] = 1.0
    scores, groups = rng.integers(levels, size=(n, 3)) / levels, rng.integers(n, size=n)

    fast = bootstrap_mean_average_precision(truth, scores, groups=groups, repeats=20)
    slow = bootstrap_interval(_mean_ap, truth, scores, groups=groups, repeats=20)

    np.testing.assert_allclose(
        [fast.estimate, fast.low, fast.high], [slow.estimate, slow.low, slow.high]
    )


def _mean_ap(truth, scores):
    values = average_precision(truth, scores)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else NAN


def test_an_excerpt_is_where_the_weight_is():
    """A long text is cut at words, and marks are counted in the excerpt."""
    text = "word " * 300 + "the gas pipeline opened " + "word " * 300

    shown, marks = excerpt(text, {"gas": 1.0, "word": 0.0, "gas pipeline": 0.5}, Analyzer())

    assert len(shown) <= 600
    assert shown.startswith("…word ")
    assert shown.endswith(" word…")
    assert [(shown[a:b], c) for a, b, c in marks] == [("gas", 1.0), ("pipeline", 0.5)]


def test_an_excerpt_at_an_end_has_no_dots_there():
    """Nothing goes on before the first or after the last word."""
    last, _ = excerpt("word " * 300 + "gas", {"gas": 1.0}, Analyzer())
    first, _ = excerpt("gas " + "word " * 300, {"gas": 1.0}, Analyzer())

    assert (last[:6], last[-8:]) == ("…word ", "word gas")
    assert (first[:8], first[-5:]) == ("gas word", "word…")


def test_a_text_without_a_space_is_cut_all_the_same():
    """Hostile texts have no words to end at."""
    shown, marks = excerpt("x" * 2000, {"gas": 1.0}, Analyzer())

    assert (shown, marks) == ("x" * 598 + "…", ())


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(["gas", "οΔΟΣ", "word", "ß", "\n", "é", "🙂", "x" * 90]), max_size=300)
)
def test_marks_lie_on_their_words(words):
    """Whatever the text, an excerpt is short and a mark covers a word that has a weight."""
    shown, marks = excerpt(" ".join(words), {"gas": -1.0, "οδοσ": 2.0}, Analyzer())

    assert len(shown) <= 600
    assert {shown[a:b] for a, b, _ in marks} <= {"gas", "οΔΟΣ"}
