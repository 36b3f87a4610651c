"""Files as other programs write them come in as articles, and bad ones are told apart."""

import gzip
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from classifier.article import Article, Labels
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.corpus.labels import read_label_names
from classifier.corpus.read import read_articles
from classifier.errors import BadInputError, SettingsError

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
READ = json.loads((FILES.parent / "cases" / "read_files.json").read_text())


@pytest.mark.parametrize("case", READ, ids=[case["file"] for case in READ])
def test_files_of_every_format_are_read(case):
    """Each holds what the program that it is named after writes; none is without a case."""
    options = case.get("options", {})
    options |= {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
    silent = ReadTally(tell=lambda note: None)

    articles = list(read_articles(FILES / case["file"], ReadOptions(**options), tally=silent))

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


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        {"articles": ROWS, "count": 2},
        {"status": "ok", "mine": ROWS},
        {"hits": {"hits": [{"_id": "x", "_source": row} for row in ROWS]}},
        {"columns": list(ROWS[0]), "data": [list(ROWS[0].values()), ["2", "", TWO, []]]},
        {"0": ROWS[0], "1": ROWS[1]},
        {"response": {"docs": ROWS}},
        {"schema": {"fields": []}, "data": ROWS},
        {"status": "ok", "response": {"total": 2, "data": {"articles": ROWS, "next": None}}},
        {"data": {"posts": {"nodes": ROWS}}},
        {"data": {"posts": {"edges": [{"node": row} for row in ROWS]}}},
        {"articles": {"1": ROWS[0], "2": ROWS[1]}},
        {"feed": {"title": "Wire", "entry": ROWS}},
        {"rss": {"channel": {"title": "Wire", "item": ROWS}}},
        "\ufeff" + json.dumps(ROWS, indent=2),
        "\n".join(map(json.dumps, ROWS)),
        "".join(map(json.dumps, ROWS)),
    ],
    ids=[
        "array",
        "wrapped",
        "one list",
        "hits",
        "split",
        "index",
        "inner",
        "table",
        "three deep",
        "nodes",
        "edges",
        "by id",
        "feed",
        "channel",
        "mark",
        "lines",
        "concatenated",
    ],
)
def test_json_files_hold_articles(tmp_path, content):
    """In an array, an object round it, as pandas and search engines write, or one by one."""
    path = written(tmp_path, "a.json", content)

    assert read(path) == PLAIN


def test_what_articles_stand_under_is_their_id(tmp_path):
    """Unless they have one; numbers are those of lines."""
    media = {"items": [{"url": "a"}]}
    rows = {
        "dam-17": {"title": "Dam", "summary": ONE, "media": media},
        "x": {"text": TWO, "guid": "2"},
    }

    assert read(written(tmp_path, "a.json", rows)) == [
        ("dam-17", "Dam", ONE, None),
        ("2", "", TWO, None),
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"title": "Dam", "headline": "Dam", "news": [ONE, TWO]},
        {"uri": "a", "versionCreated": "x", "headline": "Dam", "bodyXhtml": f"<p>{ONE}</p>{TWO}"},
        {"_index": "n", "_id": "a", "fields": {"title": ["Dam"], "text": [ONE, TWO]}},
    ],
    ids=["AFP", "Reuters", "fields of Elasticsearch"],
)
def test_articles_of_agencies_have_a_text(tmp_path, row):
    """They were judged on the headline alone."""
    found = read(written(tmp_path, "a.jsonl", json.dumps(row)))

    assert [(title, text.split()) for _, title, text, _ in found] == [
        ("Dam", f"{ONE} {TWO}".split())
    ]


def test_a_list_that_may_be_the_text_is_told(tmp_path):
    """A headline is no article where paragraphs stand under a name that is not known."""
    row = {"title": "Dam", "absätze": [ONE, f"{ONE} " * 6]}
    path = written(tmp_path, "a.jsonl", json.dumps(row))
    linked = {"title": "Dam", "next": ["The minister sees the dam again"]}

    with pytest.raises(BadInputError, match=r"no 'text' field .* pass --text-field absätze"):
        read(path)
    assert read(written(tmp_path, "b.jsonl", json.dumps(linked))) == [("", "Dam", "", None)]


def test_a_frame_by_columns_is_read_by_rows(tmp_path):
    """What `DataFrame.to_json` writes without options."""
    path = written(
        tmp_path, "a.json", {"text": {"0": ONE, "1": TWO}, "title": {"0": "Dam", "1": ""}}
    )

    assert read(path) == [("", "Dam", ONE, None), ("", "", TWO, None)]


