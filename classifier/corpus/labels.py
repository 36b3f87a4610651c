"""Present, absent or unknown: labels from a row's cells, and the matrix they make."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article, Labels
from classifier.errors import BadInputError

__all__ = ["is_blank", "label_names", "parse_label_columns", "parse_labels", "truth_matrix"]

_PRESENT = frozenset({"1", "1.0", "true", "yes"})
_ABSENT = frozenset({"0", "0.0", "false", "no"})


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
        _check_named(article.present, names, article=i)
        absent = corpus if article.absent is None else article.absent
        Y[i, [column[name] for name in absent & everything]] = 0.0
        Y[i, [column[name] for name in article.present]] = 1.0
    return Y


def parse_labels(
    value: object,
    negative: object = None,
    *,
    separator: str = "|",
    borderline: bool = False,
    known: Collection[str] | None = None,
) -> Labels | None:
    """Return what a row says about its labels.

    Parameters
    ----------
    value : list of str, str, None or NaN
        The labels it has: a list, or one string with `separator` between them. An empty list or
        string means none of the labels; ``None`` and NaN mean that nobody has looked.
    negative : list of str, str, None or NaN
        The labels it is known not to have. Once this is given, labels in neither are unknown.
    separator : str
        What stands between labels in one string.
    borderline : bool
        Whether the labeller hesitated.
    known : collection of str, optional
        The labels allowed.

    Returns
    -------
    Labels or None
        ``None`` when both `value` and `negative` are unknown.

    Raises
    ------
    BadInputError
        If a label is not a string, holds the separator, is not known, or stands on both sides.

    Examples
    --------
    >>> sorted(parse_labels("energy|technology").present)
    ['energy', 'technology']
    >>> parse_labels("")
    Labels(present=frozenset(), absent=None, borderline=False)
    """
    present = _label_set(value, separator)
    absent = _label_set(negative, separator)
    if present is None and absent is None:
        return None
    present = present or frozenset()
    _check_known(present | (absent or frozenset()), known)
    both = sorted(present & (absent or frozenset()))
    if both:
        raise BadInputError(f"label '{both[0]}' is both present and negative. Keep one of them.")
    return Labels(present, absent, borderline)


def parse_label_columns(
    cells: Mapping[str, object],
    *,
    borderline: bool = False,
    known: Collection[str] | None = None,
) -> Labels | None:
    """Return what one column per label says: 1, true or yes; 0, false or no; or nothing.

    Parameters
    ----------
    cells : mapping of str to object
        Label to cell. A blank cell, ``None`` or NaN is unknown.
    borderline : bool
        Whether the labeller hesitated.
    known : collection of str, optional
        The labels allowed.

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
    return Labels(present, absent, borderline) if present | absent else None


def is_blank(value: object) -> bool:
    """Return whether `value` says nothing: ``None``, or a NaN as data frames leave it."""
    return value is None or (isinstance(value, float) and value != value)


def _label_set(value: object, separator: str) -> frozenset[str] | None:
    if is_blank(value):
        return None
    if isinstance(value, str):
        return frozenset(part.strip() for part in value.split(separator) if part.strip())
    if isinstance(value, list | tuple):
        return frozenset(filter(None, (_listed_label(item, separator) for item in value)))
    raise BadInputError(
        f"the labels are {value!r:.60}, neither a list nor a string. "
        f'Write ["energy", "culture"] or "energy{separator}culture".'
    )


def _listed_label(item: object, separator: str) -> str:
    if not isinstance(item, str):
        raise BadInputError(f"label {item!r:.60} is not a string. Write the label's name.")
    if separator in item:
        raise BadInputError(
            f"label '{item:.60}' holds the separator '{separator}'. "
            "Split it into two labels, or choose another --separator."
        )
    return item.strip()


def _cell_state(label: str, cell: object) -> bool | None:
    word = "" if is_blank(cell) else str(cell).strip().lower()
    if word == "":
        return None
    if word in _PRESENT | _ABSENT:
        return word in _PRESENT
    raise BadInputError(
        f"label column '{label}' holds {cell!r:.60}. Write 1 for present, 0 for absent, "
        "or leave it empty for unknown."
    )


def _check_known(labels: Iterable[str], known: Collection[str] | None) -> None:
    if known is None:
        return
    strangers = sorted(set(labels) - set(known))
    if strangers:
        close = difflib.get_close_matches(strangers[0], known, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"Known are: {', '.join(known)}."
        raise BadInputError(f"unknown label '{strangers[0]:.60}'. {hint}")


def _check_named(present: frozenset[str], names: Sequence[str], *, article: int) -> None:
    strangers = sorted(present - set(names))
    if strangers:
        raise BadInputError(
            f"article {article + 1}: label '{strangers[0]}' is not among the labels asked for "
            f"({', '.join(names)}). Add it, or leave the article out."
        )
