# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""text → tokens → term ids → counts → margins, on CPython's own storage of strings.

The same terms, counts and margins as the NumPy path of `classifier.model.model`, to the last
bit; docs/speed.md tells how. Every index that comes from a model's files is checked before it
is used, as those files may be anyone's.
"""

from libc.math cimport sqrt
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memmove

import numpy as np

include "_folding.pxi"

__all__ = ["Decider", "Scorer", "misplaced", "table_of", "unordered"]


cdef extern from *:
    """
    #if defined(_MSC_VER)
    #include <intrin.h>
    static inline int lowest_bit(unsigned long long word) {
        unsigned long index;
        _BitScanForward64(&index, word);
        return (int)index;
    }
    #define FETCH(address) ((void)0)
    #else
    #define lowest_bit(word) __builtin_ctzll(word)
    #define FETCH(address) __builtin_prefetch(address)
    #endif
    #include <float.h>
    #if FLT_EVAL_METHOD != 0
    #error "double arithmetic in wider registers would not give NumPy's results"
    #endif
    """
    int lowest_bit(uint64_t word) noexcept nogil
    void FETCH(const void* address) noexcept nogil


cdef enum:
    STRETCH = 64  # characters looked at together, one a bit
    SLACK = 2 * STRETCH  # bytes that a token may take beyond the longest term
    BLOCK = 64  # tokens looked up together, so that memory answers while others are hashed
    ROWS_AHEAD = 6  # rows of weights under way from memory

# Between 2^20 and 2^21 neighbouring float64 lie 2^-32 apart, so adding and subtracting this
# rounds any |x| < 2^19 to that grid as np.rint does.
cdef double ROUNDER = 1.5 * 2.0**20

# 0xFF stands in no UTF-8, and so in no term.
cdef const uint8_t* NO_TERM = b"\xff"
cdef const uint8_t* SPACE = b" "

cdef inline uint64_t first_bytes(uint64_t word, Py_ssize_t n) noexcept nogil:
    """Return the first n bytes of a word of 8, n from 1 to 8."""
    return word << (64 - 8 * n) >> (64 - 8 * n)


cdef inline uint64_t hashed_padded(const uint8_t* p, Py_ssize_t n) noexcept nogil:
    """Return the same hash where 16 bytes from p and 8 beyond the end may be read."""
    cdef uint64_t h = <uint64_t>n * HASH_SEED
    cdef uint64_t longer
    if 0 < n <= 16:
        # both without a branch, as no processor guesses the length of words
        longer = mixed(mixed(h, eight_bytes(p)), first_bytes(eight_bytes(p + 8), n - 8 if n > 8 else 8))
        h = mixed(h, first_bytes(eight_bytes(p), n if n < 8 else 8))
        return longer if n > 8 else h
    while n >= 8:
        h = mixed(h, eight_bytes(p))
        p += 8
        n -= 8
    return mixed(h, first_bytes(eight_bytes(p), n)) if n else h


cdef inline void fetch_row(const float* row, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(0, n, 16):
        FETCH(row + k)


cdef struct Numbers:
    int64_t* items
    Py_ssize_t size
    Py_ssize_t room


cdef struct Bytes:
    uint8_t* items
    Py_ssize_t size
    Py_ssize_t room


cdef inline bint push(Numbers* numbers, int64_t value) noexcept nogil:
    """Append a number; return whether there was memory for it."""
    cdef int64_t* moved
    if numbers.size == numbers.room:
        moved = <int64_t*>realloc(numbers.items, (2 * numbers.room + 1024) * sizeof(int64_t))
        if moved == NULL:
            return False
        numbers.items = moved
        numbers.room = 2 * numbers.room + 1024
    numbers.items[numbers.size] = value
    numbers.size += 1
    return True


cdef bint make_room(Bytes* text, Py_ssize_t n) noexcept nogil:
    """Return whether there is memory for n more bytes."""
    cdef uint8_t* moved
    if text.size + n > text.room:
        moved = <uint8_t*>realloc(text.items, 2 * (text.size + n) + 1024)
        if moved == NULL:
            return False
        text.items = moved
        text.room = 2 * (text.size + n) + 1024
    return True


cdef inline void append(Bytes* text, const uint8_t* items, Py_ssize_t n) noexcept nogil:
    memmove(text.items + text.size, items, n)
    text.size += n


cdef struct Terms:
    # Of a vocabulary: term t is lines[starts[t] : starts[t + 1] - 1].
    const uint8_t* lines
    const int64_t* starts
    const uint32_t* slots  # of shape (mask + 1, 2): half of the hash, id + 1
    uint64_t mask
    int64_t n_terms
    int64_t n_bytes  # of all lines
    int64_t longest  # bytes of a term


cdef inline bint same(
    const Terms* terms, int64_t begin, const uint8_t* p, Py_ssize_t n
) noexcept nogil:
    """Return whether n bytes of the lines are those at p, from which 16 may be read."""
    cdef const uint8_t* line = terms.lines + begin
    cdef uint64_t differs
    if n > 16 or n == 0 or begin + 16 > terms.n_bytes:
        return memcmp(line, p, n) == 0
    differs = first_bytes(eight_bytes(line) ^ eight_bytes(p), n if n < 8 else 8)
    if n > 8:
        differs |= first_bytes(eight_bytes(line + 8) ^ eight_bytes(p + 8), n - 8)
    return differs == 0


cdef inline int64_t found(
    const Terms* terms, uint64_t h, const uint8_t* p, Py_ssize_t n
) noexcept nogil:
    """Return the id of the n bytes at p, from which 16 may be read, -1 when they are no term."""
    cdef uint64_t at = h & terms.mask
    cdef uint64_t left = terms.mask + 1
    cdef uint32_t half = <uint32_t>(h >> 32)
    cdef int64_t t
    while left:
        t = <int64_t>terms.slots[2 * at + 1] - 1
        if t < 0:
            return -1
        if terms.slots[2 * at] == half and t < terms.n_terms:
            if terms.starts[t + 1] - 1 - terms.starts[t] == n and same(
                terms, terms.starts[t], p, n
            ):
                return t
        at = (at + 1) & terms.mask
        left -= 1
    return -1


cdef struct Page:
    # What one text is read with: folded tokens of a block, counts by term, the lead.
    uint8_t* bytes  # tokens with a space after each
    Py_ssize_t room
    Py_ssize_t end
    Py_ssize_t open_size  # bytes of the token that is being written at `end`
    int64_t open_chars  # its characters, also those that are not kept
    # of tokens, and of pairs behind them
    Py_ssize_t first[2 * BLOCK]
    Py_ssize_t size[2 * BLOCK]  # -1 for what is longer than any term
    uint64_t hashes[2 * BLOCK]
    int n_tokens
    int n_carried  # 1 when the first token of the block was the last of the one before
    int64_t* counts  # by term, all 0 between texts
    uint64_t* counted  # a bit a term
    uint64_t* counted_words  # a bit a word of `counted`
    int64_t n_words
    int64_t n_known
    Numbers lead_ids
    Numbers lead_pairs
    Numbers lead_ends
    Bytes lead
    bint no_memory


cdef inline void expect(const Terms* terms, const Page* page, uint64_t h) noexcept nogil:
    """Have memory send what `found` and `count` will ask for, if the term is known."""
    cdef uint64_t at = h & terms.mask
    cdef int64_t t = <int64_t>terms.slots[2 * at + 1] - 1
    if terms.slots[2 * at] == <uint32_t>(h >> 32) and 0 <= t < terms.n_terms:
        FETCH(terms.starts + t)
        FETCH(page.counts + t)


cdef struct Rules:
    # An Analyzer.
    int64_t lead_words
    int64_t lead_repeats
    int64_t lead_divisor
    bint bigrams
    bint fold_plurals


cdef inline void count(Page* page, int64_t t, int64_t times) noexcept nogil:
    if t < 0:
        return
    page.counts[t] += times
    page.counted[t >> 6] |= <uint64_t>1 << (t & 63)
    page.counted_words[t >> 12] |= <uint64_t>1 << ((t >> 6) & 63)


cdef int put_pairs(Page* page, const Terms* terms) noexcept nogil:
    """Write the pairs of a block behind its tokens; return how many both are."""
    cdef int i
    cdef int n = page.n_tokens
    for i in range(1, page.n_tokens):
        page.first[n] = page.first[i - 1]
        page.size[n] = page.first[i] + page.size[i] - page.first[i - 1]
        if page.size[i - 1] < 0 or page.size[i] < 0 or page.size[n] > terms.longest:
            page.size[n] = -1
        n += 1
    return n


cdef void look_up(Page* page, const Terms* terms, const Rules* rules) noexcept nogil:
    """Count the tokens of a block, and the pairs that end in it."""
    cdef int i
    cdef int64_t t
    cdef int n_tokens = page.n_tokens
    cdef int n = put_pairs(page, terms) if rules.bigrams else n_tokens
    for i in range(page.n_carried, n):
        if page.size[i] >= 0:
            page.hashes[i] = hashed_padded(page.bytes + page.first[i], page.size[i])
            FETCH(terms.slots + 2 * (page.hashes[i] & terms.mask))
    for i in range(page.n_carried, n):
        if page.size[i] >= 0:
            expect(terms, page, page.hashes[i])
    for i in range(page.n_carried, n):
        t = -1
        if page.size[i] >= 0:
            t = found(terms, page.hashes[i], page.bytes + page.first[i], page.size[i])
        count(page, t, 1)
        if i < n_tokens:
            page.n_known += t >= 0
            if page.n_words < rules.lead_words:
                note_lead(page, t, page.bytes + page.first[i], page.size[i], rules.bigrams)
            page.n_words += 1
        elif page.lead_pairs.size < rules.lead_words:
            if not push(&page.lead_pairs, t):
                page.no_memory = True


cdef void note_lead(
    Page* page, int64_t t, const uint8_t* token, Py_ssize_t n, bint bigrams
) noexcept nogil:
    """Keep what a token of the lead is; how long the lead is shows at the end of the text."""
    if not push(&page.lead_ids, t):
        page.no_memory = True
    if not bigrams:
        return
    if not make_room(&page.lead, max(n, 1)):
        page.no_memory = True
        return
    if n >= 0:
        append(&page.lead, token, n)
    else:
        append(&page.lead, NO_TERM, 1)
    if not push(&page.lead_ends, page.lead.size):
        page.no_memory = True


cdef void end_block(Page* page, const Terms* terms, const Rules* rules) noexcept nogil:
    """Look a block up and begin the next, with the last token where pairs are terms."""
    cdef int last = page.n_tokens - 1
    look_up(page, terms, rules)
    page.n_carried = 0
    page.n_tokens = 0
    page.end = 0
    if rules.bigrams and last >= 0:
        page.size[0] = page.size[last]
        if page.size[last] >= 0:
            memmove(page.bytes, page.bytes + page.first[last], page.size[last] + 1)
            page.end = page.size[last] + 1
        page.first[0] = 0
        page.n_carried = 1
        page.n_tokens = 1


cdef inline Py_ssize_t put_end(
    uint8_t* token, const uint8_t* word, Py_ssize_t n, int64_t n_chars, bint fold_plurals
) noexcept nogil:
    """Return the length of the token of a word that was copied to it, and end it by a space."""
    cdef Py_ssize_t size = n
    if fold_plurals:
        size = singular_size(word, n, n_chars)
        if size == n - 2 and token[size - 1] == c"i":
            token[size - 1] = c"y"
    token[size] = c" "
    return size


cdef inline void end_token(Page* page, const Terms* terms, const Rules* rules) noexcept nogil:
    """Take the token at `page.end` into the block, if it is one."""
    cdef int i = page.n_tokens
    cdef Py_ssize_t n = page.open_size
    cdef int64_t n_chars = page.open_chars
    page.open_size = 0
    page.open_chars = 0
    if n_chars < 2:
        return
    cdef uint8_t* token = page.bytes + page.end
    # a plural loses two bytes at most
    n = put_end(token, token, n, n_chars, rules.fold_plurals) if n <= terms.longest + 2 else -1
    page.first[i] = page.end
    page.size[i] = n
    page.end += n + 1
    page.n_tokens = i + 1
    if page.n_tokens == BLOCK or page.end + terms.longest + SLACK > page.room:
        end_block(page, terms, rules)


cdef inline void narrow(const Unit* text, uint8_t* low) noexcept nogil:
    """Write a stretch as bytes, of which those beyond ASCII have the high bit."""
    cdef int j
    for j in range(STRETCH):
        low[j] = <uint8_t>text[j] if text[j] < 0x80 else 0x80


cdef inline void fold_ascii(uint8_t* low, uint8_t* words) noexcept nogil:
    """Fold a stretch, and write 1 for each character of ASCII that belongs to a word, else 0."""
    cdef int j
    cdef uint8_t c, is_letter
    for j in range(STRETCH):
        c = low[j]
        is_letter = <uint8_t>((c | 0x20) - c"a") < 26
        low[j] = c | is_letter << 5
        words[j] = is_letter | (<uint8_t>(c - c"0") < 10) | (c == c"_")


cdef inline uint64_t as_bits(const uint8_t* ones) noexcept nogil:
    """Return a bit a byte of a stretch of bytes of 0 and 1, the first as the lowest."""
    cdef uint64_t bits = 0
    cdef int j
    for j in range(0, STRETCH, 8):
        bits |= (eight_bytes(ones + j) * 0x0102040810204080u >> 56) << j
    return bits


cdef inline bint has_letter_beyond(const Unit* text, const uint8_t* low) noexcept nogil:
    """Return whether a character beyond ASCII of a stretch belongs to a word."""
    cdef uint64_t eight
    cdef int j, k
    for j in range(0, STRETCH, 8):
        eight = eight_bytes(low + j) & 0x8080808080808080u
        while eight:
            k = j + (lowest_bit(eight) >> 3)
            eight &= eight - 1
            if FOLDS[text[k]] if Unit is uint8_t or text[k] < KNOWN_FOLDS else folded(text[k]):
                return True
    return False


cdef inline void copy_word(uint8_t* to, const uint8_t* word, Py_ssize_t n) noexcept nogil:
    """Copy n bytes of a stretch, sixteen at a time."""
    memcpy(to, word, 16)
    cdef Py_ssize_t k = 16
    while k < n:
        memcpy(to + k, word + k, 16)
        k += 16


cdef inline void lengthen(
    Page* page, const Terms* terms, const uint8_t* word, Py_ssize_t n
) noexcept nogil:
    """Write n characters of ASCII more of a token that goes on or may go on."""
    # the rest of a token that is longer than any term is let go
    if page.open_size < terms.longest + 3:
        copy_word(page.bytes + page.end + page.open_size, word, n)
        page.open_size += n
    page.open_chars += n


cdef inline Py_ssize_t run_length(uint64_t bits) noexcept nogil:
    """Return how many of the lowest bits are set."""
    return lowest_bit(~bits) if ~bits else STRETCH


cdef inline void read_words(
    Page* page, const Terms* terms, const Rules* rules, const uint8_t* low, uint64_t words
) noexcept nogil:
    """Read a folded stretch of which `words` says what belongs to words."""
    cdef Py_ssize_t begin, n, size, end
    cdef int i
    if page.open_chars:
        n = run_length(words)
        lengthen(page, terms, low, n)
        if n == STRETCH:
            return
        words &= words + 1
        end_token(page, terms, rules)
    # in registers: a way through memory from word to word would be what all waits for
    i = page.n_tokens
    end = page.end
    while words:
        begin = lowest_bit(words)
        n = run_length(words >> begin)
        if begin + n == STRETCH:
            page.n_tokens = i
            page.end = end
            lengthen(page, terms, low + begin, n)
            return
        words &= <uint64_t>-1 << (begin + n)
        if n < 2:
            continue
        size = -1
        if n <= terms.longest + 2:
            copy_word(page.bytes + end, low + begin, n)
            size = put_end(page.bytes + end, low + begin, n, n, rules.fold_plurals)
        page.first[i] = end
        page.size[i] = size
        end += size + 1
        i += 1
        if i == BLOCK or end + terms.longest + SLACK > page.room:
            page.n_tokens = i
            page.end = end
            end_block(page, terms, rules)
            i = page.n_tokens
            end = page.end
    page.n_tokens = i
    page.end = end


cdef void read_slowly(
    Page* page, const Terms* terms, const Rules* rules, const Unit* text, Py_ssize_t length
) noexcept nogil:
    """Read characters of any kind one by one."""
    cdef Py_ssize_t most = terms.longest + 3
    cdef Py_ssize_t i
    cdef uint32_t c
    for i in range(length):
        c = text[i]
        c = FOLDS[c] if Unit is uint8_t or c < KNOWN_FOLDS else folded(c)
        if c == 0:
            end_token(page, terms, rules)
            continue
        page.open_chars += 1
        if c == DOUBLE_S:
            page.open_chars += 1
            c = c"s"
            if page.open_size < most:
                page.bytes[page.end + page.open_size] = c"s"
                page.open_size += 1
        if page.open_size < most:
            page.open_size += write_utf8(page.bytes + page.end + page.open_size, c)


cdef void read_units(
    Page* page, const Terms* terms, const Rules* rules, const Unit* text, Py_ssize_t length
) noexcept nogil:
    """Read a text whose characters are stored in units of one size."""
    cdef Py_ssize_t i
    cdef uint8_t low[STRETCH + 16]
    cdef uint8_t words[STRETCH]
    for i in range(length // STRETCH):
        narrow(text, low)
        if has_letter_beyond(text, low):
            read_slowly(page, terms, rules, text, STRETCH)
        else:
            fold_ascii(low, words)
            read_words(page, terms, rules, low, as_bits(words))
        text += STRETCH
    read_slowly(page, terms, rules, text, length % STRETCH)
    end_token(page, terms, rules)
    end_block(page, terms, rules)


cdef void weigh_lead(Page* page, const Terms* terms, const Rules* rules) noexcept nogil:
    """Count the lead of a text again, as `Analyzer.weigh_lead` does."""
    cdef int64_t lead = (page.n_words + rules.lead_divisor - 1) // rules.lead_divisor
    cdef int64_t i, begin
    lead = min(rules.lead_words, lead)
    for i in range(lead):
        count(page, page.lead_ids.items[i], rules.lead_repeats)
    if not rules.bigrams or not lead:
        return
    for i in range(lead - 1):
        count(page, page.lead_pairs.items[i], rules.lead_repeats)
    # each repetition ends next to a beginning of the lead
    begin = page.lead_ends.items[lead - 2] if lead > 1 else 0
    cdef Py_ssize_t end = page.lead_ends.items[lead - 1]
    cdef Py_ssize_t n = end - begin + 1 + page.lead_ends.items[0]
    if not make_room(&page.lead, n + 16):
        page.no_memory = True
        return
    cdef const uint8_t* pair = page.lead.items + page.lead.size
    append(&page.lead, page.lead.items + begin, end - begin)
    append(&page.lead, SPACE, 1)
    append(&page.lead, page.lead.items, page.lead_ends.items[0])
    count(page, found(terms, hashed(pair, n), pair, n), rules.lead_repeats)


cdef void give(Page* page, int64_t n_terms, Numbers* ids, Numbers* counts) noexcept nogil:
    """Append a text's terms in order with their counts, and leave the page blank."""
    cdef int64_t i, j, t
    cdef uint64_t words, bits
    for i in range((n_terms >> 12) + 1):
        words = page.counted_words[i]
        page.counted_words[i] = 0
        while words:
            j = (i << 6) + lowest_bit(words)
            words &= words - 1
            bits = page.counted[j]
            page.counted[j] = 0
            while bits:
                t = (j << 6) + lowest_bit(bits)
                bits &= bits - 1
                if not (push(ids, t) and push(counts, page.counts[t])):
                    page.no_memory = True
                page.counts[t] = 0


