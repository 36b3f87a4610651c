"""The journal of a folder of results: what is finished, and what a killed run was about to do."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, fields
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeAlias

from classifier.archive.shard import Shard, ShardResult
from classifier.archive.shards import Archive, FarPlace, Place, place_of
from classifier.archive.tagger import Tally
from classifier.errors import BadInputError, ClassifierError
from classifier.files import lock

__all__ = [
    "Entry",
    "Journal",
    "occupied",
    "opened_journal",
    "publish",
    "read_journal",
]


FOLDER = ".classifier"
NAME = f"{FOLDER}/journal.jsonl"
CLAIMS = f"{FOLDER}/claims"
PARTS = f"{FOLDER}/parts"
REJECTS = f"{FOLDER}/rejects"
VERSION = 1
# Object stores write files whole, so a far journal is not copied after each file.
PAUSE = 10.0
# Of a result: its bytes, and their SHA-256.
Content: TypeAlias = tuple[int, str]


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

    def is_of(self, shard: Shard) -> bool:
        """Return whether the file is what it was when this was written."""
        now = (shard.n_bytes, shard.mtime_ns, shard.target)
        return now == (self.n_bytes, self.mtime_ns, self.target)


class Journal:
    """The lines of a journal, one JSON object each: the settings, then the finished files.

    Parameters
    ----------
    out : place or path
        The folder of the results.
    near : Path, optional
        The folder below which the journal lies on this machine, from where it is copied to a far
        `out`; `out` itself when not given.

    Attributes
    ----------
    settings : mapping or None
        All that decides what is written; ``None`` in a new journal.
    entries : dict of str to Entry
        By name; a later line stands for an earlier one.
    written : dict of str to set
        Size and SHA-256 of all results that runs have written, by target.
    """

    def __init__(self, out: Place | Path | str, *, near: Path | None = None) -> None:
        self.out = place_of(out)
        self.path = (near or Path(self.out.path)) / NAME
        self.settings: Mapping[str, Any] | None = None
        self.entries: dict[str, Entry] = {}
        self.written: dict[str, set[Content]] = {}
        self.stream: IO[bytes] | None = None
        # asked for once, as each question to an object store takes its time
        self._sizes = self.out.sizes() if isinstance(self.out, FarPlace) else None
        self._claimed: list[str] = []
        self._copied = 0.0

    def tally(self, names: Iterable[str]) -> Tally:
        """Return the counts of these files together."""
        total = Tally()
        for name in names:
            total.add(self.entries[name].tally)
        return total

    def finished(self, archive: Archive) -> set[str]:
        """Return the names of the files whose results are there and need not be made again."""
        return {
            shard.name
            for shard in archive.shards
            if (entry := self.entries.get(shard.name)) is not None
            and entry.is_of(shard)
            and self._size(entry.target) == entry.written_bytes
        }

    def _size(self, target: str) -> int | None:
        return self.out.size(target) if self._sizes is None else self._sizes.get(target)

    def is_free(self, target: str) -> bool:
        """Return whether nothing is at a target; in a far place, whether nothing was."""
        return self.out.is_free(target) if self._sizes is None else target not in self._sizes

    def may_write(self, target: str) -> bool:
        """Return whether there is nothing at a target, or a result as a run has written it."""
        return self.is_free(target) or self._is_own(target)

    def _is_own(self, target: str) -> bool:
        contents = self.written.get(target, set())
        size = self._size(target)
        if size is None or size not in dict(contents) or not self.out.is_own_file(target):
            return False
        return (size, self.out.sha256(target)) in contents

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise `ClassifierError` when the results in the folder were made otherwise."""
        if self.settings is None or self.settings == settings:
            return
        before = self.settings
        names = [name for name in settings if before.get(name) != settings[name]] or ["version"]
        name = names[0]
        raise ClassifierError(
            f"{self.out.address}: was begun with {name} {_shown(before.get(name))}, and now it is "
            f"{_shown(settings.get(name))}. Name another folder, or pass --restart to do all "
            "of it again."
        )

    def check_free(self, archive: Archive, done: Collection[str]) -> None:
        """Raise `BadInputError` for a file that a run would replace and none has written as it is.

        Parameters
        ----------
        archive : Archive
        done : collection of str
            Names of the files that are not done again.
        """
        for shard in archive.shards:
            if shard.name not in done and not self.may_write(shard.target):
                raise BadInputError(occupied(self.out, shard.target))

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Write the settings of a new journal."""
        if self.settings is None:
            self._append({"settings": settings})
            self.settings = settings
            self.copy()

    def claim(self, target: str, content: Content) -> None:
        """Write down what is about to be put at a target, in case that the run is killed there."""
        _claim(self.out, target, content)
        self._note(target, content)

    def add(self, entry: Entry) -> None:
        """Write down a finished file, so that it stays so after a power cut."""
        row = {each.name: getattr(entry, each.name) for each in fields(entry)}
        self._append(row | {"tally": entry.tally.to_json()})
        self.take(entry)
        if self._sizes is not None:
            self._sizes[entry.target] = entry.written_bytes
        self._claimed.append(claim_name(entry.target))
        if self._sizes is None or time.monotonic() - self._copied > PAUSE:
            self.copy()

    def copy(self) -> None:
        """Put a far journal where it belongs, in one step, and remove claims that it answers."""
        if self._sizes is not None and self.settings is not None:
            self._copied = time.monotonic()
            near, passing = self.path.with_suffix(".copy"), f"{FOLDER}/{secrets.token_hex(4)}.jsonl"
            near.write_bytes(self.path.read_bytes())
            self.out.put(near, NAME, passing=passing)
        # only now: without a claim, the entry is what tells that the result is ours
        while self._claimed:
            self.out.remove(self._claimed.pop())

    def take(self, entry: Entry) -> None:
        """Know a finished file."""
        self.entries[entry.name] = entry
        self._note(entry.target, (entry.written_bytes, entry.sha256))

    def take_claim(self, name: str) -> None:
        """Know what a killed run may have put at a target; half a line is no claim."""
        with suppress(ValueError, TypeError, KeyError):
            row = json.loads(self.out.read(name))
            content = (int(row["n_bytes"]), str(row["sha256"]))
            if not is_below(row["target"]):
                return
            if content in self.written.get(row["target"], ()):
                self._claimed.append(name)
            self._note(row["target"], content)

    def _note(self, target: str, content: Content) -> None:
        self.written.setdefault(target, set()).add(content)

    def restart(self) -> None:
        """Forget everything, and remove the results that are as they were written."""
        for target in self.written:
            with suppress(OSError):
                if self._is_own(target):
                    self.out.remove(target)
        for name in (REJECTS, CLAIMS):
            self.out.remove_folder(name)
        self.settings, self.entries, self.written, self._claimed = None, {}, {}, []
        if isinstance(self.out, FarPlace):
            self._sizes = self.out.sizes()
        if self.stream is not None:
            self.stream.truncate(0)

    def _append(self, row: Mapping[str, object]) -> None:
        if self.stream is None:
            raise ClassifierError(f"{self.out.address}: its journal was opened for reading only.")
        end = self.stream.seek(0, os.SEEK_END)
        rest = json.dumps(row).encode() + b"\n"
        try:
            while rest:
                rest = rest[self.stream.write(rest) :]
            os.fsync(self.stream.fileno())
        except OSError as error:
            # half a line would spoil the next
            with suppress(OSError):
                self.stream.truncate(end)
            error.filename = str(self.path)
            raise


def claim_name(target: str) -> str:
    """Return what the claim of a target is called below the folder of results."""
    name = target.encode("utf-8", "surrogatepass")
    return f"{CLAIMS}/{hashlib.sha256(name).hexdigest()[:16]}.json"


def _claim(out: Place, target: str, content: Content) -> None:
    n_bytes, sha256 = content
    line = json.dumps({"target": target, "n_bytes": n_bytes, "sha256": sha256})
    out.write(claim_name(target), line.encode())


def publish(out: Place, shard: Shard, result: ShardResult, part: Path, rejects: Path) -> None:
    """Give a result its name, after a claim to it; and so its bad rows, if there are some.

    Parameters
    ----------
    out : Place
        The folder of results.
    shard : Shard
    result : ShardResult
    part, rejects : Path
        As `classifier.archive.shard.tag_shard` wrote them; moved or copied.

    Raises
    ------
    BadInputError
        When a link leads out of the folder on the way to the bad rows.
    OSError
        When the folder cannot be written to.
    """
    name, passing = f"{REJECTS}/{shard.name}.jsonl", f"{PARTS}/{secrets.token_hex(8)}"
    if not out.is_inside(name, of=FOLDER):
        raise BadInputError(f"{out.below(name)}: leads out of its folder. Remove the link.")
    if rejects.exists():
        out.put(rejects, name, passing=passing)
    else:
        out.remove(name)
    _claim(out, shard.target, (result.n_bytes, result.sha256))
    out.put(part, shard.target, passing=passing)


def is_below(target: object) -> bool:
    """Return whether a name leads to a file below a folder, as that of every result does."""
    if not isinstance(target, str) or not target or "\0" in target:
        return False
    return not PurePath(target).anchor and ".." not in PurePath(target).parts


def occupied(out: Place, target: str) -> str:
    """Return the sentence about a file that must not be replaced."""
    return (
        f"{out.shown(target)}: is there already, and no run has written it as it is. Move it "
        "away, or name another folder."
    )


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


@contextmanager
def opened_journal(out: Place | Path | str) -> Iterator[Journal]:
    """Give the journal of a folder of results, which no other run can use meanwhile.

    A far one has no lock; it is copied here, and back now and then and in the end.

    Raises
    ------
    ClassifierError
        When another run has it, it cannot be made, or it is no journal of ours.
    """
    place = place_of(out)
    with nullcontext("") if place.is_local else TemporaryDirectory() as folder:
        journal = Journal(place, near=None if place.is_local else Path(folder))
        with _opened(journal) as journal.stream:
            _read(journal, journal.stream)
            try:
                yield journal
            finally:
                with suppress(OSError):
                    journal.copy()
                    if place.is_local:
                        Path(place.below(CLAIMS)).rmdir()


@contextmanager
def _opened(journal: Journal) -> Iterator[IO[bytes]]:
    out, path = journal.out, journal.path
    if out.is_local:
        _check_folder(Path(out.path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not out.is_local and out.size(NAME) is not None:
            path.write_bytes(out.read(NAME))
        # unbuffered, so that nothing waits to be written when the disk is full
        stream = path.open("a+b", buffering=0)
    except OSError as error:
        raise ClassifierError(
            f"{out.address}: results cannot be written there ({error.strerror}). Name another "
            "folder."
        ) from None
    with stream:
        if not lock(stream.fileno()):
            raise ClassifierError(
                f"{out.address}: another run writes there. Wait for its end, or name another "
                "folder."
            )
        yield stream


def _read(journal: Journal, stream: IO[bytes]) -> None:
    stream.seek(0)
    content = stream.read()
    # a line that was being written when a run was killed
    stream.truncate(content.rfind(b"\n") + 1)
    _parse(journal, content)


def read_journal(out: Place | Path | str) -> Journal:
    """Return the journal of a folder as it stands, an empty one where there is none."""
    journal = Journal(out)
    if journal.out.is_local:
        _check_folder(Path(journal.out.path))
    content = b""
    with suppress(OSError):
        content = journal.out.read(NAME)
    _parse(journal, content)
    return journal


def _check_folder(out: Path) -> None:
    """Raise where a link or a FIFO lies in the place of what a run makes."""
    folder = out / FOLDER
    inner = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in filter(os.path.lexists, (folder, *inner)):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise ClassifierError(
                f"{path}: is a link or no regular file, which no run has made. Name another folder."
            )


def _parse(journal: Journal, content: bytes) -> None:
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    try:
        for number, line in enumerate(lines):
            row = json.loads(line)
            if number:
                journal.take(_entry(row))
            elif isinstance(row["settings"], dict):
                journal.settings = row["settings"]
            else:
                raise TypeError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadInputError(
            f"{journal.out.shown(NAME)}: line {number + 1} is none of ours. Name another folder, "
            "or remove the whole folder to begin anew."
        ) from None
    for name in journal.out.files(CLAIMS):
        if journal.out.is_own_file(name):
            journal.take_claim(name)


def _entry(row: Mapping[str, Any]) -> Entry:
    """Return a line as an entry; raise `ValueError` or `TypeError` where it is none."""
    entry = Entry(**{**row, "tally": Tally.from_json(row["tally"])})
    texts, numbers = (entry.name, entry.sha256), (entry.n_bytes, entry.mtime_ns)
    if not is_below(entry.target) or not all(isinstance(text, str) for text in texts):
        raise ValueError
    if not all(type(number) is int for number in (*numbers, entry.written_bytes)):
        raise TypeError
    return entry