def test_an_array_is_read_as_a_stream(tmp_path):
    """The first article comes before the rest is looked at."""
    path = written(tmp_path, "a.json", json.dumps([ROWS[0]] * 3)[:-1] + ', "x" nonsense')
    stream = read_articles([path], ReadOptions())

    assert next(stream).text == ONE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"text": "a"}', "a.json: the array is not closed, so the file was cut short."),
        ('[{"text": "a"}, {"te', "a.json item 2: not valid JSON"),
        ("[" * 20_000, "a.json item 1: nested too deeply."),
        ({"a": ROWS, "b": ROWS}, "a.json: holds several lists of objects (a, b)."),
        ([ROWS[0], 7], "a.json item 2: is not an object."),
    ],
)
def test_bad_json_is_told(tmp_path, content, message):
    """With the file and the item."""
    path = written(tmp_path, "a.json", content)

    with pytest.raises(BadInputError) as caught:
        read(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><rss>&a;</rss>', "declares entities of its own"),
        ('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///x">]><rss>&a;</rss>', "declares entities"),
        ("<html><p>x</p></html>", "neither RSS, Atom, NewsML-G2 nor NITF"),
        ((FILES / "newsml.xml").read_text()[:300], "not well-formed XML"),
    ],
)
def test_bad_xml_is_told(tmp_path, content, message):
    """Entities are refused whatever they stand for."""
    with pytest.raises(BadInputError, match=message):
        read(written(tmp_path, "a.xml", content))


def workbook(path, rows, name="Sheet"):
    """Write a workbook of one sheet."""
    openpyxl = pytest.importorskip("openpyxl")
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
    openpyxl = pytest.importorskip("openpyxl")
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
    book = pytest.importorskip("openpyxl").load_workbook(path)
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
    pytest.importorskip("warcio")
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


def test_lines_with_labels_are_known_by_their_prefix(tmp_path):
    """As fastText writes them, and as Annif does where it is named."""
    path = written(tmp_path, "a.txt", f"__label__energy __label__culture {ONE}\n__label__a {TWO}\n")
    annif = written(tmp_path, "b.tsv", f"{ONE}\t<http://x/1> <http://x/2>\n")

    assert read(path) == [("", "", ONE, ["culture", "energy"]), ("", "", TWO, ["a"])]
    assert read(annif, format="annif") == [("", "", ONE, ["http://x/1", "http://x/2"])]


@pytest.mark.parametrize("mark", [";", "\t", "|", ","])
def test_the_delimiter_of_a_table_is_found(tmp_path, mark):
    """Spreadsheets write what their country is used to; quoted cells do not count."""
    lines = [f'"id,;x"{mark}title{mark}text', f"1{mark}Dam{mark}{ONE}"]
    path = written(tmp_path, "a.csv", "\ufeff" + "\r\n".join(lines))

    assert read(path, id_field="id,;x") == [("1", "Dam", ONE, None)]


AG_NEWS = [
    (
        "",
        "Mill owners look back (Wire)",
        "Wire - The owners of three mills, once rivals, now share a bank.",
        ["Business"],
    ),
    (
        "",
        "A plant for chips",
        "Memory chips will be made in the valley; the first leave it in May.",
        ["Sci/Tech"],
    ),
    (
        "",
        "Talks resume",
        "Delegates of both states met in the old town hall on Monday.",
        ["World"],
    ),
]


def test_a_table_without_a_header_is_read_by_the_names_given():
    """Codes become labels by a file of names."""
    names = read_label_names(FILES / "ag_news_names.csv")
    columns = ("label", "title", "text")

    found = read(FILES / "ag_news.csv", header=False, columns=columns, label_names=names)

    assert found == AG_NEWS


def test_columns_without_names_are_called_by_their_number():
    """So that options can name them."""
    [first, _, _] = read_articles(
        FILES / "ag_news.csv", ReadOptions(header=False, text_field="3", title_field="2")
    )

    assert (first.title, first.extra) == ("Mill owners look back (Wire)", {"1": "3"})


@pytest.mark.parametrize(
    ("first", "data"),
    [
        ("3,Dam,Full", True),
        ("energy,The dam is full.", True),
        ("7;2024-05-02;Dam", True),
        ("Timestamp,Paste the words of the article here", False),
        ("0,1,2", False),
        ("id,2023,The dam is full.", False),
    ],
)
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


@pytest.mark.parametrize(
    ("mark", "title"),
    [(";", "Dam, full, so"), ("\t", "Dam, so; full"), ("|", "Dam, so; full"), (",", "Dam; so; x")],
)
def test_the_delimiter_is_found_without_a_header(tmp_path, mark, title):
    """By what makes equally many cells; what stands before a blank is of a sentence."""
    path = written(tmp_path, "a.csv", f"a{mark}{title}{mark}x\n" * 2)

    found = read(path, header=False, columns=("label", "title", "text"))

    assert found == [("", title, "x", ["a"])] * 2


def test_a_second_mark_of_order_is_no_part_of_a_name(tmp_path):
    """The ids under it would be lost."""
    path = written(tmp_path, "a.csv", f"\ufeff\ufeffid,text\n1,{ONE}\n")

    assert read(path) == [("1", "", ONE, None)]


