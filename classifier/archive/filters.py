"""Which predictions to keep: comparisons of scores such as ``energy>0.5 and culture<0.1``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from classifier.corpus.write import prediction_row
from classifier.errors import SettingsError, listed
from classifier.model.prediction import Prediction

__all__ = ["Keep", "keeping", "parse_where"]


Keep = Callable[[Prediction], bool]
Test = Callable[[Mapping[str, float]], bool]
COVERAGE = "coverage"
DEEPEST = 50
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOKEN = re.compile(r'\s*(?:([<>!=]=|[<>=()])|("[^"]*"|[^\s<>=!()"]+))')
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")


def keeping(labels: Sequence[str], *, where: str = "", tags: Iterable[str] = ()) -> Keep | None:
    """Return what tells whether a prediction is kept, nothing when all are.

    Parameters
    ----------
    labels : sequence of str
        Those of the model.
    where : str
        See `parse_where`; empty keeps all.
    tags : iterable of str
        Kept is what was given at least one of these; none keeps all.

    Raises
    ------
    SettingsError
        When `where` cannot be read or a tag is no label of the model.
    """
    wanted = frozenset(tags)
    for tag in sorted(wanted - set(labels)):
        raise SettingsError(f"tags: no label '{tag}' (the model has {listed(labels)}).")
    test = parse_where(where, labels) if where.strip() else None
    if test is None:
        return None if not wanted else lambda prediction: not wanted.isdisjoint(prediction.tags)
    return lambda prediction: (
        not (wanted and wanted.isdisjoint(prediction.tags)) and test(_values(prediction))
    )


def _values(prediction: Prediction) -> Mapping[str, float]:
    """Return scores and coverage as they are written, so that results can be tested again."""
    row = prediction_row(prediction)
    return {COVERAGE: row["coverage"], **row["scores"]}  # type: ignore[dict-item]


def parse_where(where: str, labels: Sequence[str]) -> Test:
    """Return a condition as a function of scores by label.

    Parameters
    ----------
    where : str
        Comparisons ``LABEL OPERATOR NUMBER`` joined by ``and`` and ``or``, of which ``and``
        binds closer, with parentheses. Operators are ``> >= < <= = !=``. ``coverage`` is the
        share of known words. Labels with spaces stand in double quotes.
    labels : sequence of str
        Those of the model.

    Raises
    ------
    SettingsError
        With what was expected where.

    Examples
    --------
    >>> test = parse_where("energy>0.5 and (culture<0.1 or coverage>=0.9)", ["energy", "culture"])
    >>> test({"energy": 0.8, "culture": 0.05, "coverage": 0.7})
    True
    """
    return _Parser(where, labels).parse()


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, where: str, labels: Sequence[str]) -> None:
        self._where = where
        self._names = (*labels, COVERAGE)
        self._tokens = self._split()
        self._depth = 0

    def _split(self) -> list[str]:
        end = len(self._where.rstrip())
        tokens = list(_TOKEN.finditer(self._where, 0, end))
        edges = [0, *(edge for found in tokens for edge in found.span()), end]
        for left, right in list(pairwise(edges))[::2]:
            if left != right:
                raise self._refusal(f"'{self._where[left:right].strip()}' means nothing")
        return [found[1] or found[2] for found in reversed(tokens)]

    def _refusal(self, what: str) -> SettingsError:
        return SettingsError(
            f"where '{self._where}': {what}. Write comparisons such as "
            f"'{self._names[0]}>0.5 and coverage>=0.8', joined by and, or, parentheses."
        )

    def parse(self) -> Test:
        test = self._any()
        if self._tokens:
            raise self._refusal(f"and, or was expected where '{self._tokens[-1]}' stands")
        return test

    def _next(self, expected: str) -> str:
        if not self._tokens:
            raise self._refusal(f"{expected} was expected at the end")
        return self._tokens.pop()

    def _takes(self, word: str) -> bool:
        taken = bool(self._tokens) and self._tokens[-1].lower() == word
        if taken:
            self._tokens.pop()
        return taken

    def _any(self) -> Test:
        tests = [self._all()]
        while self._takes("or"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda values: any(t(values) for t in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._takes("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda values: all(t(values) for t in tests)

    def _one(self) -> Test:
        if not self._takes("("):
            return self._comparison()
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refusal(f"more than {DEEPEST} parentheses lie in each other")
        test = self._any()
        if not self._takes(")"):
            raise self._refusal("a parenthesis is not closed")
        self._depth -= 1
        return test

    def _comparison(self) -> Test:
        name = self._next("a label").strip('"')
        if name not in self._names:
            raise self._refusal(f"'{name}' is none of {', '.join(self._names)}")
        sign = self._next("a comparison")
        if sign not in _OPERATORS:
            raise self._refusal(f"a comparison was expected where '{sign}' stands")
        number = self._next("a number")
        if not _NUMBER.fullmatch(number):
            raise self._refusal(f"a number was expected where '{number}' stands")
        compare, limit = _OPERATORS[sign], float(number)
        return lambda values: compare(values[name], limit)
