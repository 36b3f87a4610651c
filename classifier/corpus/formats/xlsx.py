"""Sheets of spreadsheets as rows."""

from __future__ import annotations

import datetime
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

from classifier.corpus.corpus import ReadOptions
from classifier.corpus.formats.table import header_again, is_part, named_records
from classifier.corpus.open import Source
from classifier.corpus.rows import Row
from classifier.errors import BadInputError, needing

__all__ = ["NO_WORKBOOK", "xlsx_rows"]

# What the reader of ZIP archives raises at damaged ones.
NO_WORKBOOK = (zipfile.BadZipFile, OSError, RuntimeError, EOFError, ValueError)

# A sheet is unpacked while it is read, the words of all sheets before; no newsroom's hold more.
_MOST_UNPACKED = 10**9
_MOST_RATIO = 50
_HEAD_BYTES = 4096
_HEAD_ROWS = 10
_MERGED = rb'<(?:\w+:)?mergeCell [^<>]*ref="([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})"'


def xlsx_rows(source: Source, options: ReadOptions, tell: Callable[[str], None]) -> Iterator[Row]:
    """Yield one row per line below the header of a sheet.

    Without the name of one, the first sheet that is not hidden and holds anything is read, before
    it one that names parts of an article, and told where others hold something too.

    Raises
    ------
    BadInputError
        When openpyxl is missing, the file is standard input, no workbook or damaged, unpacks to
        far more than it is, or has no such sheet.
    """
    path, file = source.path, source.name
    if path is None:
        raise BadInputError("standard input: XLSX cannot be streamed. Save it to a file first.")
    with needing("xlsx", f"{file}: XLSX needs openpyxl"):
        from openpyxl import load_workbook
    _check_size(path, file)
    book, stream = None, path.open("rb")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and checks of cells
            book = load_workbook(stream, read_only=True, data_only=True)
        if options.sheet and options.sheet not in book.sheetnames:
            raise BadInputError(
                f"{file}: no sheet '{options.sheet}' (found: {', '.join(book.sheetnames)})."
            )
        for sheet in book.worksheets:  # which may say a million rows where there are ten
            sheet.reset_dimensions()
        sheet = book[options.sheet] if options.sheet else _first_filled(book.worksheets, file, tell)
        lines = _filled_down(sheet.values, _merged(path, sheet._worksheet_path))
        yield from _sheet_rows(lines, file, options)
    except BadInputError:
        raise
    # a workbook can be damaged in as many ways as there are kinds of exceptions
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise BadInputError(f"{file}: not a workbook, or a damaged one ({reason}).") from None
    finally:
        if book is not None:
            book.close()
        stream.close()


def _first_filled(sheets: list[Any], file: str, tell: Callable[[str], None]) -> Any:
    shown = sorted(sheets, key=lambda sheet: bool(sheet.sheet_state != "visible"))
    filled = [sheet for sheet in shown if any(map(any, sheet.values))] or shown
    if len(filled) > 1:
        filled.sort(key=lambda sheet: not _names_parts(sheet))
        others = ", ".join(f"'{sheet.title}'" for sheet in filled[1:])
        tell(f"{file}: reading the sheet '{filled[0].title}'; --sheet reads another: {others}.")
    return filled[0]


def _names_parts(sheet: Any) -> bool:
    """Return whether one of the first rows names parts of an article, a text among them."""
    rows = ([str(cell) for cell in row if cell] for row in islice(sheet.values, _HEAD_ROWS))
    return any(sum(map(is_part, row)) > 1 for row in rows)


def _merged(path: Path, part: str) -> dict[int, list[tuple[int, int]]]:
    """Return by row the columns in which cells are merged from there down, and the last row."""
    from openpyxl.utils import column_index_from_string

    found: dict[int, list[tuple[int, int]]] = {}
    with zipfile.ZipFile(path) as archive, archive.open(part) as stream:
        held = b""
        while piece := stream.read(2**20):
            held += piece
            for column, first, last in re.findall(_MERGED, held):
                index = column_index_from_string(column.decode()) - 1
                found.setdefault(int(first), []).append((index, int(last)))
            held = held[held.rfind(b"<") :]
    return found


def _filled_down(
    lines: Iterable[Sequence[object]], merged: Mapping[int, list[tuple[int, int]]]
) -> Iterator[Sequence[object]]:
    """Yield the rows with the value of merged cells in each of them, which the first alone has."""
    held: dict[int, tuple[int, object]] = {}
    for number, line in enumerate(lines, 1):
        cells = [*line]
        for column, (last, value) in held.items():
            if number <= last:
                cells += [None] * (column + 1 - len(cells))
                cells[column] = value
        for column, last in merged.get(number, ()):
            held[column] = last, cells[column] if column < len(cells) else None
        yield cells


def _sheet_rows(
    lines: Iterable[Sequence[object]], file: str, options: ReadOptions
) -> Iterator[Row]:
    shown = ((number, [_shown(cell) for cell in line]) for number, line in enumerate(lines, 1))
    filled = (each for each in shown if any(each[1]))
    names, records = named_records(filled, f"{file} row", options)
    for number, cells in records:
        problem = header_again(cells[: len(names)], names)
        pairs = zip(names, chain(cells, repeat("")), strict=False)
        values = {name: cell for name, cell in pairs if name}
        yield Row(file, number, values, problem, cells if problem else None, "row")


def _check_size(path: Path, file: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
            parts = [archive.open(each).read(_HEAD_BYTES) for each in archive.infolist()]
    except (*NO_WORKBOOK, zlib.error) as error:
        raise BadInputError(f"{file}: not a workbook, or a damaged one ({error}).") from None
    if any(b"<!DOCTYPE" in part.replace(b"\0", b"") for part in parts):
        raise BadInputError(f"{file}: declares entities of its own, which are not read.")
    packed = max(path.stat().st_size, 1)
    if unpacked > _MOST_UNPACKED or (unpacked > 10**8 and unpacked / packed > _MOST_RATIO):
        raise BadInputError(
            f"{file}: unpacks from {packed / 1e6:.1f} to {unpacked / 1e6:,.0f} MB, which no sheet "
            "of articles does. It is not read."
        )


def _shown(cell: object) -> str:
    """Return a cell as people see it: days without midnight, whole numbers without a point."""
    if cell is None:
        return ""
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ") if cell.time() != datetime.time() else cell.date().isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
