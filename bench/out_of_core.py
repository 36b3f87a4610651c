"""Training on ten times as much text as the process may have memory, beside training in memory.

``python -m bench.out_of_core [--save]`` writes a corpus of invented words, `TIMES` times the
limit of address space that the training process is given (``RLIMIT_AS``), trains on it with
``--memory`` and the default settings, and judges on articles that were left out. Beside it: the
same limit without ``--memory``, and a tenth of the corpus in memory without a limit. It prints
Markdown; with ``--save`` the figures go into ``bench/results/out_of_core.json`` and
``docs/archives.md``. It takes twice the corpus, some 14 GB, of temporary files.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.out_of_core_corpus import write_corpus
from bench.pages import put_between_marks

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "out_of_core.json"
PAGE = ROOT / "docs" / "archives.md"
MEGABYTE = 10**6
LIMIT, MEMORY, TIMES = 700, 400, 10
WORDS, HELD_OUT = 6_500, 3_000

IN_MEMORY, TENTH = "in memory under the limit", "a tenth in memory, no limit"
OUT_OF_CORE = "out of core under the limit"
NAMES = (IN_MEMORY, TENTH, OUT_OF_CORE)

Figures = dict[str, object]


class Clock:
    """Seconds and processor seconds since the last reading, by the name of what was done."""

    def __init__(self) -> None:
        self.phases: dict[str, Figures] = {}
        self._last = time.monotonic(), time.process_time()

    def done(self, phase: str) -> None:
        """Note that a phase has ended."""
        now = time.monotonic(), time.process_time()
        seconds, cpu = (after - before for after, before in zip(now, self._last, strict=True))
        self.phases[phase] = {"seconds": round(seconds, 1), "cpu": round(cpu, 1)}
        self._last = now
        print(f"{phase}: {seconds:.0f} s, {cpu:.0f} s of processor", file=sys.stderr, flush=True)


def train_here(corpus: Path, held_out: Path, *, memory: int | None, jobs: int) -> Figures:
    """Train in this process and return its figures."""
    from classifier.corpus.corpus import Corpus
    from classifier.corpus.read import read_articles
    from classifier.corpus.scratch import open_scratch
    from classifier.training.memory import Plan
    from classifier.training.settings import Settings
    from classifier.training.train import count_articles, fit_model, store_articles

    clock, settings = Clock(), Settings()

    def progress(step: str, done: int, total: int) -> None:
        if step == "fitting" and done == total:
            clock.done("final fit")
        elif step == "fitting":
            clock.done("cross-validation" if done == total - 1 else f"fit {done}")

    corpora = [Corpus("made", read_articles([corpus]))]
    with open_scratch(corpus.parent) as files:
        counted = (
            count_articles(corpora, settings)
            if memory is None
            else store_articles(corpora, settings, scratch=files, plan=Plan(memory))
        )
        clock.done("reading, counting, near-duplicates")
        model = fit_model(counted, settings, jobs=jobs, progress=progress)
        clock.done("cuts, calibration, figures")
    return {
        "articles": len(counted),
        "terms": len(model.vocabulary),
        "phases": summed(clock.phases),
        "temporary_gb": round(files.written / 1e9, 2),
        **peaks(),
        "held_out": judged(model, held_out),
        "cross_validated_micro_f1": model.info["figures"]["micro_f1"],
        "chosen": model.info["chosen"],
    }


def summed(phases: dict[str, Figures]) -> dict[str, Figures]:
    """Return the phases with the single fits of cross-validation added up."""
    found: dict[str, Figures] = {}
    for name, figures in phases.items():
        title = "cross-validation" if re.fullmatch(r"fit \d+", name) else name
        before = found.setdefault(title, {"seconds": 0.0, "cpu": 0.0})
        for key, value in figures.items():
            before[key] = round(float(str(before[key])) + float(str(value)), 1)
    return found


def peaks() -> Figures:
    """Return the most that this process had at once, in MB of 10^6 bytes."""
    status = Path("/proc/self/status").read_text()
    sizes = {name: int(kb) * 1024 for name, kb in re.findall(r"^(Vm\w+):\s+(\d+)", status, re.M)}
    return {
        "peak_mb": round(sizes["VmHWM"] / MEGABYTE),
        "peak_address_space_mb": round(sizes["VmPeak"] / MEGABYTE),
    }


def judged(model: object, held_out: Path) -> Figures:
    """Return micro- and macro-F1 on articles that no training has seen."""
    import numpy as np

    from classifier.corpus.labels import truth_matrix
    from classifier.corpus.read import read_articles
    from classifier.evaluation.metrics import macro_f1, micro_f1

    labels = model.labels  # type: ignore[attr-defined]
    known, tags = [], []
    for article in read_articles([held_out]):  # one by one: the limit still holds
        known.append(article.labels)
        tags += [p.tags for p in model.predict([article])]  # type: ignore[attr-defined]
    truth = truth_matrix(known, labels)
    given = np.zeros(truth.shape, dtype=bool)
    for row, names in zip(given, tags, strict=True):
        row[[labels.index(name) for name in names]] = True
    return {
        "articles": len(known),
        "micro_f1": round(micro_f1(truth, given), 4),
        "macro_f1": round(macro_f1(truth, given), 4),
    }


def trained(
    corpus: Path, held_out: Path, *, limit: int | None, memory: int | None, jobs: int
) -> Figures:
    """Train in a process of its own and return its figures, or how it failed."""
    command = [sys.executable, "-m", "bench.out_of_core", "--train", str(corpus), str(held_out)]
    command += ["--limit", str(limit or 0), "--memory", str(memory or 0), "--jobs", str(jobs)]
    # One arena, as each reserves address space for itself.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    start = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    sys.stderr.write(done.stderr[-2000:])
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"signal {-done.returncode}"]
        return {"failed": last[0], "after_seconds": round(time.monotonic() - start, 1)}
    return json.loads(done.stdout.splitlines()[-1])


def train_limited(args: argparse.Namespace) -> None:
    """Set the limit on this process before anything large is imported, train, and print figures."""
    import resource

    if args.limit:
        resource.setrlimit(resource.RLIMIT_AS, (args.limit * MEGABYTE,) * 2)
    memory = args.memory * MEGABYTE or None
    corpus, held_out = map(Path, args.train)
    print(json.dumps(train_here(corpus, held_out, memory=memory, jobs=args.jobs)))


def measured(folder: Path, args: argparse.Namespace) -> Figures:
    """Return the figures of all trainings."""
    whole, tenth, held_out = (folder / f"{name}.jsonl" for name in ("whole", "tenth", "held"))
    text = int(args.limit * MEGABYTE * args.times)
    n_articles, n_bytes = write_corpus(whole, held_out, text, words=WORDS, held_out=HELD_OUT)
    with whole.open("rb") as source, tenth.open("wb") as target:
        target.writelines(line for line, _ in zip(source, range(n_articles // 10), strict=False))
    figures: Figures = {
        "limit_mb": args.limit,
        "memory_mb": args.memory,
        "text_mb": round(n_bytes / MEGABYTE),
        "articles": n_articles,
        "jobs": args.jobs,
    }
    for name, corpus, limit, memory in runs(args, whole, tenth):
        print(f"\n{name}", file=sys.stderr, flush=True)
        found = trained(corpus, held_out, limit=limit, memory=memory, jobs=args.jobs)
        figures[name] = found
        print(json.dumps(found), file=sys.stderr, flush=True)
    return figures


def runs(
    args: argparse.Namespace, whole: Path, tenth: Path
) -> Iterator[tuple[str, Path, int | None, int | None]]:
    """Yield name, corpus, limit and memory of each training."""
    yield IN_MEMORY, whole, args.limit, None
    yield TENTH, tenth, None, None
    yield OUT_OF_CORE, whole, args.limit, args.memory


def table(figures: Figures) -> str:
    """Return the figures as two tables."""
    rows = [
        "| training | text MB | articles | peak MB | address space MB | minutes "
        "| processor minutes | micro-F1 | macro-F1 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [row(name, figures) for name in reversed(NAMES)]
    rows += ["", "| phase, out of core | minutes | processor minutes |", "|---|---:|---:|"]
    whole: Figures = figures[OUT_OF_CORE]  # type: ignore[assignment]
    for name, phase in whole.get("phases", {}).items():  # type: ignore[attr-defined]
        rows.append(f"| {name} | {phase['seconds'] / 60:.1f} | {phase['cpu'] / 60:.1f} |")
    return "\n".join(rows)


def row(name: str, figures: Figures) -> str:
    """Return the row of one training, which may have failed."""
    run: dict = figures[name]  # type: ignore[assignment,type-arg]
    part = 10 if name == TENTH else 1
    text, n_articles = (int(str(figures[key])) // part for key in ("text_mb", "articles"))
    head = f"| {name} | {text:,} | {n_articles:,} "
    if "failed" in run:
        return head + f"| fails: {run['failed']} | | {run['after_seconds'] / 60:.1f} | | | |"
    minutes, cpu = (sum(p[k] for p in run["phases"].values()) / 60 for k in ("seconds", "cpu"))
    judged = run["held_out"]
    return head + (
        f"| {run['peak_mb']:,} | {run['peak_address_space_mb']:,} | {minutes:.1f} | {cpu:.1f} "
        f"| {judged['micro_f1']:.3f} | {judged['macro_f1']:.3f} |"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--limit", type=int, default=LIMIT, help="MB of address space")
    parser.add_argument("--memory", type=int, default=MEMORY, help="MB told to the training")
    parser.add_argument("--times", type=float, default=TIMES, help="text in limits")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="for the corpus and temporary files")
    parser.add_argument("--train", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train:
        train_limited(args)
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        figures = measured(Path(name), args)
    print(table(figures))
    if args.save:
        RESULTS.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
        put_between_marks(PAGE, "out-of-core", table(figures))


if __name__ == "__main__":
    main()
