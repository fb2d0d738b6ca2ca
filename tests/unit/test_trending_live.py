import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.models.recipe import FitContext, load_model
from recsys.models.trending import LiveTrending, Trending
from recsys.types import query
from support.data import AT, dataset

NOTHING = np.zeros(0, np.int32)
FILM, NEWS = ({"item_id": name, "media_type": kind} for name, kind in (("film", "film"), ("news", "News")))
SHARED = {"half_life_days": 1.0, "by_media_type": {"film": 30.0, "news": 5 / 1_440}, "shrinkage": 2.0}
BASE = [(who, "plain", -2.5) for who in ("cn", "fr")] * 3 + [("cn", "film", -3.0), ("no", "news", -2.0)]
KINDS = [FILM, NEWS, {"item_id": "plain"}]
PEOPLE = {f"{name}{at}": {"country": name} for name in ("cn", "fr") for at in range(40)}
Event = st.tuples(
    st.sampled_from(["cn", "fr", "no"]),
    st.sampled_from(["film", "news", "plain"]),
    st.floats(-9.0, 40.0).map(lambda day: round(day, 4)),
    st.sampled_from([0.5, 1.0, 3.0]),
)


def fitted(events):
    """On the log of ``events``, whose newest moment need not be day 0."""
    people = [(f"{who}{at}", *rest) for at, (who, *rest) in enumerate(events)]
    data = dataset(people, items=KINDS, profiles=PEOPLE)
    return Trending(**SHARED, min_events=1, max_territories=2).fit(data, FitContext())


def feed(live, events):
    who, item, day, weight = zip(*events, strict=True)
    index = np.array([["film", "news", "plain"].index(name) for name in item], np.int32)
    live.add(index, AT + np.array(day) * 86_400, np.array(weight, np.float32), [name.upper() for name in who])


def assert_same(model, other):
    rows = [[found.territories.index(name) + 1 for name in ("cn", "fr")] for found in (model.counts, other.counts)]
    for mine, its in zip([0, *rows[0]], [0, *rows[1]], strict=True):
        assert model.counts.decayed[mine] == pytest.approx(other.counts.decayed[its], rel=1e-4, abs=1e-30)
    assert model.counts.events.tolist() == other.counts.events.tolist()
    assert (model.counts.begin, model.counts.at) == pytest.approx((other.counts.begin, other.counts.at), abs=1e-3)
    for where in ("cn", "fr", "elsewhere"):
        asked = [query(context={"territory": where})]
        every = np.arange(3, dtype=np.int32)
        assert model.score(asked, every) == pytest.approx(other.score(asked, every), rel=1e-4)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.lists(Event, min_size=1, max_size=4), st.booleans()), min_size=1, max_size=8))
def test_a_live_model_equals_one_fitted_on_the_whole_log_in_whatever_order_it_was_fed(batches):
    live = LiveTrending(fitted(BASE))
    for events, looked_at in batches:
        feed(live, events)
        if looked_at:
            live.model()
    assert_same(live.model(), fitted(BASE + [event for events, _ in batches for event in events]))


def test_years_of_silence_and_of_feeding_leave_finite_counts_and_an_order():
    live = LiveTrending(fitted(BASE))
    for day in range(0, 4_000, 400):  # 115,200 half-lives of news apart
        feed(live, [("cn", "news", float(day), 1.0), ("fr", "film", float(day), 1.0)])
    found = live.model().counts
    assert np.isfinite(found.decayed).all()
    assert found.decayed[0].tolist() == pytest.approx([1.0001, 1.0, 0.0], abs=1e-3)
    assert found.events.tolist() == [11, 11, 6]
    ranking = live.model().score([query()], np.arange(3, dtype=np.int32))[0]
    assert ranking[2] == pytest.approx(6e-30)


