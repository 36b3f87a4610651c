"""How many labels a choice of articles saves; ``python -m bench.active_learning`` runs it.

Labelling is simulated on NewsArticles: from a hundred articles drawn at random, a hundred at a
time are chosen and their labels looked up, and every model is judged on the same articles apart.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from bench.quality import margins_of
from classifier.corpus.corpus import Corpus
from classifier.corpus.labels import truth_matrix
from classifier.corpus.split import stratified_folds
from classifier.evaluation.metrics import f1_counts, macro_of, micro_of
from classifier.labelling.suggest import choose_spread, cut_probabilities, hesitation
from classifier.model.model import Model
from classifier.published.sources import load_corpus
from classifier.training.choose import held_out_score
from classifier.training.count import CountedCorpus, tfidf
from classifier.training.settings import Settings
from classifier.training.train import count_articles, fit_model

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "active_learning.json"
IMAGE = ROOT / "docs" / "images" / "active-learning.svg"
COLOURS = ("#777777", "#1f6f8b", "#c9a227", "#b03a2e")

START, STEP, END, SEEDS = 100, 100, 1500, 5
SETTINGS = Settings(
    C=(1.0,), lead_repeats=(2,), borderline_weight=(1.0,), auxiliary_weight=(1.0,), n_folds=3
)

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Way:
    """A way to choose: what share the model chooses, and whether its choice may set cuts."""

    name: str
    chosen_share: float
    taken_for_fair: bool = False


WAYS = (
    Way("all at random", 0.0),
    Way("half chosen by the model, cuts from the random half", 0.5),
    Way("half chosen, taken for a fair sample", 0.5, taken_for_fair=True),
    Way("all chosen, taken for a fair sample", 1.0, taken_for_fair=True),
)


@dataclass(frozen=True)
class Ground:
    """The corpus, the articles to choose from and those to judge on."""

    counted: CountedCorpus
    Y: NDArray[np.float64]
    pool: Rows
    test: Rows


def main() -> None:
    """Run every way with every seed, and write results and plot."""
    if "--plot" not in sys.argv:
        ground = _ground()
        runs = [(way, seed) for way in WAYS for seed in range(SEEDS)]
        curves = joblib.Parallel(n_jobs=2, verbose=5)(
            joblib.delayed(curve)(ground, way, seed) for way, seed in runs
        )
        RESULTS.write_text(json.dumps(_results(ground, runs, curves), indent=1) + "\n")
    draw(json.loads(RESULTS.read_text()))


def _ground() -> Ground:
    counted = count_articles([Corpus("news_articles", load_corpus("news_articles"))], SETTINGS)
    Y = truth_matrix(counted.labels, counted.label_names, counted.known)
    folds = stratified_folds(Y, counted.groups, n_folds=4, seed=7)
    return Ground(counted, Y, np.flatnonzero(folds != 0), np.flatnonzero(folds == 0))


def curve(ground: Ground, way: Way, seed: int) -> list[list[float]]:
    """Return micro-F1, macro-F1 and pooled average precision after each step."""
    rng = np.random.default_rng(seed)
    fair, chosen = rng.choice(ground.pool, START, replace=False), np.zeros(0, np.int64)
    figures = []
    while True:
        model = _model(ground, way, fair, chosen)
        figures.append(_judged(ground, model))
        if len(fair) + len(chosen) >= END:
            return figures
        n_chosen = round(STEP * way.chosen_share)
        if n_chosen:
            chosen = np.append(chosen, _choice(ground, model, fair, chosen, n_chosen))
        left = np.setdiff1d(ground.pool, np.append(fair, chosen))
        fair = np.append(fair, rng.choice(left, STEP - n_chosen, replace=False))


def _model(ground: Ground, way: Way, fair: Rows, chosen: Rows) -> Model:
    counted = ground.counted.select(np.append(fair, chosen))
    if len(chosen) and not way.taken_for_fair:
        natural = np.arange(len(counted)) < len(fair)
        corpus = (~natural).astype(np.int64)
        counted = replace(counted, natural=natural, corpus=corpus, corpora=["fair", "chosen"])
    return fit_model(counted, SETTINGS)


def _choice(ground: Ground, model: Model, fair: Rows, chosen: Rows, n: int) -> Rows:
    """Return what `classifier.labelling.suggest` would choose among articles already counted."""
    counted = ground.counted
    labelled = counted.groups[np.append(fair, chosen)]
    rows = ground.pool[~np.isin(counted.groups[ground.pool], labelled)]
    rows = rows[np.unique(counted.groups[rows], return_index=True)[1]]
    scores = model.calibration(margins_of(model, counted, rows))
    priority = hesitation(scores, cut_probabilities(model)).sum(axis=1)
    column = {term: i for i, term in enumerate(counted.vocabulary)}
    counts = counted.counts(model.analyzer.lead_repeats)[rows]
    known = counts[:, [column[term] for term in model.vocabulary]]
    return rows[choose_spread(priority, tfidf(known, model.idf.astype(float)), n)]


def _judged(ground: Ground, model: Model) -> list[float]:
    margins, truth = margins_of(model, ground.counted, ground.test), ground.Y[ground.test]
    counts = f1_counts(truth, margins >= model.cuts).sum(axis=0)
    figures = (micro_of(counts), macro_of(counts), held_out_score(margins, truth, mode="several"))
    return [round(float(np.squeeze(figure)), 4) for figure in figures]


def _results(ground: Ground, runs: list, curves: list) -> dict:  # type: ignore[type-arg]
    n_labels = list(range(START, END + 1, STEP))
    ways = {}
    for way in WAYS:
        mine = [c for (w, _), c in zip(runs, curves, strict=True) if w == way]
        micro, macro, ranking = np.array(mine).transpose(2, 0, 1)
        ways[way.name] = {
            "micro_f1": micro.mean(axis=0).round(4).tolist(),
            "micro_f1_sd": micro.std(axis=0, ddof=1).round(4).tolist(),
            "macro_f1": macro.mean(axis=0).round(4).tolist(),
            "average_precision": ranking.mean(axis=0).round(4).tolist(),
            "runs_micro_f1": micro.tolist(),
        }
    return {
        "labels": n_labels,
        "seeds": SEEDS,
        "pool": len(ground.pool),
        "test": len(ground.test),
        "ways": ways,
        "labels_for_the_same_micro_f1": _savings(n_labels, ways),
    }


def _savings(n_labels: list[int], ways: dict) -> dict:  # type: ignore[type-arg]
    """Return, per way, the labels it needs for what chance reaches with so many labels."""
    by_chance = _risen(ways[WAYS[0].name]["micro_f1"])
    table: dict[str, dict[str, int | None]] = {}
    for way in WAYS[1:]:
        reached = _risen(ways[way.name]["micro_f1"])
        table[way.name] = {
            str(n): _first_reaching(f1, reached, n_labels)
            for n, f1 in zip(n_labels, by_chance, strict=True)
            if n in (500, 1000, 1500)
        }
    return table


def _risen(values: list[float]) -> NDArray[np.float64]:
    """Return the best so far at each step, which takes the noise out of first passages."""
    return np.maximum.accumulate(values)


def _first_reaching(f1: float, reached: NDArray[np.float64], n_labels: list[int]) -> int | None:
    above = np.flatnonzero(reached >= f1)
    if not above.size:
        return None
    i = int(above[0])
    if i == 0:
        return n_labels[0]
    part = (f1 - reached[i - 1]) / (reached[i] - reached[i - 1])
    return round(n_labels[i - 1] + part * STEP)


def draw(results: dict) -> None:  # type: ignore[type-arg]
    """Draw the mean micro-F1 of each way with a band of two standard errors."""
    mpl.use("Agg")
    # the same results give the same file
    mpl.rcParams.update({"svg.hashsalt": "classifier", "font.size": 9})
    figure, axes = plt.subplots(figsize=(7, 4))
    for (name, way), colour in zip(results["ways"].items(), COLOURS, strict=True):
        mean, sd = np.array(way["micro_f1"]), np.array(way["micro_f1_sd"])
        error = 2 * sd / np.sqrt(results["seeds"])
        axes.plot(results["labels"], mean, color=colour, lw=1.6, label=name)
        axes.fill_between(results["labels"], mean - error, mean + error, color=colour, alpha=0.15)
    axes.set_xlabel("labelled articles")
    axes.set_ylabel(f"micro-F1 on {results['test']} articles apart")
    axes.grid(color="#dddddd")
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(IMAGE, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
