"""Present, absent or unknown: labels from a row's cells, and the matrix they make."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article, Labels
from classifier.corpus.corpus import folded_label
from classifier.errors import BadInputError
from classifier.fields import inner_word, is_blank

__all__ = [
    "ABSENT_WORDS",
    "PRESENT_WORDS",
    "LabelSpelling",
    "label_fields",
    "label_names",
    "parse_label_columns",
    "parse_labels",
    "read_label_names",
    "truth_matrix",
]


PRESENT_WORDS = frozenset(
    {"1", "1.0", "true", "yes", "y", "ja", "j", "wahr", "oui", "o", "vrai", "sí", "si", "да"}
)
ABSENT_WORDS = frozenset(
    {"0", "0.0", "false", "no", "n", "nein", "nee", "nej", "falsch", "non", "faux", "нет"}
)


def label_names(articles: Iterable[Article]) -> tuple[str, ...]:
    """Return every label that some article is said to have, or not to have, in sorted order.

    A label that is only ever absent is named too, so that whoever trains on it can say that it
    has no positive example.
    """
    names: set[str] = set()
    for article in articles:
        if article.labels is not None:
            names |= article.labels.present | (article.labels.absent or frozenset())
    return tuple(sorted(names))


def truth_matrix(
    labels: Sequence[Labels | None],
    names: Sequence[str],
    known: Sequence[frozenset[str]] | None = None,
) -> NDArray[np.float64]:
    """Return what is known of every article and label as numbers.

    Parameters
    ----------
    labels : sequence of (Labels or None), length n_articles
        ``None`` for an unlabelled article.
    names : sequence of str, length n_labels
        The columns, in order.
    known : sequence of frozenset of str, length n_articles, optional
        Per article, the labels its corpus knows; `names` when not given. It decides what
        ``absent=None`` covers.

    Returns
    -------
    ndarray of shape (n_articles, n_labels), dtype float64
        1 present, 0 absent, NaN unknown.

    Raises
    ------
    BadInputError
        If an article has a label that is not among `names`.
    """
    column = {name: j for j, name in enumerate(names)}
    everything = frozenset(names)
    Y = np.full((len(labels), len(names)), np.nan)
    corpora = [everything] * len(labels) if known is None else known
    for i, (article, corpus) in enumerate(zip(labels, corpora, strict=True)):
        if article is None:
            continue
        for stranger in sorted(article.present - everything):
            raise BadInputError(
                f"article {i + 1}: label '{stranger}' is not among the labels asked for "
                f"({', '.join(names)}). Add it, or leave the article out."
            )
        absent = corpus if article.absent is None else article.absent
        Y[i, [column[name] for name in absent & everything]] = 0.0
        Y[i, [column[name] for name in article.present]] = 1.0
    return Y


def parse_labels(
    value: object,
    negative: object = None,
    *,
    separator: str | None = None,
    borderline: bool = False,
    sample: str = "",
    known: Collection[str] | None = None,
    spell: Callable[[str], str] | None = None,
    tell: Callable[[str], None] = warnings.warn,
) -> Labels | None:
    """Return what a row says about its labels.

    Parameters
    ----------
    value : list, str, int, mapping, None or NaN
        The labels it has: a list; one string with `separator` between them, or with a list in
        JSON or Python's form; a number; ``{"choices": [...]}``; or a mapping of each label to a
        number, from 1/2 on for those it has, the others for those it has not, or to ``None``
        for those nobody has looked for, as columns of Parquet hold them. An empty list or
        string means none of the labels; ``None`` and NaN mean that nobody has looked.
    negative : list, str, int, None or NaN
        The labels it is known not to have. Once this is given, labels in neither are unknown.
    separator : str, optional
        What stands between labels in one string, else the first of ``|``, ``;``, ``,`` in it.
    borderline : bool
        Whether the labeller hesitated.
    sample : str
        How the article came to be labelled; see `Labels`.
    known : collection of str, optional
        The labels allowed.
    spell : callable, optional
        From a label as it is written to its name; see `LabelSpelling`.
    tell : callable
        Given a sentence about each way of reading that might not be meant.

    Returns
    -------
    Labels or None
        ``None`` when both `value` and `negative` are unknown.

    Raises
    ------
    BadInputError
        If a label is no string or whole number, holds the separator, is unknown, or on both sides.

    Examples
    --------
    >>> sorted(parse_labels("energy|technology").present)
    ['energy', 'technology']
    """
    value = _unpacked(value, tell)
    if _holds_scores(value):
        value, negative = _by_score(value)  # type: ignore[arg-type]
    sides = (value, _unpacked(negative, tell))
    present, absent = (_label_set(side, separator, spell, tell) for side in sides)
    if present is None and absent is None:
        return None
    _check_sides(present or frozenset(), absent or frozenset(), known)
    return Labels(present or frozenset(), absent, borderline, sample)


def parse_label_columns(
    cells: Mapping[str, object],
    *,
    borderline: bool = False,
    sample: str = "",
    known: Collection[str] | None = None,
) -> Labels | None:
    """Return what one column per label says: 1, true, yes; 0, false, no; or nothing.

    Parameters
    ----------
    cells : mapping of str to object
        Label to cell. A blank cell, ``None`` or NaN is unknown.
    borderline, sample, known
        As in `parse_labels`.

    Returns
    -------
    Labels or None
        ``None`` when every cell is blank.

    Raises
    ------
    BadInputError
        If a cell holds anything else, or a column is not a known label.
    """
    _check_known(cells, known)
    states = {label: _cell_state(label, cell) for label, cell in cells.items()}
    present = frozenset(label for label, state in states.items() if state is True)
    absent = frozenset(label for label, state in states.items() if state is False)
    return Labels(present, absent, borderline, sample) if present | absent else None


class LabelSpelling:
    """One name for each label, however it is written in rows of one or several files.

    Parameters
    ----------
    names : mapping of str to str
        Name by code, for labels that are written as codes.
    exact : bool
        Keep labels apart that differ in case or blanks alone; else the first that comes up
        gives the name.
    known : iterable of str
        Names that have come up before.
    first : dict of str to str, optional
        The first spelling by folded label, to share between readers; filled here.
    tell : callable
        Given a sentence about labels that are taken for one, and about codes without names.
    """

    def __init__(
        self,
        names: Mapping[str, str] | None = None,
        *,
        exact: bool = False,
        known: Iterable[str] = (),
        first: dict[str, str] | None = None,
        tell: Callable[[str], None] = warnings.warn,
    ) -> None:
        self._names, self._exact, self._tell = names or {}, exact, tell
        self._first = first if first is not None else {}
        for name in known:
            self._first.setdefault(folded_label(name), name)

    def __call__(self, label: str) -> str:
        """Return the name of a label.

        Raises
        ------
        BadInputError
            When it is a code that has no name among those given.
        """
        if self._names:
            if label not in self._names:
                codes = ", ".join(list(self._names)[:12])
                raise BadInputError(
                    f"label '{label:.60}' has no name. The codes are {codes}. Where codes do not "
                    "count from 0, write CODE,NAME on each line of --label-names."
                )
            label = self._names[label]
        if self._exact:
            return label
        first = self._first.setdefault(folded_label(label), label)
        if first != label:
            self._tell(
                f"labels '{first}' and '{label}' are taken for one, '{first}'. --exact-labels "
                "keeps such labels apart."
            )
        elif label.isdecimal() and not self._names:
            self._tell(f"labels are numbers, such as {label:.20}. --label-names FILE names them.")
        elif label.casefold() in ("nan", "none", "null", "n/a", "-", "–", "—"):
            self._tell(f"'{label}' is read as a label. Leave a cell empty to say nothing.")
        return first


def read_label_names(path: Path | str) -> dict[str, str]:
    """Return the name of each code in a file.

    Parameters
    ----------
    path : Path or str
        A JSON object of codes and names; a JSON list, or one name a line, for the codes 0, 1,
        2 …; or a code, a comma or tab, and a name on each line.

    Raises
    ------
    BadInputError
        When the file cannot be read or is none of these.
    """
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise BadInputError(f"{path}: cannot be read as names of labels ({error}).") from None
    try:
        value = json.loads(content) if content.lstrip()[:1] in ("[", "{") else None
    except ValueError as error:
        raise BadInputError(f"{path}: not valid JSON ({error}). Write a list of names.") from None
    if isinstance(value, dict):
        return {str(code): str(name) for code, name in value.items()}
    lines = [str(name).strip() for name in value or content.splitlines()]
    pairs = [line.replace("\t", ",", 1).partition(",") for line in lines if line]
    if not pairs:
        raise BadInputError(f"{path}: holds no names of labels. Write one a line.")
    if value is None and all(name.strip() and code.strip().isdigit() for code, _, name in pairs):
        return {code.strip(): name.strip() for code, _, name in pairs}
    return {str(code): name for code, name in enumerate(filter(None, lines))}


# Longer cells are no lists of labels, and parsing them would cost.
_LONGEST_LITERAL = 10_000
# A list without quotes round its labels.
_BRACKETED = r"\[[^][]*\]"
# A list as NumPy prints it, which Python would take for one string: ['energy' 'culture'].
_QUOTED = r"'[^'\\\n]*'|\"[^\"\\\n]*\""
_NUMPY_LIST = rf"\[\s*(?:{_QUOTED})(?:\s+(?:{_QUOTED}))+\s*\]"
_LONGEST_LABEL = 1000
_FOUND_SEPARATORS = ("|", ";", ",")


def _unpacked(value: object, tell: Callable[[str], None]) -> object:
    """Return a value as Python has it: lists in cells, NumPy's and what annotators wrap."""
    if isinstance(value, str):
        literal = _literal(value)
        if literal is None:
            return value.strip()[1:-1] if re.fullmatch(_BRACKETED, value.strip()) else value
        tell(f"labels in a cell are read as a list, such as {value.strip():.60}.")
        value = literal
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping) and isinstance(value.get("choices"), list | tuple | str):
        value = value["choices"]
    return value


