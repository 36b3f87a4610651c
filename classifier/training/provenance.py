"""What a model remembers of its training."""

from __future__ import annotations

import platform
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from classifier.training.labelled import LabelledArticles
from classifier.training.select import Choice
from classifier.training.settings import Settings

__all__ = ["provenance"]

Matrix = NDArray[np.float64]


def provenance(
    counted: LabelledArticles,
    Y: Matrix,
    choice: Choice,
    settings: Settings,
    labels: tuple[str, ...],
) -> dict[str, object]:
    """Return settings, choices, corpus and versions as JSON types, for the manifest."""
    return {
        "settings": settings.to_json(),
        "chosen": {
            "C": dict(zip(labels, choice.C, strict=True)),
            "lead_repeats": choice.candidate.lead_repeats,
            "bigrams": choice.candidate.bigrams,
            "borderline_weight": choice.candidate.borderline_weight,
            "corpus_weights": dict(
                zip(counted.corpora, choice.candidate.corpus_weights, strict=True)
            ),
        },
        "trials": [
            {**vars(candidate), "score": round(trial.score, 6), "folds": trial.folds}
            for candidate, trial in choice.trials.items()
        ],
        "corpus": {
            "names": counted.corpora,
            "parts": _parts(counted),
            "sha256": counted.sha256,
            "articles": len(counted),
            "natural": int(counted.natural.sum()),
            "unlabelled": counted.n_unlabelled,
            "none": int((np.nansum(Y, axis=1) == 0).sum()),
            "positives": dict(zip(labels, np.nansum(Y, axis=0).astype(int).tolist(), strict=True)),
        },
        "versions": {
            "python": platform.python_version(),
            **{p: version(p) for p in ("classifier", "numpy", "scipy", "scikit-learn")},
        },
    }


def _parts(counted: LabelledArticles) -> list[dict[str, object]]:
    """Return the corpora in order: name, labelled articles, whether they are a natural sample."""
    members = [counted.corpus == number for number in range(len(counted.corpora))]
    return [
        {
            "name": name,
            "articles": int(member.sum()),
            "natural": bool(counted.natural[member].any()),
        }
        for name, member in zip(counted.corpora, members, strict=True)
    ]
