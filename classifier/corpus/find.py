"""Which files stand behind what the user named, and what format each is of."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from classifier.corpus.open import COMPRESSIONS, Source, format_by_content, open_bytes
from classifier.errors import BadInputError, listed

__all__ = ["PASSED_OVER", "Source", "find_sources", "format_by_name"]


_FORMAT_OF = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".ninjs": "jsonl",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xml": "xml",
    ".rss": "xml",
    ".atom": "xml",
    ".rdf": "xml",
    ".warc": "warc",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "txt",
    ".md": "md",
    ".markdown": "md",
    ".html": "html",
    ".htm": "html",
}


_DOCUMENTS = ("txt", "md", "html")
_OTHER_KINDS = {
    suffix: kind
    for kind, suffixes in {
        "an old Excel workbook": ".xls",
        "a spreadsheet": ".ods",
        "a Word document": ".docx .doc",
        "a PDF document": ".pdf",
        "a ZIP archive": ".zip",
        "SGML": ".sgm",
        "Rich Text": ".rtf",
        "a text document": ".odt",
        "a mail": ".eml .msg",
        "a mailbox": ".mbox",
        "a web archive of a browser": ".mhtml .mht",
        "an archive of files": ".tar .tgz .7z .rar",
        "a packed file other than .gz and .zst": ".bz2 .xz",
        "a data frame in Feather": ".feather",
        "a table in ORC": ".orc",
        "a pickle, which may run what it likes,": ".pkl",
        "a database": ".db .sqlite",
    }.items()
    for suffix in suffixes.split()
}
# What programs call sheets, and now and then the text that they write in place of one.
_SHEETS = (".xls", ".xlsx", ".xlsm")
# How the names of hidden files begin, and of the locks that spreadsheets leave beside open files.
PASSED_OVER = (".", "~$")


def find_sources(
    paths: Iterable[Path | str],
    *,
    format: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Source]:
    """Return the files behind `paths` in reading order.

    Parameters
    ----------
    paths : iterable of Path or str
        Files, folders, or ``-`` for standard input. Folders are walked down in sorted order;
        files in them with a name that tells no format, hidden ones, the locks of spreadsheets and
        folders behind links are passed over. Where all files of a folder are one article each and
        lie in folders that may be called as labels, those without a suffix are read as well.
    format : str, optional
        Read every file as this, whatever its name says.
    tell : callable
        Given a sentence about the files of each folder that are passed over, if any are.

    Raises
    ------
    BadInputError
        If a path is empty, does not exist or may not be looked into, a folder holds nothing to
        read, or neither name nor first bytes of a file tell its format.
    """
    return [source for path in paths for source in _expand(path, format, tell)]


def _expand(path: Path | str, format: str | None, tell: Callable[[str], None]) -> Iterator[Source]:
    if not str(path).strip():
        raise BadInputError("the path is empty. Name a file or a folder; . is the current folder.")
    if str(path) == "-":
        yield Source("standard input", None, format or "")
    elif _is_folder(Path(path)):
        yield from _in_folder(Path(path), format, tell)
    else:
        yield _named_file(Path(path), format, tell)


def _is_folder(path: Path) -> bool:
    try:
        path.stat()
        return path.is_dir()
    except FileNotFoundError:
        message = f"{path}: no such file or folder. Check the spelling; - reads standard input."
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be opened ({_cause(error)}). Check its name and permissions."
    raise BadInputError(message)


def _named_file(path: Path, format: str | None, tell: Callable[[str], None]) -> Source:
    found = format or _binary_format(path)
    if not found and path.suffix.lower() in _SHEETS:
        found = _text_called_a_sheet(path, tell)
    found = found or format_by_name(path) or _format_inside(path)
    if not found:
        raise BadInputError(f"{path}: {_reason_unread(path)}")
    return Source(str(path), path, found, _bare(path).name)


def _binary_format(path: Path) -> str:
    """Return the format of a file that is no text, whatever it is called."""
    if not path.is_file() or not os.access(path, os.R_OK):
        return ""
    with path.open("rb") as stream:
        begin = stream.read(4)
    if begin != b"PK\x03\x04":
        return "parquet" if begin == b"PAR1" else ""
    import zipfile

    from classifier.corpus.formats.xlsx import NO_WORKBOOK

    with suppress(*NO_WORKBOOK), zipfile.ZipFile(path) as archive:
        return "xlsx" if "xl/workbook.xml" in archive.namelist() else ""
    return ""


def _text_called_a_sheet(path: Path, tell: Callable[[str], None]) -> str:
    """Return the format of a text in a file that is called a sheet; nothing when it is none."""
    found = _text_format(path)
    if found in ("html", "xml"):
        raise BadInputError(
            f"{path}: is {found.upper()} and no workbook. Open it with a spreadsheet, and save it "
            "as .xlsx or .csv."
        )
    if found:
        found = "csv" if found in ("txt", "annif") else found
        tell(f"{path}: is text and no workbook, and read as {found}.")
    return found


def _format_inside(path: Path) -> str:
    """Return the format that a file's first bytes tell; a text of no format is none."""
    found = "" if path.suffix.lower() in _OTHER_KINDS else _text_format(path)
    return "" if found == "txt" else found


