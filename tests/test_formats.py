"""Files as other programs write them come in as articles, and bad ones are told apart."""

import gzip
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow
import pytest
from pyarrow import parquet

from classifier.article import Article, Labels
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.corpus.labels import read_label_names
from classifier.corpus.read import read_articles
from classifier.errors import BadInputError, SettingsError
from tests.cases import cases, read_cases

FILES = Path(__file__).parent / "files"
ONE, TWO = "The dam is full.", "The gallery opens."


def read(path, **options):
    """Return what an article of a file is: id, title, text, and its labels."""
    silent = ReadTally(tell=lambda note: None)
    return [
        (a.id, a.title, a.text, None if a.labels is None else sorted(a.labels.present))
        for a in read_articles([path], ReadOptions(**options), tally=silent)
    ]


def written(folder, name, content):
    """Return a file with the content, JSON unless it is text."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


PLAIN = [("1", "Dam", ONE, ["energy"]), ("2", "", TWO, [])]
ROWS = [
    {"id": "1", "title": "Dam", "text": ONE, "labels": ["energy"]},
    {"id": "2", "text": TWO, "labels": []},
]


RSS = (
    "<?xml version='1.0'?><rss version='2.0'><channel>"
    f"<item><description>{ONE}</description></item><item><description>{TWO}</description></item>"
    "</channel></rss>"
)
READ, WRITTEN = read_cases("read_files"), read_cases("read_formats")


@pytest.mark.parametrize("case", [*READ, *WRITTEN], ids=lambda case: case.get("name", case["file"]))
def test_files_of_every_format_are_read(case, tmp_path):
    """Each holds what the program that it is named after writes, or what its case promises."""
    path = FILES / case["file"]
    if "content" in case:
        path = written(tmp_path, case["file"], case["content"])
    options = case.get("options", {})
    options |= {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
    silent = ReadTally(tell=lambda note: None)

    articles = list(read_articles(path, ReadOptions(**options), tally=silent))

    assert [
        {
            "text": each.text,
            **{part: getattr(each, part) for part in ("id", "title", "date", "source")},
            "labels": each.labels and sorted(each.labels.present),
        }
        for each in articles
    ] == [
        {"id": "", "title": "", "date": "", "source": "", "labels": None, **expected}
        for expected in case["articles"]
    ]


def test_every_file_has_a_case():
    """So that what lies there is read."""
    named = {case["file"] for case in READ} | {"ag_news_names.csv"}

    assert {path.name for path in FILES.iterdir()} == named


SHAPES = {
    "array": ROWS,
    "wrapped": {"articles": ROWS, "count": 2},
    "one list": {"status": "ok", "mine": ROWS},
    "hits": {"hits": {"hits": [{"_id": "x", "_source": row} for row in ROWS]}},
    "split": {"columns": list(ROWS[0]), "data": [list(ROWS[0].values()), ["2", "", TWO, []]]},
    "index": {"0": ROWS[0], "1": ROWS[1]},
    "inner": {"response": {"docs": ROWS}},
    "table": {"schema": {"fields": []}, "data": ROWS},
    "three deep": {"ok": 1, "response": {"total": 2, "data": {"articles": ROWS, "next": None}}},
    "nodes": {"data": {"posts": {"nodes": ROWS}}},
    "edges": {"data": {"posts": {"edges": [{"node": row} for row in ROWS]}}},
    "by id": {"articles": {"1": ROWS[0], "2": ROWS[1]}},
    "feed": {"feed": {"title": "Wire", "entry": ROWS}},
    "channel": {"rss": {"channel": {"title": "Wire", "item": ROWS}}},
    "mark": "\ufeff" + json.dumps(ROWS, indent=2),
    "lines": "\n".join(map(json.dumps, ROWS)),
    "concatenated": "".join(map(json.dumps, ROWS)),
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_json_files_hold_articles(tmp_path, content):
    """In an array, an object round it, as pandas and search engines write, or one by one."""
    path = written(tmp_path, "a.json", content)

    assert read(path) == PLAIN


def test_an_array_is_read_as_a_stream(tmp_path):
    """The first article comes before the rest is looked at."""
    path = written(tmp_path, "a.json", json.dumps([ROWS[0]] * 3)[:-1] + ', "x" nonsense')
    stream = read_articles([path], ReadOptions())

    assert next(stream).text == ONE


def workbook(path, rows, name="Sheet"):
    """Write a workbook of one sheet."""
    book = openpyxl.Workbook()
    book.active.title = name
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_workbooks_are_read_by_their_first_sheet(tmp_path):
    """Whole numbers without a point; a sheet that is named and not there is an error."""
    path = workbook(
        tmp_path / "a.xlsx", [["id", "title", "text"], [7.0, "Dam", ONE], [8, None, TWO]]
    )

    assert read(path) == [("7", "Dam", ONE, None), ("8", "", TWO, None)]
    with pytest.raises(BadInputError, match=r"no sheet 'News' \(found: Sheet\)"):
        read(path, sheet="News")


def test_a_caption_above_the_header_of_a_sheet_is_passed_over(tmp_path):
    """People put a title there; a header of one column that is known is none."""
    captioned = workbook(
        tmp_path / "a.xlsx", [["Export of May"], [], ["Title", "Text"], ["Dam", ONE]]
    )
    single = workbook(tmp_path / "b.xlsx", [["Text"], [ONE], [TWO, "x"]])

    assert read(captioned) == [("", "Dam", ONE, None)]
    assert [text for _, _, text, _ in read(single)] == [ONE, TWO]


def test_the_first_sheet_that_holds_anything_is_read_and_others_are_told(tmp_path):
    """Some programs leave an empty one in front."""
    book = openpyxl.Workbook()
    book.create_sheet("Lists").append(["words of a hidden sheet"])
    book["Lists"].sheet_state = "hidden"
    for title in ("Stories", "Notes"):
        book.create_sheet(title).append(["text"])
        book[title].append([ONE])
    book.save(tmp_path / "a.xlsx")
    tally = ReadTally(tell=lambda note: None)

    articles = list(read_articles(tmp_path / "a.xlsx", tally=tally))

    assert [article.text for article in articles] == [ONE]
    assert tally.notes == [
        f"{tmp_path / 'a.xlsx'}: reading the sheet 'Stories'; --sheet reads another: 'Notes', "
        "'Lists'."
    ]


def test_a_sheet_that_names_parts_of_articles_is_read_before_others(tmp_path):
    """Many a workbook begins with a sheet of notes."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Exported in May."])
    book.create_sheet("Stories").append(["Titel", "text"])
    book["Stories"].append(["Dam", ONE])
    book.save(tmp_path / "a.xlsx")

    assert read(tmp_path / "a.xlsx") == [("", "Dam", ONE, None)]


