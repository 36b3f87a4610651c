"""Sheets of spreadsheets as rows."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

from classifier.corpus.corpus import ReadOptions
from classifier.corpus.formats.header import column_names
from classifier.corpus.rows import Row
from classifier.errors import BadInputError

__all__ = ["xlsx_rows"]

# A sheet is unpacked while it is read; no newsroom's holds more.
_MOST_UNPACKED = 2 * 10**9
_MOST_RATIO = 200


def xlsx_rows(path: Path, file: str, options: ReadOptions) -> Iterator[Row]:
    """Yield one row per line below the header of a sheet, the first sheet where none is named.

    Raises
    ------
    BadInputError
        When openpyxl is missing, the file is no workbook or damaged, unpacks to far more than it
        is, or has no such sheet.
    """
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise BadInputError(
            f"{file}: XLSX needs openpyxl. Run: pip install 'classifier[xlsx]'"
        ) from None
    _check_size(path, file)
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise BadInputError(f"{file}: not a workbook, or a damaged one ({error}).") from None
    try:
        sheet = options.sheet
        if sheet and sheet not in book.sheetnames:
            raise BadInputError(
                f"{file}: no sheet '{sheet}' (found: {', '.join(book.sheetnames)})."
            )
        lines = (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)
        shown = ((number, [_shown(cell) for cell in line]) for number, line in enumerate(lines, 1))
        rows = ((number, cells) for number, cells in shown if any(cells))
        first = next(rows, None)
        if first is None:
            return
        names = column_names(first[1], f"{file} row {first[0]}", options)
        for number, cells in rows if options.header else chain([first], rows):
            padded = chain(cells, repeat(""))
            values = {name: cell for name, cell in zip(names, padded, strict=False) if name}
            yield Row(file, number, values, unit="row")
    finally:
        book.close()


def _check_size(path: Path, file: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise BadInputError(f"{file}: not a workbook, or a damaged one ({error}).") from None
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
