"""Labelled rows back into their corpus, with nothing lost and nothing guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from classifier.article import Article, Labels
from classifier.corpus.labels import label_names
from classifier.corpus.write import write_articles_jsonl
from classifier.errors import CorpusError, listed, number_of
from classifier.files import replacing_text
from classifier.labelling.sheet import Verdict, article_key, text_key

__all__ = ["Merged", "merge_labels", "save_articles"]


_NAMED = 3
Places = tuple[int, ...]


@dataclass(slots=True)
class _Decision:
    """All that the rows say of one article, which messages call by `name`."""

    name: str
    verdicts: list[Verdict] = field(default_factory=list)
    cells: dict[str, bool] = field(default_factory=dict)
    # the row that decided each label
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


def _decisions(
    corpus: list[Article], verdicts: Sequence[Verdict], known: frozenset[str]
) -> tuple[list[tuple[Places, _Decision]], list[Article]]:
    """Return each article's decision with its positions, and the articles to append."""
    find = _Finder(corpus)
    decisions: dict[Places, _Decision] = {}
    unknown = []
    for verdict in verdicts:
        places = find(verdict)
        if not places:
            unknown.append(f"'{verdict.id:.60}' ({verdict.place})")
            continue
        decision = decisions.setdefault(places, _Decision(verdict.id or f"text of {verdict.place}"))
        _add(decision, verdict, known)
    if unknown:
        raise CorpusError(
            f"{number_of(len(unknown), 'id is', 'ids are')} not in the corpus: "
            f"{_first_of(unknown)}. Was the right corpus named? Spreadsheets drop leading zeros: "
            "import ids as text."
        )
    return list(decisions.items()), find.appended


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


def _add(decision: _Decision, verdict: Verdict, known: frozenset[str]) -> None:
    """Add a row to what is said of its article, unless it repeats or contradicts a row."""
    rows = [v for v in decision.verdicts if not v.single]
    if rows and not verdict.single:
        raise CorpusError(
            f"article '{decision.name:.60}' has two rows: {rows[0].place} and {verdict.place}. "
            "Keep one of them."
        )
    rest = dict.fromkeys(known, False) if verdict.rest_absent else {}
    for label, present in (rest | dict(verdict.cells)).items():
        if decision.cells.setdefault(label, present) != present:
            raise CorpusError(
                f"article '{decision.name:.60}': '{label}' is {_STATE[not present]} by "
                f"{decision.place_of[label]} and {_STATE[present]} by {verdict.place}. Keep one."
            )
        decision.place_of.setdefault(label, verdict.place)
    decision.verdicts.append(verdict)


def _first_of(names: Sequence[str]) -> str:
    return "; ".join(names[:_NAMED]) + ("; …" if len(names) > _NAMED else "")


_STATE = {True: "present", False: "absent"}


@dataclass(frozen=True, slots=True)
class Merged:
    """A corpus with new labels, and what became of the rows.

    Parameters
    ----------
    articles : list of Article
        Those of the corpus in their order, then those that came with their own text.
    new_labels : tuple of str
        Labels that the corpus did not know.
    model_chose : frozenset of int
        Positions of newly labelled articles that a model chose for labelling. They are no fair
        sample, so cuts and calibration must not come from them.
    n_rows, n_blank : int
        Rows read, and those of them that decide nothing.
    n_labelled, n_appended : int
        Articles that had no labels before, and articles that were not in the corpus.
    n_added, n_confirmed, n_changed, n_kept : int
        Cells that were unknown, that were already so, that were replaced, and that stayed
        against the new row.
    """

    articles: list[Article]
    new_labels: tuple[str, ...] = ()
    model_chose: frozenset[int] = frozenset()
    n_rows: int = 0
    n_blank: int = 0
    n_labelled: int = 0
    n_appended: int = 0
    n_added: int = 0
    n_confirmed: int = 0
    n_changed: int = 0
    n_kept: int = 0

    def parts(self) -> tuple[list[Article], list[Article]]:
        """Return the articles without those that a model chose, and those."""
        sides: tuple[list[Article], list[Article]] = ([], [])
        for i, article in enumerate(self.articles):
            sides[i in self.model_chose].append(article)
        return sides

    def __str__(self) -> str:
        lines = [
            f"{number_of(self.n_rows, 'row')}, {self.n_blank:,} of them blank",
            f"{number_of(self.n_labelled, 'article')} newly labelled, {self.n_appended:,} appended",
            f"{number_of(self.n_added, 'cell')} added, {self.n_changed:,} changed, "
            f"{self.n_confirmed:,} confirmed, {self.n_kept:,} left as they were",
        ]
        if self.new_labels:
            lines.append(f"new labels, unknown in all other articles: {listed(self.new_labels)}")
        if self.model_chose:
            lines.append(
                f"{len(self.model_chose):,} of the newly labelled were chosen by a model and are "
                "no fair sample"
            )
        return "\n".join(lines)


