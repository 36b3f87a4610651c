"""The plots of the docs, from the results that lie in ``bench/results``."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
IMAGES = ROOT / "docs" / "images"
OURS, PLAIN, GREY = "#1f6f8b", "#c9a227", "#777777"


def main() -> None:
    """Draw everything there are results for."""
    mpl.use("Agg")
    # the same results give the same file
    mpl.rcParams.update({"svg.hashsalt": "classifier", "font.size": 9})
    IMAGES.mkdir(parents=True, exist_ok=True)
    draw_outlets(json.loads((RESULTS / "quality.json").read_text()))
    draw_variants(json.loads((RESULTS / "variants.json").read_text()))


def draw_outlets(results: dict) -> None:  # type: ignore[type-arg]
    """Draw the micro-F1 on each unseen outlet, ours beside the plain baseline, with intervals."""
    scheme = results["schemes"]["unseen outlet"]
    ours, plain = scheme["parts"], scheme["plain_parts"]
    names = sorted(ours, key=lambda name: ours[name][0])
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for parts, colour, shift, label in (
        (ours, OURS, 0.15, "default"),
        (plain, PLAIN, -0.15, "plain"),
    ):
        for place, name in enumerate(names):
            estimate, low, high, _ = parts[name]
            axes.plot([low, high], [place + shift] * 2, color=colour, lw=1.5)
            axes.plot(
                estimate, place + shift, "o", color=colour, ms=5, label=label if not place else None
            )
    axes.set_yticks(range(len(names)), [f"{name} ({ours[name][3]})" for name in names])
    axes.set_xlabel("micro-F1, trained without the outlet, 95 % interval")
    axes.grid(axis="x", color="#dddddd")
    axes.legend(loc="lower right", frameon=False)
    _save(figure, "unseen-outlets.svg")


def draw_variants(results: dict) -> None:  # type: ignore[type-arg]
    """Draw the change in micro-F1 of each variant against the default, with intervals."""
    names = [name for name in results if name != "the default"][::-1]
    figure, axes = plt.subplots(figsize=(7, 0.2 * len(names) + 1))
    for place, name in enumerate(names):
        estimate, low, high = results[name]["change"]
        clear = GREY if low <= 0 <= high else (OURS if estimate > 0 else "#b03a2e")
        axes.plot([low, high], [place, place], color=clear, lw=1.5)
        axes.plot(estimate, place, "o", color=clear, ms=4)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-1, len(names))
    axes.set_xlabel("change in micro-F1 on unseen outlets against the default, 95 % interval")
    axes.grid(axis="x", color="#dddddd")
    _save(figure, "variants.svg")


def _save(figure, name: str) -> None:  # type: ignore[no-untyped-def]
    figure.savefig(IMAGES / name, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
