"""What ``make bench`` found: goals, tables and the plot."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt

from bench.plots import IMAGES, OURS, PLAIN, plain_style
from bench.speed_measure import KERNEL, NUMPY, Ratio, ratio
from classifier.pages.document import interval

Results = dict[str, Any]
STACKED = "scikit-learn, stacked"
# With how many times our CPU its training should take: on few labels, and on many.
LIBMULTILABEL = {"LibMultiLabel": (None, None), "LibMultiLabel, bias": (3.5, 7)}
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
    for place, corpus in enumerate(("news", "many")):
        yield from trainings(results, corpus, place)
    start = results["start"]
    for name, most in ((KERNEL, 2), (NUMPY, None)):
        what = f"`classifier predict one.txt` ÷ `python -c 'import numpy'` ({name})"
        yield Row(what, ratio(start[name], start["import numpy"]), most=most)
    for jobs, (few, many) in results["memory"].items():
        what = f"memory of tagging 200,000 articles ÷ 20,000, processes: {jobs}"
        yield Row(what, spread([many / few]), most=1.1)
    one, two = (results["seconds"][jobs][1] for jobs in ("1", "2"))
    yield Row("JSONL → JSONL, 200,000 articles: two jobs ÷ one", spread([one / two]), least=1.7)
    for name in (KERNEL, NUMPY):
        what = f"model load to first score beyond imports ({name})"
        yield Row(what, spread(results["first"][name]), most=15, unit=MILLISECONDS)


def one_article(single: Results, labels: str) -> Iterator[Row]:
    """Yield how many times slower the peers tag one article."""
    wanted = {
        ("scikit-learn", KERNEL): 30,
        ("scikit-learn", NUMPY): 4,
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
        (STACKED, KERNEL, 2, 7),
        (STACKED, NUMPY, 2, None),
        ("fastText", KERNEL, 1, 6),
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
    one, two, apart = (bulk[f"{KERNEL}{way}"]["wall"] for way in (" × 1", " × 2", ", apart × 2"))
    yield Row(f"JSONL → JSONL, {KERNEL}: two processes ÷ one", ratio(one, two), least=1.7)
    what = f"JSONL → JSONL, {KERNEL}: two processes ÷ two runs side by side, half of the file each"
    yield Row(what, ratio(apart, two), least=0.9)


def without(whole: Sequence[float], start: Sequence[float]) -> list[float]:
    """Return what the work took without the start of its process."""
    return [all_of_it - part for all_of_it, part in zip(whole, start, strict=True)]


def trainings(results: Results, corpus: str, place: int) -> Iterator[Row]:
    """Yield how many times more processor time LibMultiLabel trains, and whose F1 is better."""
    took, f1 = results["training"][corpus], results["quality"][corpus]
    for peer, least in LIBMULTILABEL.items():
        if peer in took:
            what = f"training, {results['labels'][corpus]} labels: {peer} ÷ ours, CPU"
            n = min(len(took[peer]["cpu"]), len(took[KERNEL]["cpu"]))
            value = ratio(took[peer]["cpu"][:n], took[KERNEL]["cpu"][:n])
            yield Row(what, value, least=least[place], note=f"; {compared(f1[KERNEL], f1[peer])}")


def compared(ours: Results, theirs: Results) -> str:
    """Return by how much our F1 is higher."""
    gains = (f"{kind}-F1 {ours[kind][0] - theirs[kind][0]:+.3f}" for kind in ("micro", "macro"))
    return ", ".join(gains)


COSTS = (("cpu", "s"), ("wall", "s"), ("megabytes", "MB"))


def report(results: Results) -> str:
    """Return all tables."""
    parts = [
        machine(results["machine"]),
        "| measure | goal | median (rounds) | verdict |\n|---|---:|---:|---|\n"
        + "\n".join(row.markdown() for row in goals(results) if row.verdict),
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


def row(*cells: str) -> str:
    """Return the row of a table."""
    return f"| {' | '.join(cells)} |"


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
        cells = [interval(*f1["micro"]), interval(*f1["macro"]), *cost, f"{f1['megabytes']:.1f} MB"]
        lines.append(row(name, *cells, loaded))
    return "\n".join(lines)


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
        lines.append(row(name, *values, f"{median(found['megabytes'])} MB"))
    return "\n".join(lines)


def bulk_table(results: Results) -> str:
    """Return what files took."""
    told = results["bulk_corpus"]
    lines = [
        f"{told['articles']:,} articles of {told['words']:.0f} words; our two processes are "
        "`--jobs 2`, those of the peers, and ours apart, two runs with half of the file each.",
        "",
        "| processes | articles a second | wall | start alone | CPU an article | largest process |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, run in results["bulk"].items():
        tool, _, n_processes = name.replace(", apart", "").rpartition(" × ")
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


def draw(results: dict[str, Any]) -> None:
    """Draw microseconds of one article and of an article in a file."""
    plain_style()
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
