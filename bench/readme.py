"""Puts tables, and the output of commands, between marks of pages; ``make readme`` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- shown: begin -->", "<!-- shown: end -->"

# Each as a reader types it, and how many lines of it are shown.
COMMANDS = (
    ("classifier predict data/examples --format table --terms", 14),
    ("head -1 data/examples/articles.jsonl | classifier predict", 1),
    ("echo 'Oil prices rise' | classifier predict - --format table", 1),
)


def put_between_marks(page: Path, mark: str, body: str) -> None:
    """Replace what stands between ``<!-- mark: begin -->`` and ``<!-- mark: end -->``."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    head, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"{page} has no place for the table: {begin} … {end}")
    page.write_text(f"{head}{begin}\n{body}\n{end}{tail}", encoding="utf-8")


def shown() -> str:
    """Return the commands with the first lines of what they print, as Markdown."""
    return "\n\n".join(_block(command, lines) for command, lines in COMMANDS)


def _block(command: str, lines: int) -> str:
    program = f"{sys.executable} -m classifier "
    typed = command.replace("classifier ", program, 1)
    done = subprocess.run(
        ["sh", "-c", typed], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    printed = done.stdout.splitlines()
    kept = [*printed[:lines], *(["…"] if len(printed) > lines else [])]
    return "\n".join(["```console", f"$ {command}", *kept, "```"])


def main() -> None:
    """Rewrite the part of the README between the marks."""
    put_between_marks(ROOT / "README.md", "shown", shown())


if __name__ == "__main__":
    main()
