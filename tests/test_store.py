"""A model folder gives back the model that was saved, or says why it does not."""

import hashlib
import io
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from classifier import files
from classifier.errors import ModelError
from classifier.model import folder as store
from classifier.model.folder import golden_texts, load_model, read_card, save_model
from tests.cases import read_cases
from tests.models import ENERGY_TEXT, MIXED_TEXT, one_label_model, tiny_model

ROOT = Path(__file__).parents[1]
BROKEN = read_cases("broken_manifests")
KEYS = {
    *("format_version", "text_rules_version", "name", "labels", "mode", "analyzer", "bias"),
    *("cuts", "base_rates", "calibration", "min_words", "min_coverage", "shapes", "files"),
    *("golden", "info", "hash"),
}
TERMS = ["ambassador", "and", "concert", "gas", "minister", "museum", "oil", "pipeline"]
TERMS += ["strasse", "talks", "the", "οδοσ"]


@pytest.fixture
def folder(tmp_path):
    """Give a folder with the tiny model in it."""
    save_model(tiny_model(), tmp_path / "model")
    return tmp_path / "model"


def manifest_of(folder):
    """Read the manifest as plain JSON."""
    return json.loads((folder / "manifest.json").read_bytes())


def reseal(folder, manifest):
    """Write a manifest with the hash that fits its content."""
    unsealed = {key: value for key, value in manifest.items() if key != "hash"}
    sealed = unsealed | {"hash": hashlib.sha256(as_bytes(unsealed)).hexdigest()}
    (folder / "manifest.json").write_bytes(as_bytes(sealed))


def as_bytes(manifest):
    """Write JSON as the format says: sorted, one space of indent, a newline at the end."""
    return f"{json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)}\n".encode()


def refill(folder, role, content):
    """Put other content into the folder, with every hash right."""
    manifest = manifest_of(folder)
    sha256 = hashlib.sha256(content).hexdigest()
    name = f"{role}-{sha256[:8]}{Path(manifest['files'][role]['name']).suffix}"
    manifest["files"][role] = {"name": name, "sha256": sha256, "bytes": len(content)}
    (folder / name).write_bytes(content)
    reseal(folder, manifest)


