"""How often labels occur, and how often together."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.article import Article
from classifier.audit.kept import AuditSettings, Kept, Mention

__all__ = [
    "DAMAGES",
    "Conflict",
    "Damage",
    "DamageWatch",
    "Duplicates",
    "Group",
    "Ids",
    "LabelCounts",
    "LanguageWatch",
    "Languages",
    "Leaks",
    "LengthWatch",
    "Lengths",
    "count_labels",
    "find_conflicts",
    "find_duplicates",
    "find_leaks",
    "look_at_ids",
    "separate_empty",
]


_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# A quotation mark and a question mark that stand where only a lost quote or dash can have been,
# see classifier.published.wheel.
_QUESTION_MARKS = re.compile(r"(?<=\s)\"\?(?=\S)|\"\?(?=\w)")


def _is_mojibake(text: str) -> bool:
    from ftfy.badness import is_bad

    # Holes are counted by themselves.
    return not text.isascii() and bool(is_bad(text.replace("\ufffd", "")))


DAMAGES: Mapping[str, Callable[[str], bool]] = {
    "mojibake": _is_mojibake,
    "lost characters (U+FFFD)": lambda text: "\ufffd" in text,
    "lone surrogates": lambda text: bool(_SURROGATE.search(text)),
    "control characters": lambda text: bool(_CONTROLS.search(text)),
    "private characters": lambda text: bool(_PRIVATE.search(text)),
    "question marks for quotes": lambda text: bool(_QUESTION_MARKS.search(text)),
    "not in normal form C": lambda text: not unicodedata.is_normalized("NFC", text),
}


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage.

    Parameters
    ----------
    kind : str
        A key of `DAMAGES`.
    n_left : int
        Articles that still have it after the text rules.
    articles : tuple of Mention
        All that came with it.
    """

    kind: str
    n_left: int
    articles: tuple[Mention, ...]


class DamageWatch:
    """Notes which articles are damaged, and which the text rules do not mend."""

    def __init__(self) -> None:
        self._places: dict[str, list[int]] = {kind: [] for kind in DAMAGES}
        self._left: dict[str, int] = dict.fromkeys(DAMAGES, 0)

    def see(self, place: int, article: Article, text: str) -> None:
        """Look for every kind of damage in headline and text."""
        raw = f"{article.title}\n{article.text}"
        for kind, shows in DAMAGES.items():
            if shows(raw):
                self._places[kind].append(place)
                self._left[kind] += shows(text)

    def found(self, kept: Kept) -> tuple[Damage, ...]:
        """Return every kind that occurred."""
        return tuple(
            Damage(kind, self._left[kind], tuple(map(kept.mention, places)))
            for kind, places in self._places.items()
            if places
        )


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


# Characters that are looked at, and how few are too few to tell.
READ, LEAST = 1000, 100
# Below this probability nothing is said.
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Languages:
    """What languages the articles are in.

    Parameters
    ----------
    note : str
        Why nothing was looked at; empty when it was.
    counts : dict of str to int
        Articles per language (ISO 639 code), the most frequent first.
    n_unsure : int
        Articles that are too short or too mixed to tell.
    others : tuple of (str, Mention)
        Each article that is not in the most frequent language, with its own.
    """

    note: str
    counts: dict[str, int]
    n_unsure: int
    others: tuple[tuple[str, Mention], ...]


class LanguageWatch:
    """Notes the language of each article with py3langid, which works offline.

    The method is that of Lui and Baldwin, langid.py, ACL 2012: multinomial naive Bayes over
    byte n-grams.
    """

    def __init__(self) -> None:
        self._identifier = None if find_spec("py3langid") is None else _identifier()
        self._language: dict[int, str] = {}

    def see(self, place: int, article: Article, text: str) -> None:
        """Note the language of an article, or that it cannot be told."""
        if self._identifier is None:
            return
        start = text[:READ]
        language, probability = self._identifier.classify(start)
        sure = probability >= SURE and sum(map(str.isalpha, start)) >= LEAST
        self._language[place] = language if sure else ""

    def found(self, kept: Kept) -> Languages:
        """Return the languages, and every article that is not in the most frequent one."""
        if self._identifier is None:
            return Languages("needs py3langid: pip install 'classifier[audit]'", {}, 0, ())
        counts = Counter(self._language.values())
        n_unsure = counts.pop("", 0)
        ranked = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        main = next(iter(ranked), "")
        others = tuple(
            (language, kept.mention(place))
            for place, language in self._language.items()
            if language not in ("", main)
        )
        return Languages("", ranked, n_unsure, others)


@cache
def _identifier() -> Any:
    """Return the identifier, whose tables are read once."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


_WORD = re.compile(r"\w+")
QUANTILES = {
    "shortest": 0,
    "5 %": 5,
    "25 %": 25,
    "half": 50,
    "75 %": 75,
    "95 %": 95,
    "longest": 100,
}


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths in words after the text rules, headline included.

    Parameters
    ----------
    quantiles : dict of str to int
        Empty for an empty corpus.
    empty, short, long : tuple of Mention
        Articles without a word, with some but few, and with very many.
    """

    quantiles: dict[str, int]
    empty: tuple[Mention, ...]
    short: tuple[Mention, ...]
    long: tuple[Mention, ...]


class LengthWatch:
    """Counts the words of each article."""

    def __init__(self) -> None:
        self._n_words = array("q")

    def see(self, place: int, article: Article, text: str) -> None:
        """Count the words of an article."""
        self._n_words.append(sum(1 for _ in _WORD.finditer(text)))

    def found(self, kept: Kept, settings: AuditSettings) -> Lengths:
        """Return the distribution and its extremes."""
        n = np.array(self._n_words, dtype=np.int64)
        places = np.array(kept.audited(), dtype=np.int64)
        quantiles = (
            {
                name: int(np.percentile(n, share, method="lower"))
                for name, share in QUANTILES.items()
            }
            if len(n)
            else {}
        )
        chosen = (n == 0, (n > 0) & (n < settings.short_words), n > settings.long_words)
        return Lengths(
            quantiles, *(tuple(map(kept.mention, places[rows].tolist())) for rows in chosen)
        )


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """Labels of the audited corpus in numbers.

    Parameters
    ----------
    labels : tuple of str
        In sorted order.
    n_present, n_absent, n_unknown : tuple of int, length n_labels
        Articles by what is known of each label, unlabelled ones left out.
    together : tuple of tuple of int, shape (n_labels, n_labels)
        Articles with both labels; on the diagonal those that have no other.
    """

    labels: tuple[str, ...]
    n_present: tuple[int, ...]
    n_absent: tuple[int, ...]
    n_unknown: tuple[int, ...]
    together: tuple[tuple[int, ...], ...]


def count_labels(kept: Kept) -> LabelCounts:
    """Count the labels of the audited corpus, whatever another corpus knows."""
    names, Y = kept.truth()
    labelled = [i for i in kept.audited() if kept.articles[i].labels is not None]
    known = np.asarray(~np.isnan(Y[kept.audited()]).all(axis=0))
    labels = tuple(name for name, keep in zip(names, known, strict=True) if keep)
    Y = Y[labelled][:, known]
    present = (Y == 1).astype(np.int64)
    together = present.T @ present
    np.fill_diagonal(together, present[present.sum(axis=1) == 1].sum(axis=0))
    states = (Y == 1, Y == 0, np.isnan(Y))
    n_present, n_absent, n_unknown = (tuple(state.sum(axis=0).tolist()) for state in states)
    rows = tuple(map(tuple, together.tolist()))
    return LabelCounts(labels, n_present, n_absent, n_unknown, rows)
