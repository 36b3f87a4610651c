"""From articles to a model: the same every time, honest about what is unknown, never forced."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus
from classifier.errors import CorpusError
from classifier.training.choose import n_candidates
from classifier.training.fit import Candidate, article_weights
from classifier.training.settings import Settings
from classifier.training.train import count_articles, train

EXAMPLES = Path(__file__).parents[1] / "data" / "examples" / "articles.jsonl"
WORDS = {
    "energy": ["oil", "gas", "pipeline", "barrel"],
    "culture": ["choir", "museum", "opera", "film"],
    "": ["rain", "road", "school", "train"],
}
FILLERS = ["the", "and", "said", "house", "people", "week", "of", "day"]
NAMES = ("energy", "culture", "")
QUICK = Settings(C=(1.0,), lead_repeats=(0,), min_df=1, n_folds=3)


def example_articles():
    """Return our own example articles with their labels."""
    rows = map(json.loads, EXAMPLES.read_text(encoding="utf-8").splitlines())
    return [
        Article(
            row["text"],
            title=row["title"],
            id=row["id"],
            source=row["source"],
            date=row["date"],
            labels=Labels(frozenset(row["labels"])),
        )
        for row in rows
    ]


def invented(n_articles, *, seed=1, names=NAMES, labelled=lambda name: True, borderline=False):
    """Return articles whose words tell their label, in turn; `labelled` says which are told."""
    rng = np.random.default_rng(seed)
    return [
        Article(
            " ".join([*rng.choice(WORDS[name], 4), *rng.choice(FILLERS, 8)]),
            id=f"{seed}-{number}",
            labels=Labels(
                frozenset(filter(labelled, filter(None, [name]))),
                borderline=borderline and number % 2 == 0,
            ),
        )
        for number, name in enumerate(names[n % len(names)] for n in range(n_articles))
    ]


def numbers(model):
    """Return everything of a model as bytes and values that compare."""
    arrays = (model.idf, model.weights, model.bias, model.cuts, model.base_rates)
    return (
        [array.tobytes() for array in arrays],
        list(model.vocabulary),
        model.calibration,
        model.analyzer,
        model.min_coverage,
        model.info,
    )


def probability(model, text, label):
    """Return the probability of one label for a text."""
    [prediction] = model.predict([text])
    return prediction.scores[label]


@pytest.fixture(scope="module")
def examples_model():
    """Return a model of the example articles, as the defaults make it."""
    return train(example_articles(), name="examples")


def test_the_example_articles_make_a_model(examples_model):
    """Five labels in sorted order, and what the manifest tells of the corpus."""
    assert examples_model.labels == ("culture", "diplomacy", "energy", "parliament", "technology")
    assert examples_model.mode == "several"
    assert examples_model.name == "examples"
    assert examples_model.info["corpus"]["articles"] == 68
    assert examples_model.info["corpus"]["none"] == 22
    assert examples_model.info["corpus"]["unlabelled"] == 0
    assert examples_model.info["corpus"]["positives"] == {
        "culture": 16,
        "diplomacy": 18,
        "energy": 15,
        "parliament": 13,
        "technology": 14,
    }
    assert np.allclose(examples_model.base_rates, [16 / 68, 18 / 68, 15 / 68, 13 / 68, 14 / 68])


def test_the_examples_figures_are_plausible(examples_model):
    """Better than chance, not perfect, an interval around the estimate, and JSON throughout."""
    figures = examples_model.info["figures"]
    estimate, low, high = figures["micro_f1"]

    assert 0.5 < low < estimate < high < 0.95
    assert figures["labels"]["energy"]["support"] == 15
    assert not figures["labels"]["energy"]["rare"]
    assert 0 <= figures["false_tag_rate"] <= 1
    json.dumps(examples_model.info, allow_nan=False)


def test_the_vocabulary_is_sorted_and_fits_the_arrays(examples_model):
    """Terms in code point order, a row of weights each, float32 where the files say so."""
    vocabulary = list(examples_model.vocabulary)

    assert vocabulary == sorted(set(vocabulary))
    assert examples_model.weights.shape == (len(vocabulary), 5)
    assert examples_model.weights.dtype == examples_model.idf.dtype == np.float32
    assert (examples_model.idf > 0).all()


def test_two_runs_and_any_number_of_jobs_give_the_same_bytes(examples_model):
    """Neither time nor threads leave a trace in a model."""
    assert numbers(train(example_articles(), name="examples", jobs=2)) == numbers(examples_model)


@pytest.mark.parametrize(
    "form", [iter, lambda a: Corpus("corpus", a), lambda a: (Corpus("corpus", a),)]
)
def test_a_corpus_may_come_in_any_form(form):
    """A stream, a corpus, or a sequence of them: the same articles give the same model."""
    assert numbers(train(form(invented(30)), QUICK)) == numbers(train(invented(30), QUICK))


def test_another_seed_deals_other_folds():
    """The seed is in the manifest's settings and reaches the folds."""
    one, other = (
        train(example_articles(), Settings(C=(1.0,), lead_repeats=(0,), seed=seed))
        for seed in (0, 1)
    )

    assert_array_equal(one.weights, other.weights)
    assert one.info["trials"] != other.info["trials"]
    assert other.info["settings"]["seed"] == 1


