"""How candidates are compared."""

import numpy as np
import pytest

from classifier.training.choose import Trial, Trials, climb, held_out_score
from classifier.training.fit import Candidate
from classifier.training.settings import Settings

NAN = float("nan")


def test_candidates_are_compared_by_how_they_rank_all_cells():
    """One order over the cells of both labels; articles never held out and unknown cells go."""
    margins = np.array([[3.0, 2.0], [1.0, -1.0], [0.0, -2.0], [NAN, NAN]])
    truth = np.array([[1.0, 0.0], [1.0, NAN], [0.0, 0.0], [1.0, 1.0]])

    score = held_out_score(margins, truth, mode="several")

    # In order: right, wrong, right, then nothing right: (1/1 + 2/3) / 2.
    assert score == pytest.approx(5 / 6)


def test_with_one_label_an_article_the_accuracy_decides():
    """The largest margin is the tag."""
    margins = np.array([[3.0, 2.0], [1.0, 4.0], [0.0, -2.0], [NAN, NAN]])
    truth = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    assert held_out_score(margins, truth, mode="one") == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("scores", "found", "tried"),
    [
        ({0.3: 5, 1.0: 6, 3.0: 4, 10.0: 9}, 1.0, [1.0, 3.0, 0.3]),
        ({0.3: 1, 1.0: 2, 3.0: 3, 10.0: 4}, 10.0, [1.0, 3.0, 10.0, 0.3]),
        ({0.3: 4, 1.0: 3, 3.0: 2, 10.0: 1}, 0.3, [1.0, 3.0, 0.3]),
        ({0.3: 2, 1.0: 2, 3.0: 2, 10.0: 2}, 1.0, [1.0, 3.0, 0.3]),
    ],
)
def test_the_next_penalty_is_tried_only_where_the_last_one_helped(scores, found, tried):
    """From the middle upwards, then downwards; equals do not help."""
    trials = Scored(scores)

    best = climb(trials, Candidate(1.0), tuple(scores))

    assert (best.C, trials.order) == (found, tried)


class Scored(Trials):
    """Trials whose scores are known beforehand."""

    def __init__(self, known):
        super().__init__(None, None, None, Settings(), 1, lambda: None)
        self.known, self.order = known, []

    def run(self, candidates, *, rival=None):
        """Note what is tried for the first time."""
        new = [c for c in candidates if c not in self.found]
        self.order += [c.C for c in new]
        self.found |= {c: Trial(self.known[c.C], 5) for c in new}
