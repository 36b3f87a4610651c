"""Writing: predictions in four forms, and articles that read back as they were."""

import csv
import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.article import Article, Labels
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.corpus.read import read_articles
from classifier.corpus.write import (
    prediction_row,
    table_line,
    write_articles_jsonl,
    write_csv,
    write_jsonl,
    write_parquet,
)
from classifier.errors import BadInputError, ClassifierError


@dataclass(frozen=True)
class Tagging:
    """The least a prediction can be."""

    id: str = "n1"
    tags: tuple[str, ...] = ("energy",)
    scores: dict[str, float] = field(
        default_factory=lambda: {"energy": 0.91234567, "culture": 0.04}
    )
    coverage: float = 0.87654321
    note: str = ""
    model: str = "sectors 1"


def test_jsonl_has_its_keys_in_order_and_rounds_numbers():
    """The line is fixed to the character, so that files can be compared."""
    stream = io.StringIO()

    count = write_jsonl([Tagging(id="é|1")], stream)

    assert count == 1
    assert stream.getvalue() == (
        '{"id": "é|1", "tags": ["energy"], "scores": {"energy": 0.912346, "culture": 0.04}, '
        '"coverage": 0.8765, "model": "sectors 1"}\n'
    )


@given(
    st.lists(st.floats(0, 1) | st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    st.lists(st.integers(0, 2_000_000), max_size=4),
    st.text(),
    st.text(),
)
def test_jsonl_is_what_the_encoder_of_python_writes(scores, millionths, word, note):
    """To the byte, whatever the numbers and the words are."""
    numbers = [*scores, *(n / 1e6 for n in millionths), *(n / 1e6 + 5e-7 for n in millionths)]
    named = {f"{word}{i}": number for i, number in enumerate(numbers)}
    tagging = Tagging(word, (word, "b"), named, numbers[0] if numbers else 0.5, note, word)
    stream = io.StringIO()

    write_jsonl([tagging], stream)

    assert stream.getvalue() == json.dumps(prediction_row(tagging), ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("score", "written"),
    [
        (0.1, "0.1"),
        (0.12345649, "0.123456"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (0.0000004, "0.0"),
        (0.9999999, "1.0"),
        (1, "1.0"),
        (numpy.float32(0.25), "0.25"),
        (numpy.float64(0.1234567), "0.123457"),
    ],
    ids=str,
)
def test_numbers_are_as_short_as_they_can_be(score, written):
    """The shortest that is the same number, as Python writes it."""
    stream = io.StringIO()

    write_jsonl([Tagging(scores={"a": score})], stream)

    assert f'"scores": {{"a": {written}}}' in stream.getvalue()


def test_jsonl_writes_a_note_only_when_there_is_one():
    """The note comes last."""
    stream = io.StringIO()

    write_jsonl([Tagging(note="short text")], stream)

    assert list(json.loads(stream.getvalue())) == [
        "id",
        "tags",
        "scores",
        "coverage",
        "model",
        "note",
    ]


def test_jsonl_of_nothing_is_empty():
    """No predictions, no lines."""
    stream = io.StringIO()
    assert write_jsonl([], stream) == 0
    assert stream.getvalue() == ""


def test_jsonl_refuses_what_json_cannot_say():
    """NaN is not JSON, so it is an error and not a broken file."""
    with pytest.raises(BadInputError, match="article 'n1': cannot be written as JSON"):
        write_jsonl([Tagging(coverage=float("nan"))], io.StringIO())


def test_jsonl_takes_predictions_one_at_a_time():
    """A line is written before the next prediction is asked for."""
    stream = io.StringIO()
    lines_seen = []

    def predictions():
        for name in ("a", "b", "c"):
            lines_seen.append(stream.getvalue().count("\n"))
            yield Tagging(id=name)

    write_jsonl(predictions(), stream)

    assert lines_seen == [0, 1, 2]


def test_csv_has_a_column_per_score():
    """Header and record are fixed to the character."""
    stream = io.StringIO()

    count = write_csv([Tagging(tags=("energy", "culture"))], stream)

    assert count == 1
    assert stream.getvalue() == (
        "id,tags,score_energy,score_culture,coverage,model,note\n"
        "n1,energy|culture,0.912346,0.04,0.8765,sectors 1,\n"
    )


@pytest.mark.parametrize("id", ["=1+1", "+SUM(A1)", "-dash", "@import", "\t=1"])
def test_csv_marks_what_a_spreadsheet_would_compute(id):
    """A text that looks like a formula gets an apostrophe before it."""
    stream = io.StringIO()

    write_csv([Tagging(id=id)], stream)

    assert list(csv.reader(io.StringIO(stream.getvalue())))[1][0] == f"'{id}"


def test_csv_leaves_other_cells_as_they_are():
    """Numbers, quotes and line breaks survive."""
    stream = io.StringIO()

    write_csv([Tagging(id="-17", note='say "no",\nthen go')], stream)

    record = list(csv.reader(io.StringIO(stream.getvalue())))[1]
    assert record[0] == "-17"
    assert record[-1] == 'say "no",\nthen go'


def test_csv_header_can_be_told_and_stands_without_predictions():
    """With the labels given, the header is there even when nothing was tagged."""
    stream = io.StringIO()
    assert write_csv([], stream, labels=("culture", "energy")) == 0
    assert stream.getvalue() == "id,tags,score_culture,score_energy,coverage,model,note\n"


def test_csv_refuses_predictions_of_another_model():
    """Scores that have no column are never dropped in silence."""
    other = Tagging(id="n2", scores={"sport": 0.5})
    with pytest.raises(BadInputError, match=r"'n2': has scores for sport, but .* energy, culture"):
        write_csv([Tagging(), other], io.StringIO())


def test_parquet_keeps_types(tmp_path):
    """Tags are lists and scores are numbers."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "out.parquet"

    count = write_parquet((Tagging(id=str(i)) for i in range(1500)), path)

    rows = parquet.read_table(path).to_pylist()
    assert count == 1500
    assert rows[1499] == {
        "id": "1499",
        "tags": ["energy"],
        "score_energy": 0.912346,
        "score_culture": 0.04,
        "coverage": 0.8765,
        "model": "sectors 1",
        "note": "",
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.parquet"]


def test_parquet_keeps_the_older_file_when_writing_fails(tmp_path):
    """A failure half-way leaves what was there, and nothing beside it."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "out.parquet"
    path.write_text("older")

    with pytest.raises(BadInputError, match="has scores for sport"):
        write_parquet([Tagging(), Tagging(scores={"sport": 1.0})], path)

    assert path.read_text() == "older"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.parquet"]


def test_parquet_names_a_place_it_cannot_write(tmp_path):
    """A file in place of a folder is said in one line."""
    pytest.importorskip("pyarrow")
    (tmp_path / "file").touch()

    with pytest.raises(ClassifierError, match=r"out\.parquet cannot be written"):
        write_parquet([Tagging()], tmp_path / "file" / "out.parquet")


def test_parquet_leaves_a_device_a_device(tmp_path):
    """What is no regular file is written to, never replaced."""
    pytest.importorskip("pyarrow")
    link = tmp_path / "null.parquet"
    link.symlink_to(os.devnull)

    write_parquet([Tagging()], link)

    assert link.is_symlink()
    assert Path(os.devnull).is_char_device()


def test_parquet_follows_a_link(tmp_path):
    """The file that a link leads to is replaced, and nothing else is left beside either."""
    pytest.importorskip("pyarrow")
    (tmp_path / "disk").mkdir()
    (tmp_path / "out.parquet").symlink_to(tmp_path / "disk" / "real.parquet")

    write_parquet([Tagging()], tmp_path / "out.parquet")

    assert (tmp_path / "out.parquet").is_symlink()
    assert (tmp_path / "disk" / "real.parquet").read_bytes()[:4] == b"PAR1"
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["real.parquet"]


def test_table_lines_up_and_marks_untagged_articles():
    """Tags start in one column; an article without tags gets a dash."""
    tagged, untagged = Tagging(), Tagging(id="n2", tags=(), note="no known words")

    assert table_line(tagged) == "n1                        energy 0.91"
    assert table_line(untagged) == "n2                        –  (no known words)"


def test_table_cuts_long_ids_and_disarms_control_characters():
    """An id cannot move the columns or command the terminal."""
    line = table_line(Tagging(id="\x1b[31m" + "x" * 40))

    assert line == "�[31mxxxxxxxxxxxxxxxxxx…  energy 0.91"


def test_articles_are_written_without_empty_fields():
    """The line holds what is known and nothing else."""
    stream = io.StringIO()
    labels = Labels(frozenset({"b", "a"}), frozenset({"c"}), borderline=True, sample="chosen")

    write_articles_jsonl([Article("x", id="1", labels=labels, extra={"k": [1]})], stream)

    assert stream.getvalue() == (
        '{"id": "1", "text": "x", "labels": ["a", "b"], "negative": ["c"], '
        '"confidence": "borderline", "sample": "chosen", "k": [1]}\n'
    )


@pytest.mark.parametrize("name", ["title", "labels", "negative", "text"])
def test_extra_fields_may_not_take_the_place_of_the_articles_own(name):
    """Writing would lose one of the two, so it is refused."""
    with pytest.raises(BadInputError, match=f"extra field '{name}' has the name of"):
        write_articles_jsonl([Article("x", extra={name: "y"})], io.StringIO())


words = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="|"), min_size=1)
label_sets = st.frozensets(names.map(str.strip).filter(bool), max_size=4)
days = st.one_of(st.just(""), st.dates().map(str))
known_fields = {"text", "title", "id", "source", "date", "labels", "negative", "confidence"}
known_fields |= {"sample"}
leaves = st.one_of(st.none(), st.booleans(), st.integers(), words)
extras = st.dictionaries(
    words.filter(lambda name: name not in known_fields),
    st.one_of(leaves, st.lists(leaves, max_size=3), st.dictionaries(words, leaves, max_size=2)),
    max_size=3,
)


