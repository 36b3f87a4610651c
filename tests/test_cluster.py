"""Many machines: a Dask frame or an archive anywhere, tagged as one machine tags it."""

import errno
import gc
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import dask.dataframe as dd
import distributed
import fsspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import zstandard

from classifier.archive.cluster import (
    check_versions,
    model_here,
    opened_client,
    packed_model,
    parquet_schema,
    predict_on_cluster,
    tag_files,
    tag_frame,
)
from classifier.archive.run import tag_archive
from classifier.archive.score import predict_frame
from classifier.archive.shards import place_of
from classifier.archive.tagger import TagOptions
from classifier.errors import BadInputError, ClassifierError, ModelError, SettingsError
from classifier.model.model import Model
from tests.cases import cases
from tests.command_line import PATIENCE, command, environment, run, save_tiny, wait_for
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

RECIPE = Path(__file__).parent.parent / "docs" / "examples" / "spark_tagging.py"
OIL = "Oil prices rose as OPEC cut crude output and gas producers kept pipelines running."
TEXTS = [ENERGY_TEXT, MIXED_TEXT, "und der die das", "The concert in the museum and the gas"]


@pytest.fixture(autouse=True)
def collected():
    """Collect what a test leaves: else, a client that never was would end under the lock of Dask.

    Its end waits for a lock that another client holds until its thread has begun; begun in that
    thread, it waits for itself.
    """
    yield
    gc.collect()


@pytest.fixture(scope="module")
def cluster():
    """Start two worker processes, each with a nanny that replaces it."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as started:
        yield started


@pytest.fixture(scope="module")
def client(cluster):
    """Connect to the two processes."""
    with distributed.Client(cluster, set_as_default=False) as connected:
        yield connected


@pytest.fixture
def threads():
    """Start one worker in this process, which sees its ``memory://``."""
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0",
        set_as_default=False, silence_logs=50,
    ) as connected:  # fmt: skip
        yield connected
    clear_memory()


def clear_memory():
    """Leave nothing in this process's memory file system."""
    fsspec.filesystem("memory").store.clear()
    fsspec.filesystem("memory").pseudo_dirs[:] = [""]


@pytest.fixture
def lone_scheduler(tmp_path):
    """Start a scheduler and a worker as programs of their own; give the former, its address."""
    where = str(tmp_path / "scheduler.json")
    scheduler, worker = (
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{name}", "--scheduler-file", where, *more],
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
            env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        )
        for name, more in (
            ("dask_scheduler", ["--port", "0", "--dashboard-address", "127.0.0.1:0"]),
            ("dask_worker", ["--nthreads", "1", "--no-dashboard", "--no-nanny"]),
        )
    )
    try:
        with distributed.Client(scheduler_file=where, set_as_default=False) as connected:
            connected.wait_for_workers(1, timeout=PATIENCE)
            address = connected.scheduler.address
        yield scheduler, address
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()


# Makes a worker wait, before it names the file behind those of a given number, as long as another
# file is there.
HOLD = """
import os, time
rename, n = os.replace, [0]
def replace(source, target):
    n[0] += 1
    while n[0] > {} and os.path.exists({!r}):
        time.sleep(0.01)
    rename(source, target)
os.replace = replace
"""


def held(client, folder, *, after=0):
    """Hold the workers of a cluster at a file; return what to remove so that they go on."""
    lock = folder / "lock"
    lock.touch()
    client.run(exec, HOLD.format(after, str(lock)), {})
    return lock


def killed_while_busy(client, lock):
    """Return what kills, when it is first told of progress, a worker that has a file."""
    pids = client.run(os.getpid)

    def kill(state):
        if lock.exists():
            busy = wait_for(lambda: [each for each, has in client.processing().items() if has])[0]
            os.kill(pids[busy], signal.SIGKILL)
            wait_for(lambda: busy not in client.nthreads())
            lock.unlink()

    return kill


def files(folder, n_files):
    """Write a folder of files of ten rows."""
    folder.mkdir()
    for number in range(n_files):
        (folder / f"{number}.jsonl").write_text(rows(10, number * 10))
    return folder


