"""Labels that cross-validated models of the corpus itself do not believe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from classifier.article import Article, Progress
from classifier.audit.kept import AuditSettings, Kept, Mention

__all__ = ["SuspiciousLabel", "SuspiciousLabels", "TermWatch"]

Matrix = npt.NDArray[np.float64]

# A label with fewer articles that have it, or that lack it, is not judged.
LEAST_EXAMPLES = 10
N_FOLDS = 5


@dataclass(frozen=True, slots=True)
class SuspiciousLabel:
    """A label of an article that may be wrong.

    Parameters
    ----------
    article : Mention
    label : str
    present : bool
        What the corpus says.
    probability : float
        That the label is present, by a model that did not see the article; 4 decimals.
    borderline : bool
        Whether the labeller hesitated.
    """

    article: Mention
    label: str
    present: bool
    probability: float
    borderline: bool


@dataclass(frozen=True, slots=True)
class SuspiciousLabels:
    """The labels to read again, the least believable first.

    Parameters
    ----------
    note : str
        Why nothing was judged; empty when something was.
    n_cells : int
        Known cells (an article and a label) that were judged.
    left_out : tuple of str
        Labels that too few articles have, or lack, to be judged.
    found : tuple of SuspiciousLabel
    """

    note: str = ""
    n_cells: int = 0
    left_out: tuple[str, ...] = ()
    found: tuple[SuspiciousLabel, ...] = ()


class TermWatch:
    """Counts the terms of labelled articles, for the fits afterwards.

    Parameters
    ----------
    settings : AuditSettings
    """

    def __init__(self, settings: AuditSettings) -> None:
        self._settings = settings
        self.note = _reason_against(settings)
        self._places: list[int] = []
        if not self.note:
            from classifier.model.vocabulary import Analyzer
            from classifier.training.count import TermCounter

            self._counter = TermCounter(Analyzer(fold_plurals=True))

    def see(self, place: int, article: Article, text: str) -> None:
        """Count the terms of an article that has labels."""
        if not self.note and article.labels is not None:
            self._places.append(place)
            self._counter.add(text)

    def found(
        self, kept: Kept, groups: npt.NDArray[np.int64], progress: Progress
    ) -> SuspiciousLabels:
        """Fit, hold out, and return what confident learning finds.

        For each label the cells are those of Northcutt, Jiang and Chuang, "Confident Learning",
        JAIR 2021, pruned by noise rate; unknown cells take no part.

        Parameters
        ----------
        groups : ndarray of int64 of shape (n_articles,)
            Near-duplicates share a number, and then a fold.
        """
        if self.note:
            return SuspiciousLabels(self.note)
        names, Y = kept.truth()
        Y = Y[self._places]
        rarer = np.minimum((Y == 1).sum(axis=0), (Y == 0).sum(axis=0))
        enough = rarer >= LEAST_EXAMPLES
        left_out = _named(names, ~enough & ~np.isnan(Y).all(axis=0))
        if not enough.any() or len(np.unique(groups[self._places])) < N_FOLDS:
            note = (
                f"of the {len(Y):,} labelled articles at least {LEAST_EXAMPLES} must have a label "
                "and as many lack it, without being near-duplicates"
            )
            return SuspiciousLabels(note, left_out=left_out)
        Y = Y[:, enough]
        p = self._held_out(kept, Y, groups[self._places], _named(names, enough), progress)
        # by the probability of what the corpus says (self-confidence)
        belief = np.where(Y == 1, p, 1 - p)
        found = sorted(_issues(Y, p), key=lambda cell: (belief[cell], cell))
        return SuspiciousLabels(
            n_cells=int((~np.isnan(Y)).sum()),
            left_out=left_out,
            found=tuple(self._named(kept, Y, p, _named(names, enough), cell) for cell in found),
        )

    def _held_out(
        self,
        kept: Kept,
        Y: Matrix,
        groups: npt.NDArray[np.int64],
        labels: tuple[str, ...],
        progress: Progress,
    ) -> Matrix:
        """Return out-of-fold probabilities, shape of `Y`, from one cheap fit a label and fold."""
        from classifier.training.choose import out_of_fold
        from classifier.training.count import CountedCorpus
        from classifier.training.fit import Candidate
        from classifier.training.record import held_out_probabilities
        from classifier.training.settings import Settings
        from classifier.training.train import natural_folds

        settings = Settings(n_folds=N_FOLDS, seed=self._settings.seed)
        body, lead, vocabulary = self._counter.matrices(settings.min_df)
        chosen = [kept.articles[i] for i in self._places]
        counted = CountedCorpus(
            body=body,
            lead=lead,
            vocabulary=vocabulary,
            n_words=np.array(self._counter.n_words, dtype=np.int64),
            groups=groups,
            labels=[article.labels for article in chosen if article.labels is not None],
            known=[frozenset(labels)] * len(chosen),
            corpus=np.zeros(len(chosen), dtype=np.int64),
            corpora=kept.names[:1],
            natural=np.ones(len(chosen), dtype=bool),
            borderline=np.zeros(len(chosen), dtype=bool),
            sources=[article.source for article in chosen],
            dates=[article.date for article in chosen],
            ids=[article.id for article in chosen],
            n_unlabelled=0,
            sha256="",
        )
        folds = natural_folds(counted, Y, settings)
        done = iter(range(1, N_FOLDS + 1))
        margins = out_of_fold(
            counted,
            Y,
            folds,
            [Candidate(1.0)],
            min_df=settings.min_df,
            jobs=self._settings.jobs,
            tick=lambda: progress("judging labels", next(done), N_FOLDS),
        )[0].margins
        return held_out_probabilities(margins, Y, folds, settings)

    def _named(
        self, kept: Kept, Y: Matrix, p: Matrix, labels: tuple[str, ...], cell: tuple[int, int]
    ) -> SuspiciousLabel:
        row, k = cell
        place = self._places[row]
        known = kept.articles[place].labels
        return SuspiciousLabel(
            article=kept.mention(place),
            label=labels[k],
            present=bool(Y[cell] == 1),
            probability=round(float(p[cell]), 4),
            borderline=known is not None and known.borderline,
        )


def _reason_against(settings: AuditSettings) -> str:
    if not settings.labels:
        return "not asked for"
    if find_spec("cleanlab") is None:
        return "needs cleanlab: pip install 'classifier[audit]'"
    return ""


def _named(names: tuple[str, ...], chosen: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(name for name, keep in zip(names, chosen, strict=True) if keep)


def _issues(Y: Matrix, p: Matrix) -> Iterator[tuple[int, int]]:
    """Yield the cells that confident learning would take out, label by label."""
    from cleanlab.filter import find_label_issues

    for k in range(Y.shape[1]):
        rows = np.flatnonzero(~np.isnan(Y[:, k]))
        both = np.column_stack([1 - p[rows, k], p[rows, k]])
        issues = find_label_issues(Y[rows, k].astype(np.int64), both, n_jobs=1)
        yield from ((int(row), k) for row in rows[issues])