def test_easy_articles_are_tagged_rightly():
    """New articles of the invented kind get their label, or none."""
    model = train(invented(60), Settings(min_df=1))

    predictions = model.predict(invented(9, seed=2))

    assert [p.tags for p in predictions] == [("energy",), ("culture",), ()] * 3
    assert model.info["figures"]["micro_f1"] == [1.0, 1.0, 1.0]


def test_a_tag_is_never_forced():
    """An article of words that every article has gets none, though the model knows them all."""
    model = train(invented(60), Settings(min_df=1))

    [prediction] = model.predict(["the people of the house said and the day of the week"])

    assert prediction.tags == ()
    assert prediction.note == ""
    assert prediction.coverage == 1.0


def test_labels_that_a_corpus_does_not_know_are_unknown_there():
    """Choirs untagged in a corpus about energy do not speak against culture."""
    energy_only = invented(60, seed=3, labelled=lambda name: name == "energy")
    culture_only = invented(60, seed=4, labelled=lambda name: name == "culture")

    apart = train([Corpus("e", energy_only), Corpus("c", culture_only)], QUICK)
    mixed = train([*energy_only, *culture_only], QUICK)

    assert apart.labels == mixed.labels == ("culture", "energy")
    assert apart.info["corpus"]["positives"] == {"culture": 20, "energy": 20}
    assert_array_equal(apart.base_rates, [1 / 3, 1 / 3])
    assert probability(apart, "the choir and the opera of the museum", "culture") > 0.9
    assert probability(mixed, "the choir and the opera of the museum", "culture") < 0.7


def test_a_corpus_of_untagged_articles_knows_every_label_as_absent():
    """Articles of "none of these" are negative for the labels of the other corpora."""
    tagged = Corpus("tagged", invented(40, names=("energy", "culture")))
    untagged = Corpus("untagged", invented(20, seed=5, names=("",)))

    model = train([tagged, untagged], QUICK)

    assert model.base_rates.tolist() == [1 / 3, 1 / 3]
    assert model.info["corpus"]["none"] == 20


def test_auxiliary_articles_are_in_the_fit_and_never_in_the_figures():
    """They bring words and weights; supports, base rates and cuts are of natural articles."""
    natural = Corpus("natural", invented(45))
    aux = invented(30, seed=6)
    aux = [Article(f"{a.text} turbine", id=a.id, labels=a.labels) for a in aux]

    model = train([natural, Corpus("auxiliary", aux, natural=False)], QUICK)

    assert "turbine" in model.vocabulary
    assert (model.info["corpus"]["articles"], model.info["corpus"]["natural"]) == (75, 45)
    assert model.info["corpus"]["positives"] == {"culture": 25, "energy": 25}
    assert {row["support"] for row in model.info["figures"]["labels"].values()} == {15}
    assert model.base_rates.tolist() == [1 / 3, 1 / 3]


