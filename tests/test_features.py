"""Counts made once for training equal what the model reads, and nothing keeps the texts."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_extraction.text import TfidfVectorizer

from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus
from classifier.model.calibration import Softmax
from classifier.model.model import Model
from classifier.model.vocabulary import TOKEN_PATTERN, Analyzer
from classifier.training.count import (
    TermCounter,
    count_corpora,
    document_frequencies,
    inverse_document_frequencies,
    tfidf,
)
from tests.test_kernel import texts as any_texts

ENERGY, NONE = Labels(frozenset({"energy"})), Labels()
TEXTS = [
    "Oil and gas: oil up, gas up, oil again",
    "The choir sang and the museum opened",
    "Gas pipeline opened, museum closed",
    "",
    "oil",
]


def silent(step, done, total):
    """Report nothing."""


def counted(*corpora, analyzer=None, min_df=1):
    """Return the counts of corpora, or of lists of articles."""
    named = [c if isinstance(c, Corpus) else Corpus("invented", c) for c in corpora]
    return count_corpora(named, analyzer or Analyzer(), min_df=min_df, progress=silent)


def matrices(texts, analyzer, min_df=1):
    """Return the counts in whole texts and leads as dense arrays, and the vocabulary."""
    counter = TermCounter(analyzer)
    for text in texts:
        counter.add(text)
    body, lead, vocabulary = counter.matrices(min_df)
    return body.toarray(), lead.toarray(), vocabulary


def as_the_model_reads(texts, vocabulary, analyzer):
    """Return the counts of `Model.read` as a dense array."""
    n_terms = len(vocabulary)
    model = Model(
        labels=("energy",),
        vocabulary=vocabulary,
        idf=np.ones(n_terms, np.float32),
        weights=np.ones((n_terms, 1), np.float32),
        bias=np.zeros(1),
        cuts=np.zeros(1),
        base_rates=np.zeros(1),
        calibration=Softmax(1.0),
        analyzer=analyzer,
    )
    reading = model.read(texts)
    counts = np.zeros((len(texts), n_terms))
    rows = np.repeat(np.arange(len(texts)), np.diff(reading.starts))
    counts[rows, reading.terms] = reading.counts
    return counts, reading.n_words


def test_terms_are_counted_in_the_text_and_in_its_lead():
    """Three words of lead, without pairs."""
    body, lead, vocabulary = matrices(["Oil and gas and oil", "gas"], Analyzer(lead_words=3))

    assert vocabulary == ["and", "gas", "oil"]
    assert body.tolist() == [[2, 1, 2], [0, 1, 0]]
    assert lead.tolist() == [[1, 1, 1], [0, 1, 0]]


def test_pairs_of_a_lead_come_round_to_its_first_word():
    """A lead that is repeated before the text neighbours the text's first word."""
    analyzer = Analyzer(lead_words=2, lead_repeats=1, bigrams=True)

    body, lead, vocabulary = matrices(["Oil and oil"], analyzer)

    assert vocabulary == ["and", "and oil", "oil", "oil and"]
    assert body.tolist() == [[1, 1, 2, 1]]
    assert lead.tolist() == [[1, 1, 1, 1]]


def test_terms_stand_in_code_point_order():
    """Capitals are folded, and letters with marks follow all of ASCII."""
    _, _, vocabulary = matrices(["Öl zebra oil2 oil_ oil Газ öl"], Analyzer(bigrams=True))

    assert vocabulary == [
        *["oil", "oil газ", "oil2", "oil2 oil_", "oil_", "oil_ oil", "zebra", "zebra oil2"],
        *["öl", "öl zebra", "газ", "газ öl"],
    ]


def test_terms_in_too_few_articles_go():
    """Counted are articles, not occurrences."""
    body, _, vocabulary = matrices(TEXTS, Analyzer(), min_df=2)

    assert vocabulary == ["and", "gas", "museum", "oil", "opened"]
    assert body.tolist() == [
        [1, 2, 0, 3, 0],
        [1, 0, 1, 0, 1],
        [0, 1, 1, 0, 1],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 1, 0],
    ]


