"""One file of an archive: every format in, the same or another out, nothing lost."""

import csv
import gzip
import io
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from classifier.archive.shard import tag_shard
from classifier.archive.shards import find_archive
from classifier.archive.tagger import Tagger, TagOptions, Tally, tag_block
from classifier.corpus.open import Block, line_blocks
from classifier.corpus.write import write_jsonl
from classifier.errors import BadInputError, SettingsError
from classifier.fields import PARTS, usual_field
from classifier.files import open_zstd
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

ADDED = (
    '"tags": ["energy"], "scores": {"energy": 0.95, "diplomacy": 0.602754, "culture": 0.0}, '
    '"coverage": 0.875, "model": "tiny"'
)
TAKEN = ("text", "title", "id", "tags", "scores", "coverage", "model", "note")


def is_another(name):
    """Return whether a field is none of an article and none of a prediction."""
    return name not in TAKEN and not any(usual_field([name], part) for part in PARTS)


STOP = replace(TagOptions().reading, on_error="stop")


def tagged(path, content=None, *, target=None, **options):
    """Tag one file and return the bytes written, the tally and the rejects."""
    if content is not None:
        path.write_bytes(content)
    out = path.parent / "out"
    chosen = TagOptions(**options)
    (shard,) = find_archive(
        path, out, input_format=chosen.reading.format, format=chosen.format
    ).shards
    part, rejects = path.parent / "part", path.parent / "rejects"
    reports = []
    result = tag_shard(
        shard, Tagger(tiny_model(), chosen), part,
        rejects=rejects, report=lambda *done: reports.append(done),
    )  # fmt: skip
    assert part.stat().st_size == result.n_bytes
    bad = (
        [json.loads(line) for line in rejects.read_text().splitlines()] if rejects.exists() else []
    )
    return part.read_bytes(), result.tally, bad


def test_a_line_keeps_its_bytes_and_gets_the_prediction_at_its_end(tmp_path):
    """Odd spacing, escapes, numbers and field order stay as they are."""
    line = '{ "n":1.0e5,"text" : "TEXT" ,"x":{"b":[1, 2]},"q":"\\u00e9\u00e9"  }'
    line = line.replace("TEXT", ENERGY_TEXT)

    written, tally, bad = tagged(tmp_path / "a.jsonl", f"{line}\r\n\n{line}".encode())

    expected = line[:-1] + f", {ADDED}}}"
    assert written.decode() == f"{expected}\r\n{expected}\n"
    assert (tally.read, tally.written, tally.tags, bad) == (2, 2, {"energy": 2}, [])


def test_a_number_that_json_does_not_know_becomes_null(tmp_path):
    """Other programs can read every line, wherever the number came from."""
    pq.write_table(pa.table({"text": [ENERGY_TEXT], "x": [float("nan")]}), tmp_path / "a.parquet")
    line = f'{{"text": "{ENERGY_TEXT}", "x": [NaN, -Infinity], "y": "NaN"}}\n'.encode()

    by_line, _, _ = tagged(tmp_path / "a.jsonl", line)
    by_row, _, _ = tagged(tmp_path / "a.parquet", format="jsonl")
    cells, _, _ = tagged(tmp_path / "a.parquet", format="csv")

    assert json.loads(by_line, parse_constant=pytest.fail)["x"] == [None, None]
    assert json.loads(by_line)["y"] == "NaN"
    assert json.loads(by_row, parse_constant=pytest.fail)["x"] is None
    assert cells.decode().splitlines()[1].startswith(f"{ENERGY_TEXT},,energy,")


def test_a_rejected_row_of_parquet_says_where_it_was(tmp_path):
    """The number of the row and the row itself have keys of their own."""
    pq.write_table(pa.table({"text": [5], "id": ["a"]}), tmp_path / "a.parquet")

    _, _, bad = tagged(tmp_path / "a.parquet")

    assert [(each["line"], each["row"]) for each in bad] == [(1, {"text": 5, "id": "a"})]