def merge_labels(
    articles: Iterable[Article],
    verdicts: Sequence[Verdict],
    *,
    prefer: str | None = None,
    new_labels: bool = False,
) -> Merged:
    """Return the corpus with what the labelled rows say.

    A blank cell says nothing: what it stands for stays as it was. Articles that a plain list
    calls free of "every other label" are not free of labels that come in now; those are unknown
    in them.

    Parameters
    ----------
    articles : iterable of Article
        The corpus, held in memory.
    verdicts : sequence of Verdict
        From `classifier.labelling.sheet.read_verdicts`.
    prefer : {"new", "old"} or None
        Which label counts where a row contradicts the corpus; ``None`` refuses.
    new_labels : bool
        Whether labels may come in that the corpus does not know.

    Raises
    ------
    CorpusError
        When an id is not in the corpus, an article is decided twice or both ways, a label is
        new, or a row contradicts the corpus, and nothing allows it.
    """
    corpus = list(articles)
    known = frozenset(label_names(corpus))
    added = tuple(sorted({label for v in verdicts for label in v.cells} - known))
    if added and not new_labels:
        raise CorpusError(
            f"labels that the corpus does not know: {', '.join(added)} (it knows: "
            f"{', '.join(sorted(known)) or 'none'}). Pass --new-labels to let them in, or "
            "--ignore NAME for a column that is no label."
        )
    decisions, appended = _decisions(corpus, verdicts, known)
    settled = [_explicit(article, known) for article in corpus] if added else corpus
    result, judge = [*settled, *appended], _Judge(known, prefer)
    model_chose: set[int] = set()
    for places, decision in decisions:
        for i in places:
            before, result[i] = result[i], judge.decided(result[i], decision)
            if before.labels is None and result[i].labels is not None:
                judge.counts["n_labelled"] += i < len(corpus)
                model_chose |= {i} if decision.model_chose else set()
    if judge.clashes:
        raise CorpusError(
            f"{number_of(len(judge.clashes), 'cell contradicts', 'cells contradict')} the corpus: "
            f"{_first_of(judge.clashes)}. Pass --prefer new to replace its labels, or --prefer "
            "old to keep them."
        )
    blank = sum(not (v.cells or v.rest_absent) for v in verdicts)
    counts = {"n_appended": len(appended), **judge.counts}
    return Merged(result, added, frozenset(model_chose), len(verdicts), blank, **counts)


def save_articles(articles: Iterable[Article], path: Path) -> int:
    """Write articles as JSONL, packed when `path` ends in ``.gz``; return how many.

    The file appears, or replaces an older one, only when all went well.
    """
    with replacing_text(path) as stream:
        return write_articles_jsonl(articles, stream)


def _explicit(article: Article, known: frozenset[str]) -> Article:
    """Return the article with "every other label" spelled out, before new labels come in."""
    if article.labels is None or article.labels.absent is not None:
        return article
    absent = known - article.labels.present
    return replace(article, labels=replace(article.labels, absent=absent))


@dataclass(slots=True)
class _Judge:
    """Puts decisions in place of old labels by one rule, and counts what it does."""

    known: frozenset[str]
    prefer: str | None
    counts: Counter[str] = field(default_factory=Counter)
    clashes: list[str] = field(default_factory=list)

    def decided(self, article: Article, decision: _Decision) -> Article:
        """Return the article with its labels as decided."""
        old = article.labels
        states = _states(old, self.known)
        for label, present in decision.cells.items():
            before = states.get(label)
            self._count(
                before, present, f"'{decision.name:.60}' {label} ({decision.place_of[label]})"
            )
            if before is None or self.prefer == "new":
                states[label] = present
        stays = self.prefer == "old" and old is not None
        labels = _labels(states, old, None if stays else decision.borderline)
        if labels and not old and decision.model_chose and "sample" not in article.extra:
            labels = replace(labels, sample="chosen")
        return article if labels == old else replace(article, labels=labels)

    def _count(self, before: bool | None, present: bool, cell: str) -> None:
        if before is None or before == present:
            self.counts["n_added" if before is None else "n_confirmed"] += 1
        elif self.prefer is None:
            self.clashes.append(cell)
        else:
            self.counts["n_changed" if self.prefer == "new" else "n_kept"] += 1


def _states(labels: Labels | None, known: frozenset[str]) -> dict[str, bool]:
    if labels is None:
        return {}
    absent = known if labels.absent is None else labels.absent
    return dict.fromkeys(absent, False) | dict.fromkeys(labels.present, True)


def _labels(
    states: Mapping[str, bool], old: Labels | None, borderline: bool | None
) -> Labels | None:
    if not states and old is None:
        return None
    present = frozenset(label for label, state in states.items() if state)
    plain = old is not None and old.absent is None
    hesitated = old is not None and old.borderline if borderline is None else borderline
    absent = None if plain else frozenset(states) - present
    return Labels(present, absent, hesitated, old.sample if old is not None else "")
