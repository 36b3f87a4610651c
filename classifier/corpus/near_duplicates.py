"""Which articles are the same story printed again, with a word changed here and there."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from classifier.corpus.similar import similar_groups
from classifier.corpus.sketch import PERMUTATIONS, Signature, sketcher
from classifier.errors import SettingsError

__all__ = ["near_duplicate_groups"]

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
    _check_settings(threshold, shingle)
    found = _sketched(texts, shingle, seed)
    return similar_groups(*found, threshold=threshold, bands=_bands_and_rows(threshold))


def _check_settings(threshold: float, shingle: int) -> None:
    """Raise unless both settings mean something."""
    if not 0 < threshold <= 1:
        raise SettingsError(
            f"near_duplicate_groups: threshold is {threshold}. Choose one above 0 and up to 1."
        )
    if shingle < 1:
        raise SettingsError(f"near_duplicate_groups: shingle is {shingle}. Choose 1 word or more.")


def _sketched(
    texts: Iterable[str], shingle: int, seed: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
    """Return of each text what tells its very words (2 uint64) and its signature (uint32)."""
    words_of: list[bytes] = []
    signatures: list[Signature] = []
    sketch = sketcher(shingle=shingle, seed=seed)
    for text in texts:
        words, signature = sketch(text)
        words_of.append(blake2b(words, digest_size=16).digest())
        signatures.append(signature)
    hashes = np.frombuffer(b"".join(words_of), np.uint64).reshape(-1, 2)
    return hashes, np.array(signatures, np.uint32).reshape(-1, PERMUTATIONS)


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
