"""A sparse matrix as the compiled solver reads it."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["Rows"]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """A sparse matrix as the solver reads it, the most frequent terms first.

    Frequent terms lie side by side, so that their weights stay in the processor's first cache.

    Parameters
    ----------
    starts : ndarray of int64 of shape (n_rows + 1,)
    terms : ndarray of int32
    values : ndarray of float32
        Other than 0 up to the end of the last row, behind which there is padding. Rounding
        them moves a margin by less than 1e-6, the tolerance by more.
    squares : ndarray of float32 of shape (n_rows,)
        Squared length of each row, and 1 for the bias.
    place : ndarray of int64 of shape (n_terms,)
        Where each column of the matrix is among the terms.
    """

    starts: NDArray[np.int64]
    terms: NDArray[np.int32]
    values: NDArray[np.float32]
    squares: NDArray[np.float32]
    place: NDArray[np.int64]

    @classmethod
    def of(cls, X: sp.csr_matrix, *, padding: int = 8) -> Rows:
        """Return the rows of a matrix without its zeros."""
        kept = X.data != 0
        columns, values = X.indices[kept], X.data[kept].astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(kept)])[X.indptr].astype(np.int64)
        frequency = np.bincount(columns, minlength=X.shape[1])
        place = np.empty(X.shape[1], dtype=np.int64)
        place[np.argsort(-frequency, kind="stable")] = np.arange(X.shape[1])
        row_of = np.repeat(np.arange(X.shape[0]), np.diff(starts))
        squares = np.bincount(row_of, weights=np.square(values), minlength=X.shape[0]) + 1.0
        terms = np.append(place.astype(np.int32)[columns], np.zeros(padding, np.int32))
        values = np.append(values, np.zeros(padding, np.float32))
        return cls(starts, terms, values, squares.astype(np.float32), place)

    @classmethod
    def weighed(
        cls,
        module: ModuleType,
        damped: sp.csr_matrix,
        chosen: NDArray[np.int64],
        idf: Vector,
        df: NDArray[np.int64],
    ) -> Rows:
        """Return what `of` makes of some rows weighted by idf, without the matrices between.

        Parameters
        ----------
        damped : csr_matrix of shape (n_articles, n_terms)
        chosen : ndarray of int64
            Rows of it.
        idf : ndarray of shape (n_terms,)
            0 for terms to leave out.
        df : ndarray of int64 of shape (n_terms,)
            In how many of the rows each term occurs.
        """
        place = np.empty(len(idf), dtype=np.int64)
        place[np.argsort(-np.where(idf > 0, df, 0), kind="stable")] = np.arange(len(idf))
        starts, terms, values, squares = module.weigh(
            damped.indptr.astype(np.int64, copy=False),
            damped.indices.astype(np.int32, copy=False),
            damped.data,
            chosen,
            idf,
            place.astype(np.int32),
        )
        return cls(starts, terms, values, squares, place)

    def arranged(self, X: sp.csr_matrix) -> sp.csr_matrix:
        """Return another matrix of the same columns in the order of the terms, as float32."""
        columns = self.place.astype(np.int32)[X.indices]
        return sp.csr_matrix((X.data.astype(np.float32), columns, X.indptr), X.shape)
