"""Files behind any address that fsspec knows: local paths, object stores, memory."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from classifier.archive.shard import Shard
from classifier.corpus.find import format_by_name
from classifier.corpus.open import COMPRESSIONS
from classifier.errors import BadInputError

__all__ = [
    "Archive",
    "Files",
    "Place",
    "check_targets",
    "find_archive",
    "find_files",
    "is_pattern",
    "place_of",
    "shard_of",
]


# What results are written as; of other files they are JSONL.
_WRITTEN = ("jsonl", "csv", "tsv", "parquet")
# Files of one article each are no archive.
_DOCUMENTS = ("txt", "md", "html")
_SUFFIXES = (
    ".jsonl, .json, .csv, .tsv, .xml, .rss, .atom, .warc (also packed as .gz or .zst), .parquet or "
    ".xlsx"
)


@dataclass(frozen=True, slots=True)
class Archive:
    """The files to tag.

    Parameters
    ----------
    root : Path
        Resolved; the names of `shards` are below it.
    shards : tuple of Shard
        Sorted by name.
    passed_over : int
        Files of other kinds and links that lead out of the archive.
    """

    root: Path
    shards: tuple[Shard, ...]
    passed_over: int


def is_pattern(path: Path | str) -> bool:
    """Return whether a path is a pattern, such as ``news/**/*.gz``, and no file of that name."""
    return glob.has_magic(str(path)) and not os.path.lexists(path)


def find_archive(
    source: Path | str | Sequence[Path | str],
    out: Path,
    *,
    input_format: str | None = None,
    format: str | None = None,
) -> Archive:
    """Return the files behind `source`.

    Parameters
    ----------
    source : path or sequence of paths
        A folder, a pattern, or files. Links in folders and behind patterns are followed only
        inside the archive; hidden files are passed over.
    out : Path
        The folder of the results.
    input_format : str, optional
        What files are, whatever their names say.
    format : str, optional
        ``jsonl``, ``csv`` or ``parquet`` for all results; that of each file when not given.

    Raises
    ------
    BadInputError
        When there is nothing to tag, `out` lies in the archive, or two results would have one
        name.
    """
    given = [source] if isinstance(source, str | Path) else list(source)
    if len(given) == 1 and (is_pattern(given[0]) or Path(given[0]).is_dir()):
        root, found, links = _searched(given[0])
    else:
        root, found, links = *_listed(given), 0
    whole = len(given) == 1 and Path(given[0]).is_dir()
    _check_out(out, [root] if whole else [path.parent for path in found], whole=whole)
    # a folder may hold anything; whoever names files or a pattern knows what they are
    named = None if whole else input_format
    shards = [_local_shard(root, path, named, input_format, format) for path in found]
    kept = tuple(sorted((shard for shard in shards if shard), key=lambda shard: shard.name))
    if not kept:
        raise BadInputError(
            f"{', '.join(map(str, given))}: nothing to tag. Files are named {_SUFFIXES}."
        )
    check_targets(kept)
    return Archive(root, kept, len(shards) - len(kept) + links)


def _searched(source: Path | str) -> tuple[Path, list[Path], int]:
    if not is_pattern(source):
        root = Path(source).resolve()
        found = list(_walked(root, root, frozenset({root})))
    else:
        parts = Path(source).parts
        first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        root = Path(*parts[:first]).resolve()
        pattern = os.path.join(*parts[first:])  # noqa: PTH118
        names = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207
        found = [root / name for name in sorted(names) if not (root / name).is_dir()]
    inside = [path for path in found if path.resolve().is_relative_to(root)]
    return root, inside, len(found) - len(inside)


def _walked(folder: Path, root: Path, above: frozenset[Path]) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInputError(f"{folder}: cannot be listed ({error.strerror}).") from None
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            yield path
            continue
        real = path.resolve()
        # a link to a folder above it would lead round in a circle
        if real.is_relative_to(root) and real not in above:
            yield from _walked(path, root, above | {real})
        elif entry.is_symlink():
            yield path


def _listed(given: Sequence[Path | str]) -> tuple[Path, list[Path]]:
    paths = [Path(each).absolute() for each in given]
    for path in paths:
        if not path.is_file():
            what = "is a folder among files" if path.is_dir() else "no such file"
            raise BadInputError(f"{path}: {what}. Name one folder, one pattern, or files.")
    if not paths:
        raise BadInputError("nothing to tag was named.")
    root = Path(os.path.commonpath([path.parent for path in paths]))
    return root.resolve(), [
        root.resolve() / path.relative_to(root) for path in dict.fromkeys(paths)
    ]


def _check_out(out: Path, folders: Sequence[Path], *, whole: bool) -> None:
    target = out.resolve()
    for folder in dict.fromkeys(folders):
        if target.is_relative_to(folder) if whole else folder.is_relative_to(target):
            raise BadInputError(
                f"{out}: results would lie among the input ({folder}). Name a folder apart from it."
            )


def _local_shard(
    root: Path, path: Path, named: str | None, input_format: str | None, format: str | None
) -> Shard | None:
    found = input_format if format_by_name(path) else named
    try:
        found_stat = path.stat()
    except OSError:
        # told as this file's failure when it is its turn
        return shard_of(root, path, found, format)
    # a FIFO or a device is never an archive's file
    if not stat.S_ISREG(found_stat.st_mode):
        return None
    return shard_of(
        root, path, found, format, n_bytes=found_stat.st_size, mtime_ns=found_stat.st_mtime_ns
    )


def shard_of(
    root: Path,
    path: Path,
    input_format: str | None,
    format: str | None,
    *,
    n_bytes: int = 0,
    mtime_ns: int = 0,
) -> Shard | None:
    """Return what a file is as a shard, ``None`` for one of no format that is read."""
    found = input_format or format_by_name(path)
    if not found or found in _DOCUMENTS:
        return None
    name = path.relative_to(root).as_posix()
    target_format = format or (found if found in _WRITTEN else "jsonl")
    target = name if target_format == found else _renamed(name, target_format)
    return Shard(name, path, found, target, target_format, n_bytes, mtime_ns)


def _renamed(name: str, format: str) -> str:
    """Return the name of a result; that of a feed tells what it was, such as ``a.rss.jsonl``."""
    stem, packed = os.path.splitext(name)  # noqa: PTH122
    if packed.lower() not in COMPRESSIONS:
        stem, packed = name, ""
    bare = stem.rsplit(".", 1)[0] if format_by_name(Path(stem)) in _WRITTEN else stem
    return f"{bare}.{format}{'' if format == 'parquet' else packed}"


def check_targets(shards: Sequence[Shard]) -> None:
    """Raise where two shards would be written as the same file."""
    names: dict[str, str] = {}
    for shard in shards:
        other = names.setdefault(shard.target, shard.name)
        if other != shard.name:
            raise BadInputError(
                f"{other} and {shard.name} would both become {shard.target}. Rename one of them, "
                "or leave out --format."
            )


INSTALL = "Run: pip install 'classifier[dask]'"
_SCHEME = re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]+):/(?!/)")
_CHANGES = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder.

    Parameters
    ----------
    address : str
        Whole, as messages show it and workers open it.
    fs : fsspec.AbstractFileSystem
    path : str
        What `fs` calls it.
    is_local : bool
        Whether it can be opened by its path.
    """

    address: str
    fs: Any
    path: str
    is_local: bool

    def below(self, name: str) -> str:
        """Return what `fs` calls a file of this folder."""
        return f"{self.path.rstrip('/')}/{name}"

    def sizes(self) -> dict[str, int]:
        """Return the bytes of all files of this folder by their names below it."""
        self.fs.invalidate_cache()
        found = self.fs.find(self.path, detail=True)
        start = len(self.below(""))
        return {path[start:]: info["size"] for path, info in found.items()}


