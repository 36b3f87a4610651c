"""A corpus: how it is read (`ReadOptions`, `FORMATS`), its name and articles, and what it holds."""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from classifier.article import Article, Labels
from classifier.errors import SettingsError

__all__ = [
    "FORMATS",
    "ITEM",
    "UNLABELLED",
    "UNREAD",
    "Corpus",
    "CorpusSummary",
    "ReadOptions",
    "ReadTally",
    "describe_corpus",
    "digest_row",
    "folded_label",
]


FORMATS = (
    "jsonl", "json", "csv", "tsv", "parquet", "xlsx", "xml", "warc", "txt", "md", "html",
    "fasttext", "annif",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the input looks like; the defaults fit files this package writes.

    Parameters
    ----------
    format : str or None
        One of `FORMATS`; ``None`` goes by each file's name and first bytes.
    encoding : str
        Encoding of text files. A byte-order mark at the start is dropped; those of UTF-16 and
        UTF-32 are believed.
    text_field, title_field, id_field, source_field, date_field : str or None
        Where a row keeps each part of the article; a field within others by its way down, such
        as ``body.plain``. ``None`` finds it by what it is usually called, case aside: ``text``,
        ``body``, ``content``; ``title``, ``headline``. A field that is named and is in no row is
        an error.
    labels_field, negative_field, confidence_field, sample_field : str or None
        Where a row keeps the labels it has, those it is known not to have, whether the labeller
        hesitated (the word ``borderline``), and how the article was picked (``random`` or
        nothing is a natural sample, any other word is none).
    usual_labels : bool
        Look for labels under other usual names than ``labels`` too, such as ``category``.
    label_columns : tuple of str
        Columns that each stand for one label, holding 1, 0 or nothing. When given, the labels
        and negative fields are not looked at.
    separator : str or None
        What stands between labels written as one string; ``None`` is the first of ``|``, ``;``
        and ``,`` in it.
    exact_labels : bool
        Keep labels apart that differ in case or blanks alone.
    label_names : mapping of str to str
        Names by code, for labels that are written as codes.
    date_format : str
        How dates are written, as `datetime.datetime.strptime` takes it; when empty, ISO 8601,
        RFC 822, and seconds or milliseconds since 1970 are understood.
    quoting : bool
        Whether quotes enclose cells of CSV and TSV.
    header : bool
        Whether the first row of a table names its columns.
    columns : tuple of str
        Names for the columns of a table without a header, in order; ``1``, ``2`` … when empty.
    unique_ids : bool
        Refuse an id that was seen before, instead of taking its article for an update.
    line_ids : bool
        Call articles without an id by their place, such as ``news.csv line 17``.
    sheet : str
        Which sheet of a workbook; where it is empty, the first that holds anything.
    keep_item : bool
        Carry each item of ninjs as it came in `Article.extra`, to be written again.
    known_labels : tuple of str or None
        The labels allowed; any other is an error.
    on_error : str
        ``"stop"`` at the first bad row, or ``"skip"`` and count it.
    rejects : Path, str or None
        Where skipped rows go, as JSONL.

    Raises
    ------
    SettingsError
        If `format`, `on_error`, `separator` or `columns` has a value that means nothing.
    """

    format: str | None = None
    encoding: str = "utf-8"
    text_field: str | None = None
    title_field: str | None = None
    id_field: str | None = None
    source_field: str | None = None
    date_field: str | None = None
    labels_field: str | None = None
    negative_field: str | None = None
    confidence_field: str | None = None
    sample_field: str | None = None
    label_columns: tuple[str, ...] = ()
    usual_labels: bool = True
    separator: str | None = None
    exact_labels: bool = False
    label_names: Mapping[str, str] = field(default_factory=dict)
    date_format: str = ""
    quoting: bool = True
    header: bool = True
    columns: tuple[str, ...] = ()
    unique_ids: bool = False
    line_ids: bool = False
    known_labels: tuple[str, ...] | None = None
    sheet: str = ""
    keep_item: bool = False
    on_error: str = "stop"
    rejects: Path | str | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise SettingsError(f"format is '{self.format}'. Choose one of {', '.join(FORMATS)}.")
        if self.on_error not in ("stop", "skip"):
            raise SettingsError(f"on_error is '{self.on_error}'. Choose stop or skip.")
        if self.separator == "":
            raise SettingsError("separator is empty. Choose one, such as | or a blank.")
        if self.columns and self.header:
            raise SettingsError("columns are for tables without a header. Set header to False.")
        if len(set(self.columns)) < len(self.columns) or "" in self.columns:
            raise SettingsError(f"columns are {', '.join(self.columns)}. Give each its own name.")


# Half a character, which no name of a field can be: what is looked for under it is never there.
UNREAD = "\udfff"
# The field of a row that holds the item of ninjs as it came; see `ReadOptions.keep_item`.
ITEM = "ninjs item"
# For tagging: nothing can be wrong with fields that are not looked at.
UNLABELLED = ReadOptions(
    line_ids=True,
    source_field=UNREAD,
    date_field=UNREAD,
    labels_field=UNREAD,
    negative_field=UNREAD,
    confidence_field=UNREAD,
    sample_field=UNREAD,
)


def folded_label(label: str) -> str:
    """Return a label without what does not tell it apart: case, and blanks but one."""
    return " ".join(label.split()).casefold()


@dataclass(slots=True)
class ReadTally:
    """What became of the rows so far; `read_articles` keeps it up to date.

    Parameters
    ----------
    read : int
        Articles handed out.
    skipped : int
        Bad rows left out.
    reasons : Counter of str
        Skipped rows by kind, such as ``"empty text"``.
    headlines : int
        Articles that are nothing but a headline.
    notes : list of str
        What was recognised and what is unusual, each said once.
    tell : callable
        Given each note when it comes up.
    spellings : mapping of str to str
        How each label was first written, by its folded form; all readers of one tally share it.
    """

    read: int = 0
    skipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    headlines: int = 0
    notes: list[str] = field(default_factory=list)
    tell: Callable[[str], None] = field(default=warnings.warn, repr=False, compare=False)
    spellings: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def follow(self, labels: Iterable[str]) -> None:
        """Write labels as these are written, where they differ in case or blanks alone."""
        for label in labels:
            self.spellings.setdefault(folded_label(label), label)

    def note(self, text: str) -> None:
        """Say something once; notes that differ after "such as" alone are one."""
        kind = text.partition(", such as ")[0]
        if not any(note.startswith(kind) for note in self.notes):
            self.notes.append(text)
            self.tell(text)


@dataclass(frozen=True)
class Corpus:
    """Articles from one place, labelled with one set of labels.

    Parameters
    ----------
    name : str
    articles : iterable of Article
        Read once, in order; a generator will do.
    natural : bool
        Whether its articles are a fair sample of what the model will meet. Cuts, calibration
        and figures come from natural articles alone; the others only help the fit. In a natural
        corpus a row can say otherwise of itself by its `sample`.
    """

    name: str
    articles: Iterable[Article]
    natural: bool = True


def digest_row(id: str, text: str, labels: Labels) -> bytes:
    """Return what a corpus's hash is made of: a line an article, its text prepared."""
    present = sorted(labels.present)
    absent = None if labels.absent is None else sorted(labels.absent)
    return json.dumps([id, text, present, absent, labels.borderline]).encode() + b"\n"


DAY = r"\d{4}-\d\d-\d\d"
# The table: columns for a name, and outlets before the rest is summed up.
NAME_WIDTH = 28
SOURCES_SHOWN = 15


@dataclass(frozen=True, slots=True)
class CorpusSummary:
    """What a corpus holds, in counts; ``str()`` is a plain text table.

    Parameters
    ----------
    n_articles, n_labelled, n_unlabelled : int
        All articles, and how they divide.
    n_none, n_borderline : int
        Labelled articles without any label, and those where the labeller hesitated.
    per_label, per_source : mapping of str to int
        Articles per label and per outlet, the most frequent first.
    first_date, last_date : str
        ``YYYY-MM-DD``, empty when no article has a date.
    """

    n_articles: int
    n_labelled: int
    n_unlabelled: int
    n_none: int
    n_borderline: int
    per_label: Mapping[str, int]
    per_source: Mapping[str, int]
    first_date: str
    last_date: str

    def lines(self) -> list[str]:
        """Return the table line by line; shares are of the labelled or of all articles."""
        head = {"articles": self.n_articles, "labelled": self.n_labelled}
        head |= {"  borderline": self.n_borderline, "unlabelled": self.n_unlabelled}
        labels = {**self.per_label, "none of these": self.n_none}
        sources = dict(list(self.per_source.items())[:SOURCES_SHOWN])
        others = len(self.per_source) - len(sources)
        if others:
            sources[f"{others} other sources"] = self.n_articles - sum(sources.values())
        return [
            *_table(head, total=0),
            f"{'dates':<{NAME_WIDTH}}  {self.first_date or 'unknown'} to "
            f"{self.last_date or 'unknown'}",
            "",
            "labels, as a share of the labelled",
            *_table(labels, total=self.n_labelled),
            "",
            "outlets, as a share of all articles",
            *_table(sources, total=self.n_articles),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def describe_corpus(articles: Iterable[Article]) -> CorpusSummary:
    """Count what a stream of articles holds, in one pass and without keeping the texts."""
    known: Counter[str] = Counter()
    per_label: Counter[str] = Counter()
    per_source: Counter[str] = Counter()
    dates: set[str] = set()
    for article in articles:
        per_source[article.source or "unknown"] += 1
        if re.match(DAY, article.date):
            dates.add(article.date[:10])
        if article.labels is not None:
            per_label.update(article.labels.present)
            known["labelled"] += 1
            known["none"] += not article.labels.present
            known["borderline"] += article.labels.borderline
    return CorpusSummary(
        n_articles=per_source.total(),
        n_labelled=known["labelled"],
        n_unlabelled=per_source.total() - known["labelled"],
        n_none=known["none"],
        n_borderline=known["borderline"],
        per_label=_ranked(per_label),
        per_source=_ranked(per_source),
        first_date=min(dates, default=""),
        last_date=max(dates, default=""),
    )


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _table(counts: Mapping[str, int], *, total: int) -> Iterator[str]:
    for name, n in counts.items():
        share = f"  {100 * n / total:5.1f} %" if total else ""
        yield f"{name:<{NAME_WIDTH}}  {n:>6,}{share}"
