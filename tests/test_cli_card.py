"""classifier card: printed, written, with reports, and what stops it."""

import json

import pytest

from classifier.archive.score import load
from classifier.evaluation.card import model_card
from tests.command_line import EXAMPLES, run, save_tiny, write_rows
from tests.models import ENERGY_TEXT, MIXED_TEXT

LABELLED = [
    {"id": "1", "text": ENERGY_TEXT, "labels": ["energy"]},
    {"id": "2", "text": MIXED_TEXT, "labels": ["diplomacy"]},
    {"id": "3", "text": "The museum concert and the minister talks", "labels": ["culture"]},
    {"id": "4", "text": "The minister talks and talks", "labels": []},
]


@pytest.fixture
def model(tmp_path):
    """Return the folder of the tiny model."""
    return save_tiny(tmp_path / "tiny")


@pytest.fixture
def report(model, tmp_path):
    """Return the report of an evaluation of the tiny model."""
    corpus = write_rows(tmp_path / "test.jsonl", LABELLED)
    run("evaluate", model, corpus, "--out", tmp_path / "r", "--no-html", "--repeats", 0)
    return tmp_path / "r" / "report.json"


def test_the_card_is_printed(model):
    """Markdown on standard output, nothing else said."""
    outcome = run("card", model)

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == model_card(load(model))
    assert outcome.out.startswith("# tiny\n")


def test_the_shipped_model_has_a_card_and_a_name():
    """`sectors` needs no folder, and is what is meant when nothing is named."""
    outcome, named = run("card"), run("card", "sectors")

    assert outcome.out == named.out
    assert "| energy | producing, moving, trading" in outcome.out


def test_a_report_joins_the_card(model, report):
    """Under the name of the corpus that it is about."""
    outcome = run("card", model, "--report", report, "--report", report)

    assert outcome.code == 0
    assert outcome.out.count("### Measured on test\n") == 2
    assert "| micro-F1 | 0.750 |" in outcome.out


def test_the_card_can_replace_that_of_the_folder(model, report):
    """The model is as good as before: a card has no part in its hash."""
    signature = load(model).signature

    outcome = run("card", model, "--report", report, "--out", model / "README.md")

    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert "### Measured on test\n" in (model / "README.md").read_text(encoding="utf-8")
    assert load(model).signature == signature


def test_training_writes_the_same_card(tmp_path):
    """The README of the folder is what the command prints."""
    (tmp_path / "quick.toml").write_text("C = 1.0\nlead_repeats = 0\nn_folds = 2\n")
    run("train", EXAMPLES, "--out", tmp_path / "m", "--settings", tmp_path / "quick.toml")

    outcome = run("card", tmp_path / "m")

    assert outcome.out == (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "classifier train articles --settings settings.toml --out m\n" in outcome.out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["tiny", "--report", "other.json"], "the report is about tiny@00000000, the card about"),
        (["tiny", "--report", "r/report.json", "--out", "r/report.json"], "is also an input"),
    ],
)
def test_mistakes_are_one_line(model, report, tmp_path, monkeypatch, args, message):
    """Exit code 1, nothing on standard output, nothing written."""
    monkeypatch.chdir(tmp_path)
    other = json.loads(report.read_text())
    other["model"] |= {"hash": "0" * 64, "signature": "tiny@00000000"}
    (tmp_path / "other.json").write_text(json.dumps(other))
    before = sorted(tmp_path.rglob("*"))

    outcome = run("card", *args)

    assert (outcome.code, outcome.out) == (1, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
