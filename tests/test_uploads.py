"""Files that are sent to the service as they are, and come back as rows."""

import gzip
import json
import tempfile
from pathlib import Path

import pytest

from classifier.errors import BadInputError
from tests.models import ENERGY_TEXT

pytest.importorskip("fastapi", reason="the service needs the extra serve")
from classifier.service.uploads import read_upload
from tests.service import asking

BYTES = {"Content-Type": "application/octet-stream"}


def test_a_table_comes_back_with_its_columns_and_what_they_are(folder):
    """Fields within others by their way down; what is neither text nor number is empty."""
    rows = [
        {"guid": 7, "body": {"plain": ENERGY_TEXT}, "headline": "Oil", "live": True},
        {"guid": 8, "body": {"plain": "Short."}, "tags": ["a", "b"]},
    ]
    content = "\n".join([json.dumps(rows[0]), "{", json.dumps(rows[1])])

    answer = asking(folder).post("/v1/read?name=news.jsonl", content=content, headers=BYTES)

    assert answer.status_code == 200
    assert answer.json() == {
        "columns": ["guid", "body.plain", "headline", "live", "tags"],
        "rows": [["7", ENERGY_TEXT, "Oil", "", ""], ["8", "Short.", "", "", "a\n\nb"]],
        "fields": {"text": "body.plain", "title": "headline", "id": "guid"},
        "single": False,
        "left_out": 1,
        "problem": "news.jsonl line 2: not valid JSON (Expecting property name enclosed in double "
        "quotes at column 2). Write one whole object a line.",
    }


def test_a_document_is_one_article():
    """Without a name its first bytes tell; what is not UTF-8 is taken for Windows-1252."""
    table = read_upload("", "“Café” opens.".encode("cp1252"))

    assert table.single
    assert table.rows == [["“Café” opens.", "", ""]]
    assert table.fields == {"text": "text", "title": "title", "id": "id"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv.gz",
            gzip.compress(b"text\nx\n", mtime=0),
            "a.csv.gz: packed files are not read here",
        ),
        ("a.pdf", b"%PDF-1.7", "a.pdf: this is a PDF document"),
        ("a.xlsx", b"PK\x03\x04", "a.xlsx: not a workbook, or a damaged one"),
        ("../../etc/a.json", b"[1, 2", "../../etc/a.json"),
        ("a.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "a.xml: declares entities of its own"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_422_by_its_own_name(folder, name, content, message):
    """The sentence is that of the command line and names no path of the service."""
    answer = asking(folder).post("/v1/read", params={"name": name}, content=content, headers=BYTES)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(message)
    assert tempfile.gettempdir() not in answer.json()["detail"]


def test_a_file_is_limited_and_of_one_type(folder):
    """More than the limit is a 413; a body of another type a 415."""
    client = asking(folder, limits={"file_bytes": 10, "body_bytes": 5})

    long = client.post("/v1/read?name=a.txt", content=b"x" * 11, headers=BYTES)
    fits = client.post("/v1/read?name=a.txt", content=b"x" * 10, headers=BYTES)
    other = client.post("/v1/read?name=a.txt", json={})

    assert (long.status_code, long.json()["limit"]) == (413, 10)
    assert (fits.status_code, other.status_code) == (200, 415)


def test_a_file_of_too_many_rows_is_refused():
    """The page could not show it, nor send it on."""
    with pytest.raises(BadInputError, match=r"^many.csv: holds more than 200,000 articles"):
        read_upload("many.csv", b"text\n" + b"a\n" * 200_001)


def test_a_page_is_read_in_the_encoding_it_declares():
    """Not every page that is no UTF-8 is of western Europe."""
    page = Path(__file__).with_name("files").joinpath("cp1251.html").read_bytes()

    assert read_upload("page.html", page).rows[0][1] == "Плотина"
