"""What an evaluation found, as frozen values and as JSON.

`docs/evaluate.md` says what every figure means, `docs/report.schema.json` which JSON it is. A
figure that nothing speaks for is NaN here and null there.
"""

from __future__ import annotations

import dataclasses
import math
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from classifier.errors import BadInputError
from classifier.evaluation.bootstrap import (
    Interval,
    Resampling,
    ShareInterval,
    bootstrap_calibration,
    bootstrap_mean_average_precision,
    percentile_interval,
    resampled_sums,
    share_interval,
)
from classifier.evaluation.judge import Judged, TermWeight, WorstError
from classifier.evaluation.metrics import (
    NONE,
    BoolArray,
    Confusions,
    Cooccurrence,
    FloatArray,
    Histogram,
    IntArray,
    PrecisionRecall,
    ReliabilityBin,
    brier,
    exact_cells,
    expected_calibration_error,
    f1_counts,
    f1_of,
    histogram,
    macro_f1,
    macro_of,
    micro_of,
    per_label,
    precision_at_k,
    precision_recall,
    recall_at_k,
    reliability,
    untagged_cells,
    weighted_of,
)
from classifier.model.folder import reading_record
from classifier.model.model import Model

__all__ = [
    "NONE",
    "SCHEMA_VERSION",
    "Breakdowns",
    "Confusions",
    "Cooccurrence",
    "CorpusFacts",
    "Headline",
    "Histogram",
    "Interval",
    "LabelReport",
    "ModelFacts",
    "NoteCount",
    "PrecisionRecall",
    "Ranking",
    "ReliabilityBin",
    "Report",
    "Resampling",
    "ShareInterval",
    "Slice",
    "TermWeight",
    "WorstError",
    "breakdowns",
    "corpus_facts",
    "headline",
    "json_value",
    "label_reports",
    "model_facts",
    "note_counts",
    "ranking",
]


DECIMALS = 6