def test_merged_cells_count_for_each_of_their_rows(tmp_path):
    """The labels of all but the first would be read as none."""
    rows = [["labels", "text"], ["energy", ONE], [None, TWO], [None, ONE]]
    path = workbook(tmp_path / "a.xlsx", rows)
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("A2:A3")
    book.save(path)

    assert [labels for *_, labels in read(path)] == [["energy"], ["energy"], []]


def test_a_workbook_that_is_none_or_a_bomb_is_refused(tmp_path):
    """Before anything is unpacked."""
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 no")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 150_000_000)

    with pytest.raises(BadInputError, match="not a workbook, or a damaged one"):
        read(tmp_path / "a.xlsx")
    with pytest.raises(BadInputError, match="which no sheet of articles does"):
        read(tmp_path / "b.xlsx")


def web_archive(path, *pages):
    """Write a web archive with a response for each page, as the standard has it."""
    records = []
    for number, page in enumerate(pages):
        kind, content = (
            ("text/html", page.encode()) if isinstance(page, str) else ("image/png", page)
        )
        body = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode() + content
        head = (
            "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
            f"WARC-Target-URI: http://example.org/{number}\r\nWARC-Date: 2024-05-02T10:00:00Z\r\n"
            f"Content-Type: application/http\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        records.append(head.encode() + body + b"\r\n\r\n")
    path.write_bytes(b"".join(records))
    return path


def test_web_archives_are_read_page_by_page(tmp_path):
    """Pictures, and pages without a main text, are passed over; addresses are ids."""
    words = " ".join([ONE, TWO, "Water came in the night and stayed until noon."] * 8)
    body = f"<body><article><p>{words}</p></article></body>"
    page = f"<html><head><title>Dam</title></head>{body}</html>"
    path = web_archive(tmp_path / "a.warc", bytes(range(256)) * 40, page, "<html></html>")

    [(id, title, text, labels)] = read(path)

    assert (id, title, labels) == ("http://example.org/1", "Dam", None)
    assert text.startswith(ONE)


def test_a_table_without_a_header_is_read_by_the_names_given():
    """Codes become labels by a file of names."""
    names = read_label_names(FILES / "ag_news_names.csv")
    columns = ("label", "title", "text")

    found = read(FILES / "ag_news.csv", header=False, columns=columns, label_names=names)

    assert [labels for *_, labels in found] == [["Business"], ["Sci/Tech"], ["World"]]


def test_columns_without_names_are_called_by_their_number():
    """So that options can name them."""
    [first, _, _] = read_articles(
        FILES / "ag_news.csv", ReadOptions(header=False, text_field="3", title_field="2")
    )

    assert (first.title, first.extra) == ("Mill owners look back (Wire)", {"1": "3"})


@cases("formats", "first", "data")
def test_a_first_row_of_data_is_told_by_two_options(tmp_path, first, data):
    """In one sentence, and not where the row has a known name or could be one of names."""
    path = written(tmp_path, "a.csv", f"{first}\n" * 2)

    with pytest.raises(BadInputError) as caught:
        read(path)

    told = (
        f"{path} line 1: this row is data, not the names of columns; pass --no-header and "
        "--columns, such as --columns label,title,text."
    )
    assert (str(caught.value) == told) is data


def test_ids_may_be_of_a_type_that_databases_have(tmp_path):
    """Numbers of some databases are decimals."""
    table = pyarrow.table({"id": [Decimal(12)], "text": [ONE], "cats": [{"a": 1.0, "b": None}]})
    parquet.write_table(table, tmp_path / "a.parquet")

    assert read(tmp_path / "a.parquet") == [("12", "", ONE, ["a"])]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ("text",)}, "columns are for tables without a header"),
        ({"columns": ("a", "a"), "header": False}, "columns are a, a. Give each its own name."),
    ],
)
def test_names_of_columns_that_mean_nothing_are_refused(options, message):
    """They come with a table that has no header, and are different."""
    with pytest.raises(SettingsError, match=message):
        ReadOptions(**options)


