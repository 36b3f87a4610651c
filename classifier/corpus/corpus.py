"""A named collection of articles, as training takes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from classifier.article import Article

__all__ = ["Corpus"]


@dataclass(frozen=True)
class Corpus:
    """Articles from one place, labelled with one set of labels.

    Parameters
    ----------
    name : str
    articles : iterable of Article
        Read once, in order; a generator will do.
    natural : bool
        Whether its articles are a fair sample of what the model will meet. Cuts, calibration
        and figures come from natural corpora alone; the others only help the fit.
    """

    name: str
    articles: Iterable[Article]
    natural: bool = True
