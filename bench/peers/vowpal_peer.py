"""Vowpal Wabbit, a logistic learner a label, on tokens in lower case."""

import json
from pathlib import Path

import worker
from vowpalwabbit import Workspace

OPTIONS = "--loss_function logistic --random_seed 0 -b 20 --quiet"


def train(texts: list[str], labels: list[list[str]], folder: Path) -> None:
    names = sorted({label for given in labels for label in given})
    place = {label: str(i) for i, label in enumerate(names)}
    data = folder / "train.vw"
    with data.open("w", encoding="utf-8") as stream:
        for text, given in zip(texts, labels, strict=True):
            stream.write(f"{','.join(place[label] for label in given)} | {worker.words(text)}\n")
    options = f"--multilabel_oaa {len(names)} {OPTIONS} --passes 20 --holdout_off"
    learner = Workspace(f"{options} -d {data} -c -k -f {folder / 'model.vw'}")
    learner.finish()
    for left in (data, folder / "train.vw.cache"):
        left.unlink()
    (folder / "labels.json").write_text(json.dumps(names))


def load(folder: Path) -> worker.Answers:
    labels = json.loads((folder / "labels.json").read_text())
    # Tags only: with --probabilities this version hands out old scores too from the 257th on.
    learner = Workspace(f"-i {folder / 'model.vw'} -t --quiet")
    return lambda texts: [
        ([labels[i] for i in learner.predict(f"| {worker.words(text)}")], {}) for text in texts
    ]


if __name__ == "__main__":
    worker.run(train, load)
