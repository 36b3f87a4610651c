"""classifier split: parts that read back equal, near-duplicates on one side, clear refusals."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.article import Article, Labels
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.corpus.read import read_articles
from classifier.corpus.split import SplitOptions, check_split_folder, split_corpus, split_into_files
from classifier.errors import BadInputError, CorpusError
from classifier.text import article_text
from tests.cases import cases
from tests.command_line import run, run_process, write_rows

NAME = st.text("abcxyz é", min_size=1, max_size=8).map(str.strip).filter(bool)
STORY = " ".join(f"word{i}" for i in range(60))


def rows(n, **fields):
    """Return n labelled rows of texts that have nothing in common."""
    return [
        {
            "id": f"a{i}",
            "text": " ".join(f"w{i}x{k}" for k in range(20)),
            "labels": [["energy"], ["culture"], []][i % 3],
            "source": ["Wire", "Post", "Echo", "Herald"][i % 4],
            "date": f"2026-03-{i % 28 + 1:02d}",
            **fields,
        }
        for i in range(n)
    ]


def parts_of(folder):
    """Return the articles of every part below a folder by the part's name."""
    return {
        str(path.relative_to(folder)).removesuffix(".jsonl.gz"): list(read_articles([path]))
        for path in sorted(folder.rglob("*.jsonl.gz"))
    }


@st.composite
def articles(draw):
    """Invent articles with every kind of label cell, some of them reprints of one story."""
    names = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    made = []
    reprints = draw(st.sets(st.integers(0, 11), max_size=4))
    for i in range(draw(st.integers(12, 25))):
        present = draw(st.sets(st.sampled_from(names)))
        absent = draw(st.none() | st.sets(st.sampled_from(names)).map(lambda s: s - present))  # noqa: B023
        labels = Labels(
            frozenset(present), None if absent is None else frozenset(absent), draw(st.booleans())
        )
        made.append(
            Article(
                text=f"{STORY} {i}" if i in reprints else " ".join(f"t{i}x{k}" for k in range(12)),
                title=draw(st.sampled_from(["", "Überschrift", 'He said "no"\n'])),
                id=draw(st.sampled_from(["", f"id {i}"])),
                source=("Wire", "Post", "Echo", "", "Herald")[i % 5],
                date=("", "2026-01-02", "2026-01-03", "2026-02-01", "2026-03-01")[i % 5],
                labels=draw(st.sampled_from([labels, None])),
                extra=draw(
                    st.dictionaries(
                        st.sampled_from(["url", "n"]), st.sampled_from([1, None, "ü\u2028", [2.5]])
                    )
                ),
            )
        )
    return made


@settings(max_examples=25)
@given(
    corpus=articles(),
    by=st.sampled_from(["random", "time", "outlet"]),
    folds=st.sampled_from([None, 2, 3]),
    seed=st.integers(0, 3),
)
def test_parts_read_back_equal_and_no_story_is_on_both_sides(
    tmp_path_factory, corpus, by, folds, seed
):
    """Every file gives the very articles of its side, and no near-duplicate crosses the line."""
    out = tmp_path_factory.mktemp("parts")
    groups = near_duplicate_groups(map(article_text, corpus))

    _, splits = split_into_files(corpus, out, SplitOptions(by, folds=folds, seed=seed))

    assert len(splits) == (folds or 1)
    for split in splits:
        train, test = (
            list(read_articles([out / split.name / f"{side}.jsonl.gz"]))
            for side in ("train", "test")
        )
        assert train == [corpus[place] for place in split.train]
        assert test == [corpus[place] for place in split.test]
        assert not set(groups[split.train]) & set(groups[split.test])
        assert train
        assert test


