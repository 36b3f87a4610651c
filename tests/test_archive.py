"""Archives into folders: names, going on, refusing, workers, the stream through several."""

import errno
import gzip
import io
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import wait
from contextlib import closing
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest

import classifier
from classifier.archive.journal import Entry, Journal, opened_journal, read_journal
from classifier.archive.run import plan_archive, tag_archive
from classifier.archive.shards import find_archive
from classifier.archive.tagger import Progress, RunSummary, TagOptions, Tally
from classifier.archive.tasks import (
    BlockTask,
    ShardTask,
    block_tasks,
    block_worker,
    private_model,
    shard_worker,
    tag_stream,
)
from classifier.archive.workers import (
    Answer,
    Pool,
    Processes,
    begin_worker,
    end_with,
    perform,
    perform_here,
    reason_of,
)
from classifier.cli.output import progress_line, summary_lines
from classifier.corpus.corpus import UNLABELLED, ReadOptions, ReadTally
from classifier.corpus.find import Source
from classifier.corpus.open import Block, line_blocks
from classifier.errors import BadInputError, ClassifierError, ModelError, SettingsError
from classifier.files import file_sha256
from tests.command_line import (
    PATIENCE,
    ROWS,
    environment,
    run,
    run_on_terminal,
    run_process,
    save_tiny,
    write_rows,
)
from tests.models import ENERGY_TEXT, one_label_model, tiny_model

FILES = Path(__file__).parent / "files"
BAD = [{"id": "d", "text": ""}]
ENTRY = {
    "name": "a", "target": "a", "n_bytes": 1, "mtime_ns": 1, "written_bytes": 1, "sha256": "0",
    "tally": {"tags": {}, "rejects": {}},
}  # fmt: skip


class FullAfter:
    """A file on a disk that has room for a few bytes more."""

    def __init__(self, stream, room):
        self.stream, self.room = stream, room

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, data):
        """Write what there is room for, and nothing the next time."""
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.stream.write(data[: self.room])
        self.room -= written
        return written


@pytest.fixture
def archive(tmp_path):
    """Return a folder of three files, one of them below another folder and packed."""
    folder = tmp_path / "archive"
    (folder / "2024").mkdir(parents=True)
    write_rows(folder / "a.jsonl", ROWS)
    (folder / "2024" / "b.csv").write_text(f"id,text\n1,{ENERGY_TEXT}\n")
    packed = "".join(json.dumps(row) + "\n" for row in ROWS + BAD).encode()
    (folder / "2024" / "c.jsonl.gz").write_bytes(gzip.compress(packed))
    (folder / "notes.txt").write_text("no rows")
    (folder / ".hidden.jsonl").write_text("{}")
    (folder / "~$news.xlsx").write_text("lock")
    return folder


