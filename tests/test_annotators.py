"""Sheets that doccano and Label Studio import, and their exports back in the corpus."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.article import Article, Labels
from classifier.errors import SettingsError
from classifier.labelling.merge import merge_labels
from classifier.labelling.sheet import read_verdicts, sheet_format
from classifier.model.folder import save_model
from tests.command_line import run, write_rows
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

ROWS = [
    {"id": "a", "text": ENERGY_TEXT, "title": "Oil", "source": "Times"},
    {"text": MIXED_TEXT, "date": "2020-01-02"},
]
LABELS = ["energy", "diplomacy", "culture"]
KEY = "text:1ab0a9a02a68398a"


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a model and articles."""
    save_model(replace(tiny_model(), min_words=1, min_coverage=0.1), tmp_path / "model")
    write_rows(tmp_path / "in.jsonl", ROWS)
    return tmp_path


def suggested(folder, name, *more):
    """Return the file that `suggest` writes under a name."""
    inputs = (folder / "model", folder / "in.jsonl", "--random-share", 0, "-n", 2)
    outcome = run("suggest", *inputs, "--out", folder / name, *more)
    assert (outcome.code, outcome.err) == (
        0,
        f"classifier: 2 articles to label in {folder / name}\n",
    )
    return (folder / name).read_text("utf-8")


def merged(folder, content, name):
    """Return the rows of the corpus after an export was merged."""
    (folder / name).write_text(content)
    outcome = run(
        "corpus", "merge", folder / "in.jsonl", folder / name, "--out", folder / "out.jsonl",
        "--new-labels", "--quiet",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


def test_doccano_gets_a_text_and_labels_a_line(folder):
    """The rest of a line is what doccano carries along, the article's key among it."""
    lines = [json.loads(line) for line in suggested(folder, "sheet.jsonl").splitlines()]

    by_key = {line["article"]: line for line in lines}
    assert by_key["a"] == {
        "text": f"Oil\n\n{ENERGY_TEXT}",
        "label": ["energy"],
        "title": "Oil",
        "outlet": "Times",
        "date": "",
        "article": "a",
        "choices": LABELS,
        "why": "unsure of diplomacy (0.60)",
    }
    assert by_key[KEY]["label"] == ["diplomacy", "energy"]


def test_label_studio_gets_tasks_with_predictions(folder):
    """A task is data and one prediction by the control tag "labels" over "text"."""
    tasks = json.loads(suggested(folder, "tasks.json", "--excerpt", 12))

    by_key = {task["data"]["article"]: task for task in tasks}
    assert by_key["a"]["data"]["text"] == "Oil and gas: …"
    (said,) = by_key["a"]["predictions"]
    assert said["model_version"].startswith("tiny@")
    assert said["result"] == [
        {
            "from_name": "labels",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": ["energy"]},
        }
    ]


def test_what_doccano_exports_comes_back(folder):
    """Its own number is no id; what was not chosen is absent; all else stays."""
    export = [
        json.loads(line) | {"id": 7 + i, "label": label, "Comments": []}
        for i, (line, label) in enumerate(
            zip(suggested(folder, "sheet.jsonl").splitlines(), [["culture"], []], strict=True)
        )
    ]
    keys = [row["article"] for row in export]
    lines = "".join(json.dumps(row) + "\n" for row in export)

    rows = dict(zip(["a", KEY], merged(folder, lines, "export.jsonl"), strict=True))

    assert rows[keys[0]]["labels"] == ["culture"]
    assert rows[keys[0]]["negative"] == ["diplomacy", "energy"]
    assert rows[keys[1]]["labels"] == []
    assert rows[keys[1]]["negative"] == ["culture", "diplomacy", "energy"]
    assert rows["a"]["text"] == ENERGY_TEXT
    assert {row["sample"] for row in rows.values()} == {"chosen"}


def choices(*labels):
    """Return what Label Studio notes of an annotation."""
    value = {"choices": list(labels)}
    return {"from_name": "labels", "to_name": "text", "type": "choices", "value": value}


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ([{"result": [choices("energy")]}], (["energy"], ["culture", "diplomacy"])),
        ([{"result": []}], ([], ["culture", "diplomacy", "energy"])),
        ([{"was_cancelled": True, "result": [choices("energy")]}], (None, None)),
        ([], (None, None)),
    ],
    ids=["chosen", "none", "skipped", "not looked at"],
)
def test_what_label_studio_exports_comes_back(folder, annotations, said):
    """Tasks with their annotations; a task that was skipped, or not done, says nothing."""
    tasks = [
        task | {"id": i, "annotations": annotations if task["data"]["article"] == "a" else []}
        for i, task in enumerate(json.loads(suggested(folder, "tasks.json")), 1)
    ]

    first, second = merged(folder, json.dumps(tasks), "export.json")

    assert (first.get("labels"), first.get("negative")) == said
    assert "labels" not in second


