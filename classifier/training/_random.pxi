# Random numbers of a fit; included by both solvers.

from libc.stdint cimport uint64_t


cdef inline int below(uint64_t* state, int n) noexcept nogil:
    """Return a number from 0 to n - 1, by SplitMix64 (Steele et al., OOPSLA 2014)."""
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return <int>(((z ^ (z >> 31)) >> 32) * <uint64_t>n >> 32)
