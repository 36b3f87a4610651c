"""What was tried: each recipe changes one thing of the default, and one sums up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from bench.documents import Document
from classifier.model.vocabulary import fold, singular

__all__ = ["BASE", "PLAIN", "RECIPES", "Recipe"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Fit = Callable[[sp.csr_matrix, Vector, Vector, float], tuple[Vector, float]]

# fmt: off
OUTLETS = {
    "aljazeera", "jazeera", "tass", "abc", "rte", "huffington", "huffpost", "dw", "deutsche",
    "welle", "bbc", "cnn", "chinadaily", "reuters", "afp", "ap", "xinhua", "interfax", "dpa",
}
# fmt: on


def plurals_folded(document: Document) -> list[str]:
    """Return the words with plurals folded, as the default reads them."""
    return [singular(word) for word in document.words]


def lead(  # type: ignore[no-untyped-def]
    tokens: list[str], document: Document, *, length: int = 100, divisor: int = 5, repeats: int = 2
):
    """Count all tokens, the first `length` but at most one in `divisor` `repeats` times more."""
    counts = Counter(tokens)
    for token in tokens[: min(length, -(-len(tokens) // divisor))]:
        counts[token] += repeats
    return counts


def svm(X: sp.csr_matrix, y: Vector, weights: Vector, C: float) -> tuple[Vector, float]:
    """Fit squared hinge with an L2 penalty, as the default does."""
    fitted = LinearSVC(C=C, tol=1e-2, max_iter=20_000, random_state=0)
    fitted.fit(X, y > 0, sample_weight=weights)
    return fitted.coef_[0], float(fitted.intercept_[0])


@dataclass(frozen=True)
class Recipe:
    """A way to train; the defaults are the default settings with what they choose."""

    name: str
    tokens: Callable[[Document], list[str]] = plurals_folded
    weigh: Callable[[list[str], Document], Counter] = lead  # type: ignore[type-arg]
    min_df: int = 2
    tf: Callable[[Vector], Vector] = field(default=lambda counts: 1 + np.log(counts))
    idf: str = "bm25"
    pivot: float = 1.0
    best_terms: int = 0
    hashed: int = 0
    fit: Fit = svm
    C: float = 1.0
    borderline: float = 0.5
    corpora: tuple[tuple[str, float], ...] = (("allsides", 0.3), ("house", 1.0))
    stacked: bool = False
    self_training: float = 0.0
    bagged: bool = False
    semantic: int = 0
    rule: str = "expected-f1"
    max_false_tags: float = 0.075


def words(document: Document) -> list[str]:
    return document.words


def suffixes_cut(document: Document) -> list[str]:
    return [re.sub(r"(?<=\w{3})(?:ies|ing|ed|es|s)$", "", word) for word in document.words]


def snowball(document: Document) -> list[str]:
    import snowballstemmer

    return list(snowballstemmer.stemmer("english").stemWords(document.words))


def first(document: Document, *, length: int) -> list[str]:
    return plurals_folded(document)[:length]


def numbers_folded(document: Document) -> list[str]:
    return ["0" if token.isdigit() else token for token in plurals_folded(document)]


def outlets_masked(document: Document) -> list[str]:
    return [token for token in plurals_folded(document) if token not in OUTLETS]


def boilerplate_dropped(document: Document) -> list[str]:
    return [singular(word) for word in document.boilerplate_free]


def compounds_kept(document: Document) -> list[str]:
    compounds = re.findall(r"\w+(?:[-’']\w+)+", fold(document.text))
    return plurals_folded(document) + compounds


def title_only(tokens: list[str], document: Document) -> Counter:  # type: ignore[type-arg]
    return lead(tokens, document, length=document.n_title, divisor=1, repeats=3)


def decaying(tokens: list[str], document: Document) -> Counter:  # type: ignore[type-arg]
    counts: Counter = Counter()  # type: ignore[type-arg]
    for place, token in enumerate(tokens):
        counts[token] += 1 + 3 / (1 + place / 60)
    return counts


def with_pairs(tokens: list[str], document: Document) -> Counter:  # type: ignore[type-arg]
    counts = lead(tokens, document)
    counts.update(f"{a} {b}" for a, b in pairwise(tokens))
    return counts


def with_prefixes(tokens: list[str], document: Document) -> Counter:  # type: ignore[type-arg]
    counts = lead(tokens, document)
    for token, count in list(counts.items()):
        counts[f"^{token[:5]}"] += count
    return counts


def with_characters(tokens: list[str], document: Document) -> Counter:  # type: ignore[type-arg]
    counts = lead(tokens, document)
    for token, count in list(counts.items()):
        padded = f"<{token}>"
        for i in range(len(padded) - 3):
            counts[f"#{padded[i : i + 4]}"] += count
    return counts


def favouring(X: sp.csr_matrix, y: Vector, weights: Vector, C: float, *, power: float):  # type: ignore[no-untyped-def]
    rarity = ((y == 0).sum() / max((y > 0).sum(), 1)) ** power
    return svm(X, y, weights * np.where(y > 0, rarity, 1.0), C)


def smoothed(X: sp.csr_matrix, y: Vector, weights: Vector, C: float, *, share: float):  # type: ignore[no-untyped-def]
    twice = sp.vstack([X, X]).tocsr()
    both = np.concatenate([weights * (1 - share), weights * share])
    return svm(twice, np.concatenate([y, 1 - y]), both, C)


def fewer_negatives(X: sp.csr_matrix, y: Vector, weights: Vector, C: float):  # type: ignore[no-untyped-def]
    kept = (y > 0) | (np.random.default_rng(0).random(len(y)) < 0.5)
    return svm(X[kept], y[kept], weights[kept], C)


def logistic(X: sp.csr_matrix, y: Vector, weights: Vector, C: float):  # type: ignore[no-untyped-def]
    fitted = LogisticRegression(C=10 * C, solver="liblinear", tol=1e-3, random_state=0)
    fitted.fit(X, y > 0, sample_weight=weights)
    return fitted.coef_[0], float(fitted.intercept_[0])


def sparse(X: sp.csr_matrix, y: Vector, weights: Vector, C: float):  # type: ignore[no-untyped-def]
    fitted = LinearSVC(C=C, penalty="l1", dual=False, tol=1e-2, random_state=0)
    fitted.fit(X, y > 0, sample_weight=weights)
    return fitted.coef_[0], float(fitted.intercept_[0])


def averaged(X: sp.csr_matrix, y: Vector, weights: Vector, C: float):  # type: ignore[no-untyped-def]
    fits = [svm(X, y, weights, C * factor) for factor in (0.4, 1.0, 2.5)]
    return np.mean([coef for coef, _ in fits], axis=0), float(np.mean([b for _, b in fits]))


BASE = Recipe("the default")
PLAIN = Recipe(
    "plain baseline",
    tokens=words,
    weigh=partial(lead, repeats=0),
    idf="smooth",
    borderline=1.0,
    corpora=(),
    rule="smoothed-f1",
    max_false_tags=1.0,
)
NO_HOUSE, NO_ALLSIDES = (("allsides", 0.3),), (("house", 1.0),)
RECIPES = (
    Recipe("text: no weight on the lead", weigh=partial(lead, repeats=0)),
    Recipe("text: weight on the headline alone", weigh=title_only),
    Recipe("text: lead of 50 words at most", weigh=partial(lead, length=50)),
    Recipe("text: lead of 200 words at most", weigh=partial(lead, length=200)),
    Recipe("text: lead of 100 words in short articles too", weigh=partial(lead, divisor=1)),
    Recipe("text: lead of a tenth at most", weigh=partial(lead, divisor=10)),
    Recipe("text: lead counted 4 times more", weigh=partial(lead, repeats=4)),
    Recipe("text: weight decaying with position", weigh=decaying),
    Recipe("text: first 200 words only", tokens=partial(first, length=200)),
    Recipe("text: first 400 words only", tokens=partial(first, length=400)),
    Recipe("text: plurals kept", tokens=words),
    Recipe("text: suffixes cut (-ing, -ed, -es, -s)", tokens=suffixes_cut),
    Recipe("text: Snowball stems", tokens=snowball),
    Recipe("text: numbers folded", tokens=numbers_folded),
    Recipe("text: names of outlets masked", tokens=outlets_masked),
    Recipe("text: repeated sentences of an outlet dropped", tokens=boilerplate_dropped),
    Recipe("text: hyphen and apostrophe compounds as terms too", tokens=compounds_kept),
    Recipe("terms: in at least 1 article", min_df=1),
    Recipe("terms: in at least 3 articles", min_df=3),
    Recipe("terms: in at least 5 articles", min_df=5),
    Recipe("terms: idf with 1 added, as scikit-learn's", idf="smooth"),
    Recipe("terms: raw counts", tf=lambda counts: counts),
    Recipe("terms: square root of counts", tf=np.sqrt),
    Recipe("terms: BM25 saturation", tf=lambda counts: 2.2 * counts / (counts + 1.2)),
    Recipe("terms: present or not", tf=np.ones_like),
    Recipe("terms: pivoted length, slope 0.75", pivot=0.75),
    Recipe("terms: pairs, in at least 3 articles", weigh=with_pairs, min_df=3),
    Recipe("terms: five-letter prefixes as a second block", weigh=with_prefixes),
    Recipe("terms: character 4-grams as a second block", weigh=with_characters, min_df=5),
    Recipe("terms: best 10,000 by chi-square", best_terms=10_000),
    Recipe("terms: hashed to 16,384 columns", hashed=2**14),
    Recipe("learning: C = 0.5", C=0.5),
    Recipe("learning: C = 2", C=2.0),
    Recipe("learning: positives weighted by rarity ^ 0.25", fit=partial(favouring, power=0.25)),
    Recipe("learning: positives weighted by rarity ^ 0.5", fit=partial(favouring, power=0.5)),
    Recipe("learning: borderline articles in full", borderline=1.0),
    Recipe("learning: borderline articles at a quarter", borderline=0.25),
    Recipe("learning: labels smoothed by 0.02", fit=partial(smoothed, share=0.02)),
    Recipe("learning: half of the negatives", fit=fewer_negatives),
    Recipe("learning: stacked on the other labels' margins", stacked=True),
    Recipe("learning: logistic loss", fit=logistic),
    Recipe("learning: L1 penalty", fit=sparse),
    Recipe("learning: average over three C", fit=averaged),
    Recipe("learning: average over five folds", bagged=True),
    Recipe("data: without allsides", corpora=NO_ALLSIDES),
    Recipe("data: without house", corpora=NO_HOUSE),
    Recipe("data: NewsArticles alone", corpora=()),
    Recipe("data: allsides in full", corpora=(("allsides", 1.0), ("house", 1.0))),
    Recipe("data: house at 3", corpora=(("allsides", 0.3), ("house", 3.0))),
    Recipe(
        "data: Commons speeches as parliament, at 0.1", corpora=(*BASE.corpora, ("commons", 0.1))
    ),
    Recipe("data: self-training on the unlabelled rest, at 0.3", self_training=0.3),
    Recipe("distribution: 50 latent semantic directions", semantic=50),
    Recipe("cuts: smoothed F1", rule="smoothed-f1"),
    Recipe("cuts: micro-macro", rule="micro-macro"),
    Recipe("cuts: no limit on false tags", max_false_tags=1.0),
    Recipe("cuts: smoothed F1, no limit on false tags", rule="smoothed-f1", max_false_tags=1.0),
)
