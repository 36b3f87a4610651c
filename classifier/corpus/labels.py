"""Present, absent or unknown: labels from a row's cells, and the matrix they make."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article, Labels
from classifier.corpus.corpus import ReadOptions
from classifier.errors import BadInputError

__all__ = [
    "ArticleReader",
    "BadRowError",
    "Row",
    "article_from",
    "is_blank",
    "label_names",
    "parse_label_columns",
    "parse_labels",
    "truth_matrix",
]


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
    sample: str = "",
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
    sample : str
        How the article came to be labelled; see `Labels`.
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
    Labels(present=frozenset(), absent=None, borderline=False, sample='')
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
    return Labels(present, absent, borderline, sample)


def parse_label_columns(
    cells: Mapping[str, object],
    *,
    borderline: bool = False,
    sample: str = "",
    known: Collection[str] | None = None,
) -> Labels | None:
    """Return what one column per label says: 1, true or yes; 0, false or no; or nothing.

    Parameters
    ----------
    cells : mapping of str to object
        Label to cell. A blank cell, ``None`` or NaN is unknown.
    borderline : bool
        Whether the labeller hesitated.
    sample : str
        How the article came to be labelled; see `Labels`.
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
    return Labels(present, absent, borderline, sample) if present | absent else None


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


class BadRowError(BadInputError):
    """A single row that cannot become an article, while its file is still readable.

    Parameters
    ----------
    kind : str
        A few fixed words to count by, such as ``"empty text"``.
    reason : str
        The sentence for the user, without file and line.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


# Not frozen, as each of its fields would take longer to set than to read.
@dataclass(slots=True)
class Row:
    """The fields of one row and where it stands.

    Parameters
    ----------
    file : str
        The file as the user named it.
    line : int
        Line on which the row starts, counted from 1; in Parquet its row number.
    values : mapping of str to object
        The fields by name; empty when the row could not be taken apart.
    problem : BadRowError or None
        What the reader of the file found wrong with it.
    raw : object
        The row as it stood, kept for the list of rejects when `problem` is set.
    unit : str
        ``"line"``, or ``"row"`` where a file has no lines.
    """

    file: str
    line: int
    values: Mapping[str, object] = field(default_factory=dict)
    problem: BadRowError | None = None
    raw: object = None
    unit: str = "line"

    @property
    def place(self) -> str:
        """Where the row stands, for messages: ``articles.jsonl line 17``."""
        return f"{self.file} {self.unit} {self.line}"


_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d(?=[T ])")
_CONFIDENCE_WORDS = frozenset({"", "clear", "borderline"})
_MAX_NAMED = 12


class ArticleReader:
    """From rows to articles; what all rows have in common is worked out once.

    Parameters
    ----------
    options : ReadOptions
        Which field is what. Fields it does not name go to `Article.extra`.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        labels = {options.labels_field, options.negative_field, options.confidence_field}
        self._judging = frozenset(labels.union(options.label_columns))
        self._own = frozenset(
            (
                options.text_field,
                options.title_field,
                options.id_field,
                options.source_field,
                options.date_field,
            )
        )

    def __call__(self, values: Mapping[str, object]) -> Article:
        """Return the article in a row.

        Parameters
        ----------
        values : mapping of str to object
            The row's fields.

        Raises
        ------
        BadRowError
            If the text is missing or empty, a field has the wrong type, or the labels make no
            sense.
        """
        options, own = self._options, self._own
        unlabelled = not options.label_columns and self._judging.isdisjoint(values)
        labels = None if unlabelled else _labels(values, options)
        return Article(
            _text(values, options.text_field),
            _word(values, options.title_field),
            _word(values, options.id_field),
            _word(values, options.source_field),
            _day(values, options.date_field) if options.date_field in values else "",
            labels,
            {name: value for name, value in values.items() if name not in own}
            if unlabelled
            else _extra(values, options, labelled=labels is not None),
        )


