"""A JSON object whose fields are taken out with their type, or refused with the reason."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass

from classifier.errors import ModelError

__all__ = ["Fields"]


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
        return ModelError(f"{self.where}: '{key}' must be {wanted}, but is {found}")

    def text(self, key: str) -> str:
        """Return a field that is a text."""
        value = self.values.get(key)
        if isinstance(value, str):
            return value
        raise self.refusal(key, "a text")

    def flag(self, key: str) -> bool:
        """Return a field that is true or false."""
        value = self.values.get(key)
        if isinstance(value, bool):
            return value
        raise self.refusal(key, "true or false")

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
        value = self.values.get(key)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise self.refusal(key, "a list of texts")

    def inner(self, key: str) -> Fields:
        """Return a field that is an object itself."""
        value = self.values.get(key)
        if isinstance(value, dict):
            return Fields(value, f"{self.where}, {key}")
        raise self.refusal(key, "an object")

    def rows(self, key: str) -> list[Fields]:
        """Return a field that is a list of objects."""
        value = self.values.get(key)
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [Fields(row, f"{self.where}, {key} {i}") for i, row in enumerate(value, 1)]
        raise self.refusal(key, "a list of objects")


def _finite(value: object, low: float, high: float) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    return None
