"""Web archives: the articles in their HTML responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from classifier.corpus.formats.documents import MOST_TAGS, html_article
from classifier.corpus.formats.shapes import host_of
from classifier.corpus.rows import Row
from classifier.errors import BadInputError, needing

__all__ = ["warc_rows"]

_MOST_BYTES = 2 * 10**6


def warc_rows(stream: BinaryIO, file: str, tell: Callable[[str], None]) -> Iterator[Row]:
    """Yield one row per HTML response with a main text, its address and date kept.

    Records are read one at a time. Answers that are no page, such as "404 Not Found", and pages
    without a main text are passed over.

    Parameters
    ----------
    stream : binary stream
    file : str
        What messages call it.
    tell : callable
        Given a sentence when a page is passed over as too large.

    Raises
    ------
    BadInputError
        When a library is missing, or a record is damaged or lies about its length.
    """
    for number, record in _records(stream, file):
        values = _article(record, file, tell) if _is_page(record) else None
        if values is not None:
            yield Row(file, number, values, unit="record")


def _records(stream: BinaryIO, file: str) -> Iterator[tuple[int, Any]]:
    """Yield each record with its number; what is left of it unread is checked for its length."""
    with needing("warc", f"{file}: web archives need warcio and trafilatura"):
        from warcio.archiveiterator import ArchiveIterator
        from warcio.exceptions import ArchiveLoadFailed
    number, watched = 0, _Watched(stream)
    records = ArchiveIterator(watched)
    records.INC_RECORD = ""  # what it would print on standard error
    try:
        for number, record in enumerate(records, 1):
            if records.err_count:
                raise _wrong_length(file, number - 1)
            yield number, record
            while record.raw_stream.read(_MOST_BYTES):
                pass
            if getattr(record.raw_stream, "limit", 1) > 0:
                raise _wrong_length(file, number)
    except (ArchiveLoadFailed, EOFError, OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BadInputError(f"{file} record {number + 1}: damaged ({reason}).") from None
    except AttributeError:  # warcio's, at a header that is not all there
        raise _wrong_length(file, number + 1) from None
    if records.err_count or watched.end not in (b"", b"\n\r\n", b"\n\n"):
        raise _wrong_length(file, number)


class _Watched:
    """A stream whose last bytes are known when it has been read, as those of a record are."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.end = stream, b""

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        piece = self._stream.read(size)
        self.end = (self.end + piece[-3:])[-3:].lstrip(b"\r") if piece else self.end
        return piece

    def close(self) -> None:
        """Leave the stream open."""


def _wrong_length(file: str, number: int) -> BadInputError:
    return BadInputError(
        f"{file} record {max(number, 1)}: is not as long as it says, or was cut short. Fetch it "
        "again."
    )


def _is_page(record: Any) -> bool:
    headers = record.http_headers
    if record.rec_type != "response" or headers is None:
        return False
    found = str(headers.get_statuscode() or "").startswith("2")
    return found and "html" in (headers.get_header("Content-Type") or "").lower()


def _article(record: Any, file: str, tell: Callable[[str], None]) -> dict[str, object] | None:
    address = record.rec_headers.get_header("WARC-Target-URI") or ""
    page = record.content_stream().read(_MOST_BYTES + 1)
    if len(page) > _MOST_BYTES or page.count(b"<") > MOST_TAGS:
        limits = f"{_MOST_BYTES // 10**6} MB or {MOST_TAGS:,} tags"
        tell(f"{file}: pages of more than {limits} are passed over, such as {address:.200}.")
        return None
    title, text, date = html_article(page, file)
    written = record.rec_headers.get_header("WARC-Date") or ""
    if not text:
        return None
    return {
        "id": address,
        "title": title,
        "text": text,
        "source": host_of(address),
        "date": (date or written)[:10],
    }
