"""A pandas frame in, a frame of the same rows out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from classifier.article import Article
from classifier.errors import BadInputError
from classifier.model.model import Model
from classifier.serving.score import shipped_model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["predict_frame"]


def predict_frame(
    frame: pd.DataFrame,
    model: Model | None = None,
    *,
    text: str = "text",
    title: str | None = None,
) -> pd.DataFrame:
    """Return tags and scores for each row of a frame, under the same index.

    Parameters
    ----------
    frame : DataFrame
    model : Model, optional
        The shipped model when not given.
    text, title : str
        Columns that hold the body and, if there is one, the headline. A missing headline is
        an empty one.

    Returns
    -------
    DataFrame
        Columns ``tags`` (lists of str), ``score_<label>`` (float64, 0 to 1), ``coverage``
        (float64, 0 to 1) and ``note`` (str).

    Raises
    ------
    BadInputError
        When a column is not there or a row's text is missing or not a string.
    """
    import numpy as np
    import pandas as pd

    model = model or shipped_model()
    predictions = model.predict(_articles(frame, text, title))
    result = pd.DataFrame(index=frame.index)
    result["tags"] = pd.Series([list(p.tags) for p in predictions], frame.index, dtype=object)
    # typed, so that a frame without rows has the same columns
    for label in model.labels:
        result[f"score_{label}"] = np.array([p.scores[label] for p in predictions], dtype=float)
    result["coverage"] = np.array([p.coverage for p in predictions], dtype=float)
    result["note"] = pd.Series([p.note for p in predictions], frame.index, dtype=str)
    return result


def _articles(frame: pd.DataFrame, text: str, title: str | None) -> Iterator[Article]:
    for column in [text] if title is None else [text, title]:
        if column not in frame.columns:
            found = ", ".join(map(str, frame.columns))
            raise BadInputError(f"the frame has no column '{column}' (found: {found})")
    titles = [""] * len(frame) if title is None else frame[title]
    for index, body, headline in zip(frame.index, frame[text], titles, strict=True):
        if not isinstance(body, str):
            raise BadInputError(
                f"row {index!r}: column '{text}' holds {body!r}, not text. Drop or fill such rows."
            )
        yield Article(body, title=headline if isinstance(headline, str) else "")