@given(
    st.dictionaries(
        st.text(max_size=5).filter(is_another),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text()
            | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=5,
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_other_fields_come_out_as_they_went_in(fields, ascii_only):
    """Whatever they hold, and however they are written."""
    row = {**fields, "text": MIXED_TEXT}
    line = json.dumps(row, ensure_ascii=ascii_only).encode("utf-8", "backslashreplace")
    tagger = Tagger(tiny_model(), TagOptions())

    written = tag_block(tagger, Block(1, line), "a", tally=Tally(), reject=pytest.fail)

    out = json.loads(written)
    assert out.pop("tags") == ["diplomacy", "energy"]
    assert [out.pop(name) for name in ("coverage", "model")] == [0.8462, "tiny"]
    assert out.pop("scores")["diplomacy"] == 0.9
    assert out == row


def test_what_only_python_calls_blank_may_end_a_line():
    """It stays behind the brace, as other blanks do."""
    line = f'{{"text": "{ENERGY_TEXT}"}}'
    tagger = Tagger(tiny_model(), TagOptions())

    written = tag_block(
        tagger, Block(1, f"{line} \u00a0\n{line}\x0b\n".encode()), "a",
        tally=Tally(), reject=pytest.fail,
    )  # fmt: skip

    expected = f"{line[:-1]}, {ADDED}}}"
    assert written.decode() == f"{expected} \u00a0\n{expected}\x0b\n"


@pytest.mark.parametrize("encoding", ["ascii", "shift_jis"])
def test_bytes_of_another_encoding_are_told_though_they_make_utf8(tmp_path, encoding):
    """What cannot be decoded as the user said is a bad row, whatever else it may be."""
    good, bad = f'{{"text": "{ENERGY_TEXT}"}}\n', f'{{"text": "{ENERGY_TEXT} 🛢"}}\n'

    written, tally, (reject,) = tagged(
        tmp_path / "a.jsonl", (good + bad + good).encode(),
        reading=replace(TagOptions().reading, encoding=encoding),
    )  # fmt: skip

    assert (written.count(b"\n"), tally.rejects) == (2, {"bad encoding": 1})
    assert reject["line"] == 2
    assert f"are not {encoding} text" in reject["reason"]


def test_predictions_alone_are_what_predict_writes():
    """Without `carry`, the same bytes as `write_jsonl`, notes and odd ids included."""
    rows = [{"id": 'é"\n', "text": ENERGY_TEXT}, {"text": "und der"}, {"id": 7, "text": MIXED_TEXT}]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    tagger = Tagger(tiny_model(), TagOptions(carry=False))

    written = tag_block(tagger, Block(1, data), "a", tally=Tally(), reject=pytest.fail)

    model, expected = tiny_model(), io.StringIO()
    predictions = model.predict([row["text"] for row in rows])
    ids = ['é"\n', "a line 2", "7"]
    named = [replace(p, id=id) for p, id in zip(predictions, ids, strict=True)]
    write_jsonl(named, expected)
    assert written.decode() == expected.getvalue()


def test_dropping_the_text_leaves_the_rest(tmp_path):
    """The body goes, the headline stays."""
    row = {"title": "Oil", "text": ENERGY_TEXT, "n": 1}

    written, _, _ = tagged(tmp_path / "a.jsonl", json.dumps(row).encode(), drop_text=True)
    alone, _, _ = tagged(
        tmp_path / "b.jsonl", json.dumps({"text": ENERGY_TEXT}).encode(), drop_text=True
    )

    assert list(json.loads(written)) == ["title", "n", "tags", "scores", "coverage", "model"]
    assert alone.decode() == f"{{{ADDED}}}\n"


def test_only_matches_are_written_and_all_are_counted(tmp_path):
    """A filter decides what is written, not what is counted."""
    rows = [{"text": ENERGY_TEXT}, {"text": MIXED_TEXT}, {"text": "und der die das"}]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()

    written, tally, _ = tagged(tmp_path / "a.jsonl", content, where="diplomacy>0.8")

    assert [json.loads(line)["text"] for line in written.splitlines()] == [MIXED_TEXT]
    assert (tally.read, tally.written, tally.untagged, tally.unjudged) == (3, 1, 1, 1)
    assert tally.tags == {"energy": 2, "diplomacy": 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{broken", "not valid JSON"),
        (b"[1]", "a JSON list, not an object"),
        (b'{"words": "x"}', "no 'text' field (found: words)"),
        (b'{"text": ""}', "empty text"),
        (b'{"text": "\xff\xfe"}', "bytes FF FE are not utf-8 text"),
        (b'{"text": "\\ud800"}', "a character was cut in two"),
    ],
)
def test_bad_rows_are_set_aside_with_line_and_reason(tmp_path, line, reason):
    """The good rows around them are written."""
    good = json.dumps({"text": ENERGY_TEXT}).encode()

    written, tally, bad = tagged(tmp_path / "a.jsonl", b"\n".join([good, line, good]))

    assert written.count(b"\n") == tally.written == 2
    assert tally.rejects.total() == 1
    assert [row["line"] for row in bad] == [2]
    assert bad[0]["file"] == str(tmp_path / "a.jsonl")
    assert reason in bad[0]["reason"]


def test_a_bad_row_ends_its_file_when_asked_to(tmp_path):
    """With on_error stop nothing of the file is left."""
    with pytest.raises(BadInputError, match=r"a\.jsonl line 2: not valid JSON"):
        tagged(tmp_path / "a.jsonl", b'{"text": "x"}\n{oops\n', reading=STOP)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl"]


def test_a_row_with_a_field_of_ours_ends_its_file(tmp_path):
    """No row is lost for its own tags: the file has no result, and the way out is named."""
    rows = b'{"text": "x"}\n{"text": "y", "tags": ["news"]}\n'

    with pytest.raises(BadInputError, match=r"a\.jsonl line 2: the row has .*'tags'.*--prefix"):
        tagged(tmp_path / "a.jsonl", rows)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl"]


def test_names_can_be_kept_apart(tmp_path):
    """With a prefix, a row's own tags stay and ours stand beside them."""
    row = {"text": ENERGY_TEXT, "tags": ["news"], "model": "T"}

    written, _, _ = tagged(tmp_path / "a.jsonl", json.dumps(row).encode(), prefix="our_")

    out = json.loads(written)
    assert (out["tags"], out["model"]) == (["news"], "T")
    assert (out["our_tags"], out["our_model"]) == (["energy"], "tiny")


def test_a_line_that_is_too_long_is_set_aside(tmp_path):
    """Its length is told; the lines round it are tagged under their own numbers."""
    good = json.dumps({"text": ENERGY_TEXT}).encode()
    content = b"\n".join([good, b'{"text": "' + b" " * 2**20 + b'"}', b"[]", good])

    _, tally, bad = tagged(tmp_path / "a.jsonl", content, max_line_mb=1)

    assert tally.written == 2
    assert [row["line"] for row in bad] == [2, 3]
    assert "a line of 1.0 MB, longer than 1 MB" in bad[0]["reason"]


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_packing_is_kept(tmp_path, packing):
    """What comes packed goes packed, and unpacks to the same."""
    content = json.dumps({"text": ENERGY_TEXT}).encode()
    packers = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}

    written, _, _ = tagged(tmp_path / f"a.jsonl{packing}", packers[packing](content))

    (tmp_path / f"result{packing}").write_bytes(written)
    openers = {"": io.FileIO, ".gz": gzip.open, ".zst": open_zstd}
    with openers[packing](tmp_path / f"result{packing}") as stream:
        assert stream.read().decode() == content.decode()[:-1] + f", {ADDED}}}\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_become_utf_8(tmp_path, encoding):
    """A byte-order mark goes, every character stays."""
    line = json.dumps({"text": ENERGY_TEXT, "x": "é"}, ensure_ascii=False)
    named = {"utf-8-sig": "utf-8"}.get(encoding, encoding)

    written, _, _ = tagged(
        tmp_path / "a.jsonl", line.encode(encoding), reading=replace(STOP, encoding=named)
    )

    assert written.decode() == f"{line[:-1]}, {ADDED}}}\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_mark_of_another_encoding_is_believed(tmp_path, encoding):
    """As everywhere; the lines are not set aside one by one."""
    line = json.dumps({"text": ENERGY_TEXT, "x": "é"}, ensure_ascii=False)

    written, tally, _ = tagged(tmp_path / "a.jsonl", f"{line}\n".encode(encoding))

    assert written.decode() == f"{line[:-1]}, {ADDED}}}\n"
    assert tally.rejects.total() == 0


CSV = f'id,text,note1\n1,"{ENERGY_TEXT}","a ""b"",\nc"\n2,{MIXED_TEXT},=1+1\n'


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t")])
def test_csv_keeps_its_cells_and_gets_columns(tmp_path, name, delimiter):
    """Quotes and line breaks in cells come through; a formula is marked as text."""
    rows = list(csv.reader(io.StringIO(CSV)))
    content = io.StringIO()
    csv.writer(content, delimiter=delimiter).writerows(rows)

    written, tally, _ = tagged(tmp_path / name, content.getvalue().encode())

    out = list(csv.reader(io.StringIO(written.decode()), delimiter=delimiter))
    assert out[0] == [
        "id", "text", "note1", "tags", "score_energy", "score_diplomacy", "score_culture",
        "coverage", "model", "note",
    ]  # fmt: skip
    assert [row[:3] for row in out[:2]] == rows[:2]
    assert out[2][:3] == ["2", MIXED_TEXT, "'=1+1"]
    assert out[1][3:] == ["energy", "0.95", "0.602754", "0.0", "0.875", "tiny", ""]
    assert out[2][3] == "diplomacy|energy"
    assert tally.written == 2


@pytest.mark.parametrize("content", ["\nid,text\n", "id,text\n\n"])
def test_a_csv_without_rows_keeps_its_header(tmp_path, content):
    """An empty table stays one."""
    written, tally, _ = tagged(tmp_path / "a.csv", content.encode())

    assert written.decode().startswith("id,text,tags,score_energy")
    assert tally.read == 0


def test_a_bad_record_is_set_aside_and_a_bad_header_is_not(tmp_path):
    """A record with too few cells is a bad row; a header that names a column twice is none."""
    written, _, bad = tagged(tmp_path / "a.csv", f"id,text\n1\n2,{MIXED_TEXT}\n".encode())

    assert written.count(b"\n") == 2
    assert bad[0]["line"] == 2
    with pytest.raises(BadInputError, match="names 'text' twice"):
        tagged(tmp_path / "b.csv", b"text,text\na,b\n")
    with pytest.raises(BadInputError, match="line 1"):
        tagged(tmp_path / "c.csv", b'te"x"t,"id\n')


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'id,text\n1,"' + b"x\n" * 600_000),
        ("a.csv", b"id," + b"x" * 2**21),
        ("a.jsonl", b'{"text": "' + b" " * 2**20),
    ],
    ids=["quote", "line", "row"],
)
def test_a_record_without_end_ends_its_file(tmp_path, name, content):
    """A quote that is never closed, or a line that is to become columns, takes no memory."""
    with pytest.raises(BadInputError, match="a record longer than 1 MB"):
        tagged(tmp_path / name, content, format="csv", max_line_mb=1)


