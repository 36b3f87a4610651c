"""Files and standard input as bytes and text, unpacked, with damage named clearly."""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from classifier.corpus.open_paths import Source
from classifier.corpus.open_zstd import open_zstd
from classifier.errors import BadInputError

__all__ = [
    "bad_bytes",
    "encoding_reason",
    "format_by_content",
    "is_utf8",
    "open_bytes",
    "open_text",
    "unmarked",
]

_HEAD_BYTES = 4096
# A line is found a few times sooner in this than in the usual eight kilobytes.
_BUFFER_BYTES = 2**18
_UTF8_MARK = b"\xef\xbb\xbf"
_KINDS = {
    b"\x1f\x8b": "a gzip archive; unpack it, or let its name end in .gz",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it, or let its name end in .zst",
    b"PK\x03\x04": "a ZIP archive or office document; unpack it or save it as text",
    b"%PDF": "a PDF document; convert it to text",
    b"PAR1": "a Parquet file; pass --input-format parquet",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\xff\xfe": "UTF-16 text; pass --encoding utf-16",
    b"\xfe\xff": "UTF-16 text; pass --encoding utf-16",
}
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_MAX_CONTROL_SHARE = 0.05


@contextmanager
def open_bytes(
    source: Source, stdin: BinaryIO | None, *, encoding: str
) -> Iterator[io.BufferedReader]:
    """Open `source` unpacked, and put a name to whatever goes wrong while it is read.

    Parameters
    ----------
    source : Source
        A file, or standard input.
    stdin : binary stream or None
        What to read as standard input; the process's own when ``None``. It is left open.
    encoding : str
        What the text will be decoded as; under UTF-16 and UTF-32 zero bytes are normal.

    Raises
    ------
    BadInputError
        If the file cannot be opened, is not text, or its archive is damaged or cut short.
    """
    with _named_errors(source.name):
        if source.path is None:
            yield from _borrow(stdin or sys.stdin.buffer, source.name, encoding)
        else:
            with _unpacked(source.path) as stream:
                _check_text(stream.peek(_HEAD_BYTES), source.name, encoding)
                yield stream


@contextmanager
def open_text(stream: io.BufferedReader, *, encoding: str, newline: str) -> Iterator[io.TextIOBase]:
    r"""Decode `stream`, with undecodable bytes kept as U+DC80 to U+DCFF for `bad_bytes` to find.

    Parameters
    ----------
    stream : io.BufferedReader
        Left open.
    encoding : str
        Any of Python's; UTF-8 may begin with a byte-order mark.
    newline : str
        ``""`` to end lines as any system does, untranslated; ``"\n"`` for that alone.

    Raises
    ------
    BadInputError
        If there is no such encoding.
    """
    known = "utf-8-sig" if _codec(encoding) == "utf-8" else encoding
    try:
        text = io.TextIOWrapper(stream, known, errors="surrogateescape", newline=newline)
    except (LookupError, ValueError):
        raise BadInputError(
            f"there is no encoding '{encoding}'. Common ones are utf-8, utf-16, cp1252, latin-1."
        ) from None
    try:
        yield text
    finally:
        text.detach()


def is_utf8(encoding: str) -> bool:
    """Return whether text of an encoding is UTF-8, whatever its name."""
    return _codec(encoding) in ("utf-8", "utf-8-sig")


def unmarked(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Return the lines of a file in UTF-8 without the byte-order mark."""
    rest = iter(lines)
    head = [line.removeprefix(_UTF8_MARK) for line in islice(rest, 1)]
    return chain(head, rest)


def bad_bytes(text: str) -> tuple[int, bytes]:
    """Return where the first undecodable bytes of `text` stand, and the bytes.

    Returns
    -------
    position : int
        Index into `text`, -1 when all of it was decoded.
    found : bytes
        Empty when all of it was decoded.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start, bytes(ord(char) & 0xFF for char in text[error.start : error.end])
    return -1, b""


def encoding_reason(found: bytes, encoding: str) -> str:
    """Return the sentence about bytes that are not `encoding`."""
    other = "utf-8" if _codec(encoding) != "utf-8" else "cp1252"
    shown = found[:8].hex(" ").upper()
    return (
        f"bytes {shown} are not {encoding} text. Name its encoding, for example --encoding {other}."
    )


def format_by_content(stream: io.BufferedReader) -> str:
    """Return ``jsonl`` when the first byte that is not blank is a brace, otherwise ``txt``."""
    head = stream.peek(_HEAD_BYTES).removeprefix(_UTF8_MARK).lstrip()
    return "jsonl" if head.startswith(b"{") else "txt"


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    try:
        yield
    except EOFError:
        message = "the archive ends too early, so it was cut short. Fetch or write it again."
    except (gzip.BadGzipFile, zlib.error) as error:
        message = f"not a gzip archive, or a damaged one ({error}). Rename it or fetch it again."
    except UnicodeError as error:
        message = f"cannot be decoded ({error}). Name the file's own --encoding."
    except OSError as error:
        message = f"cannot be read ({error.strerror or error}). Check the file and its permissions."
    else:
        return
    raise BadInputError(f"{name}: {message}")


def _borrow(stdin: BinaryIO, name: str, encoding: str) -> Iterator[io.BufferedReader]:
    """Yield `stdin` with a look-ahead, and hand it back open."""
    if isinstance(stdin, io.BufferedReader):
        _check_text(stdin.peek(_HEAD_BYTES), name, encoding)
        yield stdin
        return
    stream: io.BufferedReader = io.BufferedReader(stdin)  # type: ignore[arg-type]
    try:
        _check_text(stream.peek(_HEAD_BYTES), name, encoding)
        yield stream
    finally:
        stream.detach()


def _unpacked(path: Path) -> io.BufferedReader:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return io.BufferedReader(gzip.open(path), _BUFFER_BYTES)
    if suffix == ".zst":
        return open_zstd(path)
    return io.BufferedReader(io.FileIO(path), _BUFFER_BYTES)


def _check_text(head: bytes, name: str, encoding: str) -> None:
    wide = _codec(encoding).startswith(("utf-16", "utf-32"))
    for magic, kind in _KINDS.items():
        if head.startswith(magic) and not (wide and "UTF-16" in kind):
            raise BadInputError(f"{name}: this is {kind}.")
    n_controls = len(head) - len(head.translate(None, _CONTROLS))
    if not wide and n_controls > _MAX_CONTROL_SHARE * len(head):
        raise BadInputError(f"{name}: this is a binary file, not text. Leave it out.")


def _codec(encoding: str) -> str:
    """Return the one name Python has for `encoding`, or `encoding` when it knows none."""
    try:
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        return encoding
