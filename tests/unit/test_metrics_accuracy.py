import numpy as np
import pytest

from recsys.errors import ConfigError
from recsys.metrics import (
    accuracy_metrics,
    average_precision,
    hit_rate,
    hits,
    mean_ndcg,
    mrr,
    ndcg,
    precision,
    recall,
    top_matrix,
)
from recsys.types import Ranked

HIT = np.array([[False, True, False, True], [False, False, False, False]])
N_TRUTH = np.array([2, 1], np.int32)


def ints(*values):
    return np.array(values, np.int32)


def test_a_place_hits_where_its_item_is_in_the_truth_of_the_same_query():
    top = np.array([[5, 2, 9], [2, 5, -1]], np.int32)
    assert hits(top, [ints(2, 9), ints(7)]).tolist() == [[False, True, True], [False, False, False]]


def test_padding_never_hits_even_beside_an_empty_truth():
    top = np.array([[-1, -1], [-1, 0]], np.int32)
    assert hits(top, [ints(), ints(0, 1)]).tolist() == [[False, False], [False, True]]


def test_padding_of_a_query_does_not_hit_the_last_item_of_the_query_before():
    top = np.array([[0, 1], [-1, -1]], np.int32)
    assert hits(top, [ints(3), ints(0)]).tolist() == [[False, False], [False, False]]


def test_no_queries_and_no_truth_give_no_hits():
    assert hits(np.zeros((0, 3), np.int32), []).shape == (0, 3)
    assert not hits(np.array([[1, 2]], np.int32), [ints()]).any()


def test_lists_and_truths_of_different_number_are_refused():
    with pytest.raises(ConfigError, match="2 lists but 1 truths"):
        hits(np.zeros((2, 3), np.int32), [ints(1)])


def test_short_lists_are_padded_and_long_ones_cut():
    scores = np.zeros(3, np.float32)
    lists = [Ranked(ints(4), scores[:1], "a"), Ranked(ints(1, 2, 3), scores, "a")]
    assert top_matrix(lists, 2).tolist() == [[4, -1], [1, 2]]


def test_recall_is_the_share_of_the_truth_found():
    assert recall(HIT, N_TRUTH, 3).tolist() == [0.5, 0.0]
    assert recall(HIT, N_TRUTH, 4).tolist() == [1.0, 0.0]


def test_precision_is_the_share_of_the_places_that_hit():
    assert precision(HIT, N_TRUTH, 2).tolist() == [0.5, 0.0]
    assert precision(HIT, N_TRUTH, 10).tolist() == [0.2, 0.0]


def test_average_precision_sums_the_precision_at_each_hit():
    # hits at places 2 and 4 of two truth items: (1/2 + 2/4) / 2
    assert average_precision(HIT, N_TRUTH, 4).tolist() == [0.5, 0.0]
    assert average_precision(HIT, N_TRUTH, 3).tolist() == [0.25, 0.0]


def test_ndcg_discounts_by_the_logarithm_of_the_place():
    # hits at places 2 and 4: 1/log2(3) + 1/log2(5), over an ideal of 1 + 1/log2(3)
    expected = (0.6309298 + 0.4306766) / (1 + 0.6309298)
    assert ndcg(HIT, N_TRUTH, 4).tolist() == [pytest.approx(expected), 0.0]


def test_ndcg_of_a_full_list_of_hits_is_one_even_where_the_truth_is_longer_than_the_list():
    assert ndcg(np.ones((1, 3), np.bool_), ints(50), 3).tolist() == [1.0]


def test_ndcg_beyond_the_matrix_takes_missing_places_as_misses():
    assert ndcg(np.array([[True]]), ints(1), 10).tolist() == [1.0]


def test_mrr_looks_at_the_first_hit_only():
    assert mrr(HIT, N_TRUTH, 4).tolist() == [0.5, 0.0]
    assert mrr(HIT, N_TRUTH, 1).tolist() == [0.0, 0.0]


def test_hit_rate_is_one_where_anything_was_found():
    assert hit_rate(HIT, N_TRUTH, 2).tolist() == [1.0, 0.0]


def test_a_query_without_truth_counts_zero_in_every_metric():
    for metric in accuracy_metrics().values():
        assert metric(np.zeros((1, 3), np.bool_), ints(0), 3).tolist() == [0.0]


def test_metrics_are_found_by_name():
    assert list(accuracy_metrics()) == ["hit", "map", "mrr", "ndcg", "precision", "recall"]


def test_mean_ndcg_averages_over_queries():
    top = np.array([[1, 2], [3, 4]], np.int32)
    assert mean_ndcg(top, [ints(1), ints(9)], k=2) == 0.5


@pytest.mark.parametrize("size", [3, 200])  # compared place by place, and looked up in a table
def test_hits_are_where_the_list_holds_an_item_of_the_truth(size):
    rng = np.random.default_rng(size)
    top = np.stack([rng.permutation(400)[:7] for _ in range(9)]).astype(np.int32)
    top[4, 5:] = -1
    truth = [np.sort(rng.permutation(400)[: size + row]).astype(np.int32) for row in range(9)]
    expected = [[item in set(wanted.tolist()) for item in own] for own, wanted in zip(top.tolist(), truth, strict=True)]
    assert hits(top, truth).tolist() == expected
