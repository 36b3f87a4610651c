"""The values that flow through the package: articles, their labels, and predictions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from classifier.errors import BadInputError

__all__ = ["Article", "Labels", "Progress", "no_progress"]


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
        Labels the article has. A list, another collection or one string becomes such a set.
    absent : frozenset of str or None
        Labels the article is known not to have. ``None`` means every other label that its
        corpus knows, which is what a plain list of labels says.
    borderline : bool
        Whether the labeller hesitated.
    sample : str
        How the article came to be labelled: ``random`` of all there were, ``chosen`` by a model,
        taken by ``section`` or another word; empty when its row does not say.

    Raises
    ------
    BadInputError
        When labels are no strings.
    """

    present: frozenset[str] = frozenset()
    absent: frozenset[str] | None = None
    borderline: bool = False
    sample: str = ""

    def __post_init__(self) -> None:
        if type(self.present) is not frozenset:
            object.__setattr__(self, "present", _label_set(self.present, "present"))
        if self.absent is not None and type(self.absent) is not frozenset:
            object.__setattr__(self, "absent", _label_set(self.absent, "absent"))

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
        ``None`` when nobody has labelled it: unlabelled, which is not "none of these". A
        collection of strings becomes `Labels`.
    extra : mapping of str to object
        Other fields of its row, carried through untouched.

    Raises
    ------
    BadInputError
        When the text is no string, another part neither a string nor a number nor missing, or
        the labels make no sense.
    """

    text: str
    title: str = ""
    id: str = ""
    source: str = ""
    date: str = ""
    labels: Labels | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.text) is not str:
            if not isinstance(self.text, str):
                raise BadInputError(f"the text is {self.text!r:.60}, not a str. Fill or drop it.")
            # a subclass may look like text to Python and not to compiled code
            object.__setattr__(self, "text", str.__str__(self.text))
        if not type(self.title) is type(self.id) is type(self.source) is type(self.date) is str:
            for name in ("title", "id", "source", "date"):
                object.__setattr__(self, name, _word(getattr(self, name), name))
        if self.labels is not None and not isinstance(self.labels, Labels):
            object.__setattr__(self, "labels", Labels(_label_set(self.labels, "labels")))


def _word(value: object, name: str) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    # None, and NaN and NA as data frames leave them
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return ""
    if isinstance(value, bool | bytes) or hasattr(value, "__iter__"):
        raise BadInputError(f"the {name} is {value!r:.60}. Write a str or a number there.")
    return str(value)


def _label_set(value: Collection[str], name: str) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset((str.__str__(value),))
    if not isinstance(value, Collection) or isinstance(value, bytes | Mapping):
        raise BadInputError(f"{name} is {value!r:.60}. Pass a list or a set of labels.")
    wrong = [label for label in value if not isinstance(label, str)]
    if wrong:
        raise BadInputError(f"{name} holds {wrong[0]!r:.60}. Labels are strings.")
    return frozenset(map(str.__str__, value))
