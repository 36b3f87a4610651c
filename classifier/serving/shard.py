"""One file of an archive: read, tagged, written whole."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, TextIO

from classifier.corpus.open_paths import Source
from classifier.corpus.open_text import open_bytes
from classifier.errors import BadInputError
from classifier.resources import file_sha256
from classifier.serving.line_blocks import Block, line_blocks, utf8_bytes
from classifier.serving.run_summary import Tally
from classifier.serving.shard_parquet import tag_parquet
from classifier.serving.shard_rows import write_rows
from classifier.serving.tag_lines import tag_block
from classifier.serving.tagger import Reject, Tagger, TagOptions

__all__ = ["Rejects", "Shard", "ShardResult", "opened_part", "packed", "position", "tag_shard"]

# Level 6, the default, takes longer than the tagging and saves a tenth of the bytes.
GZIP_LEVEL = 2
ZSTD_LEVEL = 3

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Shard:
    """A file to tag.

    Parameters
    ----------
    name : str
        Its path below the archive, with slashes.
    path : Path
    format : str
        ``jsonl``, ``csv``, ``tsv`` or ``parquet``.
    target : str
        The path of its result below the folder of results.
    target_format : str
    n_bytes, mtime_ns : int
        Its size and time of change when it was found.
    """

    name: str
    path: Path
    format: str
    target: str
    target_format: str
    n_bytes: int
    mtime_ns: int

    @property
    def source(self) -> Source:
        """The file as the readers take it."""
        return Source(str(self.path), self.path, self.format)

    @property
    def by_lines(self) -> bool:
        """Whether lines of JSON become lines of JSON."""
        return self.format == self.target_format == "jsonl"

    def check_unchanged(self) -> None:
        """Raise `BadInputError` when the file is not what it was when it was found."""
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.n_bytes, self.mtime_ns):
            raise BadInputError(f"{self.path}: was changed while it was read. Run once more.")


@dataclass(frozen=True, slots=True)
class ShardResult:
    """A result that waits to be given its name: its bytes, their SHA-256, and the counts."""

    n_bytes: int
    sha256: str
    tally: Tally


def tag_shard(
    shard: Shard, tagger: Tagger, part: Path, *, rejects: Path, report: Report
) -> ShardResult:
    """Tag all articles of a file and write them to `part`, in order.

    Parameters
    ----------
    shard : Shard
    tagger : Tagger
    part : Path
        Flushed to the disk when whole, gone after an error.
    rejects : Path
        The same for bad rows, one JSON object a line; only made when there are some.
    report : callable
        Called now and then with the articles read and the bytes they took of the file.

    Raises
    ------
    BadInputError
        When the file cannot be read to its end.
    OSError
        When the result cannot be written.
    """
    tally = Tally()
    with opened_part(part) as raw, Rejects(rejects) as reject:
        with packed(raw, Path(shard.target).suffix.lower()) as stream:
            if shard.by_lines:
                for block in _blocks(shard, tagger.options, tally, report):
                    stream.write(
                        tag_block(tagger, block, shard.source.name, tally=tally, reject=reject)
                    )
            elif shard.format == shard.target_format == "parquet":
                tag_parquet(shard.path, tagger, raw, tally=tally, reject=reject, report=report)
            else:
                write_rows(
                    shard.source,
                    tagger,
                    stream,
                    format=shard.target_format,
                    tally=tally,
                    reject=reject,
                    report=report,
                )
        shard.check_unchanged()
    return ShardResult(part.stat().st_size, file_sha256(part), tally)


def _blocks(shard: Shard, options: TagOptions, tally: Tally, report: Report) -> Iterator[Block]:
    """Yield the lines of a JSONL file; reports what `tally` has counted before each block."""
    encoding = options.reading.encoding
    with (
        open_bytes(shard.source, None, encoding=encoding) as stream,
        utf8_bytes(stream, encoding) as read,
    ):
        for block in line_blocks(read, longest=options.longest_line):
            yield block
            report(tally.read, position(stream))


def position(stream: IO[bytes]) -> int:
    """Return how many bytes of the file itself were read, 0 where that cannot be told."""
    with suppress(OSError, ValueError):
        return os.lseek(stream.fileno(), 0, os.SEEK_CUR)
    return 0


@contextmanager
def opened_part(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is flushed to the disk in the end, and gone after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class Rejects:
    """The file of bad rows, opened at the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: TextIO | None = None

    def __enter__(self) -> Reject:
        self._path.unlink(missing_ok=True)
        return self._add

    def _add(self, line: str) -> None:
        if self._stream is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._path.open("w", encoding="ascii")
        self._stream.write(line)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._stream is not None:
            self._stream.close()
        if kind is not None:
            self._path.unlink(missing_ok=True)


@contextmanager
def packed(raw: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    """Give a stream that packs what is written as ``.gz`` or ``.zst``, else `raw` itself.

    The same content gives the same bytes: neither name nor time is kept.
    """
    opened: object = nullcontext(raw)
    if suffix == ".gz":
        opened = gzip.GzipFile("", "wb", GZIP_LEVEL, raw, mtime=0)
    elif suffix == ".zst":
        import zstandard

        compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)
        opened = compressor.stream_writer(raw, closefd=False)
    with opened as stream:  # type: ignore[attr-defined]
        yield stream
