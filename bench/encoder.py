"""The sentence encoder all-MiniLM-L6-v2 with logistic regression, beside ours on the same articles.

The encoder runs in an environment of its own and reads the first 256 tokens of a text; what it
makes of a text lies in the cache folder, so that a text is embedded once.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from bench.environment import ROOT, peers_python
from classifier.corpus.folds import stratified_folds
from classifier.evaluation.metrics import average_precision
from classifier.files import cache_dir, write_json_lines
from classifier.training.cuts import choose_thresholds

__all__ = ["C", "by_encoder", "embeddings"]

HERE = Path(__file__).parent
SCRIPT = HERE / "peers" / "minilm_peer.py"
C = (1.0, 3.0, 10.0, 30.0)
TOLERANCE = 1e-5  # with the usual one fits stop long before their end, as features are small

Rows = NDArray[np.int64]
Matrix = NDArray[np.float64]


def embeddings(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the embedding of each text, shape (n_texts, 384)."""
    folder = cache_dir() / "encoder"
    keys = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
    missing = {k: t for k, t in zip(keys, texts, strict=True) if not (folder / f"{k}.npy").exists()}
    if missing:
        python = peers_python(ROOT / ".venv-bench-encoder", HERE / "requirements-encoder.txt")
        with TemporaryDirectory(prefix="texts-") as name:
            source = Path(name) / "texts.jsonl"
            write_json_lines(source, ({"key": k, "text": t} for k, t in missing.items()))
            subprocess.run([python, SCRIPT, source, folder], check=True)
    return np.array([np.load(folder / f"{key}.npy", allow_pickle=False) for key in keys])


def by_encoder(
    X: NDArray[np.float32], truth: Matrix, natural: NDArray[np.bool_], groups: Rows, X_test: Matrix
) -> tuple[Matrix, Matrix, NDArray[np.bool_]]:
    """Return margins, probabilities and tags of the test articles, each of (n_test, n_labels).

    C is the one with the best mean average precision out of fold, cuts are those with the best
    smoothed F1 there; both on natural articles alone, as ours.
    """
    folds = np.full(len(X), -1)
    folds[natural] = stratified_folds(truth[natural], groups[natural], n_folds=5, seed=0)
    held = {c: _out_of_fold(X, truth, folds, c)[natural] for c in C}
    best = max(C, key=lambda c: np.nanmean(average_precision(truth[natural], held[c])))
    cuts = choose_thresholds(held[best], truth[natural], rule="smoothed-f1", max_false_tags=1.0)
    margins = _margins(X, truth, best, X_test)
    return margins, expit(margins), margins >= cuts


def _out_of_fold(X: NDArray[np.float32], truth: Matrix, folds: Rows, c: float) -> Matrix:
    margins = np.full(truth.shape, np.nan)
    for fold in range(folds.max() + 1):
        train, test = folds != fold, folds == fold
        margins[test] = _margins(X[train], truth[train], c, X[test])
    return margins


def _margins(X: NDArray[np.float32], truth: Matrix, c: float, X_test: Matrix) -> Matrix:
    fits = [
        LogisticRegression(C=c, tol=TOLERANCE, max_iter=1000).fit(X, truth[:, k] > 0)
        for k in range(truth.shape[1])
    ]
    return np.column_stack([fit.decision_function(X_test) for fit in fits]).astype(np.float64)
