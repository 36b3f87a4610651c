"""The figures of ``make bench`` beside what was to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.speed_runs import Ratio, ratio
from bench.speed_tools import KERNEL, NUMPY

__all__ = ["Results", "Row", "goals", "number"]

Results = dict[str, Any]
STACKED = "scikit-learn, stacked"
LIBMULTILABEL = ("LibMultiLabel", "LibMultiLabel, bias", "LibMultiLabel, as it comes")
MILLISECONDS = " ms"


@dataclass(frozen=True)
class Row:
    """One figure and its goal.

    Parameters
    ----------
    what : str
    value : Ratio
    least, most : float or None
        The goal; both None where there is none.
    unit : str
    note : str
        What else has to be said of it.
    """

    what: str
    value: Ratio
    least: float | None = None
    most: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.least is not None:
            return f"at least {self.least:g}{self.unit}"
        return "–" if self.most is None else f"at most {self.most:g}{self.unit}"

    @property
    def verdict(self) -> str:
        """Whether the median reaches the goal."""
        if self.least is None and self.most is None:
            return ""
        reached = self.value.median >= (self.least or 0)
        return "reached" if reached and self.value.median <= (self.most or 1e9) else "not reached"

    def markdown(self) -> str:
        """Return the row of the table."""
        low, high = number(self.value.low), number(self.value.high)
        found = f"**{number(self.value.median)}**{self.unit} ({low}–{high})"
        return f"| {self.what} | {self.goal} | {found} | {self.verdict}{self.note} |"


def number(value: float) -> str:
    """Return three digits of a number."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(values: Sequence[float]) -> Ratio:
    """Return the median of values of several rounds, the smallest and the largest."""
    return Ratio(statistics.median(values), min(values), max(values))


def goals(results: Results) -> Iterator[Row]:
    """Yield every figure that has a goal, and those that belong beside them."""
    yield from one_article(results["single"]["news"], f"{results['labels']['news']} labels")
    yield from one_article(results["single"]["many"], f"{results['labels']['many']} labels")
    yield from files(results["bulk"])
    for corpus in ("news", "many"):
        yield from trainings(results, corpus)
    start = results["start"]
    for name, most in ((KERNEL, 2), (NUMPY, None)):
        what = f"`classifier predict one.txt` ÷ `python -c 'import numpy'` ({name})"
        yield Row(what, ratio(start[name], start["import numpy"]), most=most)
    for jobs, (few, many) in results["memory"].items():
        what = f"memory of tagging 200,000 articles ÷ 20,000, processes: {jobs}"
        yield Row(what, spread([many / few]), most=1.1)
    for name in (KERNEL, NUMPY):
        what = f"model load to first score beyond imports ({name})"
        yield Row(what, spread(results["first"][name]), most=30, unit=MILLISECONDS)


def one_article(single: Results, labels: str) -> Iterator[Row]:
    """Yield how many times slower the peers tag one article."""
    wanted = {
        ("scikit-learn", KERNEL): 30,
        ("scikit-learn", NUMPY): 4,
        ("scikit-learn, exported", KERNEL): None,
        (STACKED, KERNEL): None,
        ("fastText", KERNEL): 2,
        ("fastText, pairs", KERNEL): 2,
        ("Vowpal Wabbit", KERNEL): None,
        ("LibMultiLabel, bias", KERNEL): None,
    }
    for (peer, ours), least in wanted.items():
        if peer in single:
            what = f"one article, {labels}: {peer} ÷ {ours}"
            yield Row(what, ratio(single[peer]["p50"], single[ours]["p50"]), least=least)


def files(bulk: Results) -> Iterator[Row]:
    """Yield how many times more articles a second ours tags from file to file."""
    for peer, ours, n, least in (
        (STACKED, KERNEL, 2, 8),
        (STACKED, NUMPY, 2, 3),
        ("fastText", KERNEL, 1, 3),
        ("Vowpal Wabbit", KERNEL, 1, None),
    ):
        them, us = bulk[f"{peer} × {n}"], bulk[f"{ours} × {n}"]
        processes = "one process" if n == 1 else "two processes"
        what = f"JSONL → JSONL, {processes}: {ours} ÷ {peer}, articles a second"
        running = ratio(
            without(them["wall"], bulk[f"{peer} × 0"]["wall"]),
            without(us["wall"], bulk[f"{ours} × 0"]["wall"]),
        )
        note = f"; {number(running.median)} without their starts"
        yield Row(what, ratio(them["wall"], us["wall"]), least=least, note=note)


def without(whole: Sequence[float], start: Sequence[float]) -> list[float]:
    """Return what the work took without the start of its process."""
    return [all_of_it - part for all_of_it, part in zip(whole, start, strict=True)]


def trainings(results: Results, corpus: str) -> Iterator[Row]:
    """Yield how many times more processor time LibMultiLabel trains, and whose F1 is better."""
    took, f1 = results["training"][corpus], results["quality"][corpus]
    for peer in LIBMULTILABEL:
        if peer in took:
            what = f"training, {results['labels'][corpus]} labels: {peer} ÷ ours, CPU"
            n = min(len(took[peer]["cpu"]), len(took[KERNEL]["cpu"]))
            value = ratio(took[peer]["cpu"][:n], took[KERNEL]["cpu"][:n])
            yield Row(what, value, least=10, note=f"; {compared(f1[KERNEL], f1[peer])}")


def compared(ours: Results, theirs: Results) -> str:
    """Return by how much our F1 is higher."""
    gains = (f"{kind}-F1 {ours[kind][0] - theirs[kind][0]:+.3f}" for kind in ("micro", "macro"))
    return ", ".join(gains)
