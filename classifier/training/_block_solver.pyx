# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Dual coordinate descent for the squared hinge with an L2 penalty, over one block of rows.

The method is that of Hsieh et al. (ICML 2008), a block at a time as by Yu et al. (KDD 2010). Rows
are counts, not values: what a term weighs, ``table[code] * idf * scale of its row``, is put
together while it is read, so that all folds share the counts. In place of a weight w of each term
``u = idf * w`` is kept, which spares a look-up where rows are only read.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t

import numpy as np

include "_random.pxi"

__all__ = ["descend", "gather", "tally"]


cdef struct Rows:
    const int64_t* starts
    const int32_t* terms
    const uint16_t* codes
    const double* table
    const double* squared_idf
    const double* scales  # 1 / length of each row, 0 for rows without terms
    const int8_t* signs
    const double* costs


cdef inline double dot(const Rows* rows, int row, const double* u) noexcept nogil:
    cdef int64_t k = rows.starts[row], end = rows.starts[row + 1]
    cdef const int32_t* terms = rows.terms
    cdef const uint16_t* codes = rows.codes
    cdef const double* table = rows.table
    cdef double a = 0, b = 0, c = 0, d = 0
    while k + 4 <= end:
        a += u[terms[k]] * table[codes[k]]
        b += u[terms[k + 1]] * table[codes[k + 1]]
        c += u[terms[k + 2]] * table[codes[k + 2]]
        d += u[terms[k + 3]] * table[codes[k + 3]]
        k += 4
    while k < end:
        a += u[terms[k]] * table[codes[k]]
        k += 1
    return rows.scales[row] * ((a + b) + (c + d))


cdef inline void add(const Rows* rows, int row, double step, double* u) noexcept nogil:
    cdef int64_t k
    cdef int32_t term
    step *= rows.scales[row]
    for k in range(rows.starts[row], rows.starts[row + 1]):
        term = rows.terms[k]
        u[term] += step * rows.table[rows.codes[k]] * rows.squared_idf[term]


cdef int sweep(
    const Rows* rows, int32_t* active, int size, double* alphas, uint8_t* aside, double* u,
    int n_terms, double limit, uint64_t* state, double* largest, double* smallest,
) noexcept nogil:
    """Visit the active rows once, in random order; return how many are left, put in front."""
    cdef int i, j, row, left = 0
    cdef double gradient, projected, diagonal, old, step
    for i in range(size):
        j = i + below(state, size - i)
        row = active[j]
        active[j] = active[i]
        active[i] = row
        diagonal = 0.5 / rows.costs[row]
        old = alphas[row]
        gradient = rows.signs[row] * (dot(rows, row, u) + u[n_terms]) - 1 + old * diagonal
        if old == 0 and gradient > limit:
            aside[row] = 1
            continue
        active[left] = row
        left += 1
        projected = min(gradient, 0) if old == 0 else gradient
        largest[0], smallest[0] = max(largest[0], projected), min(smallest[0], projected)
        if projected != 0:
            alphas[row] = max(
                old - gradient / ((2.0 if rows.scales[row] > 0 else 1.0) + diagonal), 0
            )
            step = rows.signs[row] * (alphas[row] - old)
            add(rows, row, step, u)
            u[n_terms] += step
    return left


cdef Rows rows_of(
    const int64_t[::1] starts, const int32_t[::1] terms, const uint16_t[::1] codes,
    const double[::1] table, const double[::1] squared_idf, const double[::1] scales,
    const int8_t[::1] signs,
) noexcept:
    """Return the rows of a block, of which there is one at least, without their costs."""
    cdef Rows rows
    # a block of articles without terms has no first one
    rows.terms = &terms[0] if len(terms) else NULL
    rows.codes = &codes[0] if len(codes) else NULL
    rows.table = &table[0] if len(table) else NULL
    rows.squared_idf = &squared_idf[0] if len(squared_idf) else NULL
    rows.starts, rows.scales, rows.signs, rows.costs = &starts[0], &scales[0], &signs[0], NULL
    return rows