def test_ids_may_be_of_a_type_that_databases_have(tmp_path):
    """Numbers of some databases are decimals."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"id": [Decimal(12)], "text": [ONE], "cats": [{"a": 1.0, "b": None}]})
    parquet.write_table(table, tmp_path / "a.parquet")

    assert read(tmp_path / "a.parquet") == [("12", "", ONE, ["a"])]


def test_what_spreadsheets_add_to_a_table_is_passed_over(tmp_path):
    """A first line that names the delimiter, and columns at the end that hold nothing."""
    path = written(tmp_path, "a.csv", f"sep=;\r\nid;text;;\r\n1;{ONE};;\r\n")

    assert read(path) == [("1", "", ONE, None)]


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


def test_half_a_character_in_an_array_is_told(tmp_path):
    """No file could be written with it again."""
    path = written(tmp_path, "a.json", '[{"text": "x"}, {"text": "\\ud83d"}]')

    with pytest.raises(BadInputError, match="item 2: a character was cut in two"):
        read(path)


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


NEWSGROUPS = {
    "rec.boats/10001": ("Subject: Varnish", ["rec.boats"]),
    "rec.boats/10002": ("Subject: Re: Varnish", ["rec.boats"]),
    "sci.power/20001": ("Subject: Turbines", ["sci.power"]),
}


def test_folders_of_texts_are_labels():
    """As 20 Newsgroups has them, whose files have no suffix."""
    found = {
        id: (text.splitlines()[1], labels) for id, _, text, labels in read(FILES / "newsgroups")
    }

    assert found == NEWSGROUPS


@pytest.mark.parametrize("name", ["2024/05/a.txt", "news/a.csv"])
def test_folders_of_days_or_of_tables_are_no_labels(tmp_path, name):
    """Nor are those among which something else lies."""
    for path in (tmp_path / name, tmp_path / "2024" / "06" / "b.txt"):
        path.parent.mkdir(parents=True)
        path.write_text(f"text\n{ONE}\n")

    assert [labels for _, _, _, labels in read(tmp_path)] == [None, None]


def test_subjects_beside_a_text_are_its_labels():
    """As Annif has them: by their names in `.key`, by addresses and names in `.tsv`."""
    assert read(FILES / "annif") == [
        ("dam", "", "The dam is full after a week of rain.\n", ["hydropower", "rain"]),
        ("gallery", "", "The gallery opens with drawings of bridges.\n", ["art", "bridges"]),
    ]


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


@pytest.mark.parametrize("content", ["[Update] The dam is full.", "{sic} He said so."])
def test_a_text_that_begins_with_a_bracket_stays_a_text(tmp_path, content):
    """It is no JSON."""
    assert read(written(tmp_path, "a.txt", content)) == [("a", "", content, None)]


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


def test_rich_text_called_txt_is_refused(tmp_path):
    """Its words of control would be read as the article's."""
    path = written(tmp_path, "a.txt", r"{\rtf1\ansi The dam is full.}")

    with pytest.raises(BadInputError, match="this is Rich Text; save it as plain text"):
        read(path)


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
    pytest.importorskip("trafilatura")

    assert read(written(tmp_path, "a.html", page))[0][2].startswith("«Дом» The dam")


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_an_error(path):
    """It is not the current folder."""
    with pytest.raises(BadInputError, match="the path is empty"):
        read(path)


def test_a_frame_by_columns_of_any_name_is_read_by_rows(tmp_path):
    """The keys within are numbers, those without are none."""
    path = written(tmp_path, "a.json", {"Words": {"0": ONE, "1": TWO}, "n": {"0": 1, "1": 2}})

    assert [text for _, _, text, _ in read(path, text_field="Words")] == [ONE, TWO]


@pytest.mark.parametrize("extra", [{"images": [{"url": "x"}]}, {"items": [{"n": 1}]}])
def test_an_article_that_holds_a_list_is_one_article(tmp_path, extra):
    """What has a body is no wrapper."""
    path = written(tmp_path, "a.json", {"title": "Dam", "text": ONE, **extra})

    assert read(path) == [("", "Dam", ONE, None)]


def test_where_the_text_is_empty_the_next_field_is_read(tmp_path):
    """As in the answers of news services, whose outlets have an id and a name; it is told."""
    item = {"source": {"id": None, "name": "Wire"}, "title": "Dam", "content": None}
    path = written(tmp_path, "a.json", {"articles": [item | {"description": ONE}]})
    tally = ReadTally(tell=lambda note: None)

    [article] = read_articles(path, tally=tally)

    assert (article.text, article.source) == (ONE, "Wire")
    assert tally.notes[-1] == "reading 'description' as the text where 'content' is empty."


def test_subjects_may_stand_behind_tabs(tmp_path):
    """All that is in brackets after the first of them is a subject."""
    path = written(tmp_path, "a.tsv", f"{ONE}\t<u:1>\t<u:2>\n{TWO}\t\n")

    assert read(path) == [("", "", ONE, ["u:1", "u:2"]), ("", "", TWO, [])]


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


def test_lists_without_quotes_in_a_cell_are_labels(tmp_path):
    """As people type them."""
    path = written(tmp_path, "a.csv", f'text,labels\n{ONE},"[energy, water]"\n')

    assert read(path) == [("", "", ONE, ["energy", "water"])]
