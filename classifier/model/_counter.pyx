# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""text → tokens → counts of terms that are numbered as they first occur.

The tokens are those of `classifier.model.vocabulary.Analyzer`, without pairs.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memset

import numpy as np

include "_folding.pxi"

__all__ = ["Counter"]

cdef enum:
    LONGEST_CHARACTER = 4  # bytes
    FIRST_ROOM = 1024

cdef int32_t MOST_TERMS = 2**31 - 2


cdef struct Slot:
    uint32_t half  # of the hash
    int32_t number  # that of the term and 1, 0 where there is none


cdef struct Store:
    uint8_t* bytes  # the terms one after the other, then the token that is being read
    int64_t end  # of the last term
    int64_t n_bytes
    int64_t* starts
    int32_t* counts  # by term, all 0 between texts
    int64_t n_terms
    int64_t n_room
    Slot* slots
    uint64_t mask
    int32_t* sequence  # the terms of a text in reading order
    int64_t n_tokens
    int64_t n_sequence


cdef inline void* wider(void* items, int64_t n, size_t size) noexcept nogil:
    """Return room for n items, those that were there in it; nothing where there is no memory."""
    return realloc(items, <size_t>n * size)


cdef bint widen_bytes(Store* store, int64_t needed) noexcept nogil:
    cdef void* moved = wider(store.bytes, 2 * needed, 1)
    if moved == NULL:
        return False
    store.bytes = <uint8_t*>moved
    store.n_bytes = 2 * needed
    return True


cdef bint widen_terms(Store* store) noexcept nogil:
    cdef int64_t n = 2 * store.n_room, i
    cdef void* starts = wider(store.starts, n + 1, sizeof(int64_t))
    if starts == NULL:
        return False
    store.starts = <int64_t*>starts
    cdef void* counts = wider(store.counts, n, sizeof(int32_t))
    if counts == NULL:
        return False
    store.counts = <int32_t*>counts
    for i in range(store.n_room, n):
        store.counts[i] = 0
    store.n_room = n
    return widen_slots(store)


cdef bint widen_slots(Store* store) noexcept nogil:
    """Make a table of which the terms that there is room for fill at most half."""
    cdef uint64_t n = 2 * <uint64_t>store.n_room, at, h
    cdef int64_t t, start
    cdef Slot* slots = <Slot*>calloc(n, sizeof(Slot))
    if slots == NULL:
        return False
    free(store.slots)
    store.slots = slots
    store.mask = n - 1
    for t in range(store.n_terms):
        start = store.starts[t]
        h = hashed(store.bytes + start, store.starts[t + 1] - start)
        at = h & store.mask
        while slots[at].number:
            at = (at + 1) & store.mask
        slots[at].half = <uint32_t>(h >> 32)
        slots[at].number = <int32_t>(t + 1)
    return True


cdef int32_t number_of(Store* store, int64_t n) noexcept nogil:
    """Return the number of the n bytes behind the terms, a new one; -1 without memory for it."""
    cdef const uint8_t* token = store.bytes + store.end
    cdef uint64_t h = hashed(token, n), at = h & store.mask
    cdef uint32_t half = <uint32_t>(h >> 32)
    cdef int64_t t, start
    while store.slots[at].number:
        if store.slots[at].half == half:
            t = store.slots[at].number - 1
            start = store.starts[t]
            if store.starts[t + 1] - start == n and memcmp(store.bytes + start, token, n) == 0:
                return <int32_t>t
        at = (at + 1) & store.mask
    t = store.n_terms
    if t >= MOST_TERMS:
        return -1
    store.slots[at].half = half
    store.slots[at].number = <int32_t>(t + 1)
    store.end += n
    store.starts[t + 1] = store.end
    store.n_terms += 1
    if store.n_terms == store.n_room and not widen_terms(store):
        return -1
    return <int32_t>t


cdef bint note(Store* store, int64_t n, int64_t n_chars, bint fold_plurals) noexcept nogil:
    """Take the n bytes behind the terms as the next token; return whether there was memory."""
    cdef int64_t room
    cdef void* moved
    cdef Py_ssize_t size
    if fold_plurals:
        size = singular_size(store.bytes + store.end, n, n_chars)
        if size == n - 2 and store.bytes[store.end + size - 1] == c"i":
            store.bytes[store.end + size - 1] = c"y"
        n = size
    cdef int32_t number = number_of(store, n)
    if number < 0:
        return False
    if store.n_tokens == store.n_sequence:
        room = 2 * store.n_sequence + FIRST_ROOM
        moved = wider(store.sequence, room, sizeof(int32_t))
        if moved == NULL:
            return False
        store.sequence = <int32_t*>moved
        store.n_sequence = room
    store.sequence[store.n_tokens] = number
    store.n_tokens += 1
    return True


