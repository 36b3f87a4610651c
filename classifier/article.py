"""The values that flow through the package: articles, their labels, and predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Article", "Labels", "Progress", "as_articles", "no_progress"]


# Called with the step, how much of it is done, and of how much (0 when not known).
Progress = Callable[[str, int, int], None]


def no_progress(step: str, done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of one article's labels: present, absent, and the rest unknown.

    Parameters
    ----------
    present : frozenset of str
        Labels the article has.
    absent : frozenset of str or None
        Labels the article is known not to have. ``None`` means every other label that its
        corpus knows, which is what a plain list of labels says.
    borderline : bool
        Whether the labeller hesitated.
    sample : str
        How the article came to be labelled: ``random`` of all there were, ``chosen`` by a model,
        taken by ``section`` or another word; empty when its row does not say.
    """

    present: frozenset[str] = frozenset()
    absent: frozenset[str] | None = None
    borderline: bool = False
    sample: str = ""

    @property
    def natural(self) -> bool:
        """Whether its row does not say that it was picked otherwise than at random."""
        return self.sample in ("", "random")


@dataclass(frozen=True, slots=True)
class Article:
    """One article as it came in; nothing in it is cleaned yet.

    Parameters
    ----------
    text : str
        The body.
    title : str
        The headline, empty when there is none.
    id : str
        What the source calls it, empty when it has no name.
    source : str
        The outlet.
    date : str
        Day of publication as ``YYYY-MM-DD``, empty when unknown.
    labels : Labels or None
        ``None`` when nobody has labelled it: unlabelled, which is not "none of these".
    extra : mapping of str to object
        Other fields of its row, carried through untouched.
    """

    text: str
    title: str = ""
    id: str = ""
    source: str = ""
    date: str = ""
    labels: Labels | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


def as_articles(items: Iterable[Article | str]) -> list[Article]:
    """Return `items` with every plain string wrapped as the text of an `Article`."""
    return [item if isinstance(item, Article) else Article(item) for item in items]