@dataclass(frozen=True, slots=True)
class Files:
    """The files to tag.

    Parameters
    ----------
    archive : Archive
    addresses : tuple of str
        Of each of its files.
    root : str
        Address of the folder that all lie below.
    """

    archive: Archive
    addresses: tuple[str, ...]
    root: str


def place_of(address: Path | str) -> Place:
    """Return the place behind an address.

    Parameters
    ----------
    address : path or str
        A `Path` that was made of an address, and so has lost one slash, is taken for it.

    Raises
    ------
    BadInputError
        When nothing here knows addresses of its kind.
    """
    text = str(address)
    whole = _SCHEME.sub(r"\1://", text) if isinstance(address, Path) else text
    try:
        from fsspec.core import url_to_fs
        from fsspec.implementations.local import LocalFileSystem
    except ImportError:
        raise BadInputError(f"{whole}: addresses need fsspec. {INSTALL}") from None
    try:
        fs, path = url_to_fs(whole)
    except (ImportError, ValueError) as error:
        raise BadInputError(
            f"{whole}: {str(error).rstrip('.')}. Install what fsspec needs for such addresses, "
            "here and on all workers."
        ) from None
    local = isinstance(fs, LocalFileSystem)
    return Place(path if local else whole, fs, path, local)


def find_files(
    source: Path | str | Sequence[Path | str],
    out: Place,
    *,
    input_format: str | None = None,
    format: str | None = None,
) -> Files:
    """Return the files to tag.

    Parameters are those of `find_archive`, except that `source` and `out` may be anywhere.

    Raises
    ------
    BadInputError
        As `find_archive`, and when the addresses are of several kinds.
    """
    given = [source] if isinstance(source, str | Path) else list(source)
    places = [place_of(each) for each in given]
    if all(place.is_local for place in places):
        # no folder of this machine when results go elsewhere
        folder = Path(out.path) if out.is_local else Path("/", "elsewhere")
        paths = [place.path for place in places]
        archive = find_archive(paths, folder, input_format=input_format, format=format)
        addresses = tuple(str(shard.path) for shard in archive.shards)
        return Files(archive, addresses, str(archive.root))
    root, infos = _listed_far(places)
    whole = len(places) == 1 and places[0].path.rstrip("/") == root
    _check_far_out(out, root, places[0].fs, whole=whole)
    by_name: Callable[[Path], object] = format_by_name if whole else str
    shards = [
        _far_shard(root, path, info, input_format if by_name(Path(path)) else None, format)
        for path, info in sorted(infos.items())
        if not any(part.startswith(".") for part in _name(path, root).split("/"))
    ]
    kept = tuple(shard for shard in shards if shard)
    if not kept:
        shown = ", ".join(place.address for place in places)
        raise BadInputError(f"{shown}: nothing to tag. Files are named {_SUFFIXES}.")
    check_targets(kept)
    address = places[0].fs.unstrip_protocol
    archive = Archive(Path(root), kept, len(shards) - len(kept))
    return Files(archive, tuple(address(f"{root}/{each.name}") for each in kept), address(root))


