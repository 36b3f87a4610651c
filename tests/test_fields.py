"""What files of other tools hold is recognised and told, and what is named must be there."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classifier import evaluate, export_joblib, load, save_model, score, tag, train
from classifier.article import Article, Labels
from classifier.corpus.corpus import ReadOptions, ReadTally
from classifier.corpus.labels import read_label_names
from classifier.corpus.read import labelled_articles, read_articles
from classifier.errors import BadInputError, ClassifierError
from classifier.fields import as_articles, day_of
from classifier.text import article_text
from classifier.training.settings import Settings
from tests.cases import each_case
from tests.models import tiny_model

ENERGY_TEXT = "Oil and gas and oil and the pipeline and the refinery"


class Markup(str):
    """A string of another class, as template engines and parsers of HTML hand out."""


def read(paths, **options):
    """Return the articles in some files, and what was said of them."""
    tally = ReadTally(tell=lambda note: None)
    return list(read_articles(paths, ReadOptions(**options), tally=tally)), tally.notes


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file into the current folder and returns its name."""
    monkeypatch.chdir(tmp_path)

    def put(name, content, encoding="utf-8"):
        Path(name).write_bytes(content.encode(encoding))
        return name

    return put


@each_case("read_fields")
def test_what_other_tools_write_is_read_and_told(write, case):
    """Every field, label and date comes out as it was meant, and what was guessed is said once."""
    path = write(case["file"], case["content"], case.get("encoding", "utf-8"))

    [article], notes = read([path], **case.get("options", {}))

    expected = dict(case["article"])
    labels, absent = expected.pop("labels", None), expected.pop("negative", None)
    assert article.labels == (
        None
        if labels is None
        else Labels(frozenset(labels), None if absent is None else frozenset(absent))
    )
    assert article == Article(**expected, labels=article.labels)
    assert sorted(notes) == sorted(case["notes"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,text,headline\n1,x,y\n"),
        ("a.jsonl", '{"id": 1, "text": "x"}\n{"headline": "y", "text": "x"}\n'),
    ],
)
@pytest.mark.parametrize("field", ["headlin", "a.headline"])
def test_a_field_that_is_named_and_in_no_row_is_an_error(write, name, content, field):
    """Ids and headlines that vanish by a slip of the pen would go unseen."""
    with pytest.raises(BadInputError) as stopped:
        read([write(name, content)], title_field=field)

    assert str(stopped.value) == (
        f"no row has the field '{field}' of --title-field (found: id, text, headline)."
    )


def test_a_named_field_in_one_row_of_one_file_is_enough(write):
    """Rows leave out what they do not know."""
    paths = [write("a.jsonl", '{"text": "x"}\n'), write("b.jsonl", '{"text": "y", "head": "z"}')]

    articles, _ = read(paths, title_field="head")

    assert [article.title for article in articles] == ["", "z"]


def test_labels_that_differ_in_case_and_blanks_are_one(write):
    """The first spelling stays, in all files of one command; `exact_labels` keeps them apart."""
    path = write("a.csv", "text,labels\nx,Energy\ny,ENERGY\nz, energy  \n")

    articles, notes = read([path])
    apart, _ = read([path], exact_labels=True)

    assert [sorted(article.labels.present) for article in articles] == [["Energy"]] * 3
    assert notes[0].startswith("labels 'Energy' and 'ENERGY' are taken for one, 'Energy'.")
    assert {label for article in apart for label in article.labels.present} == {
        "Energy",
        "ENERGY",
        "energy",
    }


def test_columns_of_zeros_and_ones_are_offered(write):
    """Where no field holds labels, these may; other columns are not named."""
    path = write("a.csv", "text,energy,sport,n\nx,1,0,7\ny,0,1,0\n")

    _, notes = read([path])

    assert notes == [
        "no labels were found, but columns of 0 and 1: energy, sport. If they are labels, pass "
        "--label-column energy --label-column sport."
    ]


def test_columns_of_yes_and_no_in_other_words_are_offered(write):
    """As spreadsheets of several languages write them; a cross beside nothing is neither."""
    path = write("a.csv", "text,energy,sport,n\nx,WAHR,nein,x\ny,FALSCH,Ja,\n")

    articles, notes = read([path])
    labelled, _ = read([path], label_columns=("energy", "sport"))

    assert [article.labels for article in articles] == [None, None]
    assert notes == [
        "no labels were found, but columns of yes and no: energy, sport. If they are labels, pass "
        "--label-column energy --label-column sport."
    ]
    assert [article.labels for article in labelled] == [
        Labels({"energy"}, {"sport"}),
        Labels({"sport"}, {"energy"}),
    ]


