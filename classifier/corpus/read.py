"""Every input format becomes one stream of articles, read one at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from classifier.article import Article
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.corpus.open import (
    Source,
    bad_bytes,
    encoding_reason,
    find_sources,
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
from classifier.fields import Articles, as_article, iter_articles, usual_field
from classifier.files import opened_text

__all__ = [
    "ReadOptions",
    "ReadTally",
    "check_rejects",
    "csv_rows",
    "html_article",
    "jsonl_rows",
    "labelled_articles",
    "markdown_article",
    "parquet_rows",
    "read_articles",
    "read_rows",
    "utf8_jsonl_rows",
]


_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?=[\w-]+:|#)(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M
)
_TITLE_LINE = re.compile(r"^title:(.*)$", re.M)
_HEADING = re.compile(r"\A\s*#[ \t]+(.*)(?:\n|\Z)")
# Every pattern stops at the next marker of its own kind, so none can be made to run for long.
# The time to find the text of a page grows with the square of their number: 4 s for so many.
MOST_TAGS = 30_000
_MARKUP = (
    (re.compile(r"<!--(?:(?!-->|<!--).)*-->", re.S), ""),
    (re.compile(r"^[ \t]*(?:```|~~~).*$", re.M), ""),
    (re.compile(r"^[ \t]*(?:={3,}|(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", re.M), ""),
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*)$", re.M), lambda found: _heading(found[1])),
    (re.compile(r"^[ \t]*(?:>[ \t]?)+", re.M), ""),
    (re.compile(r"^([ \t]*)[-*+][ \t]+", re.M), r"\1"),
    (re.compile(r"!\[([^\[\]]*)\]\((?:[^()\n]|\([^()\n]*\))*\)"), r"\1"),
    (re.compile(r"\[([^\[\]]*)\]\((?:[^()\n]|\([^()\n]*\))*\)"), r"\1"),
    (re.compile(r"\[([^\[\]]+)\]\[[^\[\]\n]*\]"), r"\1"),
    (re.compile(r"^[ \t]*\[[^\[\]\n]+\]:[ \t]+\S+.*$", re.M), ""),
    (re.compile(r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*\n]+)(?<=[^\s*\\])\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*\n]+)(?<=[^\s*\\])\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w\\])(_{1,3})(?=[^\s_])([^_\n]+)(?<=[^\s_\\])\1(?!\w)"), r"\2"),
    (re.compile(r"(?<!`)`+([^`\n]+)`+"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!>~|])"), r"\1"),
    (re.compile(r"\n{3,}"), "\n\n"),
)


def markdown_article(markdown: str) -> tuple[str, str]:
    r"""Return title and text of a Markdown file, with front matter and light markup gone.

    The title is the one in the front matter, or else a heading of the first level at the top.

    >>> markdown_article("# Grid *warns*\n\nDemand [rises](https://example.org).")
    ('Grid warns', 'Demand rises.')
    """
    title, body = _split_title(markdown.replace("\r\n", "\n"))
    return _without_markup(title), _without_markup(body)


def html_article(html: str, name: str) -> tuple[str, str]:
    """Return title and main text of a web page; the text is empty when none is found.

    Raises
    ------
    BadInputError
        If trafilatura is missing, or the page has more tags than any article's.
    """
    tags = html.count("<")
    if tags > MOST_TAGS:
        raise BadInputError(
            f"{name}: {tags} tags, and a page is searched for its text when it has at most "
            f"{MOST_TAGS}. Save the text of the article alone."
        )
    found = _trafilatura(name).bare_extraction(html, with_metadata=True, include_comments=False)
    if found is None:
        return "", ""
    title, text = found.title or "", found.text or ""
    return title, text.removeprefix(f"{title}\n") if title else text


def _split_title(markdown: str) -> tuple[str, str]:
    front = _FRONT_MATTER.match(markdown)
    body = markdown[front.end() :] if front else markdown
    named = _TITLE_LINE.search(front[1]) if front else None
    if named:
        return named[1].strip(" \t'\""), body
    heading = _HEADING.match(body)
    return (_heading(heading[1]), body[heading.end() :]) if heading else ("", body)


def _heading(words: str) -> str:
    """Return a heading's words without the number signs that may close it."""
    bare = words.rstrip()
    opened = bare.rstrip("#")
    return opened.rstrip() if opened[-1:].isspace() else bare


