"""How one half-life for everybody is chosen: films by the best, news by the shortest that is not clearly worse."""

import numpy as np
import pytest

from recsys.models.one_ranking import best_half_life

DAYS = (30.0, 0.5, 0.01)
ALTERNATING = np.tile([0.1, -0.1], 50)  # 0 in the mean, with a standard error of a hundredth


@pytest.mark.parametrize(
    ("means", "best"),
    [
        ((0.5, 0.4, 0.49), 30.0),  # works that last: the best, however near the others are
        ((0.3, 0.5, 0.49), 0.01),  # worse by one standard error
        ((0.3, 0.5, 0.47), 0.5),  # worse by three
    ],
)
def test_by_the_hour_the_shortest_that_is_not_clearly_worse_is_chosen(means, best):
    table = np.stack([np.full(100, mean) for mean in means])
    table[2] += ALTERNATING
    assert best_half_life(DAYS, table) == best


def test_a_few_queries_are_taken_at_their_word():
    table = np.stack([np.full(10, 0.3), np.full(10, 0.5), np.full(10, 0.49)])
    table[2] += ALTERNATING[:10]
    assert best_half_life(DAYS, table) == 0.5


def test_of_equals_the_one_that_forgets_the_least_is_chosen():
    assert best_half_life(DAYS, np.full((3, 100), 0.5)) == 30.0
