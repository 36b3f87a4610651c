"""A pandas frame in, a frame of the same rows out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.article import Article
from classifier.errors import BadInputError
from classifier.files import resource
from classifier.model.folder import load_model
from classifier.model.model import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load", "model_folder", "predict_frame", "score", "shipped_model", "tag"]


@cache
def shipped_model() -> Model:
    """Return the model that comes with the package, loaded once a process."""
    return load_model(model_folder(None))


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
    return dict(shipped_model().predict([text])[0].scores)


def tag(text: str, *, point: str = "balanced") -> list[str]:
    """Return the sectors of one text, the most probable first; often none.

    Parameters
    ----------
    text : str
        A whole article, its headline first if there is one.
    point : {"balanced", "precise", "complete"}
        Whether misses and false tags count alike, or fewer of one kind are wanted.
    """
    return list(shipped_model().predict([text], point=point)[0].tags)


def load(path: Path | str) -> Model:
    """Load and check the model in a folder, or the shipped one of that name; a folder wins.

    Raises
    ------
    ModelError
        When the folder is no model of ours, is damaged, or was made by a newer format.
    """
    return load_model(model_folder(path))


def model_folder(path: Path | str | None) -> Path:
    """Return the folder of a model, also of a shipped one by its name; a folder wins.

    ``None`` is the shipped model that everything uses when none is named.
    """
    if path is None:
        return resource("models", "sectors")
    path = Path(path)
    shipped = resource("models") / path
    is_name = len(path.parts) == 1 and not path.exists() and shipped.is_dir()
    return shipped if is_name else path


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
