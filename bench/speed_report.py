"""Everything that ``make bench`` found, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.speed_table import Results, goals, number
from bench.speed_tools import KERNEL, NUMPY

__all__ = ["report"]

COSTS = (("cpu", "s"), ("wall", "s"), ("megabytes", "MB"))


def report(results: Results) -> str:
    """Return all tables."""
    parts = [
        machine(results["machine"]),
        "| measure | goal | median (rounds) | verdict |\n|---|---:|---:|---|\n"
        + "\n".join(row.markdown() for row in goals(results)),
        "### Quality, training and size",
        *(quality_table(results, corpus) for corpus in ("news", "many")),
        "### One article",
        *(single_table(results, corpus) for corpus in ("news", "many")),
        "### From file to file",
        bulk_table(results),
        "### Where our time goes",
        profile_table(results["profile"]),
    ]
    return "\n\n".join(parts)


def machine(told: Results) -> str:
    """Return what everything ran on."""
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    load = " and ".join(f"{value:.1f}" for value in told["load"])
    return (
        f"{told['cores']} cores, {told['processor']}, Python {told['python']}; {versions}. "
        f"Load of the machine before and after: {load}. Rounds: {told['rounds']}; the whole took "
        f"{told['minutes']:.0f} minutes."
    )


def quality_table(results: Results, corpus: str) -> str:
    """Return F1 and cost of training of each tool."""
    lines = [
        f"| {results['labels'][corpus]} labels | micro-F1 | macro-F1 | training, CPU | wall "
        "| peak | model | first score |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, f1 in results["quality"][corpus].items():
        took, first = results["training"][corpus].get(name), results["first"].get(name)
        cost = [f"{median(took[kind])} {unit}" for kind, unit in COSTS] if took else ["", "", ""]
        loaded = f"{median(first)} ms" if first and corpus == "news" else ""
        cells = [interval(f1["micro"]), interval(f1["macro"]), *cost, f"{f1['megabytes']:.1f} MB"]
        lines.append(f"| {name} | " + " | ".join([*cells, loaded]) + " |")
    return "\n".join(lines)


def interval(values: Sequence[float]) -> str:
    """Return an estimate with its interval."""
    return "{:.3f} ({:.3f}–{:.3f})".format(*values)


def median(values: Sequence[float]) -> str:
    """Return the median of the rounds."""
    return number(statistics.median(values))


def single_table(results: Results, corpus: str) -> str:
    """Return microseconds an article of each tool."""
    lines = [
        f"| {results['labels'][corpus]} labels | median | 95th of 100 | CPU | peak |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in results["single"][corpus].items():
        values = [f"{median(found[kind])} µs" for kind in ("p50", "p95", "cpu")]
        lines.append(
            f"| {name} | " + " | ".join([*values, f"{median(found['megabytes'])} MB"]) + " |"
        )
    return "\n".join(lines)


def bulk_table(results: Results) -> str:
    """Return what files took."""
    told = results["bulk_corpus"]
    lines = [
        f"{told['articles']:,} articles of {told['words']:.0f} words; our two processes are "
        f"{'`--jobs 2`' if told['jobs'] else 'two commands with half of the file each'}, the "
        "peers' two scripts with half of the file each.",
        "",
        "| processes | articles a second | wall | start alone | CPU an article | largest process |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, run in results["bulk"].items():
        tool, _, n_processes = name.rpartition(" × ")
        if n_processes != "0":
            wall, cpu = statistics.median(run["wall"]), statistics.median(run["cpu"])
            start = statistics.median(results["bulk"][f"{tool} × 0"]["wall"])
            lines.append(
                f"| {name} | {told['articles'] / wall:,.0f} | {wall:.2f} s | {start:.2f} s "
                f"| {1e6 * cpu / told['articles']:.0f} µs | {median(run['megabytes'])} MB |"
            )
    return "\n".join(lines)


def profile_table(profile: Results) -> str:
    """Return the stages of tagging, in microseconds an article."""
    lines = ["| stage, µs an article | kernel | NumPy |", "|---|---:|---:|"]
    kernel, numpy = profile[KERNEL], profile[NUMPY]
    lines += [f"| {stage} | {kernel[stage]:.1f} | {numpy[stage]:.1f} |" for stage in kernel]
    return "\n".join(lines)
