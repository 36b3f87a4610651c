"""The scikit-learn estimator: scikit-learn's own checks, forms of `y`, searches, errors."""

import pickle
from operator import itemgetter

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from classifier.article import Article, Labels
from classifier.training.estimator import SectorClassifier
from classifier.training.settings import Settings
from classifier.training.train import train
from tests.cases import cases, read_cases

# Subjects, actions and circumstances of invented sentences; lengths without a common divisor,
# so that no two texts are near-duplicates.
TOPICS = read_cases("topics")
CYCLE = (["culture"], ["energy"], ["parliament"], ["energy", "parliament"], [])
NAMES = ["culture", "energy", "parliament"]
QUICK = {"C": 1.0, "lead_words": 0, "lead_repeats": 0, "n_folds": 3}


def sentence(topic, i):
    """Return the i-th of 60 sentences on a topic."""
    subjects, actions, circumstances = TOPICS[topic]
    return f"{subjects[i % 4]} {actions[i % 3]} {circumstances[i % 5]}."


def text(labels, i):
    """Return four sentences on the topics, different for each i below 60."""
    topics = (labels or [""]) * (4 // max(len(labels), 1))
    return " ".join(sentence(topic, i + 7 * j * (1 + i % 3)) for j, topic in enumerate(topics))


LABELS = [CYCLE[i % 5] for i in range(60)]
TEXTS = [text(labels, i) for i, labels in enumerate(LABELS)]
MATRIX = np.array([[int(name in labels) for name in NAMES] for labels in LABELS])
# 12 each of "culture", "parliament" and "none", 24 of "energy"
CLASSES = [(labels or ["none"])[0] for labels in LABELS]
UNREADABLE = "Zwölf Boxkämpfer jagen Viktor quer über den großen Deich"


@pytest.fixture(scope="module")
def several():
    """Return an estimator fitted on lists of labels."""
    return SectorClassifier(**QUICK).fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def one():
    """Return an estimator fitted on one class a text."""
    return SectorClassifier(**QUICK).fit(TEXTS, CLASSES)


def in_words(row):
    """Return which of 17 levels each value exceeds; values go along so that rows are no copies."""
    return " ".join(
        f"x{j}{'over' if value > level / 4 else 'under'}{level} x{j}is{abs(value)}"
        for j, value in enumerate(row)
        for level in range(-8, 9)
    )


class OnNumbers(SectorClassifier):
    """The estimator on numbers put in words, since scikit-learn's checks come with numbers.

    Nothing else is overridden: every check meets the methods of `SectorClassifier`.
    """

    def worded(self, X):
        """Return a text a row, once the estimator is fitted."""
        check_is_fitted(self)
        return [in_words(row) for row in validate_data(self, X, reset=False)]

    def fit(self, X, y):
        """Fit on the rows in words."""
        return super().fit([in_words(row) for row in validate_data(self, X)], y)

    def predict(self, X):
        """Predict the rows in words."""
        return super().predict(self.worded(X))

    def predict_proba(self, X):
        """Predict the rows in words."""
        return super().predict_proba(self.worded(X))

    def decision_function(self, X):
        """Predict the rows in words."""
        return super().decision_function(self.worded(X))

    def score(self, X, y):
        """Score the rows in words."""
        return super().score(self.worded(X), y)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        return tags


@parametrize_with_checks([OnNumbers(C=1.0, lead_words=0, n_folds=2)])
def test_scikit_learns_own_checks_pass(estimator, check):
    """Every check of scikit-learn passes, none is expected to fail."""
    check(estimator)


def test_tags_tell_that_the_input_is_text():
    """scikit-learn is told of 1-D strings, one class or several labels, and no matrix."""
    tags = get_tags(SectorClassifier())

    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert tags.classifier_tags.multi_label
    assert tags.estimator_type == "classifier"


def test_defaults_are_those_of_settings():
    """An estimator without parameters trains with the settings that the package trains with."""
    estimator = SectorClassifier().fit(TEXTS, LABELS)

    assert estimator.model_.info["settings"] == Settings().to_json()


def test_it_predicts_what_the_trained_model_predicts(several):
    """Fitting and predicting is nothing else than `train` and `Model.predict`."""
    known = [Article(t, labels=Labels(frozenset(y))) for t, y in zip(TEXTS, LABELS, strict=True)]
    settings = Settings(C=(1.0,), lead_words=0, lead_repeats=(0,), n_folds=3)
    new = [text(labels, i) for i in range(60, 65) for labels in CYCLE]

    predictions = train(known, settings).predict(new)

    assert several.predict_proba(new).tolist() == [list(p.scores.values()) for p in predictions]
    assert several.predict(new).tolist() == [
        [int(name in p.tags) for name in NAMES] for p in predictions
    ]


def test_lists_of_labels_give_an_indicator_matrix(several):
    """After lists of labels the columns of a prediction are the sorted labels."""
    predicted = several.predict([text(labels, 77) for labels in CYCLE])

    assert several.classes_.tolist() == NAMES
    assert predicted.dtype == np.int64
    assert predicted.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (MATRIX, [0, 1, 2]),
        (MATRIX.tolist(), [0, 1, 2]),
        (MATRIX.astype(bool), [0, 1, 2]),
        (sp.csr_matrix(MATRIX), [0, 1, 2]),
        (sp.csc_array(MATRIX), [0, 1, 2]),
        (pd.DataFrame(MATRIX, columns=NAMES), NAMES),
        (pd.DataFrame(MATRIX, columns=NAMES).astype("Int64"), NAMES),
        (list(map(set, LABELS)), NAMES),
        (list(map(tuple, LABELS)), NAMES),
        (pd.Series(LABELS), NAMES),
    ],
)
def test_every_form_of_several_labels_means_the_same(several, y, classes):
    """Matrices, frames, lists, tuples and sets of the same labels give the same model."""
    estimator = SectorClassifier(**QUICK).fit(TEXTS, y)

    assert estimator.classes_.tolist() == classes
    np.testing.assert_array_equal(
        estimator.decision_function(TEXTS), several.decision_function(TEXTS)
    )


