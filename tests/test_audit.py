"""What an audit finds, in articles that are made to be found."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Article, Corpus, Labels
from classifier.audit.audit import audit
from classifier.audit.findings import Languages
from classifier.audit.kept import AuditSettings
from classifier.audit.report import audit_document
from classifier.errors import SettingsError
from classifier.pages.document import Section, Table, section_text

QUICK = AuditSettings(labels=False)
WORDS = ["harbour", "committee", "turbine", "museum", "treaty", "satellite", "orchestra", "budget"]


def story(seed, n_words=80):
    """Return a text of its own for every seed."""
    return " ".join(np.random.default_rng(seed).choice(WORDS, n_words)) + "."


def labelled(*present, absent=None):
    """Return labels that are present, the others absent or unknown."""
    return Labels(frozenset(present), None if absent is None else frozenset(absent))


def named(articles):
    """Return the ids of the articles that a finding names."""
    return [article.id for article in articles]


def noisy_corpus():
    """Return sixty articles in two kinds, the first of them with the label of the other."""
    articles = []
    for n in range(60):
        topic = "turbine reactor pipeline" if n % 2 else "museum painting orchestra"
        text = f"{topic} {story(n, 40)} {topic}"
        labels = labelled("energy") if n % 2 else labelled()
        articles.append(Article(text, id=str(n), labels=labels))
    articles[0] = Article(articles[0].text, id="0", labels=labelled("energy"))
    return articles


def test_duplicates_are_counted_and_named():
    """The same words twice are identical, a changed word makes a near-duplicate."""
    text = story(1)
    near = text.replace(".", " indeed.")
    articles = [Article(t, id=i) for i, t in zip("abcd", (text, story(2), text, near), strict=True)]

    found = audit(articles, settings=QUICK).duplicates

    assert (found.n_identical, found.n_near) == (1, 2)
    assert [named(group.articles) for group in found.groups] == [["a", "c", "d"]]
    assert [group.identical for group in found.groups] == [False]


def test_the_largest_group_comes_first():
    """Whoever reads ten rows reads the worst ones."""
    articles = [Article(story(seed), id=str(n)) for n, seed in enumerate([1, 1, 2, 2, 2])]

    groups = audit(articles, settings=QUICK).duplicates.groups

    assert [named(group.articles) for group in groups] == [["2", "3", "4"], ["0", "1"]]


def test_leaks_stand_on_both_sides():
    """Articles of the corpus that the other one has too, and the ids that name two texts."""
    corpus = [Article(story(n), id=str(n)) for n in range(4)]
    other = [Article(story(2), id="x"), Article(story(9), id="3"), Article(story(9), id="y")]

    found = audit(corpus, against=other, settings=QUICK)

    assert found.leaks is not None
    assert (found.leaks.n_articles, found.leaks.n_identical) == (1, 1)
    assert [named(group.articles) for group in found.leaks.groups] == [["2", "x"]]
    assert [(a.id, b.number) for a, b in found.leaks.same_id] == [("3", 2)]
    assert found.fails
    assert (found.duplicates.n_near, found.n_against) == (0, 3)


def test_without_another_corpus_there_are_no_leaks():
    """Nothing to compare with is not the same as nothing found."""
    found = audit([Article(story(1))], settings=QUICK)

    assert (found.leaks, found.against, found.fails) == (None, "", False)


def test_near_duplicates_with_other_labels_are_conflicts():
    """The label on which they differ is named with the articles of both opinions."""
    articles = [
        Article(story(1), id="a", labels=labelled("energy", "culture")),
        Article(story(1), id="b", labels=labelled("energy")),
        Article(story(2), id="c", labels=labelled()),
    ]

    found = audit(articles, settings=QUICK)

    assert [(c.label, named(c.present), named(c.absent)) for c in found.conflicts] == [
        ("culture", ["a"], ["b"])
    ]
    assert found.fails


@pytest.mark.parametrize("unknown", [None, Labels(frozenset(), frozenset())])
def test_what_nobody_knows_is_no_conflict(unknown):
    """An unlabelled copy, or one of which a cell is unknown, contradicts nothing."""
    articles = [
        Article(story(1), id="a", labels=labelled("energy")),
        Article(story(1), id="b", labels=unknown),
    ]

    assert audit(articles, settings=QUICK).conflicts == ()


def test_a_label_that_the_other_corpus_does_not_know_is_no_conflict():
    """A missing label says absent only where the corpus knows the label."""
    corpus = [Article(story(1), id="a", labels=labelled("energy"))]
    other = [Article(story(1), id="b", labels=labelled("culture"))]

    assert audit(corpus, against=other, settings=QUICK).conflicts == ()


def test_repeated_lines_are_counted_by_outlet():
    """Only what stands in several articles of one outlet is boilerplate."""
    ends = ["Story continues below here"] * 3 + ["All rights reserved."] * 3
    articles = [
        Article(f"{story(n)}\n{end}", source="Gazette" if n < 6 else "Herald")
        for n, end in enumerate([*ends, "Story continues below here"])
    ]

    lines = audit(articles, settings=AuditSettings(labels=False, repeats=3)).lines

    assert [(x.source, x.n_articles, x.n_left, x.excerpt) for x in lines] == [
        ("Gazette", 3, 0, "All rights reserved."),
        ("Gazette", 3, 3, "Story continues below here"),
    ]


def test_lines_with_other_numbers_are_the_same_line():
    """A page number or a year makes no other line; copies of an article count once."""
    articles = [Article(f"{story(n)}\nMonthly review, page {n}") for n in (1, 1, 2, 3)]

    lines = audit(articles, settings=AuditSettings(labels=False, repeats=3)).lines

    assert [(x.n_articles, x.excerpt) for x in lines] == [(3, "Monthly review, page 1")]


def test_a_long_line_is_cut():
    """Of a line no more than its start is kept."""
    articles = [Article(f"{story(n)}\n{'word ' * 100}") for n in range(5)]

    lines = audit(articles, settings=QUICK).lines

    assert [len(line.excerpt) for line in lines] == [80]


@pytest.mark.parametrize(
    ("text", "kind", "n_left"),
    [
        ("The minister said itâ€™s over.", "mojibake", 0),
        ("The M�llers left.", "lost characters (U+FFFD)", 1),
        ("A bell\x07 rang.", "control characters", 0),
        ("Half a pair \ud800 here.", "lone surrogates", 0),
        ("A logo \ue123 here.", "private characters", 1),
        ('"We won,"?she said.', "question marks for quotes", 1),
        ("Cafe\u0301 society", "not in normal form C", 0),
    ],
)
def test_every_damage_is_told_and_whether_it_is_mended(text, kind, n_left):
    """Each kind of damage is named, with what the text rules leave of it."""
    found = {
        each.kind: each
        for each in audit(
            [Article(story(1)), Article(text, id="bad"), Article("Nothing is wrong here: 5 €.")],
            settings=QUICK,
        ).damage
    }

    assert named(found[kind].articles) == ["bad"]
    assert found[kind].n_left == n_left


def test_other_languages_are_those_that_the_rest_is_not_in():
    """The most frequent language is the corpus's own; short texts are not judged."""
    english = (
        "The committee met on Friday and decided that the museum should open in the spring, "
        "although several members would have preferred to wait for another report."
    )
    german = (
        "Der Ausschuss tagte am Freitag und beschloss, dass das Museum im Frühjahr öffnen soll, "
        "obwohl mehrere Mitglieder lieber auf einen weiteren Bericht gewartet hätten."
    )
    articles = [Article(f"{english} {n}") for n in "abc"] + [Article(german, id="g"), Article("Ja")]

    found = audit(articles, settings=QUICK).languages

    assert (found.counts, found.n_unsure) == ({"en": 3, "de": 1}, 1)
    assert [(language, article.id) for language, article in found.others] == [("de", "g")]


