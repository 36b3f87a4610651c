"""Training as a scikit-learn estimator: fit on texts, predict, search, cross-validate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from classifier.article import Article
from classifier.corpus.corpus import Corpus
from classifier.errors import ClassifierError
from classifier.evaluation.metrics import micro_f1
from classifier.text import article_text
from classifier.training.settings import Settings, settings_from
from classifier.training.targets import (
    aligned,
    as_texts,
    check_lengths,
    check_trainable,
    label_names,
    labelled,
    read_target,
)
from classifier.training.train import train

__all__ = ["SectorClassifier"]

Matrix = NDArray[np.float64]


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
    C, C_per_label, min_df, lead_words, lead_divisor, lead_repeats, bigrams, fold_plurals, idf, \
borderline_weight, thresholds, max_false_tags, calibration, isotonic_positives, rare_positives, \
n_folds, min_words, min_coverage
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

    def __init__(
        self,
        *,
        labels: str = "auto",
        C: float | Sequence[float] = (0.3, 1.0, 3.0, 10.0),
        C_per_label: bool = False,
        min_df: int = 2,
        lead_words: int = 100,
        lead_divisor: int = 5,
        lead_repeats: int | Sequence[int] = (2, 0),
        bigrams: bool | Sequence[bool] = (False,),
        fold_plurals: bool = True,
        idf: str = "bm25",
        borderline_weight: float | Sequence[float] = (1.0, 0.5),
        thresholds: str = "expected-f1",
        max_false_tags: float | None = None,
        calibration: str = "auto",
        isotonic_positives: int = 50,
        rare_positives: int = 2,
        n_folds: int = 5,
        min_words: int = 5,
        min_coverage: float | None = None,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.labels = labels
        self.C = C
        self.C_per_label = C_per_label
        self.min_df = min_df
        self.lead_words = lead_words
        self.lead_divisor = lead_divisor
        self.lead_repeats = lead_repeats
        self.bigrams = bigrams
        self.fold_plurals = fold_plurals
        self.idf = idf
        self.borderline_weight = borderline_weight
        self.thresholds = thresholds
        self.max_false_tags = max_false_tags
        self.calibration = calibration
        self.isotonic_positives = isotonic_positives
        self.rare_positives = rare_positives
        self.n_folds = n_folds
        self.min_words = min_words
        self.min_coverage = min_coverage
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Iterable[Article | str], y: Any) -> Self:
        """Train on texts and what is known of their labels.

        Parameters
        ----------
        X : sequence of str or Article, length n_articles
        y : array-like
            An indicator matrix of shape (n_articles, n_labels) with 1, 0 and NaN for unknown, as
            array, sparse matrix, or data frame with a column a label; or n_articles class
            labels; or n_articles lists, tuples or sets of label names.

        Raises
        ------
        ValueError
            When a parameter is out of range, `X` or `y` has another form, or there are fewer
            articles than folds.
        TypeError
            When an entry of `X` is neither a string nor an `Article`.
        """
        articles, target = as_texts(X), read_target(y)
        auto = "one" if target.form == "classes" else "several"
        try:
            settings = self._settings(auto if self.labels == "auto" else self.labels)
            check_trainable(articles, target, settings.n_folds)
            corpus = Corpus("fit", labelled(articles, target))
            self.model_ = train(corpus, settings, jobs=self.n_jobs or 1)
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
        predictions = self.model_.predict(as_texts(X))
        names = self._names()
        rows = [[prediction.scores[name] for name in names] for prediction in predictions]
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
        columns = [self.model_.labels.index(name) for name in self._names()]
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
        predictions = self.model_.predict(as_texts(X))
        names = self._names()
        given = [[name in p.tags for name in names] for p in predictions]
        return np.array(given, dtype=bool).reshape(-1, len(names))

    def _names(self) -> list[str]:
        return label_names(self.classes_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.target_tags.one_d_labels = tags.target_tags.two_d_labels = True
        tags.classifier_tags.multi_label = True
        return tags
