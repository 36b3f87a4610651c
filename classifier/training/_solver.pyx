# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Dual coordinate descent for the squared hinge with an L2 penalty, one label at a time.

The method is that of Hsieh et al. (ICML 2008). The matrix is read where it lies, without the
lock of the interpreter, so that labels can be fitted in threads that share it.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

import numpy as np

__all__ = ["fit"]


cdef struct Rows:
    const int64_t* starts
    const int32_t* terms
    const float* values
    const double* squares  # of the length of each row, the constant term among it
    const int8_t* signs
    const double* costs


cdef inline int below(uint64_t* state, int n) noexcept nogil:
    """Return a number from 0 to n - 1, by SplitMix64 (Steele et al., OOPSLA 2014)."""
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return <int>(((z ^ (z >> 31)) >> 32) * <uint64_t>n >> 32)


cdef inline void swap(int32_t* active, int i, int j) noexcept nogil:
    cdef int32_t row = active[i]
    active[i] = active[j]
    active[j] = row


# Four terms at once, as an addition takes longer than a look-up; no term is twice in a row.
cdef inline double dot(const Rows* rows, int row, const double* w) noexcept nogil:
    cdef int64_t k = rows.starts[row], end = rows.starts[row + 1]
    cdef const int32_t* terms = rows.terms
    cdef const float* values = rows.values
    cdef double a = 0, b = 0, c = 0, d = 0
    while k + 4 <= end:
        a += w[terms[k]] * values[k]
        b += w[terms[k + 1]] * values[k + 1]
        c += w[terms[k + 2]] * values[k + 2]
        d += w[terms[k + 3]] * values[k + 3]
        k += 4
    while k < end:
        a += w[terms[k]] * values[k]
        k += 1
    return (a + b) + (c + d)


cdef inline void add(const Rows* rows, int row, double step, double* w) noexcept nogil:
    cdef int64_t k = rows.starts[row], end = rows.starts[row + 1]
    cdef const int32_t* terms = rows.terms
    cdef const float* values = rows.values
    cdef double a, b, c, d
    while k + 4 <= end:
        a = w[terms[k]] + step * values[k]
        b = w[terms[k + 1]] + step * values[k + 1]
        c = w[terms[k + 2]] + step * values[k + 2]
        d = w[terms[k + 3]] + step * values[k + 3]
        w[terms[k]] = a
        w[terms[k + 1]] = b
        w[terms[k + 2]] = c
        w[terms[k + 3]] = d
        k += 4
    while k < end:
        w[terms[k]] += step * values[k]
        k += 1


cdef bint descend(
    const Rows* rows, int32_t* active, int n_known, double* alphas, double* w, int n_terms,
    double tolerance, int most,
) noexcept nogil:
    """Fill `alphas` and `w`, all 0 at first; return whether the tolerance was reached.

    `w` has the bias behind the weights. Rows whose variable is 0 and whose gradient exceeds
    all of the last epoch's are put aside at the end of `active` until the others are done.
    """
    cdef int epoch, i, row, size = n_known
    cdef uint64_t state = 0
    cdef double limit = INFINITY, largest, smallest, gradient, projected, diagonal, old, step
    for epoch in range(most):
        largest, smallest = -INFINITY, INFINITY
        for i in range(size):
            swap(active, i, i + below(&state, size - i))
        i = 0
        while i < size:
            row = active[i]
            diagonal = 0.5 / rows.costs[row]
            old = alphas[row]
            gradient = rows.signs[row] * (dot(rows, row, w) + w[n_terms]) - 1 + old * diagonal
            if old == 0 and gradient > limit:
                size -= 1
                swap(active, i, size)
                continue
            projected = min(gradient, 0) if old == 0 else gradient
            largest, smallest = max(largest, projected), min(smallest, projected)
            if projected != 0:
                alphas[row] = max(old - gradient / (rows.squares[row] + diagonal), 0)
                step = rows.signs[row] * (alphas[row] - old)
                add(rows, row, step, w)
                w[n_terms] += step
            i += 1
        if max(largest, -smallest, largest - smallest) > tolerance:
            limit = largest if largest > 0 else INFINITY
        elif size == n_known:
            return True
        else:
            size, limit = n_known, INFINITY
    return False


def fit(
    const int64_t[::1] starts,
    const int32_t[::1] terms,
    const float[::1] values,
    const double[::1] squares,
    const int8_t[::1] signs,
    const double[::1] costs,
    *,
    int n_terms,
    double tolerance,
    int most,
):
    """Return the weights of one label, the bias behind them, and whether it converged.

    Parameters
    ----------
    starts : ndarray of int64 of shape (n_rows + 1,)
        Where each row begins in `terms` (int32, below `n_terms`, distinct within a row) and
        `values` (float32).
    squares : ndarray of float64 of shape (n_rows,)
        Squared length of each row, that of the constant term 1 added.
    signs : ndarray of int8 of shape (n_rows,)
        1 present, -1 absent, 0 for rows to leave out.
    costs : ndarray of float64 of shape (n_rows,)
        C times the weight of the row; above 0 where it is not left out.
    tolerance : float
        Largest violation of the dual's optimality, as LIBLINEAR measures it.
    most : int
        Epochs at most.

    Raises
    ------
    ValueError
        When the lengths do not fit together.
    """
    if not len(starts) - 1 == len(squares) == len(signs) == len(costs):
        raise ValueError("starts, squares, signs and costs are not of the same rows")
    cdef int row, n_rows = signs.shape[0], n_known = 0
    cdef bint converged = True
    cdef Rows rows
    coef = np.zeros(n_terms + 1)
    cdef double[::1] w = coef
    cdef double[::1] alphas = np.zeros(n_rows)
    cdef int32_t[::1] active = np.empty(n_rows, np.int32)
    for row in range(n_rows):
        if signs[row] != 0:
            active[n_known] = row
            n_known += 1
    if n_known:
        rows = Rows(&starts[0], &terms[0], &values[0], &squares[0], &signs[0], &costs[0])
        with nogil:
            converged = descend(
                &rows, &active[0], n_known, &alphas[0], &w[0], n_terms, tolerance, most
            )
    return coef, converged
