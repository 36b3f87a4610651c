"""Open addressing: a table that leads from a term's bytes to its id, the same on every machine.

A slot holds the upper half of the term's hash and its id plus one; an id of 0 is an empty slot.
A term stands in the first slot that was empty from ``hash % n_slots`` on, terms being entered
in order (Knuth, The Art of Computer Programming 3, section 6.4, algorithm L).
"""

from __future__ import annotations

import mmap
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from classifier.compiled import compiled

__all__ = ["Buffer", "Table", "fault_of", "n_slots", "table_of", "term_hash"]

Buffer: TypeAlias = bytes | mmap.mmap
Table: TypeAlias = NDArray[np.uint32]

LEAST_SLOTS = 8
# _kernel.pyx has the same two
SEED, FACTOR = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
_64_BITS = 2**64 - 1


def n_slots(n_terms: int) -> int:
    """Return the size of a table: a power of two of which a third at least stays empty.

    Examples
    --------
    >>> [n_slots(n) for n in (0, 5, 6, 34_000)]
    [8, 8, 16, 65536]
    """
    size = LEAST_SLOTS
    while 3 * n_terms > 2 * size:
        size *= 2
    return size


def term_hash(term: bytes) -> int:
    """Return the hash of a term's UTF-8, a whole number below 2^64."""
    value = len(term) * SEED & _64_BITS
    for start in range(0, len(term), 8):
        word = int.from_bytes(term[start : start + 8], "little")
        value = (value ^ word) * FACTOR & _64_BITS
        value ^= value >> 32
    return value


def table_of(lines: Buffer, starts: NDArray[np.int64]) -> Table:
    """Return the table of a vocabulary; uint32 of shape (n_slots, 2).

    Parameters
    ----------
    lines : bytes or mmap
        The terms in UTF-8, a line end after each.
    starts : ndarray of int64 of shape (n_terms + 1,)
        Where each line begins, and where the last ends.
    """
    size = n_slots(len(starts) - 1)
    kernel = compiled()
    return kernel.table_of(lines, starts, size) if kernel else _table_of(lines, starts, size)


def _table_of(lines: Buffer, starts: NDArray[np.int64], size: int) -> Table:
    slots = [(0, 0)] * size
    for number, (start, end) in enumerate(pairwise(starts.tolist()), 1):
        value = term_hash(lines[start : end - 1])
        at = value % size
        while slots[at][1]:
            at = (at + 1) % size
        slots[at] = (value >> 32, number)
    return np.array(slots, dtype=np.uint32)


def fault_of(table: Table, lines: Buffer, starts: NDArray[np.int64]) -> str:
    """Return what is wrong with a table of the right shape, empty when nothing is.

    Without the kernel, which alone uses the table, only its ids are looked at.
    """
    n_terms, n_entries = len(starts) - 1, np.count_nonzero(table[:, 1])
    if n_entries != n_terms:
        return f"has {n_entries} entries for {n_terms} terms"
    kernel = compiled()
    if kernel:
        lost = kernel.misplaced(lines, starts, table)
        return f"does not lead to term {lost}" if lost >= 0 else ""
    ids = np.sort(table[:, 1])[len(table) - n_terms :]
    return "" if np.array_equal(ids, np.arange(1, n_terms + 1)) else "leads to a term twice"
