"""classifier predict: what goes in, what comes out, and how mistakes are told."""

import gzip
import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import openpyxl
import pytest
from pyarrow import parquet

from classifier import save_model
from tests.cases import each_case
from tests.command_line import (
    ROWS,
    environment,
    run,
    run_on_terminal,
    run_process,
    save_tiny,
    unhashed,
    write_rows,
)
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

CSV = """\
id,tags,score_energy,score_diplomacy,score_culture,coverage,model,note
a,energy,0.95,0.602754,0.0,0.875,tiny@HASH,
b,diplomacy|energy,0.615987,0.9,0.0,0.8462,tiny@HASH,
c,,0.25,0.125,0.0625,0.0,tiny@HASH,the model knows 0 of 4 words: another language or subject?
"""
TABLE = """\
a                         energy 0.95
b                         diplomacy 0.90, energy 0.62
c                         –  (the model knows 0 of 4 words: another language or subject?)
"""
FIRST_LINE = (
    '{"id": "a", "tags": ["energy"], "scores": {"energy": 0.95, "diplomacy": 0.602754, '
    '"culture": 0.0}, "coverage": 0.875, "model": "tiny@HASH"}'
)


@pytest.fixture
def rows(tmp_path):
    """Return a file of three articles: one tag, two tags, not to be judged."""
    return write_rows(tmp_path / "articles.jsonl", ROWS)


def test_piped_output_is_one_json_object_a_line(model, rows):
    """Programs get JSONL without asking."""
    outcome = run("predict", "--model", model, rows)

    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert unhashed(lines[0]) == FIRST_LINE
    assert [json.loads(line)["tags"] for line in lines] == [
        ["energy"],
        ["diplomacy", "energy"],
        [],
    ]


@pytest.mark.parametrize("more", [[], ["--out", "-"]], ids=["usual", "dash"])
def test_csv_has_a_column_a_score(model, rows, more):
    """CSV is fixed to the character, with plain line ends; --out - prints."""
    outcome = run("predict", "--model", model, rows, "--format", "csv", *more)

    assert unhashed(outcome.out) == CSV


@each_case("shown_predictions")
def test_a_table_shows_what_was_asked_for(rows, tmp_path, case):
    """Tags, bars, words and explanations are fixed to the character."""
    model = save_tiny(tmp_path / "model", **case.get("model", {}))
    given = {"input": case["input"]} if "input" in case else {}
    args = case["args"] if given else [rows, *case["args"]]

    outcome = run("predict", "--model", model, *args, **given, **case.get("env", {}))

    shown = "\n".join(case["shows"])
    assert (outcome.code, outcome.err) == (0, "")
    assert shown in outcome.out
    assert outcome.out.startswith(shown) or not case.get("starts")


@pytest.mark.parametrize(
    ("name", "content", "id"),
    [
        ("oil.txt", ENERGY_TEXT, "oil"),
        ("export.csv", f'Nr,Headline,Body\n7,Gas,"{ENERGY_TEXT}"\n', "7"),
    ],
)
def test_a_file_is_tagged_under_its_name_or_id(model, tmp_path, name, content, id):
    """A plain text file is one article; body, headline and id may have any names."""
    (tmp_path / name).write_text(content)
    names = ("--text-field", "Body", "--title-field", "Headline", "--id-field", "Nr")

    outcome = run("predict", "--model", model, tmp_path / name, *names)

    assert json.loads(outcome.out)["id"] == id
    assert json.loads(outcome.out)["tags"] == ["energy"]


def test_a_folder_is_read_in_the_order_of_names(model, tmp_path):
    """Every file of a folder that can be read is tagged, others are passed over."""
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "2.txt").write_text(ENERGY_TEXT)
    (folder / "1.txt").write_text("The museum and the concert and the museum")
    (folder / "notes.docx").write_text("no article")

    outcome = run("predict", "--model", model, folder, "--format", "table")

    assert outcome.out == (
        "1                         culture 1.00\n2                         energy 0.95\n"
    )


@pytest.mark.parametrize("names", [[], ["-"]], ids=["nothing named", "a dash"])
@pytest.mark.parametrize(
    "text", [ENERGY_TEXT, json.dumps({"text": ENERGY_TEXT})], ids=["text", "jsonl"]
)
def test_standard_input_is_read(model, names, text):
    """Piped text needs no dash, and may be one text or JSONL."""
    outcome = run("predict", "--model", model, *names, input=text)

    assert outcome.code == 0
    assert json.loads(outcome.out)["tags"] == ["energy"]