def frame(n_rows=40):
    """Return articles under an index that repeats itself."""
    texts = [f"{TEXTS[i % 4]} and talks {'gas ' * (i % 5)}" for i in range(n_rows)]
    titles = ["Oil and museum" if i % 3 == 0 else None for i in range(n_rows)]
    index = [i % 7 for i in range(n_rows)]
    return pd.DataFrame({"text": texts, "title": titles, "place": range(n_rows)}, index=index)


def rows(n_rows, first=0):
    """Return lines of JSON, numbered from `first`."""
    return "".join(
        json.dumps({"id": f"a{i}", "text": f"{TEXTS[i % 4]} {i}", "desk": i}) + "\n"
        for i in range(first, first + n_rows)
    )


def archive(folder):
    """Write one file of every kind, one of them in a folder."""
    (folder / "2024").mkdir(parents=True)
    (folder / "2024" / "a.jsonl").write_text(rows(30))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(rows(20, 30).encode()))
    (folder / "c.jsonl.zst").write_bytes(zstandard.compress(rows(10, 50).encode()))
    (folder / "d.csv").write_text(f'id,text\nx,"{ENERGY_TEXT}"\ny,"{MIXED_TEXT}"\n')
    frame(12).reset_index(drop=True).to_parquet(folder / "e.parquet")
    (folder / "notes.doc").write_text("of another kind")
    return folder


def contents(folder):
    """Return the bytes of all results by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".classifier" not in path.parts
    }


def to_memory(folder, address):
    """Copy a folder into this process's memory file system."""
    fsspec.filesystem("memory").put(f"{folder}/", f"{address}/", recursive=True)


def from_memory(address, folder):
    """Copy a folder out of the memory file system and return the bytes of its results."""
    fsspec.filesystem("memory").get(f"{address}/", f"{folder}/", recursive=True)
    return contents(folder)


def test_a_dask_frame_is_tagged_as_the_whole_is(client, tmp_path):
    """Sorted, the results on two processes are those of one call, in every form of writing."""
    whole = frame().set_index("place", drop=False)
    tagged = tag_frame(dd.from_pandas(whole, npartitions=5), tiny_model(), title="title")

    expected = predict_frame(whole, tiny_model(), title="title")
    result = client.compute(tagged, sync=True).sort_index()
    pd.testing.assert_frame_equal(result, expected)
    assert result.to_csv() == expected.to_csv()
    assert result.to_json(orient="records", lines=True) == expected.to_json(
        orient="records", lines=True
    )
    for name, each in (("cluster", result), ("one", expected)):
        each.to_parquet(tmp_path / name)
    assert (tmp_path / "cluster").read_bytes() == (tmp_path / "one").read_bytes()


def test_the_model_is_in_the_graph_once(tmp_path):
    """More partitions do not carry more copies of it."""
    few, many = (
        tag_frame(dd.from_pandas(frame(40), npartitions=n, sort=False)).__dask_graph__()
        for n in (2, 20)
    )

    n_few, n_many = (sum(b"weights-" in distributed.protocol.pickle.dumps(v) for v in g.values())
                     for g in (few, many))  # fmt: skip
    assert (n_few, n_many) == (1, 1)


@pytest.mark.parametrize(("n_rows", "n_partitions"), [(13, 3), (0, 1)])
def test_rows_and_columns_stay_within_partitions(n_rows, n_partitions):
    """An index that repeats itself, order and columns; partitions may be empty, all of them too."""
    whole = frame(13).iloc[:n_rows]

    tagged = tag_frame(dd.from_pandas(whole, npartitions=n_partitions, sort=False), tiny_model())

    result, expected = tagged.compute(scheduler="sync"), predict_frame(whole, tiny_model())
    pd.testing.assert_frame_equal(result, expected)
    assert tagged.npartitions == n_partitions
    assert tagged.dtypes.to_dict() == expected.dtypes.to_dict()


def test_a_missing_column_is_told_at_once():
    """Nothing need be computed for it."""
    with pytest.raises(BadInputError, match=r"no column 'body' \(found: text, title, place"):
        tag_frame(dd.from_pandas(frame(4), npartitions=1, sort=False), tiny_model(), text="body")


def test_a_missing_text_is_told_with_its_row(client):
    """The error of `predict_frame` comes from the worker as it is."""
    broken = frame(6).reset_index(drop=True)
    broken.loc[4, "text"] = np.nan
    tagged = tag_frame(dd.from_pandas(broken, npartitions=2), tiny_model())

    with pytest.raises(BadInputError, match="row 4: column 'text' holds <NA>, not text"):
        client.compute(tagged, sync=True)


