"""The journal of a folder of results that may lie anywhere; a far one is kept here and copied."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from classifier.archive.shard import Shard, ShardResult
from classifier.archive.shards import Archive, Place
from classifier.archive.tagger import Tally
from classifier.errors import BadInputError, ClassifierError

__all__ = [
    "ClusterJournal",
    "Entry",
    "Journal",
    "opened_cluster_journal",
    "opened_journal",
    "read_journal",
]


FOLDER = ".classifier"
FILE = "journal.jsonl"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished file.

    Parameters
    ----------
    name, target : str
        See `Shard`.
    n_bytes, mtime_ns : int
        Of the input.
    written_bytes : int
        Of the result.
    sha256 : str
        Of the result.
    tally : Tally
    """

    name: str
    target: str
    n_bytes: int
    mtime_ns: int
    written_bytes: int
    sha256: str
    tally: Tally

    @classmethod
    def of(cls, shard: Shard, result: ShardResult) -> Entry:
        """Return what is written down of a file and its result."""
        return cls(
            shard.name,
            shard.target,
            shard.n_bytes,
            shard.mtime_ns,
            result.n_bytes,
            result.sha256,
            result.tally,
        )

    def holds(self, shard: Shard, out: Path) -> bool:
        """Return whether the file is what it was, and its result is there."""
        if (shard.n_bytes, shard.mtime_ns, shard.target) != (
            self.n_bytes,
            self.mtime_ns,
            self.target,
        ):
            return False
        with suppress(OSError):
            return (out / self.target).stat().st_size == self.written_bytes
        return False