def _text_format(path: Path) -> str:
    """Return the format that the first bytes of a text tell, ``txt`` where they tell none."""
    if not path.is_file() or not path.stat().st_size:
        return ""
    try:
        with open_bytes(Source(str(path), path, ""), None, encoding="utf-8") as stream:
            return format_by_content(stream)
    except BadInputError:
        return ""


def _reason_unread(path: Path) -> str:
    other = _OTHER_KINDS.get(path.suffix.lower()) or _OTHER_KINDS.get(_unpacked_suffix(path))
    if other:
        return (
            f"{other} cannot be read. Save it, or what it holds, as .csv, .jsonl, .parquet or .txt "
            "first."
        )
    return (
        "the name does not tell its format. Name it with --input-format, for example "
        "--input-format csv when it holds a table, jsonl when it holds a JSON object a line, txt "
        "when it is one article."
    )


def _in_folder(folder: Path, format: str | None, tell: Callable[[str], None]) -> Iterator[Source]:
    found = sorted(_walk(folder))
    by_label = _lie_by_label(folder, found)
    subjects = _subjects_beside(found)
    known, read = " ".join(_FORMAT_OF), list[Source]()
    passed = Counter[str]()
    for path in found:
        named = format_by_name(path)
        if by_label and not path.suffix and path.parent != folder:
            named = "txt"
        # FIFOs and devices would hang whoever reads a folder
        if not named or (path.exists() and not path.is_file()):
            passed[path.suffix.lower() or "no suffix"] += path not in subjects.values()
        elif path not in subjects.values():
            name = _bare(path.relative_to(folder)).as_posix()
            label = path.parent.name if by_label and path.parent != folder else ""
            source = Source(str(path), path, format or named, name, label, subjects.get(path))
            read.append(source)
    kinds = listed([f"{n:,} {kind}" for kind, n in passed.most_common() if n])
    if not read:
        other = f" (found: {kinds})" if kinds else ""
        raise BadInputError(
            f"{folder}: no file to read in this folder{other}. Names may end in {known}."
        )
    if kinds:
        tell(f"{folder}: files that are not read: {kinds}. Names of those that are end in {known}.")
    yield from read


def _lie_by_label(folder: Path, files: Iterable[Path]) -> bool:
    """Return whether all files below are an article each, in several folders called with words."""
    below = [path for path in files if path.parent != folder]
    names, kinds = {path.parent.name for path in below}, {path.suffix for path in below}
    return (
        len(names) > 1
        and all(any(map(str.isalpha, name)) for name in names)
        and (kinds == {""} or all(format_by_name(path) in _DOCUMENTS for path in below))
    )


def _subjects_beside(files: Iterable[Path]) -> dict[Path, Path]:
    """Return, by text, the file of its subjects: of the same name in ``.key`` or ``.tsv``."""
    known = set(files)
    beside = dict[Path, Path]()
    for path in known:
        text = path.with_suffix(".txt")
        if path.suffix == ".key" or (path.suffix == ".tsv" and _holds_subjects(path)):
            beside |= {text: path} if text in known else {}
    return beside


def _holds_subjects(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4).removeprefix(b"\xef\xbb\xbf").startswith(b"<")


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith(PASSED_OVER))


def _refuse(error: OSError) -> None:
    raise BadInputError(
        f"{error.filename}: this folder cannot be read ({_cause(error)}). Check its permissions."
    )


def format_by_name(path: PurePath) -> str:
    """Return the format `path` is named after, or an empty string.

    >>> format_by_name(Path("news.JSONL.gz"))
    'jsonl'
    """
    found = _FORMAT_OF.get(_unpacked_suffix(path), "")
    packed = path.suffix.lower() in COMPRESSIONS
    return "" if packed and found in ("parquet", "xlsx") else found


def _unpacked_suffix(path: PurePath) -> str:
    packed = path.suffix.lower() in COMPRESSIONS
    return PurePath(path.stem if packed else path.name).suffix.lower()


def _bare(path: Path) -> Path:
    """Return `path` without its format's suffix and without that of its compression."""
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path).with_suffix("")


def _cause(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
