"""Where results may go: checked before the work, so that none of it is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from classifier.errors import BadInputError, ClassifierError, ModelError

__all__ = ["file_target", "folder_target", "model_target", "refuse_inputs", "try_writing"]

# What a save that was cut short leaves behind, which the next one clears away.
_OURS = ("vocabulary-", "table-", "idf-", "weights-", "README.md")


def file_target(path: Path) -> Path:
    """Return `path` when a file can be put there in one step.

    Raises
    ------
    ClassifierError
        When it is a folder, a device or the like, which a new file must not replace.
    """
    if path.is_dir():
        raise ClassifierError(f"{path}: is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise ClassifierError(f"{path}: is no regular file. Name another one.")
    return path


def model_target(folder: Path) -> Path:
    """Return `folder` when a model may be saved there, without a trace of having tried.

    Raises
    ------
    ModelError
        When it is a file, holds files and no model, or cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise ModelError(f"{folder}: is a file. Name a folder.")
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
        try_writing(folder)
    except OSError as error:
        raise ModelError(
            f"{folder}: no model can be written there ({error.strerror}). Choose another folder."
        ) from None
    others = [name for name in names if not name.startswith((".", *_OURS))]
    if others and "manifest.json" not in names:
        raise ModelError(
            f"{folder}: holds files and no model (such as {others[0]}). Name a new or empty folder."
        )
    return folder


def folder_target(path: Path | None) -> Path | None:
    """Return `path` when it can be a folder of results, also when there is none.

    Raises
    ------
    ClassifierError
        When it is a file.
    """
    if path is not None and path.exists() and not path.is_dir():
        raise ClassifierError(f"{path}: is a file. Name a folder.")
    return path


def try_writing(folder: Path) -> None:
    """Raise `OSError` when nothing can be written below `folder`, which need not be there yet."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    with tempfile.TemporaryFile(dir=nearest):
        pass


def refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    """Raise `BadInputError` when `path` is one of `inputs`, which it would replace."""
    if path.resolve() in {each.resolve() for each in inputs}:
        raise BadInputError(f"{path}: is also an input. Name another file for the result.")