# dask 2026.8 itself calls set_index(inplace=True), which pandas 3 will drop
@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
def test_a_tagged_frame_becomes_parquet(tmp_path):
    """Partitions without any tag have the same schema as the others."""
    silent = pd.DataFrame({"text": ["und der", "und die", ENERGY_TEXT, ENERGY_TEXT]})
    tagged = tag_frame(dd.from_pandas(silent, npartitions=2), tiny_model())

    tagged.to_parquet(tmp_path / "out", schema=parquet_schema(tagged))

    read = pq.read_table(tmp_path / "out")
    assert read.column("tags").to_pylist() == [[], [], ["energy"], ["energy"]]
    assert str(read.schema.field("tags").type) == "list<element: string>"


def test_files_come_out_as_from_one_machine(client, tmp_path):
    """Every format and packing, byte for byte, with counts, labels and files passed over."""
    source = archive(tmp_path / "in")
    one = tag_archive(source, tmp_path / "one", model=tiny_model(), jobs=1)

    many = tag_files(source, tmp_path / "many", client=client, model=tiny_model())

    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    assert list(contents(tmp_path / "many")) == [
        "2024/a.jsonl", "b.jsonl.gz", "c.jsonl.zst", "d.csv", "e.parquet"
    ]  # fmt: skip
    assert (many.n_files, many.articles, many.passed_over, many.failures) == (5, 74, 1, ())
    assert (many.tally, many.model, many.labels) == (one.tally, one.model, one.labels)
    assert many.jobs == 2
    assert not (tmp_path / "many" / ".classifier" / "parts").exists()


def test_either_goes_on_where_the_other_stopped(client, tmp_path):
    """Cluster and single machine keep one journal, so finished files are not done again."""
    source, out = archive(tmp_path / "in"), tmp_path / "out"
    tag_archive(source, out, model=tiny_model(), jobs=1)
    (source / "f.jsonl").write_text(rows(3))

    cluster = tag_files(source, out, client=client, model=tiny_model())
    (source / "g.jsonl").write_text(rows(2))
    one = tag_archive(source, out, model=tiny_model(), jobs=1)

    assert (cluster.n_earlier, cluster.n_files, cluster.articles) == (5, 6, 3)
    assert (one.n_earlier, one.n_files, one.articles) == (6, 7, 2)


def test_a_worker_that_is_killed_costs_nothing(client, tmp_path, monkeypatch):
    """Its files are tagged again by another; nothing is lost and nothing is there twice."""
    monkeypatch.setattr("classifier.archive.cluster.TICK", 0.0)
    source = files(tmp_path / "in", 8)
    tag_archive(source, tmp_path / "one", model=tiny_model(), jobs=1)
    kill = killed_while_busy(client, held(client, tmp_path))

    summary = tag_files(source, tmp_path / "out", client=client, model=tiny_model(), progress=kill)

    assert (summary.n_files, summary.articles, summary.failures) == (8, 80, ())
    assert summary.workers_replaced == 1
    assert contents(tmp_path / "out") == contents(tmp_path / "one")
    assert not (tmp_path / "out" / ".classifier" / "parts").exists()


def test_addresses_of_any_kind_are_read_and_written(threads, tmp_path):
    """Through memory:// the results are those of one machine, journal and all."""
    source = archive(tmp_path / "in")
    tag_archive(source, tmp_path / "one", model=tiny_model(), jobs=1)
    to_memory(source, "/in")

    first = tag_files("memory://in", "memory://out", client=threads, model=tiny_model())
    again = tag_files("memory://in", "memory://out", client=threads, model=tiny_model())

    assert from_memory("/out", tmp_path / "many") == contents(tmp_path / "one")
    assert (first.n_files, first.articles, first.passed_over, first.failures) == (5, 74, 1, ())
    assert (again.n_earlier, again.articles, again.tally) == (5, 0, first.tally)
    assert first.out == "memory://out"
    assert sorted(path.name for path in (tmp_path / "many" / ".classifier").rglob("*.*")) == [
        "journal.jsonl"
    ]


