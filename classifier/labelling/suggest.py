"""Which articles to label next: those the model hesitates over, and a fair draw beside them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.article import Article
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.errors import SettingsError
from classifier.evaluation.judge import CUT, WorstError
from classifier.labelling.sheet import DRAWN_AT_RANDOM, Entry
from classifier.model.model import BATCH, Model
from classifier.model.prediction import Prediction
from classifier.model.vocabulary import tfidf_values
from classifier.text import article_text

__all__ = [
    "Suggestion",
    "choose_spread",
    "cut_probabilities",
    "hesitation",
    "suggest",
    "worst_entries",
]


Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
# What likeness to a chosen article costs.
SPREAD = 0.5
# A margin beyond every cut; and how close to certain a cut may lie to be hesitated over.
NEVER, LEAST_CUT = 1e9, 0.02


def cut_probabilities(model: Model) -> Vector:
    """Return the probability from which each label is given; shape (n_labels,)."""
    if model.mode == "one":
        return np.full(len(model.labels), 0.5)
    # the calibration needs a number where a label is never given
    cuts = np.where(np.isfinite(model.cuts), model.cuts, NEVER)
    probabilities: Vector = model.calibration(cuts[None, :])[0]
    return np.clip(probabilities, LEAST_CUT, 1 - LEAST_CUT)


def hesitation(scores: Matrix, cuts: Vector) -> Matrix:
    """Return how unsure a model is of each label: 1 at its cut, 0 at the probabilities 0 and 1.

    Parameters
    ----------
    scores : ndarray of shape (n_articles, n_labels)
        Probabilities.
    cuts : ndarray of shape (n_labels,)
        Probabilities above 0 and below 1.
    """
    return np.asarray(np.where(scores < cuts, scores / cuts, (1 - scores) / (1 - cuts)))


def choose_spread(priority: Vector, vectors: Any, n: int) -> list[int]:
    """Return the positions of `n` articles of high priority that differ from each other.

    Each in turn is the one with the highest priority, less `SPREAD` of it for an article just
    like one chosen before.

    Parameters
    ----------
    priority : ndarray of shape (n_articles,)
        Above zero.
    vectors : csr_matrix of shape (n_articles, n_terms)
        Of unit length, no negative values.
    """
    closeness = np.zeros(len(priority))
    left = priority.astype(np.float64)
    chosen: list[int] = []
    for _ in range(min(n, len(priority))):
        best = int(np.argmax(left * (1 - SPREAD * closeness)))
        chosen.append(best)
        left[best] = -np.inf
        closeness = np.maximum(closeness, (vectors @ vectors[best].T).toarray().ravel())
    return chosen


# Candidates kept for each article asked for: enough to spread over topics and to drop copies.
UNSURE_EACH, DRAWN_EACH = 20, 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An article worth labelling.

    Parameters
    ----------
    article : Article
    tags : tuple of str
        What the model would give.
    label : str
        The label it hesitates over most.
    probability : float
        Of that label, 0 to 1.
    hesitation : float
        Summed over all labels: 1 for each whose probability lies at its cut.
    drawn_at_random : bool
        Whether chance chose it. Only such articles are a fair sample of where they come from.
    """

    article: Article
    tags: tuple[str, ...]
    label: str
    probability: float
    hesitation: float
    drawn_at_random: bool = False

    @property
    def why(self) -> str:
        """The reason in words."""
        if self.drawn_at_random:
            return DRAWN_AT_RANDOM
        return f"unsure of {self.label} ({self.probability:.2f})"

    @property
    def entry(self) -> Entry:
        """What a labeller's sheet says of it."""
        return Entry(self.article, self.tags, self.why)


def suggest(
    model: Model,
    articles: Iterable[Article],
    *,
    n: int = 100,
    random_share: float = 0.5,
    seed: int = 0,
) -> list[Suggestion]:
    """Return the articles to label next, fewer than `n` when there are not so many.

    Part of them is drawn at random, the rest are those over which the model hesitates most
    (uncertainty sampling, Lewis and Gale 1994), spread over topics (maximal marginal relevance,
    Carbonell and Goldstein 1998). Neither holds an article that has labels, one the model
    cannot judge, or a near-duplicate of another or of one with labels.

    The articles over which a model hesitates are no fair sample: cuts and calibration that come
    from them are wrong (measured in docs/labelling.md). Hence the random part.

    Parameters
    ----------
    model : Model
    articles : iterable of Article
        Read once, as a stream.
    n : int
        At least 1.
    random_share : float
        From 0 to 1.
    seed : int
        Of the draw.

    Raises
    ------
    SettingsError
        When `n` or `random_share` is out of range.
    """
    if n < 1 or not 0 <= random_share <= 1:
        raise SettingsError(
            f"suggest: n is {n}, random_share {random_share}. Choose n from 1 and a share from 0 "
            "to 1."
        )
    labelled, by_lot, by_doubt = _candidates(model, articles, n, np.random.default_rng(seed))
    held = chain(labelled, (each.article for each in chain(by_lot, by_doubt)))
    groups = iter(near_duplicate_groups(map(article_text, held)).tolist())
    known = {next(groups) for _ in labelled}
    drawn = list(zip(by_lot, islice(groups, len(by_lot)), strict=True))
    unsure = list(zip(by_doubt, groups, strict=True))
    n = min(n, len({group for _, group in unsure} - known))
    by_chance = _one_of_each(drawn, known, round(n * random_share))
    left = _one_of_each(unsure, known, len(unsure))
    chosen = _spread(model, left, n - len(by_chance)) if left else []
    return _mixed(chosen, [replace(each, drawn_at_random=True) for each in by_chance])


