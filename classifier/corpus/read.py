"""Every input format becomes one stream of articles, read one at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from classifier.article import Article
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.corpus.labels import ArticleReader, BadRowError, Row
from classifier.corpus.open import (
    Source,
    bad_bytes,
    encoding_reason,
    find_sources,
    format_by_content,
    import_parquet,
    is_utf8,
    open_bytes,
    open_text,
    unmarked,
)
from classifier.corpus.write import without_nan
from classifier.errors import BadInputError
from classifier.files import opened_text

__all__ = [
    "ReadOptions",
    "ReadTally",
    "SeenIds",
    "check_rejects",
    "csv_rows",
    "html_article",
    "jsonl_rows",
    "markdown_article",
    "parquet_rows",
    "read_articles",
    "utf8_jsonl_rows",
]


_WORD = 2**64 - 1
_FIRST_SLOTS = 2**10
# Above this share of slots in use their number is doubled.
_FULLEST = 0.8
# What the narrow arrays hold: lines from the first of a stretch on, and ids in all.
_NARROW = 2**32 - 1


class SeenIds:
    """The ids of a stream, as hashes, with the places where they stood.

    Notes
    -----
    An open-addressing table with double hashing (Knuth, TAOCP vol. 3, 6.4) of uint32 leads to the
    ids in order, of each of which 8 bytes of hash and 4 of line are kept. Files are kept by the
    stretch of ids that came from them. That two of n ids have one hash, and a good article is
    refused, has a chance of n² / 2⁶⁵: 3 in a million for 10 million ids. The hash is Python's own,
    keyed anew in each process, so nobody can prepare ids that meet.
    """

    def __init__(self) -> None:
        self._slots = array("I", [0]) * _FIRST_SLOTS
        self._mask = _FIRST_SLOTS - 1
        self._most = int(_FULLEST * _FIRST_SLOTS)
        self._hashes = array("Q")
        self._lines = array("I")
        self._starts: list[int] = []
        self._stretches: list[Row] = []
        self._file, self._first_line = "", 0

    def __len__(self) -> int:
        return len(self._hashes)

    def first_place(self, id: str, row: Row) -> str:
        """Return where `id` was seen before; if nowhere, note that `row` has it.

        Parameters
        ----------
        id : str
        row : Row
            Rows come file by file and in order.

        Returns
        -------
        str
            The place, for messages; empty the first time.
        """
        code = hash(id) & _WORD
        slots, hashes, mask = self._slots, self._hashes, self._mask
        place = code & mask
        while slot := slots[place]:
            if hashes[slot - 1] == code:
                return self._place(slot - 1)
            place = place + (code >> 32 | 1) & mask
        line = row.line - self._first_line
        if row.file is not self._file or not 0 <= line <= _NARROW:
            self._begin(row)
            line = 0
        self._lines.append(line)
        hashes.append(code)
        slots[place] = count = len(hashes)
        if count > self._most:
            self._grow()
        return ""

    def _begin(self, row: Row) -> None:
        self._file, self._first_line = row.file, row.line
        self._starts.append(len(self._lines))
        self._stretches.append(Row(row.file, row.line, unit=row.unit))

    def _place(self, number: int) -> str:
        start = self._stretches[bisect_right(self._starts, number) - 1]
        return Row(start.file, start.line + self._lines[number], unit=start.unit).place

    def _grow(self) -> None:
        n_slots = 2 * len(self._slots)
        # the old table goes before the new one comes
        self._slots = array("I")
        slots, mask = array("I", [0]) * n_slots, n_slots - 1
        for number, code in enumerate(self._hashes, 1):
            place = code & mask
            while slots[place]:
                place = place + (code >> 32 | 1) & mask
            slots[place] = number
        self._slots, self._mask, self._most = slots, mask, int(_FULLEST * n_slots)


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
    lines: Iterable[str], file: str, *, encoding: str, delimiter: str = ","
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

    Raises
    ------
    BadInputError
        If the header cannot be read or names a column twice.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
    feed = _Feed(lines, encoding)
    records = _records(csv.reader(feed, delimiter=delimiter, strict=True), feed, file)
    first = next(records, None)
    if isinstance(first, Row):
        raise BadInputError(f"{first.place}: {first.problem}")
    header = _header(first[1], file) if first else []
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
        return BadRowError("bad quoting", "a quote opened here is never closed. Close it.")
    return BadRowError("bad quoting", f"{error}. Double every quote inside a quoted cell.")


_DEFAULTS = ReadOptions()
_HEAD_BYTES = 4096
_QUOTED = re.compile(r'"[^"]*"')


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
    check_rejects(options, sources)
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
    elif source.format == "xlsx":
        yield from _workbook_rows(source, options)
    else:
        with open_bytes(source, stdin, encoding=options.encoding) as stream:
            yield from _stream_rows(stream, source, options)


def _stream_rows(stream: io.BufferedReader, source: Source, options: ReadOptions) -> Iterator[Row]:
    format, encoding = source.format or format_by_content(stream), options.encoding
    if format == "txt" and not options.format and format_by_content(stream) == "fasttext":
        format = "fasttext"
    if format in ("xml", "warc"):
        return _item_rows(stream, source, format)
    if format == "jsonl" and is_utf8(encoding):
        return utf8_jsonl_rows(unmarked(stream), source.name, encoding=encoding)
    return _text_rows(stream, source, format, options)


def _text_rows(
    stream: io.BufferedReader, source: Source, format: str, options: ReadOptions
) -> Iterator[Row]:
    encoding, name = options.encoding, source.name
    newline = "\n" if format == "jsonl" else ""
    with open_text(stream, encoding=encoding, newline=newline) as text:
        if format == "jsonl":
            yield from jsonl_rows(text, name, encoding=encoding)
        elif format in ("csv", "tsv"):
            delimiter = _delimiter(stream, "\t" if format == "tsv" else ",", encoding)
            yield from csv_rows(text, name, encoding=encoding, delimiter=delimiter)
        elif format in ("json", "fasttext", "annif"):
            yield from _labelled_texts(text, name, format)
        else:
            yield from _document_rows(text, source, format, options)


def _delimiter(stream: io.BufferedReader, usual: str, encoding: str) -> str:
    """Return what stands between the cells of the first line, the usual mark where it occurs."""
    head = stream.peek(_HEAD_BYTES)[:_HEAD_BYTES].decode(encoding, "replace").partition("\n")[0]
    bare = _QUOTED.sub("", head)
    counts = {mark: bare.count(mark) for mark in (usual, ";", "\t", "|", ",")}
    return usual if counts[usual] else max(counts, key=lambda mark: counts[mark])


def _labelled_texts(text: io.TextIOBase, name: str, format: str) -> Iterator[Row]:
    from classifier.corpus.formats import inline
    from classifier.corpus.formats.json import json_rows

    if format == "json":
        return json_rows(text, name)
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