cdef struct Units:
    # A string as CPython stores it.
    int kind  # bytes of a unit
    const void* data
    Py_ssize_t length


cdef Units units_of(text) except *:
    """Return the storage of a string, which lives as long as the string."""
    cdef Units units
    if not isinstance(text, str):
        raise TypeError(f"a text must be a str, not {type(text).__name__}")
    units.length = PyUnicode_GetLength(text)  # first: it makes the storage ready
    units.kind, units.data = PyUnicode_KIND(text), PyUnicode_DATA(text)
    return units


cdef void read_text(
    Page* page, const Terms* terms, const Rules* rules, Units units
) noexcept nogil:
    page.end = 0
    page.open_size = 0
    page.open_chars = 0
    page.n_tokens = 0
    page.n_carried = 0
    page.n_words = 0
    page.n_known = 0
    page.lead_ids.size = 0
    page.lead_pairs.size = 0
    page.lead_ends.size = 0
    page.lead.size = 0
    cdef Py_ssize_t n = units.length
    if units.kind == 1:
        read_units[uint8_t](page, terms, rules, <const uint8_t*>units.data, n)
    elif units.kind == 2:
        read_units[uint16_t](page, terms, rules, <const uint16_t*>units.data, n)
    else:
        read_units[uint32_t](page, terms, rules, <const uint32_t*>units.data, n)
    if not page.no_memory:
        weigh_lead(page, terms, rules)


