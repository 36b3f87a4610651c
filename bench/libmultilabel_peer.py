"""Trains LibMultiLabel's linear techniques; runs in the environment of the peers, not in ours.

It reads ``train.jsonl`` and ``test.jsonl`` (text, labels) in the folder given to it and writes
``peer.json``: of each technique the tags of the test articles and the seconds of its training.
"""

import json
import sys
import time
from pathlib import Path

import libmultilabel.linear as linear
import numpy as np

# One thread: with a thread a core, its default, thresholding takes forty times as long here.
# Its default has no bias term; the options with one are those of its pages on the command line.
DEFAULT = "-s 1 -m 1"
WITH_BIAS = "-s 2 -B 1 -e 0.0001 -m 1"
TECHNIQUES = {
    "LibMultiLabel 1vsrest": (linear.train_1vsrest, DEFAULT),
    "LibMultiLabel thresholding": (linear.train_thresholding, DEFAULT),
    "LibMultiLabel thresholding, bias": (linear.train_thresholding, WITH_BIAS),
    "LibMultiLabel cost-sensitive": (linear.train_cost_sensitive, DEFAULT),
}


def main() -> None:
    folder = Path(sys.argv[1])
    parts = {part: rows(folder / f"{part}.jsonl") for part in ("train", "test")}
    begun = time.perf_counter(), time.process_time()
    preprocessor = linear.Preprocessor()
    data = preprocessor.fit_transform({"data_format": "txt", **parts})
    prepared = seconds_since(*begun)
    results = {
        name: technique(data, preprocessor.label_mapping, train, options, prepared)
        for name, (train, options) in TECHNIQUES.items()
    }
    (folder / "peer.json").write_text(json.dumps(results))


def rows(path: Path) -> dict:
    read = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {"x": [row["text"] for row in read], "y": [row["labels"] for row in read]}


def technique(data: dict, labels: np.ndarray, train, options: str, prepared: list) -> dict:
    np.random.seed(0)  # it deals its folds with NumPy's global generator
    begun = time.perf_counter(), time.process_time()
    model = train(data["train"]["y"], data["train"]["x"], False, options, False)
    took = seconds_since(*begun)
    margins = linear.predict_values(model, data["test"]["x"])
    return {
        "tags": linear.get_positive_labels(margins, labels)[0],
        "wall": prepared[0] + took[0],
        "cpu": prepared[1] + took[1],
        "n_terms": data["train"]["x"].shape[1],
    }


def seconds_since(wall: float, cpu: float) -> list:
    return [time.perf_counter() - wall, time.process_time() - cpu]


if __name__ == "__main__":
    main()