def test_patterns_and_lists_of_addresses(threads, tmp_path):
    """Names in the results are those below the part without a pattern, or below all files."""
    to_memory(archive(tmp_path / "in"), "/in")

    tag_files("memory://in/**/*.jsonl*", "memory://a", client=threads, model=tiny_model())
    tag_files(
        ["memory://in/2024/a.jsonl", "memory://in/d.csv"],
        "memory://b", client=threads, model=tiny_model(),
    )  # fmt: skip

    assert list(from_memory("/a", tmp_path / "a")) == [
        "2024/a.jsonl", "b.jsonl.gz", "c.jsonl.zst"
    ]  # fmt: skip
    assert list(from_memory("/b", tmp_path / "b")) == ["2024/a.jsonl", "d.csv"]


def test_local_files_go_to_an_address_and_back(threads, tmp_path):
    """One end may be a path."""
    source = archive(tmp_path / "in")
    tag_archive(source, tmp_path / "one", model=tiny_model(), jobs=1)
    to_memory(source, "/in")

    tag_files(source, "memory://out", client=threads, model=tiny_model())
    tag_files("memory://in", f"file://{tmp_path}/back", client=threads, model=tiny_model())

    assert from_memory("/out", tmp_path / "there") == contents(tmp_path / "one")
    assert contents(tmp_path / "back") == contents(tmp_path / "one")


def test_options_are_those_of_one_machine(threads, tmp_path):
    """Conditions, prefix, format and bad rows come out the same; rejects name the address."""
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jsonl").write_text(rows(8) + '{"id": "bad"}\n' + rows(4, 8))
    options = TagOptions(where="energy>0.5", prefix="x_", format="csv", drop_text=True)
    tag_archive(source, tmp_path / "one", model=tiny_model(), jobs=1, options=options)
    to_memory(source, "/in")

    summary = tag_files(
        "memory://in", "memory://out", client=threads, model=tiny_model(), options=options
    )

    assert from_memory("/out", tmp_path / "out") == contents(tmp_path / "one")
    assert summary.tally.rejects.total() == 1
    reject = json.loads((tmp_path / "out/.classifier/rejects/a.jsonl.jsonl").read_text())
    assert (reject["file"], reject["line"]) == ("memory:///in/a.jsonl", 9)


def test_rejects_go_when_the_file_is_mended(threads, tmp_path):
    """Those of an earlier version of the file say nothing of the new one."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/in/a.jsonl", b'{"id": "bad"}\n')
    tag_files("memory://in", "memory://out", client=threads, model=tiny_model())
    before = memory.exists("/out/.classifier/rejects/a.jsonl.jsonl")

    memory.pipe("/in/a.jsonl", rows(1).encode())
    summary = tag_files("memory://in", "memory://out", client=threads, model=tiny_model())

    assert (before, memory.exists("/out/.classifier/rejects/a.jsonl.jsonl")) == (True, False)
    assert (summary.n_earlier, summary.tally.read, summary.tally.rejects) == (0, 1, {})


def test_a_damaged_file_stands_in_nobodys_way(threads, tmp_path):
    """The others are tagged; the failure names the address, not a worker's copy."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/in/a.jsonl.gz", gzip.compress(rows(50).encode())[:-9])
    memory.pipe("/in/b.jsonl", rows(2).encode())

    summary = tag_files("memory://in", "memory://out", client=threads, model=tiny_model())

    assert [(each.file, each.reason) for each in summary.failures] == [
        (
            "a.jsonl.gz",
            "memory:///in/a.jsonl.gz: the archive ends too early, so it was cut short. Fetch or "
            "write it again.",
        )
    ]
    assert summary.n_files == 1


def test_a_file_that_vanishes_is_a_failure(client, tmp_path):
    """After it was found and before a worker opens it."""
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.jsonl").write_text(rows(2))
    (source / "b.jsonl").symlink_to(source / "nowhere.jsonl")

    summary = tag_files(source, tmp_path / "out", client=client, model=tiny_model())

    assert summary.n_files == 1
    assert [each.file for each in summary.failures] == ["b.jsonl"]


def test_results_that_cannot_be_written_are_tried_again_and_told(client, tmp_path):
    """A file stands where a folder of results must be made; the others go on."""
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "2024").mkdir(parents=True)
    (source / "2024" / "a.jsonl").write_text(rows(2))
    (source / "b.jsonl").write_text(rows(2))
    out.mkdir()
    (out / "2024").write_text("in the way")

    summary = tag_files(source, out, client=client, model=tiny_model())

    assert summary.n_files == 1
    assert [(each.file, each.reason) for each in summary.failures] == [
        ("2024/a.jsonl", f"{out}/2024: File exists")
    ]