def test_a_split_writes_two_files_and_says_what_they_hold(tmp_path):
    """Standard output stays empty; the table on standard error counts articles and labels."""
    source = write_rows(tmp_path / "in.jsonl", rows(30, url="x"))

    outcome = run("split", source, "--out", tmp_path / "parts")

    assert (outcome.code, outcome.out) == (0, "")
    table = [line.split() for line in outcome.err.splitlines()]
    assert table[1:3] == [["train", "test", "left", "out"], ["articles", "24", "6", "0"]]
    assert ["labelled", "24", "6"] in table
    assert ["culture", "8", "(33.3", "%)", "2", "(33.3", "%)"] in table
    assert ["no", "label", "8", "(33.3", "%)", "2", "(33.3", "%)"] in table
    parts = parts_of(tmp_path / "parts")
    assert {name: len(part) for name, part in parts.items()} == {"test": 6, "train": 24}
    assert parts["test"][0].extra == {"url": "x"}


def test_the_same_split_gives_the_same_bytes(tmp_path):
    """Files hold neither time nor name, and chance follows the seed."""
    source = write_rows(tmp_path / "in.jsonl", rows(30))

    for out, seed in (("one", 5), ("two", 5), ("three", 6)):
        run("split", source, "--out", tmp_path / out, "--seed", seed, "--quiet")

    one, two, three = (
        (tmp_path / out / "test.jsonl.gz").read_bytes() for out in ("one", "two", "three")
    )
    assert one == two
    assert one != three


def test_folds_by_time_train_on_the_past_alone(tmp_path):
    """Each fold tests on days after all it trains on, and the table names the days."""
    source = write_rows(tmp_path / "in.jsonl", rows(28))

    outcome = run("split", source, "--by", "time", "--folds", "3", "--out", tmp_path / "f")

    days = {name: [a.date for a in part] for name, part in parts_of(tmp_path / "f").items()}
    assert sorted(days) == [f"fold-{k}/{side}" for k in (1, 2, 3) for side in ("test", "train")]
    assert max(days["fold-1/train"]) == "2026-03-07"
    assert (min(days["fold-1/test"]), max(days["fold-1/test"])) == ("2026-03-08", "2026-03-14")
    assert (min(days["fold-3/train"]), max(days["fold-3/train"])) == ("2026-03-01", "2026-03-21")
    assert (min(days["fold-3/test"]), max(days["fold-3/test"])) == ("2026-03-22", "2026-03-28")
    assert "fold-2 14 7 0 2026-03-15 to 2026-03-21" in outcome.said


def test_by_outlet_no_outlet_is_on_both_sides(tmp_path):
    """Whole outlets are tested on, and named."""
    source = write_rows(tmp_path / "in.jsonl", [*rows(40), {"text": "nobody knows from where"}])

    outcome = run("split", source, "--by", "outlet", "--folds", "4", "--out", tmp_path / "f")

    parts = parts_of(tmp_path / "f")
    tested = [{a.source for a in parts[f"fold-{k}/test"]} for k in (1, 2, 3, 4)]
    assert sorted(map(list, tested)) == [["Echo"], ["Herald"], ["Post"], ["Wire"]]
    assert len(parts["fold-1/train"]) == 31
    assert "1 article without outlet is trained on, never tested on" in outcome.err


def test_near_duplicates_of_tested_articles_are_left_out_and_counted(tmp_path):
    """The agency's text in another paper is on neither side."""
    articles = rows(40)
    articles[0]["text"] = articles[1]["text"] = STORY
    source = write_rows(tmp_path / "in.jsonl", articles)

    outcome = run(
        "split", source, "--by", "outlet", "--folds", "4", "--assignments", "-", "--seed", "1"
    )

    parts = list(csv.DictReader(io.StringIO(outcome.out)))
    left_out = [row for row in parts if row["part"].endswith("left-out")]
    assert sorted(row["id"] for row in left_out) == ["a0", "a1"]
    assert "2 articles have near-duplicates, in 1 group; 2 were taken" in outcome.err