def _literal(cell: str) -> list[Any] | dict[str, Any] | None:
    """Return the list or the object that a cell spells, without running anything in it."""
    text = cell.strip()
    if text[:1] + text[-1:] not in ("[]", "()", "{}") or len(text) > _LONGEST_LITERAL:
        return None
    if re.fullmatch(_NUMPY_LIST, text):
        return [quoted[1:-1] for quoted in re.findall(_QUOTED, text)]
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        if isinstance(found, dict):
            return found
        return list(found) if isinstance(found, list | tuple | set) else None
    return None


def _holds_scores(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and not all(map(is_blank, value.values()))
        and all(isinstance(score, bool | int | float | None) for score in value.values())
    )


def _by_score(scores: Mapping[str, float | None]) -> tuple[list[str], list[str]]:
    known = {label: score for label, score in scores.items() if score is not None}
    has = [label for label, score in known.items() if score >= 0.5]
    return has, [label for label in known if label not in has]


def _label_set(
    value: object,
    separator: str | None,
    spell: Callable[[str], str] | None,
    tell: Callable[[str], None],
) -> frozenset[str] | None:
    if is_blank(value):
        return None
    if isinstance(value, str):
        labels = [part.strip() for part in _split(value, separator, tell)]
    elif isinstance(value, list | tuple | set | frozenset):
        labels = [_listed_label(item, separator or "|", tell) for item in value]
    elif _is_whole(value):
        labels = [str(int(value))]  # type: ignore[call-overload]
    else:
        raise BadInputError(
            f"the labels are {value!r:.60}, neither a list nor a string. "
            f'Write ["energy", "culture"] or "energy{separator or "|"}culture".'
        )
    long = next((label for label in labels if len(label) > _LONGEST_LABEL), None)
    if long is not None:
        raise BadInputError(
            f"label '{long:.60}…' has {len(long):,} characters. Is that the field with the labels?"
        )
    named = filter(None, labels)
    return frozenset(named if spell is None else map(spell, named))


