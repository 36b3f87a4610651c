/* The inner loops of _solver.pyx: a row of the matrix against several labels at once.

   The second part includes itself: once for each number of lanes and width of the processor's
   vectors. Lanes never mix and nothing is fused, so all give the same to the last bit. */

#ifndef CLASSIFIER_LANES_H
#define CLASSIFIER_LANES_H

#include <stdint.h>

#define MOST_LANES 16
#define TERMS_AHEAD 16 /* whose weights are under way from memory */

typedef struct {
    const int64_t* bounds;  /* of each row: where it begins and has ended */
    const int32_t* terms;
    const float* values;
    const uint16_t* scales; /* of the terms, the upper halves of floats; lanes lie side by side */
    float* squares;         /* of the length of each row by its scales, the constant term among it */
    const float* signs;
    const float* row_costs; /* 1 / weight */
    const float* costs;     /* 1 / 2C of each lane */
    float* alphas;
    float* watched; /* 0 for cells put aside until the next full sweep */
    uint8_t* awake; /* whether any lane watches the row */
    float* w;
    float* bias;
} Problem;

typedef struct {
    float limit[MOST_LANES];
    float open[MOST_LANES]; /* 0 for lanes that wait for the next full sweep, or are done */
    float largest[MOST_LANES];
    float smallest[MOST_LANES];
    float calm; /* cells that violate by less wait for the next full sweep */
} Lanes;

typedef void (*Rows)(const Problem*, int64_t);
typedef void (*Sweep)(const Problem*, Lanes*, const int32_t*, int64_t, int);

#if defined(__GNUC__)
#define FETCH_LANES(address) __builtin_prefetch(address)
#else
#define FETCH_LANES(address) ((void)0)
#endif

static inline float widened(uint16_t half) {
    union {
        uint32_t bits;
        float value;
    } whole = {(uint32_t)half << 16};
    return whole.value;
}

#define TARGET
#define BYTES 16
#define LANES 8
#define OF(name) name##_8
#include "_lanes.h"
#define LANES 16
#define OF(name) name##_16
#include "_lanes.h"
#undef TARGET
#undef BYTES

#if defined(__GNUC__) && defined(__x86_64__)
#define TARGET __attribute__((target("avx2")))
#define BYTES 32
#define LANES 8
#define OF(name) name##_8_avx2
#include "_lanes.h"
#define LANES 16
#define OF(name) name##_16_avx2
#include "_lanes.h"
#undef TARGET
#undef BYTES
#define TARGET __attribute__((target("avx512f")))
#define BYTES 64
#define LANES 16
#define OF(name) name##_16_avx512
#include "_lanes.h"
#undef TARGET
#undef BYTES
#endif

static Rows measure_narrow = measure_8, measure_wide = measure_16;
static Rows begin_narrow = begin_8, begin_wide = begin_16;
static Sweep sweep_narrow = sweep_8, sweep_wide = sweep_16;

static void choose_vectors(void) {
#if defined(__GNUC__) && defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) {
        measure_narrow = measure_8_avx2;
        begin_narrow = begin_8_avx2;
        sweep_narrow = sweep_8_avx2;
        measure_wide = measure_16_avx2;
        begin_wide = begin_16_avx2;
        sweep_wide = sweep_16_avx2;
    }
    if (__builtin_cpu_supports("avx512f")) {
        measure_wide = measure_16_avx512;
        begin_wide = begin_16_avx512;
        sweep_wide = sweep_16_avx512;
    }
#endif
}

static void measure(const Problem* p, int64_t n_rows, int lanes) {
    (lanes == 16 ? measure_wide : measure_narrow)(p, n_rows);
}

static void begin(const Problem* p, int64_t n_rows, int lanes) {
    (lanes == 16 ? begin_wide : begin_narrow)(p, n_rows);
}

static void sweep(
    const Problem* p, Lanes* all, const int32_t* order, int64_t n_rows, int full, int lanes
) {
    (lanes == 16 ? sweep_wide : sweep_narrow)(p, all, order, n_rows, full);
}

#else

#if defined(__GNUC__)
typedef float OF(vector) __attribute__((vector_size(BYTES), aligned(4), may_alias));
typedef uint16_t OF(halves) __attribute__((vector_size(BYTES / 2), aligned(2), may_alias));
typedef uint32_t OF(wholes) __attribute__((vector_size(BYTES)));
#define VECTOR OF(vector)
#define WIDTH (BYTES / 4)
#define VECTORS (LANES / WIDTH)
#define WIDENED(at) \
    ((VECTOR)(__builtin_convertvector(*(const OF(halves)*)(at), OF(wholes)) << 16))
#else
#define VECTOR float
#define WIDTH 1
#define VECTORS LANES
#define WIDENED(at) widened(*(at))
#endif

/* Add the row times `steps` to the weights. */
TARGET static inline void OF(add_row)(
    const Problem* p, int64_t row, const float* steps
) {
    int64_t end = p->bounds[2 * row + 1];
    VECTOR by[VECTORS];
    for (int v = 0; v < VECTORS; v++) by[v] = *(const VECTOR*)(steps + v * WIDTH);
    for (int64_t j = p->bounds[2 * row]; j < end; j++) {
        float* line = p->w + (int64_t)p->terms[j] * LANES;
        const uint16_t* scale = p->scales + (int64_t)p->terms[j] * LANES;
        float value = p->values[j];
        for (int v = 0; v < VECTORS; v++)
            *(VECTOR*)(line + v * WIDTH) += by[v] * (WIDENED(scale + v * WIDTH) * value);
    }
    for (int k = 0; k < LANES; k++) p->bias[k] += steps[k];
}

