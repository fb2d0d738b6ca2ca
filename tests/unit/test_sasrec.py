from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.errors import ConfigError, FitError
from recsys.models.recipe import FitContext, load_model, parse
from recsys.models.sasrec import SASRec, SASRecModel, encoder, training
from recsys.models.sasrec.forward import unit
from recsys.models.sasrec.gaps import gap_steps
from recsys.models.sasrec.queries import packed
from recsys.models.sasrec.rows import Rows, targets
from recsys.models.sasrec.trainee import Trainee
from recsys.nn.ranks import Ranks
from recsys.types import query
from support.data import AT, checkerboard, dataset, holdout
from support.models import serves_without_torch

SMALL = SASRec(factors=8, epochs=8, learning_rate=0.01, batch_size=8, dropout=0.0, max_history=20)
NOTHING = [np.zeros(0, np.int32)]


def fit(recipe, data, **context):
    return recipe.fit(data, FitContext(threads=1, **context))


def circle(users=40, items=12, length=6, timed=False):
    """Everyone walks round a circle of works, from a place of their own: the next work follows from the last one."""
    events = [
        (f"u{u:02}", f"i{(u + step) % items:02}", float(step - length) if timed else None)
        for u in range(users)
        for step in range(length)
    ]
    return dataset(events)


# what is learned from


def test_only_a_liked_work_that_is_new_and_not_the_first_is_a_target():
    events = [("u", "a", None), ("u", "b", None), ("u", "a", None), ("u", "c", None, 1.0, False), ("u", "d", None)]
    data = dataset([*events, ("v", "b", None)])
    assert targets(data).tolist() == [False, True, False, False, True, False]
    assert targets(replace(data, returns=True)).tolist() == [False, True, True, False, True, False]


def whole(rows):
    """(inputs, places, {input index: target}) of every row, in the order of the rows."""
    found = []
    for at in range(len(rows)):
        batch = rows.batch(np.array([at]))
        asked = dict(zip(batch.at.tolist(), batch.target.tolist(), strict=True))
        found.append((batch.item[0].tolist(), batch.place[0].tolist(), asked))
    return found


def test_a_row_predicts_each_target_from_the_event_before_it_and_ends_at_the_last_one():
    data = dataset([("u", name, None, 1.0, name != "d") for name in "abcd"])
    assert whole(Rows(data, 10)) == [([0, 1], [1, 0], {0: 1, 1: 2})]


def test_a_long_history_is_cut_from_its_end_and_every_target_is_in_one_row():
    data = dataset([("u", name, None) for name in "abcdefg"])
    assert whole(Rows(data, 3)) == [
        ([3, 4, 5], [2, 1, 0], {0: 4, 1: 5, 2: 6}),
        ([0, 1, 2], [2, 1, 0], {0: 1, 1: 2, 2: 3}),
    ]


def test_a_user_without_a_target_has_no_row():
    data = dataset([("u", "a", None), ("v", "a", None), ("v", "a", None), ("w", "a", None), ("w", "b", None)])
    assert whole(Rows(data, 3)) == [([0], [0], {0: 1})]


def test_padding_behind_a_short_row_is_never_a_target():
    data = dataset([("u", name, None) for name in "abcd"] + [("v", "d", None), ("v", "a", None)])
    batch = Rows(data, 10).batch(np.array([0, 1]))
    assert batch.item.tolist() == [[0, 1, 2], [3, 3, 3]]
    assert (batch.at.tolist(), batch.target.tolist()) == ([0, 1, 2, 3], [1, 2, 3, 0])


def test_an_epoch_has_every_row_once_with_hardly_any_padding():
    rng = np.random.default_rng(0)
    lengths = rng.geometric(0.03, 2_000) + 1
    data = dataset([(f"u{u}", f"i{at}", None) for u, n in enumerate(lengths) for at in range(min(n, 150))])
    rows = Rows(data, 100)
    batches = rows.epoch(32, rng)
    assert np.sort(np.concatenate(batches)).tolist() == list(range(len(rows)))
    computed = sum(len(batch) * rows.length[batch].max() for batch in batches)
    assert rows.length.sum() / computed > 0.95


