"""Predictions as JSONL, CSV, Parquet, XLSX, ninjs or lines, and articles back to JSONL."""

from __future__ import annotations

import csv
import itertools
import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from classifier.article import Article
from classifier.corpus.corpus import ITEM
from classifier.corpus.labels import label_fields
from classifier.corpus.open import import_parquet, parquet_writer
from classifier.errors import BadInputError, needing, sanitized
from classifier.fields import PARTS, usual_field
from classifier.files import replacing

if TYPE_CHECKING:
    from classifier.model.prediction import Prediction

__all__ = [
    "COVERAGE_DECIMALS",
    "SCORE_DECIMALS",
    "Codes",
    "PredictionFields",
    "csv_cell",
    "plain_cell",
    "prediction_row",
    "safe_cell",
    "table_line",
    "without_nan",
    "write_articles_jsonl",
    "write_csv",
    "write_jsonl",
    "write_ninjs",
    "write_parquet",
    "write_xlsx",
]


# Codes of each label, such as ``medtop:20000256``.
Codes: TypeAlias = Mapping[str, Sequence[str]]
ID_WIDTH = 24
# What spreadsheets may take for the beginning of a formula.
_FORMULA = re.compile("'*[=+\\-@|%\t\r\n＝＋－＠]")


def safe_cell(text: str) -> str:
    """Return `text` so that a spreadsheet shows it instead of computing it.

    An apostrophe goes before what could begin a formula; `plain_cell` takes exactly that one
    away, so every text survives the way there and back.

    >>> safe_cell("=1+1"), safe_cell("'=1+1"), safe_cell("gas")
    ("'=1+1", "''=1+1", 'gas')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(cell: str) -> str:
    """Return the text that `safe_cell` turned into `cell`.

    >>> plain_cell("'=1+1"), plain_cell("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def csv_cell(value: object) -> object:
    """Return what is written as a cell of a CSV file for programs: text by `safe_cell`.

    Numbers stay as they are, also those that are text.

    >>> csv_cell("-0.5"), csv_cell("-dash"), csv_cell(None)
    ('-0.5', "'-dash", None)
    """
    return value if not isinstance(value, str) or _is_number(value) else safe_cell(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def without_nan(value: Any) -> Any:
    """Return a value as JSON can hold it: numbers that are not finite, as ``None``.

    >>> without_nan({"a": [1.5, float("nan")]})
    {'a': [1.5, None]}
    """
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: without_nan(inner) for name, inner in value.items()}
    return list(map(without_nan, value)) if isinstance(value, list) else value


def table_line(prediction: Prediction, codes: Codes | None = None) -> str:
    """Return a prediction as a line for people to read.

    It holds the id, cut to 24 characters, the tags with their scores, and with their `codes`
    where these are given, and the note. Control characters, which a terminal would obey, are
    replaced.
    """
    shown = {tag: " ".join(["", *(codes or {}).get(tag, ())]) for tag in prediction.tags}
    tags = ", ".join(f"{tag} {prediction.scores[tag]:.2f}{shown[tag]}" for tag in prediction.tags)
    note = f"  ({prediction.note})" if prediction.note else ""
    return f"{_fitted(sanitized(prediction.id))}  {sanitized(tags or '–')}{sanitized(note)}"


def _fitted(id: str) -> str:
    """Return `id` on exactly 24 columns of a terminal, cut or filled up."""
    ends = [0, *accumulate(map(_n_columns, id))]
    if ends[-1] <= ID_WIDTH:
        return id + " " * (ID_WIDTH - ends[-1])
    kept = bisect_right(ends, ID_WIDTH - 1) - 1
    return f"{id[:kept]}…" + " " * (ID_WIDTH - 1 - ends[kept])


def _n_columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


SCORE_DECIMALS = 6
COVERAGE_DECIMALS = 4
_NAMES = {name: name for name in ("tags", "scores", "coverage", "model", "note")}
# Below, JSON writes an exponent: 1e-05.
_LEAST_PLAIN = 1e-4
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)


