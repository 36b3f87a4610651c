"""The service's addresses: what they answer, and how they refuse."""

import json
import math
import re
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from classifier.labelling.merge import merge_labels
from classifier.labelling.sheet import read_verdicts
from classifier.model.folder import load_model, save_model
from classifier.service.limits import Source
from tests.cases import each_case
from tests.command_line import environment, run, write_rows
from tests.models import tiny_model
from tests.service import BLANK_TEXT, ENERGY_TEXT, MIXED_TEXT, POINTS, asked, asking, tiny_folder

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def client(folder):
    """Return a client of the service with the tiny model."""
    with asking(folder) as client:
        yield client


def test_one_article_is_answered_as_on_the_command_line(client, folder, tmp_path):
    """The object is the line that `classifier predict` writes."""
    row = {"id": "a", "title": "The minister", "text": MIXED_TEXT, "source": "Times"}
    write_rows(tmp_path / "in.jsonl", [row])
    line = run("predict", "--model", folder, tmp_path / "in.jsonl").out

    answer = asked(client, "/v1/predict", row)

    assert answer.status_code == 200
    assert answer.json() == json.loads(line)
    assert answer.json()["tags"] == ["diplomacy", "energy"]


def test_a_batch_keeps_its_order(client):
    """Each article has its own prediction, in the order sent."""
    texts = [ENERGY_TEXT, BLANK_TEXT, MIXED_TEXT] * 50
    articles = [{"id": str(i), "text": text} for i, text in enumerate(texts)]

    said = asked(client, "/v1/predict", {"articles": articles}).json()["predictions"]

    assert [each["id"] for each in said] == [str(i) for i in range(150)]
    assert [each["tags"] for each in said[:3]] == [["energy"], [], ["diplomacy", "energy"]]
    assert said[1]["note"].startswith("the model knows 0 of 4 words")
    assert "note" not in said[0]


def test_thresholds_take_the_place_of_cuts(client):
    """As `--threshold` does; what decided is the cut that an explanation shows."""
    body = {"text": ENERGY_TEXT, "thresholds": {"energy": 1, "culture": 0}}

    assert asked(client, "/v1/predict", body).json()["tags"] == ["culture"]
    assert asked(client, "/v1/explain", body).json()["labels"]["energy"]["cut"] == 1


def test_the_address_may_hold_model_and_thresholds_too(client):
    """As for lines; what the body says comes first."""
    address = "/v1/predict?model=tiny&threshold=energy=1.0&threshold=culture=0"
    body = {"text": ENERGY_TEXT, "thresholds": {"culture": 1}, "model": "tiny"}

    assert asked(client, address, {"text": ENERGY_TEXT}).json()["tags"] == ["culture"]
    assert asked(client, address, body).json()["tags"] == []


def test_a_working_point_chooses_the_cuts(tmp_path):
    """In the body or in the address, the body first; thresholds come before either."""
    client = asking(tiny_folder(tmp_path / "tiny", points=POINTS))
    article = {"text": ENERGY_TEXT}
    bodies = {
        "/v1/predict": [
            article,
            article | {"point": "balanced"},
            article | {"point": "precise"},
            article | {"point": "complete"},
            article | {"point": "precise", "thresholds": {"culture": 0}},
        ],
        "/v1/predict?point=precise": [article, article | {"point": "complete"}],
        "/v1/predict?point=precise&threshold=diplomacy=0": [article],
    }

    tags = {
        path: [sorted(asked(client, path, body).json()["tags"]) for body in each]
        for path, each in bodies.items()
    }

    every = ["culture", "diplomacy", "energy"]
    assert tags == {
        "/v1/predict": [["energy"], ["energy"], [], every, ["culture"]],
        "/v1/predict?point=precise": [[], every],
        "/v1/predict?point=precise&threshold=diplomacy=0": [["diplomacy"]],
    }


def test_a_working_point_holds_in_batches_lines_and_explanations(tmp_path):
    """The cut that an explanation tells is the one that decided."""
    client = asking(tiny_folder(tmp_path / "tiny", points=POINTS))
    batch = {"articles": [{"text": ENERGY_TEXT}], "point": "precise"}
    line = json.dumps({"text": ENERGY_TEXT})
    lines = {"Content-Type": "application/x-ndjson"}

    explained = asked(client, "/v1/explain", {"text": ENERGY_TEXT, "point": "precise"}).json()

    assert asked(client, "/v1/predict", batch).json()["predictions"][0]["tags"] == []
    assert asked(client, "/v1/predict?point=precise", line, headers=lines).json()["tags"] == []
    assert explained["prediction"]["tags"] == []
    assert {each["cut"] for each in explained["labels"].values()} == {1.0}
    assert client.get("/v1/model").json()["points"] == ["balanced", "complete", "precise"]