@pytest.mark.parametrize("texts", [[], [""], ["a", "?"]], ids=repr)
def test_texts_without_words_have_empty_counts(texts):
    """As many rows as texts, no terms."""
    body, lead, vocabulary = matrices(texts, Analyzer(lead_words=3, bigrams=True))

    assert (body.shape, lead.shape, vocabulary) == ((len(texts), 0), (len(texts), 0), [])


@settings(max_examples=150)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(["oil", "Gas", "the", "Σας", "ß", "a", "İx"]), max_size=9).map(
            " ".join
        ),
        min_size=1,
        max_size=5,
    ),
    lead_words=st.integers(0, 6),
    lead_repeats=st.integers(0, 3),
    lead_divisor=st.integers(1, 4),
    bigrams=st.booleans(),
)
def test_training_counts_what_the_model_reads(
    texts, lead_words, lead_repeats, lead_divisor, bigrams
):
    """The shortcut over whole and lead counts equals the one reference path, term by term."""
    analyzer = Analyzer(lead_words, lead_repeats, bigrams, lead_divisor=lead_divisor)

    # Counted as for the largest number of repeats among the candidates; a smaller one is derived.
    corpus = counted(
        [Article(text, labels=ENERGY) for text in texts], analyzer=replace(analyzer, lead_repeats=3)
    )
    counts, n_words = as_the_model_reads(texts, corpus.vocabulary, analyzer)

    assert_array_equal(corpus.counts(lead_repeats).toarray(), counts)
    assert_array_equal(corpus.n_words, n_words)


@given(st.lists(st.text(max_size=40), max_size=4))
def test_training_counts_any_text_as_the_model_reads_it(texts):
    """Whole Unicode, with lead and pairs."""
    analyzer = Analyzer(lead_words=2, lead_repeats=1, bigrams=True)

    body, lead, vocabulary = matrices(texts, analyzer)

    assert_array_equal(body + lead, as_the_model_reads(texts, vocabulary, analyzer)[0])


def both_counters(analyzer):
    """Return the compiled counter and one that has found none."""
    ours, reference = TermCounter(analyzer), TermCounter(analyzer)
    reference._counter = None
    return ours, reference


def assert_counts_alike(texts, analyzer):
    """Compare all that two counters give: terms as they occurred, counts, leads, lengths."""
    ours, reference = both_counters(analyzer)
    for text in texts:
        ours.add(text)
        reference.add(text)
    assert ours.n_words == reference.n_words
    assert ours._counter.terms() == list(reference.ids)
    (*mine, names), (*others, expected) = ours.matrices(1), reference.matrices(1)
    assert names == expected
    for matrix, other in zip(mine, others, strict=True):
        assert_array_equal(matrix.indptr, other.indptr)
        assert_array_equal(matrix.indices, other.indices)
        assert_array_equal(matrix.data, other.data)


needs_counter = pytest.mark.skipif(
    TermCounter(Analyzer())._counter is None, reason="no compiled counter"
)


@needs_counter
@given(
    texts=st.lists(any_texts, max_size=5),
    lead_words=st.integers(0, 6),
    lead_divisor=st.integers(1, 4),
    fold_plurals=st.booleans(),
)
def test_the_compiled_counter_counts_as_the_tokeniser_does(
    texts, lead_words, lead_divisor, fold_plurals
):
    """Terms get their numbers in the order in which they first occur, on both paths."""
    analyzer = Analyzer(lead_words, lead_divisor=lead_divisor, fold_plurals=fold_plurals)

    assert_counts_alike(texts, analyzer)


@needs_counter
def test_the_compiled_counter_folds_every_character_as_the_tokeniser_does():
    """Each of Unicode between letters and before a plural ending, surrogates among them."""
    blocks = (range(start, start + 0x8000) for start in range(0, 0x110000, 0x8000))

    assert_counts_alike((" ".join(f"a{chr(c)}bs" for c in block) for block in blocks), Analyzer())


