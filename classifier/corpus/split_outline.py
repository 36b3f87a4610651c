"""What a split needs to know of a corpus: everything but its texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from classifier.article import Article, as_articles
from classifier.corpus.labels import label_names, truth_matrix
from classifier.corpus.near_duplicates import near_duplicate_groups
from classifier.corpus.split_sides import FloatArray, IntArray
from classifier.errors import CorpusError
from classifier.text import article_text

__all__ = ["Outline", "outline_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A corpus without its texts.

    Parameters
    ----------
    articles : tuple of Article
        With id, outlet, date and labels; text, headline and other fields are taken away.
    labels : tuple of str
        Every label that some article is said to have or not to have, sorted.
    truth : ndarray of shape (n_articles, n_labels), float64
        1 present, 0 absent, NaN unknown.
    groups : ndarray of shape (n_articles,), int64
        Near-duplicates share a number.
    """

    articles: tuple[Article, ...]
    labels: tuple[str, ...]
    truth: FloatArray
    groups: IntArray


def outline_of(
    articles: Iterable[Article | str], keep: Callable[[Article], None] = lambda article: None
) -> Outline:
    """Read a stream of articles once, hand each to `keep`, and return what a split needs.

    Raises
    ------
    CorpusError
        If there are no articles, or two have the same id.
    """
    kept: list[Article] = []

    def texts() -> Iterator[str]:
        for item in articles:
            [article] = as_articles([item])
            keep(article)
            kept.append(replace(article, text="", title="", extra={}))
            yield article_text(article)

    groups = near_duplicate_groups(texts())
    _check_ids(kept)
    names = label_names(kept)
    truth = truth_matrix([article.labels for article in kept], names)
    return Outline(tuple(kept), names, truth, groups)


def _check_ids(articles: list[Article]) -> None:
    if not articles:
        raise CorpusError("there are no articles to split. Check what was read.")
    first: dict[str, int] = {}
    for place, article in enumerate(articles):
        if article.id and first.setdefault(article.id, place) != place:
            raise CorpusError(
                f"articles {first[article.id] + 1} and {place + 1} have the same id "
                f"'{article.id:.60}'. Give every article its own id, or none."
            )