def test_batches_come_in_another_order_each_epoch():
    rows = Rows(circle(), 20)
    rng = np.random.default_rng(0)
    first, second = (np.concatenate(rows.epoch(8, rng)).tolist() for _ in range(2))
    assert first != second


def test_gap_steps_double_and_unknown_times_have_their_own():
    seconds = np.array([0.0, 1.0, 2.0, 3.0, 6.0, 7.0, -5.0, 1e12, np.nan])
    assert gap_steps(np.zeros(9), seconds).tolist() == [1, 2, 2, 3, 3, 4, 1, 31, 0]


# the forward pass


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("timed", [False, True])
def test_numpy_asks_for_what_torch_does(heads, timed):
    data = circle(timed=timed)
    trainee = Trainee(data, None, SMALL.model_copy(update={"heads": heads, "max_history": 140}), FitContext(), Ranks())
    for table in trainee.weights().values():  # norms and biases too
        table.add_(torch.randn(table.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
    model = training.exported(trainee.recipe, trainee)
    times = AT + np.arange(150) ** 3.0 if timed else None
    asked = [
        query(np.array(items), None if times is None else times[: len(items)], at=AT + 9e6 if timed else np.nan)
        for items in ([3], [0, 5, 2], np.arange(150) % 12)
    ]
    tokens, length = packed(asked, trainee.known, 140)
    tables = trainee.weights()
    expected = encoder.encode(tables, tables["item"], tokens, trainee.shape, lambda x: x)
    last = expected[torch.arange(3), length - 1]
    assert model.vectors(asked)[0] == pytest.approx(last.numpy(), abs=1e-4)


def test_unit_rows_have_mean_zero_and_variance_one():
    assert unit(np.array([[1, 3], [2, 2]], np.float32)) == pytest.approx(np.array([[-1, 1], [0, 0]]), abs=1e-5)


def test_only_the_newest_events_up_to_max_history_count():
    model = fit(SMALL.model_copy(update={"max_history": 2, "epochs": 1}), circle())
    long, short = query(np.array([5, 1, 2])), query(np.array([1, 2]))
    assert model.vectors([long])[0].tolist() == model.vectors([short])[0].tolist()


def test_order_matters():
    model = fit(SMALL, circle())
    there, back = model.vectors([query(np.array([1, 2])), query(np.array([2, 1]))])[0]
    assert not np.allclose(there, back, rtol=0.1)


def test_an_event_without_a_known_item_is_passed_over_and_a_query_of_such_is_abstained_from():
    data = dataset([("u", name, None) for name in "abc"], items=["x"])
    model = fit(SMALL, data)
    (x,) = data.catalogue.ids.dense(["x"])
    with_x, without = query(np.array([0, x, 1])), query(np.array([0, 1]))
    assert model.vectors([with_x])[0].tolist() == model.vectors([without])[0].tolist()
    items = np.arange(4, dtype=np.int32)
    assert np.isneginf(model.score([query(np.array([x])), query()], items)).all()
    assert np.isneginf(model.score([without], items))[0].tolist() == [False, False, False, True]
    assert [len(found) for found in model.top([query()], 3, np.ones(4, np.bool_), NOTHING)] == [0]


# fitting


def followed(model, items):
    """How many of the works are rightly followed by the next one round the circle."""
    asked = [query(np.array([(at - 1) % items, at])) for at in range(items)]
    hidden = [np.sort(each.items) for each in asked]
    found = model.top(asked, 1, np.ones(items, np.bool_), hidden)
    return sum(ranked.items.tolist() == [(at + 1) % items] for at, ranked in enumerate(found))


@pytest.mark.parametrize("negatives", [3, 1024], ids=["sampled", "exact"])
def test_what_follows_is_learned_by_either_softmax(negatives):
    recipe = SMALL.model_copy(update={"negatives": negatives, "epochs": 40})
    data = circle(users=54, items=27)
    assert followed(fit(recipe, data), items=27) == 27


def test_the_gap_to_the_moment_of_the_query_tells_what_is_asked_for():
    # after the same work, b follows at once and c the next day
    events = [(f"u{u:02}", *event) for u in range(40) for event in (("a", -9.0), ("bc"[u % 2], [-9.0, -8.0][u % 2]))]
    data = dataset(events)
    model = fit(SMALL.model_copy(update={"epochs": 30}), data)
    a, b, c = data.catalogue.ids.dense("abc")
    at_once, later = (query(np.array([a]), np.array([AT]), at=AT + gap) for gap in (0.0, 86_400.0))
    scores = model.score([at_once, later], np.array([b, c], np.int32))
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]


def test_an_item_without_events_is_ranked_by_its_content():
    data = checkerboard()
    records = [data.catalogue.record(at) for at in range(24)]
    new = [{"item_id": "x-even", "genres": ["even"]}, {"item_id": "x-odd", "genres": ["odd"]}]
    events = [
        (data.users[u], data.catalogue.ids[i], (t - data.at) / 86_400)
        for u, i, t in zip(data.user, data.item, data.time, strict=True)
    ]
    wider = dataset(events, items=[*records, *new])
    asked, items = [wider.query(0), wider.query(1)], wider.catalogue.ids.dense(["x-even", "x-odd"])
    scores = fit(SMALL.model_copy(update={"content": True, "epochs": 20}), wider).score(asked, items)
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]
    assert np.isneginf(fit(SMALL, wider).score(asked, items)).all()


