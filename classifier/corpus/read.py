"""Every input format becomes one stream of articles, read one at a time."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from classifier.article import Article
from classifier.corpus.corpus import UNREAD, ReadOptions, ReadTally
from classifier.corpus.find import find_sources
from classifier.corpus.formats.documents import html_article, in_declared_charset, markdown_article
from classifier.corpus.formats.jsonl import jsonl_rows, utf8_jsonl_rows
from classifier.corpus.formats.table import csv_table, found_delimiter
from classifier.corpus.open import (
    Source,
    bad_bytes,
    bounded_lines,
    encoding_reason,
    format_by_content,
    import_parquet,
    is_utf8,
    marked_encoding,
    open_bytes,
    open_text,
    unmarked,
)
from classifier.corpus.rows import ArticleReader, BadRowError, Row
from classifier.corpus.write import without_nan
from classifier.errors import BadInputError
from classifier.fields import Articles, iter_articles, usual_field
from classifier.files import opened_text

__all__ = [
    "ReadOptions",
    "ReadTally",
    "check_rejects",
    "labelled_articles",
    "parquet_rows",
    "read_articles",
    "read_rows",
    "reject_line",
]


_BATCH_ROWS = 256


def parquet_rows(source: Source) -> Iterator[Row]:
    """Yield one row per record of a Parquet file, numbered from 1.

    Raises
    ------
    BadInputError
        If pyarrow is missing, the file is standard input, is not Parquet, is damaged, or names a
        column twice.
    """
    if source.path is None:
        raise BadInputError("standard input: Parquet cannot be streamed. Save it to a file first.")
    parquet = import_parquet(source.name)
    from pyarrow.lib import ArrowException

    try:
        with parquet.ParquetFile(source.path) as file:
            names = Counter(file.schema_arrow.names)
            for twice in (name for name, count in names.items() if count > 1):
                raise BadInputError(
                    f"{source.name}: column '{twice}' is there twice. Rename one of them."
                )
            batches = file.iter_batches(batch_size=_BATCH_ROWS)
            rows = (values for batch in batches for values in batch.to_pylist())
            for number, values in enumerate(rows, 1):
                yield Row(source.name, number, values, unit="row")
    except (ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise BadInputError(
            f"{source.name}: not a Parquet file, or a damaged one ({reason}). Write it again."
        ) from None


_DEFAULTS = ReadOptions()
_MOST_CHARACTERS = 10**8
# Lines that stand once in each article of an export as text.
_EXPORTED = (
    r"(?m)^[ \t]*(?:\d+ of \d+ DOCUMENTS|End of Document|LENGTH: +\d+ words|HD {2}\S.*)[ \t\r]*$"
)
_TABLE_MARKS = "\t|;,"
_TABLES = ("csv", "tsv", "parquet", "xlsx")


def read_articles(
    paths: Path | str | Sequence[Path | str],
    options: ReadOptions = _DEFAULTS,
    *,
    tally: ReadTally | None = None,
    stdin: BinaryIO | None = None,
) -> Iterator[Article]:
    """Return the articles in `paths`, each read only when it is asked for.

    Parameters
    ----------
    paths : Path, str, or sequence of them
        Files, folders, or ``-`` for standard input. Text formats may be packed as ``.gz`` or
        ``.zst``.
    options : ReadOptions
        What the input looks like.
    tally : ReadTally, optional
        Counted up while articles are handed out.
    stdin : binary stream, optional
        Read for ``-`` in place of the process's own; left open.

    Returns
    -------
    iterator of Article
        In the order of `paths`; in a folder, sorted by name.

    Raises
    ------
    BadInputError
        At once if a path is missing or nothing tells its format. While reading, if a file is
        damaged, or at the first bad row unless `options` says to skip those.

    Notes
    -----
    Bad rows are: neither text nor headline, labels that make no sense, broken JSON or CSV,
    undecodable bytes, and with `ReadOptions.unique_ids` an id seen before; then alone are ids
    remembered. An id that comes again is an update of its article.
    """
    given = [paths] if isinstance(paths, str | Path) else _checked_paths(paths)
    tally = tally if tally is not None else ReadTally()
    sources = find_sources(given, format=options.format, tell=tally.note)
    check_rejects(options, sources)
    return _articles(sources, options, tally, stdin)


def _checked_paths(paths: Any) -> list[Path | str]:
    # an open file is a sequence of lines, a frame one of names
    if hasattr(paths, "__iter__") and not (hasattr(paths, "read") or hasattr(paths, "columns")):
        given = list(paths)
        if all(isinstance(path, str | Path) for path in given):
            return given
    raise BadInputError(
        f"paths is of {type(paths).__name__}. Pass a path or a list of paths; articles that are "
        "there already need no reading."
    )


def _articles(
    sources: list[Source], options: ReadOptions, tally: ReadTally, stdin: BinaryIO | None
) -> Iterator[Article]:
    reader, places = ArticleReader(options, tally), dict[str, str]()
    with _open_rejects(options) as rejects:
        for source in sources:
            rows = read_rows(source, options, tally=tally, stdin=stdin)
            for number, row in enumerate(rows):
                if not number and row.values and len(sources) == 1 and source.format in _TABLES:
                    reader.check_named(row.values)
                try:
                    article = reader.read(row)
                    if options.unique_ids and article.id:
                        _check_id(article.id, row, places)
                except BadRowError as problem:
                    if options.on_error == "stop":
                        raise BadInputError(f"{row.place}: {problem}") from problem
                    tally.skipped += 1
                    tally.reasons[problem.kind] += 1
                    if rejects is not None:
                        rejects.write(reject_line(row, problem))
                else:
                    tally.read += 1
                    reader.note_binary(article)
                    yield article
        reader.finish()


def _check_id(id: str, row: Row, places: dict[str, str]) -> None:
    earlier = places.setdefault(id, row.place)
    if earlier != row.place:
        raise BadRowError(
            "duplicate id",
            f"id '{id:.60}' was already seen in {earlier}. Give every article its own id, or "
            "leave out --unique-ids: the later one is then an update.",
        )


def read_rows(
    source: Source,
    options: ReadOptions = _DEFAULTS,
    *,
    tally: ReadTally | None = None,
    stdin: BinaryIO | None = None,
) -> Iterator[Row]:
    """Yield the rows of one file as they stand; a bad one has a problem.

    Parameters
    ----------
    source : Source
        Where it has no format, the first bytes decide.
    options : ReadOptions
    tally : ReadTally, optional
        Given notes on what was recognised.
    stdin : binary stream, optional
        Read in place of the process's own; left open.

    Raises
    ------
    BadInputError
        As `read_articles` while reading, but for rows.
    """
    tally = tally if tally is not None else ReadTally(tell=lambda line: None)
    if source.format == "parquet":
        yield from parquet_rows(source)
    elif source.format == "xlsx":
        from classifier.corpus.formats.xlsx import xlsx_rows

        yield from xlsx_rows(source, options, tally.note)
    else:
        with open_bytes(source, stdin, encoding=options.encoding) as stream:
            yield from _stream_rows(stream, source, options, tally)


def _stream_rows(
    stream: io.BufferedReader, source: Source, options: ReadOptions, tally: ReadTally
) -> Iterator[Row]:
    name, format = source.name, source.format
    if not options.format:
        format = format_by_content(stream, format)
        if source.format and format != source.format:
            tally.note(f"{name}: read as {format}, which it holds.")
    encoding = marked_encoding(stream, options.encoding)
    if format == "xml":
        from classifier.corpus.formats.xml import xml_rows

        yield from xml_rows(stream, name)
    elif format == "warc":
        from classifier.corpus.formats.warc import warc_rows

        yield from warc_rows(stream, name, tally.note)
    elif format == "jsonl" and is_utf8(encoding):
        yield from utf8_jsonl_rows(unmarked(bounded_lines(stream)), name, encoding=encoding)
    else:
        options = replace(options, encoding=encoding)
        table = format in ("csv", "tsv")
        delimiter = found_delimiter(stream, format, options) if table else ""
        newline = "\n" if format == "jsonl" else ""
        with open_text(stream, encoding=encoding, newline=newline) as text:
            if format == "jsonl":
                yield from jsonl_rows(bounded_lines(text), name, encoding=encoding)
            elif delimiter:
                yield from csv_table(bounded_lines(text), name, options, delimiter=delimiter)[1]
            elif format in ("json", "fasttext", "annif"):
                yield from _labelled_texts(text, name, format, encoding)
            else:
                yield from _document_rows(text, source, format, options, tally)


def _labelled_texts(text: io.TextIOBase, name: str, format: str, encoding: str) -> Iterator[Row]:
    if format == "json":
        from classifier.corpus.formats.json import json_rows

        return json_rows(text, name, encoding)
    from classifier.corpus.formats.inline import inline_rows

    return inline_rows(text, name, encoding, format)


def _document_rows(
    stream: io.TextIOBase,
    source: Source,
    format: str,
    options: ReadOptions,
    tally: ReadTally,
) -> Iterator[Row]:
    content, encoding = stream.read(_MOST_CHARACTERS + 1), options.encoding
    if len(content) > _MOST_CHARACTERS:
        raise BadInputError(
            f"{source.name}: is longer than {_MOST_CHARACTERS:,} characters, so no article. Name "
            "its format with --input-format, or leave it out."
        )
    if format == "html" and bad_bytes(content)[1]:
        content = in_declared_charset(content, encoding)
    position, found = bad_bytes(content)
    if found:
        problem = BadRowError("bad encoding", encoding_reason(content, encoding))
        line = content.count("\n", 0, position) + 1
        yield Row(source.name, line, problem=problem, raw=content)
    elif "\0" in content:
        problem = BadRowError("NUL byte", "holds a NUL byte, so this is no text. Leave it out.")
        yield Row(source.name, 1, problem=problem, raw=content)
    elif format == "txt" and options.format is None and (delimiter := _table_mark(content)):
        shown = {"\t": "tab"}.get(delimiter, delimiter)
        tally.note(
            f"{source.name}: its first line names columns, so it is read as a table, divided by "
            f"'{shown}'. --input-format txt reads it as one text."
        )
        lines = content.splitlines(keepends=True)
        yield from csv_table(lines, source.name, options, delimiter=delimiter)[1]
    elif content:
        if len(list(islice(re.finditer(_EXPORTED, content), 2))) > 1:
            tally.note(
                f"{source.name}: looks like several articles as Factiva or LexisNexis export them, "
                "and is read as one. Save each to a file of its own, or all as a table."
            )
        row = _document_row(content, source, format, options)
        labels = _labels_beside(source, options, tally)
        if labels is not None and row.problem is None:
            row.values = {**row.values, options.labels_field or "labels": labels}
        yield row


def _labels_beside(source: Source, options: ReadOptions, tally: ReadTally) -> list[str] | None:
    """Return the labels of a document by its folder or by a file beside it; `None` without."""
    if options.labels_field == UNREAD or options.label_columns:
        return None
    if source.subjects is not None:
        from classifier.corpus.formats.inline import subjects_in

        return subjects_in(source.subjects, options.encoding)
    if source.folder:
        tally.note(f"reading the names of folders as labels, such as '{source.folder}'.")
        return [source.folder]
    return None


def _table_mark(content: str) -> str:
    """Return what divides the columns of a text that is a table, nothing where it is none."""
    first = content.partition("\n")[0].removeprefix("\ufeff")
    return next((mark for mark in _TABLE_MARKS if _names_columns(first.split(mark))), "")


def _names_columns(cells: list[str]) -> bool:
    names = [cell.strip(' \r"') for cell in cells]
    if len(names) < 2 or len(set(names)) < len(names):
        return False
    try:
        found = [usual_field(names, part) for part in ("text", "title", "id", "labels", "date")]
    except BadInputError:
        return True
    return found[0] is not None and sum(name is not None for name in found) > 1


def _document_row(content: str, source: Source, format: str, options: ReadOptions) -> Row:
    title, text = "", content
    if format == "md":
        title, text = markdown_article(content)
    elif format == "html":
        title, text, _ = html_article(content, source.name)
        if not text:
            reason = "no main text was found in this page. Leave it out, or save it as text."
            return Row(source.name, 1, problem=BadRowError("empty text", reason))
    named = (options.text_field, options.title_field, options.id_field)
    names = [name or usual for name, usual in zip(named, ("text", "title", "id"), strict=True)]
    values = dict(zip(names, (text, title, source.id), strict=True))
    return Row(source.name, 1, values, unit="")


def reject_line(row: Row, problem: BadRowError, *, ascii: bool = False) -> str:
    """Return a bad row with the reason, as a line of JSON, in ASCII alone when asked for."""
    raw = row.raw if row.problem is not None else row.values
    entry = {"file": row.file, "line": row.line, "reason": str(problem), "row": raw}
    try:
        return json.dumps(without_nan(entry), ensure_ascii=ascii, default=str) + "\n"
    except (RecursionError, ValueError):
        return json.dumps({**entry, "row": "nested too deeply to write"}, ensure_ascii=ascii) + "\n"


def check_rejects(options: ReadOptions, sources: list[Source]) -> None:
    """Raise `BadInputError` when the file for rejects is one of the inputs."""
    if options.rejects is None:
        return
    target = Path(options.rejects).resolve()
    if any(source.path is not None and source.path.resolve() == target for source in sources):
        raise BadInputError(f"{options.rejects}: is also an input. Name another file for rejects.")


def _open_rejects(options: ReadOptions) -> AbstractContextManager[TextIO | None]:
    if options.on_error == "stop" or options.rejects is None:
        return nullcontext()
    # Undecodable bytes live in the row as lone surrogates; the escape is legal JSON.
    return opened_text(Path(options.rejects), errors="backslashreplace")


def labelled_articles(given: Articles | Path | str, *, name: str = "articles") -> Iterator[Article]:
    """Yield what someone has as labelled articles.

    Parameters
    ----------
    given : path, or iterable of Article, str or mapping, or data frame
        A path is read by `read_articles`; a mapping, and a row of a frame, as a row of a file is.
    name : str
        What messages call it.

    Raises
    ------
    BadInputError
        When it, or one of it, is something else, or a row makes no sense.
    """
    if isinstance(given, str | Path):
        yield from read_articles(given)
        return
    reader = ArticleReader(ReadOptions(), ReadTally())

    def read(values: Mapping[str, Any], where: str) -> Article:
        try:
            article = reader(values)
        except BadRowError as error:
            raise BadInputError(f"{where}: {error}") from None
        reader.note_binary(article)
        return article

    rows = [given] if isinstance(given, Mapping) else given
    yield from iter_articles(rows, name=name, read=read)
    reader.finish()
