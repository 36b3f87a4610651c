"""What every tool does under the clock: train, tag one by one, tag a file, answer once.

Each tool's script hands its two functions over to `run`, which does what the command line says
and prints what it took as JSON. The scripts run in different environments, so this module needs
nothing but Python.
"""

import json
import string
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

BATCH = 256
WARM_UP = 20
PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + string.whitespace, " "))

Answer = tuple[list[str], dict[str, float]]
Answers = Callable[[list[str]], Iterable[Answer]]
Train = Callable[[list[str], list[list[str]], Path], None]
Load = Callable[[Path], Answers]


def run(train: Train, load: Load) -> None:
    """Do what the command line says: ``train DATA MODEL``, ``bulk MODEL IN OUT`` and so on.

    Parameters
    ----------
    train : callable
        Takes texts, the labels of each, and the folder of the model to write.
    load : callable
        Takes that folder; returns what turns texts into tags and a score a label.
    """
    command, *paths = sys.argv[1:]
    done = {
        "train": lambda data, model: timed_training(train, data, model),
        "single": lambda model, data: one_by_one(load(model), data),
        "bulk": lambda model, data, out: file_to_file(load(model), data, out),
        "first": lambda model, data: first_answer(load, model, data),
    }[command](*map(Path, paths))
    print(json.dumps(done))


def rows(path: Path) -> Iterator[dict]:
    """Yield the objects in a file of JSON lines."""
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def text_of(row: dict) -> str:
    """Return headline and body as one text."""
    title = row.get("title")
    return f"{title}\n\n{row['text']}" if title else row["text"]


def words(text: str) -> str:
    """Return a text in lower case with punctuation and line ends taken out."""
    return text.translate(PUNCTUATION).lower()


def answers_at_zero(margins: list[list[float]], labels: list[str]) -> list[Answer]:
    """Return the labels of margins above 0, and all margins, of each row."""
    rows = (dict(zip(labels, row, strict=True)) for row in margins)
    return [([label for label, m in row.items() if m > 0], row) for row in rows]


def timed_training(train: Train, data: Path, model: Path) -> dict:
    """Train on a file that was read before; return seconds of processors and of the clock."""
    read = list(rows(data))
    texts, labels = [text_of(row) for row in read], [row["labels"] for row in read]
    model.mkdir(exist_ok=True)
    wall, cpu = time.perf_counter(), time.process_time()
    train(texts, labels, model)
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def one_by_one(answers: Answers, data: Path) -> dict:
    """Tag each article by itself; return microseconds of each, and of processors on average."""
    texts = list(map(text_of, rows(data)))
    for text in texts[:WARM_UP]:
        list(answers([text]))
    took, cpu = [], time.process_time()
    for text in texts:
        start = time.perf_counter()
        list(answers([text]))
        took.append(1e6 * (time.perf_counter() - start))
    return {"microseconds": took, "cpu": 1e6 * (time.process_time() - cpu) / len(texts)}


def file_to_file(answers: Answers, data: Path, out: Path) -> dict:
    """Tag a file of articles into another, a batch at a time; return how many there were."""
    remaining, n_articles = rows(data), 0
    with out.open("w", encoding="utf-8") as stream:
        while batch := list(islice(remaining, BATCH)):
            n_articles += len(batch)
            given = answers(list(map(text_of, batch)))
            for row, (tags, scores) in zip(batch, given, strict=True):
                said = {"id": row["id"], "tags": tags, "scores": scores}
                stream.write(json.dumps(said, ensure_ascii=False) + "\n")
    return {"articles": n_articles}


def first_answer(load: Load, model: Path, data: Path) -> dict:
    """Return milliseconds from imported modules to the first article's scores."""
    text = text_of(next(rows(data)))
    start = time.perf_counter()
    list(load(model)([text]))
    return {"milliseconds": 1e3 * (time.perf_counter() - start)}