def test_columns_of_a_frame_keep_their_order():
    """Predictions have the columns of the frame, not those of the sorted labels."""
    frame = pd.DataFrame({"parliament": MATRIX[:, 2], "culture": MATRIX[:, 0]})

    estimator = SectorClassifier(**QUICK).fit(pd.Series(TEXTS), frame)

    assert estimator.classes_.tolist() == ["parliament", "culture"]
    assert estimator.predict([text(["culture"], 77)]).tolist() == [[0, 1]]
    assert estimator.decision_function([text(["culture"], 77)]).argmax() == 1
    assert estimator.predict_proba([text(["culture"], 77)]).argmax() == 1


@pytest.mark.parametrize("column", [MATRIX[:, [1]], pd.DataFrame({"energy": MATRIX[:, 1]})])
def test_a_matrix_of_one_column_is_one_label(column):
    """One column of 1 and 0 is one label that a text has or has not."""
    estimator = SectorClassifier(**QUICK).fit(TEXTS, column)

    predicted = estimator.predict([text(["energy"], 77), text(["culture"], 77)])

    assert estimator.model_.mode == "several"
    assert predicted.tolist() == [[1], [0]]


def test_unknown_cells_are_not_absent():
    """NaN keeps a text out of the fit of a label, where 0 would teach that it has it not."""
    energy = np.flatnonzero(MATRIX[:, 1])[:20]
    unknown, absent = MATRIX.astype(float), MATRIX.astype(float)
    unknown[energy, 1], absent[energy, 1] = np.nan, 0
    new = [text(["energy"], 77)]

    of_unknown = SectorClassifier(**QUICK).fit(TEXTS, unknown)
    of_absent = SectorClassifier(**QUICK).fit(TEXTS, absent)

    assert of_unknown.predict_proba(new)[0, 1] > 0.9
    assert of_absent.predict_proba(new)[0, 1] < 0.5


def test_rows_of_which_nothing_is_known_are_left_out():
    """A row of NaN is an unlabelled text, not a text without labels."""
    y = MATRIX.astype(float)
    y[:4] = np.nan

    estimator = SectorClassifier(**QUICK).fit(TEXTS, y)

    assert estimator.model_.info["corpus"]["unlabelled"] == 4
    assert estimator.model_.info["corpus"]["articles"] == 56


def test_class_labels_give_class_labels(one):
    """After a 1-D `y` a prediction is one class a text."""
    new = [text(labels, 77) for labels in CYCLE]

    assert one.classes_.tolist() == ["culture", "energy", "none", "parliament"]
    assert one.predict(new).tolist() == ["culture", "energy", "parliament", "energy", "none"]
    assert one.predict_proba(new).sum(axis=1) == pytest.approx(np.ones(5))
    assert one.decision_function(new).argmax(axis=1).tolist() == [0, 1, 3, 1, 2]


