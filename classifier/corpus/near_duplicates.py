"""Which articles are the same story printed again, with a word changed here and there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from classifier.corpus.sketch import PERMUTATIONS, Signature, sketcher
from classifier.errors import SettingsError

__all__ = ["near_duplicate_groups"]

# Of pairs exactly at the threshold, the bands of the index must catch this share.
BAND_RECALL = 0.97


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
    index, sketch = _SimilarTexts(threshold), sketcher(shingle=shingle, seed=seed)
    for number, text in enumerate(texts):
        words, signature = sketch(text)
        first = first_with.setdefault(blake2b(words, digest_size=16).digest(), number)
        if first < number or words.count(b" ") + 1 < shingle:
            yield [first]
        else:
            yield index.add(number, signature) or [number]


class _SimilarTexts:
    """The signatures seen so far, indexed by bands.

    Parameters
    ----------
    threshold : float
        Estimated Jaccard similarity from which two texts belong together.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        n_bands, self._rows = _bands_and_rows(threshold)
        self._bands: list[dict[bytes, list[int]]] = [{} for _ in range(n_bands)]
        self._signatures: dict[int, Signature] = {}

    def add(self, number: int, signature: Signature) -> list[int]:
        """Add a text by its signature; return the similar ones already here."""
        key, size = signature.tobytes(), self._rows * signature.itemsize
        candidates: set[int] = set()
        for place, band in enumerate(self._bands):
            alike = band.setdefault(key[place * size : (place + 1) * size], [])
            candidates.update(alike)
            alike.append(number)
        self._signatures[number] = signature
        return self._confirmed(sorted(candidates), signature)

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
