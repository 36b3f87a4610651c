"""classifier drift: a verdict for people and for programs."""

import json

import pytest

from classifier.corpus.read import read_articles
from classifier.labelling.merge import save_articles
from classifier.model.folder import save_model
from classifier.training.settings import Settings
from classifier.training.train import train
from tests.command_line import EXAMPLES, run, save_tiny, write_rows

NOTES = [{"text": f"Gas prices rose on day {i}."} for i in range(25)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a model of some house articles, others of them, and short notes."""
    folder = tmp_path_factory.mktemp("drift")
    articles = list(read_articles([EXAMPLES.parents[1] / "house"]))
    settings = Settings(C=(1.0,), lead_repeats=(0,), auxiliary_weight=(1.0,))
    save_model(train(articles[::2], settings, name="house"), folder / "m")
    save_articles(articles[1::2], folder / "others.jsonl")
    write_rows(folder / "notes.jsonl", NOTES)
    return folder


def test_articles_of_the_same_hand_are_as_in_training(folder):
    """The verdict stands on its own line, then every measure."""
    outcome = run("drift", folder / "m", folder / "others.jsonl", "--strict")

    lines = outcome.out.splitlines()
    assert (outcome.code, outcome.err) == (0, "")
    assert lines[0] == "As in training"
    assert lines[1].startswith("1,278 articles, compared with the 1,278 held out when house@")
    assert lines[4].split() == ["measure", "training", "here", "distance", "chance", "verdict"]
    assert lines[5].split()[0] == "coverage"


def test_other_articles_are_different(folder):
    """Reasons follow the verdict; measures that are off are marked."""
    outcome = run("drift", folder / "m", folder / "notes.jsonl")

    assert outcome.code == 0
    assert outcome.out.splitlines()[0] == "Different"
    assert "  length in words: 100 % of the articles at " in outcome.out
    assert "  different\n" in outcome.out


def test_strict_makes_a_failure_of_it(folder):
    """For use in scripts; the output is the same."""
    outcome = run("drift", folder / "m", folder / "notes.jsonl", "--strict", "--format", "json")

    found = json.loads(outcome.out)
    assert (outcome.code, found["verdict"], found["articles"]) == (1, "different", 25)
    assert found["measures"]["words"]["verdict"] == "different"
    assert found["reasons"]


def test_an_older_model_is_an_error_in_one_line(folder):
    """It says what to do."""
    outcome = run("drift", save_tiny(folder / "tiny"), folder / "notes.jsonl")

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "classifier: model 'tiny' keeps nothing to compare new articles with: it was trained by an "
        "older classifier. Train it again.\n"
    )


def test_skipped_rows_are_told(folder):
    """As everywhere."""
    path = write_rows(folder / "bad.jsonl", [*NOTES, {"id": "x"}])

    outcome = run("drift", folder / "m", path, "--on-error", "skip")

    assert outcome.err == "classifier: 1 bad row was skipped (1 no text field)\n"