@needs_counter
def test_the_compiled_counter_grows_with_terms_and_tokens():
    """Many terms, long ones, and a text of many tokens move everything several times."""
    many = " ".join(f"word{number}" for number in range(20_000))

    assert_counts_alike([many, "é" * 300_000, many + " new ones", "漢字 " * 9_000], Analyzer())


def test_counts_take_as_many_bytes_as_the_largest_of_them_needs():
    """Five bytes an entry and one more for the lead, which has the same entries."""
    short, long = TermCounter(Analyzer()), TermCounter(Analyzer())
    short.add("oil gas oil")
    for text in ("oil gas oil", "oil " * 70_000, "gas"):
        long.add(text)

    (body, lead, _), (wide, _, _) = short.matrices(1), long.matrices(1)

    assert (body.indices.itemsize, body.data.itemsize, lead.data.itemsize) == (4, 1, 1)
    assert np.shares_memory(body.indices, lead.indices)
    assert wide.data.dtype == np.uint32
    assert wide.toarray().tolist() == [[1, 2], [0, 70_000], [1, 0]]


def test_pairs_are_counted_without_the_compiled_counter(monkeypatch):
    """So is everything where the kernel is switched off."""
    assert TermCounter(Analyzer(bigrams=True))._counter is None
    monkeypatch.setenv("CLASSIFIER_KERNEL", "off")

    assert TermCounter(Analyzer())._counter is None


@pytest.mark.parametrize("min_df", [1, 2])
def test_tfidf_equals_that_of_scikit_learn(min_df):
    """Same terms, same document frequencies, same rows."""
    reference = TfidfVectorizer(sublinear_tf=True, token_pattern=TOKEN_PATTERN, min_df=min_df)
    expected = reference.fit_transform(TEXTS).toarray()
    corpus = counted([Article(text, labels=ENERGY) for text in TEXTS], min_df=min_df)

    idf = inverse_document_frequencies(corpus.counts(0), min_df, form="smooth")

    assert corpus.vocabulary == reference.get_feature_names_out().tolist()
    assert_allclose(idf, reference.idf_)
    assert_allclose(tfidf(corpus.counts(0), idf).toarray(), expected)


def test_idf_of_terms_below_min_df_is_zero():
    """In a fold a term may be too rare that was not too rare in the corpus."""
    corpus = counted([Article(text, labels=ENERGY) for text in ("oil gas", "oil", "")])

    idf = inverse_document_frequencies(corpus.counts(0), 2)

    assert corpus.vocabulary == ["gas", "oil"]
    assert document_frequencies(corpus.counts(0)).tolist() == [1, 2]
    assert_allclose(idf, [0, np.log(4 / 2.5)])
    assert_allclose(tfidf(corpus.counts(0), idf).toarray(), [[0, 1], [0, 1], [0, 0]])


def test_a_corpus_is_noted_article_by_article():
    """Labels, what the corpus knows, outlet, day and id; the unlabelled are only counted."""
    first = Corpus(
        "first",
        [
            Article("Gas is up", id="a", source="wire"),
            Article(
                "Oil is up today",
                title="Prices",
                id="b",
                source="wire",
                date="2026-01-02",
                labels=ENERGY,
            ),
            Article("Rain", id="c", labels=Labels(borderline=True)),
        ],
    )
    culture = Labels(frozenset({"culture"}), frozenset({"parliament"}))
    second = Corpus("second", iter([Article("Choir sang", id="d", labels=culture)]), natural=False)

    corpus = counted(first, second)

    assert len(corpus) == 3
    assert corpus.n_unlabelled == 1
    assert corpus.ids == ["b", "c", "d"]
    assert corpus.labels == [ENERGY, Labels(borderline=True), culture]
    assert corpus.known == [{"energy"}, {"energy"}, {"culture", "parliament"}]
    assert corpus.natural.tolist() == [True, True, False]
    assert corpus.borderline.tolist() == [False, True, False]
    assert (corpus.sources, corpus.dates) == (["wire", "", ""], ["2026-01-02", "", ""])
    assert corpus.n_words.tolist() == [5, 1, 2]


