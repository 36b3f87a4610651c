"""Texts, one by one → terms and counts in temporary files, however many terms there are."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from classifier.corpus.scratch import FileColumn, Scratch, chunks
from classifier.errors import SettingsError
from classifier.model.tokenize import Analyzer
from classifier.training.stored_rows import AT_ONCE, StoredRows
from classifier.training.term_codes import CountCodes
from classifier.training.term_counter import TermCounter

__all__ = ["SpillingCounter"]

Ints = NDArray[np.int64]
Row = tuple[NDArray[np.int32], NDArray[np.int32]]

# Terms that are read at once from each batch.
LINES_AT_ONCE = 512


@dataclass(frozen=True)
class _Batch:
    """Articles that were counted with one dict of terms, and where its terms are written."""

    rows: int
    terms: int
    place: int
    text: int


class SpillingCounter:
    """Counts terms of texts that come one by one, as `TermCounter` does, into temporary files.

    Terms are numbered in a dict. When it has grown to `most_terms`, they are written in sorted
    order with their document frequencies, and the next texts start with an empty one. At the end
    the batches are merged, which gives document frequencies as exact as those of one dict.

    Parameters
    ----------
    analyzer : Analyzer
    scratch : Scratch
    most_terms : int
        Of one batch.
    most_kept : int
        Of the vocabulary.
    """

    def __init__(
        self, analyzer: Analyzer, scratch: Scratch, *, most_terms: int, most_kept: int = 2**31 - 1
    ) -> None:
        self.n_words = array("q")
        self._analyzer, self._scratch = analyzer, scratch
        self._most, self._most_kept = most_terms, most_kept
        self._lengths = array("i")
        self._terms, self._codes = scratch(np.int32), scratch(np.uint16)
        self._code = CountCodes(max(analyzer.lead_words, 1))
        self._text, self._df = scratch(np.uint8), scratch(np.int32)
        # of the terms of each batch in sorted order: their numbers in it, and in the vocabulary
        self._order, self._places = scratch(np.int32), scratch(np.int32)
        self._batches: list[_Batch] = []
        self._start_batch()

    def _start_batch(self) -> None:
        self._counter = TermCounter(self._analyzer)
        self._frequency = np.zeros(1024, dtype=np.int32)
        self._first_row = len(self._lengths)

    def add(self, text: str) -> None:
        """Count the terms of one prepared text, in all of it and in its lead."""
        self._counter.add(text)
        self.n_words.append(self._counter.n_words.pop())
        found, body, lead = _side_by_side(self._counter.rows.pop(), self._counter.lead_rows.pop())
        self._terms.append(found)
        self._codes.append(self._code(body, lead))
        self._lengths.append(len(found))
        self._count(found[body > 0])
        if self._counter.n_terms > self._most:
            self._spill()

    def _count(self, found: NDArray[np.int32]) -> None:
        n_terms = self._counter.n_terms
        if n_terms > len(self._frequency):
            self._frequency = np.concatenate(
                [self._frequency, np.zeros(2 * n_terms - len(self._frequency), dtype=np.int32)]
            )
        self._frequency[found] += 1

    def _spill(self) -> None:
        names = self._counter.terms()
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int32)
        place, start = len(self._order), len(self._text)
        for begin, end in chunks(len(names), LINES_AT_ONCE):
            text = "".join(f"{names[number]}\n" for number in order[begin:end].tolist())
            self._text.append(np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8))
        self._order.append(order)
        self._df.append(self._frequency[order])
        rows = len(self._lengths) - self._first_row
        self._batches.append(_Batch(rows, len(names), place, start))
        self._start_batch()

    def finish(self, min_df: int) -> tuple[StoredRows, list[str], NDArray[np.int32]]:
        """Return the counts of all texts, the terms kept, in code point order, and their numbers.

        Terms in fewer than `min_df` articles go.

        Raises
        ------
        SettingsError
            When more are left than there is memory for.
        """
        self._spill()
        vocabulary, df = self._merge(min_df)
        number = np.empty(len(df), dtype=np.int32)
        number[np.argsort(-df, kind="stable")] = np.arange(len(df), dtype=np.int32)
        rows = self._renumbered(np.append(number, np.int32(-1)))
        for column in (self._text, self._df, self._order, self._places, self._terms, self._codes):
            column.close()
        return rows, vocabulary, number

    def _merge(self, min_df: int) -> tuple[list[str], Ints]:
        """Return the vocabulary and its document frequencies; write the places of all terms."""
        vocabulary: list[str] = []
        frequencies = array("q")
        self._places.append(np.full(len(self._order), -1, dtype=np.int32))
        places = [_Places(self._places, batch.place) for batch in self._batches]
        streams = [self._lines(number) for number in range(len(self._batches))]
        for term, same in groupby(heapq.merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
            found = list(same)
            df = sum(frequency for _, frequency, _ in found)
            kept = df >= min_df
            for _, _, batch in found:
                places[batch].append(len(vocabulary) if kept else -1)
            if kept:
                vocabulary.append(term)
                frequencies.append(df)
            if len(vocabulary) > self._most_kept:
                raise SettingsError(
                    f"more than {self._most_kept:,} terms occur in {min_df} articles, more than "
                    "there is memory for. Raise min_df or --memory."
                )
        for each in places:
            each.flush()
        return vocabulary, np.array(frequencies, dtype=np.int64)

    def _lines(self, number: int) -> Iterator[tuple[str, int, int]]:
        """Yield the terms of a batch in order, with their document frequencies."""
        batch = self._batches[number]
        place, rest, start = batch.place, b"", batch.text
        while place < batch.place + batch.terms:
            stop = min(start + 32 * LINES_AT_ONCE, len(self._text))
            *lines, rest = (rest + self._text.read(start, stop).tobytes()).split(b"\n")
            lines = lines[: batch.place + batch.terms - place]
            frequencies = self._df.read(place, place + len(lines)).tolist()
            for line, frequency in zip(lines, frequencies, strict=True):
                yield line.decode("utf-8", "surrogatepass"), frequency, number
            place, start = place + len(lines), stop

    def _renumbered(self, number: NDArray[np.int32]) -> StoredRows:
        """Return the rows with terms numbered by frequency, without those that were dropped."""
        terms, codes = self._scratch(np.int32), self._scratch(np.uint16)
        lengths = np.frombuffer(self._lengths, dtype=np.int32) if self._lengths else np.zeros(0)
        old = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        kept_lengths = np.zeros(len(lengths), dtype=np.int64)
        row = 0
        for batch in self._batches:
            places = self._places.read(batch.place, batch.place + batch.terms)
            mapping = np.empty(batch.terms, dtype=np.int32)
            mapping[self._order.read(batch.place, batch.place + batch.terms)] = number[places]
            raw = StoredRows(
                old[row : row + batch.rows + 1],
                self._terms,
                self._codes,
                *self._code.counts(),
                batch.terms,
                self._scratch,
            )
            for block in raw.blocks(AT_ONCE):
                renumbered = mapping[block.terms]
                kept = renumbered >= 0
                terms.append(renumbered[kept])
                codes.append(block.codes[kept])
                before = np.concatenate([[0], np.cumsum(kept)])[block.starts]
                kept_lengths[row + block.rows] = np.diff(before)
            row += batch.rows
        starts = np.concatenate([[0], np.cumsum(kept_lengths)])
        n_terms = len(number) - 1
        return StoredRows(starts, terms, codes, *self._code.counts(), n_terms, self._scratch)


def _side_by_side(body: Row, lead: Row) -> tuple[NDArray[np.int32], Ints, Ints]:
    """Return the terms of a text and of its lead, and how often they occur in both."""
    (terms, counts), (lead_terms, lead_counts) = body, lead
    found, of_body = terms, counts.astype(np.int64)
    new = np.setdiff1d(lead_terms, terms) if len(lead_terms) else lead_terms
    if len(new):  # a pair that only a repeated lead makes
        found = np.union1d(terms, new)
        of_body = np.zeros(len(found), dtype=np.int64)
        of_body[np.searchsorted(found, terms)] = counts
    of_lead = np.zeros(len(found), dtype=np.int64)
    of_lead[np.searchsorted(found, lead_terms)] = lead_counts
    return found, of_body, of_lead


class _Places:
    """Writes numbers one by one into a stretch of a column."""

    def __init__(self, column: FileColumn, start: int) -> None:
        self._column, self._start = column, start
        self._waiting = array("i")

    def append(self, number: int) -> None:
        self._waiting.append(number)
        if len(self._waiting) == 4 * LINES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        self._column.write(self._start, np.frombuffer(self._waiting, np.int32))
        self._start += len(self._waiting)
        self._waiting = array("i")
