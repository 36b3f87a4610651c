"""The way round the parser of options: the same answers, sooner, and only where it may be taken."""

import io
import subprocess
import sys

import pytest

from classifier.cli import main
from classifier.cli.quick import Plain, plain_prediction
from classifier.cli.terminal import flush, told
from classifier.errors import ModelError
from tests.command_line import ROWS, environment, run, save_tiny, write_rows


def run_main(capsys, monkeypatch, *args):
    """Run the program in this process; return exit code, standard output and error."""
    monkeypatch.setattr(sys, "argv", ["classifier", *map(str, args)])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit) as ended:
        main()
    return (ended.value.code or 0, *capsys.readouterr())


@pytest.fixture
def places(tmp_path):
    """Give a folder with a model, articles, an empty file and a broken one."""
    save_tiny(tmp_path / "tiny")
    write_rows(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "one.txt").write_text("Oil and gas\x1b: the minister opened the pipeline")
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "bad.jsonl").write_text("{\n")
    return tmp_path


@pytest.mark.parametrize(
    "names",
    [
        ["one.txt"],
        ["rows.jsonl", "one.txt"],
        ["rows.jsonl", "--quiet"],
        ["-q", "empty.jsonl"],
        ["empty.jsonl"],
        ["bad.jsonl"],
        ["missing.txt"],
        ["missing\x1b.txt"],
        ["rows.jsonl", "rows.jsonl"],
        ["rows.jsonl", "--jobs", "2"],
        ["rows.jsonl", "-q", "--jobs", "1"],
        ["empty.jsonl", "--jobs", "2"],
        ["bad.jsonl", "--jobs", "2"],
        ["one.txt", "--jobs", "2"],
    ],
    ids=" ".join,
)
def test_it_says_what_the_parser_would_have_said(places, capsys, monkeypatch, names):
    """Standard output, messages and exit code are those of the whole program."""
    args = [places / name if "." in name else name for name in names]
    parsed = run("predict", "--model", places / "tiny", *args)

    quick = run_main(capsys, monkeypatch, "predict", "--model", places / "tiny", *args)

    assert quick == (parsed.code, parsed.out, parsed.err)


def test_a_model_that_is_none_is_an_error(places, capsys, monkeypatch):
    """One line on standard error, exit code 1."""
    code, out, err = run_main(capsys, monkeypatch, "predict", "--model", places, places / "one.txt")

    assert (code, out) == (1, "")
    assert (
        err == f"classifier: {places}/manifest.json is missing. Fetch or train the model again.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "plain"),
    [
        ("predict a.txt", Plain(("a.txt",))),
        ("predict a.txt - b", Plain(("a.txt", "-", "b"))),
        ("predict --model m a.txt -q", Plain(("a.txt",), "m", True)),
        ("predict --quiet a.txt --model m --model n", Plain(("a.txt",), "n", True)),
        ("predict --jobs 2 a.jsonl", Plain(("a.jsonl",), jobs=2)),
        ("predict a.jsonl --jobs 04 --jobs 3 -q", Plain(("a.jsonl",), None, True, 3)),
        ("predict a.jsonl --jobs 0", None),
        ("predict a.jsonl --jobs -1", None),
        ("predict a.jsonl --jobs ²", None),
        ("predict a.jsonl --jobs 99999", None),
        ("predict a.jsonl --jobs", None),
        ("predict a.jsonl --jobs two", None),
        ("", None),
        ("train a.txt", None),
        ("predict", None),
        ("predict --help", None),
        ("predict a.txt -h", None),
        ("predict a.txt --explain", None),
        ("predict a.txt --out b.csv", None),
        ("predict --model=m a.txt", None),
        ("predict -- a.txt", None),
        ("predict a.txt --model", None),
        ("predict a.txt --model --quiet", None),
        ("--version", None),
    ],
)
def test_whatever_needs_a_parser_gets_one(monkeypatch, arguments, plain):
    """Files, a model and quiet are plain; any other option is not."""
    monkeypatch.setattr(sys, "stdin", None)

    assert plain_prediction(arguments.split()) == plain


class Terminal(io.StringIO):
    """An output that says it is a screen."""

    def isatty(self):
        """Say so."""
        return True


def test_several_processes_write_no_table(monkeypatch):
    """On a terminal the parser says so."""
    monkeypatch.setattr(sys, "stdout", Terminal())

    assert plain_prediction(["predict", "a.jsonl", "--jobs", "2"]) is None
    assert plain_prediction(["predict", "a.jsonl", "--jobs", "1"]) == Plain(("a.jsonl",))


def test_text_that_is_piped_in_is_read(monkeypatch):
    """Without files, standard input is what to tag."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("text"))

    assert plain_prediction(["predict", "--quiet"]) == Plain(("-",), None, True)


def test_other_commands_go_to_the_parser(capsys, monkeypatch):
    """`main` hands on what is not plain, and requests of a shell for completions."""
    assert run_main(capsys, monkeypatch, "--version")[1].startswith("classifier ")
    assert "Usage: classifier predict" in run_main(capsys, monkeypatch, "predict", "--help")[1]


def test_tagging_loads_no_parser_and_nothing_heavy(places):
    """Neither Typer nor what it brings along, nor anything that training needs."""
    done = run_listing(places)

    assert "numpy" in done
    assert not done & {"typer", "click", "pydantic", "rich", "pandas", "sklearn", "scipy"}


def run_listing(places):
    """Return the top names of the modules that a plain prediction leaves loaded."""
    return set(at_exit(places, "print(*{n.split('.')[0] for n in sys.modules}, file=sys.stderr)"))


def at_exit(places, statement):
    """Return the words on standard error of a prediction that runs a statement in the end."""
    code = (
        "import atexit, os, sys\n"
        f"atexit.register(lambda: {statement})\n"
        "from classifier.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "--model", places / "tiny", places / "one.txt"],
        env=environment(OPENBLAS_NUM_THREADS=None), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stderr.split()


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads as Linux lists them")
def test_tagging_starts_no_threads(places):
    """So that workers may begin as copies, and because nothing would use them."""
    tasks = "print(len(os.listdir('/proc/self/task')), file=sys.stderr)"

    assert at_exit(places, tasks) == ["1"]


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
    assert told(error) == code
    assert capsys.readouterr().err == said


def test_without_a_standard_error_nothing_is_said(monkeypatch):
    """A program without streams keeps its exit code."""
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)

    flush()

    assert told(ModelError("no model")) == 1
