"""A model folder: saved in one step that cannot be cut in half, loaded only when all of it fits."""

from __future__ import annotations

import hashlib
import io
import math
import mmap as memory
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from classifier.errors import ClassifierError, ModelError
from classifier.files import flush_folder, locked_folder, remove_unlocked, resource, write_file
from classifier.model.manifest import (
    SUFFIXES,
    GoldenArticle,
    StoredFile,
    encode_manifest,
    manifest_json,
    parse_manifest,
)
from classifier.model.model import Model
from classifier.model.vocabulary import Buffer, Vocabulary, fault_of, n_slots
from classifier.text import article_text

__all__ = [
    "Buffer",
    "as_model",
    "check_golden",
    "cut_texts",
    "decoded",
    "encoded",
    "golden_texts",
    "load_model",
    "model_folder",
    "read_card",
    "reading_record",
    "recorded",
    "save_model",
    "shipped_model",
]


FLOAT = np.dtype("<f4")
SLOT = np.dtype("<u4")
# The header of an array as NumPy writes it; another is not read, whatever it holds.
MAX_HEADER_BYTES = 256
_HEADER = (
    rb"(?s)\x93NUMPY\x01\x00..\{'descr': '([<>|=]?\w{1,8})', 'fortran_order': (False|True), "
    rb"'shape': \((\d{1,20}(?:, \d{1,20})*)?,?\), \} *\n"
)
LARGEST_VALUE = 1e4
MEND = "Fetch or train the model again."


def encoded(model: Model) -> dict[str, bytes]:
    """Return the bytes of vocabulary, table, idf and weights; the same model, the same bytes.

    Raises
    ------
    ModelError
        When a term is no text that UTF-8 can hold.
    """
    try:
        vocabulary = Vocabulary.of(model.vocabulary)
    except UnicodeEncodeError as error:
        raise ModelError(f"model '{model.name}': a term is no valid text: {error}") from error
    return {
        "vocabulary": vocabulary.lines[:],
        "table": _npy_bytes(vocabulary.table, SLOT),
        "idf": _npy_bytes(model.idf, FLOAT),
        "weights": _npy_bytes(model.weights, FLOAT),
    }


