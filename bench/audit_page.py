"""Renews the part of docs/audit.md that says what the corpora hold.

``python -m bench.audit_page`` audits the published corpora, fetched before, and our own
articles. Counts and headlines are written down, lines of articles are not.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from classifier.audit.audit import Audit, audit
from classifier.audit.report import markdown_section, sections
from classifier.corpus.corpus import Corpus
from classifier.corpus.read import read_articles
from classifier.published.sources import load_corpus

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "audit.md"
BEGIN, END = "<!-- audits: begin -->", "<!-- audits: end -->"

# Corpus, what it is held against, and the sections of interest.
AUDITS = (
    ("news_articles", "allsides"),
    ("allsides", ""),
    ("house", "news_articles"),
)
LEFT_OUT = ("Labels", "Languages")


def main() -> None:
    """Rewrite the part of the page between the marks."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    body = "\n\n".join(block for pair in AUDITS for block in _blocks(*pair))
    PAGE.write_text(f"{head}{BEGIN}\n{body}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _blocks(name: str, against: str) -> Iterator[str]:
    start = time.perf_counter()
    found = audit(_corpus(name), against=_corpus(against) if against else None)
    seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name}: {seconds:.0f} s, at most {megabytes} MB so far")
    command = f"classifier audit {name}" + (f" --against {against}" if against else "")
    yield f"### `{command.replace('audit house', 'audit data/house')}`"
    for section in sections(_without_lines(found), shown=8):
        if section.title not in LEFT_OUT:
            yield markdown_section(section, level=4)


def _without_lines(found: Audit) -> Audit:
    """Return the audit with repeated lines counted but not quoted."""
    return replace(found, lines=tuple(replace(line, excerpt="…") for line in found.lines))


def _corpus(name: str) -> Corpus:
    articles = read_articles([ROOT / "data" / "house"]) if name == "house" else load_corpus(name)
    return Corpus(name, articles)


if __name__ == "__main__":
    main()