def _split(cell: str, separator: str | None, tell: Callable[[str], None]) -> list[str]:
    if separator is not None:
        return cell.split(separator)
    found = next((sign for sign in _FOUND_SEPARATORS if sign in cell), None)
    lines = cell.split("\n")
    if len(lines) > 1:  # as spreadsheets have them in a cell
        return [label for line in lines for label in (line.split(found) if found else [line])]
    if found is None:
        if "#" in cell.strip(" #"):
            tell(
                f"labels with '#' are read as one, such as '{cell:.60}'. If that is several, pass "
                "--separator '#'."
            )
        return [cell]
    if found != "|":
        tell(
            f"labels are split at '{found}', such as '{cell:.60}'. If that is one label, pass "
            "--separator '|'."
        )
    return cell.split(found)


def _is_whole(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or value.is_integer()


def _listed_label(item: object, separator: str, tell: Callable[[str], None]) -> str:
    item = _unpacked(item, tell) if isinstance(item, Mapping) else item
    if isinstance(item, Mapping | list | tuple):
        whole, item = item, inner_word(item)
        if isinstance(whole, Mapping) and isinstance(item, str):
            tell(f"labels that are objects are called by their names, such as '{item:.60}'.")
    if _is_whole(item):
        return str(int(item))  # type: ignore[call-overload]
    if not isinstance(item, str):
        raise BadInputError(f"label {item!r:.60} is not a string. Write the label's name.")
    if separator.strip() and separator in item:
        raise BadInputError(
            f"label '{item:.60}' holds the separator '{separator}'. "
            "Split it into two labels, or choose another --separator."
        )
    return item.strip()


def _cell_state(label: str, cell: object) -> bool | None:
    word = "" if is_blank(cell) else str(cell).strip().lower()
    if word == "":
        return None
    if word in PRESENT_WORDS | ABSENT_WORDS:
        return word in PRESENT_WORDS
    raise BadInputError(
        f"label column '{label}' holds {cell!r:.60}. Write 1 for present, 0 for absent, "
        "or leave it empty for unknown."
    )


def _check_sides(
    present: frozenset[str], absent: frozenset[str], known: Collection[str] | None
) -> None:
    _check_known(present | absent, known)
    for label in sorted(present & absent):
        raise BadInputError(f"label '{label}' is both present and negative. Keep one of them.")


def _check_known(labels: Iterable[str], known: Collection[str] | None) -> None:
    if known is None:
        return
    strangers = sorted(set(labels) - set(known))
    if strangers:
        import difflib

        close = difflib.get_close_matches(strangers[0], known, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"Known are: {', '.join(known)}."
        raise BadInputError(f"unknown label '{strangers[0]:.60}'. {hint}")


def label_fields(labels: Labels | None) -> dict[str, object]:
    """Return the fields of a row that `parse_labels` reads as these labels."""
    if labels is None:
        return {}
    fields: dict[str, object] = {"labels": sorted(labels.present)}
    if labels.absent is not None:
        fields["negative"] = sorted(labels.absent)
    if labels.borderline:
        fields["confidence"] = "borderline"
    if labels.sample:
        fields["sample"] = labels.sample
    return fields
