"""A pandas frame in, a frame of the same rows out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.article import Article
from classifier.errors import BadInputError, listed
from classifier.fields import as_article, is_blank, usual_field
from classifier.model.folder import as_model, load_model, model_folder, shipped_model
from classifier.model.model import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load", "model_folder", "predict_frame", "score", "shipped_model", "tag"]


def score(text: str) -> dict[str, float]:
    """Return the calibrated probability of every sector for one text.

    A text that cannot be judged (too short, in another language) gets the base rates, which is
    all that is known of it. `Model.predict` says so in the prediction's note.

    Parameters
    ----------
    text : str
        A whole article, its headline first if there is one.

    Raises
    ------
    ModelError
        When the shipped model is damaged.
    """
    return dict(shipped_model().predict([as_article(text, where="text")])[0].scores)


def tag(text: str, *, point: str = "balanced") -> list[str]:
    """Return the sectors of one text, the most probable first; often none.

    Parameters
    ----------
    text : str
        A whole article, its headline first if there is one.
    point : {"balanced", "precise", "complete"}
        Whether misses and false tags count alike, or fewer of one kind are wanted.
    """
    return list(shipped_model().predict([as_article(text, where="text")], point=point)[0].tags)


def load(path: Path | str) -> Model:
    """Load and check the model in a folder, or the shipped one of that name; a folder wins.

    Raises
    ------
    ModelError
        When the folder is no model of ours, is damaged, or was made by a newer format.
    """
    return load_model(model_folder(path))


def predict_frame(
    frame: pd.DataFrame | pd.Series,
    model: Model | Path | str | None = None,
    *,
    text: str | None = None,
    title: str | None = None,
) -> pd.DataFrame:
    """Return tags and scores for each row of a frame, under the same index.

    Parameters
    ----------
    frame : DataFrame or Series
        A series holds the texts.
    model : Model, path or str, optional
        The shipped model when not given; else one, its folder, or a shipped one's name.
    text, title : str, optional
        Columns that hold the body and, if there is one, the headline; when not given, those that
        are called so, such as ``text`` or ``body``, ``title`` or ``headline``, as `classifier
        predict` finds them. A missing headline is an empty one.

    Returns
    -------
    DataFrame
        Columns ``tags`` (lists of str), ``score_<label>`` (float64, 0 to 1), ``coverage``
        (float64, 0 to 1) and ``note`` (str).

    Raises
    ------
    BadInputError
        When `frame` is none, a column is not there or could be one of several, or a row's text
        is missing or not a string.
    """
    import numpy as np
    import pandas as pd

    if isinstance(frame, pd.Series):
        frame, text, title = frame.to_frame("text"), "text", None
    if not isinstance(frame, pd.DataFrame):
        raise BadInputError(f"frame is of {type(frame).__name__}, not a pandas DataFrame.")
    model = shipped_model() if model is None else as_model(model)
    predictions = model.predict(_articles(frame, text, title))
    result = pd.DataFrame(index=frame.index)
    result["tags"] = pd.Series([list(p.tags) for p in predictions], frame.index, dtype=object)
    # typed, so that a frame without rows has the same columns
    for label in model.labels:
        result[f"score_{label}"] = np.array([p.scores[label] for p in predictions], dtype=float)
    result["coverage"] = np.array([p.coverage for p in predictions], dtype=float)
    result["note"] = pd.Series([p.note for p in predictions], frame.index, dtype=str)
    return result


def _articles(frame: pd.DataFrame, text: str | None, title: str | None) -> Iterator[Article]:
    names = [str(column) for column in frame.columns]
    body_column = _column(names, text, "text")
    if body_column is None:
        raise BadInputError(
            f"the frame has no column 'text' (found: {listed(names)}). Name it: text='body'."
        )
    title_column = _column(names, title, "title")
    titles = [""] * len(frame) if title_column is None else frame.iloc[:, names.index(title_column)]
    bodies = frame.iloc[:, names.index(body_column)]
    for index, body, headline in zip(frame.index, bodies, titles, strict=True):
        headline = headline if isinstance(headline, str) else ""
        if is_blank(body) and headline.strip():
            body = ""
        if not isinstance(body, str):
            raise BadInputError(
                f"row {index!r}: column '{body_column}' holds {body!r:.60}, not text. "
                "Drop or fill such rows."
            )
        yield Article(body, title=headline)


def _column(names: list[str], named: str | None, part: str) -> str | None:
    """Return the column that was named, or the one that holds a part by its usual name."""
    if named is None:
        return usual_field(names, part)
    if str(named) not in names:
        raise BadInputError(f"the frame has no column '{named}' (found: {listed(names)}).")
    return str(named)
