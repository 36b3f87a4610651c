"""Sheets and corrections back into their corpus: nothing lost, nothing guessed."""

import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.article import Article, Labels
from classifier.corpus.read import read_articles
from classifier.errors import BadInputError, CorpusError
from classifier.labelling.merge import merge_labels, save_articles
from classifier.labelling.sheet import (
    RESERVED,
    article_key,
    label_column,
    label_of_column,
    plain_cell,
    read_verdicts,
    safe_cell,
    sheet_row,
    write_sheet,
)
from tests.cases import cases
from tests.command_line import run, write_rows

PRESENT, NONE = frozenset({"energy"}), frozenset()
CORPUS = [
    Article("Gas flows.", title="Gas", id="a", source="Times", date="2017-01-02",
            labels=Labels(PRESENT), extra={"page": 3, "tags": ["x"]}),
    Article("A concert.", id="b", labels=Labels(NONE, frozenset({"energy"}), borderline=True)),
    Article("Nobody looked.", id="c", extra={"note": "=1+1"}),
    Article("No id here.", title="Nameless"),
    Article("Opera night.", id="e", labels=Labels(frozenset({"culture"}))),
]  # fmt: skip


def verdicts(path, content, **options):
    """Write a labelled file and read it."""
    path.write_text(content, encoding="utf-8")
    return read_verdicts(path, **options)


def by_id(merged):
    """Return the labels of a merged corpus by id."""
    return {article.id: article.labels for article in merged.articles}


@given(st.text())
def test_a_safe_cell_becomes_the_same_text_again(text):
    """Whatever it holds, and it never begins a formula."""
    cell = safe_cell(text)

    assert plain_cell(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "|", "%", "\t", "\r", "\n", "＝", "＋"))


@pytest.mark.parametrize("label", ["energy", "id", "label:x", "=cmd", "why", "labels", "über uns"])
def test_a_label_column_gives_its_label_back(label):
    """Also where the sheet has a column of that name, or a spreadsheet would compute it."""
    heading = label_column(label)

    assert label_of_column(heading) == label
    assert heading not in RESERVED


@pytest.mark.parametrize(
    ("id", "key"),
    [
        ("a", "a"),
        ("007", "007"),
        ("", "text:4c2e9e6da31a64c7"),
        (" a", "text:4c2e9e6da31a64c7"),
        ("a\n", "text:4c2e9e6da31a64c7"),
    ],
)
def test_an_article_is_found_by_its_id_or_its_text(id, key):
    """An id that a spreadsheet would lose is passed over; white space in the text is not."""
    assert article_key(Article("Some  text\n", id=id)) == key


def test_blank_cells_decide_nothing(tmp_path):
    """Blank is unknown: neither absent, nor a change."""
    sheet = "id,energy,culture,confidence\na,,,\nb,,1,\nc,0,,\n"

    merged = merge_labels(CORPUS, verdicts(tmp_path / "s.csv", sheet))

    assert by_id(merged) == {
        "a": Labels(PRESENT),
        "b": Labels(frozenset({"culture"}), frozenset({"energy"}), borderline=True),
        "c": Labels(NONE, frozenset({"energy"})),
        "": None,
        "e": Labels(frozenset({"culture"})),
    }
    assert (merged.n_rows, merged.n_blank, merged.n_labelled, merged.n_added) == (3, 1, 1, 2)


def test_a_blank_row_leaves_an_unlabelled_article_unlabelled(tmp_path):
    """Nobody has looked at it, whatever else the row holds."""
    found = verdicts(tmp_path / "s.csv", "id,energy,confidence\nc,,borderline\n")

    merged = merge_labels(CORPUS, found)

    assert merged.articles == CORPUS
    assert (merged.n_labelled, merged.n_blank) == (0, 1)


def test_what_was_not_ruled_on_stays_equal(tmp_path):
    """Fields and extras survive writing and reading; only the ruled labels differ."""
    merged = merge_labels(CORPUS, verdicts(tmp_path / "s.csv", "id,energy\nc,1\n"))

    save_articles(merged.articles, tmp_path / "out.jsonl.gz")

    expected = [*CORPUS[:2], replace(CORPUS[2], labels=Labels(PRESENT, NONE)), *CORPUS[3:]]
    assert list(read_articles([tmp_path / "out.jsonl.gz"])) == expected


def test_the_same_articles_give_the_same_bytes(tmp_path):
    """Neither time nor name stands in the archive."""
    for name in ("1.jsonl.gz", "2.jsonl.gz", "plain.jsonl"):
        save_articles(CORPUS, tmp_path / name)

    first = (tmp_path / "1.jsonl.gz").read_bytes()
    assert first == (tmp_path / "2.jsonl.gz").read_bytes()
    assert gzip.decompress(first) == (tmp_path / "plain.jsonl").read_bytes()


