"""The journal of a folder of results that may lie anywhere; a far one is kept here and copied."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeAlias

from classifier.archive.shard import Shard, ShardResult
from classifier.archive.shards import Archive, Place
from classifier.archive.tagger import Tally
from classifier.errors import BadInputError, ClassifierError
from classifier.files import file_sha256, lock

__all__ = [
    "ClusterJournal",
    "Entry",
    "Journal",
    "check_free",
    "claim_line",
    "claim_name",
    "occupied",
    "opened_cluster_journal",
    "opened_journal",
    "read_journal",
]


FOLDER = ".classifier"
FILE = "journal.jsonl"
CLAIMS = "claims"
VERSION = 1
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
    written : dict of str to set
        Size and SHA-256 of all results that runs have written, by target.
    """

    out: Path
    settings: Mapping[str, Any] | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    written: dict[str, set[Content]] = field(default_factory=dict)
    stream: IO[bytes] | None = None

    @property
    def folder(self) -> Path:
        """Where everything of ours but the results lies."""
        return self.out / FOLDER

    def rejects_of(self, name: str) -> Path:
        """Return where the bad rows of a file are kept.

        Raises
        ------
        BadInputError
            When a link leads out of the folder on the way there.
        """
        path = self.folder / "rejects" / f"{name}.jsonl"
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise BadInputError(f"{path}: leads out of its folder. Remove the link.")
        return path

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
            self._append({"settings": settings})
            self.settings = settings

    def may_write(self, target: str) -> bool:
        """Return whether there is nothing at a target, or a result as a run has written it."""
        return not os.path.lexists(self.out / target) or self._is_own(target)

    def _is_own(self, target: str) -> bool:
        path, contents = self.out / target, self.written.get(target, set())
        if path.is_symlink() or not path.is_file():
            return False
        if not path.resolve().is_relative_to(self.out.resolve()):
            return False
        size = path.stat().st_size
        return size in dict(contents) and (size, file_sha256(path)) in contents

    def claim(self, target: str, content: Content) -> None:
        """Write down what is about to be put at a target, in case that the run is killed there."""
        path = self.folder / claim_name(target)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(claim_line(target, content))
        self._note(target, content)

    def add(self, entry: Entry) -> None:
        """Write down a finished file, so that it stays so after a power cut."""
        row = {each.name: getattr(entry, each.name) for each in fields(entry)}
        self._append(row | {"tally": entry.tally.to_json()})
        self.take(entry)
        (self.folder / claim_name(entry.target)).unlink(missing_ok=True)

    def take(self, entry: Entry) -> None:
        """Know a finished file."""
        self.entries[entry.name] = entry
        self._note(entry.target, (entry.written_bytes, entry.sha256))

    def take_claim(self, line: bytes) -> None:
        """Know what a killed run may have put at a target; half a line is no claim."""
        with suppress(ValueError, TypeError, KeyError):
            row = json.loads(line)
            if is_below(row["target"]):
                self._note(row["target"], (int(row["n_bytes"]), str(row["sha256"])))

    def drop_claims(self) -> None:
        """Remove the claims of results that are written down; others stay for the next run."""
        with suppress(OSError):
            # as it lies on the disk, wherever an interrupt came
            entries = read_journal(self.out).entries.values()
            known = {claim_line(each.target, (each.written_bytes, each.sha256)) for each in entries}
            for path in (self.folder / CLAIMS).glob("*.json"):
                if path.read_bytes() in known:
                    path.unlink()
            (self.folder / CLAIMS).rmdir()

    def _note(self, target: str, content: Content) -> None:
        self.written.setdefault(target, set()).add(content)

    def restart(self) -> None:
        """Forget everything, and remove the results that are as they were written."""
        for target in self.written:
            with suppress(OSError):
                if self._is_own(target):
                    (self.out / target).unlink()
        for name in ("rejects", CLAIMS):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.settings, self.entries, self.written = None, {}, {}
        if self.stream is not None:
            self.stream.truncate(0)

    def _append(self, row: Mapping[str, object]) -> None:
        if self.stream is None:
            raise ClassifierError(f"{self.out}: its journal was opened for reading only.")
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
            error.filename = str(self.folder / FILE)
            raise


def claim_name(target: str) -> str:
    """Return what the claim of a target is called below the folder of the journal."""
    name = target.encode("utf-8", "surrogatepass")
    return f"{CLAIMS}/{hashlib.sha256(name).hexdigest()[:16]}.json"


def claim_line(target: str, content: Content) -> bytes:
    """Return what a claim holds."""
    n_bytes, sha256 = content
    return json.dumps({"target": target, "n_bytes": n_bytes, "sha256": sha256}).encode()


def is_below(target: object) -> bool:
    """Return whether a name leads to a file below a folder, as that of every result does."""
    if not isinstance(target, str) or not target or "\0" in target:
        return False
    return not PurePath(target).anchor and ".." not in PurePath(target).parts


def check_free(
    archive: Archive, done: Collection[str], may_write: Callable[[str], bool], out: Path | str
) -> None:
    """Raise where a run would replace a file that none has written, or that was changed since.

    Parameters
    ----------
    archive : Archive
    done : collection of str
        Names of the files that are not done again.
    may_write : callable
        From a target to whether it may be written.
    out : path
        For the message.

    Raises
    ------
    BadInputError
        With the first such file.
    """
    for shard in archive.shards:
        if shard.name not in done and not may_write(shard.target):
            raise BadInputError(occupied(f"{str(out).rstrip('/')}/{shard.target}"))


