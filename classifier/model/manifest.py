"""The manifest of a model: what `manifest.json` says, and the checks that it has to pass."""

from __future__ import annotations

import hashlib
import json
import math
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np

from classifier.errors import ModelError
from classifier.model.calibration import Calibration, calibration_from_json
from classifier.model.model import Model
from classifier.model.vocabulary import Analyzer
from classifier.text import TEXT_RULES_VERSION

__all__ = [
    "FORMAT_VERSION",
    "SUFFIXES",
    "Fields",
    "GoldenArticle",
    "Manifest",
    "StoredFile",
    "encode_manifest",
    "manifest_json",
    "parse_manifest",
]

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one object of a JSON file.

    Parameters
    ----------
    values : mapping of str to object
        As `json.loads` gives them.
    where : str
        File and object, for the errors.
    """

    values: Mapping[str, object]
    where: str

    def refusal(self, key: str, wanted: str) -> ModelError:
        """Return an error that says what the field must be and what it is."""
        found = reprlib.repr(self.values[key]) if key in self.values else "missing"
        return ModelError(f"{self.where}: '{key}' must be {wanted}, but is {found:.80}")

    def _of(self, kind: type[Kind], key: str, wanted: str) -> Kind:
        value = self.values.get(key)
        if isinstance(value, kind):
            return value
        raise self.refusal(key, wanted)

    def _list_of(self, kind: type[Kind], key: str, wanted: str) -> list[Kind]:
        value = self.values.get(key)
        if isinstance(value, list) and all(isinstance(item, kind) for item in value):
            return value
        raise self.refusal(key, wanted)

    def text(self, key: str) -> str:
        """Return a field that is a text."""
        return self._of(str, key, "a text")

    def flag(self, key: str) -> bool:
        """Return a field that is true or false."""
        return self._of(bool, key, "true or false")

    def whole(self, key: str, *, most: int = 2**53) -> int:
        """Return a field that is a whole number from 0 to `most`."""
        value = self.values.get(key)
        if type(value) is int and 0 <= value <= most:
            return value
        raise self.refusal(key, f"a whole number from 0 to {most}")

    def number(self, key: str, *, low: float, high: float) -> float:
        """Return a field that is a finite number from `low` to `high`."""
        value = _finite(self.values.get(key), low, high)
        if value is not None:
            return value
        raise self.refusal(key, f"a number from {low:g} to {high:g}")

    def numbers(
        self,
        key: str,
        length: int,
        *,
        low: float = -1e6,
        high: float = 1e6,
        null: float | None = None,
    ) -> tuple[float, ...]:
        """Return a field that is a list of `length` finite numbers; `null` stands for JSON null."""
        given = self.values.get(key)
        items = given if isinstance(given, list) else []
        numbers = [null if item is None else _finite(item, low, high) for item in items]
        kept = tuple(number for number in numbers if number is not None)
        if len(items) == len(kept) == length:
            return kept
        raise self.refusal(key, f"a list of {length} numbers from {low:g} to {high:g}")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a field that is a list of texts."""
        return tuple(self._list_of(str, key, "a list of texts"))

    def inner(self, key: str) -> Fields:
        """Return a field that is an object itself."""
        return Fields(self._of(dict, key, "an object"), f"{self.where}, {key}")

    def rows(self, key: str) -> list[Fields]:
        """Return a field that is a list of objects."""
        rows = self._list_of(dict, key, "a list of objects")
        return [Fields(row, f"{self.where}, {key} {i}") for i, row in enumerate(rows, 1)]


def _finite(value: object, low: float, high: float) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    return None