def test_too_few_names_of_columns_are_told():
    """With the line and how many cells there are."""
    with pytest.raises(BadInputError, match="line 1: 3 cells, and --columns names 2"):
        read(FILES / "ag_news.csv", header=False, columns=("label", "text"))


WESTERN, CYRILLIC = "Le café «privilégié»".encode("cp1252"), "В городе".encode("cp1251")


@pytest.mark.parametrize(
    ("name", "before", "after", "place"),
    [
        ("a.jsonl", b'{"text": "', b'"}', "line 1"),
        ("a.json", b'[{"text": "x"}, {"text": "', b'"}]', "item 2"),
        ("a.csv", b"text\n", b"\n", "line 2"),
        ("a.tsv", b"id\ttext\n1\t", b"\n", "line 2"),
        ("a.txt", b"One.\n", b"\n", "line 2"),
        ("b.txt", b"__label__a One.\n__label__a ", b"\n", "line 2"),
        ("a.md", b"# x\n", b"", "line 2"),
        ("a.html", b"\n<p>", b"</p>", "line 2"),
    ],
)
def test_bytes_of_another_encoding_are_told(tmp_path, name, before, after, place):
    """With the place; cp1252 is offered where the bytes are what Western texts have in it."""
    path = tmp_path / name

    path.write_bytes(before + WESTERN + after)
    with pytest.raises(BadInputError) as western:
        read(path)
    path.write_bytes(before + CYRILLIC + after)
    with pytest.raises(BadInputError) as cyrillic:
        read(path)

    assert str(western.value) == (
        f"{path} {place}: bytes E9 are not utf-8 text. Name its encoding, for example "
        "--encoding cp1252."
    )
    assert str(cyrillic.value) == (
        f"{path} {place}: bytes C2 are not utf-8 text. Name its encoding with --encoding: cp1251, "
        "gb18030, shift_jis or another."
    )


def test_the_news_category_data_set_is_read_without_options():
    """Its link, authors and what else there is are carried along."""
    silent = ReadTally(tell=lambda note: None)

    first, second = read_articles(FILES / "news_category.jsonl", tally=silent)

    assert first == Article(
        "The valley's reservoir holds more water than in any May on record.",
        "Dam Is Full After A Week Of Rain",
        date="2022-05-23",
        labels=Labels(frozenset({"ENVIRONMENT"})),
        extra={"link": "https://example.org/a", "authors": "Ann Example"},
    )
    assert (second.title, second.text) == ("Gallery Opens With Drawings Of Bridges", "")


@pytest.mark.parametrize("name", ["2024/05/a.txt", "news/a.csv"])
def test_folders_of_days_or_of_tables_are_no_labels(tmp_path, name):
    """Nor are those among which something else lies."""
    for path in (tmp_path / name, tmp_path / "2024" / "06" / "b.txt"):
        path.parent.mkdir(parents=True)
        path.write_text(f"text\n{ONE}\n")

    assert [labels for _, _, _, labels in read(tmp_path)] == [None, None]


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.jsonl", json.dumps(ROWS), "json"),
        ("a.jsonl", "\n".join(json.dumps(row, indent=1) for row in ROWS), "json"),
        ("a.txt", "\n".join(map(json.dumps, ROWS)), "jsonl"),
        ("a.txt", json.dumps(ROWS), "json"),
        ("a.csv", json.dumps(ROWS), "json"),
        ("a.tsv", "\n".join(map(json.dumps, ROWS)), "jsonl"),
        ("a.txt", RSS, "xml"),
    ],
)
def test_what_a_file_holds_decides_over_its_name(tmp_path, name, content, format):
    """And is told."""
    path, tally = written(tmp_path, name, content), ReadTally(tell=lambda note: None)

    articles = list(read_articles(path, tally=tally))

    assert [article.text for article in articles] == [ONE, TWO]
    assert tally.notes == [f"{path}: read as {format}, which it holds."]