cdef struct Values:
    double* items
    Py_ssize_t room


cdef bint make_room_for(Values* values, Py_ssize_t n) noexcept nogil:
    """Return whether there is memory for n values; those before are gone."""
    if values.room < n:
        free(values.items)
        values.items = <double*>malloc(2 * n * sizeof(double))
        values.room = 0 if values.items == NULL else 2 * n
    return values.room >= n


cdef struct Choice:
    # A label given to an article.
    double score
    double margin
    Py_ssize_t label


cdef int by_probability(const void* a, const void* b) noexcept nogil:
    """Put the more probable first, then the higher margin, then the label that comes first."""
    cdef const Choice* first = <const Choice*>a
    cdef const Choice* second = <const Choice*>b
    if first.score != second.score:
        return -1 if first.score > second.score else 1
    if first.margin != second.margin:
        return -1 if first.margin > second.margin else 1
    return -1 if first.label < second.label else 1


cdef class _Found:
    """Terms and counts of texts while they come in."""

    cdef Numbers terms
    cdef Numbers counts

    def __dealloc__(self):
        free(self.terms.items)
        free(self.counts.items)


cdef class _Workspace:
    """A page with its memory and room for answers; one is in use by one call at a time."""

    cdef Page page
    cdef _Found found  # of one text
    cdef Values values
    cdef double* margins
    cdef double* scores
    cdef Choice* choices

    def __cinit__(self, int64_t n_terms, int64_t longest, Py_ssize_t n_labels):
        self.found = _Found()
        self.page.room = 16384 + 3 * (longest + SLACK)
        self.page.bytes = <uint8_t*>calloc(self.page.room + 16, 1)
        self.page.counts = <int64_t*>calloc(n_terms + 1, sizeof(int64_t))
        self.page.counted = <uint64_t*>calloc((n_terms >> 6) + 64, sizeof(uint64_t))
        self.page.counted_words = <uint64_t*>calloc((n_terms >> 12) + 1, sizeof(uint64_t))
        self.margins = <double*>calloc(n_labels + 1, sizeof(double))
        self.scores = <double*>calloc(n_labels + 1, sizeof(double))
        self.choices = <Choice*>calloc(n_labels + 1, sizeof(Choice))
        if (
            self.page.bytes == NULL or self.page.counts == NULL
            or self.page.counted == NULL or self.page.counted_words == NULL
            or self.margins == NULL or self.scores == NULL or self.choices == NULL
        ):
            raise MemoryError

    def __dealloc__(self):
        free(self.page.bytes)
        free(self.page.counts)
        free(self.page.counted)
        free(self.page.counted_words)
        free(self.page.lead_ids.items)
        free(self.page.lead_pairs.items)
        free(self.page.lead_ends.items)
        free(self.page.lead.items)
        free(self.values.items)
        free(self.margins)
        free(self.scores)
        free(self.choices)


