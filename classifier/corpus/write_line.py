"""A prediction as a line of JSON, put together by hand: the bytes of `json.dumps`, sooner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Protocol

__all__ = ["COVERAGE_DECIMALS", "SCORE_DECIMALS", "PredictionFields", "Tagged"]

SCORE_DECIMALS = 6
COVERAGE_DECIMALS = 4

_NAMES = {name: name for name in ("tags", "scores", "coverage", "model", "note")}
# Below, JSON writes an exponent: 1e-05.
_LEAST_PLAIN = 1e-4
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)


class Tagged(Protocol):
    """What every prediction has, whoever made it."""

    @property
    def id(self) -> str:
        """The article's id."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The labels given."""

    @property
    def scores(self) -> Mapping[str, float]:
        """Every label's probability, 0 to 1."""

    @property
    def coverage(self) -> float:
        """Share of the article's terms that the model knows, 0 to 1."""

    @property
    def note(self) -> str:
        """What the reader should know, or empty."""

    @property
    def model(self) -> str:
        """Which model it was."""


class PredictionFields:
    """Predictions as the inside of a JSON object.

    Parameters
    ----------
    names : mapping of str to str, optional
        What the fields ``tags``, ``scores``, ``coverage``, ``model`` and ``note`` are called.
    model : str, optional
        What the model is called, instead of what each prediction says.
    """

    def __init__(self, names: Mapping[str, str] = _NAMES, model: str = "") -> None:
        self._names = {name: f"{_ENCODER.encode(own)}: " for name, own in names.items()}
        self._model = model
        self._quoted = _Quoted()

    def line(self, prediction: Tagged) -> str:
        """Return a prediction under its id as a whole object.

        Raises
        ------
        ValueError
            If a score or the coverage is not finite.
        """
        return f'{{"id": {_ENCODER.encode(prediction.id)}, {self.inside(prediction)}}}'

    def inside(self, prediction: Tagged) -> str:
        """Return all of a prediction but its id, without the braces.

        Raises
        ------
        ValueError
            If a score or the coverage is not finite.
        """
        names, quoted = self._names, self._quoted
        tags = ", ".join([quoted[tag] for tag in prediction.tags])
        scores = []
        for label, score in prediction.scores.items():
            text = f"{score:.6f}"
            if text[-1] == "0" or not _LEAST_PLAIN <= score <= 1:
                text = _exact(score, SCORE_DECIMALS)
            scores.append(f"{quoted[label]}: {text}")
        note = prediction.note and f", {names['note']}{_ENCODER.encode(prediction.note)}"
        return (
            f"{names['tags']}[{tags}], {names['scores']}{{{', '.join(scores)}}}, "
            f"{names['coverage']}{_exact(prediction.coverage, COVERAGE_DECIMALS)}, "
            f"{names['model']}{quoted[self._model or prediction.model]}{note}"
        )


def _exact(number: float, decimals: int) -> str:
    rounded = round(float(number), decimals)
    # which of those that are not finite the encoder refuses in its own words
    return repr(rounded) if isfinite(rounded) else _ENCODER.encode(rounded)


class _Quoted(dict[str, str]):
    """Names of labels and models as JSON; there are few, and they come again and again."""

    def __missing__(self, name: str) -> str:
        text = self[name] = _ENCODER.encode(name)
        return text
