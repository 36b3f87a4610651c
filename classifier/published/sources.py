"""The published corpora as records: fetched into the cache, and joined with our labels."""

from __future__ import annotations

import csv
import hashlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from classifier.article import Article, Labels
from classifier.errors import CorpusError
from classifier.files import cache_dir, resource, write_json_lines
from classifier.published import readers
from classifier.published.git import GitRepository, file_of, git_folder
from classifier.published.readers import Reader
from classifier.published.wheel import NewsArticlesWheel

__all__ = [
    "CORPORA",
    "GROUPS",
    "NAMES",
    "LabelRow",
    "PublishedCorpus",
    "build_corpus",
    "corpora_of",
    "fetch_corpus",
    "label_rows",
    "load_corpus",
]

# Of the labelled texts at least this share has to be there as it was labelled.
LEAST_AGREEING = 0.9
IDS_NAMED = 5


@dataclass(frozen=True, slots=True)
class PublishedCorpus:
    """A published corpus and our labels for it.

    Parameters
    ----------
    name : str
        What the command line calls it.
    about : str
        What it is, in one line.
    licence : str
        As its place states it.
    origin : GitRepository or NewsArticlesWheel
        Where the texts come from, in which version, and how they are read.
    labels_file : str or Path
        A name in the shipped ``data`` folder, or an absolute path. Of a file with a column
        ``corpus`` the rows with this name count.
    """

    name: str
    about: str
    licence: str
    origin: GitRepository | NewsArticlesWheel
    labels_file: str | Path = "world.labels.csv"

    def labels(self) -> dict[str, LabelRow]:
        """Return our labels by the id of their article."""
        return label_rows(self.labels_path(), corpus=self.name)

    def labels_path(self) -> Path:
        """Return where the label file lies."""
        path = Path(self.labels_file)
        return path if path.is_absolute() else resource("data", str(path))


FETCHED = "The texts belong to their publishers; they are fetched, never shipped."
UNSTATED = f"None stated for the texts. {FETCHED}"


def _on_github(
    name: str,
    about: str,
    repository: str,
    commit: str,
    *,
    licence: str = UNSTATED,
    labels_file: str = "world.labels.csv",
    files: Callable[[str], str] | tuple[str, ...] = file_of,
) -> PublishedCorpus:
    """Return the corpus in a repository, read by the reader of its own name."""
    reader: Reader = getattr(readers, name)
    origin = GitRepository(f"https://github.com/{repository}.git", commit, reader, files)
    return PublishedCorpus(name, about, licence, origin, labels_file)


