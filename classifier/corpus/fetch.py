"""The published corpora: brought into the cache, checked, joined with our labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.article import Article
from classifier.corpus.allsides import AllsidesRepository
from classifier.corpus.label_file import LabelRow, label_rows
from classifier.corpus.news_articles import NewsArticlesWheel
from classifier.errors import CorpusError
from classifier.files import cache_dir, resource, write_json_lines

__all__ = [
    "CORPORA",
    "CorpusSource",
    "build_corpus",
    "fetch_corpus",
    "load_corpus",
]

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
    texts = {id: row.text_sha256 for id, row in label_rows(corpus.labels_path()).items()}
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
    return _joined(corpus, path, label_rows(corpus.labels_path()))


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


def _as_row(article: Article) -> dict[str, object]:
    row: dict[str, object] = {
        key: getattr(article, key) for key in ("id", "title", "text", "source", "date")
    }
    if article.labels is None:
        return row
    confidence = "borderline" if article.labels.borderline else "clear"
    return row | {"labels": sorted(article.labels.present), "confidence": confidence}
