# How characters are folded and terms hashed; included where texts are read.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp


cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GetLength(object text) except -1
    # what str.lower and the \w of re are made of
    uint32_t Py_UNICODE_TOLOWER(uint32_t c) noexcept nogil
    bint Py_UNICODE_ISALNUM(uint32_t c) noexcept nogil


ctypedef fused Unit:
    uint8_t
    uint16_t
    uint32_t

cdef enum:
    KNOWN_FOLDS = 0x2100  # Latin to general punctuation: what news in most scripts consists of
    DOUBLE_S = 1  # stands for "ss" among folded characters, where U+0001 cannot stand

# term_hash in table.py is the same function
cdef uint64_t HASH_SEED = 0x9E3779B97F4A7C15
cdef uint64_t HASH_FACTOR = 0xD6E8FEB86659FD93

cdef uint16_t FOLDS[KNOWN_FOLDS]


cdef inline uint32_t folded(uint32_t c) noexcept nogil:
    """Return what `fold` makes of a character of a word, 0 for one that belongs to none."""
    if c == 0x130:  # İ
        return 0x69
    cdef uint32_t low = Py_UNICODE_TOLOWER(c)
    if low == 0x3C2:  # ς
        return 0x3C3
    if low == 0xDF:  # ß
        return DOUBLE_S
    return low if low == 0x5F or Py_UNICODE_ISALNUM(low) else 0


cdef void _fill_folds() noexcept:
    cdef int c
    for c in range(KNOWN_FOLDS):
        FOLDS[c] = <uint16_t>folded(<uint32_t>c)


_fill_folds()


cdef inline uint64_t eight_bytes(const uint8_t* p) noexcept nogil:
    return (
        <uint64_t>p[0] | <uint64_t>p[1] << 8 | <uint64_t>p[2] << 16 | <uint64_t>p[3] << 24
        | <uint64_t>p[4] << 32 | <uint64_t>p[5] << 40 | <uint64_t>p[6] << 48
        | <uint64_t>p[7] << 56
    )


cdef inline uint64_t last_bytes(const uint8_t* p, Py_ssize_t n) noexcept nogil:
    cdef uint64_t word = 0
    cdef Py_ssize_t i
    for i in range(n):
        word |= <uint64_t>p[i] << (8 * i)
    return word


cdef inline uint64_t mixed(uint64_t h, uint64_t word) noexcept nogil:
    h = (h ^ word) * HASH_FACTOR
    return h ^ (h >> 32)


cdef inline uint64_t hashed(const uint8_t* p, Py_ssize_t n) noexcept nogil:
    """Return the hash of n bytes, none beyond which is read."""
    cdef uint64_t h = <uint64_t>n * HASH_SEED
    while n >= 8:
        h = mixed(h, eight_bytes(p))
        p += 8
        n -= 8
    return mixed(h, last_bytes(p, n)) if n else h


cdef inline bint in_ie(const uint8_t* word, Py_ssize_t n) noexcept nogil:
    """Return whether a word in -ies is one of those that `singular` lets keep their -ie."""
    if n == 6:
        return memcmp(word, b"mov", 3) == 0 or memcmp(word, b"ser", 3) == 0
    return n == 7 and (memcmp(word, b"spec", 4) == 0 or memcmp(word, b"cook", 4) == 0)


cdef inline Py_ssize_t singular_size(
    const uint8_t* word, Py_ssize_t n, int64_t n_chars
) noexcept nogil:
    """Return the length of a word without its plural ending; -ies keeps one more, for the -y."""
    cdef uint8_t last = word[n - 1]
    cdef uint8_t before = word[n - 2]
    if n_chars > 4 and last == c"s" and before == c"e":
        if word[n - 3] == c"x":
            return n - 2
        if n_chars > 5 and (
            (word[n - 3] == c"i" and not in_ie(word, n))
            or (word[n - 3] == c"h" and (word[n - 4] == c"c" or word[n - 4] == c"s"))
            or (word[n - 3] == c"s" and word[n - 4] == c"s")
        ):
            return n - 2
    # without a branch, as no processor guesses which words end in s
    return n - (
        (n_chars > 3) & (last == c"s") & (before != c"u") & (before != c"i") & (before != c"s")
    )


cdef inline Py_ssize_t write_utf8(uint8_t* p, uint32_t c) noexcept nogil:
    if c < 0x80:
        p[0] = <uint8_t>c
        return 1
    if c < 0x800:
        p[0] = <uint8_t>(0xC0 | c >> 6)
        p[1] = <uint8_t>(0x80 | c & 0x3F)
        return 2
    if c < 0x10000:
        p[0] = <uint8_t>(0xE0 | c >> 12)
        p[1] = <uint8_t>(0x80 | c >> 6 & 0x3F)
        p[2] = <uint8_t>(0x80 | c & 0x3F)
        return 3
    p[0] = <uint8_t>(0xF0 | c >> 18)
    p[1] = <uint8_t>(0x80 | c >> 12 & 0x3F)
    p[2] = <uint8_t>(0x80 | c >> 6 & 0x3F)
    p[3] = <uint8_t>(0x80 | c & 0x3F)
    return 4
