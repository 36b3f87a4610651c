"""classifier corpus: fetch, build and show."""

from pathlib import Path
from typing import get_args

import pytest

from classifier.cli.corpus import Name
from classifier.published.sources import NAMES
from tests.command_line import EXAMPLES, ROWS, run, write_rows

FILES = Path(__file__).parent / "files"


def test_show_counts_a_file():
    """Articles, labels, days and outlets of a file are counted."""
    outcome = run("corpus", "show", EXAMPLES)

    assert (outcome.code, outcome.err) == (0, "")
    words = [line.split() for line in outcome.out.splitlines()]
    assert words[0] == ["articles", "68"]
    assert ["diplomacy", "18", "26.5", "%"] in words
    assert ["none", "of", "these", "22", "32.4", "%"] in words


def test_show_counts_several_as_one(tmp_path):
    """Files and folders add up, and skipped rows are told."""
    first = write_rows(tmp_path / "1.jsonl", [*ROWS, {"id": "d"}])
    second = write_rows(tmp_path / "2.jsonl", ROWS)

    outcome = run("corpus", "show", first, second, "--on-error", "skip")

    assert outcome.out.splitlines()[0].split() == ["articles", "6"]
    assert outcome.err == "classifier: 1 bad row was skipped (1 no text field)\n"


def test_show_tells_what_was_read_of_the_first_rows():
    """Field by field, so that a wrong name of a column is seen."""
    outcome = run("corpus", "show", FILES / "news_category.jsonl")

    assert outcome.out.split("\n\n")[-2].splitlines() == [
        "title         Dam Is Full After A Week Of Rain",
        "text          The valley's reservoir holds more water than in any May on record.",
        "date          2022-05-23",
        "labels        ENVIRONMENT",
        "other fields  link, authors",
    ]
    assert outcome.err.splitlines() == [
        "classifier: reading 'short_description' as the text.",
        "classifier: reading 'headline' as the title.",
        "classifier: reading 'category' as the labels.",
    ]


def test_show_disarms_names(tmp_path):
    """An outlet's name cannot command the terminal."""
    row = {"text": "x", "source": "\x1b[31mThe Red Paper", "labels": ["\x9bm"]}
    path = write_rows(tmp_path / "in.jsonl", [row])

    outcome = run("corpus", "show", path)

    assert "�[31mThe Red Paper" in outcome.out
    assert not set(outcome.out) & set("\x1b\x9b")


def test_show_names_the_corpora_when_there_is_no_such_file(tmp_path, monkeypatch):
    """A misspelt name is answered with the right ones."""
    monkeypatch.chdir(tmp_path)

    outcome = run("corpus", "show", "news_artikles")

    assert outcome.code == 1
    assert outcome.err.startswith(
        "classifier: news_artikles: no such file or folder, and no corpus of that name. "
        "Check the spelling; the corpora are news_articles, allsides, "
    )
    assert outcome.err.endswith(", world.\n")


def test_a_file_of_that_name_comes_before_a_corpus(tmp_path, monkeypatch):
    """What lies here is what is meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "allsides").mkdir()
    write_rows(tmp_path / "allsides" / "mine.jsonl", ROWS)

    outcome = run("corpus", "show", "allsides")

    assert outcome.out.splitlines()[0].split() == ["articles", "3"]


def test_the_choices_are_the_corpora_there_are():
    """The command line forgets no corpus."""
    literal, *_ = get_args(Name)

    assert get_args(literal) == NAMES


def test_fetch_from_a_wrong_place_says_what_to_do(tmp_path, monkeypatch):
    """A copy that is not the published corpus is refused in one line."""
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path / "cache"))

    outcome = run("corpus", "fetch", "news_articles", "--from", tmp_path / "missing")

    assert outcome.code == 1
    assert outcome.out == ""
    assert "missing" in outcome.err.splitlines()[-1]
    assert outcome.err.splitlines()[-1].startswith("classifier: ")


def test_build_asks_for_a_fetch_first(tmp_path, monkeypatch):
    """Without the texts there is nothing to join, and no file is left."""
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path / "cache"))

    outcome = run("corpus", "build", "allsides", "--out", tmp_path / "x.jsonl")

    assert outcome.code == 1
    assert "Run `classifier corpus fetch allsides` first." in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("out", "message"),
    [(".", ".: is a folder. Name a file in it."), ("/dev/null", "/dev/null: is no regular file.")],
)
def test_build_replaces_no_folder_and_no_device(out, message):
    """A file that appears in one step must not take the place of anything else."""
    outcome = run("corpus", "build", "allsides", "--out", out)

    assert outcome.code == 1
    assert message in outcome.err


def test_show_tells_what_its_tables_are(tmp_path):
    """An outlet that is unknown is not a label."""
    path = write_rows(tmp_path / "in.jsonl", [{"text": "x", "labels": ["energy"]}])

    lines = run("corpus", "show", path).out.split("\n\ntext")[0].splitlines()

    assert lines[-2:] == [
        "outlets, as a share of all articles",
        "unknown                            1  100.0 %",
    ]


def test_codes_of_labels_get_names(tmp_path):
    """Numbers in a column, names in a file."""
    (tmp_path / "names.txt").write_text("World\nSports\n")
    path = write_rows(tmp_path / "in.jsonl", [{"text": "x", "label": 1}])

    outcome = run("corpus", "show", path, "--label-names", tmp_path / "names.txt")

    assert "Sports                             1  100.0 %" in outcome.out.splitlines()
    assert outcome.err == "classifier: reading 'label' as the labels.\n"


def test_merge_names_the_encoding_that_helps(tmp_path):
    """--encoding is that of the corpus."""
    corpus = write_rows(tmp_path / "in.jsonl", [{"id": "b", "text": "x", "category": "Wire"}])
    sheet = tmp_path / "s.csv"
    sheet.write_bytes("id,énergie\nb,1\n".encode("cp1252"))

    failed = run("corpus", "merge", corpus, sheet, "--out", tmp_path / "out.jsonl")
    merged = run("corpus", "merge", corpus, sheet, "--out", tmp_path / "out.jsonl",
                 "--labelled-encoding", "cp1252", "--new-labels")  # fmt: skip

    assert failed.code == 1
    assert "Name its encoding, for example --labelled-encoding cp1252." in failed.err
    assert (merged.code, merged.err) == (0, "")
    assert '"category": "Wire"' in (tmp_path / "out.jsonl").read_text()
