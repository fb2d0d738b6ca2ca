from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.errors import FitError
from recsys.models.recipe import FitContext, load_model
from recsys.models.two_tower import TwoTower, TwoTowerModel
from recsys.models.two_tower.examples import Examples
from recsys.models.two_tower.profiles import ProfileTokens
from recsys.models.two_tower.recency import recency_steps
from recsys.models.two_tower.trainee import cells
from recsys.types import query
from support.data import checkerboard, dataset, holdout
from support.models import serves_without_torch

SMALL = TwoTower(factors=8, epochs=30, learning_rate=0.05, batch_size=8, dropout=0.0, max_history=20, in_order=0.0)
NOTHING = [np.zeros(0, np.int32)]


def by_hand(**changes):
    """Two dimensions, three items, place weights 1 and ½, one known profile token."""
    parts = {
        "recipe": TwoTower(factors=2),
        "tokens": ProfileTokens(("country=CN",)),
        "items": np.array([[1, 0], [0, 1], [1, 1]], np.float32),
        "bias": np.array([0, 0.5, 0], np.float32),
        "inputs": np.array([[3, 0], [0, 3], [0, 0]], np.float32),
        "token_vectors": np.array([[0, 10], [1, 0]], np.float32),
        "place_weight": np.array([1, 0.5], np.float32),
        "known": np.array([True, True, True]),
    }
    return TwoTowerModel(**{**parts, **changes})


def fit(recipe, data, **context):
    return recipe.fit(data, FitContext(threads=1, **context))


def lists(model, data, n=3):
    queries = [data.query(user) for user in range(data.n_users)]
    seen = [data.seen(user) for user in range(data.n_users)]
    return [ranked.items.tolist() for ranked in model.top(queries, n, np.ones(data.n_items, np.bool_), seen)]


# the query's side


def test_a_query_is_the_weighted_history_over_the_root_of_its_squared_weights_plus_what_everyone_has():
    # newest is item 0 with weight 1·1, before it item 1 with weight 2·½: (3, 3)/√2 + (1, 0)
    asked = query(np.array([1, 0]), weights=np.array([2.0, 1.0]))
    assert by_hand().encode([asked])[0] == pytest.approx([3 / np.sqrt(2) + 1, 3 / np.sqrt(2)])


def test_only_the_newest_events_up_to_max_history_count():
    model = by_hand()
    long, short = query(np.array([2, 2, 0, 1])), query(np.array([0, 1]))
    assert model.encode([long]).tolist() == model.encode([short]).tolist()


def test_a_known_profile_token_is_added_and_an_unknown_one_is_not():
    asked = query(profile={"country": "CN", "city": "unheard of"})
    assert by_hand().encode([asked])[0].tolist() == [1, 10]


def test_a_score_is_the_inner_product_plus_the_bias():
    assert by_hand().score([query()], np.array([0, 1, 2], np.int32)).tolist() == [[1.0, 0.5, 1.0]]


def test_an_item_without_event_and_content_is_abstained_from():
    model = by_hand(known=np.array([True, True, False]))
    (ranked,) = model.top([query()], 3, np.ones(3, np.bool_), NOTHING)
    assert model.score([query()], np.array([2], np.int32)).tolist() == [[-np.inf]]
    assert ranked.items.tolist() == [0, 1]


def test_huge_and_tiny_event_weights_give_the_vector_of_equal_weights():
    model, items = by_hand(), np.array([0, 1])
    for weight in (1e-30, 1e30):
        vector = model.encode([query(items, weights=np.full(2, weight))])
        assert vector == pytest.approx(model.encode([query(items)]), rel=1e-5)


def test_recency_steps_double():
    assert recency_steps(8).tolist() == [0, 1, 1, 2, 2, 2, 2, 3]


def test_a_profile_token_that_fewer_than_five_users_have_is_not_kept():
    profiles = [{"country": "CN", "phone": str(user)} for user in range(5)]
    assert ProfileTokens.fit(profiles).tokens == ("country=CN",)


# what is learned from


def drawn(data, in_order, max_history=10):
    examples = Examples(data, max_history, in_order, np.random.default_rng(0))
    return [batch for _ in range(50) for batch in examples.epoch(batch_size=4)]


def test_in_order_the_targets_come_after_the_history():
    data = dataset([("u", name, float(day)) for day, name in enumerate("abcdef")])
    for batch in drawn(data, in_order=1.0):
        history, targets = batch.history.items.tolist(), batch.target.tolist()
        assert history + targets == list(range(6))


def test_without_order_history_and_targets_share_the_events_by_a_coin():
    data = dataset([("u", name, None) for name in "abcdef"])
    batches = drawn(data, in_order=0.0)
    for batch in batches:
        assert sorted(batch.history.items.tolist() + batch.target.tolist()) == list(range(6))
    assert any(batch.history.items.max(initial=0) > batch.target.min() for batch in map(_numpy, batches))


def _numpy(batch):
    history = replace(batch.history, items=batch.history.items.numpy())
    return replace(batch, history=history, target=batch.target.numpy())


