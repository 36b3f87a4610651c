"""From what the user typed to the files to read, each with its format."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import BadInputError

__all__ = ["COMPRESSIONS", "Source", "find_sources"]

COMPRESSIONS = (".gz", ".zst")

_FORMAT_OF = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "txt",
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read.

    Parameters
    ----------
    name : str
        What messages call it.
    path : Path or None
        ``None`` is standard input.
    format : str
        One of `classifier.corpus.read_options.FORMATS`; empty for standard input whose format is
        told from its first byte.
    id : str
        The id of its article, for files that are one article each.
    """

    name: str
    path: Path | None
    format: str
    id: str = ""


def find_sources(paths: Iterable[Path | str], *, format: str | None = None) -> list[Source]:
    """Return the files behind `paths` in reading order.

    Parameters
    ----------
    paths : iterable of Path or str
        Files, folders, or ``-`` for standard input. Folders are walked down in sorted order;
        files in them with a name that tells no format, hidden ones and folders behind links are
        passed over.
    format : str, optional
        Read every file as this, whatever its name says.

    Raises
    ------
    BadInputError
        If a path does not exist or may not be looked into, a folder holds nothing to read, or a
        file's name does not tell its format.
    """
    return [source for path in paths for source in _expand(path, format)]


def _expand(path: Path | str, format: str | None) -> Iterator[Source]:
    if str(path) == "-":
        yield Source("standard input", None, format or "")
    elif _is_folder(Path(path)):
        yield from _in_folder(Path(path), format)
    else:
        yield _named_file(Path(path), format)


def _is_folder(path: Path) -> bool:
    try:
        path.stat()
        return path.is_dir()
    except FileNotFoundError:
        message = f"{path}: no such file or folder. Check the spelling; - reads standard input."
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be opened ({_cause(error)}). Check its name and permissions."
    raise BadInputError(message)


def _named_file(path: Path, format: str | None) -> Source:
    found = format or format_by_name(path)
    if not found:
        raise BadInputError(
            f"{path}: the name does not tell its format. Name it with --input-format, for example "
            "--input-format jsonl when it holds one JSON object a line."
        )
    return Source(str(path), path, found, _bare(path).name)


def _in_folder(folder: Path, format: str | None) -> Iterator[Source]:
    files = sorted(path for path in _walk(folder) if format_by_name(path))
    if not files:
        known = " ".join(_FORMAT_OF)
        raise BadInputError(f"{folder}: no file to read in this folder. Names may end in {known}.")
    for path in files:
        name = _bare(path.relative_to(folder)).as_posix()
        yield Source(str(path), path, format or format_by_name(path), name)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def _refuse(error: OSError) -> None:
    raise BadInputError(
        f"{error.filename}: this folder cannot be read ({_cause(error)}). Check its permissions."
    )


def format_by_name(path: Path) -> str:
    """Return the format `path` is named after, or an empty string.

    >>> format_by_name(Path("news.JSONL.gz"))
    'jsonl'
    """
    packed = path.suffix.lower() in COMPRESSIONS
    found = _FORMAT_OF.get(Path(path.stem if packed else path.name).suffix.lower(), "")
    return "" if packed and found == "parquet" else found


def _bare(path: Path) -> Path:
    """Return `path` without its format's suffix and without that of its compression."""
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path).with_suffix("")


def _cause(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