def test_numbers_and_null_are_read_as_on_the_command_line(client):
    """An id may be a number, a headline may be missing or null."""
    answer = asked(client, "/v1/predict", {"text": ENERGY_TEXT, "id": 12, "title": None})

    assert answer.json()["id"] == "12"


def test_an_explanation_adds_up_to_the_margin(client):
    """Contributions and bias are the margin; the cut is a probability."""
    answer = asked(client, "/v1/explain", {"id": "a", "text": ENERGY_TEXT}).json()

    energy = answer["labels"]["energy"]
    total = energy["bias"] + sum(term["contribution"] for term in energy["terms"])
    assert total == energy["margin"]
    assert answer["prediction"]["tags"] == ["energy"]
    assert energy["probability"] == answer["prediction"]["scores"]["energy"]
    # the margin 0.125 lies an eighth of the way from 0.4 to 0.95
    assert energy["cut"] == 0.46875
    assert energy["terms"][0].keys() == {"term", "count", "contribution"}


def test_spans_point_into_the_text_that_was_read(client):
    """Every known word, counted in characters, after characters that need two units."""
    answer = asked(client, "/v1/explain", {"title": "𝔊as 𝔊", "text": "Oil, the gas."}).json()

    assert answer["text"] == "𝔊as 𝔊\n\nOil, the gas."
    found = [(answer["text"][start:end], term) for start, end, term in answer["spans"]]
    assert found == [("Oil", "oil"), ("the", "the"), ("gas", "gas")]


def test_spans_of_pairs_cover_both_words(tmp_path):
    """A term of two words has a span of its own."""
    client = asking(tiny_folder(tmp_path, bigrams=True))

    answer = asked(client, "/v1/explain", {"text": "A gas pipeline"}).json()

    assert answer["spans"] == [[2, 5, "gas"], [6, 14, "pipeline"], [2, 14, "gas pipeline"]]


def test_a_label_that_is_never_given_has_no_cut(tmp_path):
    """JSON has no infinity; null stands for never."""
    cuts = tiny_model().cuts.copy()
    cuts[1] = math.inf
    save_model(replace(tiny_model(), cuts=cuts), tmp_path)
    client = asking(tmp_path)

    assert client.get("/v1/model").json()["cuts"]["diplomacy"] is None
    explained = asked(client, "/v1/explain", {"text": MIXED_TEXT}).json()
    assert explained["labels"]["diplomacy"]["cut"] is None


def test_the_model_tells_what_it_is(client, folder):
    """Labels, cuts as probabilities, card, hash, names of all models."""
    answer = client.get("/v1/model").json()

    model = load_model(folder)
    assert answer["name"] == "tiny"
    assert answer["signature"] == model.signature
    assert answer["hash"] == model.info["hash"]
    assert answer["labels"] == ["energy", "diplomacy", "culture"]
    assert answer["cuts"] == {"energy": 0.46875, "diplomacy": 0.7, "culture": 0.2875}
    assert answer["card"] == "# tiny\n\nFor tests.\n"
    assert answer["models"] == ["tiny"]
    assert answer["feedback"] is False
    assert answer["limits"]["batch_articles"] == 1000


def test_a_model_without_a_card_or_versions_is_described(tmp_path):
    """Nothing is made up for what is not there."""
    tiny_folder(tmp_path)
    (tmp_path / "README.md").unlink()

    answer = asking(tmp_path).get("/v1/model").json()

    assert answer["card"] == ""
    assert answer["versions"] == {}


def test_models_stand_side_by_side(folder, tmp_path):
    """Each answers under its name, the first where none is named."""
    one = tiny_folder(tmp_path / "one", mode="one")
    client = asking(folder, sources=(Source(folder), Source(one, name="single")))

    named = asked(client, "/v1/predict", {"text": BLANK_TEXT, "model": "single"}).json()
    unnamed = asked(client, "/v1/predict", {"text": BLANK_TEXT}).json()

    assert len(named["tags"]) == 1
    assert unnamed["tags"] == []
    assert client.get("/v1/model?model=single").json()["mode"] == "one"
    listed = client.get("/v1/models").json()["models"]
    assert [(each["name"], each["default"]) for each in listed] == [
        ("tiny", True),
        ("single", False),
    ]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ("[" * 100_000, 400, "the body is not valid JSON (recursion limit exceeded"),
        ('{"articles": [' + "1," * 300_000 + "1]}", 413, "articles has 300001 articles, at most"),
        ({"articles": [1] * 1000}, 422, "articles[0]: Input should be a valid"),
        ({"text": "oil", "thresholds": dict.fromkeys(map(str, range(10_001)), 2)}, 422, "thresho"),
        ({"articles": [], **dict.fromkeys(map(str, range(10_001)))}, 422, "the body: 10002 ent"),
    ],
)
def test_a_body_of_many_faults_costs_no_more_than_one_of_few(client, body, status, detail):
    """Limits come first, and ten faults are enough."""
    start = time.process_time()
    answer = asked(client, "/v1/predict", body)

    assert time.process_time() - start < 5
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(detail)
    assert len(answer.json().get("errors", ())) in (0, 10)