def test_lengths_tell_the_empty_the_short_and_the_long():
    """Words are counted after the text rules."""
    articles = [Article(story(n, size), id=str(size)) for n, size in enumerate([3, 50, 60])]
    articles += [Article("", id="none"), Article("?! --", id="marks")]

    found = audit(articles, settings=AuditSettings(labels=False, long_words=55)).lengths

    assert [named(part) for part in (found.empty, found.short, found.long)] == [
        ["none", "marks"],
        ["3"],
        ["60"],
    ]
    assert (found.quantiles["shortest"], found.quantiles["half"], found.quantiles["longest"]) == (
        0,
        3,
        60,
    )


def test_empty_articles_are_no_duplicates_of_each_other():
    """They read the same, but are not the same story."""
    found = audit([Article(""), Article(" \n"), Article("...")], settings=QUICK)

    assert (found.duplicates.n_near, len(found.lengths.empty)) == (0, 3)


def test_labels_are_counted_alone_and_together():
    """Present, absent and unknown cells; on the diagonal what stands alone."""
    articles = [
        Article(story(1), labels=labelled("energy", "culture")),
        Article(story(2), labels=labelled("energy")),
        Article(story(3), labels=labelled("culture", absent=())),
        Article(story(4)),
    ]

    found = audit(articles, settings=QUICK).labels

    assert found.labels == ("culture", "energy")
    assert (found.n_present, found.n_absent, found.n_unknown) == ((2, 2), (1, 0), (0, 1))
    assert found.together == ((1, 1), (1, 1))