def test_a_column_with_a_name_of_ours_is_refused(tmp_path):
    """Columns are refused once, not row by row."""
    with pytest.raises(BadInputError, match="a field 'score_energy' of its own"):
        tagged(tmp_path / "a.csv", b"text,score_energy\nx,1\n")
    pq.write_table(pa.table({"text": ["x"], "note": ["y"]}), tmp_path / "a.parquet")
    with pytest.raises(BadInputError, match="a field 'note' of its own"):
        tagged(tmp_path / "a.parquet")


PARQUET = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int16()),
        "text": [ENERGY_TEXT, None, MIXED_TEXT],
        "when": pa.array([1, None, 3], pa.timestamp("ms")),
        "parts": pa.array([[{"a": 1}], None, []], pa.list_(pa.struct({"a": pa.int8()}))),
    }
).replace_schema_metadata({"origin": "here"})


def test_parquet_keeps_types_metadata_and_compression(tmp_path):
    """Columns go through as they are; a row without text is set aside."""
    pq.write_table(PARQUET, tmp_path / "a.parquet", compression="zstd")

    written, tally, bad = tagged(tmp_path / "a.parquet")

    file = pq.ParquetFile(io.BytesIO(written))
    out = file.read()
    assert out.select(PARQUET.column_names).equals(PARQUET.take([0, 2]))
    assert out.schema.metadata[b"origin"] == b"here"
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert out["tags"].to_pylist() == [["energy"], ["diplomacy", "energy"]]
    assert out["score_energy"].to_pylist() == [0.95, 0.615987]
    assert out["note"].to_pylist() == ["", ""]
    assert (tally.written, bad[0]["row"]["id"]) == (2, 2)