class PredictionFields:
    """Predictions as the inside of a JSON object.

    Parameters
    ----------
    names : mapping of str to str, optional
        What the fields ``tags``, ``scores``, ``coverage``, ``model`` and ``note`` are called.
    model : str, optional
        What the model is called, instead of what each prediction says.
    """

    def __init__(self, names: Mapping[str, str] = _NAMES, model: str = "") -> None:
        self._names = {name: f"{_ENCODER.encode(own)}: " for name, own in names.items()}
        self._model = model
        self._quoted = _Quoted()

    def line(self, prediction: Prediction) -> str:
        """Return a prediction under its id as a whole object.

        Raises
        ------
        ValueError
            If a score or the coverage is not finite.
        """
        return f'{{"id": {_ENCODER.encode(prediction.id)}, {self.inside(prediction)}}}'

    def inside(self, prediction: Prediction) -> str:
        """Return all of a prediction but its id, without the braces.

        Raises
        ------
        ValueError
            If a score or the coverage is not finite.
        """
        names, quoted = self._names, self._quoted
        tags = ", ".join([quoted[tag] for tag in prediction.tags])
        scores = []
        for label, score in prediction.scores.items():
            text = f"{score:.6f}"
            if text[-1] == "0" or not _LEAST_PLAIN <= score <= 1:
                text = _exact(score, SCORE_DECIMALS)
            scores.append(f"{quoted[label]}: {text}")
        note = prediction.note and f", {names['note']}{_ENCODER.encode(prediction.note)}"
        return (
            f"{names['tags']}[{tags}], {names['scores']}{{{', '.join(scores)}}}, "
            f"{names['coverage']}{_exact(prediction.coverage, COVERAGE_DECIMALS)}, "
            f"{names['model']}{quoted[self._model or prediction.model]}{note}"
        )


def _exact(number: float, decimals: int) -> str:
    rounded = round(float(number), decimals)
    # which of those that are not finite the encoder refuses in its own words
    return repr(rounded) if isfinite(rounded) else _ENCODER.encode(rounded)


class _Quoted(dict[str, str]):
    """Names of labels and models as JSON; there are few, and they come again and again."""

    def __missing__(self, name: str) -> str:
        text = self[name] = _ENCODER.encode(name)
        return text


_BATCH_ROWS = 1024


def write_jsonl(
    predictions: Iterable[Prediction], stream: TextIO, *, codes: Codes | None = None
) -> int:
    """Write one JSON object a line and return how many.

    The keys are, in order, ``id``, ``tags``, ``scores`` (6 decimals), ``coverage`` (4 decimals),
    ``model``, ``note`` only when there is one, and with `codes` the ``codes`` of each tag.
    Nothing is escaped that JSON does not ask for, so `stream` should be UTF-8.

    Raises
    ------
    BadInputError
        If a score or coverage is not a finite number.
    """
    return _write_lines(_prediction_lines(predictions, codes), stream)


def _prediction_lines(predictions: Iterable[Prediction], codes: Codes | None) -> Iterator[str]:
    fields = PredictionFields()
    for each in predictions:
        try:
            line = fields.line(each)
        except ValueError as error:
            raise _unwritable(each.id, error) from None
        if codes is not None:
            line = f'{line[:-1]}, "codes": {_ENCODER.encode(_codes_by_tag(each, codes))}}}'
        yield line


def _codes_by_tag(prediction: Prediction, codes: Codes) -> dict[str, list[str]]:
    return {tag: list(codes.get(tag, ())) for tag in prediction.tags}


def write_csv(
    predictions: Iterable[Prediction],
    stream: TextIO,
    *,
    labels: Sequence[str] = (),
    codes: Codes | None = None,
) -> int:
    """Write a header and one record per prediction, and return how many predictions.

    Parameters
    ----------
    stream : text stream opened with ``newline=""``
    labels : sequence of str, optional
        The score columns; those of the first prediction when not given.
    codes : mapping of str to sequence of str, optional
        Codes of each label, for a column of their own.

    Notes
    -----
    The columns are ``id``, ``tags`` (joined by ``|``), one ``score_<label>`` per label,
    ``coverage``, ``model``, ``note``, and with `codes` the ``codes`` of all tags. A text that a
    spreadsheet could take for a formula, as it begins with ``=``, ``+``, ``-``, ``@`` or a tab
    and is no number, gets an apostrophe before it.

    Raises
    ------
    BadInputError
        If a prediction scores other labels than the header names.
    """
    names, predictions = _score_labels(predictions, labels)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(csv_cell, _columns(names, codes)))
    count = 0
    for row in _table_rows(predictions, names, codes):
        writer.writerow(map(csv_cell, row))
        count += 1
    return count


def write_parquet(
    predictions: Iterable[Prediction],
    path: Path,
    *,
    labels: Sequence[str] = (),
    codes: Codes | None = None,
) -> int:
    """Write a Parquet file and return how many predictions.

    The columns are those of `write_csv`, tags and codes as lists, numbers as float64. An
    older file at `path` is replaced only when all went well.

    Raises
    ------
    BadInputError
        If pyarrow is missing, or the scores are not of one set of labels.
    ClassifierError
        If `path` cannot be written.
    """
    names, predictions = _score_labels(predictions, labels)
    kinds = [str, list, *[float] * len(names), float, str, str, list]
    columns = dict(zip(_columns(names, codes), kinds, strict=False))
    count = 0
    import_parquet(str(path))
    from pyarrow import ArrowException

    try:
        with replacing(path) as stream, parquet_writer(stream, columns) as write:
            while batch := list(itertools.islice(predictions, _BATCH_ROWS)):
                write([_as_row(prediction, names, codes) for prediction in batch])
                count += len(batch)
    except (ArrowException, UnicodeError) as error:
        raise BadInputError(f"{path}: cannot be written ({error}). Write elsewhere.") from None
    return count


