"""The package as people import it: light, lazy, and complete."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import classifier
from classifier.training.fit import solver
from tests.command_line import environment, save_tiny

HEAVY = {"pandas", "sklearn", "scipy", "joblib", "rich", "pyarrow", "trafilatura", "zstandard"}


def loaded_by(code, *args):
    """Return the top names of the modules that are loaded once `code` has run."""
    listing = "\nimport sys\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code + listing, *map(str, args)],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy():
    """`import classifier` costs nothing until a name is used."""
    loaded = loaded_by("import classifier")

    assert "classifier" in loaded
    assert not loaded & (HEAVY | {"numpy", "typer", "ftfy"})


def test_scoring_a_text_needs_numpy_alone():
    """`classifier.score` loads none of the libraries that training needs."""
    loaded = loaded_by("import classifier\nclassifier.score('Oil prices rose in Vienna.')")

    assert "numpy" in loaded
    assert not loaded & (HEAVY | {"typer"})


@pytest.mark.skipif(solver() is None, reason="no compiled solver")
def test_a_training_needs_no_scikit_learn():
    """It fits by itself; LIBLINEAR is imported where nothing is compiled."""
    code = """
import classifier
labels = ["oil", "gas"] * 9
classifier.train([{"text": f"{name} {n}", "labels": [name]} for n, name in enumerate(labels)])
"""

    assert loaded_by(code) & HEAVY == {"scipy"}


def test_predicting_on_the_command_line_loads_nothing_heavy(tmp_path):
    """`classifier predict` starts quickly: no pandas, no scikit-learn, no rich."""
    (tmp_path / "article.txt").write_text("Oil and gas: the minister opened the pipeline")
    model = save_tiny(tmp_path / "tiny")
    code = """
import sys
from classifier.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code
"""

    loaded = loaded_by(
        code, "predict", "--model", model, "--explain", "--scores", "--format", "table",
        tmp_path / "article.txt",
    )  # fmt: skip

    assert "typer" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("name", classifier.__all__)
def test_every_public_name_is_there(name):
    """Each name of `__all__` is found where the table of homes says."""
    assert getattr(classifier, name).__name__ == name


def test_public_names_are_listed_once_and_in_order():
    """`dir` shows them to people who explore."""
    assert dir(classifier) == classifier.__all__
    assert len(set(classifier.__all__)) == len(classifier.__all__)


def test_another_name_is_an_attribute_error():
    """A misspelt name fails as in any module."""
    with pytest.raises(AttributeError, match="module 'classifier' has no attribute 'scroe'"):
        classifier.scroe  # noqa: B018


def test_the_package_tells_its_version():
    """Reports of faults begin with it."""
    assert classifier.__version__ == version("classifier")
