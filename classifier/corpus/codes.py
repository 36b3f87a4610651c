"""Codes of a vocabulary that labels stand for, such as IPTC Media Topics."""

from __future__ import annotations

import csv
import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from classifier.article import Article, Labels
from classifier.errors import BadInputError
from classifier.files import resource

__all__ = ["LabelCodes", "code_address", "plain_code", "read_label_codes", "sector_codes"]

_CODE = re.compile(r"[A-Za-z][\w.+-]*:\S+|\d{8}")
_ADDRESS = re.compile(r"https?://cv\.iptc\.org/newscodes/(mediatopic|subjectcode)/(\d{8})/?")
_SCHEMES = {"mediatopic": "medtop", "subjectcode": "subj"}


def plain_code(code: str) -> str:
    """Return a code by its short name, also when it is an address of the IPTC.

    >>> plain_code("http://cv.iptc.org/newscodes/mediatopic/20000256")
    'medtop:20000256'
    """
    found = _ADDRESS.fullmatch(code.strip())
    return f"{_SCHEMES[found[1]]}:{found[2]}" if found else code.strip()


def code_address(code: str) -> str:
    """Return the address of a code of the IPTC; others as they are.

    >>> code_address("medtop:20000256")
    'http://cv.iptc.org/newscodes/mediatopic/20000256'
    """
    scheme, _, local = code.partition(":")
    folder = next((folder for folder, short in _SCHEMES.items() if short == scheme), "")
    return f"http://cv.iptc.org/newscodes/{folder}/{local}" if folder else code


@dataclass(frozen=True, slots=True)
class LabelCodes:
    """Which codes a label stands for, and which codes lie above others.

    Parameters
    ----------
    codes : mapping of str to tuple of str
        Label → what it is written as.
    broader : mapping of str to tuple of str
        Code → the codes, or labels, right above it.
    """

    codes: Mapping[str, tuple[str, ...]]
    broader: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def labels_of(self, code: str) -> frozenset[str]:
        """Return the labels that a code or one above it stands for."""
        waiting, seen = [code], set[str]()
        while waiting:
            each = waiting.pop()
            if each not in seen:
                seen.add(each)
                waiting += self.broader.get(each, ())
        return frozenset(
            label for label, codes in self.codes.items() if seen.intersection((label, *codes))
        )

    def of(self, labels: Iterable[str]) -> dict[str, list[str]]:
        """Return the codes of those of `labels` that have any; a label may be a code itself."""
        found = {
            label: list(self.codes.get(label, (plain_code(label),) if _is_code(label) else ()))
            for label in labels
        }
        return {label: codes for label, codes in found.items() if codes}

    def mapped(
        self, articles: Iterable[Article], *, tell: Callable[[str], None] = warnings.warn
    ) -> Iterator[Article]:
        """Yield articles whose labels that are codes have become the labels above them.

        A code that leads to no label is left out, with a note. An article is said to lack a label
        only where it is said to lack the label itself.

        Parameters
        ----------
        articles : iterable of Article
        tell : callable
            Given a sentence about codes that are left out, for each of them once.
        """
        known: dict[str, frozenset[str]] = {}
        for article in articles:
            labels = article.labels
            if labels is None or not any(map(_is_code, labels.present | (labels.absent or set()))):
                yield article
                continue
            for label in labels.present - known.keys():
                known[label] = self._mapped(label)
                if not known[label]:
                    tell(f"codes that stand for no label are left out, such as '{label:.60}'.")
            yield replace(article, labels=_relabelled(labels, known))

    def _mapped(self, label: str) -> frozenset[str]:
        if not _is_code(label):
            return frozenset((label,))
        code = plain_code(label)
        if ":" in code:
            return self.labels_of(code)
        # ninjs keeps the scheme of a code apart
        return frozenset[str]().union(
            *(self.labels_of(f"{scheme}:{code}") for scheme in _SCHEMES.values())
        )


def _is_code(label: str) -> bool:
    return _CODE.fullmatch(label) is not None


def _relabelled(labels: Labels, known: Mapping[str, frozenset[str]]) -> Labels:
    present = frozenset[str]().union(*(known[label] for label in labels.present))
    absent = labels.absent
    if absent is not None:
        absent = frozenset(label for label in absent if not _is_code(label)) - present
    return replace(labels, present=present, absent=absent)


def sector_codes() -> LabelCodes:
    """Return the codes of the five sectors, as `data/sectors.toml` has them."""
    return read_label_codes(resource("data", "sectors.toml"))


def read_label_codes(path: Path | str) -> LabelCodes:
    """Return what a file says of labels and their codes.

    Parameters
    ----------
    path : Path or str
        TOML or JSON with ``labels``: each label with its ``codes`` and perhaps the codes
        ``narrower`` than these, or with a list of codes; and perhaps with ``broader``: each code
        with the codes above it. Or CSV with the columns ``label`` and ``code``, and perhaps
        ``broader``: a code above the code; rows without a label say nothing else.

    Raises
    ------
    BadInputError
        When it cannot be read, or is none of these.
    """
    path = Path(path)
    try:
        content = path.read_text(encoding="utf-8-sig")
        document: Any = _PARSERS[path.suffix.lower()](content)
    except KeyError:
        raise BadInputError(
            f"{path}: codes of labels are read from .toml, .json and .csv."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: cannot be read as codes of labels ({error}).") from None
    if not isinstance(document, dict):
        raise BadInputError(f"{path}: holds no labels with codes. Write labels, each with codes.")
    labels = document.get("labels", document)
    codes, broader = dict[str, tuple[str, ...]](), dict[str, tuple[str, ...]]()
    for label, said in labels.items() if isinstance(labels, dict) else ():
        parts = said if isinstance(said, dict) else {"codes": said}
        codes[label] = _codes(parts.get("codes"), f"{path}: label '{label:.60}'")
        for code in _codes(parts.get("narrower", []), f"{path}: label '{label:.60}'"):
            broader[code] = (*broader.get(code, ()), label)
    if not codes:
        raise BadInputError(f"{path}: holds no labels with codes. Write labels, each with codes.")
    for code, above in (document.get("broader") or {}).items():
        named = _codes(above, f"{path}: broader of '{code:.60}'")
        broader[plain_code(code)] = (*broader.get(plain_code(code), ()), *named)
    return LabelCodes(codes, broader)


def _codes(value: object, where: str) -> tuple[str, ...]:
    codes = [value] if isinstance(value, str) else value
    if not isinstance(codes, list) or not all(isinstance(c, str) and c.strip() for c in codes):
        raise BadInputError(
            f"{where}: the codes are {value!r:.60}. Write a list of codes, such as "
            '["medtop:20000256"].'
        )
    return tuple(map(plain_code, codes))


def _table(content: str) -> dict[str, Any]:
    rows: Sequence[Mapping[str, str | None]] = list(csv.DictReader(content.splitlines()))
    if not rows or not {"label", "code"} <= rows[0].keys():
        raise ValueError("a table needs the columns label and code")
    labels, broader = dict[str, list[str]](), dict[str, list[str]]()
    for row in rows:
        label, code, above = ((row.get(n) or "").strip() for n in ("label", "code", "broader"))
        if label and code:
            labels.setdefault(label, []).append(code)
        if code and above:
            broader.setdefault(code, []).append(above)
    return {"labels": labels, "broader": broader}


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": json.loads,
    ".csv": _table,
}