def test_a_catalogue_that_says_nothing_is_fitted_by_its_ids_alone():
    plain, described = (fit(SMALL.model_copy(update={"content": told}), circle()) for told in (False, True))
    assert plain.factors.tobytes() == described.factors.tobytes()


def test_the_same_seed_gives_the_same_model_and_another_seed_another():
    recipe = SMALL.model_copy(update={"dropout": 0.3, "negatives": 1})
    first, again, other = (fit(recipe, circle(), seed=seed) for seed in (1, 1, 2))
    assert first.factors.tobytes() == again.factors.tobytes()
    assert first.factors.tobytes() != other.factors.tobytes()


def test_fitting_leaves_the_global_seed_of_torch_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fit(SMALL.model_copy(update={"dropout": 0.3}), circle())
    assert torch.rand(1) == expected


def test_epochs_are_chosen_on_the_holdout_and_stay_for_a_refit():
    data = circle()
    asked = holdout(data, {"u00": ["i06"], "u01": ["i07"]})
    reported = []
    recipe = SMALL.model_copy(update={"epochs": None, "patience": 2})
    model = fit(recipe, data, holdout=asked, report=lambda step, metrics: reported.append((step, sorted(metrics))))
    assert 1 <= model.recipe.epochs <= len(reported) - 2
    assert reported == [(step, ["loss", "ndcg@10"]) for step in range(1, len(reported) + 1)]
    assert fit(model.recipe, data).factors.tobytes() == model.factors.tobytes()


def test_a_batch_is_of_two_thousand_events_unless_the_recipe_says_otherwise():
    data = circle(length=5)  # 4 events of each history are input
    recipe = SMALL.model_copy(update={"batch_size": None, "epochs": 1})
    assert fit(recipe, data).recipe.batch_size == 500


def test_where_nobody_liked_anything_new_there_is_nothing_to_learn():
    for events in ([("u", "a", 0.0, 1.0, False)], [("u", "a", 0.0)], [("u", "a", 0.0), ("u", "a", 1.0)]):
        with pytest.raises(FitError, match="nothing to learn|no positive event"):
            fit(SMALL, dataset(events))


def test_heads_must_divide_factors():
    with pytest.raises(ConfigError, match=r"heads \(3\) must divide factors \(64\)"):
        parse({"recipe": "sasrec", "heads": 3})


def test_serving_a_saved_model_never_imports_torch(tmp_path):
    fit(SMALL, circle()).save(tmp_path)
    assert serves_without_torch(tmp_path, items=12)
    assert isinstance(load_model(tmp_path), SASRecModel)


def test_a_log_without_an_order_is_refused():
    with pytest.raises(FitError, match="has none; leave it out"):
        fit(SMALL, replace(circle(), ordered=False))
