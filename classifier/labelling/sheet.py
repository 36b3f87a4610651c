"""The sheet a labeller fills in, for spreadsheets, doccano and Label Studio, and the way back."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from classifier.article import Article, Labels
from classifier.corpus.corpus import ReadOptions
from classifier.corpus.find import find_sources, format_by_name
from classifier.corpus.formats.json import json_rows
from classifier.corpus.formats.jsonl import jsonl_rows
from classifier.corpus.formats.table import csv_table
from classifier.corpus.labels import parse_label_columns, parse_labels
from classifier.corpus.open import (
    format_by_content,
    marked_encoding,
    open_bytes,
    open_text,
)
from classifier.corpus.rows import BadRowError, Row, article_from, unwrapped
from classifier.corpus.write import plain_cell, safe_cell
from classifier.errors import BadInputError, SettingsError, sanitized
from classifier.fields import is_blank
from classifier.files import json_text, replacing_text

__all__ = [
    "DRAWN_AT_RANDOM",
    "RESERVED",
    "SHEET_FORMATS",
    "Entry",
    "Verdict",
    "article_key",
    "label_column",
    "label_of_column",
    "read_verdicts",
    "save_sheet",
    "sheet_format",
    "sheet_row",
    "text_key",
    "write_sheet",
]


_CONFIDENCE = {"": None, "clear": False, "borderline": True}
_DELIMITERS = ",;\t"
_FIELDS = ReadOptions(usual_labels=False)


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
        `classifier.labelling.sheet.write_sheet` wrote it; or JSONL, each line of which holds such
        cells, or ``labels`` and perhaps ``negative``, or one ``label`` with its ``value``.
        JSONL lines may bring a ``text`` of their own in place of an ``id``. Or what doccano
        (JSONL) and Label Studio (JSON) export. ``-`` is standard input.
    ignore : collection of str
        Columns that are no labels, such as notes.
    encoding : str
        Some spreadsheets write cp1252.

    Raises
    ------
    BadInputError
        At the first row that makes no sense: a cell that is neither 1, 0 nor blank, neither id
        nor text, a label on both sides.
    """
    try:
        return [_placed_verdict(row, ignore) for row in _rows(path, encoding)]
    except BadInputError as error:
        # --encoding is that of the corpus
        raise BadInputError(str(error).replace("--encoding", "--labelled-encoding")) from None


def _placed_verdict(row: Row, ignore: Collection[str]) -> Verdict:
    try:
        return _verdict(row, ignore)
    except BadInputError as error:
        raise BadInputError(f"{row.place}: {error}") from None


def _rows(path: Path | str, encoding: str) -> Iterator[Row]:
    """Yield the rows, a cell of CSV as it was before it was made safe for spreadsheets."""
    for source in find_sources([path]):
        with open_bytes(source, None, encoding=encoding) as stream:
            encoding = marked_encoding(stream, encoding)
            form = source.format or format_by_content(stream)
            if form not in ("jsonl", "json", "csv", "tsv"):
                raise BadInputError(
                    f"{source.name}: labels are read from .csv, .tsv, .jsonl or .json."
                )
            delimiter = _delimiter(stream.peek(4096))
            newline = "\n" if form == "jsonl" else ""
            with open_text(stream, encoding=encoding, newline=newline) as text:
                if form == "jsonl":
                    yield from jsonl_rows(text, source.name, encoding=encoding)
                elif form == "json":
                    yield from json_rows(text, source.name, encoding)
                else:
                    reading = ReadOptions(encoding=encoding)
                    _, rows = csv_table(text, source.name, reading, delimiter=delimiter)
                    yield from map(_without_text, rows)


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
    values = _of_annotator(row.values)
    values = {name: value for name, value in values.items() if name not in ignore}
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
    own = {label_of_column(name): cell for name, cell in values.items() if name not in RESERVED}
    return replace(verdict, cells=_cells(parse_label_columns(own)))


