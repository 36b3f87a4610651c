"""The model: text → margins → probabilities → tags, on NumPy alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from itertools import islice
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article
from classifier.compiled import compiled
from classifier.errors import ModelError, listed
from classifier.fields import Articles, iter_articles
from classifier.model.calibration import Calibration, Decision, Judged, checked_floors
from classifier.model.prediction import Contribution, Explanation, Prediction
from classifier.model.vocabulary import (
    Analyzer,
    Matrix,
    Reading,
    Vector,
    Vocabulary,
    WordIds,
    counted,
    on_grid,
    sublinear,
    tfidf_values,
)
from classifier.text import article_text

__all__ = ["Kernel", "Model", "kernel_of"]

BATCH = 256
# Chinese, Japanese, Thai, Lao, Burmese and Khmer.
_UNSPACED = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{8}"
# The working point of a model's own cuts.
BALANCED = "balanced"


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

    def __repr__(self) -> str:
        return f"<Model {self.signature}: {listed(self.labels)}; {len(self.vocabulary):,} terms>"

    @cached_property
    def term_ids(self) -> dict[str, int]:
        """Term → row of `weights`."""
        return {term: i for i, term in enumerate(self.vocabulary)}

    @cached_property
    def word_ids(self) -> WordIds:
        """Piece of a text → rows of `weights`, filled as pieces come up."""
        return WordIds(self.term_ids, self.analyzer)

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
        read = [self.word_ids.read(text) for text in texts]
        return counted(read, len(self.vocabulary))

    def contributions(self, reading: Reading) -> Matrix:
        """Return what each term adds to each margin; shape (n_terms_in_batch, n_labels)."""
        values = tfidf_values(reading, self.idf)
        return on_grid(values[:, None] * self.weights.take(reading.terms, axis=0))

    def margins(self, texts: Sequence[str]) -> Matrix:
        """Return the margins of prepared texts; shape (n_articles, n_labels)."""
        return self.margins_from(self.read(texts))

    def margins_from(self, reading: Reading) -> Matrix:
        """Return the margins of texts that were read before; shape (n_articles, n_labels)."""
        return self.kernel.margins(reading) if self.kernel else self.margins_of(reading)

    @cached_property
    def _bias_on_grid(self) -> Vector:
        return on_grid(self.bias)

    def margins_of(self, reading: Reading) -> Matrix:
        """Return the margins of a reading by NumPy alone."""
        margins = np.empty((len(reading.n_words), len(self.labels)))
        margins[:] = self._bias_on_grid
        filled = (reading.starts[1:] > reading.starts[:-1]).nonzero()[0]
        if len(filled):
            starts = reading.starts[filled]
            margins[filled] += np.add.reduceat(self.contributions(reading), starts, axis=0)
        return margins

    @property
    def points(self) -> tuple[str, ...]:
        """Names of the working points that the model has cuts for, its own first."""
        return (BALANCED, *self._cuts_at)

    @property
    def _cuts_at(self) -> Mapping[str, Sequence[float]]:
        found = self.info.get("points")
        return found if isinstance(found, dict) else {}

    @property
    def codes(self) -> dict[str, list[str]]:
        """Label → the codes that it stands for, such as ``medtop:20000256``, where known.

        Raises
        ------
        ModelError
            When what the training recorded of them is damaged.
        """
        found = self.info.get("codes", {})
        rows = found.items() if isinstance(found, dict) else [("", None)]
        for label, codes in rows:
            is_list = isinstance(codes, list) and all(isinstance(code, str) for code in codes)
            if label not in self.labels or not is_list:
                raise ModelError(f"{self.name}: the codes of '{label:.60}' are no list of codes")
        return {label: list(codes) for label, codes in rows if codes}

    def thresholds_at(self, point: str) -> dict[str, float]:
        """Return the probability from which each label is given at a working point.

        Parameters
        ----------
        point : str
            ``"balanced"`` for the model's own cuts, for which nothing is returned;
            ``"precise"`` for few false tags; ``"complete"`` for few misses.

        Raises
        ------
        ModelError
            When the model has no such point.
        """
        if point == BALANCED:
            return {}
        if point not in self._cuts_at:
            raise ModelError(
                f"{self.name} has no cuts for '{point}'. Choose one of {', '.join(self.points)}"
                + ("." if self._cuts_at else ", or train the model again.")
            )
        cuts = self._cuts_at[point]
        if not isinstance(cuts, list) or len(cuts) != len(self.labels):
            raise ModelError(f"{self.name}: the cuts for '{point}' are not one for each label")
        return dict(zip(self.labels, cuts, strict=True))

    def predict(
        self,
        articles: Articles,
        *,
        point: str = BALANCED,
        thresholds: Mapping[str, float] | None = None,
    ) -> list[Prediction]:
        """Return one `Prediction` an article, in order.

        Parameters
        ----------
        articles : iterable of Article, str or mapping, or data frame
            A mapping has its ``text``, and perhaps ``title`` and ``id``, as a row of a frame
            has. A single text, article or mapping is one article.
        point : {"balanced", "precise", "complete"}
            Working point: which cuts decide, see `thresholds_at`.
        thresholds : mapping of str to float, optional
            Probabilities from which labels are given, instead of the cuts.

        Raises
        ------
        ModelError
            When the model has no such point, or a threshold names no label of the model or is
            no probability.
        BadInputError
            When an article is nothing of the kind; the message tells its position.
        """
        return list(self.predict_stream(articles, point=point, thresholds=thresholds))

    def predict_stream(
        self,
        articles: Articles,
        *,
        point: str = BALANCED,
        thresholds: Mapping[str, float] | None = None,
    ) -> Iterator[Prediction]:
        """Return an iterator of one `Prediction` an article; it holds no more than a batch.

        Raises
        ------
        ModelError
            As `predict`, before the first article is asked for.
        """
        thresholds = self.thresholds_at(point) | dict(thresholds or {})
        decision = self._decision_by(thresholds) if thresholds else self._decision
        return self._stream(iter_articles(articles), decision)

    def _stream(self, articles: Iterator[Article], decision: Decision) -> Iterator[Prediction]:
        while batch := list(islice(articles, BATCH)):
            texts = [article_text(article) for article in batch]
            yield from self._predicted(batch, texts, self._judged(texts, decision))

    @cached_property
    def _decision(self) -> Decision:
        return self._decision_by({})

    def _decision_by(self, thresholds: Mapping[str, float]) -> Decision:
        floors = checked_floors(self.labels, thresholds, self.mode)
        return Decision(self.labels, self.calibration, self.cuts, floors, self.mode)

    def predict_prepared(self, texts: Sequence[str]) -> list[Prediction]:
        """Return one `Prediction` a text that `article_text` has prepared, in order."""
        return self.predict_read(texts)[1]

    def predict_read(self, texts: Sequence[str]) -> tuple[Matrix, list[Prediction]]:
        """Return margins and predictions of prepared texts, each read and scored once."""
        reading = self.read(texts)
        margins = self.margins_from(reading)
        rows = self._decision.judged(margins, reading.n_words.tolist(), reading.n_known.tolist())
        return margins, list(self._predicted([Article(text) for text in texts], texts, rows))

    def _predicted(
        self, articles: Sequence[Article], texts: Sequence[str], judged: Iterable[Judged]
    ) -> Iterator[Prediction]:
        signature, explain = self.signature, self.explain
        rows = zip(articles, texts, judged, strict=True)
        for article, text, (tags, scores, n_words, n_known) in rows:
            note = self._note(text, n_words, n_known)
            # Exactly one label is owed even to a text that cannot be judged.
            if note and self.mode == "several":
                tags = ()
                scores = dict(zip(self.labels, self.base_rates.tolist(), strict=True))
            yield Prediction(
                article.id,
                tags,
                scores,
                n_known / (n_words or 1),
                signature,
                note,
                _explain=partial(explain, text),
            )

    def _judged(self, texts: Sequence[str], decision: Decision) -> Iterable[Judged]:
        if self.kernel:
            return self.kernel.judged(list(texts), decision)
        reading = self.read_by_dict(texts)
        words, known = reading.n_words.tolist(), reading.n_known.tolist()
        return decision.judged(self.margins_of(reading), words, known)

    def _note(self, text: str, n_words: int, n_known: int) -> str:
        if n_words == 0:
            return "no words to judge by"
        if n_known < n_words * self.min_coverage:
            if re.search(_UNSPACED, text):
                return "a language without blanks between words, which are not told apart"
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
                bias=float(self._bias_on_grid[k]),
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


# What the kernel can round to the grid of contributions in one addition.
LARGEST_WEIGHT = 2.0**18
# Counts below this are weighed by a table, which NumPy made; nearly all counts are.
MOST_LOGS = 4096


class Kernel:
    """A model's reading and margins, compiled.

    Parameters
    ----------
    module : module
        What `compiled` returns.
    model : Model
    vocabulary : Vocabulary
        The same terms as the model's.
    """

    def __init__(self, module: ModuleType, model: Model, vocabulary: Vocabulary) -> None:
        analyzer = model.analyzer
        self._scorer = module.Scorer(
            vocabulary.lines,
            vocabulary.starts,
            # a copy only where numbers are stored the other way round
            np.ascontiguousarray(vocabulary.table, np.uint32),
            np.ascontiguousarray(model.idf, np.float32),
            np.ascontiguousarray(model.weights, np.float32),
            on_grid(model.bias),
            sublinear(np.arange(1, MOST_LOGS)),
            lead_words=analyzer.lead_words,
            lead_repeats=analyzer.lead_repeats,
            lead_divisor=analyzer.lead_divisor,
            bigrams=analyzer.bigrams,
            fold_plurals=analyzer.fold_plurals,
        )

    def read(self, texts: Iterable[str]) -> Reading:
        """Return prepared texts as known terms with counts."""
        return Reading(*self._scorer.read(tuple(texts)))

    def margins(self, reading: Reading) -> Matrix:
        """Return the margins of a reading; shape (n_articles, n_labels)."""
        tf = sublinear(reading.counts)
        return np.asarray(self._scorer.margins(reading.starts, reading.terms, tf))

    def judged(self, texts: list[str], decision: Decision) -> list[Judged]:
        """Return the answers to prepared texts with their numbers of words and known words."""
        if decision.decider is not None:
            answers: list[Judged] = self._scorer.judged(texts, decision.decider)
            return answers
        return decision.judged(*self._scorer.scored(texts))


def kernel_of(model: Model) -> Kernel | None:
    """Return the kernel of a model, nothing where there is none or the model is none of its kind.

    Unusual models are ones made in memory: with other numbers than float32, with terms out of
    order, or with weights that no fit gives.
    """
    module = compiled()
    if module is None or not _is_usual(model):
        return None
    try:
        vocabulary = Vocabulary.of(model.vocabulary)
    except UnicodeEncodeError:
        return None
    fits = len(vocabulary) == len(model.vocabulary) and vocabulary.in_order
    return Kernel(module, model, vocabulary) if fits else None


def _is_usual(model: Model) -> bool:
    analyzer, weights = model.analyzer, model.weights
    return (
        weights.dtype == model.idf.dtype == np.float32
        and weights.shape == (len(model.idf), len(model.labels))
        and len(model.vocabulary) == len(model.idf)
        and -LARGEST_WEIGHT < weights.min(initial=0) <= weights.max(initial=0) < LARGEST_WEIGHT
        and min(analyzer.lead_words, analyzer.lead_repeats, analyzer.lead_divisor - 1) >= 0
    )