def test_the_short_export_of_label_studio_comes_back(folder):
    """JSON-MIN: one choice is a word, several are an object."""
    short = [
        task["data"] | {"id": i, "labels": said, "annotator": 1}
        for i, (task, said) in enumerate(
            zip(
                json.loads(suggested(folder, "tasks.json")),
                ["culture", {"choices": ["culture", "energy"]}],
                strict=True,
            )
        )
    ]

    rows = merged(folder, json.dumps(short), "short.json")

    assert sorted(row["labels"] for row in rows) == [["culture"], ["culture", "energy"]]


def test_rows_of_anyones_doccano_are_found_by_their_text(tmp_path):
    """Without a key of ours, as from a project that was set up by hand."""
    write_rows(tmp_path / "e.jsonl", [{"id": 3, "text": "The  dam is full.", "label": ["energy"]}])
    corpus = [Article("The dam is full.", id="x", labels=Labels(set(), {"culture"}))]

    result = merge_labels(corpus, read_verdicts(tmp_path / "e.jsonl"), new_labels=True)

    assert [(each.id, each.labels) for each in result.articles] == [
        ("x", Labels({"energy"}, {"culture"}))
    ]


def test_the_worst_errors_of_an_evaluation_become_a_sheet(folder):
    """Each article once, by its key and whole, with what was wrong and what the model gives."""
    rows = [ROWS[0] | {"labels": []}, ROWS[1] | {"labels": ["energy", "culture"]}]
    corpus = write_rows(folder / "test.jsonl", rows)

    outcome = run(
        "evaluate", folder / "model", corpus, "--repeats", 0, "--errors-out", folder / "again.csv",
        "--quiet",
    )  # fmt: skip

    assert outcome.code == 0, outcome.err
    sheet = list(csv.DictReader((folder / "again.csv").read_text("utf-8-sig").splitlines()))
    assert [(row["id"], row["suggested"], row["why"]) for row in sheet] == [
        ("a", "energy", "false energy (0.95)"),
        (KEY, "diplomacy|energy", "missed culture (0.00)"),
    ]
    assert sheet[0]["text"] == ENERGY_TEXT


def test_the_sheet_of_errors_needs_a_corpus_to_read_twice(folder):
    """Standard input is gone once it was read."""
    outcome = run("evaluate", folder / "model", "-", "--errors-out", folder / "again.csv", input="")

    assert outcome.code == 2
    assert "--errors-out: needs a corpus to read twice, no -" in outcome.said


def test_an_option_overrules_the_name_of_the_sheet(folder):
    """Whatever the file is called."""
    assert suggested(folder, "a.txt", "--sheet-format", "doccano").startswith('{"text": ')
    assert sheet_format(None) == "csv"
    with pytest.raises(SettingsError, match=r"a\.xlsx: sheets are written as \.csv"):
        sheet_format(Path("a.xlsx"))
