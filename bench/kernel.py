"""Where the time of tagging goes, stage by stage, with the kernel and without.

``python -m bench.kernel [ARTICLES.jsonl.gz]`` prints microseconds an article: for each stage the
sum over batches of the quickest of several runs, which other work on the machine disturbs least.
Without a file the articles of NewsArticles are read.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from classifier.article import Article
from classifier.compiled import SWITCH, kernel_status
from classifier.corpus.corpus import UNLABELLED
from classifier.corpus.read import read_articles
from classifier.corpus.write import write_articles_jsonl, write_jsonl
from classifier.files import resource
from classifier.model.folder import load_model
from classifier.model.model import Model
from classifier.published.sources import load_corpus
from classifier.text import STEPS, article_text, scanner

Item = TypeVar("Item")
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
    bodies = [[article.text for article in part] for part in parts]
    for step in STEPS:
        took = quickest(lambda part, step=step: list(map(step, part)), bodies, runs=runs)  # type: ignore[misc]
        yield f"  {step.__name__}", took
        bodies = [list(map(step, part)) for part in bodies]
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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "articles.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            write_articles_jsonl(articles, stream)
        return quickest(lambda p: list(read_articles(p, UNLABELLED)), [[path]], runs=runs) / len(
            articles
        )


def alone(model: Model, articles: list[Article]) -> Iterator[float]:
    """Yield microseconds of each article tagged by itself, the quickest of three."""
    for article in articles:
        yield quickest(model.predict, [[article]], runs=3)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("articles", type=Path, nargs="?")
    parser.add_argument("--model", type=Path, default=resource("models", "sectors"))
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    given = [args.articles] if args.articles else []
    source = read_articles(given, UNLABELLED) if given else load_corpus("news_articles")
    articles = list(islice(source, args.limit))
    columns = {}
    for switch in ("on", "off"):
        os.environ[SWITCH] = switch
        scanner.cache_clear()
        columns[kernel_status()] = dict(stages(load_model(args.model), articles, args.runs))
    n_words = statistics.mean(len(article.text.split()) for article in articles)
    print(f"{len(articles)} articles of {n_words:.0f} words; µs an article")
    print(f"{'':<30}" + "".join(f"{name.split(',')[0]:>18}" for name in columns))
    for stage in next(iter(columns.values())):
        print(f"{stage:<30}" + "".join(f"{took[stage]:18.1f}" for took in columns.values()))


if __name__ == "__main__":
    main()
