"""JSON lines through the service: in order, bad lines named, no more in memory than a chunk."""

import asyncio
import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from classifier.service.app import create_app
from classifier.service.errors import ProblemError
from classifier.service.limits import Limits, ServiceSettings, Source
from classifier.service.lines import LineSplitter
from tests.service import BLANK_TEXT, ENERGY_TEXT, asked, asking, talking_to

LINES = {"Content-Type": "application/x-ndjson"}


def rows_of(answer):
    """Return the lines of an answer."""
    return [json.loads(line) for line in answer.text.splitlines()]


def test_lines_are_answered_in_order_whatever_the_pieces(folder):
    """A line cut in two is one line, and the last one needs no end."""
    texts = [ENERGY_TEXT, BLANK_TEXT] * 100
    body = "\n".join(json.dumps({"id": i, "text": text}) for i, text in enumerate(texts)).encode()
    pieces = [body[i : i + 1000] for i in range(0, len(body), 1000)]

    answer = asked(asking(folder), "/v1/predict", b"", headers=LINES, extensions={"pieces": pieces})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    rows = rows_of(answer)
    assert [row["id"] for row in rows] == [str(i) for i in range(200)]
    assert [row["tags"] for row in rows[:2]] == [["energy"], []]


def test_a_bad_line_is_a_problem_with_its_number(folder):
    """The others are answered; blank lines count, and have no answer."""
    lines = ['{"id": "a", "text": "oil"}', "", "{", '{"id": "b"}', '{"text": "gas", "id": "c"}\r']

    rows = rows_of(asked(asking(folder), "/v1/predict", "\n".join(lines), headers=LINES))

    assert [row.get("id", row.get("line")) for row in rows] == ["a", 3, 4, "c"]
    assert (rows[1]["status"], rows[2]["status"]) == (400, 422)
    assert rows[2]["field"] == "text"


def test_lines_that_are_too_long_are_let_go(folder):
    """Neither a long line nor a long article ends the stream."""
    lines = [json.dumps({"text": "oil " * n}) for n in (1, 100, 10, 1)]
    client = asking(folder, limits={"body_bytes": 100, "text_chars": 20})

    rows = rows_of(asked(client, "/v1/predict", "\n".join(lines), headers=LINES))

    assert [row.get("limit") for row in rows] == [None, 100, 20, None]
    assert rows[1]["detail"] == "the line is longer than 100 bytes."
    assert rows[2]["status"] == 413


def test_model_and_thresholds_come_by_the_address(folder):
    """As there is no body around the lines."""
    one = asked(
        asking(folder),
        "/v1/predict?model=tiny&threshold=energy=1&threshold=culture=0",
        json.dumps({"text": ENERGY_TEXT}),
        headers=LINES,
    )

    assert rows_of(one)[0]["tags"] == ["culture"]


def test_more_streams_than_fit_are_told_to_come_back(folder):
    """A 429 with Retry-After, and room again once one has ended."""
    app = create_app(ServiceSettings((Source(folder),), Limits(streams=1)))

    async def two():
        gate = asyncio.Event()

        async def slow():
            yield b'{"text": "oil"}\n'
            await gate.wait()

        async with talking_to(app) as client:
            first = asyncio.create_task(client.post("/v1/predict", content=slow(), headers=LINES))
            while not app._service.streams:
                await asyncio.sleep(0)
            second = await client.post("/v1/predict", content=b"", headers=LINES)
            gate.set()
            return await first, second, await client.post("/v1/predict", content=b"", headers=LINES)

    first, second, third = asyncio.run(two())

    assert (first.status_code, second.status_code, third.status_code) == (200, 429, 200)
    assert second.headers["retry-after"] == "5"
    assert second.json()["limit"] == 1


def test_a_stream_that_stalls_is_ended_with_a_problem(folder):
    """What came before is answered; single bytes do not keep it open."""
    app = create_app(ServiceSettings((Source(folder),), Limits(read_seconds=0.1)))

    async def stalled():
        async def trickle():
            yield b'{"text": "oil"}\n'
            while True:
                yield b" "
                await asyncio.sleep(0.01)

        async with talking_to(app) as client:
            return await client.post("/v1/predict", content=trickle(), headers=LINES)

    rows = rows_of(asyncio.run(stalled()))

    assert rows[0]["note"].startswith("too short")
    assert rows[1]["status"] == 408
    assert len(rows) == 2


def test_a_client_that_leaves_ends_its_stream(folder):
    """Its place is free again, and nothing is raised."""
    app = create_app(ServiceSettings((Source(folder),)))
    waiting = [{"type": "http.request", "body": b'{"text": "oil"}\n', "more_body": True}]
    sent = []

    async def receive():
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message["type"])

    scope = {
        "type": "http", "method": "POST", "path": "/v1/predict", "query_string": b"",
        "headers": [(b"content-type", b"application/x-ndjson")], "root_path": "",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))

    assert sent == ["http.response.start", "http.response.body"]
    assert app._service.streams == 0


@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    st.lists(st.integers(0, 250), max_size=6),
)
def test_lines_do_not_depend_on_how_they_arrive(lines, cuts):
    """Any pieces of the same bytes are the same numbered lines, long ones refused."""
    body, splitter = b"\n".join(lines), LineSplitter(20)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]

    found = []
    for start, end in pairwise(places):
        found += splitter.feed(body[start:end])
    found += splitter.end()

    expected = [
        (number, "too long" if len(line) > 20 else line)
        for number, line in enumerate(lines, 1)
        if len(line) > 20 or line.strip(b" \t\r")
    ]
    assert [
        (number, "too long" if isinstance(line, ProblemError) else line) for number, line in found
    ] == expected
