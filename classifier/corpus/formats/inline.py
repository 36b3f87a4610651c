"""Texts with labels in the line itself, as fastText and Annif write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from classifier.corpus.rows import BadRowError, Row, check_bytes
from classifier.errors import BadInputError

__all__ = ["inline_rows", "subjects_in"]

_PREFIX = "__label__"
_ANNIF = re.compile(r"(.*?)\t((?:\s*<[^<>]+>)*\s*)")
_SUBJECT = re.compile(r"<([^<>]+)>")


def inline_rows(lines: Iterable[str], file: str, encoding: str, format: str) -> Iterator[Row]:
    """Yield one row per line that is not blank.

    As ``fasttext`` it is ``__label__a __label__b text``; as ``annif`` a text, a tab, and subjects
    as ``<address>``.
    """
    parse = _fasttext if format == "fasttext" else _annif
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
    n_labels = next((n for n, w in enumerate(words) if not w.startswith(_PREFIX)), len(words))
    if n_labels == len(words):
        raise BadRowError("empty text", "labels without a text. Write the text behind them.")
    labels = [word.removeprefix(_PREFIX) for word in words[:n_labels]]
    text = " ".join(words[n_labels:]).removeprefix(", ")  # as some put it behind labels
    return {"text": text, "labels": labels}


def _annif(line: str) -> dict[str, object]:
    found = _ANNIF.fullmatch(line)
    if found is None or not found[1].strip():
        reason = "no tab between a text and its <subjects>. Write one, or name the --input-format."
        raise BadRowError("no subjects", reason)
    return {"text": found[1], "labels": _SUBJECT.findall(found[2])}


def subjects_in(path: Path, encoding: str) -> list[str]:
    """Return the subjects in a file beside a text.

    Parameters
    ----------
    path : Path
        A ``.key`` with a name a line, or a ``.tsv`` with ``<address>``, a tab and a name; where
        there is no name, the address stands for it.
    encoding : str

    Raises
    ------
    BadInputError
        If it cannot be read, or is no text of the encoding.
    """
    try:
        lines = path.read_text("utf-8-sig" if encoding == "utf-8" else encoding).splitlines()
    except (OSError, UnicodeError) as error:
        raise BadInputError(f"{path}: its subjects cannot be read ({error}).") from None
    if path.suffix == ".tsv":
        cells = [line.partition("\t") for line in lines]
        lines = [name.strip() or address.strip("<> ") for address, _, name in cells]
    return [line.strip() for line in lines if line.strip()]