def test_files_that_are_not_read_are_counted_once(write, tmp_path):
    """A folder of workbooks and one text is not a folder of one text."""
    for name in ("a.txt", "b.xls", "c.xls", "d.pdf"):
        write(name, "words")

    _, notes = read(["."])

    assert len(notes) == 1
    assert notes[0].startswith(".: files that are not read: 2 .xls, 1 .pdf.")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("World\nSports\n", {"0": "World", "1": "Sports"}),
        ("1,World\n2,Sports\n", {"1": "World", "2": "Sports"}),
        ("1\tWorld\n2\tSports\n", {"1": "World", "2": "Sports"}),
        ('["World", "Sports"]', {"0": "World", "1": "Sports"}),
        ('{"1": "World", "b": "Sports"}', {"1": "World", "b": "Sports"}),
    ],
)
def test_names_of_codes_are_read_from_lines_and_json(write, content, names):
    """Code by position, or written before its name."""
    assert read_label_names(write("names.txt", content)) == names


def test_a_code_without_a_name_is_an_error(write):
    """A corpus must not be half translated."""
    path = write("a.csv", "text,labels\nx,7\n")

    with pytest.raises(BadInputError, match=r"label '7' has no name\. The codes are 0\."):
        read([path], label_names={"0": "energy"})


@pytest.mark.parametrize(
    ("date", "day"),
    [
        ("2024-03-01T10:00:00Z", "2024-03-01"),
        ("20240301", "2024-03-01"),
        ("2024/3/1", "2024-03-01"),
        ("1 March 2024", "2024-03-01"),
        ("March 1, 2024", "2024-03-01"),
        ("01 Mar 2024 10:00 GMT", "2024-03-01"),
        (1709287200.5, "2024-03-01"),
        ("2024-13-45", None),
        ("yesterday", None),
        ("12345", None),
        (None, ""),
        (float("nan"), ""),
    ],
)
def test_dates_of_common_forms_are_days(date, day):
    """ISO, RSS, clocks of computers and months by name; no guess between day and month."""
    assert day_of(date) == day


