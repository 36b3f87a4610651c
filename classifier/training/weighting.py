"""What terms and articles weigh in each fold, from counts in temporary files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.model.reading import sublinear
from classifier.training.block_fit import Rows
from classifier.training.features import idf_of
from classifier.training.linear import Candidate
from classifier.training.stored_corpus import StoredCorpus
from classifier.training.stored_rows import StoredRows

__all__ = ["Weighting", "weigh"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Weighting:
    """What makes tf-idf out of counts, for each fold held out and at last for none.

    Parameters
    ----------
    table : ndarray of float64 of shape (n_codes,)
        What the count of each code weighs.
    idf : ndarray of float64 of shape (n_folds + 1, n_terms)
        0 for terms that are left out.
    scales : ndarray of float64 of shape (n_folds + 1, n_articles)
        What makes each row one of unit length; 0 for rows without terms.
    """

    table: Vector
    idf: Matrix
    scales: Matrix

    def rows(self, stored: StoredRows, fold: int) -> Rows:
        """Return the tf-idf rows of a fold, -1 for none held out."""
        return Rows(stored, self.table, self.idf[fold], self.scales[fold])

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return which terms each fold keeps; shape (n_folds + 1, n_terms)."""
        return self.idf > 0


def weigh(
    counted: StoredCorpus, folds: NDArray[np.int64], candidate: Candidate, *, min_df: int
) -> Weighting:
    """Return the weights that a candidate gives, as `tfidf` and `fold_idf` do, in two passes."""
    rows = counted.rows
    counts = rows.counts(candidate.lead_repeats)
    frequencies = counted.frequencies(folds, counts > 0)
    frequencies[:-1] = frequencies[-1] - frequencies[:-1]
    n_training = [int((folds != fold).sum()) for fold in range(len(frequencies) - 1)] + [len(rows)]
    idf = np.array(
        [
            idf_of(df, n, min_df, form=candidate.idf)
            for df, n in zip(frequencies, n_training, strict=True)
        ]
    )
    if not candidate.bigrams:
        idf[:, ~counted.words()] = 0.0
    table = np.where(counts > 0, sublinear(np.maximum(counts, 1)), 0.0)
    lengths = np.sqrt(rows.product(table**2, np.ascontiguousarray(idf.T**2)))
    scales = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return Weighting(table, idf, np.ascontiguousarray(scales.T))
