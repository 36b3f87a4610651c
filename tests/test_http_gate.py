"""Who may ask the service, how many at once, and what it says of itself in headers and log."""

import asyncio
import logging
import threading

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from classifier.service.app import create_app
from classifier.service.limits import Limits, ServiceSettings, Source
from tests.cases import cases
from tests.service import ENERGY_TEXT, Application, asked, asking, talking_to

TOKEN = "correct-horse"


@pytest.fixture
def said(caplog):
    """Return the log of the service as text, whatever other tests did to its logger."""
    log = logging.getLogger("classifier.service")
    log.addHandler(caplog.handler)
    log.setLevel(logging.INFO)
    yield lambda: caplog.text
    log.removeHandler(caplog.handler)


@pytest.mark.parametrize("address", ["/", "/docs", "/v1/model", "/nothing", "/openapi.json"])
def test_every_answer_has_safe_headers(folder, address):
    """Pages, answers and problems alike."""
    headers = asking(folder).get(address).headers

    assert headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü", TOKEN],
)
def test_without_its_token_the_service_answers_nothing(folder, authorization):
    """A 401 that says how; nothing of the model is told."""
    client = asking(folder, token=TOKEN)
    headers = [(b"authorization", authorization.encode("latin-1"))]

    for address in ("/v1/model", "/v1/nothing", "/metrics"):
        answer = client.get(address, headers=headers)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="classifier"'
        assert answer.headers["content-type"] == "application/problem+json"


def test_with_its_token_the_service_answers(folder):
    """The word before it may be written in any case."""
    client = asking(folder, token=TOKEN)

    assert client.get("/v1/model", headers={"Authorization": f"bearer {TOKEN}"}).is_success
    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).is_success
    assert client.get("/health/ready").is_success
    assert client.get("/").is_success
    assert client.get("/openapi.json").json()["security"] == [{"token": []}]


def test_below_an_address_of_another_application_the_token_is_asked_for_too(folder):
    """Wherever it is mounted; what needs no token is answered there."""
    service = create_app(ServiceSettings((Source(folder),), token=TOKEN))
    application = Starlette(routes=[Mount("/news", service)])
    client = httpx.Client(transport=Application(application), base_url="http://localhost")

    addresses = ("/news/v1/model", "/news/metrics", "/news/health/live", "/news/openapi.json")
    statuses = [client.get(address).status_code for address in addresses]

    assert statuses == [401, 401, 200, 200]


def test_the_token_is_not_shown_with_the_settings():
    """Settings may end up in a traceback."""
    assert TOKEN not in repr(ServiceSettings(token=TOKEN))


@cases("http_gate", "host", "status")
def test_only_its_own_names_are_answered(folder, host, status):
    """A page elsewhere whose name is made to point here gets nothing."""
    client = asking(folder, hosts=("localhost", "127.0.0.1", "[::1]"))

    assert client.get("/v1/model", headers={"Host": host}).status_code == status


def test_pages_of_other_sites_may_not_ask(folder):
    """No CORS header unless an origin is named."""
    asking_from = {"Origin": "https://a.example"}

    plain = asking(folder).get("/v1/model", headers=asking_from)
    named = asking(folder, cors_origins=("https://a.example",))
    allowed = named.get("/v1/model", headers=asking_from)
    other = named.get("/v1/model", headers={"Origin": "https://b.example"})

    assert "access-control-allow-origin" not in plain.headers
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in other.headers


def test_a_named_origin_may_ask_before_it_has_shown_the_token(folder):
    """Browsers ask for permission without the token, and read refusals too."""
    client = asking(folder, cors_origins=("https://a.example",), token=TOKEN)
    permission = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }

    allowed = client.options("/v1/predict", headers=permission)
    refused = client.get("/v1/model", headers={"Origin": "https://a.example"})

    assert allowed.status_code == 200
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"


def test_more_requests_than_fit_are_told_to_come_back(folder):
    """A 503 with Retry-After at once, not a queue without end; health tells it too."""
    app = create_app(ServiceSettings((Source(folder),), Limits(requests=3)))

    async def crowd():
        gate, scorer = threading.Event(), app._service.scorer
        busy = [asyncio.ensure_future(scorer.run(gate.wait)) for _ in range(2)]
        async with talking_to(app) as client:
            asked = [
                asyncio.create_task(client.post("/v1/predict", json={"text": ENERGY_TEXT}))
                for _ in range(5)
            ]
            while sum(task.done() for task in asked) < 2:
                await asyncio.sleep(0)
            ready = await client.get("/health/ready")
            model = await client.get("/v1/model")
            gate.set()
            return await asyncio.gather(*asked, *busy), ready, model

    answers, ready, model = asyncio.run(crowd())

    answers = answers[:5]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["limit"] == 3
    assert (ready.status_code, model.status_code) == (503, 200)


