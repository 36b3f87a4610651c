"""What a run over an archive reads and where it writes: places, near and far, and their files."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from classifier.archive.shard import Shard
from classifier.corpus.find import PASSED_OVER, format_by_name
from classifier.corpus.open import COMPRESSIONS
from classifier.errors import BadInputError
from classifier.files import file_sha256

__all__ = ["Archive", "FarPlace", "Place", "find_archive", "is_pattern", "place_of"]


# What results are written as; of other files they are JSONL.
_WRITTEN = ("jsonl", "csv", "tsv", "parquet")
# Files of one article each are no archive.
_DOCUMENTS = ("txt", "md", "html")
_SUFFIXES = (
    ".jsonl, .json, .csv, .tsv, .xml, .rss, .atom, .warc (also packed as .gz or .zst), .parquet or "
    ".xlsx"
)
INSTALL = "Run: pip install 'classifier[dask]'"
_SCHEME = re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]+):/(?!/)")
_LOCAL = re.compile(r"(?:file|local)://(?=/)")
_CHANGES = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")
_NAME_ONE = "Name one folder, one pattern, or files."
# Bytes of a file, and a number that is another one when the file was replaced.
_Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder on a disk of this machine.

    Parameters
    ----------
    address : str
        Whole, as messages show it and workers open it.
    path : str
        What its file system calls it.
    fs : fsspec.AbstractFileSystem or None
        ``None`` for this machine's disks.
    """

    address: str
    path: str
    fs: Any = None

    @property
    def is_local(self) -> bool:
        """Whether it can be opened by its path."""
        return self.fs is None

    def below(self, name: str) -> str:
        """Return what its file system calls a file of this folder."""
        return f"{self.path.rstrip('/')}/{name}"

    def shown(self, name: str) -> str:
        """Return what messages call a file of this folder."""
        return f"{self.address.rstrip('/')}/{name}"

    def is_free(self, name: str) -> bool:
        """Return whether there is nothing of this name, no broken link either."""
        return not os.path.lexists(self.below(name))

    def size(self, name: str) -> int | None:
        """Return the bytes of a file of this folder, ``None`` when it is not there."""
        with suppress(OSError):
            return Path(self.below(name)).stat().st_size
        return None

    def is_inside(self, name: str, *, of: str = "") -> bool:
        """Return whether no link leads from this name out of the folder, or of one below it."""
        return Path(self.below(name)).resolve().is_relative_to(Path(self.below(of)).resolve())

    def is_own_file(self, name: str) -> bool:
        """Return whether a regular file of this folder lies there, no link."""
        path = Path(self.below(name))
        return path.is_file() and not path.is_symlink() and self.is_inside(name)

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file of this folder, 64 hexadecimal digits."""
        return file_sha256(Path(self.below(name)))

    def files(self, folder: str) -> list[str]:
        """Return the names of all files right in a folder below this one, sorted."""
        found = Path(self.below(folder)).glob("*")
        return sorted(f"{folder}/{path.name}" for path in found if path.is_file())

    def read(self, name: str) -> bytes:
        """Return the bytes of a file of this folder."""
        return Path(self.below(name)).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write a small file of this folder."""
        path = Path(self.below(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def put(self, part: Path, name: str, *, passing: str) -> None:
        """Move a file in, in one step; by way of `passing` when it comes from elsewhere."""
        target = Path(self.below(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, target)  # noqa: PTH105

    def remove(self, name: str) -> None:
        """Remove a file of this folder if it is there."""
        Path(self.below(name)).unlink(missing_ok=True)

    def remove_folder(self, name: str) -> None:
        """Remove a folder of this folder, with all that is in it, if it is there."""
        shutil.rmtree(self.below(name), ignore_errors=True)


@dataclass(frozen=True, slots=True)
class FarPlace(Place):
    """A file or folder behind an address that fsspec knows."""

    def sizes(self) -> dict[str, int]:
        """Return the bytes of all files of this folder by their names below it."""
        self.fs.invalidate_cache()
        found = self.fs.find(self.path, detail=True)
        start = len(self.below(""))
        return {path[start:]: info["size"] for path, info in found.items()}

    def is_free(self, name: str) -> bool:
        """Return whether there is nothing of this name."""
        return not self.fs.exists(self.below(name))

    def size(self, name: str) -> int | None:
        """Return the bytes of a file of this folder, ``None`` when it is not there."""
        with suppress(OSError):
            return int(self.fs.size(self.below(name)))
        return None

    def is_inside(self, name: str, *, of: str = "") -> bool:
        """Return True: there are no links."""
        return True

    def is_own_file(self, name: str) -> bool:
        """Return True: there are no links."""
        return True

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of a file of this folder, 64 hexadecimal digits."""
        with self.fs.open(self.below(name), "rb") as stream:
            digest = hashlib.sha256()
            while piece := stream.read(2**20):
                digest.update(piece)
        return digest.hexdigest()

    def files(self, folder: str) -> list[str]:
        """Return the names of all files in a folder below this one, sorted."""
        start = len(self.below(""))
        return sorted(path[start:] for path in self.fs.find(self.below(folder)))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file of this folder."""
        return bytes(self.fs.cat_file(self.below(name)))

    def write(self, name: str, content: bytes) -> None:
        """Write a small file of this folder."""
        self.fs.makedirs(self.below(name).rpartition("/")[0], exist_ok=True)
        self.fs.pipe_file(self.below(name), content)

    def put(self, part: Path, name: str, *, passing: str) -> None:
        """Copy a file of this machine in, and give it its name in one step."""
        for each in (passing, name):
            self.fs.makedirs(self.below(each).rpartition("/")[0], exist_ok=True)
        self.fs.put_file(str(part), self.below(passing))
        self.fs.mv(self.below(passing), self.below(name))

    def remove(self, name: str) -> None:
        """Remove a file of this folder if it is there."""
        with suppress(FileNotFoundError):
            self.fs.rm_file(self.below(name))

    def remove_folder(self, name: str) -> None:
        """Remove a folder of this folder, with all that is in it, if it is there."""
        with suppress(OSError):
            self.fs.rm(self.below(name), recursive=True)


def place_of(address: Place | Path | str) -> Place:
    """Return the place behind an address.

    Parameters
    ----------
    address : Place, path or str
        A `Path` that was made of an address, and so has lost one slash, is taken for it.

    Raises
    ------
    BadInputError
        When nothing here knows addresses of its kind.
    """
    if isinstance(address, Place):
        return address
    text = str(address)
    whole = _SCHEME.sub(r"\1://", text) if isinstance(address, Path) else text
    if "://" not in whole or _LOCAL.match(whole):
        near = _LOCAL.sub("", whole)
        return Place(near, str(Path(near).absolute()))
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise BadInputError(f"{whole}: addresses need fsspec. {INSTALL}") from None
    try:
        fs, path = url_to_fs(whole)
    except (ImportError, ValueError) as error:
        raise BadInputError(
            f"{whole}: {str(error).rstrip('.')}. Install what fsspec needs for such addresses, "
            "here and on all workers."
        ) from None
    return FarPlace(whole, path, fs)


@dataclass(frozen=True, slots=True)
class Archive:
    """The files to tag.

    Parameters
    ----------
    root : str
        Path or address of the folder that all lie below.
    shards : tuple of Shard
        Sorted by name.
    passed_over : int
        Files of other kinds and links that lead out of the archive.
    """

    root: str
    shards: tuple[Shard, ...]
    passed_over: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What lies behind a source: files below a folder, with a stamp where they are regular."""

    root: Path
    files: Mapping[Path, _Stamp | None]
    whole: bool
    links: int = 0


def is_pattern(path: Path | str) -> bool:
    """Return whether a path is a pattern, such as ``news/**/*.gz``, and no file of that name."""
    return glob.has_magic(str(path)) and not os.path.lexists(path)


def find_archive(
    source: Path | str | Sequence[Path | str],
    out: Place | Path | str,
    *,
    input_format: str | None = None,
    format: str | None = None,
) -> Archive:
    """Return the files behind `source`.

    Parameters
    ----------
    source : path, address, or sequence of either
        A folder, a pattern, or files. Links in folders and behind patterns are followed only
        inside the archive; hidden files and the locks of spreadsheets are passed over.
    out : path or address
        The folder of the results.
    input_format : str, optional
        What files are, whatever their names say.
    format : str, optional
        ``jsonl``, ``csv`` or ``parquet`` for all results; that of each file when not given.

    Raises
    ------
    BadInputError
        When there is nothing to tag, `out` lies in the archive, two results would have one name,
        or the addresses are of several kinds.
    """
    given = [source] if isinstance(source, str | Path) else list(source)
    places = [place_of(each) for each in given]
    if not places:
        raise BadInputError("nothing to tag was named.")
    fs = places[0].fs
    if any(place.fs is not fs for place in places):
        raise BadInputError(
            f"{places[0].address} and {places[-1].address} do not lie in one place. Tag them one "
            "after the other."
        )
    found = _found_near(places) if fs is None else _found_far(places)
    _check_out(place_of(out), found, fs)
    shards = [
        _shard(found, path, stamp, fs, input_format=input_format, format=format)
        for path, stamp in found.files.items()
    ]
    kept = tuple(sorted((shard for shard in shards if shard), key=lambda shard: shard.name))
    if not kept:
        shown = ", ".join(place.address for place in places)
        raise BadInputError(f"{shown}: nothing to tag. Files are named {_SUFFIXES}.")
    _check_targets(kept)
    root = str(found.root) if fs is None else fs.unstrip_protocol(str(found.root))
    return Archive(root, kept, len(shards) - len(kept) + found.links)


def _found_near(places: Sequence[Place]) -> _Found:
    source, whole = places[0].path, len(places) == 1 and Path(places[0].path).is_dir()
    if whole or (len(places) == 1 and is_pattern(source)):
        root, found, links = _searched(source)
    else:
        root, found, links = *_named(places), 0
    return _Found(root, {path: _near_stamp(path) for path in found}, whole, links)


def _near_stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        # told as this file's failure when it is its turn
        return 0, 0
    # a FIFO or a device is never an archive's file
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _searched(source: str) -> tuple[Path, list[Path], int]:
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
        if entry.name.startswith(PASSED_OVER):
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


def _named(places: Sequence[Place]) -> tuple[Path, list[Path]]:
    paths = [Path(place.path) for place in places]
    for path in paths:
        if not path.is_file():
            what = "is a folder among files" if path.is_dir() else "no such file"
            raise BadInputError(f"{path}: {what}. {_NAME_ONE}")
    folder = Path(os.path.commonpath([path.parent for path in paths]))
    root = folder.resolve()
    return root, [root / path.relative_to(folder) for path in dict.fromkeys(paths)]


def _found_far(places: Sequence[Place]) -> _Found:
    infos: dict[str, Any] = {}
    roots = []
    for place in places:
        root, found = _infos(place, alone=len(places) == 1)
        roots.append(PurePosixPath(root).parts)
        infos |= found
    shared = [names[0] for names in zip(*roots, strict=False) if len(set(names)) == 1]
    top = PurePosixPath(*shared)
    files = {
        Path(path): (int(info["size"]), _version(info))
        for path, info in sorted(infos.items())
        if not any(
            part.startswith(PASSED_OVER) for part in PurePosixPath(path).relative_to(top).parts
        )
    }
    whole = len(places) == 1 and PurePosixPath(places[0].path) == top
    return _Found(Path(top), files, whole)


def _infos(place: Place, *, alone: bool) -> tuple[str, dict[str, Any]]:
    """Return the folder that the files of a place lie below, and what is known of each."""
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
    raise BadInputError(f"{place.address}: no such file. {_NAME_ONE}")


def _version(info: Mapping[str, Any]) -> int:
    told = [str(info[name]) for name in _CHANGES if info.get(name)]
    return int.from_bytes(hashlib.sha256("|".join(told).encode()).digest()[:7], "big")


def _check_out(out: Place, found: _Found, fs: Any) -> None:
    if out.fs is not fs:
        return
    target = Path(out.path).resolve() if fs is None else Path(out.path)
    folders = [found.root] if found.whole else [path.parent for path in found.files]
    for folder in dict.fromkeys(folders):
        if target.is_relative_to(folder) if found.whole else folder.is_relative_to(target):
            raise BadInputError(
                f"{out.address}: results would lie among the input ({folder}). Name a folder "
                "apart from it."
            )


def _shard(
    found: _Found,
    path: Path,
    stamp: _Stamp | None,
    fs: Any,
    *,
    input_format: str | None,
    format: str | None,
) -> Shard | None:
    """Return what a file is as a shard, ``None`` for one that is not read."""
    by_name = format_by_name(path)
    # a folder may hold anything; whoever names files or a pattern knows what they are
    kind = input_format or by_name if by_name or not found.whole else None
    if stamp is None or not kind or kind in _DOCUMENTS:
        return None
    name = path.relative_to(found.root).as_posix()
    target_format = format or (kind if kind in _WRITTEN else "jsonl")
    target = name if target_format == kind else _renamed(name, target_format)
    address = str(path) if fs is None else fs.unstrip_protocol(path.as_posix())
    return Shard(name, address, kind, target, target_format, *stamp)


def _renamed(name: str, format: str) -> str:
    """Return the name of a result; that of a feed tells what it was, such as ``a.rss.jsonl``."""
    stem, packed = os.path.splitext(name)  # noqa: PTH122
    if packed.lower() not in COMPRESSIONS:
        stem, packed = name, ""
    bare = stem.rsplit(".", 1)[0] if format_by_name(Path(stem)) in _WRITTEN else stem
    return f"{bare}.{format}{'' if format == 'parquet' else packed}"


def _check_targets(shards: Sequence[Shard]) -> None:
    """Raise where two shards would be written as the same file."""
    names: dict[str, str] = {}
    for shard in shards:
        other = names.setdefault(shard.target, shard.name)
        if other != shard.name:
            raise BadInputError(
                f"{other} and {shard.name} would both become {shard.target}. Rename one of them, "
                "or leave out --format."
            )
