"""The compiled loops of models find what numpy finds, bit by bit, and models work without them."""

import numpy as np
import pytest

from recsys.bundle import load_bundle
from recsys.models import loops
from recsys.models.item_item import Dense, Sparse
from recsys.models.loops import library
from recsys.models.ranker.forest import Forest
from recsys.types import query
from support.serve import make_bundle

NONE = np.zeros(0, np.int32)


def bits(found):
    """What is found, to the last bit and with its types."""
    arrays = found if isinstance(found, tuple) else (found,)
    return [(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes()) for array in arrays]


def both(monkeypatch, work):
    """By the compiled loops, and by numpy."""
    assert library.loaded() is not None
    fast = bits(work())
    with monkeypatch.context() as within:
        within.setattr("recsys.models.loops.library.loaded", lambda: None)
        return fast, bits(work())


def wild(rng, *shape):
    """Numbers of all sizes, which tell one order of summation from another."""
    return (rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 6, shape)).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 50])
def test_the_sum_of_whole_rows(count, monkeypatch):
    rng = np.random.default_rng(count)
    rows = Dense(wild(rng, 60, 333))
    items, weights = np.sort(rng.choice(60, count, replace=False)).astype(np.int32), wild(rng, count)
    fast, plain = both(monkeypatch, lambda: rows.combine(items, weights))
    assert fast == plain


@pytest.mark.parametrize("count", [0, 1, 50])
def test_the_sum_of_what_rows_hold(count, monkeypatch):
    rng = np.random.default_rng(count)
    held = [rng.choice(200, size, replace=False) for size in rng.integers(0, 9, 200)]
    indptr = np.cumsum([0, *map(len, held)])
    rows = Sparse(indptr, np.concatenate(held).astype(np.int32), wild(rng, indptr[-1]))
    items, weights = np.sort(rng.choice(200, count, replace=False)).astype(np.int32), wild(rng, count)
    fast, plain = both(monkeypatch, lambda: rows.combine(items, weights))
    assert fast == plain
    assert np.isneginf(rows.combine(items, weights)).any(), "what no row holds is abstained from"


@pytest.mark.parametrize("column", [-1, 2])
def test_a_column_beyond_the_matrix_is_an_error(column):
    rows = Sparse(np.array([0, 1, 1]), np.array([column], np.int32), np.ones(1, np.float32))
    with pytest.raises(IndexError):
        rows.combine(np.array([0], np.int32), np.ones(1, np.float32))


@pytest.mark.parametrize("events", [0, 1, 50, 500])
@pytest.mark.parametrize("placed", [False, True])
def test_a_history_is_merged(events, placed, monkeypatch):
    rng = np.random.default_rng(events)
    known = rng.random(100) < 0.7
    places = np.where(known, np.cumsum(known) - 1, -1).astype(np.int32) if placed else None
    items, weights = rng.integers(-1, 130, events).astype(np.int32), wild(rng, events)  # some outside of the catalogue
    fast, plain = both(monkeypatch, lambda: loops.merge(items, weights, 100, places))
    assert fast == plain


@pytest.mark.parametrize("size", [1, 100, 9_000])
@pytest.mark.parametrize("n", [0, 1, 20, 200, 10_000])
@pytest.mark.parametrize("kept", [1.0, 0.3, 0.0])
def test_the_best_of_a_row(size, n, kept, monkeypatch):
    rng = np.random.default_rng(n)
    row = rng.standard_normal(size).astype(np.float32).round(2)  # ties
    row[rng.random(size) < 0.2] = -np.inf
    row[rng.random(size) < 0.05] = rng.choice([np.inf, np.nan, -0.0])
    allowed = rng.random(size) < kept
    hidden = np.sort(rng.choice(size, size // 20, replace=False)).astype(np.int32)
    fast, plain = both(monkeypatch, lambda: loops.best(row, n, allowed, hidden))
    assert fast == plain


@pytest.mark.parametrize("value", [0.0, -np.inf, np.finfo(np.float32).min])
def test_the_best_of_a_row_of_equals(value, monkeypatch):
    row, allowed = np.full(9_000, value, np.float32), np.ones(9_000, np.bool_)
    fast, plain = both(monkeypatch, lambda: loops.best(row, 20, allowed, np.array([0, 5], np.int32)))
    assert fast == plain
    found, _ = loops.best(row, 3, allowed, np.array([0, 5], np.int32))
    assert found.tolist() == ([1, 2, 3] if np.isfinite(value) else [])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 20, 1_000])
def test_the_best_of_candidates(kind, n, monkeypatch):
    rng = np.random.default_rng(n)
    items = np.sort(rng.choice(9_000, 420, replace=False)).astype(np.int32)
    scores = rng.standard_normal(420).round(1).astype(kind)
    scores += (rng.integers(0, 3, 420) * 1e-12).astype(kind)  # equal in float32
    scores[rng.random(420) < 0.1] = -np.inf
    fast, plain = both(monkeypatch, lambda: loops.ranked(items, scores, n))
    assert fast == plain
    assert bits(loops.ranked(NONE, np.zeros(0, kind), n)) == bits((NONE, np.zeros(0, np.float32)))


