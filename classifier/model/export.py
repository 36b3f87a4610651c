"""To a scikit-learn pipeline in a joblib file, for people who live there.

A joblib file is a pickle: **loading one runs whatever code it holds**. A model folder never does;
keep and pass on the folder, and load joblib files only from people you would run programs of.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from itertools import chain
from operator import itemgetter, methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import ModelError
from classifier.files import replacing
from classifier.model.calibration import PiecewiseLinear, Softmax
from classifier.model.model import Model
from classifier.model.vocabulary import PLURALS, TOKEN_PATTERN, Analyzer, fold_table, on_grid

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["export_joblib", "sklearn_pipeline"]

Floats = NDArray[np.float64]

# The first tokens of a text; possessive, so that no text makes it go back and try again.
_FIRST_TOKENS = r"\A((?:\W*+(?:\w\W++)*+\w\w++){{0,{n_tokens}}}+)"

# A probability cannot tell two margins on a level part of a calibration line apart, so the line
# gets a step of this height at the cut; the scores move by less than twice of it.
STEP_HEIGHT = 1e-9
STEP_WIDTH = 2.0**-40


def export_joblib(model: Model, path: Path | str) -> None:
    """Write `sklearn_pipeline(model)` to `path`, a file that runs code when it is loaded.

    Raises
    ------
    ClassifierError
        When the model has no scikit-learn form, or the file cannot be written.
    """
    import joblib

    pipeline = sklearn_pipeline(model)
    with replacing(Path(path)) as stream:
        joblib.dump(pipeline, stream, compress=3)


def sklearn_pipeline(model: Model) -> Pipeline:
    """Return a fitted pipeline of scikit-learn's own classes with the model's scores and tags.

    It takes a list of texts as `classifier.text.article_text` prepares them, never one string.
    The last step, and the pipeline, name the labels in ``labels_``.

    For any number of labels ``predict`` gives a matrix of 0 and 1, shape (n_texts, n_labels), and
    ``predict_proba`` a list of one array of shape (n_texts, 2) a label, as
    `sklearn.multioutput.MultiOutputClassifier` does. For exactly one label they give a label and
    a row of probabilities, columns in the order of ``classes_``.

    A `Model` does not judge texts of which it knows too few words; a pipeline judges any.

    Raises
    ------
    ModelError
        When the model has no scikit-learn form.
    """
    from sklearn.pipeline import Pipeline

    fold = _each(methodcaller("translate", fold_table()))
    tags = _one_label(model) if model.mode == "one" else _several_labels(model)
    tags.labels_ = np.array(model.labels)
    reading = [("fold", fold), *_plural_steps(model.analyzer), *_lead_steps(model.analyzer)]
    pipeline = Pipeline([*reading, ("tfidf", _vectorizer(model)), ("tags", tags)])
    pipeline.labels_ = tags.labels_
    return pipeline


def _each(change: Callable[[str], str]) -> Any:
    from sklearn.preprocessing import FunctionTransformer

    # no function of ours: the file must load where this package is not
    return FunctionTransformer(partial(map, change))


def _plural_steps(analyzer: Analyzer) -> list[tuple[str, Any]]:
    if not analyzer.fold_plurals:
        return []
    return [
        (f"plural-{number}", _each(partial(re.compile(ending).sub, instead)))
        for number, (ending, instead) in enumerate(PLURALS, 1)
    ]


def _lead_steps(analyzer: Analyzer) -> list[tuple[str, Any]]:
    if not (analyzer.lead_words and analyzer.lead_repeats):
        return []
    # Of the first lead_words * n tokens, n being the divisor, the lead is one in n rounded up: the
    # first of n parts as array_split makes them.
    n = analyzer.lead_divisor
    first = re.compile(_FIRST_TOKENS.format(n_tokens=analyzer.lead_words * n))
    parts = partial(np.array_split, indices_or_sections=n)
    # n parts each of what stands before the first tokens (nothing), of these, and of the rest
    order = [n] * analyzer.lead_repeats + [*range(n, 3 * n)]
    steps: list[Callable[[Any], Any]] = [
        partial(first.split, maxsplit=1),
        partial(map, re.compile(TOKEN_PATTERN).findall),
        partial(map, partial(np.array, dtype=object)),
        partial(map, parts),
        chain.from_iterable,
        tuple,
        itemgetter(*order),
        np.concatenate,
        " ".join,
    ]
    return [(f"lead-{number}", _each(step)) for number, step in enumerate(steps, 1)]


def _vectorizer(model: Model) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        lowercase=False,
        token_pattern=TOKEN_PATTERN,
        ngram_range=(1, 2 if model.analyzer.bigrams else 1),
        sublinear_tf=True,
    )
    vectorizer.vocabulary_ = {term: i for i, term in enumerate(model.vocabulary)}
    vectorizer.idf_ = model.idf.astype(np.float64)
    return vectorizer


def _one_label(model: Model) -> Any:
    from sklearn.linear_model import LogisticRegression

    if not isinstance(model.calibration, Softmax) or len(model.labels) < 2:
        raise ModelError(
            f"model '{model.name}': exporting takes two labels or more and a softmax calibration"
        )
    coef = model.calibration.scale * model.weights.T.astype(np.float64)
    intercept = model.calibration.scale * on_grid(model.bias)
    if len(model.labels) == 2:
        coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
    return _fitted(LogisticRegression(), coef, intercept, classes=np.array(model.labels))


def _several_labels(model: Model) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import FixedThresholdClassifier
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.svm import LinearSVC

    if not isinstance(model.calibration, PiecewiseLinear):
        raise ModelError(f"model '{model.name}': exporting takes a piecewise linear calibration")
    untrained = CalibratedClassifierCV(LinearSVC(), method="isotonic")
    several = MultiOutputClassifier(FixedThresholdClassifier(untrained))
    rows = range(len(model.labels))
    several.estimators_ = [_label_classifier(model, model.calibration, k) for k in rows]
    several.classes_ = [estimator.classes_ for estimator in several.estimators_]
    return several


def _label_classifier(model: Model, calibration: PiecewiseLinear, k: int) -> Any:
    from sklearn.calibration import CalibratedClassifierCV, _CalibratedClassifier
    from sklearn.isotonic import IsotonicRegression
    from sklearn.model_selection import FixedThresholdClassifier
    from sklearn.svm import LinearSVC

    classes = np.array([0, 1])
    coef = model.weights[:, [k]].T.astype(np.float64)
    linear = _fitted(LinearSVC(), coef, on_grid(model.bias)[[k]], classes=classes)
    margins, probabilities, threshold = _stepped(
        np.array(calibration.margins[k]), np.array(calibration.probabilities[k]), model.cuts[k]
    )
    line = IsotonicRegression(out_of_bounds="clip").fit(margins, probabilities)
    calibrated = CalibratedClassifierCV(LinearSVC(), method="isotonic")
    pair = _CalibratedClassifier(linear, [line], classes=classes, method="isotonic")
    calibrated.classes_, calibrated.calibrated_classifiers_ = classes, [pair]
    tagger = FixedThresholdClassifier(calibrated, threshold=threshold, pos_label=1)
    tagger.estimator_ = calibrated
    return tagger


def _fitted(linear: Any, coef: Floats, intercept: Floats, *, classes: Any) -> Any:
    linear.coef_, linear.intercept_, linear.classes_ = coef, intercept, classes
    linear.n_features_in_ = coef.shape[1]
    return linear


def _stepped(margins: Floats, probabilities: Floats, cut: float) -> tuple[Floats, Floats, float]:
    """Return knots that rise by a hair at the cut, and the probability amid that rise."""
    if cut == np.inf:
        return margins, probabilities, np.inf
    below = cut - max(STEP_WIDTH, 4 * float(np.spacing(abs(cut))))
    outside = margins[(margins < below) | (margins > cut)]
    x = np.sort(np.append(outside, [below, cut]))
    shrunk = np.interp(x, margins, probabilities) * (1 - 2 * STEP_HEIGHT)
    at_cut = float(np.interp(cut, margins, probabilities)) * (1 - 2 * STEP_HEIGHT)
    return x, shrunk + STEP_HEIGHT * (x >= cut), at_cut + STEP_HEIGHT / 2