cdef object _as_array(const Numbers* numbers):
    result = np.empty(numbers.size, np.int64)
    cdef int64_t[::1] view = result
    if numbers.size:
        memmove(&view[0], numbers.items, numbers.size * sizeof(int64_t))
    return result


cdef class Decider:
    """`classifier.model.calibration.Decision` compiled: margins → tags and scores.

    Parameters
    ----------
    labels : tuple of str
    x, y, slope : float64 of shape (n_labels, most_knots)
    last : float64 of shape (n_labels,)
        As `classifier.model.calibration.PiecewiseLinear.knots`.
    cuts, floors : float64 of shape (n_labels,)
        As in `Decision`.

    Raises
    ------
    ValueError
        When the shapes do not fit together.
    """

    cdef tuple labels
    cdef const double[:, ::1] x
    cdef const double[:, ::1] y
    cdef const double[:, ::1] slope
    cdef const double[::1] last
    cdef const double[::1] cuts
    cdef const double[::1] floors

    def __init__(self, tuple labels not None, x, y, slope, last, cuts, floors):
        self.labels, self.x, self.y, self.slope = labels, x, y, slope
        self.last, self.cuts, self.floors = last, cuts, floors
        cdef Py_ssize_t n = len(labels)
        if not (
            n == self.x.shape[0] == self.y.shape[0] == self.slope.shape[0]
            and n == self.last.shape[0] == self.cuts.shape[0] == self.floors.shape[0]
            and 0 < self.x.shape[1] == self.y.shape[1] == self.slope.shape[1]
        ):
            raise ValueError("labels, lines, cuts and floors do not fit together")

    cdef double probability(self, Py_ssize_t k, double margin) noexcept nogil:
        """Return what `PiecewiseLinear` makes of the margin of label k."""
        cdef const double* x = &self.x[k, 0]
        cdef Py_ssize_t low = 0
        cdef Py_ssize_t high = self.x.shape[1]
        cdef Py_ssize_t middle
        if margin != margin:
            return margin
        margin = min(max(margin, x[0]), self.last[k])
        # the last knot that does not lie beyond the margin
        while high - low > 1:
            middle = (low + high) // 2
            if x[middle] <= margin:
                low = middle
            else:
                high = middle
        return self.slope[k, low] * (margin - x[low]) + self.y[k, low]

    cdef Py_ssize_t decide(self, _Workspace space) noexcept nogil:
        """Turn margins into scores and choices; return how many labels are given."""
        cdef Py_ssize_t n_given = 0
        cdef Py_ssize_t k
        cdef double floor
        cdef bint given
        for k in range(self.last.shape[0]):
            space.scores[k] = self.probability(k, space.margins[k])
            floor = self.floors[k]
            if floor == floor:
                given = space.scores[k] >= floor
            else:
                given = space.margins[k] >= self.cuts[k]
            if given:
                space.choices[n_given] = Choice(space.scores[k], space.margins[k], k)
                n_given += 1
        if n_given > 1:
            qsort(space.choices, n_given, sizeof(Choice), by_probability)
        return n_given

    cdef tuple answer(self, _Workspace space):
        """Return tags, scores, words and known words of the text whose margins lie there."""
        cdef Py_ssize_t n_given = self.decide(space)
        cdef Py_ssize_t i
        tags = tuple([self.labels[space.choices[i].label] for i in range(n_given)])
        scores = {}
        for i in range(len(self.labels)):
            scores[self.labels[i]] = space.scores[i]
        return tags, scores, space.page.n_words, space.page.n_known