# Rows of a sheet, the header among them.
_MOST_SHEET_ROWS = 2**20
_NO_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"


def write_xlsx(
    predictions: Iterable[Prediction],
    path: Path,
    *,
    labels: Sequence[str] = (),
    codes: Codes | None = None,
) -> int:
    """Write a workbook of one sheet and return how many predictions.

    The columns are those of `write_csv`. Text is stored as text, so that nothing of it is
    computed when the workbook is opened or a cell is edited. An older file at `path` is replaced
    only when all went well.

    Raises
    ------
    BadInputError
        If openpyxl is missing, there are more predictions than a sheet has rows, or they are not
        of one set of labels.
    ClassifierError
        If `path` cannot be written.
    """
    with needing("xlsx", f"{path}: XLSX needs openpyxl"):
        from openpyxl import Workbook
    names, predictions = _score_labels(predictions, labels)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("predictions")
    sheet.freeze_panes = "A2"
    count = 0
    with replacing(path) as stream:
        rows = _table_rows(predictions, names, codes)
        for row in itertools.chain([_columns(names, codes)], rows):
            if count == _MOST_SHEET_ROWS:
                raise BadInputError(
                    f"{path}: a sheet holds {_MOST_SHEET_ROWS - 1:,} articles and no more. Write "
                    "CSV or Parquet."
                )
            sheet.append([_sheet_cell(sheet, value) for value in row])
            count += 1
        book.save(stream)
    return count - 1


def _sheet_cell(sheet: Any, value: object) -> object:
    """Return a cell of a workbook, text as text whatever it begins with."""
    if not isinstance(value, str):
        return value
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, re.sub(_NO_XML, "\ufffd", value))
    cell.data_type = "s"
    # what keeps a cell from being computed once somebody edits it
    cell.quotePrefix = _FORMULA.match(value) is not None
    return cell


def write_ninjs(
    pairs: Iterable[tuple[Article, Prediction]],
    stream: TextIO,
    *,
    codes: Codes | None = None,
) -> int:
    """Write items of ninjs as they came, their tags added to the subjects, and return how many.

    An item is a line. Each tag is one subject a code, else one by its name alone; ``relevance``
    and ``confidence`` are its probability in percent.

    Parameters
    ----------
    pairs : iterable of (Article, prediction)
        Articles read with `ReadOptions.keep_item`.
    stream : text stream
    codes : mapping of str to sequence of str, optional
        Codes of each label, such as ``medtop:20000256``.

    Raises
    ------
    BadInputError
        If an article did not come as ninjs, or its item cannot be written as JSON.
    """
    return _write_lines((_ninjs_line(*pair, codes or {}) for pair in pairs), stream)


def _ninjs_line(article: Article, said: Prediction, codes: Codes) -> str:
    item = article.extra.get(ITEM)
    if not isinstance(item, Mapping):
        raise BadInputError(
            f"article '{article.id:.60}' did not come as ninjs, and --format ninjs adds tags to "
            "items of ninjs alone. Write jsonl or csv."
        )
    later = "subjects" in item or ("subject" not in item and _is_later(item))
    name = "subjects" if later else "subject"
    before = item.get(name)
    added = [
        _subject(tag, code, round(100 * said.scores[tag]), later=later)
        for tag in said.tags
        for code in codes.get(tag) or ("",)
    ]
    subjects = [*(before if isinstance(before, list) else []), *added]
    return _json_line({**item, name: subjects} if added else item, article.id)


def _is_later(item: Mapping[str, object]) -> bool:
    """Return whether an item is of ninjs 2 or 3, where lists have names in the plural."""
    return bool({"headlines", "bodies", "standard", "versionCreated"} & item.keys())


def _subject(tag: str, code: str, percent: int, *, later: bool) -> dict[str, object]:
    subject: dict[str, object] = {"name": tag}
    if code:
        from classifier.corpus.codes import code_address

        subject |= {"uri": code_address(code)} if later else {"code": code}
    return subject | {"relevance": percent, "confidence": percent}


