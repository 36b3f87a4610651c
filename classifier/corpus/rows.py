"""From a row to an article: which field is what, and what each must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from classifier.article import Article, Labels
from classifier.corpus.corpus import ITEM, UNREAD, ReadOptions, ReadTally
from classifier.corpus.formats.documents import plain_html
from classifier.corpus.formats.shapes import WRAPPERS, ninjs_row, shape_of
from classifier.corpus.labels import (
    ABSENT_WORDS,
    PRESENT_WORDS,
    LabelSpelling,
    parse_label_columns,
    parse_labels,
)
from classifier.corpus.open import bad_bytes, encoding_reason
from classifier.errors import BadInputError, listed, number_of
from classifier.fields import (
    MISSING,
    PARTS,
    day_of,
    field_value,
    inner_word,
    is_abroad,
    is_blank,
    other_field,
    usual_field,
)

__all__ = ["ArticleReader", "BadRowError", "Row", "article_from", "check_bytes", "unwrapped"]


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


def check_bytes(text: str, encoding: str) -> None:
    """Raise `BadRowError` when a text holds bytes that are none of its encoding.

    Parameters
    ----------
    text : str
        Undecodable bytes stand as U+DC80 to U+DCFF.
    encoding : str
        What it was decoded as, for the message.
    """
    if bad_bytes(text)[1]:
        raise BadRowError("bad encoding", encoding_reason(text, encoding))


def unwrapped(
    values: Mapping[str, object],
    unwrap: Callable[[Mapping[str, object]], Mapping[str, object]] | None = None,
) -> Mapping[str, object]:
    """Return a row of an object of another program, such as an item of ninjs; others as they are.

    Parameters
    ----------
    values : mapping of str to object
    unwrap : callable, optional
        What makes the row, where it is known.

    Raises
    ------
    BadRowError
        If a field has another type than that program gives it.
    """
    unwrap = unwrap or shape_of(values)
    try:
        return unwrap(values) if unwrap else values
    except (TypeError, AttributeError, ValueError) as error:
        reason = f"is like an item of another program, but one of its fields is not ({error})."
        raise BadRowError("bad field", reason) from None


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
        ``"line"``, or ``"row"`` where a file has no lines; empty where the file is the article.
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
        return f"{self.file} {self.unit or 'line'} {self.line}"


_CONFIDENCE_WORDS = frozenset({"", "clear", "borderline"})
# What annotators' files say of answers that are none.
_NO_ANSWER = frozenset({"reject", "ignore"})
_MAX_NAMED = 12
# Rows have few sets of fields; a file where each has its own must not fill the memory.
_MOST_SHAPES = 1000
# Rows looked at for columns of 0 and 1, and columns that are offered as labels.
_ROWS_SAMPLED, _MOST_OFFERED = 200, 40
# Blanks in what is taken for prose, when a field with the text is looked for.
_PROSE_BLANKS = 4
# A list of paragraphs has one so long; one of headlines to read next has none.
_PARAGRAPH_BLANKS = 20
# Of ids as databases have them.
_DATABASE_TYPES = ("Decimal", "UUID")


@dataclass(frozen=True, slots=True)
class _Shape:
    """Under which names rows with certain fields keep the parts of an article."""

    text: str | None
    title: str | None
    id: str | None
    source: str | None
    date: str | None
    labels: str | None
    negative: str | None
    confidence: str | None
    sample: str | None
    own: frozenset[str]
    judged: bool
    unwrap: Callable[[Mapping[str, object]], Mapping[str, object]] | None = None


_WRAPPED = _Shape(**dict.fromkeys(PARTS), own=frozenset(), judged=False)


class ArticleReader:
    """From rows to articles; what rows have in common is worked out once.

    Parameters
    ----------
    options : ReadOptions
        Which field is what. Fields it does not name are found by their usual names; all others
        go to `Article.extra`.
    tally : ReadTally, optional
        Told what was recognised, and what is unusual.
    """

    def __init__(self, options: ReadOptions, tally: ReadTally | None = None) -> None:
        self._options = options
        self._tally = tally if tally is not None else ReadTally(tell=lambda line: None)
        self._spell = LabelSpelling(
            options.label_names,
            exact=options.exact_labels,
            known=options.known_labels or (),
            first=self._tally.spellings,
            tell=self._tally.note,
        )
        self._shapes: tuple[dict[tuple[str, ...], _Shape], ...] = ({}, {})
        named = {part: getattr(options, f"{part}_field") for part in PARTS}
        self._named = {part: name for part, name in named.items() if name is not None}
        self._unseen = {part: name for part, name in self._named.items() if name != UNREAD}
        self._found: dict[str, None] = {}
        self._odd_dates: Counter[str] = Counter()
        self._cells: dict[str, set[str]] = {}
        self._n_rows = self._n_labelled = 0

    def __call__(self, values: Mapping[str, object]) -> Article:
        """Return the article in a row.

        Parameters
        ----------
        values : mapping of str to object
            The row's fields.

        Raises
        ------
        BadRowError
            If there is neither text nor headline, a field has the wrong type or could be one of
            several, or the labels make no sense.
        """
        shape = self.shape(values)
        if shape.unwrap is not None:
            item, values = values, unwrapped(values, shape.unwrap)
            if self._options.keep_item and shape.unwrap is ninjs_row:
                values = {**values, ITEM: item}
            shape = self.shape(values, unwrap=False)
        labels = self._labels(values, shape) if shape.judged else None
        title = self._word(values, shape.title)
        date = self._day(values, shape.date) if shape.date is not None else ""
        own = shape.own
        if date is None or shape.judged:
            own = self._own(values, shape, labelled=labels is not None, dated=date is not None)
        return Article(
            self._text(values, shape.text, title),
            title,
            self._word(values, shape.id),
            self._word(values, shape.source),
            date or "",
            labels,
            {name: value for name, value in values.items() if name not in own},
        )

    def read(self, row: Row) -> Article:
        """Return the article in a row, called by its place when it has no id and options say so.

        Raises
        ------
        BadRowError
            As for its fields, or what the reader of the file found wrong.
        """
        if row.problem is not None:
            raise row.problem
        article = self(row.values)
        if self._options.line_ids and not article.id and row.unit:
            object.__setattr__(article, "id", row.place)  # it was made a moment ago
        return article

    def shape(self, values: Mapping[str, object], *, unwrap: bool = True) -> _Shape:
        """Return under which names a row keeps the parts of an article.

        Parameters
        ----------
        values : mapping of str to object
        unwrap : bool
            Whether it may be an object of another program, which holds a row.

        Raises
        ------
        BadRowError
            If a part could be one of several fields.
        """
        fields = tuple(values)
        shapes = self._shapes[unwrap]
        shape = shapes.get(fields)
        if shape is None:
            if len(shapes) >= _MOST_SHAPES:
                shapes.clear()
            wrapped = shape_of(fields) if unwrap else None
            if wrapped is not None:
                self._name_inside()
            shape = replace(_WRAPPED, unwrap=wrapped) if wrapped else self._shape_of(fields)
            shapes[fields] = shape
        return shape

    def _name_inside(self) -> None:
        """Let names of fields begin within objects of other programs, such as ``_source.body``."""
        for named in (self._named, self._unseen):
            for part, name in named.items():
                head, _, rest = name.partition(".")
                named[part] = rest if rest and head in WRAPPERS else name

    def finish(self) -> None:
        """Tell what only the end of the rows shows.

        Raises
        ------
        BadInputError
            If a field that the options name was in no row.
        """
        missing = self.missing()
        if missing is None:
            return
        for sentence in missing.values():
            raise BadInputError(sentence)
        n_odd = self._odd_dates.total()
        if n_odd:
            example = next(iter(self._odd_dates))
            counts = "counts" if n_odd == 1 else "count"
            self._tally.note(
                f"{number_of(n_odd, 'date is', 'dates are')} not understood, such as "
                f"'{example:.40}', and {counts} as unknown. Pass --date-format, for example "
                "--date-format '%d/%m/%Y'."
            )
        offered = [name for name, cells in self._cells.items() if _says_both(cells)]
        if offered and not self._n_labelled and len(offered) <= _MOST_OFFERED:
            options = " ".join(f"--label-column {name}" for name in offered[:3])
            kind = "0 and 1" if self._cells[offered[0]] == {"0", "1"} else "yes and no"
            self._tally.note(
                f"no labels were found, but columns of {kind}: {listed(offered)}. If they are "
                f"labels, pass {options}{' …' if len(offered) > 3 else ''}."
            )

    def missing(self) -> dict[str, str] | None:
        """Return by part what is wrong with a field that is named and was in no row so far.

        ``None`` when there were no rows.
        """
        if not self._n_rows and not self._found:
            return None
        return {part: str(self._not_there(part, name)) for part, name in self._unseen.items()}

    def check_named(self, names: Iterable[str]) -> None:
        """Raise `BadInputError` when a named field is not among the columns of a table."""
        columns = list(names)
        self._found |= dict.fromkeys(columns)
        for part, name in self._unseen.items():
            if field_value(dict.fromkeys(columns), name) is MISSING and not _may_be_nested(name):
                raise self._not_there(part, name)

    def _not_there(self, part: str, name: str) -> BadInputError:
        found = listed([f"{name:.40}" for name in self._found], most=_MAX_NAMED)
        return BadInputError(
            f"no row has the field '{name}' of --{part}-field (found: {found or 'nothing'})."
        )

    def _shape_of(self, fields: tuple[str, ...]) -> _Shape:
        self._found |= dict.fromkeys(fields[:_MAX_NAMED])
        names: dict[str, str | None] = {}
        for part in PARTS:
            named = self._named.get(part)
            if named is None:
                names[part] = self._usual(fields, part)
            else:
                names[part] = named if named in fields or _may_be_nested(named) else None
                if named in fields:
                    self._unseen.pop(part, None)
        own = frozenset(
            names[part] for part in ("text", "title", "id", "source", "date") if names[part]
        )
        self._note_unread(fields, names)
        judging = [names[part] for part in ("labels", "negative", "confidence")]
        judged = any(judging) or bool(self._options.label_columns)
        return _Shape(**names, own=own, judged=judged)  # type: ignore[arg-type]

    def _note_unread(self, fields: tuple[str, ...], names: Mapping[str, str | None]) -> None:
        """Say which fields are no part of the article, where they are called in any language."""
        parts = [part for part in ("title", "id", "date") if part not in self._named]
        lacking = [f"--{part}-field" for part in parts if names[part] is None]
        if not lacking or not any(map(is_abroad, fields)):
            return
        taken = {*names.values(), *self._options.label_columns}
        rest = [name for name in fields if name not in taken]
        rest = [name for name in rest if not any(usual_field([name], part) for part in PARTS)]
        if rest:
            self._tally.note(
                f"some fields are read as no part of the article, such as {listed(rest)}. If one "
                f"is, pass {listed(lacking)}."
            )

    def _usual(self, fields: tuple[str, ...], part: str) -> str | None:
        labels = part == "labels"
        if labels and self._options.label_columns:
            return None
        own_only = labels and not self._options.usual_labels
        try:
            name = usual_field(fields, part, own_only=own_only)
        except BadInputError as error:
            raise BadRowError("ambiguous field", str(error)) from None
        if name is not None and name != part:
            self._tally.note(f"reading '{name}' as the {part}.")
        return name

    def _value(self, values: Mapping[str, object], name: str | None) -> object:
        value = field_value(values, name)
        if self._unseen and name is not None and value is not MISSING:
            self._unseen = {part: each for part, each in self._unseen.items() if each != name}
        return value

    def _text(self, values: Mapping[str, object], name: str | None, title: str) -> str:
        self._n_rows += 1
        text = self._value(values, name)
        if isinstance(text, list | tuple) and all(isinstance(part, str) for part in text):
            text = "\n\n".join(text)
        elif isinstance(text, Mapping) and isinstance(text.get("rendered"), str):
            text = plain_html(text["rendered"])
        if isinstance(text, str) and text and not text.isspace():
            return text
        if (text == "" or is_blank(text)) and self._options.text_field is None:
            other = other_field(values, "text")
            if other is not None:
                self._tally.note(f"reading '{other}' as the text where '{name}' is empty.")
                return str(values[other])
        if title.strip() and (is_blank(text) or text == "" or self._is_headline(values, text)):
            self._tally.headlines += 1
            return ""
        if text is MISSING:
            raise BadRowError("no text field", self._missing_text(values))
        if not isinstance(text, str):
            reason = f"field '{name}' is {_kind(text)}, not a string. Write the text there"
            inside = _prose({str(name): text}) if isinstance(text, Mapping) else {}
            body = max(inside, key=lambda way: len(inside[way]), default="")
            reason += f", or pass --text-field {body}." if body else "."
            raise BadRowError("bad text", reason)
        reason = f"empty text in field '{name}'. Fill it, or drop the row."
        raise BadRowError("empty text", reason)

    def _is_headline(self, values: Mapping[str, object], text: object) -> bool:
        """Return whether a row has a headline and nothing else that could be its text."""
        if text is MISSING:
            shape = self.shape(values, unwrap=False)
            rest = {name: value for name, value in values.items() if name != shape.title}
            return self._options.text_field is None and not _prose(rest)
        return isinstance(text, str) and text.isspace()

    def _missing_text(self, values: Mapping[str, object]) -> str:
        prose = _prose(values)
        # The body is nearly always the longest field.
        body = max(prose, key=lambda name: len(prose[name]), default="NAME")
        wanted = self._options.text_field or "text"
        found = _named(values)
        return f"no '{wanted}' field (found: {found}). Rename it, or pass --text-field {body}."

    def _word(self, values: Mapping[str, object], name: str | None) -> str:
        value = self._value(values, name)
        if isinstance(value, str):
            return value
        value = inner_word(value)  # such as that of an outlet with an id of its own
        if isinstance(value, str):
            return value.strip()
        if value is MISSING or is_blank(value) or value == []:
            return ""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number or type(value).__name__ in _DATABASE_TYPES:
            return str(value)
        raise BadRowError(
            "bad field", f"field '{name}' is {_kind(value)}. Write a string or a number there."
        )

    def _day(self, values: Mapping[str, object], name: str | None) -> str | None:
        value = inner_word(self._value(values, name))
        if value is MISSING:
            return ""
        day = day_of(value, self._options.date_format)
        if day is None:
            if isinstance(value, bool | list | dict):
                raise BadRowError(
                    "bad field", f"field '{name}' is {_kind(value)}. Write a date there."
                )
            self._odd_dates[str(value) if len(self._odd_dates) < _MAX_NAMED else "…"] += 1
        return day

    def _labels(self, values: Mapping[str, object], shape: _Shape) -> Labels | None:
        options = self._options
        borderline = self._confidence(values, shape) == "borderline"
        sample = self._sample(values, shape) or ""
        known = options.known_labels
        if str(values.get("answer", "")).strip().lower() in _NO_ANSWER:
            self._tally.note("answers 'reject' and 'ignore' are read as unlabelled.")
            return None
        try:
            if options.label_columns:
                cells = _label_cells(values, options.label_columns)
                labels = parse_label_columns(
                    cells, borderline=borderline, sample=sample, known=known
                )
            else:
                given, not_given = (self._value(values, n) for n in (shape.labels, shape.negative))
                labels = parse_labels(
                    None if given is MISSING else given,
                    None if not_given is MISSING else not_given,
                    separator=options.separator,
                    borderline=borderline,
                    sample=sample,
                    known=known,
                    spell=self._spell,
                    tell=self._tally.note,
                )
        except BadInputError as error:
            raise BadRowError("bad labels", str(error)) from None
        self._n_labelled += labels is not None
        return labels

    def _confidence(self, values: Mapping[str, object], shape: _Shape) -> str | None:
        """Return the labeller's word, or ``None`` when the field holds something else."""
        value = self._value(values, shape.confidence)
        word = "" if value is MISSING or is_blank(value) else str(value).strip().lower()
        return word if word in _CONFIDENCE_WORDS else None

    def _sample(self, values: Mapping[str, object], shape: _Shape) -> str | None:
        """Return how the article was picked, or ``None`` when the field holds something else."""
        value = self._value(values, shape.sample)
        if value is MISSING or is_blank(value):
            return ""
        return value.strip().lower() if isinstance(value, str) else None

    def _own(
        self, values: Mapping[str, object], shape: _Shape, *, labelled: bool, dated: bool
    ) -> frozenset[str]:
        """Return the fields of a row that are not carried along."""
        own = {name for name in shape.own if dated or name != shape.date}
        labels = self._options.label_columns or (shape.labels, shape.negative)
        own.update(name for name in labels if name is not None)
        if shape.confidence and self._confidence(values, shape) is not None:
            own.add(shape.confidence)
        if shape.sample and labelled and self._sample(values, shape) is not None:
            own.add(shape.sample)
        return frozenset(own)

    def note_binary(self, article: Article) -> None:
        """Look for columns of 0 and 1 among the other fields of one of the first rows."""
        if self._n_rows > _ROWS_SAMPLED or self._options.labels_field == UNREAD:
            return
        for name, value in article.extra.items():
            cells = self._cells.setdefault(name, set())
            if len(cells) < 3:
                cells.add(str(value).strip().lower() if isinstance(value, int | str) else "")