cdef bint read_units(
    Store* store, const Unit* text, Py_ssize_t length, bint fold_plurals
) noexcept nogil:
    """Fill the sequence with the tokens of a text; return whether there was memory."""
    cdef Py_ssize_t i
    cdef int64_t n = 0, n_chars = 0
    cdef uint32_t c
    cdef uint8_t* token
    for i in range(length):
        c = text[i]
        c = FOLDS[c] if Unit is uint8_t or c < KNOWN_FOLDS else folded(c)
        if c == 0:
            if n_chars > 1 and not note(store, n, n_chars, fold_plurals):
                return False
            n = n_chars = 0
            continue
        if store.end + n + 2 * LONGEST_CHARACTER > store.n_bytes:
            if not widen_bytes(store, store.end + n + 2 * LONGEST_CHARACTER):
                return False
        token = store.bytes + store.end
        if c == DOUBLE_S:
            token[n] = c"s"
            n += 1
            n_chars += 1
            c = c"s"
        n += write_utf8(token + n, c)
        n_chars += 1
    return n_chars <= 1 or note(store, n, n_chars, fold_plurals)


cdef class Counter:
    """Counts the terms of texts that come one by one.

    Parameters
    ----------
    lead_words, lead_divisor, fold_plurals
        As in `Analyzer`.
    """

    cdef Store store
    cdef int64_t lead_words
    cdef int64_t lead_divisor
    cdef bint fold_plurals

    def __cinit__(self, *, int64_t lead_words, int64_t lead_divisor, bint fold_plurals):
        self.lead_words = lead_words
        self.lead_divisor = lead_divisor
        self.fold_plurals = fold_plurals
        self.store.n_room = FIRST_ROOM // 2
        self.store.bytes = NULL
        self.store.starts = NULL
        self.store.counts = NULL
        self.store.slots = NULL
        self.store.sequence = NULL
        if not (widen_bytes(&self.store, FIRST_ROOM) and widen_terms(&self.store)):
            raise MemoryError
        memset(self.store.counts, 0, self.store.n_room * sizeof(int32_t))
        self.store.starts[0] = 0

    def __dealloc__(self):
        free(self.store.bytes)
        free(self.store.starts)
        free(self.store.counts)
        free(self.store.slots)
        free(self.store.sequence)

    def __len__(self):
        return self.store.n_terms

    def add(self, str text not None):
        """Return the number of tokens, the terms, and their counts in the text and its lead.

        Returns
        -------
        int
        ndarray of int32 of shape (n_terms,)
            Terms by their numbers, in order.
        ndarray of int32 of shape (2, n_terms)
        """
        cdef Py_ssize_t length = PyUnicode_GetLength(text)  # first: it makes the storage ready
        cdef int kind = PyUnicode_KIND(text)
        cdef const void* data = PyUnicode_DATA(text)
        cdef bint done
        self.store.n_tokens = 0
        if kind == 1:
            done = read_units[uint8_t](
                &self.store, <const uint8_t*>data, length, self.fold_plurals
            )
        elif kind == 2:
            done = read_units[uint16_t](
                &self.store, <const uint16_t*>data, length, self.fold_plurals
            )
        else:
            done = read_units[uint32_t](
                &self.store, <const uint32_t*>data, length, self.fold_plurals
            )
        if not done:
            raise MemoryError
        cdef int64_t n = self.store.n_tokens
        cdef int64_t i, n_found = 0
        cdef int64_t lead = min(self.lead_words, (n + self.lead_divisor - 1) // self.lead_divisor)
        cdef int32_t* sequence = self.store.sequence
        cdef int32_t* all = self.store.counts
        found = np.empty(n, np.int32)
        cdef int32_t[::1] terms = found
        for i in range(n):
            if all[sequence[i]] == 0:
                terms[n_found] = sequence[i]
                n_found += 1
            all[sequence[i]] += 1
        found = np.sort(found[:n_found])
        terms = found
        both = np.empty((2, n_found), np.int32)
        cdef int32_t[:, ::1] counts = both
        for i in range(n_found):
            counts[0, i] = all[terms[i]]
            all[terms[i]] = 0
        for i in range(lead):
            all[sequence[i]] += 1
        for i in range(n_found):
            counts[1, i] = all[terms[i]]
            all[terms[i]] = 0
        return n, found, both

    def terms(self):
        """Return the terms in the order of their numbers."""
        cdef int64_t t, start
        cdef list named = []
        for t in range(self.store.n_terms):
            start = self.store.starts[t]
            named.append(self.store.bytes[start : self.store.starts[t + 1]].decode())
        return named
