"""The client: typed answers, batches, and patience where the service asks for it."""

import httpx
import pytest

from classifier.article import Article
from classifier.client import Client, ServiceError
from classifier.errors import ClassifierError
from classifier.model.folder import load_model
from classifier.service.app import create_app
from classifier.service.limits import ServiceSettings, Source
from tests.service import BLANK_TEXT, ENERGY_TEXT, MIXED_TEXT, POINTS, Application, tiny_folder

URL = "http://127.0.0.1:8000"
FULL = httpx.Response(503, json={"detail": "full"}, headers={"Retry-After": "3"})
EMPTY = {"predictions": []}


@pytest.fixture
def client(folder, tmp_path):
    """Return a client of the application in this process."""
    sources = (Source(folder), Source(tiny_folder(tmp_path / "one", mode="one"), name="single"))
    app = create_app(ServiceSettings(sources, feedback=tmp_path / "f.jsonl", token="secret"))
    with Client(URL, token="secret", transport=Application(app)) as client:
        yield client


@pytest.fixture
def pauses(monkeypatch):
    """Return the pauses that were made, none of which takes time."""
    made = []
    monkeypatch.setattr("classifier.client.time.sleep", made.append)
    monkeypatch.setattr("classifier.client.random.uniform", lambda low, high: high)
    return made


class Script(httpx.BaseTransport):
    """Answers with what it was given, one after the other, and keeps the requests."""

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []

    def handle_request(self, request):
        """Return the next answer, or raise it."""
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_predictions_are_those_of_the_model(client, folder):
    """The same values, to the decimals that are sent."""
    texts = [ENERGY_TEXT, Article(MIXED_TEXT, id="b", title="Talks"), BLANK_TEXT] * 60

    said = client.predict(texts)

    own = load_model(folder).predict(texts)
    assert [each.tags for each in said] == [each.tags for each in own]
    assert [each.note for each in said] == [each.note for each in own]
    assert said[1].id == "b"
    assert said[0].scores == pytest.approx(own[0].scores, abs=1e-6)
    assert said[0].model == own[0].model


def test_thresholds_are_passed_on(client):
    """In predictions and in explanations."""
    assert client.predict([ENERGY_TEXT], thresholds={"energy": 1})[0].tags == ()
    assert client.explain(ENERGY_TEXT, thresholds={"energy": 1}).labels["energy"].cut == 1


def test_a_working_point_is_passed_on(tmp_path):
    """In predictions and in explanations; the usual one is not named."""
    folder = tiny_folder(tmp_path / "tiny", points=POINTS)
    app = create_app(ServiceSettings((Source(folder),)))
    with Client(URL, transport=Application(app)) as client:
        predicted = client.predict([ENERGY_TEXT], point="precise")
        explained = client.explain(ENERGY_TEXT, point="precise")
    usual = Script(httpx.Response(200, json=EMPTY))
    Client(URL, transport=usual).predict([ENERGY_TEXT])

    assert predicted[0].tags == ()
    assert explained.prediction.tags == ()
    assert explained.labels["energy"].cut == 1
    assert b"point" not in usual.requests[0].content


def test_an_explanation_is_typed(client):
    """The contributions and the bias add up to the margin."""
    explained = client.explain(ENERGY_TEXT)

    energy = explained.labels["energy"]
    assert energy.margin == energy.bias + sum(c.value for c in energy.contributions)
    assert explained.prediction.tags == ("energy",)
    start, end, term = explained.spans[0]
    assert (explained.text[start:end], term) == ("Oil", "oil")


def test_models_are_described(client, folder):
    """With names, labels and cuts."""
    model = client.model()

    assert model.name == "tiny"
    assert model.labels == ("energy", "diplomacy", "culture")
    assert model.cuts["energy"] == 0.46875
    assert model.models == client.models() == ("tiny", "single")
    assert model.feedback is True


def test_another_model_is_asked_by_name(folder, tmp_path):
    """For predictions and for its description."""
    sources = (Source(folder), Source(tiny_folder(tmp_path, mode="one"), name="single"))
    transport = Application(create_app(ServiceSettings(sources)))
    client = Client(URL, model="single", transport=transport)

    assert len(client.predict([BLANK_TEXT])[0].tags) == 1
    assert client.model().name == "single"


