# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Dual coordinate descent for the squared hinge with an L2 penalty, several labels side by side.

The method is that of Hsieh et al. (ICML 2008). Each label has a lane of the processor's vectors
to itself, and lanes never mix: what a label gets depends neither on its neighbours nor on how
many lanes there are. The matrix is read where it lies, without the lock of the interpreter, so
that groups of labels can be fitted in threads that share it.
"""

from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

import numpy as np


cdef inline int below(uint64_t* state, int n) noexcept nogil:
    """Return a number from 0 to n - 1, by SplitMix64 (Steele et al., OOPSLA 2014)."""
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return <int>(((z ^ (z >> 31)) >> 32) * <uint64_t>n >> 32)


__all__ = ["WIDTHS", "fit", "margins", "weigh"]


cdef extern from *:
    """
    #include "_lanes.h"
    """
    enum:
        MOST_LANES
    ctypedef struct Problem:
        const int64_t* bounds
        const int32_t* terms
        const float* values
        const uint16_t* scales
        float* squares
        const float* signs
        const float* row_costs
        const float* costs
        float* alphas
        float* watched
        uint8_t* awake
        float* w
        float* bias
    ctypedef struct Lanes:
        float[16] limit
        float[16] open
        float[16] largest
        float[16] smallest
        float calm
    void measure(const Problem* p, int64_t n_rows, int lanes) noexcept nogil
    void begin(const Problem* p, int64_t n_rows, int lanes) noexcept nogil
    void sweep(
        const Problem* p, Lanes* all, const int32_t* order, int64_t n_rows, int full, int lanes
    ) noexcept nogil
    void choose_vectors() noexcept nogil


# How many labels go side by side.
WIDTHS = (8, 16)

choose_vectors()

cdef enum:
    PERIOD = 5  # every so many sweeps, one visits all rows
    CACHE_LINE = 64  # bytes


cdef void shuffle(int32_t* order, int n, uint64_t seed) noexcept nogil:
    """Fill `order` with 0 to n - 1, in an order that the seed alone decides."""
    cdef int i, j
    cdef int32_t row
    cdef uint64_t state = seed << 32
    for i in range(n):
        order[i] = i
    for i in range(n - 1):
        j = i + below(&state, n - i)
        row = order[i]
        order[i] = order[j]
        order[j] = row


cdef bint descend(
    const Problem* problem, int32_t* order, int n_rows, uint8_t* left, int lanes,
    float tolerance, int most,
) noexcept nogil:
    """Fill `alphas` and `w`; return whether every lane that is `left` reached the tolerance.

    Cells whose variable is 0 and whose gradient exceeds all of the lane's last sweep are put
    aside until the next full sweep, which alone can end a lane; so are those that violate the
    optimality by less than half the tolerance. When it falls due depends on the number of the
    sweep only, so that no lane waits for another.
    """
    cdef int k, n_left, n_open, number = 0
    cdef bint full
    cdef float violation
    cdef Lanes all
    measure(problem, n_rows, lanes)
    begin(problem, n_rows, lanes)
    all.calm = tolerance / 2
    while number < most:
        full = number % PERIOD == 0
        shuffle(order, n_rows, number)
        if full:
            for k in range(lanes):
                all.open[k] = left[k]
                all.limit[k] = INFINITY
        sweep(problem, &all, order, n_rows, full, lanes)
        n_left = n_open = 0
        for k in range(lanes):
            if all.open[k]:
                violation = max(
                    all.largest[k], -all.smallest[k], all.largest[k] - all.smallest[k]
                )
                all.limit[k] = all.largest[k] if all.largest[k] > 0 else INFINITY
                if violation <= tolerance:
                    all.open[k] = 0
                    if full:
                        left[k] = 0
            n_left += left[k]
            n_open += all.open[k] > 0
        if n_left == 0:
            return True
        number += 1
        if n_open == 0:
            number += (PERIOD - number % PERIOD) % PERIOD
    return False


def weigh(
    const int64_t[:, ::1] bounds not None,
    const int32_t[::1] terms not None,
    const double[::1] damped not None,
    const double[::1] idf not None,
    float[::1] values not None,
):
    """Fill `values` with damped counts times idf, each row of unit length.

    Parameters
    ----------
    bounds : ndarray of int64 of shape (n_rows, 2)
        Where each row begins and has ended among its terms.
    terms : ndarray of int32
    damped, values : ndarray of float64 and of float32, shape of `terms`
    idf : ndarray of float64 of shape (n_terms,)
        0 for terms to leave out.

    Raises
    ------
    ValueError
        When a term or an entry is not there.
    """
    cdef int64_t i, j, n = len(terms)
    cdef double norm
    if not n == len(damped) == len(values):
        raise ValueError("terms, damped counts and values do not fit together")
    if n and not (np.min(terms) >= 0 and np.max(terms) < len(idf)):
        raise ValueError(f"a term is none of the {len(idf)} that there are")
    _check_bounds(np.asarray(bounds), n)
    with nogil:
        for i in range(bounds.shape[0]):
            norm = 0.0
            for j in range(bounds[i, 0], bounds[i, 1]):
                norm += (damped[j] * idf[terms[j]]) * (damped[j] * idf[terms[j]])
            norm = sqrt(norm)
            for j in range(bounds[i, 0], bounds[i, 1]):
                values[j] = <float>(damped[j] * idf[terms[j]] / norm) if norm > 0 else 0


def _check_bounds(bounds, n):
    """Raise `ValueError` unless all that is between the bounds is among n entries."""
    if len(bounds) and (bounds.min() < 0 or bounds.max() > n):
        raise ValueError(f"a row is beyond the {n} entries that there are")


def _aligned(n):
    """Return n zeros of float32, lanes of which lie in one line of the cache."""
    room = np.zeros(n + CACHE_LINE // 4, np.float32)
    first = -room.ctypes.data % CACHE_LINE // 4
    return room[first : first + n]


def _upper_halves(const float[:, ::1] scales):
    """Return the nearest floats of which the lower half of the bits is 0, without that half."""
    cdef const uint32_t[::1] bits = np.asarray(scales).view(np.uint32).ravel()
    halves = np.empty(len(bits), np.uint16)
    cdef uint16_t[::1] given = halves
    cdef int64_t i
    for i in range(len(bits)):
        given[i] = <uint16_t>((bits[i] + 0x8000) >> 16)
    return halves


def fit(
    const int64_t[:, ::1] bounds not None,
    const int32_t[::1] terms not None,
    const float[::1] values not None,
    const float[:, ::1] scales not None,
    const float[:, ::1] signs not None,
    const float[::1] weights not None,
    const float[::1] C not None,
    float[:, ::1] alphas not None,
    *,
    float tolerance,
    int most,
):
    """Return the weights of some labels, the bias in the last row, and which did not converge.

    Parameters
    ----------
    bounds : ndarray of int64 of shape (n_rows, 2)
        Where each row begins and has ended in `terms` (int32, below `n_terms`, distinct within a
        row) and `values` (float32).
    scales : ndarray of float32 of shape (n_terms, n_lanes)
        What the squared weight of each term is divided by in the penalty; above 0, and rounded
        to eight binary digits, by which the lanes of a term take half of a line of the cache.
    signs : ndarray of float32 of shape (n_rows, n_lanes)
        1 present, -1 absent, 0 for rows to leave out; as many lanes as one of `WIDTHS`.
    weights : ndarray of float32 of shape (n_rows,)
        Above 0.
    C : ndarray of float32 of shape (n_lanes,)
        Above 0.
    alphas : ndarray of float32 of shape (n_rows, n_lanes)
        The dual variables, none below 0: those to begin with, and in the end those found.
    tolerance : float
        Largest violation of the dual's optimality, as LIBLINEAR measures it.
    most : int
        Sweeps at most.

    Returns
    -------
    ndarray of float32 of shape (n_terms + 1, n_lanes)
    ndarray of bool of shape (n_lanes,)

    Raises
    ------
    ValueError
        When the lengths do not fit together.
    """
    cdef int n_rows = signs.shape[0], lanes = signs.shape[1], n_terms = scales.shape[0]
    if lanes not in WIDTHS or lanes != len(C) or lanes != alphas.shape[1]:
        raise ValueError(f"{lanes} lanes of signs do not fit C and alphas, or are none of {WIDTHS}")
    if not len(bounds) == n_rows == len(weights) == len(alphas):
        raise ValueError("bounds, signs, weights and alphas are not of the same rows")
    if scales.shape[1] != lanes:
        raise ValueError(f"{scales.shape[1]} lanes of scales do not fit {lanes} of signs")
    _check_bounds(np.asarray(bounds), min(len(values), len(terms)))
    coef = _aligned((n_terms + 1) * lanes).reshape(n_terms + 1, lanes)
    left = np.abs(signs).max(axis=0, initial=0).astype(np.uint8)
    if n_rows == 0:
        return coef, left > 0
    cdef float[:, ::1] w = coef
    cdef float[:, ::1] watched = np.ones((n_rows, lanes), np.float32)
    cdef const float[::1] row_costs = 1 / np.asarray(weights)
    cdef const float[::1] costs = np.float32(0.5) / np.asarray(C)
    cdef uint8_t[::1] awake = np.ones(n_rows, np.uint8), lanes_left = left
    cdef int32_t[::1] order = np.empty(n_rows, np.int32)
    cdef float[:, ::1] squares = np.ones((n_rows, lanes), np.float32)
    cdef const uint16_t[::1] halves = _upper_halves(scales) if n_terms else np.ones(1, np.uint16)
    cdef Problem problem = Problem(
        &bounds[0, 0], &terms[0], &values[0], &halves[0], &squares[0, 0], &signs[0, 0],
        &row_costs[0], &costs[0], &alphas[0, 0], &watched[0, 0], &awake[0], &w[0, 0],
        &w[n_terms, 0],
    )
    with nogil:
        descend(&problem, &order[0], n_rows, &lanes_left[0], lanes, tolerance, most)
    return coef, left > 0


def margins(
    const int64_t[:, ::1] bounds not None,
    const int32_t[::1] terms not None,
    const float[::1] values not None,
    const float[:, ::1] coef not None,
):
    """Return the margins of rows, a float32 for each lane of the weights that `fit` returned."""
    cdef int64_t i, j
    cdef int k, n_terms = coef.shape[0] - 1, lanes = coef.shape[1]
    _check_bounds(np.asarray(bounds), min(len(values), len(terms)))
    found = np.repeat(coef[n_terms:], len(bounds), axis=0)
    cdef float[:, ::1] sums = found
    with nogil:
        for i in range(bounds.shape[0]):
            for j in range(bounds[i, 0], bounds[i, 1]):
                for k in range(lanes):
                    sums[i, k] += values[j] * coef[terms[j], k]
    return found