@dataclass
class Journal:
    """The lines of a journal, one JSON object each: the settings, then the finished files.

    Parameters
    ----------
    out : Path
        The folder of the results.
    settings : mapping or None
        All that decides what is written; ``None`` in a new journal.
    entries : dict of str to Entry
        By name; a later line stands for an earlier one.
    """

    out: Path
    settings: Mapping[str, Any] | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    stream: IO[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Where everything of ours but the results lies."""
        return self.out / FOLDER

    def tally(self, names: Iterable[str]) -> Tally:
        """Return the counts of these files together."""
        total = Tally()
        for name in names:
            total.add(self.entries[name].tally)
        return total

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise `ClassifierError` when the results in the folder were made otherwise."""
        if self.settings is None or self.settings == settings:
            return
        before = self.settings
        names = [name for name in settings if before.get(name) != settings[name]] or ["version"]
        name = names[0]
        raise ClassifierError(
            f"{self.out}: was begun with {name} {_shown(before.get(name))}, and now it is "
            f"{_shown(settings.get(name))}. Name another folder, or pass --restart to do all "
            "of it again."
        )

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Write the settings of a new journal."""
        if self.settings is None:
            self.settings = settings
            self._append({"settings": settings})

    def add(self, entry: Entry) -> None:
        """Write down a finished file, so that it stays so after a power cut."""
        self.entries[entry.name] = entry
        row = {each.name: getattr(entry, each.name) for each in fields(entry)}
        self._append(row | {"tally": entry.tally.to_json()})

    def restart(self) -> None:
        """Forget everything, and remove the results that are written down."""
        for entry in self.entries.values():
            path = self.out / entry.target
            with suppress(OSError):
                if path.stat().st_size == entry.written_bytes:
                    path.unlink()
        shutil.rmtree(self.folder / "rejects", ignore_errors=True)
        self.settings, self.entries = None, {}
        if self.stream is not None:
            self.stream.truncate(0)

    def _append(self, row: Mapping[str, object]) -> None:
        if self.stream is None:
            raise ClassifierError(f"{self.out}: its journal was opened for reading only.")
        self.stream.write(json.dumps(row).encode() + b"\n")
        os.fsync(self.stream.fileno())


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


@contextmanager
def opened_journal(out: Path) -> Iterator[Journal]:
    """Give the journal of a folder of results, which no other run can use meanwhile.

    Raises
    ------
    ClassifierError
        When another run has it, it cannot be made, or it is no journal of ours.
    """
    path = out / FOLDER / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # unbuffered, so that nothing waits to be written when the disk is full
        stream = path.open("a+b", buffering=0)
    except OSError as error:
        raise ClassifierError(
            f"{out}: results cannot be written there ({error.strerror}). Name another folder."
        ) from None
    with stream:
        _lock(stream, out)
        stream.seek(0)
        content = stream.read()
        # a line that was being written when a run was killed
        stream.truncate(content.rfind(b"\n") + 1)
        journal = _parsed(content, out)
        journal.stream = stream
        yield journal


def read_journal(out: Path) -> Journal:
    """Return the journal of a folder as it stands, an empty one where there is none."""
    try:
        content = (out / FOLDER / FILE).read_bytes()
    except OSError:
        content = b""
    return _parsed(content, out)


def _lock(stream: IO[bytes], out: Path) -> None:
    """Lock a file until it is closed or the process ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ClassifierError(
            f"{out}: another run writes there. Wait for its end, or name another folder."
        ) from None


def _parsed(content: bytes, out: Path) -> Journal:
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    journal = Journal(out)
    try:
        for number, line in enumerate(lines):
            row = json.loads(line)
            if number == 0:
                journal.settings = row["settings"]
            else:
                entry = Entry(**row | {"tally": Tally.from_json(row["tally"])})
                journal.entries[entry.name] = entry
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadInputError(
            f"{out / FOLDER / FILE}: line {number + 1} is none of ours. Name another folder, or "
            "remove the whole folder to begin anew."
        ) from None
    return journal


NAME = f"{FOLDER}/{FILE}"
# Object stores write files whole, so a far journal is not copied after each file.
PAUSE = 10.0


@dataclass
class ClusterJournal:
    """A journal and the folder of results it is about.

    Parameters
    ----------
    journal : Journal
        That of the folder itself when it is local, else a copy on this machine.
    out : Place
    sizes : dict of str to int
        Bytes of the files that were in the folder at the beginning.
    """

    journal: Journal
    out: Place
    sizes: dict[str, int]
    copied: float = field(default=0.0)

    def done(self, archive: Archive) -> set[str]:
        """Return the names of the files that need not be tagged again."""
        entries = self.journal.entries
        return {
            shard.name
            for shard in archive.shards
            if shard.name in entries and self._holds(entries[shard.name], shard)
        }

    def _holds(self, entry: Entry, shard: Shard) -> bool:
        kept = (entry.target, entry.n_bytes, entry.mtime_ns, entry.written_bytes)
        size = self.sizes.get(shard.target)
        return kept == (shard.target, shard.n_bytes, shard.mtime_ns, size)

    def add(self, entry: Entry) -> None:
        """Write down a finished file."""
        self.journal.add(entry)
        self.sizes[entry.target] = entry.written_bytes
        if time.monotonic() - self.copied > PAUSE:
            self.copy()

    def copy(self) -> None:
        """Put a far journal where it belongs, in one step."""
        self.copied = time.monotonic()
        if self.out.is_local:
            return
        passing = self.out.below(f"{FOLDER}/{secrets.token_hex(4)}.jsonl")
        self.out.fs.makedirs(self.out.below(FOLDER), exist_ok=True)
        self.out.fs.put_file(str(self.journal.folder / FILE), passing)
        self.out.fs.mv(passing, self.out.below(NAME))

    def restart(self) -> None:
        """Forget everything, and remove the results that are written down."""
        if not self.out.is_local:
            for entry in self.journal.entries.values():
                if self.sizes.get(entry.target) == entry.written_bytes:
                    self.out.fs.rm_file(self.out.below(entry.target))
        self.journal.restart()


@contextmanager
def opened_cluster_journal(out: Place, archive: Archive) -> Iterator[ClusterJournal]:
    """Give the journal of a folder of results; a far one is copied in the end, whatever happens.

    Raises
    ------
    ClassifierError
        As `opened_journal`, and when a first run would replace files that it did not write.
    """
    sizes = out.sizes()
    if not sizes.get(NAME):
        _check_free(out, archive, sizes)
    if out.is_local:
        with opened_journal(Path(out.path)) as journal:
            yield ClusterJournal(journal, out, sizes)
        return
    with TemporaryDirectory() as folder, _renamed(folder, out.address):
        if NAME in sizes:
            near = Path(folder, NAME)
            near.parent.mkdir()
            out.fs.get_file(out.below(NAME), str(near))
        with opened_journal(Path(folder)) as journal:
            kept = ClusterJournal(journal, out, sizes)
            try:
                yield kept
            finally:
                with suppress(OSError):
                    kept.copy()


def _check_free(out: Place, archive: Archive, sizes: dict[str, int]) -> None:
    for shard in archive.shards:
        if shard.target in sizes:
            raise BadInputError(
                f"{out.below(shard.target)}: is there already, and no run of ours has written it. "
                "Name another folder."
            )


@contextmanager
def _renamed(folder: str, address: str) -> Iterator[None]:
    """Let errors name the far folder where they name the copy of its journal."""
    try:
        yield
    except ClassifierError as error:
        message = str(error).replace(folder, address)
        raise type(error)(message) from None
