"""Texts, one by one → a matrix of term counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.compiled import COUNTER, compiled
from classifier.model.tokenize import Analyzer

if TYPE_CHECKING:
    from classifier.model import _counter

__all__ = ["TermCounter", "document_frequencies"]


def document_frequencies(counts: sp.csr_matrix) -> NDArray[np.int64]:
    """Return in how many articles each term occurs; shape (n_terms,)."""
    return np.bincount(counts.indices, minlength=counts.shape[1])


@dataclass
class TermCounter:
    """Counts terms of texts that come one by one; keeps rows of term ids, never the texts."""

    analyzer: Analyzer
    ids: dict[str, int] = field(default_factory=dict)
    rows: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = field(default_factory=list)
    lead_rows: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = field(default_factory=list)
    n_words: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counter = _compiled_counter(self.analyzer)

    def add(self, text: str) -> None:
        """Count the terms of one prepared text, in all of it and in its lead."""
        if self._counter is not None:
            n_words, ids, counts, lead_ids, lead_counts = self._counter.add(text)
            self.n_words.append(n_words)
            self.rows.append((ids, counts))
            self.lead_rows.append((lead_ids, lead_counts))
            return
        tokens = self.analyzer.tokens(text)
        lead = tokens[: self.analyzer.lead_length(len(tokens))]
        self.n_words.append(len(tokens))
        self.rows.append(self._row(tokens, tokens))
        # A repeated lead is followed by the first token again, which makes one more pair.
        self.lead_rows.append(self._row(lead, lead + tokens[:1]))

    def _row(
        self, tokens: list[str], paired: list[str]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        terms = tokens + Analyzer(bigrams=self.analyzer.bigrams).pairs(paired)
        ids = self.ids
        flat = np.array([ids.setdefault(term, len(ids)) for term in terms], dtype=np.int32)
        found, counts = np.unique(flat, return_counts=True)
        return found, counts.astype(np.int32)

    @property
    def n_terms(self) -> int:
        """How many distinct terms there were."""
        return len(self.ids if self._counter is None else self._counter)

    def terms(self) -> list[str]:
        """Return the terms in the order of their numbers."""
        return list(self.ids) if self._counter is None else self._counter.terms()

    def matrices(self, min_df: int) -> tuple[sp.csr_matrix, sp.csr_matrix, list[str]]:
        """Return counts in the whole texts and in their leads, and the terms kept.

        Terms in fewer than `min_df` articles go; the rest stand in code point order.
        """
        names = self.terms()
        body, lead = (_stack(rows, len(names)) for rows in (self.rows, self.lead_rows))
        frequent = document_frequencies(body) >= min_df
        terms = [term for term, keep in zip(names, frequent, strict=True) if keep]
        order = sorted(range(len(terms)), key=terms.__getitem__)
        columns = np.flatnonzero(frequent)[order]
        return body[:, columns], lead[:, columns], [terms[i] for i in order]


def _compiled_counter(analyzer: Analyzer) -> _counter.Counter | None:
    """Return the compiled counter, nothing where there is none or pairs are terms too."""
    module = compiled(COUNTER)
    if module is None or analyzer.bigrams:
        return None
    counter: _counter.Counter = module.Counter(
        lead_words=analyzer.lead_words,
        lead_divisor=analyzer.lead_divisor,
        fold_plurals=analyzer.fold_plurals,
    )
    return counter


def _stack(rows: list[tuple[NDArray[np.int32], NDArray[np.int32]]], width: int) -> sp.csr_matrix:
    starts = np.concatenate([[0], np.cumsum([len(ids) for ids, _ in rows])])
    empty = [np.zeros(0, dtype=np.int32)]
    indices = np.concatenate(empty + [ids for ids, _ in rows])
    counts = np.concatenate(empty + [counts for _, counts in rows])
    return sp.csr_matrix((counts.astype(np.float64), indices, starts), shape=(len(rows), width))