def test_what_was_begun_otherwise_is_refused(threads, tmp_path):
    """Another model or other options need another folder, or a fresh start."""
    to_memory(archive(tmp_path / "in"), "/in")
    tag_files("memory://in", "memory://out", client=threads, model=tiny_model())
    options = TagOptions(prefix="x_")

    with pytest.raises(ClassifierError, match=r'^memory://out: was begun with prefix ""'):
        tag_files(
            "memory://in", "memory://out", client=threads, model=tiny_model(), options=options
        )
    summary = tag_files(
        "memory://in", "memory://out",
        client=threads, model=tiny_model(), options=options, restart=True,
    )  # fmt: skip

    assert (summary.n_earlier, summary.n_files) == (0, 5)
    assert b"x_tags" in fsspec.filesystem("memory").cat("/out/2024/a.jsonl")


def test_files_of_others_are_not_replaced(threads):
    """By a first run, a new file or a restart: far results are known by their hashes alone."""
    memory = fsspec.filesystem("memory")
    memory.pipe({"/in/a.jsonl": rows(1).encode(), "/out/a.jsonl": b"mine"})
    tag = partial(tag_files, "memory://in", "memory://out", client=threads, model=tiny_model())

    with pytest.raises(BadInputError, match=r"/out/a.jsonl: is there already"):
        tag()
    assert memory.find("/out") == ["/out/a.jsonl"]
    memory.rm_file("/out/a.jsonl")
    tag()
    memory.pipe({"/in/b.jsonl": rows(1).encode(), "/out/b.jsonl": b"mine"})
    for restart in (False, True):
        with pytest.raises(BadInputError, match=r"/out/b.jsonl: is there already"):
            tag(restart=restart)
    memory.rm_file("/out/b.jsonl")
    summary = tag(restart=True)

    assert (summary.n_earlier, summary.n_files, summary.failures) == (0, 2, ())
    assert memory.find("/out") == [
        "/out/.classifier/journal.jsonl", "/out/a.jsonl", "/out/b.jsonl"
    ]  # fmt: skip


@cases("cluster", "source", "out", "said")
def test_sources_that_make_no_sense_are_refused(threads, source, out, said):
    """Before there is a trace of a run."""
    fsspec.filesystem("memory").pipe("/in/a.jsonl", rows(1).encode())

    with pytest.raises(BadInputError, match=said):
        tag_files(source, out, client=threads, model=tiny_model())
    assert fsspec.filesystem("memory").find("/") == ["/in/a.jsonl"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"format": "csv"}, BadInputError, "would both become a.csv"),
        ({"where": "sport>0.5"}, SettingsError, "'sport' is none of"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(threads, options, error, message):
    """As on one machine, before a worker sees them."""
    files = {"/in/a.jsonl": rows(1).encode(), "/in/a.csv": b"id,text\n"}
    fsspec.filesystem("memory").pipe(files)

    with pytest.raises(error, match=message):
        tag_files(
            "memory://in", "memory://out",
            client=threads, model=tiny_model(), options=TagOptions(**options),
        )  # fmt: skip


def test_an_address_survives_being_a_path():
    """A command line that takes paths turns two slashes into one."""
    assert place_of(Path("memory://in/a.jsonl")).address == "memory://in/a.jsonl"
    assert place_of(Path("memory:/in/a.jsonl")).address == "memory://in/a.jsonl"
    assert place_of(Path("/in/a.jsonl")).address == "/in/a.jsonl"
    assert place_of("file:///in/a.jsonl").address == "/in/a.jsonl"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense"])
def test_a_scheduler_that_does_not_answer_is_told_soon(monkeypatch, address, tmp_path):
    """Within seconds, with the address."""
    monkeypatch.setattr("classifier.archive.cluster.CLIENT_PATIENCE", 0.5)
    (tmp_path / "a.jsonl").write_text(rows(1))

    with pytest.raises(ClassifierError, match=f"^{address}: no Dask scheduler answers"):
        predict_on_cluster(tmp_path / "a.jsonl", tmp_path / "out", address=address)
    assert not (tmp_path / "out").exists()


def test_local_starts_workers_and_ends_them(tmp_path):
    """All that a trial needs."""
    (tmp_path / "a.jsonl").write_text(rows(3))

    summary = predict_on_cluster(
        tmp_path / "a.jsonl", tmp_path / "out", address="local", jobs=1, model=tiny_model()
    )

    assert (summary.articles, summary.jobs, summary.workers_replaced) == (3, 1, 0)


def test_a_client_can_be_opened_by_address(cluster):
    """As the command line does."""
    with opened_client(cluster.scheduler_address) as client:
        assert len(client.nthreads()) == 2


def test_other_versions_and_none_are_told(client):
    """With where, what is there, and what to install."""
    with pytest.raises(ClassifierError) as told:
        check_versions(client, wanted="99.0")
    with pytest.raises(ClassifierError) as none:
        check_versions(client, package="no-such-package", wanted="1.0")

    assert str(told.value).startswith("classifier is 99.0 here, but the scheduler has ")
    assert str(told.value).endswith("==99.0 on the scheduler and on every worker.")
    assert "the scheduler has none, tcp://" in str(none.value)


def test_no_worker_at_all_is_told(monkeypatch, tmp_path):
    """After a while, as clusters may grow on demand."""
    monkeypatch.setattr("classifier.archive.cluster.PATIENCE", 0.2)
    (tmp_path / "a.jsonl").write_text(rows(1))

    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as empty,
        distributed.Client(empty, set_as_default=False) as client,
        pytest.raises(ClassifierError, match=r"no worker took a task in 0.2 s. Start workers"),
    ):
        tag_files(tmp_path / "a.jsonl", tmp_path / "out", client=client, model=tiny_model())


