import numpy as np
import pytest

from recsys.models.files import load_vectors, save_codes
from recsys.retrieval import Codes, Vectors, dot_scores, top_k

NONE = np.zeros(0, np.int32)


def ints(*values):
    return np.array(values, np.int32)


def everything(n):
    return np.ones(n, np.bool_)


def lists(found):
    return [ranked.items.tolist() for ranked in found]


def test_the_best_come_first_and_ties_go_to_the_lower_index():
    scores = np.array([[1, 3, 2, 3, 2]], np.float32)
    assert lists(top_k(scores, 4, everything(5), [NONE], "m")) == [[1, 3, 2, 4]]


def test_a_tie_at_the_last_place_goes_to_the_lower_index():
    scores = np.ones((1, 50_000), np.float32)
    assert lists(top_k(scores, 300, everything(50_000), [NONE], "m")) == [list(range(300))]


def test_many_ties_of_two_kinds_keep_the_order_of_their_indices():
    scores = np.tile(np.array([1, 2], np.float32), 500)[None, :]
    assert lists(top_k(scores, 1000, everything(1000), [NONE], "m")) == [[*range(1, 1000, 2), *range(0, 1000, 2)]]


def test_scores_and_source_come_with_the_items():
    (ranked,) = top_k(np.array([[0.5, 2.0]], np.float32), 2, everything(2), [NONE], "als")
    assert ranked.scores.tolist() == [2.0, 0.5]
    assert ranked.source == "als"
    assert (ranked.items.dtype, ranked.scores.dtype) == (np.int32, np.float32)


def test_masked_and_excluded_items_are_never_returned():
    scores = np.array([[5, 4, 3, 2, 1], [5, 4, 3, 2, 1]], np.float32)
    allowed = np.array([False, True, True, True, True])
    assert lists(top_k(scores, 5, allowed, [ints(1), ints(2, 4)], "m")) == [[2, 3, 4], [1, 3]]


def test_excluding_an_item_that_is_not_allowed_anyway_changes_nothing():
    allowed = np.array([True, False, True])
    assert lists(top_k(np.zeros((1, 3), np.float32), 3, allowed, [ints(1)], "m")) == [[0, 2]]


@pytest.mark.parametrize("bad", [-np.inf, np.nan, np.inf])
def test_what_is_not_finite_is_an_abstention(bad):
    scores = np.array([[1.0, bad, 3.0]], np.float32)
    assert lists(top_k(scores, 3, everything(3), [NONE], "m")) == [[2, 0]]


@pytest.mark.parametrize("bad", [-np.inf, np.nan, np.inf])
def test_what_is_not_finite_is_an_abstention_in_a_long_row_too(bad):
    scores = np.arange(20_000, dtype=np.float32)[None, :].copy()
    scores[0, [5, 19_998, 19_999]] = bad
    assert lists(top_k(scores, 2, everything(20_000), [NONE], "m")) == [[19_997, 19_996]]


def test_a_row_with_few_finite_scores_gives_these_only():
    scores = np.full((1, 20_000), -np.inf, np.float32)
    scores[0, [7, 12_345]] = [1.0, 2.0]
    assert lists(top_k(scores, 10, everything(20_000), [NONE], "m")) == [[12_345, 7]]


def test_nothing_asked_or_nothing_allowed_is_an_empty_list():
    scores = np.ones((1, 3), np.float32)
    assert lists(top_k(scores, 0, everything(3), [NONE], "m")) == [[]]
    assert lists(top_k(scores, 2, np.zeros(3, np.bool_), [ints(1)], "m")) == [[]]
    many = np.ones((20, 3), np.float32)
    assert lists(top_k(many, 2, np.zeros(3, np.bool_), [ints(1)] * 20, "m")) == [[]] * 20
    assert lists(top_k(many, 0, everything(3), [NONE] * 20, "m")) == [[]] * 20
    vectors = np.ones((3, 2), np.float32)
    assert lists(Vectors(vectors).top(vectors[:1], 0, everything(3), [NONE], "m")) == [[]]
    assert lists(Vectors(vectors).top(vectors[:1], 2, np.zeros(3, np.bool_), [ints(1)], "m")) == [[]]


def test_the_callers_scores_stay_as_they_were():
    scores = np.array([[1, 2, 3]], np.float32)
    top_k(scores, 2, everything(3), [ints(2)], "m")
    assert scores.tolist() == [[1, 2, 3]]


