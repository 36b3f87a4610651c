"""Labels have codes of a vocabulary: read from files, carried by models, shown on demand."""

import csv
import io
import json
import tomllib
from dataclasses import replace

import pytest

from classifier.article import Article, Labels
from classifier.cli.train import chosen_codes
from classifier.corpus.codes import LabelCodes, plain_code, read_label_codes, sector_codes
from classifier.errors import BadInputError, ModelError
from classifier.files import resource
from classifier.model.folder import load_model, save_model
from classifier.training.settings import Settings
from classifier.training.train import train
from tests.command_line import ROWS, run, write_rows
from tests.models import MIXED_TEXT, tiny_model

TOML = """
[labels.energy]
codes = ["medtop:20000256"]
narrower = ["medtop:20001243"]

[labels.culture]
codes = ["medtop:20000002", "medtop:20000038"]

[broader]
"medtop:20000263" = "medtop:20001243"
"medtop:20000005" = ["medtop:20000002"]
"""
CSV = """label,code,broader
energy,medtop:20000256,
,medtop:20001243,medtop:20000256
culture,medtop:20000002,
culture,medtop:20000038,
,medtop:20000263,medtop:20001243
,medtop:20000005,medtop:20000002
"""
CODES = {"energy": ["medtop:20000256"], "diplomacy": ["medtop:20000638", "medtop:20000639"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the folder of the tiny model with codes for two of its labels."""
    folder = tmp_path_factory.mktemp("codes") / "tiny"
    save_model(replace(tiny_model(), info={"codes": CODES}), folder)
    return folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("codes.toml", TOML),
        ("codes.csv", CSV),
        ("codes.json", json.dumps(tomllib.loads(TOML))),
    ],
)
def test_codes_are_read_from_toml_csv_and_json(tmp_path, name, content):
    """A code leads to the label of a code any number of steps above it, and to no other."""
    (tmp_path / name).write_text(content)

    codes = read_label_codes(tmp_path / name)

    assert codes.labels_of("medtop:20000263") == {"energy"}
    assert codes.labels_of("medtop:20000005") == {"culture"}
    assert codes.labels_of("medtop:20000344") == set()
    assert codes.of(["energy", "culture", "sport"]) == {
        "energy": ["medtop:20000256"],
        "culture": ["medtop:20000002", "medtop:20000038"],
    }


def test_codes_that_lead_in_a_circle_end(tmp_path):
    """A file may contradict itself; climbing stops all the same."""
    codes = LabelCodes({"energy": ("x:1",)}, {"x:2": ("x:3",), "x:3": ("x:2", "x:1")})

    assert codes.labels_of("x:2") == {"energy"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", "[labels", "cannot be read as codes of labels"),
        ("a.json", "[]", "holds no labels with codes"),
        ("a.json", '{"energy": 7}', "label 'energy': the codes are 7. Write a list of codes"),
        ("a.csv", "name,number\nenergy,7\n", "a table needs the columns label and code"),
        ("a.txt", "energy", "codes of labels are read from .toml, .json and .csv"),
    ],
)
def test_a_file_without_codes_is_refused(tmp_path, name, content, message):
    """The message names the file and what is wrong with it."""
    (tmp_path / name).write_text(content)

    with pytest.raises(BadInputError) as caught:
        read_label_codes(tmp_path / name)

    assert str(caught.value).startswith(str(tmp_path / name))
    assert message in str(caught.value)


def test_articles_get_the_labels_above_their_codes():
    """Also of addresses and of codes without their scheme; strangers are left out and told."""
    codes = LabelCodes({"energy": ("medtop:20000256",)}, {"medtop:20000263": ("medtop:20000256",)})
    address, told = "http://cv.iptc.org/newscodes/mediatopic/20000263", []
    given = [
        Labels({address, "medtop:20000344"}),
        Labels({"20000263", "mine"}, absent={"culture", "medtop:20000002"}),
        Labels({"mine"}),
        None,
    ]

    articles = list(codes.mapped((Article("x", labels=each) for each in given), tell=told.append))

    assert [each.labels for each in articles] == [
        Labels({"energy"}),
        Labels({"energy", "mine"}, absent={"culture"}),
        Labels({"mine"}),
        None,
    ]
    assert told == ["codes that stand for no label are left out, such as 'medtop:20000344'."]


def test_every_sector_has_a_rule_and_topics_of_a_named_vocabulary():
    """The file of the five sectors is whole, and its narrower topics lead up."""
    document = tomllib.loads(resource("data", "sectors.toml").read_text("utf-8"))
    sectors = document["labels"]

    assert document["vocabulary"]["version"] == "2023-10-24"
    assert sorted(sectors) == ["culture", "diplomacy", "energy", "parliament", "technology"]
    assert all(each["name"] and each["rule"].endswith(".") for each in sectors.values())
    assert {name: each["codes"] for name, each in sectors.items()} == {
        "energy": ["medtop:20000256"],
        "technology": ["medtop:20000225", "medtop:20000756"],
        "diplomacy": ["medtop:20000638"],
        "parliament": ["medtop:20000615"],
        "culture": ["medtop:20000002", "medtop:20000038"],
    }
    # solar power, summit meetings, refugees
    found = map(sector_codes().labels_of, ("medtop:20001209", "medtop:20000640", "medtop:20000645"))
    assert list(found) == [{"energy"}, {"diplomacy"}, set()]


def test_training_from_ninjs_maps_codes_upwards_and_records_them(tmp_path):
    """The model knows the label, not its narrower codes, and keeps the codes in its folder."""
    texts = {"medtop:20001243": "gas pipeline oil barrel", "medtop:20000005": "film actor screen"}
    items = [
        {"uri": f"urn:{i}", "body_text": f"{text} story {i % 7} about {i % 5} {text}",
         "subject": [{"code": code}]}
        for i in range(12)
        for code, text in texts.items()
    ]  # fmt: skip
    (tmp_path / "items.json").write_text(json.dumps(items))
    (tmp_path / "codes.toml").write_text(TOML)

    with pytest.warns(UserWarning, match="reading 'subjects' as the labels"):
        model = train(
            tmp_path / "items.json",
            Settings(n_folds=2),
            codes=read_label_codes(tmp_path / "codes.toml"),
            tell=lambda note: None,
        )

    assert model.labels == ("culture", "energy")
    saved = save_model(model, tmp_path / "model")
    assert load_model(tmp_path / "model").codes == saved.codes == {
        "culture": ["medtop:20000002", "medtop:20000038"],
        "energy": ["medtop:20000256"],
    }  # fmt: skip


def test_published_corpora_bring_the_codes_of_the_sectors(tmp_path, monkeypatch):
    """A file comes before them, and a corpus of one's own brings none."""
    (tmp_path / "codes.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)

    assert chosen_codes(None, ["mine.jsonl", "world"]) == sector_codes()
    assert chosen_codes(None, ["mine.jsonl"]) is None
    assert sorted(chosen_codes(tmp_path / "codes.toml", ["world"]).codes) == ["culture", "energy"]


def test_info_lists_codes(model):
    """A label after the other, each with its codes."""
    said = run("info", model).out

    assert "codes: diplomacy medtop:20000638 medtop:20000639, energy medtop:20000256\n" in said


def test_a_model_without_codes_is_as_it_was(tmp_path):
    """Folders of earlier versions have none, and load."""
    saved = save_model(tiny_model(), tmp_path / "tiny")

    assert saved.codes == {}
    outcome = run("predict", "--model", tmp_path / "tiny", "-", "--codes", input=MIXED_TEXT)
    assert (outcome.code, outcome.out) == (1, "")
    assert "tiny carries no codes for its labels. Train it with --label-codes FILE." in outcome.err


@pytest.mark.parametrize("codes", [7, {"sport": ["x:1"]}, {"energy": "x:1"}, {"energy": [1]}])
def test_damaged_codes_are_told(codes):
    """What a manifest says may be any JSON."""
    with pytest.raises(ModelError, match="no list of codes"):
        _ = replace(tiny_model(), info={"codes": codes}).codes


def test_predictions_show_codes_on_demand(model, tmp_path):
    """By tag in JSON, together in tables; without --codes nothing changes."""
    rows = write_rows(tmp_path / "in.jsonl", ROWS)
    predict = ("predict", "--model", model, rows)

    lines = [json.loads(line) for line in run(*predict, "--codes").out.splitlines()]
    table = list(csv.DictReader(io.StringIO(run(*predict, "--codes", "--format", "csv").out)))
    shown = run(*predict, "--codes", "--format", "table").out.splitlines()

    assert [line["codes"] for line in lines] == [
        {"energy": ["medtop:20000256"]},
        {"diplomacy": ["medtop:20000638", "medtop:20000639"], "energy": ["medtop:20000256"]},
        {},
    ]
    assert [row["codes"] for row in table] == [
        "medtop:20000256", "medtop:20000638|medtop:20000639|medtop:20000256", "",
    ]  # fmt: skip
    assert shown[1].split("  ")[-1].strip() == (
        "diplomacy 0.90 medtop:20000638 medtop:20000639, energy 0.62 medtop:20000256"
    )
    assert "codes" not in run(*predict).out


def test_subjects_of_ninjs_bear_codes(model, tmp_path):
    """One subject a code: by its short name in ninjs 1, by its address in ninjs 2 and 3."""
    first = {"uri": "urn:a", "body_text": MIXED_TEXT}
    second = {"uri": "urn:b", "bodies": [{"value": MIXED_TEXT}]}
    (tmp_path / "items.json").write_text(json.dumps([first, second]))

    said = run("predict", "--model", model, tmp_path / "items.json", "--format", "ninjs").out

    one, two = map(json.loads, said.splitlines())
    assert [(each["code"], each["relevance"]) for each in one["subject"]] == [
        ("medtop:20000638", 90), ("medtop:20000639", 90), ("medtop:20000256", 62),
    ]  # fmt: skip
    assert two["subjects"][2] == {
        "name": "energy",
        "uri": "http://cv.iptc.org/newscodes/mediatopic/20000256",
        "relevance": 62,
        "confidence": 62,
    }


def test_codes_go_into_a_single_file(model, tmp_path):
    """Into a folder of results they are refused, not left out."""
    rows = write_rows(tmp_path / "in.jsonl", ROWS)
    (tmp_path / "out").mkdir()

    outcome = run("predict", "--model", model, rows, "--codes", "--out", tmp_path / "out")

    assert outcome.code == 2
    assert "--codes: goes into a single file" in outcome.said


def test_an_address_is_a_code():
    """Other addresses stay what they are."""
    assert plain_code("https://cv.iptc.org/newscodes/subjectcode/04005000/") == "subj:04005000"
    assert plain_code("http://example.org/20000256") == "http://example.org/20000256"


def test_the_service_shows_codes_on_demand(model):
    """In answers to bodies and lines, in reasons, and of the model; not unless asked for."""
    pytest.importorskip("fastapi")
    from tests.service import asking

    with asking(model) as client:
        one = client.post("/v1/predict", json={"text": MIXED_TEXT, "codes": True}).json()
        plain = client.post("/v1/predict", json={"text": MIXED_TEXT}).json()
        why = client.post("/v1/explain", json={"text": MIXED_TEXT, "codes": True}).json()
        lines = client.post(
            "/v1/predict?codes=true",
            content=json.dumps({"text": MIXED_TEXT}),
            headers={"Content-Type": "application/x-ndjson"},
        ).text
        wrong = client.post("/v1/predict?codes=maybe", json={"text": MIXED_TEXT})
        served = client.get("/v1/model").json()

    both = {"diplomacy": ["medtop:20000638", "medtop:20000639"], "energy": ["medtop:20000256"]}
    assert one["codes"] == why["prediction"]["codes"] == json.loads(lines)["codes"] == both
    assert "codes" not in plain
    assert (wrong.status_code, wrong.json()["field"]) == (422, "codes")
    assert served["codes"] == CODES
