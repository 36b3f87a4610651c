"""Our labels of a published corpus, as they lie in the shipped ``data`` folder."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from classifier.article import Labels
from classifier.errors import CorpusError

__all__ = ["LabelRow", "label_rows"]

LABEL_COLUMNS = ("article_id", "sectors", "confidence", "text_sha256")


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a label file and the line it stands on."""

    labels: Labels
    text_sha256: str
    line: int


def label_rows(path: Path) -> dict[str, LabelRow]:
    """Return the rows of a label file by the id of their article.

    Raises
    ------
    CorpusError
        When a row lacks a column, repeats an id or holds a value that is not allowed.
    """
    rows: dict[str, LabelRow] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in (reader := csv.DictReader(lines)):
            where = f"{path} line {reader.line_num}"
            lacking = [column for column in LABEL_COLUMNS if row.get(column) is None]
            if lacking:
                raise CorpusError(f"{where}: no {', '.join(lacking)}. Give every row all columns.")
            id = row["article_id"]
            if id in rows:
                raise CorpusError(
                    f"{where}: article {id} already stands on line {rows[id].line}. Keep one."
                )
            rows[id] = _label_row(row, where, reader.line_num)
    return rows


def _label_row(row: Mapping[str, str], where: str, line: int) -> LabelRow:
    if row["confidence"] not in {"clear", "borderline"}:
        raise CorpusError(f"{where}: confidence {row['confidence']!r}; use clear or borderline.")
    if not re.fullmatch("[0-9a-f]{16}", row["text_sha256"]):
        raise CorpusError(f"{where}: text_sha256 {row['text_sha256']!r} is no 16 hex digits.")
    present = frozenset(filter(None, row["sectors"].split("|")))
    labels = Labels(present=present, borderline=row["confidence"] == "borderline")
    return LabelRow(labels, row["text_sha256"], line)