cdef class Scorer:
    """A model's reading and margins; threads may share one.

    Parameters
    ----------
    lines : buffer of uint8
        The terms, a line end after each.
    starts : int64 of shape (n_terms + 1,)
        Where each line begins, and where the last ends.
    slots : uint32 of shape (n_slots, 2)
        The table of `classifier.model.vocabulary`.
    idf : float32 of shape (n_terms,)
    weights : float32 of shape (n_terms, n_labels)
        Below 2^19 in size.
    bias : float64 of shape (n_labels,)
        On the grid of contributions.
    logs : float64 of shape (n_logs,)
        1 + ln of the counts from 1, by NumPy.
    lead_words, lead_repeats, lead_divisor, bigrams, fold_plurals
        As in `Analyzer`.

    Raises
    ------
    ValueError
        When the shapes do not fit together.
    """

    cdef const uint8_t[::1] lines
    cdef const int64_t[::1] starts
    cdef const uint32_t[:, ::1] slots
    cdef const float[::1] idf
    cdef const float[:, ::1] weights
    cdef const double[::1] bias
    cdef const double[::1] logs
    cdef Terms terms
    cdef Rules rules
    cdef list spare

    def __init__(
        self, lines, starts, slots, idf, weights, bias, logs,
        *, int64_t lead_words, int64_t lead_repeats, int64_t lead_divisor,
        bint bigrams, bint fold_plurals,
    ):
        self.lines, self.starts, self.slots = lines, starts, slots
        self.idf, self.weights, self.bias, self.logs = idf, weights, bias, logs
        _check(self.lines, self.starts, self.slots)
        cdef int64_t n_terms = self.starts.shape[0] - 1
        if not (
            self.idf.shape[0] == self.weights.shape[0] == n_terms
            and self.weights.shape[1] == self.bias.shape[0] and lead_divisor > 0
        ):
            raise ValueError("idf, weights, bias and terms do not fit together")
        self.terms = _terms(self.lines, self.starts, self.slots)
        repeated = lead_words > 0 and lead_repeats > 0
        self.rules.lead_words = lead_words if repeated else 0
        self.rules.lead_repeats = lead_repeats if repeated else 0
        self.rules.lead_divisor = lead_divisor
        self.rules.bigrams = bigrams
        self.rules.fold_plurals = fold_plurals
        self.spare = []

    def read(self, tuple texts not None):
        """Return starts, terms, counts, n_words and n_known of a batch as `Reading` has them."""
        cdef Py_ssize_t n = len(texts)
        cdef Py_ssize_t i
        starts, n_words, n_known = (np.zeros(n + k, np.int64) for k in (1, 0, 0))
        cdef int64_t[::1] starts_view = starts, words_view = n_words, known_view = n_known
        cdef _Workspace space = self._workspace()
        cdef _Found found = _Found()
        for i in range(n):
            self._read(space, found, texts[i])
            words_view[i], known_view[i] = space.page.n_words, space.page.n_known
            starts_view[i + 1] = found.terms.size
        self.spare.append(space)
        return starts, _as_array(&found.terms), _as_array(&found.counts), n_words, n_known

    def judged(self, list texts not None, Decider decider not None):
        """Return, per text, the tags, the scores by label, and how many words it has and knows."""
        if len(decider.labels) != self.bias.shape[0]:
            raise ValueError(f"{len(decider.labels)} labels have {self.bias.shape[0]} margins")
        cdef _Workspace space = self._workspace()
        answers = []
        for text in texts:
            self._score(space, text, space.margins)
            answers.append(decider.answer(space))
        self.spare.append(space)
        return answers

    def scored(self, list texts not None):
        """Return margins of shape (n_texts, n_labels), numbers of words, and of known words."""
        result = np.empty((len(texts), self.bias.shape[0]))
        cdef double[:, ::1] margins = result
        cdef _Workspace space = self._workspace()
        n_words, n_known = [], []
        cdef Py_ssize_t i
        for i in range(len(texts)):
            self._score(space, texts[i], &margins[i, 0])
            n_words.append(space.page.n_words)
            n_known.append(space.page.n_known)
        self.spare.append(space)
        return result, n_words, n_known

    cdef _Workspace _workspace(self):
        try:
            return self.spare.pop()
        except IndexError:
            return _Workspace(self.terms.n_terms, self.terms.longest, self.bias.shape[0])

    cdef int _read(self, _Workspace space, _Found found, text) except -1:
        """Append a text's terms and counts to those found."""
        cdef Units units = units_of(text)
        with nogil:
            read_text(&space.page, &self.terms, &self.rules, units)
            give(&space.page, self.terms.n_terms, &found.terms, &found.counts)
        if space.page.no_memory:
            raise MemoryError
        return 0

    cdef int _score(self, _Workspace space, text, double* margins) except -1:
        """Read a text alone and write its margins."""
        cdef Units units = units_of(text)
        cdef Numbers* terms = &space.found.terms
        cdef Numbers* counts = &space.found.counts
        cdef Py_ssize_t n_weighed = 0
        cdef double[::1] logs
        terms.size = counts.size = 0
        with nogil:
            read_text(&space.page, &self.terms, &self.rules, units)
            give(&space.page, self.terms.n_terms, terms, counts)
            if not space.page.no_memory and make_room_for(&space.values, terms.size):
                n_weighed = self._weigh(counts, space.values.items)
                if n_weighed == terms.size:
                    self._margins_of(terms.items, terms.size, space.values.items, margins)
        if space.page.no_memory or space.values.room < terms.size:
            raise MemoryError
        if n_weighed < terms.size:
            # a count beyond the table
            logs = 1.0 + np.log(_as_array(counts))
            memmove(space.values.items, &logs[0], counts.size * sizeof(double))
            self._margins_of(terms.items, terms.size, space.values.items, margins)
        return 0

    cdef Py_ssize_t _weigh(self, const Numbers* counts, double* v) noexcept nogil:
        """Write 1 + ln of each count up to the first that is not in the table; return how many."""
        cdef const double* logs = &self.logs[0]
        cdef uint64_t n_logs = self.logs.shape[0]
        cdef uint64_t n
        cdef Py_ssize_t j
        for j in range(counts.size):
            n = <uint64_t>counts.items[j] - 1
            if n >= n_logs:
                return j
            v[j] = logs[n]
        return counts.size

    def margins(self, const int64_t[::1] starts, const int64_t[::1] terms, const double[::1] tf):
        """Return the margins of a reading whose terms weigh `tf` before idf."""
        cdef Py_ssize_t n = max(starts.shape[0] - 1, 0)
        result = np.empty((n, self.bias.shape[0]))
        values = np.array(tf)
        cdef double[:, ::1] margins = result
        cdef double[::1] v = values
        if terms.shape[0] != tf.shape[0]:
            raise ValueError(f"{terms.shape[0]} terms have {tf.shape[0]} weights")
        cdef Py_ssize_t i
        cdef int64_t begin, end
        cdef bint fits = True
        with nogil:
            for i in range(n):
                begin, end = starts[i], starts[i + 1]
                fits = 0 <= begin <= end <= terms.shape[0] and self._margins_of(
                    &terms[0] + begin, end - begin, &v[0] + begin, &margins[i, 0]
                )
                if not fits:
                    break
        if not fits:
            raise ValueError("the reading is not one of this vocabulary")
        return result

    cdef bint _margins_of(
        self, const int64_t* terms, Py_ssize_t n, double* v, double* margins
    ) noexcept nogil:
        """Add up the margins of n terms that weigh v before idf; return whether all are known."""
        cdef Py_ssize_t n_labels = self.bias.shape[0]
        cdef const float* weights = &self.weights[0, 0]
        cdef const float* idf = &self.idf[0]
        cdef const float* row
        cdef double norm = 0.0
        cdef double value
        cdef Py_ssize_t j, k
        for j in range(n):
            if not 0 <= terms[j] < self.terms.n_terms:
                return False
            v[j] *= idf[terms[j]]
            norm += v[j] * v[j]
        norm = sqrt(norm)
        for k in range(n_labels):
            margins[k] = self.bias[k]
        for j in range(min(n, ROWS_AHEAD)):
            fetch_row(weights + terms[j] * n_labels, n_labels)
        for j in range(n):
            if j + ROWS_AHEAD < n:
                fetch_row(weights + terms[j + ROWS_AHEAD] * n_labels, n_labels)
            value = v[j] / norm
            row = weights + terms[j] * n_labels
            for k in range(n_labels):
                margins[k] += (value * row[k] + ROUNDER) - ROUNDER
        return True


