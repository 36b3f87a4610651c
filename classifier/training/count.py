"""Corpora → counted articles."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from classifier.article import Labels, Progress, no_progress
from classifier.compiled import COUNTER, compiled
from classifier.corpus.corpus import Corpus, digest_row
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.corpus.read import labelled_articles
from classifier.errors import BadInputError, CorpusError, listed, number_of
from classifier.fields import Articles
from classifier.model.vocabulary import Analyzer, Matrix, sublinear
from classifier.text import article_text
from classifier.training.settings import Settings

if TYPE_CHECKING:
    from classifier.model import _counter

__all__ = [
    "ArticleNotes",
    "CountedCorpus",
    "LabelledArticles",
    "TermCounter",
    "as_corpora",
    "check_counted",
    "chunks",
    "corpus_notes",
    "count_articles",
    "count_corpora",
    "document_frequencies",
    "idf_of",
    "inverse_document_frequencies",
    "tfidf",
    "with_data",
]


@dataclass(frozen=True)
class LabelledArticles:
    """Labelled articles without their texts.

    Parameters
    ----------
    vocabulary : list of str
        Terms in code point order.
    n_words : ndarray of int64 of shape (n_articles,)
    groups : ndarray of int64 of shape (n_articles,)
        Near-duplicates share a number.
    labels, known : list, length n_articles
        What is known of each article, and the labels that its corpus knows.
    corpus : ndarray of int64 of shape (n_articles,)
        Which of `corpora` each article is from.
    corpora : list of str
        Names of the corpora.
    natural, borderline : ndarray of bool of shape (n_articles,)
        Whether each article is of a natural sample, by its row and its corpus; whether the
        labeller hesitated.
    sources, dates, ids : list of str
    n_unlabelled : int
        Articles that were read and left out because nothing is known of their labels.
    sha256 : str
        Over the ids, prepared texts and labels, in order.
    """

    vocabulary: list[str]
    n_words: NDArray[np.int64]
    groups: NDArray[np.int64]
    labels: list[Labels]
    known: list[frozenset[str]]
    corpus: NDArray[np.int64]
    corpora: list[str]
    natural: NDArray[np.bool_]
    borderline: NDArray[np.bool_]
    sources: list[str]
    dates: list[str]
    ids: list[str]
    n_unlabelled: int
    sha256: str

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: NDArray[np.int64]) -> Self:
        """Return the corpus with only these articles."""
        lists = ("labels", "known", "sources", "dates", "ids")
        arrays = ("n_words", "groups", "corpus", "natural", "borderline")
        picked: dict[str, Any] = {name: [getattr(self, name)[i] for i in rows] for name in lists}
        picked |= {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, **picked)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Every label that some corpus knows, sorted."""
        return tuple(sorted(frozenset().union(*set(self.known))))

    @cached_property
    def is_pair(self) -> NDArray[np.bool_]:
        """Which terms are pairs of tokens; shape (n_terms,)."""
        return np.array([" " in term for term in self.vocabulary], dtype=bool)


@dataclass
class ArticleNotes:
    """What is noted of each article while its text streams by; equal values are kept once."""

    labels: list[Labels] = field(default_factory=list)
    corpus: list[int] = field(default_factory=list)
    corpora: list[str] = field(default_factory=list)
    natural: list[bool] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    known: dict[int, frozenset[str]] = field(default_factory=dict)
    n_unlabelled: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    seen: dict[Any, Any] = field(default_factory=dict)

    def texts(self, corpora: Iterable[Corpus], progress: Progress) -> Iterator[str]:
        """Yield the prepared text of every labelled article."""
        for number, corpus in enumerate(corpora):
            known: set[str] = set()
            self.corpora.append(corpus.name)
            for article in corpus.articles:
                if article.labels is None:
                    self.n_unlabelled += 1
                    continue
                self.labels.append(self._once(article.labels))
                self.corpus.append(number)
                self.natural.append(corpus.natural and article.labels.natural)
                self.sources.append(self._once(article.source))
                self.dates.append(self._once(article.date))
                self.ids.append(article.id)
                known |= article.labels.present | (article.labels.absent or frozenset())
                text = article_text(article)
                self.digest.update(digest_row(article.id, text, article.labels))
                progress("reading articles", len(self.ids), 0)
                yield text
            self.known[number] = frozenset(known)

    def _once(self, value: Any) -> Any:
        return self.seen.setdefault(value, value)