def test_a_wrong_label_is_suspicious():
    """The one article that has the label of the others comes first, with its probability."""
    found = audit(noisy_corpus()).suspicious

    assert (found.note, found.n_cells, found.left_out) == ("", 60, ())
    first = found.found[0]
    assert (first.article.id, first.label, first.present) == ("0", "energy", True)
    assert first.probability < 0.3


def test_known_cells_are_judged_as_cleanlab_judges_a_whole_matrix():
    """Where everything is known, cell by cell is what its multi-label function finds."""
    from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

    from classifier.audit.suspicious import _issues

    rng = np.random.default_rng(2)
    Y = (rng.random((200, 3)) < 0.3).astype(float)
    p = np.clip(0.8 * Y + 0.1 + rng.normal(0, 0.05, Y.shape), 0.01, 0.99)
    wrong = [(7, 1), (11, 2), (30, 1), (31, 1), (32, 2), (40, 0), (50, 0)]
    for cell in wrong:
        Y[cell] = 1 - Y[cell]

    lists = [np.flatnonzero(row).tolist() for row in Y]
    theirs = np.array(find_multilabel_issues_per_class(lists, p, n_jobs=1))

    assert sorted(_issues(Y, p)) == wrong == list(map(tuple, np.argwhere(theirs).tolist()))


def test_unknown_cells_are_not_judged():
    """A cell that nobody knows is left out of fits and findings."""
    articles = noisy_corpus()
    articles[10] = Article(articles[10].text, id="10", labels=Labels(frozenset(), frozenset()))

    found = audit(articles).suspicious

    assert found.n_cells == 59
    assert "10" not in [each.article.id for each in found.found]


@pytest.mark.parametrize(
    ("labels", "left_out"),
    [((), ()), (("energy",), ("energy",))],
)
def test_labels_that_all_or_none_have_cannot_be_judged(labels, left_out):
    """Without examples of both kinds there is nothing to learn."""
    found = audit([Article(story(n), labels=labelled(*labels)) for n in range(20)]).suspicious

    assert found.note.startswith("of the 20 labelled articles at least 10 must have a label")
    assert found.left_out == left_out


@pytest.mark.parametrize(
    ("missing", "part"), [("cleanlab", "suspicious"), ("py3langid", "languages")]
)
def test_without_the_extra_the_rest_is_audited(missing, part, monkeypatch):
    """A missing library costs its own part alone, and the part says what to install."""
    from classifier.audit import findings as languages
    from classifier.audit import suspicious

    for module in (languages, suspicious):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name == missing else sys)

    found = audit(noisy_corpus())

    assert getattr(found, part).note == f"needs {missing}: pip install 'classifier[audit]'"
    assert found.summary.n_articles == 60


def test_missing_and_repeated_ids_are_told():
    """An article without an id is named by its place."""
    articles = [Article(story(n), id=id) for n, id in enumerate(["a", "", "a", ""])]
    articles.append(Article(story(1)))

    found = audit(articles, settings=QUICK)

    assert (found.ids.n_missing, found.ids.repeated) == (3, {"a": 2})
    assert [str(each) for each in found.duplicates.groups[0].articles] == ["no. 2", "no. 5"]


def test_an_empty_corpus_has_no_findings():
    """Nothing read is nothing found, whatever it is held against."""
    found = audit([], against=[])

    assert (found.summary.n_articles, found.duplicates.groups, found.fails) == (0, (), False)
    assert found.lengths.quantiles == {}


