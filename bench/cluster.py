"""What tagging on a cluster costs: by articles, by workers, by labels.

``python -m bench.cluster [--repeat N]`` tags our own articles, repeated, on Dask workers of this
machine, and writes ``bench/results/cluster.json``. Processor time is that of the workers'
processes. Of several runs the quickest counts, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import distributed
import numpy as np

from classifier.archive.cluster import packed_model, tag_files
from classifier.archive.run import tag_archive
from classifier.archive.score import shipped_model
from classifier.compiled import kernel_status
from classifier.files import resource
from classifier.model.calibration import PiecewiseLinear
from classifier.model.model import Model

RESULTS = Path(__file__).parent / "results" / "cluster.json"
SHARD_ARTICLES = 2_000
ARTICLES = (10_000, 20_000, 40_000)
WORKERS = (1, 2)
LABELS = (5, 50, 500)
FILES = 1_000
HUNDRED_MILLION = 100_000_000


def house_lines() -> list[str]:
    """Return our own articles as lines of JSON."""
    lines: list[str] = []
    for path in sorted(resource("data", "house").glob("*.jsonl*")):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as stream:
            lines += [line for line in stream if line.strip()]
    return lines


def write_archive(
    folder: Path, lines: list[str], n_articles: int, *, size: int = SHARD_ARTICLES
) -> Path:
    """Write `n_articles` articles in files of `size`."""
    folder.mkdir(parents=True)
    for first in range(0, n_articles, size):
        rows = (lines[i % len(lines)] for i in range(first, first + size))
        with gzip.open(folder / f"{first:09}.jsonl.gz", "wt", encoding="utf-8") as stream:
            stream.writelines(rows)
    return folder


def with_labels(model: Model, n_labels: int) -> Model:
    """Return a model with its labels repeated until there are `n_labels`."""
    times = -(-n_labels // len(model.labels))
    calibration = model.calibration
    assert isinstance(calibration, PiecewiseLinear)

    def repeated(values: Any) -> Any:
        return np.tile(values, times)[..., :n_labels]

    return replace(
        model,
        labels=tuple(f"label {i:03}" for i in range(n_labels)),
        weights=repeated(model.weights),
        bias=repeated(model.bias),
        cuts=repeated(model.cuts),
        base_rates=repeated(model.base_rates),
        calibration=PiecewiseLinear(
            (list(calibration.margins) * times)[:n_labels],
            (list(calibration.probabilities) * times)[:n_labels],
        ),
    )


def measured(client: Any, source: Path, model: Model, scratch: Path) -> dict[str, float]:
    """Return seconds and processor time of a run into a new folder."""
    out = scratch / f"out-{time.monotonic_ns()}"
    before = sum(client.run(time.process_time).values())
    summary = tag_files(source, out, client=client, model=model)
    cpu = sum(client.run(time.process_time).values()) - before
    return {
        "articles": summary.articles,
        "seconds": summary.seconds,
        "worker_cpu_seconds": cpu,
        "cpu_microseconds_an_article": 1e6 * cpu / summary.articles,
        "articles_a_second": summary.rate,
    }


def quickest(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the best of each figure."""
    best = {name: min(run[name] for run in runs) for name in runs[0]}
    best["articles_a_second"] = max(run["articles_a_second"] for run in runs)
    return {name: round(value, 3) for name, value in best.items()}


def long_lines(lines: list[str]) -> list[str]:
    """Return articles of three texts each."""
    texts = [json.loads(line)["text"] for line in lines]
    return [
        json.dumps({"text": "\n\n".join(three)}, ensure_ascii=False) + "\n"
        for three in zip(texts, texts[1:], texts[2:], strict=False)
    ]


