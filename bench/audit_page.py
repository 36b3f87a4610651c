"""Renews the part of docs/audit.md that says what the corpora hold.

``python -m bench.audit_page`` audits the published corpora, fetched before, and our own
articles. Counts and headlines are written down, lines of articles are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.pages import put_between_marks
from classifier.audit.audit import Audit, audit
from classifier.audit.report import markdown_section, sections
from classifier.corpus.corpus import Corpus
from classifier.corpus.read import read_articles
from classifier.published.sources import load_corpus

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "audit.md"

# Corpus, what it is held against, and the sections of interest.
AUDITS = (
    ("news_articles", "allsides"),
    ("allsides", ""),
    ("house", "news_articles"),
)
LEFT_OUT = ("Labels", "Languages")


def main() -> None:
    """Rewrite the part of the page between the marks."""
    body = "\n\n".join(block for pair in AUDITS for block in _blocks(*pair))
    put_between_marks(PAGE, "audits", body)


def _blocks(name: str, against: str) -> Iterator[str]:
    found = audit(_corpus(name), against=_corpus(against) if against else None)
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