def descend(
    const int64_t[::1] starts,
    const int32_t[::1] terms,
    const uint16_t[::1] codes,
    const double[::1] table,
    const double[::1] squared_idf,
    const double[::1] scales,
    const int8_t[::1] signs,
    const double[::1] costs,
    double[::1] alphas,
    uint8_t[::1] aside,
    double[::1] u,
    *,
    double limit,
    int sweeps,
    uint64_t seed,
):
    """Go through a block several times; return the largest and least violation of the first time.

    Parameters
    ----------
    starts, terms, codes
        As in `classifier.training.stored_rows.Block`.
    table : ndarray of float64 of shape (n_codes,)
        What each code weighs before idf.
    squared_idf : ndarray of float64 of shape (n_terms,)
    scales, costs : ndarray of float64 of shape (n_rows,)
        1 / length, 0 for rows without terms; C times the weight, above 0 where a sign is.
    signs : ndarray of int8 of shape (n_rows,)
        1 present, -1 absent, 0 for rows to leave out.
    alphas : ndarray of float64 of shape (n_rows,)
        Dual variables; changed.
    aside : ndarray of uint8 of shape (n_rows,)
        Rows to pass over; those whose variable is 0 and whose gradient is above `limit` join.
    u : ndarray of float64 of shape (n_terms + 1,)
        idf times weight, and the bias behind; changed.
    """
    cdef int row, n_rows = signs.shape[0], size = 0, n_terms = squared_idf.shape[0]
    if not len(starts) - 1 == len(scales) == len(signs) == len(costs) == len(alphas) == len(aside):
        raise ValueError("the arrays are not of the same rows")
    if len(u) != n_terms + 1:
        raise ValueError("u and squared_idf are not of the same terms")
    cdef int32_t[::1] active = np.empty(n_rows + 1, np.int32)
    cdef double largest = -INFINITY, smallest = INFINITY, high, low
    cdef uint64_t state = seed
    cdef int turn
    for row in range(n_rows):
        if signs[row] != 0 and not aside[row]:
            active[size] = row
            size += 1
    if not size:
        return largest, smallest
    cdef Rows rows = rows_of(starts, terms, codes, table, squared_idf, scales, signs)
    rows.costs = &costs[0]
    with nogil:
        size = sweep(
            &rows, &active[0], size, &alphas[0], &aside[0], &u[0], n_terms, limit, &state,
            &largest, &smallest,
        )
        for turn in range(1, sweeps):
            high, low = -INFINITY, INFINITY
            size = sweep(
                &rows, &active[0], size, &alphas[0], &aside[0], &u[0], n_terms, limit, &state,
                &high, &low,
            )
    return largest, smallest


def gather(
    const int64_t[::1] starts,
    const int32_t[::1] terms,
    const uint16_t[::1] codes,
    const double[::1] table,
    const double[::1] squared_idf,
    const double[::1] scales,
    const int8_t[::1] signs,
    const double[::1] alphas,
    double[::1] u,
):
    """Add to `u` what the dual variables of a block make of it."""
    cdef int row, n_terms = squared_idf.shape[0]
    cdef double step
    if not len(starts) - 1 == len(scales) == len(signs) == len(alphas):
        raise ValueError("the arrays are not of the same rows")
    if not len(signs):
        return
    cdef Rows rows = rows_of(starts, terms, codes, table, squared_idf, scales, signs)
    with nogil:
        for row in range(signs.shape[0]):
            if signs[row] == 0 or alphas[row] == 0:
                continue
            step = signs[row] * alphas[row]
            add(&rows, row, step, &u[0])
            u[n_terms] += step


def tally(
    const int64_t[::1] starts,
    const int32_t[::1] terms,
    const uint8_t[::1] counted,
    const int64_t[::1] sample_starts,
    const int32_t[::1] samples,
    int32_t[:, ::1] counts,
):
    """Add each row's terms, those that are `counted`, to the counts of the samples it is in."""
    cdef int row, s
    cdef int64_t k
    if len(starts) != len(sample_starts):
        raise ValueError("the arrays are not of the same rows")
    with nogil:
        for row in range(starts.shape[0] - 1):
            for s in range(sample_starts[row], sample_starts[row + 1]):
                for k in range(starts[row], starts[row + 1]):
                    counts[samples[s], terms[k]] += counted[k]
