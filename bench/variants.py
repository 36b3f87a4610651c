"""Each thing that was tried, alone, on unseen outlets; part of ``make bench-quality``.

Every recipe is trained once an outlet, the outlet left out, with cuts and calibration from inner
folds, and compared with the default on the same articles.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_selection import chi2
from sklearn.utils.extmath import randomized_svd

from bench.documents import Collection, load_collection
from bench.pages import put_between_marks
from bench.recipes import BASE, PLAIN, RECIPES, Recipe
from classifier.corpus.split import leave_one_source_out, stratified_folds
from classifier.evaluation.bootstrap import paired_bootstrap
from classifier.evaluation.metrics import (
    average_precision,
    expected_calibration_error,
    false_tag_rate,
    macro_f1,
    micro_f1,
)
from classifier.training.calibrate import fit_calibration
from classifier.training.count import inverse_document_frequencies
from classifier.training.cuts import choose_thresholds

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "variants.json"
PAGE = ROOT / "docs" / "variants.md"

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """What a recipe said of the natural articles, each by a model without its outlet."""

    probabilities: Matrix
    given: NDArray[np.bool_]
    seconds: float
    n_terms: int


def counted(collection: Collection, recipe: Recipe) -> sp.csr_matrix:
    """Count the terms of every document in the way of the recipe."""
    ids: dict[str, int] = {}
    indices, data, starts = [], [], [0]
    for document in collection.documents:
        counts: Counter = recipe.weigh(recipe.tokens(document), document)  # type: ignore[type-arg]
        for term, count in counts.items():
            place = hash_of(term) % recipe.hashed if recipe.hashed else len(ids)
            indices.append(ids.setdefault(term, place))
            data.append(count)
        starts.append(len(indices))
    width = recipe.hashed or len(ids)
    shape = (len(collection.documents), width)
    matrix = sp.csr_matrix((np.array(data, dtype=np.float64), indices, starts), shape=shape)
    matrix.sum_duplicates()
    return matrix


def hash_of(term: str) -> int:
    """Return a number that is the same in every process."""
    return zlib.crc32(term.encode())


def weighted(counts: sp.csr_matrix, train: Rows, recipe: Recipe, Y: Matrix) -> sp.csr_matrix:
    """Return tf-idf of all rows with document frequencies of the training rows."""
    idf = inverse_document_frequencies(counts[train], recipe.min_df, form=recipe.idf)
    values = recipe.tf(counts.data) * idf[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norms = np.sqrt(np.bincount(rows, weights=values**2, minlength=counts.shape[0]))
    norms[norms == 0] = 1.0
    norms = recipe.pivot * norms + (1 - recipe.pivot) * norms[train].mean()
    X = sp.csr_matrix((values / norms[rows], counts.indices, counts.indptr), counts.shape)
    if recipe.best_terms:
        scores = [chi2(X[train], Y[train][:, k] > 0)[0] for k in range(Y.shape[1])]
        best = np.nan_to_num(np.max(scores, axis=0))
        X = X @ sp.diags((best >= np.sort(best)[-recipe.best_terms]).astype(float))
    return X


def fitted(
    X: sp.csr_matrix, train: Rows, Y: Matrix, weights: NDArray[np.float64], recipe: Recipe
) -> tuple[Matrix, NDArray[np.float64]]:
    """Fit each label on the rows that know it; return coefficients and biases."""
    directions = None
    if recipe.semantic:
        _, _, vt = randomized_svd(X[train], recipe.semantic, n_iter=2, random_state=0)
        directions = vt.T
        X = sp.hstack([X, sp.csr_matrix(X @ directions)]).tocsr()
    fits = []
    for k in range(Y.shape[1]):
        known = train[~np.isnan(Y[train, k])]
        fits.append(recipe.fit(X[known], Y[known, k], weights[known], recipe.C))
    coef = np.column_stack([coef for coef, _ in fits])
    if directions is not None:
        # A linear function of linear directions is linear in the terms: it folds back.
        n_terms = directions.shape[0]
        coef = coef[:n_terms] + directions @ coef[n_terms:]
    return coef, np.array([bias for _, bias in fits])


def outcome(collection: Collection, recipe: Recipe) -> Outcome:
    """Train without each outlet in turn and tag its articles."""
    begin = time.process_time()
    counts = counted(collection, recipe)
    natural = np.flatnonzero(collection.corpus == "news_articles")
    share = dict(recipe.corpora)
    extra = np.flatnonzero([name in share for name in collection.corpus])
    weights = np.where(collection.borderline, recipe.borderline, 1.0) * np.array(
        [share.get(name, 1.0) for name in collection.corpus]
    )
    place = {row: i for i, row in enumerate(natural)}
    probabilities = np.zeros((len(natural), collection.truth.shape[1]))
    given = np.zeros(probabilities.shape, dtype=bool)
    sources = [collection.sources[i] for i in natural]
    n_terms = 0
    for _, train, test in leave_one_source_out(sources, collection.groups[natural]):
        own, test = natural[train], natural[test]
        margins, unseen, n_terms = _margins(collection, counts, own, extra, test, weights, recipe)
        Y = collection.truth[own]
        cuts = choose_thresholds(margins, Y, rule=recipe.rule, max_false_tags=recipe.max_false_tags)
        at = [place[row] for row in test]
        probabilities[at] = fit_calibration(margins, Y)(unseen)
        given[at] = unseen >= cuts
    return Outcome(probabilities, given, time.process_time() - begin, n_terms)


def _margins(  # type: ignore[no-untyped-def]
    collection: Collection,
    counts: sp.csr_matrix,
    own: Rows,
    extra: Rows,
    test: Rows,
    weights: NDArray[np.float64],
    recipe: Recipe,
):
    """Return out-of-fold margins of the training articles, and those of the unseen ones."""
    Y = collection.truth
    folds = stratified_folds(Y[own], collection.groups[own], n_folds=5, seed=0)
    inner = np.zeros((len(own), Y.shape[1]))
    bag = []
    for fold in range(5):
        train = np.concatenate([own[folds != fold], extra])
        X, coef, bias = _trained(collection, counts, train, weights, recipe)
        inner[folds == fold] = X[own[folds == fold]] @ coef + bias
        bag.append(X[test] @ coef + bias)
    X, coef, bias = _trained(collection, counts, np.concatenate([own, extra]), weights, recipe)
    unseen = X[test] @ coef + bias
    if recipe.bagged:
        unseen = np.mean([*bag, unseen], axis=0)
    if recipe.stacked:
        inner, unseen = _stacked(inner, unseen, Y[own], folds)
    return inner, unseen, int((np.abs(coef).sum(axis=1) > 0).sum())


def _trained(collection, counts, train, weights, recipe):  # type: ignore[no-untyped-def]
    X = weighted(counts, train, recipe, collection.truth)
    coef, bias = fitted(X, train, collection.truth, weights, recipe)
    if not recipe.self_training:
        return X, coef, bias
    unlabelled = np.flatnonzero(collection.corpus == "unlabelled")
    margins = X[unlabelled] @ coef + bias
    Y = collection.truth.copy()
    # Only what the model is sure of; the rest stays unknown.
    Y[unlabelled] = np.where(margins > 0.3, 1.0, np.where(margins < -0.7, 0.0, np.nan))
    weights = weights.copy()
    weights[unlabelled] = recipe.self_training
    coef, bias = fitted(X, np.concatenate([train, unlabelled]), Y, weights, recipe)
    return X, coef, bias


def _stacked(inner: Matrix, unseen: Matrix, Y: Matrix, folds: Rows) -> tuple[Matrix, Matrix]:
    """Return margins corrected by a linear function of all labels' margins (ridge)."""
    ones = np.column_stack([inner, np.ones(len(inner))])

    def solve(rows: NDArray[np.bool_]) -> Matrix:
        A = ones[rows]
        return np.linalg.solve(A.T @ A + 10 * np.eye(A.shape[1]), A.T @ (2 * Y[rows] - 1))

    corrected = np.zeros_like(inner)
    for fold in range(folds.max() + 1):
        corrected[folds == fold] = ones[folds == fold] @ solve(folds != fold)
    final = solve(np.ones(len(inner), dtype=bool))
    return corrected, np.column_stack([unseen, np.ones(len(unseen))]) @ final


