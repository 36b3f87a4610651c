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

import pytest
import zstandard

from classifier.article import Article, Labels
from classifier.corpus.formats.documents import markdown_article
from classifier.corpus.read import ReadOptions, ReadTally, read_articles
from classifier.errors import BadInputError, ClassifierError, SettingsError

CASES = Path(__file__).parent / "cases"
BAD_ROWS = json.loads((CASES / "read_bad_rows.json").read_text(encoding="utf-8"))
MARKDOWN = json.loads((CASES / "read_markdown.json").read_text(encoding="utf-8"))
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


def test_jsonl_fields_become_an_article(write):
    """Named fields go where they belong and the others are carried along."""
    path = write(
        "a.jsonl",
        '{"id": 7, "title": "T", "text": "X", "source": "S", "date": "2020-01-02", '
        '"labels": ["energy"], "confidence": "borderline", "url": null}\n',
    )
    assert read(path) == [
        Article(
            "X",
            "T",
            "7",
            "S",
            "2020-01-02",
            Labels(frozenset({"energy"}), None, True),
            {"url": None},
        )
    ]


def test_fields_can_have_other_names(write):
    """Every field can be told by name, and the usual names are then nothing special."""
    path = write("a.jsonl", '{"body": "X", "head": "T", "key": 1.5, "title": "U", "tags": "a;b"}\n')

    articles = read(
        path,
        text_field="body",
        title_field="head",
        id_field="key",
        labels_field="tags",
        separator=";",
    )

    labels = Labels(frozenset({"a", "b"}))
    assert articles == [Article("X", "T", "1.5", labels=labels, extra={"title": "U"})]


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


def test_a_confidence_that_is_no_word_of_ours_is_carried_along(write):
    """A number in the confidence field is the user's own affair."""
    path = write("a.jsonl", '{"text": "x", "labels": "energy", "confidence": 0.4}')
    assert read(path) == [Article("x", labels=ENERGY, extra={"confidence": 0.4})]


@pytest.mark.parametrize("fields", ['"labels": "energy", "sample": 17', '"sample": "chosen"'])
def test_a_sample_that_says_nothing_of_labels_is_carried_along(write, fields):
    """A number of a sample, and the word of an article that nobody labelled, stay fields."""
    path = write("a.jsonl", f'{{"text": "x", {fields}}}')
    [article] = read(path)
    assert article.labels in (None, ENERGY)
    assert article.extra in ({"sample": 17}, {"sample": "chosen"})


def test_a_column_of_any_name_says_how_articles_were_picked(write):
    """CSV has it as JSONL does, beside columns that each stand for a label."""
    path = write("a.csv", "text,energy,how\nx,1,chosen\ny,0,\n")
    options = {"label_columns": ("energy",), "sample_field": "how"}
    assert [article.labels for article in read(path, **options)] == [
        Labels(frozenset({"energy"}), frozenset(), sample="chosen"),
        Labels(frozenset(), frozenset({"energy"})),
    ]


def test_null_words_in_other_fields_are_empty(write):
    """Title, id, source and date that are null or NaN are empty strings."""
    path = write("a.jsonl", '{"text": "x", "title": null, "id": NaN, "source": null, "date": null}')
    assert read(path) == [Article("x")]


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


def test_csv_cells_are_strings_and_never_missing_values(write):
    """Words that other readers take for missing stay words; an empty labels cell is an answer."""
    path = write(
        "a.csv",
        '\ufefftext, title ,labels,n\nNA,None,null,NaN\n\n"a, ""b""\nc",,,\n',
    )
    assert read(path) == [
        Article("NA", "None", labels=Labels(frozenset({"null"})), extra={"n": "NaN"}),
        Article('a, "b"\nc', labels=Labels(), extra={"n": ""}),
    ]


def test_csv_without_a_labels_column_is_unlabelled(write):
    """No column, no answer."""
    assert read(write("a.csv", "text\nx\n")) == [Article("x")]


def test_tsv_is_split_at_tabs(write):
    """Commas are text in TSV."""
    path = write("a.tsv", "id\ttext\n1\ta, b\n")
    assert read(path) == [Article("a, b", id="1")]


def test_csv_lines_may_end_in_any_way(write):
    """Windows, Unix and old Mac line ends are read alike."""
    assert texts(write("a.csv", "text\r\none\rtwo\nthree")) == ["one", "two", "three"]


def test_label_columns_are_one_label_each(write):
    """Cells say present, absent or unknown, and an empty row is unlabelled."""
    path = write("a.csv", "text,energy,culture\nx,1,\ny,,\nz,no,Yes\n")

    articles = read(path, label_columns=("energy", "culture"))

    assert articles == [
        Article("x", labels=Labels(frozenset({"energy"}), frozenset())),
        Article("y"),
        Article("z", labels=Labels(frozenset({"culture"}), frozenset({"energy"}))),
    ]


