"""Groups of signatures are those that comparing every pair would give."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.corpus import duplicates as similar
from classifier.corpus.duplicates import similar_groups

PLACES, BANDS = 8, (4, 2)
# Few values, so that bands meet often; a signature of the largest value throughout is none.
SIGNATURES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(st.integers(0, 2), min_size=PLACES, max_size=PLACES)
        | st.just([2**32 - 1] * PLACES),
    ),
    max_size=14,
)


def columns(rows):
    """Return hashes of words (several texts may share one) and signatures as arrays."""
    # the same words have the same signature, so that texts of other ones have other words
    words_of = [
        (words, hash(tuple(signature)) % 2**32) if words else (9, number)
        for number, (words, signature) in enumerate(rows)
    ]
    signatures = [signature for _, signature in rows]
    return (
        np.array(words_of, np.uint64).reshape(-1, 2),
        np.array(signatures, np.uint32).reshape(-1, PLACES),
    )


def by_comparing_all(words_of, signatures, threshold):
    """Return the groups when every pair is compared."""
    n = len(words_of)
    words, rows = words_of, signatures
    groups = list(range(n))
    for i, j in combinations(range(n), 2):
        bands = (rows[i] == rows[j]).reshape(BANDS).all(axis=1)
        filled = (rows[[i, j]] != 2**32 - 1).any(axis=1).all()
        alike = filled and bands.any() and (rows[i] == rows[j]).mean() >= threshold
        if alike or (words[i] == words[j]).all():
            old, new = groups[j], groups[i]
            groups = [new if group == old else group for group in groups]
    first = list(dict.fromkeys(groups))
    return [first.index(group) for group in groups]


@settings(max_examples=300)
@given(rows=SIGNATURES, threshold=st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_sorted_bands_find_what_comparing_all_finds(rows, threshold):
    """The very same groups, of any number of texts that are alike."""
    words_of, signatures = columns(rows)

    groups = similar_groups(words_of, signatures, threshold=threshold, bands=BANDS)

    assert groups.tolist() == by_comparing_all(words_of, signatures, threshold)


def test_a_run_of_more_texts_than_are_compared_at_once_is_one_group(monkeypatch):
    """Pieces of a run are compared with each other, also where the first of them are unlike."""
    monkeypatch.setattr(similar, "AT_ONCE", 3)
    rows = [(0, [1, 1, k, k, k, k, k, k]) for k in (3, 4, 5, 6, 3, 7, 4, 8)]

    words_of, signatures = columns(rows)
    groups = similar_groups(words_of, signatures, threshold=0.9, bands=BANDS)

    assert groups.tolist() == [0, 1, 2, 3, 0, 4, 1, 5]
