"""Which articles are the same story printed again, with a word changed here and there."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import SettingsError

__all__ = ["near_duplicate_groups"]

# Each is compared with every permutation at once: 64 numbers a shingle.
HASHES_AT_ONCE = 20_000
PERMUTATIONS = 64
# Of pairs exactly at the threshold, the bands of the index must catch this share.
BAND_RECALL = 0.97
WORD = re.compile(r"\w+")
# An odd 64-bit multiplier without structure (2^64 divided by the golden ratio).
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

Signature = npt.NDArray[np.unsignedinteger[Any]]


def near_duplicate_groups(
    texts: Iterable[str], *, threshold: float = 0.7, shingle: int = 5, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Return a group number per text; near-duplicates, and their near-duplicates, share one.

    Two texts are near-duplicates when the estimated Jaccard similarity of their sets of word
    n-grams reaches `threshold` (Broder 1997: MinHash). Candidates come from banded signatures,
    so no text is compared with every other. Case and punctuation do not count. A text of fewer
    than `shingle` words has near-duplicates only in texts of the very same words; so has a
    text in a script that puts no spaces between words.

    Parameters
    ----------
    texts : iterable of str
        Read once, in order, and not kept.
    threshold : float
        Jaccard similarity above 0 and up to 1. The estimate has a standard error of at most
        0.0625 (64 permutations).
    shingle : int
        Words per n-gram, at least 1.
    seed : int
        Of the permutations. The same texts and seed give the same groups in every process.

    Returns
    -------
    ndarray of shape (n_texts,), int64
        0, 1, 2 … in the order in which the groups first appear.

    Raises
    ------
    SettingsError
        If `threshold` or `shingle` is out of range.

    Examples
    --------
    >>> near_duplicate_groups(["Gas prices rose.", "Parliament voted.", "gas prices ROSE"])
    array([0, 1, 0])
    """
    _check_settings(threshold, shingle)
    parents: list[int] = []
    for text, (first, *others) in enumerate(_linked(texts, threshold, shingle, seed)):
        parents.append(first)
        for other in others:
            parents[_root(parents, other)] = _root(parents, text)
    return _numbered([_root(parents, text) for text in range(len(parents))])


def _check_settings(threshold: float, shingle: int) -> None:
    """Raise unless both settings mean something."""
    if not 0 < threshold <= 1:
        raise SettingsError(
            f"near_duplicate_groups: threshold is {threshold}. Choose one above 0 and up to 1."
        )
    if shingle < 1:
        raise SettingsError(f"near_duplicate_groups: shingle is {shingle}. Choose 1 word or more.")


def _linked(texts: Iterable[str], threshold: float, shingle: int, seed: int) -> Iterator[list[int]]:
    """Yield, per text, the numbers of the earlier texts it belongs with, or its own number."""
    first_with: dict[bytes, int] = {}
    index = _SimilarTexts(threshold, seed)
    for number, text in enumerate(texts):
        words = _normal_words(text)
        first = first_with.setdefault(blake2b(words, digest_size=16).digest(), number)
        hashes = _shingle_hashes(words.split(), shingle)
        if first < number or not hashes.size:
            yield [first]
        else:
            yield index.add(number, hashes) or [number]


def _normal_words(text: str) -> bytes:
    """Return the words of `text` in one case, a space between them, as UTF-8."""
    return " ".join(WORD.findall(text.casefold())).encode()


def _shingle_hashes(words: list[bytes], shingle: int) -> npt.NDArray[np.uint64]:
    """Return a 32-bit hash per word n-gram, none when there are too few words."""
    n_shingles = max(len(words) - shingle + 1, 0)
    # Python's own hash of a string changes from process to process; a CRC does not.
    codes = np.fromiter(map(zlib.crc32, words), np.uint64, len(words))
    hashes = np.zeros(n_shingles, np.uint64)
    for offset in range(shingle):
        hashes = (hashes + codes[offset : offset + n_shingles]) * MULTIPLIER
    return hashes >> np.uint64(32)


class _SimilarTexts:
    """The signatures seen so far, indexed by bands.

    Parameters
    ----------
    threshold : float
        Estimated Jaccard similarity from which two texts belong together.
    seed : int
        Of the permutations.
    """

    def __init__(self, threshold: float, seed: int) -> None:
        from datasketch import MinHash, MinHashLSH

        self._threshold = threshold
        self._empty = MinHash(PERMUTATIONS, seed=seed, hashfunc=int)
        self._bands = MinHashLSH(num_perm=PERMUTATIONS, params=_bands_and_rows(threshold))
        self._signatures: dict[int, Signature] = {}

    def add(self, number: int, hashes: npt.NDArray[np.uint64]) -> list[int]:
        """Add a text by the hashes of its shingles; return the similar ones already here."""
        sketch = self._empty.copy()
        for start in range(0, len(hashes), HASHES_AT_ONCE):
            sketch.update_batch(hashes[start : start + HASHES_AT_ONCE].tolist())
        candidates: list[int] = sorted(self._bands.query(sketch))
        self._bands.insert(number, sketch, check_duplication=False)
        self._signatures[number] = sketch.hashvalues
        return self._confirmed(candidates, sketch.hashvalues)

    def _confirmed(self, candidates: list[int], signature: Signature) -> list[int]:
        """Return the candidates whose signature agrees in enough places."""
        if not candidates:
            return []
        stacked = np.stack([self._signatures[candidate] for candidate in candidates])
        similarity = (stacked == signature).mean(axis=1)
        return [candidates[place] for place in np.flatnonzero(similarity >= self._threshold)]


def _bands_and_rows(threshold: float) -> tuple[int, int]:
    """Return the fewest bands that still catch `BAND_RECALL` of the pairs at the threshold.

    A pair of similarity s shares one of b bands of r rows with probability 1 - (1 - s^r)^b
    (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4).
    """
    for rows in (16, 8, 4, 2):
        bands = PERMUTATIONS // rows
        if 1 - (1 - threshold**rows) ** bands >= BAND_RECALL:
            return bands, rows
    return PERMUTATIONS, 1


def _root(parents: list[int], text: int) -> int:
    """Return the text that stands for the group of `text`, shortening the way to it."""
    while parents[text] != text:
        parents[text] = parents[parents[text]]
        text = parents[text]
    return text


def _numbered(roots: list[int]) -> npt.NDArray[np.int64]:
    """Return 0, 1, 2 … for the distinct roots in order of appearance."""
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(root, len(numbers)) for root in roots], dtype=np.int64)