def test_a_label_column_must_exist(write):
    """A misspelt column is an error, not an unknown label."""
    path = write("a.csv", "text,energy\nx,1\n")
    with pytest.raises(
        BadInputError, match=r"line 2: no label column 'sport' \(found: text, energy\)"
    ):
        read(path, label_columns=("sport",))


def test_a_label_column_with_another_value_is_a_bad_row(write):
    """The line, the column and the value are named."""
    path = write("a.csv", "text,energy\nx,maybe\n")
    with pytest.raises(BadInputError, match="line 2: label column 'energy' holds 'maybe'"):
        read(path, label_columns=("energy",))


def test_unknown_labels_are_refused(write):
    """A label outside the known ones stops with the closest one named."""
    path = write("a.jsonl", '{"text": "x", "labels": ["enrgy"]}')
    with pytest.raises(
        BadInputError, match=r"a\.jsonl line 1: unknown label 'enrgy'\. Did you mean 'energy'\?"
    ):
        read(path, known_labels=("culture", "energy"))


@pytest.mark.parametrize("case", BAD_ROWS, ids=lambda case: case["name"])
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


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_nested_without_end_is_a_bad_row(write, opening):
    """Depth that would exhaust the stack is one more kind of broken JSON."""
    path = write("a.jsonl", opening * 100_000 + "\n")
    with pytest.raises(BadInputError, match=r"line 1: not valid JSON \(nested too deeply\)"):
        read(path)


def test_a_number_too_long_for_python_is_a_bad_row(write):
    """Digits beyond the interpreter's limit do not escape as another exception."""
    path = write("a.jsonl", '{"text": "x", "n": ' + "9" * 5000 + "}\n")
    with pytest.raises(BadInputError, match=r"line 1: not valid JSON \(Exceeds the limit"):
        read(path)


def test_a_whole_pair_written_as_two_escapes_is_one_character(write):
    """Only half a pair is a fault."""
    assert texts(write("a.jsonl", r'{"text": "\ud83d\ude00"}')) == ["😀"]


@pytest.mark.parametrize(
    ("row", "line", "message"),
    [
        ("b", 3, "1 cells under a header of 2"),
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


def test_a_record_over_several_lines_is_named_by_its_first(write):
    """The line in a message is where the record starts."""
    path = write("a.csv", 'text,n\n"a\nb\nc",1\n"d\ne"\n')
    with pytest.raises(BadInputError, match="line 5: 1 cells under a header of 2"):
        read(path)


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


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("text,n,n", r"a\.csv line 1: the header names 'n' twice"),
        ("text,a column with a \0", r"a\.csv line 1: holds a NUL byte"),
        ('"text', r"a\.csv line 1: a quote opened here is never closed"),
    ],
)
def test_a_header_that_cannot_be_trusted_stops_even_when_skipping(write, header, message):
    """Without a header no row means anything."""
    with pytest.raises(BadInputError, match=message):
        read(write("a.csv", header), on_error="skip")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", ""),
        ("a.jsonl", "\n  \n"),
        ("a.csv", ""),
        ("a.csv", "text,id\n"),
        ("a.tsv", "\n\n"),
        ("a.txt", ""),
        ("a.md", ""),
        ("a.html", ""),
    ],
)
def test_an_empty_file_has_no_articles(write, name, content):
    """Nothing in, nothing out, and no complaint."""
    assert read(write(name, content)) == []


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


def test_a_skipped_row_does_not_take_its_id(write):
    """Only articles that were handed out count as seen; empty ids never do."""
    path = write("a.csv", "id,text\na,\na,x\n,y\n,z\n")
    assert texts(path, on_error="skip") == ["x", "y", "z"]


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


def test_rejects_are_named_by_a_string_as_well(write, tmp_path):
    """As paths are everywhere."""
    options = ReadOptions(on_error="skip", rejects=str(tmp_path / "rejects.jsonl"))

    assert list(read_articles(write("a.jsonl", "{}\n"), options)) == []
    assert "no text field" not in (tmp_path / "rejects.jsonl").read_text()
    assert "no 'text' field" in (tmp_path / "rejects.jsonl").read_text()


def test_rejects_are_empty_when_nothing_was_wrong(write, tmp_path):
    """An older list of rejects does not outlive the run that found none."""
    rejects = tmp_path / "rejects.jsonl"
    rejects.write_text("older")
    read(write("a.jsonl", TWO_LINES), on_error="skip", rejects=rejects)
    assert rejects.read_text() == ""


