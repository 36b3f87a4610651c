"""What all tests share: examples of Hypothesis, the tiny model, what needs the fetched corpus.

The same examples in every run, so that a change alone makes a test fail. Others are looked for
with ``pytest --hypothesis-profile explore``.
"""

import pytest
from hypothesis import settings

from classifier.files import cache_dir
from tests.command_line import save_tiny

# without a deadline: a loaded machine is no failure
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=3000, deadline=None)
settings.load_profile("same")


def pytest_collection_modifyitems(items):
    """Skip what needs the corpus, with the reason, where it is not there."""
    if (cache_dir() / "news_articles" / "NewsArticles.csv").exists():
        return
    missing = pytest.mark.skip(reason="run 'classifier corpus fetch news_articles' first")
    for item in items:
        if "corpus" in item.keywords:
            item.add_marker(missing)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Return the folder of the tiny model."""
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return the folder of the tiny model with its card, as services read it."""
    from tests.service import tiny_folder

    return tiny_folder(tmp_path_factory.mktemp("services") / "tiny")
