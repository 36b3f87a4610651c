"""UTF-8 that was read as Windows-1252 or Latin-1, once or several times over, read rightly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["repaired"]

# Of repairs of a line; one repair undoes every level of text misread repeatedly.
_MOST_ROUNDS = 8
# Most damage is gone after three rounds; a text of many lines that take more is made to be slow.
_USUAL_ROUNDS, _MOST_UNUSUAL = 3, 200


class _BeyondRepairError(Exception):
    """A text would take more rounds than any real damage does."""


def repaired(text: str, damage: re.Pattern[str]) -> str:
    """Return `text` with each line that holds `damage` read rightly.

    A text that takes more rounds than any real damage does stays as it is.
    """
    unusual = iter(range(_MOST_UNUSUAL))
    try:
        # By line, so that one sound curly quote elsewhere does not veto the repair.
        return "\n".join(
            _repaired(each, unusual) if damage.search(each) else each for each in text.split("\n")
        )
    except _BeyondRepairError:
        return text


def _repaired(line: str, unusual: Iterator[int]) -> str:
    try:
        return _decoded(line, _MOST_ROUNDS, unusual)
    except RecursionError:
        return line


def _decoded(line: str, rounds: int, unusual: Iterator[int]) -> str:
    """Return `line` as ``ftfy.fix_encoding`` does, but for a limit on its rounds.

    There each round may take one character away, and a line of n of them takes n² time.

    Parameters
    ----------
    line : str
    rounds : int
        At most, one after another and one within another.
    unusual : iterator
        One of it is taken by each round beyond the usual.

    Raises
    ------
    RecursionError
        When something is left to do after so many rounds.
    _BeyondRepairError
        When none is left of `unusual`.
    """
    from ftfy import TextFixerConfig, apply_plan, fix_encoding_and_explain
    from ftfy.badness import is_bad
    from ftfy.chardata import UTF8_DETECTOR_RE

    whole = TextFixerConfig(decode_inconsistent_utf8=False)  # each of its rounds halves the line

    def part(found: re.Match[str]) -> str:
        inner = found[0]
        again = len(inner) < len(line) and is_bad(inner)
        return _decoded(inner, rounds, unusual) if again else inner

    while rounds:
        rounds -= 1
        if rounds < _MOST_ROUNDS - _USUAL_ROUNDS and next(unusual, None) is None:
            raise _BeyondRepairError
        fixed, explained = fix_encoding_and_explain(line, whole)
        plan: list[tuple[str, str]] = [*(explained or ())]
        decoding = _decoding_steps(plan)
        line = fixed if decoding == len(plan) else apply_plan(line, plan[:decoding])
        before, line = line, UTF8_DETECTOR_RE.sub(part, line) if is_bad(line) else line
        if line == before:
            if line == fixed:
                return line
            # controls are what Windows-1252 has in their place only where they are nothing else
            line = apply_plan(line, plan[decoding : decoding + 1 + _is_encoding(plan[decoding])])
    raise RecursionError("text is damaged more often than is repaired")


def _decoding_steps(plan: Sequence[tuple[str, str]]) -> int:
    """Return how many steps come before the first that makes characters of controls."""
    for k, step in enumerate(plan):
        if step == ("transcode", "fix_c1_controls"):
            return k
        if step == ("decode", "windows-1252"):
            return k - 1
    return len(plan)


def _is_encoding(step: tuple[str, str]) -> bool:
    return step[0] == "encode"
