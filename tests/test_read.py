"""Reading: every format becomes the same articles, and every fault is said clearly."""

import datetime
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
import types
from collections import Counter
from pathlib import Path

import pyarrow
import pytest
import zstandard
from pyarrow import parquet

from classifier.article import Article, Labels
from classifier.corpus.formats.documents import markdown_article
from classifier.corpus.read import ReadOptions, ReadTally, read_articles
from classifier.errors import BadInputError, ClassifierError, SettingsError
from tests.cases import each_case

ENERGY = Labels(frozenset({"energy"}))
TWO_LINES = b'{"id": "a", "text": "one"}\n{"id": "b", "text": "two"}\n'
SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
SKIP = ReadOptions(on_error="skip")


@pytest.fixture
def write(tmp_path):
    """Return a function that puts content into a file and returns its path."""

    def put(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


def read(path, **options):
    """Return all articles in one path."""
    return list(read_articles([path], ReadOptions(**options), tally=silent_tally()))


def silent_tally():
    """Return a tally that keeps its notes to itself."""
    return ReadTally(tell=lambda note: None)


def texts(path, **options):
    """Return the texts of all articles in one path."""
    return [article.text for article in read(path, **options)]


def article(labels=None, **fields):
    """Return the article that a case writes out."""
    if labels is not None:
        sets = {name: frozenset(labels[name]) for name in ("present", "absent") if name in labels}
        labels = Labels(**labels | sets)
    return Article(labels=labels, **fields)


@each_case("read_articles")
def test_a_file_holds_the_articles_that_are_written_out(write, case):
    """What each case promises of rows, columns, documents and their names."""
    path = write(case["file"], case["content"])

    assert read(path, **case.get("options", {})) == [article(**each) for each in case["articles"]]


@each_case("read_mistakes")
def test_a_mistake_is_named_with_its_place(write, case):
    """What each case promises of the message."""
    path = write(case["file"], case["content"])

    with pytest.raises(BadInputError) as stopped:
        read(path, **case.get("options", {}))

    assert case["message"] in str(stopped.value)


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ('"labels": []', Labels()),
        ('"labels": ""', Labels()),
        ('"labels": null', None),
        ('"labels": NaN', None),
        ('"other": 1', None),
        ('"labels": "energy"', ENERGY),
        ('"labels": ["energy"], "negative": null', ENERGY),
        ('"labels": ["energy"], "negative": []', Labels(frozenset({"energy"}), frozenset())),
        ('"labels": [], "negative": "energy"', Labels(frozenset(), frozenset({"energy"}))),
        ('"labels": "energy", "confidence": "clear"', ENERGY),
        ('"labels": "energy", "confidence": null', ENERGY),
        ('"labels": "energy", "sample": null', ENERGY),
        ('"labels": "energy", "sample": " Random"', Labels(frozenset({"energy"}), sample="random")),
        ('"labels": [], "sample": "chosen"', Labels(sample="chosen")),
        ('"negative": [], "sample": "section"', Labels(absent=frozenset(), sample="section")),
    ],
)
def test_jsonl_labels_present_absent_and_unknown(write, fields, labels):
    """None of these, not labelled and partly labelled are three different things."""
    path = write("a.jsonl", '{"text": "x", ' + fields + "}")
    assert [article.labels for article in read(path)] == [labels]


def test_a_time_stamp_is_cut_to_its_day(write):
    """Dates come out as days; what is not understood is told and stays a field of its own."""
    path = write(
        "a.csv",
        "text,date\nx,2020-01-02T10:00:00Z\nx,2020-01-02 10:00\nx,2 January\nx,2020-01-02b\n",
    )
    tally = silent_tally()
    articles = list(read_articles(path, tally=tally))

    days = [(article.date, article.extra.get("date")) for article in articles]
    known = ("2020-01-02", None)
    assert days == [known, known, ("", "2 January"), ("", "2020-01-02b")]
    assert tally.notes == [
        "2 dates are not understood, such as '2 January', and count as unknown. "
        "Pass --date-format, for example --date-format '%d/%m/%Y'."
    ]