def test_assignments_are_ids_and_parts(tmp_path):
    """The light form: a CSV in the order of the corpus, on standard output or in a file."""
    source = write_rows(tmp_path / "in.jsonl", rows(10))

    screen = run("split", source, "--by", "time", "--assignments", "-", "--quiet")
    filed = run("split", source, "--by", "time", "--assignments", tmp_path / "p.csv", "--quiet")

    assert screen.out.splitlines() == [
        "id,part",
        *(f"a{i},train" for i in range(8)),
        "a8,test",
        "a9,test",
    ]
    assert (filed.code, filed.out, filed.err) == (0, "", "")
    assert (tmp_path / "p.csv").read_text() == screen.out


def test_assignments_of_folds_have_a_row_per_article_and_fold(tmp_path):
    """What lies after the days tested on is "later"."""
    source = write_rows(tmp_path / "in.jsonl", rows(3))

    outcome = run("split", source, "--by", "time", "--folds", "2", "--assignments", "-", "-q")

    assert outcome.out.splitlines()[1:] == [
        "a0,fold-1/train",
        "a1,fold-1/test",
        "a2,fold-1/later",
        "a0,fold-2/train",
        "a1,fold-2/train",
        "a2,fold-2/test",
    ]


def test_articles_without_id_cannot_be_assigned(tmp_path):
    """The message says how many, and what works instead."""
    source = write_rows(tmp_path / "in.jsonl", [*rows(5), {"text": "no name"}])

    outcome = run("split", source, "--assignments", "-")

    assert (outcome.code, outcome.out) == (1, "")
    assert "1 of 6 articles have no id" in outcome.err


def test_an_earlier_split_is_replaced_whole(tmp_path):
    """Folds that the new split does not have are gone; what somebody else put there stays."""
    source, out = write_rows(tmp_path / "in.jsonl", rows(30)), tmp_path / "parts"
    run("split", source, "--out", out, "--folds", "3")
    (out / "fold-3" / "notes.txt").write_text("mine")

    outcome = run("split", source, "--out", out, "--folds", "2")

    assert outcome.code == 0
    assert sorted(parts_of(out)) == ["fold-1/test", "fold-1/train", "fold-2/test", "fold-2/train"]
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.txt")) == ["fold-3/notes.txt"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    run("split", source, "--out", out)
    assert sorted(parts_of(out)) == ["test", "train"]
    assert not (out / "fold-1").exists()


def test_a_folder_of_other_files_is_refused_unless_forced(tmp_path):
    """Nothing is read before; with --force the files stay beside the parts."""
    source = write_rows(tmp_path / "in.jsonl", rows(30))
    out = tmp_path / "full"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    (out / "split.json").write_text("[]")

    refused = run("split", source, "--out", out)
    forced = run("split", source, "--out", out, "--force")

    assert refused.code == 1
    assert "holds files that are no earlier split (such as split.json)" in refused.err
    assert forced.code == 0
    assert (out / "thesis.txt").read_text() == "mine"
    assert sorted(parts_of(out)) == ["test", "train"]


def test_a_manifest_from_elsewhere_deletes_nothing(tmp_path):
    """Only names of parts are ever removed, whatever split.json lists."""
    source, out = write_rows(tmp_path / "in.jsonl", rows(30)), tmp_path / "parts"
    run("split", source, "--out", out)
    (tmp_path / "precious.txt").write_text("mine")
    manifest = json.loads((out / "split.json").read_text())
    manifest["parts"] = {"../precious.txt": {}, "fold-1/../../precious.txt": {}}
    (out / "split.json").write_text(json.dumps(manifest))

    assert run("split", source, "--out", out).code == 0
    assert (tmp_path / "precious.txt").exists()


