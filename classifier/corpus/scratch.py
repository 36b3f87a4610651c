"""Columns of numbers that grow as a stream goes by: in memory, or in temporary files."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from classifier.errors import SettingsError

__all__ = ["Column", "MemoryColumn", "NewColumn", "Scratch", "chunks", "open_scratch"]

Array = npt.NDArray[Any]
# What is gathered before it is written, in bytes.
BUFFER = 2**20
# A quota is not known everywhere.
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


class Column(Protocol):
    """A table of numbers of one type to which rows are added at the end."""

    def __len__(self) -> int:
        """Return how many rows there are."""

    def append(self, rows: Array) -> None:
        """Add rows; of shape (n,) or, where the column is wide, (n, width)."""

    def read(self, start: int, stop: int) -> Array:
        """Return the rows from `start` up to `stop` in an array of their own."""


class NewColumn(Protocol):
    """What makes columns."""

    def __call__(self, dtype: npt.DTypeLike, width: int = 1) -> Column:
        """Return an empty column."""


class MemoryColumn:
    """A column in memory, in chunks, so that growing it copies nothing."""

    def __init__(self, dtype: npt.DTypeLike, width: int = 1) -> None:
        self._dtype, self._width = np.dtype(dtype), width
        self._room = max(BUFFER // (self._dtype.itemsize * width), 1)
        self._chunks: list[Array] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, rows: Array) -> None:
        """Add rows at the end."""
        rows = rows.reshape(-1, self._width)
        while len(rows):
            place = self._length % self._room
            if not place:
                self._chunks.append(np.empty((self._room, self._width), self._dtype))
            fitting = rows[: self._room - place]
            self._chunks[-1][place : place + len(fitting)] = fitting
            self._length += len(fitting)
            rows = rows[len(fitting) :]

    def read(self, start: int, stop: int) -> Array:
        """Return the rows from `start` up to `stop` in an array of their own."""
        found = np.empty((max(stop - start, 0), self._width), self._dtype)
        while start < stop:
            number, place = divmod(start, self._room)
            part = self._chunks[number][place : place + stop - start]
            end = len(found) - (stop - start)
            found[end : end + len(part)] = part
            start += len(part)
        return found[:, 0] if self._width == 1 else found


class Scratch:
    """Makes columns in temporary files of one folder; see `open_scratch`."""

    def __init__(self, folder: Path, files: ExitStack) -> None:
        self.folder = folder
        self._files = files
        self.written = 0

    def __call__(self, dtype: npt.DTypeLike, width: int = 1) -> FileColumn:
        """Return an empty column."""
        return FileColumn(self, self.file(), np.dtype(dtype), width)

    def file(self) -> IO[bytes]:
        """Return an empty file without a name, for writing and reading.

        Raises
        ------
        SettingsError
            When the folder takes no file.
        """
        try:
            # Without a name the system removes it even when the process is killed.
            opened = tempfile.TemporaryFile(dir=self.folder, buffering=BUFFER)  # noqa: SIM115
        except OSError as error:
            raise SettingsError(
                f"{self.folder}: no temporary file can be made there ({error.strerror}). "
                "Name another folder with --scratch."
            ) from error
        self._files.callback(_let_go, opened)
        return opened

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Say what to do where the disk turns out to be full."""
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise SettingsError(
                f"{self.folder}: {error.strerror} after {self.written / 1e6:,.0f} MB of temporary "
                "files. Free some room, or name another folder with --scratch."
            ) from error


class FileColumn:
    """A column in a temporary file, read piece by piece and never mapped."""

    def __init__(self, scratch: Scratch, file: IO[bytes], dtype: np.dtype[Any], width: int) -> None:
        self._scratch, self._file = scratch, file
        self._dtype, self._width = dtype, width
        self._length = 0
        self._at_end = True

    def __len__(self) -> int:
        return self._length

    def append(self, rows: Array) -> None:
        """Add rows at the end."""
        with self._scratch.telling():
            if not self._at_end:
                self._file.seek(0, 2)
                self._at_end = True
            self._length += self._write(rows)

    def write(self, start: int, rows: Array) -> None:
        """Replace as many rows from `start` on."""
        with self._scratch.telling():
            self._seek(start)
            self._write(rows)

    def read(self, start: int, stop: int) -> Array:
        """Return the rows from `start` up to `stop` in an array of their own."""
        return self.read_all([(start, stop)])

    def read_all(self, spans: Sequence[tuple[int, int]]) -> Array:
        """Return the rows of several spans, one after the other, in an array of their own."""
        n_rows = sum(max(stop - start, 0) for start, stop in spans)
        found = np.empty((n_rows, self._width), self._dtype)
        place = 0
        for start, stop in spans:
            place += self._read_into(found[place : place + max(stop - start, 0)], start)
        return found[:, 0] if self._width == 1 else found

    def _read_into(self, rows: Array, start: int) -> int:
        with self._scratch.telling():
            self._seek(start)
            n_bytes = self._file.readinto(rows.view(np.uint8).data)  # type: ignore[attr-defined]
        if n_bytes != rows.nbytes:
            raise OSError(f"{self._scratch.folder}: a temporary file is shorter than was written")
        return len(rows)

    def close(self) -> None:
        """Give the room on the disk back."""
        _let_go(self._file)

    def _seek(self, row: int) -> None:
        # what still waits to be written is written now
        self._file.seek(row * self._width * self._dtype.itemsize)
        self._at_end = False

    def _write(self, rows: Array) -> int:
        rows = np.ascontiguousarray(rows, self._dtype)
        self._file.write(rows.data)
        self._scratch.written += rows.nbytes
        return rows.size // self._width


def _let_go(file: IO[bytes]) -> None:
    # what still waits to be written is of no use to anybody
    with suppress(OSError):
        file.close()


def chunks(n_rows: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of pieces of `size` rows."""
    for start in range(0, n_rows, size):
        yield start, min(start + size, n_rows)


@contextmanager
def open_scratch(folder: Path | str | None = None) -> Iterator[Scratch]:
    """Give temporary files in a folder, which are gone at the end, however it comes.

    Parameters
    ----------
    folder : path, optional
        The system's folder for temporary files where none is given.
    """
    with ExitStack() as files:
        yield Scratch(Path(tempfile.gettempdir() if folder is None else folder), files)