def test_an_article_without_id_is_called_by_its_title(model):
    """A line of the table always tells which article it is of."""
    text = json.dumps({"text": ENERGY_TEXT, "title": "Oil again"})
    text += "\n" + json.dumps({"text": ENERGY_TEXT})

    outcome = run("predict", "--model", model, "--format", "table", input=text)

    assert outcome.out.splitlines() == [
        "Oil again                 energy 0.95",
        "(no id)                   energy 0.95",
    ]


def test_what_is_not_the_text_cannot_be_wrong(model):
    """Labels, dates and outlets that make no sense do not keep an article from being tagged."""
    row = {"text": ENERGY_TEXT, "labels": {"a": 1}, "date": ["x"], "source": {}, "negative": 3}

    outcome = run("predict", "--model", model, input=json.dumps(row))

    assert outcome.code == 0
    assert json.loads(outcome.out)["tags"] == ["energy"]


def test_thresholds_replace_cuts(model, rows):
    """A label is given from the probability asked for."""
    outcome = run(
        "predict", "--model", model, rows, "--threshold", "energy=0.7",
        "--threshold", "diplomacy=0.6",
    )  # fmt: skip

    assert [json.loads(line)["tags"] for line in outcome.out.splitlines()] == [
        ["energy", "diplomacy"],
        ["diplomacy"],
        [],
    ]


def test_a_working_point_replaces_cuts(rows, tmp_path):
    """Few misses at complete, few false tags at precise; a threshold wins over both."""
    points = {"precise": [0.92, 0.92, 0.92], "complete": [0.05, 0.05, 0.05]}
    save_model(replace(tiny_model(), info={"points": points}), tmp_path / "pointed")
    call = ("predict", "--model", tmp_path / "pointed", rows, "--point")

    tags = [
        [json.loads(line)["tags"] for line in run(*call, *point).out.splitlines()]
        for point in (["precise"], ["complete"], ["precise", "--threshold", "energy=0.5"])
    ]

    assert tags == [
        [["energy"], [], []],
        [["energy", "diplomacy"], ["diplomacy", "energy"], []],
        [["energy"], ["energy"], []],
    ]


def test_bad_rows_stop_the_run_or_are_counted(model, tmp_path):
    """The first bad row is an error, unless it may be skipped; then it is told and kept."""
    bad = write_rows(tmp_path / "in.jsonl", [{"id": "a"}, *ROWS, {"text": " "}])
    rejects = tmp_path / "bad.jsonl"

    stopped = run("predict", "--model", model, bad)
    skipping = ("--on-error", "skip", "--rejects", rejects)
    skipped = run("predict", "--model", model, bad, *skipping)
    quiet = run("predict", "--model", model, bad, *skipping, "--quiet")

    assert stopped.code == 1
    assert "in.jsonl line 1: no 'text' field (found: id)." in stopped.err
    assert skipped.code == 0
    assert len(skipped.out.splitlines()) == 3
    assert skipped.err == ("classifier: 2 bad rows were skipped (1 no text field, 1 empty text)\n")
    assert len(rejects.read_text().splitlines()) == 2
    assert (quiet.code, quiet.err) == (0, "")


def test_nothing_to_read_is_said(model):
    """An empty input is no error, but no riddle either."""
    outcome = run("predict", "--model", model, input="")

    assert outcome == run("predict", "--model", model, "-", input="")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "classifier: there were no articles to read\n"


@pytest.mark.parametrize(
    ("name", "more", "content"),
    [
        ("tags.csv", [], CSV),
        ("tags.TXT", [], TABLE),
        ("new/folder/tags.csv", [], CSV),
        ("tags.dat", ["--format", "csv"], CSV),
    ],
)
def test_the_name_of_the_file_tells_the_format(model, rows, tmp_path, name, more, content):
    """--out writes the format its name says, in a folder that is made, unless --format does."""
    outcome = run("predict", "--model", model, rows, "--out", tmp_path / name, *more)

    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert unhashed((tmp_path / name).read_text(encoding="utf-8")) == content


def test_packed_output_has_the_same_bytes_each_time(model, rows, tmp_path):
    """JSONL is packed when the name ends in .gz, without the time of day in it."""
    first, second = tmp_path / "1.jsonl.gz", tmp_path / "2.jsonl.gz"

    run("predict", "--model", model, rows, "--out", first)
    run("predict", "--model", model, rows, "--out", second)

    assert unhashed(gzip.decompress(first.read_bytes()).decode()).startswith(FIRST_LINE)
    assert first.read_bytes() == second.read_bytes()


