"""Frozen dataclasses ↔ JSON types, by their annotations; NaN is null."""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from classifier.errors import BadInputError

__all__ = ["from_json_value", "json_value"]

DECIMALS = 6
Value = TypeVar("Value")


def json_value(value: object) -> object:
    """Return dataclasses, tuples and mappings as JSON types, numbers with six decimals."""
    if dataclasses.is_dataclass(value):
        return {f.name: json_value(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [json_value(item) for item in value]
    if isinstance(value, float):
        return round(value, DECIMALS) if math.isfinite(value) else None
    return value


def from_json_value(kind: type[Value], value: object, *, where: str) -> Value:
    """Return what `json_value` made into `value`, an instance of `kind`.

    Parameters
    ----------
    kind : type
        A dataclass of str, int, float, bool, None, tuples, mappings and other such dataclasses.
    where : str
        What `value` is called in errors.

    Raises
    ------
    BadInputError
        When `value` is of another form.
    """
    decoded: Value = _decoded(kind, value, where)
    return decoded


def _decoded(kind: Any, value: object, where: str) -> Any:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, _checked(value, dict, where), where)
    if origin is tuple:
        return _tuple(get_args(kind), _checked(value, list, where), where)
    if origin is Mapping:
        items = _checked(value, dict, where).items()
        return {key: _decoded(get_args(kind)[1], each, f"{where}.{key}") for key, each in items}
    if origin is UnionType:
        return _checked(value, get_args(kind), where)
    if kind is float:
        return math.nan if value is None else float(_checked(value, (int, float), where))
    return _checked(value, kind, where)


def _dataclass(kind: Any, values: dict[str, object], where: str) -> Any:
    types = get_type_hints(kind)
    if set(values) != set(types):
        odd = sorted(set(values) ^ set(types))[0]
        raise BadInputError(
            f"{where}: field '{odd}' is {'not expected' if odd in values else 'missing'}. "
            "Evaluate the model again."
        )
    return kind(**{k: _decoded(types[k], v, f"{where}.{k}") for k, v in values.items()})


def _tuple(kinds: tuple[Any, ...], values: list[object], where: str) -> tuple[Any, ...]:
    each = [kinds[0]] * len(values) if kinds[-1] is Ellipsis else list(kinds)
    if len(each) != len(values):
        raise _refusal(values, f"{len(each)} values", where)
    pairs = zip(each, values, strict=True)
    return tuple(_decoded(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(pairs))


def _checked(value: object, kinds: Any, where: str) -> Any:
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    if type(value) not in allowed:
        names = " or ".join("null" if kind is NoneType else kind.__name__ for kind in allowed)
        raise _refusal(value, names, where)
    return value


def _refusal(value: object, wanted: str, where: str) -> BadInputError:
    return BadInputError(
        f"{where}: must be {wanted}, but is {reprlib.repr(value)}. Evaluate the model again."
    )