def _name(path: str, root: str) -> str:
    return path[len(root) :].lstrip("/")


def _listed_far(places: Sequence[Place]) -> tuple[str, Mapping[str, Any]]:
    """Return the folder that all files lie below, and what its file system tells of each."""
    fs = places[0].fs
    if any(place.fs is not fs for place in places):
        raise BadInputError(
            f"{places[0].address} and {places[-1].address} do not lie in one place. Tag them one "
            "after the other."
        )
    infos: dict[str, Any] = {}
    roots = []
    for place in places:
        root, found = _found(place, alone=len(places) == 1)
        roots.append(root)
        infos |= found
    parts = [PurePosixPath(root).parts for root in roots]
    shared = [names[0] for names in zip(*parts, strict=False) if len(set(names)) == 1]
    return str(PurePosixPath(*shared)), infos


def _found(place: Place, *, alone: bool) -> tuple[str, dict[str, Any]]:
    fs, path = place.fs, place.path.rstrip("/")
    try:
        if fs.isfile(path):
            return path.rpartition("/")[0], {path: fs.info(path)}
        if alone and glob.has_magic(path):
            found = fs.glob(path, detail=True)
            parts = PurePosixPath(path).parts
            first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
            files = {name: info for name, info in found.items() if info["type"] == "file"}
            return str(PurePosixPath(*parts[:first])), files
        if alone and fs.isdir(path):
            return path, fs.find(path, detail=True)
    except OSError as error:
        raise BadInputError(f"{place.address}: cannot be listed ({error}).") from None
    raise BadInputError(f"{place.address}: no such file. Name one folder, one pattern, or files.")


def _check_far_out(out: Place, root: str, fs: Any, *, whole: bool) -> None:
    if out.fs is not fs:
        return
    inner, outer = (out.path, root) if whole else (root, out.path)
    if PurePosixPath(inner).is_relative_to(PurePosixPath(outer)):
        raise BadInputError(
            f"{out.address}: results would lie among the input ({root}). Name a folder apart "
            "from it."
        )


def _far_shard(
    root: str, path: str, info: Mapping[str, Any], input_format: str | None, format: str | None
) -> Shard | None:
    size, version = info["size"], _version(info)
    return shard_of(Path(root), Path(path), input_format, format, n_bytes=size, mtime_ns=version)


def _version(info: Mapping[str, Any]) -> int:
    """Return a number that is another one when the file was replaced."""
    told = [str(info[name]) for name in _CHANGES if info.get(name)]
    return int.from_bytes(hashlib.sha256("|".join(told).encode()).digest()[:7], "big")