def test_a_filled_in_sheet_finds_every_article_again(tmp_path):
    """Ids that look like formulas, articles without an id, labels named like columns."""
    articles = [replace(CORPUS[2], id="=1+1"), CORPUS[3], replace(CORPUS[0], id="-7")]
    stream = io.StringIO()
    rows = [sheet_row(article, excerpt=40) for article in articles]
    assert write_sheet(rows, stream, labels=["energy", "title"], excerpt=40) == 3
    filled = stream.getvalue().replace(",,,,,", ",1,0,borderline,,")

    found = verdicts(tmp_path / "s.csv", filled)
    merged = merge_labels(articles, found, new_labels=True, prefer="new")

    assert [article.labels for article in merged.articles] == [
        Labels(PRESENT, frozenset({"title"}), borderline=True)
    ] * 3
    assert [replace(a, labels=None) for a in merged.articles] == [
        replace(a, labels=None) for a in articles
    ]


def test_a_sheet_shows_the_text_on_one_harmless_line():
    """No line break, no control character, cut where asked or where spreadsheets would."""
    article = Article("One\n\ntwo \x1b[31mthree" + "x" * 40_000, title="=HYPERLINK(1)")

    assert sheet_row(article, excerpt=7)["excerpt"] == "One two …"
    assert sheet_row(article, excerpt=0)["text"].startswith("One two �[31mthreexxx")
    assert len(sheet_row(article, excerpt=0)["text"]) == 32_002
    assert "text" not in sheet_row(article, excerpt=7)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_sheets_may_have_any_delimiter_and_a_mark(tmp_path, delimiter):
    """As spreadsheets of other countries write them."""
    sheet = "\ufeffid,energy,culture\nb,,1\n".replace(",", delimiter)

    (found,) = verdicts(tmp_path / "s.csv", sheet)

    assert (found.id, found.cells) == ("b", {"culture": True})


def test_a_sheet_may_be_in_another_encoding(tmp_path):
    """Some spreadsheets write cp1252."""
    path = tmp_path / "s.csv"
    path.write_bytes("id,énergie\nb,1\n".encode("cp1252"))

    (found,) = read_verdicts(path, encoding="cp1252")

    assert found.cells == {"énergie": True}


