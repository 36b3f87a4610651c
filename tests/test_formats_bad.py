"""Bad files of every format end in one sentence with file and place, never in a traceback."""

import gzip
import re
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.corpus.read import read_articles
from classifier.errors import BadInputError

FILES = Path(__file__).parent / "files"
DEEP = 10_000
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)
NAMED = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/hostname">]>'
RSS = "<rss version='2.0'><channel><item><title>{}</title></item></channel></rss>"
NEWSML = (
    "<newsItem xmlns='http://iptc.org/std/nar/2006-10-01/' guid='g'><contentSet><inlineXML>"
    "<p>{}</p></inlineXML></contentSet></newsItem>"
)


def cut(name, n_bytes):
    """Return a file without its last bytes."""
    return (FILES / name).read_bytes()[:-n_bytes]


def workbook(part, change):
    """Return what makes a workbook of ours with one part changed."""

    def write(path):
        with (
            zipfile.ZipFile(FILES / "sheet.xlsx") as old,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for name in old.namelist():
                content = old.read(name)
                new.writestr(name, change(content) if name.endswith(part) else content)

    return write


def again(sheet):
    """Return the first row of a sheet as its third."""
    return re.search(rb'<row r="1">.*?</row>', sheet)[0].replace(b'1"', b'3"')


def longer(content, n_bytes):
    """Return a web archive whose third record says so many bytes more than it has."""
    head, record, rest = re.split(rb"(?=WARC/1.0\r\nWARC-Type: response)", content)
    length = int(re.search(rb"Content-Length: (\d+)", record)[1])
    lie = record.replace(b"Length: %d" % length, b"Length: %d" % (length + n_bytes), 1)
    return head + lie + rest


PAGES = (FILES / "pages.warc").read_bytes()
CASES = {
    # what was cut short
    "cut jsonl": ("a.jsonl", cut("lines.jsonl", 9), "a.jsonl line 2: not valid JSON"),
    "cut array": ("a.json", cut("array.json", 3), "a.json: the array is not closed"),
    "cut object": ("a.json", cut("wrapped.json", 4), "a.json item 1: not valid JSON"),
    "cut item": ("a.json", cut("label_studio.json", 9), "a.json item 3: not valid JSON"),
    "cut xlsx": ("a.xlsx", cut("sheet.xlsx", 30), "a.xlsx: not a workbook, or a damaged one"),
    "cut parquet": ("a.parquet", cut("table.parquet", 9), "a.parquet: not a Parquet file"),
    "cut rss": ("a.rss", cut("feed.rss", 12), "a.rss: the feed is not closed"),
    "cut atom": ("a.atom", cut("feed.atom", 12), "a.atom: the feed is not closed"),
    "cut newsml": ("a.xml", cut("newsml.xml", 30), "a.xml: not well-formed XML"),
    "cut warc": ("a.warc", cut("pages.warc", 9), "a.warc record 4: is not as long as it says"),
    "cut warc head": ("a.warc", PAGES[:60], "a.warc record 1: is not as long as it says"),
    "cut warc.gz": ("a.warc.gz", cut("pages.warc.gz", 9), "a.warc.gz: the archive ends too early"),
    "cut gz": ("a.jsonl.gz", gzip.compress(b"{}")[:-9], "a.jsonl.gz: the archive ends too early"),
    "cut zst": ("a.csv.zst", b"\x28\xb5\x2f\xfd??", "a.csv.zst: the archive ends too early"),
    # what is called a workbook
    "html xls": ("a.xls", b"<table><tr><td>text</td></tr></table>", "a.xls: is HTML and no workb"),
    "xml xlsx": ("a.xlsx", b'<?xml version="1.0"?><Workbook/>', "a.xlsx: is XML and no workbook"),
    "old xls": ("a.xls", b"\xd0\xcf\x11\xe0" * 99, "a.xls: an old Excel workbook cannot be read"),
    # tables put together
    "header in csv": ("a.csv", b"id,text\n1,x\n id ,text\n", "a.csv line 3: repeats the names of"),
    "header in xlsx": (
        "a.xlsx",
        workbook("sheet1.xml", lambda xml: xml.replace(b'<row r="3"></row>', again(xml))),
        "a.xlsx row 3: repeats the names of the columns",
    ),
    # nested too deeply
    "deep jsonl": ("a.jsonl", b'{"text": ' + b"[" * DEEP, "a.jsonl line 1: not valid JSON (nested"),
    "deep json": ("a.json", b'[{"text": ' + b"[" * DEEP, "a.json item 1: nested too deeply"),
    "deep object": ("a.json", b'{"a": ' * DEEP, "a.json item 1: nested too deeply"),
    "deep labels": (
        "a.csv",
        b"text,labels\nx," + b"[" * DEEP + b"]" * DEEP,
        "a.csv line 2: label '[[[",
    ),
    "deep newsml": (
        "a.xml",
        NEWSML.format("<b>" * DEEP + "x" + "</b>" * DEEP).encode(),
        "a.xml: not well-formed XML",
    ),
    "deep html": ("a.html", b"<div>" * DEEP + b"x", "a.html line 1: no main text was found"),
    # entities
    "laughs in rss": ("a.rss", (LAUGHS + RSS.format("&l9;")).encode(), "declares entities"),
    "laughs in newsml": ("a.xml", (LAUGHS + NEWSML.format("&l9;")).encode(), "declares entities"),
    "laughs in utf-16": ("a.xml", (LAUGHS + RSS.format("&l9;")).encode("utf-16"), "declares entit"),
    "file in rss": ("a.rss", (NAMED + RSS.format("&l9;")).encode(), "a.rss: declares entities"),
    "file in newsml": ("a.xml", (NAMED + NEWSML.format("&l9;")).encode(), "declares entities"),
    "laughs in xlsx": (
        "a.xlsx",
        workbook("sheet1.xml", lambda xml: LAUGHS.encode() + xml),
        "a.xlsx: declares entities",
    ),
    # bombs and lies
    "bomb in xlsx": (
        "a.xlsx",
        workbook("sheet1.xml", lambda xml: xml + b" " * 120_000_000),
        "which no sheet of articles does",
    ),
    "part of xlsx": (
        "a.xlsx",
        workbook("sheet1.xml", lambda xml: xml[: len(xml) // 2]),
        "a.xlsx: not a workbook, or a damaged one",
    ),
    "long record": ("a.warc", longer(PAGES, 100), "a.warc record 4: damaged (Invalid WARC"),
    "endless record": ("a.warc", longer(PAGES, 10**12), "a.warc record 3: is not as long as"),
    "short record": ("a.warc", longer(PAGES, -1), "a.warc record 3: is not as long as it says"),
    "no record": ("a.warc", b"words\n" * 9, "a.warc record 1: damaged (Unknown archive format"),
    "other zip": (
        "a.xlsx",
        (FILES / "sheet.xlsx")
        .read_bytes()
        .replace(b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\xd9"),
        "a.xlsx: not a workbook, or a damaged one (zip file version 21.7)",
    ),
    "zero in atom": (
        "a.atom",
        (FILES / "feed.atom").read_bytes().replace(b'"UTF-8"', b'"UTF-\0008"'),
        "a.atom: not well-formed XML",
    ),
    # articles without a text
    "rss without text": ("a.rss", RSS.format(" ").encode(), "a.rss item 1: empty text"),
    "newsml without text": ("a.xml", NEWSML.format(" ").encode(), "a.xml item 1: empty text"),
    "xlsx without text": (
        "a.xlsx",
        workbook("sheet1.xml", lambda xml: xml.replace(b"The gallery opens.", b" ")),
        "a.xlsx row 4: empty text",
    ),
}


@pytest.fixture
def bad_file(request, tmp_path):
    """Return the file of a case and what is said of it."""
    name, content, message = CASES[request.param]
    path = tmp_path / name
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    return path, message


@pytest.mark.parametrize("bad_file", CASES, indirect=True)
def test_bad_files_are_told(bad_file):
    """By one error of ours that names the file and the place."""
    path, message = bad_file

    with pytest.raises(BadInputError) as caught:
        list(read_articles(path, tally=ReadTally(tell=lambda note: None)))

    assert str(path) in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "bad_file", ["endless record", "laughs in newsml", "bomb in xlsx", "deep json"], indirect=True
)
def test_bad_files_take_little_memory(bad_file):
    """Whatever they say that they hold."""
    path, _ = bad_file
    options = ReadOptions(on_error="skip")

    tracemalloc.start()
    with pytest.raises(BadInputError):
        list(read_articles(path, options, tally=ReadTally(tell=lambda note: None)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 50_000_000


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a.md", "a.warc"])
def test_empty_files_hold_no_article(tmp_path, name):
    """Whoever needs some says so."""
    (tmp_path / name).touch()

    assert list(read_articles(tmp_path / name)) == []


def test_a_sheet_that_says_a_million_rows_is_read_as_far_as_it_goes(tmp_path):
    """What it says of its size is not believed."""
    vast = b'<dimension ref="A1:XFD1048576"/>'
    change = workbook("sheet1.xml", lambda xml: re.sub(rb"<dimension [^>]*/>", vast, xml))
    change(tmp_path / "a.xlsx")

    silent = ReadTally(tell=lambda note: None)

    assert [a.id for a in read_articles(tmp_path / "a.xlsx", tally=silent)] == ["1", "2"]
