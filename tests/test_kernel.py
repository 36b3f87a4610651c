"""The compiled kernel says what the NumPy path says, to the last bit, whatever it is given."""

import copy
import pickle
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from classifier.compiled import compiled, kernel_status
from classifier.errors import ModelError
from classifier.model import vocabulary as table
from classifier.model.calibration import PiecewiseLinear
from classifier.model.folder import load_model, save_model
from classifier.model.model import Model, kernel_of
from classifier.model.vocabulary import Analyzer, Vocabulary, fold
from tests.command_line import environment, run
from tests.models import ENERGY_TEXT, MIXED_TEXT, one_label_model, tiny_model
from tests.test_store import npy, refill

needs_kernel = pytest.mark.skipif(compiled() is None, reason="the kernel is not built")

AWKWARD = "İIıſKΣσςßẞẗΐǅŉﬁÅ\u0345\u0301_1२٣Ⅷ²½漢\U0001d54f\U00010400\ud800\udfff\0 .-'"
PIECES = ("gas", "Gas", "policies", "ies", "dies", "news", "boss", "İSTANBUL", "ΟΔΟΣ", "straße")
PIECES += ("STRASSES", "ſs", "ßs", "aß", "ß", "_s", "٣s", "\ud800", "e\u0301s", "x" * 70, "K", "")
characters = st.one_of(st.characters(), st.sampled_from(AWKWARD))
words = st.one_of(st.sampled_from(PIECES), st.text(characters, max_size=12))
texts = st.lists(words, max_size=30).map(" ".join)
analyzers = st.builds(
    Analyzer,
    lead_words=st.integers(0, 7),
    lead_repeats=st.integers(0, 3),
    bigrams=st.booleans(),
    fold_plurals=st.booleans(),
    lead_divisor=st.integers(1, 4),
)


def model_of(terms, analyzer, *, n_labels=2, seed=0):
    """Return a model of these terms with weights by chance."""
    rng = np.random.default_rng(seed)
    return Model(
        labels=tuple(f"label {k:02}" for k in range(n_labels)),
        vocabulary=tuple(sorted(terms)),
        idf=rng.uniform(1, 9, len(terms)).astype(np.float32),
        weights=rng.normal(0, 2, (len(terms), n_labels)).astype(np.float32),
        bias=rng.normal(0, 1, n_labels),
        cuts=rng.normal(0, 1, n_labels),
        base_rates=np.full(n_labels, 0.25),
        calibration=PiecewiseLinear([[-2, 0, 2]] * n_labels, [[0, 0.5, 1]] * n_labels),
        analyzer=analyzer,
        min_words=1,
    )


def without_kernel(model):
    """Return a copy of a model that has looked for its kernel and found none."""
    copy = replace(model)
    copy.__dict__["kernel"] = None
    return copy


def assert_same(model, batch):
    """Hold readings, margins, tags and explanations of both paths to each other."""
    reference = without_kernel(model)
    fast, slow = model.read(batch), reference.read(batch)
    for name in ("starts", "terms", "counts", "n_words", "n_known"):
        assert_array_equal(getattr(fast, name), getattr(slow, name), name)
        assert getattr(fast, name).dtype == np.int64
    assert_array_equal(model.margins(batch), reference.margins(batch))
    said, expected = model.predict(batch), reference.predict(batch)
    assert said == expected
    assert [p.explain() for p in said] == [p.explain() for p in expected]
    for path in (model, reference):
        assert [path.predict([text])[0] for text in batch] == expected


@needs_kernel
@settings(max_examples=200)
@given(
    batch=st.lists(texts, min_size=1, max_size=4),
    analyzer=analyzers,
    every=st.integers(1, 3),
)
@example(batch=["ΟΔΟΣ οδος", "straße STRASSE"], analyzer=Analyzer(fold_plurals=True), every=1)
def test_both_paths_read_any_text_alike(batch, analyzer, every):
    """Ids, counts, words, margins, tags and reasons are equal for every text and analyzer."""
    terms = sorted({term for text in batch for term in analyzer.terms(text)})

    model = model_of({*terms[::every], "gas", "gas gas"}, analyzer, n_labels=len(batch))

    assert model.kernel is not None
    assert_same(model, batch)