def names(folder):
    """Return the names of all files below a folder."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def first(archive, out, **options):
    """Return the files found and the names of their results."""
    found = find_archive(archive, out, **options)
    return [(shard.name, shard.target) for shard in found.shards], found.passed_over


def test_files_of_other_programs_become_jsonl(model, tmp_path):
    """Called as before with a suffix more, so that no two are one; texts are passed over."""
    (tmp_path / "in").mkdir()
    for name in ("array.json", "sheet.xlsx", "feed.rss", "pages.warc.gz", "annif.tsv", "excel.csv",
                 "fasttext.txt"):  # fmt: skip
        shutil.copy(FILES / name, tmp_path / "in" / name)

    summary = tag_archive(tmp_path / "in", tmp_path / "out", model=model, jobs=1)

    assert (summary.tally.read, summary.tally.rejects.total(), summary.passed_over) == (11, 0, 1)
    assert [name for name in names(tmp_path / "out") if not name.startswith(".")] == [
        "annif.tsv",
        "array.json.jsonl",
        "excel.csv",
        "feed.rss.jsonl",
        "pages.warc.jsonl.gz",
        "sheet.xlsx.jsonl",
    ]
    rows = (tmp_path / "out" / "array.json.jsonl").read_text().splitlines()
    assert [json.loads(row)["text"] for row in rows] == ["The dam is full.", "The gallery opens."]


def test_each_file_gets_one_of_its_name(archive, model, tmp_path):
    """Nothing but results and the journal is left, and the counts add up."""
    out = tmp_path / "tagged"
    seen = []

    summary = tag_archive(archive, out, model=model, jobs=2, progress=seen.append)

    assert names(out) == [
        ".classifier/journal.jsonl",
        ".classifier/rejects/2024/c.jsonl.gz.jsonl",
        "2024/b.csv",
        "2024/c.jsonl.gz",
        "a.jsonl",
    ]
    with gzip.open(out / "2024" / "c.jsonl.gz", "rt") as stream:
        assert [json.loads(line)["id"] for line in stream] == ["a", "b", "c"]
    assert (summary.n_files, summary.n_earlier, summary.passed_over) == (3, 0, 1)
    assert (summary.articles, summary.tally.read, summary.failures) == (7, 7, ())
    assert summary.tally.tags == {"energy": 5, "diplomacy": 2}
    assert summary.tally.rejects == {"empty text": 1}
    assert (seen[-1].files, seen[-1].n_files, seen[-1].articles) == (3, 3, 7)
    assert seen[-1].done == seen[-1].n_bytes
    json.dumps(summary.to_json())


def test_a_second_run_does_only_what_is_new(archive, model, tmp_path):
    """Finished files stay; changed ones, lost results and new files are done."""
    out = tmp_path / "tagged"
    tag_archive(archive, out, model=model, jobs=1)
    before = (out / "2024" / "c.jsonl.gz").stat().st_mtime_ns
    write_rows(archive / "a.jsonl", ROWS[:1])
    write_rows(archive / "new.jsonl", ROWS)
    (out / "2024" / "b.csv").unlink()

    states = {plan.name: plan.state for plan in plan_archive(archive, out, model=model)}
    summary = tag_archive(archive, out, model=model, jobs=1)
    again = tag_archive(archive, out, model=model, jobs=1)

    assert states == {
        "2024/b.csv": "to do", "2024/c.jsonl.gz": "done", "a.jsonl": "to do", "new.jsonl": "to do",
    }  # fmt: skip
    assert (summary.n_files, summary.n_earlier, summary.articles) == (4, 1, 5)
    assert (out / "2024" / "c.jsonl.gz").stat().st_mtime_ns == before
    assert (again.n_earlier, again.articles, again.tally.read) == (4, 0, 8)


def test_other_settings_are_refused_until_restarted(archive, model, tmp_path):
    """No folder holds results of two kinds."""
    out = tmp_path / "tagged"
    tag_archive(archive, out, model=model, jobs=1)
    other = save_tiny(tmp_path / "other", lead_repeats=1, lead_words=3)
    options = TagOptions(where="energy>0.7", format="jsonl")

    for changed in ({"options": options, "model": model}, {"model": other}):
        with pytest.raises(ClassifierError, match="pass --restart"):
            tag_archive(archive, out, **changed)
        with pytest.raises(ClassifierError, match="pass --restart"):
            plan_archive(archive, out, **changed)
    plans = plan_archive(archive, out, model=model, options=options, restart=True)
    summary = tag_archive(archive, out, model=model, options=options, restart=True, jobs=1)

    assert {plan.state for plan in plans} == {"to do"}
    assert summary.tally.written == 3
    assert [name for name in names(out) if not name.startswith(".")] == [
        "2024/b.jsonl", "2024/c.jsonl.gz", "a.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize("restart", [False, True])
def test_files_of_others_are_not_replaced(archive, model, tmp_path, restart):
    """In a new folder, in a growing archive, and where somebody has edited a result."""
    out = tmp_path / "tagged"
    out.mkdir()
    (out / "a.jsonl").write_text("mine")
    with pytest.raises(BadInputError, match="is there already"):
        tag_archive(archive, out, model=model, restart=restart)
    assert names(out) == ["a.jsonl"]

    (out / "a.jsonl").unlink()
    tag_archive(archive, out, model=model, jobs=1)
    (out / "new.jsonl").write_text("mine")
    write_rows(archive / "new.jsonl", ROWS)
    with pytest.raises(BadInputError, match=r"new\.jsonl: is there already, and no run has"):
        tag_archive(archive, out, model=model, restart=restart)

    (out / "new.jsonl").unlink()
    with (out / "a.jsonl").open("a") as stream:
        stream.write("edited")
    with pytest.raises(BadInputError, match=r"a\.jsonl: is there already"):
        tag_archive(archive, out, model=model, restart=restart)
    assert (out / "a.jsonl").read_text().endswith("edited")


def test_a_file_that_comes_up_meanwhile_is_not_replaced(archive, model, tmp_path):
    """It makes the one file fail, and the others are finished."""
    out = tmp_path / "tagged"

    def put(state):
        if not (out / "a.jsonl").exists():
            (out / "a.jsonl").write_text("mine")

    summary = tag_archive(archive, out, model=model, jobs=1, progress=put)

    assert [each.file for each in summary.failures] == ["a.jsonl"]
    assert "is there already" in summary.failures[0].reason
    assert (out / "a.jsonl").read_text() == "mine"


def test_a_result_behind_a_link_is_not_replaced(archive, model, tmp_path):
    """The link stays, and so does what it leads to, although its bytes are those of the run."""
    out = tmp_path / "tagged"
    tag_archive(archive, out, model=model, jobs=1)
    content = (out / "a.jsonl").read_bytes()
    (out / "a.jsonl").rename(tmp_path / "elsewhere.jsonl")
    (out / "a.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")

    with pytest.raises(BadInputError, match=r"a\.jsonl: is there already"):
        tag_archive(archive, out, model=model, restart=True)

    assert (tmp_path / "elsewhere.jsonl").read_bytes() == content


def test_a_result_of_a_run_killed_before_it_was_written_down_is_replaced(archive, model, tmp_path):
    """What it was about to write is known, so that the next run takes it for its own."""
    out = tmp_path / "tagged"
    tag_archive(archive, out, model=model, jobs=1)
    result = out / "a.jsonl"
    lines = (out / ".classifier" / "journal.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"name": "a.jsonl"' not in line]
    (out / ".classifier" / "journal.jsonl").write_bytes(b"".join(kept))
    with pytest.raises(BadInputError, match="is there already"):
        tag_archive(archive, out, model=model, jobs=1)
    with opened_journal(out) as journal:
        journal.claim("a.jsonl", (result.stat().st_size, file_sha256(result)))

    summary = tag_archive(archive, out, model=model, jobs=1)

    assert (summary.n_files, summary.n_earlier) == (3, 2)
    assert not (out / ".classifier" / "claims").exists()


def test_a_restart_removes_nothing_outside_of_its_folder(archive, model, tmp_path):
    """A journal whose targets lead elsewhere is none."""
    out = tmp_path / "tagged"
    tag_archive(archive, out, model=model, jobs=1)
    journal = out / ".classifier" / "journal.jsonl"
    (out / "a.jsonl").rename(tmp_path / "precious.jsonl")
    for target in ("../precious.jsonl", str(tmp_path / "precious.jsonl")):
        journal.write_text(
            journal.read_text().replace('"target": "a.jsonl"', json.dumps({"target": target})[1:-1])
        )

        with pytest.raises(BadInputError, match=r"journal\.jsonl: line \d is none of ours"):
            tag_archive(archive, out, model=model, restart=True)

    assert (tmp_path / "precious.jsonl").exists()


def test_a_folder_of_results_that_leads_elsewhere_is_refused(archive, model, tmp_path):
    """Links and FIFOs in the place of what a run makes are neither followed nor waited for."""
    (tmp_path / "home" / "model").mkdir(parents=True)
    (tmp_path / "home" / "model" / "mine").touch()
    (tmp_path / "tagged").mkdir()
    (tmp_path / "tagged" / ".classifier").symlink_to(tmp_path / "home")
    (tmp_path / "waits" / ".classifier").mkdir(parents=True)
    os.mkfifo(tmp_path / "waits" / ".classifier" / "journal.jsonl")

    for name in ("tagged", "waits"):
        with pytest.raises(ClassifierError, match="is a link or no regular file"):
            tag_archive(archive, tmp_path / name, model=model)

    assert names(tmp_path / "home") == ["model/mine"]


@pytest.mark.parametrize(
    "line",
    [
        '{"settings": 5}',
        "[]",
        '{"settings": {}}\n{"name": "a", "target": "b"}',
        '{"settings": {}}\n' + json.dumps(ENTRY | {"target": 5}),
        '{"settings": {}}\n' + json.dumps(ENTRY | {"written_bytes": "x"}),
        '{"settings": {}}\n' + json.dumps(ENTRY | {"tally": {"tags": {"a": "b"}, "rejects": {}}}),
        '{"settings": {}}\n' + "[" * 100_000,
    ],
    ids=["number", "list", "fields", "target", "bytes", "tally", "nested"],
)
def test_a_journal_that_is_none_is_told(archive, model, tmp_path, line):
    """Whatever stands there, one sentence names the line."""
    out = tmp_path / "tagged"
    (out / ".classifier").mkdir(parents=True)
    (out / ".classifier" / "journal.jsonl").write_text(f"{line}\n")

    with pytest.raises(BadInputError, match=r"journal\.jsonl: line [12] is none of ours"):
        tag_archive(archive, out, model=model)


def test_half_a_line_on_a_full_disk_does_not_spoil_the_journal(tmp_path):
    """What was written of it is taken away, and the next line follows the last whole one."""
    with opened_journal(tmp_path) as journal:
        journal.begin({"version": 1})
        whole = journal.stream
        journal.stream = FullAfter(whole, 7)
        with pytest.raises(OSError, match="No space left on device") as caught:
            journal.add(Entry(**ENTRY | {"tally": Tally()}))
        journal.stream = whole
        journal.add(Entry(**ENTRY | {"name": "b", "tally": Tally()}))

    assert caught.value.filename.endswith("journal.jsonl")
    assert list(read_journal(tmp_path).entries) == ["b"]


def test_a_fifo_in_an_archive_is_passed_over(archive, model, tmp_path):
    """Its name alone makes no file of it, and nobody waits for it."""
    os.mkfifo(archive / "waits.jsonl")

    summary = tag_archive(archive, tmp_path / "tagged", model=model, jobs=1)

    assert (summary.n_files, summary.passed_over, summary.failures) == (3, 2, ())


def test_a_format_that_is_named_takes_no_file_of_another_kind_in_a_folder(archive, tmp_path):
    """A folder's pictures stay pictures; a file that is named is what the user says."""
    (archive / "picture.png").write_bytes(b"\x89PNG")
    (archive / "rows.log").write_text("{}")

    folder, passed_over = first(archive, tmp_path / "out", input_format="jsonl")
    named, _ = first(archive / "rows.log", tmp_path / "out", input_format="jsonl")

    assert [name for name, _ in folder] == ["2024/b.csv", "2024/c.jsonl.gz", "a.jsonl", "notes.txt"]
    assert passed_over == 2
    assert [name for name, _ in named] == ["rows.log"]