cdef Terms _terms(
    const uint8_t[::1] lines, const int64_t[::1] starts, const uint32_t[:, ::1] slots
) noexcept:
    cdef Terms terms
    cdef int64_t t
    terms.lines = &lines[0]
    terms.starts = &starts[0]
    terms.slots = &slots[0, 0]
    terms.mask = slots.shape[0] - 1
    terms.n_terms = starts.shape[0] - 1
    terms.n_bytes = lines.shape[0]
    terms.longest = 0
    for t in range(terms.n_terms):
        terms.longest = max(terms.longest, starts[t + 1] - 1 - starts[t])
    return terms


cdef _check(const uint8_t[::1] lines, const int64_t[::1] starts, const uint32_t[:, ::1] slots):
    """Raise `ValueError` unless every line lies in `lines` and the table is a power of two."""
    cdef int64_t t
    cdef int64_t n_slots = slots.shape[0]
    cdef bint fits = starts.shape[0] > 0 and slots.shape[1] == 2
    fits = fits and n_slots > 0 and n_slots & (n_slots - 1) == 0
    fits = fits and starts[0] == 0 and starts[starts.shape[0] - 1] == lines.shape[0]
    if fits:
        for t in range(starts.shape[0] - 1):
            fits = fits and 0 <= starts[t] < starts[t + 1] <= lines.shape[0]
    if not fits:
        raise ValueError("terms and table do not fit together")


