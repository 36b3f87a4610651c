"""One row of an input file before it becomes an article, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from classifier.errors import BadInputError

__all__ = ["BadRowError", "Row"]


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
