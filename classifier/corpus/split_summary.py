"""What the parts of a split hold, as a table and as remarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from classifier.corpus.split import Split, SplitOptions
from classifier.corpus.split_outline import Outline
from classifier.corpus.split_sides import IntArray

__all__ = ["split_remarks", "split_table"]

NAME_WIDTH = 24
# Columns that fit side by side on a screen, and names before the rest is only counted.
COLUMNS = 5
NAMED = 3

Column = tuple[str, IntArray]


def split_table(outline: Outline, splits: Sequence[Split], options: SplitOptions) -> str:
    """Return the sizes of all parts, then articles and shares per label in each.

    With folds the labels are counted in the test sides. Shares are of the labelled articles.
    """
    return "\n".join([*_sizes(outline, splits, options), *_labels(outline, splits)])


def _sizes(outline: Outline, splits: Sequence[Split], options: SplitOptions) -> Iterator[str]:
    head = {"random": "", "time": "  days tested on", "outlet": "  outlets tested on"}[options.by]
    yield f"{'':<{NAME_WIDTH}}  {'train':>9}{'test':>9}{'left out':>10}{head}"
    for split in splits:
        sizes = f"{len(split.train):>9,}{len(split.test):>9,}{len(split.left_out):>10,}"
        tested = _tested(outline, split, options)
        yield f"{split.name or 'articles':<{NAME_WIDTH}}  {sizes}{tested and f'  {tested}'}"


def _tested(outline: Outline, split: Split, options: SplitOptions) -> str:
    if options.by == "random":
        return ""
    articles = [outline.articles[place] for place in split.test]
    if options.by == "time":
        days = [article.date[:10] for article in articles]
        return f"{min(days)} to {max(days)}"
    return _named([name for name, _ in Counter(a.source for a in articles).most_common()])


def _labels(outline: Outline, splits: Sequence[Split]) -> Iterator[str]:
    if len(splits) == 1:
        columns = [("train", splits[0].train), ("test", splits[0].test)]
    else:
        columns = [(split.name, split.test) for split in splits]
    for first in range(0, len(columns), COLUMNS):
        yield ""
        yield from _label_rows(outline, columns[first : first + COLUMNS])


def _label_rows(outline: Outline, columns: Sequence[Column]) -> Iterator[str]:
    labelled = np.array([article.labels is not None for article in outline.articles])
    none = labelled & ~(outline.truth == 1).any(axis=1)
    total = [int(labelled[places].sum()) for _, places in columns]
    yield _row("", [name for name, _ in columns])
    yield _row("labelled", [f"{n:,}       " for n in total])
    rows = [*zip(outline.labels, (outline.truth == 1).T, strict=True), ("none of these", none)]
    for name, has in rows:
        counts = [int(has[places].sum()) for _, places in columns]
        yield _row(name, [_with_share(n, of) for n, of in zip(counts, total, strict=True)])


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<{NAME_WIDTH}}  {''.join(f'{cell:>15}' for cell in cells)}".rstrip()


def _with_share(n: int, of: int) -> str:
    return f"{n:,} {100 * n / of if of else 0:5.1f}%"


def split_remarks(
    outline: Outline, splits: Sequence[Split], options: SplitOptions
) -> Iterator[str]:
    """Yield what the user should know: near-duplicates, fields that lack, labels that are few."""
    yield from _on_duplicates(outline, splits)
    for way, field in (("time", "date"), ("outlet", "source")):
        lacking = sum(not getattr(article, field) for article in outline.articles)
        if options.by == way and lacking:
            what = "date" if way == "time" else "outlet"
            yield f"{lacking:,} articles without {what} are trained on, never tested on"
    yield from _on_few_labels(outline, splits, options)


def _on_duplicates(outline: Outline, splits: Sequence[Split]) -> Iterator[str]:
    sizes = np.bincount(outline.groups)
    left_out = np.unique(np.concatenate([split.left_out for split in splits])).size
    if (sizes > 1).any():
        yield (
            f"{sizes[sizes > 1].sum():,} articles have near-duplicates, in {(sizes > 1).sum():,} "
            f"groups; {left_out:,} were taken from a train side because of that"
        )


def _on_few_labels(
    outline: Outline, splits: Sequence[Split], options: SplitOptions
) -> Iterator[str]:
    for name, has in zip(outline.labels, (outline.truth == 1).T, strict=True):
        missing = [
            f"{split.name} {side}".strip()
            for split in splits
            for side, places in (("train", split.train), ("test", split.test))
            if not has[places].any()
        ]
        if missing:
            few = options.folds is not None and has.sum() < options.folds
            fewer = f", fewer than the {options.folds} folds" if few else ""
            yield (
                f"label '{name}' has {has.sum():,} articles{fewer}: none of them in "
                f"{_named(missing)}"
            )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