@needs_kernel
@pytest.mark.parametrize("fold_plurals", [False, True])
def test_both_paths_fold_every_character_alike(fold_plurals):
    """Each of Unicode's code points makes the same word, alone, doubled and between letters."""
    text = "".join(f"{chr(c)} {chr(c)}{chr(c)} a{chr(c)}s\n" for c in range(sys.maxunicode + 1))
    analyzer = Analyzer(fold_plurals=fold_plurals)
    model = model_of(set(analyzer.terms(text)), analyzer, n_labels=1)

    fast, slow = model.read([text]), model.read_by_dict([text])

    assert_array_equal(fast.terms, slow.terms)
    assert_array_equal(fast.counts, slow.counts)
    assert fast.n_words.tolist() == slow.n_words.tolist() == fast.n_known.tolist()
    assert fast.n_words[0] > 250_000


@needs_kernel
@pytest.mark.parametrize("n_labels", [1, 97])
@pytest.mark.parametrize("bigrams", [False, True])
@pytest.mark.parametrize("tail", ["", "é", "’", "漢", "\U00010400"])
def test_few_and_many_labels_have_the_same_margins(n_labels, bigrams, tail):
    """Words of all lengths, in strings of one, two and four bytes a character."""
    rng = np.random.default_rng(5)
    words = ["".join(rng.choice(list("aeiosty"), rng.integers(1, 24))) for _ in range(400)]
    batch = [" ".join(rng.choice(words, size)) + tail for size in (0, 1, 63, 64, 65, 1000)]
    analyzer = Analyzer(100, 2, bigrams, fold_plurals=True, lead_divisor=5)
    terms = {term for text in batch for term in analyzer.terms(text)}

    assert_same(model_of(terms, analyzer, n_labels=n_labels), batch)


@needs_kernel
@pytest.mark.parametrize(
    "text",
    [
        "gas " * 1_000_000,
        "g" * 10_000_000,
        "gas\0pipeline \ud800 " * 100_000,
        "É" * 1_000_000 + " gas pipeline",
        "talks " + "ß" * 1_000_000 + "s gas",
    ],
    ids=["a million words", "one word of ten million", "NUL and surrogates", "É", "ß"],
)
def test_hostile_giants_are_read_alike(text):
    """Megabytes of one thing give the same counts."""
    model = tiny_model(bigrams=True, lead_words=5, lead_repeats=2, fold_plurals=True)

    fast, slow = model.read([text]), model.read_by_dict([text])

    assert fast.counts.tolist() == slow.counts.tolist()
    assert fast.n_words.tolist() == slow.n_words.tolist()
    assert_array_equal(model.margins([text]), without_kernel(model).margins([text]))


@needs_kernel
def test_counts_beyond_the_table_of_logarithms_weigh_the_same():
    """From 4,096 times on NumPy takes the logarithm of each."""
    batch = ["gas " * n + "oil talks" for n in (4094, 4095, 4096, 4097, 50_000)]

    assert_same(tiny_model(), batch)


@st.composite
def broken_lines(draw):
    """Draw a line of 1 to 9 knots on sixteenths."""
    places = draw(st.sets(st.integers(-40, 40), min_size=1, max_size=9))
    rise = st.lists(st.floats(0, 1), min_size=len(places), max_size=len(places))
    return [place / 16 for place in sorted(places)], sorted(draw(rise))


@needs_kernel
@settings(max_examples=100)
@given(
    lines=st.lists(broken_lines(), min_size=3, max_size=3),
    batch=st.lists(texts | st.sampled_from([ENERGY_TEXT, MIXED_TEXT]), min_size=1, max_size=3),
    floors=st.dictionaries(st.sampled_from(tiny_model().labels), st.floats(0, 1)),
)
@example(lines=[([0.0], [0.5])] * 3, batch=[MIXED_TEXT, ENERGY_TEXT], floors={})
@example(lines=[([0.0], [0.5])] * 3, batch=[MIXED_TEXT] * 2, floors={"energy": 0.5, "culture": 0})
def test_both_paths_decide_alike(lines, batch, floors):
    """Scores, tags and their order are equal for any lines and thresholds, ties included."""
    margins, probabilities = zip(*lines, strict=True)
    model = replace(tiny_model(), calibration=PiecewiseLinear(margins, probabilities), min_words=0)
    reference = without_kernel(model)

    expected = reference.predict(batch, thresholds=floors)

    assert model.predict(batch, thresholds=floors) == expected
    for path in (model, reference):
        assert [path.predict([text], thresholds=floors)[0] for text in batch] == expected