def _without_markup(text: str) -> str:
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text.strip()


def _trafilatura(name: str) -> Any:
    try:
        import trafilatura
    except ImportError as error:
        reason = str(error).partition("\n")[0]
        raise BadInputError(
            f"{name}: HTML needs trafilatura ({reason}). Run: pip install 'classifier[html]'"
        ) from None
    return trafilatura


# Loading the quick parser takes as long as it saves on a thousand lines.
_LINES_BEFORE = 256


def utf8_jsonl_rows(
    lines: Iterable[bytes], file: str, *, encoding: str = "utf-8", first: int = 1
) -> Iterator[Row]:
    """Yield one row per line that is not blank; a bad line becomes a row with a problem.

    Parameters
    ----------
    lines : iterable of bytes
        In UTF-8, without a byte-order mark. When decoded from another encoding, bytes that are
        none of it stand as the surrogates U+DC80 to U+DCFF.
    file : str
        What messages call it.
    encoding : str
        What `lines` are, or were decoded from.
    first : int
        Number of the first of `lines` in the file.

    Notes
    -----
    The same rows as `jsonl_rows` of the decoded lines. What the quick parser takes, it reads as
    `json` does, to the last digit. What it refuses is read by `json`: mistakes, which are named as
    ever, and what only Python calls JSON, such as ``NaN`` or a blank line.
    """
    errors = "surrogateescape" if is_utf8(encoding) else "surrogatepass"
    parse = None
    for number, line in enumerate(lines, first):
        if parse is None and number > _LINES_BEFORE:
            parse = _parser()
        if parse is not None:
            try:
                values = parse(line)
            # whatever it is, too deep a nesting among it, the exact way tells it as ever
            except Exception:
                values = None
            if type(values) is dict:
                yield Row(file, number, values)
                continue
        text = line.decode("utf-8", errors)
        yield from jsonl_rows((text,), file, encoding=encoding, first=number)


@cache
def _parser() -> Callable[[bytes], Any]:
    from msgspec.json import Decoder

    return Decoder().decode


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
    with _named_errors(source.name), parquet.ParquetFile(source.path) as file:
        _check_columns(file.schema_arrow.names, source.name)
        batches = file.iter_batches(batch_size=_BATCH_ROWS)
        rows = (values for batch in batches for values in batch.to_pylist())
        for number, values in enumerate(rows, 1):
            yield Row(source.name, number, values, unit="row")


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    from pyarrow.lib import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        message = f"{name}: not a Parquet file, or a damaged one ({reason}). Write it again."
    else:
        return
    raise BadInputError(message)