def json_value(value: object) -> object:
    """Return dataclasses, tuples and mappings as JSON types, numbers with six decimals."""
    if dataclasses.is_dataclass(value):
        return {f.name: json_value(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [json_value(item) for item in value]
    if isinstance(value, float):
        return round(value, DECIMALS) if math.isfinite(value) else None
    return value


def _decoded(kind: Any, value: object, where: str) -> Any:
    """Return what `json_value` made into `value`, an instance of `kind`."""
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, _checked(value, dict, where), where)
    if origin is tuple:
        return _tuple(get_args(kind), _checked(value, list, where), where)
    if origin is Mapping:
        items = _checked(value, dict, where).items()
        return {key: _decoded(get_args(kind)[1], each, f"{where}.{key}") for key, each in items}
    if origin is UnionType:
        return _checked(value, get_args(kind), where)
    if kind is float:
        return math.nan if value is None else float(_checked(value, (int, float), where))
    return _checked(value, kind, where)


def _dataclass(kind: Any, values: dict[str, object], where: str) -> Any:
    types = get_type_hints(kind)
    if set(values) != set(types):
        odd = sorted(set(values) ^ set(types))[0]
        raise BadInputError(
            f"{where}: field '{odd}' is {'not expected' if odd in values else 'missing'}. "
            "Evaluate the model again."
        )
    return kind(**{k: _decoded(types[k], v, f"{where}.{k}") for k, v in values.items()})


def _tuple(kinds: tuple[Any, ...], values: list[object], where: str) -> tuple[Any, ...]:
    each = [kinds[0]] * len(values) if kinds[-1] is Ellipsis else list(kinds)
    if len(each) != len(values):
        raise _refusal(values, f"{len(each)} values", where)
    pairs = zip(each, values, strict=True)
    return tuple(_decoded(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(pairs))


def _checked(value: object, kinds: Any, where: str) -> Any:
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    if type(value) not in allowed:
        names = " or ".join("null" if kind is NoneType else kind.__name__ for kind in allowed)
        raise _refusal(value, names, where)
    return value


def _refusal(value: object, wanted: str, where: str) -> BadInputError:
    return BadInputError(
        f"{where}: must be {wanted}, but is {reprlib.repr(value)}. Evaluate the model again."
    )


@dataclass(frozen=True, slots=True)
class LabelReport:
    """How one label did.

    Parameters
    ----------
    label : str
    support, predicted, known : int
        Articles that have it, were given it, and of which it is known; the first two among the
        last.
    cut : float
        Probability from which it is given; NaN when it never is, or in mode "one".
    cut_margin : float
        The same as a margin; NaN also where a threshold stands in its place.
    precision, recall, average_precision, roc_auc, brier, calibration_error : float
    f1 : Interval
    precision_recall : PrecisionRecall
        At most 200 points.
    reliability : tuple of ReliabilityBin
        At most ten, of about equal `n`, the probability rising.
    histogram : Histogram
    """

    label: str
    support: int
    predicted: int
    known: int
    cut: float
    cut_margin: float
    precision: float
    recall: float
    f1: Interval
    average_precision: float
    roc_auc: float
    brier: float
    calibration_error: float
    precision_recall: PrecisionRecall
    reliability: tuple[ReliabilityBin, ...]
    histogram: Histogram


def label_reports(
    judged: Judged, resampled: FloatArray, *, level: float
) -> tuple[LabelReport, ...]:
    """Return what was found of each label that the corpus knows, in the model's order.

    Parameters
    ----------
    resampled : ndarray of shape (repeats, 3, n_labels)
        True positives, false positives and false negatives of every resample.
    """
    truth, p, f1 = judged.truth, judged.probabilities, f1_of(*np.moveaxis(resampled, 1, 0))
    made = []
    rows = per_label(truth, judged.predicted, p, judged.labels)
    errors, squares = expected_calibration_error(truth, p), brier(truth, p)
    for k, row in enumerate(rows):
        known = ~np.isnan(truth[:, k])
        cells = truth[known, k], p[known, k]
        made.append(
            LabelReport(
                label=row.label,
                support=row.support,
                predicted=row.predicted_count,
                known=int(known.sum()),
                cut=float(judged.cuts[k]),
                cut_margin=float(judged.cut_margins[k]),
                precision=row.precision,
                recall=row.recall,
                f1=percentile_interval(row.f1, f1[:, k], level),
                average_precision=row.average_precision,
                roc_auc=row.roc_auc,
                brier=float(squares[k]),
                calibration_error=float(errors[k]),
                precision_recall=precision_recall(*cells),
                reliability=reliability(*cells),
                histogram=histogram(*cells),
            )
        )
    return tuple(made)


# The names with most articles have a row of their own, the rest shares one.
MOST_ROWS = 30
UNKNOWN, OTHERS = "unknown", " others"
# Words from which the next band of lengths begins.
BANDS = (50, 150, 300, 600, 1200)


@dataclass(frozen=True, slots=True)
class Slice:
    """The figures of some of the articles, such as those of one outlet."""

    name: str
    n_articles: int
    micro_f1: Interval
    macro_f1: float
    false_tag_rate: ShareInterval


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """The articles by outlet (most articles first), month and number of words."""

    outlet: tuple[Slice, ...]
    month: tuple[Slice, ...]
    length: tuple[Slice, ...]


def breakdowns(judged: Judged, how: Resampling) -> Breakdowns:
    """Return the figures by outlet, month and length; none where nothing is known of it."""
    months = [date[:7] for date in judged.dates]
    bands = np.searchsorted(BANDS, judged.n_words, side="right").tolist()
    by_month = sorted(_named(months), key=lambda row: (OTHERS in row[0], row[0]))
    by_length = [
        (_band(b), np.flatnonzero(np.equal(bands, b)).tolist()) for b in sorted(set(bands))
    ]
    return Breakdowns(
        *(
            tuple(_slice(name, np.array(rows), judged, how) for name, rows in parts)
            for parts in (_named(judged.sources), by_month, by_length)
        )
    )


def _named(names: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return each name with its rows, the commonest first, the rarest together at the end."""
    if not any(names):
        return []
    ranked = sorted(Counter(names).items(), key=lambda item: (-item[1], not item[0], item[0]))
    own: dict[str, list[int]] = {name: [] for name, _ in ranked[:MOST_ROWS]}
    rest: list[int] = []
    for row, name in enumerate(names):
        own.get(name, rest).append(row)
    parts = [(name or UNKNOWN, rows) for name, rows in own.items()]
    return [*parts, (f"{len(ranked) - MOST_ROWS}{OTHERS}", rest)] if rest else parts


def _band(number: int) -> str:
    """Return what a band of lengths is called."""
    if number == 0:
        return f"under {BANDS[0]} words"
    if number == len(BANDS):
        return f"{BANDS[-1]} words or more"
    return f"{BANDS[number - 1]}–{BANDS[number] - 1} words"


def _slice(name: str, rows: IntArray, judged: Judged, how: Resampling) -> Slice:
    truth, predicted = judged.truth[rows], judged.predicted[rows]
    counts = f1_counts(truth, predicted).sum(axis=2)
    cells = np.column_stack([counts, untagged_cells(truth, predicted)])
    sums = resampled_sums(cells, judged.groups[rows], how.repeats, how.seed)
    count, of = cells[:, 3:].sum(axis=0).tolist()
    estimate, spread = (micro_of(each[..., :3, None]) for each in (cells.sum(axis=0), sums))
    return Slice(
        name=name,
        n_articles=len(rows),
        micro_f1=percentile_interval(float(estimate), spread, how.level),
        macro_f1=macro_f1(truth, predicted),
        false_tag_rate=share_interval(count, of, sums[:, 3:], how.level),
    )


@dataclass(frozen=True, slots=True)
class Headline:
    """The figures of the whole, each with its interval."""

    micro_f1: Interval
    macro_f1: Interval
    weighted_f1: Interval
    mean_average_precision: Interval
    exact_match: ShareInterval
    false_tag_rate: ShareInterval
    mean_brier: Interval
    max_calibration_error: Interval


def headline(judged: Judged, cells: FloatArray, resampled: FloatArray, how: Resampling) -> Headline:
    """Return the figures of all articles.

    Parameters
    ----------
    cells : ndarray of shape (3, n_labels)
        True positives, false positives and false negatives.
    resampled : ndarray of shape (repeats, 3, n_labels)
        The same of every resample.
    """
    truth, predicted = judged.truth, judged.predicted
    micro, macro, weighted = (
        percentile_interval(float(figure(cells)), figure(resampled), how.level)
        for figure in (micro_of, partial(macro_of, total=cells), weighted_of)
    )
    mean_brier, calibration = bootstrap_calibration(
        truth, judged.probabilities, groups=judged.groups, how=how
    )
    return Headline(
        micro_f1=micro,
        macro_f1=macro,
        weighted_f1=weighted,
        mean_average_precision=bootstrap_mean_average_precision(
            truth, judged.probabilities, groups=judged.groups,
            repeats=how.repeats, seed=how.seed, level=how.level,
        ),
        exact_match=_share(exact_cells(truth, predicted), judged, how),
        false_tag_rate=_share(untagged_cells(truth, predicted), judged, how),
        mean_brier=mean_brier,
        max_calibration_error=calibration,
    )  # fmt: skip


def _share(cells: BoolArray, judged: Judged, how: Resampling) -> ShareInterval:
    sums = resampled_sums(cells, judged.groups, how.repeats, how.seed)
    count, of = cells.sum(axis=0).tolist()
    return share_interval(count, of, sums, how.level)


AT = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Precision and recall among an article's best labels; the keys are "1", "3" and "5"."""

    precision_at: Mapping[str, float]
    recall_at: Mapping[str, float]


def ranking(truth: FloatArray, scores: FloatArray) -> Ranking:
    """Return precision and recall at 1, 3 and 5."""
    return Ranking(
        {str(k): precision_at_k(truth, scores, k) for k in AT},
        {str(k): recall_at_k(truth, scores, k) for k in AT},
    )


SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model was judged; `thresholds` are probabilities given in place of its own cuts."""

    name: str
    signature: str
    hash: str
    labels: tuple[str, ...]
    mode: str
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """What it was judged on.

    Parameters
    ----------
    name : str
    n_articles, n_unlabelled : int
        Labelled articles, which all figures are about, and those that were left out.
    n_groups : int
        Articles when near-duplicates count as one.
    n_untagged : int
        Articles that are known to have none of the labels.
    first_date, last_date : str
        The earliest and the latest day, ``YYYY-MM-DD``, empty when no article has one.
    unknown_labels : tuple of str
        Labels of the corpus that the model does not have; they are left out.
    unmentioned_labels : tuple of str
        Labels of the model that the corpus never mentions, not even as absent; they are
        unknown in every article, so nothing is said of them.
    seen_in_training : bool or None
        Whether the model was trained on this corpus, as far as names and hashes tell; ``None``
        when the model does not say what it was trained on.
    seen_because : str
        "content" (the very same articles), "name" (a corpus of that name), or empty.
    """

    name: str
    n_articles: int
    n_unlabelled: int
    n_groups: int
    n_untagged: int
    first_date: str
    last_date: str
    unknown_labels: tuple[str, ...]
    unmentioned_labels: tuple[str, ...]
    seen_in_training: bool | None
    seen_because: str


def model_facts(model: Model, thresholds: Mapping[str, float]) -> ModelFacts:
    """Return which model it is, and the thresholds that it was judged with."""
    return ModelFacts(
        name=model.name,
        signature=model.signature,
        hash=str(model.info.get("hash", "")),
        labels=model.labels,
        mode=model.mode,
        thresholds=dict(thresholds),
    )


def corpus_facts(model: Model, judged: Judged, name: str) -> CorpusFacts:
    """Return what a model was judged on, the corpus being called `name`."""
    seen, because = _seen_in_training(model, name, judged.sha256)
    days = sorted(filter(None, judged.dates))
    return CorpusFacts(
        name=name,
        n_articles=len(judged.truth),
        n_unlabelled=judged.n_unlabelled,
        n_groups=len(np.unique(judged.groups)),
        n_untagged=int((judged.truth == 0).all(axis=1).sum()),
        first_date=days[0] if days else "",
        last_date=days[-1] if days else "",
        unknown_labels=judged.unknown_labels,
        unmentioned_labels=judged.unmentioned_labels,
        seen_in_training=seen,
        seen_because=because,
    )


def _seen_in_training(model: Model, name: str, sha256: str) -> tuple[bool | None, str]:
    """Return whether the model was trained on the corpus, if it can tell, and what says so."""
    corpus = model.info.get("corpus")
    if not isinstance(corpus, Mapping) or not {"names", "sha256"} <= set(corpus):
        return None, ""
    with reading_record(model):
        if corpus["sha256"] == sha256:
            return True, "content"
        if name not in corpus["names"]:
            return False, ""
    from classifier.published.sources import NAMES

    # files of one stem are not one corpus; the published ones go by their names
    return (True, "name") if name in NAMES else (False, "")


@dataclass(frozen=True, slots=True)
class NoteCount:
    """So many articles got this note, its numbers left out."""

    note: str
    n_articles: int


_NUMBER = re.compile(r"\d+")


def note_counts(notes: Iterable[str]) -> tuple[NoteCount, ...]:
    """Return how often each note was made, whatever its numbers, the commonest first."""
    counts = Counter(_NUMBER.sub("…", note) for note in notes if note)
    return tuple(NoteCount(*item) for item in sorted(counts.items(), key=lambda i: (-i[1], i[0])))


@dataclass(frozen=True, slots=True)
class Report:
    """Everything an evaluation found; `worst_errors` starts with the worst."""

    model: ModelFacts
    corpus: CorpusFacts
    resampling: Resampling
    headline: Headline
    ranking: Ranking
    labels: tuple[LabelReport, ...]
    breakdowns: Breakdowns
    cooccurrence: Cooccurrence
    confusions: Confusions
    notes: tuple[NoteCount, ...]
    worst_errors: tuple[WorstError, ...]
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, object]:
        """Return the report as JSON types, numbers with six decimals, NaN as None."""
        return json_value(self)  # type: ignore[return-value]

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Report:
        """Return the report that `to_json` made of it.

        Raises
        ------
        BadInputError
            When it is no report, or one of another version.
        """
        version = values.get("schema_version")
        if version != SCHEMA_VERSION:
            raise BadInputError(
                f"report: schema_version is {version!r}, this classifier knows {SCHEMA_VERSION}. "
                "Evaluate the model again."
            )
        report: Report = _decoded(cls, values, "report")
        return report
