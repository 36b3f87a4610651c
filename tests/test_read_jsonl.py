"""The quick way through JSONL gives what the exact way gives, and the ids of it stay small."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.corpus.corpus import UNLABELLED
from classifier.corpus.formats.jsonl import jsonl_rows, utf8_jsonl_rows
from classifier.corpus.open import is_utf8, unmarked
from classifier.corpus.read import read_articles
from tests.command_line import environment

# The quick parser comes with the lines after the first few hundred.
QUICK = 1000


def told(rows):
    """Return what there is to rows, NaN equal to itself and 1 unlike 1.0."""
    return [(row.line, repr(row.values), str(row.problem), row.raw) for row in rows]


def quick(*lines):
    """Return what the quick way makes of lines."""
    return told(utf8_jsonl_rows(lines, "a", first=QUICK))


def exact(*lines):
    """Return what `json` makes of lines."""
    decoded = [line.decode("utf-8", "surrogateescape") for line in lines]
    return told(jsonl_rows(decoded, "a", encoding="utf-8", first=QUICK))


VALUES = [
    (b"123456789012345678901234567890", "123456789012345678901234567890"),
    (b"-9223372036854775809", "-9223372036854775809"),
    (b"18446744073709551616", "18446744073709551616"),
    (b"-0", "0"),
    (b"-0.0", "-0.0"),
    (b"1.0", "1.0"),
    (b"1E5", "100000.0"),
    (b"1e400", "inf"),
    (b"1.7976931348623159e308", "inf"),
    (b"2.2250738585072011e-308", "2.225073858507201e-308"),
    (b"0.1e-400", "0.0"),
    (b"123456789012345678.5", "1.2345678901234568e+17"),
    (b"NaN", "nan"),
    (b"-Infinity", "-inf"),
    (b'"\\ud83d\\ude00\\/\\u0000"', "'😀/\\x00'"),
    (b'"\x7f\xe2\x80\xa8"', "'\\x7f\\u2028'"),
    (b'{"b": 1, "a": 2, "b": 3}', "{'b': 3, 'a': 2}"),
]


@pytest.mark.parametrize(("written", "value"), VALUES, ids=[value for _, value in VALUES])
def test_values_are_those_of_python(written, value):
    """To the last digit of long numbers, and with what only Python calls JSON."""
    line = b'{"x": ' + written + b"} \t\r\n"

    assert quick(line) == [(QUICK, f"{{'x': {value}}}", "None", None)] == exact(line)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"x": "\xff"}', "bytes FF are not utf-8 text"),
        (b'{"\xed\xa0\x80": 1}', "bytes ED A0 80 are not utf-8 text"),
        (b'{"x": "\\ud800"}', "a character was cut in two"),
        (b'{"x": "\\ud800\\u0041"}', "a character was cut in two"),
        (b'{"\\udc00": 1}', "a character was cut in two"),
        (b'{"x": "a\x00"}', "Invalid control character at at column 9"),
        (b'{"x": "a\tb"}', "Invalid control character at at column 9"),
        (b'{"x": 01}', "Expecting ',' delimiter at column 8"),
        (b'{"x": 1,}', "at column"),
        (b'{"x": 1}{}', "Extra data at column 9"),
        (b"{'x': 1}", "Expecting property name enclosed in double quotes at column 2"),
        (b'{"x": "\\x"}', "Invalid \\escape at column 8"),
        (b'{"x": ' + b"1" * 5000 + b"}", "Exceeds the limit (4300 digits)"),
        (b'\xef\xbb\xbf{"x": 1}', "Unexpected UTF-8 BOM"),
        (b'{"x": ' * 100_000, "nested too deeply"),
        (b"[1]", "a JSON list, not an object"),
        (b"1e999", "a JSON number, not an object"),
        (b"tru", "Expecting value at column 1"),
    ],
    ids=range(18),
)
def test_mistakes_are_named_as_ever(line, reason):
    """With the place and the reason that `json` gives."""
    ((number, _, problem, raw),) = quick(line)

    assert (number, raw) == (QUICK, line.decode("utf-8", "surrogateescape"))
    assert reason in problem
    assert quick(line) == exact(line)


def test_lines_are_counted_blank_or_not():
    """Also those that are blank to Python alone."""
    lines = [
        b"{}\n",
        b" \r\n",
        "\u2003\u00a0\n".encode(),
        b'{"a": 1}\x0c\n',
        b"{}\xc2\xa0\n",
        b"{}",
    ]

    assert [row[0] for row in quick(*lines)] == [1000, 1003, 1004, 1005]
    assert quick(*lines) == exact(*lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(st.characters()), JSON, max_size=4),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=2)), max_size=2),
)
def test_any_line_gives_the_same_row(values, ascii_only, changes):
    """Sound, or with bytes put into it anywhere."""
    line = json.dumps(values, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    for place, put in changes:
        line = line[:place] + put.replace(b"\n", b"") + line[place:]

    assert quick(line) == exact(line)


def test_a_few_lines_do_not_load_the_quick_parser(tmp_path):
    """Loading it takes longer than it would save."""
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    few.write_text('{"text": "one"}\n' * 250)
    many.write_text('{"text": "one"}\n' * 260)
    code = (
        "import sys\nfrom classifier.corpus.read import read_articles\n"
        "print(len(list(read_articles(sys.argv[1:]))), 'msgspec' in sys.modules)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code, path],
            env=environment(), capture_output=True, text=True, check=True,
        ).stdout
        for path in (few, many)
    ]  # fmt: skip

    assert said == ["250 False\n", "260 True\n"]


def test_a_mark_stands_before_the_first_line_alone():
    """What Windows puts at the start of a file is no text."""
    assert list(unmarked([b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfb"])) == [b"a\n", b"\xef\xbb\xbfb"]
    assert list(unmarked([])) == []


def test_utf8_has_many_names():
    """And other encodings, known or not, are none of them."""
    assert all(map(is_utf8, ["utf-8", "UTF8", "u8", "utf-8-sig"]))
    assert not any(map(is_utf8, ["utf-16", "ascii", "no such", "\0"]))


def test_a_field_whose_name_is_a_nul_is_carried_along(tmp_path):
    """Fields that are not read have no name that a file could hold."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one", "\\u0000": [1]}\n')

    (article,) = read_articles(path, UNLABELLED)

    assert article.extra == {"\0": [1]}
