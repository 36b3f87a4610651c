"""Splits whose test articles come from outlets, or days, that had no part in the training."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article
from classifier.corpus.corpus import Corpus
from classifier.corpus.folds import stratified_folds, time_split
from classifier.corpus.labels import truth_matrix
from classifier.corpus.read import read_articles
from classifier.model.model import Model
from classifier.published.sources import GROUPS, load_corpus
from classifier.text import article_text
from classifier.training.count import CountedCorpus, tfidf
from classifier.training.settings import Settings
from classifier.training.train import count_articles

ROOT = Path(__file__).parent.parent
OUTLETS, SOURCES, LATER, NESTED = SCHEMES = (
    "unseen outlets",
    "unseen sources",
    "later articles",
    "nested cross-validation",
)
WORLD = GROUPS["world"]
# Tested on but not trained on, as other sources are tagged better without it (docs/variants.md).
LEFT_OUT = ("gafam_cpi",)
HOUSE = "house"
# Where the corpora call one outlet by different names; the first pattern that occurs counts.
NAMES = {
    "abc ?news": "abc news",
    "al ?jazeera": "al jazeera",
    r"bangkok ?post": "bangkok post",
    r"\bbbc\b": "bbc",
    "business-?standard": "business standard",
    r"\bcbc(\.ca| news)": "cbc",
    r"\bcnn\b": "cnn",
    "china ?daily": "china daily",
    "dow jones|wall street journal|marketwatch": "dow jones",
    r"\bfox\b": "fox",
    "huff(ington)? ?post": "huffpost",
    r"inquirer\.net": "inquirer",
    "kremlin": "kremlin",
    "nationthailand|nationmultimedia": "nation thailand",
    "reuters": "reuters",
    "techcrunch": "techcrunch",
    r"\bthe ?hill\b": "the hill",
    r"^time(\.com| magazine)": "time",
    r"whitehouse\.gov": "white house",
}

Rows = NDArray[np.int64]
Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class News:
    """All labelled articles, counted; arrays have a row an article.

    Parameters
    ----------
    counted : CountedCorpus
    truth : ndarray of float64 of shape (n_articles, n_labels)
    outlets, corpora : ndarray of str of shape (n_articles,)
        Outlets under one name in all corpora.
    texts : list of str
        Prepared; empty where they were not asked for.
    """

    counted: CountedCorpus
    truth: Matrix
    outlets: NDArray[np.str_]
    corpora: NDArray[np.str_]
    texts: list[str]


@dataclass(frozen=True)
class Split:
    """Articles to train on and articles to test on, as row numbers."""

    scheme: str
    part: str
    train: Rows
    test: Rows


def outlet(source: str) -> str:
    """Return one name for an outlet that the corpora call differently.

    >>> outlet("CNN (Web News)"), outlet("cnn.com"), outlet("scmp.com")
    ('cnn', 'cnn', 'scmp.com')
    """
    folded = source.lower()
    return next((name for way, name in NAMES.items() if re.search(way, folded)), folded)


def gather(settings: Settings, *, with_texts: bool = False) -> News:
    """Count NewsArticles, AllSides, the world corpora and our own articles."""
    texts: dict[tuple[str, str], str] = {}

    def noted(name: str, articles: Iterator[Article]) -> Iterator[Article]:
        for article in articles:
            if with_texts and article.labels is not None:
                texts[name, article.id] = article_text(article)
            yield article

    house = read_articles([ROOT / "data" / "house"])
    names = ("news_articles", "allsides", *WORLD)
    corpora = [Corpus(name, noted(name, load_corpus(name))) for name in names]
    corpora.append(Corpus(HOUSE, noted(HOUSE, house), natural=False))
    counted = count_articles(corpora, settings)
    found = [counted.corpora[i] for i in counted.corpus]
    return News(
        counted,
        truth_matrix(counted.labels, counted.label_names),
        np.array([outlet(source) for source in counted.sources]),
        np.array(found),
        [texts[key] for key in zip(found, counted.ids, strict=True)] if with_texts else [],
    )


def splits(news: News, left_out: Sequence[str] = LEFT_OUT) -> Iterator[Split]:
    """Yield every split; no near-duplicate of a test article is trained on, nor `left_out`."""
    fit = ~np.isin(news.corpora, left_out)
    natural = news.counted.natural
    ours = news.corpora == "news_articles"
    for name in np.unique(news.outlets[ours]):
        yield _split(news, OUTLETS, name, ours & (news.outlets == name), fit)
    for name in WORLD:
        whole = news.corpora == name
        if (whole & natural).any():
            yield _split(news, SOURCES, name, whole & natural, fit & ~whole)
    dates = np.array(news.counted.dates)
    rows = np.flatnonzero(natural)
    _, later = time_split(dates[rows].tolist(), test_share=0.25)
    day = min(dates[rows[later]].tolist())
    test = natural & (dates >= day)
    yield _split(news, LATER, f"from {day}", test, fit & (dates < day))
    folds = np.full(len(natural), -1)
    folds[rows] = stratified_folds(news.truth[rows], news.counted.groups[rows], n_folds=5, seed=1)
    for fold in range(5):
        yield _split(news, NESTED, f"fold {fold + 1}", folds == fold, fit)


def _split(news: News, scheme: str, part: str, test: Flags, train: Flags) -> Split:
    """Return a split without near-duplicates, nor outlets where they are to be unseen."""
    train = train & ~test & ~np.isin(news.counted.groups, news.counted.groups[test])
    if scheme in (OUTLETS, SOURCES):
        train &= ~np.isin(news.outlets, news.outlets[test])
    return Split(scheme, part, np.flatnonzero(train), np.flatnonzero(test))


def margins_of(model: Model, counted: CountedCorpus, rows: Rows) -> Matrix:
    """Return the model's margins of counted articles, shape (n_rows, n_labels)."""
    column = {term: i for i, term in enumerate(counted.vocabulary)}
    columns = [column[term] for term in model.vocabulary]
    counts = counted.counts(model.analyzer.lead_repeats)[rows][:, columns]
    return tfidf(counts, model.idf.astype(float)) @ model.weights.astype(float) + model.bias
