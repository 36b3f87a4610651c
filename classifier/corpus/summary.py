"""What a corpus holds, counted in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from classifier.article import Article

__all__ = ["CorpusSummary", "describe_corpus"]

# The table: columns for a name, and outlets before the rest is summed up.
NAME_WIDTH = 28
SOURCES_SHOWN = 15


@dataclass(frozen=True, slots=True)
class CorpusSummary:
    """What a corpus holds, in counts; ``str()`` is a plain text table.

    Parameters
    ----------
    n_articles, n_labelled, n_unlabelled : int
        All articles, and how they divide.
    n_none, n_borderline : int
        Labelled articles without any label, and those where the labeller hesitated.
    per_label, per_source : mapping of str to int
        Articles per label and per outlet, the most frequent first.
    first_date, last_date : str
        ``YYYY-MM-DD``, empty when no article has a date.
    """

    n_articles: int
    n_labelled: int
    n_unlabelled: int
    n_none: int
    n_borderline: int
    per_label: Mapping[str, int]
    per_source: Mapping[str, int]
    first_date: str
    last_date: str

    def lines(self) -> list[str]:
        """Return the table line by line; shares are of the labelled or of all articles."""
        head = {"articles": self.n_articles, "labelled": self.n_labelled}
        head |= {"  borderline": self.n_borderline, "unlabelled": self.n_unlabelled}
        labels = {**self.per_label, "none of these": self.n_none}
        sources = dict(list(self.per_source.items())[:SOURCES_SHOWN])
        others = len(self.per_source) - len(sources)
        if others:
            sources[f"{others} other sources"] = self.n_articles - sum(sources.values())
        return [
            *_table(head, total=0),
            f"{'dates':<{NAME_WIDTH}}  {self.first_date or 'unknown'} to "
            f"{self.last_date or 'unknown'}",
            "",
            *_table(labels, total=self.n_labelled),
            "",
            *_table(sources, total=self.n_articles),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def describe_corpus(articles: Iterable[Article]) -> CorpusSummary:
    """Count what a stream of articles holds, in one pass and without keeping the texts."""
    known: Counter[str] = Counter()
    per_label: Counter[str] = Counter()
    per_source: Counter[str] = Counter()
    dates: set[str] = set()
    for article in articles:
        per_source[article.source or "unknown"] += 1
        dates.add(article.date)
        if article.labels is not None:
            per_label.update(article.labels.present)
            known["labelled"] += 1
            known["none"] += not article.labels.present
            known["borderline"] += article.labels.borderline
    dates.discard("")
    return CorpusSummary(
        n_articles=per_source.total(),
        n_labelled=known["labelled"],
        n_unlabelled=per_source.total() - known["labelled"],
        n_none=known["none"],
        n_borderline=known["borderline"],
        per_label=_ranked(per_label),
        per_source=_ranked(per_source),
        first_date=min(dates, default=""),
        last_date=max(dates, default=""),
    )


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _table(counts: Mapping[str, int], *, total: int) -> Iterator[str]:
    for name, n in counts.items():
        share = f"  {100 * n / total:5.1f} %" if total else ""
        yield f"{name:<{NAME_WIDTH}}  {n:>6,}{share}"