def test_a_failed_split_leaves_the_earlier_one_as_it_was(tmp_path):
    """A bad row at the end of the stream costs nothing."""
    good, out = write_rows(tmp_path / "in.jsonl", rows(30)), tmp_path / "parts"
    bad = write_rows(tmp_path / "bad.jsonl", [*rows(30), {"id": "z"}])
    run("split", good, "--out", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    outcome = run("split", bad, "--out", out)

    assert outcome.code == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_part_is_not_split_into_its_own_folder(tmp_path):
    """That would replace the corpus by a share of itself."""
    source, out = write_rows(tmp_path / "in.jsonl", rows(30)), tmp_path / "parts"
    run("split", source, "--out", out)

    outcome = run("split", out / "train.jsonl.gz", "--out", out)
    table = run("split", source, "--assignments", source)

    assert outcome.code == 2
    assert "name another folder" in outcome.said
    assert len(parts_of(out)["train"]) == 24
    assert (table.code, "is also an input" in table.err) == (1, True)


@cases("cli_split", "fields", "args", "message")
def test_what_cannot_be_split_is_told_in_one_line(tmp_path, fields, args, message):
    """The reason carries the numbers and what to do; nothing is written."""
    source = write_rows(tmp_path / "in.jsonl", rows(12, **fields))

    outcome = run("split", source, "--out", tmp_path / "parts", *args)

    assert outcome.code == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "parts").exists()


def test_labels_too_rare_for_the_folds_are_named(tmp_path):
    """Two articles cannot be in three folds; the command says in which they are not."""
    articles = rows(30, labels=[])
    articles[3]["labels"] = articles[7]["labels"] = ["rare"]
    source = write_rows(tmp_path / "in.jsonl", articles)

    outcome = run("split", source, "--folds", "3", "--out", tmp_path / "parts")
    quiet = run("split", source, "--folds", "3", "--out", tmp_path / "parts", "--quiet")

    assert outcome.code == 0
    assert "label 'rare' has 2 articles, fewer than the 3 folds: none of them in fold-" in (
        outcome.err
    )
    assert quiet.err == ""


def test_skipped_rows_are_told(tmp_path):
    """They are counted by what was wrong with them."""
    partly = write_rows(tmp_path / "partly.jsonl", [*rows(10), {"id": "z"}])

    some = run("split", partly, "--on-error", "skip", "--out", tmp_path / "b")

    assert (some.code, "1 bad row was skipped (1 no text field)" in some.err) == (0, True)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    """A folder is asked for."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(CorpusError, match="is a file"):
        check_split_folder(tmp_path / "file")


def test_articles_from_python_are_checked_too(tmp_path):
    """Two of one id are refused, and a label that the file could not hold."""
    twice = [Article("one", id="x"), Article("two", id="x")]
    padded = [Article("one", labels=Labels(absent=frozenset({" a "})))]

    with pytest.raises(CorpusError, match="articles 1 and 2 have the same id 'x'"):
        split_corpus(twice)
    with pytest.raises(BadInputError, match="label ' a ' would not read back"):
        split_into_files(padded, tmp_path / "x", SplitOptions())
    with pytest.raises(BadInputError, match="article 'h': a character was cut in two"):
        split_into_files([Article("a\ud800", id="h")], tmp_path / "x", SplitOptions())


def test_names_from_outside_are_disarmed(tmp_path):
    """An outlet's or a label's name cannot command the terminal."""
    articles = rows(12, labels=["\x9bm"])
    for article in articles[::2]:
        article["source"] = "\x1b[31mRed"
    source = write_rows(tmp_path / "in.jsonl", articles)

    outcome = run("split", source, "--by", "outlet", "--folds", "2", "--out", tmp_path / "x")

    assert outcome.code == 0
    assert "�[31mRed" in outcome.err
    assert not set(outcome.err) & set("\x1b\x9b")


def test_standard_input_is_split_by_a_process(tmp_path):
    """A stream can be read only once, and once is enough."""
    lines = "".join(json.dumps(row) + "\n" for row in rows(20))

    outcome = run_process("split", "-", "--input-format", "jsonl", "--out", "p", input=lines,
                          cwd=tmp_path)  # fmt: skip

    assert outcome.code == 0
    with gzip.open(tmp_path / "p" / "train.jsonl.gz", "rt") as stream:
        assert len(stream.readlines()) == 16
    assert Path(tmp_path / "p" / "split.json").exists()
