"""classifier evaluate: tables, JSON, files, and what stops it."""

import builtins
import json
from pathlib import Path

import pytest

from classifier import evaluate
from classifier.article import Article, Labels
from classifier.evaluation.evaluate import report_document
from classifier.evaluation.report import Report
from classifier.pages.document import document_text
from tests.command_line import EXAMPLES, run, run_on_terminal, save_tiny, unhashed, write_rows
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

ROWS = [
    {"id": "1", "text": ENERGY_TEXT, "labels": ["energy"]},
    {"id": "2", "text": MIXED_TEXT, "labels": ["diplomacy"]},
    {"id": "3", "text": "The museum concert and the minister talks", "labels": ["culture"]},
    {"id": "4", "text": "The minister talks and talks", "labels": []},
]
TABLE = (Path(__file__).parent / "cases" / "evaluation.txt").read_text(encoding="utf-8")
FEW = (
    "classifier: only 4 separate articles are labelled: with fewer than 30 even the intervals are "
    "a guess.\n"
)


@pytest.fixture
def model(tmp_path):
    """Return the folder of the tiny model."""
    return save_tiny(tmp_path / "tiny")


@pytest.fixture
def corpus(tmp_path):
    """Return a file of four labelled articles."""
    return write_rows(tmp_path / "test.jsonl", ROWS)


def test_a_table_of_the_figures_is_printed(model, corpus):
    """Headline and labels, in columns; and that four articles are few."""
    outcome = run("evaluate", model, corpus, "--repeats", 0)

    assert (outcome.code, outcome.err) == (0, FEW)
    assert unhashed(outcome.out) == TABLE


def test_articles_of_one_label_alone_are_said_to_tell_little(model, tmp_path):
    """An F1 of 1.000 there is no news."""
    rows = [{"id": str(n), "text": f"{ENERGY_TEXT} {n}", "labels": ["energy"]} for n in range(3)]
    corpus = write_rows(tmp_path / "one.jsonl", rows)

    outcome = run("evaluate", model, corpus, "--repeats", 0)

    assert (
        "classifier: every article has the same labels (energy): the figures do not tell how well "
        "the model tells articles apart. Add articles without them.\n"
    ) in outcome.err


def test_intervals_stand_in_brackets_and_the_seed_moves_them(model, corpus):
    """The same seed draws the same articles."""
    first, again, other = (
        run("evaluate", model, corpus, "--seed", seed, "--repeats", 50, "--format", "json").out
        for seed in (3, 3, 4)
    )
    table = run("evaluate", model, corpus)

    assert first == again != other
    assert "  micro-F1                      0.750 (" in table.out


def test_json_is_a_report(model, corpus):
    """Standard output is ASCII that can be read back."""
    outcome = run("evaluate", model, corpus, "--format", "json")

    report = Report.from_json(json.loads(outcome.out))
    assert outcome.out.isascii()
    assert report.headline.exact_match.count == 2
    assert report.corpus.name == "test"


def test_markdown_is_printed_on_request(model, corpus):
    """For a merge request or a wiki."""
    outcome = run("evaluate", model, corpus, "--format", "markdown")

    assert outcome.out.startswith("# tiny on test\n")
    assert "| energy | 1 | 2 | 0.500 |" in outcome.out


