"""A scikit-learn pipeline says what the model says."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from classifier.errors import ClassifierError, ModelError
from classifier.model.calibration import PiecewiseLinear, Softmax
from classifier.model.export import export_joblib, sklearn_pipeline
from tests.models import ENERGY_TEXT, MIXED_TEXT, TERMS, one_label_model, tiny_model

TEXTS = [
    ENERGY_TEXT,
    MIXED_TEXT,
    "",
    "a b c . - 7",
    "Straße STRAẞE STRASSE ß ẞ",
    "ΟΔΟΣ Οδός οδος σ ς Σ",
    "İ İstanbul gas İoil oil",
    "x the y minister z gas pipeline oil",
    "Museums, ministers; policies of gas ministers in crisis",
    "museum\n\nconcert\tmuseum—concert_ _ gas",
]
MODELS = [
    tiny_model(),
    tiny_model(bigrams=True),
    tiny_model(lead_words=3, lead_repeats=2),
    tiny_model(lead_words=4, lead_repeats=1, bigrams=True),
    tiny_model(mode="one"),
    tiny_model(mode="one", lead_words=2, lead_repeats=3, bigrams=True),
    one_label_model(),
    tiny_model(lead_words=3, lead_repeats=1, bigrams=True, fold_plurals=True),
    tiny_model(lead_words=3, lead_repeats=2, lead_divisor=2),
    tiny_model(lead_words=2, lead_repeats=1, lead_divisor=5, bigrams=True, fold_plurals=True),
]
PIPELINES = [(model, sklearn_pipeline(model)) for model in MODELS]
WORD = st.sampled_from(
    [*TERMS, "Gas", "OIL", "Straße", "ΟΔΟΣ", "İ", "ß", "museums", "Ministers", "x", "unheard", "7"]
)
GAP = st.sampled_from([" ", "\n", ", ", "-", ".", "_", " ẞ ", "…"])
TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(st.tuples(WORD, GAP).map("".join), max_size=30).map("".join),
)


def scores_of(pipeline, texts):
    """Return the probabilities of a pipeline as a matrix, one column a label."""
    found = pipeline.predict_proba(texts)
    return found if isinstance(found, np.ndarray) else np.column_stack([p[:, 1] for p in found])


def assert_alike(model, pipeline, texts):
    """Compare scores, and tags wherever no margin lies on its cut to the ninth digit."""
    margins = model.margins(texts)
    np.testing.assert_allclose(
        scores_of(pipeline, texts), model.calibration(margins), rtol=0, atol=1e-6
    )
    on_the_cut = np.abs(margins - model.cuts) < 1e-8
    tagged = pipeline.predict(texts) == (margins >= model.cuts)
    assert np.all(tagged | on_the_cut)


@pytest.mark.parametrize(("model", "pipeline"), PIPELINES[:4] + PIPELINES[6:])
@settings(max_examples=40)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_a_pipeline_scores_and_tags_like_its_model(model, pipeline, texts):
    """Any text, any analyzer: the same probabilities and the same tags."""
    assert_alike(model, pipeline, texts + TEXTS)


@pytest.mark.parametrize(("model", "pipeline"), PIPELINES[4:6])
@settings(max_examples=40)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_a_pipeline_of_one_label_scores_and_tags_like_its_model(model, pipeline, texts):
    """Exactly one label: the same probabilities, and the most probable label."""
    texts = texts + TEXTS
    margins = model.margins(texts)

    np.testing.assert_allclose(
        pipeline.predict_proba(texts), model.calibration(margins), rtol=0, atol=1e-6
    )
    clear = np.diff(np.sort(margins, axis=1), axis=1)[:, -1] > 1e-8
    expected = np.array(model.labels)[margins.argmax(axis=1)]
    assert np.all((pipeline.predict(texts) == expected) | ~clear)


def test_the_tags_are_those_of_the_prediction():
    """The columns of the matrix are the labels that `Model.predict` gives."""
    model, pipeline = PIPELINES[0]

    given_tags = [set(p.tags) for p in model.predict([ENERGY_TEXT, MIXED_TEXT])]

    assert given_tags == [{"energy"}, {"energy", "diplomacy"}]
    assert pipeline.predict([ENERGY_TEXT, MIXED_TEXT]).tolist() == [[1, 0, 0], [1, 1, 0]]


@settings(max_examples=60)
@given(cuts=st.tuples(*[st.one_of(st.floats(-3, 3), st.just(np.inf))] * 3))
def test_cuts_on_level_parts_of_a_line_hold(cuts):
    """A cut between margins of the same probability parts them all the same."""
    model = replace(tiny_model(), cuts=np.array(cuts))

    assert_alike(model, sklearn_pipeline(model), TEXTS)


def test_two_labels_of_which_one_is_given():
    """Two labels take scikit-learn's binary form and give two columns."""
    model = tiny_model(mode="one")
    two = replace(
        model,
        labels=("energy", "diplomacy"),
        weights=model.weights[:, :2],
        bias=model.bias[:2],
        cuts=model.cuts[:2],
        base_rates=model.base_rates[:2],
    )

    pipeline = sklearn_pipeline(two)

    assert pipeline.predict([ENERGY_TEXT, "talks ambassador"]).tolist() == ["energy", "diplomacy"]
    np.testing.assert_allclose(
        pipeline.predict_proba(TEXTS), two.calibration(two.margins(TEXTS)), rtol=0, atol=1e-6
    )