@pytest.mark.parametrize(
    ("options", "columns"),
    [({"drop_text": True}, ["id", "when", "parts"]), ({"carry": False}, ["id"])],
)
def test_parquet_columns_can_be_left_out(tmp_path, options, columns):
    """Without the text, or with the id alone."""
    pq.write_table(PARQUET, tmp_path / "a.parquet", compression="none")

    written, _, _ = tagged(tmp_path / "a.parquet", **options)

    names = pq.ParquetFile(io.BytesIO(written)).read().column_names
    assert names[: names.index("tags")] == columns


def test_parquet_without_rows_keeps_its_columns(tmp_path):
    """An empty table stays one."""
    pq.write_table(PARQUET.slice(0, 0), tmp_path / "a.parquet")

    written, tally, _ = tagged(tmp_path / "a.parquet")

    assert pq.ParquetFile(io.BytesIO(written)).read().column_names[:5] == [
        "id", "text", "when", "parts", "tags",
    ]  # fmt: skip
    assert tally.read == 0


@pytest.mark.parametrize("content", [b"no parquet", b""])
def test_what_is_no_parquet_is_told(tmp_path, content):
    """As everywhere in the package."""
    with pytest.raises(BadInputError, match="not a Parquet file"):
        tagged(tmp_path / "a.parquet", content)


