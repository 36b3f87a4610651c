"""Every input format becomes one stream of articles, read one at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, TextIO

from classifier.article import Article
from classifier.corpus.open_paths import Source, find_sources
from classifier.corpus.open_text import (
    bad_bytes,
    encoding_reason,
    format_by_content,
    is_utf8,
    open_bytes,
    open_text,
    unmarked,
)
from classifier.corpus.read_article import ArticleReader
from classifier.corpus.read_document import html_article, markdown_article
from classifier.corpus.read_ids import SeenIds
from classifier.corpus.read_jsonl import utf8_jsonl_rows
from classifier.corpus.read_options import ReadOptions, ReadTally
from classifier.corpus.read_parquet import parquet_rows
from classifier.corpus.read_row import BadRowError, Row
from classifier.corpus.read_rows import csv_rows, jsonl_rows
from classifier.errors import BadInputError

__all__ = ["ReadOptions", "ReadTally", "read_articles"]

_DEFAULTS = ReadOptions()


def read_articles(
    paths: Sequence[Path | str],
    options: ReadOptions = _DEFAULTS,
    *,
    tally: ReadTally | None = None,
    stdin: BinaryIO | None = None,
) -> Iterator[Article]:
    """Return the articles in `paths`, each read only when it is asked for.

    Parameters
    ----------
    paths : sequence of Path or str
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
    Bad rows are: no text or an empty one, an id seen before, labels that make no sense, broken
    JSON or CSV, undecodable bytes. Ids are remembered for the whole stream, as some twenty bytes
    each; all else is let go.
    """
    given = [paths] if isinstance(paths, str | Path) else paths
    sources = find_sources(given, format=options.format)
    _check_rejects(options, sources)
    return _articles(sources, options, tally if tally is not None else ReadTally(), stdin)


def _articles(
    sources: list[Source], options: ReadOptions, tally: ReadTally, stdin: BinaryIO | None
) -> Iterator[Article]:
    article_of, seen = ArticleReader(options), SeenIds()
    with _open_rejects(options) as rejects:
        for source in sources:
            for row in _rows(source, options, stdin):
                try:
                    article = _article(row, article_of, seen)
                except BadRowError as problem:
                    _set_aside(row, problem, options, tally=tally, rejects=rejects)
                else:
                    tally.read += 1
                    yield article


def _rows(source: Source, options: ReadOptions, stdin: BinaryIO | None) -> Iterator[Row]:
    if source.format == "parquet":
        yield from parquet_rows(source)
        return
    encoding = options.encoding
    with open_bytes(source, stdin, encoding=encoding) as stream:
        format = source.format or format_by_content(stream)
        if format == "jsonl" and is_utf8(encoding):
            yield from utf8_jsonl_rows(unmarked(stream), source.name, encoding=encoding)
            return
        newline = "\n" if format == "jsonl" else ""
        with open_text(stream, encoding=encoding, newline=newline) as text:
            if format == "jsonl":
                yield from jsonl_rows(text, source.name, encoding=encoding)
            elif format in ("csv", "tsv"):
                delimiter = "," if format == "csv" else "\t"
                yield from csv_rows(text, source.name, encoding=encoding, delimiter=delimiter)
            else:
                yield from _document_rows(text, source, format, options)


def _document_rows(
    stream: io.TextIOBase, source: Source, format: str, options: ReadOptions
) -> Iterator[Row]:
    content = stream.read()
    position, found = bad_bytes(content)
    if found:
        problem = BadRowError("bad encoding", encoding_reason(found, options.encoding))
        line = content.count("\n", 0, position) + 1
        yield Row(source.name, line, problem=problem, raw=content)
    elif "\0" in content:
        problem = BadRowError("NUL byte", "holds a NUL byte, so this is no text. Leave it out.")
        yield Row(source.name, 1, problem=problem, raw=content)
    elif content:
        yield _document_row(content, source, format, options)


def _document_row(content: str, source: Source, format: str, options: ReadOptions) -> Row:
    title, text = "", content
    if format == "md":
        title, text = markdown_article(content)
    elif format == "html":
        title, text = html_article(content, source.name)
        if not text:
            reason = "no main text was found in this page. Leave it out, or save it as text."
            return Row(source.name, 1, problem=BadRowError("empty text", reason))
    names = (options.text_field, options.title_field, options.id_field)
    return Row(source.name, 1, dict(zip(names, (text, title, source.id), strict=True)))


def _article(row: Row, article_of: ArticleReader, seen: SeenIds) -> Article:
    if row.problem is not None:
        raise row.problem
    article = article_of(row.values)
    earlier = article.id and seen.first_place(article.id, row)
    if earlier:
        raise BadRowError(
            "duplicate id",
            f"id '{article.id:.60}' was already seen in {earlier}. "
            "Give every article its own id, or none.",
        )
    return article


def _set_aside(
    row: Row,
    problem: BadRowError,
    options: ReadOptions,
    *,
    tally: ReadTally,
    rejects: TextIO | None,
) -> None:
    """Stop at a bad row, or count it and write it to the rejects."""
    if options.on_error == "stop":
        raise BadInputError(f"{row.place}: {problem}")
    tally.skipped += 1
    tally.reasons[problem.kind] += 1
    if rejects is not None:
        raw = row.raw if row.problem is not None else row.values
        entry = {"file": row.file, "line": row.line, "reason": str(problem), "row": raw}
        rejects.write(_json_line(entry))


def _json_line(entry: dict[str, object]) -> str:
    try:
        return json.dumps(entry, ensure_ascii=False, default=str) + "\n"
    except (RecursionError, ValueError):
        return json.dumps({**entry, "row": "nested too deeply to write"}, ensure_ascii=False) + "\n"


def _check_rejects(options: ReadOptions, sources: list[Source]) -> None:
    if options.rejects is None:
        return
    target = options.rejects.resolve()
    if any(source.path is not None and source.path.resolve() == target for source in sources):
        raise BadInputError(f"{options.rejects}: is also an input. Name another file for rejects.")


def _open_rejects(options: ReadOptions) -> AbstractContextManager[TextIO | None]:
    if options.on_error == "stop" or options.rejects is None:
        return nullcontext()
    try:
        # Undecodable bytes live in the row as lone surrogates; the escape is legal JSON.
        return options.rejects.open("w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BadInputError(
            f"{options.rejects}: cannot be written ({error.strerror}). Name another file."
        ) from None