def test_rows_that_were_picked_are_in_the_fit_and_never_in_the_figures():
    """A row says of itself that it is no natural sample, whatever the rest of its corpus is."""
    rows = invented(75, seed=6)
    picked = [
        Article(f"{a.text} turbine", id=a.id, labels=replace(a.labels, sample="chosen"))
        for a in rows[45:]
    ]
    rows = [replace(a, labels=replace(a.labels, sample="random")) for a in rows[:45]]

    model = train([Corpus("mixed", [*picked, *rows])], QUICK)

    assert "turbine" in model.vocabulary
    assert (model.info["corpus"]["articles"], model.info["corpus"]["natural"]) == (75, 45)
    assert {row["support"] for row in model.info["figures"]["labels"].values()} == {15}


def test_a_corpus_given_as_auxiliary_has_no_natural_rows():
    """The command line's word goes over that of a row."""
    rows = [replace(a, labels=replace(a.labels, sample="random")) for a in invented(30)]

    model = train([Corpus("n", invented(45)), Corpus("a", rows, natural=False)], QUICK)

    assert model.info["corpus"]["natural"] == 45


def test_what_was_picked_in_mixed_corpora_has_one_weight_in_common():
    """Eleven sources with some picked rows each are one choice, and natural rows weigh one."""
    mixed = [
        Corpus(
            f"c{seed}",
            [
                replace(a, labels=replace(a.labels, sample="chosen" if i % 3 else ""))
                for i, a in enumerate(invented(60, seed=seed))
            ],
        )
        for seed in (1, 2)
    ]
    counted = count_articles([*mixed, Corpus("a", invented(15), natural=False)], QUICK)
    single = replace(QUICK, picked_weight=(1.0,))

    weights = article_weights(counted, Candidate(C=1.0, corpus_weights=(0.5, 0.25, 0.1)))

    assert n_candidates(counted, QUICK) - n_candidates(counted, single) == 1
    assert set(weights[counted.natural]) == {1.0}
    assert set(weights[~counted.natural]) == {0.5, 0.25, 0.1}


def test_wrong_auxiliary_labels_show_in_no_figure_of_their_own():
    """At a tiny weight, auxiliary labels the wrong way round leave the figures perfect."""
    wrong = {"energy": "culture", "culture": "energy", "": ""}
    aux = [
        Article(a.text, labels=Labels(frozenset(map(wrong.get, a.labels.present))))
        for a in invented(30, seed=7)
    ]
    settings = Settings(C=(1.0,), lead_repeats=(0,), min_df=1, auxiliary_weight=(1e-6,))

    model = train([Corpus("n", invented(60)), Corpus("a", aux, natural=False)], settings)

    assert model.info["figures"]["micro_f1"] == [1.0, 1.0, 1.0]
    assert list(model.info["chosen"]["corpus_weights"].values()) == [1.0, 1e-6]


def test_auxiliary_copies_of_natural_articles_are_dropped():
    """A copy would carry a held-out article's label into the fit."""
    natural = invented(45)
    copies = [Article(a.text.upper(), labels=a.labels) for a in natural[:7]]
    aux = Corpus("auxiliary", [*copies, *invented(6, seed=8)], natural=False)

    model = train([aux, Corpus("natural", natural)], QUICK)

    assert (model.info["corpus"]["articles"], model.info["corpus"]["natural"]) == (51, 45)


def test_a_label_of_auxiliary_corpora_alone_gets_the_pooled_cut():
    """Nothing natural speaks for it: its base rate is 0, but it can still be given."""
    natural = Corpus("n", invented(30, names=("energy", "")))
    aux = Corpus("a", invented(30, seed=9, names=("culture", "")), natural=False)

    model = train([natural, aux], QUICK)

    assert model.labels == ("culture", "energy")
    assert model.base_rates.tolist() == [0.0, 0.5]
    assert np.isfinite(model.cuts).all()


def test_unlabelled_articles_are_counted_and_left_out():
    """Their words reach no vocabulary."""
    unlabelled = [Article("unheard words"), Article("more of them")]

    model = train([*unlabelled, *invented(30)], QUICK)

    assert model.info["corpus"]["unlabelled"] == 2
    assert model.info["corpus"]["articles"] == 30
    assert "unheard" not in model.vocabulary


