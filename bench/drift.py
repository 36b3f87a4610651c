"""Whether the verdict on new articles can be trusted; ``python -m bench.drift`` measures it.

A model is trained on three quarters of NewsArticles. Fair samples of the quarter apart must be
called "as in training"; single outlets, another corpus and other articles are shown beside them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import numpy as np

from bench.unseen import ROOT
from classifier.article import Article
from classifier.corpus.corpus import Corpus
from classifier.corpus.folds import stratified_folds
from classifier.corpus.labels import truth_matrix
from classifier.corpus.read import read_articles
from classifier.drift.drift import LEAST_ARTICLES, LEVELS, drift
from classifier.model.model import Model
from classifier.published.sources import load_corpus
from classifier.training.settings import Settings
from classifier.training.train import count_articles, fit_model

RESULTS = ROOT / "bench" / "results" / "drift.json"
SETTINGS = Settings(C=(1.0,), lead_repeats=(2,), borderline_weight=(1.0,))
SIZES, SAMPLES = (25, 50, 100, 200), 100


def main() -> None:
    """Train, draw samples, and write how often each verdict was given."""
    model, held = trained()
    allsides = list(load_corpus("allsides"))
    results = {
        "training_articles": model.info["reference"]["articles"],  # type: ignore[index]
        "fair_samples": {str(n): verdicts(model, held, n) for n in SIZES},
        "allsides_samples": {str(n): verdicts(model, allsides, n) for n in SIZES},
        "batches": {name: _told(model, batch) for name, batch in _batches(held)},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


def trained() -> tuple[Model, list[Article]]:
    """Return a model of three quarters of NewsArticles, and the articles of the fourth."""
    counted = count_articles([Corpus("news_articles", load_corpus("news_articles"))], SETTINGS)
    Y = truth_matrix(counted.labels, counted.label_names, counted.known)
    folds = stratified_folds(Y, counted.groups, n_folds=4, seed=7)
    apart = {counted.ids[i] for i in np.flatnonzero(folds == 0)}
    held = [article for article in load_corpus("news_articles") if article.id in apart]
    return fit_model(counted.select(np.flatnonzero(folds != 0)), SETTINGS), held


def verdicts(
    model: Model, articles: list[Article], n: int, *, n_samples: int = SAMPLES
) -> dict[str, int]:
    """Return how often each verdict is given of random samples of `n` articles."""
    rng = np.random.default_rng(n)
    draws = (rng.choice(len(articles), n, replace=False) for _ in range(n_samples))
    found = Counter(drift(model, [articles[i] for i in draw]).verdict for draw in draws)
    return {level: found[level] for level in LEVELS}


def _batches(held: list[Article]) -> Iterator[tuple[str, list[Article]]]:
    yield "news_articles, the quarter apart", held
    yield "allsides", list(load_corpus("allsides"))
    yield "house", list(read_articles([ROOT / "data" / "house"]))
    for source in sorted({article.source for article in held}):
        batch = [article for article in held if article.source == source]
        if len(batch) >= LEAST_ARTICLES:
            yield f"{source} alone", batch


def _told(model: Model, batch: list[Article]) -> dict[str, object]:
    found = drift(model, batch)
    off = {
        m.name: [LEVELS[m.level], round(m.distance - m.chance, 3)]
        for m in found.measures
        if m.level
    }
    return {"articles": len(batch), "verdict": found.verdict, "off": off}


if __name__ == "__main__":
    main()
