"""Articles that one of two models has right and the other wrong, and the terms behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifier.evaluation.comparison import ArticleChange, ChangedTag, InBoth, TermChange, Turned
from classifier.evaluation.paired_judgement import PairedJudgement
from classifier.evaluation.paired_reading import PairedReading
from classifier.model.model import Model
from classifier.model.prediction import Explanation

__all__ = ["explained_changes", "strongest", "turned_articles"]

IntArray = npt.NDArray[np.int64]

# As many terms as a reader takes in at a glance.
TOP = 8


def turned_articles(judgement: PairedJudgement) -> tuple[Turned, IntArray, IntArray]:
    """Return the counts of right articles and the rows of those fixed, and of those broken.

    An article is right when all its known cells are. The test is McNemar's (1947) in its exact
    form: under chance, fixed and broken articles fall like a coin.
    """
    from scipy.stats import binomtest

    right_a, right_b = (~wrong.any(axis=1) for wrong in judgement.wrong)
    fixed, broken = np.flatnonzero(right_b & ~right_a), np.flatnonzero(right_a & ~right_b)
    n = len(fixed) + len(broken)
    turned = Turned(
        both_right=int((right_a & right_b).sum()),
        fixed=len(fixed),
        broken=len(broken),
        both_wrong=int((~right_a & ~right_b).sum()),
        p_value=float(binomtest(len(fixed), n, 0.5).pvalue) if n else 1.0,
    )
    return turned, fixed, broken


def strongest(judgement: PairedJudgement, rows: IntArray, n: int) -> IntArray:
    """Return the n of `rows` in which the probability of a changed tag moved furthest."""
    moved = np.abs(judgement.scores[1] - judgement.scores[0])[rows]
    furthest = np.where(judgement.changed[rows], moved, 0).max(axis=1, initial=0)
    return rows[np.argsort(-furthest, kind="stable")[:n]]


def explained_changes(
    models: Sequence[Model], reading: PairedReading, judgement: PairedJudgement, rows: IntArray
) -> tuple[ArticleChange, ...]:
    """Return the articles in `rows` with every tag that changed and the terms behind it."""
    return tuple(_article_change(models, reading, judgement, int(row)) for row in rows)


def _article_change(
    models: Sequence[Model], reading: PairedReading, judgement: PairedJudgement, row: int
) -> ArticleChange:
    place = int(judgement.places[row])
    article, (note_a, note_b) = reading.articles[place], reading.notes[place]
    a, b = (model.explain(reading.text(place)) for model in models)
    tags = tuple(
        _changed_tag(judgement, row, int(k), a[judgement.labels[k]], b[judgement.labels[k]])
        for k in np.flatnonzero(judgement.changed[row])
    )
    return ArticleChange(place + 1, article.id, article.title, note_a, note_b, tags)


def _changed_tag(
    judgement: PairedJudgement, row: int, k: int, a: Explanation, b: Explanation
) -> ChangedTag:
    return ChangedTag(
        label=judgement.labels[k],
        present=bool(judgement.truth[row, k] == 1),
        given_b=bool(judgement.given[1, row, k]),
        score=InBoth(*judgement.scores[:, row, k].tolist()),
        margin=InBoth(a.margin, b.margin),
        bias=InBoth(a.bias, b.bias),
        cut=InBoth(a.cut, b.cut),
        terms=_term_changes(a, b)[:TOP],
    )


def _term_changes(a: Explanation, b: Explanation) -> tuple[TermChange, ...]:
    """Return every term of either explanation that changed, the largest change first."""
    in_a, in_b = ({c.term: c.value for c in each.contributions} for each in (a, b))
    terms = dict.fromkeys([*in_a, *in_b])
    changes = [TermChange(term, in_a.get(term, 0.0), in_b.get(term, 0.0)) for term in terms]
    changed = [change for change in changes if change.change]
    return tuple(sorted(changed, key=lambda change: (-abs(change.change), change.term)))