def _check_columns(names: list[str], file: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BadInputError(f"{file}: column '{twice[0]}' is there twice. Rename one of them.")


_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
# The widest limit that fits a C long everywhere; a field is held in memory whole anyway.
_FIELD_LIMIT = 2**31 - 1


def jsonl_rows(lines: Iterable[str], file: str, *, encoding: str, first: int = 1) -> Iterator[Row]:
    """Yield one row per line that is not blank; a bad line becomes a row with a problem.

    Parameters
    ----------
    lines : iterable of str
        Decoded lines, undecodable bytes as U+DC80 to U+DCFF.
    file : str
        What messages call it.
    encoding : str
        What `lines` were decoded as, for messages.
    first : int
        Number of the first of `lines` in the file.
    """
    for number, line in enumerate(lines, first):
        if line.strip():
            try:
                yield Row(file, number, _json_object(line, encoding))
            except BadRowError as problem:
                yield Row(file, number, problem=problem, raw=line.rstrip("\r\n"))


def _json_object(line: str, encoding: str) -> dict[str, object]:
    _, found = bad_bytes(line)
    if found:
        raise BadRowError("bad encoding", encoding_reason(found, encoding))
    value = _json_value(line)
    if not isinstance(value, dict):
        raise BadRowError(
            "not a JSON object",
            f"a JSON {_json_name(value)}, not an object. Write one {{...}} with its fields a line.",
        )
    if _HALF_PAIR.search(line):
        _refuse_half_pairs(value)
    return value


def _json_value(line: str) -> object:
    try:
        return json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at column {error.colno}"
    except ValueError as error:
        reason = str(error)
    except RecursionError:
        reason = "nested too deeply"
    raise BadRowError("bad JSON", f"not valid JSON ({reason}). Write one whole object a line.")


def _json_name(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _refuse_half_pairs(value: dict[str, object]) -> None:
    """Raise when a string holds half a character, which no file could be written with again."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise BadRowError(
            "bad encoding",
            "a character was cut in two (half of a surrogate pair). Write it whole, or drop it.",
        ) from None


def csv_rows(
    lines: Iterable[str],
    file: str,
    *,
    encoding: str,
    delimiter: str = ",",
    quoting: bool = True,
    columns: list[str] | None = None,
) -> Iterator[Row]:
    """Yield one row per record below the header; a bad record becomes a row with a problem.

    Parameters
    ----------
    lines : iterable of str
        Decoded lines with their ends kept, undecodable bytes as U+DC80 to U+DCFF.
    file : str
        What messages call it.
    encoding : str
        What `lines` were decoded as, for messages.
    delimiter : str
        What stands between cells. Quotes work the same whatever it is.
    quoting : bool
        Whether quotes enclose cells; else they are signs like others.
    columns : list of str, optional
        Given the names in the header before the first row.

    Raises
    ------
    BadInputError
        If the header cannot be read or names a column twice.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    feed = _Feed(lines, encoding)
    dialect: Any = {"quoting": csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE}
    reader = csv.reader(feed, delimiter=delimiter, strict=True, **dialect)
    records = _records(reader, feed, file)
    first = next(records, None)
    if isinstance(first, Row):
        raise BadInputError(f"{first.place}: {first.problem}")
    header = _header(first[1], file) if first else []
    if columns is not None:
        columns += header
    for record in records:
        yield record if isinstance(record, Row) else _csv_row(header, *record, file)


def _records(
    reader: Iterator[list[str]], feed: _Feed, file: str
) -> Iterator[tuple[int, list[str]] | Row]:
    """Yield the line and cells of every record that is not blank, or a row with a problem."""
    while True:
        line = feed.begin_record()
        try:
            cells = next(reader)
            feed.check()
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(file, line, problem=_quoting_problem(error), raw="".join(feed.record))
        except BadRowError as problem:
            yield Row(file, line, problem=problem, raw="".join(feed.record))
        else:
            if cells:
                yield line, cells


class _Feed:
    """The lines on their way into the CSV reader, watched for what it would let through.

    Parameters
    ----------
    lines : iterable of str
        The decoded lines.
    encoding : str
        What they were decoded as.

    Attributes
    ----------
    record : list of str
        The lines of the record being read.
    """

    def __init__(self, lines: Iterable[str], encoding: str) -> None:
        self._lines = iter(lines)
        self._n_lines = 0
        self._encoding = encoding
        self.record: list[str] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._n_lines += 1
        self.record.append(line)
        return line

    def begin_record(self) -> int:
        """Let the last record go, and return the line on which the next one starts."""
        self.record = []
        return self._n_lines + 1

    def check(self) -> None:
        """Raise what is wrong with the lines of this record."""
        for line in self.record:
            _, found = bad_bytes(line)
            if found:
                raise BadRowError("bad encoding", encoding_reason(found, self._encoding))
            if "\0" in line:
                raise BadRowError("NUL byte", "holds a NUL byte. Remove it; text has none.")


def _header(cells: list[str], file: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise BadInputError(f"{file}: the header names '{twice[0]}' twice. Rename one of them.")
    return header


def _csv_row(header: list[str], line: int, cells: list[str], file: str) -> Row:
    if len(cells) == len(header):
        return Row(file, line, dict(zip(header, cells, strict=True)))
    problem = BadRowError(
        "wrong number of cells",
        f"{len(cells)} cells under a header of {len(header)}. "
        "Quote cells that hold the delimiter or a line break.",
    )
    return Row(file, line, problem=problem, raw=cells)


def _quoting_problem(error: csv.Error) -> BadRowError:
    if "unexpected end" in str(error):
        reason = "a quote opened here is never closed. Close it, or pass --no-quoting"
    else:
        reason = f"{error}. Double every quote inside a quoted cell, or pass --no-quoting"
    return BadRowError("bad quoting", f"{reason} if quotes do not enclose cells.")


_DEFAULTS = ReadOptions()
_TABLES = ("csv", "tsv", "parquet", "xlsx")
_HEAD_BYTES = 4096
_QUOTED = re.compile(r'"[^"]*"')


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
    given = [paths] if isinstance(paths, str | Path) else paths
    tally = tally if tally is not None else ReadTally()
    sources = find_sources(given, format=options.format, tell=tally.note)
    check_rejects(options, sources)
    return _articles(sources, options, tally, stdin)


def _articles(
    sources: list[Source], options: ReadOptions, tally: ReadTally, stdin: BinaryIO | None
) -> Iterator[Article]:
    reader, places = ArticleReader(options, tally), dict[str, str]()
    with _open_rejects(options) as rejects:
        for source in sources:
            for number, row in enumerate(_rows(source, options, stdin, tally)):
                if not number and row.values and len(sources) == 1 and source.format in _TABLES:
                    reader.check_named(row.values)
                try:
                    article = reader.read(row)
                    if options.unique_ids and article.id:
                        _check_id(article.id, row, places)
                except BadRowError as problem:
                    _set_aside(row, problem, options, tally=tally, rejects=rejects)
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
    source: Source, options: ReadOptions = _DEFAULTS, *, tally: ReadTally | None = None
) -> Iterator[Row]:
    """Yield the rows of one file with all their fields, bad ones with their problem.

    Parameters
    ----------
    source : Source
        A format that is empty is told by the first bytes.
    options : ReadOptions
    tally : ReadTally, optional
        Told what was recognised.

    Raises
    ------
    BadInputError
        If the file as a whole cannot be read.
    """
    return _rows(source, options, None, tally if tally is not None else ReadTally())


def _rows(
    source: Source, options: ReadOptions, stdin: BinaryIO | None, tally: ReadTally
) -> Iterator[Row]:
    if source.format == "parquet":
        yield from parquet_rows(source)
    elif source.format == "xlsx":
        yield from _workbook_rows(source, options)
    else:
        with open_bytes(source, stdin, encoding=options.encoding) as stream:
            yield from _stream_rows(stream, source, options, tally)


def _stream_rows(
    stream: io.BufferedReader, source: Source, options: ReadOptions, tally: ReadTally
) -> Iterator[Row]:
    format = source.format or format_by_content(stream)
    encoding = marked_encoding(stream, options.encoding)
    if format == "txt" and not options.format and format_by_content(stream) == "fasttext":
        format = "fasttext"
    if format in ("xml", "warc"):
        return _item_rows(stream, source, format)
    if options.keep_item and format == "jsonl":
        format = "json"
    if format == "jsonl" and is_utf8(encoding):
        return utf8_jsonl_rows(unmarked(stream), source.name, encoding=encoding)
    return _text_rows(stream, source, format, replace(options, encoding=encoding), tally)


def _text_rows(
    stream: io.BufferedReader,
    source: Source,
    format: str,
    options: ReadOptions,
    tally: ReadTally,
) -> Iterator[Row]:
    encoding, name = options.encoding, source.name
    newline = "\n" if format == "jsonl" else ""
    with open_text(stream, encoding=encoding, newline=newline) as text:
        if format == "jsonl":
            yield from jsonl_rows(text, name, encoding=encoding)
        elif format in ("csv", "tsv"):
            delimiter = _delimiter(stream, "\t" if format == "tsv" else ",", encoding)
            quoting = options.quoting
            yield from csv_rows(text, name, encoding=encoding, delimiter=delimiter, quoting=quoting)
        elif format in ("json", "fasttext", "annif"):
            yield from _labelled_texts(text, name, format, options)
        else:
            yield from _document_rows(text, source, format, options, tally)


def _delimiter(stream: io.BufferedReader, usual: str, encoding: str) -> str:
    """Return what stands between the cells of the first line, the usual mark where it occurs."""
    head = stream.peek(_HEAD_BYTES)[:_HEAD_BYTES].decode(encoding, "replace").partition("\n")[0]
    bare = _QUOTED.sub("", head)
    counts = {mark: bare.count(mark) for mark in (usual, ";", "\t", "|", ",")}
    return usual if counts[usual] else max(counts, key=lambda mark: counts[mark])


def _labelled_texts(
    text: io.TextIOBase, name: str, format: str, options: ReadOptions
) -> Iterator[Row]:
    from classifier.corpus.formats import inline
    from classifier.corpus.formats.json import json_rows

    if format == "json":
        return json_rows(text, name, keep_item=options.keep_item)
    return (inline.fasttext_rows if format == "fasttext" else inline.annif_rows)(text, name)


def _workbook_rows(source: Source, options: ReadOptions) -> Iterator[Row]:
    from classifier.corpus.formats.xlsx import xlsx_rows

    if source.path is None:
        raise BadInputError("standard input: XLSX cannot be streamed. Save it to a file first.")
    yield from xlsx_rows(source.path, source.name, sheet=options.sheet)


def _item_rows(stream: io.BufferedReader, source: Source, format: str) -> Iterator[Row]:
    if format == "xml":
        from classifier.corpus.formats.xml import xml_rows

        return xml_rows(stream, source.name)
    from classifier.corpus.formats.warc import warc_rows

    return warc_rows(stream, source.name)


def _document_rows(
    stream: io.TextIOBase,
    source: Source,
    format: str,
    options: ReadOptions,
    tally: ReadTally,
) -> Iterator[Row]:
    content, encoding = stream.read(), options.encoding
    position, found = bad_bytes(content)
    if found:
        problem = BadRowError("bad encoding", encoding_reason(found, encoding))
        line = content.count("\n", 0, position) + 1
        yield Row(source.name, line, problem=problem, raw=content)
    elif "\0" in content:
        problem = BadRowError("NUL byte", "holds a NUL byte, so this is no text. Leave it out.")
        yield Row(source.name, 1, problem=problem, raw=content)
    elif format == "txt" and options.format is None and _is_table(content):
        tally.note(f"{source.name}: its first line names columns, so it is read as TSV.")
        lines = content.splitlines(keepends=True)
        yield from csv_rows(
            lines, source.name, encoding=encoding, delimiter="\t", quoting=options.quoting
        )
    elif content:
        yield _document_row(content, source, format, options)


def _is_table(content: str) -> bool:
    """Return whether a text is a table with tabs, as spreadsheets save "Unicode text"."""
    names = [cell.strip() for cell in content.partition("\n")[0].split("\t")]
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
        title, text = html_article(content, source.name)
        if not text:
            reason = "no main text was found in this page. Leave it out, or save it as text."
            return Row(source.name, 1, problem=BadRowError("empty text", reason))
    named = (options.text_field, options.title_field, options.id_field)
    names = [name or usual for name, usual in zip(named, ("text", "title", "id"), strict=True)]
    values = dict(zip(names, (text, title, source.id), strict=True))
    return Row(source.name, 1, values, unit="")


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
        return json.dumps(without_nan(entry), ensure_ascii=False, default=str) + "\n"
    except (RecursionError, ValueError):
        return json.dumps({**entry, "row": "nested too deeply to write"}, ensure_ascii=False) + "\n"


def check_rejects(options: ReadOptions, sources: list[Source]) -> None:
    """Raise `BadInputError` when the file for rejects is one of the inputs."""
    if options.rejects is None:
        return
    target = options.rejects.resolve()
    if any(source.path is not None and source.path.resolve() == target for source in sources):
        raise BadInputError(f"{options.rejects}: is also an input. Name another file for rejects.")


def _open_rejects(options: ReadOptions) -> AbstractContextManager[TextIO | None]:
    if options.on_error == "stop" or options.rejects is None:
        return nullcontext()
    # Undecodable bytes live in the row as lone surrogates; the escape is legal JSON.
    return opened_text(options.rejects, errors="backslashreplace")


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
    if isinstance(given, Article) or not hasattr(given, "__iter__"):
        yield from iter_articles(given, name=name)
        return
    rows: Any = [given] if isinstance(given, Mapping) else given
    if hasattr(rows, "columns") and hasattr(rows, "to_dict"):
        rows = rows.to_dict("records")
    reader = ArticleReader(ReadOptions(), ReadTally())
    for place, item in enumerate(rows):
        if not isinstance(item, Mapping):
            yield as_article(item, where=f"{name}[{place}]")
            continue
        try:
            article = reader(item)
        except BadRowError as error:
            raise BadInputError(f"{name}[{place}]: {error}") from None
        reader.note_binary(article)
        yield article
    reader.finish()
