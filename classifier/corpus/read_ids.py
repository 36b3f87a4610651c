"""Which ids a stream has had, and where, in some twenty bytes an id however long it is."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from classifier.corpus.read_row import Row

__all__ = ["SeenIds"]

_WORD = 2**64 - 1
_FIRST_SLOTS = 2**10
# Above this share of slots in use their number is doubled.
_FULLEST = 0.8
# What the narrow arrays hold: lines from the first of a stretch on, and ids in all.
_NARROW = 2**32 - 1


class SeenIds:
    """The ids of a stream, as hashes, with the places where they stood.

    Notes
    -----
    An open-addressing table with double hashing (Knuth, TAOCP vol. 3, 6.4) of uint32 leads to the
    ids in order, of each of which 8 bytes of hash and 4 of line are kept. Files are kept by the
    stretch of ids that came from them. That two of n ids have one hash, and a good article is
    refused, has a chance of n² / 2⁶⁵: 3 in a million for 10 million ids. The hash is Python's own,
    keyed anew in each process, so nobody can prepare ids that meet.
    """

    def __init__(self) -> None:
        self._slots = array("I", [0]) * _FIRST_SLOTS
        self._mask = _FIRST_SLOTS - 1
        self._most = int(_FULLEST * _FIRST_SLOTS)
        self._hashes = array("Q")
        self._lines = array("I")
        self._starts: list[int] = []
        self._stretches: list[Row] = []
        self._file, self._first_line = "", 0

    def __len__(self) -> int:
        return len(self._hashes)

    def first_place(self, id: str, row: Row) -> str:
        """Return where `id` was seen before; if nowhere, note that `row` has it.

        Parameters
        ----------
        id : str
        row : Row
            Rows come file by file and in order.

        Returns
        -------
        str
            The place, for messages; empty the first time.
        """
        code = hash(id) & _WORD
        slots, hashes, mask = self._slots, self._hashes, self._mask
        place = code & mask
        while slot := slots[place]:
            if hashes[slot - 1] == code:
                return self._place(slot - 1)
            place = place + (code >> 32 | 1) & mask
        line = row.line - self._first_line
        if row.file is not self._file or not 0 <= line <= _NARROW:
            self._begin(row)
            line = 0
        self._lines.append(line)
        hashes.append(code)
        slots[place] = count = len(hashes)
        if count > self._most:
            self._grow()
        return ""

    def _begin(self, row: Row) -> None:
        self._file, self._first_line = row.file, row.line
        self._starts.append(len(self._lines))
        self._stretches.append(Row(row.file, row.line, unit=row.unit))

    def _place(self, number: int) -> str:
        start = self._stretches[bisect_right(self._starts, number) - 1]
        return Row(start.file, start.line + self._lines[number], unit=start.unit).place

    def _grow(self) -> None:
        n_slots = 2 * len(self._slots)
        # the old table goes before the new one comes
        self._slots = array("I")
        slots, mask = array("I", [0]) * n_slots, n_slots - 1
        for number, code in enumerate(self._hashes, 1):
            place = code & mask
            while slots[place]:
                place = place + (code >> 32 | 1) & mask
            slots[place] = number
        self._slots, self._mask, self._most = slots, mask, int(_FULLEST * n_slots)