@cases("merge", "name", "content", "message")
def test_rows_that_do_not_fit_the_corpus_are_refused(tmp_path, monkeypatch, name, content, message):
    """Unknown ids and labels, ids twice, other texts and contradictions name their rows."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CorpusError) as caught:
        merge_labels(CORPUS, verdicts(Path(name), content))

    assert message in str(caught.value)


@cases("merge", "name", "content", "message")
def test_rows_that_make_no_sense_are_refused(tmp_path, name, content, message):
    """With file, line and what was found, in a sheet or a line of JSON; no other file is read."""
    with pytest.raises(BadInputError) as caught:
        verdicts(tmp_path / name, content)

    assert message in str(caught.value)


def test_a_column_that_is_no_label_can_be_ignored(tmp_path):
    """Remarks of the labeller do not stop the merge."""
    found = verdicts(tmp_path / "s.csv", "id,energy,remarks\nc,1,what?\n", ignore=["remarks"])

    assert by_id(merge_labels(CORPUS, found))["c"] == Labels(PRESENT, NONE)


def test_new_labels_are_unknown_in_all_other_articles(tmp_path):
    """Also in those whose plain list spoke for every label there was."""
    found = verdicts(tmp_path / "s.csv", "id,sport\nb,1\n")

    merged = merge_labels(CORPUS, found, new_labels=True)

    assert merged.new_labels == ("sport",)
    assert by_id(merged) == {
        "a": Labels(PRESENT, frozenset({"culture"})),
        "b": Labels(frozenset({"sport"}), frozenset({"energy"}), borderline=True),
        "c": None,
        "": None,
        "e": Labels(frozenset({"culture"}), PRESENT),
    }
    assert "new labels, unknown in all other articles: sport" in str(merged)


@pytest.mark.parametrize(
    ("prefer", "labels", "changed", "kept"),
    [
        ("new", Labels(NONE, None, borderline=True), 1, 0),
        ("old", Labels(PRESENT), 0, 1),
    ],
)
def test_a_contradiction_is_settled_as_asked(tmp_path, prefer, labels, changed, kept):
    """The new label replaces the old one, or leaves it with its confidence."""
    found = verdicts(tmp_path / "s.csv", "id,energy,culture,confidence\na,0,0,borderline\n")

    merged = merge_labels(CORPUS, found, prefer=prefer)

    assert by_id(merged)["a"] == labels
    assert (merged.n_changed, merged.n_kept, merged.n_confirmed) == (changed, kept, 1)


def test_several_corrections_of_one_article_add_up(tmp_path):
    """One line a label, as a page saves them; the same line twice is said once."""
    lines = [
        {"id": "c", "label": "energy", "value": True, "model": "sectors@1"},
        {"id": "c", "label": "culture", "value": 0},
        {"id": "c", "label": "culture", "value": "no"},
        {"id": "b", "label": "culture", "value": None},
    ]
    found = verdicts(tmp_path / "s.jsonl", "\n".join(map(json.dumps, lines)))

    merged = merge_labels(CORPUS, found)

    assert by_id(merged)["c"] == Labels(PRESENT, frozenset({"culture"}))
    assert by_id(merged)["b"] == CORPUS[1].labels
    assert (merged.n_added, merged.n_blank) == (2, 1)


def test_a_correction_finds_its_article_by_the_text(tmp_path):
    """White space does not count; every copy of the text is corrected."""
    twin = Article("No id\nhere.", id="twin")
    line = {"text": " No id here. ", "label": "energy", "value": 1}
    found = verdicts(tmp_path / "s.jsonl", json.dumps(line))

    merged = merge_labels([*CORPUS, twin], found)

    assert by_id(merged)[""] == by_id(merged)["twin"] == Labels(PRESENT, NONE)
    assert (merged.n_labelled, merged.n_appended) == (2, 0)


def test_articles_with_their_own_text_are_appended(tmp_path):
    """A plain list speaks for every label that the corpus knows, else only named ones are known."""
    lines = [
        {"text": "Wind power.", "title": "Wind", "labels": ["energy"], "page": 1},
        {"id": "n", "text": "A play.", "labels": ["culture"], "negative": []},
        {"text": "Coal.", "label": "energy", "value": 1, "title": "Coal", "score": 0.7},
        {"text": "Coal.", "label": "culture", "value": 0, "title": "Coal", "score": 0.1},
    ]
    found = verdicts(tmp_path / "s.jsonl", "\n".join(map(json.dumps, lines)))

    merged = merge_labels(CORPUS, found)

    absent = frozenset({"culture"})
    assert merged.articles == [
        *CORPUS,
        Article("Wind power.", title="Wind", labels=Labels(PRESENT, absent), extra={"page": 1}),
        Article("A play.", id="n", labels=Labels(frozenset({"culture"}), NONE)),
        Article("Coal.", title="Coal", labels=Labels(PRESENT, absent)),
    ]
    assert (merged.n_appended, merged.n_labelled) == (3, 0)


def test_an_article_that_a_model_chose_says_so_from_then_on(tmp_path):
    """Its labels are for the fit, not for cuts; one drawn at random or labelled before is not."""
    corpus = [Article("Rain.", id="a"), Article("Snow.", id="b"), Article("Hail.", id="c")]
    corpus[2] = replace(corpus[2], labels=Labels(PRESENT, NONE, sample="random"))
    sheet = "id,energy,why\na,1,energy 0.52\nb,0,drawn at random\nc,1,energy 0.47\n"

    merged = merge_labels(corpus, verdicts(tmp_path / "s.csv", sheet))

    assert by_id(merged) == {
        "a": Labels(PRESENT, NONE, sample="chosen"),
        "b": Labels(NONE, PRESENT),
        "c": Labels(PRESENT, NONE, sample="random"),
    }


def test_the_command_merges_and_counts(tmp_path):
    """Every article of the corpus is in the result."""
    corpus = write_rows(
        tmp_path / "c.jsonl",
        [{"id": "a", "text": "x", "labels": ["energy"]}, {"id": "b", "text": "y"}],
    )
    (tmp_path / "s.csv").write_text("id,energy\nb,0\na,\n")

    outcome = run("corpus", "merge", corpus, tmp_path / "s.csv", "--out", tmp_path / "o.jsonl")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "2 rows, 1 of them blank",
        "1 article newly labelled, 0 appended",
        "1 cell added, 0 changed, 0 confirmed, 0 left as they were",
        f"2 articles in {tmp_path / 'o.jsonl'}",
    ]
    assert [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()] == [
        {"id": "a", "text": "x", "labels": ["energy"]},
        {"id": "b", "text": "y", "labels": [], "negative": ["energy"]},
    ]


def test_the_command_writes_nothing_when_a_row_is_refused(tmp_path):
    """One line says why; the corpus cannot be the target."""
    corpus = write_rows(tmp_path / "c.jsonl", [{"id": "a", "text": "x", "labels": ["energy"]}, {}])
    (tmp_path / "s.csv").write_text("id,energy\nq,0\n")
    arguments = ["corpus", "merge", corpus, tmp_path / "s.csv", "--on-error", "skip", "--out"]

    refused = run(*arguments, tmp_path / "o.jsonl")
    replaced = run(*arguments, corpus)

    assert (refused.code, refused.out) == (1, "")
    assert "1 id is not in the corpus" in refused.err
    assert not (tmp_path / "o.jsonl").exists()
    assert "is also an input" in replaced.err


def test_the_command_tells_what_it_skipped(tmp_path):
    """Bad rows of the corpus are counted, as everywhere."""
    corpus = write_rows(tmp_path / "c.jsonl", [{"id": "a", "text": "x", "labels": ["energy"]}, {}])
    (tmp_path / "s.csv").write_text("id,energy\na,1\n")

    outcome = run(
        "corpus", "merge", corpus, tmp_path / "s.csv", "--on-error", "skip",
        "--out", tmp_path / "o.jsonl",
    )  # fmt: skip

    assert outcome.err == "classifier: 1 bad row was skipped (1 no text field)\n"