def test_bodies_that_do_not_come_leave_room_for_those_that_do(folder):
    """A request takes a place once its body is there, not when it has announced one."""
    app = create_app(ServiceSettings((Source(folder),), Limits(requests=1)))

    async def crowd():
        left = asyncio.Event()

        async def never():
            yield b'{"text": '
            await left.wait()

        kind = {"Content-Type": "application/json"}
        async with talking_to(app) as client:
            waiting = [
                asyncio.create_task(client.post("/v1/predict", content=never(), headers=kind))
                for _ in range(20)
            ]
            while app._service.n_bytes < 20 * len(b'{"text": '):
                await asyncio.sleep(0)
            answer = await client.post("/v1/predict", json={"text": ENERGY_TEXT})
            ready = await client.get("/health/ready")
            left.set()
            await asyncio.gather(*waiting)
            return answer, ready

    answer, ready = asyncio.run(crowd())

    assert (answer.status_code, ready.status_code) == (200, 200)
    assert app._service.n_bytes == 0


def test_bodies_that_come_in_have_a_limit_together(folder):
    """Memory is bounded however many connections there are."""
    client = asking(folder, limits={"body_bytes": 100})
    client._transport.app._service.n_bytes = 32 * 100

    answer = asked(client, "/v1/predict", {"text": ENERGY_TEXT[:50]})

    assert answer.status_code == 503
    assert answer.json()["limit"] == 3200


def test_a_service_whose_scoring_does_not_end_is_not_ready(folder):
    """A 503 at once for those who ask, and it is alive all the same."""
    app = create_app(ServiceSettings((Source(folder),), Limits(answer_seconds=0.02)))
    end = threading.Event()

    async def stick():
        for _ in range(3):
            jobs = [app._service.scorer.run(end.wait) for _ in range(2)]
            await asyncio.gather(*jobs, return_exceptions=True)
        async with talking_to(app) as client:
            stuck = [
                await client.get("/health/ready"),
                await client.post("/v1/predict", json={"text": ENERGY_TEXT}),
                await client.get("/health/live"),
            ]
            end.set()
            while app._service.scorer.n_stuck:
                await asyncio.sleep(0.001)
            return [*stuck, await client.get("/health/ready")]

    answers = asyncio.run(stick())

    assert [answer.status_code for answer in answers] == [503, 503, 200, 200]
    assert answers[0].json()["detail"].startswith("6 articles have been scored for more than 0.02")


def test_headers_beyond_the_limit_are_refused(folder):
    """Also when they come in one piece."""
    answer = asking(folder).get("/v1/model", headers={"X-Long": "a" * 20_000})

    assert answer.status_code == 431
    assert answer.json()["limit"] == 16384


def test_a_body_that_does_not_come_is_a_408(folder):
    """A client that stops half-way does not hold its place."""
    app = create_app(ServiceSettings((Source(folder),), Limits(read_seconds=0.05)))

    async def stalled():
        async def half():
            yield b'{"text": '
            await asyncio.Event().wait()

        async with talking_to(app) as client:
            return await client.post(
                "/v1/predict", content=half(), headers={"Content-Type": "application/json"}
            )

    answer = asyncio.run(stalled())

    assert answer.status_code == 408
    assert answer.json()["limit"] == 0.05
    assert answer.headers["connection"] == "close"


def test_a_client_that_leaves_is_no_fault(folder):
    """Nobody reads the answer, but the log must not call it a fault of the service."""
    app = create_app(ServiceSettings((Source(folder),)))
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/v1/predict", "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "root_path": "",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))

    assert sent[0]["status"] == 400


def test_scoring_that_takes_too_long_is_a_503(folder):
    """Better an answer than none."""
    client = asking(folder, limits={"answer_seconds": 1e-9})

    answer = asked(client, "/v1/explain", {"text": ENERGY_TEXT})

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


def test_the_log_has_a_line_a_request_and_no_text(folder, said):
    """Method, address, status and time; neither query nor text, and nothing a terminal obeys."""
    client = asking(folder)

    asked(client, "/v1/predict?secret=secret", {"text": ENERGY_TEXT})
    client.get("/%1b[31mred")

    assert "POST /v1/predict 200 " in said()
    assert "GET /\ufffd[31mred 404 " in said()
    assert "secret" not in said()
    assert "pipeline" not in said()


def test_the_log_has_texts_when_asked_for(folder, said):
    """For those who look for what went wrong."""
    asked(asking(folder, log_text=True), "/v1/predict", {"text": "Oil\n\x1b[31m", "id": "a"})

    assert 'article ["a", "", "Oil\\n\\u001b[31m"]' in said()