@pytest.mark.parametrize(
    ("articles", "message"),
    [
        ([], "nothing to train on: 0 articles were read and none is labelled"),
        ([Article("oil"), Article("gas")], "2 articles were read and none is labelled.*'labels'"),
        (invented(9, names=("",)), "every article is labelled as none of any label"),
        (invented(4), "4 labelled articles, .* too few for 5 folds"),
        (
            [replace(a, id="") for a in invented(4) * 3],
            "12 labelled articles, near-duplicates counted once, are too few",
        ),
    ],
    ids=["nothing", "unlabelled", "all none", "few", "copies"],
)
def test_what_cannot_be_trained_on_is_said(articles, message):
    """The message counts what was found."""
    with pytest.raises(CorpusError, match=message):
        train(articles)


def test_auxiliary_articles_alone_are_nothing_to_train_on():
    """Without a natural sample there is nothing to choose cuts on."""
    with pytest.raises(
        CorpusError, match="only auxiliary corpora are given: cuts and figures need a natural one"
    ):
        train([Corpus("a", invented(30), natural=False)])


def test_articles_without_a_common_word_are_nothing_to_train_on():
    """When min_df leaves no term the message says so."""
    with pytest.raises(CorpusError, match="min_df"):
        train(invented(30), Settings(min_df=1000))


def test_exactly_one_label_gives_exactly_one():
    """Scores of an article add up to one, the best label is given, cuts play no part."""
    settings = Settings(labels="one", C=(1.0,), lead_repeats=(0,), min_df=1, n_folds=3)

    model = train(invented(40, names=("energy", "culture")), settings)

    predictions = model.predict(invented(6, seed=2, names=("energy", "culture")))
    assert model.mode == "one"
    assert [p.tags for p in predictions] == [("energy",), ("culture",)] * 3
    assert [sum(p.scores.values()) for p in predictions] == pytest.approx([1.0] * 6)
    assert model.cuts.tolist() == [0.0, 0.0]
    assert model.info["figures"]["micro_f1"] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "settings", [Settings(labels="one", min_df=1), Settings(min_df=1)], ids=["one", "several"]
)
def test_figures_without_untagged_articles_are_json(settings):
    """A figure that nothing speaks for is null."""
    model = train(invented(30, names=("energy", "culture")), settings)

    figures = json.loads(json.dumps(model.info["figures"], allow_nan=False))
    assert figures["false_tag_rate"] is None


@pytest.mark.parametrize(
    ("labels", "found"),
    [(Labels(), "none"), (Labels(frozenset({"energy", "culture"})), "culture, energy")],
)
def test_exactly_one_label_is_asked_of_every_article(labels, found):
    """The first article that differs is named, with how many there are."""
    articles = [*invented(20, names=("energy", "culture")), Article("odd", id="x7", labels=labels)]

    with pytest.raises(CorpusError, match=rf"'x7' has the labels: {found}; .*\(1 article differs"):
        train(articles, Settings(labels="one"))


@pytest.mark.parametrize(
    ("settings", "total"),
    [
        (QUICK, 3 * 1 + 1),
        (Settings(min_df=1, n_folds=3, C=(0.3, 1.0, 3.0), lead_repeats=(1, 0)), 3 * 4 + 1),
        (Settings(min_df=1, n_folds=3, C=(0.3, 3.0), C_per_label=True, bigrams=(False, True)), 13),
        (Settings(min_df=1, n_folds=3, lead_words=0, lead_repeats=(2, 1, 0)), 3 * 4 + 1),
    ],
    ids=["one candidate", "four", "per label", "no lead"],
)
def test_progress_reaches_its_total_exactly_once(settings, total):
    """Reading counts up without a total; fitting counts up too and ends at its total.

    A penalty that is not tried, as a smaller step did not help, is passed over at the end.
    """
    calls = []

    train(invented(30), settings, progress=lambda *call: calls.append(call))

    reading = [call for call in calls if call[0] == "reading articles"]
    fitting = [call for call in calls if call[0] == "fitting"]
    assert reading == [("reading articles", n, 0) for n in range(1, 31)]
    done = [number for _, number, _ in fitting]
    assert done == [*range(1, len(done)), total]
    assert {of for _, _, of in fitting} == {total}
    assert len(calls) == 30 + len(done)


def test_progress_reaches_its_total_when_a_value_is_given_twice():
    """The same candidate is not fitted again."""
    calls = []

    train(
        invented(30),
        Settings(C=(1.0, 1.0), lead_repeats=(0,), min_df=1, n_folds=3),
        progress=lambda *call: calls.append(call),
    )

    assert calls[-1] == ("fitting", 4, 4)