def write_articles_jsonl(articles: Iterable[Article], stream: TextIO) -> int:
    """Write articles so that `read_articles` gives equal ones, and return how many.

    Empty fields are left out, unless an extra field could be taken for one of them. Equal means
    so under `ReadOptions` with ``exact_labels``, for labels that are neither blank nor padded and
    hold no ``|``.

    Raises
    ------
    BadInputError
        If an extra field has the name of one of the article's own, or cannot be written as JSON.
    """
    return _write_lines((_json_line(_article_object(each), each.id) for each in articles), stream)


def _write_lines(lines: Iterable[str], stream: TextIO) -> int:
    count = 0
    for line in lines:
        stream.write(f"{line}\n")
        count += 1
    return count


def prediction_row(prediction: Prediction, codes: Codes | None = None) -> dict[str, object]:
    """Return a prediction as the JSON object that `write_jsonl` writes."""
    scores = prediction.scores.items()
    return {
        "id": prediction.id,
        "tags": list(prediction.tags),
        "scores": {name: round(float(score), SCORE_DECIMALS) for name, score in scores},
        "coverage": round(float(prediction.coverage), COVERAGE_DECIMALS),
        "model": prediction.model,
        **({"note": prediction.note} if prediction.note else {}),
        **({} if codes is None else {"codes": _codes_by_tag(prediction, codes)}),
    }


def _json_line(value: Mapping[str, object], id: str) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except (ValueError, RecursionError) as error:
        raise _unwritable(id, error) from None


def _unwritable(id: str, error: Exception) -> BadInputError:
    return BadInputError(
        f"article '{id:.60}': cannot be written as JSON ({error}). Mend its values."
    )


def _score_labels(
    predictions: Iterable[Prediction], labels: Sequence[str]
) -> tuple[tuple[str, ...], Iterator[Prediction]]:
    """Return the labels to write scores for, and all of `predictions` still to be taken."""
    rest = iter(predictions)
    first = list(itertools.islice(rest, 1))
    names = tuple(labels) or (tuple(first[0].scores) if first else ())
    return names, itertools.chain(first, rest)


def _table_rows(
    predictions: Iterable[Prediction], names: Sequence[str], codes: Codes | None
) -> Iterator[list[Any]]:
    """Yield the cells of predictions where a cell holds no list."""
    for each in predictions:
        cells = _as_row(each, names, codes).values()
        yield ["|".join(cell) if isinstance(cell, list) else cell for cell in cells]


def _as_row(
    prediction: Prediction, names: Sequence[str], codes: Codes | None = None
) -> dict[str, Any]:
    """Return the cells of one prediction under the names of `_columns`."""
    scores = prediction.scores
    if set(scores) != set(names):
        raise BadInputError(
            f"article '{prediction.id:.60}': has scores for {', '.join(scores)}, "
            f"but the columns are {', '.join(names)}. Write one model's predictions a file."
        )
    cells = [
        prediction.id,
        list(prediction.tags),
        *(round(float(scores[name]), SCORE_DECIMALS) for name in names),
        round(float(prediction.coverage), COVERAGE_DECIMALS),
        prediction.model,
        prediction.note,
    ]
    if codes is not None:
        by_tag = _codes_by_tag(prediction, codes).values()
        cells.append(list(dict.fromkeys(itertools.chain.from_iterable(by_tag))))
    return dict(zip(_columns(names, codes), cells, strict=True))


def _columns(names: Sequence[str], codes: Codes | None = None) -> list[str]:
    columns = ["id", "tags", *(f"score_{name}" for name in names), "coverage", "model", "note"]
    return columns if codes is None else [*columns, "codes"]


def _article_object(article: Article) -> dict[str, object]:
    words = {name: getattr(article, name) for name in ("id", "title", "text", "source", "date")}
    fields = {name: value for name, value in words.items() if value} | label_fields(article.labels)
    # a date that is not understood is carried under its own name
    own = {*words, "labels", "negative", *fields} - ({"date"} if not article.date else set())
    taken = sorted(own & set(article.extra))
    if taken:
        raise BadInputError(
            f"article '{article.id:.60}': extra field '{taken[0]}' has the name of one of the "
            "article's own. Rename it in the input."
        )
    return {**fields, **_empty_fields(fields, article.extra), **article.extra}


def _empty_fields(
    fields: Mapping[str, object], extra: Mapping[str, object]
) -> dict[str, str | None]:
    """Return the empty parts for which some extra field would be taken by its usual name."""
    return {
        part: None if part in ("labels", "negative") else ""
        for part in PARTS
        if part not in fields and part not in extra and _is_usual(extra, part)
    }


def _is_usual(extra: Mapping[str, object], part: str) -> bool:
    try:
        return usual_field(extra, part) is not None
    except BadInputError:
        return True
