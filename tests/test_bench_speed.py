"""The comparison with the peers: rounds, ratios, verdicts, tables, and the clock on processes."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from bench.speed_measure import (
    KERNEL,
    NUMPY,
    ONE_ARTICLE,
    TOOLS,
    Ratio,
    bulk_articles,
    generated,
    in_rounds,
    launched,
    of_length,
    ratio,
    write_parts,
)
from bench.speed_report import (
    Row,
    bulk_table,
    number,
    one_article,
    quality_table,
    spread,
    trainings,
    without,
)
from classifier.article import Article

PEERS = Path(__file__).parent.parent / "bench" / "peers"


def worker():
    """Return the module that the peers' scripts share, which lies in no package."""
    spec = importlib.util.spec_from_file_location("peers_worker", PEERS / "worker.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shouting(texts):
    """Return answers that tell which text they are for."""
    return [([text.upper()], {"loud": 0.5}) for text in texts]


def json_lines(path, rows):
    """Write rows as a file and return its path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_round_does_everything_once_before_anything_comes_again():
    """Two rounds of A and B run A, B, A, B."""
    order = []
    works = {name: lambda name=name: order.append(name) or len(order) for name in "AB"}
    assert in_rounds(works, 2) == {"A": [1, 3], "B": [2, 4]}
    assert order == ["A", "B", "A", "B"]


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds():
    """Each round is compared with itself: a slow spell that hits both tools changes nothing."""
    assert ratio([10.0, 40.0, 90.0], [5.0, 10.0, 30.0]) == Ratio(3.0, 2.0, 4.0)


def test_rounds_that_do_not_match_are_refused():
    """A ratio of three rounds to two would drop one in silence."""
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0, 3.0], [1.0, 2.0])


def test_values_of_rounds_give_their_median_and_ends():
    """The median of 3, 1 and 8 is 3."""
    assert spread([3.0, 1.0, 8.0]) == Ratio(3.0, 1.0, 8.0)


def test_the_start_of_a_process_is_taken_off_round_by_round():
    """Two seconds of which half a second is the start are a second and a half of work."""
    assert without([2.0, 3.0], [0.5, 1.0]) == [1.5, 2.0]


@pytest.mark.parametrize(
    ("value", "verdict"), [(29.9, "not reached"), (30.0, "reached"), (31.0, "reached")]
)
def test_a_lower_bound_is_reached_from_itself_on(value, verdict):
    """At least 30 means 30 too."""
    assert Row("", Ratio(value, 1, 99), least=30).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(2.0, "reached"), (2.01, "not reached")])
def test_an_upper_bound_is_reached_up_to_itself(value, verdict):
    """At most 2 means 2 too."""
    assert Row("", Ratio(value, 1, 99), most=2).verdict == verdict


def test_a_row_tells_goal_figure_spread_and_verdict():
    """The row as it stands in the page."""
    row = Row("load", Ratio(8.25, 7.0, 123.4), most=30, unit=" ms", note="; alone")
    assert row.markdown() == "| load | at most 30 ms | **8.25** ms (7–123) | reached; alone |"


def test_a_row_without_a_goal_gives_no_verdict():
    """What is only shown beside the others is neither reached nor missed."""
    assert Row("a", Ratio(2, 2, 2)).markdown() == "| a | – | **2** (2–2) |  |"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1234, "0.123"), (9.876, "9.88"), (99.95, "100"), (1234.5, "1234")]
)
def test_numbers_have_three_digits(value, shown):
    """More would be noise."""
    assert number(value) == shown


def test_peers_are_compared_with_the_path_that_the_goal_names():
    """One article: 30 and 4 times for scikit-learn, twice for fastText."""
    single = {
        KERNEL: {"p50": [10.0]}, NUMPY: {"p50": [50.0]},
        "scikit-learn": {"p50": [250.0]}, "fastText": {"p50": [40.0]},
    }  # fmt: skip
    rows = {row.what: (row.value.median, row.verdict) for row in one_article(single, "5 labels")}
    assert rows == {
        "one article, 5 labels: scikit-learn ÷ ours, kernel": (25.0, "not reached"),
        "one article, 5 labels: scikit-learn ÷ ours, NumPy": (5.0, "reached"),
        "one article, 5 labels: fastText ÷ ours, kernel": (4.0, "reached"),
    }


def test_training_is_compared_beside_the_quality():
    """A quick training that tags worse is no gain, so both are told."""
    results = {
        "labels": {"news": 5},
        "training": {"news": {KERNEL: {"cpu": [2.0, 2.0]}, "LibMultiLabel": {"cpu": [30.0, 20.0]}}},
        "quality": {
            "news": {
                KERNEL: {"micro": [0.80], "macro": [0.77]},
                "LibMultiLabel": {"micro": [0.79], "macro": [0.78]},
            }
        },
    }
    [row] = trainings(results, "news", 0)
    assert row.value == Ratio(12.5, 10.0, 15.0)
    assert row.note == "; micro-F1 +0.010, macro-F1 -0.010"


def test_the_table_of_files_counts_articles_a_second():
    """A thousand articles in two seconds are 500 a second, and 1.5 ms of processors each."""
    run = {"wall": [2.0], "cpu": [1.5], "megabytes": [80.0]}
    start = {"wall": [0.25], "cpu": [0.2], "megabytes": [60.0]}
    results = {
        "bulk_corpus": {"articles": 1000, "words": 412.4},
        "bulk": {"fastText × 1": run, "fastText × 0": start},
    }
    table = bulk_table(results)
    assert table.startswith("1,000 articles of 412 words")
    assert table.endswith("| fastText × 1 | 500 | 2.00 s | 0.25 s | 1500 µs | 80 MB |")


def test_the_table_of_quality_leaves_out_what_was_not_trained_itself():
    """The stacked pipeline is scikit-learn's model, trained once."""
    f1 = {"micro": [0.8, 0.75, 0.85], "macro": [0.7, 0.6, 0.8], "megabytes": 2.71}
    results = {
        "labels": {"news": 5}, "first": {},
        "training": {"news": {}}, "quality": {"news": {"scikit-learn, stacked": f1}},
    }  # fmt: skip
    expected = (
        "| scikit-learn, stacked | 0.800 (0.750–0.850) | 0.700 (0.600–0.800) |  |  |  | 2.7 MB |  |"
    )
    assert quality_table(results, "news").splitlines()[-1] == expected


def test_a_launched_process_is_timed_and_its_output_kept(tmp_path):
    """What it prints goes to the file, and it took some time and memory."""
    out = tmp_path / "out"
    run = launched([([sys.executable, "-S", "-c", "print('done')"], out)])
    assert out.read_text() == "done\n"
    assert 0 < run.wall < 30
    assert 0 < run.cpu < 30
    assert 1 < run.megabytes < 60


def test_the_memory_of_a_process_is_not_that_of_the_one_that_measures(tmp_path):
    """Whatever this process holds, the one measured is small."""
    ballast = bytearray(200_000_000)
    run = launched([([sys.executable, "-S", "-c", ""], tmp_path / "out")])
    assert len(ballast) == 200_000_000
    assert run.megabytes < 60


def test_a_process_that_fails_is_an_error_with_what_it_said(tmp_path):
    """A peer that breaks must not end as a very quick one."""
    command = [sys.executable, "-S", "-c", "raise SystemExit('no such model')"]
    with pytest.raises(RuntimeError, match="no such model"):
        launched([(command, tmp_path / "out")])


def test_one_article_has_about_400_words():
    """Longer and shorter ones are passed over."""
    articles = [Article("word " * n) for n in (349, 350, 450, 451)]
    assert [len(a.text.split()) for a in of_length(articles)] == [350, 450]
    assert 400 in ONE_ARTICLE


def test_a_small_pool_comes_round_again_with_new_ids(tmp_path):
    """Five articles of a pool of two, each with an id of its own."""
    pool = json_lines(tmp_path / "pool.jsonl", [{"text": "First."}, {"text": "Second."}])
    rows = list(bulk_articles(pool, 5))
    assert [row["text"] for row in rows] == ["First.", "Second.", "First.", "Second.", "First."]
    assert [row["id"] for row in rows] == ["0", "1", "2", "3", "4"]


def test_halves_hold_every_line_once(tmp_path):
    """An odd line goes to the second half; the first line is there alone too."""
    whole = json_lines(tmp_path / "whole.jsonl", [1, 2, 3])
    halves, one = write_parts(whole)
    assert [path.read_text() for path in halves] == ["1\n", "2\n3\n"]
    assert one.read_text() == "1\n"


def test_every_tool_has_its_script():
    """Nothing is left to be found missing after minutes of measuring."""
    assert all((PEERS / f"{tool.script}.py").is_file() for tool in TOOLS.values())


def test_tools_without_a_model_of_their_own_use_that_of_another():
    """Ours without the kernel tags with the model that was trained with it."""
    assert TOOLS[NUMPY].model_name == TOOLS[KERNEL].model_name == "ours-kernel"


def test_a_peer_tags_a_file_in_order_with_headlines(tmp_path):
    """Each line has the id, tags and scores of its article."""
    rows = [{"id": "a", "title": "Up", "text": "one"}, {"id": "b", "title": "", "text": "two"}]
    out = tmp_path / "out.jsonl"
    done = worker().file_to_file(shouting, json_lines(tmp_path / "in.jsonl", rows), out)
    assert done == {"articles": 2}
    assert list(map(json.loads, out.read_text().splitlines())) == [
        {"id": "a", "tags": ["UP\n\nONE"], "scores": {"loud": 0.5}},
        {"id": "b", "tags": ["TWO"], "scores": {"loud": 0.5}},
    ]


def test_a_peer_tags_each_article_by_itself(tmp_path):
    """Batches of one, some to warm up, then each once under the clock."""
    seen = []
    data = json_lines(tmp_path / "in.jsonl", [{"text": "one"}, {"text": "two"}])
    took = worker().one_by_one(lambda texts: seen.append(texts) or shouting(texts), data)
    assert seen == [["one"], ["two"], ["one"], ["two"]]
    assert len(took["microseconds"]) == 2


def test_generated_articles_have_labels_and_the_length_of_news():
    """They are the same every time, and no two are one."""
    articles = list(generated(40))

    words = [len(article["text"].split()) for article in articles]
    assert 350 < sum(words) / 40 < 450
    assert len({article["text"] for article in articles}) == 40
    assert {"energy", "culture"} <= {label for each in articles for label in each["labels"]}
    assert list(generated(40)) == articles
