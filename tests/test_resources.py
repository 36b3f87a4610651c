"""Shipped files, the cache folder, and writing without half-written files."""

import gzip
import os
from pathlib import Path

import pytest

from classifier import files
from classifier.errors import ClassifierError
from classifier.files import (
    cache_dir,
    file_sha256,
    json_text,
    locked_folder,
    replacing,
    resource,
    write_file,
    write_json_lines,
)


@pytest.fixture
def checkout(tmp_path):
    """Make a repository with a package folder, `models` and `data`; returns the package folder."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "models" / "sectors").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "classifier").mkdir()
    return tmp_path / "classifier"


def test_a_checkout_reads_the_repository_s_own_folders(checkout):
    """Without shipped folders the repository beside the package is used."""
    found = resource("models", "sectors", package=checkout)

    assert found == checkout.parent / "models" / "sectors"


def test_an_installed_wheel_reads_the_shipped_folder(tmp_path):
    """In an installed package the data lies inside the package."""
    shipped = tmp_path / "classifier" / "shipped_data"
    shipped.mkdir(parents=True)
    (shipped / "a.csv").touch()

    assert resource("data", "a.csv", package=tmp_path / "classifier") == shipped / "a.csv"


def test_a_foreign_folder_beside_an_installed_package_is_not_taken(tmp_path):
    """A `data` folder of another package in site-packages is not ours."""
    (tmp_path / "data").mkdir()

    with pytest.raises(ClassifierError, match="data is not part of this installation"):
        resource("data", package=tmp_path / "classifier")


def test_a_missing_resource_names_every_place_tried(checkout):
    """The message lists the shipped place and the repository's."""
    with pytest.raises(ClassifierError) as caught:
        resource("models", "other", package=checkout)

    assert str(checkout / "shipped_models" / "other") in str(caught.value)
    assert str(checkout.parent / "models" / "other") in str(caught.value)


def test_only_models_and_data_are_shipped(checkout):
    """Any other folder name is refused with the names that exist."""
    (checkout.parent / "tests").mkdir()

    with pytest.raises(ClassifierError, match="only data and models are shipped"):
        resource("tests", package=checkout)


def test_the_label_files_of_this_installation_are_found():
    """The default package folder leads to the real data."""
    assert resource("data", "news_articles.labels.csv").is_file()


def test_the_environment_variable_decides_the_cache(checkout, monkeypatch):
    """CLASSIFIER_CACHE wins over the checkout, and ~ is the home folder."""
    monkeypatch.setenv("HOME", "/users/someone")
    monkeypatch.setenv("USERPROFILE", "/users/someone")
    monkeypatch.setenv("CLASSIFIER_CACHE", "~/kept")

    assert cache_dir(package=checkout) == Path("/users/someone/kept")


def test_a_checkout_keeps_its_cache_in_the_repository(checkout, monkeypatch):
    """An empty variable counts as unset; the folder is the one git ignores."""
    monkeypatch.setenv("CLASSIFIER_CACHE", "")

    assert cache_dir(package=checkout) == checkout.parent / ".cache" / "classifier"


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/classifier"),
        ("linux", {}, "/users/someone/.cache/classifier"),
        ("darwin", {}, "/users/someone/Library/Caches/classifier"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/classifier"),
        ("win32", {}, "/users/someone/AppData/Local/classifier"),
    ],
)
def test_an_installed_package_uses_the_platform_s_cache(
    platform, variables, expected, tmp_path, monkeypatch
):
    """Each platform has its own place for a user's caches."""
    for name in ("CLASSIFIER_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/users/someone", "USERPROFILE": "/users/someone"}.items():
        monkeypatch.setenv(name, value)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert cache_dir(package=tmp_path, platform=platform) == Path(expected)


