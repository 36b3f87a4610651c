"""How candidates are compared."""

import numpy as np
import pytest

from classifier.training.select import held_out_score

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
