"""What all tests share: tests of the fetched corpus run where it has been fetched."""

import pytest

from classifier.files import cache_dir


def pytest_collection_modifyitems(items):
    """Skip what needs the corpus, with the reason, where it is not there."""
    if (cache_dir() / "news_articles" / "NewsArticles.csv").exists():
        return
    missing = pytest.mark.skip(reason="run 'classifier corpus fetch news_articles' first")
    for item in items:
        if "corpus" in item.keywords:
            item.add_marker(missing)
