import numpy as np
import pytest
import scipy.sparse as sp

from recsys.metrics import (
    coverage,
    deciles,
    filled,
    gini,
    intra_list_diversity,
    item_features,
    novelty,
    popularity_lift,
    popularity_share,
    serendipity,
)
from support.data import dataset

NOBODY = np.full((2, 3), -1, np.int32)


def test_coverage_counts_each_item_once_and_padding_never():
    assert coverage(np.array([[0, 1], [1, -1]], np.int32), 8) == 0.25


def test_filled_is_the_share_of_slots_that_hold_an_item():
    assert filled(np.array([[0, 1], [1, -1]], np.int32)) == 0.75


def test_novelty_is_mean_self_information_in_bits():
    popularity = np.array([8, 4, 4])  # shares 1/2, 1/4, 1/4: 1, 2 and 2 bits
    assert novelty(np.array([[0, 1], [2, -1]], np.int32), popularity) == pytest.approx(5 / 3)


def test_an_item_without_events_is_as_novel_as_one_with_a_single_event():
    assert novelty(np.array([[1]], np.int32), np.array([8, 0])) == 3.0


def test_deciles_hold_a_tenth_of_the_items_and_ties_count_the_lower_index_as_more_popular():
    popularity = np.array([7] * 10 + [9] * 10)
    assert deciles(popularity).tolist() == [4, 4, 3, 3, 2, 2, 1, 1, 0, 0, 9, 9, 8, 8, 7, 7, 6, 6, 5, 5]


def test_popularity_share_is_the_share_of_shown_items_in_the_top_decile():
    popularity = np.arange(20)  # items 18 and 19 are the top decile
    assert popularity_share(np.array([[19, 0], [1, 18], [2, -1]], np.int32), popularity) == pytest.approx(2 / 5)


def test_diversity_is_the_mean_pairwise_distance_of_a_list():
    features = sp.csr_matrix(np.array([[1, 0], [2, 0], [0, 3]], np.float32))
    # pairs: the same direction twice (0), and twice at a right angle (1)
    assert intra_list_diversity(np.array([[0, 1, 2]], np.int32), features) == pytest.approx(2 / 3)


def test_diversity_leaves_out_items_without_features_and_lists_of_one():
    features = sp.csr_matrix(np.array([[1, 0], [0, 1], [0, 0]], np.float32))
    top = np.array([[0, 1, 2], [0, 2, -1]], np.int32)
    assert intra_list_diversity(top, features) == pytest.approx(1.0)


def test_lists_that_show_nothing_have_no_novelty_diversity_or_popularity():
    features = sp.csr_matrix((4, 1))
    assert np.isnan(novelty(NOBODY, np.ones(4)))
    assert np.isnan(popularity_share(NOBODY, np.ones(4)))
    assert np.isnan(intra_list_diversity(NOBODY, features))


def test_item_features_are_the_genres_tags_authors_and_attributes_once_each():
    data = dataset(
        [("u", "a", 0.0)],
        items=[
            {"item_id": "a", "genres": ["Drama", "Drama"], "authors": ["Li"]},
            {"item_id": "b"},
            {"item_id": "c", "genres": ["Drama"], "tags": ["Drama"]},
        ],
    )
    dense = item_features(data.catalogue).toarray()
    assert dense.sum(axis=1).tolist() == [2.0, 0.0, 2.0]
    assert dense[0] @ dense[2] == 1.0  # they share the genre, and a tag of the same name is another feature


def ints(*values):
    return np.array(values, np.int32)


def test_gini_is_0_where_all_items_are_shown_alike_and_near_1_where_one_takes_all():
    assert gini(np.array([[0, 1], [2, 3]], np.int32), 4) == 0.0
    assert gini(np.array([[3], [3]], np.int32), 4) == pytest.approx(0.75)  # (n - 1) / n


def test_gini_of_items_shown_once_and_three_times():
    # x = 0, 1, 3 of n = 3: (-2 * 0 + 0 * 1 + 2 * 3) / (3 * 4)
    assert gini(np.array([[0, 1], [0, -1], [0, -1]], np.int32), 3) == pytest.approx(0.5)
    assert np.isnan(gini(NOBODY, 3))


def test_popularity_lift_compares_lists_with_histories():
    popularity = np.array([6, 4, 2])
    # lists: 6 and (4 + 2) / 2 = 3, mean 4.5; histories: (4 + 2) / 2 = 3 and 2, mean 2.5
    top = np.array([[0, -1], [1, 2]], np.int32)
    assert popularity_lift(top, [ints(1, 2), ints(2)], popularity) == pytest.approx(4.5 / 2.5 - 1)


def test_popularity_lift_of_the_history_itself_is_0_and_nobody_counts_who_lacks_a_side():
    popularity = np.array([6, 4, 2])
    top = np.array([[1, 2], [0, -1], [-1, -1]], np.int32)
    assert popularity_lift(top, [ints(1, 2), ints(), ints(0)], popularity) == 0.0
    assert np.isnan(popularity_lift(top[:1], [ints()], popularity))


def test_popularity_lift_of_random_lists_for_random_histories_is_0_by_chance():
    rng = np.random.default_rng(0)
    popularity = rng.integers(1, 100, 500)
    top = rng.integers(0, 500, (2_000, 10)).astype(np.int32)
    histories = list(rng.integers(0, 500, (2_000, 10)).astype(np.int32))
    assert popularity_lift(top, histories, popularity) == pytest.approx(0, abs=0.02)


POPULARITY = np.array([9, 8, 7, 1])


def test_a_hit_is_serendipitous_where_the_popular_list_would_not_have_shown_it():
    top = np.array([[3, 0], [1, 2]], np.int32)
    hit = np.array([[True, True], [False, True]])
    # popular lists of two are 0 1: 3 and 2 are beyond them
    assert serendipity(top, hit, [ints(), ints()], POPULARITY).tolist() == [0.5, 0.5]


def test_the_popular_list_goes_on_where_seen_items_are_taken_out():
    top, hit = np.array([[2, 3]], np.int32), np.array([[True, True]])
    assert serendipity(top, hit, [ints(0)], POPULARITY).tolist() == [0.5]  # popular: 1 2
    assert serendipity(top, hit, [ints(0, 1)], POPULARITY).tolist() == [0.0]  # popular: 2 3
    assert serendipity(top[:, :1], hit[:, :1], [ints(0)], POPULARITY).tolist() == [1.0]  # popular: 1


def test_the_popular_list_itself_is_never_serendipitous_and_a_miss_neither():
    top = np.array([[0, 1], [0, 1]], np.int32)
    assert serendipity(top, np.ones((2, 2), bool), [ints(), ints(2, 3)], POPULARITY).tolist() == [0.0, 0.0]
    assert serendipity(np.array([[3, 2]], np.int32), np.zeros((1, 2), bool), [ints()], POPULARITY).tolist() == [0.0]


def test_item_features_can_be_those_of_one_field():
    data = dataset([], items=[{"item_id": "a", "genres": ["x", "y"], "tags": ["z"]}, {"item_id": "b"}])
    assert item_features(data.catalogue, ["genres"]).toarray().tolist() == [[1.0, 1.0], [0.0, 0.0]]
