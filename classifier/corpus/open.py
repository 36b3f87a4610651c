"""A stream cut into blocks of whole lines, with memory bounded whatever the lines' length."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from classifier.errors import BadInputError, listed
from classifier.files import open_zstd, replacing

__all__ = [
    "COMPRESSIONS",
    "Block",
    "Rows",
    "Source",
    "bad_bytes",
    "encoding_reason",
    "find_sources",
    "format_by_content",
    "format_by_name",
    "import_parquet",
    "is_utf8",
    "line_blocks",
    "marked_encoding",
    "open_bytes",
    "open_parquet_writer",
    "open_text",
    "parquet_schema",
    "parquet_table",
    "unmarked",
    "utf8_bytes",
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
}
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
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


def marked_encoding(stream: io.BufferedReader, encoding: str) -> str:
    """Return ``utf-16`` when a stream begins with its mark, otherwise `encoding`."""
    wide = _codec(encoding).startswith(("utf-16", "utf-32"))
    return "utf-16" if not wide and stream.peek(2).startswith(_UTF16_MARKS) else encoding


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
    """Return the format that the first bytes of a stream tell, ``txt`` where they tell none."""
    head = stream.peek(_HEAD_BYTES).removeprefix(_UTF8_MARK).lstrip()
    return next((format for begin, format in _BEGINNINGS if head.startswith(begin)), "txt")


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
    if suffix in COMPRESSIONS and path.is_file() and not path.stat().st_size:
        raise EOFError
    if suffix == ".gz":
        return io.BufferedReader(gzip.open(path), _BUFFER_BYTES)
    if suffix == ".zst":
        return open_zstd(path)
    return io.BufferedReader(io.FileIO(path), _BUFFER_BYTES)


def _check_text(head: bytes, name: str, encoding: str) -> None:
    wide = _codec(encoding).startswith(("utf-16", "utf-32")) or head.startswith(_UTF16_MARKS)
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
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


COMPRESSIONS = (".gz", ".zst")
_BEGINNINGS = (
    (b"{", "jsonl"),
    (b"[", "json"),
    (b"<?xml", "xml"),
    (b"<rss", "xml"),
    (b"<feed", "xml"),
    (b"WARC/", "warc"),
    (b"__label__", "fasttext"),
)
_FORMAT_OF = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xlsx": "xlsx",
    ".xml": "xml",
    ".rss": "xml",
    ".atom": "xml",
    ".warc": "warc",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "txt",
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
}


_OTHER_KINDS = {
    ".xls": "an old Excel workbook",
    ".ods": "a spreadsheet",
    ".docx": "a Word document",
    ".doc": "a Word document",
    ".pdf": "a PDF document",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read.

    Parameters
    ----------
    name : str
        What messages call it.
    path : Path or None
        ``None`` is standard input.
    format : str
        One of `classifier.corpus.corpus.FORMATS`; empty for standard input whose format is
        told from its first byte.
    id : str
        The id of its article, for files that are one article each.
    """

    name: str
    path: Path | None
    format: str
    id: str = ""


def find_sources(
    paths: Iterable[Path | str],
    *,
    format: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Source]:
    """Return the files behind `paths` in reading order.

    Parameters
    ----------
    paths : iterable of Path or str
        Files, folders, or ``-`` for standard input. Folders are walked down in sorted order;
        files in them with a name that tells no format, hidden ones and folders behind links are
        passed over.
    format : str, optional
        Read every file as this, whatever its name says.
    tell : callable
        Given a sentence about the files of each folder that are passed over, if any are.

    Raises
    ------
    BadInputError
        If a path does not exist or may not be looked into, a folder holds nothing to read, or a
        file's name does not tell its format.
    """
    return [source for path in paths for source in _expand(path, format, tell)]


def _expand(path: Path | str, format: str | None, tell: Callable[[str], None]) -> Iterator[Source]:
    if str(path) == "-":
        yield Source("standard input", None, format or "")
    elif _is_folder(Path(path)):
        yield from _in_folder(Path(path), format, tell)
    else:
        yield _named_file(Path(path), format)


def _is_folder(path: Path) -> bool:
    try:
        path.stat()
        return path.is_dir()
    except FileNotFoundError:
        message = f"{path}: no such file or folder. Check the spelling; - reads standard input."
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be opened ({_cause(error)}). Check its name and permissions."
    raise BadInputError(message)


def _named_file(path: Path, format: str | None) -> Source:
    found = format or format_by_name(path)
    if not found:
        raise BadInputError(f"{path}: {_reason_unread(path)}")
    return Source(str(path), path, found, _bare(path).name)


def _reason_unread(path: Path) -> str:
    other = _OTHER_KINDS.get(path.suffix.lower())
    if other:
        return f"{other} cannot be read. Save it as .csv, .jsonl, .parquet or .txt first."
    return (
        "the name does not tell its format. Name it with --input-format, for example "
        "--input-format jsonl when it holds one JSON object a line."
    )