_WORLD = (
    _on_github(
        "ww_newswire",
        "News of 81 sites in some 50 countries, mostly June to August 2022",
        "stanfordnlp/en-worldwide-newswire",
        "e082527b86d9a68475166ab584b9c47f282177da",
    ),
    _on_github(
        "kremlin_news",
        "News of the Russian president's site, 1999 to 2020",
        "iandennismiller/valdai-transcripts",
        "d365d811cb40d792621e10c96f38729f6150cb21",
        licence="CC BY 4.0, as the site states.",
    ),
    _on_github(
        "putin_zelenskyy",
        "Press releases of two presidents, 2021 and 2022",
        "PeiYiZhuo/zelenskyy-putin",
        "134450b5183c05bcbaac31d87e0e0ed65d54986e",
    ),
    _on_github(
        "sea_media",
        "Six papers of South-East Asia on China, mostly 2023 and 2024",
        "BachNgoH/EDA_China_Media",
        "5e4bdb8b41b31b3d86fd7b74a21973300c25273a",
        files=readers.SEA_MEDIA_FILES,
    ),
    _on_github(
        "intl_news",
        "BBC, CNN, Fox News, TRT World and Al Jazeera, mostly 2024",
        "abdullah-2k3/abdullah-2k3-Comparative-Linguistic-Analysis-of-Mainstream-"
        "International-News-Articles",
        "eb4fb75c61a4a08dc2431b3848852e1343e4736b",
    ),
    _on_github(
        "felix",
        "A student paper's pages on arts, music, film, books, technology, 2009 to 2019",
        "FelixOnline/v2",
        "9aceeffa685feb30c148b2288376bbe32f2bb88b",
    ),
    _on_github(
        "bulwark",
        "Dow Jones, Reuters, Business Standard, The Hill and others, February 2025",
        "zhigehe/bulwark",
        "91e82e6d748413c0e33f3ecf69ac04ad8bed41e9",
    ),
    _on_github(
        "gafam_cpi",
        "News on Google, Microsoft and competition law, 2005 to 2022",
        "adellegia/topic-modeling-GAFAM-press-releases",
        "94961f85adf8711026ac7b65699310d28b404c69",
        licence=f"MIT for the repository; none stated for the texts. {FETCHED}",
    ),
    _on_github(
        "wikinews",
        "Wikinews, 2019 to 2021",
        "vanatteveldt/wikinews",
        "347254178bf343f3801aac1d03c41cc09c35decb",
        licence="CC BY 2.5, as the repository and the site state.",
    ),
    _on_github(
        "wh_briefings",
        "Briefings, statements and speeches of the White House, 2021 to 2026",
        "brian14708/wh-briefings",
        "737ca03a271adc205c67766074ec8d0070f7ad95",
        licence="CC0, as the repository states.",
    ),
    _on_github(
        "trove_covid",
        "Releases of Australian members and ministers on the pandemic, 2020 and 2021",
        "GLAM-Workbench/trove-parliament-press-releases-covid",
        "f7a4657d28d8142aec224ee69823d95da62ed850",
        licence=f"Copyright Not Evaluated, as the repository states. {FETCHED}",
    ),
)
CORPORA: Mapping[str, PublishedCorpus] = {
    corpus.name: corpus
    for corpus in (
        PublishedCorpus(
            name="news_articles",
            about="NewsArticles: 3,788 articles of nine outlets, December 2016 to March 2017 "
            "(Tianru Dai, Harvard Dataverse, doi:10.7910/DVN/GMFCTR)",
            licence=FETCHED,
            origin=NewsArticlesWheel(),
            labels_file="news_articles.labels.csv",
        ),
        _on_github(
            "allsides",
            "Article-Bias-Prediction: American outlets, 2012 to 2020 (Baly, Da San Martino, "
            "Glass and Nakov, We Can Detect Your Bias, EMNLP 2020)",
            "ramybaly/Article-Bias-Prediction",
            "ced8111a720948e6a410e52031ace99c4e53f096",
            licence=f"Apache-2.0, as the repository states. {FETCHED}",
            labels_file="allsides.labels.csv",
            files="data/jsons/{}.json".format,
        ),
        *_WORLD,
    )
}
# Several corpora under one name.
GROUPS: Mapping[str, tuple[str, ...]] = {"world": tuple(corpus.name for corpus in _WORLD)}
NAMES = (*CORPORA, *GROUPS)


def corpora_of(name: str) -> tuple[PublishedCorpus, ...]:
    """Return the corpus of a name, or all of a group.

    Raises
    ------
    CorpusError
        When nothing is called so.
    """
    if name not in NAMES:
        raise CorpusError(f"no corpus is called {name!r}. Choose one of {', '.join(NAMES)}.")
    return tuple(CORPORA[each] for each in GROUPS.get(name, (name,)))


def _named(name: str | PublishedCorpus) -> tuple[PublishedCorpus, ...]:
    return corpora_of(name) if isinstance(name, str) else (name,)


