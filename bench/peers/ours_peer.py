"""Ours, as the peers are measured; files are tagged by its own command line instead."""

import sys
from pathlib import Path

import worker

from classifier.article import Article, Labels
from classifier.model.folder import load_model, save_model

# As with the peers, imports are not part of the training; who only tags does without them.
if "train" in sys.argv[1:2]:
    from classifier.training.settings import Settings
    from classifier.training.train import train as train_model


def train(texts: list[str], labels: list[list[str]], folder: Path) -> None:
    articles = [
        Article(text, id=str(i), labels=Labels(frozenset(given)))
        for i, (text, given) in enumerate(zip(texts, labels, strict=True))
    ]
    save_model(train_model(articles, Settings()), folder)


def load(folder: Path) -> worker.Answers:
    predict = load_model(folder).predict
    return lambda texts: [(list(p.tags), dict(p.scores)) for p in predict(texts)]


if __name__ == "__main__":
    worker.run(train, load)
