"""The figures of quality: who is left out of a training, and what the tables say."""

from dataclasses import replace

import numpy as np
import pytest

from bench.quality import OURS, PLAIN, Outcome, by_encoder, figures, joined, table
from bench.unseen import (
    LATER,
    LEFT_OUT,
    NESTED,
    OUTLETS,
    ROOT,
    SOURCES,
    WORLD,
    News,
    margins_of,
    outlet,
    splits,
)
from bench.variants import BASE, Variant, used
from bench.variants import table as variants_table
from classifier.article import Article, Labels
from classifier.corpus.corpus import Corpus
from classifier.corpus.labels import truth_matrix
from classifier.training.count import count_articles
from classifier.training.settings import Settings
from classifier.training.train import fit_model
from tests.cases import cases

TOPICS = {"energy": "gas pipeline oil refinery barrel", "culture": "museum opera film song gallery"}
SOURCE = {"news_articles": ("cnn.com", "dw.com"), "intl_news": ("CNN", "TRT World")}


def articles(name, n=24):
    """Yield articles on one of two topics or on none, of two outlets, a day after another."""
    for i in range(n):
        topic = ("energy", "culture", "")[i % 3]
        words = TOPICS.get(topic, "match goal rain storm court").split()
        text = f"{' '.join(words[i % 5 :] + words[: i % 5])} {name} item{i} {words[i % 3]}"
        labels = Labels(frozenset(filter(None, [topic])), borderline=i % 4 == 0)
        sample = replace(labels, sample="chosen" if name == "intl_news" and i % 6 == 5 else "")
        day = f"2020-01-{i + 1:02}"
        yield Article(text, id=f"{name}-{i}", source=SOURCE[name][i % 2], date=day, labels=sample)


@pytest.fixture(scope="module")
def news():
    """Return two small corpora, an outlet of one in the other too."""
    corpora = [Corpus(name, articles(name)) for name in SOURCE]
    counted = count_articles(corpora, Settings(min_df=1))
    return News(
        counted,
        truth_matrix(counted.labels, counted.label_names),
        np.array([outlet(source) for source in counted.sources]),
        np.array([counted.corpora[i] for i in counted.corpus]),
        [],
    )


@cases("bench_quality", "source", "name")
def test_an_outlet_has_one_name_in_all_corpora(source, name):
    """Another outlet of a like name keeps its own."""
    assert outlet(source) == name


def test_an_unseen_outlet_is_left_out_of_every_corpus(news):
    """Without cnn.com the training has no article of CNN either, but those of TRT World."""
    [split] = [s for s in splits(news) if s.scheme == OUTLETS and s.part == "cnn"]

    assert set(news.outlets[split.test]) == {"cnn"}
    assert set(news.outlets[split.train]) == {"dw.com", "trt world"}


def test_an_unseen_source_is_judged_on_natural_rows(news):
    """Twenty natural rows of the corpus are tested; nothing of its outlets is trained on."""
    [split] = [s for s in splits(news) if s.scheme == SOURCES]

    assert len(split.test) == 20
    assert news.counted.natural[split.test].all()
    assert set(news.outlets[split.train]) == {"dw.com"}


def test_later_articles_come_after_the_training(news):
    """Every day of the test part is after every day of the training."""
    [split] = [s for s in splits(news) if s.scheme == LATER]
    dates = np.array(news.counted.dates)

    assert max(dates[split.train].tolist()) < min(dates[split.test].tolist())


def test_nested_folds_test_each_natural_article_once(news):
    """What is no natural sample is never tested."""
    tested = np.concatenate([s.test for s in splits(news) if s.scheme == NESTED])

    assert sorted(tested) == np.flatnonzero(news.counted.natural).tolist()


def test_margins_of_counted_articles_are_those_of_the_model(news):
    """Counts of a larger vocabulary give what the texts give."""
    settings = Settings(C=(1.0,), lead_repeats=(2,), n_folds=2, min_df=1)
    model = fit_model(news.counted.select(np.arange(24)), settings)
    texts = [article.text for article in articles("news_articles")]

    found = margins_of(model, news.counted, np.arange(24))

    np.testing.assert_allclose(found, model.margins(texts), atol=1e-4)


