"""How the user says what the input looks like, and what is counted while it is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from classifier.errors import SettingsError

__all__ = ["FORMATS", "UNLABELLED", "UNREAD", "ReadOptions", "ReadTally"]

FORMATS = ("jsonl", "csv", "tsv", "parquet", "txt", "md", "html")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the input looks like; the defaults fit files this package writes.

    Parameters
    ----------
    format : str or None
        One of ``jsonl``, ``csv``, ``tsv``, ``parquet``, ``txt``, ``md``, ``html``;
        ``None`` goes by each file's name.
    encoding : str
        Encoding of text files. A byte-order mark at the start of UTF-8 is dropped.
    text_field, title_field, id_field, source_field, date_field : str
        Where a row keeps each part of the article.
    labels_field, negative_field, confidence_field : str
        Where a row keeps the labels it has, those it is known not to have, and whether the
        labeller hesitated (the word ``borderline``).
    label_columns : tuple of str
        Columns that each stand for one label, holding 1, 0 or nothing. When given, the labels
        and negative fields are not looked at.
    separator : str
        What stands between labels written as one string.
    known_labels : tuple of str or None
        The labels allowed; any other is an error.
    on_error : str
        ``"stop"`` at the first bad row, or ``"skip"`` and count it.
    rejects : Path or None
        Where skipped rows go, as JSONL.

    Raises
    ------
    SettingsError
        If `format`, `on_error` or `separator` has a value that means nothing.
    """

    format: str | None = None
    encoding: str = "utf-8"
    text_field: str = "text"
    title_field: str = "title"
    id_field: str = "id"
    source_field: str = "source"
    date_field: str = "date"
    labels_field: str = "labels"
    negative_field: str = "negative"
    label_columns: tuple[str, ...] = ()
    separator: str = "|"
    confidence_field: str = "confidence"
    known_labels: tuple[str, ...] | None = None
    on_error: str = "stop"
    rejects: Path | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise SettingsError(f"format is '{self.format}'. Choose one of {', '.join(FORMATS)}.")
        if self.on_error not in ("stop", "skip"):
            raise SettingsError(f"on_error is '{self.on_error}'. Choose stop or skip.")
        if not self.separator.strip():
            raise SettingsError(
                f"separator is {self.separator!r}. Choose a visible one, such as |."
            )


# Half a character, which no name of a field can be: what is looked for under it is never there.
UNREAD = "\udfff"
# For tagging: nothing can be wrong with fields that are not looked at.
UNLABELLED = ReadOptions(
    source_field=UNREAD,
    date_field=UNREAD,
    labels_field=UNREAD,
    negative_field=UNREAD,
    confidence_field=UNREAD,
)


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
    """

    read: int = 0
    skipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