def table_of(
    const uint8_t[::1] lines not None, const int64_t[::1] starts not None, int64_t n_slots
):
    """Return the table of every term, of shape (n_slots, 2)."""
    table = np.zeros((n_slots, 2), np.uint32)
    cdef uint32_t[:, ::1] slots = table
    _check(lines, starts, slots)
    cdef Terms terms = _terms(lines, starts, slots)
    cdef int64_t t
    cdef uint64_t h, at
    if <uint64_t>terms.n_terms > terms.mask:
        raise ValueError("the table has no room for the terms")
    with nogil:
        for t in range(terms.n_terms):
            h = hashed(terms.lines + starts[t], starts[t + 1] - 1 - starts[t])
            at = h & terms.mask
            while slots[at, 1]:
                at = (at + 1) & terms.mask
            slots[at, 0] = <uint32_t>(h >> 32)
            slots[at, 1] = <uint32_t>(t + 1)
    return table


def misplaced(
    const uint8_t[::1] lines not None, const int64_t[::1] starts not None,
    const uint32_t[:, ::1] slots not None,
):
    """Return the id of the first of different terms that the table does not lead to, -1 if none."""
    _check(lines, starts, slots)
    cdef Terms terms = _terms(lines, starts, slots)
    cdef int64_t t, i, n, last, missed = -1
    cdef uint64_t at, left
    cdef uint64_t[BLOCK] hashes
    with nogil:
        for t in range(terms.n_terms):
            for i in range(t, min(t + BLOCK, terms.n_terms) if t % BLOCK == 0 else t):
                n = starts[i + 1] - 1 - starts[i]
                last = starts[i] + n + 16 > terms.n_bytes
                at = hashed(&lines[starts[i]], n) if last else hashed_padded(&lines[starts[i]], n)
                hashes[i % BLOCK] = at
                FETCH(&slots[at & terms.mask, 0])
            at, left = hashes[t % BLOCK] & terms.mask, terms.mask
            while left and slots[at, 1] and slots[at, 1] != <uint64_t>t + 1:
                at, left = (at + 1) & terms.mask, left - 1
            if slots[at, 1] != <uint64_t>t + 1 or slots[at, 0] != hashes[t % BLOCK] >> 32:
                missed = t
                break
    return missed


def unordered(const uint8_t[::1] lines not None, const int64_t[::1] starts not None):
    """Return the first term that does not come after the one before it, -1 when all do."""
    _check(lines, starts, np.zeros((1, 2), np.uint32))
    cdef int64_t t, n, order, m = 0, wrong = -1  # as if the empty term came first
    with nogil:
        for t in range(starts.shape[0] - 1):
            n = starts[t + 1] - 1 - starts[t]
            order = memcmp(&lines[starts[t]], &lines[starts[t] - m - 1 if t else 0], min(n, m))
            if order < 0 or (order == 0 and n <= m):
                wrong = t
                break
            m = n
    return wrong
