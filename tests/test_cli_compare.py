"""classifier compare: what it prints and writes, and when it fails a build."""

import json
from dataclasses import replace

import pytest

from classifier.model.folder import save_model
from tests.command_line import EXAMPLES, run, save_tiny, write_rows
from tests.models import ENERGY_TEXT, tiny_model

ROWS = [
    {"id": "e", "title": "Oil", "text": ENERGY_TEXT, "labels": ["energy"]},
    {
        "id": "d",
        "text": "The minister and the ambassador held talks and talks in the city",
        "labels": ["diplomacy"],
    },
    {
        "id": "c",
        "text": "The museum opened the concert and the museum and the hall",
        "labels": ["culture"],
    },
    {"id": "p", "text": "The minister and the clerk and the mayor went home", "labels": []},
]


@pytest.fixture
def corpus(tmp_path):
    """Return a file of four articles that the tiny model tags rightly."""
    return write_rows(tmp_path / "in.jsonl", ROWS)


@pytest.fixture
def good(tmp_path):
    """Return the folder of the tiny model."""
    return save_tiny(tmp_path / "good")


@pytest.fixture
def bad(tmp_path):
    """Return the folder of a model that has forgotten gas and oil: micro-F1 0.8, macro 0.667."""
    model = tiny_model()
    weights = model.weights.copy()
    weights[[model.term_ids["gas"], model.term_ids["oil"]]] = 0
    save_model(replace(model, weights=weights, name="bad"), tmp_path / "bad")
    return tmp_path / "bad"


def test_the_table_shows_both_models_and_what_changed(good, bad, corpus):
    """Figures, labels, broken articles with their terms, all on standard output."""
    outcome = run("compare", good, bad, corpus)

    assert (outcome.code, outcome.err) == (0, "")
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert lines[0].startswith("tiny@")
    assert " against bad@" in lines[0]
    assert "4 of 4 articles judged, 4 when near-duplicates count as one" in lines[1]
    assert lines[3].startswith("micro-F1 1.000 0.800 -0.200 (")
    assert lines[4].startswith("macro-F1 1.000 0.667 -0.333 (")
    assert lines[5] == "articles without a label given one 0.0 % 0.0 %"
    assert lines[7:10] == ["labels 3 3", "terms 12 12", "size 0.0 MB 0.0 MB"]
    assert lines[14].startswith("energy 1 1.000 0.000 -1.000 (-1.000 to -1.000) 0 1")
    assert lines[15].startswith("diplomacy 1 1.000 1.000 0.000 (0.000 to 0.000) 0 0")
    assert lines[19:21] == ["right in both fixed by B broken by B wrong in both", "3 0 1 0"]
    assert lines[23:26] == [
        "Strongest broken",
        "e Oil",
        "energy wrongly taken away, 0.95 → 0.46: oil +0.91 → +0.00, gas +0.80 → +0.00",
    ]


def test_a_model_against_itself_changes_nothing(good, corpus):
    """A and B may be the same folder."""
    outcome = run("compare", good, good, corpus, "--fail-if-worse", "0")

    assert outcome.code == 0
    assert outcome.err == "classifier: micro-F1 of B over A: +0.0000, no fall of more than 0\n"
    assert "Strongest" not in outcome.out


def test_a_worse_model_fails_after_everything_was_told(good, bad, corpus, tmp_path):
    """Exit code 1 with one line on standard error; table and files are there all the same."""
    outcome = run("compare", good, bad, corpus, "--fail-if-worse", "0.19", "--out", tmp_path / "c")

    assert outcome.code == 1
    assert outcome.err == (
        "classifier: B is worse. micro-F1 of B over A: -0.2000, a fall of more than 0.19\n"
    )
    assert "Strongest broken" in outcome.out
    assert (tmp_path / "c" / "compare.json").exists()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--fail-if-worse", "0.2"], 0),
        (["--fail-if-worse", "0.199"], 1),
        (["--fail-if-worse", "0.3", "--measure", "macro"], 1),
        (["--fail-if-worse", "0.34", "--measure", "macro"], 0),
        ([], 0),
    ],
)
def test_the_limit_is_on_the_point_estimate_of_the_measure(good, bad, corpus, args, code):
    """A fall by exactly the limit passes; macro-F1 falls further than micro-F1."""
    assert run("compare", good, bad, corpus, *args).code == code


