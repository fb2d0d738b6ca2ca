"""What is clicked now and after what: decays, bounds, and what a query's newest items add."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.models.live import Arrival
from recsys.models.recipe import FitContext, load_model
from recsys.models.session import Session
from recsys.models.session.counts import FOLLOW_LIVES, HALF_LIVES, N_WEIGHTS
from recsys.types import query
from support.data import AT, dataset

DAY = 86_400.0
NOTHING = np.zeros(0, np.int32)
PLAIN = tuple([0.1] * len(HALF_LIVES) + [1.0] * (N_WEIGHTS - len(HALF_LIVES)))
Arrivals = st.builds(
    Arrival,
    item=st.integers(0, 3),
    time=st.floats(0.0, 600.0).map(lambda s: AT + round(s, 1)),
    weight=st.sampled_from([0.5, 1.0, 2.0]),
    before=st.lists(st.integers(0, 3), max_size=4).map(tuple),
)


def fitted(events=(("u", "a", -60 / DAY), ("u", "b", 0.0)), **fields):
    data = dataset(events, items=["a", "b", "c", "d"])
    return Session(**{"weights": PLAIN, **fields}).fit(data, FitContext())


def ranked(model, *items):
    asked = query(np.array(items, np.int32), np.full(len(items), AT), at=AT)
    (found,) = model.top([asked], 4, np.ones(4, np.bool_), [NOTHING])
    return found.items.tolist()


def test_a_click_counts_half_after_one_half_life():
    model = fitted(events=[("u", "a", -2 * 60 / DAY), ("v", "b", 0.0)])
    assert model.counts.clicks[:, 0].tolist() == pytest.approx([0.5, 1.0])


def test_what_follows_is_counted_within_one_users_sitting_only():
    minute = 60 / DAY
    model = fitted([("u", "a", -50 * minute), ("u", "b", -10 * minute), ("u", "c", 0.0), ("v", "d", 0.0)])
    assert sorted(model.counts.nexts) == [1]
    assert model.counts.nexts[1].items.tolist() == [2]


def test_what_follows_the_newest_item_comes_first():
    counter = fitted().counter()
    counter.count([Arrival(2, AT, 1.0) for _ in range(9)] + [Arrival(3, AT, 1.0, (0,)) for _ in range(5)])
    model = counter.model()
    assert ranked(model)[0] == 2
    assert ranked(model, 0)[0] == 3


def test_an_item_that_was_had_before_the_gap_says_nothing():
    counter = fitted().counter()
    counter.count([Arrival(2, AT, 1.0) for _ in range(9)] + [Arrival(3, AT, 1.0, (0,)) for _ in range(5)])
    old = query(np.array([0], np.int32), np.array([AT - 1_801]), at=AT)
    (found,) = counter.model().top([old], 1, np.ones(4, np.bool_), [NOTHING])
    assert found.items.tolist() == [2]


@settings(max_examples=60)
@given(st.lists(Arrivals, min_size=1, max_size=12), st.randoms())
def test_counts_do_not_depend_on_order_or_batches(arrivals, random):
    one, other = fitted().counter(), fitted().counter()
    one.count([Arrival(item, AT, 1.0) for item in range(4)])
    other.count([Arrival(item, AT, 1.0) for item in range(4)])
    one.count(arrivals)
    shuffled = random.sample(arrivals, len(arrivals))
    for arrival in shuffled:
        other.count([arrival])
        other.model()
    mine, its = one.counts(), other.counts()
    assert mine.clicks == pytest.approx(its.clicks, rel=1e-9, abs=1e-12)
    assert sorted(mine.nexts) == sorted(its.nexts)
    for item, nexts in mine.nexts.items():
        faded = [n.counts * np.exp2((n.at - mine.at) / FOLLOW_LIVES) for n in (nexts, its.nexts[item])]
        assert faded[0] == pytest.approx(faded[1], rel=1e-9, abs=1e-12)


def test_no_more_items_and_followers_are_kept_than_stated():
    counter = fitted(most_items=50, most_nexts=5).counter()
    for item in range(1_000):
        counter.count([Arrival(item, AT + item, 1.0, (max(item - 1, 0), 7))])
    counts = counter.counts()
    assert len(counts.items) <= 55
    assert counts.items[-1] == 999
    assert len(counts.nexts) <= 55
    assert max(len(nexts.items) for nexts in counts.nexts.values()) <= 5


def test_the_smallest_is_forgotten_first():
    counter = fitted(events=[("u", "a", 0.0)], most_items=10).counter()
    counter.count([Arrival(0, AT, 1.0) for _ in range(5)])
    counter.count([Arrival(item, AT, 1.0 + item / 100) for item in range(1, 12)])
    assert counter.counts().items.tolist() == [0, *range(2, 12)]  # dropped to ten before the twelfth came


def test_without_events_the_model_is_the_fitted_one():
    model = fitted()
    counter = model.counter()
    counter.count([])
    assert counter.model() is model


def test_a_model_once_given_stays_as_it_is():
    counter = fitted().counter()
    counter.count([Arrival(3, AT, 1.0, (0,))])
    given_ = counter.model()
    before = given_.counts.clicks.copy(), {k: v.counts.copy() for k, v in given_.counts.nexts.items()}
    counter.count([Arrival(3, AT + 60, 1.0, (0,))])
    assert (given_.counts.clicks == before[0]).all()
    assert all((given_.counts.nexts[item].counts == counts).all() for item, counts in before[1].items())


def test_counting_goes_on_from_a_saved_model(tmp_path):
    model = fitted()
    model.save(tmp_path)
    one, other = model.counter(), load_model(tmp_path).counter()
    more = [Arrival(2, AT + 5, 1.0, (1, 0))]
    one.count(more)
    other.count(more)
    assert (one.counts().clicks == other.counts().clicks).all()
    assert ranked(one.model(), 1) == ranked(other.model(), 1)


def test_it_learns_that_readers_go_on_to_what_others_went_on_to():
    rng, minute, events = np.random.default_rng(0), 60 / DAY, []
    for reader in range(300):
        at, first = -reader * minute / 2, int(rng.integers(0, 6))
        events += [(f"u{reader}", f"a{first}", at - minute), (f"u{reader}", f"b{first}", at)]
    model = Session().fit(dataset(events), FitContext())
    assert max(model.session.weights[len(HALF_LIVES) :]) > 0.5
    names = model.counts.items
    assert len(names) == 12
    asked = query(np.array([0], np.int32), np.array([AT]), at=AT)  # a0
    (found,) = model.top([asked], 1, np.ones(12, np.bool_), [np.zeros(1, np.int32)])
    assert found.items.tolist() == [6]  # b0