def occupied(path: Path | str) -> str:
    """Return the sentence about a file that must not be replaced."""
    return (
        f"{path}: is there already, and no run has written it as it is. Move it away, or name "
        "another folder."
    )


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
    _check_folder(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # unbuffered, so that nothing waits to be written when the disk is full
        stream = path.open("a+b", buffering=0)
    except OSError as error:
        raise ClassifierError(
            f"{out}: results cannot be written there ({error.strerror}). Name another folder."
        ) from None
    with stream:
        if not lock(stream.fileno()):
            raise ClassifierError(
                f"{out}: another run writes there. Wait for its end, or name another folder."
            )
        stream.seek(0)
        content = stream.read()
        # a line that was being written when a run was killed
        stream.truncate(content.rfind(b"\n") + 1)
        journal = _parsed(content, out)
        journal.stream = stream
        try:
            yield journal
        finally:
            journal.drop_claims()


def read_journal(out: Path) -> Journal:
    """Return the journal of a folder as it stands, an empty one where there is none."""
    _check_folder(out)
    try:
        content = (out / FOLDER / FILE).read_bytes()
    except OSError:
        content = b""
    return _parsed(content, out)


def _check_folder(out: Path) -> None:
    """Raise where a link or a FIFO lies in the place of what a run makes."""
    folder = out / FOLDER
    inner = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in filter(os.path.lexists, (folder, *inner)):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise ClassifierError(
                f"{path}: is a link or no regular file, which no run has made. Name another folder."
            )


def _parsed(content: bytes, out: Path) -> Journal:
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    journal = Journal(out)
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
            f"{out / FOLDER / FILE}: line {number + 1} is none of ours. Name another folder, or "
            "remove the whole folder to begin anew."
        ) from None
    for path in sorted((out / FOLDER / CLAIMS).glob("*.json")):
        if path.is_file() and not path.is_symlink():
            journal.take_claim(path.read_bytes())
    return journal


def _entry(row: Mapping[str, Any]) -> Entry:
    """Return a line as an entry; raise `ValueError` or `TypeError` where it is none."""
    entry = Entry(**{**row, "tally": Tally.from_json(row["tally"])})
    texts, numbers = (entry.name, entry.sha256), (entry.n_bytes, entry.mtime_ns)
    if not is_below(entry.target) or not all(isinstance(text, str) for text in texts):
        raise ValueError
    if not all(type(number) is int for number in (*numbers, entry.written_bytes)):
        raise TypeError
    return entry


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
    _claimed: list[str] = field(default_factory=list)

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

    def is_free(self, target: str) -> bool:
        """Return whether nothing was at a target in the beginning."""
        return target not in self.sizes

    def may_write(self, target: str) -> bool:
        """Return whether there is nothing at a target, or a result as a run has written it."""
        if self.out.is_local:
            return self.journal.may_write(target)
        return self.is_free(target) or self._is_own(target)

    def _is_own(self, target: str) -> bool:
        size, contents = self.sizes.get(target, -1), self.journal.written.get(target, set())
        if size not in dict(contents):
            return False
        with self.out.fs.open(self.out.below(target), "rb") as stream:
            digest = hashlib.sha256()
            while piece := stream.read(2**20):
                digest.update(piece)
        return (size, digest.hexdigest()) in contents

    def add(self, entry: Entry) -> None:
        """Write down a finished file."""
        self.journal.add(entry)
        self.sizes[entry.target] = entry.written_bytes
        if not self.out.is_local:
            # copied first: without a claim, the entry is what tells that the result is ours
            self._claimed.append(claim_name(entry.target))
        if time.monotonic() - self.copied > PAUSE:
            self.copy()

    def copy(self) -> None:
        """Put a far journal where it belongs, in one step."""
        self.copied = time.monotonic()
        if self.out.is_local or self.journal.settings is None:
            return
        passing = self.out.below(f"{FOLDER}/{secrets.token_hex(4)}.jsonl")
        self.out.fs.makedirs(self.out.below(FOLDER), exist_ok=True)
        self.out.fs.put_file(str(self.journal.folder / FILE), passing)
        self.out.fs.mv(passing, self.out.below(NAME))
        while self._claimed:
            with suppress(FileNotFoundError):
                self.out.fs.rm_file(self.out.below(f"{FOLDER}/{self._claimed.pop()}"))

    def restart(self) -> None:
        """Forget everything, and remove the results that are as they were written."""
        if not self.out.is_local:
            for target in self.journal.written:
                if self._is_own(target):
                    self.out.fs.rm_file(self.out.below(target))
        self.journal.restart()
        self.sizes = self.out.sizes()


@contextmanager
def opened_cluster_journal(out: Place) -> Iterator[ClusterJournal]:
    """Give the journal of a folder of results; a far one is copied in the end, whatever happens.

    Raises
    ------
    ClassifierError
        As `opened_journal`.
    """
    sizes = out.sizes()
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
            for name in sizes:
                if name.startswith(f"{FOLDER}/{CLAIMS}/"):
                    journal.take_claim(out.fs.cat_file(out.below(name)))
            kept = ClusterJournal(journal, out, sizes)
            try:
                yield kept
            finally:
                with suppress(OSError):
                    kept.copy()


@contextmanager
def _renamed(folder: str, address: str) -> Iterator[None]:
    """Let errors name the far folder where they name the copy of its journal."""
    try:
        yield
    except ClassifierError as error:
        message = str(error).replace(folder, address)
        raise type(error)(message) from None