def check_counted(
    counted: LabelledArticles, Y: Matrix, labels: tuple[str, ...], settings: Settings
) -> None:
    """Raise `CorpusError` where counted articles are nothing to train on."""
    if not len(counted):
        read = number_of(counted.n_unlabelled, "article was", "articles were")
        raise CorpusError(
            f"nothing to train on: {read} read and none is labelled. "
            "Labels are read from the fields 'labels', 'label', 'category', 'tags' and the like, "
            "the one named by --labels-field, or columns named by --label-column"
        )
    if not counted.natural.any():
        raise CorpusError(
            "only auxiliary corpora are given: cuts and figures need a natural one, and rows "
            "whose field 'sample' is empty or 'random'"
        )
    if not labels:
        raise CorpusError("nothing to train on: every article is labelled as none of any label")
    if len(np.unique(counted.groups[counted.natural])) < settings.n_folds:
        n = int(counted.natural.sum())
        raise CorpusError(
            f"{number_of(n, 'labelled article')}, near-duplicates counted once, "
            f"{'is' if n == 1 else 'are'} too few for {settings.n_folds} folds"
        )
    if not counted.vocabulary:
        raise CorpusError(
            f"no term occurs in {settings.min_df} articles (min_df): nothing to learn"
        )
    if settings.labels == "one":
        _check_exactly_one(counted, Y)


# Below, a figure rests on a handful of held-out articles a label.
_FEW_ARTICLES = 50


def corpus_notes(counted: LabelledArticles) -> Iterator[str]:
    """Yield a sentence for each reason why a model of these articles may be worth little."""
    n = int(counted.natural.sum())
    if 0 < n < _FEW_ARTICLES:
        yield (
            f"{number_of(n, 'labelled article is', 'labelled articles are')} very few: the figures "
            "rest on a handful each. Some hundreds, and fifty a label, are a beginning."
        )
    everywhere = [
        label
        for label in counted.label_names
        if all(label in labels.present for labels in counted.labels)
    ]
    if everywhere:
        yield (
            f"every article has the label {listed(everywhere)}: nothing tells it from others. "
            "Add articles without it."
        )


def _check_exactly_one(counted: LabelledArticles, Y: Matrix) -> None:
    wrong = np.flatnonzero((np.nansum(Y, axis=1) != 1) | np.isnan(Y).any(axis=1))
    if len(wrong):
        i = wrong[0]
        differ = number_of(len(wrong), "article differs", "articles differ")
        found = ", ".join(sorted(counted.labels[i].present)) or "none"
        if np.isnan(Y[i]).any():
            found += ", and others are unknown to its corpus"
        raise CorpusError(
            f"article '{counted.ids[i]}' has the labels: {found}; with labels = \"one\" each "
            f"article needs exactly one ({differ})"
        )


# What is wider than counts is made of so many articles, or entries of a matrix, at once.
ROWS_AT_ONCE, ENTRIES_AT_ONCE = 4096, 1_000_000
# Whose counts are put together with the others at once.
TEXTS_AT_ONCE = 256


