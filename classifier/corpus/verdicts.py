"""What labellers said: filled-in sheets, lists of labels and single corrections, row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from classifier.article import Article, Labels
from classifier.corpus.labels import is_blank, parse_label_columns
from classifier.corpus.open_paths import find_sources
from classifier.corpus.open_text import format_by_content, open_bytes, open_text
from classifier.corpus.read_article import article_from
from classifier.corpus.read_options import ReadOptions
from classifier.corpus.read_row import BadRowError, Row
from classifier.corpus.read_rows import csv_rows, jsonl_rows
from classifier.corpus.sheet import DRAWN_AT_RANDOM, RESERVED, label_of_column, plain_cell
from classifier.errors import BadInputError

__all__ = ["Verdict", "read_verdicts"]

_CONFIDENCE = {"": None, "clear": False, "borderline": True}
_DELIMITERS = ",;\t"
_FIELDS = ReadOptions()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one row says of one article.

    Parameters
    ----------
    place : str
        Where the row stands, for messages.
    id : str
        The article's id or key; empty when the row goes by its text.
    cells : mapping of str to bool
        Label → whether the article has it. Labels that are not in here are unknown.
    rest_absent : bool
        Whether every other label that the corpus knows is absent, as a plain list says.
    borderline : bool or None
        Whether the labeller hesitated; ``None`` when the row does not say.
    article : Article or None
        The row's own text, without labels.
    single : bool
        Whether it is a correction of one label; several may speak of one article.
    model_chose : bool
        Whether a model chose the article for labelling; such articles are no fair sample.
    """

    place: str
    id: str
    cells: Mapping[str, bool] = field(default_factory=dict)
    rest_absent: bool = False
    borderline: bool | None = None
    article: Article | None = None
    single: bool = False
    model_chose: bool = False


def read_verdicts(
    path: Path | str, *, ignore: Collection[str] = (), encoding: str = "utf-8"
) -> list[Verdict]:
    """Return what a labelled file says, one `Verdict` a row.

    Parameters
    ----------
    path : Path or str
        CSV (commas, semicolons or tabs) with an ``id`` column and one column a label, as
        `classifier.corpus.sheet.write_sheet` wrote it; or JSONL, each line of which holds such
        cells, or ``labels`` and perhaps ``negative``, or one ``label`` with its ``value``.
        JSONL lines may bring a ``text`` of their own in place of an ``id``. ``-`` is standard
        input.
    ignore : collection of str
        Columns that are no labels, such as remarks.
    encoding : str
        Some spreadsheets write cp1252.

    Raises
    ------
    BadInputError
        At the first row that makes no sense: a cell that is neither 1, 0 nor blank, neither id
        nor text, a label on both sides.
    """
    verdicts = []
    for row in _rows(path, encoding):
        try:
            verdicts.append(_verdict(row, ignore))
        except BadInputError as error:
            raise BadInputError(f"{row.place}: {error}") from None
    return verdicts


def _rows(path: Path | str, encoding: str) -> Iterator[Row]:
    """Yield the rows, a cell of CSV as it was before it was made safe for spreadsheets."""
    for source in find_sources([path]):
        with open_bytes(source, None, encoding=encoding) as stream:
            form = source.format or format_by_content(stream)
            if form == "jsonl":
                with open_text(stream, encoding=encoding, newline="\n") as text:
                    yield from jsonl_rows(text, source.name, encoding=encoding)
            elif form in ("csv", "tsv"):
                delimiter = _delimiter(stream.peek(4096))
                with open_text(stream, encoding=encoding, newline="") as text:
                    rows = csv_rows(text, source.name, encoding=encoding, delimiter=delimiter)
                    yield from map(_without_text, rows)
            else:
                raise BadInputError(f"{source.name}: labels are read from .csv, .tsv or .jsonl.")


def _delimiter(head: bytes) -> str:
    """Return what stands between the headings; some spreadsheets write semicolons or tabs."""
    heading = head.partition(b"\n")[0].decode(errors="replace")
    return max(_DELIMITERS, key=heading.count)


def _without_text(row: Row) -> Row:
    """Return a sheet's row without the text, which went through a spreadsheet."""
    kept = {name: value for name, value in row.values.items() if name not in ("text", "excerpt")}
    return replace(row, values={n: plain_cell(str(v)) for n, v in kept.items()})


def _verdict(row: Row, ignore: Collection[str]) -> Verdict:
    if row.problem is not None:
        raise row.problem
    values = {name: value for name, value in row.values.items() if name not in ignore}
    article = _own_article(values) if values.get("text") else None
    id = article.id if article else _id(values)
    if not id and article is None:
        raise BadRowError(
            "no id", f"neither an id nor a text (found: {', '.join(values)}). Say which article."
        )
    verdict = Verdict(
        row.place,
        id,
        article=replace(article, labels=None) if article else None,
        model_chose=values.get("why") not in (None, "", DRAWN_AT_RANDOM),
    )
    if "label" in values:
        return replace(verdict, cells=_correction(values), single=True)
    verdict = replace(verdict, borderline=_borderline(values))
    if "labels" in values or "negative" in values:
        return _listed(verdict, values)
    return replace(verdict, cells=_cells(parse_label_columns(_label_cells(values))))


def _own_article(values: Mapping[str, object]) -> Article:
    if "label" in values:
        values = {n: values[n] for n in ("id", "text", "title", "source", "date") if n in values}
    return article_from(values, _FIELDS)


def _id(values: Mapping[str, object]) -> str:
    value = values.get("id")
    return "" if is_blank(value) else str(value).strip()


def _correction(values: Mapping[str, object]) -> dict[str, bool]:
    label = values["label"]
    if not isinstance(label, str) or not label.strip():
        raise BadRowError("bad labels", f"'label' is {label!r:.60}. Write the label's name.")
    if "value" not in values:
        raise BadRowError("bad labels", "a 'label' without a 'value'. Write 1, 0 or null.")
    return _cells(parse_label_columns({label.strip(): values["value"]}))


def _label_cells(values: Mapping[str, object]) -> dict[str, object]:
    return {label_of_column(name): value for name, value in values.items() if name not in RESERVED}


def _listed(verdict: Verdict, values: Mapping[str, object]) -> Verdict:
    fields = {"text": "-", "labels": values.get("labels"), "negative": values.get("negative")}
    labels = article_from(fields, _FIELDS).labels
    plain = labels is not None and labels.absent is None
    return replace(verdict, cells=_cells(labels), rest_absent=plain)


def _cells(labels: Labels | None) -> dict[str, bool]:
    if labels is None:
        return {}
    present, absent = dict.fromkeys(labels.present, True), labels.absent or ()
    return present | dict.fromkeys(absent, False)


def _borderline(values: Mapping[str, object]) -> bool | None:
    value = values.get("confidence")
    word = "" if is_blank(value) else str(value).strip().lower()
    if word not in _CONFIDENCE:
        raise BadRowError(
            "bad confidence",
            f"confidence is {value!r:.60}. Write clear or borderline, or leave it empty.",
        )
    return _CONFIDENCE[word]
