"""audit(corpus) → Audit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from classifier.article import Article, Progress, no_progress
from classifier.audit.findings import (
    Conflict,
    Damage,
    DamageWatch,
    Duplicates,
    Ids,
    LabelCounts,
    Languages,
    LanguageWatch,
    Leaks,
    Lengths,
    LengthWatch,
    count_labels,
    find_conflicts,
    find_duplicates,
    find_leaks,
    look_at_ids,
    separate_empty,
)
from classifier.audit.kept import AUDITED, AuditSettings, Kept, LineWatch, RepeatedLine
from classifier.audit.suspicious import SuspiciousLabels, TermWatch
from classifier.corpus.corpus import Corpus, CorpusSummary, describe_corpus
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.evaluation.report import json_value

__all__ = ["Audit", "audit"]


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything that was found; nothing in it holds the text of an article.

    Parameters
    ----------
    corpus : str
        Name of the audited corpus.
    against : str
        Name of the corpus it was held against, empty when there was none.
    n_against : int
        Articles of that corpus.
    settings : AuditSettings
    summary : CorpusSummary
    ids : Ids
    duplicates : Duplicates
    leaks : Leaks or None
        ``None`` when there was no other corpus.
    conflicts : tuple of Conflict
        Within the corpus, and with the other one where both know the label.
    lines : tuple of RepeatedLine
    damage : tuple of Damage
    languages : Languages
    lengths : Lengths
    labels : LabelCounts
    suspicious : SuspiciousLabels
    """

    corpus: str
    against: str
    n_against: int
    settings: AuditSettings
    summary: CorpusSummary
    ids: Ids
    duplicates: Duplicates
    leaks: Leaks | None
    conflicts: tuple[Conflict, ...]
    lines: tuple[RepeatedLine, ...]
    damage: tuple[Damage, ...]
    languages: Languages
    lengths: Lengths
    labels: LabelCounts
    suspicious: SuspiciousLabels

    @property
    def fails(self) -> bool:
        """Whether there are leaks or conflicts, which make figures wrong."""
        return bool(self.conflicts or (self.leaks and self.leaks.groups))

    def to_json(self) -> dict[str, Any]:
        """Return the findings as JSON types."""
        return json_value(self)  # type: ignore[return-value]


def audit(
    corpus: Iterable[Article] | Corpus,
    *,
    against: Iterable[Article] | Corpus | None = None,
    settings: AuditSettings | None = None,
    progress: Progress = no_progress,
) -> Audit:
    """Look a corpus over before anybody trains on it.

    Parameters
    ----------
    corpus : iterable of Article, or Corpus
        Read once, as a stream; no text is kept.
    against : iterable of Article, or Corpus, optional
        Another corpus, in which no article of the first should stand: a test set, say. It is
        compared, not audited.
    settings : AuditSettings, optional
    progress : callable
        Called with the step, how much of it is done, and of how much (0 when not known).

    Returns
    -------
    Audit
        The same for the same articles, settings and versions of the libraries.

    Examples
    --------
    >>> twice = [Article("Gas prices rose."), Article("Gas prices rose!")]
    >>> audit(twice, settings=AuditSettings(labels=False)).duplicates.n_near
    1
    """
    settings = settings or AuditSettings()
    corpora = _corpora(corpus, against)
    kept = Kept()
    lines, damage, languages, lengths, terms = watches = (
        LineWatch(), DamageWatch(), LanguageWatch(), LengthWatch(), TermWatch(settings),
    )  # fmt: skip

    texts = kept.texts(corpora, watches, progress)
    threshold, seed = settings.similarity, settings.seed
    groups = near_duplicate_groups(texts, threshold=threshold, seed=seed)
    groups = separate_empty(groups, kept)
    return Audit(
        corpus=kept.names[AUDITED],
        against=kept.names[1] if against is not None else "",
        n_against=len(kept.articles) - len(kept.audited()),
        settings=settings,
        summary=describe_corpus(kept.articles[i] for i in kept.audited()),
        ids=look_at_ids(kept),
        duplicates=find_duplicates(groups, kept),
        leaks=None if against is None else find_leaks(groups, kept),
        conflicts=find_conflicts(groups, kept),
        lines=lines.repeated(groups, settings.repeats),
        damage=damage.found(kept),
        languages=languages.found(kept),
        lengths=lengths.found(kept, settings),
        labels=count_labels(kept),
        suspicious=terms.found(kept, groups, progress),
    )


def _corpora(
    corpus: Iterable[Article] | Corpus, against: Iterable[Article] | Corpus | None
) -> list[Corpus]:
    """Return the corpora under names that tell them apart."""
    first = corpus if isinstance(corpus, Corpus) else Corpus("corpus", corpus)
    if against is None:
        return [first]
    other = against if isinstance(against, Corpus) else Corpus("other", against)
    if other.name == first.name:
        other = dataclasses.replace(other, name=f"{other.name} (other)")
    return [first, other]