def article_from(values: Mapping[str, object], options: ReadOptions) -> Article:
    """Return the article in one row, read as an `ArticleReader` with these options does."""
    return ArticleReader(options)(values)


def _text(values: Mapping[str, object], name: str) -> str:
    text = values.get(name)
    if not isinstance(text, str):
        if name not in values:
            raise BadRowError("no text field", _missing_text(values, name))
        raise BadRowError(
            "bad text", f"field '{name}' is {_kind(text)}, not a string. Write the text there."
        )
    if not text or text.isspace():
        raise BadRowError("empty text", f"empty text in field '{name}'. Fill it, or drop the row.")
    return text


def _missing_text(values: Mapping[str, object], name: str) -> str:
    strings = {field: value for field, value in values.items() if isinstance(value, str) and value}
    # The body is nearly always the longest field.
    body = max(strings, key=lambda field: len(strings[field]), default="NAME")
    return f"no '{name}' field (found: {_named(values)}). Rename it, or pass --text-field {body}."


def _word(values: Mapping[str, object], field: str) -> str:
    value = values.get(field, "")
    if isinstance(value, str):
        return value
    if is_blank(value):
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadRowError(
        "bad field", f"field '{field}' is {_kind(value)}. Write a string or a number there."
    )


def _day(values: Mapping[str, object], field: str) -> str:
    value = values.get(field)
    if isinstance(value, datetime.date):
        return value.isoformat()[:10]
    word = _word(values, field)
    stamp = _TIMESTAMP.match(word)
    return stamp[0] if stamp else word


def _labels(values: Mapping[str, object], options: ReadOptions) -> Labels | None:
    known = options.known_labels
    borderline = _confidence(values, options) == "borderline"
    sample = _sample(values, options) or ""
    try:
        if options.label_columns:
            cells = _label_cells(values, options.label_columns)
            return parse_label_columns(cells, borderline=borderline, sample=sample, known=known)
        return parse_labels(
            values.get(options.labels_field),
            values.get(options.negative_field),
            separator=options.separator,
            borderline=borderline,
            sample=sample,
            known=known,
        )
    except BadInputError as error:
        raise BadRowError("bad labels", str(error)) from None


def _label_cells(values: Mapping[str, object], columns: Iterable[str]) -> dict[str, object]:
    missing = [column for column in columns if column not in values]
    if missing:
        raise BadInputError(
            f"no label column '{missing[0]}' (found: {_named(values)}). "
            "Add it, or leave out its --label-column."
        )
    return {column: values[column] for column in columns}


def _confidence(values: Mapping[str, object], options: ReadOptions) -> str | None:
    """Return the labeller's word, or ``None`` when the field holds something else."""
    value = values.get(options.confidence_field, "")
    word = "" if is_blank(value) else str(value).strip().lower()
    return word if word in _CONFIDENCE_WORDS else None


def _sample(values: Mapping[str, object], options: ReadOptions) -> str | None:
    """Return how the article was picked, or ``None`` when the field holds something else."""
    value = values.get(options.sample_field, "")
    if is_blank(value):
        return ""
    return value.strip().lower() if isinstance(value, str) else None


def _extra(
    values: Mapping[str, object], options: ReadOptions, *, labelled: bool
) -> dict[str, object]:
    named = [options.text_field, options.title_field, options.id_field]
    named += [options.source_field, options.date_field]
    named += options.label_columns or (options.labels_field, options.negative_field)
    if _confidence(values, options) is not None:
        named.append(options.confidence_field)
    if labelled and _sample(values, options) is not None:
        named.append(options.sample_field)
    return {field: value for field, value in values.items() if field not in named}


def _named(values: Mapping[str, object]) -> str:
    names = [f"{name:.40}" for name in values]
    more = ", …" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more if names else "nothing"


def _kind(value: object) -> str:
    if is_blank(value):
        return "null" if value is None else "NaN"
    names = {bool: "true or false", list: "a list", dict: "an object", bytes: "raw bytes"}
    return names.get(
        type(value), "a number" if isinstance(value, int | float) else "something else"
    )
