"""The importable functions: one text in, its scores or tags out, by the shipped model."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from classifier.model.model import Model
from classifier.model.store import load_model
from classifier.resources import resource

__all__ = ["load", "model_folder", "score", "shipped_model", "tag"]


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


def tag(text: str) -> list[str]:
    """Return the sectors of one text, the most probable first; often none."""
    return list(shipped_model().predict([text])[0].tags)


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
