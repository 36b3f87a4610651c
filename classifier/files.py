"""Zstandard archives as a stream that notices when one was cut short."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from classifier.errors import BadInputError, ClassifierError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["cache_dir", "file_sha256", "open_zstd", "replacing", "resource", "write_json_lines"]


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


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that becomes `path` only once the block has ended without an error.

    Raises
    ------
    ClassifierError
        When its folder cannot be made or written to.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = beside.open("xb")
    except OSError as error:
        raise ClassifierError(
            f"{path} cannot be written ({error.strerror}). Choose another folder; for "
            f"fetched files the environment variable {CACHE_VARIABLE} names it."
        ) from error
    try:
        with stream:
            yield stream
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_json_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> int:
    """Write one JSON object a line, compressed when `path` ends in ``.gz``; return how many.

    The same rows give the same bytes: the gzip header holds neither time nor name.
    """
    with replacing(path) as raw:
        if path.suffix != ".gz":
            return _write_lines(raw, rows)
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            return _write_lines(packed, rows)


def _write_lines(binary: BinaryIO | gzip.GzipFile, rows: Iterable[Mapping[str, object]]) -> int:
    n_rows = 0
    with io.TextIOWrapper(binary, encoding="utf-8", newline="\n") as lines:
        for row in rows:
            n_rows += 1
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return n_rows


# Data can grow thirty-thousandfold when unpacked; a small bite at a time keeps memory bounded.
_BITE_BYTES = 256


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
