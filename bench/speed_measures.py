"""What ``make bench`` measures: training, quality, one article, files, memory and starting."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.many_labels import cells
from bench.speed_corpora import Files, bulk_articles, rows, write_parts
from bench.speed_runs import Call, Command, Run, in_rounds, launched, said
from bench.speed_tools import (
    KERNEL,
    NUMPY,
    SHIPPED,
    TOOLS,
    Tool,
    has_jobs,
    interpreter,
    our_command,
)
from classifier.evaluation.bootstrap import bootstrap_f1
from classifier.files import write_json_lines

__all__ = ["bulk", "first", "memory", "quality", "single", "start", "training"]

Figures = dict[str, list[float]]
Ways = Sequence[tuple[str, int]]
FEW, MANY = 20_000, 200_000


def column_wise(rounds: Iterable[dict[str, float]]) -> Figures:
    """Return the figures of several rounds by name."""
    listed = list(rounds)
    return {name: [row[name] for row in listed] for name in listed[0]}


def training(files: Files, models: Path, names: Sequence[str], n_rounds: int) -> dict[str, Figures]:
    """Train each tool in each round, the models left in `models`; return seconds."""

    def work(tool: Tool) -> dict[str, float]:
        took, run = said(
            tool.command("train", files.train, models / tool.model_name), tool.variables
        )
        return {**took, "megabytes": run.megabytes}

    works = {name: partial(work, TOOLS[name]) for name in names}
    return {name: column_wise(found) for name, found in in_rounds(works, n_rounds).items()}


def quality(files: Files, models: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return micro- and macro-F1 on the test articles, with 95 % intervals, and megabytes."""
    true = [row["labels"] for row in rows(files.test)]
    labels = sorted({label for given in true for label in given})
    truth, found = cells(true, labels), {}
    for name in names:
        model, out = models / TOOLS[name].model_name, models / "tagged.jsonl"
        launched([TOOLS[name].bulk(model, files.test, out)], TOOLS[name].variables)
        tags = [row["tags"] for row in rows(out)]
        f1 = bootstrap_f1(truth, cells(tags, labels) > 0)
        found[name] = {
            kind: [f1[kind].estimate, f1[kind].low, f1[kind].high] for kind in ("micro", "macro")
        } | {"megabytes": megabytes_on_disk(model)}
    return found


def megabytes_on_disk(folder: Path) -> float:
    """Return the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def single(
    files: Files, models: dict[str, Path], names: Sequence[str], n_rounds: int
) -> dict[str, Figures]:
    """Tag articles one by one; return microseconds an article: median, 95th of 100, processors."""

    def work(name: str) -> dict[str, float]:
        took, run = said(
            TOOLS[name].command("single", models[name], files.single), TOOLS[name].variables
        )
        parts = statistics.quantiles(took["microseconds"], n=20)
        return {"p50": parts[9], "p95": parts[18], "cpu": took["cpu"], "megabytes": run.megabytes}

    works = {name: partial(work, name) for name in names}
    return {name: column_wise(found) for name, found in in_rounds(works, n_rounds).items()}


def first(
    files: Files, models: dict[str, Path], names: Sequence[str], n_rounds: int
) -> dict[str, list[float]]:
    """Return milliseconds from imported modules to the scores of the first article."""

    def work(name: str) -> float:
        command = TOOLS[name].command("first", models[name], files.single)
        return float(said(command, TOOLS[name].variables)[0]["milliseconds"])

    return in_rounds({name: partial(work, name) for name in names}, n_rounds)


def bulk(whole: Path, models: dict[str, Path], ways: Ways, n_rounds: int) -> dict[str, Figures]:
    """Tag a file into another; return what the processes took, and how long one only starts.

    Parameters
    ----------
    whole : Path
        A file of JSON lines, beside which the results are written.
    models : dict of str to Path
    ways : sequence of (str, int)
        Names of tools, each with a number of processes.
    n_rounds : int
    """
    halves, one = write_parts(whole)
    works: dict[str, Callable[[], Run]] = {}
    for name, n_processes in ways:
        tool, model = TOOLS[name], models[name]
        commands = calls(tool, model, [whole] if n_processes == 1 else halves)
        if n_processes == 2 and tool.environment == "ours" and has_jobs():
            commands = [two_jobs(whole, model)]
        works[f"{name} × {n_processes}"] = partial(launched, commands, tool.variables)
        works[f"{name} × 0"] = partial(launched, calls(tool, model, [one]), tool.variables)
    runs = in_rounds(works, n_rounds)
    return {name: column_wise(map(vars, found)) for name, found in runs.items()}


def calls(tool: Tool, model: Path, parts: Sequence[Path]) -> list[Call]:
    """Return one call for each part of a file."""
    return [tool.bulk(model, part, part.with_suffix(".out")) for part in parts]


def two_jobs(data: Path, model: Path) -> Call:
    """Return how a user tags a file by two processes."""
    command = [*our_command(), data, "--model", model, "--quiet", "--jobs", "2"]
    return command, data.with_suffix(".out")


def memory(pool: Path, folder: Path) -> dict[str, list[float]]:
    """Return the megabytes of a run over few and over many articles, by number of processes."""
    data = folder / "memory.jsonl"
    found: dict[str, list[float]] = {}
    for n_articles in (FEW, MANY):
        write_json_lines(data, bulk_articles(pool, n_articles))
        ways = {"1": TOOLS[KERNEL].bulk(SHIPPED, data, data.with_suffix(".out"))}
        if has_jobs():
            ways["2"] = two_jobs(data, SHIPPED)
        for name, way in ways.items():
            found.setdefault(name, []).append(launched([way]).megabytes)
    return found


def start(files: Files, folder: Path, n_rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of whole processes: NumPy imported, one article tagged."""
    one, out = folder / "one.txt", folder / "one.out"
    row = rows(files.single)[0]
    one.write_text(f"{row['title']}\n\n{row['text']}", encoding="utf-8")
    kernel, numpy = TOOLS[KERNEL].variables, TOOLS[NUMPY].variables
    nothing: Command = [interpreter("ours"), "-c", "import numpy"]
    works = {
        "import numpy": partial(launched, [(nothing, out)]),
        KERNEL: partial(launched, [([*our_command(), one], out)], kernel),
        NUMPY: partial(launched, [([*our_command(), one], out)], numpy),
    }
    runs = in_rounds(works, n_rounds)
    return {name: [1e3 * run.wall for run in found] for name, found in runs.items()}
