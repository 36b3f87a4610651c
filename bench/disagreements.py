"""Where the cross-validated model and a label disagree, most strongly first.

``python -m bench.disagreements > worklist.csv`` prints what was read again for
``data/label_changes.csv``: the readers saw headline and text, but neither label nor score, and
undisputed articles among the disputed ones.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

import numpy as np

from bench.quality import counted_corpora
from classifier.corpus.labels import truth_matrix
from classifier.training.choose import out_of_fold
from classifier.training.fit import Candidate
from classifier.training.record import held_out_probabilities
from classifier.training.settings import Settings
from classifier.training.train import natural_folds

# A label whose own probability is below this is disputed (self-confidence, in the order of
# Northcutt, Jiang and Chuang, "Confident Learning", JAIR 2021).
DISPUTED = 0.15


def main() -> None:
    """Print a line for each disputed cell."""
    settings = Settings()
    counted = counted_corpora(settings)
    house = counted.corpora.index("house")
    counted = replace(counted, natural=counted.corpus != house)
    labels = counted.label_names
    Y = truth_matrix(counted.labels, labels)
    folds = natural_folds(counted, Y, settings)
    margins = out_of_fold(
        counted, Y, folds, [Candidate(1.0, lead_repeats=2)], min_df=settings.min_df
    )[0].margins
    held = np.flatnonzero(folds >= 0)
    p = held_out_probabilities(margins[held], Y[held], folds[held], settings)
    confidence = np.where(Y[held] > 0, p, 1 - p)
    order = np.argsort(confidence, axis=None)
    write = csv.writer(sys.stdout, lineterminator="\n").writerow
    write(["corpus", "article_id", "sector", "label", "probability"])
    for row, k in zip(*np.unravel_index(order, confidence.shape), strict=True):
        if confidence[row, k] >= DISPUTED:
            break
        i = held[row]
        label = "present" if Y[i, k] > 0 else "absent"
        name = counted.corpora[counted.corpus[i]]
        write([name, counted.ids[i], labels[k], label, f"{p[row, k]:.3f}"])


if __name__ == "__main__":
    main()