@each_case("read_bad_rows")
def test_a_bad_row_is_explained_and_can_be_skipped(write, case):
    """Each kind of bad row stops with file and line, or is counted by its kind."""
    path = write("a.jsonl", '{"text": "good"}\n\n' + case["row"] + '\n{"text": "also"}\n')

    with pytest.raises(BadInputError) as stopped:
        read(path)
    tally = silent_tally()
    articles = list(read_articles([path], SKIP, tally=tally))

    assert str(stopped.value).startswith(f"{path} line 3: ")
    assert case["message"] in str(stopped.value)
    assert "\n" not in str(stopped.value)
    assert [article.text for article in articles] == ["good", "also"]
    assert tally == ReadTally(2, 1, Counter({case["kind"]: 1}))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("[" * 100_000, r"nested too deeply\)"),
        ('{"a":' * 100_000, r"nested too deeply\)"),
        ('{"text": "x", "n": ' + "9" * 5000 + "}", "Exceeds the limit"),
    ],
    ids=["list", "object", "number"],
)
def test_json_beyond_the_limits_of_python_is_a_bad_row(write, row, reason):
    """Depth that would exhaust the stack, and digits that would escape as another exception."""
    with pytest.raises(BadInputError, match=rf"line 1: not valid JSON \({reason}"):
        read(write("a.jsonl", row + "\n"))


@pytest.mark.parametrize(
    ("row", "line", "message"),
    [
        ("b", 3, "1 cell under a header of 2"),
        ("b,c,d", 3, "3 cells under a header of 2"),
        ('"b"c,d', 3, "',' expected after '\"'. Double every quote"),
        ("b,\0", 3, "holds a NUL byte"),
    ],
)
def test_a_bad_csv_record_is_explained_and_can_be_skipped(write, row, line, message):
    """Reading goes on at the next line."""
    path = write("a.csv", f"text,n\na,1\n{row}\nz,26\n")

    with pytest.raises(BadInputError) as stopped:
        read(path)

    assert str(stopped.value).startswith(f"{path} line {line}: {message}")
    assert texts(path, on_error="skip") == ["a", "z"]


def test_a_quote_left_open_is_found_where_it_opens(write, tmp_path):
    """The rest of the file is swallowed by the cell, so its start is what helps."""
    path = write("a.csv", 'text\na\n"b\nc\nd\n')
    rejects = tmp_path / "rejects.jsonl"

    articles = read(path, on_error="skip", rejects=rejects)

    assert [article.text for article in articles] == ["a"]
    assert json.loads(rejects.read_text(encoding="utf-8")) == {
        "file": str(path),
        "line": 3,
        "reason": "a quote opened here is never closed. Close it, or pass --no-quoting "
        "if quotes do not enclose cells.",
        "row": '"b\nc\nd\n',
    }


def test_an_id_seen_before_is_refused_where_ids_are_to_be_unique(write):
    """The message says where the id was first, also across files; else it is an update."""
    first = write("a.jsonl", TWO_LINES)
    second = write("b.csv", "id,text\nz,y\nb,x\n")
    with pytest.raises(BadInputError) as stopped:
        list(read_articles([first, second], ReadOptions(unique_ids=True)))
    assert str(stopped.value).startswith(
        f"{second} line 3: id 'b' was already seen in {first} line 2."
    )
    assert [article.text for article in read_articles([first, second])] == ["one", "two", "y", "x"]


def test_rejects_hold_the_rows_left_out(write, tmp_path):
    """Each line says where, why and what, and is JSON whatever the row held."""
    path = write("a.jsonl", b'{"text": ""}\n{"text": "caf\xe9"}\n{"text": "x"}\n[\n')
    rejects = tmp_path / "rejects.jsonl"
    tally = ReadTally()

    list(read_articles([path], ReadOptions(on_error="skip", rejects=rejects), tally=tally))

    entries = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert [(entry["line"], entry["row"]) for entry in entries] == [
        (1, {"text": ""}),
        (2, '{"text": "caf\udce9"}'),
        (4, "["),
    ]
    assert entries[0]["file"] == str(path)
    assert entries[0]["reason"] == "empty text in field 'text'. Fill it, or drop the row."
    assert (tally.read, tally.skipped) == (1, 3)


@pytest.mark.parametrize("paths", [b"a.csv", io.BytesIO(b"{}"), io.StringIO("a.csv"), None, [1]])
def test_what_is_no_path_is_refused(paths):
    """The lines of an open file are no paths."""
    with pytest.raises(BadInputError, match="Pass a path or a list of paths"):
        read_articles(paths)


