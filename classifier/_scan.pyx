# cython: language_level=3, boundscheck=False, wraparound=False
# cython: initializedcheck=False, cdivision=True
"""What the steps of `classifier.text` would change in a text, found in one pass over it.

Nearly all of nearly every text needs no repair, and few texts have a credit or end in promotion.
The patterns decide; this tells where they need not be asked.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

__all__ = ["Scanner"]


cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GetLength(object text) except -1
    object PyUnicode_FromKindAndData(int kind, const void* data, Py_ssize_t size)


cdef extern from *:
    """
    #include <stdint.h>
    #define CHUNK 256  /* characters made bytes together */
    #define AS_BYTE(UNIT, c)                                                                     \
        ((c) < 0x100 ? (c) : ((c) < 0x300) | ((UNIT)((c) - 0x2010) < 0x18) ? 0xFF : 0x80)
    /* y and z come before a character c, a, b, d and e after. It is plain where it is printable
       ASCII, a Latin letter or general punctuation before such, or one space or line end. A credit
       needs a space after the last two letters of a verb and before a capital, "the" and such, or
       "dp", or one before the "rep" of "reports". */
    #define NOT_PLAIN_AT(z, c, a)                                                                \
        (((c < 0x20) & (c != '\\n')) | ((c > 0x7E) & ((c < 0xA1) | (c == 0xAD) | (a > 0x7F)))    \
            | ((c <= 0x20) & (z <= 0x20)))
    #define ENDS_VERB(y, z)                                                                      \
        (((z == 'd') & ((y == 'l') | (y == 'e'))) | ((z == 's') & ((y == 'l') | (y == 't')))     \
            | ((z == 'h') & (y == 't')) | ((z == 'y') & (y == 'b')))
    #define IS_CAPITAL(a) ((uint8_t)(a - 'A') < 26)
    #define OPENS_NAME(a, b, e)                                                                  \
        (IS_CAPITAL(a) | ((a == 'd') & (b == 'p'))                                               \\
            | ((a == 't') & (b == 'h') & (IS_CAPITAL(e) | (e == 'd'))))
    #define CREDIT_AT(y, z, c, a, b, d, e)                                                       \
        ((c == ' ')                                                                              \
            & (((a == 'r') & (b == 'e') & (d == 'p')) | (ENDS_VERB(y, z) & OPENS_NAME(a, b, e))))
    /* Writes 1 for each character that is not plain, and 2 for each that may come before a credit.
       It is written for the compiler's vectors, which are wider where the processor has them. */
    #if defined(__GLIBC__) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    #define ANY_WIDTH __attribute__((target_clones("avx2", "default")))
    #else
    #define ANY_WIDTH
    #endif
    #define EXAMINE(NAME, UNIT)                                                                  \
        ANY_WIDTH static void NAME(const UNIT* text, Py_ssize_t n, uint8_t* found) {                \
            uint8_t room[CHUNK + 7];                                                             \
            const uint8_t* at = room;                                                            \
            Py_ssize_t i, k, size;                                                               \
            for (i = 0; i < n; i += size) {                                                      \
                size = n - i < CHUNK ? n - i : CHUNK;                                            \
                if (sizeof(UNIT) == 1) at = (const uint8_t*)text + i - 2;                        \
                else for (k = 0; k < size + 7; k++)                                              \
                    room[k] = (uint8_t)AS_BYTE(UNIT, text[i + k - 2]);                           \
                for (k = 0; k < size; k++) {                                                     \
                    uint8_t y = at[k], z = at[k + 1], c = at[k + 2], a = at[k + 3];              \
                    uint8_t b = at[k + 4], d = at[k + 5], e = at[k + 7];                         \
                    found[i + k] = NOT_PLAIN_AT(z, c, a) | CREDIT_AT(y, z, c, a, b, d, e) << 1;  \
                }                                                                                \
            }                                                                                    \
        }
    EXAMINE(examine_1, uint8_t)
    EXAMINE(examine_2, uint16_t)
    EXAMINE(examine_4, uint32_t)
    """
    void examine_1(const uint8_t* text, Py_ssize_t n, uint8_t* found) noexcept nogil
    void examine_2(const uint16_t* text, Py_ssize_t n, uint8_t* found) noexcept nogil
    void examine_4(const uint32_t* text, Py_ssize_t n, uint8_t* found) noexcept nogil


ctypedef fused Unit:
    uint8_t
    uint16_t
    uint32_t

cdef enum:
    NOT_PLAIN = 1
    MAY_CREDIT = 2
    WORD = 0  # what stands for itself
    SPACE = 1  # the one space that is left of any run of spaces and controls
    BLANK = 2  # other spaces, and controls, which become it
    LINE = 3
    RETURN = 4
    LEAD = 5  # the first byte of a character in UTF-8, read as Windows-1252 or Latin-1
    UNSOUND = 6
    GONE = 7  # invisible marks, of which nothing is left
    FIRST_KNOWN = 0x300
    MOST_VERBS = 31
    MOST_WORDS = 256
    ROOM = 8192  # words of eight bytes
    LONGEST = 32
    LONGEST_AGENCY = 48  # characters, "News Agency" among them
    LAST_SENTENCE = 300  # characters in which promotion is looked for, at most
    SUBTITLE = 301  # characters, with the line end, after which a dateline is looked for, at most
    DATELINE = 400  # characters in which the mark of a dateline is looked for, at most

# What ENDS_VERB and OPENS_NAME stop at.
VERB_ENDINGS = ("ld", "ed", "ls", "ts", "th", "by")
NAME_OPENINGS = ("dp", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")

cdef const uint8_t* THE = b"the "
cdef const uint8_t* THE_CAPITAL = b"The "
cdef const uint8_t* CONTRIBUTED = b" contributed "
cdef const uint8_t* MONTHS = b"janfebmaraprmayjunjulaugsepoctnovdec"

cdef uint8_t KINDS[FIRST_KNOWN]


cdef void _fill_kinds() noexcept:
    cdef int c
    for c in range(FIRST_KNOWN):
        KINDS[c] = WORD
    for c in range(0x20):
        KINDS[c] = BLANK
    for c in range(0x7F, 0xA1):
        KINDS[c] = BLANK
    for c in range(0xC2, 0xF5):
        KINDS[c] = LEAD
    KINDS[0x20] = SPACE
    KINDS[0x0A] = LINE
    KINDS[0x0D] = RETURN
    KINDS[0xAD] = GONE


_fill_kinds()


cdef inline int kind_of(uint32_t c) noexcept nogil:
    if c < FIRST_KNOWN:
        return KINDS[c]
    # in normal form C next to anything: punctuation and signs
    if 0x2010 <= c <= 0x2027 or 0x2030 <= c <= 0x205E or 0x2070 <= c <= 0x20C0 or c == 0x2122:
        return WORD
    if 0x212C <= c <= 0x2328 or 0x232B <= c <= 0x2ADB or 0xFF01 <= c <= 0xFFFD or c == 0xFE0F:
        return WORD
    # Greek and Cyrillic, Arabic, Chinese and Japanese, pictures
    if 0x388 <= c <= 0x482 or 0x48A <= c <= 0x52F or 0x620 <= c <= 0x64A or 0x3001 <= c <= 0x3029:
        return WORD
    if 0x3041 <= c <= 0x3096 or 0x309B <= c <= 0x30FF or 0x4E00 <= c <= 0x9FFF:
        return WORD
    if 0x1F1E6 <= c <= 0x1FAFF:
        return WORD
    if c == 0x200B or c == 0x200E or c == 0x200F or 0x202A <= c <= 0x202E or 0x2060 <= c <= 0x2069:
        return GONE
    if c == 0xFEFF:
        return GONE
    return BLANK if c == 0x202F or 0x2002 <= c <= 0x200A else UNSOUND


cdef inline bint continues(uint32_t c) noexcept nogil:
    """Return whether a LEAD before `c` may be mojibake: no letter but those of Windows-1252."""
    if c < 0x80:
        return False
    return c < 0xC0 or 0x152 <= c <= 0x192 or c >= 0x2C6


cdef struct Word:
    uint8_t letters[LONGEST]
    int size


cdef struct Words:
    Word* words
    int n
    uint8_t letters[128]  # whether one of them begins or ends with it


cdef struct Rules:
    Words verbs
    Words agencies
    Words metadata
    Words promotions


cdef inline bint is_at(
    const Unit* text, Py_ssize_t i, Py_ssize_t n, const uint8_t* letters, int size
) noexcept nogil:
    """Return whether these letters stand at i, which may lie outside of the n characters."""
    cdef int k
    if i < 0 or i + size > n:
        return False
    for k in range(size):
        if text[i + k] != letters[k]:
            return False
    return True


cdef bint opens_with(
    const Words* words, const Unit* text, Py_ssize_t i, Py_ssize_t n
) noexcept nogil:
    """Return whether one of these words, in small letters, may stand at i in any case.

    Letters beyond ASCII are let through, as some of them stand for s, k and i there.
    """
    cdef int j, k
    cdef uint32_t c
    if i >= n or text[i] >= 128 or not words.letters[text[i]]:
        # but for opening quotation marks, which open none
        return i < n and text[i] >= 128 and text[i] != 0x201C and text[i] != 0x2018
    for j in range(words.n):
        for k in range(words.words[j].size):
            c = text[i + k] if i + k < n else 0
            if 0x41 <= c <= 0x5A:
                c |= 0x20
            if c != words.words[j].letters[k] and c < 128:
                break
            if c >= 128 or k + 1 == words.words[j].size:
                return True
    return False


cdef bint agency_at(
    const Rules* rules, const Unit* text, Py_ssize_t i, Py_ssize_t n
) noexcept nogil:
    """Return whether the name of an agency may begin at i."""
    cdef int k
    if i >= n or text[i] >= 128 or not rules.agencies.letters[text[i]]:
        return False
    for k in range(rules.agencies.n):
        if is_at(text, i, n, rules.agencies.words[k].letters, rules.agencies.words[k].size):
            return True
    return False


cdef bint follows_agency(
    const Rules* rules, const Unit* text, Py_ssize_t i, Py_ssize_t n
) noexcept nogil:
    """Return whether the name of an agency may stand between a comma and i."""
    cdef Py_ssize_t k
    for k in range(i, max(i - LONGEST_AGENCY, 0) - 1, -1):
        if text[k] == c",":
            return agency_at(rules, text, k + 2, n)
    return False


cdef uint32_t credits_at(
    const Rules* rules, const Unit* text, Py_ssize_t i, Py_ssize_t n
) noexcept nogil:
    """Return the bits of the verbs that end before the space at i and may name an agency."""
    cdef uint32_t found = 0
    cdef Py_ssize_t name = i + 1
    cdef int k, size
    if i == 0 or i + 1 == n or text[i - 1] >= 128 or text[i + 1] >= 128:
        return 0
    if text[i + 1] == c"r" and follows_agency(rules, text, i, n):
        found |= <uint32_t>1 << rules.verbs.n
    if not rules.verbs.letters[text[i - 1]]:
        return found
    if is_at(text, name, n, THE, 4) or is_at(text, name, n, THE_CAPITAL, 4):
        name += 4
    if not agency_at(rules, text, name, n):
        return found
    for k in range(rules.verbs.n):
        size = rules.verbs.words[k].size
        if is_at(text, i - size, n, rules.verbs.words[k].letters, size):
            found |= <uint32_t>1 << k
    return found


cdef inline void examine(const Unit* text, Py_ssize_t n, uint8_t* found) noexcept nogil:
    """Write NOT_PLAIN and MAY_CREDIT for n characters; 2 before and 5 behind are read too."""
    if Unit is uint8_t:
        examine_1(text, n, found)
    elif Unit is uint16_t:
        examine_2(text, n, found)
    else:
        examine_4(text, n, found)


cdef inline Py_ssize_t next_found(const uint8_t* found, Py_ssize_t i, Py_ssize_t n) noexcept nogil:
    """Return the first place from i on where something is found, n if there is none."""
    cdef uint64_t eight = 0
    while i + 8 <= n:
        memcpy(&eight, found + i, 8)
        if eight:
            break
        i += 8
    while i < n and not found[i]:
        i += 1
    return i


cdef inline int need_at(const Unit* text, Py_ssize_t i, Py_ssize_t n) noexcept nogil:
    """Return UNSOUND, SPACE for a character that is not spaced once, WORD for all others."""
    cdef int kind = kind_of(text[i])
    if kind == WORD:
        return WORD
    if text[i] == 0x200D and i > 0 and text[i - 1] >= 0x2190 and kind_of(text[i - 1]) == WORD:
        return WORD  # joins pictures
    if kind == LEAD:
        return UNSOUND if i + 1 < n and continues(text[i + 1]) else WORD
    if kind == SPACE:
        if i == 0 or i + 1 == n or text[i - 1] == c" " or text[i - 1] == c"\n":
            return SPACE
        return WORD
    if kind == LINE:
        if i == 0 or i + 1 == n or text[i - 1] == c" ":
            return SPACE
        return SPACE if text[i - 1] == c"\n" and i > 1 and text[i - 2] == c"\n" else WORD
    return UNSOUND if kind == UNSOUND else SPACE


cdef int examined(
    const Rules* rules, const Unit* text, Py_ssize_t n, uint8_t* found, uint32_t* credits
) noexcept nogil:
    """Return what the text needs: UNSOUND, or SPACE where `found` then says so, WORD else."""
    cdef Py_ssize_t i
    cdef int need = WORD
    credits[0] = 0
    memset(found, NOT_PLAIN | MAY_CREDIT, n)
    if n > 7:
        examine(text + 2, n - 7, found + 2)
    i = next_found(found, 0, n)
    while i < n:
        if found[i] & MAY_CREDIT and text[i] == c" ":
            credits[0] |= credits_at(rules, text, i, n)
        found[i] = need_at(text, i, n) if found[i] & NOT_PLAIN else WORD
        if found[i] == UNSOUND:
            return UNSOUND
        need |= found[i]
        i = next_found(found, i + 1, n)
    return need


cdef Py_ssize_t respaced(
    const Unit* text, Py_ssize_t n, const uint8_t* found, Unit* out
) noexcept nogil:
    """Write `text` with its runs of space made short; return its length."""
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t size = 0
    cdef Py_ssize_t run
    cdef int lines = 0
    cdef int kind
    cdef bint spaced = False
    while i < n:
        kind = kind_of(text[i])
        if kind == LINE or kind == RETURN:
            # of a return and a line end, the line end counts
            if kind == LINE or i + 1 == n or text[i + 1] != c"\n":
                lines += 1
            i += 1
            continue
        if kind == SPACE or kind == BLANK or kind == GONE:
            spaced = spaced or kind != GONE
            i += 1
            continue
        if size and lines:
            out[size] = c"\n"
            if lines > 1:
                out[size + 1] = c"\n"
            size += min(lines, 2)
        elif size and spaced:
            out[size] = c" "
            size += 1
        run = next_found(found, i + 1, n) - i
        memcpy(out + size, text + i, run * sizeof(Unit))
        size += run
        i += run
        # the last of them may belong to a run
        lines = 0
        while out[size - 1] == c"\n":
            size -= 1
            lines += 1
        spaced = out[size - 1] == c" "
        size -= spaced
    return size


cdef inline bint closes(uint32_t c) noexcept nogil:
    return c in (c'"', c"'", c")", c"]", 0x201D, 0x2019)


cdef bint may_be_dateline(const Unit* text, Py_ssize_t i, Py_ssize_t n) noexcept nogil:
    """Return False when no pattern of datelines fits what begins at i.

    In each, capitals, digits or the name of a month begin all words up to the first mark.
    """
    cdef Py_ssize_t end = min(n, i + DATELINE)
    cdef uint32_t c
    cdef int k
    if i < n and (text[i] == c"(" or 0x30 <= text[i] <= 0x39):
        return True
    if i >= n or not (0x41 <= text[i] <= 0x5A or text[i] >= 0xC0):
        return False
    for i in range(i + 1, end):
        c = text[i]
        if 0x61 <= c <= 0x7A and text[i - 1] == c" ":
            for k in range(0, 36, 3):
                if (
                    c == MONTHS[k] and i + 2 < n and (text[i + 1] | 0x20) == MONTHS[k + 1]
                    and (text[i + 2] | 0x20) == MONTHS[k + 2]
                ):
                    break
            else:
                return False
        if 0x61 <= c | 0x20 <= 0x7A or c == c" " or c == c"." or c == c"," or c == c"'" or c == c"_":
            continue
        if c == c"-" and i + 1 < n and text[i + 1] != c" " and text[i + 1] != c"-":
            continue
        if c < 128:
            return c in (c"-", c"(", c"/", c":", c"\n") or 0x30 <= c <= 0x39
        # letters but no digits, and the apostrophe
        if not (0xC0 <= c < 0x530 or c == 0x2019):
            return c != 0x201C and c != 0x201D
    return False


cdef bint may_open(const Rules* rules, const Unit* text, Py_ssize_t n) noexcept nogil:
    """Return False when no pattern of metadata or datelines fits the first or the second line."""
    cdef Py_ssize_t i = 0
    if opens_with(&rules.metadata, text, 0, n) or may_be_dateline(text, 0, n):
        return True
    while i < n and i < SUBTITLE and text[i] != c"\n":
        i += 1
    if i == n or text[i] != c"\n":
        return False
    return may_be_dateline(text, i + 2 if i + 1 < n and text[i + 1] == c"\n" else i + 1, n)


cdef bint may_end_in_promotion(const Rules* rules, const Unit* text, Py_ssize_t n) noexcept nogil:
    """Return False when what follows the last break of a spaced text is no promotion."""
    cdef Py_ssize_t i = n
    cdef Py_ssize_t at
    cdef int k
    while i > 0 and n - i <= LAST_SENTENCE:
        if text[i - 1] == c"\n":
            break
        if text[i - 1] == c" " and i >= 2:
            at = i - 2
            k = 0
            while at > 0 and k < 2 and closes(text[at]):
                at -= 1
                k += 1
            if text[at] in (c".", c"!", c"?", 0x2026):
                # after a title or an initial, the break is further back: let the pattern see
                k = text[at - 1] if text[at] == c"." and at > 0 else 0
                if 0x41 <= k <= 0x5A or (k in (c"r", c"s", c"t") and at > 1 and text[at - 2] < c"a"):
                    return True
                break
        i -= 1
    else:
        return False  # no break, or none so near
    return opens_promotion(rules, text, i, n) or has_contributed(text, i, n)


cdef bint opens_promotion(
    const Rules* rules, const Unit* text, Py_ssize_t i, Py_ssize_t n
) noexcept nogil:
    cdef int k
    cdef uint32_t c
    for k in range(4):
        c = text[i] if i < n else 0
        if c not in (c"-", 0x2013, 0x2014, c"*", 0x2022, c"|", c">", c" "):
            break
        i += 1
    return opens_with(&rules.promotions, text, i, n)


cdef bint has_contributed(const Unit* text, Py_ssize_t i, Py_ssize_t n) noexcept nogil:
    for i in range(i, n if n and text[n - 1] == c"." else i):
        if text[i] == c" " and is_at(text, i, n, CONTRIBUTED, 13):
            return True
    return False


cdef tuple spaced_of(
    const Rules* rules, uint64_t* room, str text, const Unit* units, Py_ssize_t n
):
    """Return what `Scanner.spaced` does of a text whose characters are stored in such units."""
    # to ask for memory may take longer than all else, so most texts find some
    cdef size_t size = n * (sizeof(Unit) + 1)
    cdef void* memory = <void*>room if size <= ROOM * sizeof(uint64_t) else malloc(size)
    cdef Unit* out = <Unit*>memory
    cdef uint8_t* found = <uint8_t*>(out + n)
    cdef uint32_t credits
    cdef int need, edges
    if memory == NULL:
        raise MemoryError
    try:
        need = examined(rules, units, n, found, &credits)
        if need == UNSOUND:
            return None
        if need == SPACE:
            n = respaced(units, n, found, out)
            units = out
            examined(rules, units, n, found, &credits)
            text = PyUnicode_FromKindAndData(sizeof(Unit), units, n)
        edges = may_open(rules, units, n) | may_end_in_promotion(rules, units, n) << 1
        return text, credits, edges
    finally:
        if memory != room:
            free(memory)


cdef Words filled(tuple words, Word* room) except *:
    """Return words that are written to a room of as many."""
    cdef Words found
    memset(&found, 0, sizeof(Words))
    found.words = room
    for word in words:
        letters = word.encode("ascii")
        if not 0 < len(letters) <= LONGEST:
            raise ValueError(f"a word must have 1 to {LONGEST} letters: {word!r}")
        for k, letter in enumerate(letters):
            room[found.n].letters[k] = letter
        room[found.n].size = len(letters)
        for letter in letters[:1] + letters[:1].upper() + letters[len(letters) - 1 :]:
            found.letters[letter] = 1
        found.n += 1
    return found


cdef class Scanner:
    """Tells which steps a text needs.

    Parameters
    ----------
    verbs : tuple of str
        After which the name of an agency is a credit; at most 31.
    agencies : tuple of str
        How the names of agencies begin.
    metadata, promotions : tuple of str
        How each of them begins, in small letters.

    Raises
    ------
    ValueError
        When a word is empty, too long, not ASCII, or none that is stopped at.
    """

    cdef Word words[MOST_WORDS]
    cdef Rules rules
    cdef uint64_t room[ROOM]

    def __init__(
        self, tuple verbs not None, tuple agencies not None,
        tuple metadata not None, tuple promotions not None,
    ):
        if len(verbs) > MOST_VERBS or len(verbs + agencies + metadata + promotions) > MOST_WORDS:
            raise ValueError("too many words")
        for verb in verbs:
            if not verb.endswith(VERB_ENDINGS):
                raise ValueError(f"no verb that is stopped at: {verb!r}")
        for name in agencies:
            if not name.startswith(NAME_OPENINGS):
                raise ValueError(f"no name that is stopped at: {name!r}")
        cdef Word* room = &self.words[0]
        self.rules.verbs = filled(verbs, room)
        self.rules.agencies = filled(agencies, room + len(verbs))
        self.rules.metadata = filled(metadata, room + len(verbs) + len(agencies))
        self.rules.promotions = filled(promotions, room + MOST_WORDS - len(promotions))

    def spaced(self, str text not None):
        """Return `text` spaced once, if it needs no other repair, with what patterns may find.

        Returns
        -------
        tuple of (str, int, int) or None
            The text; a bit for the credits of each verb, the next one for those before "reports";
            1 for metadata or a dateline at its beginning and 2 for promotion at its end, added up.
            None for a text that needs more repair.
        """
        cdef Py_ssize_t n = PyUnicode_GetLength(text)
        cdef int kind = PyUnicode_KIND(text)
        cdef void* data = PyUnicode_DATA(text)
        if kind == 1:
            return spaced_of[uint8_t](&self.rules, self.room, text, <const uint8_t*>data, n)
        if kind == 2:
            return spaced_of[uint16_t](&self.rules, self.room, text, <const uint16_t*>data, n)
        return spaced_of[uint32_t](&self.rules, self.room, text, <const uint32_t*>data, n)