def test_a_folder_gets_json_markdown_and_a_page(model, corpus, tmp_path):
    """Three files, the table all the same, and again into the same folder."""
    out = tmp_path / "new" / "report"
    for _ in range(2):
        outcome = run("evaluate", model, corpus, "--out", out, "--repeats", 0)

    assert (outcome.code, outcome.err) == (0, FEW)
    assert unhashed(outcome.out) == TABLE
    assert sorted(path.name for path in out.iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    assert json.loads((out / "report.json").read_text())["corpus"]["n_articles"] == 4
    assert (out / "report.html").read_text().lower().startswith("<!doctype html>")


def test_the_page_can_be_left_out(model, corpus, tmp_path):
    """For a machine without the extra."""
    run("evaluate", model, corpus, "--out", tmp_path / "r", "--no-html", "--repeats", 0)

    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["report.json", "report.md"]


def test_without_the_extra_the_other_files_are_still_written(model, corpus, tmp_path, monkeypatch):
    """The page is left out, as an audit leaves it out, and it is said what to install."""
    original = builtins.__import__

    def refuse(name, *rest):
        if name.split(".")[0] in ("jinja2", "matplotlib"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)

    outcome = run("evaluate", model, corpus, "--out", tmp_path / "r", "--repeats", 0)

    assert outcome.code == 0
    assert "classifier: report.html is left out: HTML pages need" in outcome.err
    assert "pip install 'classifier[report]'" in outcome.err
    assert unhashed(outcome.out) == TABLE
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["report.json", "report.md"]


def test_a_threshold_stands_in_place_of_a_cut(model, corpus):
    """As in predict."""
    outcome = run("evaluate", model, corpus, "--threshold", "energy=0.9", "--repeats", 0)

    assert "energy            1      1      1.000   1.000  1.000" in outcome.out
    assert "0.90" in outcome.out


def test_the_shipped_model_has_a_name():
    """`sectors` needs no folder."""
    outcome = run("evaluate", "sectors", EXAMPLES, "--repeats", 0)

    assert outcome.code == 0
    assert outcome.out.startswith("sectors on articles\nsectors@")
    assert "on articles: 68 labelled articles" in outcome.out


def test_articles_seen_in_training_are_said_even_when_quiet(tmp_path):
    """On standard error and in the table, by the name of the file."""
    rows = [
        {"text": f"{body} number {i}", "labels": [label]}
        for i in range(8)
        for label, body in (("energy", "oil gas pipeline"), ("culture", "museum concert opera"))
    ]
    corpus = write_rows(tmp_path / "mine.jsonl", rows)
    (tmp_path / "quick.toml").write_text("C = 1.0\nlead_repeats = 0\nn_folds = 2\n")
    run("train", corpus, "--out", tmp_path / "m", "--settings", tmp_path / "quick.toml")

    outcome = run("evaluate", tmp_path / "m", corpus, "--quiet", "--repeats", 0)

    assert "classifier: THE MODEL WAS TRAINED ON these very articles" in outcome.err
    assert "on mine (SEEN IN TRAINING): 16 labelled articles" in outcome.out


def test_labels_that_only_one_side_knows_are_a_remark(model, tmp_path):
    """--quiet leaves it out."""
    corpus = write_rows(tmp_path / "t.jsonl", [{"text": ENERGY_TEXT, "labels": ["energy", "oil"]}])

    outcome, quiet = (run("evaluate", model, corpus, *more) for more in ([], ["--quiet"]))

    assert "classifier: labels that the model does not know are left out: oil\n" in outcome.err
    assert "labels that the corpus never mentions are not judged: diplomacy, culture" in outcome.err
    assert quiet.err == ""


def test_a_terminal_gets_a_drawn_table(model, corpus):
    """With the same figures."""
    outcome = run_on_terminal("evaluate", model, corpus, "--repeats", "0")

    assert outcome.code == 0
    assert "0.750" in outcome.out
    assert "\x1b[1m" in outcome.out


def test_the_text_is_as_wide_as_the_terminal():
    """Sentences break between words, names from outside stand as they are, brackets included."""
    articles = [Article(ENERGY_TEXT, labels=Labels(frozenset({"energy"})))]
    document = report_document(evaluate(tiny_model(), articles, name="[bold]x", repeats=0))

    lines = list(document_text(document, width=72))

    assert lines[0] == "tiny on [bold]x"
    assert max(map(len, lines)) <= 72
    assert any(line.split()[:2] == ["energy", "1"] for line in lines)


def test_labels_from_outside_cannot_command_a_terminal(model, tmp_path):
    """A corpus's name and labels are printed without their controls."""
    corpus = write_rows(
        tmp_path / "t\x1b[31m.jsonl",
        [{"text": ENERGY_TEXT, "labels": ["energy", "\x9b2J"], "title": "\x1b[2J"}],
    )

    for format in ("table", "json", "markdown"):
        outcome = run("evaluate", model, corpus, "--format", format)
        assert (outcome.code, "\x1b" in outcome.out + outcome.err) == (0, False)
        assert "\x9b" not in outcome.out + outcome.err


def test_rows_that_were_skipped_are_told(model, tmp_path):
    """The figures are about the rest."""
    corpus = write_rows(tmp_path / "t.jsonl", [*ROWS, {"id": "5"}])

    outcome = run("evaluate", model, corpus, "--on-error", "skip", "--repeats", 0)

    assert "1 bad row was skipped" in outcome.err
    assert unhashed(outcome.out).startswith("tiny on t\ntiny@HASH on t: 4 labelled articles")