def npy(values, *, version=(1, 0)):
    """Return the bytes of an .npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, values, version=version)
    return stream.getvalue()


def path_of(folder, role):
    """Return the path of the file of a role."""
    return folder / manifest_of(folder)["files"][role]["name"]


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("mode", ["several", "one"])
def test_a_loaded_model_is_the_saved_one(tmp_path, mode, mmap):
    """Arrays, numbers, tags and scores come back exactly."""
    model = tiny_model(mode=mode, lead_words=3, lead_repeats=2, bigrams=True)
    model = replace(model, cuts=np.array([0.1, np.inf, -0.3]))

    saved = save_model(model, tmp_path)
    loaded = load_model(tmp_path, mmap=mmap)

    assert loaded.labels == model.labels
    assert loaded.vocabulary == model.vocabulary
    assert loaded.analyzer == model.analyzer
    assert loaded.cuts.tolist() == [0.1, np.inf, -0.3]
    np.testing.assert_array_equal(loaded.idf, model.idf)
    np.testing.assert_array_equal(loaded.weights, model.weights)
    assert loaded.calibration == model.calibration
    assert {**loaded.info} == {**model.info, "hash": saved.info["hash"]}
    assert loaded.predict([ENERGY_TEXT, MIXED_TEXT]) == saved.predict([ENERGY_TEXT, MIXED_TEXT])


def test_predictions_carry_the_hash_of_the_saved_model(folder):
    """The short hash in a prediction is the start of the one in the manifest."""
    prediction = load_model(folder).predict([ENERGY_TEXT])[0]

    assert prediction.model == f"tiny@{manifest_of(folder)['hash'][:8]}"
    assert prediction.tags == ("energy",)


def test_saving_twice_gives_the_same_bytes(tmp_path):
    """Nothing of time, place or chance is in a model folder."""
    save_model(tiny_model(), tmp_path / "a", card="# Tiny\n")
    save_model(load_model(tmp_path / "a"), tmp_path / "b", card="# Tiny\n")

    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab"
    ]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 6


def test_a_changed_number_changes_the_hash(tmp_path):
    """Two models that differ in one cut do not share a hash."""
    other = replace(tiny_model(), cuts=np.array([0.125, 0.0, 0.25]))

    hashes = {save_model(model, tmp_path).info["hash"] for model in (tiny_model(), other)}

    assert len(hashes) == 2


def test_weights_stay_on_disk(folder):
    """Mapped weights cannot be written to and own no memory."""
    weights = load_model(folder, mmap=True).weights

    assert not weights.flags.writeable
    assert not weights.flags.owndata


def test_the_vocabulary_is_readable_text(folder):
    """One term a line, in code point order, as UTF-8."""
    assert path_of(folder, "vocabulary").read_text("utf-8").split("\n") == [*TERMS, ""]


def test_loading_needs_numpy_alone(folder):
    """A process in which the heavy libraries cannot be imported loads and predicts."""
    script = (
        "import sys\n"
        "for name in ('sklearn', 'scipy', 'pandas', 'joblib', 'rich'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from classifier.model.folder import load_model\n"
        "print(load_model(Path(sys.argv[1])).predict([sys.argv[2]])[0].tags)\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", script, str(folder), ENERGY_TEXT],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    assert (run.returncode, run.stdout) == (0, "('energy',)\n"), run.stderr


def test_a_card_is_written_and_may_be_edited(folder):
    """Without one there is a short one; it is for people, and editing does not break the model."""
    assert "- energy\n- diplomacy\n- culture\n" in read_card(folder)
    save_model(tiny_model(), folder, card="# A card\n")
    assert read_card(folder) == "# A card\n"

    (folder / "README.md").write_bytes(b"# caf\xc3\xa9 \xff")
    assert read_card(folder) == "# café \ufffd"
    assert load_model(folder).labels == ("energy", "diplomacy", "culture")

    (folder / "README.md").unlink()
    assert read_card(folder) == ""


def test_saving_over_a_model_leaves_only_the_new_one_and_files_of_others(folder):
    """Old arrays and leftovers of a killed save go; only files with the names of ours do."""
    others = {"notes.txt", ".notes.txt.0123abcd.part", "weights-mine.npy", ".hidden"}
    for name in (*others, ".manifest.json.0123abcd.part"):
        (folder / name).touch()

    save_model(one_label_model(), folder)

    files = {file["name"] for file in manifest_of(folder)["files"].values()}
    assert {path.name for path in folder.iterdir()} == (
        files | others | {"manifest.json", "README.md"}
    )
    assert load_model(folder).labels == ("energy",)


KILLED_SAVE = """
import os, sys
from pathlib import Path
from classifier.model.folder import save_model
from tests.models import one_label_model

left = int(sys.argv[2])

def deadly(call):
    def counted(*args, **options):
        global left
        if left == 0:
            os._exit(9)
        left -= 1
        return call(*args, **options)
    return counted

for name in ("replace", "unlink", "fsync"):
    setattr(os, name, deadly(getattr(os, name)))
save_model(one_label_model(), Path(sys.argv[1]))
"""


def kill_save(folder, step):
    """Save the other model in a process that dies at a step; return its exit code."""
    command = [sys.executable, "-c", KILLED_SAVE, str(folder), str(step)]
    return subprocess.run(command, cwd=ROOT).returncode


def test_a_save_killed_at_any_step_leaves_the_old_or_the_new_model(tmp_path):
    """After a kill the folder loads, first as the old and then as the new; a save clears up."""
    found, codes, left = [], [], []
    for step in count():
        folder = tmp_path / str(step)
        save_model(tiny_model(), folder)
        codes.append(kill_save(folder, step))
        found.append(load_model(folder).name)
        save_model(tiny_model(), folder)
        left.append(len(list(folder.iterdir())))
        if codes[-1] == 0:
            break

    n_old = found.count("tiny")
    assert set(left) == {6}
    assert codes == [9] * (len(codes) - 1) + [0]
    assert found == ["tiny"] * n_old + ["one-label"] * (len(found) - n_old)
    assert n_old >= 8
    assert len(found) - n_old >= 5


def test_files_cut_short_under_a_loaded_model_change_nothing(folder):
    """What is loaded is in memory, whatever becomes of its folder."""
    model = load_model(folder)
    expected = model.predict([ENERGY_TEXT])

    for role in ("vocabulary", "table", "idf", "weights"):
        os.truncate(path_of(folder, role), 0)

    assert model.predict([ENERGY_TEXT]) == expected


SAVES = """
import sys
from pathlib import Path
from classifier.model.folder import save_model
from tests.models import one_label_model, tiny_model