def test_the_best_inner_products_come_first():
    items = np.array([[1, 0], [0, 1], [2, 2], [0, 0]], np.float32)
    (ranked,) = Vectors(items).top(np.array([[1, 0.5]], np.float32), 3, everything(4), [NONE], "m")
    assert ranked.items.tolist() == [2, 0, 1]
    assert ranked.scores.tolist() == [3.0, 1.0, 0.5]


def test_a_bias_is_added():
    items = np.zeros((3, 2), np.float32)
    bias = np.array([0.1, 0.3, 0.2], np.float32)
    asked = np.ones((1, 2), np.float32)
    assert lists(Vectors(items).top(asked, 3, everything(3), [NONE], "m", bias)) == [[1, 2, 0]]
    (only,) = Vectors(items).top(asked, 3, np.array([False, False, True]), [NONE], "m", bias)
    assert only.scores.tolist() == bias[2:].tolist()


@pytest.fixture(params=["floats", "codes", "numpy"])
def made(request, monkeypatch):
    """How vectors are searched: without codes, with them however few they are, and where nothing is compiled."""
    for name in ("WORTH_IT", "SEARCHED"):
        monkeypatch.setattr(f"recsys.retrieval.exact.{name}", 0)
    if request.param == "numpy":
        monkeypatch.setattr("recsys.retrieval.scan.loaded", lambda: None)
    return Vectors if request.param == "floats" else Vectors.of


@pytest.mark.parametrize("n", [1, 2, 8, 9])
def test_scores_of_a_few_items_are_bitwise_the_same_for_one_query_and_for_many(n):
    rng = np.random.default_rng(n)
    items, queries = rng.normal(size=(n, 37)).astype(np.float32), rng.normal(size=(5, 37)).astype(np.float32)
    bias = rng.normal(size=n).astype(np.float32)
    together = dot_scores(queries, items, bias)
    assert together.tobytes() == b"".join(dot_scores(one[None], items, bias).tobytes() for one in queries)


def random_case(share, seed=0):
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(9_000, 24)).astype(np.float32)
    items[4_000:4_050] = items[17]  # ties
    queries = rng.normal(size=(33, 24)).astype(np.float32)
    queries[3] = items[17]
    allowed = rng.random(9_000) < share
    exclude = [np.sort(rng.choice(9_000, 40, replace=False)).astype(np.int32) for _ in queries]
    return queries, items, allowed, exclude


@pytest.mark.parametrize("share", [1.1, 0.8, 0.01, 0.001])
def test_vectors_are_ranked_as_a_full_sort_ranks_them(share, made):
    queries, items, allowed, exclude = random_case(share)
    found = made(items).top(queries, 20, allowed, exclude, "m")
    exact = dot_scores(queries, items)
    for row, hidden, ranked in zip(exact, exclude, found, strict=True):
        free = allowed.copy()
        free[hidden] = False
        order = [i for i in np.lexsort((np.arange(9_000), -row)) if free[i]][:20]
        assert ranked.items.tolist() == order
        assert ranked.scores.tolist() == row[order].tolist()


def test_items_closer_than_the_rounding_of_a_matrix_product_are_ranked_exactly(made):
    rng = np.random.default_rng(2)
    items = np.float32(1) + rng.integers(-3, 4, (5_000, 48)).astype(np.float32) * np.float32(2**-22)
    queries = rng.normal(size=(7, 48)).astype(np.float32)
    exact = dot_scores(queries, items)
    found = made(items).top(queries, 10, everything(5_000), [NONE] * 7, "m")
    for row, ranked in zip(exact, found, strict=True):
        assert ranked.items.tolist() == np.lexsort((np.arange(5_000), -row))[:10].tolist()


@pytest.mark.parametrize("share", [1.1, 0.8, 0.01])
def test_a_list_is_bitwise_the_same_alone_and_in_a_batch(share, made):
    queries, items, allowed, exclude = random_case(share, seed=1)
    together = made(items).top(queries, 15, allowed, exclude, "m")
    for i, ranked in enumerate(together):
        (alone,) = made(items).top(queries[i : i + 1], 15, allowed, [exclude[i]], "m")
        assert alone.items.tolist() == ranked.items.tolist()
        assert alone.scores.tobytes() == ranked.scores.tobytes()


def test_vectors_that_are_no_numbers_return_nothing(made):
    items = np.array([[1, 1], [np.nan, 1], [2, 2]], np.float32)
    queries = np.array([[np.nan, 0], [1, 1]], np.float32)
    found = made(items).top(queries, 3, everything(3), [NONE, NONE], "m")
    assert lists(found)[0] == []
    assert 1 not in found[1].items