def test_damage_inside_a_parquet_file_is_told(tmp_path):
    """A page that does not decompress ends the file."""
    table = pa.table({"text": [f"{ENERGY_TEXT} {n}" for n in range(5000)]})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, compression="zstd", use_dictionary=False, row_group_size=1000)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)

    with pytest.raises(BadInputError, match="damaged"):
        tagged(path, bytes(content))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_any_format_becomes_jsonl(tmp_path, name):
    """The fields are those of the row."""
    write = {
        "a.jsonl": lambda path: path.write_text(json.dumps({"id": "7", "text": ENERGY_TEXT})),
        "a.csv": lambda path: path.write_text(f"id,text\n7,{ENERGY_TEXT}\n"),
        "a.parquet": lambda path: pq.write_table(
            pa.table({"id": ["7"], "text": [ENERGY_TEXT]}), path
        ),
    }
    write[name](tmp_path / name)

    written, _, _ = tagged(tmp_path / name, format="jsonl")

    assert written.decode() == f'{{"id": "7", "text": "{ENERGY_TEXT}", {ADDED}}}\n'


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_jsonl_becomes_columns_for_every_field(tmp_path, format):
    """A field that only a later row has gets its column; what is no text becomes JSON."""
    rows = [
        {"id": "a", "text": ENERGY_TEXT, "n": 1.5, "deep": {"é": [1]}},
        {"id": "b", "text": MIXED_TEXT, "late": True},
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()

    written, _, _ = tagged(tmp_path / "a.jsonl", content, format=format)

    read = {
        "csv": lambda: list(csv.DictReader(io.StringIO(written.decode()))),
        "parquet": lambda: pq.ParquetFile(io.BytesIO(written)).read().to_pylist(),
    }
    first, second = read[format]()
    assert list(first)[:6] == ["id", "text", "n", "deep", "late", "tags"]
    assert (first["n"], first["deep"], second["late"]) == ("1.5", '{"é": [1]}', "True")
    assert not first["late"]
    assert (second["id"], second["tags"]) == ("b", {"csv": "diplomacy|energy"}.get(
        format, ["diplomacy", "energy"]
    ))  # fmt: skip


def test_predictions_alone_as_columns(tmp_path):
    """Without `carry` there is the id and what is added."""
    row = json.dumps({"id": 5, "text": ENERGY_TEXT, "x": 1}).encode()

    written, _, _ = tagged(tmp_path / "a.jsonl", row, format="csv", carry=False)

    assert written.decode().splitlines()[1] == "5,energy,0.95,0.602754,0.0,0.875,tiny,"


def test_too_many_fields_are_no_columns(tmp_path):
    """Ten thousand columns are a mistake."""
    row = {"text": "x"} | {f"f{n}": n for n in range(10_000)}

    with pytest.raises(BadInputError, match=r"a\.jsonl line 1: here the fields become more"):
        tagged(tmp_path / "a.jsonl", json.dumps(row).encode(), format="csv")


def test_a_file_that_changes_meanwhile_is_told(tmp_path):
    """What was read may be half of one and half of another."""
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    (shard,) = find_archive(path, tmp_path / "out").shards
    path.write_text("{}\n{}\n")

    with pytest.raises(BadInputError, match="was changed while it was read"):
        tag_shard(
            shard, Tagger(tiny_model(), TagOptions()), tmp_path / "part",
            rejects=tmp_path / "rejects", report=lambda *done: None,
        )  # fmt: skip
    assert not (tmp_path / "part").exists()
    assert not (tmp_path / "rejects").exists()


@pytest.mark.parametrize("options", [{"format": "xml"}, {"max_line_mb": 0}])
def test_options_that_mean_nothing_are_told(options):
    """At once, not in a worker."""
    with pytest.raises(SettingsError):
        TagOptions(**options)


@given(
    st.binary(max_size=60).map(lambda data: data.replace(b"\x00", b"\n")),
    st.integers(1, 20),
    st.integers(0, 20),
)
def test_blocks_hold_every_line_once(data, size, more):
    """Joined they are the stream, but for lines that are too long; numbers fit."""
    longest = size + more
    lines = data.split(b"\n")

    blocks = list(line_blocks(io.BytesIO(data).read, longest=longest, size=size))

    ended = [*(line + b"\n" for line in lines[:-1]), lines[-1]]
    kept = [line for line in ended if len(line.rstrip(b"\n")) <= longest]
    assert b"".join(block.data for block in blocks) == b"".join(kept)
    assert [(block.first, block.too_long) for block in blocks if block.too_long] == [
        (number, len(line)) for number, line in enumerate(lines, 1) if len(line) > longest
    ]
    firsts = [(block.first, block.data.split(b"\n")[0]) for block in blocks if block.data]
    assert firsts == [(number, lines[number - 1]) for number, _ in firsts]
    for block in blocks:
        assert data[block.start :].startswith(block.data or lines[block.first - 1])
