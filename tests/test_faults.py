"""What goes wrong during long runs: each fault loses nothing, repeats nothing, and is told."""

import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from classifier.model.folder import load_model
from tests.command_line import ROWS, environment, save_tiny, wait_for, write_rows
from tests.command_line import command as command_line
from tests.models import ENERGY_TEXT, MIXED_TEXT

N_FILES = 6
ROWS_A_FILE = 600
IS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return a folder of files whose articles have ids of their own."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(N_FILES):
        rows = [
            {"id": f"{number}-{n}", "text": f"{MIXED_TEXT}. {ENERGY_TEXT} {n}. " * 20}
            for n in range(ROWS_A_FILE)
        ]
        write_rows(folder / f"{number}.jsonl", rows)
    return folder


def command(archive, out, model, *args, script=""):
    """Return the arguments of a run in a process of its own, after a script if there is one."""
    where = [archive, "--out", out, "--model", model, *args]
    return command_line("predict", *where, script=script)


# A run that stops, as by SIGSTOP, before it names the file behind those of a given number.
PAUSE = """
import os, signal
rename, n = os.replace, [0]
def replace(source, target):
    n[0] += 1
    n[0] == {} + 1 and os.kill(os.getpid(), signal.SIGSTOP)
    rename(source, target)
os.replace = replace
"""


