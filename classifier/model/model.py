"""The model: text → margins → probabilities → tags, on NumPy alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article, as_articles
from classifier.errors import ModelError
from classifier.model.calibration import Calibration
from classifier.model.kernel import Kernel, kernel_of
from classifier.model.prediction import Contribution, Explanation, Prediction
from classifier.model.reading import UNKNOWN, Reading, WordIds, counted, on_grid, tfidf_values
from classifier.model.tokenize import Analyzer
from classifier.text import article_text

__all__ = ["Model"]

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

BATCH = 256


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted tagger.

    Parameters
    ----------
    labels : tuple of str
    vocabulary : sequence of str, length n_terms
        Terms in code point order.
    idf : ndarray of float32 of shape (n_terms,)
    weights : ndarray of float32 of shape (n_terms, n_labels)
    bias, cuts, base_rates : ndarray of float64 of shape (n_labels,)
        `cuts` are margins: a label is given from its cut on.
    calibration : Calibration
    analyzer : Analyzer
    mode : {"several", "one"}
        Any number of labels an article, or exactly one.
    min_words : int
        Articles with fewer known words are not judged.
    min_coverage : float
        Articles with a smaller share of known words are not judged.
    name : str
    info : mapping
        What the manifest tells of the training: settings, corpus, counts, figures, versions.
    """

    labels: tuple[str, ...]
    vocabulary: Sequence[str]
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: Vector
    cuts: Vector
    base_rates: Vector
    calibration: Calibration
    analyzer: Analyzer
    mode: str = "several"
    min_words: int = 5
    min_coverage: float = 0.5
    name: str = "model"
    info: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def term_ids(self) -> dict[str, int]:
        """Term → row of `weights`."""
        return {term: i for i, term in enumerate(self.vocabulary)}

    @cached_property
    def word_ids(self) -> WordIds:
        """Folded word → row of `weights`, filled as words come up."""
        return WordIds(self.term_ids, self.analyzer.token)

    @cached_property
    def kernel(self) -> Kernel | None:
        """The compiled way to the same readings and margins, where there is one."""
        return kernel_of(self)

    def __getstate__(self) -> dict[str, object]:
        # the look-ups and the kernel are made again where they are needed
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def cut_probabilities(self) -> Vector:
        """The probability from which each label is given, NaN where no cut decides.

        Shape (n_labels,). No cut decides on a label that is never given, nor in mode "one".
        """
        decides = np.isfinite(self.cuts) & (self.mode == "several")
        at_cut = self.calibration(np.where(decides, self.cuts, 0.0)[None, :])[0]
        return np.where(decides, at_cut, np.nan)

    def read(self, texts: Iterable[str]) -> Reading:
        """Return `texts` (prepared by `article_text`) as known terms with counts."""
        return self.kernel.read(texts) if self.kernel else self.read_by_dict(texts)

    def read_by_dict(self, texts: Iterable[str]) -> Reading:
        """Return what `read` does, without the kernel: the reference that it is held to."""
        id_of = self.word_ids.__getitem__
        words, ids = [], []
        for text in texts:
            found = self.analyzer.words(text)
            words.append(list(map(id_of, found)))
            ids.append(self.analyzer.weigh_lead(words[-1]) + self._pair_ids(found))
        return counted(words, ids, len(self.vocabulary))

    def _pair_ids(self, words: list[str]) -> list[int]:
        if not self.analyzer.bigrams:
            return []
        tokens = [self.analyzer.token(word) for word in words]
        return [self.term_ids.get(pair, UNKNOWN) for pair in self.analyzer.pairs(tokens)]

    def contributions(self, reading: Reading) -> Matrix:
        """Return what each term adds to each margin; shape (n_terms_in_batch, n_labels)."""
        values = tfidf_values(reading, self.idf)
        return on_grid(values[:, None] * self.weights[reading.terms])

    def margins(self, texts: Sequence[str]) -> Matrix:
        """Return the margins of prepared texts; shape (n_articles, n_labels)."""
        return self.margins_from(self.read(texts))

    def margins_from(self, reading: Reading) -> Matrix:
        """Return the margins of texts that were read before; shape (n_articles, n_labels)."""
        return self.kernel.margins(reading) if self.kernel else self.margins_of(reading)

    def margins_of(self, reading: Reading) -> Matrix:
        """Return the margins of a reading by NumPy alone."""
        margins = np.tile(on_grid(self.bias), (len(reading.n_words), 1))
        filled = np.flatnonzero(np.diff(reading.starts))
        if len(filled):
            starts = reading.starts[filled]
            margins[filled] += np.add.reduceat(self.contributions(reading), starts, axis=0)
        return margins

    def predict(
        self,
        articles: Iterable[Article | str],
        *,
        thresholds: Mapping[str, float] | None = None,
    ) -> list[Prediction]:
        """Return one `Prediction` an article, in order.

        Parameters
        ----------
        articles : iterable of Article or str
        thresholds : mapping of str to float, optional
            Probabilities from which labels are given, instead of the model's own cuts.

        Raises
        ------
        ModelError
            When a threshold names no label of the model or is no probability.
        """
        return list(self.predict_stream(articles, thresholds=thresholds))

    def predict_stream(
        self,
        articles: Iterable[Article | str],
        *,
        thresholds: Mapping[str, float] | None = None,
    ) -> Iterator[Prediction]:
        """Yield one `Prediction` an article, holding no more than a batch of them."""
        floors = self._floors(thresholds or {})
        remaining = iter(articles)
        while batch := as_articles(islice(remaining, BATCH)):
            yield from self._predict_batch(batch, floors)

    def _floors(self, thresholds: Mapping[str, float]) -> Vector:
        floors = np.full(len(self.labels), np.nan)
        for label, floor in thresholds.items():
            if label not in self.labels:
                known = ", ".join(self.labels)
                raise ModelError(f"threshold for '{label}': the model's labels are {known}")
            if self.mode == "one":
                raise ModelError("a model that gives exactly one label takes no thresholds")
            if not 0 <= floor <= 1:
                raise ModelError(f"threshold for '{label}' must lie between 0 and 1, not {floor}")
            floors[self.labels.index(label)] = floor
        return floors

    def _predict_batch(self, articles: list[Article], floors: Vector) -> Iterator[Prediction]:
        texts = [article_text(article) for article in articles]
        reading = self.read(texts)
        margins = self.margins_from(reading)
        scores = self.calibration(margins)
        tags = self._ranked(self._given(margins, scores, floors), scores, margins)
        coverage = reading.n_known / np.maximum(reading.n_words, 1)
        signature, explain = self.signature, self.explain
        rows = zip(
            articles,
            texts,
            tags,
            # plain numbers, which cost a tenth of NumPy's to work with one by one
            scores.tolist(),
            coverage.tolist(),
            map(self._note, reading.n_words.tolist(), reading.n_known.tolist()),
            strict=True,
        )
        for article, text, ranked, row, share, note in rows:
            # Exactly one label is owed even to a text that cannot be judged.
            silent = note and self.mode == "several"
            said = self.base_rates.tolist() if silent else row
            yield Prediction(
                id=article.id,
                tags=() if silent else ranked,
                scores=dict(zip(self.labels, said, strict=True)),
                coverage=share,
                model=signature,
                note=note,
                _explain=partial(explain, text),
            )

    def _given(self, margins: Matrix, scores: Matrix, floors: Vector) -> NDArray[np.bool_]:
        if self.mode == "one":
            return np.asarray(np.arange(len(self.labels)) == margins.argmax(axis=1)[:, None])
        return np.where(np.isnan(floors), margins >= self.cuts, scores >= floors)

    def _ranked(
        self, given: NDArray[np.bool_], scores: Matrix, margins: Matrix
    ) -> list[tuple[str, ...]]:
        """Return the labels given to each article, the most probable first."""
        order = np.lexsort((-margins, -scores), axis=-1)
        rows, places = np.nonzero(given[np.arange(len(given))[:, None], order])
        ranked: list[list[str]] = [[] for _ in given]
        for row, label in zip(rows.tolist(), order[rows, places].tolist(), strict=True):
            ranked[row].append(self.labels[label])
        return list(map(tuple, ranked))

    def _note(self, n_words: int, n_known: int) -> str:
        if n_words == 0:
            return "no words to judge by"
        if n_known < n_words * self.min_coverage:
            return f"the model knows {n_known} of {n_words} words: another language or subject?"
        if n_known < self.min_words:
            return f"too short to judge: {n_known} known words, at least {self.min_words} needed"
        return ""

    def explain(self, text: str) -> dict[str, Explanation]:
        """Return, per label, every known term of a prepared text with its contribution."""
        reading = self.read([text])
        contributions = self.contributions(reading)
        margins = self.margins_from(reading)[0]
        terms = [self.vocabulary[t] for t in reading.terms]
        return {
            label: Explanation(
                label=label,
                margin=float(margins[k]),
                bias=float(on_grid(self.bias)[k]),
                cut=float(self.cuts[k]),
                contributions=_weightiest(terms, reading.counts, contributions[:, k]),
            )
            for k, label in enumerate(self.labels)
        }

    @property
    def signature(self) -> str:
        """Name and short hash, as every prediction carries it."""
        version = str(self.info.get("hash", ""))[:8]
        return f"{self.name}@{version}" if version else self.name


def _weightiest(
    terms: list[str], counts: NDArray[np.int64], values: Vector
) -> tuple[Contribution, ...]:
    order = np.argsort(-np.abs(values), kind="stable")
    return tuple(Contribution(terms[i], int(counts[i]), float(values[i])) for i in order)
