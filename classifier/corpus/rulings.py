"""Which articles the labelled rows speak of, and whether the rows agree with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from classifier.article import Article
from classifier.corpus.sheet import article_key, text_key
from classifier.corpus.verdicts import Verdict
from classifier.errors import CorpusError

__all__ = ["Ruling", "first_of", "gather_rulings", "several"]

_NAMED = 3
Places = tuple[int, ...]


@dataclass(slots=True)
class Ruling:
    """All that the rows say of one article.

    Parameters
    ----------
    name : str
        What messages call the article.
    verdicts : list of Verdict
    cells : dict of str to bool
        Label → whether the article has it.
    place_of : dict of str to str
        Label → the row that said so.
    """

    name: str
    verdicts: list[Verdict] = field(default_factory=list)
    cells: dict[str, bool] = field(default_factory=dict)
    place_of: dict[str, str] = field(default_factory=dict)

    @property
    def borderline(self) -> bool | None:
        """Whether the labeller hesitated, ``None`` when no row says."""
        said = [v.borderline for v in self.verdicts if v.borderline is not None]
        return said[-1] if said else None

    @property
    def model_chose(self) -> bool:
        """Whether a row says that a model chose the article."""
        return any(verdict.model_chose for verdict in self.verdicts)


def gather_rulings(
    corpus: list[Article], verdicts: Sequence[Verdict], known: frozenset[str]
) -> tuple[list[tuple[Places, Ruling]], list[Article]]:
    """Return each article's ruling with its positions, and the articles to append.

    Parameters
    ----------
    corpus : list of Article
    verdicts : sequence of Verdict
    known : frozenset of str
        Labels that the corpus knows, which a plain list decides too.

    Raises
    ------
    CorpusError
        When an id is not in the corpus, an article has two rows, or rows contradict each other.
    """
    find = _Finder(corpus)
    rulings: dict[Places, Ruling] = {}
    unknown = []
    for verdict in verdicts:
        places = find(verdict)
        if not places:
            unknown.append(f"'{verdict.id:.60}' ({verdict.place})")
            continue
        ruling = rulings.setdefault(places, Ruling(verdict.id or f"text of {verdict.place}"))
        _add(ruling, verdict, known)
    if unknown:
        raise CorpusError(
            f"{several(len(unknown), 'id is', 'ids are')} not in the corpus: {first_of(unknown)}. "
            "Was the right corpus named? Spreadsheets drop leading zeros: import ids as text."
        )
    return list(rulings.items()), find.appended


class _Finder:
    """Finds the articles that rows speak of, and gives a place to those that bring their own."""

    def __init__(self, corpus: Sequence[Article]) -> None:
        self._corpus = corpus
        self.appended: list[Article] = []
        self._places: dict[str, Places] = {}
        for i, article in enumerate(corpus):
            self._note(i, article)

    def _note(self, i: int, article: Article) -> None:
        text = text_key(article.text)
        self._places[text] = (*self._places.get(text, ()), i)
        for name in {article.id, article_key(article)} - {"", text}:
            self._places[name] = (i,)

    def __call__(self, verdict: Verdict) -> Places:
        own = verdict.article
        if own is None:
            return self._places.get(verdict.id, ())
        text = text_key(own.text)
        found = self._places.get(own.id, ()) or self._places.get(text, ())
        if not found:
            found = (len(self._corpus) + len(self.appended),)
            self.appended.append(own)
            self._note(found[0], own)
        elif text_key(self._article(found[0]).text) != text:
            raise CorpusError(
                f"{verdict.place}: article '{own.id:.60}' has another text in the corpus. "
                "Give the row an id of its own, or leave its text out."
            )
        return found

    def _article(self, i: int) -> Article:
        return self._corpus[i] if i < len(self._corpus) else self.appended[i - len(self._corpus)]


def _add(ruling: Ruling, verdict: Verdict, known: frozenset[str]) -> None:
    """Add a row to what is said of its article, unless it repeats or contradicts a row."""
    rows = [v for v in ruling.verdicts if not v.single]
    if rows and not verdict.single:
        raise CorpusError(
            f"article '{ruling.name:.60}' has two rows: {rows[0].place} and {verdict.place}. "
            "Keep one of them."
        )
    rest = dict.fromkeys(known, False) if verdict.rest_absent else {}
    for label, present in (rest | dict(verdict.cells)).items():
        if ruling.cells.setdefault(label, present) != present:
            raise CorpusError(
                f"article '{ruling.name:.60}': '{label}' is {_word(not present)} by "
                f"{ruling.place_of[label]} and {_word(present)} by {verdict.place}. Keep one."
            )
        ruling.place_of.setdefault(label, verdict.place)
    ruling.verdicts.append(verdict)


def several(n: int, one: str, many: str) -> str:
    """Return a number with its noun and verb."""
    return f"{n:,} {one if n == 1 else many}"


def first_of(names: Sequence[str]) -> str:
    """Return the first few of many names."""
    return "; ".join(names[:_NAMED]) + ("; …" if len(names) > _NAMED else "")


def _word(present: bool) -> str:
    return "present" if present else "absent"