@pytest.mark.parametrize(
    ("source", "out", "error", "message", "more"),
    [
        (".", "../t", SettingsError, "'energi'", {"options": TagOptions(where="energi>1")}),
        (".", "../t", ModelError, "for 'x'", {"options": TagOptions(thresholds={"x": 0.5})}),
        (".", "../t", ModelError, "nowhere is not there", {"model": "nowhere"}),
        (".", "a.jsonl", BadInputError, "is a file", {}),
        (".", "out", BadInputError, "lie among the input", {}),
        ("*.jsonl", ".", BadInputError, "lie among the input", {}),
    ],
    ids=["label", "threshold", "model", "file", "within", "same"],
)
def test_what_makes_no_sense_leaves_no_trace(archive, model, source, out, error, message, more):
    """Labels, models and folders are looked at before anything is made."""
    before = sorted(archive.parent.rglob("*"))

    with pytest.raises(error, match=message):
        tag_archive(archive / source, archive / out, **{"model": model} | more)

    assert sorted(archive.parent.rglob("*")) == before


def test_a_model_in_memory_or_the_shipped_one(archive, tmp_path):
    """Results call a model what it calls itself; going on works with it too."""
    out = tmp_path / "tagged"

    summary = classifier.tag_archive(archive / "a.jsonl", out, model=one_label_model(), jobs=1)
    again = tag_archive(archive / "a.jsonl", out, model=one_label_model(), jobs=1)
    plans = plan_archive(archive, tmp_path / "other")

    assert (summary.model, summary.labels, again.n_earlier) == ("one-label", ("energy",), 1)
    assert len(plans) == 3


def test_one_file_is_shared_out_among_workers(model, tmp_path):
    """Its lines come out in order, with the bad ones aside, as one worker writes them."""
    rows = [{"id": str(n), "text": f"{ENERGY_TEXT} {'x' * (n % 7) * 1000}"} for n in range(900)]
    path = write_rows(tmp_path / "a.jsonl", [*rows[:500], *BAD, *rows[500:]])

    summary = tag_archive(path, tmp_path / "two", model=model, jobs=2)
    tag_archive(path, tmp_path / "one", model=model, jobs=1)

    assert (tmp_path / "two/a.jsonl").read_bytes() == (tmp_path / "one/a.jsonl").read_bytes()
    rejects = ".classifier/rejects/a.jsonl.jsonl"
    assert (tmp_path / "two" / rejects).read_text() == (tmp_path / "one" / rejects).read_text()
    assert json.loads((tmp_path / "two" / rejects).read_text())["line"] == 501
    assert (summary.articles, summary.tally.read) == (900, 900)


