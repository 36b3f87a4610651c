"""A trip through the package touches few of its files; `make size` prints how many."""

import pytest

from bench.size import FILES, LINES, files_touched, lines

# What is reached; the goals are those of bench/size.py.
REACHED = {"predict": 25, "request": 9, "archive": 27, "train": 42, "evaluate": 33}


@pytest.mark.parametrize("trip", FILES)
def test_a_trip_takes_no_more_files_than_it_did(trip, tmp_path):
    """Who adds a file to the line takes another one out of it."""
    touched = files_touched(trip, tmp_path)

    assert "model/model.py" in touched or trip == "train"
    assert len(touched) <= REACHED[trip], touched


def test_lines_are_counted_of_every_kind_of_file():
    """All that git knows, generated files left out."""
    counted = dict(lines())

    assert counted.keys() == LINES.keys()
    assert min(counted.values()) > 1000
