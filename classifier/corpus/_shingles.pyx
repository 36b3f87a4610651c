# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""text → words → hashes of shingles → MinHash signature; the same as classifier/corpus/duplicates.py."""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

import numpy as np

include "../model/_folding.pxi"

__all__ = ["sketch"]

# Of the CRC-32 of zlib.
cdef uint32_t POLYNOMIAL = 0xEDB88320
cdef uint32_t CRC[256]
cdef uint8_t IN_ASCII[128]  # which of these are of words

# An odd 64-bit multiplier without structure (2^64 divided by the golden ratio).
cdef uint64_t MULTIPLIER = 0x9E3779B97F4A7C15

cdef enum:
    MOST_PERMUTATIONS = 64
    LONGEST_CHARACTER = 4  # bytes


cdef void _fill_tables() noexcept:
    cdef uint32_t c, value
    cdef int bit
    for c in range(128):
        IN_ASCII[c] = c == 0x5F or Py_UNICODE_ISALNUM(c)
    for c in range(256):
        value = c
        for bit in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        CRC[c] = value


_fill_tables()


cdef inline bint of_word(uint32_t c) noexcept nogil:
    return IN_ASCII[c] if c < 128 else Py_UNICODE_ISALNUM(c)


cdef inline uint32_t crc(const uint8_t* p, int64_t n) noexcept nogil:
    cdef uint32_t value = 0xFFFFFFFF
    cdef int64_t i
    for i in range(n):
        value = CRC[(value ^ p[i]) & 0xFF] ^ value >> 8
    return ~value


cdef struct Words:
    uint8_t* bytes  # the words, a space between them
    int64_t n_bytes
    uint32_t* codes
    int64_t n


cdef void read_words(Words* words, const Unit* text, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef int64_t begin
    while True:
        while i < length and not of_word(text[i]):
            i += 1
        if i == length:
            return
        if words.n:
            words.bytes[words.n_bytes] = c" "
            words.n_bytes += 1
        begin = words.n_bytes
        while i < length and of_word(text[i]):
            words.n_bytes += write_utf8(words.bytes + words.n_bytes, text[i])
            i += 1
        words.codes[words.n] = crc(words.bytes + begin, words.n_bytes - begin)
        words.n += 1


cdef inline uint32_t mixed32(uint32_t h) noexcept nogil:
    """Return h by the finalizer of MurmurHash3."""
    h = (h ^ h >> 16) * <uint32_t>0x85EBCA6B
    h = (h ^ h >> 13) * <uint32_t>0xC2B2AE35
    return h ^ h >> 16


cdef void least(
    const Words* words, int64_t shingle, const uint32_t* a, const uint32_t* b, uint32_t* signature
) noexcept nogil:
    """Lower the signature to the least of all shingles' hashes under each permutation."""
    cdef int64_t i, j
    cdef int k
    cdef uint64_t h
    cdef uint32_t mixed_hash, value
    cdef uint32_t found[MOST_PERMUTATIONS]  # the compiler knows that nothing else points here
    for k in range(MOST_PERMUTATIONS):
        found[k] = signature[k]
    for i in range(words.n - shingle + 1):
        h = 0
        for j in range(shingle):
            h = (h + words.codes[i + j]) * MULTIPLIER
        mixed_hash = mixed32(<uint32_t>(h >> 32))
        for k in range(MOST_PERMUTATIONS):
            value = a[k] * mixed_hash + b[k]
            found[k] = value if value < found[k] else found[k]
    for k in range(MOST_PERMUTATIONS):
        signature[k] = found[k]


def sketch(str text not None, int64_t shingle, const uint32_t[::1] a, const uint32_t[::1] b):
    """Return the words of a casefolded text, a space between them, and its signature.

    Parameters
    ----------
    shingle : int
        Words per n-gram, at least 1.
    a, b : ndarray of uint32 of shape (64,)
        Factors, all odd, and summands of the permutations.

    Returns
    -------
    bytes
        UTF-8.
    ndarray of uint32 of shape (64,)
        All ones where there are too few words.
    """
    if not (a.shape[0] == b.shape[0] == MOST_PERMUTATIONS and shingle >= 1):
        raise ValueError(f"{a.shape[0]} factors, {b.shape[0]} summands, shingles of {shingle}")
    cdef Py_ssize_t length = PyUnicode_GetLength(text)  # first: it makes the storage ready
    cdef int kind = PyUnicode_KIND(text)
    cdef const void* data = PyUnicode_DATA(text)
    found = np.full(MOST_PERMUTATIONS, 0xFFFFFFFF, np.uint32)
    cdef uint32_t[::1] signature = found
    cdef Words words
    words.n = 0
    words.n_bytes = 0
    words.bytes = <uint8_t*>malloc((LONGEST_CHARACTER + 1) * (length + 1))
    words.codes = <uint32_t*>malloc((length // 2 + 1) * sizeof(uint32_t))
    try:
        if words.bytes == NULL or words.codes == NULL:
            raise MemoryError
        with nogil:
            if kind == 1:
                read_words[uint8_t](&words, <const uint8_t*>data, length)
            elif kind == 2:
                read_words[uint16_t](&words, <const uint16_t*>data, length)
            else:
                read_words[uint32_t](&words, <const uint32_t*>data, length)
            least(&words, shingle, &a[0], &b[0], &signature[0])
        return words.bytes[: words.n_bytes], found
    finally:
        free(words.bytes)
        free(words.codes)