def _npy_bytes(values: NDArray[Any], dtype: np.dtype[Any]) -> bytes:
    stream = io.BytesIO()
    little = np.ascontiguousarray(values, dtype=dtype)
    npy.write_array(stream, little, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def decoded(outline: Model, n_terms: int, files: Mapping[str, tuple[Path, Buffer]]) -> Model:
    """Return `outline` with what `files` hold, not copied.

    Parameters
    ----------
    outline : Model
    n_terms : int
        What the manifest says.
    files : mapping of str to tuple of Path and bytes or mmap
        By role; the paths are for the errors.

    Raises
    ------
    ModelError
        When something does not have the form, size or range that it must have.
    """
    idf = _floats(*files["idf"], (n_terms,))
    if not idf.min(initial=1) > 0:
        raise ModelError(f"{files['idf'][0]} holds values that are not above zero. {MEND}")
    return replace(
        outline,
        vocabulary=_vocabulary(files, n_terms),
        idf=idf,
        weights=_floats(*files["weights"], (n_terms, len(outline.labels))),
    )


def _vocabulary(files: Mapping[str, tuple[Path, Buffer]], n_terms: int) -> Vocabulary:
    path, lines = files["vocabulary"]
    table = None  # models of format 1 have none; it is made when it is needed
    if "table" in files:
        table = _array(*files["table"], (n_slots(n_terms), 2), SLOT)
    vocabulary = Vocabulary(lines, table)
    try:
        str(vocabulary.lines, "utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not UTF-8: {error}. {MEND}") from error
    if vocabulary.starts[-1] != len(lines) or len(vocabulary) != n_terms:
        raise ModelError(
            f"{path} holds {len(vocabulary)} whole lines where the model has {n_terms} terms. "
            f"{MEND}"
        )
    if not vocabulary.in_order:
        raise ModelError(f"{path} must hold different terms in code point order. {MEND}")
    fault = "" if table is None else fault_of(table, vocabulary.lines, vocabulary.starts)
    if fault:
        raise ModelError(f"{files['table'][0]} {fault}. {MEND}")
    return vocabulary


def _floats(path: Path, buffer: Buffer, shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = _array(path, buffer, shape, FLOAT)
    if not -LARGEST_VALUE <= values.min(initial=0) <= values.max(initial=0) <= LARGEST_VALUE:
        raise ModelError(f"{path} holds values that are no numbers or above {LARGEST_VALUE:g}.")
    return values


def _array(
    path: Path, buffer: Buffer, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    start = _header_length(path, buffer, shape, dtype)
    # compared in Python's integers before anything of that size is asked for
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(buffer) != wanted:
        raise ModelError(f"{path} has {len(buffer)} bytes, shape {shape} needs {wanted}. {MEND}")
    return np.frombuffer(buffer, dtype, offset=start).reshape(shape)


def _header_length(path: Path, buffer: Buffer, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    header = re.match(_HEADER, buffer[:MAX_HEADER_BYTES])
    if header is None or header.end() != 10 + int.from_bytes(buffer[8:10], "little"):
        raise ModelError(f"{path} is no readable .npy file of version 1. {MEND}")
    kind, fortran_order = header[1].decode(), header[2] == b"True"
    found = tuple(int(length) for length in (header[3] or b"").split(b", ") if length)
    if (found, fortran_order, kind) != (shape, False, dtype.str):
        order = "Fortran" if fortran_order else "C"
        raise ModelError(
            f"{path} holds shape {found} of {kind} in {order} order, the model needs {shape} of "
            f"{dtype.str} in C order. {MEND}"
        )
    return header.end()


MAX_LABELS = 8
N_RAISING, N_LOWERING = 12, 4
CAPITAL_EVERY = 3
# Another processor may round a logarithm differently; a changed rule moves far more than this.
MARGIN_TOLERANCE = 1e-6
# A steep calibration line turns a tolerable margin into a larger step of the score.
SCORE_TOLERANCE = 1e-4
# Written for this file, so that dateline, credit and promotion pass through the text rules.
WIRE_STORY = (
    "BAKU, Azerbaijan, March 14. The energy ministers of four Caspian countries have agreed to "
    "link their power grids by the end of the decade, the ministry told Reuters on Thursday.\n"
    "Parliament must still ratify the treaty. Engineers expect the first undersea cable, 195 km "
    "long, to carry wind power west within five years, and museums along the shore hope for "
    "visitors.\n"
    "Subscribe to our newsletter and follow us on Telegram!"
)


def golden_texts(model: Model) -> list[str]:
    """Return texts for a model to be checked with; the same model gives the same texts.

    One for each of its first labels, made of the words that speak most for and against it,
    then one wire story and the empty text. No article of anyone's is among them.
    """
    words = np.array([i for i, term in enumerate(model.vocabulary) if " " not in term], dtype=int)
    rows = range(min(len(model.labels), MAX_LABELS))
    return [*(_label_text(model, words, k) for k in rows), WIRE_STORY, ""]


def _label_text(model: Model, words: np.ndarray[tuple[int], np.dtype[np.int64]], k: int) -> str:
    order = words[np.argsort(-model.weights[words, k], kind="stable")]
    chosen = [*order[:N_RAISING], *order[N_RAISING:][-N_LOWERING:]]
    return " ".join(_shown(i, model.vocabulary[word]) for i, word in enumerate(chosen))


def _shown(position: int, term: str) -> str:
    # beyond ASCII, capitals depend on the version of Unicode that Python was built with
    return term.capitalize() if position % CAPITAL_EVERY == 0 and term.isascii() else term


def _scored(model: Model, texts: Sequence[str]) -> tuple[GoldenArticle, ...]:
    prepared = [article_text(text) for text in texts]
    rows = zip(texts, *model.predict_read(prepared), strict=True)
    return tuple(
        GoldenArticle(text, tuple(row.tolist()), tuple(said.scores.values()), said.tags)
        for text, row, said in rows
    )


def check_golden(model: Model, golden: Sequence[GoldenArticle], where: str) -> None:
    """Score the golden articles again.

    Raises
    ------
    ModelError
        When a margin, a score or a tag differs from what was said when the model was saved.
    """
    again = _scored(model, [article.text for article in golden])
    for number, (now, then) in enumerate(zip(again, golden, strict=True), 1):
        difference = _difference(model.labels, now, then)
        if difference:
            raise ModelError(
                f"{where}: golden article {number} {difference}. This installation does not "
                "compute what the model was made with; install the classifier that made it, or "
                "train the model again."
            )


def _difference(labels: Sequence[str], now: GoldenArticle, then: GoldenArticle) -> str:
    kinds = [
        ("has a margin of", now.margins, then.margins, MARGIN_TOLERANCE),
        ("scores", now.scores, then.scores, SCORE_TOLERANCE),
    ]
    for verb, found, saved, tolerance in kinds:
        for label, a, b in zip(labels, found, saved, strict=True):
            if abs(a - b) > tolerance:
                return f"{verb} {a:.6g} for '{label}' where the manifest says {b:.6g}"
    if set(now.tags) != set(then.tags):
        tags = [", ".join(article.tags) or "nothing" for article in (now, then)]
        return f"is tagged {tags[0]} where the manifest says {tags[1]}"
    return ""


@contextmanager
def reading_record(model: Model) -> Iterator[None]:
    """Turn whatever is wrong with what a training recorded, which may be any JSON, into an error.

    Raises
    ------
    ModelError
        In place of what went wrong in the block.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"model '{model.name:.60}': what its training recorded is damaged ({error!r:.100}). "
            f"{MEND}"
        ) from error


def cut_texts(model: Model) -> list[str]:
    """Return the probability from which each label is given, a dash where there is none."""
    return ["–" if np.isnan(cut) else f"{cut:.2f}" for cut in model.cut_probabilities]


def recorded(model: Model, name: str) -> dict[str, Any]:
    """Return a part of what the training recorded, empty when it did not."""
    part = model.info.get(name)
    return part if isinstance(part, dict) else {}


MANIFEST = "manifest.json"
CARD = "README.md"
# A label takes some 4 kB with its calibration and figures, so that 4,000 labels have room.
MAX_MANIFEST_BYTES = 16 * 2**20
MAX_CARD_BYTES = 2**20
ATTEMPTS = 5
_ARRAY_FILE = rf"(?:{'|'.join(SUFFIXES)})-[0-9a-f]{{8}}\.(?:txt|npy)"
_PART_FILE = rf"\.(?:{_ARRAY_FILE}|manifest\.json|README\.md)\.[0-9a-f]{{8}}\.part"


class _MissingFileError(ModelError):
    """A file that the manifest names is not there: incomplete, or replaced this very moment."""


def save_model(model: Model, folder: Path | str, *, card: str = "") -> Model:
    """Write `model` into `folder`, replacing the model that is there.

    Killed at any moment, it leaves the old model or the new one; of two at the same time, the
    second waits for the first. Files of other people stay.

    Parameters
    ----------
    model : Model
    folder : Path or str
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
    folder = Path(folder)
    contents = encoded(model)
    files = {
        role: StoredFile(role, hashlib.sha256(content).hexdigest(), len(content))
        for role, content in contents.items()
    }
    written = {role: (folder / files[role].name, contents[role]) for role in files}
    stored = decoded(model, len(model.vocabulary), written)
    manifest = encode_manifest(manifest_json(stored, files, _scored(stored, golden_texts(stored))))
    if len(manifest) > MAX_MANIFEST_BYTES:
        raise ModelError(
            f"model '{model.name}': its manifest would exceed 16 MB. Shorten its info."
        )
    stored = replace(stored, info=parse_manifest(manifest, folder / MANIFEST).outline.info)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked_folder(folder):
            arrays = dict(written.values())
            _write_folder(folder, arrays, manifest, card or _short_card(stored))
    except OSError as error:
        raise ModelError(
            f"{folder}: no model can be written there ({error.strerror}). Choose another folder."
        ) from error
    except ClassifierError as error:
        raise ModelError(str(error)) from error
    return stored


def _short_card(model: Model) -> str:
    labels = "".join(f"- {label}\n" for label in model.labels)
    return f"# {model.signature}\n\nA text model of `classifier` with these labels:\n\n{labels}"


def _write_folder(folder: Path, arrays: Mapping[Path, bytes], manifest: bytes, card: str) -> None:
    for path in (*arrays, folder / MANIFEST, folder / CARD):
        _check_inside(path, folder)
    for path, content in arrays.items():
        write_file(path, content)
    # From here on the folder is the new model. Arrays are named after their content, so those
    # of the old model were all in place until now.
    write_file(folder / MANIFEST, manifest)
    write_file(folder / CARD, card.encode())
    # whoever saves holds the lock, so that no other save is under way
    for path in sorted(folder.iterdir()):
        # Windows keeps files that another process has mapped; the next save removes them
        with suppress(PermissionError):
            if re.fullmatch(_ARRAY_FILE, path.name) and path not in arrays:
                path.unlink()
            elif re.fullmatch(_PART_FILE, path.name):
                remove_unlocked(path)
    flush_folder(folder)


def load_model(folder: Path | str, *, mmap: bool = False) -> Model:
    """Return the model in `folder`, after checking every file of it but the card.

    Parameters
    ----------
    folder : Path or str
    mmap : bool
        Leave the weights on disk and map them, so that processes share one copy. A file that
        is cut short under a reader then ends its process: for folders that nobody else writes to.

    Raises
    ------
    ModelError
        When a file is missing, cut short, changed, absurd or of another version, or when the
        golden articles are not scored as they were.
    """
    folder = Path(folder)
    for _ in range(ATTEMPTS - 1):
        # a save may have replaced the model between the manifest and its files
        with suppress(_MissingFileError):
            return _load(folder, mmap)
    return _load(folder, mmap)


def _load(folder: Path, mmap: bool) -> Model:
    path = folder / MANIFEST
    try:
        manifest = parse_manifest(bytes(_read(path, folder, most=MAX_MANIFEST_BYTES)), path)
        # README.md has no hash: a card is for people, and people edit it
        files = {role: _checked(folder, file, mmap) for role, file in manifest.files.items()}
        model = decoded(manifest.outline, manifest.n_terms, files)
        check_golden(model, manifest.golden, str(folder))
    except MemoryError as error:
        raise ModelError(f"{folder}: the model does not fit into memory.") from error
    return model


def read_card(folder: Path) -> str:
    """Return what ``README.md`` of a model's folder says to people, empty when there is none.

    Raises
    ------
    ModelError
        When it is no regular file, leads out of the folder, or has more than 1 MB.
    """
    try:
        return bytes(_read(folder / CARD, folder, most=MAX_CARD_BYTES)).decode(errors="replace")
    except _MissingFileError:
        return ""


def _checked(folder: Path, file: StoredFile, mmap: bool) -> tuple[Path, Buffer]:
    path = folder / file.name
    buffer = _read(path, folder, n_bytes=file.n_bytes, mmap=mmap)
    if hashlib.sha256(buffer).hexdigest() != file.sha256:
        raise ModelError(f"{path} does not have the hash that the manifest says. {MEND}")
    return path, buffer


def _read(
    path: Path, folder: Path, *, n_bytes: int | None = None, most: int = 0, mmap: bool = False
) -> Buffer:
    """Return a file of `folder` that has `n_bytes`, or at most `most`."""
    try:
        if not path.is_file():
            raise _not_a_file(path, folder)
        _check_inside(path, folder)
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            _check_size(path, size, n_bytes, most)
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


def _check_inside(path: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(f"{path} leads out of its folder. Copy the file itself there.")


def _check_size(path: Path, size: int, n_bytes: int | None, most: int) -> None:
    if n_bytes is None:
        if size > most:
            raise ModelError(f"{path} has {size} bytes; at most {most} are read.")
    elif size != n_bytes:
        raise ModelError(f"{path} has {size} bytes where the manifest says {n_bytes}. {MEND}")


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


@cache
def shipped_model() -> Model:
    """Return the model that comes with the package, loaded once a process.

    It is mapped, as nobody writes to an installed package.
    """
    return load_model(model_folder(None), mmap=True)


def as_model(model: Model | Path | str) -> Model:
    """Return a model as it is, or load the one in a folder or the shipped one of that name.

    Raises
    ------
    ModelError
        When it is nothing of the kind, or cannot be loaded.
    """
    if isinstance(model, Model):
        return model
    if isinstance(model, str | Path):
        return load_model(model_folder(model))
    raise ModelError(f"model is {model!r:.60}. Pass a Model, a folder, or a shipped model's name.")