def test_rejects_are_empty_when_nothing_was_wrong(write, tmp_path):
    """An older list does not outlive the run that found none; it is named by a string as well."""
    rejects = tmp_path / "rejects.jsonl"
    rejects.write_text("older")
    read(write("a.jsonl", TWO_LINES), on_error="skip", rejects=str(rejects))
    assert rejects.read_text() == ""


def test_rejects_need_a_place_of_their_own(write, tmp_path):
    """Not the file being read, nor a folder that is missing, which is said before all reading."""
    path = write("a.jsonl", TWO_LINES)
    with pytest.raises(BadInputError, match="is also an input"):
        read(path, on_error="skip", rejects=path)
    with pytest.raises(ClassifierError, match="rejects cannot be written"):
        read(path, on_error="skip", rejects=tmp_path / "missing" / "rejects")
    assert path.read_bytes() == TWO_LINES


def test_rows_of_any_depth_are_listed_among_the_rejects(write, tmp_path):
    """From shallow to deeper than JSON can be read, no row breaks the list."""
    depths = range(100, 1300, 10)
    rows = ['{"text": "", "n": ' + "[" * depth + "]" * depth + "}\n" for depth in depths]
    rejects = tmp_path / "rejects.jsonl"

    read(write("a.jsonl", "".join(rows)), on_error="skip", rejects=rejects)

    lines = rejects.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 120
    assert json.loads(lines[0])["line"] == 1
    assert "nested too deeply" in lines[119]


def test_undecodable_bytes_are_shown_with_their_place(write):
    """File, line and bytes are named, and another encoding is offered."""
    path = write("a.jsonl", b'{"text": "x"}\n{"text": "\xe9\xe8"}\n')
    with pytest.raises(BadInputError) as stopped:
        read(path)
    assert str(stopped.value) == (
        f"{path} line 2: bytes E9 E8 are not utf-8 text. "
        "Name its encoding, for example --encoding cp1252."
    )


def test_undecodable_bytes_spoil_one_record_only(write):
    """Those of CSV around it are read; of a document, which is one article, the line is told."""
    path = write("a.csv", b"text\na\n\xe9\nz\n")
    with pytest.raises(BadInputError, match="line 3: bytes E9 are not utf-8 text"):
        read(path)
    assert texts(path, on_error="skip") == ["a", "z"]
    with pytest.raises(BadInputError, match=r"line 3: bytes 81 are not cp1252 text.* utf-8"):
        read(write("a.txt", b"one\ntwo\n\x81"), encoding="cp1252")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-32-le", "utf-8-sig", "UTF8"])
def test_other_encodings_are_read_in_every_text_format(write, encoding):
    """What the user names is what is decoded."""
    jsonl = write("a.jsonl", '{"text": "café"}\n{"text": "thé"}\n'.encode(encoding))
    table = write("a.csv", "text\ncafé\nthé\n".encode(encoding))
    assert texts(jsonl, encoding=encoding) == ["café", "thé"]
    assert texts(table, encoding=encoding) == ["café", "thé"]


def test_an_encoding_that_breaks_off_is_an_error(write):
    """Half of a two-byte unit at the end is named as undecodable."""
    with pytest.raises(BadInputError, match=r"a\.txt: cannot be decoded"):
        read(write("a.txt", "xy".encode("utf-16")[:-1]), encoding="utf-16")


@each_case("read_markdown")
def test_markdown_loses_its_markup(case):
    """Title and text are what a reader of the rendered page would see."""
    assert markdown_article(case["markdown"]) == (case["title"], case["text"])


@pytest.mark.parametrize("bait", ["<!--", "`", "[a](", "*a", "_a", "# ", "- ", "![", "[a][", "> "])
def test_markdown_made_to_stall_is_read_all_the_same(bait):
    """Repeated openings without an end take linear time; quadratic would not come back."""
    _, text = markdown_article("x" + bait * 100_000)
    assert text.startswith("x")


def test_html_gives_its_main_text_and_title(write):
    """Menus and footers are left behind, and the title is not in the text again."""
    path = write(
        "a.html",
        "<html><head><title>Grid warns</title></head><body><nav><a href='/'>Home</a></nav>"
        "<article><h1>Grid warns</h1><p>Demand would exceed supply this winter, it said, and "
        "imports would not be enough to close the gap.</p><p>Large users were asked to cut "
        "their use in the evening hours until the end of March.</p></article>"
        "<footer>All rights reserved</footer></body></html>",
    )

    (article,) = read(path)

    assert article.title == "Grid warns"
    assert article.text.startswith("Demand would exceed supply")
    assert article.text.endswith("until the end of March.")