def test_numbers_as_classes_keep_their_order():
    """Columns follow 8, 9, 10, 11 although the model's names sort as 10, 11, 8, 9."""
    numbers = {"culture": 8, "energy": 9, "none": 10, "parliament": 11}
    new = [text(labels, 77) for labels in (["culture"], ["energy"], [], ["parliament"])]

    estimator = SectorClassifier(**QUICK).fit(TEXTS, [numbers[c] for c in CLASSES])

    assert estimator.classes_.tolist() == [8, 9, 10, 11]
    assert estimator.predict(new).tolist() == [8, 9, 10, 11]
    assert estimator.predict_proba(new).argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert estimator.decision_function(new).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_two_classes_have_one_margin():
    """With two classes the margin is above zero for the second."""
    estimator = SectorClassifier(**QUICK).fit(TEXTS, MATRIX[:, 0].astype(bool))

    margins = estimator.decision_function([text(["culture"], 77), text(["energy"], 77)])

    assert estimator.classes_.tolist() == [False, True]
    assert margins.shape == (2,)
    assert (margins > 0).tolist() == [True, False]


def test_labels_can_overrule_the_form_of_y():
    """A 1-D `y` can train a tagger of several labels, a matrix one of exactly one."""
    new = [text(["culture"], 77), UNREADABLE]
    exactly_one = np.array(
        [[c == name for name in ("culture", "energy", "parliament", "none")] for c in CLASSES]
    )

    several = SectorClassifier(**QUICK, labels="several").fit(TEXTS, CLASSES)
    one = SectorClassifier(**QUICK, labels="one").fit(TEXTS, exactly_one)

    assert several.predict(new).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert one.predict(new).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]


def test_margins_above_zero_are_tags(several):
    """The cuts are within the decision function."""
    new = [text(labels, i) for i in range(60, 70) for labels in CYCLE]

    assert ((several.decision_function(new) > 0) == several.predict(new)).all()


def test_a_text_that_cannot_be_judged_gets_no_tags(several):
    """Of a text in another language only the base rates are known: 12, 24 and 24 of 60."""
    assert several.predict([UNREADABLE]).tolist() == [[0, 0, 0]]
    assert several.predict_proba([UNREADABLE]).tolist() == [[0.2, 0.4, 0.4]]
    assert several.model_.predict([UNREADABLE])[0].note


def test_a_text_that_cannot_be_judged_gets_its_likeliest_class(one):
    """Where one class must be given it is the most probable, and the model remarks on it."""
    probabilities = one.predict_proba([UNREADABLE])[0]

    assert one.predict([UNREADABLE])[0] == one.classes_[probabilities.argmax()]
    assert one.model_.predict([UNREADABLE])[0].note


def test_no_texts_give_no_rows(several, one):
    """An empty list is predicted as an empty list."""
    assert several.predict([]).shape == (0, 3)
    assert several.predict_proba([]).shape == (0, 3)
    assert several.decision_function([]).shape == (0, 3)
    assert one.predict([]).shape == (0,)


def test_articles_are_texts_too(several):
    """An `Article` counts with its title."""
    article = Article(sentence("", 3), title=text(["culture"], 77))

    assert several.predict([article]).tolist() == [[1, 0, 0]]


def test_borderline_articles_are_weighed():
    """The weights to choose from matter as soon as one article is marked as borderline."""
    articles = [Article(t) for t in TEXTS]
    marked = [Article(TEXTS[0], labels=Labels(borderline=True)), *articles[1:]]
    estimator = SectorClassifier(**QUICK, borderline_weight=(1.0, 0.25))

    plain = estimator.fit(articles, LABELS).model_.info["trials"]
    weighed = estimator.fit(marked, LABELS).model_.info["trials"]

    assert [trial["borderline_weight"] for trial in plain] == [1.0]
    assert [trial["borderline_weight"] for trial in weighed] == [1.0, 0.25]


@pytest.mark.parametrize(
    "y",
    [
        [["culture"], ["culture"], ["parliament", "sport"], []],
        pd.DataFrame(
            [[0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]],
            columns=["parliament", "culture", "energy", "sport"],
        ),
    ],
)
def test_score_is_micro_f1_with_unseen_labels_missed(several, y):
    """Of the tags culture, energy, parliament two are right, one is wrong and two are missing."""
    new = [text(labels, 77) for labels in (["culture"], ["energy"], ["parliament"], [])]

    assert several.score(new, y) == pytest.approx(4 / 7)


