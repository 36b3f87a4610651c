"""Counts in temporary files and fits over blocks give what is given by all in memory."""

import errno
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from classifier.article import Article
from classifier.corpus.corpus import Corpus
from classifier.corpus.scratch import FileColumn, MemoryColumn, Scratch, _let_go, open_scratch
from classifier.errors import CorpusError, SettingsError
from classifier.model.tokenize import Analyzer
from classifier.training import block_fit, memory, stored_occurrences, term_codes
from classifier.training.memory import Plan, peak_memory
from classifier.training.settings import Settings
from classifier.training.solver import solver
from classifier.training.spill import SpillingCounter
from classifier.training.term_counter import TermCounter, document_frequencies
from classifier.training.train import count_articles, store_articles, train
from tests.test_train import example_articles, invented

needs_compiler = pytest.mark.skipif(solver() is None, reason="no compiled solver")
MEMORY = 400_000_000
ROOMY = Plan(MEMORY)
WORDS = ["gas", "oil", "policies", "Ωμέγα", "strasse", "x\U0001f600y", "talks", "été", "a1", "ox"]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), max_size=12)


class FullDisk(Scratch):
    """Temporary files on a disk without room."""

    def file(self):
        """Return a file that cannot grow, which is found out when its buffer is full."""
        opened = open("/dev/full", "w+b")  # noqa: PTH123, SIM115
        self._files.callback(_let_go, opened)
        return opened


def dense(rows, table):
    """Return what a table gives for the codes, a column for each number of a term."""
    parts = [block.matrix(table.astype(float), rows.n_terms) for block in rows.blocks(7)]
    return sp.vstack(parts).toarray() if parts else np.zeros((0, rows.n_terms))


@settings(max_examples=60, deadline=None)
@given(
    texts=TEXTS,
    bigrams=st.booleans(),
    min_df=st.integers(1, 3),
    most_terms=st.sampled_from([1, 4, 1000]),
)
def test_counts_on_disk_are_those_of_one_dict(texts, bigrams, min_df, most_terms):
    """Terms, counts and vocabulary, however often the dict of terms was put away."""
    analyzer = Analyzer(lead_words=3, lead_divisor=2, bigrams=bigrams, fold_plurals=True)
    plain = TermCounter(analyzer)
    with open_scratch() as scratch:
        counter = SpillingCounter(analyzer, scratch, most_terms=most_terms)
        for text in texts:
            plain.add(text)
            counter.add(text)

        rows, vocabulary, numbers = counter.finish(min_df)

        body, lead, expected = plain.matrices(min_df)
        assert vocabulary == expected
        assert list(counter.n_words) == plain.n_words
        assert_array_equal(dense(rows, rows.body)[:, numbers], body.toarray())
        assert_array_equal(dense(rows, rows.lead)[:, numbers], lead.toarray())
        assert (np.diff(document_frequencies(body)[np.argsort(numbers)]) <= 0).all()


def test_rare_counts_of_any_size_have_codes():
    """Counts beyond the table of codes are told apart too."""
    codes = term_codes.CountCodes(100)
    body, lead = np.array([1, 70_000, 3_000_000, 70_000]), np.array([0, 1, 100, 1])

    given_codes = codes(body, lead)

    assert given_codes.tolist() == [0, 1, 2, 1]
    assert [column.tolist() for column in codes.counts()] == [[1, 70_000, 3_000_000], [0, 1, 100]]


def test_more_counts_than_codes_are_refused(monkeypatch):
    """What to do is said."""
    monkeypatch.setattr(term_codes, "MOST_CODES", 2)

    with pytest.raises(CorpusError, match=r"more than 2 different counts.*train without --memory"):
        term_codes.CountCodes(1)(np.array([1, 2, 3]), np.zeros(3, np.int64))


@pytest.mark.parametrize("width", [1, 3])
def test_columns_in_memory_and_on_disk_read_alike(width):
    """Whatever is added, replaced or read in between."""
    numbers = np.arange(12_000 * width, dtype=np.int64)
    with open_scratch() as scratch:
        columns = [MemoryColumn(np.int64, width), scratch(np.int64, width)]
        for column in columns:
            for start in range(0, len(numbers), 500 * width):
                column.append(numbers[start : start + 500 * width])
                column.read(0, 1)
        first, second = (column.read(499, 11_999) for column in columns)

        assert [len(column) for column in columns] == [12_000, 12_000]
        assert first.ravel().tolist() == numbers[499 * width : 11_999 * width].tolist()
        assert_array_equal(first, second)