def test_a_packed_model_is_the_model(tmp_path):
    """From memory, from a folder, or the shipped one; loaded once a process, nothing unpickled."""
    memory, folder = packed_model(tiny_model()), packed_model(save_tiny(tmp_path / "tiny"))

    assert memory.sha256 == folder.sha256
    assert model_here(memory) is model_here(folder)
    assert isinstance(model_here(memory), Model)
    assert not list((tmp_path / "tiny").glob("*.pkl"))
    assert packed_model(None).signature.startswith("sectors@")


def test_a_packed_model_that_was_changed_is_refused():
    """Its files are checked as those of a folder are."""
    packed = packed_model(tiny_model(lead_words=3))
    files = {name: content[:-1] + b"!" for name, content in packed.files.items()}
    changed = type(packed)("0" * 64, packed.signature, packed.labels, files)
    renamed = type(packed)("1" * 64, packed.signature, packed.labels, packed.files)

    with pytest.raises(ModelError, match=r"^model tiny on this worker.manifest.json is not"):
        model_here(changed)
    with pytest.raises(ModelError, match="was changed on its way"):
        model_here(renamed)


def test_a_file_whose_workers_die_again_and_again_is_told(client, tmp_path):
    """It stands in nobody's way, and the next run does it."""
    source = files(tmp_path / "in", 6)
    kill = killed_while_busy(client, held(client, tmp_path))

    allowed = client.run_on_scheduler(allow_deaths, 0)
    broken = tag_files(source, tmp_path / "out", client=client, model=tiny_model(), progress=kill)
    client.run_on_scheduler(allow_deaths, allowed)
    mended = tag_files(source, tmp_path / "out", client=client, model=tiny_model())

    assert {each.reason for each in broken.failures} == {
        "the workers that had it died, again and again; is memory short?"
    }
    assert broken.n_files + len(broken.failures) == 6
    assert (mended.n_files, mended.n_earlier, mended.failures) == (6, broken.n_files, ())
    assert mended.tally.read == 60


def allow_deaths(number, dask_scheduler):
    """Set after how many deaths of its workers a scheduler gives a task up; return the old."""
    before, dask_scheduler.allowed_failures = dask_scheduler.allowed_failures, number
    return before


def test_a_scheduler_that_goes_ends_the_run(lone_scheduler, tmp_path):
    """What is finished stays."""
    scheduler, address = lone_scheduler
    with distributed.Client(address, set_as_default=False) as client:
        held(client, tmp_path, after=1)

    with pytest.raises(ClassifierError, match=r"the scheduler has gone.* 1 of 6 files are fini"):
        predict_on_cluster(
            files(tmp_path / "in", 6),
            tmp_path / "out",
            address=address,
            model=tiny_model(),
            progress=lambda state: state.files and scheduler.kill(),
        )

    assert len(contents(tmp_path / "out")) == 1