/* Fill `sums` with the margins of the row, and fetch what adding it would need. */
TARGET static inline void OF(sum_row)(const Problem* p, int64_t row, float* sums) {
    int64_t end = p->bounds[2 * row + 1];
    VECTOR sum[VECTORS];
    for (int v = 0; v < VECTORS; v++) sum[v] = *(const VECTOR*)(p->bias + v * WIDTH);
    for (int64_t j = p->bounds[2 * row]; j < end; j++) {
        const float* line = p->w + (int64_t)p->terms[j] * LANES;
        float value = p->values[j];
        int64_t ahead = end - j > TERMS_AHEAD ? j + TERMS_AHEAD : j;
        FETCH_LANES(p->w + (int64_t)p->terms[ahead] * LANES);
        FETCH_LANES(p->scales + (int64_t)p->terms[j] * LANES);
        for (int v = 0; v < VECTORS; v++) sum[v] += *(const VECTOR*)(line + v * WIDTH) * value;
    }
    for (int v = 0; v < VECTORS; v++) *(VECTOR*)(sums + v * WIDTH) = sum[v];
}

/* Add to `squares` the squared length of each row by the scales of each lane. */
TARGET static void OF(measure)(const Problem* p, int64_t n_rows) {
    for (int64_t row = 0; row < n_rows; row++) {
        int64_t end = p->bounds[2 * row + 1];
        VECTOR* squares = (VECTOR*)(p->squares + row * LANES);
        for (int64_t j = p->bounds[2 * row]; j < end; j++) {
            const uint16_t* scale = p->scales + (int64_t)p->terms[j] * LANES;
            float square = p->values[j] * p->values[j];
            for (int v = 0; v < VECTORS; v++) squares[v] += WIDENED(scale + v * WIDTH) * square;
        }
    }
}

/* Make the weights those of the dual variables. */
TARGET static void OF(begin)(const Problem* p, int64_t n_rows) {
    for (int64_t row = 0; row < n_rows; row++) {
        float steps[LANES], any = 0.0f;
        for (int k = 0; k < LANES; k++) {
            steps[k] = p->signs[row * LANES + k] * p->alphas[row * LANES + k];
            any += steps[k] * steps[k];
        }
        if (any > 0.0f) OF(add_row)(p, row, steps);
    }
}

/* Visit rows in their order, all of them or those that some lane watches. */
TARGET static void OF(sweep)(
    const Problem* p, Lanes* all, const int32_t* order, int64_t n_rows, int full
) {
    float largest[LANES], smallest[LANES], limit[LANES], open[LANES], costs[LANES];
    float calm = all->calm;
    for (int k = 0; k < LANES; k++) {
        largest[k] = -1e30f;
        smallest[k] = 1e30f;
        limit[k] = all->limit[k];
        open[k] = all->open[k];
        costs[k] = p->costs[k];
    }
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t row = order[i];
        if (!full && !p->awake[row]) continue;
        const float* sign = p->signs + row * LANES;
        float* alpha = p->alphas + row * LANES;
        float* watched = p->watched + row * LANES;
        const float* squares = p->squares + row * LANES;
        float row_cost = p->row_costs[row], any = 0.0f, moved = 0.0f;
        float steps[LANES], sums[LANES], lives[LANES], kept_now[LANES], alphas[LANES];
        OF(sum_row)(p, row, sums);
        for (int k = 0; k < LANES; k++) {
            float diagonal = costs[k] * row_cost;
            float old = alpha[k];
            float gradient = sign[k] * sums[k] - 1.0f + old * diagonal;
            float at_zero = old == 0.0f ? 1.0f : 0.0f;
            float far = gradient > limit[k] ? at_zero : 0.0f;
            float kept = (full ? 1.0f : watched[k]) * (1.0f - far);
            float live = kept * open[k] * sign[k] * sign[k];
            float rising = gradient > 0.0f ? at_zero : 0.0f;
            float projected = gradient * live * (1.0f - rising);
            float target = old - gradient / (squares[k] + diagonal);
            float step = (target > 0.0f ? target : 0.0f) - old;
            float moves = (projected < 0.0f ? -projected : projected) < calm ? 0.0f : 1.0f;
            step = projected != 0.0f ? step : 0.0f;
            largest[k] = projected > largest[k] ? projected : largest[k];
            smallest[k] = projected < smallest[k] ? projected : smallest[k];
            steps[k] = sign[k] * step;
            lives[k] = live * moves;
            kept_now[k] = kept * moves;
            alphas[k] = old + step;
        }
        for (int k = 0; k < LANES; k++) {
            watched[k] = kept_now[k];
            alpha[k] = alphas[k];
            any += lives[k];
            moved += steps[k] * steps[k];
        }
        p->awake[row] = any > 0.0f;
        if (moved > 0.0f) OF(add_row)(p, row, steps);
    }
    for (int k = 0; k < LANES; k++) {
        all->largest[k] = largest[k];
        all->smallest[k] = smallest[k];
    }
}

#undef VECTOR
#undef WIDENED
#undef WIDTH
#undef VECTORS
#undef LANES
#undef OF

#endif
