"""The importable functions: a text or a frame in, scores and tags out."""

from pathlib import Path

import pandas as pd
import pytest

import classifier
from classifier.archive.score import load, model_folder, predict_frame, score, shipped_model, tag
from classifier.errors import BadInputError, ModelError
from tests.command_line import save_tiny
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

OIL = (
    "Oil prices rose after OPEC agreed to cut crude output. Brent gained two dollars a barrel, "
    "while gas producers and refineries said that pipelines and power plants were running full."
)


def test_score_names_every_sector():
    """A text about oil is about energy, most of all."""
    scores = score(OIL)

    assert set(scores) == {"culture", "diplomacy", "energy", "parliament", "technology"}
    assert max(scores, key=scores.get) == "energy"
    assert all(0 <= p <= 1 for p in scores.values())


def test_tag_gives_the_sectors():
    """The same text gets the tag, a text of no words gets none."""
    assert tag(OIL)[0] == "energy"
    assert tag("") == []


def test_a_text_that_cannot_be_judged_scores_the_base_rates():
    """All that is known of such a text is how often sectors occur."""
    model = shipped_model()

    assert list(score("").values()) == model.base_rates.tolist()


def test_the_shipped_model_is_loaded_once():
    """Calls share one model."""
    assert shipped_model() is shipped_model()
    assert shipped_model().name == "sectors"


def test_load_takes_a_string_or_a_path(tmp_path):
    """A model folder is loaded by either, and checked."""
    folder = save_tiny(tmp_path / "tiny")

    assert load(str(folder)).labels == load(folder).labels == ("energy", "diplomacy", "culture")
    with pytest.raises(ModelError, match="nowhere is not there"):
        load(tmp_path / "nowhere")


def test_a_frame_comes_back_with_the_same_rows():
    """Index and order are those of the frame; columns have their types."""
    frame = pd.DataFrame(
        {"text": [ENERGY_TEXT, MIXED_TEXT, "und der die das"]}, index=["x", "y", "x"]
    )

    result = predict_frame(frame, tiny_model())

    assert list(result.index) == ["x", "y", "x"]
    assert list(result.columns) == [
        "tags", "score_energy", "score_diplomacy", "score_culture", "coverage", "note",
    ]  # fmt: skip
    assert result["tags"].tolist() == [["energy"], ["diplomacy", "energy"], []]
    assert result["score_energy"].tolist() == pytest.approx([0.95, 0.615987, 0.25], abs=1e-6)
    assert result["coverage"].tolist() == pytest.approx([0.875, 11 / 13, 0.0])
    assert result["note"].tolist() == [
        "", "", "the model knows 0 of 4 words: another language or subject?",
    ]  # fmt: skip


def test_a_frame_without_rows_has_the_same_columns():
    """Nothing in gives nothing out, with the types that rows would have."""
    empty = predict_frame(pd.DataFrame({"text": []}), tiny_model())
    full = predict_frame(pd.DataFrame({"text": ["oil"]}), tiny_model())

    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_headlines_are_read_where_there_are_some():
    """A headline counts like the start of the text; a missing one is empty."""
    frame = pd.DataFrame(
        {"head": ["Oil and gas pipeline", None], "body": ["the minister and the gas"] * 2}
    )

    result = predict_frame(frame, tiny_model(), text="body", title="head")

    assert result["score_energy"][0] > result["score_energy"][1]


@pytest.mark.parametrize("text", [None, "text"])
def test_a_column_that_is_not_there_is_named(text):
    """The message says what there is instead."""
    frame = pd.DataFrame({"words": ["x"]})

    with pytest.raises(BadInputError, match=r"no column 'text' \(found: words\)"):
        predict_frame(frame, tiny_model(), text=text)


def test_a_headline_column_that_is_not_there_is_named():
    """A misspelt headline column is not taken for missing headlines."""
    with pytest.raises(BadInputError, match=r"no column 'head' \(found: text\)"):
        predict_frame(pd.DataFrame({"text": ["x"]}), tiny_model(), title="head")


@pytest.mark.parametrize("value", [None, 7, float("nan")])
def test_a_row_without_text_is_named(value):
    """A missing text is never tagged as an empty one."""
    frame = pd.DataFrame({"text": pd.Series(["x", value], index=[10, 11], dtype=object)})

    with pytest.raises(BadInputError, match=r"row 11: column 'text' holds .*, not text"):
        predict_frame(frame, tiny_model())


def test_a_frame_is_tagged_by_the_shipped_model_when_none_is_named():
    """`classifier.predict_frame` needs nothing but the frame."""
    result = classifier.predict_frame(pd.DataFrame({"text": [OIL]}))

    assert result["tags"][0][0] == "energy"


def test_the_shipped_model_goes_by_its_name():
    """A bare name that is no folder is that of a shipped model."""
    assert load("sectors").signature == shipped_model().signature


def test_a_folder_wins_over_a_shipped_name(tmp_path, monkeypatch):
    """A folder of one's own may be called like the shipped model."""
    save_tiny(tmp_path / "sectors")
    monkeypatch.chdir(tmp_path)

    assert load("sectors").labels == ("energy", "diplomacy", "culture")


@pytest.mark.parametrize("name", ["nowhere", "sectors/manifest.json", ".", ".."])
def test_what_is_no_shipped_name_is_a_path(name):
    """Only a bare name of a shipped model stands for its folder."""
    assert model_folder(name) == Path(name)
