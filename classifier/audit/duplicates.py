"""Articles that stand in a corpus twice, in two corpora, or with two opinions on their labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.audit.kept import Kept, Mention

__all__ = [
    "Conflict",
    "Duplicates",
    "Group",
    "Ids",
    "Leaks",
    "find_conflicts",
    "find_duplicates",
    "find_leaks",
    "look_at_ids",
    "separate_empty",
]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Articles that are near-duplicates of each other, directly or by way of others.

    Parameters
    ----------
    articles : tuple of Mention
        In reading order.
    identical : bool
        Whether all of them are the same text once the text rules have been applied; of a
        leak, whether some text stands on both sides in the same words.
    """

    articles: tuple[Mention, ...]
    identical: bool


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What stands more than once in the audited corpus.

    Parameters
    ----------
    n_identical : int
        Articles whose text another one before them already has.
    n_near : int
        Articles that have a near-duplicate before them, identical ones included.
    groups : tuple of Group
        The largest first.
    """

    n_identical: int
    n_near: int
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Leaks:
    """What stands on both sides.

    Parameters
    ----------
    n_articles, n_identical : int
        Articles of the audited corpus with a near-duplicate or with the same text on the other
        side.
    groups : tuple of Group
        Each with articles of both sides.
    same_id : tuple of pairs of Mention
        Articles with the same id on both sides that are no near-duplicates.
    """

    n_articles: int
    n_identical: int
    groups: tuple[Group, ...]
    same_id: tuple[tuple[Mention, Mention], ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A label on which near-duplicates disagree.

    Parameters
    ----------
    label : str
    present, absent : tuple of Mention
        The articles that have it, and those that are known not to. Articles of which nobody
        knows are in neither.
    """

    label: str
    present: tuple[Mention, ...]
    absent: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """How articles are named.

    Parameters
    ----------
    n_missing : int
        Articles without an id.
    repeated : dict of str to int
        Ids of several articles, and of how many.
    """

    n_missing: int
    repeated: dict[str, int]


def separate_empty(groups: IntArray, kept: Kept) -> IntArray:
    """Return the groups with a number of its own for every article without a word.

    They all read the same, yet are not the same story.
    """
    empty = ~np.array(kept.has_words, dtype=bool)
    separate = groups.copy()
    separate[empty] = groups.max(initial=-1) + 1 + np.arange(empty.sum())
    return separate


def find_duplicates(groups: IntArray, kept: Kept) -> Duplicates:
    """Return the near-duplicates within the audited corpus; `groups` has a number an article."""
    several = _members(groups[kept.audited()])
    identical = [len(places) - len({kept.digests[i] for i in places}) for places in several]
    return Duplicates(
        n_identical=sum(identical),
        n_near=sum(len(places) - 1 for places in several),
        groups=tuple(
            _group(kept, places, identical=len({kept.digests[i] for i in places}) == 1)
            for places in sorted(several, key=lambda places: -len(places))
        ),
    )


def find_leaks(groups: IntArray, kept: Kept) -> Leaks:
    """Return what the audited corpus shares with the one it is held against."""
    of_it = kept.is_audited
    shared = [places for places in _members(groups) if len({of_it(i) for i in places}) == 2]
    there = [{kept.digests[i] for i in places if not of_it(i)} for places in shared]
    here = [[i for i in places if of_it(i)] for places in shared]
    same = [
        sum(kept.digests[i] in digests for i in places)
        for places, digests in zip(here, there, strict=True)
    ]
    return Leaks(
        n_articles=sum(map(len, here)),
        n_identical=sum(same),
        groups=tuple(
            _group(kept, places, identical=n > 0) for places, n in zip(shared, same, strict=True)
        ),
        same_id=tuple(_same_id(groups, kept)),
    )


def find_conflicts(groups: IntArray, kept: Kept) -> tuple[Conflict, ...]:
    """Return, group by group, the labels that some near-duplicates have and others lack."""
    names, Y = kept.truth()
    conflicts = []
    for places in _members(groups):
        present, absent = Y[places] == 1, Y[places] == 0
        for k in np.flatnonzero(present.any(axis=0) & absent.any(axis=0)):
            sides = (present[:, k], absent[:, k])
            having, lacking = (
                tuple(kept.mention(i) for i, chosen in zip(places, side, strict=True) if chosen)
                for side in sides
            )
            conflicts.append(Conflict(names[k], having, lacking))
    return tuple(conflicts)


def look_at_ids(kept: Kept) -> Ids:
    """Return how the articles of the audited corpus are named."""
    counts = Counter(kept.articles[i].id for i in kept.audited())
    n_missing = counts.pop("", 0)
    return Ids(n_missing, {id: n for id, n in sorted(counts.items()) if n > 1})


def _members(groups: IntArray) -> list[list[int]]:
    """Return the positions in each group of several, in order of first appearance."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups.tolist()):
        members[group].append(place)
    return [places for places in members.values() if len(places) > 1]


def _group(kept: Kept, places: list[int], *, identical: bool) -> Group:
    return Group(tuple(map(kept.mention, places)), identical)


def _same_id(groups: IntArray, kept: Kept) -> Iterator[tuple[Mention, Mention]]:
    """Yield pairs of articles with one id, one of each side, that are in different groups."""
    here = {kept.articles[i].id: i for i in reversed(kept.audited())}
    here.pop("", None)
    for place in range(len(kept.audited()), len(kept.articles)):
        other = here.get(kept.articles[place].id)
        if other is not None and groups[other] != groups[place]:
            yield kept.mention(other), kept.mention(place)
