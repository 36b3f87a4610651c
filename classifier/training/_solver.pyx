# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""Dual coordinate descent for the squared hinge with an L2 penalty, several labels side by side.

The method is that of Hsieh et al. (ICML 2008). Each label has a lane of the processor's vectors
to itself, and lanes never mix: what a label gets depends neither on its neighbours nor on how
many lanes there are. The matrix is read where it lies, without the lock of the interpreter, so
that groups of labels can be fitted in threads that share it.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

import numpy as np

__all__ = ["PADDING", "WIDTHS", "fit"]


cdef extern from *:
    """
    #include <stdint.h>

    #define MOST_LANES 16
    #define TERMS_AHEAD 8  /* whose weights are under way from memory */

    #if defined(__GNUC__)
    typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
    #define FETCH_LANES(address) __builtin_prefetch(address)
    #define ALWAYS_INLINE static inline __attribute__((always_inline))
    #else
    #define FETCH_LANES(address) ((void)0)
    #define ALWAYS_INLINE static __forceinline
    #endif

    typedef struct {
        const int64_t* starts;
        const int32_t* terms;
        const float* values;
        const float* squares;    /* of the length of each row, the constant term among it */
        const float* signs;      /* a row's lanes side by side, as in all that follows */
        const float* row_costs;  /* 1 / weight */
        const float* costs;      /* 1 / 2C of each lane */
        float* alphas;
        float* watched;          /* 0 for cells put aside until the next full sweep */
        uint8_t* awake;          /* whether any lane watches the row */
        float* w;
        float* bias;
    } Problem;

    typedef struct {
        float limit[MOST_LANES];
        float open[MOST_LANES];     /* 0 for lanes that wait for the next full sweep, or are done */
        float largest[MOST_LANES];
        float smallest[MOST_LANES];
    } Lanes;

    ALWAYS_INLINE void add_dot(
        const int32_t* terms, const float* values, int64_t n, const float* w, float* sums, int lanes
    ) {
        int64_t j;
    #if defined(__GNUC__)
        four a = *(four*)sums, b = *(four*)(sums + 4), c = a, d = a;
        if (lanes == 16) { c = *(four*)(sums + 8); d = *(four*)(sums + 12); }
        for (j = 0; j < n; j++) {
            const float* line = w + (int64_t)terms[j] * lanes;
            float value = values[j];
            FETCH_LANES(w + (int64_t)terms[j + TERMS_AHEAD] * lanes);
            a += *(const four*)line * value;
            b += *(const four*)(line + 4) * value;
            if (lanes == 16) {
                c += *(const four*)(line + 8) * value;
                d += *(const four*)(line + 12) * value;
            }
        }
        *(four*)sums = a;
        *(four*)(sums + 4) = b;
        if (lanes == 16) { *(four*)(sums + 8) = c; *(four*)(sums + 12) = d; }
    #else
        for (j = 0; j < n; j++) {
            const float* line = w + (int64_t)terms[j] * lanes;
            for (int k = 0; k < lanes; k++) sums[k] += line[k] * values[j];
        }
    #endif
    }

    ALWAYS_INLINE void add_row(
        const int32_t* terms, const float* values, int64_t n, float* w, const float* steps, int lanes
    ) {
        int64_t j;
    #if defined(__GNUC__)
        four a = *(four*)steps, b = *(four*)(steps + 4), c = a, d = a;
        if (lanes == 16) { c = *(four*)(steps + 8); d = *(four*)(steps + 12); }
        for (j = 0; j < n; j++) {
            float* line = w + (int64_t)terms[j] * lanes;
            float value = values[j];
            *(four*)line += a * value;
            *(four*)(line + 4) += b * value;
            if (lanes == 16) {
                *(four*)(line + 8) += c * value;
                *(four*)(line + 12) += d * value;
            }
        }
    #else
        for (j = 0; j < n; j++) {
            float* line = w + (int64_t)terms[j] * lanes;
            for (int k = 0; k < lanes; k++) line[k] += steps[k] * values[j];
        }
    #endif
    }

    ALWAYS_INLINE void begin_lanes(const Problem* p, int64_t n_rows, int lanes) {
        for (int64_t row = 0; row < n_rows; row++) {
            float steps[MOST_LANES], any = 0.0f;
            for (int k = 0; k < lanes; k++) {
                steps[k] = p->signs[row * lanes + k] * p->alphas[row * lanes + k];
                any += steps[k] * steps[k];
            }
            if (any > 0.0f) {
                int64_t start = p->starts[row];
                add_row(p->terms + start, p->values + start, p->starts[row + 1] - start,
                        p->w, steps, lanes);
                for (int k = 0; k < lanes; k++) p->bias[k] += steps[k];
            }
        }
    }

    /* Visit rows in their order, all of them or those that some lane watches. */
    ALWAYS_INLINE void sweep_lanes(
        const Problem* p, Lanes* all, const int32_t* order, int64_t n_rows, int full, int lanes
    ) {
        float largest[MOST_LANES], smallest[MOST_LANES], limit[MOST_LANES], open[MOST_LANES];
        for (int k = 0; k < lanes; k++) {
            largest[k] = -1e30f;
            smallest[k] = 1e30f;
            limit[k] = all->limit[k];
            open[k] = all->open[k];
        }
        for (int64_t i = 0; i < n_rows; i++) {
            int64_t row = order[i];
            if (!full && !p->awake[row]) continue;
            int64_t start = p->starts[row], n = p->starts[row + 1] - start;
            const float* sign = p->signs + row * lanes;
            float* alpha = p->alphas + row * lanes;
            float* watched = p->watched + row * lanes;
            float steps[MOST_LANES], sums[MOST_LANES], any = 0.0f, moved = 0.0f;
            for (int k = 0; k < lanes; k++) sums[k] = p->bias[k];
            add_dot(p->terms + start, p->values + start, n, p->w, sums, lanes);
            for (int k = 0; k < lanes; k++) {
                float diagonal = p->costs[k] * p->row_costs[row];
                float old = alpha[k];
                float gradient = sign[k] * sums[k] - 1.0f + old * diagonal;
                float at_zero = old == 0.0f ? 1.0f : 0.0f;
                float kept = (full ? 1.0f : watched[k]) - (gradient > limit[k] ? at_zero : 0.0f);
                kept = kept > 0.0f ? kept : 0.0f;
                float live = kept * open[k] * sign[k] * sign[k];
                float projected = gradient * live * (gradient > 0.0f ? 1.0f - at_zero : 1.0f);
                float target = old - gradient / (p->squares[row] + diagonal);
                float step = (target > 0.0f ? target : 0.0f) - old;
                step = projected != 0.0f ? step : 0.0f;
                watched[k] = kept;
                largest[k] = projected > largest[k] ? projected : largest[k];
                smallest[k] = projected < smallest[k] ? projected : smallest[k];
                alpha[k] = old + step;
                steps[k] = sign[k] * step;
                any += live;
                moved += step * step;
            }
            p->awake[row] = any > 0.0f;
            if (moved > 0.0f) {
                add_row(p->terms + start, p->values + start, n, p->w, steps, lanes);
                for (int k = 0; k < lanes; k++) p->bias[k] += steps[k];
            }
        }
        for (int k = 0; k < lanes; k++) {
            all->largest[k] = largest[k];
            all->smallest[k] = smallest[k];
        }
    }

    static void begin(const Problem* p, int64_t n_rows, int lanes) {
        if (lanes == 16) begin_lanes(p, n_rows, 16);
        else begin_lanes(p, n_rows, 8);
    }

    static void sweep(
        const Problem* p, Lanes* all, const int32_t* order, int64_t n_rows, int full, int lanes
    ) {
        if (lanes == 16) sweep_lanes(p, all, order, n_rows, full, 16);
        else sweep_lanes(p, all, order, n_rows, full, 8);
    }
    """
    enum:
        MOST_LANES
        TERMS_AHEAD
    ctypedef struct Problem:
        const int64_t* starts
        const int32_t* terms
        const float* values
        const float* squares
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
    void begin(const Problem* p, int64_t n_rows, int lanes) noexcept nogil
    void sweep(
        const Problem* p, Lanes* all, const int32_t* order, int64_t n_rows, int full, int lanes
    ) noexcept nogil


