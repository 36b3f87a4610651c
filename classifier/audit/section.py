"""A heading, sentences and a table: the form of every finding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from classifier.audit.kept import Mention

__all__ = ["Row", "Section", "cut_section", "listed", "named"]

Row: TypeAlias = tuple[str, ...]
_NUMBER = re.compile(r"[\d.,]+")
# Articles of one group or kind that a row names.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of finding.

    Parameters
    ----------
    title : str
    says : tuple of str
        Sentences before the table.
    columns : tuple of str
        Heads of the table; empty when there is none.
    rows : tuple of tuple of str
        Cells as they came in: who shows them escapes them.
    alarm : bool
        Whether figures are wrong as long as this stands.
    """

    title: str
    says: tuple[str, ...]
    columns: Row = ()
    rows: tuple[Row, ...] = ()
    alarm: bool = False

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers alone."""
        return tuple(all(map(_NUMBER.fullmatch, column)) for column in zip(*self.rows, strict=True))


def cut_section(
    title: str,
    says: list[str],
    columns: Row,
    rows: Sequence[Row],
    shown: int,
    *,
    alarm: bool = False,
) -> Section:
    """Return the section with the first rows, and the sentence that says that there are more."""
    if len(rows) > shown:
        says = [*says, f"The first {shown:,} of {len(rows):,} rows:"]
    kept = tuple(rows[:shown])
    return Section(title, tuple(says), columns if kept else (), kept, alarm)


def named(articles: Sequence[Mention]) -> str:
    """Return the first articles by id, with their corpus where there are two."""
    several = len({each.corpus for each in articles}) > 1
    return listed(f"{each.corpus} {each}" if several else str(each) for each in articles)


def listed(names: Iterable[str]) -> str:
    """Return the first names with commas, and how many more there are."""
    iterator = iter(names)
    first = list(islice(iterator, NAMED))
    more = sum(1 for _ in iterator)
    return ", ".join(first) + (f" and {more:,} more" if more else "")