make = {"tiny": tiny_model, "one-label": one_label_model}[sys.argv[2]]
for _ in range(15):
    save_model(make(), Path(sys.argv[1]))
"""


def test_saves_at_the_same_time_leave_a_model_that_loads(folder):
    """Two processes save different models into one folder, again and again."""
    with ExitStack() as running:
        savers = [
            running.enter_context(
                subprocess.Popen([sys.executable, "-c", SAVES, str(folder), name], cwd=ROOT)
            )
            for name in ("tiny", "one-label")
        ]
        names = {load_model(folder).name for _ in range(50)}

    assert [saver.returncode for saver in savers] == [0, 0]
    assert names <= {"tiny", "one-label"}
    assert load_model(folder).name in ("tiny", "one-label")
    assert len(list(folder.iterdir())) in (5, 6)


def test_a_save_waits_for_the_one_under_way(folder, monkeypatch):
    """While somebody holds the folder nothing in it is changed, and the wait has an end."""
    monkeypatch.setattr(files, "PATIENCE", 0.05)

    with (
        files.locked_folder(folder),
        pytest.raises(ModelError, match=r"model: another process writes there"),
    ):
        save_model(one_label_model(), folder)

    assert load_model(folder).name == "tiny"


@pytest.mark.parametrize("name", ["manifest.json", "README.md"])
def test_a_link_out_of_the_folder_is_not_written_through(folder, tmp_path, name):
    """A file elsewhere stays what it is, also when a link in the folder leads to it."""
    (tmp_path / "elsewhere").write_text("mine")
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ModelError, match=r"leads out of its folder"):
        save_model(one_label_model(), folder)

    assert (tmp_path / "elsewhere").read_text() == "mine"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.symlink_to("/etc/hostname"), "leads out of its folder"),
        (os.mkfifo, "is no regular file"),
        (lambda path: path.write_bytes(bytes(2**20 + 1)), "has 1048577 bytes; at most 1048576"),
    ],
    ids=["link", "fifo", "huge"],
)
def test_a_card_is_checked_as_every_other_file(folder, make, says):
    """A card leads nowhere else, hangs nobody, and has a limit."""
    (folder / "README.md").unlink()
    make(folder / "README.md")

    with pytest.raises(ModelError, match=says):
        read_card(folder)


def test_a_model_replaced_while_it_is_read_is_read_again(folder, monkeypatch):
    """When a save comes between the manifest and its files, the new model is loaded."""
    pending = {path_of(folder, "weights").name: lambda: save_model(one_label_model(), folder)}
    opened = Path.open

    def open_late(path, *args, **options):
        pending.pop(path.name, lambda: None)()
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", open_late)

    assert load_model(folder).name == "one-label"
    assert pending == {}


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: f"{case['at']}={case['value']}"[:60])
def test_a_broken_manifest_is_refused_with_the_reason(folder, case):
    """Each field that is wrong, absurd or too new is named in the error."""
    manifest = manifest_of(folder)
    *way, last = case["at"]
    target = manifest
    for key in way:
        target = target[key]
    target[last] = case["value"]
    reseal(folder, manifest)

    with pytest.raises(ModelError) as caught:
        load_model(folder)

    assert case["says"] in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_a_missing_key_is_named(folder, key):
    """A manifest without one of its keys is refused by the name of the key."""
    manifest = manifest_of(folder)
    del manifest[key]
    (folder / "manifest.json").write_bytes(as_bytes(manifest))

    with pytest.raises(ModelError, match=rf"'{key}' must be .* but is missing"):
        load_model(folder)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not readable as JSON"),
        (b"\xff\xfe", "not readable as JSON"),
        (b"[1]", "must hold a JSON object, not list"),
        (b"[" * 200_000, "not readable as JSON"),
        (b'{"format_version": NaN}', "NaN is not a number that JSON knows"),
        (b'{"format_version": 1e999}', "'format_version' must be a whole number"),
    ],
)
def test_a_manifest_that_is_no_json_object_is_refused(folder, content, says):
    """What is no JSON, or no object, is refused as that."""
    (folder / "manifest.json").write_bytes(content)

    with pytest.raises(ModelError, match=says):
        load_model(folder)


def test_manifest_and_golden_articles_have_a_limit(folder):
    """A manifest is refused by its size; a long text would be prepared before it is compared."""
    manifest = manifest_of(folder)
    manifest["golden"][0]["text"] = "oil " * 25_001
    reseal(folder, manifest)
    with pytest.raises(ModelError, match=r"'golden' must be at most 64 articles of 100000 char"):
        load_model(folder)

    os.truncate(folder / "manifest.json", 17 * 2**20)
    with pytest.raises(ModelError, match="has 17825792 bytes; at most 16777216 are read"):
        load_model(folder)


def test_a_manifest_edited_by_hand_is_refused(folder):
    """A plausible edit does not fit the hash."""
    path = folder / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"min_words": 5', '"min_words": 1'), "utf-8")

    with pytest.raises(ModelError, match="was changed after the model was saved"):
        load_model(folder)


def unlinked(path):
    """Take a file away."""
    path.unlink()


def shortened(path):
    """Take its last byte from a file."""
    os.truncate(path, path.stat().st_size - 1)


def flipped(path):
    """Change a bit of a file."""
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])


def made_a_folder(path):
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def moved_away(path):
    """Leave a link to where a file lies now."""
    elsewhere = path.parent.parent / path.name
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("role", ["vocabulary", "table", "idf", "weights"])
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (unlinked, r"-[0-9a-f]{8}\.\w+ is missing"),
        (shortened, r".* has \d+ bytes where the manifest says \d+"),
        (flipped, ".* does not have the hash"),
        (made_a_folder, ".* is no regular file"),
        (moved_away, ".* leads out of its folder"),
    ],
)
def test_a_damaged_file_is_refused_by_name(folder, role, damage, says):
    """Missing, of another size or hash, no file, or not in the folder, if right in content."""
    damage(path_of(folder, role))

    with pytest.raises(ModelError, match=f"{role}{says}"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere", "nowhere is not there, or is no folder"),
        ("empty", "empty/manifest.json is missing"),
        ("a" * 300, "cannot be read"),
    ],
)
def test_a_folder_without_a_model_is_refused(tmp_path, name, says):
    """No folder, an empty folder and an impossible name each get their reason."""
    (tmp_path / "empty").mkdir()

    with pytest.raises(ModelError, match=says):
        load_model(tmp_path / name)


WEIGHTS = np.zeros((12, 3), dtype="<f4")
HUGE_HEADER = npy(WEIGHTS).replace(b"(12, 3), }" + b" " * 12, b"(1000000000000, 3), } ", 1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (npy(WEIGHTS.astype("<f8")), "of <f8 in C order"),
        (npy(WEIGHTS.astype(object)), "of .O in C order"),
        (npy(np.asfortranarray(WEIGHTS)), "of <f4 in Fortran order"),
        (npy(WEIGHTS[:11]), r"holds shape \(11, 3\)"),
        (npy(WEIGHTS.reshape(-1)), r"holds shape \(36,\)"),
        (npy(WEIGHTS, version=(2, 0)), "is no readable .npy file|version 2"),
        (HUGE_HEADER, r"holds shape \(1000000000000, 3\)"),
        (npy(WEIGHTS)[:-4], r"shape \(12, 3\) needs \d+"),
        (npy(WEIGHTS) + b"more", r"shape \(12, 3\) needs \d+"),
        (b"not an array at all", "is no readable .npy file"),
        (b'\x93NUMPY\x01\x00\x40\x00{\'shape\': (1L, """' + b" " * 99, "is no readable .npy file"),
        (npy(WEIGHTS).replace(b"(12, 3)", b"(9" + b"9" * 99), "is no readable .npy file"),
        (npy(WEIGHTS + np.float32("nan")), "no numbers or above 10000"),
        (npy(WEIGHTS - np.float32("inf")), "no numbers or above 10000"),
        (npy(WEIGHTS + np.float32(20_000)), "no numbers or above 10000"),
    ],
)
def test_an_array_of_another_form_is_refused(folder, content, says):
    """Right hashes do not make an array of the wrong type, order, shape or range acceptable."""
    refill(folder, "weights", content)

    with pytest.raises(ModelError, match=rf"weights-[0-9a-f]{{8}}\.npy .*{says}"):
        load_model(folder)


