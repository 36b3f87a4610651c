"""Cases of tests, which lie as JSON beside this file."""

import json
from pathlib import Path

import pytest


def read_cases(name):
    """Return what a file of cases holds."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


def cases(name, *parameters):
    """Return what gives a test its parameters, a row a case, from under its name in a file."""

    def with_cases(test):
        return pytest.mark.parametrize(",".join(parameters), read_cases(name)[test.__name__])(test)

    return with_cases


def each_case(name):
    """Return what gives a test each case of a file, by its name."""
    rows = read_cases(name)
    return pytest.mark.parametrize("case", rows, ids=[row["name"] for row in rows])