def test_rows_in_a_file_can_be_replaced():
    """And what is added afterwards comes behind all others."""
    with open_scratch() as scratch:
        column = scratch(np.int32)
        column.append(np.arange(4))
        column.write(1, np.array([7, 8]))
        column.append(np.array([9]))

        assert column.read(0, 5).tolist() == [0, 7, 8, 3, 9]
        assert column.read_all([(4, 5), (0, 2)]).tolist() == [9, 0, 7]


def test_temporary_files_have_no_names_and_end_with_the_training(tmp_path):
    """Nothing is left even where the process is killed, as nothing is ever there."""
    columns = []

    def interrupted():
        with open_scratch(tmp_path) as scratch:
            columns.append(scratch(np.int32))
            columns[0].append(np.arange(1000))
            columns[0].read(0, 1)
            assert list(tmp_path.iterdir()) == []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    with pytest.raises(ValueError, match="closed file"):
        columns[0].read(0, 1)


def test_a_folder_that_takes_no_file_is_told(tmp_path):
    """With the option that names another."""
    with (
        pytest.raises(SettingsError, match=r"nowhere: no temporary file.*--scratch"),
        open_scratch(tmp_path / "nowhere") as scratch,
    ):
        scratch(np.int32)


@needs_compiler
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(monkeypatch):
    """As an error of one line, not as a traceback."""
    monkeypatch.setattr("classifier.corpus.scratch.Scratch.file", FullDisk.file)

    with pytest.raises(SettingsError, match=r"No space left on device after 0 MB.*--scratch"):
        train(invented(60), Settings(min_df=1), memory=MEMORY)


def test_other_failures_of_the_disk_are_not_taken_for_a_full_one():
    """A broken disk is no matter of room."""
    with open_scratch() as scratch, pytest.raises(OSError, match="broken"), scratch.telling():
        raise OSError(errno.EIO, "broken")


def test_a_file_that_was_cut_is_noticed():
    """Rather than numbers from nowhere."""
    with open_scratch() as scratch:
        column = FileColumn(scratch, scratch.file(), np.dtype(np.int32), 1)
        column.append(np.arange(4))

        with pytest.raises(OSError, match="shorter than was written"):
            column.read(2, 9)


