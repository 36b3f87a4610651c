"""A named collection of articles, as training takes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from classifier.article import Article, Labels

__all__ = ["Corpus", "digest_row"]


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


def digest_row(id: str, text: str, labels: Labels) -> bytes:
    """Return what a corpus's hash is made of: a line an article, its text prepared."""
    present = sorted(labels.present)
    absent = None if labels.absent is None else sorted(labels.absent)
    return json.dumps([id, text, present, absent, labels.borderline]).encode() + b"\n"
