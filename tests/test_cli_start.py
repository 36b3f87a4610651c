"""How the command line starts and ends: what it loads, and how errors leave it."""

import subprocess
import sys

import pytest

from classifier.cli.terminal import exit_code, flush
from classifier.errors import ModelError
from tests.command_line import ROWS, environment, run, save_tiny, write_rows


@pytest.fixture
def places(tmp_path):
    """Give a folder with a model and articles."""
    save_tiny(tmp_path / "tiny")
    write_rows(tmp_path / "rows.jsonl", ROWS)
    return tmp_path


def at_exit(places, statement, *options):
    """Return the words on standard error of a prediction that runs a statement in the end."""
    code = (
        "import atexit, os, sys\n"
        f"atexit.register(lambda: {statement})\n"
        "from classifier.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "--model", "tiny", "rows.jsonl", *options],
        env=environment(OPENBLAS_NUM_THREADS=None), capture_output=True, text=True, check=True,
        cwd=places,
    )  # fmt: skip
    return done.stderr.split()


def test_a_command_loads_no_other(places):
    """Nor anything that training, reports or the service need."""
    chosen = ("--format", "jsonl", "--jobs", "1", "--threshold", "energy=0.7", "--quiet")
    loaded = set(at_exit(places, "print(*sys.modules, file=sys.stderr)", *chosen))

    assert {"numpy", "typer", "classifier.cli.predict"} <= loaded
    assert not loaded & {"classifier.cli.train", "classifier.cli.serve", "classifier.cli.corpus"}
    assert not loaded & {"rich", "pandas", "sklearn", "scipy", "fastapi", "httpx", "pydantic"}


@pytest.mark.parametrize(
    ("words", "completed"),
    [("classifier pre", "predict"), ("classifier predict --format j", "jsonl")],
    ids=["command", "choice"],
)
def test_a_shell_is_told_how_a_word_goes_on(words, completed):
    """Of commands, which are not loaded for it, and of what an option may be."""
    asked = environment(
        _CLASSIFIER_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
    )
    done = subprocess.run(
        [sys.executable, "-m", "classifier"], env=asked, capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == [completed]


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads as Linux lists them")
def test_tagging_starts_no_threads(places):
    """So that workers may begin as copies, and because nothing would use them."""
    tasks = "print(len(os.listdir('/proc/self/task')), file=sys.stderr)"

    assert at_exit(places, tasks) == ["1"]


def test_several_processes_say_what_one_says(places):
    """Of files that are read to their end, and of those that are none."""
    names = ["rows.jsonl", "empty.jsonl", "bad.jsonl", "missing\x1b.jsonl"]
    (places / "empty.jsonl").write_text("")
    (places / "bad.jsonl").write_text("{\n")

    one, two = (
        [run("predict", "--model", places / "tiny", places / name, "--jobs", n) for name in names]
        for n in (1, 2)
    )

    assert one == two
    assert [outcome.code for outcome in one] == [0, 0, 1, 1]
    assert [outcome.out.count("\n") for outcome in one] == [3, 0, 0, 0]
    assert "there were no articles to read" in one[1].err
    assert "missing\ufffd.jsonl" in one[3].err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ModelError("no model\x1b"), 1, "classifier: no model\ufffd\n"),
        (FileNotFoundError(2, "No such file", "a.txt"), 1, "classifier: a.txt: No such file\n"),
        (OSError("standard output is closed"), 1, "classifier: standard output is closed\n"),
        (KeyboardInterrupt(), 130, "classifier: interrupted\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_users_can_mend_leaves_as_one_line(capsys, error, code, said):
    """The line on standard error and the exit code of each kind of error."""
    assert exit_code(error) == code
    assert capsys.readouterr().err == said


def test_without_a_standard_error_nothing_is_said(monkeypatch):
    """A program without streams keeps its exit code."""
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)

    flush()

    assert exit_code(ModelError("no model")) == 1