FORMAT_VERSION = 2
# Version 1 knew no `lead_divisor` and no table.
READABLE_VERSIONS = (1, 2)
# No article gets longer by more than a hundred thousand words.
MAX_LEAD_WORDS, MAX_LEAD_REPEATS, MAX_LEAD_DIVISOR = 10_000, 10, 1000
MAX_GOLDEN, MAX_GOLDEN_CHARACTERS = 64, 100_000
MAX_FILE_BYTES = 2**34
# The model's hash is that of its manifest without this line, files and all being in there by hash.
_HASH_LINE = rb'(?m)^ "hash": "[0-9a-f]{64}",\n'
SUFFIXES = {"vocabulary": ".txt", "table": ".npy", "idf": ".npy", "weights": ".npy"}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the folder; its name carries the start of its SHA-256."""

    role: str
    sha256: str
    n_bytes: int

    @property
    def name(self) -> str:
        """The one name it can have."""
        return f"{self.role}-{self.sha256[:8]}{SUFFIXES[self.role]}"


@dataclass(frozen=True, slots=True)
class GoldenArticle:
    """A text with what the model said of it when it was saved, in the order of the labels."""

    text: str
    margins: tuple[float, ...]
    scores: tuple[float, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that passed its checks; `outline` is the model without vocabulary and arrays."""

    outline: Model
    n_terms: int
    files: Mapping[str, StoredFile]
    golden: tuple[GoldenArticle, ...]


def manifest_json(
    model: Model, files: Mapping[str, StoredFile], golden: Sequence[GoldenArticle]
) -> dict[str, object]:
    """Return what `manifest.json` holds, but the model's hash."""
    return {
        "format_version": FORMAT_VERSION,
        "text_rules_version": TEXT_RULES_VERSION,
        "name": model.name,
        "labels": list(model.labels),
        "mode": model.mode,
        "analyzer": asdict(model.analyzer),
        "bias": model.bias.tolist(),
        # JSON has no infinity, which as a cut means that the label is never given
        "cuts": [None if cut == math.inf else cut for cut in model.cuts.tolist()],
        "base_rates": model.base_rates.tolist(),
        "calibration": model.calibration.to_json(),
        "min_words": model.min_words,
        "min_coverage": model.min_coverage,
        "shapes": {"n_terms": len(model.vocabulary), "n_labels": len(model.labels)},
        "files": {
            role: {"name": file.name, "sha256": file.sha256, "bytes": file.n_bytes}
            for role, file in files.items()
        },
        "golden": [asdict(article) for article in golden],
        "info": {key: value for key, value in model.info.items() if key != "hash"},
    }


def encode_manifest(described: dict[str, object]) -> bytes:
    """Return the bytes of `manifest.json` with the model's hash; same content, same bytes.

    Raises
    ------
    ModelError
        When the model holds something that JSON cannot.
    """
    try:
        return _encode(described | {"hash": hashlib.sha256(_encode(described)).hexdigest()})
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"model '{described['name']}' holds something that JSON cannot: {error}"
        ) from error


def _encode(described: Mapping[str, object]) -> bytes:
    shown = json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{shown}\n".encode()


def parse_manifest(raw: bytes, path: Path) -> Manifest:
    """Return the manifest that the bytes of `path` hold.

    Raises
    ------
    ModelError
        When it is no manifest, of another version, incomplete, absurd, or changed by hand.
    """
    top = Fields(_json_object(raw, path), str(path))
    _check_versions(top)
    labels = top.texts("labels")
    if not labels or len(set(labels)) < len(labels):
        raise top.refusal("labels", "a list of different labels, at least one")
    shapes = top.inner("shapes")
    if shapes.whole("n_labels") != len(labels):
        raise shapes.refusal("n_labels", f"{len(labels)}, the number of labels")
    manifest = Manifest(
        outline=_outline(top, labels),
        n_terms=shapes.whole("n_terms"),
        files=_stored_files(top.inner("files"), top.whole("format_version")),
        golden=_golden_articles(top, labels),
    )
    if top.text("hash") != hashlib.sha256(re.sub(_HASH_LINE, b"", raw, count=1)).hexdigest():
        raise ModelError(
            f"{path} was changed after the model was saved (its hash does not fit its content). "
            "Fetch or train the model again."
        )
    return manifest


def _json_object(raw: bytes, path: Path) -> dict[str, object]:
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} must hold a JSON object, not {type(value).__name__}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON knows")


def _check_versions(top: Fields) -> None:
    for key, known in (
        ("format_version", READABLE_VERSIONS),
        ("text_rules_version", (TEXT_RULES_VERSION,)),
    ):
        found = top.whole(key)
        if found in known:
            continue
        advice = (
            "Upgrade classifier."
            if found > max(known)
            else "Train the model again, or install the classifier that made it."
        )
        listed = " and ".join(map(str, known))
        raise ModelError(f"{top.where}: {key} is {found}, this classifier knows {listed}. {advice}")