@contextmanager
def paused(*args, after=1):
    """Start a run that Ctrl-C reaches, whoever started the tests; give it stopped."""
    with subprocess.Popen(
        command(*args, script=PAUSE.format(after)),
        env=environment(),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as run:
        try:
            wait_for(lambda: state_of(run.pid) == "T")
            yield run
        finally:
            run.kill()


def ended(run):
    """Let a stopped run go on to its end; return exit code and messages."""
    run.send_signal(signal.SIGCONT)
    _, told = run.communicate()
    return run.returncode, told


def state_of(pid):
    """Return the letter by which Linux tells what a process does."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def finished(*args, limit=0, **options):
    """Run to the end; return exit code and messages. `limit` is the address space in bytes."""
    done = subprocess.run(
        command(*args, **options),
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        if limit
        else None,
    )
    return done.returncode, done.stderr


def check_whole(archive, out):
    """Check that each article is there once, in order, and nothing else is left."""
    for path in sorted(archive.glob("*.jsonl")):
        before = [json.loads(line)["id"] for line in path.read_text().splitlines()]
        after = [json.loads(line) for line in (out / path.name).read_text().splitlines()]
        assert [row["id"] for row in after] == before
        assert all(row["tags"] == ["energy", "diplomacy"] for row in after)
    assert sorted(path.name for path in (out / ".classifier").iterdir()) == ["journal.jsonl"]
    assert len(list(out.iterdir())) == len(list(archive.iterdir())) + 1


def workers_of(process):
    """Return the processes that tag for a run."""
    listed = subprocess.run(
        ["pgrep", "-P", str(process.pid), "-f", "spawn_main"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [int(pid) for pid in listed.stdout.split()]


@pytest.mark.parametrize("moment", [1, 3])
def test_a_killed_run_goes_on_where_it_stopped(archive, model, tmp_path, moment):
    """After kill -9 at any moment what was finished stays, the rest is done once."""
    out = tmp_path / "out"
    with paused(archive, out, model, "--jobs", 2, after=moment) as run:
        run.kill()
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("*.jsonl")}

    code, told = finished(archive, out, model, "--jobs", 2)

    assert code == 0, told
    assert len(kept) == moment
    assert f"({moment} by an earlier run)" in told
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept
    check_whole(archive, out)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_in_the_middle_of_renaming_goes_on(archive, model, tmp_path, when):
    """Before the name is given and after, when it is not yet written down."""
    kill = "os.kill(os.getpid(), 9)"
    script = f"""
import os
rename, n = os.replace, [0]
def replace(source, target):
    n[0] += 1
    {kill if when == "before" else None} if n[0] == 3 else None
    rename(source, target)
    {kill if when == "after" else None} if n[0] == 3 else None
os.replace = replace
"""
    out = tmp_path / "out"

    killed, _ = finished(archive, out, model, "--jobs", 1, script=script)
    n_files = len(list(out.glob("*.jsonl")))
    code, told = finished(archive, out, model, "--jobs", 2)

    assert killed == -9
    assert n_files == {"before": 2, "after": 3}[when]
    assert code == 0, told
    assert "(2 by an earlier run)" in told
    check_whole(archive, out)


def test_a_killed_worker_is_replaced(archive, model, tmp_path):
    """After kill -9 of a worker its file is done again; the run says so and succeeds."""
    out = tmp_path / "out"
    with paused(archive, out, model, "--jobs", 2) as run:
        os.kill(workers_of(run)[0], signal.SIGKILL)
        code, told = ended(run)

    assert code == 0, told
    assert "workers that died and were replaced: 1" in told
    check_whole(archive, out)


def test_workers_of_a_killed_run_end(archive, model, tmp_path):
    """Nothing goes on in the background."""
    out = tmp_path / "out"
    with paused(archive, out, model, "--jobs", 2) as run:
        workers = workers_of(run)

    assert len(workers) == 2
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_ctrl_c_ends_cleanly(archive, model, tmp_path):
    """Exit code 130, a word on how to go on, no traceback, and going on works."""
    out = tmp_path / "out"
    with paused(archive, out, model, "--jobs", 2) as run:
        workers = workers_of(run)
        run.send_signal(signal.SIGINT)
        interrupted, told = ended(run)
    code, _ = finished(archive, out, model, "--jobs", 2)

    assert interrupted == 130
    assert "files are finished and stay; run the same command again to go on" in told
    assert told.endswith("classifier: interrupted\n")
    assert "Traceback" not in told
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert code == 0
    check_whole(archive, out)


def test_a_second_run_on_one_folder_is_refused(archive, model, tmp_path):
    """The first is not disturbed."""
    out = tmp_path / "out"
    with paused(archive, out, model, "--jobs", 1) as run:
        code, told = finished(archive, out, model, "--jobs", 1)
        first_code, first = ended(run)

    assert (code, told) == (
        1,
        f"classifier: {out}: another run writes there. Wait for its end, or name another folder.\n",
    )
    assert first_code == 0, first
    check_whole(archive, out)


def test_a_model_replaced_during_a_run_is_not_used(archive, model, tmp_path):
    """All results are by the model that the run began with, those of new workers too."""
    own, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(model, own)
    version = load_model(own).signature
    with paused(archive, out, own, "--jobs", 2) as run:
        save_tiny(own, lead_words=3, lead_repeats=2)
        os.kill(workers_of(run)[0], signal.SIGKILL)
        code, told = ended(run)

    assert code == 0, told
    assert load_model(own).signature != version
    models = {
        json.loads(line)["model"]
        for path in out.glob("*.jsonl")
        for line in path.read_text().splitlines()
    }
    assert models == {version}
    code, told = finished(archive, out, own)
    assert code == 1
    assert "was begun with model" in told


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if not IS_ROOT or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by the superuser alone")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_the_run(archive, model, small_disk):
    """Told in one line; with more room the same command goes on."""
    out = small_disk / "out"

    code, told = finished(archive, out, model, "--jobs", 2)
    left = [path.name for path in (out / ".classifier").iterdir()]
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    again, more = finished(archive, out, model, "--jobs", 2)

    assert code == 1
    assert "No space left on device. " in told
    assert "finished and stay; mend this and run the same command again to go on" in told
    assert told.count("\n") == 1
    assert left == ["journal.jsonl"]
    assert again == 0, more
    check_whole(archive, out)


def test_bad_files_are_told_and_the_others_done(model, tmp_path):
    """Cut, damaged, vanished, forbidden: exit code 1, a reason each, all else finished."""
    archive, out = tmp_path / "archive", tmp_path / "out"
    archive.mkdir()
    write_rows(archive / "good.jsonl", ROWS)
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS * 900).encode())
    (archive / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    broken = bytearray(packed)
    broken[300:500] = bytes(byte ^ 0x55 for byte in broken[300:500])
    (archive / "damaged.jsonl.gz").write_bytes(broken)
    (archive / "vanished.jsonl").symlink_to(archive / "nothing.jsonl")
    write_rows(archive / "z-good.jsonl", ROWS)

    code, told = finished(archive, out, model, "--jobs", 1)

    assert code == 1
    assert "failed: cut.jsonl.gz: " in told
    assert "cut.jsonl.gz: the archive ends too early, so it was cut short." in told
    assert "damaged.jsonl.gz: not a gzip archive, or a damaged one" in told
    assert "vanished.jsonl: cannot be read (No such file or directory)." in told
    assert told.count("failed: ") == 3
    assert sorted(path.name for path in out.glob("*")) == [
        ".classifier", "good.jsonl", "z-good.jsonl",
    ]  # fmt: skip
    (archive / "cut.jsonl.gz").write_bytes(packed)
    _, told = finished(archive, out, model, "--jobs", 1)
    assert "3 files in" in told
    assert "(2 by an earlier run)" in told


@pytest.fixture
def without_power():
    """Return what runs a command as someone for whom permissions count."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if IS_ROOT and shutil.which(drop[0]) is None:
        pytest.skip("the superuser may read everything, and setpriv is not there to change that")
    return drop if IS_ROOT else []


def test_a_file_that_may_not_be_read_is_told(model, tmp_path, without_power):
    """The others are done."""
    archive, out = tmp_path / "archive", tmp_path / "out"
    archive.mkdir()
    write_rows(archive / "good.jsonl", ROWS)
    write_rows(archive / "secret.jsonl", ROWS).chmod(0)

    done = subprocess.run(
        [*without_power, *command(archive, out, model, "--jobs", 1)],
        env=environment(), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "failed: secret.jsonl: " in done.stderr
    assert "cannot be read (Permission denied)" in done.stderr
    assert (out / "good.jsonl").exists()


def test_a_line_without_end_does_not_take_the_memory(model, tmp_path):
    """300 MB of spaces in one line of a small file, read within an address space of 600 MB."""
    archive, out = tmp_path / "archive", tmp_path / "out"
    archive.mkdir()
    good = json.dumps(ROWS[0]).encode() + b"\n"
    with gzip.open(archive / "a.jsonl.gz", "wb", compresslevel=1) as stream:
        stream.write(good + b'{"text": "')
        for _ in range(300):
            stream.write(b" " * 2**20)
        stream.write(b'"}\n' + good)

    code, told = finished(archive, out, model, "--jobs", 1, limit=600 * 2**20)

    assert code == 0, told
    assert "bad rows: 1 (1 line too long)" in told
    with gzip.open(out / "a.jsonl.gz", "rt") as stream:
        assert [json.loads(line)["tags"] for line in stream] == [["energy"], ["energy"]]
    rejects = out / ".classifier" / "rejects" / "a.jsonl.gz.jsonl"
    assert json.loads(rejects.read_text())["line"] == 2