@needs_kernel
def test_both_paths_give_exactly_one_label_alike():
    """A softmax is NumPy's on both."""
    assert_same(tiny_model(mode="one", lead_words=3, lead_repeats=1), [ENERGY_TEXT, "", MIXED_TEXT])


@needs_kernel
def test_a_giant_costs_no_memory_of_its_size():
    """A text of 100 MB is read in less than 20 MB more."""
    code = (
        "import resource\n"
        "from tests.models import tiny_model\n"
        "model = tiny_model(bigrams=True, lead_words=100, lead_repeats=2)\n"
        "model.read(['gas pipeline'])\n"
        "text = 'gas pipeline talks ' * 5_300_000\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert model.read([text]).n_known.tolist() == [15_900_000]\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert int(done.stdout) < 20_000


@needs_kernel
def test_threads_share_a_model():
    """The kernel runs without the lock of the interpreter; each thread gets its own answer."""
    model = tiny_model(bigrams=True)
    batches = [[ENERGY_TEXT] * 50, [MIXED_TEXT] * 50, ["museum concert " * 400] * 50, [""] * 50]
    expected = [model.predict(batch) for batch in batches]
    wrong = []

    def work(number):
        found = [model.predict(batches[number]) for _ in range(40)]
        wrong.extend(number for each in found if each != expected[number])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@needs_kernel
@pytest.mark.parametrize("text", [None, b"gas", 5])
def test_what_is_no_text_is_refused(text):
    """Bytes and numbers are no texts, with or without the kernel."""
    with pytest.raises(TypeError):
        tiny_model().read([text])
    with pytest.raises(TypeError):
        tiny_model().read_by_dict([text])


@needs_kernel
def test_a_kind_of_str_is_a_text():
    """What other libraries make of str is read as any str."""
    kind = type("Kind", (str,), {})

    assert tiny_model().read([kind("oil gas")]).n_known.tolist() == [2]


@pytest.mark.parametrize(
    "change",
    [
        {"vocabulary": ("b", "a", "c")},
        {"vocabulary": ("a", "b", "two\nlines")},
        {"vocabulary": ("a", "b", "\ud800")},
        {"weights": np.full((3, 1), 2.0**18, np.float32)},
        {"weights": np.full((3, 1), np.nan, np.float32)},
        {"weights": np.ones((3, 1))},
        {"weights": np.ones((2, 1), np.float32)},
        {"analyzer": Analyzer(lead_repeats=-1)},
    ],
)
def test_a_model_like_no_other_is_left_to_numpy(change):
    """Terms out of order, other numbers or wild weights: the reference reads such models."""
    assert kernel_of(replace(one_label_model(), **change)) is None


def test_without_the_kernel_all_is_the_same(monkeypatch, tmp_path):
    """The switch turns it off; the folder is the same to the byte, and so are the answers."""
    model = tiny_model(bigrams=True)
    save_model(model, tmp_path / "with")
    expected = load_model(tmp_path / "with").predict([ENERGY_TEXT, MIXED_TEXT])
    monkeypatch.setenv("CLASSIFIER_KERNEL", "off")

    save_model(tiny_model(bigrams=True), tmp_path / "without")
    loaded = load_model(tmp_path / "with")

    assert loaded.kernel is None
    assert loaded.predict([ENERGY_TEXT, MIXED_TEXT]) == expected
    contents = [{p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in
                ("with", "without")]  # fmt: skip
    assert contents[0] == contents[1]


def test_a_missing_kernel_is_told(monkeypatch):
    """Which path is in use, in words."""
    monkeypatch.setenv("CLASSIFIER_KERNEL", "OFF")
    switched_off = kernel_status()
    monkeypatch.delenv("CLASSIFIER_KERNEL")
    monkeypatch.setattr("classifier.compiled._built", lambda _name: None)

    assert kernel_status() == "none (NumPy)"
    assert switched_off in ("off, by CLASSIFIER_KERNEL (NumPy)", "none (NumPy)")
    assert tiny_model().kernel is None


@needs_kernel
def test_info_says_which_path_is_in_use(tmp_path):
    """`classifier info` names the kernel."""
    save_model(tiny_model(), tmp_path / "tiny")

    assert "\nkernel: compiled\n" in run("info", tmp_path / "tiny").out


@needs_kernel
@settings(max_examples=50)
@given(st.sets(st.text(st.characters(codec="utf-8", exclude_characters="\n")), max_size=60))
def test_the_table_is_the_same_with_and_without_the_kernel(terms):
    """Both ways to make it give the same slots."""
    vocabulary = Vocabulary.of(sorted(terms))

    plain = table._table_of(vocabulary.lines, vocabulary.starts, table.n_slots(len(terms)))

    assert_array_equal(vocabulary.table, plain)
    assert plain.dtype == vocabulary.table.dtype == np.uint32


def test_the_hash_of_a_term_is_fixed():
    """Tables in model folders depend on it."""
    hashes = [table.term_hash(term.encode()) for term in ("", "gas", "pipeline", "gas pipeline")]

    assert hashes == [
        0, 12582091245039167707, 13989609866761571077, 15879986754361799335
    ]  # fmt: skip


def test_a_vocabulary_is_a_sequence_of_its_terms():
    """It looks like the tuple it was made of."""
    terms = ("", "gas", "οδοσ", "漢字")
    vocabulary = Vocabulary.of(terms)

    assert vocabulary == terms
    assert vocabulary == Vocabulary.of(list(terms))
    assert vocabulary != terms[1:]
    assert vocabulary != 5
    assert (vocabulary[1], vocabulary[-1], vocabulary[1:3]) == ("gas", "漢字", ("gas", "οδοσ"))
    assert list(vocabulary) == list(terms)
    assert repr(vocabulary) == "<Vocabulary of 4 terms>"
    with pytest.raises(IndexError):
        vocabulary[4]


@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda slots: np.where(slots == 12, 0, slots).astype("<u4"), "11 entries for 12 terms"),
        (
            lambda slots: np.where(slots == 12, 1, slots).astype("<u4"),
            "does not lead to term|to a term twice",
        ),
        (
            lambda slots: np.where(slots == 12, 2**32 - 1, slots).astype("<u4"),
            "not lead to|to a term twice",
        ),
        (lambda slots: slots[:16], r"holds shape \(16, 2\)"),
        (lambda slots: slots.astype("<i4"), "of <i4 in C order"),
        (lambda slots: np.maximum(slots, 1).astype("<u4"), "32 entries for 12 terms"),
    ],
    ids=["an entry less", "twice", "beyond", "too small", "signed", "full"],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, monkeypatch, switch, change, says):
    """Sealed with the right hashes, it is still held to the vocabulary."""
    monkeypatch.setenv("CLASSIFIER_KERNEL", switch)
    save_model(tiny_model(), tmp_path)
    refill(tmp_path, "table", npy(change(Vocabulary.of(tiny_model().vocabulary).table)))

    with pytest.raises(ModelError, match=rf"table-[0-9a-f]{{8}}\.npy .*({says})"):
        load_model(tmp_path)


