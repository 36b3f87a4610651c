"""What a folder of results keeps of its making: settings, finished files, and a lock."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any

from classifier.errors import BadInputError, ClassifierError
from classifier.serving.run_summary import Tally
from classifier.serving.shard import Shard, ShardResult

__all__ = ["Entry", "Journal", "opened_journal", "read_journal"]

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
