"""classifier train: from labelled files to a model folder, and what stops it."""

import json

import pytest

from classifier.archive.score import load
from classifier.cli.options import open_corpora
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.published.sources import GROUPS
from tests.command_line import (
    EXAMPLES,
    run,
    run_on_terminal,
    run_process,
    save_tiny,
    write_rows,
)

# The quickest training there is.
QUICK = """\
C = 1.0
lead_repeats = 0
borderline_weight = 1.0
auxiliary_weight = 1.0
n_folds = 2
"""
# So many candidates that there is time to press Ctrl-C.
SLOW = f"C = {[i / 100 for i in range(1, 500)]}\n"


@pytest.fixture
def quick(tmp_path):
    """Return a file of settings for a quick training."""
    (tmp_path / "quick.toml").write_text(QUICK)
    return tmp_path / "quick.toml"


def test_training_saves_a_model_and_prints_its_figures(tmp_path, quick):
    """The model can be used at once, and standard output tells how good it is."""
    out = tmp_path / "mine"

    outcome = run("train", EXAMPLES, "--out", out, "--settings", quick, "--seed", "3")
    tagged = run("predict", "--model", out, EXAMPLES)

    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    columns = ["label", "articles", "precision", "recall", "F1", "AP", "ECE", "cut"]
    start = [line.split() for line in lines].index(columns)
    assert [line.split()[:2] for line in lines[start + 1 : start + 6]] == [
        ["culture", "16"],
        ["diplomacy", "18"],
        ["energy", "15"],
        ["parliament", "13"],
        ["technology", "14"],
    ]
    assert lines[-1].startswith(f"Saved as {out} (mine@")
    assert load(out).info["settings"]["seed"] == 3
    assert load(out).info["corpus"]["articles"] == 68
    assert "classifier predict --model FOLDER" in (out / "README.md").read_text()
    assert len(tagged.out.splitlines()) == 68


def test_labels_may_stand_in_columns_or_in_one_field(tmp_path, quick):
    """A column a label, and a field with a separator, say the same."""
    bodies = {"energy": "oil gas pipeline number {}", "culture": "museum concert opera number {}"}
    rows = [(label, body.format(i)) for i in range(8) for label, body in bodies.items()]
    columns = "Body,energy,culture\n" + "".join(
        f"{body},{int(label == 'energy')},{int(label == 'culture')}\n" for label, body in rows
    )
    field = "Body,Tags\n" + "".join(f"{body},{label};\n" for label, body in rows)
    (tmp_path / "columns.csv").write_text(columns)
    (tmp_path / "field.csv").write_text(field)
    common = ("--text-field", "Body", "--settings", quick)

    first = run(
        "train", tmp_path / "columns.csv", "--out", tmp_path / "m1", *common,
        "--label-column", "energy", "--label-column", "culture",
    )  # fmt: skip
    second = run(
        "train", tmp_path / "field.csv", "--out", tmp_path / "m2", *common,
        "--labels-field", "Tags", "--separator", ";",
    )  # fmt: skip

    assert (first.code, second.code) == (0, 0)
    assert load(tmp_path / "m1").info["corpus"]["positives"] == {"culture": 8, "energy": 8}
    assert load(tmp_path / "m2").info["corpus"]["positives"] == {"culture": 8, "energy": 8}


def test_auxiliary_articles_are_no_natural_sample(tmp_path, quick):
    """They are trained on, and no figure counts them."""
    examples = [json.loads(line) for line in EXAMPLES.read_text().splitlines()]
    main = write_rows(tmp_path / "main.jsonl", examples[:50])
    more = write_rows(tmp_path / "more.jsonl", examples[50:])

    outcome = run(
        "train", main, "--auxiliary", more, "--out", tmp_path / "mine", "--settings", quick
    )

    assert outcome.code == 0
    corpus = load(tmp_path / "mine").info["corpus"]
    assert (corpus["articles"], corpus["natural"]) == (68, 50)


