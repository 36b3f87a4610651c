"""The service under load: 200 clients at once, for a bounded time.

``python -m tests.load http://127.0.0.1:8000`` asks a service that was started before, and
fails when an answer was an error other than a deliberate 429 or 503.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

__all__ = ["Load", "load"]

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "data" / "examples" / "articles.jsonl"
DELIBERATE = (429, 503)


@dataclass
class Load:
    """What came of it.

    Parameters
    ----------
    clients : int
    seconds : float
    statuses : Counter of int
        Answers by status.
    failures : Counter of str
        Connections that broke, by error.
    times : list of float
        Seconds that each answer with status 200 took.
    """

    clients: int
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    @property
    def n_errors(self) -> int:
        """Answers and broken connections that nobody meant."""
        wrong = [n for status, n in self.statuses.items() if status not in (200, *DELIBERATE)]
        return sum(wrong) + self.failures.total()

    def figures(self) -> dict[str, object]:
        """Return the figures as JSON types, times in milliseconds."""
        p50, p99 = np.percentile(self.times, [50, 99]) * 1000 if self.times else (None, None)
        return {
            "clients": self.clients,
            "seconds": round(self.seconds, 1),
            "answers_a_second": round(len(self.times) / self.seconds),
            "p50_ms": round(p50, 1),
            "p99_ms": round(p99, 1),
            "statuses": {str(status): n for status, n in sorted(self.statuses.items())},
            "failures": dict(self.failures),
            "errors": self.n_errors,
        }


async def load(url: str, *, clients: int, seconds: float) -> Load:
    """Ask from `clients` connections at once, each as soon as it has its answer."""
    address, result = urlsplit(url), Load(clients)
    requests = [_request(address.netloc, line) for line in EXAMPLES.read_bytes().splitlines()]
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for i in range(clients):
            mine = requests[i % len(requests) :] + requests[: i % len(requests)]
            end = start + seconds
            group.create_task(_client(address.hostname, address.port, mine, end, result))
    result.seconds = time.perf_counter() - start
    return result


def _request(host: str, body: bytes) -> bytes:
    head = f"POST /v1/predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _client(
    host: str | None, port: int | None, requests: list[bytes], end: float, result: Load
) -> None:
    i = 0
    while not i or time.perf_counter() < end:  # once at least, however slow the machine is
        try:
            reader, writer = await asyncio.open_connection(host, port)
            while not i or time.perf_counter() < end:
                began = time.perf_counter()
                writer.write(requests[i % len(requests)])
                i += 1
                status = await asyncio.wait_for(_answer(reader), 60)
                result.statuses[status] += 1
                if status == 200:
                    result.times.append(time.perf_counter() - began)
                elif status in DELIBERATE:
                    await asyncio.sleep(0.1)
            writer.close()
        except (OSError, EOFError, TimeoutError) as error:
            result.failures[type(error).__name__] += 1


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head.split(b" ", 2)[1])


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    result = asyncio.run(load(asked.url, clients=asked.clients, seconds=asked.seconds))
    sys.stdout.write(json.dumps(result.figures(), indent=1) + "\n")
    if result.n_errors:
        sys.exit(f"{result.n_errors} errors")


if __name__ == "__main__":
    main()
