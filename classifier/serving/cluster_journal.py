"""The journal of a folder of results that may lie anywhere; a far one is kept here and copied."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from classifier.errors import BadInputError, ClassifierError
from classifier.serving.cluster_places import Place
from classifier.serving.journal import FILE, FOLDER, Entry, Journal, opened_journal
from classifier.serving.shard import Shard
from classifier.serving.shards import Archive

__all__ = ["ClusterJournal", "opened_cluster_journal"]

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
