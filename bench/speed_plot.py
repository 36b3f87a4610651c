"""The plot of ``make bench``: one article, and files, each tool on a line."""

from __future__ import annotations

import statistics
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from bench.plots import IMAGES, OURS, PLAIN

__all__ = ["draw"]


def draw(results: dict[str, Any]) -> None:
    """Draw microseconds of one article and of an article in a file."""
    mpl.use("Agg")
    # the same results give the same file
    mpl.rcParams.update({"svg.hashsalt": "classifier", "font.size": 9})
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    labels = results["labels"]
    series = [
        (f"{labels[corpus]} labels", medians(results["single"][corpus], "p50"), colour)
        for corpus, colour in (("news", OURS), ("many", PLAIN))
    ]
    dots(left, series, "µs for one article of about 400 words, median")
    left.set_xscale("log")
    left.legend(frameon=False)
    n_articles = results["bulk_corpus"]["articles"]
    whole = {name: run for name, run in results["bulk"].items() if name.endswith("× 1")}
    cpu = {name: 1e6 * value / n_articles for name, value in medians(whole, "cpu").items()}
    dots(right, [("", cpu, OURS)], "µs of CPU an article, JSONL to JSONL, one process")
    right.set_xlim(left=0)
    IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(IMAGES / "speed.svg", metadata={"Date": None})
    plt.close(figure)


def medians(found: dict[str, Any], kind: str) -> dict[str, float]:
    """Return the median of the rounds of each tool."""
    return {
        name.removesuffix(" × 1"): statistics.median(figures[kind])
        for name, figures in found.items()
    }


def dots(axes: Any, series: list[tuple[str, dict[str, float], str]], title: str) -> None:
    """Draw a dot a tool and series, quick ones at the top."""
    slowest = {name: value for _, values, _ in reversed(series) for name, value in values.items()}
    names = sorted(slowest, key=lambda name: -slowest[name])
    for label, values, colour in series:
        places = [names.index(name) for name in values]
        axes.plot(list(values.values()), places, "o", color=colour, label=label)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel(title)
    axes.grid(axis="x", which="both", color="#dddddd", lw=0.5)
