"""Labelled rows back into their corpus, with nothing lost and nothing guessed."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from classifier.article import Article, Labels
from classifier.corpus.labels import label_names
from classifier.corpus.rulings import Ruling, first_of, gather_rulings, several
from classifier.corpus.verdicts import Verdict
from classifier.corpus.write import write_articles_jsonl
from classifier.errors import CorpusError
from classifier.resources import replacing

__all__ = ["Merged", "merge_labels", "save_articles"]


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
            f"{self.n_rows:,} rows, {self.n_blank:,} of them blank",
            f"{self.n_labelled:,} articles newly labelled, {self.n_appended:,} appended",
            f"{self.n_added:,} cells added, {self.n_changed:,} changed, "
            f"{self.n_confirmed:,} confirmed, {self.n_kept:,} kept as they were",
        ]
        if self.new_labels:
            lines.append(f"new labels, unknown in all other articles: {', '.join(self.new_labels)}")
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
        From `classifier.corpus.verdicts.read_verdicts`.
    prefer : {"new", "old"} or None
        Which label counts where a row contradicts the corpus; ``None`` refuses.
    new_labels : bool
        Whether labels may come in that the corpus does not know.

    Raises
    ------
    CorpusError
        When an id is not in the corpus, an article is ruled on twice or both ways, a label is
        new, or a row contradicts the corpus, and nothing allows it.
    """
    corpus = list(articles)
    known = frozenset(label_names(corpus))
    added = tuple(sorted({label for v in verdicts for label in v.cells} - known))
    _check_labels(added, known, allowed=new_labels)
    rulings, appended = gather_rulings(corpus, verdicts, known)
    settled = [_explicit(article, known) for article in corpus] if added else corpus
    result, judge = [*settled, *appended], _Judge(known, prefer)
    model_chose: set[int] = set()
    for places, ruling in rulings:
        for i in places:
            before, result[i] = result[i], judge.ruled(result[i], ruling)
            if before.labels is None and result[i].labels is not None:
                judge.counts["n_labelled"] += i < len(corpus)
                model_chose |= {i} if ruling.model_chose else set()
    _check_clashes(judge.clashes)
    blank = sum(not (v.cells or v.rest_absent) for v in verdicts)
    counts = {"n_appended": len(appended), **judge.counts}
    return Merged(result, added, frozenset(model_chose), len(verdicts), blank, **counts)


def save_articles(articles: Iterable[Article], path: Path) -> int:
    """Write articles as JSONL, packed when `path` ends in ``.gz``; return how many.

    The file appears, or replaces an older one, only when all went well.
    """
    with (
        replacing(path) as raw,
        # neither name nor time, so that the same articles give the same bytes
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0)
        if path.suffix == ".gz"
        else nullcontext(raw) as binary,
        io.TextIOWrapper(binary, "utf-8", newline="\n") as stream,
    ):
        return write_articles_jsonl(articles, stream)


def _check_labels(added: Sequence[str], known: frozenset[str], *, allowed: bool) -> None:
    if added and not allowed:
        knows = ", ".join(sorted(known)) or "none"
        raise CorpusError(
            f"labels that the corpus does not know: {', '.join(added)} (it knows: {knows}). "
            "Pass --new-labels to let them in, or --ignore NAME for a column that is no label."
        )


def _explicit(article: Article, known: frozenset[str]) -> Article:
    """Return the article with "every other label" spelled out, before new labels come in."""
    if article.labels is None or article.labels.absent is not None:
        return article
    absent = known - article.labels.present
    return replace(article, labels=replace(article.labels, absent=absent))


@dataclass(slots=True)
class _Judge:
    """Lays rulings over old labels by one rule, and counts what it does."""

    known: frozenset[str]
    prefer: str | None
    counts: Counter[str] = field(default_factory=Counter)
    clashes: list[str] = field(default_factory=list)

    def ruled(self, article: Article, ruling: Ruling) -> Article:
        """Return the article with its labels as ruled."""
        old = article.labels
        states = _states(old, self.known)
        for label, present in ruling.cells.items():
            before = states.get(label)
            self._count(before, present, f"'{ruling.name:.60}' {label} ({ruling.place_of[label]})")
            if before is None or self.prefer == "new":
                states[label] = present
        stays = self.prefer == "old" and old is not None
        labels = _labels(states, old, None if stays else ruling.borderline)
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
    return Labels(present, None if plain else frozenset(states) - present, hesitated)


def _check_clashes(clashes: Sequence[str]) -> None:
    if clashes:
        raise CorpusError(
            f"{several(len(clashes), 'cell contradicts', 'cells contradict')} the corpus: "
            f"{first_of(clashes)}. Pass --prefer new to replace its labels, or --prefer old to "
            "keep them."
        )