def test_one_bad_file_shared_out_fails(model, tmp_path):
    """Damage is told, and nothing is left of a result."""
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "x"}\n' * 100)[:-9])

    summary = tag_archive(path, tmp_path / "out", model=model, jobs=2)

    assert [each.file for each in summary.failures] == ["a.jsonl.gz"]
    assert "cut short" in summary.failures[0].reason
    assert names(tmp_path / "out") == [".classifier/journal.jsonl"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_field_that_is_named_and_in_no_row_fails_its_file(model, tmp_path, jobs):
    """Every file is looked at, not the first alone; those that have the field are finished."""
    folder = tmp_path / "archive"
    folder.mkdir()
    write_rows(folder / "a.jsonl", [{"id": "a", "text": ENERGY_TEXT, "kicker": "Oil"}])
    write_rows(folder / "b.jsonl", ROWS)
    (folder / "c.csv").write_text(f"id,text\n1,{ENERGY_TEXT}\n")
    options = TagOptions(ReadOptions(on_error="skip", title_field="kicker"))

    summary = tag_archive(folder, tmp_path / "out", model=model, jobs=jobs, options=options)

    assert sorted((each.file, each.reason) for each in summary.failures) == [
        (
            name,
            f"{folder / name}: no row has the field 'kicker' of --title-field (found: id, text).",
        )
        for name in ("b.jsonl", "c.csv")
    ]
    assert summary.n_files == 1


def test_one_file_shared_out_has_a_named_field_in_some_block_or_fails(model, tmp_path):
    """A field of one block is a field of the file; one of no block makes it fail."""
    rows = [{"id": str(n), "text": f"{ENERGY_TEXT} {'x' * 1000}"} for n in range(1500)]
    path = write_rows(tmp_path / "a.jsonl", [*rows[1:], rows[0] | {"kicker": "Oil"}])
    found, lost = (
        TagOptions(ReadOptions(on_error="skip", title_field=name)) for name in ("kicker", "no")
    )

    good = tag_archive(path, tmp_path / "good", model=model, jobs=2, options=found)
    bad = tag_archive(path, tmp_path / "bad", model=model, jobs=2, options=lost)

    assert (good.n_files, good.failures) == (1, ())
    assert [each.reason.partition(" (")[0] for each in bad.failures] == [
        f"{path}: no row has the field 'no' of --title-field"
    ]
    with pytest.raises(BadInputError, match="no row has the field 'no'"):
        list(tag_stream([path], model=model, options=lost))


@pytest.mark.parametrize("jobs", [1, 2])
def test_articles_of_a_headline_alone_are_counted_and_told(model, tmp_path, jobs):
    """In the summary, in its lines and by the next run, whose journal remembers them."""
    rows = [*ROWS, {"id": "h", "title": ENERGY_TEXT}, {"id": "i", "title": "Oil", "text": ""}]
    path = write_rows(tmp_path / "a.jsonl", rows)

    first = tag_archive(path, tmp_path / "out", model=model, jobs=jobs)
    again = tag_archive(path, tmp_path / "out", model=model, jobs=jobs)

    assert (first.tally.headlines, again.tally.headlines) == (2, 2)
    assert first.to_json()["headlines"] == 2
    assert "2 articles are a headline without a text, and judged on it" in summary_lines(first)


def test_links_are_followed_only_inside(archive, tmp_path):
    """A link out of the archive is passed over, one round in a circle too."""
    outside = write_rows(tmp_path / "outside.jsonl", ROWS)
    (tmp_path / "elsewhere").mkdir()
    (archive / "in.jsonl").symlink_to(archive / "a.jsonl")
    (archive / "out.jsonl").symlink_to(outside)
    (archive / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (archive / "2024" / "up").symlink_to(archive)
    (archive / "year").symlink_to(archive / "2024")
    (archive / "gone.jsonl").symlink_to(archive / "nothing.jsonl")

    found, passed_over = first(archive, tmp_path / "out")

    assert [name for name, _ in found] == [
        "2024/b.csv", "2024/c.jsonl.gz", "a.jsonl", "gone.jsonl", "in.jsonl",
        "year/b.csv", "year/c.jsonl.gz",
    ]  # fmt: skip
    assert passed_over == 5


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jsonl", ["a.jsonl"]),
        ("**/*.gz", ["2024/c.jsonl.gz"]),
        ("20*/*", ["2024/b.csv", "2024/c.jsonl.gz"]),
    ],
)
def test_a_pattern_names_files_below_its_fixed_part(archive, tmp_path, pattern, expected):
    """Results lie as the files do below it."""
    found, _ = first(archive / pattern, tmp_path / "out")

    assert [name for name, _ in found] == expected


def test_files_can_be_named_one_by_one(archive, tmp_path):
    """Their names are those below the folder they share; naming one twice is once."""
    paths = [archive / "a.jsonl", archive / "2024" / "b.csv", archive / "a.jsonl"]

    found, _ = first(paths, tmp_path / "out")

    assert [name for name, _ in found] == ["2024/b.csv", "a.jsonl"]
    for bad, message in (([archive, paths[0]], "a folder among files"), (["x", "y"], "no such")):
        with pytest.raises(BadInputError, match=message):
            first(bad, tmp_path / "out")
    with pytest.raises(BadInputError, match="nothing to tag was named"):
        first([], tmp_path / "out")


@pytest.mark.parametrize(
    ("format", "targets"),
    [
        ("jsonl", ["2024/b.jsonl", "2024/c.jsonl.gz", "a.jsonl"]),
        ("csv", ["2024/b.csv", "2024/c.csv.gz", "a.csv"]),
        ("parquet", ["2024/b.parquet", "2024/c.parquet", "a.parquet"]),
    ],
)
def test_a_format_changes_the_names(archive, tmp_path, format, targets):
    """Packing stays, but Parquet packs by itself."""
    found, _ = first(archive, tmp_path / "out", format=format)

    assert [target for _, target in found] == targets


