"""Processes under the clock, in rounds.

A round does everything once, so that all tools share what else the machine does.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

__all__ = ["Call", "Command", "Ratio", "Run", "in_rounds", "launched", "ratio", "said"]

LAUNCHER = Path(__file__).parent / "speed_launch.py"
Value = TypeVar("Value")
Command = Sequence[str | Path]
Call = tuple[Command, Path]  # and the file for its output


@dataclass(frozen=True)
class Run:
    """What processes took from their start to the end of the last.

    Parameters
    ----------
    wall, cpu : float
        Seconds on the clock, and of processors in all of them and their own children.
    megabytes : float
        Most memory that the largest process held.
    """

    wall: float
    cpu: float
    megabytes: float


def launched(calls: Sequence[Call], environment: Mapping[str, str] | None = None) -> Run:
    """Run commands at once, the output of each into a file.

    Raises
    ------
    RuntimeError
        When one of them fails; with what it said.
    """
    told = json.dumps([[list(map(str, command)), str(out)] for command, out in calls])
    done = subprocess.run(
        [sys.executable, "-I", "-S", LAUNCHER, told],
        env=os.environ | (environment or {}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{told}: {done.stderr[-2000:]}")
    return Run(**json.loads(done.stdout))


def said(command: Command, environment: Mapping[str, str] | None = None) -> tuple[Any, Run]:
    """Run a script of ``bench/peers``; return the JSON that it printed last, and what it took."""
    with TemporaryDirectory(prefix="speed-") as folder:
        out = Path(folder) / "out"
        run = launched([(command, out)], environment)
        return json.loads(out.read_text().splitlines()[-1]), run


def in_rounds(works: Mapping[str, Callable[[], Value]], n_rounds: int) -> dict[str, list[Value]]:
    """Return what each piece of work gave in each round; a round does every piece once."""
    given: dict[str, list[Value]] = {name: [] for name in works}
    for _ in range(n_rounds):
        for name, work in works.items():
            given[name].append(work())
    return given


@dataclass(frozen=True)
class Ratio:
    """The median of the ratios of the rounds, the smallest and the largest."""

    median: float
    low: float
    high: float


def ratio(over: Sequence[float], under: Sequence[float]) -> Ratio:
    """Return how many times `over` is `under`, round by round.

    Parameters
    ----------
    over, under : sequence of float, of the same length
        A figure of two tools in each round.
    """
    found = [a / b for a, b in zip(over, under, strict=True)]
    return Ratio(statistics.median(found), min(found), max(found))
