import numpy as np
import pytest

from recsys.models.audience import LONGER, NEVER, Audience
from recsys.models.recipe import FitContext
from recsys.types import query
from support.data import AT, dataset, holdout

# c and d are as popular as each other; those who read a read c, those who read b read d
TASTES = dataset(
    [(f"a{n}", "a", -2.0) for n in range(3)]
    + [(f"a{n}", "c", 0.0) for n in range(3)]
    + [(f"b{n}", "b", -2.0) for n in range(3)]
    + [(f"b{n}", "d", 0.0) for n in range(3)]
)
STEADY = {"half_life_days": NEVER, "audience_half_life_days": NEVER}
MINUTE = 1 / 1440  # days


def scores(model, data, *history):
    """By item id, for someone with these works behind them."""
    items = data.catalogue.ids.dense(history)
    (row,) = model.score([query(items, at=AT)], np.arange(data.n_items, dtype=np.int32))
    return dict(zip(data.catalogue.ids.ids, row.tolist(), strict=True))


def test_a_work_is_raised_for_those_who_share_a_past_with_its_audience():
    model = Audience(**STEADY, strength=0.5, prior=2.0, targets=4).fit(TASTES, FitContext())
    found = scores(model, TASTES, "a")
    credit = 3 / (3 + 10)  # three of the twelve who came for something know a
    lift_c = np.log((3 / (3 / 12) + 2) / (3 + 2))  # all of c's three, smoothed by two who are like everyone
    lift_d = np.log(2 / (3 + 2))
    assert found["c"] == pytest.approx(np.log(3 / 12) + 0.5 * credit * lift_c, rel=1e-4)
    assert found["d"] == pytest.approx(np.log(3 / 12) + 0.5 * credit * lift_d, rel=1e-4)


def test_without_a_history_it_is_popularity_of_late():
    data = dataset([("u", "old", -1.0), ("v", "old", -1.0), ("w", "new", 0.0)])
    model = Audience(half_life_days=0.5, audience_half_life_days=1.0).fit(data, FitContext())
    found = scores(model, data)
    late, longer = 2 * 0.25 / 1.5, 2 * 0.5 / 2.0  # shares of old at both half-lives
    assert found["old"] == pytest.approx(np.log(0.99 * late + 0.01 * longer), rel=1e-5)


def test_a_work_that_nobody_of_late_knows_changes_nothing():
    data = dataset([("u", "gone", -40.0), ("v", "a", 0.0), ("v", "b", 0.0)])
    model = Audience(half_life_days=1.0, audience_half_life_days=2.0).fit(data, FitContext())
    assert model.lift.rows.nnz == 2  # a and b raise each other
    assert scores(model, data, "gone") == scores(model, data)
    assert scores(model, data, "gone", "a") == scores(model, data, "a")


def test_only_the_most_popular_works_have_an_audience():
    data = dataset([("u", "a", 0.0), ("u", "b", 0.0), ("v", "b", 0.0), ("v", "a", 0.0), ("w", "b", 0.0)])
    model = Audience(**STEADY, targets=1).fit(data, FitContext())
    assert model.lift.rows.toarray()[:, 0].tolist() == [0.0, 0.0]
    assert model.lift.rows[0, 1] > 0


def test_what_is_open_is_chosen_on_the_holdout_and_the_strength_is_that_which_helps():
    asked = holdout(TASTES, {f"a{n}": ["c"] for n in range(3)})
    asked.exclude[:] = [np.zeros(0, np.int32)] * 3
    chosen = Audience(half_life_days=100.0).fit(TASTES, FitContext(holdout=asked)).recipe
    assert None not in chosen.params().values()
    assert chosen.strength > 0


def test_by_the_hour_the_shortest_half_life_that_is_not_clearly_worse_is_taken():
    late = [(f"u{n}", "new", -3 * n * MINUTE) for n in range(4)] + [
        (f"v{n}", "old", -0.5 - n * MINUTE) for n in range(9)
    ]
    readers = [f"w{n}" for n in range(30)]
    data = dataset(late, users=readers)
    asked = holdout(data, {reader: ["new"] for reader in readers})
    assert Audience().fit(data, FitContext(holdout=asked)).recipe.half_life_days == 2 * MINUTE


def test_without_a_holdout_or_times_the_open_fields_take_their_defaults():
    untimed = dataset([("u", "a", None), ("v", "a", None)])
    timed = Audience().fit(TASTES, FitContext()).recipe
    assert (timed.half_life_days, timed.audience_half_life_days, timed.strength) == (30.0, 30.0 * LONGER[0], 0.25)
    assert Audience().fit(untimed, FitContext()).recipe.half_life_days == NEVER
