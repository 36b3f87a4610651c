"""Divide a corpus for training and testing, and write the parts as files or a table of ids."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO, TextIO

import numpy as np

from classifier.article import Article
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.corpus.folds import (
    FloatArray,
    IntArray,
    Sides,
    outlet_folds,
    outlet_split,
    stratified_folds,
    stratified_split,
    time_folds,
    time_split,
)
from classifier.corpus.labels import label_names, truth_matrix
from classifier.corpus.write import write_articles_jsonl
from classifier.errors import BadInputError, CorpusError, SettingsError, listed, number_of
from classifier.fields import Articles, iter_articles
from classifier.files import file_sha256, packed
from classifier.pages.document import Block, Document, Row, Table
from classifier.text import article_text

__all__ = [
    "MANIFEST",
    "WAYS",
    "Outline",
    "Split",
    "SplitOptions",
    "check_split_folder",
    "outline_of",
    "split_corpus",
    "split_document",
    "split_into_files",
    "split_notes",
    "split_outline",
    "write_assignments",
]


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
    articles: Articles, keep: Callable[[Article], None] = lambda article: None
) -> Outline:
    """Read a stream of articles once, hand each to `keep`, and return what a split needs.

    Raises
    ------
    CorpusError
        If there are no articles, or two have the same id.
    """
    kept: list[Article] = []

    def texts() -> Iterator[str]:
        for article in iter_articles(articles):
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


WAYS = ("random", "time", "outlet")
TEST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How a corpus is divided.

    Parameters
    ----------
    by : {"random", "time", "outlet"}
        Stratified by label, later days against earlier ones, or whole outlets left out.
    test_share : float or None
        Share of the articles to test on, between 0 and 1; 0.2 when None. Not with `folds`.
    folds : int or None
        So many splits, at least 2, in place of one.
    seed : int
        Of what chance decides; by time it decides nothing.

    Raises
    ------
    SettingsError
        If a value is out of range, or both `test_share` and `folds` are given.
    """

    by: str = "random"
    test_share: float | None = None
    folds: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise SettingsError(f"by is '{self.by}'. Choose one of {', '.join(WAYS)}.")
        if self.folds is not None and self.test_share is not None:
            raise SettingsError(
                f"both folds ({self.folds}) and a test share ({self.test_share}) are given. "
                "Folds decide the share themselves; leave one of them out."
            )
        if self.folds is not None and self.folds < 2:
            raise SettingsError(f"folds is {self.folds}. Choose 2 or more, or leave it out.")
        if not 0 < self.share < 1:
            raise SettingsError(
                f"test_share is {self.share}. Choose one between 0 and 1, such as 0.2."
            )

    @property
    def share(self) -> float:
        """The share to test on when there are no folds."""
        return TEST_SHARE if self.test_share is None else self.test_share


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One way to train and test, as positions of articles.

    Parameters
    ----------
    name : str
        ``fold-1``, ``fold-2`` … or empty when there is only one split.
    train, test : ndarray of int64
        Sorted positions of the articles to train and to test on.
    left_out : ndarray of int64
        Near-duplicates of test articles that would otherwise be trained on.
    """

    name: str
    train: IntArray
    test: IntArray
    left_out: IntArray


def split_corpus(
    articles: Articles,
    *,
    by: str = "random",
    test_share: float | None = None,
    folds: int | None = None,
    seed: int = 0,
) -> tuple[Split, ...]:
    """Return how to divide articles for training and testing: one split, or one a fold.

    Near-duplicates are found (MinHash) and never stand on both sides.

    Parameters
    ----------
    articles : iterable of Article or str
        Read once, in order; the texts are not kept.
    by, test_share, folds, seed
        As in `SplitOptions`. Folds by time are forward chaining: train on the past, test on the
        days that follow.

    Raises
    ------
    SettingsError
        If a value is out of range, or both `test_share` and `folds` are given.
    CorpusError
        If the articles cannot be divided so: too few, two of one id, without dates or outlets.

    Examples
    --------
    >>> stories = [f"story number {word}" for word in "one two three four five".split()]
    >>> [split] = split_corpus(stories, seed=1)
    >>> len(split.train), len(split.test)
    (4, 1)
    """
    options = SplitOptions(by, test_share, folds, seed)
    return split_outline(outline_of(articles), options)


def split_outline(outline: Outline, options: SplitOptions) -> tuple[Split, ...]:
    """Return what `split_corpus` does, of a corpus that was read before."""
    divide = {"random": _by_chance, "time": _by_time, "outlet": _by_outlet}[options.by]
    sides = divide(outline, options)
    names = [f"fold-{fold}" for fold in range(1, len(sides) + 1)] if options.folds else [""]
    return tuple(
        Split(name, train, test, _left_out(outline, options, train, test))
        for name, (train, test) in zip(names, sides, strict=True)
    )


def _by_chance(outline: Outline, options: SplitOptions) -> list[Sides]:
    truth, groups, seed = outline.truth, outline.groups, options.seed
    if options.folds is None:
        return [stratified_split(truth, groups, test_share=options.share, seed=seed)]
    fold_of = stratified_folds(truth, groups, n_folds=options.folds, seed=seed)
    return [
        (np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold))
        for fold in range(options.folds)
    ]


def _by_time(outline: Outline, options: SplitOptions) -> list[Sides]:
    dates = [article.date for article in outline.articles]
    if not any(dates):
        raise CorpusError(
            f"all {len(dates)} articles lack a date, so none is later than another. Name the "
            "field that holds it (--date-field), or split by random or by outlet."
        )
    if options.folds is None:
        return [time_split(dates, test_share=options.share, groups=outline.groups)]
    return list(time_folds(dates, n_folds=options.folds, groups=outline.groups))


def _by_outlet(outline: Outline, options: SplitOptions) -> list[Sides]:
    sources = [article.source for article in outline.articles]
    groups, seed = outline.groups, options.seed
    if options.folds is None:
        return [outlet_split(sources, test_share=options.share, groups=groups, seed=seed)]
    folds = outlet_folds(sources, outline.truth, n_folds=options.folds, groups=groups, seed=seed)
    return list(folds)


def _left_out(outline: Outline, options: SplitOptions, train: IntArray, test: IntArray) -> IntArray:
    """Return the articles of neither side; by time, those of days after the test side are not."""
    rest = np.setdiff1d(np.arange(len(outline.articles)), np.concatenate([train, test]))
    if options.by != "time":
        return rest
    days = [article.date[:10] for article in outline.articles]
    last = max(days[place] for place in test)
    return np.array([place for place in rest if days[place] <= last], dtype=np.int64)


# Columns that fit side by side on a screen, and names before the rest is only counted.
COLUMNS = 5
NAMED = 3
Column = tuple[str, IntArray]


def split_document(outline: Outline, splits: Sequence[Split], options: SplitOptions) -> Document:
    """Return the sizes of all parts, then articles and shares per label in each.

    With folds the labels are counted in the test sides. Shares are of the labelled articles.
    """
    if len(splits) == 1:
        columns = [("train", splits[0].train), ("test", splits[0].test)]
    else:
        columns = [(split.name, split.test) for split in splits]
    tables = [
        _label_table(outline, columns[first : first + COLUMNS])
        for first in range(0, len(columns), COLUMNS)
    ]
    notes = split_notes(outline, splits, options)
    lead: list[Block] = [_size_table(outline, splits, options), *tables, *notes]
    return Document("split", "Articles by part", tuple(lead))


def _size_table(outline: Outline, splits: Sequence[Split], options: SplitOptions) -> Table:
    head = {"random": (), "time": ("days tested on",), "outlet": ("outlets tested on",)}[options.by]
    rows = tuple(
        (
            split.name or "articles",
            *(f"{len(part):,}" for part in (split.train, split.test, split.left_out)),
            *_tested(outline, split, options),
        )
        for split in splits
    )
    return Table(("", "train", "test", "left out", *head), rows)


def _tested(outline: Outline, split: Split, options: SplitOptions) -> tuple[str, ...]:
    if options.by == "random":
        return ()
    articles = [outline.articles[place] for place in split.test]
    if options.by == "time":
        days = [article.date[:10] for article in articles]
        return (f"{min(days)} to {max(days)}",)
    outlets = [name for name, _ in Counter(a.source for a in articles).most_common()]
    return (listed(outlets, most=NAMED),)


def _label_table(outline: Outline, columns: Sequence[Column]) -> Table:
    labelled = np.array([article.labels is not None for article in outline.articles])
    none = labelled & ~(outline.truth == 1).any(axis=1)
    total = [int(labelled[places].sum()) for _, places in columns]
    rows: list[Row] = [("labelled", *(f"{n:,}" for n in total))]
    by_label = zip(outline.labels, (outline.truth == 1).T, strict=True)
    for name, has in (*by_label, ("no label", none)):
        counts = [int(has[places].sum()) for _, places in columns]
        pairs = zip(counts, total, strict=True)
        rows.append((name, *(f"{n:,} ({100 * n / of if of else 0:.1f} %)" for n, of in pairs)))
    return Table(("", *(name for name, _ in columns)), tuple(rows))


def split_notes(outline: Outline, splits: Sequence[Split], options: SplitOptions) -> Iterator[str]:
    """Yield what the user should know: near-duplicates, fields that lack, labels that are few."""
    yield from _on_duplicates(outline, splits)
    for way, field, what in (("time", "date", "date"), ("outlet", "source", "outlet")):
        lacking = sum(not getattr(article, field) for article in outline.articles)
        if options.by == way and lacking:
            yield (
                f"{number_of(lacking, 'article')} without {what} "
                f"{'is' if lacking == 1 else 'are'} trained on, never tested on"
            )
    yield from _on_few_labels(outline, splits, options)


def _on_duplicates(outline: Outline, splits: Sequence[Split]) -> Iterator[str]:
    sizes = np.bincount(outline.groups)
    left_out = np.unique(np.concatenate([split.left_out for split in splits])).size
    if (sizes > 1).any():
        yield (
            f"{sizes[sizes > 1].sum():,} articles have near-duplicates, in "
            f"{number_of((sizes > 1).sum(), 'group')}; {number_of(left_out, 'was', 'were')} taken "
            "from a train side because of that"
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
                f"label '{name}' has {number_of(has.sum(), 'article')}{fewer}: none of them in "
                f"{listed(missing, most=NAMED)}"
            )


MANIFEST = "split.json"
MADE_BY = "classifier split"
_PART = re.compile(r"(?:fold-[1-9]\d*/)?(?:train|test)\.jsonl\.gz")
# Half the time of the default and hardly larger.
_COMPRESSION = 6


def split_into_files(
    articles: Iterable[Article], out: Path, options: SplitOptions, *, force: bool = False
) -> tuple[Outline, tuple[Split, ...]]:
    """Divide a stream of articles and write the parts as packed JSONL below `out`.

    One split gives ``train.jsonl.gz`` and ``test.jsonl.gz``, folds give ``fold-1/…`` and so on,
    and ``split.json`` says how they were made. `read_articles` of a part gives equal articles.
    The texts wait in a temporary file, not in memory. Parts of an earlier split in `out` are
    replaced once the new ones are whole.

    Returns
    -------
    Outline, tuple of Split
        What was divided, and how.

    Raises
    ------
    CorpusError
        If `out` holds other files and `force` does not say so, the articles cannot be divided,
        or two have one id.
    BadInputError
        If an article cannot be written so that it reads back equal.
    """
    check_split_folder(out, force=force)
    with tempfile.TemporaryFile() as spool:
        outline = outline_of(articles, lambda article: _keep(article, spool))
        splits = split_outline(outline, options)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            names = _write_parts(Path(folder), spool, splits)
            _write_manifest(Path(folder), names, outline, options)
            _move(Path(folder), out, names)
    return outline, splits


def check_split_folder(out: Path, *, force: bool = False) -> None:
    """Raise `CorpusError` unless `out` is new, empty, an earlier split, or `force` is set."""
    if out.exists() and not out.is_dir():
        raise CorpusError(f"{out}: is a file. Name a folder.")
    names = sorted(path.name for path in out.iterdir()) if out.exists() else []
    if names and not force and _manifest(out).get("made_by") != MADE_BY:
        raise CorpusError(
            f"{out}: holds files that are no earlier split (such as {names[0]}). Name a new or "
            "empty folder, or pass --force to write beside them."
        )


def _manifest(folder: Path) -> dict[str, object]:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(article: Article, spool: IO[bytes]) -> None:
    """Append an article to the spool as one line."""
    if article.labels is not None:
        for label in article.labels.present | (article.labels.absent or frozenset()):
            if "|" in label or label != label.strip() or not label:
                raise BadInputError(
                    f"article '{article.id:.60}': label '{label:.60}' would not read back as it "
                    "is. Rename it: no |, and no blanks at its ends."
                )
    line = io.StringIO()
    write_articles_jsonl([article], line)
    try:
        spool.write(line.getvalue().encode())
    except UnicodeEncodeError:
        raise BadInputError(
            f"article '{article.id:.60}': a character was cut in two (half of a surrogate pair). "
            "Write it whole, or drop it."
        ) from None


def _write_parts(folder: Path, spool: IO[bytes], splits: Sequence[Split]) -> list[str]:
    names = []
    for split in splits:
        (folder / split.name).mkdir(exist_ok=True)
        for side, places in (("train", split.train), ("test", split.test)):
            names.append(str(Path(split.name) / f"{side}.jsonl.gz"))
            chosen = set(places.tolist())
            spool.seek(0)
            lines = (line for place, line in enumerate(spool) if place in chosen)
            with (
                (folder / names[-1]).open("xb") as raw,
                packed(raw, ".gz", gzip_level=_COMPRESSION) as stream,
            ):
                stream.writelines(lines)
    return names


def _write_manifest(
    folder: Path, names: Sequence[str], outline: Outline, options: SplitOptions
) -> None:
    content = {
        "made_by": MADE_BY,
        "options": asdict(options),
        "articles": len(outline.articles),
        "labels": list(outline.labels),
        "parts": {name: {"sha256": file_sha256(folder / name)} for name in names},
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (folder / MANIFEST).write_text(f"{text}\n", encoding="utf-8")


def _move(folder: Path, out: Path, names: Sequence[str]) -> None:
    """Put the new parts into place and take away those of an earlier split."""
    earlier = _manifest(out)
    parts = earlier.get("parts") if earlier.get("made_by") == MADE_BY else None
    known = parts if isinstance(parts, dict) else {}
    stale = {name for name in known if _PART.fullmatch(name)} - set(names)
    for name in chain(names, [MANIFEST]):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).replace(out / name)
    for name in stale:
        (out / name).unlink(missing_ok=True)
        # A folder in which somebody keeps something else stays.
        with suppress(OSError):
            if (out / name).parent != out:
                (out / name).parent.rmdir()


def write_assignments(outline: Outline, splits: Sequence[Split], stream: TextIO) -> int:
    """Write the part of each article as CSV with the columns id and part; return how many rows.

    The part is ``train``, ``test``, ``left-out`` (a near-duplicate of a test article) or, in
    folds by time, ``later``. With folds there is a row per article and fold, its part written
    ``fold-1/train`` and so on.

    Raises
    ------
    CorpusError
        If an article has no id.
    """
    ids = [article.id for article in outline.articles]
    if "" in ids:
        raise CorpusError(
            f"{ids.count('')} of {len(ids)} articles have no id, so a table of ids cannot name "
            "them. Give them ids, or write the parts as files."
        )
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["id", "part"])
    writer.writerows(chain.from_iterable(_assigned(ids, split) for split in splits))
    return len(ids) * len(splits)


def _assigned(ids: Sequence[str], split: Split) -> Iterator[tuple[str, str]]:
    parts = np.full(len(ids), "later", dtype=object)
    for part, places in (
        ("train", split.train), ("test", split.test), ("left-out", split.left_out),
    ):  # fmt: skip
        parts[places] = part
    prefix = f"{split.name}/" if split.name else ""
    return ((id, f"{prefix}{part}") for id, part in zip(ids, parts, strict=True))