def test_score_leaves_unknown_cells_out(several):
    """Neither NaN nor a label that the frame has no column for counts."""
    new = [text(labels, 77) for labels in (["culture"], ["energy"], ["parliament"], [])]
    cells = np.array([[1, 0, 0], [1, np.nan, 0], [0, 0, np.nan], [0, 0, 0]])
    frame = pd.DataFrame({"culture": [1, 1, 0, 0]})

    assert several.score(new, cells) == pytest.approx(2 / 3)
    assert several.score(new, frame) == pytest.approx(2 / 3)


def test_score_of_nothing_to_give_and_nothing_given_is_one(several):
    """A fold of untagged texts must not make a search fail."""
    assert several.score([text([], 77)], [set()]) == 1.0


def test_score_of_one_class_is_accuracy(one):
    """Two of four classes are right, "sport" cannot be."""
    new = [text(labels, 77) for labels in (["culture"], ["energy"], ["parliament"], [])]

    assert one.score(new, ["culture", "none", "parliament", "sport"]) == 0.5


def test_cross_val_score_takes_every_form():
    """The topics are easy: held-out texts are tagged right whatever the form of `y`."""
    estimator, folds = SectorClassifier(**QUICK), KFold(2)

    by_matrix = cross_val_score(estimator, TEXTS, MATRIX, cv=2, scoring="f1_micro")
    by_lists = cross_val_score(estimator, TEXTS, LABELS, cv=folds)
    by_class = cross_val_score(estimator, TEXTS, CLASSES, cv=2)

    assert by_matrix.min() > 0.9
    assert by_lists == pytest.approx(by_matrix)
    assert by_class.min() > 0.9


def test_grid_search_tries_single_values():
    """A search over NumPy values ends in a model with one of them."""
    grid = {"C": np.array([1e-6, 1.0]), "lead_repeats": np.array([0, 2]), "lead_words": [5]}
    search = GridSearchCV(SectorClassifier(n_folds=2), grid, cv=2, scoring="f1_micro")

    search.fit(TEXTS, MATRIX)

    assert search.best_params_["C"] == 1.0
    assert search.best_estimator_.model_.info["settings"]["C"] == (1.0,)
    assert type(search.best_estimator_.model_.info["settings"]["lead_repeats"][0]) is int


def test_it_ends_a_pipeline():
    """A step before it can pick the texts from a data frame."""
    picked = make_pipeline(FunctionTransformer(itemgetter("text")), SectorClassifier(**QUICK))

    picked.fit(pd.DataFrame({"text": TEXTS}), CLASSES)

    assert picked.predict(pd.DataFrame({"text": [text(["energy"], 77)]})).tolist() == ["energy"]


def test_parameters_can_be_read_set_and_cloned(several):
    """A clone has the same parameters and nothing that was fitted."""
    copy = clone(several).set_params(C=(0.5, 2.0), min_df=3)

    assert copy.get_params()["C"] == (0.5, 2.0)
    assert copy.get_params()["min_df"] == 3
    assert copy.get_params()["n_folds"] == 3
    assert not hasattr(copy, "classes_")


def test_it_can_be_pickled(several):
    """An unpickled estimator gives the same margins."""
    copy = pickle.loads(pickle.dumps(several))

    assert (copy.decision_function(TEXTS) == several.decision_function(TEXTS)).all()


def test_neither_repetition_nor_jobs_change_the_result(several):
    """The same texts give the same margins to the last bit, with one job or two."""
    again = SectorClassifier(**QUICK, n_jobs=2, random_state=0).fit(TEXTS, LABELS)

    assert (again.decision_function(TEXTS) == several.decision_function(TEXTS)).all()
    assert (again.predict_proba(TEXTS) == several.predict_proba(TEXTS)).all()


@pytest.mark.parametrize(
    ("random_state", "first", "second"),
    [(7, 7, 7), (np.int64(7), 7, 7), (np.random.RandomState(7), 327741615, 976413892)],
)
def test_random_state_is_the_seed(random_state, first, second):
    """An int stays the seed; a RandomState gives a new one each time."""
    estimator = SectorClassifier(**QUICK, random_state=random_state)

    seeds = [estimator.fit(TEXTS, LABELS).model_.info["settings"]["seed"] for _ in range(2)]

    assert seeds == [first, second]


