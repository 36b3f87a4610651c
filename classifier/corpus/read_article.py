"""From a row's fields to an article, or to the reason why it cannot be one."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping

from classifier.article import Article, Labels
from classifier.corpus.labels import is_blank, parse_label_columns, parse_labels
from classifier.corpus.read_options import ReadOptions
from classifier.corpus.read_row import BadRowError
from classifier.errors import BadInputError

__all__ = ["ArticleReader", "article_from"]

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
        return Article(
            _text(values, options.text_field),
            _word(values, options.title_field),
            _word(values, options.id_field),
            _word(values, options.source_field),
            _day(values, options.date_field) if options.date_field in values else "",
            None if unlabelled else _labels(values, options),
            {name: value for name, value in values.items() if name not in own}
            if unlabelled
            else _extra(values, options),
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
    try:
        if options.label_columns:
            cells = _label_cells(values, options.label_columns)
            return parse_label_columns(cells, borderline=borderline, known=known)
        return parse_labels(
            values.get(options.labels_field),
            values.get(options.negative_field),
            separator=options.separator,
            borderline=borderline,
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


def _extra(values: Mapping[str, object], options: ReadOptions) -> dict[str, object]:
    named = [options.text_field, options.title_field, options.id_field]
    named += [options.source_field, options.date_field]
    named += options.label_columns or (options.labels_field, options.negative_field)
    if _confidence(values, options) is not None:
        named.append(options.confidence_field)
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