@pytest.mark.parametrize("name", ["export", "export.dat", "news.txt"])
def test_packed_files_are_known_by_their_first_bytes(tmp_path, name):
    """Whatever they are called; what nothing tells is an error as before."""
    (tmp_path / name).write_bytes(gzip.compress("\n".join(map(json.dumps, ROWS)).encode()))
    (tmp_path / "words").write_text(ONE)

    assert read(tmp_path / name) == PLAIN
    with pytest.raises(BadInputError, match="the name does not tell its format"):
        read(tmp_path / "words")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.tar.gz", "an archive of files"),
        ("a.jsonl.bz2", "a packed file"),
        ("a.eml", "a mail"),
        ("a.pkl", "a pickle"),
        ("a.feather", "a data frame in Feather"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, kind):
    """To name a format for it would not help."""
    (tmp_path / name).write_bytes(gzip.compress(b"x"))

    with pytest.raises(BadInputError, match=rf"{name}: {kind}.* cannot be read"):
        read(tmp_path / name)


def test_a_page_called_txt_is_read_as_one(tmp_path):
    """Its markup is no text."""
    page = "<!DOCTYPE html><title>Dam</title><article><h1>Dam</h1><p>{}</p></article>"
    path = written(tmp_path, "a.txt", page.format("The dam is full after a week of rain. " * 9))

    [article] = read_articles(path, tally=ReadTally(tell=lambda note: None))

    assert (article.title, article.text[:16]) == ("Dam", "The dam is full ")
    assert "<" not in article.text


def test_a_page_in_utf8_is_read_so_whatever_it_declares(tmp_path):
    """Programs that save pages leave the declaration of the server there."""
    page = f'<html><head><meta charset="windows-1251"></head><body><p>«Дом» {ONE * 9}</p></body>'

    assert read(written(tmp_path, "a.html", page))[0][2].startswith("«Дом» The dam")


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_an_error(path):
    """It is not the current folder."""
    with pytest.raises(BadInputError, match="the path is empty"):
        read(path)


def test_where_the_text_is_empty_the_next_field_is_read(tmp_path):
    """As in the answers of news services, whose outlets have an id and a name; it is told."""
    item = {"source": {"id": None, "name": "Wire"}, "title": "Dam", "content": None}
    path = written(tmp_path, "a.json", {"articles": [item | {"description": ONE}]})
    tally = ReadTally(tell=lambda note: None)

    [article] = read_articles(path, tally=tally)

    assert (article.text, article.source) == (ONE, "Wire")
    assert tally.notes[-1] == "reading 'description' as the text where 'content' is empty."


@pytest.mark.parametrize(
    "body",
    [
        '<inlineData contenttype="text/html">&lt;p&gt;The dam is full.&lt;/p&gt;</inlineData>',
        "<inlineXML><body>The dam is full.</body></inlineXML>",
    ],
)
def test_a_news_item_without_paragraphs_has_a_text(tmp_path, body):
    """Whatever its text lies in, and in whatever encoding; pictures are passed over."""
    start = '<?xml version="1.0" encoding="UTF-16"?><newsMessage '
    start += 'xmlns="http://iptc.org/std/nar/2006-10-01/"><itemSet>'
    picture = (
        '<newsItem guid="p"><itemMeta><itemClass qcode="ninat:picture"/></itemMeta></newsItem>'
    )
    item = f'<newsItem guid="g"><contentSet>{body}</contentSet></newsItem>'
    path = tmp_path / "a.xml"
    path.write_bytes(f"{start}{picture}{item}</itemSet></newsMessage>".encode("utf-16"))

    assert read(path) == [("g", "", ONE, None)]


def test_a_workbook_is_known_whatever_it_is_called(tmp_path):
    """And so is Parquet."""
    for name in ("sheet.xlsx", "table.parquet"):
        (tmp_path / "a.csv").write_bytes((FILES / name).read_bytes())

        assert [text for _, _, text, _ in read(tmp_path / "a.csv")] == [ONE, TWO]