def test_a_file_hash_is_the_sha256_of_its_bytes(tmp_path):
    """The digest of three known bytes, as published with the algorithm."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")

    assert file_sha256(path) == ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    """An error on the way keeps what was there and removes the half-written file."""
    path = tmp_path / "kept.txt"
    path.write_bytes(b"old")
    rows = ({"a": 1 // n} for n in (1, 0))

    with pytest.raises(ZeroDivisionError):
        write_json_lines(path, rows)

    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("kept.txt", b"old")]


def test_a_finished_write_replaces_the_old_file(tmp_path):
    """The new bytes are there once the block has ended, in folders made on the way."""
    path = tmp_path / "deep" / "kept.txt"

    with replacing(path) as stream:
        stream.write(b"new")

    assert [(each.name, each.read_bytes()) for each in path.parent.iterdir()] == [
        ("kept.txt", b"new")
    ]


def test_an_unwritable_cache_names_the_variable_that_moves_it(tmp_path, monkeypatch):
    """A file where the cache should be is one clear line."""
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path / "file"))
    (tmp_path / "file").touch()

    with pytest.raises(ClassifierError, match=r"cannot be written .* CLASSIFIER_CACHE names it"):
        write_json_lines(tmp_path / "file" / "out.jsonl", [])


def test_an_unwritable_place_of_the_user_s_has_nothing_to_do_with_the_cache(tmp_path):
    """Outside of the cache the advice is another folder."""
    (tmp_path / "file").touch()

    with pytest.raises(ClassifierError) as caught:
        write_json_lines(tmp_path / "file" / "out.jsonl", [])

    assert str(caught.value) == (
        f"{tmp_path}/file/out.jsonl cannot be written (File exists). Choose another folder."
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without /dev/full")
def test_a_full_disk_names_the_file(tmp_path):
    """The system's error names no file; ours does."""
    (tmp_path / "out.bin").symlink_to("/dev/full")

    with pytest.raises(ClassifierError, match=r"out\.bin cannot be written \(No space left"):
        write_file(tmp_path / "out.bin", bytes(100_000))


def test_errors_of_other_files_pass_through_a_write(tmp_path):
    """What is read meanwhile and fails is not called a failure to write."""
    with pytest.raises(FileNotFoundError, match="input"), replacing(tmp_path / "out") as stream:
        stream.write((tmp_path / "input").read_bytes())


def test_what_a_killed_writer_left_is_removed_and_what_one_writes_is_not(tmp_path):
    """An unfinished file without a lock goes; that of a writer at work stays, as do others."""
    (tmp_path / ".out.0123abcd.part").touch()
    (tmp_path / ".out.notours.part").touch()

    with replacing(tmp_path / "out") as slow:
        slow.write(b"slow")
        write_file(tmp_path / "out", b"quick")

    assert (tmp_path / "out").read_bytes() == b"slow"
    assert sorted(each.name for each in tmp_path.iterdir()) == [".out.notours.part", "out"]


def test_a_link_stays_a_link(tmp_path):
    """The file that it leads to is replaced where it lies."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "real")

    write_file(tmp_path / "out", b"new")

    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk" / "real").read_bytes() == b"new"


def test_a_fifo_is_written_to(tmp_path):
    """Whoever reads it gets the bytes, and it stays what it is."""
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)

    write_file(tmp_path / "fifo", b"bytes")

    found = os.read(reader, 10)
    os.close(reader)
    assert found == b"bytes"
    assert (tmp_path / "fifo").is_fifo()


def test_a_locked_folder_is_waited_for(tmp_path, monkeypatch):
    """Two blocks never hold one folder; who waits too long is told of the other."""
    monkeypatch.setattr(files, "PATIENCE", 0.05)

    with (
        locked_folder(tmp_path),
        pytest.raises(ClassifierError, match=r"another process writes there"),
        locked_folder(tmp_path),
    ):
        pass
    with locked_folder(tmp_path):
        pass


def test_reports_are_ascii_and_refuse_what_json_does_not_know():
    """Every report looks alike, and none holds NaN."""
    assert json_text({"é": [1.5]}) == '{\n "\\u00e9": [\n  1.5\n ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"a": float("nan")})


def test_json_lines_keep_letters_as_they_are(tmp_path):
    """Plain JSON lines are UTF-8 with one line feed a row, and the count is returned."""
    path = tmp_path / "out.jsonl"

    n_rows = write_json_lines(path, [{"a": "é\n"}, {"a": "b"}])

    assert n_rows == 2
    assert path.read_bytes() == b'{"a": "\xc3\xa9\\n"}\n{"a": "b"}\n'


def test_compressed_json_lines_hold_neither_time_nor_name(tmp_path):
    """Bytes 4 to 7 of the gzip header, the time, are zero and no flag announces a name."""
    path = tmp_path / "out.jsonl.gz"

    n_rows = write_json_lines(path, [{"a": 1}])

    packed = path.read_bytes()
    assert n_rows == 1
    assert packed[3:8] == b"\x00\x00\x00\x00\x00"
    assert gzip.decompress(packed) == b'{"a": 1}\n'
