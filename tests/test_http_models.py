"""Models on the shelf, threads that score, and the file of corrections."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from classifier.article import Article
from classifier.errors import ClassifierError, ModelError, SettingsError
from classifier.service.corrections import FeedbackFile
from classifier.service.limits import Limits, Source
from classifier.service.service import MULTIPROCESS, Metrics, Scorer, Shelf
from tests.command_line import PATIENCE
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


def test_a_request_of_many_articles_is_answered_in_order():
    """In pieces, between which others get their turn."""
    scorer, texts = Scorer(), [ENERGY_TEXT, MIXED_TEXT] * 50

    answers = asyncio.run(scorer.predict(tiny_model(), [Article(text) for text in texts]))

    assert [each.tags for each in answers] == [("energy",), ("diplomacy", "energy")] * 50


@pytest.mark.parametrize(
    ("texts", "n_threads"),
    [(["oil " * 500], 0), (["oil"] * 64, 0), (["oil " * 5000], 1), (["oil"] * 65, 1)],
)
def test_what_is_short_is_scored_at_once_and_the_rest_on_a_thread(texts, n_threads):
    """A thread costs more than a short article, and a long one must not keep others waiting."""
    before, scorer, model = set(threading.enumerate()), Scorer(), tiny_model()

    async def ask():
        await scorer.predict(model, [Article(text) for text in texts])
        return set(threading.enumerate()) - before

    started = asyncio.run(ask())
    scorer.close()

    assert len(started) == n_threads


def test_a_wrong_threshold_is_an_error_of_the_request_alone():
    """The thread goes on."""
    scorer, articles = Scorer(threads=1), [Article(ENERGY_TEXT)]

    async def both():
        wrong = scorer.predict(tiny_model(), articles, thresholds={"sport": 0.5})
        right = scorer.predict(tiny_model(), articles)
        return await asyncio.gather(wrong, right, return_exceptions=True)

    wrong, right = asyncio.run(both())

    assert isinstance(wrong, ModelError)
    assert right[0].tags == ("energy",)


def test_scoring_that_does_not_end_frees_its_place():
    """Others are answered by threads that take its place, up to a limit, and it may come back."""
    end, numbers = threading.Event(), []
    scorer = Scorer(threads=1, most_stuck=1, observe=numbers.append)

    async def stick():
        scorer.seconds = 0.05
        with pytest.raises(TimeoutError):
            await scorer.run(end.wait)
        scorer.seconds = PATIENCE

    async def ask():
        await stick()
        answer = await scorer.run(lambda: "answered")
        one_stuck = scorer.all_stuck
        await stick()
        both_stuck = scorer.all_stuck
        end.set()
        while scorer.n_stuck:
            await asyncio.sleep(0.001)
        return answer, one_stuck, both_stuck, await scorer.run(lambda: "again")

    answers = asyncio.run(ask())

    assert answers == ("answered", False, True, "again")
    assert numbers == [1, 2, 1, 0]


def test_a_question_that_waits_gets_the_thread_that_replaces_a_stuck_one():
    """It need not wait until somebody else asks."""
    begun, end = threading.Event(), threading.Event()
    scorer = Scorer(PATIENCE, threads=1, most_stuck=1)

    def stick():
        begun.set()
        end.wait()

    async def ask():
        stuck = asyncio.ensure_future(scorer.run(stick))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        waiting = asyncio.ensure_future(scorer.run(lambda: "answered"))
        await asyncio.sleep(0)
        stuck.cancel()
        try:
            return await waiting
        finally:
            end.set()

    assert asyncio.run(ask()) == "answered"


def test_a_question_that_was_given_up_is_not_begun():
    """A request that timed out while it waited costs nothing more."""
    begun, end = [], threading.Event()
    scorer = Scorer(threads=1, most_stuck=1)

    async def leave():
        busy = asyncio.ensure_future(scorer.run(end.wait))
        await asyncio.sleep(0)
        gone = asyncio.ensure_future(scorer.run(lambda: begun.append("gone")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        end.set()
        await busy
        await scorer.run(lambda: begun.append("next"))

    asyncio.run(leave())

    assert begun == ["next"]


def test_a_process_ends_whatever_is_being_scored():
    """A thread that never ends does not keep it."""
    code = (
        "import asyncio, threading\n"
        "from classifier.service.service import Scorer\n"
        "try:\n"
        "    asyncio.run(Scorer(0.05).run(threading.Event().wait))\n"
        "except TimeoutError:\n"
        "    print('late')\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )

    assert ended.stdout == "late\n"


def test_corrections_are_read_on_not_read_again(tmp_path):
    """What others add meanwhile is known, and a half line of theirs stays a line of its own."""
    path = tmp_path / "fixed.jsonl"
    file, other = FeedbackFile(path), FeedbackFile(path)
    file.save({"id": "a", "text": "Oil", "labels": []})
    other.save({"id": "b", "text": "Gas", "labels": []})
    with path.open("a") as stream:
        stream.write('{"text": "half')

    replaced = [
        file.save({"text": "Coal", "labels": []}),
        file.save({"id": "b", "text": "Gas prices", "labels": ["energy"]}),
        other.save({"text": "Coal ", "labels": ["energy"]}),
    ]

    assert replaced == [False, True, True]
    assert path.read_text().splitlines() == [
        '{"id": "a", "text": "Oil", "labels": []}',
        '{"text": "half',
        '{"id": "b", "text": "Gas prices", "labels": ["energy"]}',
        '{"text": "Coal ", "labels": ["energy"]}',
    ]


def test_a_correction_costs_the_same_however_many_there_are(tmp_path):
    """What was read once is not read again: not even a change of it is seen."""
    path = tmp_path / "fixed.jsonl"
    path.write_text('{"text": "Oil", "labels": []}\n')
    file = FeedbackFile(path)
    file.save({"text": "Coal", "labels": []})
    path.write_text(path.read_text().replace("Oil", "Gas"))

    replaced = [each.save({"text": "Gas", "labels": []}) for each in (file, FeedbackFile(path))]

    assert replaced == [False, True]


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
