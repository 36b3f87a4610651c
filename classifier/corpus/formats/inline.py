"""Texts with labels in the line itself, as fastText and Annif write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from classifier.corpus.rows import BadRowError, Row, check_bytes

__all__ = ["PREFIX", "annif_rows", "fasttext_rows"]

PREFIX = "__label__"
_SUBJECT = re.compile(r"<([^<>]+)>")


def fasttext_rows(lines: Iterable[str], file: str, encoding: str) -> Iterator[Row]:
    """Yield one row per line ``__label__a __label__b text``."""
    return _rows(_fasttext, lines, file, encoding)


def annif_rows(lines: Iterable[str], file: str, encoding: str) -> Iterator[Row]:
    """Yield one row per line of a text, a tab, and subjects as ``<address>``."""
    return _rows(_annif, lines, file, encoding)


def _rows(
    parse: Callable[[str], dict[str, object]], lines: Iterable[str], file: str, encoding: str
) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        bare = line.strip("\r\n ")
        if bare:
            try:
                check_bytes(bare, encoding)
                yield Row(file, number, parse(bare))
            except BadRowError as problem:
                yield Row(file, number, problem=problem, raw=bare)


def _fasttext(line: str) -> dict[str, object]:
    words = line.split()
    n_labels = next((n for n, w in enumerate(words) if not w.startswith(PREFIX)), len(words))
    if n_labels == len(words):
        raise BadRowError("empty text", "labels without a text. Write the text behind them.")
    labels = [word.removeprefix(PREFIX) for word in words[:n_labels]]
    return {"text": " ".join(words[n_labels:]), "labels": labels}


def _annif(line: str) -> dict[str, object]:
    text, tab, subjects = line.rpartition("\t")
    if not tab or not text.strip():
        raise BadRowError("no subjects", "no tab between a text and its subjects.")
    return {"text": text, "labels": _SUBJECT.findall(subjects)}
