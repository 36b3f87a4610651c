"""The articles of Baly et al. (EMNLP 2020), taken with git or from a copy already there."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, cast

from classifier.article import Article
from classifier.errors import CorpusError
from classifier.files import write_json_lines

__all__ = ["AllsidesRepository"]

FIELDS = ("ID", "title", "content_original", "date", "source", "url")
FOLDER = "data/jsons"
# Set when git itself started us (a hook, an alias); they would lead our git elsewhere.
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY")


@dataclass(frozen=True, slots=True)
class AllsidesRepository:
    """Where the articles are taken from.

    Parameters
    ----------
    url : str
        The git repository, one JSON file an article below ``data/jsons``.
    commit : str
        The one commit that is fetched.
    file_name : str
        Name of the collected articles in the cache.
    timeout : float
        Seconds that each git command may take.
    """

    url: str = "https://github.com/ramybaly/Article-Bias-Prediction.git"
    commit: str = "ced8111a720948e6a410e52031ace99c4e53f096"
    file_name: str = "articles.jsonl.gz"
    timeout: float = 900.0

    def is_intact(self, path: Path, texts: Mapping[str, str]) -> bool:
        """Tell whether `path` holds every labelled article with the text that was labelled."""
        try:
            return path.is_file() and bool(_chosen(_json_lines(path), texts, origin=path))
        except CorpusError:
            return False

    def bring(
        self,
        target: Path,
        texts: Mapping[str, str],
        *,
        source: Path | None,
        announce: Callable[[str], None],
    ) -> None:
        """Collect the labelled articles at `target`, from `source` or with git.

        Parameters
        ----------
        target : Path
            The gzipped JSON lines to write.
        texts : mapping of str to str
            Per labelled article the first 16 hexadecimal digits of its text's SHA-256.
        source : Path or None
            A clone, its ``data/jsons``, or JSON lines with the same fields.
        announce : callable
            Is told what happens.
        """
        if source is not None:
            announce(f"reading {source}")
            _collect(source, target, texts)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=".git-", ignore_cleanup_errors=True
        ) as folder:
            announce(f"fetching commit {self.commit[:12]} of {self.url} with git")
            self._check_out(Path(folder), sorted(texts))
            _collect(Path(folder), target, texts)

    def by_hand(self, name: str, target: Path) -> str:
        """Return the sentence that says how to go on where the repository is out of reach."""
        return (
            f"By hand: clone {self.url} on a machine that reaches it, check out {self.commit}, "
            f"copy the folder here and run `classifier corpus fetch {name} --from DIR`; "
            "--from also takes a .jsonl.gz with the same fields."
        )

    def read(self, path: Path) -> Iterator[Article]:
        """Yield the collected articles."""
        for record in _json_lines(path):
            yield Article(
                id=record["ID"],
                title=record["title"],
                text=record["content_original"],
                source=record["source"],
                date=_iso_date(record["date"]),
                extra={"url": record["url"]},
            )

    def mend(self, article: Article) -> Article:
        """Return `article`: this source needs no repair."""
        return article

    def _check_out(self, folder: Path, ids: Iterable[str]) -> None:
        """Fetch one commit without its files, then only the files of `ids`."""
        wanted = "".join(f"/{FOLDER}/{_safe(id)}.json\n" for id in ids)
        self._git(folder, "init", "--quiet")
        self._git(folder, "remote", "add", "origin", self.url)
        self._git(folder, "config", "core.sparseCheckout", "true")
        listing = folder / ".git" / "info" / "sparse-checkout"
        listing.parent.mkdir(exist_ok=True)
        listing.write_text(wanted, encoding="ascii")
        narrow = ("--quiet", "--depth=1", "--no-tags", "--filter=blob:none")
        self._git(folder, "fetch", *narrow, "origin", self.commit)
        self._git(folder, "checkout", "--quiet", "--detach", self.commit)

    def _git(self, folder: Path, *arguments: str) -> None:
        environment = {key: value for key, value in os.environ.items() if key not in FOREIGN}
        try:
            done = subprocess.run(
                ["git", "-c", f"core.hooksPath={os.devnull}", *arguments],
                cwd=folder,
                env=environment | {"GIT_TERMINAL_PROMPT": "0"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self.timeout,
                check=False,
            )
        except FileNotFoundError as error:
            raise CorpusError("git is not installed, or not on the PATH.") from error
        except subprocess.TimeoutExpired as error:
            raise CorpusError(
                f"git {arguments[0]} of {self.url} took more than {self.timeout:g} s."
            ) from error
        if done.returncode != 0:
            said = done.stderr.strip().rstrip(".").splitlines() or ["nothing"]
            raise CorpusError(f"{self.url} could not be read; git {arguments[0]} said: {said[-1]}.")


def _collect(source: Path, target: Path, texts: Mapping[str, str]) -> None:
    records = _json_files(source, texts) if source.is_dir() else _json_lines(source)
    chosen = _chosen(records, texts, origin=source)
    write_json_lines(target, ({key: chosen[id][key] for key in FIELDS} for id in sorted(chosen)))


def _chosen(
    records: Iterable[Mapping[str, str]], texts: Mapping[str, str], *, origin: Path
) -> dict[str, Mapping[str, str]]:
    """Return the labelled ones of `records` by id, each with the text that was labelled."""
    chosen = {record["ID"]: record for record in records if record["ID"] in texts}
    for id, record in chosen.items():
        found = hashlib.sha256(record["content_original"].encode()).hexdigest()[:16]
        if found != texts[id]:
            raise CorpusError(
                f"{origin}: the text of article {id} should have sha256 {texts[id]}… and has "
                f"{found}…. It is not the text that was labelled; nothing was kept."
            )
    lacking = sorted(texts.keys() - chosen.keys())
    if lacking:
        raise CorpusError(
            f"{origin}: {len(lacking)} of {len(texts)} labelled articles are missing "
            f"(the first is {lacking[0]}); nothing was kept."
        )
    return chosen


def _json_files(folder: Path, ids: Iterable[str]) -> Iterator[Mapping[str, str]]:
    below = folder / FOLDER
    place = below if below.is_dir() else folder
    for id in ids:
        path = place / f"{_safe(id)}.json"
        if path.is_file():
            yield _record(path.read_text(encoding="utf-8"), str(path))


def _json_lines(path: Path) -> Iterator[Mapping[str, str]]:
    if not path.is_file():
        raise CorpusError(f"{path} is neither a file nor a folder.")
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, start=1):
                yield _record(line, f"{path} line {number}")
    except (gzip.BadGzipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} is damaged ({error}). Take another copy.") from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8")


def _record(written: str, where: str) -> Mapping[str, str]:
    try:
        record: Any = json.loads(written)
    except ValueError as error:
        raise CorpusError(f"{where}: no JSON object ({error}).") from error
    wrong = [key for key in FIELDS if not isinstance(record, dict) or key not in record]
    if wrong:
        raise CorpusError(f"{where}: no field {', '.join(wrong)}.")
    return {key: str(record[key] or "") for key in FIELDS}


def _safe(id: str) -> str:
    """Return `id` when it can only name a file in the folder at hand."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", id, flags=re.ASCII):
        raise CorpusError(f"article id {id!r} cannot be a file name; only letters, digits, _ and -")
    return id


def _iso_date(written: str) -> str:
    for form in ("%Y-%m-%d", "%m/%d/%y"):
        try:
            return datetime.strptime(written.strip(), form).date().isoformat()
        except ValueError:
            continue
    return ""