@st.composite
def labellings(draw):
    """Labels whose two sides have nothing in common."""
    present = draw(label_sets)
    absent = draw(st.one_of(st.none(), label_sets.map(lambda labels: labels - present)))
    sample = draw(st.sampled_from(["", "random", "chosen"]))
    return Labels(present, absent, draw(st.booleans()), sample)


articles = st.builds(
    Article,
    text=words.filter(str.strip),
    title=words,
    id=words,
    source=words,
    date=days,
    labels=st.one_of(st.none(), labellings()),
    extra=extras,
)


@given(st.lists(articles, max_size=5, unique_by=lambda article: article.id or object()))
def test_articles_read_back_as_they_were(written):
    """Writing and reading again changes nothing, whatever the strings hold."""
    stream = io.StringIO()

    write_articles_jsonl(written, stream)

    stdin = io.BytesIO(stream.getvalue().encode())
    options, tally = ReadOptions(exact_labels=True), ReadTally(tell=lambda note: None)
    assert list(read_articles(["-"], options, stdin=stdin, tally=tally)) == written


def test_an_extra_field_is_not_taken_for_a_part_when_read_back():
    """A section that nobody took for labels stays one, and a headline of another name too."""
    written = [Article("x", extra={"category": "Wire", "Headline": "y"})]
    stream = io.StringIO()

    write_articles_jsonl(written, stream)

    stdin = io.BytesIO(stream.getvalue().encode())
    assert list(read_articles(["-"], stdin=stdin)) == written
