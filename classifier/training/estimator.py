"""Training as a scikit-learn estimator: fit on texts, predict, search, cross-validate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_is_fitted, column_or_1d

from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus
from classifier.errors import BadInputError, ClassifierError
from classifier.evaluation.metrics import micro_f1
from classifier.fields import as_article
from classifier.text import article_text
from classifier.training.settings import Settings, settings_from
from classifier.training.train import train

__all__ = [
    "SectorClassifier",
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
    try:
        return [as_article(item, where=f"X[{i}]") for i, item in enumerate(X)]
    except BadInputError as error:
        raise TypeError(str(error)) from None


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


@dataclass(kw_only=True, eq=False, repr=False)
class SectorClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A tagger of texts that scikit-learn can clone, search and cross-validate.

    Where a parameter takes several values, `fit` chooses one by cross-validation of its own; a
    single value leaves nothing to choose.

    Parameters
    ----------
    labels : {"auto", "several", "one"}
        Any number of labels a text, or exactly one; "auto" takes "one" for a 1-D `y`.
    random_state : int, RandomState or None
        Decides the folds; with an int every fit on the same texts is the same.
    n_jobs : int or None
        How many labels are fitted at once; the result does not depend on it.
    C, C_per_label, min_df, lead_words, lead_divisor, lead_repeats, bigrams, \
pair_min_df, fold_plurals, idf, \
ratio_power, borderline_weight, thresholds, max_false_tags, calibration, isotonic_positives, \
rare_positives, n_folds, min_words, min_coverage
        As in `classifier.Settings`, with the same defaults. `borderline_weight` matters for an
        `Article` whose labels are marked as borderline; its labels themselves come from `y`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The columns of a data frame in their order; 0, 1, 2 … for another indicator matrix;
        else the labels found in `y`, sorted.
    model_ : Model
        The fitted model, to explain and save. It calls a label ``str(label)``.

    Examples
    --------
    >>> texts = ["Gas flows to the plant.", "The play opened on Friday."] * 2
    >>> texts = [f"{text} Part {i} of a series." for i, text in enumerate(texts)]
    >>> tagger = SectorClassifier(n_folds=2, min_words=1).fit(texts, ["energy", "culture"] * 2)
    >>> tagger.predict(["The gas plant."]).tolist()
    ['energy']
    """

    labels: str = "auto"
    C: float | Sequence[float] = (0.3, 1.0, 3.0, 10.0)
    C_per_label: bool = False
    min_df: int = 2
    lead_words: int = 100
    lead_divisor: int = 5
    lead_repeats: int | Sequence[int] = (2, 0)
    bigrams: bool | Sequence[bool] = (False,)
    pair_min_df: int = 2
    fold_plurals: bool = True
    idf: str = "bm25"
    ratio_power: float | Sequence[float] | None = None
    borderline_weight: float | Sequence[float] = (1.0, 0.5)
    thresholds: str = "expected-f1"
    max_false_tags: float | None = None
    calibration: str = "auto"
    isotonic_positives: int = 50
    rare_positives: int = 1
    n_folds: int = 5
    min_words: int = 5
    min_coverage: float | None = None
    random_state: int | np.random.RandomState | None = 0
    n_jobs: int | None = None

    def fit(self, X: Iterable[Article | str], y: Any) -> Self:
        """Train on texts and what is known of their labels.

        Parameters
        ----------
        X : sequence of str or Article, length n_articles
        y : array-like
            An indicator matrix of shape (n_articles, n_labels) with 1, 0 and NaN for unknown, as
            array, sparse matrix, or data frame with a column a label; or n_articles class
            labels; or n_articles lists, tuples or sets of label names. With lists,
            scikit-learn's own functions want folds that do not look at `y`, such as
            ``cross_val_score(estimator, X, y, cv=KFold(5))``.

        Raises
        ------
        ValueError
            When a parameter is out of range, `X` or `y` has another form, or there are fewer
            articles than folds.
        TypeError
            When an entry of `X` is no string, `Article` or mapping with a ``text``.
        """
        articles, target = as_texts(X), read_target(y)
        auto = "one" if target.form == "classes" else "several"
        try:
            settings = self._settings(auto if self.labels == "auto" else self.labels)
            check_trainable(articles, target, settings.n_folds)
            corpus = Corpus("fit", labelled(articles, target))
            # without notes: searches and cross-validation fit many times, on parts
            self.model_ = train(corpus, settings, jobs=self.n_jobs or 1, tell=lambda note: None)
        except ClassifierError as error:
            raise ValueError(str(error)) from error
        self.classes_ = target.classes
        self._gives_classes = target.form == "classes" and settings.labels == "one"
        return self

    def _settings(self, labels: str) -> Settings:
        values = self.get_params(deep=False) | {"labels": labels}
        del values["n_jobs"]
        seed = values["seed"] = values.pop("random_state")
        if seed is None or isinstance(seed, np.random.RandomState):
            values["seed"] = check_random_state(seed).randint(2**31 - 1)
        # A search hands over NumPy numbers, which a manifest cannot hold.
        return settings_from(
            {n: v.tolist() if hasattr(v, "tolist") else v for n, v in values.items()}
        )

    def predict(self, X: Iterable[Article | str]) -> NDArray[Any]:
        """Return the labels of texts in the form of the `y` that was fitted.

        Tags are those of `Model.predict`, so a text that the model would not judge (too short,
        another language) has none. Where every text needs exactly one, it gets its likeliest.

        Returns
        -------
        ndarray
            int64 of 1 and 0 and shape (n_articles, n_labels), also after lists of labels; after
            class labels, classes of shape (n_articles,).
        """
        given = self._given(X)
        if self._gives_classes:
            return np.asarray(self.classes_[given.argmax(axis=1)])
        return given.astype(np.int64)

    def predict_proba(self, X: Iterable[Article | str]) -> Matrix:
        """Return calibrated probabilities, base rates for texts that the model would not judge.

        Returns
        -------
        ndarray of float64 of shape (n_articles, n_labels)
        """
        check_is_fitted(self)
        names = label_names(self.classes_)
        rows = [[p.scores[name] for name in names] for p in self.model_.predict(as_texts(X))]
        return np.array(rows, dtype=np.float64).reshape(-1, len(names))

    def decision_function(self, X: Iterable[Article | str]) -> Matrix:
        """Return by how much each margin exceeds its cut: above zero the label is given.

        That is true of texts the model can judge; the others are given none whatever they score.

        Returns
        -------
        ndarray of float64 of shape (n_articles, n_labels)
            With two classes, of shape (n_articles,), above zero for ``classes_[1]``.
        """
        check_is_fitted(self)
        texts = [article_text(article) for article in as_texts(X)]
        columns = [self.model_.labels.index(name) for name in label_names(self.classes_)]
        excess = (self.model_.margins(texts) - self.model_.cuts)[:, columns]
        if self._gives_classes and len(columns) == 2:
            return np.asarray(excess[:, 1] - excess[:, 0])
        return np.asarray(excess)

    def score(self, X: Iterable[Article | str], y: Any) -> float:
        """Return the micro-F1 of the predictions; with exactly one label a text, the accuracy.

        `y` has any form that `fit` takes. Unknown cells are left out, labels that were not
        fitted count as missed, and 1 is the score of giving nothing where nothing is to give.
        """
        given = self._given(X)
        truth = aligned(read_target(y), self.classes_.tolist())
        check_lengths(len(given), len(truth))
        score = micro_f1(truth, np.pad(given, ((0, 0), (0, truth.shape[1] - given.shape[1]))))
        return 1.0 if np.isnan(score) else score

    def _given(self, X: Iterable[Article | str]) -> NDArray[np.bool_]:
        """Return which labels are given; shape (n_articles, n_labels)."""
        check_is_fitted(self)
        names = label_names(self.classes_)
        given = [[name in p.tags for name in names] for p in self.model_.predict(as_texts(X))]
        return np.array(given, dtype=bool).reshape(-1, len(names))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.target_tags.one_d_labels = tags.target_tags.two_d_labels = True
        tags.classifier_tags.multi_label = True
        return tags