def _of_annotator(values: Mapping[str, object]) -> Mapping[str, object]:
    """Return a row of doccano or Label Studio as one of these files; others as they are."""
    if isinstance(values.get("label"), list):
        # the number under "id" is doccano's own
        foreign = ("id", "Comments", "label")
        own = {name: value for name, value in values.items() if name not in foreign}
        values = {**own, "labels": values["label"]}
    else:
        values = unwrapped(values)
    choices = values.get(_CHOICES)
    if _KEY not in values or not isinstance(choices, list):
        return values
    row = {"id": values[_KEY], "why": values.get("why")}
    if values.get("labels") is None:
        return row
    given = parse_labels(values["labels"], separator="|")
    present = given.present if given else frozenset()
    return row | {
        "labels": sorted(present),
        "negative": [name for name in choices if name not in present],
    }


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


ARTICLE_COLUMNS = ("id", "outlet", "date", "title", "excerpt", "text")
HINT_COLUMNS = ("suggested", "why")
# Fields of labelled articles and of corrections, which may come back in place of a sheet.
OTHER_FIELDS = ("confidence", "source", "label", "value", "labels", "negative")
RESERVED = frozenset((*ARTICLE_COLUMNS, *HINT_COLUMNS, *OTHER_FIELDS))
# What a sheet gives as the reason for articles that are a fair sample.
DRAWN_AT_RANDOM = "drawn at random"
# Spreadsheets cut longer cells off without a word.
LONGEST_CELL = 32_000
LABEL_PREFIX = "label:"
# What spreadsheets run as formulas, in both widths, or skip on the way to one.
_KEY_PREFIX = "text:"
SHEET_FORMATS = ("csv", "doccano", "label-studio")
_SHEET_FORMAT_OF = {".csv": "csv", ".jsonl": "doccano", ".json": "label-studio"}
# Fields that annotators' tools carry along: the article's key, and the labels there were to choose.
_KEY, _CHOICES = "article", "choices"


@dataclass(frozen=True, slots=True)
class Entry:
    """An article to be labelled, and what a model says of it.

    Parameters
    ----------
    article : Article
    tags : tuple of str
        What the model would give.
    why : str
        Why it is to be labelled, or `DRAWN_AT_RANDOM`.
    """

    article: Article
    tags: tuple[str, ...]
    why: str

    def row(self, *, excerpt: int) -> dict[str, str]:
        """Return the cells of a spreadsheet; `excerpt` as for `sheet_row`."""
        hints = {"suggested": "|".join(self.tags), "why": self.why}
        return sheet_row(self.article, excerpt=excerpt) | hints

    def example(self, labels: Sequence[str], *, excerpt: int) -> dict[str, object]:
        """Return a line for doccano, its labels those that the model would give."""
        title = f"{self.article.title}\n\n" if self.article.title else ""
        data = self._data(labels, excerpt)
        return data | {"text": f"{title}{data['text']}", "label": list(self.tags)}

    def task(self, labels: Sequence[str], *, excerpt: int, model: str) -> dict[str, object]:
        """Return a task for Label Studio, the model's labels as its prediction."""
        choice = {
            "from_name": "labels",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": list(self.tags)},
        }
        result = [choice] if self.tags else []
        said = {"model_version": model, "result": result}
        return {"data": self._data(labels, excerpt), "predictions": [said]}

    def _data(self, labels: Sequence[str], excerpt: int) -> dict[str, Any]:
        article = self.article
        return {
            "text": _shortened(article.text, excerpt) if excerpt else article.text,
            "title": article.title,
            "outlet": article.source,
            "date": article.date,
            _KEY: article_key(article),
            _CHOICES: list(labels),
            "why": self.why,
        }


def sheet_format(target: Path | None, format: str | None = None) -> str:
    """Return one of `SHEET_FORMATS`: the one that is named, else by the name of the file.

    Raises
    ------
    SettingsError
        When the name is that of another format.

    Examples
    --------
    >>> sheet_format(Path("tasks.json")), sheet_format(None)
    ('label-studio', 'csv')
    """
    suffix = target.suffix.lower() if target is not None else ""
    found = format or _SHEET_FORMAT_OF.get(suffix)
    if found is None and target is not None and format_by_name(target) not in ("", "txt"):
        raise SettingsError(
            f"{target}: sheets are written as .csv, .jsonl (doccano) or .json (Label Studio). Let "
            "its name end so, or name the sheet's format."
        )
    return found or "csv"


def article_key(article: Article) -> str:
    """Return what finds an article again: its id, or a hash of its text where it has none.

    An id that does not survive a spreadsheet (blanks at its ends, control characters) is
    passed over as well.
    """
    id = article.id
    usable = id and id == id.strip() and id == sanitized(id)
    return id if usable else text_key(article.text)