def test_two_results_of_one_name_and_an_archive_without_files_are_refused(archive, tmp_path):
    """Neither is lost; the message says what would be read."""
    write_rows(archive / "a.ndjson", ROWS)
    (tmp_path / "empty").mkdir()

    with pytest.raises(BadInputError, match=r"a\.jsonl and a\.ndjson would both become a\.csv"):
        first(archive, tmp_path / "out", format="csv")
    with pytest.raises(BadInputError, match=r"empty: nothing to tag. Files are named .jsonl"):
        first(tmp_path / "empty", tmp_path / "out")


def test_odd_names_come_through(model, tmp_path):
    """Line ends, quotes, brackets, bytes that are no UTF-8."""
    folder = tmp_path / "odd"
    folder.mkdir()
    odd = ["a\nb.jsonl", "q'\"[1].jsonl", os.fsdecode(b"\xff.jsonl"), "-x.jsonl", "é ü.jsonl"]
    for name in odd:
        write_rows(folder / name, ROWS)
    (folder / os.fsdecode(b"bad\xfe.jsonl.gz")).write_bytes(b"no gzip")
    command = ("predict", folder, "--out", tmp_path / "out", "--model", model, "--jobs", 1)

    plan = run(*command, "--dry-run")
    outcome = run(*command, "--summary", tmp_path / "summary.json")
    again = tag_archive(folder, tmp_path / "out", model=model, jobs=1)

    assert plan.out.count("to do") == 6
    assert outcome.code == 1
    assert "failed: bad\ufffd.jsonl.gz" in outcome.err
    assert json.loads((tmp_path / "summary.json").read_text())["files"] == 5
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == sorted(
        odd
    )
    assert again.n_earlier == 5


def test_a_last_line_of_a_journal_that_was_cut_is_left_out(archive, model, tmp_path):
    """It is what a run that was killed leaves."""
    out = tmp_path / "tagged"
    tag_archive(archive / "a.jsonl", out, model=model, jobs=1)
    journal = out / ".classifier" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"name": "cut')

    again = tag_archive(archive / "a.jsonl", out, model=model, jobs=1)

    assert again.n_earlier == 1
    assert journal.read_bytes() == whole


def test_a_journal_can_be_opened_by_one_run_only(tmp_path):
    """The second is refused as long as the first has it."""
    with (
        opened_journal(tmp_path),
        pytest.raises(ClassifierError, match="another run writes there"),
        opened_journal(tmp_path),
    ):
        pass
    with opened_journal(tmp_path) as journal:
        assert journal.entries == {}


def test_a_place_that_cannot_be_written_to_is_told(archive, model, tmp_path):
    """A file in the way of the folder, and a folder in the way of a result."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ClassifierError, match="results cannot be written there"):
        tag_archive(archive, tmp_path / "file" / "out", model=model)
    out = tmp_path / "tagged"
    tag_archive(archive, out, model=model, jobs=1)
    (out / "a.jsonl").unlink()
    (out / "a.jsonl" / "x").mkdir(parents=True)

    with pytest.raises(BadInputError, match=r"a\.jsonl: is there already"):
        tag_archive(archive, out, model=model, jobs=1)


def echoed(tag):
    """Return a worker that gives back its task with a tag, and does odd things when told to."""

    def work(task, report):
        report(1, len(task))
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "full":
            raise OSError(28, "No space left on device")
        if task == "bad":
            raise BadInputError("line 7 is bad")
        if task == "wrong":
            raise ValueError("odd")
        return f"{tag}{task}"

    return work


def unmade():
    """Fail to become a worker."""
    raise ModelError("no model")


def answers(tasks, *, make=echoed, arguments=("<",), jobs=2):
    """Return the answers of a pool by task, and how many workers it replaced."""
    pool = Pool(make, arguments, jobs=jobs)
    with closing(pool.run(iter(tasks))) as words:
        given = {word.task: word for word in words if isinstance(word, Answer)}
    return given, pool.n_replaced


def test_a_task_that_kills_its_worker_is_tried_three_times_and_told():
    """The others are done by those that replace it."""
    given, n_replaced = answers(["a", "die", "b"])

    assert {task: answer.value for task, answer in given.items()} == {
        "a": "<a", "b": "<b", "die": None,
    }  # fmt: skip
    assert "died 3 times on it (signal 9; is memory short?)" in given["die"].reason
    assert n_replaced == 3


def test_errors_of_workers_are_answers():
    """A full disk says that the run must stop; others say what is wrong with one task."""
    given, _ = answers(["full", "bad", "wrong", "a"], jobs=1)

    assert [(given[task].reason, given[task].stop) for task in ("full", "bad", "wrong", "a")] == [
        ("No space left on device", True),
        ("line 7 is bad", False),
        ("ValueError: odd", False),
        ("", False),
    ]


def test_workers_that_cannot_begin_stop_the_run():
    """A model that cannot be loaded fails every task."""
    given, _ = answers(["a"], make=unmade, arguments=(), jobs=1)

    assert (given["a"].reason, given["a"].stop) == ("no model", True)
    assert reason_of(OSError(13, "Permission denied", "x.jsonl")) == (
        "x.jsonl: Permission denied",
        False,
    )


COPIES = """
import os, signal, sys, threading
from contextlib import closing
from classifier.archive.workers import Answer, Pool, can_copy

def make(tag):
    def work(task, report):
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return f"{tag}{task} in {os.getppid() == parent}"
    return work

parent = os.getpid()
pool = Pool(lambda tag: make(tag), ("<",), jobs=2, copied=True)
with closing(pool.run(iter(sys.argv[2:]))) as words:
    given = {word.task: word.value for word in words if isinstance(word, Answer)}
    if sys.argv[1] == "kill":
        os.kill(parent, signal.SIGKILL)
