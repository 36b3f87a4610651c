"""Files: those that ship with the package, and writing them whole, packed, locked and named."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from classifier.errors import BadInputError, ClassifierError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "cache_dir",
    "file_sha256",
    "flush_folder",
    "json_text",
    "lock",
    "locked_folder",
    "open_zstd",
    "opened_text",
    "packed",
    "remove_unlocked",
    "replacing",
    "replacing_text",
    "resource",
    "write_file",
    "write_json_lines",
]


PACKAGE = Path(__file__).resolve().parent
SHIPPED = {"data": "shipped_data", "models": "shipped_models"}
CACHE_VARIABLE = "CLASSIFIER_CACHE"


def resource(*parts: str, package: Path = PACKAGE) -> Path:
    """Return the path of a file or folder that ships with the package.

    Parameters
    ----------
    *parts : str
        ``"models"`` or ``"data"``, then the way down from there.
    package : Path
        The folder of the installed package.

    Returns
    -------
    Path
        In an installed wheel below ``classifier/shipped_…``, in a checkout or an editable
        install below the repository's own ``models`` or ``data``.

    Raises
    ------
    ClassifierError
        When it lies in neither place.
    """
    root, *below = parts
    places = [package.joinpath(SHIPPED[root], *below)] if root in SHIPPED else []
    if places and _is_checkout(package.parent):
        places.append(package.parent.joinpath(*parts))
    for place in places:
        if place.exists():
            return place
    tried = ", ".join(map(str, places)) or f"nowhere: only {' and '.join(SHIPPED)} are shipped"
    raise ClassifierError(
        f"{'/'.join(parts)} is not part of this installation (looked at {tried}). "
        "Install the package again, or pass a path of your own."
    )


def cache_dir(*, package: Path = PACKAGE, platform: str = sys.platform) -> Path:
    """Return the folder for fetched files; it need not exist yet.

    ``CLASSIFIER_CACHE`` decides when it is set. Else it is ``.cache/classifier`` of the
    repository when run from a checkout, and the platform's cache of the user otherwise.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    if _is_checkout(package.parent):
        return package.parent / ".cache" / "classifier"
    return _user_cache(platform) / "classifier"


