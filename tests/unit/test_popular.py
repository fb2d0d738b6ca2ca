import numpy as np
import pytest
from pydantic import ValidationError

from recsys.evaluate import evaluate
from recsys.models.one_ranking import Asked
from recsys.models.popular import HALF_LIVES, Popular, decayed_counts
from recsys.models.recipe import FitContext
from support.data import dataset, holdout


def popular(data, ctx=None, **params):
    return Popular(**params).fit(data, ctx or FitContext())


def scores(data, model):
    return dict(zip(data.catalogue.ids.ids, model.scores.tolist(), strict=True))


def top(data, model, n, hidden=()):
    exclude = [np.sort(data.catalogue.ids.dense(hidden))]
    (ranked,) = model.top([data.query(0)], n, np.ones(data.n_items, np.bool_), exclude)
    return data.catalogue.ids.external(ranked.items)


def test_an_old_event_counts_half_after_one_half_life():
    data = dataset([("u", "old", -7.0), ("v", "new", 0.0)])
    assert scores(data, popular(data, half_life_days=7.0)) == {"old": 0.5, "new": 1.0}


def test_an_event_counts_its_weight_and_only_where_it_is_positive():
    data = dataset([("u", "a", 0.0, 3.0), ("v", "a", 0.0, 2.0, False), ("w", "b", 0.0, 0.5, False)])
    assert scores(data, popular(data)) == {"a": 3.0, "b": 0.0}


def test_an_item_that_nobody_liked_is_abstained_from():
    data = dataset([("u", "a", 0.0), ("u", "b", 0.0, 1.0, False)], items=["c"])
    model = popular(data)
    assert top(data, model, 5) == ["a"]
    assert model.score([data.query(0)], np.arange(3, dtype=np.int32)).tolist() == [[1.0, -np.inf, -np.inf]]


def test_an_event_that_has_decayed_to_nothing_is_still_ranked_by_its_count():
    data = dataset([("u", "once", -4000.0), ("u", "twice", -4000.0), ("v", "twice", -4000.0), ("v", "new", 0.0)])
    assert top(data, popular(data, half_life_days=1.0), 5) == ["new", "twice", "once"]


def test_hidden_items_leave_their_places_to_the_next():
    data = dataset([("u", "a", 0.0), ("v", "a", 0.0), ("w", "b", 0.0), ("x", "b", 0.0), ("y", "c", 0.0)])
    assert top(data, popular(data), 2, hidden=["a"]) == ["b", "c"]


def test_without_a_holdout_the_half_life_is_thirty_days():
    assert popular(dataset([("u", "a", 0.0)])).recipe == Popular(half_life_days=30.0)


def test_the_half_life_is_the_one_that_ranks_the_holdout_best():
    # the old favourite has ten events two days ago, the new one has a single event now, and the new one is taken next
    data = dataset([(f"u{i}", "old", -2.0) for i in range(10)] + [("v", "new", 0.0)], users=["w"])
    fitted = popular(data, FitContext(holdout=holdout(data, {"w": ["new"]})))
    assert fitted.recipe == Popular(half_life_days=0.25)  # 10 * 2**-2 beats 1 at a day, 10 * 2**-8 does not
    settled = popular(data, FitContext(holdout=holdout(data, {"w": ["old"]})))
    assert settled.recipe == Popular(half_life_days=max(HALF_LIVES))


def test_a_log_without_times_keeps_the_default():
    data = dataset([("u", "a", None), ("v", "b", None)])
    ctx = FitContext(holdout=holdout(data, {"u": ["b"]}))
    assert popular(data, ctx).recipe == Popular(half_life_days=30.0)


@pytest.mark.parametrize("half_life", [1 / 24, 3.0, 365.0])
def test_the_quality_it_chooses_by_is_the_quality_that_evaluation_measures(half_life):
    rng = np.random.default_rng(0)
    events = [(f"u{rng.integers(20)}", f"i{rng.zipf(1.5) % 40}", -float(rng.integers(60))) for _ in range(300)]
    data = dataset(events, items=["x"])
    unseen = {u: np.setdiff1d(range(data.n_items), data.seen(u)) for u in range(data.n_users)}
    wanted = {data.users[u]: data.catalogue.ids.external(rng.permutation(own)[:4]) for u, own in unseen.items()}
    asked = holdout(data, wanted)
    measured = evaluate(popular(data, half_life_days=half_life), asked, data).mean("ndcg@10")
    judged = Asked.of(asked.truth, asked.exclude).gains(decayed_counts(data, half_life))
    assert judged.mean() == pytest.approx(measured, abs=1e-6)


@pytest.mark.parametrize("half_life", [0.0, -1.0, float("inf"), float("nan")])
def test_a_half_life_is_a_positive_number_of_days(half_life):
    with pytest.raises(ValidationError):
        Popular(half_life_days=half_life)