stop = threading.Event()
print(sorted(given.items()), pool.n_replaced, can_copy())
threading.Thread(target=stop.wait).start()
print(can_copy())
stop.set()
"""


def run_copies(*args):
    """Run a pool of copies in a process of its own, until the last of them has ended."""
    return subprocess.run(
        [sys.executable, "-c", COPIES, *args],
        env=environment(OPENBLAS_NUM_THREADS="1"), capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip


def test_workers_may_begin_as_copies():
    """With what no other process could be sent, replaced as others, and only without threads."""
    done = run_copies("end", "a", "die", "b")

    assert done.stdout == (
        "[('a', '<a in True'), ('b', '<b in True'), ('die', None)] 3 True\nFalse\n"
    )
    assert done.stderr == ""


def test_copies_end_with_their_parent():
    """None holds open the pipe that another waits at."""
    done = run_copies("kill", "a", "b", "c", "d")

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, "", "")


def served(make, arguments, *tasks):
    """Return what a worker says of tasks, running in this process."""
    said, begin = [], cache(partial(make, *arguments))
    for task in tasks:
        outcome = perform(begin, task, lambda *read: said.append(("note", *read)))
        failed = (outcome.reason, outcome.stop) if outcome.reason else ()
        said.append(("answer", outcome.value, *failed))
    return said


def test_what_a_worker_says():
    """Notes, then an answer; when it cannot begin, an answer that stops the run."""
    assert served(echoed, ("<",), "a", "bad") == [
        ("note", 1, 1),
        ("answer", "<a"),
        ("note", 1, 3),
        ("answer", None, "line 7 is bad", False),
    ]
    assert served(unmade, (), "a") == [("answer", None, "no model", True)]


def test_a_worker_that_dies_while_it_is_idle_is_replaced():
    """The next task goes to another, and is not blamed."""
    processes = Processes(partial(echoed, "<"), 1)
    done = processes.submit(0, "a")
    values = [done.result().value]
    processes.outcome(done)
    (child,) = multiprocessing.active_children()
    child.kill()
    time.sleep(0.1)

    while len(values) < 2:
        done = processes.submit(1, "b")
        wait([done])
        values += filter(None, [processes.outcome(done).value])
    processes.close()

    assert (values, processes.n_replaced) == (["<a", "<b"], 1)
    assert multiprocessing.active_children() == []


def test_a_process_that_becomes_a_worker_ignores_interrupts_and_says_how_far_it_is():
    """Ctrl-C is for the run, which ends its workers."""
    before, read = signal.getsignal(signal.SIGINT), [0, 0, 0, 0]

    begin_worker(partial(echoed, "<"), os.getppid(), read, 1)
    handler = signal.signal(signal.SIGINT, before)

    assert (handler, perform_here("abc").value) == (signal.SIG_IGN, "<abc")
    assert read == [0, 0, 1, 3]


def test_a_worker_whose_run_has_gone_ends(monkeypatch):
    """Nobody would give its result a name."""
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)

    end_with(-1)

    assert codes == [1]


def test_workers_tag_files_and_blocks(model, tmp_path):
    """A file with its rejects; a block packed so that blocks can stand behind each other."""
    path = write_rows(tmp_path / "a.jsonl", ROWS + BAD)
    (shard,) = find_archive(path, tmp_path / "out").shards
    with private_model(model, tmp_path / "own") as own:
        (note, (_, result)) = served(
            shard_worker, (own, TagOptions()), ShardTask(shard, tmp_path / "p", tmp_path / "r")
        )
        tasks = [BlockTask(block, "a", ".gz") for block in blocks(path.read_bytes(), 2)]
        said = served(block_worker, (own, TagOptions()), *tasks)

    assert (note[1], result.tally.read) == (3, 3)
    assert b"".join(gzip.decompress(word[1].data) for word in said) == (tmp_path / "p").read_bytes()
    assert "".join(word[1].rejects for word in said).count("empty text") == 1
    assert BlockTask(Block(5, b"{}\n{}\n"), "a.jsonl", "").place == "a.jsonl lines 5 to 6"


def test_lines_of_a_file_are_sent_as_their_place(tmp_path):
    """A worker reads them itself; a file cut short in the meantime is an error that says so."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf{}\n" + b'{"a": 1}\n' * 3)
    [task] = block_tasks(Source("a.jsonl", path, "jsonl"), TagOptions(), "")

    assert (task.block.data, task.block.start, task.size) == (b"", 3, 30)
    assert task.lines() == Block(1, b"{}\n" + b'{"a": 1}\n' * 3, start=3)
    assert task.place == "a.jsonl lines 1 to 4"
    path.write_bytes(b"{}\n")
    with pytest.raises(BadInputError, match=r"a\.jsonl: was changed while it was read"):
        task.lines()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lines_that_cannot_be_read_again_as_they_stand_are_sent_themselves(tmp_path, encoding):
    """Those of an archive, of a pipe, and those in another encoding."""
    path = tmp_path / ("a.jsonl" if encoding == "utf-16" else "a.jsonl.gz")
    data = "{}\n".encode(encoding)
    path.write_bytes(data if encoding == "utf-16" else gzip.compress(data))
    options = TagOptions(replace(UNLABELLED, encoding=encoding, on_error="skip"))
    [task] = block_tasks(Source("a", path, "jsonl"), options, "")
    assert (task.path, task.lines().data) == (None, b"{}\n")