def test_a_better_model_never_fails_and_quiet_says_nothing(good, bad, corpus):
    """Rises have no limit."""
    outcome = run("compare", bad, good, corpus, "--fail-if-worse", "0", "--quiet")

    assert (outcome.code, outcome.err) == (0, "")
    assert "Strongest fixed" in outcome.out


def test_a_gate_that_measures_nothing_fails(good, tmp_path):
    """Without a label present or given there is no F1, and no reason to pass."""
    rows = [{"text": ROWS[3]["text"], "labels": [], "negative": ["energy"]}]
    corpus = write_rows(tmp_path / "none.jsonl", rows)

    outcome = run("compare", good, good, corpus, "--fail-if-worse", "0.1")

    assert outcome.code == 1
    assert "the micro-F1 of both cannot be compared" in outcome.err


def test_json_and_markdown_are_printed_and_written_alike(good, bad, corpus, tmp_path):
    """--out writes both forms, and a second run replaces them."""
    out = tmp_path / "deep" / "c"
    run("compare", good, bad, corpus, "--out", out)

    as_json = run("compare", good, bad, corpus, "--format", "json")
    as_markdown = run("compare", good, bad, corpus, "--format", "markdown", "--out", out)

    printed, written = json.loads(as_json.out), json.loads((out / "compare.json").read_text())
    for content in (printed, written):
        assert content["a"].pop("articles_per_second") > 0
        assert content["b"].pop("articles_per_second") > 0
    assert printed == written
    assert written["micro"]["estimate"] == -0.2
    assert written["broken"][0]["tags"][0]["terms"][0] == {"term": "oil", "a": 0.913365, "b": 0.0}
    assert as_markdown.out == (out / "compare.md").read_text()
    assert sorted(path.name for path in out.iterdir()) == [
        "compare.html", "compare.json", "compare.md",
    ]  # fmt: skip


def test_a_folder_can_be_compared_with_a_shipped_model(good, tmp_path, monkeypatch):
    """The name of a shipped model will do; labels that only one knows are listed."""
    monkeypatch.chdir(tmp_path)

    outcome = run("compare", good, "sectors", EXAMPLES, "--examples", "1")

    assert outcome.code == 0
    assert " against sectors@" in outcome.out
    assert "Left out, as only B knows them: parliament, technology" in outcome.out


def test_a_misspelt_model_is_answered_with_the_shipped_ones(good, corpus, tmp_path, monkeypatch):
    """Neither a folder nor a name."""
    monkeypatch.chdir(tmp_path)

    outcome = run("compare", good, "sektors", corpus)

    assert outcome.code == 1
    assert "sektors is not there, or is no folder" in outcome.err
    assert "sectors for the shipped one" in outcome.err


def test_names_from_outside_are_disarmed(good, bad, tmp_path):
    """A headline cannot command the terminal, nor break its line."""
    hostile = {**ROWS[0], "title": "\x1b[31mOil\nfake line"}
    corpus = write_rows(tmp_path / "h.jsonl", [hostile, *ROWS[1:]])

    table = run("compare", good, bad, corpus).out
    page = run("compare", good, bad, corpus, "--format", "markdown").out

    assert "  e �[31mOil fake line\n" in table
    assert "\x1b" not in table + page


def test_skipped_rows_are_told(good, corpus, tmp_path):
    """The figures are of the rest."""
    mixed = write_rows(tmp_path / "mixed.jsonl", [*ROWS, {"id": "z"}])

    outcome = run("compare", good, good, mixed, "--on-error", "skip")

    assert (outcome.code, "1 bad row was skipped" in outcome.err) == (0, True)


def test_a_file_in_the_place_of_the_folder_is_refused_first(good, corpus):
    """Before anything is read."""
    outcome = run("compare", good, good, corpus, "--out", corpus)

    assert (outcome.code, outcome.out) == (1, "")
    assert "is a file. Name a folder." in outcome.err
