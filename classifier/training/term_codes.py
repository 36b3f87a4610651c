"""How often a term occurs in an article and in its lead, as one small number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.errors import CorpusError

__all__ = ["CountCodes"]

Ints = NDArray[np.int64]

# Pairs of counts that are looked up in an array; the others are in a dict.
LOOKED_UP = 2**20
MOST_CODES = 2**16


class CountCodes:
    """Numbers pairs of counts (in the text, in its lead) in the order in which they come up.

    There are few distinct pairs, so that a code of 2 bytes stands for two counts of any size.

    Parameters
    ----------
    most_in_lead : int
        No count in a lead is larger.
    """

    def __init__(self, most_in_lead: int) -> None:
        self._width = most_in_lead + 1
        self._codes: dict[int, int] = {}
        self._lookup = np.full(LOOKED_UP + 1, -1, dtype=np.int32)

    def __call__(self, body: Ints, lead: Ints) -> NDArray[np.uint16]:
        """Return the code of each pair of counts.

        Raises
        ------
        CorpusError
            When there are more distinct pairs than codes.
        """
        keys = body * self._width + lead
        codes = self._lookup[np.minimum(keys, LOOKED_UP)]
        for place in np.flatnonzero(codes < 0).tolist():
            codes[place] = self._code(int(keys[place]))
        return np.asarray(codes, dtype=np.uint16)

    def _code(self, key: int) -> int:
        code = self._codes.setdefault(key, len(self._codes))
        if code >= MOST_CODES:
            raise CorpusError(
                f"more than {MOST_CODES:,} different counts of a term in a text, which no news "
                "has. Leave such texts out, or train without --memory."
            )
        if key < LOOKED_UP:
            self._lookup[key] = code
        return code

    def counts(self) -> tuple[Ints, Ints]:
        """Return the counts in the text and in the lead that each code stands for."""
        keys = np.fromiter(self._codes, dtype=np.int64, count=len(self._codes))
        return keys // self._width, keys % self._width