def test_no_more_is_checked_after_ten_faults(folder):
    """Also where a service takes very many articles at once."""
    client = asking(folder, limits={"batch_articles": 2_000_000})
    body = '{"articles": [' + "1," * 1_000_000 + "1]}"

    start = time.process_time()
    answer = asked(client, "/v1/predict", body)

    assert time.process_time() - start < 5
    assert [each["field"] for each in answer.json()["errors"]] == [
        f"articles[{i}]" for i in range(10)
    ]


@pytest.mark.parametrize("kind", ["application/jsonl", "application/x-ndjson; charset=utf-8"])
def test_lines_of_json_have_more_than_one_name(client, kind):
    """All of them are answered line by line."""
    answer = asked(client, "/v1/predict", '{"text": "oil"}\n', headers={"Content-Type": kind})

    assert answer.status_code == 200
    assert answer.text.count("\n") == 1


def test_the_text_of_an_article_is_in_no_problem(client):
    """Problems end up in logs; texts must not."""
    answer = asked(client, "/v1/predict", {"text": ["a secret text"], "id": {"x": "secret"}})

    assert answer.status_code == 422
    assert "secret" not in answer.text


def test_a_body_of_unknown_length_is_read_no_further_than_the_limit(folder):
    """It is counted while it comes in, not afterwards."""
    pieces = [b" " * 1000] * 1000

    answer = asked(
        asking(folder, limits={"body_bytes": 5000}),
        "/v1/predict",
        "",
        extensions={"pieces": pieces},
        headers={"Content-Length": ""},
    )

    assert answer.status_code == 413
    assert answer.json()["limit"] == 5000


def test_an_unknown_address_and_a_wrong_method_are_problems(client):
    """404 and 405 as documents, 405 with what is possible."""
    unknown, wrong = client.get("/v1/nothing"), client.delete("/v1/predict")

    assert (unknown.status_code, unknown.headers["content-type"]) == (404, PROBLEM)
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, PROBLEM)
    assert wrong.headers["allow"] == "POST"
    assert wrong.json()["detail"] == "DELETE is not possible here. Use POST."


def test_a_fault_is_a_problem_without_its_reasons(folder, monkeypatch):
    """A 500 tells the client nothing of the inside, and keeps the safe headers."""
    client = asking(folder)
    monkeypatch.setattr("classifier.service.app.models_object", lambda service: 1 / 0)

    answer = client.get("/v1/models")

    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["detail"] == "a fault of the service; its log says more."


def test_corrections_are_off_unless_asked_for(client):
    """A 404 that says how to turn them on."""
    answer = asked(client, "/v1/feedback", {"text": ENERGY_TEXT, "labels": []})

    assert answer.status_code == 404
    assert "--feedback FILE" in answer.json()["detail"]


def test_a_correction_is_a_line_that_a_merge_takes(folder, tmp_path):
    """The label comes back into the corpus by text; what is not said stays unknown."""
    path = tmp_path / "fixed.jsonl"
    client = asking(folder, feedback=path)
    body = {"text": ENERGY_TEXT, "title": "T", "labels": ["energy"], "negative": ["culture"]}

    answer = asked(client, "/v1/feedback", body)

    assert answer.json() == {"saved": True, "replaced": False}
    assert client.get("/v1/model").json()["feedback"] is True
    merged = merge_labels([], read_verdicts(path), new_labels=True)
    assert merged.articles[0].text == ENERGY_TEXT
    assert merged.articles[0].labels.present == {"energy"}
    assert merged.articles[0].labels.absent == {"culture"}