def test_many_rows_at_once_are_ranked_as_each_alone():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 400, (40, 5_000)).astype(np.float32)  # ties in every row
    scores[3] = 7.0
    scores[5] = -np.inf
    scores[6, 100:] = -np.inf
    scores[7, [3, 4_999]] = np.nan, np.inf
    allowed = rng.random(5_000) < 0.7
    exclude = [np.sort(rng.choice(5_000, n, replace=False)).astype(np.int32) for n in range(40)]
    together = top_k(scores, 25, allowed, exclude, "m")
    for row, hidden, ranked in zip(scores, exclude, together, strict=True):
        (alone,) = top_k(row[None], 25, allowed, [hidden], "m")
        assert ranked.items.tolist() == alone.items.tolist()
        assert ranked.scores.tolist() == alone.scores.tolist()
        free = [i for i in np.flatnonzero(allowed & np.isfinite(row)) if i not in hidden]
        assert ranked.items.tolist() == sorted(free, key=lambda i, row=row: (-row[i], i))[:25]


def test_an_excluded_item_beyond_the_catalogue_hides_nothing(made):
    vectors = np.eye(3, dtype=np.float32)
    for batch in (1, 9):
        asked, hidden = np.tile(vectors[:1], (batch, 1)), [ints(0, 3, 90)] * batch
        assert lists(made(vectors).top(asked, 3, everything(3), hidden, "m")) == [[1, 2]] * batch


def test_zero_and_minus_zero_are_a_tie_in_any_batch():
    scores = np.tile(np.array([-0.0, 0.0, -1.0, 0.0, -0.0], np.float32), (9, 1))
    for batch in (scores[:1], scores):
        assert lists(top_k(batch, 5, everything(5), [NONE] * len(batch), "m")) == [[0, 1, 3, 4, 2]] * len(batch)


def test_falling_scores_of_both_signs_stay_in_order():
    scores = np.tile(np.array([-1e30, 3e-40, -2.5, 7.0, 1e30, -3e-40, 2.5], np.float32), (9, 1))
    assert lists(top_k(scores, 7, everything(7), [NONE] * 9, "m")) == [[4, 3, 6, 1, 5, 2, 0]] * 9


def test_codes_say_between_what_a_score_lies():
    rng = np.random.default_rng(5)
    flat = (rng.normal(size=(3_000, 40)) * np.arange(1, 41) ** -1.0) @ np.linalg.qr(rng.normal(size=(40, 40)))[0]
    items = (flat * rng.gamma(1, 3, (3_000, 1))).astype(np.float32)  # long and short ones
    queries = rng.normal(size=(9, 40)).astype(np.float32)
    exact = queries.astype(np.float64) @ items.T.astype(np.float64)
    for directions in (16, 40):
        basis = np.linalg.svd(items, full_matrices=False)[2][:directions].T
        low, high = (side[:, :3_000] for side in Codes.along(items, np.ascontiguousarray(basis)).between(queries))
        assert (low - 1e-4 <= exact).all()
        assert (exact <= high + 1e-4).all()
        assert ((high - low).max(axis=1) < 50 * np.abs(exact - (low + high) / 2).max(axis=1)).all()


def test_vectors_near_a_few_directions_are_coded_along_those():
    rng = np.random.default_rng(6)
    flat = rng.normal(size=(20_000, 12)) @ rng.normal(size=(12, 48)) + 0.01 * rng.normal(size=(20_000, 48))
    items = flat.astype(np.float32)
    codes = Codes.of(items)
    assert codes.basis.shape == (48, 16)
    queries = items[:5] + items[5:10]
    none = [NONE] * 5
    assert lists(Vectors(items, codes).top(queries, 30, everything(20_000), none, "m")) == lists(
        Vectors(items).top(queries, 30, everything(20_000), none, "m")
    )


def test_codes_of_some_vectors_are_those_of_all(made):
    queries, items, _, exclude = random_case(1.0)
    allowed = np.arange(9_000) % 3 == 0
    assert lists(made(items).top(queries, 9, allowed, exclude, "m")) == lists(
        Vectors(items).top(queries, 9, allowed, exclude, "m")
    )


def test_a_model_maps_the_codes_that_were_saved(tmp_path):
    vectors = Vectors(np.eye(4, 3, dtype=np.float32), Codes.of(np.eye(4, 3, dtype=np.float32)))
    save_codes(tmp_path, vectors)
    again = load_vectors(tmp_path, vectors.items)
    assert not again.codes.codes.flags.writeable  # a file, not a copy
    assert again.codes.lost == vectors.codes.lost
    assert np.array_equal(again.codes.each, vectors.codes.each)
    assert lists(again.top(vectors.items[:1], 1, everything(4), [NONE], "m")) == [[0]]
