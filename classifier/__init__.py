"""Tags news articles with sectors: trained on real news, explained exactly, run offline.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifier.archive.run import tag_archive
    from classifier.archive.score import load, predict_frame, score, tag
    from classifier.article import Article, Labels
    from classifier.corpus.corpus import Corpus, ReadOptions
    from classifier.corpus.read import read_articles
    from classifier.corpus.split import split_corpus
    from classifier.errors import ClassifierError
    from classifier.evaluation.compare import compare
    from classifier.evaluation.evaluate import evaluate
    from classifier.model.export import export_joblib
    from classifier.model.folder import save_model
    from classifier.model.model import Model
    from classifier.model.prediction import Contribution, Explanation, Prediction
    from classifier.published.sources import load_corpus
    from classifier.text import article_text
    from classifier.training.estimator import SectorClassifier
    from classifier.training.settings import Settings, read_settings
    from classifier.training.train import train

_HOMES = {
    "Article": "classifier.article",
    "ClassifierError": "classifier.errors",
    "Contribution": "classifier.model.prediction",
    "Corpus": "classifier.corpus.corpus",
    "Explanation": "classifier.model.prediction",
    "Labels": "classifier.article",
    "Model": "classifier.model.model",
    "Prediction": "classifier.model.prediction",
    "ReadOptions": "classifier.corpus.corpus",
    "SectorClassifier": "classifier.training.estimator",
    "Settings": "classifier.training.settings",
    "article_text": "classifier.text",
    "compare": "classifier.evaluation.compare",
    "evaluate": "classifier.evaluation.evaluate",
    "export_joblib": "classifier.model.export",
    "load": "classifier.archive.score",
    "load_corpus": "classifier.published.sources",
    "predict_frame": "classifier.archive.score",
    "read_articles": "classifier.corpus.read",
    "read_settings": "classifier.training.settings",
    "save_model": "classifier.model.folder",
    "score": "classifier.archive.score",
    "split_corpus": "classifier.corpus.split",
    "tag": "classifier.archive.score",
    "tag_archive": "classifier.archive.run",
    "train": "classifier.training.train",
}

__all__ = [
    "Article",
    "ClassifierError",
    "Contribution",
    "Corpus",
    "Explanation",
    "Labels",
    "Model",
    "Prediction",
    "ReadOptions",
    "SectorClassifier",
    "Settings",
    "article_text",
    "compare",
    "evaluate",
    "export_joblib",
    "load",
    "load_corpus",
    "predict_frame",
    "read_articles",
    "read_settings",
    "save_model",
    "score",
    "split_corpus",
    "tag",
    "tag_archive",
    "train",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("classifier")
    if name not in _HOMES:
        raise AttributeError(f"module 'classifier' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