@pytest.mark.parametrize(
    ("role", "content", "says"),
    [
        ("idf", np.zeros(12, dtype="<f4"), "idf.* not above zero"),
        ("weights", WEIGHTS, "golden article 1 has a margin of -0.75 for 'energy'"),
    ],
)
def test_numbers_that_cannot_be_right_are_refused(folder, role, content, says):
    """A term of no weight would divide by zero; what passes every hash must score as it did."""
    refill(folder, role, npy(content))

    with pytest.raises(ModelError, match=says):
        load_model(folder)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("\n".join(TERMS).encode(), "holds 11 whole lines where the model has 12 terms"),
        ("\n".join([*TERMS, "ω", ""]).encode(), "holds 13 whole lines"),
        ("\n".join(["and", *TERMS[1:], ""]).encode(), "different terms in code point order"),
        ("\n".join(["", *TERMS[1:], ""]).encode(), "different terms in code point order"),
        ("\n".join([*TERMS[::-1], ""]).encode(), "different terms in code point order"),
        ("\n".join([*TERMS, ""]).encode("utf-16"), "is not UTF-8"),
        (b"", "holds 0 whole lines"),
    ],
)
def test_a_vocabulary_of_another_form_is_refused(folder, content, says):
    """Terms are counted, different, in order and UTF-8."""
    refill(folder, "vocabulary", content)

    with pytest.raises(ModelError, match=rf"vocabulary-[0-9a-f]{{8}}\.txt .*{says}"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights": np.full((12, 3), np.nan, np.float32)}, "no numbers"),
        ({"weights": np.zeros((12, 2), np.float32)}, r"holds shape \(12, 2\)"),
        ({"vocabulary": tuple(TERMS[::-1])}, "code point order"),
        ({"vocabulary": (*TERMS[:-1], "two\nlines")}, "holds 13 whole lines"),
        ({"vocabulary": (*TERMS[:-1], "\ud800")}, "model 'tiny': a term is no valid text"),
        ({"info": {"seen": {1, 2}}}, "model 'tiny' holds something that JSON cannot"),
        ({"cuts": np.array([0, np.nan, 0])}, "model 'tiny' holds something that JSON cannot"),
        ({"labels": ("a", "a", "b")}, "'labels' must be a list of different labels"),
    ],
)
def test_a_model_that_could_not_be_loaded_is_not_saved(tmp_path, change, says):
    """Saving passes the checks of loading before it writes anything."""
    with pytest.raises(ModelError, match=says):
        save_model(replace(tiny_model(), **change), tmp_path / "model")

    assert not (tmp_path / "model").exists()


