"""A model as bytes that travel to the workers of a cluster, and are loaded once in each process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from classifier.errors import ModelError
from classifier.model.model import Model
from classifier.model.store import load_model
from classifier.serving.private_model import private_model

__all__ = ["PackedModel", "model_here", "packed_model"]

# A worker that serves one run after the other keeps the models of the last two.
MOST_LOADED = 2

_loaded: OrderedDict[str, Model] = OrderedDict()
_loading = Lock()


@dataclass(frozen=True, slots=True)
class PackedModel:
    """The files of a model folder.

    Parameters
    ----------
    sha256 : str
        The model's hash.
    signature : str
        What results call it.
    labels : tuple of str
    files : mapping of str to bytes
        By name.
    """

    sha256: str
    signature: str
    labels: tuple[str, ...]
    files: Mapping[str, bytes]


def packed_model(model: Model | Path | str | None) -> PackedModel:
    """Return a model in memory or in a folder, or the shipped one, as bytes.

    Raises
    ------
    ModelError
        When it cannot be loaded.
    """
    with TemporaryDirectory() as folder, private_model(model, Path(folder, "model")) as own:
        files = {path.name: path.read_bytes() for path in sorted(own.folder.iterdir())}
        return PackedModel(own.sha256, own.signature, own.labels, files)


def model_here(packed: PackedModel) -> Model:
    """Return the model, which this process loads when it meets it for the first time.

    Raises
    ------
    ModelError
        When it is not what was packed, or scores its golden articles differently here.
    """
    with _loading:
        if packed.sha256 not in _loaded:
            _loaded[packed.sha256] = _unpacked(packed)
        _loaded.move_to_end(packed.sha256)
        if len(_loaded) > MOST_LOADED:
            _loaded.popitem(last=False)
        return _loaded[packed.sha256]


def _unpacked(packed: PackedModel) -> Model:
    with TemporaryDirectory() as folder:
        for name, content in packed.files.items():
            Path(folder, name).write_bytes(content)
        try:
            # nothing is mapped, as the folder goes
            model = load_model(Path(folder), mmap=False)
        except ModelError as error:
            message = str(error).replace(folder, f"model {packed.signature} on this worker")
            raise ModelError(message) from None
    if model.info["hash"] != packed.sha256:
        raise ModelError(f"model {packed.signature} was changed on its way. Run once more.")
    return model