@pytest.mark.parametrize(
    "given",
    [
        ENERGY_TEXT,
        Markup(ENERGY_TEXT),
        np.str_(ENERGY_TEXT),
        [ENERGY_TEXT],
        np.array([ENERGY_TEXT]),
        pd.Series([ENERGY_TEXT]),
        pd.DataFrame({"Body": [ENERGY_TEXT]}),
        {"text": ENERGY_TEXT},
        ({"body": ENERGY_TEXT},),
        Article(Markup(ENERGY_TEXT)),
        (text for text in [ENERGY_TEXT]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_people_have_is_one_article(given):
    """A single text is an article, never its characters; classes of strings are strings."""
    [prediction] = tiny_model().predict(given)

    assert prediction.tags == ("energy",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([ENERGY_TEXT, None], "articles[1] is None. Pass a str, an Article, or a mapping"),
        (None, "articles is None. Pass a list of texts"),
        (7, "articles is 7 (int)"),
        (b"x", "articles is b'x' (bytes)"),
        (Path("a.txt"), "read_articles(path) reads files."),
        ([{"words": "x"}], "articles[0] has no 'text' (found: words)."),
        ([{"text": None}], "articles[0]: the text is None, not a str."),
        (np.array([["x"]]), "articles has the shape (1, 1)"),
    ],
)
def test_what_is_no_article_is_named_by_its_position(given, message):
    """One sentence says which argument, where in it, and what came."""
    with pytest.raises(BadInputError) as stopped:
        tiny_model().predict(given)

    assert message in str(stopped.value)


def test_the_text_of_other_classes_of_strings_is_plain():
    """Compiled code takes no subclass, so none gets there."""
    article = Article(Markup("Gas."), title=np.str_("News"))

    assert {type(article.text), type(article.title)} == {str}
    assert article_text(Markup("Gas.")) == article_text({"text": "Gas."}) == "Gas."


def test_labels_are_taken_as_any_collection():
    """A list says what a set does, and one label is not its letters."""
    assert Article("x", labels=["energy"]).labels == Labels(frozenset({"energy"}))
    assert Labels("energy", absent=("sport",)) == Labels(
        frozenset({"energy"}), frozenset({"sport"})
    )
    with pytest.raises(BadInputError, match=r"labels is 7\. Pass a list"):
        Article("x", labels=7)
    with pytest.raises(BadInputError, match=r"present holds 7\. Labels are strings"):
        Labels([7])


def test_missing_parts_of_an_article_are_empty():
    """Data frames leave NaN and NA where there is nothing, and numbers where ids are."""
    article = Article("x", title=None, id=7, source=float("nan"), date=pd.NA)

    assert article == Article("x", id="7")


def test_rows_are_labelled_articles():
    """Mappings and frames are read as rows of files are."""
    rows = [{"text": "x", "labels": "a|b"}, {"text": "y", "labels": []}]

    from_rows, from_frame = (
        [article.labels for article in labelled_articles(given)]
        for given in (rows, pd.DataFrame(rows))
    )

    assert from_rows == from_frame == [Labels(frozenset({"a", "b"})), Labels()]
    with pytest.raises(BadInputError, match=r"corpus\[1\] is 7 \(int\)"):
        list(labelled_articles(["x", 7], name="corpus"))


def labelled_rows(n):
    """Return rows that a model of two labels can be trained on."""
    words = {"energy": "oil gas pipeline refinery", "culture": "museum concert opera stage"}
    return [
        {"id": str(i), "text": f"{words[label]} number {i}", "labels": [label]}
        for i in range(n)
        for label in [("energy", "culture")[i % 2]]
    ]


QUICK = Settings(C=(1.0,), lead_repeats=(0,), n_folds=2, min_df=1, min_words=1)


def test_training_takes_rows_and_paths_and_evaluation_takes_names(tmp_path):
    """The same model from rows and from the file of them; a folder stands for its model."""
    rows = labelled_rows(60)
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    model = train(rows, QUICK)
    from_path = train(str(path), QUICK)
    save_model(model, str(tmp_path / "model"))

    assert model.info["corpus"]["sha256"] == from_path.info["corpus"]["sha256"]
    report = evaluate(str(tmp_path / "model"), str(path), repeats=0)
    assert report.corpus.n_articles == 60
    with pytest.raises(ClassifierError, match=r"model is 7\. Pass a Model"):
        evaluate(7, rows)


def test_an_id_that_comes_again_is_an_update():
    """The later article counts, as agencies send corrections under one id."""
    rows = labelled_rows(60)
    update = {**rows[0], "text": "museum opera", "labels": ["culture"]}

    model = train([*rows, update], QUICK)

    assert model.info["corpus"]["articles"] == 60
    assert model.info["corpus"]["positives"] == {"culture": 31, "energy": 29}


@pytest.mark.parametrize(
    ("n", "extra", "notes"),
    [
        (60, [], []),
        (12, [], ["12 labelled articles are very few"]),
        (60, ["news"], ["every article has the label news: nothing tells it from others"]),
    ],
)
def test_a_corpus_that_teaches_little_is_told(n, extra, notes):
    """Figures of five articles, or of one class, look as good as any."""
    rows = [{**row, "labels": row["labels"] + extra} for row in labelled_rows(n)]
    told = []

    train(rows, QUICK, tell=told.append)

    assert [note for note, start in zip(told, notes, strict=True) if note.startswith(start)] == told


def test_paths_may_be_strings_everywhere(tmp_path):
    """What `load` takes, the functions that write take."""
    export_joblib(tiny_model(), str(tmp_path / "pipeline.joblib"))
    save_model(tiny_model(), str(tmp_path / "model"))

    assert (tmp_path / "pipeline.joblib").is_file()
    assert load(str(tmp_path / "model")).labels == tiny_model().labels


def test_one_text_is_scored_and_others_are_refused():
    """The shortest functions have a door too."""
    assert tag(Markup(ENERGY_TEXT)) == tag(ENERGY_TEXT)
    with pytest.raises(BadInputError, match=r"text is 7 \(int\)"):
        score(7)
    with pytest.raises(BadInputError, match="read_articles"):
        as_articles(Path("a"))


def test_a_language_without_blanks_is_told():
    """The reason is not that the model knows too few words."""
    [prediction] = tiny_model().predict("石油価格が上昇し天然ガスの輸出が減少した。")

    assert prediction.note == "a language without blanks between words, which are not told apart"