def stored_rows(seed, scratch, *, n_rows=90, n_terms=25):
    """Return random articles in a file, and their tf-idf rows as a matrix."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(n_terms)])
    texts = [" ".join(rng.choice(words, rng.integers(0, 12))) for _ in range(n_rows)]
    counter = SpillingCounter(Analyzer(), scratch, most_terms=1000)
    for text in texts:
        counter.add(text)
    stored, _, _ = counter.finish(1)
    counts = dense(stored, stored.body)
    idf = rng.uniform(0.5, 3.0, stored.n_terms)
    idf[-1] = 0.0
    values = (counts > 0) * (1 + np.log(np.maximum(counts, 1))) * idf
    lengths = np.linalg.norm(values, axis=1)
    scales = np.divide(1.0, lengths, out=np.zeros(n_rows), where=lengths > 0)
    table = 1 + np.log(stored.body)
    return block_fit.Rows(stored, table, idf, scales), values * scales[:, None]


@needs_compiler
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    C=st.sampled_from([0.1, 1.0, 10.0]),
    size=st.sampled_from([40, 200, 10_000]),
    warm=st.booleans(),
)
def test_a_fit_by_blocks_is_that_of_liblinear(seed, C, size, warm):
    """At a tight tolerance it finds the one minimum, from wherever it starts."""
    from sklearn.svm import LinearSVC

    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 0, 1], (2, 90), p=[0.5, 0.1, 0.4]).astype(np.int8)
    signs[:, :2] = [1, -1]
    weights = rng.uniform(0.2, 2.0, 90)
    start = rng.uniform(0, 2, (2, 90)) if warm else None
    with open_scratch() as scratch:
        rows, X = stored_rows(seed, scratch)

        coef, alphas = block_fit.fit_blocks(
            rows, signs, [C] * 2, weights, size=size, start=start, tolerance=1e-7
        )

    for k in range(2):
        known = signs[k] != 0
        svm = LinearSVC(C=C, dual=True, tol=1e-8, max_iter=1_000_000, random_state=0)
        svm.fit(X[known], signs[k, known], sample_weight=weights[known])
        assert_allclose(coef[k, :-1], svm.coef_[0], atol=1e-4)
        assert_allclose(coef[k, -1], svm.intercept_[0], atol=1e-4)
        assert (alphas[k, ~known] == 0).all()


@needs_compiler
def test_blocks_of_pieces_from_anywhere_end_soon():
    """Blocks that always hold the same articles take hundreds of passes for what takes twenty."""
    rng = np.random.default_rng(1)
    signs = rng.choice([-1, 1], (1, 4000), p=[0.8, 0.2]).astype(np.int8)
    with open_scratch() as scratch:
        rows, _ = stored_rows(1, scratch, n_rows=4000, n_terms=3000)

        block_fit.fit_blocks(rows, signs, [1.0], np.ones(4000), size=2_000, most=25)


@needs_compiler
def test_a_fit_does_not_depend_on_threads_or_other_labels():
    """To the last bit."""
    signs = np.random.default_rng(2).choice([-1, 1], (3, 90)).astype(np.int8)
    with open_scratch() as scratch:
        rows, _ = stored_rows(2, scratch)
        options = {"weights": np.ones(90), "size": 60}

        alone = [block_fit.fit_blocks(rows, signs[[k]], [1.0], **options)[0] for k in range(3)]
        beside, _ = block_fit.fit_blocks(rows, signs, [1.0] * 3, jobs=3, **options)

    assert np.vstack(alone).tobytes() == beside.tobytes()


@needs_compiler
def test_a_fit_by_blocks_that_was_cut_short_says_so():
    """One pass is never enough to know."""
    signs = np.where(np.arange(90) % 2, 1, -1).astype(np.int8)[None]
    with open_scratch() as scratch:
        rows, _ = stored_rows(3, scratch)

        with pytest.warns(UserWarning, match=r"label 0 is not fitted to 0\.001"):
            block_fit.fit_blocks(rows, signs, [10.0], np.ones(90), size=60, most=1)


@needs_compiler
def test_arrays_that_do_not_fit_together_are_refused():
    """Nothing is read or written beyond them."""
    module, nothing = block_fit.block_solver(), np.zeros(0)
    rows = (np.zeros(2, np.int64), np.zeros(0, np.int32), np.zeros(0, np.uint16), nothing, nothing)
    one, sign, flag = np.ones(1), np.ones(1, np.int8), np.zeros(1, np.uint8)
    more = {"limit": np.inf, "sweeps": 1, "seed": 0}

    with pytest.raises(ValueError, match="not of the same rows"):
        module.descend(*rows, one, sign, np.ones(2), one, flag, one, **more)
    with pytest.raises(ValueError, match="not of the same terms"):
        module.descend(*rows, one, sign, one, one, flag, np.ones(2), **more)
    with pytest.raises(ValueError, match="not of the same rows"):
        module.gather(*rows, one, sign, np.ones(2), one)
    with pytest.raises(ValueError, match="not of the same rows"):
        module.tally(
            rows[0], rows[1], flag, np.zeros(1, np.int64), rows[1], np.zeros((1, 1), np.int32)
        )


def test_without_a_compiler_a_limit_is_refused(monkeypatch):
    """Rather than trained for days."""
    monkeypatch.setenv("CLASSIFIER_KERNEL", "off")

    with pytest.raises(SettingsError, match=r"needs the compiled solver.*without --memory"):
        train(example_articles(), memory=MEMORY)


def test_less_memory_than_libraries_take_is_refused():
    """With the least that will do."""
    with pytest.raises(SettingsError, match=r"memory is 100 MB.*Give 300 MB or more"):
        Plan(100_000_000)


def test_less_memory_than_articles_and_terms_take_is_refused():
    """With what they take, and what takes less."""
    with pytest.raises(
        SettingsError, match=r"1,000,000 articles, 9 terms and 2 labels need 835 MB"
    ):
        ROOMY.block(1_000_000, 9, n_labels=2, n_folds=5)


@needs_compiler
def test_a_vocabulary_beyond_all_memory_is_refused(monkeypatch):
    """Before it is all there."""
    monkeypatch.setattr(Plan, "most_kept", 10)

    with pytest.raises(SettingsError, match=r"more than 10 terms occur in 2 articles.*min_df"):
        train(example_articles(), memory=MEMORY)


def test_the_peak_of_memory_is_that_of_this_process():
    """More than an interpreter takes, less than the machine has."""
    assert 2**24 < peak_memory() < 2**40


def test_the_peak_of_memory_is_told_without_proc_too(monkeypatch):
    """By what every Unix tells, and by nothing where that is missing."""
    monkeypatch.setattr(memory, "STATUS", Path("/no/such/file"))
    assert 2**24 < peak_memory() < 2**40

    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() is None


MODELS = {
    "defaults": (Settings(), example_articles),
    "pairs": (Settings(bigrams=(False, True), C=(1.0,)), example_articles),
    "repeated lead of pairs": (
        Settings(bigrams=(True,), lead_repeats=(2,), C=(1.0,), min_df=1),
        example_articles,
    ),
    "borderline": (Settings(min_df=1, n_folds=3), lambda: invented(90, borderline=True)),
    "exactly one": (
        Settings(labels="one", min_df=1),
        lambda: invented(60, names=("energy", "culture")),
    ),
    "auxiliary": (
        Settings(min_df=1, n_folds=3, C=(1.0,)),
        lambda: [
            Corpus("aux", invented(15, seed=4) + invented(5), natural=False),
            Corpus("natural", invented(60)),
        ],
    ),
    "enough for samples": (Settings(min_df=1, n_folds=3, C=(1.0,)), lambda: invented(150)),
    "C per label": (Settings(C=(0.1, 1.0), C_per_label=True, lead_repeats=(0,)), example_articles),
}


@needs_compiler
@pytest.mark.parametrize("name", MODELS)
def test_a_limit_of_memory_changes_no_choice_and_hardly_a_number(name, monkeypatch):
    """The same vocabulary, idf, choices, coverage and reference; weights within the tolerance."""
    options, corpus = MODELS[name]
    monkeypatch.setattr(Plan, "block", lambda *_, **__: 400)
    monkeypatch.setattr(Plan, "most_terms", 300)
    monkeypatch.setattr(stored_occurrences, "SAMPLES_BYTES", 300)

    free = train(corpus(), options)
    limited = train(corpus(), options, memory=MEMORY)

    assert limited.vocabulary == free.vocabulary
    assert_array_equal(limited.idf, free.idf)
    assert_allclose(limited.weights, free.weights, atol=2e-3)
    assert_allclose(limited.bias, free.bias, atol=2e-3)
    assert limited.min_coverage == free.min_coverage
    assert limited.analyzer == free.analyzer
    assert limited.info["chosen"] == free.info["chosen"]
    assert limited.info["corpus"] == free.info["corpus"]
    for part in ("terms", "coverage", "words"):
        assert limited.info["reference"][part] == free.info["reference"][part]
    texts = [article.text for article in example_articles()]
    assert_allclose(limited.margins(texts), free.margins(texts), atol=2e-3)
    same = [a.tags == b.tags for a, b in zip(limited.predict(texts), free.predict(texts))]  # noqa: B905
    assert np.mean(same) >= 0.97


@needs_compiler
def test_two_runs_with_a_limit_give_the_same_bytes():
    """Blocks depend on the limit and the corpus alone, not on what the process happens to hold."""
    first = train(example_articles(), Settings(C=(1.0,)), memory=MEMORY)
    second = train(example_articles(), Settings(C=(1.0,)), memory=MEMORY, jobs=2)

    assert first.weights.tobytes() == second.weights.tobytes()
    assert first.info == second.info


@needs_compiler
def test_groups_and_notes_are_those_of_a_training_in_memory():
    """Near-duplicates, unlabelled articles and the corpus's hash."""
    articles = [*example_articles(), *example_articles()[:3], Article("nobody has looked")]
    with open_scratch() as scratch:
        corpora = [Corpus("c", articles)]

        stored = store_articles(corpora, Settings(), scratch=scratch, plan=ROOMY)

        counted = count_articles(corpora, Settings())
        assert_array_equal(stored.groups, counted.groups)
        assert len(stored) == 71
        assert (stored.sha256, stored.n_unlabelled) == (counted.sha256, 1)
