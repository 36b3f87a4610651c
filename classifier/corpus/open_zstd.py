"""Zstandard archives as a stream that notices when one was cut short."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from classifier.errors import BadInputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["open_zstd"]

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
