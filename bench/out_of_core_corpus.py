"""A labelled corpus of any size, made of invented words that a fixed seed draws."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["LABELS", "write_corpus"]

LABELS = ("amber", "cobalt", "jade", "ochre", "violet")
N_WORDS = 60_000
ZIPF = 1.15
TOPIC_WORDS = 1_500
# Share of the words of an article that are of its topic, for each label.
TOPIC_SHARE = 0.002
NEW_WORDS = 15
PRESENT = 0.18
PARAGRAPH = 90
VOWELS, CONSONANTS = "aeiou", "bcdfghklmnprstvz"
# Drawing from a table of words as often as they are frequent is faster than by their odds.
DRAWS = 2**22


def write_corpus(
    path: Path,
    held_out_path: Path,
    n_bytes: int,
    *,
    words: int,
    held_out: int,
    topic_share: float = TOPIC_SHARE,
    seed: int = 7,
) -> tuple[int, int]:
    """Write articles as JSONL until their text has `n_bytes`; return how many, and how long.

    Words are as frequent as Zipf's law has it. Each label has words of its own, and an article
    of it takes some of them, so that labels can be learnt, but not to the last article. Every
    article brings a few words that no other has, as names and slips do. As many more as are
    `held_out` go into a file of their own.
    """
    rows = articles(words, topic_share, seed)
    n_articles = written = 0
    with path.open("w", encoding="ascii") as stream:
        for row, length in rows:
            stream.write(row)
            n_articles += 1
            written += length
            if written >= n_bytes:
                break
    with held_out_path.open("w", encoding="ascii") as stream:
        stream.writelines(row for row, _ in islice(rows, held_out))
    return n_articles, written


def articles(words: int, topic_share: float, seed: int) -> Iterator[tuple[str, int]]:
    """Yield rows of JSON, without end, and the length of their texts."""
    rng = np.random.default_rng(seed)
    vocabulary = np.array([invented_word(rng, rank) for rank in range(N_WORDS)], dtype=object)
    general = zipf_table(np.arange(N_WORDS), rng)
    topics = [
        zipf_table(rng.choice(np.arange(200, N_WORDS), TOPIC_WORDS, replace=False), rng)
        for _ in LABELS
    ]
    for number in count():
        present = rng.random(len(LABELS)) < PRESENT
        text = article(rng, vocabulary, general, topics, present, words, topic_share, number)
        names = ", ".join(f'"{LABELS[k]}"' for k in np.flatnonzero(present))
        yield f'{{"id": "a{number}", "text": "{text}", "labels": [{names}]}}\n', len(text)


def invented_word(rng: np.random.Generator, rank: int) -> str:
    """Return a word of two to five syllables, the frequent ones short."""
    syllables = 1 + (rank > 50) + int(rng.integers(1, 4))
    drawn = rng.integers(0, (len(CONSONANTS), len(VOWELS)), size=(syllables, 2))
    return "".join(CONSONANTS[c] + VOWELS[v] for c, v in drawn)


def zipf_table(members: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return `DRAWS` of the members, the earlier ones more often."""
    odds = (np.arange(len(members)) + 2.7) ** -ZIPF
    return members[rng.choice(len(members), DRAWS // 8, p=odds / odds.sum())]


def article(
    rng: np.random.Generator,
    vocabulary: NDArray[np.object_],
    general: NDArray[np.int64],
    topics: list[NDArray[np.int64]],
    present: NDArray[np.bool_],
    words: int,
    topic_share: float,
    number: int,
) -> str:
    """Return the text of one article of roughly `words` words."""
    n = int(words * rng.uniform(0.5, 1.5))
    drawn = general[rng.integers(0, len(general), n)]
    for k in np.flatnonzero(present):
        share = int(n * topic_share * rng.uniform(0.2, 1.8))
        drawn[rng.integers(0, n, share)] = topics[k][rng.integers(0, len(topics[k]), share)]
    chosen = vocabulary[drawn].tolist()
    for place in rng.integers(0, n, NEW_WORDS).tolist():
        chosen[place] = f"x{number:x}q{place}"
    lines = (" ".join(chosen[i : i + PARAGRAPH]) for i in range(0, n, PARAGRAPH))
    return ".\\n".join(lines)