@pytest.mark.parametrize("page", ["<html><body></body></html>", "no page"])
def test_html_without_main_text_is_a_bad_row(write, page):
    """An empty page is said to be one."""
    with pytest.raises(BadInputError, match=r"a\.html line 1: no main text was found"):
        read(write("a.html", page))


@pytest.mark.parametrize(
    ("module", "name", "advice"),
    [
        ("trafilatura", "a.html", "pip install 'classifier[html]'"),
        ("pyarrow", "a.parquet", "pip install 'classifier[parquet]'"),
        ("zstandard", "a.jsonl.zst", "pip install zstandard"),
    ],
)
def test_a_missing_package_is_named_with_its_remedy(write, monkeypatch, module, name, advice):
    """Optional packages are asked for only by the files that need them."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadInputError) as stopped:
        read(write(name, "x"))
    assert advice in str(stopped.value)


def test_a_package_that_cannot_be_loaded_says_why(write, monkeypatch):
    """Whoever has it installed would not know what to do with the remedy alone."""
    monkeypatch.setitem(sys.modules, "trafilatura", types.ModuleType("trafilatura"))

    with pytest.raises(
        BadInputError,
        match=r"HTML needs trafilatura \(cannot import name 'bare_extraction'.*"
        r"Run: pip install 'classifier\[html\]'$",
    ):
        read(write("a.html", "x"))


@pytest.fixture
def parquet_file(tmp_path):
    """Return a Parquet file of three rows, the second without text."""
    table = pyarrow.table(
        {
            "id": [1, 2, 3],
            "text": ["one", None, "three"],
            "labels": [["energy"], [], None],
            "sample": ["chosen", "random", None],
            "date": [datetime.datetime(2020, 1, 2, 3)] * 3,
            "score": [0.5, 1.5, 2.5],
        }
    )
    path = tmp_path / "a.parquet"
    parquet.write_table(table, path)
    return path


def test_parquet_keeps_its_types(parquet_file):
    """Numbers become ids, dates days, a null list is unlabelled, and messages count rows."""
    with pytest.raises(BadInputError, match=r"a\.parquet row 2: field 'text' is null"):
        read(parquet_file)
    assert read(parquet_file, on_error="skip") == [
        Article(
            "one",
            id="1",
            date="2020-01-02",
            labels=Labels(frozenset({"energy"}), sample="chosen"),
            extra={"score": 0.5},
        ),
        Article("three", id="3", date="2020-01-02", extra={"sample": None, "score": 2.5}),
    ]


def test_raw_bytes_in_parquet_are_no_text(tmp_path):
    """A binary column is refused by name of its type, and can be listed among the rejects."""
    path, rejects = tmp_path / "a.parquet", tmp_path / "rejects"
    parquet.write_table(pyarrow.table({"text": [b"x"], "id": [{"a": 1}]}), path)

    with pytest.raises(BadInputError, match="field 'text' is raw bytes, not a string"):
        read(path)
    assert read(path, on_error="skip", rejects=rejects) == []
    assert json.loads(rejects.read_text())["row"] == {"text": "b'x'", "id": {"a": 1}}


def test_parquet_with_a_column_twice_is_refused(tmp_path):
    """One of two columns would win unseen."""
    path = tmp_path / "a.parquet"
    columns = [pyarrow.array(["x"]), pyarrow.array(["y"])]
    parquet.write_table(pyarrow.Table.from_arrays(columns, names=["text", "text"]), path)
    with pytest.raises(BadInputError, match=r"a\.parquet: column 'text' is there twice"):
        read(path)


def test_what_is_not_parquet_is_refused(write, parquet_file):
    """Neither a file that only has the name, nor one that was cut short."""
    for content in (b"text\nx\n", parquet_file.read_bytes()[:-20]):
        with pytest.raises(BadInputError, match="not a Parquet file, or a damaged one"):
            read(write("b.parquet", content))


def test_parquet_is_not_read_from_standard_input():
    """Its index is at the end, so it cannot be streamed."""
    with pytest.raises(BadInputError, match="standard input: Parquet cannot be streamed"):
        list(read_articles(["-"], ReadOptions(format="parquet"), stdin=io.BytesIO(b"")))


def test_archives_are_unpacked(write):
    """Both kinds, also of several parts in one file, over any text format."""
    frames = [zstandard.compress(part) for part in TWO_LINES.splitlines(keepends=True)]
    assert texts(write("a.jsonl.gz", gzip.compress(TWO_LINES))) == ["one", "two"]
    assert texts(write("b.JSONL.ZST", SKIPPABLE_FRAME.join(frames))) == ["one", "two"]
    assert texts(write("c.csv.gz", gzip.compress(b"text\nx\n"))) == ["x"]
    assert read(write("d.txt.zst", zstandard.compress(b"x"))) == [Article("x", id="d")]


@pytest.mark.parametrize(
    ("name", "pack", "message"),
    [
        ("a.jsonl.gz", bytes, "not a gzip archive, or a damaged one"),
        ("a.jsonl.zst", bytes, "not a zstd archive, or a damaged one"),
        ("a.jsonl.gz", lambda data: gzip.compress(data)[:-9], "the archive ends too early"),
        ("a.jsonl.zst", lambda data: zstandard.compress(data)[:-9], "the archive ends too early"),
        ("a.jsonl.gz", lambda data: b"", "the archive ends too early"),
        ("a.jsonl.zst", lambda data: b"", "the archive ends too early"),
        ("a.jsonl.gz", lambda data: gzip.compress(data) + b"junk", "not a gzip archive"),
        ("a.jsonl.gz", lambda data: gzip.compress(data)[:10] + b"\xff" * 99, "a damaged one"),
    ],
)
def test_a_broken_archive_is_an_error_even_when_skipping(write, name, pack, message):
    """Half an archive is never taken for a whole one."""
    path = write(name, pack(TWO_LINES))
    with pytest.raises(BadInputError) as stopped:
        read(path, on_error="skip")
    assert str(stopped.value).startswith(f"{path}: ")
    assert message in str(stopped.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7 words", "this is a PDF document"),
        (b"PK\x03\x04 words", "this is a ZIP archive or office document"),
        (
            gzip.compress(gzip.compress(b"x", mtime=0), mtime=0),
            "this is a gzip archive; unpack it first",
        ),
        (bytes(range(256)), "this is a binary file, not text"),
        ("words".encode("utf-16-le"), "Pass --encoding utf-16-le"),
        ("words".encode("utf-16-be"), "Pass --encoding utf-16-be"),
    ],
)
def test_a_file_that_is_no_text_is_named_for_what_it_is(write, content, message):
    """The user learns what the file is and not that its first line is no JSON."""
    with pytest.raises(BadInputError) as stopped:
        read(write("a.jsonl", content))
    assert message in str(stopped.value)


def test_a_folder_is_read_in_sorted_order(write, tmp_path):
    """All the way down; no links to folders, hidden files, locks, FIFOs and names of no format."""
    for name in ("b.txt", "a.md", "c/a.txt", "image.png", ".hidden.txt", ".git/x.txt", "~$a.xlsx"):
        write(f"news/{name}", "words")
    (tmp_path / "news" / "c" / "loop").symlink_to(tmp_path / "news")
    os.mkfifo(tmp_path / "news" / "waits.jsonl")

    articles = read(tmp_path / "news")

    assert [article.id for article in articles] == ["a", "b", "c/a"]


def test_a_folder_with_nothing_to_read_is_an_error(write, tmp_path):
    """Zero articles from a wrong folder would look like success."""
    write("news/image.png", "x")
    with pytest.raises(BadInputError, match=r"news: no file to read in this folder"):
        read(tmp_path / "news")


def test_a_missing_file_is_found_before_anything_is_read(write, tmp_path):
    """The second path is looked at before the first is opened."""
    paths = [write("a.jsonl", TWO_LINES), tmp_path / "b.jsonl"]
    with pytest.raises(BadInputError, match=r"b\.jsonl: no such file or folder"):
        read_articles(paths)


def test_a_path_that_cannot_be_followed_is_an_error(write, tmp_path):
    """What the system says is passed on; a link to itself would never end."""
    write("file.txt", "x")
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    for name in ("a\0b.txt", "x" * 300, "file.txt/inside.txt", "loop.txt"):
        with pytest.raises(BadInputError, match="cannot be opened"):
            read(tmp_path / name)


def test_a_link_to_nothing_in_a_folder_is_an_error(tmp_path):
    """A file that is listed but cannot be read is not passed over."""
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match=r"gone\.txt: cannot be read \(No such file"):
        read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_read_is_an_error(write, tmp_path):
    """Files and folders without permission are named."""
    file = write("a.txt", "x")
    folder = write("locked/b.txt", "x").parent
    file.chmod(0)
    folder.chmod(0)

    with pytest.raises(BadInputError, match=r"a\.txt: cannot be read \(Permission denied\)"):
        read(file)
    with pytest.raises(BadInputError, match="locked: this folder cannot be read"):
        read(folder)

    folder.chmod(0o700)


def test_a_format_can_be_forced(write):
    """The name then decides nothing but the packing."""
    assert read(write("b.log.gz", gzip.compress(b"x")), format="txt") == [Article("x", id="b")]


@pytest.mark.parametrize("path", ["a.txt", Path("a.txt")])
def test_a_single_path_needs_no_list(write, monkeypatch, path):
    """A bare string is a path and not a list of letters."""
    monkeypatch.chdir(write("a.txt", "x").parent)
    assert list(read_articles(path)) == [Article("x", id="a")]


@pytest.mark.parametrize("options", [{"format": "doc"}, {"on_error": "ignore"}, {"separator": ""}])
def test_an_option_without_meaning_is_refused(options):
    """Options are checked when they are made."""
    with pytest.raises(SettingsError, match=r"(is 'doc'\.|is 'ignore'\.|is empty\.) Choose"):
        ReadOptions(**options)


@pytest.mark.parametrize(
    ("data", "articles"),
    [
        (b' \n{"text": "x"}', [Article("x")]),
        (b'\xef\xbb\xbf{"text": "x"}', [Article("x")]),
        (b"plain words", [Article("plain words")]),
        (b"", []),
    ],
)
def test_standard_input_is_jsonl_or_plain_text(data, articles):
    """The first byte that is not blank decides, unless it is told, and the stream stays open."""
    stdin = io.BytesIO(data)
    assert list(read_articles(["-"], stdin=stdin)) == articles
    assert not stdin.closed
    as_text = ReadOptions(format="txt")
    assert list(read_articles(["-"], as_text, stdin=io.BytesIO(b"{x"))) == [Article("{x")]


@pytest.mark.parametrize("buffering", [-1, 0])
def test_the_first_article_comes_before_the_second_is_written(buffering):
    """A pipe is read as it fills, whether Python buffers it or not."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering) as stdin, os.fdopen(writing, "wb", 0) as pipe:
        articles = read_articles(["-"], stdin=stdin)
        pipe.write(b'{"text": "one"}\n')
        first = next(articles)
        pipe.write(b'{"text": "two"}\n')
        second = next(articles)
        articles.close()
    assert (first.text, second.text) == ("one", "two")