def parts(rng, count):
    """Scores of five parts: one silent, one that says the same of everything, some abstentions."""
    scores = wild(rng, 5, count)
    scores[1], scores[2] = -np.inf, 3.0
    scores[3, rng.random(count) < 0.3] = -np.inf
    scores[:, rng.random(count) < 0.1] = -np.inf
    return scores


@pytest.mark.parametrize("count", [0, 1, 7, 8, 100, 512, 1_000])
def test_the_scales_of_parts_and_what_is_made_of_them(count, monkeypatch):
    rng = np.random.default_rng(count)
    scores, facts = parts(rng, count), wild(rng, 2_000, 3)
    items = np.sort(rng.choice(2_000, count, replace=False)).astype(np.int32)
    fast, plain = both(monkeypatch, lambda: loops.scales(scores))
    assert fast == plain
    scale = loops.scales(scores)
    for weights in (np.array([0.1, 0.2, 0.3, 0.2, 0.2]), np.array([0.0, 1.0, 0.0, 0.0, 0.0])):
        fast, plain = both(monkeypatch, lambda weights=weights: loops.mix(scores, scale, weights))
        assert fast == plain
    fast, plain = both(monkeypatch, lambda: loops.table(scores, scale, facts, items, 8))
    assert fast == plain


def test_an_item_without_facts_is_an_error():
    scores, facts = np.zeros((1, 1), np.float32), np.zeros((2, 3), np.float32)
    with pytest.raises(IndexError):
        loops.table(scores, np.array([[0.0, 1.0]]), facts, np.array([2], np.int32), 4)


@pytest.mark.parametrize("features", [1, 7, 8, 60, 300])
def test_a_weighted_sum_of_features(features, monkeypatch):
    rng = np.random.default_rng(features)
    rows, weights = wild(rng, 50, features), rng.standard_normal(features)
    fast, plain = both(monkeypatch, lambda: loops.weighted(rows, weights))
    assert fast == plain
    assert loops.weighted(rows[:1], weights).tolist() == loops.weighted(rows, weights)[:1].tolist()


def forest(rng, trees, features):
    """Trees that split on values which rows have too."""
    import lightgbm as lgb

    x = rng.standard_normal((2_000, features)).round(1).astype(np.float32)
    settings = {"num_leaves": 4, "verbose": -1, "num_threads": 1, "deterministic": True, "min_data_in_leaf": 5}
    label = x[:, 0] * (x[:, -1] > 0) + x[:, features // 2] ** 2
    return Forest.of(lgb.train(settings, lgb.Dataset(x, label), trees).dump_model()), x


@pytest.mark.parametrize("trees", [1, 9, 25, 300])
@pytest.mark.parametrize("features", [2, 5, 60])
def test_a_forest(trees, features, monkeypatch):
    own, x = forest(np.random.default_rng(trees), trees, features)

    def scored(rows):
        own.__dict__.pop("_compiled", None)  # so that it is looked for again
        return own.score(x[:rows, :-1], x[:rows, -1])

    for rows in (0, 1, 31, 32, 33, 2_000):
        fast, plain = both(monkeypatch, lambda rows=rows: scored(rows))
        assert fast == plain


def test_rows_of_another_width_are_refused():
    own, x = forest(np.random.default_rng(0), 5, 5)
    with pytest.raises(ValueError, match="4 features were given to trees of 5"):
        own.score(x[:, :-2], x[:, -1])


def blended():
    """A blend of all kinds of models that the loops serve."""
    ease = {"recipe": "ease", "reg": 5.0, "half_life_days": 30.0, "half_life_events": 1e6}
    knn = {"recipe": "item_knn", "neighbours": 3, "similarity": "cosine", "half_life_days": 36_500.0}
    parts = [ease | {"forward": False, "popularity": 0.0}, knn | {"half_life_events": 1e6, "shrinkage": 0.0}]
    ials = {"recipe": "ials", "factors": 4, "epochs": 2, "alpha": 1.0, "unobserved": 0.1, "reg": 0.01}
    ranker = {"recipe": "ranker", "parts": [{"recipe": "popular", "half_life_days": 30.0}, *parts, ials]}
    return {"recipe": "blend", "parts": [*parts, ials, ranker], "weights": [1.0, 1.0, 1.0, 1.0]}


def test_models_give_the_same_lists_where_nothing_is_compiled(tmp_path, monkeypatch):
    make_bundle(tmp_path / "b", recipes=[blended()])
    model = load_bundle(tmp_path / "b").pipeline.sources[0]
    rng = np.random.default_rng(0)
    allowed, everything = rng.random(40) < 0.8, np.arange(40, dtype=np.int32)
    queries = [query(NONE), query(np.array([3])), query(np.array([1, 3, 5, 3, 99])), query(np.array([7, 8, 2, 30]))]

    def answers(model):
        lists = model.top(queries, 7, allowed, [NONE, np.array([1, 2], np.int32), NONE, NONE])
        return (*(array for own in lists for array in (own.items, own.scores)), model.score(queries, everything))

    fast = bits(answers(model))
    for place in ("models.loops.library", "retrieval.scan"):
        monkeypatch.setattr(f"recsys.{place}.loaded", lambda: None)
    assert bits(answers(load_bundle(tmp_path / "b").pipeline.sources[0])) == fast