def chunks(n: int, size: int = ROWS_AT_ONCE) -> Iterator[slice]:
    """Yield the slices that part n rows."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def document_frequencies(counts: sp.csr_matrix) -> NDArray[np.int64]:
    """Return in how many articles each term occurs; shape (n_terms,)."""
    found = np.zeros(counts.shape[1], np.int64)
    for some in chunks(counts.nnz, ENTRIES_AT_ONCE):
        found += np.bincount(counts.indices[some], minlength=len(found))
    return found


Ids = NDArray[np.integer[Any]]
Counts = NDArray[np.unsignedinteger[Any]]


class _Numbers:
    """Whole numbers one after the other, each of as many bytes as the largest of them needs."""

    def __init__(self, dtype: type[np.integer[Any]] = np.uint8) -> None:
        self._dtype, self._bytes = np.dtype(dtype), bytearray()

    def extend(self, some: Sequence[Ids]) -> None:
        """Add some more."""
        numbers = np.concatenate([np.empty(0, self._dtype), *some])
        most = int(numbers.max(initial=0))
        if most > np.iinfo(self._dtype).max:
            self._dtype, narrow = np.min_scalar_type(most), self.array()
            self._bytes = bytearray(narrow.astype(self._dtype).tobytes())
        self._bytes += numbers.astype(self._dtype).tobytes()

    def array(self) -> NDArray[Any]:
        """Return the numbers, which can be changed where they are."""
        return np.frombuffer(self._bytes, self._dtype)


@dataclass
class TermCounter:
    """Counts terms of texts that come one by one; keeps numbers of terms, never the texts."""

    analyzer: Analyzer
    ids: dict[str, int] = field(default_factory=dict)
    n_words: array[int] = field(default_factory=lambda: array("q"))

    def __post_init__(self) -> None:
        module, analyzer = compiled(COUNTER), self.analyzer
        self._counter: _counter.Counter | None = None
        if module is not None and not analyzer.bigrams:  # it counts no pairs
            self._counter = module.Counter(
                lead_words=analyzer.lead_words,
                lead_divisor=analyzer.lead_divisor,
                fold_plurals=analyzer.fold_plurals,
            )
        self._lengths = array("q", [0])
        self._counted = (_Numbers(np.int32), _Numbers(), _Numbers())
        self._latest: list[tuple[Ids, Ids, Ids]] = []

    def add(self, text: str) -> None:
        """Count the terms of one prepared text, in all of it and in its lead."""
        counter = self._count if self._counter is None else self._counter.add
        n_words, terms, (body, lead) = counter(text)
        self.n_words.append(n_words)
        self._lengths.append(len(terms))
        self._latest.append((terms, body, lead))
        if len(self._latest) == TEXTS_AT_ONCE:
            self._pack()

    def _pack(self) -> None:
        """Keep the latest counts in as few bytes as they need."""
        for numbers, some in zip(self._counted, zip(*self._latest, strict=True), strict=False):
            numbers.extend(some)
        self._latest.clear()

    def _count(self, text: str) -> tuple[int, Ids, tuple[Ids, Ids]]:
        """Return the number of tokens, the terms, and their counts in the text and its lead."""
        tokens = self.analyzer.tokens(text)
        lead = tokens[: self.analyzer.lead_length(len(tokens))]
        terms, body = np.unique(self._numbers(tokens, tokens), return_counts=True)
        # A repeated lead is followed by the first token again, which makes one more pair.
        of_lead = self._numbers(lead, lead + tokens[:1])
        others = np.setdiff1d(of_lead, terms)
        terms, body = np.append(terms, others), np.append(body, np.zeros_like(others))
        order = np.argsort(terms)
        places = order[np.searchsorted(terms, of_lead, sorter=order)]
        return len(tokens), terms, (body, np.bincount(places, minlength=len(terms)))

    def _numbers(self, tokens: list[str], paired: list[str]) -> Ids:
        terms = tokens + Analyzer(bigrams=self.analyzer.bigrams).pairs(paired)
        ids = self.ids
        return np.array([ids.setdefault(term, len(ids)) for term in terms], dtype=np.int32)

    @property
    def n_terms(self) -> int:
        """How many distinct terms there were."""
        return len(self.ids if self._counter is None else self._counter)

    def terms(self) -> list[str]:
        """Return the terms in the order of their numbers."""
        return list(self.ids) if self._counter is None else self._counter.terms()

    def matrices(
        self, min_df: int, pair_min_df: int = 1
    ) -> tuple[sp.csr_matrix, sp.csr_matrix, list[str]]:
        """Return counts in the whole texts and in their leads, and the terms kept.

        Terms in fewer than `min_df` articles go, and pairs in fewer than `pair_min_df`; the rest
        stand in code point order. The matrices are those of `CountedCorpus`, made where the counter
        kept its numbers: it can be asked once.
        """
        self._pack()
        names, starts = self.terms(), np.cumsum(self._lengths)
        terms, body, lead = (numbers.array() for numbers in self._counted)
        df = np.zeros(len(names), np.int64)
        for some in chunks(len(terms), ENTRIES_AT_ONCE):
            df += np.bincount(terms[some][body[some] > 0], minlength=len(names))
        is_pair = np.array([" " in name for name in names], dtype=bool)
        frequent = np.flatnonzero(df >= np.where(is_pair, max(min_df, pair_min_df), min_df))
        kept = sorted((names[i], i) for i in frequent.tolist())
        column = np.full(len(names), -1, np.int32)
        column[[i for _, i in kept]] = np.arange(len(kept), dtype=np.int32)
        starts = _move(starts, column, terms, body, lead)
        found = sp.csr_matrix(
            (body[: starts[-1]], terms[: starts[-1]], starts), (len(starts) - 1, len(kept))
        )
        return found, with_data(found, lead[: starts[-1]]), [name for name, _ in kept]


def _move(starts: Ids, column: NDArray[np.int32], terms: Ids, *counts: Counts) -> Ids:
    """Turn terms into columns in place, those of -1 gone; return where rows start then."""
    found = np.zeros_like(starts)
    for some in chunks(len(starts) - 1):
        entries = slice(starts[some.start], starts[some.stop])
        columns = column[terms[entries]]
        kept = np.append(0, np.cumsum(columns >= 0))
        found[some.start + 1 : some.stop + 1] = (
            found[some.start] + kept[starts[some.start + 1 : some.stop + 1] - entries.start]
        )
        there = slice(found[some.start], found[some.stop])
        for numbers, moved in ((terms, columns), *((each, each[entries]) for each in counts)):
            numbers[there] = moved[columns >= 0]
    return found


@dataclass(frozen=True)
class CountedCorpus(LabelledArticles):
    """All that training keeps of its articles; the texts are gone.

    Parameters
    ----------
    body, lead : csr_matrix of unsigned int of shape (n_articles, n_terms)
        How often each term occurs in the whole text, and within its lead. Both have the same
        entries, zeros among them, and share the arrays that tell where they are.
    """

    body: sp.csr_matrix
    lead: sp.csr_matrix

    def select(self, rows: NDArray[np.int64]) -> CountedCorpus:
        """Return the corpus with only these articles."""
        body = self.body[rows]
        lead = with_data(body, self.lead[rows].data)
        return replace(super().select(rows), body=body, lead=lead)

    def counts(self, lead_repeats: int) -> sp.csr_matrix:
        """Return counts with the lead counted `lead_repeats` more times, none of them 0."""
        body, lead = self.body.data, self.lead.data
        if lead_repeats:
            most = int(body.max(initial=0)) + lead_repeats * int(lead.max(initial=0))
            body = body + np.multiply(lead, lead_repeats, dtype=np.min_scalar_type(most))
        counts = with_data(self.body, body)
        if not body.all():
            counts = counts.copy()
            counts.eliminate_zeros()
        return counts

    def occurrences(self, lead_repeats: int) -> sp.csr_matrix:
        """Return a matrix that has the entries of these `counts`, whatever is in them."""
        return self.body if lead_repeats else self.counts(0)

    def coverage(self, rows: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the share of each row's words that are among the `kept` terms."""
        words = (kept & ~self.is_pair).astype(float)
        known = [self.body[rows[some]] @ words for some in chunks(len(rows))]
        return np.concatenate([np.zeros(0), *known]) / np.maximum(self.n_words[rows], 1)