def test_one_article_is_a_corpus():
    """There is nothing to compare it with."""
    found = audit([Article(story(1), labels=labelled("energy"))])

    assert (found.summary.n_articles, found.duplicates.n_near) == (1, 0)
    assert found.labels.together == ((1,),)


def test_a_corpus_of_identical_articles_is_one_group():
    """With conflicts where the labels differ, and no label judged."""
    articles = [Article(story(1), labels=labelled("energy" if n < 20 else "")) for n in range(40)]

    found = audit(articles)

    assert (found.duplicates.n_identical, len(found.duplicates.groups)) == (39, 1)
    assert found.suspicious.note != ""


def test_rubbish_and_huge_lines_are_read_to_the_end():
    """Bytes that are no text, and a line of a megabyte, are articles like others."""
    rubbish = "".join(map(chr, np.random.default_rng(0).integers(0, 0x2FF, 20_000)))

    found = audit([Article(rubbish, id="r"), Article("word " * 200_000, id="w")], settings=QUICK)

    assert "control characters" in [each.kind for each in found.damage]
    assert named(found.lengths.long)[-1] == "w"


def test_the_json_form_is_json_and_holds_no_text():
    """Everything becomes JSON types; nothing in it is as long as a text."""
    found = audit(noisy_corpus(), against=noisy_corpus())

    written = json.dumps(found.to_json(), allow_nan=False)

    assert json.loads(written)["leaks"]["n_articles"] == 60
    assert noisy_corpus()[0].text not in written


def test_two_corpora_of_one_name_are_told_apart():
    """Findings name articles by corpus."""
    corpus = Corpus("news", [Article(story(1))])

    assert audit(corpus, against=corpus, settings=QUICK).against == "news (other)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"similarity": 0.0}, "similarity is 0.0. Choose one above 0 and up to 1, such as 0.7."),
        ({"repeats": 1}, "repeats is 1. Choose 2 or more."),
        ({"seed": -1}, "seed is -1. Choose 0 or more."),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    """The error says what was found and what would do."""
    with pytest.raises(SettingsError) as error:
        AuditSettings(**settings)

    assert str(error.value) == message


def test_progress_is_told_step_by_step():
    """Reading has no known end, judging has one fit a fold."""
    told = []

    audit(noisy_corpus(), progress=lambda *step: told.append(step))

    assert told[0] == ("reading articles", 1, 0)
    assert told[-5:] == [("judging labels", n, 5) for n in range(1, 6)]


def test_the_sections_say_what_else_there_is():
    """Ids of two texts, ids given twice and a part left out are said in sentences."""
    corpus = [Article(story(n), id="same") for n in range(2)]
    found = audit(corpus, against=[Article(story(5), id="same")], settings=QUICK)
    without = replace(found, languages=Languages("needs a library", {}, 0, ()))

    said = {each.title: each.blocks[0] for each in audit_document(without).sections}

    assert said["Leaks"].endswith("1 id names different texts in the two: same.")
    assert said["Ids"] == "0 articles have no id; 1 id names several."
    assert said["Languages"] == "Not looked at: needs a library."


def test_a_table_that_is_too_wide_is_cut_where_it_is_widest():
    """Short cells stay whole; numbers stand to the right."""
    table = Table(("n", "title"), (("12", "w" * 40),))
    section = Section("T", ("One two three four five six.", table))

    assert list(section_text(section, width=26)) == [
        "T",
        "One two three four five",
        "six.",
        "   n  title",
        "  12  wwwwwwwwwwwwwwwwwww…",
    ]


TEXTS = st.lists(st.sampled_from([story(1), story(2), "", "\x00\ud800", "Ja."]), max_size=8)


@settings(max_examples=20)
@given(texts=TEXTS, other=TEXTS)
def test_counts_agree_with_each_other(texts, other):
    """Groups and counts tell the same story, and twice the same one."""
    corpus = [Article(text, id=str(n)) for n, text in enumerate(texts)]
    against = [Article(text) for text in other]

    found = audit(corpus, against=against, settings=QUICK)

    assert found == audit(corpus, against=against, settings=QUICK)
    assert found.duplicates.n_near == sum(len(g.articles) - 1 for g in found.duplicates.groups)
    assert found.leaks is not None
    assert found.leaks.n_identical <= found.leaks.n_articles <= len(texts)