def figures(truth: Matrix, out: Outcome) -> dict[str, float]:
    """Return the figures of one outcome as JSON types."""
    return {
        "micro_f1": micro_f1(truth, out.given),
        "macro_f1": macro_f1(truth, out.given),
        "mean_average_precision": float(average_precision(truth, out.probabilities).mean()),
        "calibration_error": float(expected_calibration_error(truth, out.probabilities).max()),
        "false_tag_rate": false_tag_rate(truth, out.given).value,
        "seconds": round(out.seconds, 1),
        "terms": out.n_terms,
    }


def main() -> None:
    """Run every recipe and write results and table."""
    collection = load_collection()
    natural = collection.corpus == "news_articles"
    truth, groups = collection.truth[natural], collection.groups[natural]
    chosen = [r for r in RECIPES if not sys.argv[1:] or any(a in r.name for a in sys.argv[1:])]
    recipes = [BASE, PLAIN, *chosen]
    outcomes = joblib.Parallel(n_jobs=2, verbose=5)(
        joblib.delayed(outcome)(collection, recipe) for recipe in recipes
    )
    base = outcomes[0]
    results = {}
    for recipe, out in zip(recipes, outcomes, strict=True):
        gain = paired_bootstrap(truth, base.given, out.given, groups=groups)
        results[recipe.name] = figures(truth, out) | {
            "change": [gain.estimate, gain.low, gain.high]
        }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    put_between_marks(PAGE, "variants", table(results))


def table(results: dict[str, dict]) -> str:  # type: ignore[type-arg]
    """Return the results as Markdown; changes are against the default, in the first row."""
    base = results[BASE.name]
    lines = [
        "| variant | micro-F1 (95 % interval of the change) | macro-F1 | mean AP | largest ECE "
        "| false tags | CPU s | terms |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, f in results.items():
        change = "{:+.4f} ({:+.4f} to {:+.4f})".format(*f["change"])
        micro = f"**{f['micro_f1']:.4f}**" if f is base else change
        macro, ap = (
            f"{f[key]:.4f}" if f is base else f"{f[key] - base[key]:+.4f}"
            for key in ("macro_f1", "mean_average_precision")
        )
        lines.append(
            f"| {name} | {micro} | {macro} | {ap} | {f['calibration_error']:.1%} "
            f"| {f['false_tag_rate']:.1%} | {f['seconds']:.0f} | {f['terms']:,} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