def test_without_random_state_seeds_differ():
    """None asks for other folds at every fit."""
    estimator = SectorClassifier(**QUICK, random_state=None)

    seeds = {estimator.fit(TEXTS, LABELS).model_.info["settings"]["seed"] for _ in range(2)}

    assert len(seeds) == 2


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_nothing_is_predicted_before_fit(method):
    """An estimator that was not fitted says so."""
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(SectorClassifier(), method)(TEXTS)


def test_nothing_is_scored_before_fit():
    """An estimator that was not fitted says so."""
    with pytest.raises(NotFittedError, match="not fitted yet"):
        SectorClassifier().score(TEXTS, LABELS)


@cases("estimator", "parameters", "message")
def test_parameters_are_checked_at_fit(parameters, message):
    """A value out of range is a ValueError, raised by fit and not before."""
    estimator = SectorClassifier().set_params(**parameters)

    with pytest.raises(ValueError, match=message):
        estimator.fit(TEXTS, LABELS)


FEW = [["energy"], [], ["culture"], []]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ("one text", [["energy"]], r"X is 'one text': pass a list of texts"),
        (5, FEW, "X is 5: pass a list of texts"),
        (Article("one"), FEW, "pass a list of texts"),
        (pd.DataFrame({"text": TEXTS}), LABELS, r"X has the shape \(60, 1\): pass a 1-D sequence"),
        (sp.eye(4), FEW, r"X has the shape \(4, 4\)"),
        (TEXTS, LABELS[:59], "X has 60 texts and y 59 rows"),
        (TEXTS[:4], FEW, "n_samples = 4: too few texts for n_folds = 5"),
        ([], [], "n_samples = 0: too few texts"),
        (TEXTS[:1] * 60, LABELS, "too few for 5 folds"),
    ],
)
def test_wrong_texts_are_refused(X, y, message):
    """Texts in another form, or too few of them, are a ValueError that says so."""
    with pytest.raises(ValueError, match=message):
        SectorClassifier().fit(X, y)


@pytest.mark.parametrize("missing", [None, float("nan"), b"bytes", 3])
def test_an_entry_that_is_no_text_is_named(missing):
    """The position of an entry that is not a string is told."""
    with pytest.raises(TypeError, match=r"X\[59\] is .* Pass a str, an Article"):
        SectorClassifier().fit([*TEXTS[:59], missing], LABELS)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (5, "y should be a 1d array"),
        (MATRIX * 2, r"y\[0, 0\] is 2: an indicator matrix holds 1, 0, and NaN"),
        (pd.DataFrame({"sector": CLASSES}), r"y\[0, 0\] is 'culture': .* pass a 1-D y"),
        ([*LABELS[:59], "energy"], r"y\[59\] is 'energy', not a list of label names"),
        ([*LABELS[:59], [1]], r"y\[59\] is \[1\], not a list of label names"),
        ([*LABELS[:59], None], r"y\[59\] is None, not a list of label names"),
        ([[1, 2], [3]] * 30, "labels in lists must be strings"),
        ([[]] * 60, "y names no label"),
        ([set()] * 60, "y names no label"),
        (np.linspace(0, 1, 60), "Unknown label type: continuous"),
        (np.array([*CLASSES[:59], None], dtype=object), "y holds values that have no common order"),
        (np.where(MATRIX[:, 0], np.nan, 1.0), "Input y contains NaN"),
        (np.where([True, False, False], np.nan, MATRIX), "label '0' is unknown"),
        (pd.DataFrame(MATRIX, columns=["a", "a", "b"]), "y names a label twice: a, a, b"),
    ],
)
def test_wrong_labels_are_refused(y, message):
    """A `y` of no known form is a ValueError that says what was found."""
    with pytest.raises(ValueError, match=message):
        SectorClassifier().fit(TEXTS, y)


def test_exactly_one_label_is_demanded_where_asked_for():
    """The text with two labels or none is named by its position."""
    with pytest.raises(ValueError, match=r"'X\[3\]' has the labels: 1, 2; with labels = \"one\""):
        SectorClassifier(labels="one").fit(TEXTS, MATRIX)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (LABELS[:3], "X has 60 texts and y 3 rows"),
        (MATRIX[:, :2], "y has 2 columns, 3 were fitted"),
        (pd.DataFrame({"sport": MATRIX[:, 0]}), r"none of which was fitted: \['culture', 'energy'"),
    ],
)
def test_what_cannot_be_scored_is_refused(several, y, message):
    """A `y` that does not fit the texts or the labels is a ValueError."""
    with pytest.raises(ValueError, match=message):
        several.score(TEXTS, y)
