"""What the pages say is what the program does."""

import dataclasses
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from bench.readme import BEGIN, END, shown
from classifier.cli.app import app
from classifier.published.sources import CORPORA
from classifier.training.settings import Settings
from tests.command_line import run

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_readme_shows_real_output():
    """Run again, its commands print what it shows (make readme renews it)."""
    text = (ROOT / "README.md").read_text()

    assert text.partition(BEGIN)[2].partition(END)[0].strip() == shown()


def test_every_setting_stands_in_the_docs_with_its_default():
    """docs/training.md lists each field of Settings."""
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (.+?) \|", (ROOT / "docs/training.md").read_text(), re.M)
    )

    assert list(rows) == [field.name for field in dataclasses.fields(Settings)]


def test_every_command_and_option_has_a_help_text():
    """Nothing is left for the reader to guess."""
    commands = [get_command(app)]
    for command in commands:
        commands += getattr(command, "commands", {}).values()
        assert command.help, command.name
        silent = [p.name for p in command.params if not getattr(p, "help", "")]
        assert silent == [], command.name
    assert len(commands) >= 9


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    """Every relative link of a page is a file of the repository."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_nothing_committed_names_a_registry_or_this_machine():
    """No address of a package registry, no absolute path of a home or work folder."""
    suffixes = {".py", ".toml", ".md", ".txt", ".json", ".cfg", ".yml"}
    files = [
        path
        for path in ROOT.rglob("*")
        if path.suffix in suffixes
        and not any(
            part.startswith(".") or part == "build" for part in path.relative_to(ROOT).parts
        )
    ]
    pattern = re.compile(
        r"https?://[^\s\"']*(/simple/|\.whl\b)|(?:^|[\s\"'=(])/(?:home|root|work)/"
    )

    assert len(files) > 100
    assert [
        str(path) for path in files if pattern.search(path.read_text("utf-8", errors="replace"))
    ] == []


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=CORPORA)
def test_every_published_corpus_stands_in_the_docs_as_in_its_record(corpus):
    """docs/corpora.md says what it is, where, under which licence and how much is natural."""
    page = (ROOT / "docs/corpora.md").read_text()
    (row,) = re.findall(rf"^\| `{corpus.name}` \|.*$", page, re.M)
    labels = [row.labels for row in corpus.labels().values()]

    assert f"| {corpus.about} |" in row
    assert f"{corpus.origin.place.removeprefix('https://github.com/')}`" in row
    assert f"| {len(labels):,} | {sum(each.natural for each in labels):,} |" in row
    assert row.endswith(f"| {corpus.licence} |")


EXAMPLES = re.findall(
    r"^\|.*\| `([^`]*)` \|$", (ROOT / "docs/input.md").read_text().partition("## Fields")[0], re.M
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_of_every_format_works_as_it_stands(example, monkeypatch):
    """After `classifier corpus show tests/files/`; something is read, and nothing is bad."""
    monkeypatch.chdir(ROOT)

    outcome = run("corpus", "show", *shlex.split(f"tests/files/{example}"))

    assert outcome.code == 0
    assert int(outcome.out.split()[1]) > 0
