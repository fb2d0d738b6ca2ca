from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.dataset.data import Holdout
from recsys.errors import FitError
from recsys.models import ease
from recsys.models.ease import EASE, _qualities, _Task, check_memory
from recsys.models.holdout import holdout_ndcg
from recsys.models.recipe import FitContext, load_model
from recsys.models.ridge import Ridge
from recsys.types import query
from support.data import checkerboard, dataset, holdout

# without normalisation: the model as published
PLAIN = {"reg": 1.0, "popularity": 0.0, "user_power": 0.0, "forward": False}


def fit(data, asked=None, **fields):
    return EASE(**{**PLAIN, **fields}).fit(data, FitContext(holdout=asked, threads=1))


def test_the_weights_are_those_of_the_closed_form():
    # Gram plus 1 is [[3, 1], [1, 2]], its inverse [[.4, -.2], [-.2, .6]]; each column over its diagonal, negated
    model = fit(dataset([("u", "a", 0.0), ("v", "a", -1.0), ("v", "b", 0.0)]))
    assert model.rows.matrix == pytest.approx(np.array([[0.0, 1 / 3], [0.5, 0.0]]), abs=1e-6)


def test_each_item_alone_is_the_ridge_regression_on_all_others():
    data = checkerboard()
    events = np.minimum(data.matrix().toarray(), 1.0).astype(np.float64)
    others, target = np.delete(events, 5, axis=1), events[:, 5]
    ridge = np.linalg.solve(others.T @ others + 2.0 * np.eye(23), others.T @ target)
    assert np.delete(fit(data, reg=2.0).rows.matrix[:, 5], 5) == pytest.approx(ridge, abs=1e-5)


def test_forward_an_item_follows_from_what_came_before_it():
    # Gram plus 1 is [[2, 1], [1, 2]], its inverse [[2, -1], [-1, 2]] / 3; the one pair is a then b
    data = dataset([("u", "a", -1.0), ("u", "b", 0.0)])
    model = fit(data, forward=True)
    # P F is [[0, 2/3], [0, -1/3]]; what holds the diagonal at 0 takes P's second column once more: -1/2 * [-1/3, 2/3]
    assert model.rows.matrix == pytest.approx(np.array([[0.0, 0.5], [0.0, 0.0]]), abs=1e-6)


def test_forward_a_pair_counts_half_after_so_many_events_between():
    data = dataset([("u", "a", -2.0), ("u", "b", -1.0), ("u", "c", 0.0)])
    far, near = (fit(data, forward=True, reg=1e4, half_life_events=h).rows.matrix for h in (1.0, 1e6))
    # with so much reg the inverse is nearly diagonal and the weights are the pairs over reg
    assert 1e4 * far[0, 2] == pytest.approx(0.5, rel=1e-3)
    assert 1e4 * near[0, 2] == pytest.approx(1.0, rel=1e-3)
    assert 1e4 * far[0, 1] == pytest.approx(1.0, rel=1e-3)


def test_forward_pairs_never_cross_from_one_user_to_the_next():
    model = fit(dataset([("u", "a", 0.0), ("v", "b", 0.0)]), forward=True)
    assert not model.rows.matrix.any()


def test_a_score_is_the_sum_over_the_history_by_weight_and_a_repeat_counts_twice():
    model = fit(dataset([("u", "a", 0.0), ("v", "a", -1.0), ("v", "b", 0.0)]))
    heavy = query(np.array([0]), weights=np.array([2.0]))
    assert model.score([heavy], np.array([1]))[0] == pytest.approx([2 / 3], abs=1e-6)
    assert np.array_equal(model.score([query(np.array([0, 0]))], np.array([1])), model.score([heavy], np.array([1])))


def test_an_older_event_of_the_query_counts_half_after_one_newer():
    model = fit(checkerboard(), half_life_events=1.0)
    old, new = (model.score([query(np.array([item]))], np.array([4]))[0, 0] for item in (0, 2))
    assert model.score([query(np.array([0, 2]))], np.array([4]))[0] == pytest.approx([old / 2 + new], rel=1e-5)


def test_popularity_divides_a_score_by_the_power_of_the_items_events():
    data = dataset([("u", "a", -1.0), ("u", "b", 0.0), ("v", "a", 0.0), ("w", "a", 0.0), ("x", "a", 0.0)])
    plain, divided = fit(data).rows.matrix, fit(data, popularity=0.5).rows.matrix
    assert divided[1, 0] == pytest.approx(plain[1, 0] / 2)  # a has four events
    assert divided[0, 1] == pytest.approx(plain[0, 1])  # b has one


def test_reg_power_leans_harder_on_items_with_more_events():
    # means: a has 2 of a mean of 1.5, so its reg is 4/3 and that of b 2/3
    data = dataset([("u", "a", 0.0), ("v", "a", -1.0), ("v", "b", 0.0)])
    left = np.array([[2 + 4 / 3, 1.0], [1.0, 1 + 2 / 3]])
    inverse = np.linalg.inv(left)
    expected = -inverse[0, 1] / np.diag(inverse)[::-1]
    assert fit(data, reg_power=1.0).rows.matrix[[1, 0], [0, 1]] == pytest.approx(expected[[1, 0]], abs=1e-6)


