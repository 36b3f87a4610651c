"""The files of one commit of a repository: fetched with git, or read from a clone already here."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.article import Article
from classifier.errors import CorpusError
from classifier.files import write_json_lines
from classifier.published.readers import Reader, allsides

__all__ = ["GitRepository", "file_of", "git_folder"]

FIELDS = ("id", "title", "text", "date", "source", "url")
# Of the variables of git those of transport and settings; others lead to other repositories.
KEPT = ("GIT_ASKPASS", "GIT_CONFIG", "GIT_EXEC_PATH", "GIT_HTTP", "GIT_PROXY", "GIT_SSH", "GIT_SSL")
# Files asked for at once: what has come stays when a fetch is cut short.
BATCH = 200


def file_of(id: str) -> str:
    """Return the file in which an article lies: its id is the path, perhaps ``path#record``."""
    return id.partition("#")[0]


@dataclass(frozen=True, slots=True)
class GitRepository:
    """Articles in the files of a git repository.

    Parameters
    ----------
    url, commit : str
        The repository, and the one commit that is read.
    reader : callable
        From pairs of path and text to articles.
    files : callable or tuple of str
        From the id of a labelled article to the path of its file, or every path there is.
    timeout : float
        Seconds that each git command may take.
    """

    url: str
    commit: str
    reader: Reader
    files: Callable[[str], str] | tuple[str, ...] = file_of
    timeout: float = 900.0

    file_name = "articles.jsonl.gz"

    @property
    def place(self) -> str:
        """Where the texts come from, in a few words."""
        return f"{self.url.removesuffix('.git')} @ {self.commit}"

    def bring(
        self,
        target: Path,
        ids: Iterable[str],
        *,
        source: Path | None,
        announce: Callable[[str], None],
    ) -> None:
        """Write the articles of `ids` that are found as gzipped JSON lines at `target`.

        Parameters
        ----------
        source : Path or None
            A clone, with or without a work tree, a folder with the files, or JSON lines. Without
            one the commit is fetched into a folder beside `target`, which stays there when it
            is cut short, and is gone on with.
        """
        wanted = frozenset(ids)
        clone = target.parent / "clone.git"
        if source is None:
            self._fetch(clone, self._paths(wanted), announce)
            source = clone
        else:
            announce(f"reading {source}")
        try:
            articles = self._articles(source, wanted)
            found = {each.id: each for each in articles if each.id in wanted}
        except (ValueError, TypeError, KeyError, AttributeError, csv.Error) as error:
            raise CorpusError(
                f"{source}: files that are not laid out as at {self.commit[:12]} "
                f"({type(error).__name__}: {error})."
            ) from error
        write_json_lines(target, (_row(found[id]) for id in sorted(found)))
        shutil.rmtree(clone, ignore_errors=True)

    def by_hand(self, name: str, target: Path) -> str:
        """Return the sentence that says how to go on where the repository is out of reach."""
        return (
            f"By hand: clone {self.url} on a machine that reaches it, copy the clone here and run "
            f"`classifier corpus fetch {name} --from DIR`."
        )

    def read(self, path: Path) -> Iterator[Article]:
        """Yield the articles in the cache, or in other JSON lines with the same fields."""
        for line, where in _lines(path):
            try:
                record = json.loads(line)
                if "content_original" in record:  # as AllSides is also passed on
                    yield from allsides([(record["ID"], line)])
                    continue
                words: dict[str, Any] = {key: str(record[key] or "") for key in FIELDS}
            except (ValueError, TypeError, KeyError) as error:
                raise CorpusError(
                    f"{where}: no article ({type(error).__name__}: {error}). Each line is an "
                    f"object with {', '.join(FIELDS)}."
                ) from error
            url = words.pop("url")
            yield Article(**words, extra={"url": url} if url else {})

    def mend(self, article: Article) -> Article:
        """Return `article`: these texts need no repair."""
        return article

    def _paths(self, ids: Iterable[str]) -> list[str]:
        if isinstance(self.files, tuple):
            return sorted(self.files)
        return sorted({self.files(id) for id in ids})

    def _articles(self, source: Path, ids: Iterable[str]) -> Iterator[Article]:
        if source.is_file():
            return self.read(source)
        if not source.is_dir():
            raise CorpusError(f"{source} is neither a file nor a folder.")
        clone = git_folder(source)
        paths = self._paths(ids)
        files = self._committed(clone, paths) if clone else _plain_files(source, paths)
        return self.reader((path, content.decode("utf-8", "replace")) for path, content in files)

    def _fetch(self, clone: Path, paths: Sequence[str], announce: Callable[[str], None]) -> None:
        """Fetch the commit without its files, then those of `paths` that are not yet there."""
        clone.mkdir(parents=True, exist_ok=True)
        for lock in clone.rglob("*.lock"):  # of a fetch that was cut short
            lock.unlink()
        self._git(clone, "init", "--quiet", "--bare")
        self._git(clone, "config", "remote.origin.url", self.url)
        few = ("fetch", "--quiet", "--no-tags", "--filter=blob:none")
        present = self._objects(clone)
        if self.commit not in present:
            announce(f"fetching commit {self.commit[:12]} of {self.url} with git")
            self._git(clone, *few, "--depth=1", "origin", self.commit)
            present = self._objects(clone)
        names = self._names(clone)
        wanted = dict.fromkeys(names[path] for path in paths if path in names)
        missing = [name for name in wanted if name not in present]
        for start in range(0, len(missing), BATCH):
            some = missing[start : start + BATCH]
            self._git(clone, *few, "--stdin", "origin", stdin="\n".join(some))
            n_there = len(wanted) - len(missing) + start + len(some)
            announce(f"{n_there:,} of {len(wanted):,} files are there")

    def _objects(self, clone: Path) -> frozenset[str]:
        """Return the names of all objects in `clone`, without asking its origin for any."""
        listed = self._git(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
        return frozenset(listed.decode("ascii").split())

    def _names(self, clone: Path) -> dict[str, str]:
        """Return the object of each file of the commit, by its path."""
        if self._git(clone, "cat-file", "--batch-check", stdin=self.commit).endswith(b"missing\n"):
            raise CorpusError(
                f"{clone}: commit {self.commit} is not in this clone. Fetch it there first: "
                f"git -C {clone} fetch --depth=1 {self.url} {self.commit}."
            )
        listed = self._git(clone, "ls-tree", "-r", "-z", self.commit).decode("utf-8", "replace")
        entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
        return {path: about.split()[2] for about, _, path in entries}

    def _committed(self, clone: Path, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the files of `paths` that the commit has and the clone holds."""
        names = self._names(clone)
        there = [path for path in paths if path in names]
        for start in range(0, len(there), BATCH):
            some = there[start : start + BATCH]
            wanted = "\n".join(names[path] for path in some)
            blobs = _blobs(self._git(clone, "cat-file", "--batch", stdin=wanted))
            for path, content in zip(some, blobs, strict=True):
                if content is not None:
                    yield path, content

    def _git(self, clone: Path, *arguments: str, stdin: str = "") -> bytes:
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("GIT_") or key.startswith(KEPT)
        }
        try:
            done = subprocess.run(
                ["git", "-c", f"core.hooksPath={os.devnull}", f"--git-dir={clone}", *arguments],
                env=environment | {"GIT_TERMINAL_PROMPT": "0"},
                input=f"{stdin}\n".encode(),
                capture_output=True,
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
            said = done.stderr.decode("utf-8", "replace").strip().rstrip(".").splitlines()
            raise CorpusError(
                f"{self.url} could not be read in {clone}; git {arguments[0]} said: "
                f"{said[-1] if said else 'nothing'}."
            )
        return done.stdout


def _row(article: Article) -> dict[str, object]:
    row: dict[str, object] = {key: getattr(article, key) for key in FIELDS if key != "url"}
    return row | {"url": article.extra.get("url", "")}


def git_folder(folder: Path) -> Path | None:
    """Return where git keeps what it knows of `folder`, ``None`` when that is no clone."""
    if (folder / ".git").exists():
        return folder / ".git"
    return folder if (folder / "objects").is_dir() and (folder / "HEAD").is_file() else None


def _plain_files(folder: Path, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of `paths` that lie in `folder`, and none outside of it."""
    top = folder.resolve()
    for path in paths:
        file = (top / path).resolve()
        if file.is_relative_to(top) and file.is_file():
            yield path, file.read_bytes()


def _blobs(printed: bytes) -> Iterator[bytes | None]:
    """Yield what ``git cat-file --batch`` printed: a line with the size, the bytes, a line end."""
    start = 0
    while start < len(printed):
        end = printed.index(b"\n", start)
        *_, about = printed[start:end].split()
        start = end + 1
        if about == b"missing":
            yield None
            continue
        yield printed[start : start + int(about)]
        start += int(about) + 1


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a file, gzipped or not, each with its place for messages."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                yield line, f"{path} line {number}"
    except (OSError, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} is damaged ({error}). Take another copy.") from error