def said(news, given):
    """Return an outcome of all articles that is right where `given` is."""
    rows = np.arange(len(news.counted))
    scores = np.where(given, 0.9, 0.1)
    return Outcome(rows, np.full(len(rows), "all"), scores, scores, given, given)


def test_the_better_way_gains_and_clear_articles_stand_apart(news):
    """Ours is right but for the borderline articles, the plain way gives nothing."""
    truth = news.truth > 0
    ours = truth & ~news.counted.borderline[:, None]

    found = figures(news, {OURS: said(news, ours), PLAIN: said(news, truth & False)})

    assert found[OURS]["clear_f1"] == 1
    assert found[OURS]["borderline_f1"] == 0
    assert found[OURS]["false_tags"] == 0
    assert found["gains"][PLAIN][0] == found[OURS]["micro_f1"][0] > 0.8


def test_parts_of_a_scheme_are_put_together_in_order(news):
    """Two outcomes give one of twice as many rows."""
    one = said(news, news.truth > 0)

    both = joined([one, one])

    assert len(both.rows) == len(both.precise) == 2 * len(one.rows)


def test_the_summary_leaves_open_what_was_not_measured(news):
    """Without the sentence encoder its columns are empty."""
    out = said(news, news.truth > 0)
    scheme = figures(news, {OURS: out, PLAIN: out})
    schemes = dict.fromkeys((OUTLETS, SOURCES, "whole natural stream"), scheme)

    lines = table(schemes, "summary").splitlines()

    expected = "| 1.000 | 0.0% | 1.000 |  | 0.000 (0.000 to 0.000) |  |"
    assert lines[2] == f"| unseen outlets | 48 | **1.000 (1.000–1.000)** {expected}"
    assert "### unseen sources" in table(schemes, "full")


def test_the_encoder_is_judged_on_what_it_did_not_see():
    """Two directions for two labels are learnt, and cut between."""
    X = np.repeat(np.eye(4, dtype=np.float32), 20, axis=0)
    truth = np.repeat([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]], 20, axis=0)

    margins, probabilities, given = by_encoder(
        X, truth, np.ones(80, dtype=bool), np.arange(80), X[::20]
    )

    assert given.tolist() == [[True, False], [False, True], [False, False], [False, False]]
    assert ((probabilities > 0.5) == given).all()
    assert margins.shape == (4, 2)


def test_a_variant_leaves_out_its_corpora(news):
    """The other corpus stays whole."""
    kept = used(news, Variant("", without=("intl_news",)))

    assert set(news.corpora[kept]) == {"news_articles"}


def test_the_table_of_variants_shows_changes_against_the_base():
    """The base has figures, the others differences."""
    figure = {"micro_f1": 0.8, "change": [0.0, 0.0, 0.0]}
    figure |= {"mean_average_precision": 0.9, "false_tags": 0.08}
    other = figure | {"change": [0.01, -0.01, 0.02], "mean_average_precision": 0.91}
    results = {
        name: dict.fromkeys((OUTLETS, SOURCES), f) for name, f in ((BASE, figure), ("C 2", other))
    }

    lines = variants_table(results).splitlines()

    assert lines[2] == "| the base | **0.800** | 0.9000 | 8.0% | **0.800** | 0.9000 | 8.0% |"
    assert lines[3].startswith("| C 2 | +0.010 (-0.010 to +0.020) | +0.0100 | 8.0% |")


def test_a_corpus_that_is_left_out_is_tested_on_alone(news):
    """It is in no training part of any scheme, and still one of the unseen sources."""
    left_out = news.corpora == "intl_news"
    found = list(splits(news, left_out=("intl_news",)))
    assert not any(left_out[split.train].any() for split in found)
    assert [split.part for split in found if split.scheme == SOURCES] == ["intl_news"]


def test_the_shipped_model_learns_from_what_is_measured():
    """The Makefile names each world corpus that is not left out."""
    after = (ROOT / "Makefile").read_text().partition("\nSOURCES = ")[2]
    named = after.partition("\n\n")[0].replace("\\\n", " ").split()
    assert named == [name for name in WORLD if name not in LEFT_OUT]
