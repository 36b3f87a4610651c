"""Ours beside what its users would pick instead: ``make bench``.

Every tool trains on the same articles and tags the same, in rounds, on this machine. Results go
to ``bench/results/speed.json``, tables and plot into the docs. ``python -m bench.speed --training
20000 60000`` prints time and memory of trainings on so many generated articles instead.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import speed_measure as measure
from bench.environment import ROOT
from bench.readme import put_between_marks
from bench.speed_measure import KERNEL, NUMPY, SHIPPED, TOOLS
from bench.speed_report import draw, report
from classifier.corpus.read import read_articles
from classifier.files import write_json_lines
from classifier.model.folder import load_model
from classifier.text import scanner

RESULTS = Path(__file__).parent / "results" / "speed.json"
PAGE = ROOT / "docs" / "speed-peers.md"
PLOT = "![Time of one article, and of an article in a file](images/speed.svg)"
POOL_VARIABLE = "CLASSIFIER_POOL"

# These take long to train and their time is no goal: one round.
SLOW = ("fastText", "fastText, pairs")
TRAINED = [n for n, tool in TOOLS.items() if not tool.trained_by and n not in SLOW]
MANY = [n for n in TOOLS if n != "fastText, pairs"]
SINGLE = [n for n in TOOLS if n != "LibMultiLabel"]
SINGLE_MANY = [n for n in MANY if n in SINGLE]
TWO = (KERNEL, NUMPY, "scikit-learn, stacked")
ONE = (*TWO, "fastText", "Vowpal Wabbit")
ONCE = ("scikit-learn", "LibMultiLabel, bias")
STARTS = 15


def measured(folder: Path, pool: Path, n_rounds: int) -> dict[str, Any]:
    """Return everything that is measured; `folder` takes models and files."""
    files = measure.labelled_files(folder)
    news, many = folder / "news-models", folder / "many-models"
    for each in (news, many):
        each.mkdir()
    trained = measure.training(files["news"], news, TRAINED, n_rounds)
    trained |= measure.training(files["news"], news, SLOW, 1)
    once = [name for name in MANY if not TOOLS[name].trained_by]
    results: dict[str, Any] = {
        "labels": {name: n_labels(part.train) for name, part in files.items()},
        "training": {
            "news": trained,
            "many": measure.training(files["many"], many, once, 1),
        },
        "quality": {
            "news": measure.quality(files["news"], news, list(TOOLS)),
            "many": measure.quality(files["many"], many, MANY),
        },
    }
    ours = dict.fromkeys((KERNEL, NUMPY), SHIPPED)
    models = {name: news / tool.model_name for name, tool in TOOLS.items()} | ours
    of_many = {name: many / TOOLS[name].model_name for name in MANY}
    results["single"] = {
        "news": measure.single(files["news"], models, SINGLE, n_rounds),
        "many": measure.single(files["many"], of_many, SINGLE_MANY, n_rounds),
    }
    results["first"] = measure.first(files["news"], models, SINGLE, n_rounds)
    results["start"] = measure.start(files["news"], folder, max(n_rounds, STARTS))
    results["profile"] = profile(files["news"].single)
    return results | in_bulk(folder, pool, models, n_rounds)


def n_labels(path: Path) -> int:
    """Return how many labels a file of articles has."""
    return len({label for row in measure.rows(path) for label in row["labels"]})


def profile(path: Path) -> dict[str, dict[str, float]]:
    """Return the microseconds of each stage, with the kernel and without."""
    articles, found = list(read_articles([path])), {}
    for name in (KERNEL, NUMPY):
        os.environ |= TOOLS[name].variables
        scanner.cache_clear()
        found[name] = dict(measure.stages(load_model(SHIPPED), articles, 7))
    os.environ |= TOOLS[KERNEL].variables
    scanner.cache_clear()
    return found


def in_bulk(folder: Path, pool: Path, models: dict[str, Path], n_rounds: int) -> dict[str, Any]:
    """Return what tagging files took, and how that grows with them."""
    whole = folder / "bulk.jsonl"
    write_json_lines(whole, measure.bulk_articles(pool))
    ways = [*((name, 1) for name in ONE), *((name, 2) for name in TWO)]
    found = measure.bulk(whole, models, ways, n_rounds)
    found |= measure.bulk(whole, models, [(name, 1) for name in ONCE], 1)
    lengths = [len(row["text"].split()) for row in measure.rows(whole)]
    told = {"articles": len(lengths), "words": statistics.mean(lengths)}
    return {"bulk_corpus": told, "bulk": found} | measure.growth(pool, folder)


def machine(n_rounds: int) -> dict[str, Any]:
    """Return what everything runs on."""
    ours = {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
    peers = {"fasttext-numpy2-wheel": "peers", "vowpalwabbit": "peers"}
    others = {name: version_in(where, name) for name, where in peers.items()}
    others["libmultilabel"] = version_in("LibMultiLabel", "libmultilabel")
    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "python": platform.python_version(),
        "versions": ours | others,
        "rounds": n_rounds,
    }


def processor(told: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the processor where the system tells it."""
    lines = told.read_text().splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def version_in(environment: str, package: str) -> str:
    """Return the version of a package in an environment of the peers."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run(
        [measure.interpreter(environment), "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def main() -> None:
    """Measure, and write results, table and plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    pool = Path(os.environ.get(POOL_VARIABLE, ""))
    parser.add_argument("--pool", type=Path, default=pool, help="articles for the bulk runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--again", action="store_true", help="only write table and plot again")
    parser.add_argument("--training", type=int, nargs="+", help="numbers of articles")
    args = parser.parse_args()
    if args.training:
        with TemporaryDirectory(prefix="speed-") as name:
            for line in measure.trainings(args.training, Path(name)):
                print(line, flush=True)
        return
    if not args.again:
        told, load, begun = machine(args.rounds), os.getloadavg()[0], time.monotonic()
        with TemporaryDirectory(prefix="speed-") as name:
            results = measured(Path(name), args.pool, args.rounds)
        took = (time.monotonic() - begun) / 60
        told |= {"load": [load, os.getloadavg()[0]], "minutes": took}
        RESULTS.write_text(json.dumps({"machine": told, **results}, indent=1) + "\n")
    results = json.loads(RESULTS.read_text())
    put_between_marks(PAGE, "speed", f"{PLOT}\n\n{report(results)}")
    draw(results)
    print(report(results))


if __name__ == "__main__":
    main()
