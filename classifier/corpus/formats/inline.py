"""Texts with labels in the line itself, as fastText and Annif write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from classifier.corpus.rows import BadRowError, Row

__all__ = ["PREFIX", "annif_rows", "fasttext_rows"]

PREFIX = "__label__"
_SUBJECT = re.compile(r"<([^<>]+)>")


def fasttext_rows(lines: Iterable[str], file: str) -> Iterator[Row]:
    """Yield one row per line ``__label__a __label__b text``."""
    for number, line in enumerate(lines, 1):
        words = line.split()
        labels = []
        while words and words[0].startswith(PREFIX):
            labels.append(words.pop(0).removeprefix(PREFIX))
        if words:
            yield Row(file, number, {"text": " ".join(words), "labels": labels})
        elif labels:
            yield Row(file, number, problem=BadRowError("empty text", "labels without a text."))


def annif_rows(lines: Iterable[str], file: str) -> Iterator[Row]:
    """Yield one row per line of a text, a tab, and subjects as ``<address>``."""
    for number, line in enumerate(lines, 1):
        text, tab, subjects = line.rstrip("\r\n").rpartition("\t")
        if tab and text.strip():
            yield Row(file, number, {"text": text, "labels": _SUBJECT.findall(subjects)})
        elif line.strip():
            problem = BadRowError("no subjects", "no tab between a text and its subjects.")
            yield Row(file, number, problem=problem, raw=line)
