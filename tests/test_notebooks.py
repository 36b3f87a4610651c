"""The notebooks: they run, define nothing, and keep no text of other people."""

import ast
import re
from xml.etree import ElementTree as ET

import nbformat
import pytest

from bench.notebooks import FOLDER, executed
from classifier.errors import BadInputError
from classifier.pages.plots import bars_with_intervals, heat_map, standalone
from classifier.published.sources import load_corpus

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
# A headline is shorter, a paragraph longer.
LONGEST = 200
HALF = 20


def code_of(notebook):
    """Return the source of every code cell."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def outputs_of(notebook):
    """Return every output of every code cell."""
    return [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]


def words_shown(notebook):
    """Return what the outputs say, plots left out."""
    shown = []
    for out in outputs_of(notebook):
        data = {"text/plain": out.text} if out.output_type == "stream" else out.data
        shown += [text for kind, text in data.items() if "svg" not in kind]
    return "\n".join(shown)


def test_there_are_three():
    """In the order in which they are read."""
    assert [path.stem for path in NOTEBOOKS] == [
        "01-corpus",
        "02-training-and-cuts",
        "03-errors-and-explanations",
    ]


@each_notebook
def test_it_runs_on_our_own_articles(path, tmp_path, monkeypatch):
    """Without a fetched corpus every cell works, with the plots that were saved, and no warning."""
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path))

    notebook = executed(path)

    kinds = [out.output_type for out in outputs_of(notebook)]
    saved = [out.output_type for out in outputs_of(nbformat.read(path, as_version=4))]
    assert kinds == saved
    assert "error" not in kinds
    assert "2,624 articles of our own" in words_shown(notebook)
    assert code_of(notebook) == code_of(nbformat.read(path, as_version=4))


@each_notebook
def test_it_defines_nothing(path):
    """Whatever is worth a name stands in the package."""
    nodes = [
        node
        for source in code_of(nbformat.read(path, as_version=4))
        for node in ast.walk(ast.parse(source))
    ]

    assert [node for node in nodes if isinstance(node, DEFINITIONS)] == []
    assert "import" in "".join(code_of(nbformat.read(path, as_version=4)))


@each_notebook
def test_its_output_is_saved(path):
    """Every cell but that of the imports shows something, plots among it, without warnings."""
    notebook = nbformat.read(path, as_version=4)
    first, *cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = outputs_of(notebook)

    assert first.outputs == []
    assert [cell.source for cell in cells if not cell.outputs] == []
    assert sum("image/svg+xml" in out.get("data", {}) for out in outputs) >= 2
    assert [out for out in outputs if out.get("name") == "stderr"] == []
    assert [cell.execution_count for cell in cells] == list(range(2, len(cells) + 2))


@each_notebook
def test_it_names_neither_machine_nor_version(path):
    """The same articles give the same file anywhere."""
    raw = path.read_text(encoding="utf-8")

    assert re.findall(r"/(?:home|root|work|tmp|Users|usr|opt)/", raw) == []
    assert set(nbformat.reads(raw, as_version=4).metadata) == {"kernelspec", "language_info"}
    assert "iopub" not in raw


@each_notebook
def test_it_shows_headlines_at_most(path):
    """No line and no cell of a table is long enough for a passage."""
    pieces = re.split(r"[|\n]", words_shown(nbformat.read(path, as_version=4)))

    assert [piece for piece in pieces if len(piece) > LONGEST] == []


@pytest.mark.corpus
def test_they_hold_no_passage_of_a_fetched_article():
    """Not forty words in a row of any text: such a passage has an aligned half in common."""
    text = "\n".join(words_shown(nbformat.read(path, as_version=4)) for path in NOTEBOOKS)
    words = re.findall(r"\w+", text)
    shown = {tuple(words[i : i + HALF]) for i in range(len(words) - HALF + 1)}
    bodies = [re.findall(r"\w+", article.text) for article in load_corpus("news_articles")]
    halves = {tuple(body[i : i + HALF]) for body in bodies for i in range(0, len(body), HALF)}

    assert len(halves) > 10_000
    assert shown & halves == set()


def test_plots_stand_side_by_side_in_one_image():
    """With names, in fixed colours, as XML that needs no page."""
    bars = bars_with_intervals(["a", "b"], [0.5, 0.75], [0.25, 0.5], [0.75, 1.0], title="Bars & co")
    squares = heat_map([[1, 2], [3, 4]], ["a", "b"], ["a", "b"], title="Squares")

    image = ET.fromstring(standalone(bars, squares))

    name = "{http://www.w3.org/2000/svg}"
    assert [each.text for each in image.findall(f"{name}text")] == ["Bars & co", "Squares"]
    assert [each.get("x") for each in image.findall(f"{name}svg")] == ["0", "312"]
    assert float(image.get("width")) == pytest.approx(796, abs=1)
    assert "var(" not in standalone(bars, squares)
    assert "#1d5fb8" in standalone(bars)


def test_three_plots_still_fit_without_scrolling():
    """They are drawn smaller."""
    bars = bars_with_intervals(["a"], [0.5], [0.25], [0.75], title="Bars")

    assert ET.fromstring(standalone(bars, bars, bars)).get("width") == "880"


def test_only_plots_can_be_shown():
    """Anything else is named in the error."""
    with pytest.raises(BadInputError, match="'<svg>' is no plot"):
        standalone("<svg>")
