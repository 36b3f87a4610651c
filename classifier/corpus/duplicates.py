"""Which articles are the same story printed again, with a word changed here and there."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from classifier.compiled import SHINGLES, compiled
from classifier.errors import SettingsError

__all__ = [
    "PERMUTATIONS",
    "Signature",
    "Sketch",
    "near_duplicate_groups",
    "similar_groups",
    "sketcher",
]


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


# Signatures that are compared or looked through at once: 256 bytes each.
AT_ONCE = 8_192
# All places of the signature of a text without shingles; no hash of a shingle is as large in all.
NOTHING = np.uint32(2**32 - 1)
Ints = npt.NDArray[np.int64]


def similar_groups(
    words_of: npt.NDArray[np.uint64],
    signatures: npt.NDArray[np.uint32],
    *,
    threshold: float,
    bands: tuple[int, int],
) -> Ints:
    """Return a group number per text: 0, 1, 2 … in the order in which groups first appear.

    Texts share a group that are of the very same words, or that share a band and agree in
    `threshold` of their signatures, and those that such texts join. A chance agreement of the
    hashes of two bands is harmless, as signatures themselves are compared.

    Parameters
    ----------
    words_of : ndarray of uint64 of shape (n_texts, 2)
        A hash of each text's words.
    signatures : ndarray of uint32 of shape (n_texts, n_permutations)
    bands : (int, int)
        How many bands there are, and of how many places each.
    """
    n_texts = len(words_of)
    repeats, edges = _same_words(words_of)
    groups = _joined(np.arange(n_texts), edges)
    n_bands, width = bands
    for band in range(n_bands):
        texts, keys = _keys(signatures, range(band * width, (band + 1) * width))
        first = ~repeats[texts]
        texts, keys = texts[first], keys[first]
        edges = [
            edge
            for run in _runs(texts, keys)
            for edge in _edges(run, groups[run], signatures, threshold)
        ]
        groups = _joined(groups, edges)
    return _in_order_of_appearance(groups)


def _same_words(
    hashes: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.bool_], list[Ints]]:
    """Return which texts repeat the words of an earlier one, and pairs of both."""
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    ranked = hashes[order]
    same = (ranked[1:] == ranked[:-1]).all(axis=1)
    repeats = np.zeros(len(hashes), dtype=bool)
    repeats[order[1:][same]] = True
    return repeats, [np.stack([order[:-1][same], order[1:][same]])]


def _joined(groups: Ints, edges: list[Ints]) -> Ints:
    """Return the groups that are left when pairs of texts are joined."""
    if not sum(edge.shape[1] for edge in edges):
        return groups
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    one, other = groups[np.concatenate(edges, axis=1)]
    n_groups = int(groups.max()) + 1
    graph = coo_matrix((np.ones(len(one), np.int8), (one, other)), shape=(n_groups, n_groups))
    _, found = connected_components(graph, directed=False)
    return np.asarray(found[groups], dtype=np.int64)


def _keys(signatures: npt.NDArray[np.uint32], places: range) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """Return the texts with shingles, and a hash of these places of their signatures."""
    texts = np.flatnonzero((signatures != NOTHING).any(axis=1))
    keys = np.zeros(len(texts), np.uint64)
    for place in places:
        keys = (keys ^ (keys >> np.uint64(32))) * MULTIPLIER + signatures[texts, place]
    return texts, keys


def _runs(texts: Ints, keys: npt.NDArray[np.uint64]) -> Iterator[Ints]:
    """Yield the texts of every key that several have, in order."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    lengths = np.diff(np.append(starts, len(ranked)))
    for start, length in zip(starts[lengths > 1], lengths[lengths > 1], strict=True):
        yield texts[order[start : start + length]]


def _edges(
    run: Ints, groups: Ints, signatures: npt.NDArray[np.uint32], threshold: float
) -> Iterator[Ints]:
    """Yield pairs of similar texts in a run, none within what is one group already."""
    groups = groups.copy()
    for start, stop in _chunks(len(run), AT_ONCE):
        if (groups == groups[0]).all():
            return
        block = signatures[run[start:stop]]
        for below, end in _chunks(stop, AT_ONCE):
            earlier = block if below == start else signatures[run[below:end]]
            for i in range(max(start, below + 1), stop):
                others = np.flatnonzero(groups[below : min(end, i)] != groups[i])
                if not len(others):
                    continue
                alike = (earlier[others] == block[i - start]).mean(axis=1) >= threshold
                found = others[alike] + below
                groups[np.isin(groups, groups[found])] = groups[i]
                yield np.stack([run[found], np.full(len(found), run[i])])


def _chunks(n_rows: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of pieces of `size` rows."""
    for start in range(0, n_rows, size):
        yield start, min(start + size, n_rows)


def _in_order_of_appearance(groups: Ints) -> Ints:
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[group]


# Of pairs exactly at the threshold, the bands of the index must catch this share.
BAND_RECALL = 0.97


def near_duplicate_groups(
    texts: Iterable[str],
    *,
    threshold: float = 0.7,
    shingle: int = 5,
    seed: int = 0,
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
    if not 0 < threshold <= 1:
        raise SettingsError(
            f"near-duplicates: threshold is {threshold}. Choose one above 0 and up to 1."
        )
    if shingle < 1:
        raise SettingsError(f"near-duplicates: shingle is {shingle}. Choose 1 word or more.")
    found = _sketched(texts, shingle, seed)
    return similar_groups(*found, threshold=threshold, bands=_bands_and_rows(threshold))


def _sketched(
    texts: Iterable[str], shingle: int, seed: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
    """Return of each text what tells its very words (2 uint64) and its signature (uint32)."""
    words_of, signatures = bytearray(), bytearray()
    sketch = sketcher(shingle=shingle, seed=seed)
    for text in texts:
        words, signature = sketch(text)
        words_of += blake2b(words, digest_size=16).digest()
        signatures += signature.tobytes()
    hashes = np.frombuffer(words_of, np.uint64).reshape(-1, 2)
    return hashes, np.frombuffer(signatures, np.uint32).reshape(-1, PERMUTATIONS)


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
