"""Calibration: a list in the shares of the history."""

import numpy as np
import pytest

from recsys.dataset.catalogue import Catalogue
from recsys.rerank.calibration import (
    Miscalibration,
    divergence,
    history_shares,
    item_shares,
    pool_shares,
)
from recsys.rerank.greedy import greedy
from recsys.types import query

GENRES = [["Drama"], ["drama", "War"], None, [], [None, "War "]]
CATALOGUE = Catalogue.from_records(
    [{"item_id": str(n), "genres": genres, "language": "zh" if n else None} for n, genres in enumerate(GENRES)]
)


def dense(field):
    return item_shares(CATALOGUE, field).toarray().tolist()


def test_an_item_of_two_genres_belongs_to_each_by_half_and_an_unknown_one_to_none():
    assert dense("genres") == [[1, 0], [0.5, 0.5], [0, 0], [0, 0], [0, 1]]


def test_a_plain_field_has_one_value():
    assert dense("language") == [[0], [1], [1], [1], [1]]


def test_a_field_that_nothing_fills_has_no_shares():
    assert not item_shares(CATALOGUE, "provider").toarray().any()
    assert not item_shares(Catalogue.from_records([]), "genres").toarray().any()


def test_the_shares_of_a_history_are_weighted_by_its_events_and_leave_the_unknown_out():
    shares = item_shares(CATALOGUE, "genres")
    had = query(np.array([0, 4, 2]), weights=np.array([3.0, 1.0, 9.0]))
    assert history_shares(shares, had).tolist() == [0.75, 0.25]


def test_there_are_no_shares_without_a_history_or_where_nothing_of_it_is_known():
    shares = item_shares(CATALOGUE, "genres")
    assert history_shares(shares, query()) is None
    assert history_shares(shares, query(np.array([2, 3]))) is None


def test_an_unknown_candidate_counts_as_the_mean_of_the_known_ones():
    known = np.array([[1.0, 0.0], [0.0, 0.0], [0.5, 0.5]])
    assert pool_shares(known).tolist() == [[1.0, 0.0], [0.75, 0.25], [0.5, 0.5]]
    assert pool_shares(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]


def test_divergence_is_zero_for_equal_shares_and_smoothed_where_a_share_is_missing():
    assert divergence([0.7, 0.3], [0.7, 0.3]) == pytest.approx(0.0)
    # q~ = .01 * .5 + .99 * (1, 0) = .995, .005
    expected = 0.5 * np.log(0.5 / 0.995) + 0.5 * np.log(0.5 / 0.005)
    assert divergence([0.5, 0.5], [1.0, 0.0]) == pytest.approx(expected)


def calibrated(relevance, shares, target, weight, k):
    criterion = Miscalibration(np.array(shares, float), np.array(target, float), weight)
    return greedy(np.array(relevance, float), [criterion], k)[:k].tolist()


SIX = [[1, 0]] * 3 + [[0, 1]] * 3  # three of each genre, best first


def test_a_list_of_four_follows_a_history_of_three_to_one():
    assert calibrated([1, 0.9, 0.8, 0.7, 0.6, 0.5], SIX, [0.75, 0.25], 0.99, 4) == [0, 3, 1, 2]


def test_a_history_of_one_genre_brings_that_genre_first():
    assert calibrated([1, 0.9, 0.8, 0.7, 0.6, 0.5], SIX, [0.0, 1.0], 0.99, 3) == [3, 4, 5]


def test_what_an_item_gains_is_the_logarithm_of_what_the_list_has_of_its_genre():
    criterion = Miscalibration(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.5, 0.5]), 1.0)
    criterion.take(0)  # the list's parts are now (.995, .005), and a candidate adds as much
    again, other = criterion.gains()
    assert again == pytest.approx(0.5 * np.log(1.99) + 0.5 * np.log(0.01))
    assert other == pytest.approx(np.log(1.0))


def test_every_list_length_is_calibrated_because_the_choice_is_greedy():
    long = calibrated([1, 0.9, 0.8, 0.7, 0.6, 0.5], SIX, [0.5, 0.5], 0.9, 6)
    assert calibrated([1, 0.9, 0.8, 0.7, 0.6, 0.5], SIX, [0.5, 0.5], 0.9, 3) == long[:3]