@dataclass
class _Best:
    """The candidates of highest rank, no more than `most` of them."""

    most: int
    heap: list[tuple[float, int, Suggestion]] = field(default_factory=list)
    n_seen: int = 0

    def add(self, rank: float, candidate: Suggestion) -> None:
        self.n_seen += 1
        # the number settles ties for the earlier one, and keeps suggestions from being compared
        entry = (rank, -self.n_seen, candidate)
        if len(self.heap) < self.most:
            heapq.heappush(self.heap, entry)
        else:
            heapq.heappushpop(self.heap, entry)

    def ranked(self) -> list[Suggestion]:
        return [candidate for _, _, candidate in sorted(self.heap, reverse=True)]


def _candidates(
    model: Model, articles: Iterable[Article], n: int, rng: np.random.Generator
) -> tuple[list[Article], list[Suggestion], list[Suggestion]]:
    """Return the articles with labels, and of the others those drawn and those hesitated over."""
    labelled, drawn, unsure = list[Article](), _Best(DRAWN_EACH * n), _Best(UNSURE_EACH * n)
    remaining, cuts = iter(articles), cut_probabilities(model)
    while batch := list(islice(remaining, BATCH)):
        labelled += [article for article in batch if article.labels is not None]
        unlabelled = [article for article in batch if article.labels is None]
        for article, prediction in zip(unlabelled, model.predict(unlabelled), strict=True):
            if not prediction.note:
                candidate = _suggestion(article, prediction, cuts)
                unsure.add(candidate.hesitation, candidate)
                drawn.add(rng.random(), candidate)
    return labelled, drawn.ranked(), unsure.ranked()


def _suggestion(article: Article, prediction: Prediction, cuts: Vector) -> Suggestion:
    scores = np.array(list(prediction.scores.values()))
    unsure = hesitation(scores[None, :], cuts)[0]
    worst = int(unsure.argmax())
    return Suggestion(
        article=article,
        tags=prediction.tags,
        label=list(prediction.scores)[worst],
        probability=float(scores[worst]),
        hesitation=float(unsure.sum()),
    )


def _one_of_each(
    candidates: Iterable[tuple[Suggestion, int]], taken: set[int], most: int
) -> list[Suggestion]:
    """Return the first candidates whose group of near-duplicates is not taken yet; take it."""
    kept: list[Suggestion] = []
    for candidate, group in candidates:
        if len(kept) < most and group not in taken:
            taken.add(group)
            kept.append(candidate)
    return kept


def _mixed(chosen: list[Suggestion], drawn: list[Suggestion]) -> list[Suggestion]:
    """Return both in their orders, so that whoever stops half-way has labelled some of each."""
    placed = [
        ((i + 0.5) / len(side), each) for side in (chosen, drawn) for i, each in enumerate(side)
    ]
    return [each for _, each in sorted(placed, key=lambda place: place[0])]


def _spread(model: Model, candidates: list[Suggestion], n: int) -> list[Suggestion]:
    from scipy.sparse import csr_matrix

    reading = model.read(article_text(candidate.article) for candidate in candidates)
    values = tfidf_values(reading, model.idf)
    shape = (len(candidates), len(model.vocabulary))
    vectors = csr_matrix((values, reading.terms, reading.starts), shape=shape)
    priority = np.array([candidate.hesitation for candidate in candidates])
    return [candidates[i] for i in choose_spread(priority, vectors, n)]


def worst_entries(
    model: Model, articles: Iterable[Article], errors: Sequence[WorstError]
) -> list[Entry]:
    """Return the articles of a report's worst errors, the worst first, to be labelled again.

    Parameters
    ----------
    model : Model
    articles : iterable of Article
        Those that were evaluated, read once more.
    errors : sequence of WorstError
    """
    waiting: dict[tuple[str, ...], list[int]] = {}
    for i, error in enumerate(errors):
        name = (error.id, error.title, error.outlet, error.date)
        waiting.setdefault(name, []).append(i)
    found: dict[int, tuple[Article, list[int]]] = {}
    for article in articles:
        name = (article.id, article.title, article.source, article.date)
        left = waiting.get(name, [])
        text = article_text(article) if left else ""
        mine = [i for i in left if errors[i].excerpt.strip(CUT) in text]
        if mine:
            waiting[name] = [i for i in left if i not in mine]
            found[mine[0]] = (article, mine)
    ranked = [found[i] for i in sorted(found)]
    said = model.predict([article for article, _ in ranked])
    why = [f"{error.kind} {error.label} ({error.probability:.2f})" for error in errors]
    return [
        Entry(article, prediction.tags, "; ".join(why[i] for i in mine))
        for (article, mine), prediction in zip(ranked, said, strict=True)
    ]
