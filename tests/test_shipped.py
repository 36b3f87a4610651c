"""The shipped model, the shipped articles and the built wheel, as users meet them."""

import csv
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import classifier
from bench.unseen import LEFT_OUT
from classifier.corpus.duplicates import near_duplicate_groups
from classifier.corpus.read import read_articles
from classifier.published.sources import CORPORA
from classifier.text import article_text
from tests.command_line import PATIENCE

ROOT = Path(__file__).parent.parent
SECTORS = {"culture", "diplomacy", "energy", "parliament", "technology"}
EXAMPLES = list(read_articles([ROOT / "data" / "examples"]))
HOUSE = list(read_articles([ROOT / "data" / "house"]))

FRIENDSHIP = """BAKU, Azerbaijan, April 18. The signing of the strategic partnership at the
Vienna summit opened a new page, the chair of the friendship group of MPs with Azerbaijan told
Trend. He said that the two foreign ministries will hold consultations every year and that the
ambassadors have been asked to prepare a joint commission.

The member of parliament noted that green energy has the greatest potential: wind power from the
Caspian could reach Europe through a cable under the Black Sea, and companies of both countries
are talking about hydrogen and the electricity grid.

Delegations of the two parliaments will meet in autumn, when the committee on foreign relations
comes to Baku; the speaker of the National Assembly has accepted the invitation.

Stay up-to-date with more news on Trend News Agency's WhatsApp channel"""


def test_a_friendship_group_story_has_its_three_sectors():
    """An MP of a friendship group, a strategic partnership and green energy."""
    assert sorted(classifier.tag(FRIENDSHIP)) == ["diplomacy", "energy", "parliament"]


def test_a_promotion_line_changes_nothing():
    """The line that promotes the agency's channel is not part of the story."""
    story = FRIENDSHIP.rpartition("\n\n")[0]

    assert classifier.score(FRIENDSHIP) == classifier.score(story)


def test_the_first_example_has_its_three_sectors():
    """The worked case of the label rules, in an article of our own."""
    prediction = classifier.load(ROOT / "models" / "sectors").predict(EXAMPLES[:1])[0]

    assert sorted(prediction.tags) == ["diplomacy", "energy", "parliament"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", "no words to judge by"),
        ("Oil prices rise", "too short to judge: 3 known words, at least 5 needed"),
    ],
)
def test_what_cannot_be_judged_says_so(text, note):
    """No tags, and a remark instead of a guess."""
    prediction = classifier.load(ROOT / "models" / "sectors").predict([text])[0]

    assert (prediction.tags, prediction.note) == ((), note)


@pytest.mark.parametrize(
    "text",
    [
        "Le ministre des Affaires étrangères a reçu hier l'ambassadeur pour évoquer la reprise "
        "des négociations sur le gaz, a indiqué son cabinet dans un communiqué publié à Paris.",
        "Der Bundestag hat am Donnerstag über das neue Gesetz zur Förderung der Windkraft "
        "beraten, das die Regierung im Herbst vorgelegt hatte; die Opposition lehnt es ab.",
        "Azərbaycan və Sloveniya arasında strateji tərəfdaşlıq haqqında bəyannamə imzalanıb, "
        "tərəflər yaşıl enerji sahəsində əməkdaşlığı genişləndirmək barədə razılığa gəliblər.",
        "Министр иностранных дел обсудил с послом поставки газа и подготовку саммита в Баку.",
        "وصل وزير الخارجية إلى العاصمة لإجراء محادثات حول الطاقة والغاز مع نظيره",
    ],
)
def test_another_language_is_not_judged(text):
    """The model knows too few of its words and says so."""
    prediction = classifier.load(ROOT / "models" / "sectors").predict([text])[0]

    assert prediction.tags == ()
    assert "another language" in prediction.note


def test_the_shipped_model_is_small():
    """Under six megabytes, card included."""
    files = (ROOT / "models" / "sectors").iterdir()

    assert sum(file.stat().st_size for file in files) < 6_000_000