def with_data(matrix: sp.csr_matrix, data: NDArray[Any]) -> sp.csr_matrix:
    """Return a matrix with other numbers at the same places, which both share."""
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), matrix.shape)


def count_corpora(
    corpora: Iterable[Corpus],
    analyzer: Analyzer,
    *,
    min_df: int,
    pair_min_df: int = 1,
    progress: Progress,
) -> CountedCorpus:
    """Read every labelled article once and return the counts of its terms.

    Texts are read as a stream: each is dropped as soon as it is counted and compared.
    """
    counter = TermCounter(analyzer)
    notes = ArticleNotes()

    def texts() -> Iterator[str]:
        for text in notes.texts(corpora, progress):
            counter.add(text)
            yield text

    groups = near_duplicate_groups(texts())
    body, lead, vocabulary = counter.matrices(min_df, pair_min_df)
    return CountedCorpus(
        vocabulary=vocabulary,
        n_words=np.array(counter.n_words, dtype=np.int64),
        groups=groups,
        labels=notes.labels,
        known=[notes.known[number] for number in notes.corpus],
        corpus=np.array(notes.corpus, dtype=np.int64),
        corpora=notes.corpora,
        natural=np.array(notes.natural, dtype=bool),
        borderline=np.array([labels.borderline for labels in notes.labels], dtype=bool),
        sources=notes.sources,
        dates=notes.dates,
        ids=notes.ids,
        n_unlabelled=notes.n_unlabelled,
        sha256=notes.digest.hexdigest(),
        body=body,
        lead=lead,
    )