def test_only_positive_events_teach_by_default():
    data = dataset([("u", "a", 0.0), ("u", "b", 0.0), ("v", "c", 0.0, 1.0, False)])
    assert fit(data).known.tolist() == [True, True, False]
    assert fit(data, positives_only=False).known.tolist() == [True, True, True]


def test_an_item_or_a_history_without_training_events_is_abstained_from():
    model = fit(dataset([("u", "a", 0.0), ("u", "b", 0.0)], items=["c"]))
    assert model.score([query(np.array([0]))], np.array([2])).tolist() == [[-np.inf]]
    assert model.score([query(np.array([2, 99])), query()], np.arange(3)).tolist() == [[-np.inf] * 3] * 2


def test_more_items_than_memory_allows_are_refused_before_anything_is_allocated():
    with pytest.raises(FitError, match=r"1,000,000 items .* 4e\+03 GB and memory_gb allows 4; raise .* graph_filter"):
        check_memory(1_000_000, 4.0)
    check_memory(31_000, 4.0)
    with pytest.raises(FitError, match="raise memory_gb"):
        fit(checkerboard(), memory_gb=1e-6)


def asked_of(data) -> Holdout:
    """The next item in a ring of 24 is what each user had last."""
    return holdout(data, {user: [f"i{(int(user[1:]) + 5) % 24:02}"] for user in data.users.ids})


def ring():
    """Each user had five items of a ring in order: only what follows tells which end comes next."""
    rows = [(f"u{u:02}", f"i{(u + k) % 24:02}", float(k)) for u in range(24) for k in range(5)]
    return dataset([(user, item, day - 4.0) for user, item, day in rows])


def test_the_direction_is_chosen_on_the_holdout_and_kept_in_the_recipe():
    # three had a before m and two had z after it: without a direction a is nearer to m, forward only z follows
    data = dataset(
        [
            (f"u{k}", item, day)
            for k, pair in enumerate(["am"] * 3 + ["mz"] * 2 + ["m"])
            for item, day in zip(pair, (-1.0, 0.0), strict=False)
        ]
    )
    asked = holdout(data, {"u5": ["z"]})
    chosen = fit(data, asked, forward=None).recipe
    assert chosen.forward
    assert chosen.half_life_events < 1e6
    assert chosen.reg == 1.0
    backward = holdout(data, {"u5": ["a"]})
    assert not fit(data, backward, forward=None).recipe.forward


def test_a_log_without_an_order_is_never_read_forward():
    data = replace(ring(), ordered=False, time=np.full(120, np.nan))
    chosen = fit(data, asked_of(data), forward=None, reg=None).recipe
    assert (chosen.forward, chosen.half_life_events, chosen.half_life_days) == (False, 1e6, 36_500.0)


@pytest.mark.parametrize("forward", [False, True])
def test_the_search_scores_without_a_matrix_what_the_matrix_scores(forward):
    rng = np.random.default_rng(0)
    data = dataset(
        [(f"u{u}", f"i{i:02}", -float(day)) for u in range(30) for day, i in enumerate(rng.permutation(20)[:9])]
    )
    asked = holdout(data, {user: [f"i{rng.integers(20):02}"] for user in data.users.ids})
    nothing = [np.zeros(0, np.int32)] * len(asked)  # what was had may come again
    asked = replace(asked, exclude=nothing)
    model = fit(data, forward=forward, half_life_events=2.0, popularity=0.3, user_power=0.25)
    task = _Task.of(data, model.known, 0.25)
    ridge = Ridge(task.events)
    ridge.solve(task.penalty(model.recipe))
    pairs = task.pairs(2.0) if forward else None
    expected = holdout_ndcg(model, asked, np.ones(20, np.bool_))
    assert 0.1 < expected < 0.9
    assert _qualities([model.recipe], task, ridge, pairs, asked) == pytest.approx({model.recipe: expected})


def test_pairs_of_everything_give_what_sparse_ones_do(monkeypatch):
    rng = np.random.default_rng(0)
    pairs = sp.random(23, 23, 0.3, format="csr", dtype=np.float32, rng=rng)
    rows = rng.random((5, 23), np.float32)
    monkeypatch.setattr(ease, "_CHUNK", 7)
    monkeypatch.setattr(ease, "_MANY", 5)
    blocks = ease._times(rows, pairs)
    monkeypatch.setattr(ease, "_FULL", 1.0)
    assert blocks == pytest.approx(ease._times(rows, pairs), rel=1e-5)
    assert blocks == pytest.approx(rows @ pairs.toarray(), rel=1e-5)


def test_without_a_holdout_nothing_is_decayed_forward_or_divided():
    chosen = EASE().fit(checkerboard(), FitContext(threads=1)).recipe
    assert (chosen.forward, chosen.popularity, chosen.half_life_events) == (False, 0.0, 1e6)
    assert chosen.reg is not None


def test_a_saved_matrix_is_mapped_over_known_items_only(tmp_path):
    fit(dataset([("u", "a", 0.0), ("u", "b", 0.0)], items=["c"])).save(tmp_path)
    loaded = load_model(tmp_path)
    assert not loaded.rows.matrix.flags.writeable  # a file, not a copy
    assert (loaded.rows.matrix.shape, loaded.rows.matrix.dtype) == ((2, 2), np.float32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["known.npy", "matrix.npy", "recipe.json"]
