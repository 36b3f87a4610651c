"""Corrections from the page, one JSON line an article, as `classifier corpus merge` takes them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classifier.errors import ClassifierError
from classifier.files import locked_folder, replacing
from classifier.labelling.sheet import text_key

__all__ = ["FeedbackFile", "FeedbackFullError"]


MAX_BYTES = 64 * 2**20


class FeedbackFullError(ClassifierError):
    """The file has grown to its limit."""


class FeedbackFile:
    """A file of corrections, no more than one for each article.

    A merge refuses two rows about one article, so a later correction takes the place of an
    earlier one with the same id or the same text.

    Parameters
    ----------
    path : Path
        Made when missing.

    Raises
    ------
    ClassifierError
        When it cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = threading.Lock()
        # of the file that has this inode, up to this byte
        self._file, self._read = 0, 0
        self._keys: set[str] = set()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab"):
                pass
        except OSError as error:
            raise ClassifierError(
                f"{path} cannot be written to ({error.strerror}). Name another file."
            ) from error

    def save(self, row: Mapping[str, object]) -> bool:
        """Add a correction, safe on disk on return; return whether it replaced another.

        Parameters
        ----------
        row : mapping
            ``text`` and ``labels``, perhaps ``title``, ``id`` and ``negative``.

        Raises
        ------
        FeedbackFullError
            When the file would pass its limit.
        """
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        with self._lock, locked_folder(self.path.parent):
            size = self._read_on()
            replaced = not self._keys.isdisjoint(_keys(row))
            if replaced:
                lines = self.path.read_bytes().splitlines(keepends=True)
                others = [each for each in lines if _keys_of(each).isdisjoint(_keys(row))]
                size = sum(map(len, others))
            if size + len(line) > MAX_BYTES:
                raise FeedbackFullError(
                    f"the file of corrections has reached {MAX_BYTES} bytes. Merge it into "
                    "the corpus and start another."
                )
            if replaced:
                self._replace([*others, line])
            else:
                self._append(line)
        return replaced

    def _read_on(self) -> int:
        """Learn what has come into the file since the last time; return its size in bytes."""
        try:
            state = self.path.stat()
        except FileNotFoundError:  # somebody has moved it away to merge it
            self._file, self._read, self._keys = 0, 0, set()
            return 0
        if state.st_ino != self._file or state.st_size < self._read:
            self._file, self._read, self._keys = state.st_ino, 0, set()
        with self.path.open("rb") as stream:
            stream.seek(self._read)
            for line in stream:
                if line.endswith(b"\n"):
                    self._read += len(line)
                    self._keys |= _keys_of(line)
        return state.st_size

    def _append(self, line: bytes) -> None:
        with self.path.open("ab") as stream:
            # what somebody has begun is a line of its own
            stream.write(b"\n" + line if stream.tell() > self._read else line)
            stream.flush()
            os.fsync(stream.fileno())

    def _replace(self, lines: list[bytes]) -> None:
        with replacing(self.path) as stream:
            stream.writelines(each if each.endswith(b"\n") else each + b"\n" for each in lines)
            stream.flush()
            os.fsync(stream.fileno())


def _keys(row: Mapping[str, Any]) -> set[str]:
    """Return what two corrections of one article have in common: its id, or else its text."""
    return {f"text {text_key(row['text'])}"} | ({f"id {row['id']}"} if row.get("id") else set())


def _keys_of(line: bytes) -> set[str]:
    try:
        return _keys(json.loads(line))
    except (ValueError, AttributeError, KeyError, TypeError):
        return set()  # not one of ours: left for people to look at
