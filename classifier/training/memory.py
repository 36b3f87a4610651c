"""How much memory training has, what it is used for, and how much it took."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import SettingsError
from classifier.training.spill import BYTES_A_TERM

__all__ = ["Plan", "peak_memory"]

MEGABYTE = 10**6
# The interpreter with NumPy, SciPy and scikit-learn.
LIBRARIES = 220 * MEGABYTE
LEAST_WORKING = 30 * MEGABYTE
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
    def block(self) -> int:
        """Counts in a block: a quarter of what there is to work with."""
        return self._working // 4 // BYTES_A_COUNT


def peak_memory() -> int | None:
    """Return the most memory this process had at once, in bytes; None where nothing tells."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(), re.M)
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
