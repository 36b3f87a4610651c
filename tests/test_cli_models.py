"""classifier info and export, and the program as a whole."""

from dataclasses import replace
from importlib.metadata import version

import pytest

from classifier.compiled import kernel_status
from classifier.model.folder import save_model
from tests.command_line import run, run_process, save_tiny, unhashed
from tests.models import tiny_model


@pytest.fixture
def model(tmp_path):
    """Return the folder of the tiny model."""
    return save_tiny(tmp_path / "tiny")


def test_info_tells_what_a_model_is(model):
    """Labels and size are told even where nothing of the training is recorded."""
    outcome = run("info", model)

    assert outcome.code == 0
    assert unhashed(outcome.out) == (
        "tiny@HASH\nany number of energy, diplomacy, culture; 12 terms\n"
        f"kernel: {kernel_status()}\n\nFigures\nNo figures are recorded.\n\n"
    )


def test_info_of_the_shipped_model_has_its_figures():
    """Without a folder it is the model of the package."""
    outcome = run("info")

    assert outcome.code == 0
    assert outcome.out.startswith("sectors@")
    assert "Micro-F1 0." in outcome.out


def test_info_disarms_what_a_model_says_of_itself(tmp_path):
    """A model from elsewhere cannot command the terminal."""
    hostile = {"versions": {"\x1b[31mnumpy": "\x9b2J"}}
    save_model(replace(tiny_model(), info=hostile), tmp_path / "hostile")

    outcome = run("info", tmp_path / "hostile")

    assert "made with �[31mnumpy �2J" in outcome.out


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json"),
        (lambda folder: next(folder.glob("idf-*")).write_bytes(b"x"), "has 1 bytes where"),
    ],
    ids=["no manifest", "half a manifest", "another file"],
)
def test_info_tells_damage(model, damage, message):
    """A damaged folder is one line and exit code 1."""
    damage(model)

    outcome = run("info", model)

    assert outcome.code == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("option", [[], ["--model"]])
def test_a_model_goes_out_as_joblib(model, tmp_path, option):
    """Export warns of what joblib does; the model is named as with other commands, or by option."""
    outcome = run("export", *option, model, "--joblib", tmp_path / "tiny.joblib")

    assert outcome.code == 0
    assert "loading it runs code" in outcome.out
    assert (tmp_path / "tiny.joblib").is_file()


def test_the_version_is_printed():
    """--version is for bug reports; `python -m classifier` is the program."""
    outcome = run_process("--version")

    assert (outcome.code, outcome.out) == (0, f"classifier {version('classifier')}\n")


def test_without_a_command_there_is_help():
    """All commands are listed, with examples."""
    outcome = run()

    for command in ("predict", "train", "info", "export", "corpus"):
        assert f" {command} " in outcome.help
    assert "classifier predict article.txt" in outcome.help


def test_an_unknown_command_is_wrong_usage():
    """A misspelt command is answered with the right one."""
    outcome = run_process("predcit")

    assert outcome.code == 2
    assert "Did you mean 'predict'?" in outcome.said
    assert outcome.said.startswith("Usage: classifier [OPTIONS] COMMAND")
