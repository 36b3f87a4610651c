"""The plots of the docs, from the results that lie in ``bench/results``."""

from __future__ import annotations

import json
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from bench.unseen import OUTLETS, ROOT, SOURCES

RESULTS = ROOT / "bench" / "results"
IMAGES = ROOT / "docs" / "images"
OURS, PLAIN = COLOURS = ("#1f6f8b", "#c9a227")


def main() -> None:
    """Draw everything there are results for."""
    plain_style()
    variants = json.loads((RESULTS / "variants.json").read_text())
    draw_outlets(json.loads((RESULTS / "quality.json").read_text())["schemes"][OUTLETS])
    draw_variants(variants["variants"])
    if "curve" in variants:
        draw_curve(variants["curve"])


def plain_style() -> None:
    """Make the same results give the same file."""
    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "classifier", "font.size": 9})
    IMAGES.mkdir(parents=True, exist_ok=True)


def draw_outlets(scheme: dict[str, Any]) -> None:
    """Draw the micro-F1 on each unseen outlet, ours beside the plain baseline, with intervals."""
    parts = dict(sorted(scheme["parts"].items(), key=lambda part: part[1]["ours"][0]))
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for way, colour, shift in (("ours", OURS, 0.15), ("plain", PLAIN, -0.15)):
        values = [part[way] for part in parts.values()]
        _with_intervals(axes, values, shift, colour, way)
    axes.set_yticks(range(len(parts)), [f"{n} ({p['articles']})" for n, p in parts.items()])
    axes.set_xlabel("micro-F1, trained without the outlet, 95 % interval")
    _save(figure, axes, "unseen-outlets.svg")


def draw_variants(results: dict[str, Any]) -> None:
    """Draw the change in micro-F1 of each variant against the base, with intervals."""
    names = list(results)[:0:-1]
    figure, axes = plt.subplots(figsize=(7, 0.2 * len(names) + 1))
    for scheme, colour, shift in ((OUTLETS, OURS, 0.15), (SOURCES, PLAIN, -0.15)):
        values = [results[name][scheme]["change"] for name in names]
        _with_intervals(axes, values, shift, colour, scheme)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-1, len(names))
    axes.set_xlabel("change in micro-F1 against the base, 95 % interval")
    _save(figure, axes, "variants.svg")


def draw_curve(rows: list[dict[str, Any]]) -> None:
    """Draw the mean average precision against the number of house articles."""
    figure, axes = plt.subplots(figsize=(5, 3))
    for scheme, colour in zip((OUTLETS, SOURCES), COLOURS, strict=True):
        values = [row[scheme]["mean_average_precision"] for row in rows]
        axes.plot([row["house"] for row in rows], values, "o-", color=colour, label=scheme)
    axes.set_xlabel("articles of our own in the training")
    axes.set_ylabel("mean average precision")
    _save(figure, axes, "house-curve.svg")


def _with_intervals(
    axes: Any, values: list[list[float]], shift: float, colour: str, label: str
) -> None:
    places = [place + shift for place in range(len(values))]
    estimates = [estimate for estimate, _, _ in values]
    axes.hlines(places, [v[1] for v in values], [v[2] for v in values], color=colour, lw=1.5)
    axes.plot(estimates, places, "o", color=colour, ms=4, label=label)


def _save(figure: Any, axes: Any, name: str) -> None:
    axes.grid(axis="x", color="#dddddd")
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)  # above the plot
    figure.savefig(IMAGES / name, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
