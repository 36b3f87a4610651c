"""How much memory training has, what it is used for, and how much it took."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import SettingsError

__all__ = ["Plan", "peak_memory"]

MEGABYTE = 10**6
STATUS = Path("/proc/self/status")
# The interpreter with NumPy, SciPy and scikit-learn.
LIBRARIES = 250 * MEGABYTE
LEAST_WORKING = 50 * MEGABYTE
LEAST_BLOCK = 4 * MEGABYTE
# What stays in memory, in bytes: ids, groups, truth and margins, dual variables, lengths in every
# fold; terms, idf and frequencies in every fold, and weights.
AN_ARTICLE, AN_ARTICLE_AND_LABEL = 500, 40
A_TERM, A_TERM_AND_FOLD, A_TERM_AND_LABEL = 120, 24, 32
# A term in a dict, and in the lists by which terms are sorted.
BYTES_A_TERM = 250
# int32 and uint16
BYTES_A_COUNT = 6


@dataclass(frozen=True)
class Plan:
    """What a limit of memory is used for; the same for every training with the same limit.

    Parameters
    ----------
    memory : int
        Bytes that the process may take, its libraries included.
    """

    memory: int

    def __post_init__(self) -> None:
        if self._working < LEAST_WORKING:
            least = (LIBRARIES + LEAST_WORKING) // MEGABYTE
            raise SettingsError(
                f"memory is {self.memory / MEGABYTE:.0f} MB, and {LIBRARIES // MEGABYTE} MB are "
                f"taken before the first article is read. Give {least} MB or more."
            )

    @property
    def _working(self) -> int:
        return self.memory - LIBRARIES

    @property
    def most_terms(self) -> int:
        """Terms in a dict while articles are read: a third of what there is to work with."""
        return self._working // 3 // BYTES_A_TERM

    @property
    def most_kept(self) -> int:
        """Terms in a vocabulary that can be worked with, however few articles and labels."""
        return self._working // (A_TERM + 2 * A_TERM_AND_FOLD + A_TERM_AND_LABEL)

    def block(self, n_articles: int, n_terms: int, *, n_labels: int, n_folds: int) -> int:
        """Return how many counts may be in a block: half of what is left beside what must stay.

        Raises
        ------
        SettingsError
            When next to nothing is left.
        """
        stays = n_articles * (AN_ARTICLE + n_labels * AN_ARTICLE_AND_LABEL)
        stays += n_terms * (A_TERM + n_folds * A_TERM_AND_FOLD + n_labels * A_TERM_AND_LABEL)
        left = self._working - stays
        if left < LEAST_BLOCK:
            least = (LIBRARIES + stays + LEAST_BLOCK) // MEGABYTE + 1
            raise SettingsError(
                f"memory is {self.memory / MEGABYTE:.0f} MB, and {n_articles:,} articles, "
                f"{n_terms:,} terms and {n_labels} labels need {least} MB. Give as much, or raise "
                "min_df to have fewer terms."
            )
        return left // 2 // BYTES_A_COUNT


def peak_memory() -> int | None:
    """Return the most memory this process had at once, in bytes; None where nothing tells."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+)", STATUS.read_text(), re.M)
        if found:
            return int(found[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
