"""What bounds leave out is never among the best: the lists are those of scoring everything."""

import numpy as np
import pytest

from recsys.models.files import load_vectors, save_codes
from recsys.retrieval import Lead, Vectors

NONE = np.zeros(0, np.int32)
N, D = 20_000, 32


def vectors(rng, n=N, noise=0.1):
    low = rng.standard_normal((n, 4)) @ rng.standard_normal((4, D))
    return (low + noise * rng.standard_normal((n, D))).astype(np.float32)


@pytest.fixture(scope="module")
def items():
    return vectors(np.random.default_rng(0))


def pairs(lists):
    return [(ranked.items.tolist(), ranked.scores.tolist(), ranked.source) for ranked in lists]


def both(items, queries, n, allowed, exclude, bias=None):
    led = Vectors.of(items)
    assert led.lead is not None
    return pairs(led.top(queries, n, allowed, exclude, "m", bias)), pairs(
        Vectors(items).top(queries, n, allowed, exclude, "m", bias)
    )


@pytest.mark.parametrize("n", [1, 20, 300])
@pytest.mark.parametrize("kept", [1.0, 0.6])
def test_the_lists_are_those_of_scoring_everything(items, n, kept):
    rng = np.random.default_rng(n)
    allowed = rng.random(N) < kept
    exclude = [np.sort(rng.choice(N, 50, replace=False)).astype(np.int32) for _ in range(9)]
    ours, plain = both(items, vectors(rng, 9), n, allowed, exclude)
    assert ours == plain


def test_a_bias_of_the_items_counts(items):
    rng = np.random.default_rng(1)
    bias = rng.standard_normal(N).astype(np.float32) * 5
    ours, plain = both(items, vectors(rng, 3), 20, np.ones(N, np.bool_), [NONE] * 3, bias)
    assert ours == plain


def test_what_each_query_adds_counts_in_place_of_the_bias(items):
    rng = np.random.default_rng(2)
    extra = rng.standard_normal((3, N)).astype(np.float32) * 5
    ours, plain = both(items, vectors(rng, 3), 20, np.ones(N, np.bool_), [NONE] * 3, extra)
    assert ours == plain


def test_ties_all_over_go_to_the_lower_index():
    items = np.tile(np.eye(1, D, dtype=np.float32), (N, 1))
    led = Vectors(items, lead=Lead(np.stack([items[:, 0], np.zeros(N, np.float32)]), np.eye(D, 1)))
    (ranked,) = led.top(np.eye(1, D, dtype=np.float32), 30, np.ones(N, np.bool_), [NONE], "m")
    assert ranked.items.tolist() == list(range(30))


def test_every_allowed_item_is_listed_where_fewer_are_left_than_wanted(items):
    allowed = np.zeros(N, np.bool_)
    allowed[:5_000] = True
    hidden = np.arange(4_995, dtype=np.int32)
    ours, plain = both(items, vectors(np.random.default_rng(3), 1), 20, allowed, [hidden])
    assert sorted(ours[0][0]) == [4995, 4996, 4997, 4998, 4999]
    assert ours == plain


def test_a_query_of_zeros_ranks_by_index(items):
    ours, _ = both(items, np.zeros((1, D), np.float32), 5, np.ones(N, np.bool_), [NONE])
    assert ours[0][0] == [0, 1, 2, 3, 4]


def test_a_query_that_lies_outside_of_the_leading_directions_is_answered_too(items):
    led = Vectors.of(items)
    across = np.linalg.svd(led.lead.basis)[0][:, -1:].T.astype(np.float32)  # orthogonal to all of them
    ours, plain = both(items, across, 20, np.ones(N, np.bool_), [NONE])
    assert ours == plain


def test_there_is_no_lead_where_typical_queries_ask_across_it(items):
    led = Vectors.of(items)
    across = np.linalg.svd(led.lead.basis)[0][:, -1:].T.astype(np.float32)
    assert Lead.of(items, across) is None


def test_vectors_that_vary_in_all_directions_have_no_lead():
    assert Lead.of(np.random.default_rng(0).standard_normal((500, D)).astype(np.float32)) is None


def test_vectors_that_are_not_finite_have_no_lead(items):
    broken = items.copy()
    broken[3, 3] = np.nan
    assert Lead.of(broken) is None


def test_what_is_mapped_is_what_was_saved(items, tmp_path):
    save_codes(tmp_path, Vectors.of(items))
    mapped = load_vectors(tmp_path, items)
    assert np.array_equal(mapped.lead.rows, Lead.of(items).rows)
    assert not mapped.lead.rows.flags.writeable
