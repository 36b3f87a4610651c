"""classifier suggest: a sheet to fill in, and the way back."""

import csv
import io
import json
from dataclasses import replace

import pytest

from classifier.model.folder import save_model
from tests.command_line import run, write_rows
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

ROWS = [
    {"id": "=1+1", "text": ENERGY_TEXT, "title": "@SUM(A1)", "source": "Times", "page": 7},
    {"id": "b", "text": MIXED_TEXT, "date": "2020-01-02"},
    {"id": "c", "text": "A concert in the museum", "labels": ["culture"]},
]


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a model and articles."""
    save_model(replace(tiny_model(), min_words=1, min_coverage=0.1), tmp_path / "model")
    write_rows(tmp_path / "in.jsonl", ROWS)
    return tmp_path


def test_the_sheet_has_an_empty_column_a_label(folder):
    """And cells that no spreadsheet computes."""
    outcome = run("suggest", folder / "model", folder / "in.jsonl", "--quiet")

    header, *rows = csv.reader(io.StringIO(outcome.out))
    assert outcome.code == 0
    assert header == [
        "id", "outlet", "date", "title", "excerpt", "energy", "diplomacy", "culture",
        "confidence", "suggested", "why",
    ]  # fmt: skip
    assert sorted(row[:4] for row in rows) == [
        ["'=1+1", "Times", "", "'@SUM(A1)"],
        ["b", "", "2020-01-02", ""],
    ]
    assert [row[5:9] for row in rows] == [[""] * 4] * 2


def test_subjects_of_an_agency_are_no_labels_that_somebody_gave(folder):
    """Its items are to be labelled as any others; in training they count as labels."""
    item = {"uri": "a", "headline": "Oil", "body_text": ENERGY_TEXT, "subject": [{"code": "4"}]}
    path = write_rows(folder / "items.jsonl", [item])

    outcome = run("suggest", folder / "model", path, "--quiet")

    assert [row["id"] for row in csv.DictReader(io.StringIO(outcome.out))] == ["a"]


def test_fewer_articles_than_asked_for_are_remarked_on(folder):
    """Nothing is invented to fill the sheet."""
    outcome = run("suggest", folder / "model", folder / "in.jsonl", "-n", 5, "--excerpt", 0)

    assert outcome.err == (
        "classifier: 2 articles to suggest; the rest have labels, are copies, or cannot be judged\n"
    )
    assert ENERGY_TEXT in outcome.out


def test_a_sheet_goes_out_and_comes_back(folder):
    """Filled in, its labels reach their articles, which keep all else."""
    sheet, merged = folder / "sheet.csv", folder / "out.jsonl"
    assert run("suggest", folder / "model", folder / "in.jsonl", "--out", sheet).code == 0
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbfid,outlet")
    sheet.write_text(sheet.read_text(encoding="utf-8").replace(",,,,,", ",1,,0,borderline,"))

    outcome = run(
        "corpus", "merge", folder / "in.jsonl", sheet, "--out", merged, "--new-labels",
        "--suggested-out", folder / "chosen.jsonl",
    )  # fmt: skip

    assert outcome.code == 0, outcome.err
    rows = [
        json.loads(line)
        for path in (merged, folder / "chosen.jsonl")
        for line in path.read_text().splitlines()
    ]
    said = {"labels": ["energy"], "negative": ["culture"], "confidence": "borderline"}
    by_model = said | {"sample": "chosen"}
    expected = [ROWS[0] | said, ROWS[1] | by_model, ROWS[2] | {"negative": []}]
    assert sorted(rows, key=lambda row: row["id"]) == expected
    assert "1 of the newly labelled were chosen by a model and are no fair sample" in outcome.out
    assert len((folder / "chosen.jsonl").read_text().splitlines()) == 1


def test_the_two_results_of_a_merge_must_differ(folder):
    """One would replace the other."""
    target = folder / "out.jsonl"
    (folder / "s.csv").write_text("id,culture\nb,1\n")

    outcome = run(
        "corpus", "merge", folder / "in.jsonl", folder / "s.csv", "--out", target,
        "--suggested-out", target,
    )  # fmt: skip

    assert outcome.code == 2
    assert "is also the file of --out; name another one" in outcome.said
    assert not target.exists()


def test_skipped_rows_are_told(folder):
    """As everywhere."""
    write_rows(folder / "in.jsonl", [*ROWS, {"id": "d"}])

    outcome = run("suggest", folder / "model", folder / "in.jsonl", "-n", 2, "--on-error", "skip")

    assert outcome.err == "classifier: 1 bad row was skipped (1 no text field)\n"


def test_the_sheet_does_not_replace_the_articles(folder):
    """A result must not take the place of its input."""
    outcome = run("suggest", folder / "model", folder / "in.jsonl", "--out", folder / "in.jsonl")

    assert outcome.code == 1
    assert "is also an input" in outcome.err
