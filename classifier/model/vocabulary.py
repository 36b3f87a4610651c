"""The terms of a model: lines of UTF-8 that become strings only when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import lt
from typing import overload

import numpy as np
from numpy.typing import NDArray

from classifier.compiled import compiled
from classifier.model.table import Buffer, Table, table_of

__all__ = ["Vocabulary"]


class Vocabulary(Sequence[str]):
    """Different terms in code point order.

    Parameters
    ----------
    lines : bytes or mmap
        In UTF-8, a line end after each term; not copied.
    table : ndarray of uint32 of shape (n_slots, 2), optional
        As `table_of` gives it; made when it is needed and missing.
    """

    def __init__(self, lines: Buffer, table: Table | None = None) -> None:
        self.lines = lines
        bytes_ = np.frombuffer(lines, np.uint8) if lines else np.empty(0, np.uint8)
        self.starts: NDArray[np.int64] = np.append(-1, np.flatnonzero(bytes_ == ord("\n"))) + 1
        if table is not None:
            self.table = table

    @classmethod
    def of(cls, terms: Sequence[str]) -> Vocabulary:
        """Return a sequence of terms as a vocabulary.

        Raises
        ------
        UnicodeEncodeError
            When one holds what UTF-8 cannot.
        """
        if isinstance(terms, Vocabulary):
            return terms
        return cls("".join(f"{term}\n" for term in terms).encode())

    @property
    def whole(self) -> bool:
        """Whether the bytes end with a line end."""
        return int(self.starts[-1]) == len(self.lines)

    @property
    def in_order(self) -> bool:
        """Whether the terms are different ones in code point order."""
        kernel = compiled()
        if kernel:
            # the order of bytes in UTF-8 is that of code points
            return bool(kernel.unordered(self.lines, self.starts) < 0)
        terms = ["", *self]
        return all(map(lt, terms, terms[1:]))

    @cached_property
    def table(self) -> Table:
        """What leads from a term to its id."""
        return table_of(self.lines, self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        at = range(len(self))[index]
        return str(self.lines[self.starts[at] : self.starts[at + 1] - 1], "utf-8")

    def __iter__(self) -> Iterator[str]:
        return iter(str(self.lines, "utf-8").split("\n")[:-1])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Vocabulary):
            return self.lines[:] == other.lines[:]
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self)} terms>"

    def __reduce__(self) -> tuple[object, ...]:
        return Vocabulary, (self.lines[:], np.asarray(self.table))