def inverse_document_frequencies(
    counts: sp.csr_matrix, min_df: int, *, form: str = "bm25"
) -> NDArray[np.float64]:
    """Return the idf of each term, 0 for terms below `min_df` and above 0 for all others.

    Parameters
    ----------
    form : {"bm25", "smooth"}
        ``ln((n + 1) / (df + 1/2))``, as in BM25 (Robertson and Zaragoza, 2009) but never below
        0, by which words of every article weigh next to nothing; or
        ``ln((n + 1) / (df + 1)) + 1``, scikit-learn's ``TfidfTransformer(smooth_idf=True)``.
    """
    return idf_of(document_frequencies(counts), counts.shape[0], min_df, form=form)


def idf_of(
    df: NDArray[np.int64], n: int, min_df: int, *, form: str = "bm25"
) -> NDArray[np.float64]:
    """Return the idf of terms that are in `df` of `n` articles."""
    idf = np.log((n + 1) / (df + 0.5)) if form == "bm25" else np.log((n + 1) / (df + 1)) + 1
    return np.where(df >= min_df, idf, 0.0)


def tfidf(counts: sp.csr_matrix, idf: NDArray[np.float64]) -> sp.csr_matrix:
    """Return sublinear tf-idf rows of unit length; shape and terms of `counts`."""
    values = sublinear(counts.data.astype(np.int64)) * idf[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norms = np.sqrt(np.bincount(rows, weights=values * values, minlength=counts.shape[0]))
    norms[norms == 0] = 1.0
    return with_data(counts, values / norms[rows])


def as_corpora(corpus: Articles | Path | str | Corpus | Sequence[Corpus]) -> Sequence[Corpus]:
    """Return any of the forms that `train` takes as a sequence of `Corpus`."""
    if isinstance(corpus, Corpus):
        return [corpus]
    if isinstance(corpus, list | tuple) and corpus and isinstance(corpus[0], Corpus):
        wrong = next((i for i, each in enumerate(corpus) if not isinstance(each, Corpus)), None)
        if wrong is not None:
            raise BadInputError(f"corpus[{wrong}] is {corpus[wrong]!r:.60}, not a Corpus.")
        return corpus
    name = Path(corpus).stem if isinstance(corpus, str | Path) else "corpus"
    return [Corpus(name, labelled_articles(corpus, name="corpus"))]


def count_articles(
    corpora: Sequence[Corpus], settings: Settings, *, progress: Progress = no_progress
) -> CountedCorpus:
    """Read the corpora and return their counts, without auxiliary copies of natural articles."""
    analyzer = Analyzer(
        lead_words=settings.lead_words,
        lead_divisor=settings.lead_divisor,
        bigrams=any(settings.bigrams),
        fold_plurals=settings.fold_plurals,
    )
    counted = count_corpora(
        corpora,
        analyzer,
        min_df=settings.min_df,
        pair_min_df=settings.pair_min_df,
        progress=progress,
    )
    return _without_copies(_latest(counted))


def _latest(counted: CountedCorpus) -> CountedCorpus:
    """Return the last article of each id of a corpus: agencies send updates under one id."""
    last = {(corpus, id): i for i, (corpus, id) in enumerate(_keys(counted))}
    rows = [i for i, key in enumerate(_keys(counted)) if not key[1] or last[key] == i]
    return counted if len(rows) == len(counted) else counted.select(np.array(rows))


def _keys(counted: CountedCorpus) -> Iterator[tuple[int, str]]:
    return zip(counted.corpus.tolist(), counted.ids, strict=True)


def _without_copies(counted: CountedCorpus) -> CountedCorpus:
    natural_groups = counted.groups[counted.natural]
    copies = ~counted.natural & np.isin(counted.groups, natural_groups)
    return counted.select(np.flatnonzero(~copies)) if copies.any() else counted