def test_parquet_keeps_types(model, rows, tmp_path):
    """Parquet holds lists and numbers."""
    outcome = run("predict", "--model", model, rows, "--out", tmp_path / "new" / "tags.parquet")

    assert outcome.code == 0
    table = parquet.read_table(tmp_path / "new" / "tags.parquet").to_pylist()
    assert table[1]["tags"] == ["diplomacy", "energy"]
    assert table[1]["score_energy"] == 0.615987


def test_a_workbook_holds_what_csv_does_and_nothing_that_runs(model, tmp_path):
    """Numbers are numbers; an id that spreadsheets take for a formula is text, as it was."""
    formula = '=HYPERLINK("http://example.org", "News")'
    rows = [{"id": formula, "text": MIXED_TEXT}, {"id": "b\x07", "text": "und der die das"}]
    given = write_rows(tmp_path / "in.jsonl", rows)

    outcome = run("predict", "--model", model, given, "--out", tmp_path / "tags.xlsx")

    assert (outcome.code, outcome.err) == (0, "")
    sheet = openpyxl.load_workbook(tmp_path / "tags.xlsx").active
    first, second = [[cell.value for cell in row] for row in sheet["A2:E3"]]
    assert [cell.value for cell in sheet[1]] == [
        "id", "tags", "score_energy", "score_diplomacy", "score_culture", "coverage", "model",
        "note",
    ]  # fmt: skip
    assert first == [formula, "diplomacy|energy", 0.615987, 0.9, 0]
    assert (sheet["A2"].data_type, sheet["A2"].quotePrefix, sheet["A3"].quotePrefix) == (
        "s", True, False,
    )  # fmt: skip
    assert second[0] == "b\ufffd"
    with zipfile.ZipFile(tmp_path / "tags.xlsx") as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


ITEMS = [
    {
        "version": "1.0",
        "uri": "urn:a",
        "headline": "Grid",
        "body_text": MIXED_TEXT,
        "subject": [{"name": "Oslo", "rel": "about"}],
        "zz": {"b": 1, "a": [2.5, None]},
    },
    {"uri": "urn:b", "body_text": "und der die das"},
    {"uri": "urn:c", "bodies": [{"value": MIXED_TEXT}], "headlines": [{"value": "Grid"}]},
]
GIVEN = [
    {"name": "diplomacy", "relevance": 90, "confidence": 90},
    {"name": "energy", "relevance": 62, "confidence": 62},
]


@pytest.mark.parametrize("name", ["items.json", "items.jsonl"])
def test_items_of_ninjs_get_their_tags_as_subjects_and_keep_the_rest(model, tmp_path, name):
    """Every key stays as it was and where it was; items of ninjs 2 and 3 have `subjects`."""
    lines = "\n".join(map(json.dumps, ITEMS)) if name == "items.jsonl" else json.dumps(ITEMS)
    (tmp_path / name).write_text(lines)

    run("predict", "--model", model, tmp_path / name, "--out", tmp_path / "tagged.ninjs")

    first, second, third = map(json.loads, (tmp_path / "tagged.ninjs").read_text().splitlines())
    assert first == ITEMS[0] | {"subject": [{"name": "Oslo", "rel": "about"}, *GIVEN]}
    assert list(first) == list(ITEMS[0])
    assert second == ITEMS[1]
    assert third == ITEMS[2] | {"subjects": GIVEN}


def test_ninjs_is_written_of_ninjs_alone(model, rows):
    """One sentence says what other input lacks."""
    outcome = run("predict", "--model", model, rows, "--format", "ninjs")

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "classifier: article 'a' did not come as ninjs, and --format ninjs adds tags to items of "
        "ninjs alone. Write jsonl or csv.\n"
    )


@pytest.mark.parametrize(
    "name", ["tags.jsonl", "tags.csv", "tags.jsonl.gz", "tags.parquet", "tags.xlsx"]
)
def test_an_error_leaves_the_old_file_alone(model, tmp_path, name):
    """A file is replaced only when all went well; nothing half-written stays beside it."""
    (tmp_path / name).write_text("older")
    bad = write_rows(tmp_path / "in.jsonl", [*ROWS, {"id": "d"}])

    outcome = run("predict", "--model", model, bad, "--out", tmp_path / name)

    assert outcome.code == 1
    assert (tmp_path / name).read_text() == "older"
    assert {path.name for path in tmp_path.iterdir()} == {name, "in.jsonl"}


def test_a_link_keeps_leading_to_its_file(model, rows, tmp_path):
    """Writing to a link replaces what it leads to."""
    (tmp_path / "real.csv").write_text("older")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")

    run("predict", "--model", model, rows, "--out", tmp_path / "link.csv")

    assert (tmp_path / "link.csv").is_symlink()
    assert unhashed((tmp_path / "real.csv").read_text()) == CSV


