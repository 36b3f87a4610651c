"""Streams of JSON lines: articles in, predictions out, no more in memory than a chunk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from classifier.article import Article
from classifier.corpus.write import Codes, prediction_row
from classifier.model.model import Model
from classifier.model.prediction import Prediction
from classifier.service.errors import ProblemError
from classifier.service.limits import Limits
from classifier.service.requests import NDJSON, article_of, parsed
from classifier.service.schemas import ArticleLine
from classifier.service.service import Scorer

__all__ = ["LineSplitter", "LinesResponse", "predicted_lines"]


BLANK = b" \t\r"
Line = tuple[int, bytes | ProblemError]


class LineSplitter:
    """Cuts chunks of bytes into numbered lines, and lets go of lines that are too long.

    Parameters
    ----------
    most : int
        Bytes of a line.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._number = 1
        self._begun = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Yield the lines that `chunk` ends, blank ones left out."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield from self.end()
        self._add(rest)

    def end(self) -> Iterator[Line]:
        """Yield the line that has begun, if there is one."""
        line, number, too_long = bytes(self._begun), self._number, self._too_long
        self._begun.clear()
        self._number, self._too_long = number + 1, False
        if too_long:
            yield (
                number,
                ProblemError(413, f"the line is longer than {self._most} bytes.", limit=self._most),
            )
        elif line.strip(BLANK):
            yield number, line

    def _add(self, piece: bytes) -> None:
        self._too_long = self._too_long or len(self._begun) + len(piece) > self._most
        if self._too_long:
            self._begun.clear()
        else:
            self._begun += piece


class LinesResponse(Response):
    """An answer whose lines are sent as they come, while the request is still being read.

    Parameters
    ----------
    lines : async iterator of bytes
    done : callable
        Called when the answer has ended, however it ended.
    """

    media_type = NDJSON

    def __init__(self, lines: AsyncIterator[bytes], done: Callable[[], object]) -> None:
        self.status_code, self.background = 200, None
        self.body = b""
        self.init_headers()
        del self.headers["content-length"]
        self._lines, self._done = lines, done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(start)
            async for chunk in self._lines:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ClientDisconnect:
            pass
        finally:
            self._done()


async def predicted_lines(
    request: Request,
    model: Model,
    scorer: Scorer,
    limits: Limits,
    *,
    thresholds: Mapping[str, float],
    codes: Codes | None = None,
    observe: Callable[[list[Prediction]], object] = lambda said: None,
) -> AsyncIterator[bytes]:
    """Yield predictions of a body of JSON lines, in order, whatever came in with each chunk.

    A bad line becomes a problem document with its ``line``; the stream goes on.
    """
    splitter, stream = LineSplitter(limits.body_bytes), request.stream()
    try:
        async for lines in _timely(splitter, stream, limits.read_seconds):
            read = [_read(line, number, limits) for number, line in lines]
            articles = [each for each in read if isinstance(each, Article)]
            said = await scorer.predict(model, articles, thresholds=thresholds)
            observe(said)
            yield _answered(read, said, codes)
    except ProblemError as problem:
        yield _json_line(problem.document())
    except TimeoutError:
        late = ProblemError(
            503,
            f"no answer after {limits.answer_seconds:g} seconds; what follows is not read.",
            limit=limits.answer_seconds,
        )
        yield _json_line(late.document())


async def _timely(
    splitter: LineSplitter, stream: AsyncIterator[bytes], seconds: float
) -> AsyncIterator[list[Line]]:
    """Yield the lines of each chunk; the next line must have come in time, not just a byte."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    try:
        while True:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(stream, None)
            if lines := list(splitter.end() if chunk is None else splitter.feed(chunk)):
                yield lines
                deadline = loop.time() + seconds
            if chunk is None:
                return
    except TimeoutError:
        raise ProblemError(
            408,
            f"no whole line came for {seconds:g} seconds; what follows is not read.",
            limit=seconds,
        ) from None


def _answered(
    read: list[Article | ProblemError], said: list[Prediction], codes: Codes | None
) -> bytes:
    rest = iter(said)
    rows = (
        prediction_row(next(rest), codes) if isinstance(each, Article) else each.document()
        for each in read
    )
    return b"".join(map(_json_line, rows))


def _read(line: bytes | ProblemError, number: int, limits: Limits) -> Article | ProblemError:
    try:
        if isinstance(line, ProblemError):
            raise line
        return article_of(parsed(ArticleLine, line, limits))
    except ProblemError as problem:
        problem.members["line"] = number
        return problem


def _json_line(row: Mapping[str, object]) -> bytes:
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
