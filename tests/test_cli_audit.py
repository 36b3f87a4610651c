"""classifier audit: what is printed, what is written, and how it ends."""

import json

import pytest

from tests.command_line import EXAMPLES, run, run_on_terminal, write_rows

BODY = (
    "The committee of the river harbour met on Friday and decided by nine votes to four that "
    "the old crane shall stay where it is until the museum has found another place for it."
)
HOSTILE = "<script>x</script> | `b` \x1b[31m"


def rows(**changes):
    """Return three rows, of which two are the same story under different labels."""
    return [
        {"id": "a", "title": HOSTILE, "text": BODY * 3, "labels": ["energy"]},
        {"id": "b", "title": HOSTILE, "text": BODY * 3, "labels": ["culture"]} | changes,
        {"id": "c", "text": "Something else altogether happened.", "labels": []},
    ]


@pytest.fixture
def corpus(tmp_path):
    """Return a file with a conflict in it."""
    return write_rows(tmp_path / "mine.jsonl", rows())


def test_the_table_names_the_conflict(corpus):
    """Each finding has its heading, and names reach the terminal sanitized."""
    outcome = run("audit", corpus, "--no-labels")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("Audit of mine\nNo article has a date.\n")
    assert "Conflicts\nOn 2 labels near-duplicates disagree.\n" in outcome.out
    words = [line.split()[:3] for line in outcome.out.splitlines()]
    assert ["culture", "b", "a"] in words
    assert ["energy", "a", "b"] in words
    assert "\x1b" not in outcome.out


def test_strict_fails_at_conflicts(corpus):
    """A pipeline can stop there."""
    outcome = run("audit", corpus, "--no-labels", "--strict")

    assert outcome.code == 1
    assert outcome.err == "classifier: leaks or conflicts were found (--strict)\n"


def test_strict_is_content_without_them(tmp_path):
    """Copies that agree are duplicates, nothing worse."""
    path = write_rows(tmp_path / "in.jsonl", rows(labels=["energy"]))

    assert run("audit", path, "--no-labels", "--strict").code == 0


def test_against_tells_leaks(corpus, tmp_path):
    """What stands in both files is a leak, and counts under --strict."""
    other = write_rows(tmp_path / "test.jsonl", [{"id": "t", "text": BODY * 3, "title": HOSTILE}])

    outcome = run("audit", corpus, "--against", other, "--no-labels", "--strict")

    assert outcome.code == 1
    assert "2 of 3 articles stand in test too (1 article), 2 of them word for word." in outcome.out


def test_json_has_all_findings(corpus):
    """Whatever --shown says, JSON is whole."""
    outcome = run("audit", corpus, "--no-labels", "--format", "json", "--shown", "1")

    found = json.loads(outcome.out)
    assert [each["label"] for each in found["conflicts"]] == ["culture", "energy"]
    assert found["suspicious"]["note"] == "not asked for"


def test_markdown_cannot_be_written_by_a_title(corpus):
    """Titles stay text."""
    outcome = run("audit", corpus, "--no-labels", "--format", "markdown", "--shown", "1")

    assert "# Audit of mine\n" in outcome.out
    assert "\\<script\\>x\\</script\\> \\| \\`b\\` �\\[31m |" in outcome.out
    assert "The first 1 of 2 rows:" in outcome.out


def test_out_writes_three_files(corpus, tmp_path):
    """JSON, Markdown and a page, in a folder that is made."""
    folder = tmp_path / "new" / "audit"

    outcome = run("audit", corpus, "--no-labels", "--out", folder)

    assert outcome.err == f"classifier: audit.json, audit.md, audit.html in {folder}\n"
    page = (folder / "audit.html").read_text(encoding="utf-8")
    assert "Figures from this corpus cannot be trusted yet." in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert json.loads((folder / "audit.json").read_text())["corpus"] == "mine"


def test_without_the_extra_for_pages_the_rest_is_written(corpus, tmp_path, monkeypatch):
    """The page is left out, and the reason said."""
    from classifier.errors import ClassifierError
    from classifier.pages import page

    def fail(*args, **kwargs):
        raise ClassifierError("HTML pages need jinja2. Run: pip install 'classifier[report]'")

    monkeypatch.setattr(page, "document_page", fail)

    outcome = run("audit", corpus, "--no-labels", "--out", tmp_path, "--quiet")

    assert outcome.code == 0
    assert outcome.err.startswith("classifier: audit.html is left out: HTML pages need jinja2.")
    assert (tmp_path / "audit.md").exists()
    assert not (tmp_path / "audit.html").exists()


def test_out_must_not_be_a_file(corpus):
    """Told before the work."""
    outcome = run("audit", corpus, "--out", corpus)

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == f"classifier: {corpus}: is a file. Name a folder.\n"


def test_an_empty_file_is_told(tmp_path):
    """There is nothing wrong with nothing, but it is said."""
    path = write_rows(tmp_path / "none.jsonl", [])

    outcome = run("audit", path, "--strict")

    assert (outcome.code, outcome.err) == (0, "classifier: there were no articles to read\n")
    assert "No article is labelled with anything." in outcome.out


def test_standard_input_cannot_be_both(corpus):
    """It is read once; one side alone may be it."""
    both = run("audit", "-", "--against", "-")
    one = run("audit", "-", "--no-labels", "--against", corpus, input=corpus.read_text())

    assert both.code == 2
    assert "standard input can only be read once" in both.said
    assert "3 of 3 articles stand in mine too" in one.out


def test_a_setting_out_of_range_is_one_line(corpus):
    """The library's error is what the user reads."""
    outcome = run("audit", corpus, "--repeats", "1")

    assert (outcome.code, outcome.err) == (1, "classifier: repeats is 1. Choose 2 or more.\n")


def test_the_examples_are_judged():
    """Cross-validation runs on what ships, and everything is said without a remark."""
    outcome = run("audit", EXAMPLES)

    assert (outcome.code, outcome.err) == (0, "")
    assert "judged cells (an article and a label) should be read again." in outcome.out


def test_a_terminal_gets_cells_that_fit(corpus):
    """Headings are bold, an alarm is red, and no line is longer than the screen."""
    outcome = run_on_terminal("audit", corpus, "--no-labels", COLUMNS="60")

    assert "\x1b[31m\x1b[1mConflicts\x1b[0m" in outcome.out
    shown = outcome.out[outcome.out.index("finding") :]
    assert max(len(line) for line in shown.splitlines() if "\x1b" not in line) <= 60