def test_a_later_correction_takes_the_place_of_an_earlier_one(folder, tmp_path):
    """A merge refuses two rows about one article, so there is never a second."""
    path = tmp_path / "fixed.jsonl"
    path.write_bytes(b'not ours\n{"id": "b", "text": "Other", "labels": []}')
    client = asking(folder, feedback=path)

    for text, labels in ((ENERGY_TEXT, ["culture"]), (f" {ENERGY_TEXT}\n", ["energy"])):
        last = asked(client, "/v1/feedback", {"text": text, "labels": labels})
    by_id = asked(client, "/v1/feedback", {"id": "b", "text": "New", "labels": ["culture"]})

    assert last.json()["replaced"] is True
    assert by_id.json()["replaced"] is True
    first, second, third = path.read_text().splitlines()
    assert first == "not ours"
    assert json.loads(second)["labels"] == ["energy"]
    assert json.loads(third) == {"id": "b", "text": "New", "labels": ["culture"]}


@each_case("http_refusals")
def test_what_is_refused_is_a_problem_that_names_the_field(folder, tmp_path, case):
    """RFC 9457: type, title, status and detail, and the place in the body."""
    client = asking(folder, limits=case.get("limits"), feedback=tmp_path / "fixed.jsonl")
    body = case["body"].encode(case["encoding"]) if "encoding" in case else case["body"]

    answer = asked(client, case["path"], body, headers=case.get("headers", {}))

    problem = answer.json()
    assert answer.status_code == problem["status"] == case["status"]
    assert answer.headers["content-type"] == PROBLEM
    assert problem["type"] == "about:blank"
    assert (problem.get("field"), problem.get("limit")) == (case.get("field"), case.get("limit"))
    assert problem["detail"].startswith(case.get("detail", ""))
    assert problem["title"] == case.get("title", problem["title"])
    assert (tmp_path / "fixed.jsonl").read_bytes() == b""


def test_a_full_file_of_corrections_is_a_507(folder, tmp_path, monkeypatch):
    """A disk must not fill up unseen."""
    monkeypatch.setattr("classifier.service.corrections.MAX_BYTES", 10)
    client = asking(folder, feedback=tmp_path / "fixed.jsonl")

    answer = asked(client, "/v1/feedback", {"text": ENERGY_TEXT, "labels": []})

    assert answer.status_code == 507


def test_the_documentation_loads_nothing_from_elsewhere(client):
    """What the page names is the service's own, and is there."""
    page = client.get("/docs")
    named = re.findall(r"""(?:src|href|url)(?:=|: )["']([^"']+)""", page.text)

    assert "docs-files/swagger-ui-bundle.js" in named
    assert [client.get(f"/{each}").status_code for each in named] == [200] * len(named)
    assert "'unsafe-inline'" in page.headers["content-security-policy"]
    assert "'unsafe-inline'" not in client.get("/").headers["content-security-policy"]


def test_examples_of_the_documentation_work(client):
    """What people copy is answered with 200."""
    body = client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]["requestBody"]

    for kind, content in body["content"].items():
        examples = content.get("examples", {"one": {"value": content.get("example")}})
        for example in examples.values():
            answer = asked(client, "/v1/predict", example["value"], headers={"Content-Type": kind})
            assert answer.status_code == 200
            assert "detail" not in answer.text


def test_health_and_the_page_are_there(client):
    """Alive, ready for work, and a page at the root."""
    assert client.get("/health/live").json() == {"status": "ok"}
    assert client.get("/health/ready").json() == {"status": "ok"}
    assert client.head("/health/ready").text == ""
    assert [client.head(path).status_code for path in ("/health/live", "/")] == [200, 200]
    assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"


def test_counts_are_told_to_prometheus(folder):
    """Requests by address and status, articles and labels by model; no unknown address."""
    client = asking(folder)
    asked(client, "/v1/predict", {"articles": [{"text": ENERGY_TEXT}, {"text": BLANK_TEXT}]})
    asked(client, "/v1/explain", {"text": ENERGY_TEXT})
    client.get("/secret-path")

    page = client.get("/metrics").text

    for line in (
        'classifier_requests_total{method="POST",path="/v1/predict",status="200"} 1.0',
        'classifier_requests_total{method="GET",path="other",status="404"} 1.0',
        'classifier_articles_total{model="tiny"} 3.0',
        'classifier_tags_total{label="energy",model="tiny"} 2.0',
        'classifier_unjudged_total{model="tiny"} 1.0',
        "classifier_stuck_threads 0.0",
    ):
        assert line in page
    assert "secret" not in page


def test_the_importable_functions_need_no_web_framework():
    """Scoring and the parser of the command line stay as light as they were."""
    code = (
        "import sys, classifier, classifier.cli.app, classifier.client\n"
        "classifier.score('Oil prices rose in Vienna.')\n"
        "print(sorted({'fastapi', 'starlette', 'uvicorn', 'pydantic', 'httpx', "
        "'prometheus_client'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