def test_what_was_not_liked_is_history_but_never_a_target():
    data = dataset([("u", name, float(day), 1.0, name != "b") for day, name in enumerate("abc")])
    batches = drawn(data, in_order=1.0)
    assert 1 not in {item for batch in batches for item in batch.target.tolist()}
    assert 1 in {item for batch in batches for item in batch.history.items.tolist()}


def test_a_work_met_again_is_a_target_only_where_works_return():
    events = [("u", name, float(day)) for day, name in enumerate("aab")]
    assert {0} in [
        set(b.history.items.tolist()) & set(b.target.tolist()) for b in drawn(dataset(events, returns=True), 1.0)
    ]
    assert all(not set(b.history.items.tolist()) & set(b.target.tolist()) for b in drawn(dataset(events), 1.0))


def test_a_long_history_is_cut_on_both_sides():
    data = dataset([("u", f"i{at:03}", float(at)) for at in range(100)])
    for share in (0.0, 1.0):
        for batch in drawn(data, in_order=share, max_history=5):
            assert len(batch.history.items) <= 5
            assert len(batch.target) <= 10


def test_cells_mark_the_drawn_items_of_a_row():
    marks = cells(torch.tensor([2, 5, 7]), torch.tensor([5, 6, 9, 2]), torch.tensor([0, 0, 1, 1]), 2)
    assert marks.tolist() == [[False, True, False], [True, False, False]]


# fitting


@pytest.mark.parametrize("negatives", [1, 1024], ids=["sampled", "exact"])
def test_the_checkerboard_is_solved_by_either_softmax(negatives):
    data = checkerboard()
    model = fit(SMALL.model_copy(update={"negatives": negatives, "epochs": 60}), data)
    found = lists(model, data, n=2)
    assert sum(item % 2 == user % 2 for user, items in enumerate(found) for item in items) == 2 * data.n_users


def test_an_item_without_events_is_ranked_by_its_content():
    data = checkerboard()
    records = [data.catalogue.record(at) for at in range(24)]
    new = [{"item_id": "x-even", "genres": ["even"]}, {"item_id": "x-odd", "genres": ["odd"]}]
    events = [
        (data.users[u], data.catalogue.ids[i], (t - data.at) / 86_400)
        for u, i, t in zip(data.user, data.item, data.time, strict=True)
    ]
    wider = dataset(events, items=[*records, *new])
    model = fit(SMALL.model_copy(update={"id_dropout": 0.3}), wider)
    scores = model.score([wider.query(0), wider.query(1)], wider.catalogue.ids.dense(["x-even", "x-odd"]))
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]


def test_a_profile_speaks_for_someone_without_a_history():
    data = checkerboard()
    colour = {user: {"colour": "odd" if at % 2 else "even"} for at, user in enumerate(data.users.ids)}
    model = fit(SMALL, replace(data, profiles=colour))
    items = np.arange(24, dtype=np.int32)
    even, odd = model.score([query(profile={"colour": "even"}), query(profile={"colour": "odd"})], items)
    assert (even - odd)[::2].min() > (even - odd)[1::2].max()


def test_the_same_seed_gives_the_same_model_and_another_seed_another():
    data = checkerboard()
    first, again, other = (fit(SMALL, data, seed=seed) for seed in (1, 1, 2))
    assert first.items.tobytes() == again.items.tobytes()
    assert first.items.tobytes() != other.items.tobytes()


def test_fitting_leaves_the_global_seed_of_torch_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fit(SMALL, checkerboard())
    assert torch.rand(1) == expected


def test_epochs_and_order_are_chosen_on_the_holdout_and_stay_for_a_refit():
    data = checkerboard()
    asked = holdout(data, {"u00": ["i00"], "u01": ["i09"]})
    reported = []
    recipe = SMALL.model_copy(update={"epochs": None, "in_order": None, "patience": 2})
    model = fit(recipe, data, holdout=asked, report=lambda step, metrics: reported.append((step, sorted(metrics))))
    assert model.recipe.in_order in (0.0, 1.0)
    assert 1 <= model.recipe.epochs <= len(reported)
    assert reported == [(step, ["loss", "ndcg@10"]) for step in range(1, len(reported) + 1)]
    assert lists(fit(model.recipe, data), data) == lists(model, data)


def test_without_a_positive_event_there_is_nothing_to_learn():
    with pytest.raises(FitError, match="no positive event"):
        fit(SMALL, dataset([("u", "a", 0.0, 1.0, False)]))


def test_one_user_with_one_event_gives_finite_scores():
    data = dataset([("u", "a", 0.0)], items=["b"])
    model = fit(SMALL, data)
    assert np.isfinite(model.score([query(), data.query(0)], np.array([0], np.int32))).all()


def test_serving_a_saved_model_never_imports_torch(tmp_path):
    data = checkerboard()
    fit(SMALL, data).save(tmp_path)
    assert serves_without_torch(tmp_path, items=24)
    assert lists(load_model(tmp_path), data) == lists(fit(SMALL, data), data)
