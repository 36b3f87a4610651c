"""How fast and in how much memory archives are tagged, and what training keeps of a corpus.

``python -m bench.archive ARTICLES.jsonl[.gz] [--save]`` splits the articles into files, tags them
with one process and with two, does the same with ten times as many articles, and trains on
articles made of shuffled sentences of ``data/house``. It prints Markdown; with ``--save`` the
figures go into ``bench/results/archive.json`` and ``docs/archives.md``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from classifier.article import Article, Labels
from classifier.corpus.read import read_articles
from classifier.model.vocabulary import Analyzer

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "archive.json"
PAGE = ROOT / "docs" / "archives.md"
N_FILES = 40
TIMES = 10
RUNS = 3
PAUSE = 0.1
MEGABYTE = 2**20
SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]*")
TRAINING_SIZES = (2_000, 4_000, 8_000)
WORDS = 400

Figures = dict[str, object]


def split(articles: Path, folder: Path) -> int:
    """Write the articles as `N_FILES` files and as one; return how many there are."""
    opened = gzip.open if articles.suffix == ".gz" else open
    with opened(articles, "rb") as stream:
        lines = stream.readlines()
    (folder / "archive").mkdir()
    for number in range(N_FILES):
        with gzip.open(folder / "archive" / f"{number:03}.jsonl.gz", "wb", 6) as packed:
            packed.writelines(lines[number::N_FILES])
    (folder / "one.jsonl").write_bytes(b"".join(lines))
    many = folder / "many"
    for number in range(TIMES):
        (many / str(number)).mkdir(parents=True)
        for path in (folder / "archive").iterdir():
            (many / str(number) / path.name).hardlink_to(path)
    with (folder / "ten.jsonl").open("wb") as stream:
        for _ in range(TIMES):
            stream.writelines(lines)
    return len(lines)


def measured(*arguments: object) -> Figures:
    """Run the command line; return seconds, processor seconds and peak memory of all processes."""
    before, start = os.times(), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "classifier", *map(str, arguments)], stderr=subprocess.DEVNULL
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(proportional, family(process.pid))))
        time.sleep(PAUSE)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return {"seconds": time.monotonic() - start, "cpu": used, "peak_mb": peak / MEGABYTE}


def family(pid: int) -> Iterator[int]:
    """Yield a process and those it has started."""
    yield pid
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            yield from family(int(child))


def proportional(pid: int) -> int:
    """Return the bytes of a process, those it shares divided among those who share them."""
    with suppress(OSError):
        found = re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        return int(found[1]) * 1024 if found else 0
    return 0


def tagging(articles: Path) -> Figures:
    """Return the figures of each way of tagging, by name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n = split(articles, folder)
        runs: dict[str, tuple[int, Sequence[object]]] = {
            "40 packed files, 1 process": (n, ("archive", "--jobs", 1)),
            "40 packed files, 2 processes": (n, ("archive", "--jobs", 2)),
            "400 packed files, 2 processes": (n * TIMES, ("many", "--jobs", 2)),
            "one file into one, 1 process": (n, ("one.jsonl",)),
            "one file into one, 2 processes": (n, ("one.jsonl", "--jobs", 2)),
            "one file of ten times the articles, 2 processes": (
                n * TIMES,
                ("ten.jsonl", "--jobs", 2),
            ),
        }
        figures: Figures = {}
        for number, (title, (n_articles, (source, *more))) in enumerate(runs.items()):
            suffix = ".jsonl" if str(source).endswith(".jsonl") else ""
            repeated = [
                measured(
                    "predict",
                    folder / str(source),
                    "--out",
                    folder / f"{number}-{run}{suffix}",
                    *more,
                )
                for run in range(RUNS if n_articles == n else 1)
            ]
            # the run that other work on the machine disturbed least
            best = min(repeated, key=lambda figures: float(str(figures["seconds"])))
            figures[title] = {"articles": n_articles, **best}
        return figures


def made_articles(n_articles: int) -> Iterator[Article]:
    """Yield articles of shuffled sentences, with the labels of the article they begin with."""
    house = list(read_articles([ROOT / "data" / "house"]))
    sentences = [s.strip() for article in house for s in SENTENCE.findall(article.text)]
    draw = random.Random(7)
    for number in range(n_articles):
        article = house[number % len(house)]
        words, picked = 0, [article.title]
        while words < WORDS:
            picked.append(draw.choice(sentences))
            words += len(picked[-1].split())
        labels = article.labels or Labels()
        yield Article(" ".join(picked), id=str(number), labels=labels)


