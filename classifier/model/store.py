"""A model folder: saved in one step that cannot be cut in half, loaded only when all of it fits."""

from __future__ import annotations

import hashlib
import mmap as memory
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from classifier.errors import ModelError
from classifier.model.contents import MEND, Buffer, decoded, encoded
from classifier.model.golden import check_golden, golden_articles, golden_texts
from classifier.model.manifest import (
    FORMAT_VERSION,
    SUFFIXES,
    StoredFile,
    encode_manifest,
    manifest_json,
    parse_manifest,
)
from classifier.model.model import Model

__all__ = ["FORMAT_VERSION", "golden_texts", "load_model", "save_model"]

MANIFEST = "manifest.json"
CARD = "README.md"
MAX_MANIFEST_BYTES = 64 * 2**20

_ARRAY_FILE = re.compile(rf"(?:{'|'.join(SUFFIXES)})-[0-9a-f]{{8}}\.(?:txt|npy)")
_PART_FILE = re.compile(
    rf"\.(?:{_ARRAY_FILE.pattern}|manifest\.json|README\.md)\.[0-9a-f]{{8}}\.part"
)


class _MissingFileError(ModelError):
    """A file that the manifest names is not there: incomplete, or replaced this very moment."""


def save_model(model: Model, folder: Path, *, card: str = "") -> Model:
    """Write `model` into `folder`, replacing the model that is there; one process at a time.

    Killed at any moment, it leaves the old model or the new one. Files of other people stay.

    Parameters
    ----------
    model : Model
    folder : Path
        Made when missing.
    card : str
        Markdown for people, kept as ``README.md``; a short one is written when empty.

    Returns
    -------
    Model
        What `load_model` would return, its hash under ``info["hash"]``.

    Raises
    ------
    ModelError
        When the model could not be loaded again, or the folder cannot be written to.
    """
    contents = encoded(model)
    files = {role: _stored_file(role, content) for role, content in contents.items()}
    stored = decoded(model, len(model.vocabulary), contents, _paths(folder, files))
    manifest = encode_manifest(manifest_json(stored, files, golden_articles(stored)))
    if len(manifest) > MAX_MANIFEST_BYTES:
        raise ModelError(
            f"model '{model.name}': its manifest would exceed 64 MB. Shorten its info."
        )
    stored = replace(stored, info=parse_manifest(manifest, folder / MANIFEST).outline.info)
    written = {file.name: contents[role] for role, file in files.items()}
    try:
        _write_folder(folder, written, manifest, card or _short_card(stored))
    except OSError as error:
        raise ModelError(
            f"{folder}: no model can be written there ({error.strerror}). Choose another folder."
        ) from error
    return stored


def _stored_file(role: str, content: bytes) -> StoredFile:
    sha256 = hashlib.sha256(content).hexdigest()
    return StoredFile(f"{role}-{sha256[:8]}{SUFFIXES[role]}", sha256, len(content))


def _short_card(model: Model) -> str:
    labels = "".join(f"- {label}\n" for label in model.labels)
    return f"# {model.signature}\n\nA text model of `classifier` with these labels:\n\n{labels}"


def _write_folder(folder: Path, arrays: Mapping[str, bytes], manifest: bytes, card: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in arrays.items():
        _write(folder / name, content)
    _flush_folder(folder)
    # From here on the folder is the new model. Arrays are named after their content, so those
    # of the old model were all in place until now.
    _write(folder / MANIFEST, manifest)
    _flush_folder(folder)
    _write(folder / CARD, card.encode())
    for path in sorted(folder.iterdir()):
        left_over = _ARRAY_FILE.fullmatch(path.name) and path.name not in arrays
        if left_over or _PART_FILE.fullmatch(path.name):
            # Windows keeps files that another process has mapped; the next save removes them
            with suppress(PermissionError):
                path.unlink()


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with part.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def _flush_folder(folder: Path) -> None:
    # Windows cannot open folders, and needs no such flush
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load_model(folder: Path, *, mmap: bool = True) -> Model:
    """Return the model in `folder`, after checking every file of it but the card.

    Parameters
    ----------
    folder : Path
    mmap : bool
        Leave the weights on disk and map them, so that processes share one copy. Without it
        they are read into memory, which is safer where files may be cut short under a reader.

    Raises
    ------
    ModelError
        When a file is missing, cut short, changed, absurd or of another version, or when the
        golden articles are not scored as they were.
    """
    try:
        return _load(folder, mmap)
    except _MissingFileError:
        # a save may have replaced the model between the manifest and its files
        return _load(folder, mmap)


def _load(folder: Path, mmap: bool) -> Model:
    path = folder / MANIFEST
    manifest = parse_manifest(bytes(_read(path, folder)), path)
    # README.md has no hash: a card is for people, and people edit it
    buffers = {role: _checked(folder, file, mmap) for role, file in manifest.files.items()}
    paths = _paths(folder, manifest.files)
    model = decoded(manifest.outline, manifest.n_terms, buffers, paths)
    check_golden(model, manifest.golden, str(folder))
    return model


def _paths(folder: Path, files: Mapping[str, StoredFile]) -> dict[str, Path]:
    return {role: folder / file.name for role, file in files.items()}


def _checked(folder: Path, file: StoredFile, mmap: bool) -> Buffer:
    path = folder / file.name
    buffer = _read(path, folder, n_bytes=file.n_bytes, mmap=mmap)
    if hashlib.sha256(buffer).hexdigest() != file.sha256:
        raise ModelError(f"{path} does not have the hash that the manifest says. {MEND}")
    return buffer


def _read(path: Path, folder: Path, *, n_bytes: int | None = None, mmap: bool = False) -> Buffer:
    try:
        if not path.is_file():
            raise _not_a_file(path, folder)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ModelError(f"{path} leads out of its folder. Copy the file itself there.")
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            _check_size(path, size, n_bytes)
            if mmap and size:
                return memory.mmap(stream.fileno(), 0, access=memory.ACCESS_READ)
            return stream.read()
    except FileNotFoundError as error:
        raise _not_a_file(path, folder) from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).") from error


def _not_a_file(path: Path, folder: Path) -> ModelError:
    if not folder.is_dir():
        return ModelError(
            f"{folder} is not there, or is no folder. "
            "Pass the folder of a model, or sectors for the shipped one."
        )
    if os.path.lexists(path):
        return ModelError(f"{path} is no regular file. {MEND}")
    return _MissingFileError(f"{path} is missing. {MEND}")


def _check_size(path: Path, size: int, n_bytes: int | None) -> None:
    if n_bytes is None:
        if size > MAX_MANIFEST_BYTES:
            raise ModelError(f"{path} has {size} bytes; no manifest is larger than 64 MB.")
    elif size != n_bytes:
        raise ModelError(f"{path} has {size} bytes where the manifest says {n_bytes}. {MEND}")