def _user_cache(platform: str) -> Path:
    if platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _is_checkout(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# What a file is called while it is written, beside the one that it becomes.
_PART = ".{name}.{token}.part"
# Errors of writing, which may come without the name of a file.
_NAMELESS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
# Seconds that a locked folder is waited for, and between two tries.
PATIENCE, PAUSE = 60.0, 0.02


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that becomes `path` only once the block has ended without an error.

    A link stays, and the file that it leads to is replaced; a device or FIFO stays too, and is
    written to. What a killed writer of the same file has left beside it is removed.

    Raises
    ------
    ClassifierError
        When its folder cannot be made or written to, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with _named_errors(path), target.open("wb") as special:
            yield special
        return
    with _named_errors(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_parts(target)
        part, stream = _new_part(target)
        # the block may close the stream, but not this one, which holds the lock
        handle = os.dup(stream.fileno())
        try:
            with stream:
                yield stream
            os.fsync(handle)
            if sys.platform == "win32":
                handle = os.close(handle) or -1
            part.replace(target)
            flush_folder(target.parent)
        finally:
            if handle >= 0:
                os.close(handle)
            part.unlink(missing_ok=True)


def _new_part(target: Path) -> tuple[Path, BinaryIO]:
    import secrets

    while True:
        part = target.with_name(_PART.format(name=target.name, token=secrets.token_hex(4)))
        stream: BinaryIO = part.open("xb")
        # Windows removes no open file, which is lock enough
        locked = sys.platform == "win32" or lock(stream.fileno())
        # before it was locked, another writer may have taken it for one that was left
        if locked and part.exists():
            return part, stream
        stream.close()


def _remove_parts(target: Path) -> None:
    pattern = re.compile(_PART.format(name=re.escape(target.name), token="[0-9a-f]{8}"))
    for entry in os.scandir(target.parent):
        if pattern.fullmatch(entry.name):
            with suppress(OSError):
                remove_unlocked(Path(entry))


def remove_unlocked(part: Path) -> None:
    """Remove a file unless a process holds its lock.

    Raises
    ------
    OSError
        When it cannot be removed.
    """
    with part.open("rb") as stream:
        free = sys.platform == "win32" or lock(stream.fileno())
    if free:
        part.unlink()


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Put the name of `path` to errors of the system that are about it and do not name it."""
    try:
        yield
    except OSError as error:
        ours = error.errno in _NAMELESS if error.filename is None else _is_about(error, path)
        if not ours:
            raise
        advice = "Choose another folder."
        if error.errno in _NAMELESS:
            advice = "Make room, or choose another disk."
        if cache_dir() in path.parents:
            advice += f" For fetched files the environment variable {CACHE_VARIABLE} names it."
        raise ClassifierError(f"{path} cannot be written ({error.strerror}). {advice}") from error


def _is_about(error: OSError, path: Path) -> bool:
    named, target = Path(os.fsdecode(error.filename)), Path(os.path.realpath(path))
    hidden = named.name.startswith(f".{target.name}.")
    return named in (path, target, *target.parents) or (hidden and named.parent == target.parent)


def flush_folder(folder: Path) -> None:
    """Let the names of new files in `folder` survive a power cut."""
    # Windows cannot open folders, and needs no such flush
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    ClassifierError
        As `replacing`.
    """
    with replacing(path) as stream:
        stream.write(content)


@contextmanager
def replacing_text(
    path: Path, *, encoding: str = "utf-8", errors: str = "strict"
) -> Iterator[TextIO]:
    """Open a text file as `replacing` does, packed when `path` ends in ``.gz``."""
    suffix = path.suffix.lower()
    with (
        replacing(path) as raw,
        packed(raw, ".gz" if suffix == ".gz" else "") as binary,
        io.TextIOWrapper(binary, encoding, errors=errors, newline="") as stream,
    ):
        yield stream


@contextmanager
def opened_text(path: Path, *, encoding: str = "utf-8", errors: str = "strict") -> Iterator[TextIO]:
    """Open a text file that is written as it goes, so that what is there after a kill stays.

    Raises
    ------
    ClassifierError
        When it cannot be written, or the disk is full.
    """
    with _named_errors(path), path.open("w", encoding=encoding, errors=errors) as stream:
        yield stream


@contextmanager
def packed(raw: BinaryIO, suffix: str, *, gzip_level: int = 9) -> Iterator[BinaryIO]:
    """Give a stream that packs what is written as ``.gz`` or ``.zst``, else `raw` itself.

    The same content gives the same bytes: neither name nor time is kept.
    """
    opened: object = nullcontext(raw)
    if suffix == ".gz":
        import gzip

        opened = gzip.GzipFile("", "wb", gzip_level, raw, mtime=0)
    elif suffix == ".zst":
        import zstandard

        compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
        opened = compressor.stream_writer(raw, closefd=False)
    with opened as stream:  # type: ignore[attr-defined]
        yield stream


def lock(handle: int) -> bool:
    """Lock an open file until it is closed or the process ends; return whether it was free.

    Where the system knows no locks, every file is free.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
    return True


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep others that lock the same folder out until the block has ended.

    Raises
    ------
    ClassifierError
        When another process has had it for a minute.
    """
    if sys.platform == "win32":
        # folders cannot be opened there
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    else:
        handle = os.open(folder, os.O_RDONLY)
    try:
        end = time.monotonic() + PATIENCE
        while not lock(handle):
            if time.monotonic() > end:
                raise ClassifierError(
                    f"{folder}: another process writes there and has not ended in {PATIENCE:g} s. "
                    "Wait for its end, or name another folder."
                )
            time.sleep(PAUSE)
        yield
    finally:
        os.close(handle)


def json_text(value: object) -> str:
    """Return a report as JSON: indented, and pure ASCII, so that no terminal obeys any of it.

    Raises
    ------
    ValueError
        When it holds a number that JSON does not know.
    """
    return json.dumps(value, allow_nan=False, indent=1) + "\n"


def write_json_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> int:
    """Write one JSON object a line, compressed when `path` ends in ``.gz``; return how many.

    The same rows give the same bytes: the gzip header holds neither time nor name.
    """
    n_rows = 0
    with replacing_text(path) as lines:
        for row in rows:
            n_rows += 1
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return n_rows


# Data can grow thirty-thousandfold when unpacked; a small bite at a time keeps memory bounded.
_BITE_BYTES = 256
_ZSTD_LEVEL = 3


def open_zstd(path: Path) -> io.BufferedReader:
    """Return the bytes inside the archive at `path`, made of one or more zstd frames.

    Raises
    ------
    BadInputError
        If the zstandard package is missing.
    OSError
        If the file cannot be opened.

    Notes
    -----
    Reading raises `EOFError` when the last frame is unfinished, which the package's own reader
    passes over in silence, and `OSError` when the data are damaged.
    """
    try:
        import zstandard  # noqa: F401
    except ImportError:
        raise BadInputError(
            f"{path}: reading .zst needs zstandard. Install it: pip install zstandard"
        ) from None
    return io.BufferedReader(_ZstdReader(path))


class _ZstdReader(io.RawIOBase):
    """The frames of one file, decompressed one after the other."""

    def __init__(self, path: Path) -> None:
        self._archive = path.open("rb")
        self._pieces = _pieces(self._archive)
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        self._ready = self._ready or memoryview(next(self._pieces, b""))
        n_bytes = min(len(view), len(self._ready))
        view[:n_bytes] = self._ready[:n_bytes]
        self._ready = self._ready[n_bytes:]
        return n_bytes

    def close(self) -> None:
        self._archive.close()
        super().close()


def _pieces(archive: BinaryIO) -> Iterator[bytes]:
    """Yield what is in the archive in pieces that are not empty."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor()
    frame = None
    while bite := archive.read(_BITE_BYTES):
        while bite:
            frame = frame or decompressor.decompressobj()
            try:
                piece = frame.decompress(bite)
            except zstandard.ZstdError as error:
                raise OSError(f"not a zstd archive, or a damaged one: {error}") from None
            if piece:
                yield piece
            bite, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError
