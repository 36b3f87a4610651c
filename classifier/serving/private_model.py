"""A model of a run's own: replaced or removed elsewhere, it stays what the run began with."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import ModelError
from classifier.model.model import Model
from classifier.model.store import load_model, save_model
from classifier.serving.score import model_folder

__all__ = ["PrivateModel", "private_model"]

_OURS = re.compile(r"manifest\.json|[a-z]+-[0-9a-f]{8}\.(?:txt|npy)")


@dataclass(frozen=True, slots=True)
class PrivateModel:
    """A model in a folder that nobody else writes to.

    Parameters
    ----------
    folder : Path
    sha256 : str
        The model's hash, which each worker compares.
    signature : str
        What results call it.
    labels : tuple of str
    """

    folder: Path
    sha256: str
    signature: str
    labels: tuple[str, ...]

    def load(self) -> Model:
        """Return the model, mapped.

        Raises
        ------
        ModelError
            When it is not the one that the run began with.
        """
        model = load_model(self.folder)
        if model.info["hash"] != self.sha256:
            raise ModelError(f"{self.folder}: was changed by someone. Run the same command again.")
        return model


@contextmanager
def private_model(model: Model | Path | str | None, folder: Path) -> Iterator[PrivateModel]:
    """Put a model into `folder`, and take it away in the end.

    Parameters
    ----------
    model : Model, path or None
        In memory or in a folder; the shipped model when not given.
    folder : Path
        What it holds is removed first.

    Raises
    ------
    ModelError
        When it cannot be loaded.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        kept = save_model(model, folder) if isinstance(model, Model) else _copied(model, folder)
        signature = model.signature if isinstance(model, Model) else kept.signature
        yield PrivateModel(folder, str(kept.info["hash"]), signature, kept.labels)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(source: Path | str | None, folder: Path) -> Model:
    place = model_folder(source)
    # in the words of someone who named this folder, should anything be wrong with it
    load_model(place)
    try:
        return _copy(place, folder)
    except ModelError:
        # it was replaced while it was copied
        shutil.rmtree(folder, ignore_errors=True)
        return _copy(place, folder)


def _copy(source: Path, folder: Path) -> Model:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            if _OURS.fullmatch(path.name):
                shutil.copyfile(path, folder / path.name)
    except OSError as error:
        raise ModelError(f"{source}: cannot be copied to {folder} ({error.strerror}).") from None
    return load_model(folder)