def test_a_manifest_too_large_to_load_is_not_saved(tmp_path, monkeypatch):
    """What loading would refuse for its size is refused when saving."""
    monkeypatch.setattr(store, "MAX_MANIFEST_BYTES", 100)

    with pytest.raises(ModelError, match="its manifest would exceed 16 MB"):
        save_model(tiny_model(), tmp_path / "model")


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    """A file in place of the folder is named with the system's reason."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ModelError, match=r"file: no model can be written there \(File exists\)"):
        save_model(tiny_model(), tmp_path / "file")


def test_a_model_without_terms_is_saved_and_loaded(tmp_path):
    """Nothing to know is no reason to fail."""
    empty = replace(
        one_label_model(),
        vocabulary=(),
        idf=np.empty(0, np.float32),
        weights=np.empty((0, 1), np.float32),
    )

    save_model(empty, tmp_path)

    assert load_model(tmp_path).predict(["oil"])[0].scores == {"energy": 0.25}


def test_golden_texts_are_the_words_for_and_against_each_label():
    """Strongest words first, every third with a capital, then a wire story and nothing."""
    energy, diplomacy, culture, story, nothing = golden_texts(tiny_model(bigrams=True))

    assert energy == (
        "Oil gas pipeline Strasse minister and Talks the ambassador οδοσ concert museum"
    )
    assert diplomacy.startswith("Ambassador talks minister Strasse gas οδοσ")
    assert culture.startswith("Concert museum strasse οδοσ")
    assert story.startswith("BAKU, Azerbaijan, March 14.")
    assert nothing == ""


def test_golden_texts_of_large_models_are_few_and_short():
    """Twelve words for and four against, for no more than eight labels."""
    model = replace(
        one_label_model(),
        labels=tuple("abcdefghi"),
        vocabulary=tuple(f"w{i:02}" for i in range(30)),
        weights=np.tile(np.arange(30, 0, -1, dtype=np.float32)[:, None], 9),
    )

    texts = golden_texts(model)

    assert len(texts) == 10
    assert texts[0] == "W00 w01 w02 W03 w04 w05 W06 w07 w08 W09 w10 w11 W26 w27 w28 W29"
