"""What every command says of mistakes, of wrong usage and in its help."""

import pytest

from tests.cases import read_cases
from tests.command_line import ROWS, run, running_text, save_tiny, write_rows

MESSAGES = read_cases("cli_messages")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work in a folder with a model and files that are right, wrong and empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path / "cache"))
    save_tiny(tmp_path / "tiny")
    write_rows(tmp_path / "in.jsonl", ROWS)
    write_rows(tmp_path / "test.jsonl", [row | {"labels": ["energy"]} for row in ROWS])
    write_rows(tmp_path / "other.jsonl", [{"text": "text", "labels": ["sport"]}])
    write_rows(tmp_path / "plain.jsonl", [{"text": "text"}])
    for name in ("archive", "damaged", "empty"):
        (tmp_path / name).mkdir()
    write_rows(tmp_path / "archive" / "a.jsonl", ROWS)
    for name, content in {
        "damaged/manifest.json": "{}", "empty.json": "{}", "list.json": "[]", "empty.jsonl": "",
        "wrong.toml": "n_fold = 3\n", "thing.xyz": "x", "blank": " \n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(content)
    return tmp_path


def of_code(code):
    """Return the cases that end with a code, as parameters."""
    chosen = [case for case in MESSAGES if case["code"] == code]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: " ".join(case["args"]))


def checked(case, folder):
    """Run a command that makes nothing; return what came of it once it says what it should."""
    before = sorted(folder.rglob("*"))
    outcome = run(*case["args"])
    told = running_text(outcome.out + outcome.err)
    assert outcome.code == case["code"]
    assert [each for each in case["says"] if each not in told] == []
    assert sorted(folder.rglob("*")) == before
    return outcome


@of_code(1)
def test_a_mistake_is_one_line(case, folder):
    """Whatever the user can mend is said in one line on standard error, with exit code 1."""
    outcome = checked(case, folder)

    assert outcome.out == ""
    assert outcome.err.startswith("classifier: ")
    assert outcome.err.count("\n") == 1


@of_code(2)
def test_wrong_usage_is_exit_code_2(case, folder):
    """What the command does not understand is told before anything is read."""
    assert checked(case, folder).out == ""


@of_code(0)
def test_help_explains_options_and_has_an_example(case, folder):
    """Each option has a description, and examples end the page."""
    assert checked(case, folder).err == ""