def test_a_model_once_given_stays_as_it_is_and_is_given_again_until_events_come():
    live = LiveTrending(fitted(BASE))
    given = [live.model()]
    feed(live, [("cn", "film", 0.0, 1.0)])
    given.append(live.model())
    assert given[1] is not given[0]
    assert live.model() is given[1]
    feed(live, [("cn", "film", 0.0, 1.0)])
    assert [model.counts.events[0] for model in (*given, live.model())] == [1, 2, 3]
    old = 2 ** (-1 / 30)  # of a film's event, a day before the newest of the fit; three days before day 0
    assert [model.counts.decayed[0, 0] for model in given] == pytest.approx([old, 1 + old**3])


def test_no_events_change_nothing():
    live = LiveTrending(fitted(BASE))
    before = live.model()
    live.add(NOTHING, np.zeros(0), np.zeros(0, np.float32), [])
    assert live.model() is before


def test_new_items_are_counted_by_their_media_type():
    live = LiveTrending(fitted(BASE))
    live.grow(5, ["NEWS", None])
    minute, new = 60.0, np.array([3, 4, 0], np.int32)
    live.add(new, np.array([AT - 5 * minute, AT - 1_440 * minute, AT]), np.ones(3, np.float32))
    assert live.model().counts.decayed[0, 3:].tolist() == pytest.approx([0.5, 0.5])
    assert live.model().counts.n_items == 5


def test_an_item_that_nobody_announced_is_made_room_for():
    live = LiveTrending(fitted(BASE))
    live.add(np.array([6], np.int32), np.array([AT]), np.array([9.0], np.float32), ["cn"])
    model = live.model()
    assert model.counts.n_items == 7
    (ranked,) = model.top([query()], 1, np.ones(7, np.bool_), [NOTHING])
    assert ranked.items.tolist() == [6]


def test_a_fast_media_type_that_comes_long_after_the_fit_does_not_overflow():
    slow = Trending(half_life_days=30.0, by_media_type={"news": 5 / 1_440})
    data = dataset([("u", "film", -60.0)], items=[FILM])
    live = LiveTrending(slow.fit(data, FitContext()))
    live.add(np.array([0], np.int32), np.array([AT]), np.ones(1, np.float32))
    live.grow(2, ["news"])
    live.add(np.array([1], np.int32), np.array([AT]), np.ones(1, np.float32))
    assert live.model().counts.decayed[0].tolist() == pytest.approx([1.25, 1.0])


def test_an_event_without_a_time_counts_as_if_it_were_now():
    live = LiveTrending(fitted(BASE))
    live.add(np.array([1, 2], np.int32), np.array([np.nan, AT]), np.ones(2, np.float32))
    assert live.model().counts.decayed[0, 1:].tolist() == pytest.approx([1.0, 1 + 6 * 2**-2.5])


def test_a_model_without_times_goes_on_counting_plainly_until_a_time_comes():
    data = dataset([("u", "a", None), ("v", "a", None), ("v", "b", None)])
    live = LiveTrending(Trending(half_life_days=1.0).fit(data, FitContext()))
    one = np.ones(1, np.float32)
    live.add(np.array([1], np.int32), np.array([np.nan]), one)
    assert live.model().counts.decayed[0].tolist() == [2.0, 2.0]
    live.add(np.array([0], np.int32), np.array([AT]), one)
    live.add(np.array([0], np.int32), np.array([AT + 86_400]), one)
    assert live.model().counts.decayed[0].tolist() == [2.5, 1.0]


@pytest.mark.parametrize(
    "columns", [([-1], [AT], [1.0], []), ([0, 1], [AT], [1.0], []), ([0], [AT], [1.0], ["a", "b"])]
)
def test_columns_that_make_no_sense_are_refused_and_nothing_is_counted(columns):
    live = LiveTrending(fitted(BASE))
    before = live.model()
    items, times, weights, territories = columns
    with pytest.raises(ValueError, match="aligned"):
        live.add(np.array(items, np.int32), np.array(times), np.array(weights, np.float32), territories)
    assert live.model() is before


def test_a_live_model_goes_on_from_a_saved_one(tmp_path):
    fitted(BASE).save(tmp_path)
    live = LiveTrending(load_model(tmp_path))
    more = [("fr", "film", 1.0, 1.0), ("no", "news", 0.5, 3.0)]
    feed(live, more)
    assert_same(live.model(), fitted(BASE + more))