def blocks(data, n):
    """Return the lines of `data` in n blocks."""
    return list(line_blocks(io.BytesIO(data).read, longest=10**6, size=len(data) // n))


def test_a_private_model_stays_when_the_other_is_replaced(tmp_path):
    """What was copied is what is loaded; a copy that somebody changes is refused."""
    folder = save_tiny(tmp_path / "model")
    with private_model(folder, tmp_path / "own") as own:
        save_tiny(folder, lead_words=3, lead_repeats=1)
        assert own.load().info["hash"] == own.sha256
        save_tiny(tmp_path / "own", lead_words=4, lead_repeats=1)
        with pytest.raises(ModelError, match="was changed by someone"):
            own.load()
    assert not (tmp_path / "own").exists()


STREAM = [*ROWS, {"id": "a", "text": ENERGY_TEXT, "title": "again"}]


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_a_stream_through_workers_is_what_one_process_writes(model, tmp_path, packing):
    """Byte for byte, from several files, packed or not."""
    one = write_rows(tmp_path / "one.jsonl", [{**row, "id": f"1{row['id']}"} for row in ROWS])
    two = write_rows(tmp_path / "two.jsonl", ROWS)
    common = ("predict", one, two, "--model", model, "--out")

    run(*common, tmp_path / f"single.jsonl{packing}")
    outcome = run(*common, tmp_path / f"double.jsonl{packing}", "--jobs", 2)

    read = {"": io.FileIO, ".gz": gzip.open}[packing]
    with (
        read(tmp_path / f"single.jsonl{packing}") as a,
        read(tmp_path / f"double.jsonl{packing}") as b,
    ):
        assert a.read() == b.read() != b""
    assert outcome.err == ""


def test_standard_input_and_output_go_through_workers(model):
    """Bad rows are counted, filters apply, ids may come again."""
    lines = "".join(json.dumps(row) + "\n" for row in [*STREAM, *BAD])

    outcome = run_process(
        "predict", "--model", model, "--jobs", 2, "--on-error", "skip", "--tags", "energy",
        input=lines,
    )  # fmt: skip

    assert outcome.code == 0
    assert [json.loads(line)["id"] for line in outcome.out.splitlines()] == ["a", "b", "a"]
    assert outcome.err == "classifier: 1 bad row was skipped (1 empty text)\n"


def test_a_bad_row_stops_a_stream_in_its_words(model, tmp_path):
    """File and line are those of the row, whatever block it came in; nothing is left."""
    path = write_rows(tmp_path / "a.jsonl", [*ROWS, *BAD])

    outcome = run("predict", path, "--model", model, "--jobs", 2, "--out", tmp_path / "b.jsonl")

    assert outcome.code == 1
    assert outcome.err.startswith(f"classifier: {path} line 4: empty text in field 'text'.")
    assert names(tmp_path) == ["a.jsonl"]


def test_rejects_of_a_stream_go_where_they_are_wanted(model, tmp_path):
    """As from one process, in order."""
    path = write_rows(tmp_path / "a.jsonl", BAD + ROWS + BAD)
    rejects = tmp_path / "bad.jsonl"

    outcome = run(
        "predict", path, "--model", model, "--jobs", 2, "--on-error", "skip", "--rejects", rejects
    )

    assert outcome.code == 0
    assert [json.loads(line)["line"] for line in rejects.read_text().splitlines()] == [1, 5]
    outcome = run(
        "predict", path, "--model", model, "--jobs", 2, "--on-error", "skip",
        "--rejects", tmp_path / "no" / "bad.jsonl",
    )  # fmt: skip
    assert "bad.jsonl cannot be written" in outcome.err


def test_only_jsonl_is_streamed(model, tmp_path):
    """Other formats in or out are told, not mixed up."""
    (tmp_path / "a.csv").write_text("text\nx\n")

    with pytest.raises(BadInputError, match=r"is csv\. Only JSONL goes through several"):
        tag_stream([tmp_path / "a.csv"])
    with pytest.raises(BadInputError, match="standard input: is no JSONL"):
        list(tag_stream(["-"], model=model, stdin=io.BytesIO(b"plain text")))


def test_a_stream_counts_what_it_reads(model, tmp_path):
    """From Python, with the options of `predict`."""
    path, tally = write_rows(tmp_path / "a.jsonl", ROWS), ReadTally()

    data = b"".join(tag_stream([path], model=tiny_model(), tally=tally))

    assert [json.loads(line)["model"] for line in data.splitlines()] == ["tiny"] * 3
    assert (tally.read, tally.skipped) == (3, 0)


def test_a_folder_of_results_on_the_command_line(archive, model, tmp_path):
    """Counts on standard error, the summary where it is wanted, exit code 0."""
    command = ("predict", archive, "--model", model, "--out", tmp_path / "out", "--jobs", 2)

    plan = run(*command, "--dry-run")
    outcome = run(*command, "--summary", "-")

    assert plan.out.splitlines()[1] == "to do   2024/c.jsonl.gz → 2024/c.jsonl.gz"
    assert outcome.code == 0
    assert json.loads(outcome.out)["tags"] == {"energy": 5, "diplomacy": 2, "culture": 0}
    lines = outcome.err.splitlines()
    assert lines[0].startswith(f"classifier: 3 files in {tmp_path / 'out'}, 7 articles, 7 written")
    assert lines[1] == "classifier: energy 5, diplomacy 2, culture 0, no tag 2"
    assert lines[3].startswith("classifier: bad rows: 1 (1 empty text), in ")
    assert lines[4].startswith("classifier: passed over: 1 (no rows, ")


def test_a_bad_row_ends_its_file_when_the_option_is_given(archive, model, tmp_path):
    """With --on-error stop the other files are finished, and the exit code is 1."""
    out = tmp_path / "out"

    outcome = run(
        "predict", archive, "--model", model, "--out", out, "--on-error", "stop", "--jobs", 1
    )

    assert outcome.code == 1
    assert "failed: 2024/c.jsonl.gz: " in outcome.err
    assert "line 4: empty text" in outcome.err
    assert (out / "a.jsonl").exists()
    assert not (out / "2024" / "c.jsonl.gz").exists()


def test_filters_apply_to_a_single_result_too(archive, model):
    """--where and --tags do not need a folder."""
    outcome = run("predict", archive / "a.jsonl", "--model", model, "--where", "energy<0.9")

    assert [json.loads(line)["id"] for line in outcome.out.splitlines()] == ["b", "c"]


def test_progress_is_redrawn_on_a_terminal(archive, model, tmp_path):
    """Files, articles, rate and time left, and an end of the line."""
    outcome = run_on_terminal(
        "predict", archive, "--model", model, "--out", tmp_path / "out", "--jobs", 1,
        output="pipe", script="import classifier.cli.output as shown; shown.PAUSE = -1",
    )  # fmt: skip

    assert outcome.code == 0
    assert "\r2 of 3 files, " in outcome.out
    assert " a second, 0:00 left\x1b[K\n" in outcome.out
    assert Path(tmp_path / "out" / "a.jsonl").exists()


def test_progress_is_a_line_now_and_then_in_a_log(archive, model, tmp_path, monkeypatch):
    """Without a terminal nothing is redrawn."""
    monkeypatch.setattr("classifier.cli.output.LONG_PAUSE", 0.0)

    outcome = run("predict", archive, "--model", model, "--out", tmp_path / "out", "--jobs", 1)

    lines = [line for line in outcome.err.splitlines() if " of 3 files, " in line]
    assert lines[-1].startswith("3 of 3 files, 7 articles, ")
    assert lines[-1].endswith(" a second, 0:00 left")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (61, "1:01"), (3600 * 30 + 62, "30:01:02")]
)
def test_progress_tells_rate_and_the_time_left_as_a_clock_does(seconds, shown):
    """By bytes, as nobody knows how many articles there are; hours only when there are some."""
    state = Progress(1, 4, 10, done=100, n_bytes=100 + round(100 * seconds), seconds=1.0)

    assert (state.rate, state.seconds_left) == (10.0, pytest.approx(seconds))
    assert progress_line(state) == f"1 of 4 files, 10 articles, 10 a second, {shown} left"
    assert progress_line(Progress(0, 4, 0, 0, 9, 1.0)) == "0 of 4 files, 0 articles, 0 a second"
    assert progress_line(Progress(0, 4, 0, 0, 9, 0.0)) == "0 of 4 files, 0 articles, 0 a second"


