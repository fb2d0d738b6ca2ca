"""Maximal marginal relevance: what is like the list already is worth less."""

import numpy as np
import pytest

from recsys.rerank.greedy import greedy, relevance
from recsys.rerank.mmr import Redundancy, similarities

# 0 and 1 are copies, 2 is unlike both
LIKE = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], np.float32)


def order(given, similarity, weight, k=3):
    return greedy(np.array(given, float), [Redundancy(similarity, weight)], k).tolist()


def test_a_copy_goes_behind_an_item_that_the_list_does_not_have_yet():
    # after 0: 1 is worth .5 * .9 - .5 = -.05, 2 is worth .5 * .1 = .05
    assert order([1.0, 0.9, 0.1], LIKE, 0.5) == [0, 2, 1]


def test_a_small_weight_leaves_the_copy_where_it_is():
    # after 0: 1 is worth .7 * .9 - .3 = .33, 2 is worth .7 * .1 = .07
    assert order([1.0, 0.9, 0.1], LIKE, 0.3) == [0, 1, 2]


def test_with_weight_one_only_novelty_counts_and_ties_keep_the_order():
    assert order([1.0, 0.9, 0.1], LIKE, 1.0) == [0, 2, 1]


def test_what_is_not_chosen_stands_behind_in_its_old_order():
    assert order([1.0, 0.9, 0.8, 0.7], np.eye(4, dtype=np.float32), 1.0, k=1) == [0, 1, 2, 3]
    four = np.ones((4, 4), np.float32)
    four[3, :3] = four[:3, 3] = 0
    assert order([1.0, 0.9, 0.8, 0.7], four, 0.9, k=2) == [0, 3, 1, 2]


def test_only_the_nearest_item_of_the_list_counts():
    # 2 is near 0, 3 is half near to 0 and to 1: its largest similarity is .5, not their sum of 1
    similarity = np.array([[1, 0, 0.8, 0.5], [0, 1, 0, 0.5], [0.8, 0, 1, 0], [0.5, 0.5, 0, 1]], np.float32)
    assert order([1.0, 1.0, 0.5, 0.5], similarity, 0.5, k=4) == [0, 1, 3, 2]


def test_similarity_is_the_cosine_and_never_below_zero():
    vectors = np.array([[3, 4], [6, 8], [-3, -4], [4, -3], [1, 0]], np.float32)
    assert similarities(vectors)[0] == pytest.approx([1, 1, 0, 0, 0.6])


def test_an_item_of_which_nothing_is_known_is_as_similar_as_the_others_are_in_the_mean():
    # the three known pairs have 1, 0 and 0
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], np.float32)
    assert similarities(vectors)[3] == pytest.approx([1 / 3] * 4)


def test_scores_are_brought_to_a_scale_of_their_own_pool():
    assert relevance(np.array([30.0, 20.0, 10.0], np.float32)).tolist() == [1.0, 0.5, 0.0]
    assert relevance(np.array([7.0, 7.0], np.float32)).tolist() == [1.0, 1.0]
    assert relevance(np.array([2.0, -np.inf, 1.0], np.float32)).tolist() == [1.0, 0.0, 0.0]
    assert relevance(np.zeros(0, np.float32)).tolist() == []


def test_without_a_criterion_nothing_moves():
    assert greedy(np.array([0.1, 0.9]), [], 2).tolist() == [0, 1]