def test_a_full_disk_ends_the_run(threads, monkeypatch, tmp_path):
    """Every other file would meet it too, after two more tries."""
    (tmp_path / "a.jsonl").write_text(rows(1))
    tried = []

    def full(source, target):
        tried.append(target)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    model = save_tiny(tmp_path / "tiny")
    monkeypatch.setattr("classifier.archive.cluster.os.replace", full)
    with pytest.raises(ClassifierError, match=r"^a.jsonl: No space left on device. 0 of 1 files"):
        tag_files(tmp_path / "a.jsonl", tmp_path / "out", client=threads, model=model)
    assert len(tried) == 3


def test_a_place_that_workers_do_not_share_ends_the_run(client, tmp_path):
    """Else each would write to a disk of its own, and nobody would find the results."""
    (tmp_path / "a.jsonl").write_text(rows(1))

    with pytest.raises(ClassifierError, match="memory://mine: a worker does not see the run"):
        tag_files(tmp_path / "a.jsonl", "memory://mine", client=client, model=tiny_model())
    clear_memory()


def test_what_is_not_installed_is_named(monkeypatch, tmp_path):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClassifierError, match=r"pip install 'classifier\[dask\]'"):
        predict_on_cluster(tmp_path, tmp_path / "out", address="local")

    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(BadInputError, match=r"memory://in: .* pip install 'classifier\[dask\]'"):
        place_of("memory://in")


def test_nothing_heavy_is_imported_until_it_is_used():
    """The command line may import the module."""
    code = (
        "import sys, classifier.archive.cluster;"
        "print({'dask', 'distributed', 'fsspec', 'pandas'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


@pytest.mark.skipif(
    not (shutil.which("java") and find_spec("pyspark")), reason="needs Java and pyspark"
)
def test_the_recipe_for_spark_works(tmp_path):
    """As it stands in docs/examples."""
    code = f"""{RECIPE.read_text()}
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
articles = spark.createDataFrame([("b", "the"), ("a", {OIL!r})], "id string, text string")
rows = tag(spark, articles).sort("id").collect()
print([(row.id, list(row.tags), bool(row.note)) for row in rows])
"""

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True,
        env=environment(PYSPARK_PYTHON=sys.executable, PYTHONPATH=os.pathsep.join(sys.path)),
    )  # fmt: skip

    assert done.stdout.splitlines()[-1] == "[('a', ['energy'], False), ('b', [], True)]"


def test_the_command_tags_on_a_cluster(cluster, tmp_path):
    """With the counts and the results of the command without it."""
    source, model = archive(tmp_path / "in"), save_tiny(tmp_path / "tiny")
    run("predict", source, "--out", tmp_path / "one", "--model", model, "--jobs", 1)

    done = run(
        "predict", source, "--out", tmp_path / "many", "--model", model,
        "--dask", cluster.scheduler_address, "--summary", "-",
    )  # fmt: skip

    assert (done.code, json.loads(done.out)["articles"]) == (0, 74)
    assert "5 files in" in done.err
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


def test_addresses_come_through_the_command_line():
    """Two slashes are two slashes where the messages speak of them."""
    done = run("predict", "memory://no", "--out", "memory://out", "--dask", "local", "--jobs", 1)

    assert done.code == 1
    assert done.said.startswith("classifier: memory://no: no such file.")


def test_interrupted_it_ends_all_workers_without_their_tracebacks(tmp_path):
    """Ctrl-C reaches the whole group; the run says what is finished."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(40):
        (source / f"{number:02}.jsonl").write_text(rows(4000))
    model = save_tiny(tmp_path / "tiny")
    process = subprocess.Popen(
        command("predict", source, "--out", out, "--dask", "local", "--jobs", 1, "--model", model),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
        # whoever started the tests may ignore it, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        wait_for(lambda: list(out.glob("*.jsonl")) or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[1].splitlines()

    assert process.returncode == 130
    assert len(said) == 2
    assert said[0].endswith(" finished and stay; run the same command again to go on")
    assert said[1] == "classifier: interrupted"
    assert not (out / ".classifier" / "parts").exists()
