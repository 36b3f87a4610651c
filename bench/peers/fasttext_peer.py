"""fastText, supervised, one output a label; with FASTTEXT_PAIRS, with pairs of words too."""

import os
from pathlib import Path

import fasttext
import worker

PREFIX = "__label__"
# one thread gives the same model each time
OPTIONS = {"loss": "ova", "lr": 0.5, "epoch": 50, "dim": 20, "minCount": 2, "thread": 1}
if "FASTTEXT_PAIRS" in os.environ:
    OPTIONS |= {"wordNgrams": 2, "bucket": 200_000, "dim": 100}
CUT = 0.5


def train(texts: list[str], labels: list[list[str]], folder: Path) -> None:
    data = folder / "train.txt"
    with data.open("w", encoding="utf-8") as stream:
        for text, given in zip(texts, labels, strict=True):
            names = " ".join(PREFIX + label for label in given)
            stream.write(f"{names} {worker.words(text)}\n")
    fasttext.train_supervised(str(data), verbose=0, **OPTIONS).save_model(str(folder / "model.bin"))
    data.unlink()


def load(folder: Path) -> worker.Answers:
    model = fasttext.load_model(str(folder / "model.bin"))
    native = model.f.predict
    return lambda texts: [
        answer(native(worker.words(text) + "\n", -1, 0.0, "strict")) for text in texts
    ]


def answer(found: list[tuple[float, str]]) -> worker.Answer:
    scores = {label.removeprefix(PREFIX): score for score, label in found}
    return [label for label, score in scores.items() if score >= CUT], scores


if __name__ == "__main__":
    worker.run(train, load)