@pytest.mark.parametrize(
    ("name", "pack"), [("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", zstandard.compress)]
)
def test_fifty_megabytes_are_read_in_a_fifth_of_that(write, name, pack):
    """Only the article at hand is in memory, however long the file is."""
    line = b'{"text": "' + b"some words of an article " * 2000 + b'"}\n'
    path = write(name, pack(line * 1000))

    tracemalloc.start()
    n_chars = sum(len(article.text) for article in read_articles([path]))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert n_chars == 50_000_000
    assert peak_bytes < 10_000_000


def test_the_process_own_standard_input_is_read_without_heavy_packages():
    """Without another stream, - is what was piped in; JSONL loads no optional package."""
    code = (
        "import sys; from classifier.corpus.read import *; import classifier.corpus.write; "
        "print([a.text for a in read_articles(['-'])], "
        "{'pandas', 'pyarrow', 'trafilatura', 'zstandard', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        input=TWO_LINES,
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == b"['one', 'two'] set()\n"
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")
def test_rejects_on_a_full_disk_are_told(write):
    """The system's error names no file; ours does."""
    path = write("a.jsonl", '{"text": 1}\n' * 2000)

    with pytest.raises(ClassifierError, match=r"/dev/full cannot be written \(No space left"):
        read(path, on_error="skip", rejects=Path("/dev/full"))