def test_rejects_never_overwrite_an_input(write):
    """The file being read is not the file to write to."""
    path = write("a.jsonl", TWO_LINES)
    with pytest.raises(BadInputError, match="is also an input"):
        read(path, on_error="skip", rejects=path)
    assert path.read_bytes() == TWO_LINES


def test_rejects_that_cannot_be_written_are_named(write, tmp_path):
    """A missing folder is said before anything is read."""
    path = write("a.jsonl", TWO_LINES)
    with pytest.raises(ClassifierError, match="rejects cannot be written"):
        read(path, on_error="skip", rejects=tmp_path / "missing" / "rejects")


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


def test_undecodable_bytes_in_csv_spoil_one_record_only(write):
    """The records around it are read."""
    path = write("a.csv", b"text\na\n\xe9\nz\n")
    with pytest.raises(BadInputError, match="line 3: bytes E9 are not utf-8 text"):
        read(path)
    assert texts(path, on_error="skip") == ["a", "z"]


def test_undecodable_bytes_in_a_document_are_found_by_line(write):
    """A whole file is one article, yet the line is still told."""
    path = write("a.txt", b"one\ntwo\n\x81")
    with pytest.raises(BadInputError, match=r"line 3: bytes 81 are not cp1252 text.* utf-8"):
        read(path, encoding="cp1252")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-32-le", "utf-8-sig", "UTF8"])
def test_other_encodings_are_read_in_every_text_format(write, encoding):
    """What the user names is what is decoded."""
    jsonl = write("a.jsonl", '{"text": "café"}\n{"text": "thé"}\n'.encode(encoding))
    table = write("a.csv", "text\ncafé\nthé\n".encode(encoding))
    assert texts(jsonl, encoding=encoding) == ["café", "thé"]
    assert texts(table, encoding=encoding) == ["café", "thé"]


def test_a_byte_order_mark_is_dropped_silently(write):
    """Files from Windows read like others."""
    assert texts(write("a.jsonl", '\ufeff{"text": "x"}')) == ["x"]
    assert texts(write("a.txt", "\ufeffx")) == ["x"]


@pytest.mark.parametrize("encoding", ["klingon", "hex", "a\0b"])
def test_an_encoding_that_does_not_exist_is_refused(write, encoding):
    """Common ones are offered."""
    with pytest.raises(BadInputError, match=r"there is no encoding .* Common ones are utf-8"):
        read(write("a.txt", "x"), encoding=encoding)


def test_an_encoding_that_breaks_off_is_an_error(write):
    """Half of a two-byte unit at the end is named as undecodable."""
    with pytest.raises(BadInputError, match=r"a\.txt: cannot be decoded"):
        read(write("a.txt", "xy".encode("utf-16")[:-1]), encoding="utf-16")


def test_a_text_file_is_one_article_named_after_it(write):
    """The whole file is the text and its stem the id."""
    path = write("a.b.txt", "First line\nand second.\n")
    assert read(path) == [Article("First line\nand second.\n", id="a.b")]


def test_a_document_goes_to_the_fields_the_user_named(write):
    """Other field names change nothing for files without fields."""
    path = write("a.md", "# T\nX")
    assert read(path, text_field="body", id_field="key") == [Article("X", "T", "a")]


def test_a_blank_document_is_a_bad_row(write):
    """White space alone is not an article."""
    with pytest.raises(BadInputError, match=r"a\.txt line 1: empty text"):
        read(write("a.txt", " \n"))


def test_a_document_with_a_nul_byte_is_a_bad_row(write):
    """Text has no zero bytes."""
    with pytest.raises(BadInputError, match=r"a\.txt line 1: holds a NUL byte"):
        read(write("a.txt", "words " * 20 + "\0"))


@pytest.mark.parametrize("case", MARKDOWN, ids=lambda case: case["name"])
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
    pytest.importorskip("trafilatura", exc_type=ImportError)
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
    pytest.importorskip("trafilatura", exc_type=ImportError)
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

    with pytest.raises(BadInputError) as stopped:
        read(write("a.html", "x"))

    assert "HTML needs trafilatura (cannot import name 'bare_extraction'" in str(stopped.value)
    assert str(stopped.value).endswith("Run: pip install 'classifier[html]'")