def test_labels_are_named_where_users_look():
    """The pipeline and its last step name the labels."""
    assert PIPELINES[0][1].labels_.tolist() == ["energy", "diplomacy", "culture"]
    assert PIPELINES[0][1][-1].labels_.tolist() == ["energy", "diplomacy", "culture"]
    assert PIPELINES[4][1].classes_.tolist() == ["energy", "diplomacy", "culture"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mode": "one"}, "exporting takes two labels or more and a softmax"),
        ({"calibration": Softmax(1.0)}, "exporting takes a piecewise linear calibration"),
    ],
)
def test_a_model_without_a_scikit_learn_form_is_refused(change, says):
    """A calibration that does not go with the mode cannot be exported."""
    with pytest.raises(ModelError, match=says):
        sklearn_pipeline(replace(tiny_model(), **change))


def test_a_clone_can_be_trained_anew():
    """A clone is an ordinary untrained pipeline with the same way of reading."""
    texts = [ENERGY_TEXT, "The concert in the museum"] * 5
    truth = np.array([[1, 0], [0, 1]] * 5)

    fitted = clone(PIPELINES[3][1]).fit(texts, truth)

    assert fitted.predict([ENERGY_TEXT]).tolist() == [[1, 0]]


def test_a_joblib_file_works_without_this_package(tmp_path):
    """Where the package cannot be imported, the file loads and scores the same."""
    model = MODELS[3]
    export_joblib(model, tmp_path / "model.joblib")
    script = (
        "import sys\n"
        "sys.modules['classifier'] = None\n"
        "import joblib\n"
        "pipeline = joblib.load(sys.argv[1])\n"
        "print(pipeline.predict(sys.argv[2:]).tolist())\n"
        "print(*(p[0, 1] for p in pipeline.predict_proba(sys.argv[2:])))\n"
    )

    run = subprocess.run(
        [sys.executable, "-I", "-c", script, tmp_path / "model.joblib", ENERGY_TEXT, MIXED_TEXT],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert run.returncode == 0, run.stderr
    tags, scores = run.stdout.splitlines()
    assert tags == "[[1, 0, 0], [1, 1, 0]]"
    expected = model.predict([ENERGY_TEXT])[0].scores.values()
    np.testing.assert_allclose([float(s) for s in scores.split()], list(expected), atol=1e-6)


def test_the_calibration_of_an_export_can_be_a_single_point():
    """A line of one knot is a constant probability."""
    model = replace(
        one_label_model(), calibration=PiecewiseLinear(margins=[[0.0]], probabilities=[[0.5]])
    )

    assert_alike(model, sklearn_pipeline(model), TEXTS)


def test_a_long_text_of_single_letters_is_read_in_linear_time():
    """The pattern of the lead never goes back: this would not end otherwise."""
    text = "a " * 50_000 + "b" + "é." * 50_000

    assert PIPELINES[2][1].predict([text]).tolist() == [[0, 0, 0]]


def test_export_names_its_file_when_it_cannot_be_written(tmp_path):
    """A folder that is a file is named."""
    (tmp_path / "file").write_text("")

    with pytest.raises(
        ClassifierError, match=re.escape(str(Path(tmp_path, "file", "model.joblib")))
    ):
        export_joblib(tiny_model(), tmp_path / "file" / "model.joblib")