def test_skipped_rows_are_told(tmp_path, quick):
    """Bad rows that were skipped are counted on standard error, by kind."""
    bad = tmp_path / "in.jsonl"
    bad.write_text('{"text": ""}\n' + EXAMPLES.read_text())

    outcome = run(
        "train", bad, "--out", tmp_path / "mine", "--settings", quick, "--on-error", "skip"
    )

    assert outcome.code == 0
    assert outcome.err.splitlines() == ["classifier: 1 bad row was skipped (1 empty text)"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("letters", "letters: holds files and no model (such as dear.txt)."),
        ("letters/dear.txt", "letters/dear.txt: is a file. Name a folder."),
        ("letters/dear.txt/mine", "no model can be written there (Not a directory)."),
    ],
)
def test_a_place_that_will_not_do_is_refused_before_training(tmp_path, monkeypatch, out, message):
    """Other people's folders stay as they are, and nobody trains for nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("…")

    outcome = run("train", "never-read.jsonl", "--out", out)

    assert outcome.code == 1
    assert message in outcome.err
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]


def test_a_model_and_the_remains_of_a_save_are_replaced(tmp_path, quick):
    """A folder with a model, with the files of a save that was cut short, or empty, is taken."""
    old = save_tiny(tmp_path / "old")
    cut_short = tmp_path / "cut"
    cut_short.mkdir()
    (cut_short / "vocabulary-0123abcd.txt").write_text("x\n")
    (cut_short / ".idf-0123abcd.npy.0123abcd.part").write_text("x")

    first = run("train", EXAMPLES, "--out", old, "--settings", quick)
    second = run("train", EXAMPLES, "--out", cut_short, "--settings", quick)

    assert (first.code, second.code) == (0, 0)
    assert load(old).labels == ("culture", "diplomacy", "energy", "parliament", "technology")
    assert len(list(cut_short.iterdir())) == 6


def test_progress_is_drawn_on_a_terminal_alone(tmp_path, quick):
    """Bars go to standard error; standard output keeps the figures."""
    outcome = run_on_terminal(
        "train", EXAMPLES, "--out", tmp_path / "m1", "--settings", quick, output="pipe"
    )
    quiet = run_on_terminal(
        "train", EXAMPLES, "--out", tmp_path / "m2", "--settings", quick, "-q", output="pipe"
    )

    assert outcome.code == 0
    assert "reading articles" in outcome.out
    assert "68/68" in outcome.out
    assert "fitting" in outcome.out
    assert "Saved as" not in outcome.out
    assert "Saved as" in outcome.err
    assert (quiet.code, quiet.out) == (0, "")


def test_ctrl_c_keeps_the_old_model(tmp_path):
    """An interrupted training ends with code 130, one line, and the model that was there."""
    old = save_tiny(tmp_path / "old")
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    (tmp_path / "slow.toml").write_text(SLOW)

    outcome = run_on_terminal(
        "train", EXAMPLES, "--out", old, "--settings", tmp_path / "slow.toml",
        interrupt_at="fitting",
    )  # fmt: skip

    assert outcome.code == 130
    assert outcome.out.endswith("classifier: interrupted\n")
    assert "Traceback" not in outcome.out
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before


def test_a_training_that_cannot_start_is_a_clean_process(tmp_path):
    """The process ends with code 1, nothing on standard output and no traceback."""
    rows = write_rows(tmp_path / "in.jsonl", [{"text": "oil", "labels": ["energy"]}])

    outcome = run_process("train", rows, "--out", tmp_path / "mine")

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("classifier: 1 labelled article is very few: ")
    assert outcome.err.endswith("too few for 5 folds\n")


def test_a_group_is_trained_on_corpus_by_corpus(tmp_path, monkeypatch):
    """Each of the world's corpora has its own name and place; here they are empty files."""
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path))
    for name in GROUPS["world"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "articles.jsonl.gz").touch()

    corpora = open_corpora([str(EXAMPLES), "world"], ReadOptions(), ReadTally())

    assert [each.name for each in corpora] == ["articles", *GROUPS["world"]]