@pytest.fixture
def parquet_file(tmp_path):
    """Return a Parquet file of three rows, the second without text."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

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
    """Numbers become ids, dates days, and a null list is unlabelled."""
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


def test_parquet_rows_are_counted_in_messages(parquet_file):
    """Parquet has rows and no lines."""
    with pytest.raises(BadInputError, match=r"a\.parquet row 2: field 'text' is null"):
        read(parquet_file)


def test_raw_bytes_in_parquet_are_no_text(tmp_path):
    """A binary column is refused by name of its type, and can be listed among the rejects."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path, rejects = tmp_path / "a.parquet", tmp_path / "rejects"
    parquet.write_table(pyarrow.table({"text": [b"x"], "id": [{"a": 1}]}), path)

    with pytest.raises(BadInputError, match="field 'text' is raw bytes, not a string"):
        read(path)
    assert read(path, on_error="skip", rejects=rejects) == []
    assert json.loads(rejects.read_text())["row"] == {"text": "b'x'", "id": {"a": 1}}


def test_parquet_with_a_column_twice_is_refused(tmp_path):
    """One of two columns would win unseen."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    columns = [pyarrow.array(["x"]), pyarrow.array(["y"])]
    parquet.write_table(pyarrow.Table.from_arrays(columns, names=["text", "text"]), path)
    with pytest.raises(BadInputError, match=r"a\.parquet: column 'text' is there twice"):
        read(path)


def test_what_is_not_parquet_is_refused(write, parquet_file):
    """Neither a file that only has the name, nor one that was cut short."""
    pytest.importorskip("pyarrow")
    with pytest.raises(BadInputError, match="not a Parquet file, or a damaged one"):
        read(write("b.parquet", "text\nx\n"))
    with pytest.raises(BadInputError, match="not a Parquet file, or a damaged one"):
        read(write("c.parquet", parquet_file.read_bytes()[:-20]))


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
    """All the way down, without links to folders, hidden files, locks and names of no format."""
    for name in ("b.txt", "a.md", "c/a.txt", "image.png", ".hidden.txt", ".git/x.txt", "~$a.xlsx"):
        write(f"news/{name}", "words")
    (tmp_path / "news" / "c" / "loop").symlink_to(tmp_path / "news")

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


@pytest.mark.parametrize("name", ["a\0b.txt", "x" * 300, "file.txt/inside.txt"])
def test_a_path_that_cannot_exist_is_an_error(write, tmp_path, name):
    """What the system says is passed on."""
    write("file.txt", "x")
    with pytest.raises(BadInputError, match="cannot be opened"):
        read(tmp_path / name)


def test_a_link_to_itself_is_an_error(tmp_path):
    """Following it would never end."""
    path = tmp_path / "loop.txt"
    path.symlink_to(path)
    with pytest.raises(BadInputError, match=r"loop\.txt: cannot be opened"):
        read(path)


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


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.parquet.gz", "a.gz"])
def test_a_name_that_tells_no_format_is_an_error(write, name):
    """The format can then be given."""
    path = write(name, "x")
    with pytest.raises(
        BadInputError, match=r"the name does not tell its format.* --input-format csv"
    ):
        read(path)


def test_a_format_can_be_forced(write):
    """The name then decides nothing but the packing."""
    assert texts(write("a.json", TWO_LINES), format="jsonl") == ["one", "two"]
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
    """The first byte that is not blank decides, and the stream stays open."""
    stdin = io.BytesIO(data)
    assert list(read_articles(["-"], stdin=stdin)) == articles
    assert not stdin.closed


def test_standard_input_can_be_forced_to_a_format():
    """A brace at the start does not make plain text JSON when told otherwise."""
    options = ReadOptions(format="txt")
    assert list(read_articles(["-"], options, stdin=io.BytesIO(b"{x"))) == [Article("{x")]


def test_the_process_own_standard_input_is_read():
    """Without another stream, - is what was piped in."""
    code = "from classifier.corpus.read import *; print([a.text for a in read_articles(['-'])])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        input=TWO_LINES,
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == b"['one', 'two']\n"
    assert done.stderr == b""


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


def test_heavy_packages_are_not_imported_until_needed():
    """Reading JSONL loads no package of the optional formats, nor pandas."""
    code = (
        "import sys; from classifier.corpus.read import *; import classifier.corpus.write; "
        "list(read_articles(['-'])); "
        "print({'pandas', 'pyarrow', 'trafilatura', 'zstandard', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=TWO_LINES,
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == b"set()\n"


def test_a_fifo_in_a_folder_is_passed_over(write, tmp_path):
    """Nobody waits for what will never be written into it."""
    write("a.jsonl", TWO_LINES)
    os.mkfifo(tmp_path / "waits.jsonl")

    assert [article.text for article in read(tmp_path)] == ["one", "two"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")
def test_rejects_on_a_full_disk_are_told(write):
    """The system's error names no file; ours does."""
    path = write("a.jsonl", '{"text": 1}\n' * 2000)

    with pytest.raises(ClassifierError, match=r"/dev/full cannot be written \(No space left"):
        read(path, on_error="skip", rejects=Path("/dev/full"))