def keeps_counts(n_articles: int) -> None:
    """Count terms and nothing else."""
    from classifier.text import article_text
    from classifier.training.count import TermCounter

    counter = TermCounter(Analyzer(lead_words=100))
    for article in made_articles(n_articles):
        counter.add(article_text(article))


def keeps_signatures(n_articles: int) -> None:
    """Look for near-duplicates and nothing else."""
    from classifier.corpus.duplicates import near_duplicate_groups

    near_duplicate_groups(article.text for article in made_articles(n_articles))


def counts(n_articles: int) -> None:
    """Do all that comes before the fits."""
    from classifier.training.settings import Settings
    from classifier.training.train import as_corpora, count_articles

    count_articles(as_corpora(made_articles(n_articles)), Settings())


def trains(n_articles: int) -> None:
    """Train a model by the defaults."""
    from classifier.training.train import train

    train(made_articles(n_articles))


def reads(n_articles: int) -> None:
    """Make the articles and let them go."""
    for _ in made_articles(n_articles):
        pass


STAGES: Mapping[str, Callable[[int], None]] = {
    "reading": reads,
    "counts of terms": keeps_counts,
    "signatures of near-duplicates": keeps_signatures,
    "all that comes before the fits": counts,
    "training, all of it": trains,
}


def training() -> Figures:
    """Return the peak memory of each stage by the number of articles, in processes of their own."""
    text_bytes = sum(len(article.text) for article in made_articles(500)) / 500
    figures: Figures = {"text_bytes_an_article": text_bytes}
    for title in STAGES:
        peaks = {}
        for size in TRAINING_SIZES:
            command = [sys.executable, "-m", "bench.archive", "--stage", title, str(size)]
            said = subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout
            peaks[size] = int(said) * 1024
        least, most = min(TRAINING_SIZES), max(TRAINING_SIZES)
        slope = (peaks[most] - peaks[least]) / (most - least)
        figures[title] = {"peak_mb": peaks[most] / MEGABYTE, "bytes_an_article": slope}
    return figures


def stage(title: str, n_articles: int) -> None:
    """Run one stage and print the peak memory of this process in kilobytes."""
    STAGES[title](n_articles)
    # unlike ru_maxrss, not that of the process which started this one
    found = re.search(r"^VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(), re.M)
    print(found[1] if found else 0)


def page_parts(figures: Mapping[str, Figures]) -> dict[str, str]:
    """Return the tables of docs/archives.md by the name of their marker."""
    rows = [
        "| what | articles | seconds | articles a second | µs of processor an article | peak MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for title, row in figures["tagging"].items():
        n, seconds, cpu = row["articles"], row["seconds"], row["cpu"]  # type: ignore[index]
        rows.append(
            f"| {title} | {n:,} | {seconds:.1f} | {n / seconds:,.0f} | {1e6 * cpu / n:.0f} "
            f"| {row['peak_mb']:.0f} |"  # type: ignore[index]
        )
    text = figures["training"]["text_bytes_an_article"]
    kept = [
        f"| what is kept | bytes an article of {text:,.0f} | peak MB at {max(TRAINING_SIZES):,} |",
        "|---|---:|---:|",
    ]
    for title in STAGES:
        row = figures["training"][title]
        kept.append(f"| {title} | {row['bytes_an_article']:,.0f} | {row['peak_mb']:.0f} |")  # type: ignore[index]
    return {"tagging": "\n".join(rows), "training": "\n".join(kept)}


def save(figures: Mapping[str, Figures]) -> None:
    """Put the figures where they are kept and shown."""
    RESULTS.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    page = PAGE.read_text()
    for name, table in page_parts(figures).items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, _, rest = page.partition(begin)
        page = f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(page)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("articles", type=Path, nargs="?")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--stage", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        stage(args.stage[0], int(args.stage[1]))
        return
    if args.articles is None:
        parser.error("name a file of articles")
    figures = {"tagging": tagging(args.articles.resolve()), "training": training()}
    print("\n\n".join(page_parts(figures).values()))
    if args.save:
        save(figures)


if __name__ == "__main__":
    main()
