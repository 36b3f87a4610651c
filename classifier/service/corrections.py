"""Corrections from the page, one JSON line an article, as `classifier corpus merge` takes them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

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
            lines = self._lines()
            kept = [each for each in lines if not _same_article(each, row)]
            if sum(map(len, kept)) + len(line) > MAX_BYTES:
                raise FeedbackFullError(
                    f"the file of corrections has reached {MAX_BYTES} bytes. Merge it into "
                    "the corpus and start another."
                )
            replaced = len(kept) < len(lines)
            if replaced:
                self._replace([*kept, line])
            else:
                self._append(line, after=lines)
        return replaced

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:  # somebody has moved it away to merge it
            return []

    def _append(self, line: bytes, *, after: list[bytes]) -> None:
        torn = bool(after) and not after[-1].endswith(b"\n")
        with self.path.open("ab") as stream:
            stream.write(b"\n" + line if torn else line)
            stream.flush()
            os.fsync(stream.fileno())

    def _replace(self, lines: list[bytes]) -> None:
        with replacing(self.path) as stream:
            stream.writelines(each if each.endswith(b"\n") else each + b"\n" for each in lines)
            stream.flush()
            os.fsync(stream.fileno())


def _same_article(line: bytes, row: Mapping[str, object]) -> bool:
    try:
        other = json.loads(line)
        same_id = bool(row.get("id")) and other.get("id") == row["id"]
        return same_id or text_key(other["text"]) == text_key(str(row["text"]))
    except (ValueError, AttributeError, KeyError, TypeError):
        return False  # not one of ours: left for people to look at