def rows(folder: Path, repeat: int) -> Iterator[dict[str, Any]]:
    """Yield a row of figures for each combination."""
    lines, model = house_lines(), shipped_model()
    sources = {n: write_archive(folder / f"in-{n}", lines, n) for n in ARTICLES}
    middle = sources[ARTICLES[1]]
    long = write_archive(folder / "in-long", long_lines(lines), ARTICLES[0])
    single = write_archive(folder / "in-single", lines, FILES, size=1)
    for n_workers in WORKERS:
        with (
            distributed.LocalCluster(
                n_workers=n_workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            # the first run of a worker imports and loads
            first = measured(client, sources[ARTICLES[0]], model, folder)
            yield {"what": "first run", "workers": n_workers, "labels": 5} | quickest([first])
            for n, source in sources.items():
                runs = [measured(client, source, model, folder) for _ in range(repeat)]
                yield {"what": f"{n} articles", "workers": n_workers, "labels": 5} | quickest(runs)
            if n_workers == 1:
                runs = [measured(client, single, model, folder) for _ in range(repeat)]
                row = {"what": "files of one article", "workers": 1, "labels": 5}
                yield row | quickest(runs)
                runs = [measured(client, long, model, folder) for _ in range(repeat)]
                yield {"what": "articles of three texts", "workers": 1, "labels": 5} | quickest(
                    runs
                )
            for n_labels in LABELS if n_workers == 1 else ():
                wide = with_labels(model, n_labels)
                measured(client, sources[ARTICLES[0]], wide, folder)
                runs = [measured(client, middle, wide, folder) for _ in range(repeat)]
                size = sum(map(len, packed_model(wide).files.values()))
                yield {"what": "labels", "workers": 1, "labels": n_labels, "model_bytes": size} | (
                    quickest(runs)
                )
    yield alone(middle, model, folder, repeat)


def alone(source: Path, model: Model, folder: Path, repeat: int) -> dict[str, Any]:
    """Return the figures of one machine without Dask, by one worker."""
    runs = []
    for number in range(repeat):
        before = os.times()
        summary = tag_archive(source, folder / f"alone-{number}", model=model, jobs=1)
        after = os.times()
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        runs.append(
            {
                "articles": summary.articles,
                "seconds": summary.seconds,
                "worker_cpu_seconds": cpu,
                "cpu_microseconds_an_article": 1e6 * cpu / summary.articles,
                "articles_a_second": summary.rate,
            }
        )
    return {"what": "without Dask", "workers": 1, "labels": 5} | quickest(runs)


def sizes(lines: list[str]) -> dict[str, float]:
    """Return how long articles are on average."""
    words = [len(json.loads(line)["text"].split()) for line in lines]
    n_bytes = [len(line.encode()) for line in lines]
    return {
        "bytes_each": round(sum(n_bytes) / len(lines), 1),
        "words_each": round(sum(words) / len(lines), 1),
    }


def slope(found: list[dict[str, Any]]) -> float:
    """Return the processor time of one more article in microseconds, with one worker."""
    sizes = [f"{n} articles" for n in ARTICLES]
    kept = [row for row in found if row["what"] in sizes and row["workers"] == 1]
    n, cpu = ([row[name] for row in kept] for name in ("articles", "worker_cpu_seconds"))
    return float(1e6 * np.polyfit(n, cpu, 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the quickest counts")
    repeat = parser.parse_args().repeat
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), repeat):
            found.append(row)
            print(json.dumps(row), flush=True)
    lines = house_lines()
    each = slope(found)
    result = {
        "articles": {"what": "data/house, repeated"} | sizes(lines),
        "long_articles": {"what": "three texts each"} | sizes(long_lines(lines)),
        "machine": {"cores": os.cpu_count(), "kernel": kernel_status()},
        "versions": {name: version(name) for name in ("dask", "distributed", "numpy")},
        "repeat": repeat,
        "rows": found,
        "cpu_microseconds_of_one_more_article": round(each, 1),
        "core_hours_of_100_million_articles": round(each * HUNDRED_MILLION / 3.6e9, 2),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