@needs_kernel
@settings(max_examples=300)
@given(data=st.data(), text=texts)
def test_a_hostile_table_leads_nowhere_else(data, text):
    """Whatever stands in table and lines, ids stay those of terms and nothing else is read.

    Run under the sanitizers (`make sanitize`) a step outside would end the process.
    """
    vocabulary = Vocabulary.of(tiny_model(bigrams=True).vocabulary)
    slots = np.array(vocabulary.table)
    lines = bytearray(vocabulary.lines)
    anywhere = st.tuples(st.integers(0, len(slots) - 1), st.integers(0, 1))
    for at, value in data.draw(st.dictionaries(anywhere, st.integers(0, 2**32 - 1))).items():
        slots[at] = value
    places = st.integers(0, len(lines) - 1)
    for at, value in data.draw(st.dictionaries(places, st.integers(0, 255), max_size=9)).items():
        lines[at] = value

    scorer = scorer_of(bytes(lines), vocabulary.starts, slots)
    starts, terms, counts, n_words, n_known = scorer.read((text, MIXED_TEXT))

    assert set(terms.tolist()) <= set(range(len(vocabulary)))
    assert counts.min(initial=1) >= 1
    assert n_known.tolist() <= n_words.tolist()
    assert np.isfinite(scorer.margins(starts, terms, np.ones(len(terms)))).all()
    answers = scorer.judged([text, MIXED_TEXT], decider_of())
    assert [list(answer[2:]) for answer in answers] == np.stack([n_words, n_known], 1).tolist()
    compiled().misplaced(bytes(lines), vocabulary.starts, slots)
    compiled().unordered(bytes(lines), vocabulary.starts)


