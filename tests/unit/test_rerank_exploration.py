"""Exploration: what is drawn, how likely it was, and that the same seed draws it again."""

from collections import Counter

import numpy as np
import pytest

from recsys.rerank import Exploration
from recsys.rerank.exploration import explore

E = np.e


def draw(relevance, k, seed=0, order=None, **how):
    places = np.arange(len(relevance), dtype=np.int32) if order is None else np.array(order, np.int32)
    rng = np.random.default_rng(seed)
    drawn, propensity = explore(places, np.array(relevance, float), k, Exploration(**how), rng)
    return drawn.tolist(), propensity.tolist()


def outcomes(relevance, k, order=None, **how):
    """Every list that fifty seeds draw, with its propensities."""
    draws = [draw(relevance, k, seed, order, **how) for seed in range(50)]
    return {tuple(drawn): propensity for drawn, propensity in draws}


def test_only_the_stated_places_are_drawn():
    for drawn, propensity in outcomes([1.0] * 8, 4, slots=2, epsilon=1.0).items():
        assert drawn[:2] == (0, 1)
        assert propensity == pytest.approx([1, 1, 1 / 6, 1 / 5, 1, 1, 1, 1])


def test_a_draw_is_softmax_over_what_is_left():
    seen = outcomes([1.0, 0.0], 2, slots=2, epsilon=1.0, temperature=1.0)
    assert seen[0, 1] == pytest.approx([E / (E + 1), 1.0])
    assert seen[1, 0] == pytest.approx([1 / (E + 1), 1.0])


def test_the_first_that_is_left_has_what_is_not_drawn_as_well():
    seen = outcomes([1.0, 0.0], 1, slots=1, epsilon=0.5, temperature=1.0)
    assert seen[0, 1][0] == pytest.approx(0.5 + 0.5 * E / (E + 1))
    assert seen[1, 0][0] == pytest.approx(0.5 / (E + 1))


def test_relevance_belongs_to_the_item_and_not_to_its_place():
    # the order begins with the least relevant one, which softmax nevertheless draws least
    seen = outcomes([1.0, 0.0], 1, [1, 0], slots=1, epsilon=1.0, temperature=1.0)
    assert seen[0, 1][0] == pytest.approx(E / (E + 1))
    assert seen[1, 0][0] == pytest.approx(1 / (E + 1))


def test_the_product_of_propensities_is_how_often_a_list_comes():
    n = 6000
    came = Counter()
    chance = {}
    for seed in range(n):
        drawn, propensity = draw([1.0, 0.6, 0.0], 2, seed, slots=2, epsilon=0.6, temperature=0.5)
        came[tuple(drawn)] += 1
        chance[tuple(drawn)] = propensity[0] * propensity[1]
    assert sum(chance.values()) == pytest.approx(1.0)  # all six lists came
    assert {shown: times / n for shown, times in came.items()} == pytest.approx(chance, abs=0.02)


def test_an_item_that_is_drawn_moves_up_and_none_falls_out():
    assert (0, 1, 5, 2, 3, 4) in outcomes([1.0] * 6, 3, slots=1, epsilon=1.0)


def test_the_same_seed_draws_the_same_list():
    how = {"slots": 4, "epsilon": 0.7}
    assert draw([1.0] * 20, 10, 5, **how) == draw([1.0] * 20, 10, 5, **how)
    assert draw([1.0] * 20, 10, 5, **how) != draw([1.0] * 20, 10, 6, **how)


def test_more_slots_than_places_explores_them_all_and_an_empty_pool_nothing():
    drawn, propensity = draw([1.0, 1.0], 2, slots=9, epsilon=1.0)
    assert (sorted(drawn), propensity) == ([0, 1], [0.5, 1.0])
    assert draw([], 3, slots=2, epsilon=1.0) == ([], [])
    assert draw([1.0], 10, slots=2, epsilon=1.0) == ([0], [1.0])