def test_near_duplicates_share_a_group():
    """The same story twice, in capitals the second time, and another."""
    corpus = counted([Article(t, labels=NONE) for t in ("Oil is up", "Rain fell", "OIL IS UP!")])

    assert corpus.groups.tolist() == [0, 1, 0]


def test_selected_rows_keep_everything_of_theirs():
    """Rows may be taken in any order; the vocabulary stays."""
    corpus = counted([Article(text, id=text[:3], labels=NONE) for text in TEXTS])

    picked = corpus.select(np.array([4, 0]))

    assert picked.ids == ["oil", "Oil"]
    assert picked.vocabulary == corpus.vocabulary
    assert_array_equal(picked.body.toarray(), corpus.body.toarray()[[4, 0]])
    assert picked.n_words.tolist() == [1, 9]


def test_coverage_is_the_share_of_words_kept_pairs_not_counted():
    """Of four words two are kept; a text without words is covered by nothing."""
    articles = [Article(text, labels=NONE) for text in ("oil and oil price", "")]
    corpus = counted(articles, analyzer=Analyzer(bigrams=True))
    kept = np.array([term in {"oil", "oil and", "and oil"} for term in corpus.vocabulary])

    assert corpus.coverage(np.array([1, 0]), kept).tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    "other",
    [
        [Article("oil up", id="a", labels=ENERGY), Article("rain fell", id="b", labels=NONE)],
        [Article("oil up", id="x", labels=ENERGY), Article("rain", id="b", labels=NONE)],
        [Article("oil up", id="a", labels=NONE), Article("rain", id="b", labels=NONE)],
        [Article("rain", id="b", labels=NONE), Article("oil up", id="a", labels=ENERGY)],
        [
            Article("oil up", id="a", labels=ENERGY),
            Article("rain", id="b", labels=Labels(absent=frozenset({"energy"}))),
        ],
    ],
    ids=["text", "id", "label", "order", "unknown"],
)
def test_the_hash_of_a_corpus_notices_every_change(other):
    """Ids, texts, labels, what is unknown, and the order."""
    corpus = [Article("oil up", id="a", labels=ENERGY), Article("rain", id="b", labels=NONE)]

    assert counted(corpus).sha256 == counted(iter(corpus)).sha256
    assert counted(corpus).sha256 != counted(other).sha256


def test_progress_counts_articles_of_unknown_total():
    """One call an article, unlabelled ones left out."""
    calls = []
    articles = [Article("oil", labels=NONE), Article("gas"), Article("rain", labels=NONE)]

    count_corpora(
        [Corpus("c", articles)], Analyzer(), min_df=1, progress=lambda *call: calls.append(call)
    )

    assert [total for _, _, total in calls] == [0, 0]
    assert {step for step, _, _ in calls} == {"reading articles"}
    assert [done for _, done, _ in calls] == [1, 2]


def long_articles(n_articles):
    """Yield invented articles of 30 kB each from eight words, one after the other."""
    rng = np.random.default_rng(0)
    words = np.array(["oil", "gas", "rain", "choir", "vote", "museum", "film", "dam"])
    for number in range(n_articles):
        yield Article(" ".join(rng.choice(words, 6000)), id=str(number), labels=NONE)


def peak_memory(n_articles):
    """Return the most bytes held at once while counting invented articles."""
    tracemalloc.start()
    counted(long_articles(n_articles))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_texts_are_not_kept():
    """Sixty more articles take less than a third of the 1.8 MB of their texts."""
    peak_memory(3)

    few, many = peak_memory(5), peak_memory(65)

    assert many - few < 600_000
