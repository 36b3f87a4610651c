"""Progress: drawn for people who wait, and never in the way of anything else."""

import io
from contextlib import redirect_stderr

import pytest

from classifier.cli import app as progress


class Screen(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self):
        """Return True."""
        return True


@pytest.fixture
def impatient(monkeypatch):
    """Let progress be drawn at once."""
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    monkeypatch.setattr(progress, "PAUSE", -1.0)


@pytest.mark.usefixtures("impatient")
def test_a_count_is_kept_while_items_pass():
    """Each item goes through, and the count ends with the time it took."""
    with redirect_stderr(Screen()) as screen:
        items = list(progress.counted_on_terminal("abc", "articles", quiet=False))

    assert items == ["a", "b", "c"]
    lines = screen.getvalue().split("\r")
    assert lines[1].startswith("1 article, ")
    assert lines[-1].startswith("3 articles in ")
    assert lines[-1].endswith("\n")


@pytest.mark.usefixtures("impatient")
def test_the_line_is_ended_when_something_goes_wrong():
    """A message after an error starts on a line of its own."""

    def broken():
        yield from "ab"
        raise OSError("gone")

    with redirect_stderr(Screen()) as screen, pytest.raises(OSError, match="gone"):
        list(progress.counted_on_terminal(broken(), "articles", quiet=False))

    assert screen.getvalue().endswith("\n")


def test_quick_runs_show_nothing(monkeypatch):
    """A count that flashes by only disturbs."""
    monkeypatch.setattr(progress, "PATIENCE", 3600.0)
    with redirect_stderr(Screen()) as screen:
        items = list(progress.counted_on_terminal("abc", "articles", quiet=False))

    assert items == ["a", "b", "c"]
    assert screen.getvalue() == ""


@pytest.mark.usefixtures("impatient")
def test_quiet_is_quiet():
    """--quiet draws nothing, however long it takes."""
    with redirect_stderr(Screen()) as screen:
        items = list(progress.counted_on_terminal("abc", "articles", quiet=True))
        with progress.training_progress(quiet=True) as report:
            report("fitting", 1, 2)

    assert items == ["a", "b", "c"]
    assert screen.getvalue() == ""


def test_training_draws_a_bar_a_step():
    """Steps are drawn one below the other, a finished one as finished."""
    with redirect_stderr(Screen()) as screen, progress.training_progress(quiet=False) as report:
        report("reading articles", 7, 0)
        report("fitting", 1, 2)
        report("fitting", 2, 2)

    assert "7/7" in screen.getvalue()
    assert "2/2" in screen.getvalue()


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["closed", "a file"])
def test_closed_streams_and_files_are_no_terminal(stream):
    """Only people are shown progress."""
    assert progress.on_terminal(stream) is False