def test_a_pipe_is_written_to_and_not_replaced(model, rows, tmp_path):
    """Devices and pipes stay what they are."""
    pipe = tmp_path / "pipe"
    subprocess.run(["mkfifo", pipe], check=True)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        outcome = run("predict", "--model", model, rows, "--out", pipe)
        received = reader.communicate()[0]

    assert outcome.code == 0
    assert unhashed(received).startswith(FIRST_LINE)
    assert pipe.is_fifo()


def test_an_input_is_never_overwritten(model, rows):
    """--out may not name what is being read."""
    before = rows.read_text()

    outcome = run("predict", "--model", model, rows, "--out", rows)

    assert outcome.code == 1
    assert outcome.err.endswith("is also an input. Name another file for the result.\n")
    assert rows.read_text() == before


def test_explained_jsonl_adds_up(model, rows):
    """Terms and bias add up to the margin exactly."""
    outcome = run("predict", "--model", model, rows, "--explain")

    why = json.loads(outcome.out.splitlines()[0])["explanation"]["energy"]
    assert list(why) == ["margin", "bias", "cut", "terms"]
    assert (why["bias"], why["cut"]) == (-0.75, 0.125)
    assert list(why["terms"]) == ["oil", "gas", "pipeline", "minister", "and", "the"]
    assert sum(why["terms"].values()) + why["bias"] == why["margin"]


def test_control_characters_never_reach_the_terminal(model, tmp_path):
    """Nothing in an article can command the terminal, in a table or an error."""
    hostile = {
        "id": "\x1b[31m\x9bred\u202e",
        "title": "\x1b]0;title\x07",
        "text": f"\x1b[2J {ENERGY_TEXT} \x9b1m",
    }
    path = write_rows(tmp_path / "in.jsonl", [hostile, hostile])

    shown = run("predict", "--model", model, "--explain", "--format", "table", "--on-error", "skip",
                path)  # fmt: skip
    failed = run("predict", "--model", model, "--format", "table", "--unique-ids", path)

    assert shown.out.startswith("�[31m�red�                energy 0.95\n")
    assert "[2J [Oil] and [gas]" in shown.out
    assert "id '�[31m�red�' was already seen" in failed.err
    for text in (shown.out, failed.err):
        assert not set(text) & set("\x1b\x07\x9b\u202e")


def test_a_terminal_gets_a_table_in_colours(model, rows):
    """On a terminal each tag has a colour, in the terms, the legend and the text."""
    outcome = run_on_terminal("predict", "--model", model, rows, "--explain", "--scores")

    assert outcome.code == 0
    assert outcome.out.startswith("a                         energy 0.95\n")
    assert "    \x1b[33m\x1b[1menergy     0.950  ████████████████████████\x1b[0m\n" in outcome.out
    assert (
        "    marked: \x1b[36m\x1b[1mdiplomacy\x1b[0m \x1b[33m\x1b[1menergy\x1b[0m\n"
        "    The \x1b[36m\x1b[1mminister\x1b[0m and the \x1b[36m\x1b[1mambassador\x1b[0m"
    ) in outcome.out


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_refused(model, rows, setting):
    """NO_COLOR and dumb terminals get brackets."""
    outcome = run_on_terminal("predict", "--model", model, rows, "--explain", **setting)

    assert "    [Oil] and [gas]: the [minister] opened the [pipeline]\n" in outcome.out
    assert "\x1b" not in outcome.out


def test_a_terminal_without_input_is_asked_for_it(model):
    """Nobody is left waiting for a program that waits for them."""
    outcome = run_on_terminal("predict", "--model", model)

    assert outcome.code == 2
    assert "name a file or a folder, or pipe text in" in outcome.out


def test_data_and_messages_go_separate_ways(model, tmp_path):
    """Standard output holds nothing but predictions, in UTF-8."""
    path = write_rows(tmp_path / "in.jsonl", [{"id": "é", "text": ENERGY_TEXT}, {"text": ""}])

    outcome = run_process("predict", "--model", model, path, "--on-error", "skip")

    assert outcome.code == 0
    assert [json.loads(line)["id"] for line in outcome.out.splitlines()] == ["é"]
    assert outcome.err == "classifier: 1 bad row was skipped (1 empty text)\n"


def test_a_mistake_gives_no_traceback(model):
    """The process ends with code 1 and one line."""
    outcome = run_process("predict", "--model", model, "missing.jsonl")

    assert outcome == type(outcome)(
        1,
        "",
        "classifier: missing.jsonl: no such file or folder. Check the spelling; - reads "
        "standard input.\n",
    )