def fetch_corpus(
    name: str | PublishedCorpus,
    *,
    source: Path | None = None,
    cache: Path | None = None,
    announce: Callable[[str], None] = lambda message: None,
) -> list[Path]:
    """Bring the texts of a corpus, or of every one of a group, into the cache.

    Parameters
    ----------
    name : str or PublishedCorpus
        One of `NAMES`, or a corpus of your own.
    source : Path, optional
        A copy already on this machine, which is read in place of the network: a clone, a wheel
        or a file; or a folder of clones that are called as the corpora or the repositories.
    cache : Path, optional
        The cache folder; `cache_dir()` when left out.
    announce : callable
        Is given progress and warnings, a line each.

    Returns
    -------
    list of Path
        The files, one a corpus.

    Raises
    ------
    CorpusError
        When texts cannot be reached or are not the published ones; what was in the cache
        stays as it was, and the other corpora of a group are there.
    """
    paths, failures = [], []
    corpora = _named(name)
    for corpus in corpora:
        try:
            paths.append(_fetched(corpus, source, cache, announce))
        except CorpusError as error:
            failures.append((corpus, error))
    if len(corpora) == 1 and failures:
        raise failures[0][1]
    if failures:
        first, reason = failures[0]
        names = ", ".join(corpus.name for corpus, _ in failures)
        raise CorpusError(
            f"{len(failures)} of {len(corpora)} corpora could not be fetched: {names}. "
            f"The first, {first.name}: {reason}"
        )
    return paths


def _fetched(
    corpus: PublishedCorpus,
    source: Path | None,
    cache: Path | None,
    announce: Callable[[str], None],
) -> Path:
    rows, target = corpus.labels(), _cached(corpus, cache)
    if _is_whole(corpus, target, rows):
        announce(f"{corpus.name} is already at {target}")
        return target
    part = target.with_name(f"part-{target.name}")
    try:
        corpus.origin.bring(
            part,
            rows,
            source=source and _own_place(source, corpus),
            announce=lambda line: announce(f"{corpus.name}: {line}"),
        )
        for _ in _joined(corpus, part, rows, announce):
            pass
        part.replace(target)
    except CorpusError as error:
        raise CorpusError(f"{error} {corpus.origin.by_hand(corpus.name, target)}") from error
    finally:
        part.unlink(missing_ok=True)
    announce(f"{corpus.name} is now at {target}")
    return target


def _cached(corpus: PublishedCorpus, cache: Path | None) -> Path:
    return (cache_dir() if cache is None else cache) / corpus.name / corpus.origin.file_name


def _own_place(source: Path, corpus: PublishedCorpus) -> Path:
    """Return the copy of `corpus` in a folder of several, or `source` when it is none."""
    if git_folder(source):
        return source
    repository = corpus.origin.place.partition(" ")[0].rpartition("/")[2]
    own = (source / name for name in (corpus.name, repository))
    return next((place for place in own if place.exists()), source)


def _is_whole(corpus: PublishedCorpus, path: Path, rows: Mapping[str, LabelRow]) -> bool:
    """Tell whether `path` has every labelled text as it was labelled."""
    try:
        read = corpus.origin.read(path) if path.is_file() else ()
        agreeing = {a.id for a in read if a.id in rows and rows[a.id].fits(a.text)}
        return path.is_file() and agreeing == rows.keys()
    except CorpusError:
        return False


def load_corpus(
    name: str | PublishedCorpus,
    *,
    cache: Path | None = None,
    announce: Callable[[str], None] = warnings.warn,
) -> Iterator[Article]:
    """Stream the articles of a fetched corpus, each with its labels if it has any.

    A label is joined only where the article's text is the one that was labelled. Articles without
    a label have ``labels=None``: unlabelled, not negative.

    Parameters
    ----------
    name : str or PublishedCorpus
        One of `NAMES`, or a corpus of your own; a group's articles come corpus by corpus.
    announce : callable
        Is given a line that counts and names the labels that could not be joined, if any.

    Raises
    ------
    CorpusError
        When the corpus is not in the cache, and, at the end of the stream, when fewer than nine
        in ten labels could be joined.
    """
    corpora = _named(name)
    missing = [corpus.name for corpus in corpora if not _cached(corpus, cache).is_file()]
    if missing:
        path = _cached(corpora[0], cache) if len(corpora) == 1 else ", ".join(missing)
        raise CorpusError(
            f"{path} is not there. Run `classifier corpus fetch "
            f"{name if isinstance(name, str) else name.name}` first."
        )
    return chain.from_iterable(
        _joined(corpus, _cached(corpus, cache), corpus.labels(), announce) for corpus in corpora
    )


