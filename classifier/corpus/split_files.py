"""A split as files: a folder of parts, or one small table of ids."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import IO, TextIO

import numpy as np

from classifier.article import Article
from classifier.corpus.folds import IntArray
from classifier.corpus.split import Outline, Split, SplitOptions, outline_of, split_outline
from classifier.corpus.write import write_articles_jsonl
from classifier.errors import BadInputError, CorpusError, listed, number_of
from classifier.files import file_sha256, packed
from classifier.pages.document import Block, Document, Row, Table

__all__ = [
    "MANIFEST",
    "check_split_folder",
    "split_document",
    "split_into_files",
    "split_notes",
    "write_assignments",
]


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
            _check_label(label, article)
    line = io.StringIO()
    write_articles_jsonl([article], line)
    try:
        spool.write(line.getvalue().encode())
    except UnicodeEncodeError:
        raise BadInputError(
            f"article '{article.id:.60}': a character was cut in two (half of a surrogate pair). "
            "Write it whole, or drop it."
        ) from None


def _check_label(label: str, article: Article) -> None:
    if "|" in label or label != label.strip() or not label:
        raise BadInputError(
            f"article '{article.id:.60}': label '{label:.60}' would not read back as it is. "
            "Rename it: no |, and no blanks at its ends."
        )


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
