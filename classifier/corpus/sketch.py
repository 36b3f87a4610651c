"""A text as its words and a short signature, by which near-duplicates are known."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from classifier.compiled import SHINGLES, compiled

__all__ = ["PERMUTATIONS", "Signature", "Sketch", "sketcher"]

PERMUTATIONS = 64
WORD = re.compile(r"\w+")
# An odd 64-bit multiplier without structure (2^64 divided by the golden ratio).
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Each is compared with every permutation at once: 64 numbers a shingle.
HASHES_AT_ONCE = 20_000

Signature = npt.NDArray[np.uint32]
Sketch = tuple[bytes, Signature]


def sketcher(*, shingle: int, seed: int) -> Callable[[str], Sketch]:
    """Return what makes a sketch of a text: its words, and their MinHash signature.

    Words are in one case, a space between them, as UTF-8. A signature has, for each of 64
    permutations, the least hash of the text's word n-grams (Broder 1997), and all ones where
    there are fewer than `shingle` words. The permutations of a 32-bit hash h are ``a h + b``
    with odd a, after the finalizer of MurmurHash3; both paths give the same.
    """
    rng = np.random.RandomState(seed)
    a = rng.randint(0, 1 << 31, PERMUTATIONS, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = rng.randint(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)
    module = compiled(SHINGLES)
    if module is not None:
        return lambda text: module.sketch(text.casefold(), shingle, a, b)
    return partial(_sketch, shingle=shingle, a=a, b=b)


def _sketch(text: str, *, shingle: int, a: Signature, b: Signature) -> Sketch:
    words = " ".join(WORD.findall(text.casefold())).encode()
    hashes = _mixed(_shingle_hashes(words.split(), shingle))
    found = np.full(PERMUTATIONS, 0xFFFFFFFF, np.uint32)
    for start in range(0, len(hashes), HASHES_AT_ONCE):
        some = hashes[start : start + HASHES_AT_ONCE, None] * a + b
        found = np.minimum(found, some.min(axis=0))
    return words, found


def _shingle_hashes(words: list[bytes], shingle: int) -> npt.NDArray[np.uint32]:
    """Return a 32-bit hash per word n-gram, none when there are too few words."""
    n_shingles = max(len(words) - shingle + 1, 0)
    # Python's own hash of a string changes from process to process; a CRC does not.
    codes = np.fromiter(map(zlib.crc32, words), np.uint64, len(words))
    hashes = np.zeros(n_shingles, np.uint64)
    for offset in range(shingle):
        hashes = (hashes + codes[offset : offset + n_shingles]) * MULTIPLIER
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _mixed(h: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))