# How many labels go side by side, and by how much more of `terms` is looked at than is used.
WIDTHS = (8, 16)
PADDING = TERMS_AHEAD

cdef enum:
    PERIOD = 5  # every so many sweeps, one visits all rows


cdef inline int below(uint64_t* state, int n) noexcept nogil:
    """Return a number from 0 to n - 1, by SplitMix64 (Steele et al., OOPSLA 2014)."""
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return <int>(((z ^ (z >> 31)) >> 32) * <uint64_t>n >> 32)


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
    aside until the next full sweep, which alone can end a lane. When it falls due depends on
    the number of the sweep only, so that no lane waits for another.
    """
    cdef int k, n_left, n_open, number = 0
    cdef bint full
    cdef float violation
    cdef Lanes all
    begin(problem, n_rows, lanes)
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


def fit(
    const int64_t[::1] starts not None,
    const int32_t[::1] terms not None,
    const float[::1] values not None,
    const float[::1] squares not None,
    const float[:, ::1] signs not None,
    const float[::1] weights not None,
    const float[::1] C not None,
    float[:, ::1] alphas not None,
    *,
    int n_terms,
    float tolerance,
    int most,
):
    """Return the weights of some labels, the bias in the last row, and which did not converge.

    Parameters
    ----------
    starts : ndarray of int64 of shape (n_rows + 1,)
        Where each row begins in `terms` (int32, below `n_terms`, distinct within a row) and
        `values` (float32), both followed by `PADDING` more, which count for nothing.
    squares : ndarray of float32 of shape (n_rows,)
        Squared length of each row, that of the constant term 1 added.
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
    cdef int n_rows = signs.shape[0], lanes = signs.shape[1]
    if lanes not in WIDTHS or lanes != len(C) or lanes != alphas.shape[1]:
        raise ValueError(f"{lanes} lanes of signs do not fit C and alphas, or are none of {WIDTHS}")
    if not len(starts) - 1 == len(squares) == n_rows == len(weights) == len(alphas):
        raise ValueError("starts, squares, signs, weights and alphas are not of the same rows")
    if starts[n_rows] + PADDING > min(len(values), len(terms)):
        raise ValueError("terms and values are shorter than the rows")
    coef = np.zeros((n_terms + 1, lanes), np.float32)
    left = np.abs(signs).max(axis=0, initial=0).astype(np.uint8)
    if n_rows == 0:
        return coef, left > 0
    cdef float[:, ::1] w = coef
    cdef float[:, ::1] watched = np.ones((n_rows, lanes), np.float32)
    cdef const float[::1] row_costs = 1 / np.asarray(weights)
    cdef const float[::1] costs = np.float32(0.5) / np.asarray(C)
    cdef uint8_t[::1] awake = np.ones(n_rows, np.uint8), lanes_left = left
    cdef int32_t[::1] order = np.empty(n_rows, np.int32)
    cdef Problem problem = Problem(
        &starts[0], &terms[0], &values[0], &squares[0], &signs[0, 0],
        &row_costs[0], &costs[0], &alphas[0, 0], &watched[0, 0], &awake[0], &w[0, 0],
        &w[n_terms, 0],
    )
    with nogil:
        descend(&problem, &order[0], n_rows, &lanes_left[0], lanes, tolerance, most)
    return coef, left > 0
