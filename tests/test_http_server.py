"""The service as a process: signals, slow clients, several workers, the command line."""

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest
from uvicorn import Server

from classifier.errors import ClassifierError
from classifier.files import locked_folder
from classifier.service.limits import Limits, ServiceSettings, Source
from classifier.service.server import LOGGING, bind, server_config
from tests.command_line import PATIENCE, run, wait_for
from tests.load import load
from tests.service import ENERGY_TEXT, Process, running, serving, tiny_folder

JSON = "Content-Type: application/json"
# A service that waits two seconds for an answer, with a model and corrections in a folder.
HASTY = """\
import sys
from pathlib import Path

from classifier.service.limits import Limits, ServiceSettings, Source
from classifier.service.server import bind, serve

model, corrections = map(Path, sys.argv[1:])
with bind("127.0.0.1", 0) as listener:
    port = listener.getsockname()[1]
    print(f"serving a model on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
    limits = Limits(answer_seconds=2)
    serve(ServiceSettings((Source(model),), limits, feedback=corrections), listener)
"""


@contextmanager
def served(folder, *, seconds):
    """Run a service in this process that waits so long for slow clients."""
    chosen = ServiceSettings(
        (Source(folder),),
        Limits(read_seconds=seconds, body_bytes=100_000, connections=100, streams=1),
        hosts=("127.0.0.1", "localhost"),
    )
    with bind("127.0.0.1", 0, idle_seconds=seconds) as listener:
        server = Server(server_config(chosen))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_for(lambda: server.started)
            yield Process(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()
            quiet_logs()


@pytest.fixture(scope="module")
def hasty(folder):
    """Return a service that hangs up on slow clients, for tests that wait for just that."""
    with served(folder, seconds=0.5) as service:
        yield service


@pytest.fixture(scope="module")
def steady(folder):
    """Return a service that hangs up on nobody who goes on, however busy the machine is."""
    with served(folder, seconds=2) as service:
        yield service


@pytest.fixture(scope="module")
def patient(folder):
    """Return a service that hangs up on nobody."""
    with served(folder, seconds=PATIENCE) as service:
        yield service


def quiet_logs():
    """Let the logs go where they went before a service ran here."""
    for name in LOGGING["loggers"]:
        log = logging.getLogger(name)
        log.propagate = True
        log.handlers.clear()


def connected(process):
    """Return a plain connection."""
    return socket.create_connection(("127.0.0.1", process.port), timeout=PATIENCE)


def rest_of(connection):
    """Return all that comes until the service hangs up."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def send_until_hung_up(connection, piece, *, pause=0.0):
    """Send a piece again and again until the service hangs up; fail when it never does."""
    end = time.monotonic() + PATIENCE
    with suppress(ConnectionError):
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause)
        pytest.fail("the service does not hang up")


def head(*lines, method="POST"):
    """Return the head of a request."""
    return "\r\n".join(
        [f"{method} /v1/predict HTTP/1.1", "Host: localhost", *lines, "", ""]
    ).encode()


def test_models_are_renewed_without_a_dropped_request(tmp_path):
    """SIGHUP under load: every answer is a 200, and at last from the new model."""
    folder = tiny_folder(tmp_path / "tiny")
    with serving("--model", folder) as process:
        before = process.get("/v1/model").json()["mode"]
        asking = threading.Thread(target=lambda: loads.append(
            asyncio.run(load(process.url, clients=8, seconds=1.5))
        ))  # fmt: skip
        loads = []
        asking.start()
        tiny_folder(folder, mode="one")
        process.send(signal.SIGHUP)
        process.wait_for("reload: serving tiny")
        (folder / "manifest.json").write_text("{")
        process.send(signal.SIGHUP)
        process.wait_for("stays as it was")
        asking.join()
        after = process.get("/v1/model").json()["mode"]
        counts = process.get("/metrics").text

    assert (before, after) == ("several", "one")
    assert set(loads[0].statuses) == {200}
    assert loads[0].n_errors == 0
    assert 'classifier_reloads_total{outcome="done"} 1.0' in counts
    assert 'classifier_reloads_total{outcome="failed"} 1.0' in counts


def test_requests_under_way_are_answered_before_the_end(folder):
    """SIGTERM: no new connection, but what has begun is finished; exit code 0."""
    body = json.dumps({"text": ENERGY_TEXT}).encode()
    with serving("--model", folder) as process, connected(process) as connection:
        connection.sendall(head(JSON, f"Content-Length: {len(body)}") + body[:5])
        # the page counts its own request too
        wait_for(lambda: "under_way 2.0" in process.get("/metrics").text)
        process.send(signal.SIGTERM)
        process.wait_for("Shutting down")
        connection.sendall(body[5:])
        answer = rest_of(connection)
        code = process.popen.wait(PATIENCE)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"tags":["energy"]' in answer
    assert code == 0


def test_the_process_ends_though_a_correction_cannot_be_saved(folder, tmp_path):
    """Another process has the folder: the request gets a 503, others are answered, and it ends."""
    with (
        running("-c", HASTY, folder, tmp_path / "fixed.jsonl") as process,
        locked_folder(tmp_path),
    ):
        row = {"text": ENERGY_TEXT, "labels": ["energy"]}
        refused = process.post("/v1/feedback", json=row)
        answered = process.post("/v1/predict", json={"text": ENERGY_TEXT})
        process.send(signal.SIGTERM)
        code = process.popen.wait(PATIENCE)

    assert (refused.status_code, answered.status_code, code) == (503, 200, 0)
    assert refused.json()["limit"] == 2


def test_a_body_that_stalls_is_answered_with_a_408(hasty):
    """And the connection is closed."""
    with connected(hasty) as connection:
        connection.sendall(head(JSON, "Content-Length: 100") + b"{")
        answer = rest_of(connection)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("first", "piece"), [(b"", b"\r\n"), (b"GET / HTTP/1.1\r\n", b"X-Slow: 1\r\n")]
)
def test_headers_that_take_too_long_end_their_connection(hasty, first, piece):
    """However little comes however often."""
    with connected(hasty) as connection:
        connection.sendall(first)
        send_until_hung_up(connection, piece, pause=0.05)


def test_a_connection_without_a_request_is_ended(hasty):
    """It would take the place of others."""
    with connected(hasty) as connection:
        assert rest_of(connection) == b""


def test_headers_without_an_end_are_refused(patient):
    """Before they fill the memory."""
    with connected(patient) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(3):
            connection.sendall(b"X-Long: " + b"a" * 7000 + b"\r\n")

        assert rest_of(connection).startswith(b"HTTP/1.1 431 ")


def test_a_body_may_take_longer_than_headers_may(steady):
    """A stream whose lines come in time goes on, whatever the pieces."""
    with connected(steady) as connection:
        connection.sendall(head("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"))
        for _ in range(14):
            for piece in (b"10\r\n", b'{"text": "oil"}\n', b"\r\n"):
                connection.sendall(piece)
                time.sleep(0.05)
        connection.sendall(b"0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)

        assert rest_of(connection).count(b'"tags"') == 14


def test_a_connection_serves_several_requests(patient):
    """Also after one that was refused before its body was read."""
    with httpx.Client(base_url=patient.url, timeout=PATIENCE) as client:
        refused = client.post(
            "/v1/predict", content=b" " * 500_000, headers={"Content-Type": "application/json"}
        )
        answers = [client.post("/v1/predict", json={"text": ENERGY_TEXT}) for _ in range(3)]

    assert refused.status_code == 413
    assert [answer.status_code for answer in answers] == [200] * 3


def test_a_refused_body_is_not_taken_in_for_ever(hasty):
    """What still comes after a 413 is thrown away, for as long as a request may take."""
    piece = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    with connected(hasty) as connection:
        connection.sendall(head(JSON, "Transfer-Encoding: chunked"))
        send_until_hung_up(connection, piece, pause=0.01)


def test_a_client_that_takes_no_answers_loses_its_connection(hasty):
    """A stream whose answers pile up ends, and its place is free again."""
    line = b'{"text": "oil"}\n' * 1000
    with connected(hasty) as connection:
        connection.sendall(head("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"))
        send_until_hung_up(connection, f"{len(line):x}\r\n".encode() + line + b"\r\n")

    lines = {"Content-Type": "application/x-ndjson"}
    wait_for(lambda: hasty.post("/v1/predict", content=b"", headers=lines).status_code != 429)


def test_a_client_that_takes_its_answers_slowly_gets_them_all(steady):
    """What counts is that it goes on, not how fast: it takes longer than a request may take."""
    body = b'{"text": "oil"}\n' * 5000
    with socket.socket() as connection:
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.connect(("127.0.0.1", steady.port))
        kind = head("Content-Type: application/x-ndjson", f"Content-Length: {len(body)}")
        connection.sendall(kind)
        sending = threading.Thread(target=connection.sendall, args=(body,))
        sending.start()
        start, received = time.monotonic(), b""
        while not received.endswith(b"\r\n0\r\n\r\n") and (piece := connection.recv(2048)):
            received += piece
            time.sleep(0.005)
        sending.join()

    assert received.count(b'"tags"') == 5000
    assert time.monotonic() - start > 2


def test_fifty_clients_at_once_are_all_answered(patient):
    """No error but a deliberate 429 or 503."""
    result = asyncio.run(load(patient.url, clients=50, seconds=0.5))

    assert result.n_errors == 0
    assert result.statuses[200] >= 50
    assert result.figures()["p99_ms"] > 0


def test_workers_share_address_counts_and_token(folder, tmp_path):
    """SIGHUP reaches each; the token's file counts before the environment, and is not said."""
    (tmp_path / "token").write_text("from-file\n")
    with serving(
        "--model", folder, "--token-file", tmp_path / "token", "--host", "0.0.0.0", workers=2,
        CLASSIFIER_TOKEN="from-environment",
    ) as process:  # fmt: skip
        mine, other = (
            {"Authorization": f"Bearer {token}"} for token in ("from-file", "from-environment")
        )
        body = {"json": {"text": ENERGY_TEXT}, "headers": mine}
        for _ in range(20):  # a connection each, so that both get some
            assert process.post("/v1/predict", **body).is_success
        counts = [process.get("/metrics", headers=mine).text for _ in range(4)]
        refused = process.get("/v1/model", headers=other)
        process.send(signal.SIGHUP)
        process.wait_for("reload: serving tiny", times=2)
        process.send(signal.SIGTERM)
        code = process.popen.wait(PATIENCE)
        log = "".join(process.log)

    assert all('classifier_articles_total{model="tiny"} 20.0' in each for each in counts)
    assert (refused.status_code, code) == (401, 0)
    assert "from-file" not in log
    assert "anyone who reaches" not in log


def test_more_connections_than_fit_are_told_to_come_back(patient):
    """A 503, and answers again once there is room."""
    with ExitStack() as held:
        for _ in range(100):
            held.enter_context(connected(patient))
        refused = patient.get("/health/live")

    assert refused.status_code == 503
    wait_for(lambda: patient.get("/health/live").is_success)


def free_port():
    """Return a port that nobody is given who asks for any, as the system begins above 32768."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with suppress(ClassifierError), bind("127.0.0.1", port):
            return port
    raise AssertionError


def commanded(ask, *options):
    """Run the command in this process while `ask` asks it, then end it with SIGTERM."""
    port, ended = free_port(), threading.Event()

    def work():
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            wait_for(lambda: ended.is_set() or healthy(client))
            try:
                ask(client)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

    # a signal that comes after a command that has failed must not end the tests
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(work)
        outcome = run("serve", "--port", port, *options)
        ended.set()
    signal.signal(signal.SIGTERM, before)
    quiet_logs()
    asking.result()
    return outcome


def healthy(client):
    """Return whether a service answers yet."""
    try:
        return client.get("/health/ready").is_success
    except httpx.ConnectError:
        return False


def test_the_command_serves_until_it_is_told_to_stop(folder):
    """On loopback it answers to its own names alone; SIGHUP reloads, SIGTERM ends it with 0."""
    statuses = []

    def ask(client):
        hosts = ("localhost:1", "news.test:80", "evil.test")
        answers = [client.get("/v1/model", headers={"Host": host}) for host in hosts]
        statuses.extend(answer.status_code for answer in answers)
        os.kill(os.getpid(), signal.SIGHUP)
        wait_for(lambda: "classifier_reloads_total{" in client.get("/metrics").text)

    outcome = commanded(ask, "--model", folder, "--allow-host", "News.test")

    assert outcome.code == 0
    assert statuses == [200, 200, 421]
    assert "on http://127.0.0.1:" in outcome.err


def test_options_reach_the_service(folder, tmp_path):
    """Names of models, origins, limits; a warning where anyone may ask."""
    shutil.copytree(folder, tmp_path / "a=b")
    answers = []

    def ask(client):
        headers = {"Host": "any.test", "Origin": "https://a.example"}
        answers.append(client.get("/v1/model", headers=headers))

    outcome = commanded(
        ask, "--model", f"old={folder}", "--model", tmp_path / "a=b", "--host", "0.0.0.0",
        "--cors-origin", "https://a.example", "--feedback", tmp_path / "fixed.jsonl",
        "--max-batch", 7, "--together", 1,
    )  # fmt: skip

    assert "anyone who reaches 0.0.0.0 can ask. Set CLASSIFIER_TOKEN, or pass" in outcome.err
    assert "--together has no effect any more" in outcome.err
    assert answers[0].headers["access-control-allow-origin"] == "https://a.example"
    assert answers[0].json()["models"] == ["old", "tiny"]
    assert answers[0].json()["feedback"] is True
    assert answers[0].json()["limits"]["batch_articles"] == 7


def test_everywhere_too_a_named_host_is_the_only_one(folder):
    """Whoever allows a name wants no other to be answered."""
    statuses = []

    def ask(client):
        hosts = ("news.test", "localhost", "evil.test")
        answers = [client.get("/v1/model", headers={"Host": host}) for host in hosts]
        statuses.extend(answer.status_code for answer in answers)

    commanded(ask, "--model", folder, "--host", "0.0.0.0", "--allow-host", "news.test")

    assert statuses == [200, 200, 421]


def test_a_taken_port_is_said():
    """With what to do."""
    with (
        bind("127.0.0.1", 0) as listener,
        pytest.raises(ClassifierError, match=r"cannot listen .* Choose another --host or --port"),
    ):
        bind("127.0.0.1", listener.getsockname()[1])


def test_without_its_libraries_the_command_names_the_extra(monkeypatch):
    """Instead of a traceback."""
    monkeypatch.delitem(sys.modules, "classifier.service.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    outcome = run("serve")

    assert outcome.code == 1
    assert outcome.err == (
        "classifier: the service needs uvicorn. Run: pip install 'classifier[serve]'\n"
    )
