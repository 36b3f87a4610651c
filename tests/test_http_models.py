"""Models on the shelf, and articles of many requests scored together."""

import asyncio
import os
import sys
import threading

import pytest

from classifier.article import Article
from classifier.errors import ClassifierError, ModelError, SettingsError
from classifier.service.batching import Scorer
from classifier.service.corrections import FeedbackFile
from classifier.service.limits import Limits, Source
from classifier.service.metrics import MULTIPROCESS, Metrics
from classifier.service.service import Shelf
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model
from tests.service import tiny_folder


def test_the_shipped_model_is_served_where_none_is_named():
    """Under the name it has."""
    assert Shelf([Source()]).default.name == "sectors"


def test_two_models_of_one_name_are_refused(tmp_path):
    """A request could not say which it means."""
    one, two = (Source(tiny_folder(tmp_path / name)) for name in ("one", "two"))

    with pytest.raises(ModelError, match=r"two models are named 'tiny' \(.*one and .*two\)"):
        Shelf([one, two])


def test_a_reload_brings_the_new_model(tmp_path):
    """Who holds the old one keeps it."""
    shelf = Shelf([Source(tiny_folder(tmp_path))])
    old = shelf.default.model
    tiny_folder(tmp_path, mode="one")

    assert shelf.reload() is True

    assert shelf.default.model.mode == "one"
    assert old.predict([ENERGY_TEXT])[0].tags == ("energy",)


def test_a_broken_folder_keeps_its_old_model(tmp_path, caplog):
    """The others are renewed, and the log says why."""
    broken, sound = tiny_folder(tmp_path / "broken"), tiny_folder(tmp_path / "sound")
    shelf = Shelf([Source(broken, "a"), Source(sound, "b")])
    (broken / "manifest.json").write_text("{")
    tiny_folder(sound, mode="one")

    assert shelf.reload() is False

    assert {name: each.model.mode for name, each in shelf.models.items()} == {
        "a": "several",
        "b": "one",
    }
    assert "stays as it was" in caplog.text


def test_a_reload_onto_a_card_that_is_none_has_failed(tmp_path):
    """A FIFO in place of README.md hangs nobody, and the model in use stays."""
    shelf = Shelf([Source(tiny_folder(tmp_path))])
    before = shelf.default.model
    (tmp_path / "README.md").unlink()
    os.mkfifo(tmp_path / "README.md")

    assert shelf.reload() is False
    assert shelf.default.model is before


def test_a_reload_that_would_give_one_name_to_two_changes_nothing(tmp_path, monkeypatch, caplog):
    """All models stay."""
    folders = [tiny_folder(tmp_path / "one"), tiny_folder(tmp_path / "two", mode="one")]
    shelf = Shelf([Source(folders[0], "one"), Source(folders[1], "two")])
    before = shelf.models
    monkeypatch.setattr("classifier.service.service._loaded", lambda source: before["one"])

    assert shelf.reload() is False

    assert shelf.models is before
    assert "All models stay as they were" in caplog.text


def together(scorer, asked):
    """Score lists of articles, all asked for at once; return the answers or what was raised."""

    async def all_at_once():
        jobs = [
            scorer.predict(model, articles, thresholds=thresholds)
            for model, articles, thresholds in asked
        ]
        return await asyncio.gather(*jobs, return_exceptions=True)

    answers = asyncio.run(all_at_once())
    scorer.close()
    return answers


def test_a_crowd_is_scored_together_and_answered_apart():
    """As alone, in calls of at most so many articles."""
    model, sizes = tiny_model(), []
    asked = [(model, [Article(text)] * n, {}) for text in (ENERGY_TEXT, MIXED_TEXT) for n in (1, 3)]

    answers = together(Scorer(most=5, observe=sizes.append), asked * 3)

    assert [len(answer) for answer in answers] == [1, 3, 1, 3] * 3
    assert [answer[0].tags for answer in answers[:4]] == [("energy",)] * 2 + [
        ("diplomacy", "energy")
    ] * 2
    assert sum(sizes) == 24
    assert max(sizes) <= 5
    assert len(sizes) <= 6


def test_a_large_request_is_cut(monkeypatch):
    """So that small ones get their turn."""
    sizes = []

    answers = together(
        Scorer(most=2, observe=sizes.append), [(tiny_model(), [Article("a")] * 5, {})]
    )

    assert len(answers[0]) == 5
    assert sizes == [2, 2, 1]


def test_different_thresholds_do_not_mix():
    """Only what is alike is scored in one call."""
    model = tiny_model()
    article = [Article(ENERGY_TEXT)]

    answers = together(Scorer(), [(model, article, {}), (model, article, {"energy": 1.0})])

    assert [answer[0].tags for answer in answers] == [("energy",), ()]


def test_the_fault_of_one_is_not_that_of_its_neighbours():
    """They are scored again, alone."""
    model = tiny_model()
    asked = [
        (model, [Article(ENERGY_TEXT)], {}),
        (model, [Article(None)], {}),
        (model, [Article(MIXED_TEXT)], {}),
    ]

    answers = together(Scorer(), asked)

    assert answers[0][0].tags == ("energy",)
    assert isinstance(answers[1], Exception)
    assert answers[2][0].tags == ("diplomacy", "energy")


def test_who_has_left_is_not_scored():
    """A request that timed out costs nothing more."""
    sizes, model, gate = [], tiny_model(), threading.Event()

    async def leave():
        scorer = Scorer(observe=sizes.append)
        busy = asyncio.ensure_future(scorer.run(gate.wait))
        first = asyncio.ensure_future(scorer.predict(model, [Article("a")]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone = asyncio.ensure_future(scorer.predict(model, [Article("b")] * 7))
        await asyncio.sleep(0)
        gone.cancel()
        first.cancel()
        gate.set()
        await busy
        answer = await scorer.predict(model, [Article(ENERGY_TEXT)] * 2)
        scorer.close()
        return answer

    answer = asyncio.run(leave())

    assert [each.tags for each in answer] == [("energy",)] * 2
    assert sizes == [1, 2]


def test_counts_of_several_processes_come_from_their_folder(tmp_path, monkeypatch):
    """Empty here, as no process has counted into it."""
    monkeypatch.setenv(MULTIPROCESS, str(tmp_path))

    assert Metrics().page() == b""


def test_a_limit_must_be_positive():
    """Nothing could be asked otherwise."""
    with pytest.raises(SettingsError, match="batch_articles is 0"):
        Limits(batch_articles=0)


def test_a_file_of_corrections_must_be_writable(tmp_path):
    """Said at the start, not at the first correction."""
    with pytest.raises(ClassifierError, match="cannot be written to"):
        FeedbackFile(tmp_path)


def test_corrections_are_saved_where_files_cannot_be_locked(tmp_path, monkeypatch):
    """As on Windows, with one worker."""
    monkeypatch.setitem(sys.modules, "fcntl", None)

    assert FeedbackFile(tmp_path / "fixed.jsonl").save({"text": "Oil", "labels": []}) is False


def test_corrections_go_on_when_their_file_was_moved_away(tmp_path):
    """As somebody does who merges it."""
    path = tmp_path / "below" / "fixed.jsonl"
    file = FeedbackFile(path)
    path.unlink()

    file.save({"text": "Oil", "labels": []})
    file.save({"text": "Gas", "labels": []})

    assert path.read_text().count("\n") == 2
