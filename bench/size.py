"""How large the project is and how many files a trip through it takes; ``make size`` prints both.

A file counts when one of its functions runs; what import alone runs does not, nor do the worker
processes of an archive.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "data" / "examples"
# At most so many lines, or files of the package.
LINES = {"classifier/**/*.py": 21_000, "classifier/**/*.pyx": 2_600, "bench/**/*.py": 2_800,
         "tests/**/*.py": 17_000, "**/*.md": 1_900}  # fmt: skip
FILES = {"predict": 16, "request": 9, "archive": 26, "train": 38, "evaluate": 28}

PROFILED = """
import json, sys, threading
seen = set()
def profile(frame, event, argument):
    code = frame.f_code
    # the bodies of modules and classes have no flag of a function
    if event == "call" and code.co_flags & 1 and code.co_name[0] != "<":
        seen.add(code.co_filename)
def start():
    threading.setprofile(profile)
    sys.setprofile(profile)
sys.argv = ["classifier", *json.loads(sys.argv[1])]
if sys.argv[1] == "request":
    import asyncio, httpx
    from classifier.service.app import create_app
    async def ask(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for before in (lambda: None, start):
                before()
                answer = await client.post("/v1/predict", json={"text": "Oil prices rise."})
                answer.raise_for_status()
    asyncio.run(ask(create_app()))
else:
    from classifier.cli import main
    start()
    try:
        main()
    except SystemExit as done:
        assert not done.code, done.code
sys.setprofile(None)
package = {name for name in seen if "/classifier/" in name and "/site-packages/" not in name}
print("\\n" + json.dumps(sorted(name.rpartition("/classifier/")[2] for name in package)))
"""


def files_touched(trip: str, folder: Path) -> list[str]:
    """Return the files of the package in which a function ran on the trip, as paths below it."""
    words = [sys.executable, "-c", PROFILED, json.dumps(_arguments(trip, folder))]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    return list(json.loads(done.stdout.rstrip().rpartition("\n")[2]))


def _arguments(trip: str, folder: Path) -> list[str]:
    article = folder / "one.txt"
    article.write_text("Oil prices rise as ministers meet for talks on cuts.\n")
    return {
        "predict": ["predict", str(article)],
        "request": ["request"],
        "archive": ["predict", str(EXAMPLES), "--out", str(folder / "tags"), "--jobs", "2"],
        "train": ["train", str(EXAMPLES), "--out", str(folder / "model")],
        "evaluate": ["evaluate", "sectors", str(EXAMPLES)],
    }[trip]


def lines() -> Iterator[tuple[str, int]]:
    """Yield the lines of each kind of file, by its pattern."""
    listed = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    paths = [Path(name) for name in listed.stdout.split("\n") if name]
    for pattern in LINES:
        start, suffix = pattern.partition("**")[0], pattern.rpartition("*")[2]
        yield (
            pattern,
            sum(
                len((ROOT / path).read_bytes().splitlines())
                for path in paths
                if str(path).startswith(start) and path.suffix == suffix
            ),
        )


def main() -> None:
    """Print what there is and what the limits are."""
    for pattern, n in lines():
        print(f"{pattern:<20} {n:>7,} lines, at most {LINES[pattern]:,}")
    for trip, most in FILES.items():
        with tempfile.TemporaryDirectory() as folder:
            touched = files_touched(trip, Path(folder))
        print(f"{trip:<20} {len(touched):>7,} files, at most {most}")
        if "-v" in sys.argv:
            print("   ", *touched)


if __name__ == "__main__":
    main()