def _in_folder(folder: Path, format: str | None, tell: Callable[[str], None]) -> Iterator[Source]:
    found = list(_walk(folder))
    files = sorted(path for path in found if format_by_name(path) and not _is_special(path))
    passed = Counter(path.suffix.lower() or "no suffix" for path in found) - Counter(
        path.suffix.lower() or "no suffix" for path in files
    )
    kinds = listed([f"{n:,} {kind}" for kind, n in passed.most_common()])
    known = " ".join(_FORMAT_OF)
    if not files:
        other = f" (found: {kinds})" if passed else ""
        raise BadInputError(
            f"{folder}: no file to read in this folder{other}. Names may end in {known}."
        )
    if passed:
        tell(f"{folder}: files that are not read: {kinds}. Names of those that are end in {known}.")
    for path in files:
        name = _bare(path.relative_to(folder)).as_posix()
        yield Source(str(path), path, format or format_by_name(path), name)


def _is_special(path: Path) -> bool:
    """Return whether a path is a FIFO or a device, which would hang whoever reads a folder."""
    return path.exists() and not path.is_file()


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def _refuse(error: OSError) -> None:
    raise BadInputError(
        f"{error.filename}: this folder cannot be read ({_cause(error)}). Check its permissions."
    )


def format_by_name(path: PurePath) -> str:
    """Return the format `path` is named after, or an empty string.

    >>> format_by_name(Path("news.JSONL.gz"))
    'jsonl'
    """
    packed = path.suffix.lower() in COMPRESSIONS
    found = _FORMAT_OF.get(PurePath(path.stem if packed else path.name).suffix.lower(), "")
    return "" if packed and found in ("parquet", "xlsx") else found


def _bare(path: Path) -> Path:
    """Return `path` without its format's suffix and without that of its compression."""
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path).with_suffix("")


def _cause(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


Rows = list[dict[str, Any]]


def import_parquet(name: str) -> Any:
    """Return the module `pyarrow.parquet`.

    Raises
    ------
    BadInputError
        If pyarrow is missing; the message names the file `name` that asked for it.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise BadInputError(
            f"{name}: Parquet needs pyarrow. Run: pip install 'classifier[parquet]'"
        ) from None
    return parquet


@contextmanager
def open_parquet_writer(
    path: Path, columns: Mapping[str, type]
) -> Iterator[Callable[[Rows], None]]:
    """Give a function that adds rows to `path`, which is replaced only when all went well.

    Parameters
    ----------
    path : Path
        Where the file will be.
    columns : mapping of str to type
        ``str``, ``float`` (float64) or ``list`` (of strings) by column, in order.

    Raises
    ------
    BadInputError
        If pyarrow is missing, or a value cannot be written.
    ClassifierError
        If `path` cannot be written.
    """
    parquet = import_parquet(str(path))
    from pyarrow import ArrowException

    schema = parquet_schema(columns)
    try:
        with replacing(path) as stream, parquet.ParquetWriter(stream, schema) as writer:
            yield lambda rows: writer.write_table(parquet_table(rows, schema))
    except (ArrowException, UnicodeError) as error:
        raise BadInputError(f"{path}: cannot be written ({error}). Write elsewhere.") from None


def parquet_schema(columns: Mapping[str, type]) -> Any:
    """Return the Arrow schema of columns of ``str``, ``float`` or ``list`` (of strings)."""
    import pyarrow

    text = pyarrow.string()
    types = {str: text, float: pyarrow.float64(), list: pyarrow.list_(text)}
    return pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])


def parquet_table(rows: Rows, schema: Any) -> Any:
    """Return rows as an Arrow table."""
    import pyarrow

    return pyarrow.Table.from_pylist(rows, schema=schema)


BLOCK_BYTES = 2**19


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
    """

    first: int
    data: bytes
    too_long: int = 0


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
    number, begun, held = 1, list[bytes](), 0
    while piece := read(size):
        start = piece.find(b"\n") + 1
        if not start:
            held += len(piece)
            begun = [*begun, piece] if held <= longest else []
            continue
        if held + start - 1 > longest:
            yield Block(number, b"", held + start - 1)
            number, begun = number + 1, []
        else:
            start = 0
        end = piece.rfind(b"\n") + 1
        if end > start:
            data = b"".join([*begun, memoryview(piece)[start:end]])
            yield Block(number, data)
            number += data.count(b"\n")
        begun, held = [piece[end:]], len(piece) - end
    if held:
        yield Block(number, b"".join(begun), held if held > longest else 0)


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
        # undecodable bytes, which might be UTF-8 together, stay apart and are told with their lines
        yield lambda size: text.read(size).encode("utf-8", "surrogatepass")
