"""From a folder, a pattern or a list of files to the files to tag, each with its result's name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.corpus.open_paths import COMPRESSIONS, format_by_name
from classifier.errors import BadInputError
from classifier.serving.shard import Shard

__all__ = ["Archive", "check_targets", "find_archive", "is_pattern", "shard_of"]

ROW_FORMATS = ("jsonl", "csv", "tsv", "parquet")
_SUFFIXES = ".jsonl, .csv, .tsv (also packed as .gz or .zst) or .parquet"


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
    shards = [shard_of(root, path, input_format, format) for path in found]
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


def shard_of(root: Path, path: Path, input_format: str | None, format: str | None) -> Shard | None:
    """Return what a file is as a shard, ``None`` for one of no format that is read."""
    found = format_by_name(path)
    found = input_format or found if found or input_format else ""
    if found not in ROW_FORMATS:
        return None
    try:
        size, changed = (stat := path.stat()).st_size, stat.st_mtime_ns
    except OSError:
        # told as this file's failure when it is its turn
        size, changed = 0, 0
    name = path.relative_to(root).as_posix()
    target_format = format or found
    target = name if target_format == found else _renamed(name, target_format)
    return Shard(name, path, found, target, target_format, size, changed)


def _renamed(name: str, format: str) -> str:
    stem, packed = os.path.splitext(name)  # noqa: PTH122
    if packed.lower() not in COMPRESSIONS:
        stem, packed = name, ""
    bare = stem.rsplit(".", 1)[0]
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
