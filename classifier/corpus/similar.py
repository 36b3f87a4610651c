"""Which signatures are alike, found band by band in sorted arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["similar_groups"]

# Signatures that are compared or looked through at once: 256 bytes each.
AT_ONCE = 8_192
# All places of the signature of a text without shingles; no hash of a shingle is as large in all.
NOTHING = np.uint32(2**32 - 1)
# An odd 64-bit multiplier without structure (2^64 divided by the golden ratio).
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

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