def test_corrections_are_saved(client, tmp_path):
    """With and without labels that it has not."""
    client.feedback(ENERGY_TEXT, ["energy"], negative=["culture"])
    client.feedback(Article(MIXED_TEXT, id="b"), [])

    first, second = (tmp_path / "f.jsonl").read_text().splitlines()
    assert '"labels": ["energy"], "negative": ["culture"]' in first
    assert '"id": "b"' in second
    assert "negative" not in second


def test_half_characters_are_sent_as_the_model_reads_them(client, folder):
    """JSON cannot carry them."""
    said = client.predict([f"{ENERGY_TEXT} \ud800"])

    assert said[0].tags == ("energy",)
    assert said[0].coverage == round(
        load_model(folder).predict([f"{ENERGY_TEXT} \ud800"])[0].coverage, 4
    )


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [(["a"] * 130, [64, 64, 2]), (["a" * 600_000] * 3, [1, 1, 1]), ([], [])],
)
def test_articles_go_in_batches(texts, sizes):
    """Of a number and a length that the service takes; nothing is asked for nothing."""
    script = Script(*[httpx.Response(200, json=EMPTY)] * len(sizes))

    Client(URL, transport=script).predict(texts)

    assert [request.content.count(b'"text"') for request in script.requests] == sizes


def test_a_stream_is_read_no_further_than_its_batch():
    """Constant memory, however many articles there are."""
    row = {"id": "", "tags": [], "scores": {}, "coverage": 0, "model": "m"}
    script = Script(httpx.Response(200, json={"predictions": [row] * 64}))
    articles = iter(["a"] * 200)

    next(Client(URL, transport=script).predict_stream(articles))

    assert len(list(articles)) == 135


def test_a_busy_service_is_asked_again_when_it_says(pauses):
    """As long as Retry-After, but not for ever."""
    late = httpx.Response(429, headers={"Retry-After": "1000"})
    script = Script(FULL, late, httpx.Response(200, json=EMPTY))

    Client(URL, transport=script).predict(["a"])

    assert pauses == [3.0, 30.0]


def test_a_broken_connection_is_tried_again_after_longer_pauses(pauses):
    """Each twice as long as the one before."""
    script = Script(
        httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.Response(502),
        httpx.Response(200, json=EMPTY),
    )  # fmt: skip

    Client(URL, transport=script).predict(["a"])

    assert pauses == [0.25, 0.5, 1.0]


def test_a_service_that_stays_busy_is_an_error(pauses):
    """With what it said last."""
    client = Client(URL, retries=1, transport=Script(FULL, FULL))

    with pytest.raises(ServiceError, match="503 full") as caught:
        client.predict(["a"])

    assert caught.value.status == 503


def test_a_service_that_is_not_there_is_an_error(pauses):
    """That says where it was looked for."""
    client = Client(URL, retries=2, transport=Script(*[httpx.ConnectError("refused")] * 3))

    with pytest.raises(
        ServiceError, match=r"127\.0\.0\.1:8000 cannot be reached \(refused\), tried 3 times"
    ) as caught:
        client.models()

    assert caught.value.status == 0
    assert isinstance(caught.value, ClassifierError)


def test_a_refusal_is_not_tried_again(client, pauses):
    """It names the field and the limit, for programs too."""
    with pytest.raises(ServiceError, match=r"422 articles\[1\]\.text: is empty") as caught:
        client.predict([ENERGY_TEXT, " "])

    assert pauses == []
    assert caught.value.problem["field"] == "articles[1].text"


@pytest.mark.parametrize("body", ["<html>", "[]"])
def test_an_answer_of_something_else_is_an_error(body):
    """A page of another server is no prediction."""
    client = Client(URL, transport=Script(httpx.Response(200, text=body)))

    with pytest.raises(ServiceError, match="is the address right"):
        client.models()


def test_without_httpx_the_extra_is_named(monkeypatch):
    """Instead of a traceback."""
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)

    with pytest.raises(ClassifierError, match=r"pip install 'classifier\[client\]'"):
        Client(URL)