def test_a_reader_that_leaves_is_no_error(model, tmp_path):
    """`classifier predict … | head -1` ends quietly."""
    rows = [{"id": str(i), "text": ENERGY_TEXT} for i in range(3000)]
    path = write_rows(tmp_path / "in.jsonl", rows)
    command = [sys.executable, "-m", "classifier", "predict", "--model", str(model), str(path)]

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        first = process.stdout.readline()
        process.stdout.close()
        complaints = process.stderr.read()

    assert json.loads(first)["id"] == "0"
    assert complaints == b""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        ("<&-", 2, "name a file or a folder, or pipe text in"),
        ("- <&-", 1, "standard input is closed. Name a file, or give it something to read."),
        (">&- <<< 'oil and gas'", 1, "standard output is closed; name a file with --out"),
        ("<<< 'oil and gas' > /dev/full", 1, "No space left on device"),
    ],
)
def test_closed_and_full_streams_are_told(model, redirection, code, message):
    """Streams that the shell closed or that take nothing more give a message, no traceback."""
    command = f'"{sys.executable}" -m classifier predict --model "{model}" {redirection}'

    done = subprocess.run(
        ["bash", "-c", command], env=environment(), capture_output=True, text=True, check=False
    )

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_shipped_model_tags_a_text():
    """Without --model the model of the package is used."""
    outcome = run("predict", input="Oil prices rose as OPEC ministers agreed to cut crude output.")

    assert outcome.code == 0
    assert json.loads(outcome.out)["model"].startswith("sectors@")


def test_two_options_cannot_name_one_file(tmp_path, model, monkeypatch):
    """Rejected rows would be lost under the result; a link to it is no other file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "out.jsonl")
    options = ["--model", model, "--out", "out.jsonl", "--on-error", "skip", "--rejects"]

    outcomes = [run("predict", "in.jsonl", *options, name) for name in ("out.jsonl", "link.jsonl")]

    assert [outcome.code for outcome in outcomes] == [2, 2]
    for outcome in outcomes:
        assert ".jsonl is also the file of --out; name another one" in outcome.said


def test_fields_are_found_and_told_once(model, tmp_path):
    """The same tags as under the usual names, in one process, in several and into a folder."""
    rows = [{"Headline": "Oil", "Body": ENERGY_TEXT}] * 2
    path = write_rows(tmp_path / "in.jsonl", rows)
    said = "classifier: reading 'Body' as the text.\nclassifier: reading 'Headline' as the title.\n"

    one = run("predict", "--model", model, path)
    two = run("predict", "--model", model, path, "--jobs", "2")
    quiet = run("predict", "--model", model, path, "--quiet")
    folder = run("predict", "--model", model, path, "--out", f"{tmp_path}/", "--dry-run")

    assert (one.code, one.err) == (0, said)
    assert [json.loads(line)["id"] for line in one.out.splitlines()] == [
        f"{path} line 1",
        f"{path} line 2",
    ]
    assert (two.out, two.err) == (one.out, said)
    assert (quiet.out, quiet.err) == (one.out, "")
    assert folder.err.startswith(said)


@pytest.mark.parametrize("more", [[], ["--jobs", "2"], ["--out", "tagged"]])
def test_a_named_field_in_no_row_ends_every_way_of_tagging(model, tmp_path, monkeypatch, more):
    """Ids and headlines that are not there do not vanish without a word."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tagged").mkdir()
    path = write_rows(tmp_path / "in.jsonl", [{"guid": "a", "text": ENERGY_TEXT}])

    outcome = run("predict", "--model", model, path, "--id-field", "gui", *more)

    assert outcome.code == 1
    assert "no row has the field 'gui' of --id-field (found: guid, text)." in outcome.err


def test_updates_and_headlines_are_tagged(model, tmp_path):
    """An id that comes again and an item without a text are articles like others."""
    rows = [{"id": "a", "text": ENERGY_TEXT}, {"id": "a", "title": ENERGY_TEXT, "text": ""}]

    outcome = run("predict", "--model", model, write_rows(tmp_path / "in.jsonl", rows))

    said = [json.loads(line) for line in outcome.out.splitlines()]
    assert [(each["id"], each["tags"]) for each in said] == [("a", ["energy"])] * 2
    assert outcome.err == ("classifier: 1 article is a headline without a text, and judged on it\n")


def test_a_folder_of_documents_is_not_an_archive(model, tmp_path):
    """The message says where they can go."""
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.txt").write_text(ENERGY_TEXT)

    outcome = run("predict", "--model", model, tmp_path / "news", "--out", tmp_path / "tagged")

    assert outcome.code == 1
    assert "holds files of one article each (txt). Tag them into one file" in outcome.err
