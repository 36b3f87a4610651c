"""What `SectorClassifier` is given, X and y in the forms of scikit-learn, as articles and truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from classifier.article import Article, Labels, as_articles

__all__ = [
    "Target",
    "aligned",
    "as_texts",
    "check_lengths",
    "check_trainable",
    "label_names",
    "labelled",
    "read_target",
]

Matrix = NDArray[np.float64]
_LISTS = (list, tuple, set, frozenset)


@dataclass(frozen=True, eq=False)
class Target:
    """What `y` says: `truth` (n_articles, n_labels) of 1, 0 and NaN, `classes` (n_labels,)."""

    truth: Matrix
    classes: NDArray[Any]
    form: str  # "classes", "lists", "frame" or "matrix"


def label_names(classes: NDArray[Any]) -> list[str]:
    """Return the labels as the text that the model knows them by."""
    return [str(label) for label in classes]


def as_texts(X: Iterable[Article | str]) -> list[Article]:
    """Return X as articles, and refuse what is no list of texts."""
    if isinstance(X, str | bytes | Article) or not np.iterable(X):
        raise ValueError(f"X is {X!r:.60}: pass a list of texts, for one text [text]")
    shape = getattr(X, "shape", (0,))
    if len(shape) != 1:
        raise ValueError(f"X has the shape {shape}: pass a 1-D sequence, such as frame['text']")
    items = list(X)
    for i, item in enumerate(items):
        if not isinstance(item, str | Article):
            raise TypeError(f"X[{i}] is {item!r:.60}: every entry must be a str or an Article")
    return as_articles(items)


def labelled(articles: list[Article], target: Target) -> Iterator[Article]:
    """Yield the articles with the labels that the target gives them."""
    names = np.array(label_names(target.classes), dtype=object)
    for i, (article, cells) in enumerate(zip(articles, target.truth, strict=True)):
        present, absent = frozenset(names[cells == 1]), frozenset(names[cells == 0])
        borderline = article.labels is not None and article.labels.borderline
        labels = Labels(present, absent, borderline) if present | absent else None
        yield replace(article, id=article.id or f"X[{i}]", labels=labels)


def read_target(y: Any) -> Target:
    """Return any form of y that `SectorClassifier.fit` takes as a `Target`."""
    if y is None:
        raise ValueError("SectorClassifier requires y to be passed, but the target y is None")
    if hasattr(y, "columns"):
        cells = y.to_numpy(dtype=object, na_value=np.nan)
        return _from_cells(cells, y.columns.to_numpy(), "frame")
    if _holds_lists(y):
        return _from_lists(list(y))
    try:
        values = y.toarray() if sp.issparse(y) else np.asarray(y)
    except ValueError as error:
        raise ValueError(f"y is no matrix, and labels in lists must be strings: {error}") from error
    if values.ndim == 2 and (values.shape[1] != 1 or np.isin(values, (0, 1)).all()):
        return _from_cells(values, np.arange(values.shape[1]), "matrix")
    return _from_classes(values)


def _from_cells(cells: NDArray[Any], classes: NDArray[Any], form: str) -> Target:
    wrong = np.argwhere(~np.isin(cells, (0, 1)) & (cells == cells))
    if len(wrong):
        i, k = wrong[0]
        raise ValueError(
            f"y[{i}, {k}] is {cells.tolist()[i][k]!r:.60}: an indicator matrix holds 1, 0, and NaN "
            "for unknown. For one class a text pass a 1-D y"
        )
    return Target(cells.astype(np.float64), classes, form)


def _holds_lists(y: Any) -> bool:
    if getattr(y, "ndim", 1) != 1 or not np.iterable(y):
        return False
    rows = [row for row in y if isinstance(row, _LISTS)]
    # Lists of numbers are the rows of an indicator matrix; sets are never rows.
    return any(isinstance(row, set | frozenset) or any(map(_is_name, row)) for row in rows)


def _is_name(label: object) -> bool:
    return isinstance(label, str)


def _from_lists(rows: list[Any]) -> Target:
    for i, row in enumerate(rows):
        if not isinstance(row, _LISTS) or not all(map(_is_name, row)):
            raise ValueError(f"y[{i}] is {row!r:.60}, not a list of label names like the others")
    classes = sorted(set().union(*rows))
    truth = np.array([[label in row for label in classes] for row in rows], dtype=np.float64)
    return Target(truth, np.array(classes), "lists")


def _from_classes(values: NDArray[Any]) -> Target:
    values = column_or_1d(values, warn=True)
    assert_all_finite(values, input_name="y")
    try:
        check_classification_targets(values)
    except TypeError as error:
        raise ValueError(f"y holds values that have no common order: {error}") from error
    classes, columns = np.unique(values, return_inverse=True)
    return Target(np.eye(len(classes))[columns], classes, "classes")


def check_trainable(articles: list[Article], target: Target, n_folds: int) -> None:
    """Raise ValueError when there is too little, or nothing, to learn from."""
    check_lengths(len(articles), len(target.truth))
    if len(articles) < n_folds:
        raise ValueError(f"n_samples = {len(articles)}: too few texts for n_folds = {n_folds}")
    names = label_names(target.classes)
    if not names:
        raise ValueError("y names no label: there is nothing to learn")
    if len(set(names)) < len(names):
        raise ValueError(f"y names a label twice: {', '.join(names)}")
    for name, cells in zip(names, target.truth.T, strict=True):
        if np.isnan(cells).all():
            raise ValueError(f"label '{name}' is unknown (NaN) in every row of y: leave it out")


def check_lengths(n_texts: int, n_rows: int) -> None:
    """Raise ValueError unless there is one row of y for each text."""
    if n_texts != n_rows:
        raise ValueError(f"X has {n_texts} texts and y {n_rows} rows: they must be as many")


def aligned(target: Target, fitted: list[Any]) -> Matrix:
    """Return the truth with the columns that were fitted, then those that were not."""
    if target.form == "matrix":
        if len(target.classes) != len(fitted):
            raise ValueError(f"y has {len(target.classes)} columns, {len(fitted)} were fitted")
        return target.truth
    found = target.classes.tolist()
    if target.form == "frame" and not set(found) & set(fitted):
        raise ValueError(f"y has the columns {found}, none of which was fitted: {fitted}")
    columns = [*fitted, *(label for label in found if label not in fitted)]
    # A frame without a column says nothing of its label; without a name, lists say "absent".
    unsaid = np.nan if target.form == "frame" else 0.0
    truth = np.full((len(target.truth), len(columns)), unsaid)
    truth[:, [columns.index(label) for label in found]] = target.truth
    return truth