def text_key(text: str) -> str:
    """Return ``text:`` and 16 hex digits, the same for texts that differ in white space alone."""
    # a lone surrogate is no reason not to have a key
    content = " ".join(text.split()).encode(errors="surrogatepass")
    return _KEY_PREFIX + hashlib.sha256(content).hexdigest()[:16]


def label_column(label: str) -> str:
    """Return the heading of a label's column: its name, marked when the sheet needs that name.

    >>> label_column("energy"), label_column("title")
    ('energy', 'label:title')
    """
    taken = label in RESERVED or label.startswith(LABEL_PREFIX)
    return safe_cell(f"{LABEL_PREFIX}{label}" if taken else label)


def label_of_column(heading: str) -> str:
    """Return the label that `label_column` gave a heading."""
    return plain_cell(heading).removeprefix(LABEL_PREFIX)


def sheet_row(article: Article, *, excerpt: int) -> dict[str, str]:
    """Return the cells that tell a labeller which article it is.

    Parameters
    ----------
    article : Article
    excerpt : int
        Characters of the text under ``excerpt``; 0 puts the whole text under ``text``.
    """
    text = _readable(article.text)
    shown = {"excerpt": _shortened(text, excerpt)} if excerpt else {"text": text}
    cells = {"outlet": article.source, "date": article.date, "title": article.title}
    return {
        "id": article_key(article),
        **{name: _readable(cell) for name, cell in cells.items()},
        **shown,
    }


def write_sheet(
    rows: Iterable[Mapping[str, str]], stream: TextIO, *, labels: Sequence[str], excerpt: int
) -> int:
    """Write the header and one record a row, label columns empty, and return how many rows.

    Parameters
    ----------
    rows : iterable of mapping of str to str
        Cells by column; columns that a row does not name stay empty.
    stream : text stream opened with ``newline=""``
    labels : sequence of str
        One column each, in this order.
    excerpt : int
        As for `sheet_row`; it decides the name of the text's column.
    """
    unused = "text" if excerpt else "excerpt"
    before = [name for name in ARTICLE_COLUMNS if name != unused]
    blank = [""] * (len(labels) + 1)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*before, *map(label_column, labels), "confidence", *HINT_COLUMNS])
    n_rows = 0
    for row in rows:
        n_rows += 1
        known = [safe_cell(row.get(name, "")) for name in before]
        hints = [safe_cell(row.get(name, "")) for name in HINT_COLUMNS]
        writer.writerow([*known, *blank, *hints])
    return n_rows


def save_sheet(
    entries: Sequence[Entry],
    target: Path | TextIO,
    *,
    labels: Sequence[str],
    excerpt: int,
    format: str = "csv",
    model: str = "",
) -> int:
    """Write what is to be labelled to a file or a stream, and return how many articles.

    Parameters
    ----------
    entries : sequence of Entry
    target : Path or text stream
        A CSV file begins with a byte-order mark, by which spreadsheets know it for UTF-8.
    labels : sequence of str
        Those to choose from.
    excerpt : int
        Characters of each text; 0 for all of it.
    format : {"csv", "doccano", "label-studio"}
    model : str
        Which model it was, for Label Studio.
    """
    if isinstance(target, Path):
        encoding = "utf-8-sig" if format == "csv" else "utf-8"
        with replacing_text(target, encoding=encoding, errors="backslashreplace") as stream:
            return save_sheet(
                entries, stream, labels=labels, excerpt=excerpt, format=format, model=model
            )
    if format == "csv":
        rows = [each.row(excerpt=excerpt) for each in entries]
        return write_sheet(rows, target, labels=labels, excerpt=excerpt)
    if format == "doccano":
        for each in entries:
            line = json.dumps(each.example(labels, excerpt=excerpt), ensure_ascii=False)
            target.write(f"{line}\n")
    else:
        tasks = [each.task(labels, excerpt=excerpt, model=model) for each in entries]
        target.write(json_text(tasks))
    return len(entries)


def _readable(text: str) -> str:
    """Return `text` on one line, harmless for a terminal and short enough for one cell."""
    return _shortened(sanitized(" ".join(text.split())), LONGEST_CELL)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length].rstrip()} …"