def scorer_of(lines, starts, slots, *, n_terms=14, **changes):
    """Return a compiled scorer of the tiny model on other lines and slots."""
    rules = {"lead_words": 3, "lead_repeats": 1, "lead_divisor": 1}
    arrays = (np.ones(n_terms, np.float32), np.ones((n_terms, 3), np.float32), np.zeros(3))
    arrays += (np.ones(9),)
    rules |= {"bigrams": True, "fold_plurals": True} | changes
    return compiled().Scorer(lines, starts, slots, *arrays, **rules)


def decider_of(*, n_labels=3, n_knots=2, n_cuts=3):
    """Return a compiled decision whose lines are level."""
    knots = [np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((n_labels, n_knots))]
    return compiled().Decider(("a", "b", "c"), *knots, np.zeros(3), np.zeros(n_cuts), np.zeros(3))


@needs_kernel
@pytest.mark.parametrize("change", [{"n_labels": 2}, {"n_knots": 3}, {"n_cuts": 4}], ids=str)
def test_lines_and_cuts_that_do_not_fit_decide_nothing(change):
    """Each label has a line and a cut."""
    with pytest.raises(ValueError, match="do not fit together"):
        decider_of(**change)


@needs_kernel
def test_a_decision_on_other_labels_is_refused():
    """As many labels as there are margins."""
    vocabulary = Vocabulary.of(tiny_model(bigrams=True).vocabulary)
    scorer = scorer_of(vocabulary.lines, vocabulary.starts, vocabulary.table)
    none = [np.zeros((0, 1))] * 3 + [np.zeros(0)] * 3

    with pytest.raises(ValueError, match="0 labels have 3 margins"):
        scorer.judged(["gas"], compiled().Decider((), *none))


@needs_kernel
@pytest.mark.parametrize(
    "change",
    [
        {"starts": np.array([0, 5, 2**62])},
        {"starts": np.array([0, 20, 5])},
        {"starts": np.array([-1, 5])},
        {"starts": np.zeros(0, np.int64)},
        {"slots": np.zeros((24, 2), np.uint32)},
        {"slots": np.zeros((0, 2), np.uint32)},
        {"slots": np.zeros((32, 3), np.uint32)},
        {"n_terms": 13},
        {"lead_divisor": 0},
    ],
    ids=str,
)
def test_parts_that_do_not_fit_make_no_scorer(change):
    """Each line lies within the lines, the table is a power of two, the arrays have one size."""
    vocabulary = Vocabulary.of(tiny_model(bigrams=True).vocabulary)
    parts = {"lines": vocabulary.lines, "starts": vocabulary.starts, "slots": vocabulary.table}

    with pytest.raises(ValueError, match="do not fit together"):
        scorer_of(**(parts | change))


@needs_kernel
@pytest.mark.parametrize(
    ("starts", "terms"),
    [([0, 1], [14]), ([0, 1], [-1]), ([0, 2], [1]), ([1, 0], [1]), ([-5, 1], [1])],
)
def test_a_reading_of_another_vocabulary_is_refused(starts, terms):
    """Ids and starts from elsewhere do not lead out of the weights."""
    vocabulary = Vocabulary.of(tiny_model(bigrams=True).vocabulary)
    scorer = scorer_of(vocabulary.lines, vocabulary.starts, vocabulary.table)

    with pytest.raises(ValueError, match="not one of this vocabulary"):
        scorer.margins(np.array(starts), np.array(terms), np.ones(len(terms)))


def test_folding_is_what_both_paths_fold_by():
    """The cases that a table of single characters would get wrong."""
    assert fold("İΣςẞ") == "iσσss"


@pytest.mark.parametrize("mmap", [True, False])
def test_a_loaded_model_travels(tmp_path, mmap):
    """Pickled or copied after use, it answers as before, where kernel and maps cannot go."""
    save_model(tiny_model(bigrams=True), tmp_path)
    model = load_model(tmp_path, mmap=mmap)
    expected = model.predict([ENERGY_TEXT, MIXED_TEXT])

    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert twin.predict([ENERGY_TEXT, MIXED_TEXT]) == expected
        assert twin.vocabulary == model.vocabulary