def article_from(values: Mapping[str, object], options: ReadOptions) -> Article:
    """Return the article in one row, read as an `ArticleReader` with these options does."""
    return ArticleReader(options)(values)


def _says_both(cells: set[str]) -> bool:
    """Return whether cells say yes, and no, and nothing else."""
    return bool(cells & PRESENT_WORDS and cells & ABSENT_WORDS) and cells <= (
        PRESENT_WORDS | ABSENT_WORDS
    )


def _may_be_nested(name: str) -> bool:
    return "." in name


def _prose(values: Mapping[str, object], before: str = "") -> dict[str, str]:
    """Return the fields that may hold a text, those within others by their way down."""
    found: dict[str, str] = {}
    for name, value in values.items():
        way = f"{before}{name}"
        least = _PROSE_BLANKS
        if isinstance(value, list):
            value = max((each for each in value if isinstance(each, str)), key=len, default="")
            least = _PARAGRAPH_BLANKS
        if isinstance(value, str) and value.strip().count(" ") >= least:
            found[way] = value
        elif isinstance(value, Mapping) and before.count(".") < 3:
            found |= _prose(value, f"{way}.")
    return found


def _label_cells(values: Mapping[str, object], columns: Iterable[str]) -> dict[str, object]:
    missing = [column for column in columns if column not in values]
    if missing:
        raise BadInputError(
            f"no label column '{missing[0]}' (found: {_named(values)}). "
            "Add it, or leave out its --label-column."
        )
    return {column: values[column] for column in columns}


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