def _outline(top: Fields, labels: tuple[str, ...]) -> Model:
    n_labels = len(labels)
    if top.text("mode") not in ("several", "one"):
        raise top.refusal("mode", "'several' or 'one'")
    return Model(
        labels=labels,
        vocabulary=(),
        idf=np.empty(0, np.float32),
        weights=np.empty((0, n_labels), np.float32),
        bias=np.array(top.numbers("bias", n_labels)),
        cuts=np.array(top.numbers("cuts", n_labels, null=math.inf)),
        base_rates=np.array(top.numbers("base_rates", n_labels, low=0, high=1)),
        calibration=_calibration(top, n_labels),
        analyzer=_analyzer(top.inner("analyzer"), top.whole("format_version")),
        mode=top.text("mode"),
        min_words=top.whole("min_words"),
        min_coverage=top.number("min_coverage", low=0, high=1),
        name=top.text("name"),
        info={**top.inner("info").values, "hash": top.text("hash")},
    )


def _analyzer(given: Fields, version: int) -> Analyzer:
    divisor = given.whole("lead_divisor", most=MAX_LEAD_DIVISOR) if version > 1 else 1
    if divisor < 1:
        raise given.refusal("lead_divisor", f"a whole number from 1 to {MAX_LEAD_DIVISOR}")
    return Analyzer(
        lead_words=given.whole("lead_words", most=MAX_LEAD_WORDS),
        lead_repeats=given.whole("lead_repeats", most=MAX_LEAD_REPEATS),
        bigrams=given.flag("bigrams"),
        fold_plurals=given.flag("fold_plurals"),
        lead_divisor=divisor,
    )


def _calibration(top: Fields, n_labels: int) -> Calibration:
    given = top.inner("calibration")
    if given.text("kind") == "piecewise-linear":
        for key in ("margins", "probabilities"):
            _check_lines(given, key, n_labels)
    try:
        return calibration_from_json(given.values)
    except (ModelError, ArithmeticError) as error:
        raise ModelError(f"{top.where}: {error}") from error


def _check_lines(given: Fields, key: str, n_labels: int) -> None:
    lines = given.values.get(key)
    sound = isinstance(lines, list) and len(lines) == n_labels
    for line in lines if isinstance(lines, list) else ():
        known = isinstance(line, list) and None not in [_finite(x, -1e6, 1e6) for x in line]
        sound = sound and known
    if not sound:
        raise given.refusal(key, f"a list of numbers for each of the {n_labels} labels")


def _stored_files(files: Fields, version: int) -> dict[str, StoredFile]:
    roles = SUFFIXES if version > 1 else SUFFIXES.keys() - {"table"}
    return {role: _stored_file(files, role) for role in roles}


def _stored_file(files: Fields, role: str) -> StoredFile:
    entry = files.inner(role)
    n_bytes, name = entry.whole("bytes", most=MAX_FILE_BYTES), entry.text("name")
    stored = StoredFile(role, entry.text("sha256"), n_bytes)
    # no path leads out of the folder by way of a manifest
    if stored.name != name or len(stored.sha256) != 64 or not stored.sha256.isalnum():
        raise entry.refusal("name", f"{role}-<start of its sha256>{SUFFIXES[role]}")
    return stored


def _golden_articles(top: Fields, labels: tuple[str, ...]) -> tuple[GoldenArticle, ...]:
    golden = tuple(_golden_article(row, labels) for row in top.rows("golden"))
    if len(golden) > MAX_GOLDEN or sum(len(each.text) for each in golden) > MAX_GOLDEN_CHARACTERS:
        raise top.refusal(
            "golden", f"at most {MAX_GOLDEN} articles of {MAX_GOLDEN_CHARACTERS} characters in all"
        )
    return golden


def _golden_article(row: Fields, labels: tuple[str, ...]) -> GoldenArticle:
    if not set(row.texts("tags")) <= set(labels):
        raise row.refusal("tags", "some of the labels")
    return GoldenArticle(
        text=row.text("text"),
        margins=row.numbers("margins", len(labels)),
        scores=row.numbers("scores", len(labels), low=0, high=1),
        tags=row.texts("tags"),
    )
