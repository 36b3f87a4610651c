"""Opening files: packed or not, in any encoding, as a stream, or in blocks of whole lines."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from classifier.errors import BadInputError, needing
from classifier.files import open_zstd

__all__ = [
    "COMPRESSIONS",
    "PACKED",
    "Block",
    "Rows",
    "bad_bytes",
    "bounded_lines",
    "encoding_reason",
    "format_by_content",
    "import_parquet",
    "is_utf8",
    "line_blocks",
    "marked_encoding",
    "open_bytes",
    "open_text",
    "parquet_schema",
    "parquet_writer",
    "unmarked",
    "utf8_bytes",
]


_HEAD_BYTES = 4096
# A line is found a few times sooner in this than in the usual eight kilobytes.
_BUFFER_BYTES = 2**18
_UTF8_MARK = b"\xef\xbb\xbf"
# The first bytes of packed files.
PACKED = _GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_KINDS = {
    _GZIP: "a gzip archive; unpack it first",
    _ZSTD: "a zstd archive; unpack it first",
    b"PK\x03\x04": "a ZIP archive or office document; unpack it or save it as text",
    b"\xd0\xcf\x11\xe0": "an old Office document or mail; save it as text or as .xlsx",
    b"{\\rtf": "Rich Text; save it as plain text",
    b"%PDF": "a PDF document; convert it to text",
    b"PAR1": "a Parquet file; read it from a file whose name ends in .parquet",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}
_LONGEST_LINE = 2**28
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_MAX_CONTROL_SHARE = 0.05
# What the first bytes tell, blanks and a byte-order mark aside.
_BEGINNINGS = (
    (rb"\[\s*(?:[]{]|\"|\Z)|\{\s*\n\s*\"", "json"),
    (rb"\{\s*\"[^\n\"]*\"\s*:", "jsonl"),
    (rb"<\?xml|<rss|<feed|<rdf:RDF|<news(?:Item|Message)", "xml"),
    (rb"(?i)<!doctype html|<html", "html"),
    (rb"WARC/\d", "warc"),
    (rb"__label__\S", "fasttext"),
    (rb"[^\n]*\S[^\n]*\t(?:<[^<>\s]+>[ \t]*)+\r?(?:\n|\Z)", "annif"),
)
# What files of a name hold now and then, and the first bytes then tell.
_MAY_HOLD = {
    "jsonl": ("json",),
    "txt": ("jsonl", "json", "fasttext", "annif"),
    "csv": ("annif",),
    "tsv": ("annif",),
}
COMPRESSIONS = (".gz", ".zst")
_UNDECODED = "[\udc80-\udcff]+"
_NO_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


class Opened(Protocol):
    """What can be opened: a `classifier.corpus.find.Source`."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def path(self) -> Path | None:
        """Where it lies; ``None`` is standard input."""