def test_an_interrupt_says_how_to_go_on(model, tmp_path, monkeypatch):
    """What is finished stays; nothing of ours but the journal is left of the rest."""
    folder, out = tmp_path / "archive", tmp_path / "out"
    folder.mkdir()
    for n in range(5):
        write_rows(folder / f"{n}.jsonl", ROWS)

    rename, named = os.replace, []

    def replace(source, target):
        named.append(target)
        if len(named) == 3:
            signal.raise_signal(signal.SIGINT)
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        outcome = run("predict", folder, "--model", model, "--out", out, "--jobs", 1)
    finally:
        signal.signal(signal.SIGINT, before)

    assert outcome.code == 130
    assert "2 of 5 files are finished and stay; run the same command again to go on" in outcome.err
    left = [name for name in names(out / ".classifier") if not name.startswith("claims/")]
    assert left == ["journal.jsonl"]


def test_a_summary_goes_into_a_file(archive, model, tmp_path):
    """With the workers that died, should there be some, and in silence when asked for."""
    target = tmp_path / "counts.json"

    outcome = run(
        "predict", archive, "--model", model, "--out", tmp_path / "out", "--summary", target, "-q"
    )

    assert outcome.err == ""
    assert json.loads(target.read_text())["written"] == 7
    summary = RunSummary("out", "m@1", ("a",), 1, 0, (), 0, Tally(), 0, 0.0, 2, 3)
    assert summary_lines(summary)[-1] == "workers that died and were replaced: 3"
    assert summary.rate == 0.0


def test_a_new_name_with_a_suffix_is_a_file(archive, model, tmp_path):
    """A misspelt format does not become a folder; standard input never goes into one."""
    outcome = run("predict", archive, "--model", model, "--out", tmp_path / "tags.cvs")
    piped = run("predict", "-", "--model", model, "--out", tmp_path, input="x")

    assert "the name tags.cvs tells no format" in outcome.said
    assert "is a folder; name a file in it" in piped.said


def test_a_journal_that_is_only_read_is_not_written():
    """A dry run leaves everything as it is."""
    with pytest.raises(ClassifierError, match="opened for reading only"):
        Journal(Path("out")).begin({"model": "x"})


def test_a_model_that_cannot_be_copied_is_told(model, tmp_path):
    """Both places are named."""
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(ModelError, match=r"tiny: cannot be copied to .* \(Not a directory\)"),
        private_model(model, tmp_path / "file" / "own"),
    ):
        pass


def test_a_script_that_workers_cannot_import_ends_with_an_error(tmp_path):
    """Without its guard each worker ends before it has taken a model, of whatever size."""
    write_rows(tmp_path / "in.jsonl", ROWS)
    (tmp_path / "script.py").write_text(
        "from classifier.archive.tasks import tag_stream\nlist(tag_stream(['in.jsonl'], jobs=2))\n"
    )

    done = subprocess.run(
        [sys.executable, "script.py"], env=environment(), cwd=tmp_path, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "the worker process died 3 times on it (exit code 1)" in done.stderr


def test_rejects_of_a_stream_never_overwrite_an_input(model, tmp_path):
    """Through several processes as through one."""
    path = tmp_path / "in.jsonl"
    write_rows(path, ROWS)
    before = path.read_bytes()
    options = TagOptions(ReadOptions(on_error="skip", rejects=path), carry=False)

    with pytest.raises(BadInputError, match=r"in\.jsonl: is also an input"):
        tag_stream([path], model=model, jobs=2, options=options)

    assert path.read_bytes() == before


def test_rejects_are_not_written_through_a_link(model, tmp_path):
    """A link below the folder of bad rows makes the file fail that would follow it."""
    folder, out = tmp_path / "archive", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    write_rows(folder / "sub" / "a.jsonl", ROWS + BAD)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "a.jsonl.jsonl").write_text("mine")
    (out / ".classifier" / "rejects").mkdir(parents=True)
    (out / ".classifier" / "rejects" / "sub").symlink_to(tmp_path / "home")

    summary = tag_archive(folder, out, model=model, jobs=1)

    assert "leads out of its folder" in summary.failures[0].reason
    assert (tmp_path / "home" / "a.jsonl.jsonl").read_text() == "mine"