def build_corpus(name: str | PublishedCorpus, out: Path, *, cache: Path | None = None) -> int:
    """Write the joined corpus to `out` as JSON lines (``.gz`` compresses); return how many."""
    return write_json_lines(out, map(_as_row, load_corpus(name, cache=cache)))


def _joined(
    corpus: PublishedCorpus,
    path: Path,
    rows: Mapping[str, LabelRow],
    announce: Callable[[str], None],
) -> Iterator[Article]:
    waiting = dict(rows)
    for article in corpus.origin.read(path):
        row = waiting.get(article.id)
        labels = row.labels if row is not None and row.fits(article.text) else None
        if labels is not None:
            del waiting[article.id]
        yield replace(corpus.origin.mend(article), labels=labels)
    if not waiting:
        return
    first = ", ".join(sorted(waiting)[:IDS_NAMED])
    what = (
        f"{corpus.name}: {len(waiting):,} of {len(rows):,} labels were not joined, as their text "
        f"is missing or is not the one that was labelled ({first}"
        f"{', …' if len(waiting) > IDS_NAMED else ''})."
    )
    if len(rows) - len(waiting) < LEAST_AGREEING * len(rows):
        raise CorpusError(f"{what} At most one in ten may be. Fetch {corpus.origin.place} again.")
    announce(what)


def _as_row(article: Article) -> dict[str, object]:
    row: dict[str, object] = {
        key: getattr(article, key) for key in ("id", "title", "text", "source", "date")
    }
    if article.labels is None:
        return row
    row["labels"] = sorted(article.labels.present)
    row["confidence"] = "borderline" if article.labels.borderline else "clear"
    return row | ({"sample": article.labels.sample} if article.labels.sample else {})


LABEL_COLUMNS = ("article_id", "sectors", "confidence", "text_sha256")


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a label file, and the line it stands on."""

    labels: Labels
    text_sha256: str
    line: int

    def fits(self, text: str) -> bool:
        """Tell whether `text` is the one that was labelled."""
        return hashlib.sha256(text.encode()).hexdigest()[:16] == self.text_sha256


def label_rows(path: Path, *, corpus: str = "") -> dict[str, LabelRow]:
    """Return the rows of a label file by the id of their article.

    Parameters
    ----------
    corpus : str
        Of a file with a column of that name the rows to take.

    Raises
    ------
    CorpusError
        When a row lacks a column, repeats an id or holds a value that is not allowed.
    """
    rows: dict[str, LabelRow] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in (reader := csv.DictReader(lines)):
            where = f"{path} line {reader.line_num}"
            lacking = [column for column in LABEL_COLUMNS if row.get(column) is None]
            if lacking:
                raise CorpusError(f"{where}: no {', '.join(lacking)}. Give every row all columns.")
            id = row["article_id"]
            if row.get("corpus", corpus) != corpus:
                continue
            if id in rows:
                raise CorpusError(
                    f"{where}: article {id} already stands on line {rows[id].line}. Keep one."
                )
            rows[id] = _label_row(row, where, reader.line_num)
    return rows


def _label_row(row: Mapping[str, str], where: str, line: int) -> LabelRow:
    if row["confidence"] not in {"clear", "borderline"}:
        raise CorpusError(f"{where}: confidence {row['confidence']!r}; use clear or borderline.")
    if not re.fullmatch("[0-9a-f]{16}", row["text_sha256"]):
        raise CorpusError(f"{where}: text_sha256 {row['text_sha256']!r} is no 16 hex digits.")
    labels = Labels(
        present=frozenset(filter(None, row["sectors"].split("|"))),
        borderline=row["confidence"] == "borderline",
        sample=row.get("sample") or "",
    )
    return LabelRow(labels, row["text_sha256"], line)