def test_c_may_differ_from_label_to_label():
    """The manifest says which C each label got, out of the candidates."""
    settings = Settings(C=(0.01, 1.0, 30.0), C_per_label=True, lead_repeats=(0,))

    model = train(example_articles(), settings)

    chosen = model.info["chosen"]["C"]
    assert list(chosen) == ["culture", "diplomacy", "energy", "parliament", "technology"]
    assert set(chosen.values()) <= {0.01, 1.0, 30.0}
    assert len(set(chosen.values())) > 1


def test_a_single_c_is_the_same_for_every_label(examples_model):
    """All labels share the C of the best candidate."""
    best = max(examples_model.info["trials"], key=lambda trial: trial["score"])

    assert set(examples_model.info["chosen"]["C"].values()) == {best["C"]}
    assert examples_model.info["chosen"]["lead_repeats"] == best["lead_repeats"]


def test_candidates_are_tried_one_setting_after_the_other():
    """Borderline articles open a choice of their weight; auxiliary weights have nothing to do."""
    settings = Settings(min_df=1, n_folds=3, C=(0.5, 1.0, 2.0), lead_repeats=(1, 0))

    model = train(invented(30, borderline=True), settings)

    tried = [
        (trial["lead_repeats"], trial["borderline_weight"], trial["C"], trial["corpus_weights"])
        for trial in model.info["trials"]
    ]
    # Every candidate is perfect, so the first value of each setting stays, and the middle C.
    assert tried == [
        (1, 1.0, 1.0, (1.0,)),
        (0, 1.0, 1.0, (1.0,)),
        (1, 0.5, 1.0, (1.0,)),
        (1, 1.0, 2.0, (1.0,)),
        (1, 1.0, 0.5, (1.0,)),
    ]
    assert set(model.info["chosen"]["C"].values()) == {1.0}


def test_pairs_enter_the_vocabulary_when_they_are_chosen():
    """With pairs as the only candidate the model counts them too."""
    model = train(invented(30), Settings(C=(1.0,), bigrams=(True,), lead_repeats=(1,), n_folds=3))

    assert model.analyzer.bigrams
    assert model.analyzer.lead_repeats == 1
    assert any(" " in term for term in model.vocabulary)


def test_pairs_that_lose_leave_nothing_behind(examples_model):
    """Terms of a candidate that was not chosen are not shipped."""
    settings = Settings(C=(1.0,), bigrams=(False, True), lead_repeats=(0,), min_df=1, n_folds=3)

    model = train(invented(60), settings)

    assert not model.analyzer.bigrams
    assert not any(" " in term for term in model.vocabulary)


def test_min_coverage_is_a_share_of_what_held_out_articles_reach():
    """Held-out articles know all of their words here, so seven tenths; unless it is set."""
    assert train(invented(60), QUICK).min_coverage == pytest.approx(0.7)
    assert train(invented(60), Settings(min_df=1, min_coverage=0.25)).min_coverage == 0.25


def test_rare_labels_are_marked_in_the_figures():
    """Fewer positives than `rare_positives` make a label rare."""
    settings = Settings(C=(1.0,), lead_repeats=(0,), min_df=1, n_folds=3, rare_positives=11)
    articles = [*invented(30), *invented(5, seed=2, names=("energy",))]

    labels = train(articles, settings).info["figures"]["labels"]

    assert (labels["culture"]["support"], labels["culture"]["rare"]) == (10, True)
    assert (labels["energy"]["support"], labels["energy"]["rare"]) == (15, False)


@pytest.mark.parametrize("rule", ["smoothed-f1", "micro-macro"])
def test_a_label_without_positives_is_given_to_nobody(rule):
    """A label that the corpus only says is absent has a constant margin and no tags."""
    absent = Labels(absent=frozenset({"energy", "culture", "parliament"}))
    articles = [*invented(30), Article("rain on the road", labels=absent)]
    settings = Settings(C=(1.0,), lead_repeats=(0,), min_df=1, n_folds=3, thresholds=rule)

    model = train(articles, settings)

    assert model.labels == ("culture", "energy", "parliament")
    assert not any("parliament" in p.tags for p in model.predict(articles))
    assert model.base_rates[2] == 0