def test_the_shipped_model_was_trained_on_what_is_shipped():
    """The published corpora that are learnt from and our own articles; cuts from natural rows."""
    corpus = classifier.load(ROOT / "models" / "sectors").info["corpus"]

    assert corpus["names"] == [*(name for name in CORPORA if name not in LEFT_OUT), "house"]
    assert 7000 < corpus["natural"] <= 3552 + 800 + 2711
    assert corpus["articles"] <= 3552 + 4800 + 4159 + len(HOUSE)
    assert corpus["articles"] > 3552 + 4700 + 4200 + 0.9 * len(HOUSE)


def test_there_are_enough_examples_of_every_kind():
    """At least sixty, every sector, many with two or three, a fifth with none, 80 to 300 words."""
    tags = [sorted(article.labels.present) for article in EXAMPLES]
    lengths = [len(article.text.split()) for article in EXAMPLES]

    assert len(EXAMPLES) >= 60
    assert {label for row in tags for label in row} == SECTORS
    assert sum(len(row) >= 2 for row in tags) >= 20
    assert sum(not row for row in tags) >= len(EXAMPLES) / 5
    assert min(lengths) >= 80
    assert max(lengths) <= 300


@pytest.mark.parametrize(
    "words", ["energy drink", "culture", "parliament of owls", "diplomatic", "shares"]
)
def test_hard_negatives_stand_among_the_examples(words):
    """Words of a sector in an article that has none."""
    untagged = [article for article in EXAMPLES if not article.labels.present]

    assert any(words in f"{a.title} {a.text}".lower() for a in untagged)


def test_house_articles_are_labelled_and_apart_from_the_examples():
    """Known labels only, unique ids, and no near-duplicate of an example or of each other."""
    articles = [*EXAMPLES, *HOUSE]

    groups = near_duplicate_groups(article_text(article) for article in articles)

    assert {label for a in articles for label in a.labels.present} == SECTORS
    assert len({a.id for a in articles}) == len(articles)
    assert len(set(groups.tolist())) == len(articles)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("news_articles", "article_id,sectors,confidence,text_sha256"),
        ("allsides", "article_id,sectors,confidence,sample,text_sha256"),
        ("world", "corpus,article_id,sectors,confidence,sample,text_sha256"),
    ],
)
def test_label_files_hold_known_labels_and_no_text(name, columns):
    """An id, sectors, clear or borderline, how it was picked, and the hash of a text."""
    with (ROOT / "data" / f"{name}.labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))

    assert {label for row in rows for label in row["sectors"].split("|")} == SECTORS | {""}
    assert {row["confidence"] for row in rows} == {"clear", "borderline"}
    assert all(re.fullmatch("[0-9a-f]{16}", row["text_sha256"]) for row in rows)
    assert {",".join(row) for row in rows} == {columns}
    assert {row.get("sample", "random") for row in rows} <= {"random", "chosen", "section"}


def test_constraints_name_versions_and_no_address():
    """Every line is a comment or name==version."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert all(re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder with the built wheel unpacked, as pip lays it out."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    subprocess.run([*command, "--no-build-isolation", source], check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_model_and_labels(installed):
    """An installed package predicts offline, and can join the corpora with our labels."""
    program = "import classifier.cli, sys; sys.argv[0] = 'classifier'; classifier.cli.main()"
    (installed / "story.txt").write_text(FRIENDSHIP)

    outcome = subprocess.run(
        [sys.executable, "-c", program, "predict", "story.txt"],
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )

    row = json.loads(outcome.stdout)
    assert sorted(row["tags"]) == ["diplomacy", "energy", "parliament"]
    assert (installed / "classifier/shipped_data/news_articles.labels.csv").is_file()
    assert (installed / "classifier/shipped_data/SECTORS.md").is_file()
    assert (installed / "classifier/shipped_data/sectors.toml").is_file()


@pytest.mark.corpus
def test_training_on_the_fetched_corpus_reaches_what_is_promised(tmp_path):
    """On real news: most of what is tagged is right, most of what is right is tagged."""
    corpus = list(classifier.load_corpus("news_articles"))
    settings = classifier.Settings(C=(1.0,), lead_repeats=(2,), borderline_weight=(1.0,))

    model = classifier.train(corpus, settings, name="check")

    assert model.info["corpus"]["positives"] == {
        "culture": 307,
        "diplomacy": 642,
        "energy": 94,
        "parliament": 451,
        "technology": 202,
    }
    assert model.info["figures"]["micro_f1"][0] > 0.79
    assert model.info["figures"]["false_tag_rate"] < 0.15
