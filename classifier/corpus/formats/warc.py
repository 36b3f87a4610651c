"""Web archives: the articles in their HTML responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from classifier.corpus.rows import Row
from classifier.errors import BadInputError

__all__ = ["warc_rows"]

_MOST_BYTES = 2 * 10**6


def warc_rows(stream: BinaryIO, file: str) -> Iterator[Row]:
    """Yield one row per HTML response with a main text, its address and date kept.

    Records are read one at a time, and pages of more than 2 MB are passed over.

    Raises
    ------
    BadInputError
        When a library is missing, or a record is damaged or lies about its length.
    """
    try:
        from trafilatura import bare_extraction
        from warcio.archiveiterator import ArchiveIterator
        from warcio.exceptions import ArchiveLoadFailed
    except ImportError:
        raise BadInputError(
            f"{file}: web archives need warcio and trafilatura. Run: pip install 'classifier[warc]'"
        ) from None
    number = 0
    try:
        for record in ArchiveIterator(stream):
            number += 1
            headers = record.http_headers
            kind = (headers.get_header("Content-Type") or "") if headers else ""
            if record.rec_type != "response" or "html" not in kind:
                continue
            page = record.content_stream().read(_MOST_BYTES + 1)
            if len(page) > _MOST_BYTES:
                continue
            found: Any = bare_extraction(page, with_metadata=True)
            if found is None or not found.text:
                continue
            address = record.rec_headers.get_header("WARC-Target-URI") or ""
            written = record.rec_headers.get_header("WARC-Date") or ""
            yield Row(
                file,
                number,
                {
                    "id": address,
                    "title": found.title or "",
                    "text": found.text,
                    "source": urlsplit(address).netloc,
                    "date": (found.date or written)[:10],
                },
                unit="record",
            )
    except (ArchiveLoadFailed, EOFError, OSError, ValueError) as error:
        raise BadInputError(f"{file} record {number + 1}: damaged ({error}).") from None