@contextmanager
def open_bytes(
    source: Opened, stdin: BinaryIO | None, *, encoding: str
) -> Iterator[io.BufferedReader]:
    """Open `source` unpacked, and put a name to whatever goes wrong while it is read.

    Parameters
    ----------
    source : Source
        A file, or standard input where it has no path.
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
            if stdin is None and sys.stdin is None:
                raise BadInputError(
                    f"{source.name} is closed. Name a file, or give it something to read."
                )
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


def marked_encoding(stream: io.BufferedReader, encoding: str) -> str:
    """Return ``utf-16`` when a stream begins with its mark, otherwise `encoding`."""
    wide = _codec(encoding).startswith(("utf-16", "utf-32"))
    return "utf-16" if not wide and stream.peek(2).startswith(_UTF16_MARKS) else encoding


def bounded_lines(stream: io.BufferedReader | io.TextIOBase) -> Iterator[Any]:
    """Return the lines of a stream, one of more than 256 MB in pieces, as none is a row."""
    return iter(partial(stream.readline, _LONGEST_LINE), stream.read(0))


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


def encoding_reason(text: str, encoding: str) -> str:
    """Return the sentence about the bytes in a text that are not `encoding`.

    Western texts have few letters in a row that are not ASCII. Where there are more, or bytes
    that cp1252 has no letter for, it is not offered.
    """
    runs = [bytes(ord(char) & 0xFF for char in run) for run in re.findall(_UNDECODED, text)]
    western = all(len(run) <= 3 and not _NO_CP1252.intersection(run) for run in runs)
    if not is_utf8(encoding):
        offered = ", for example --encoding utf-8"
    elif western:
        offered = ", for example --encoding cp1252"
    else:
        offered = " with --encoding: cp1251, gb18030, shift_jis or another"
    shown = runs[0][:8].hex(" ").upper()
    return f"bytes {shown} are not {encoding} text. Name its encoding{offered}."


def format_by_content(stream: io.BufferedReader, named: str = "") -> str:
    """Return the format that the first bytes of a stream tell.

    Parameters
    ----------
    stream : io.BufferedReader
        Nothing of it is taken.
    named : str
        The format by the name of the file, which decides unless files of such a name hold
        something else now and then, such as an array in a ``.jsonl``. Without, what tells
        nothing is taken for JSON after a bracket, and for a text otherwise.
    """
    head = stream.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    if head.startswith(_UTF16_MARKS):
        head = head.decode("utf-16", "ignore").encode()
    head = head.removeprefix(_UTF8_MARK).lstrip()
    found = next((format for begin, format in _BEGINNINGS if re.match(begin, head)), "")
    if named:
        return found if found in _MAY_HOLD.get(named, ()) else named
    return found or {b"{": "jsonl", b"[": "json"}.get(head[:1], "txt")


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
    """Open a file, unpacked where its name or, for files that can be read again, a byte says so."""
    suffix, begin = path.suffix.lower(), b""
    if path.is_file():
        with path.open("rb") as stream:
            begin = stream.read(4)
        if suffix in COMPRESSIONS and not begin:
            raise EOFError
    if suffix == ".gz" or begin.startswith(_GZIP):
        return io.BufferedReader(gzip.open(path), _BUFFER_BYTES)
    if suffix == ".zst" or begin == _ZSTD:
        return open_zstd(path)
    return io.BufferedReader(io.FileIO(path), _BUFFER_BYTES)


def _check_text(head: bytes, name: str, encoding: str) -> None:
    if head.startswith(b"WARC/"):  # its records hold pictures too
        return
    wide = _codec(encoding).startswith(("utf-16", "utf-32")) or head.startswith(_UTF16_MARKS)
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            raise BadInputError(f"{name}: this is {kind}.")
    n_controls = len(head) - len(head.translate(None, _CONTROLS))
    if not wide and n_controls > _MAX_CONTROL_SHARE * len(head):
        for order, zeros, letters in (("le", head[1::2], head[::2]), ("be", head[::2], head[1::2])):
            if zeros.count(0) > 0.5 * len(zeros) and not letters.count(0):
                raise BadInputError(
                    f"{name}: looks like UTF-16 without its mark. Pass --encoding utf-16-{order}."
                )
        raise BadInputError(f"{name}: this is a binary file, not text. Leave it out.")


def _codec(encoding: str) -> str:
    """Return the one name Python has for `encoding`, or `encoding` when it knows none."""
    try:
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        return encoding


Rows = list[dict[str, Any]]


def import_parquet(name: str) -> Any:
    """Return the module `pyarrow.parquet`.

    Raises
    ------
    BadInputError
        If pyarrow is missing; the message names the file `name` that asked for it.
    """
    with needing("parquet", f"{name}: Parquet needs pyarrow"):
        from pyarrow import parquet
    return parquet


@contextmanager
def parquet_writer(
    stream: BinaryIO, columns: Mapping[str, type]
) -> Iterator[Callable[[Rows], None]]:
    """Give a function that adds rows to a Parquet file, as a row group.

    Parameters
    ----------
    stream : binary stream
    columns : mapping of str to type
        ``str``, ``float`` (float64) or ``list`` (of strings) by column, in order.

    Raises
    ------
    BadInputError
        If pyarrow is missing.
    """
    parquet = import_parquet("Parquet")
    from pyarrow import Table

    schema = parquet_schema(columns)
    with parquet.ParquetWriter(stream, schema) as writer:
        yield lambda rows: writer.write_table(Table.from_pylist(rows, schema=schema))


def parquet_schema(columns: Mapping[str, type]) -> Any:
    """Return the Arrow schema of columns of ``str``, ``float`` or ``list`` (of strings)."""
    import pyarrow

    text = pyarrow.string()
    types = {str: text, float: pyarrow.float64(), list: pyarrow.list_(text)}
    return pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])


BLOCK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, or word of one that is too long to keep.

    Parameters
    ----------
    first : int
        Number of the first line, counted from 1.
    data : bytes
        The lines with their ends; only the last of a file may lack it.
    too_long : int
        Bytes of a line that was passed over; `data` is then empty.
    start : int
        Bytes of the stream before it.
    """

    first: int
    data: bytes
    too_long: int = 0
    start: int = 0


def line_blocks(
    read: Callable[[int], bytes], *, longest: int, size: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Yield all lines of a stream in order.

    Parameters
    ----------
    read : callable
        From a number of bytes to so many or fewer; none at the end.
    longest : int
        Lines of more bytes are passed over; at least `size`.
    size : int
        Bytes of a block, to which the rest of its last line comes.
    """
    number, place, begun, held = 1, 0, list[bytes](), 0
    while piece := read(size):
        start = piece.find(b"\n") + 1
        if not start:
            held += len(piece)
            begun = [*begun, piece] if held <= longest else []
            continue
        end, n_before = piece.rfind(b"\n") + 1, held
        if held + start - 1 > longest:
            yield Block(number, b"", held + start - 1, place)
            number, place, begun, n_before = number + 1, place + held + start, [], -start
        else:
            start = 0
        if end > start:
            data = b"".join([*begun, memoryview(piece)[start:end]])
            yield Block(number, data, start=place)
            number += data.count(b"\n")
        place += n_before + end
        begun, held = [piece[end:]], len(piece) - end
    if held:
        yield Block(number, b"".join(begun), held if held > longest else 0, place)


@contextmanager
def utf8_bytes(stream: io.BufferedReader, encoding: str) -> Iterator[Callable[[int], bytes]]:
    """Give a function that reads `stream` as UTF-8 without a byte-order mark.

    Raises
    ------
    BadInputError
        If there is no such encoding.
    """
    if is_utf8(encoding):
        if stream.peek(3).startswith(codecs.BOM_UTF8):
            stream.read(3)
        yield stream.read
        return
    with open_text(stream, encoding=encoding, newline="\n") as text:
        # undecodable bytes, which might be UTF-8 together, stay apart and are named by line
        yield lambda size: text.read(size).encode("utf-8", "surrogatepass")
