"""The same statements about user state on SQLite and on Redis."""

import math
import sqlite3
import threading
import time
import uuid
from contextlib import closing

import pytest

from recsys.errors import ConfigError, StoreError
from serving.stores.state import Event, UserState, open_state
from serving.stores.state_redis import RedisState
from serving.stores.state_sqlite import HISTORY
from support.postgres import absent

REDIS = "redis://127.0.0.1:6379/0"


@pytest.fixture(params=["sqlite", "redis"])
def state(request, tmp_path):
    if request.param == "sqlite":
        store = open_state(tmp_path / "state.db")
        yield store
        store.close()
        return
    prefix = f"test-{uuid.uuid4().hex}"
    try:
        store = open_state(f"{REDIS}?prefix={prefix}")
    except StoreError as error:
        absent(f"Redis at {REDIS}", error)
    yield store
    keys = list(store._redis.scan_iter(match=f"{{{prefix}}}:*"))
    if keys:
        store._redis.delete(*keys)
    store.close()


def event(event_id, item="a", user="u", at=100.0, **more):
    return Event(event_id, user, item, timestamp=at, **more)


def test_a_state_is_a_user_state(state):
    assert isinstance(state, UserState)


def test_a_history_is_oldest_first_whatever_the_order_of_arrival(state):
    state.append([event("2", "b", at=200.0), event("1", "a", at=100.0), event("3", "c", at=300.0)])
    assert state.history("u").items == ["a", "b", "c"]
    assert state.history("u").times == [100.0, 200.0, 300.0]


def test_events_of_the_same_time_keep_the_order_of_arrival(state):
    state.append([event("z", "first"), event("y", "second")])
    state.append([event("x", "third")])
    assert state.history("u").items == ["first", "second", "third"]


def test_events_without_times_are_ordered_by_their_order_and_come_before_timed_ones(state):
    state.append([event("t", "timed", at=-5.0)])
    state.append([event("2", "b", at=math.nan, order=2), event("n", "x", at=math.nan, order=-7)])
    state.append([event("10", "c", at=math.nan, order=10)])
    history = state.history("u")
    assert history.items == ["x", "b", "c", "timed"]
    assert [math.isnan(at) for at in history.times] == [True, True, True, False]


def test_a_limit_keeps_the_newest(state):
    state.append([event(str(n), f"i{n}", at=float(n)) for n in range(5)])
    assert state.history("u", limit=2).items == ["i3", "i4"]
    assert state.history("u", limit=0).items == []
    assert state.history("u", limit=9).items == ["i0", "i1", "i2", "i3", "i4"]


def test_kinds_values_and_exact_times_come_back(state):
    at = 1_700_000_000.123456
    state.append([event("1", kind="rating", value=4.5, at=at), event("2", kind="view", at=at + 1)])
    history = state.history("u")
    assert history.kinds == ["rating", "view"]
    assert history.values == [4.5, None]
    assert history.times == [at, at + 1]


def test_an_event_counts_once_however_often_it_is_sent(state):
    assert state.append([event("1"), event("2")]) == 2
    assert state.append([event("1"), event("3"), event("3")]) == 1
    assert len(state.history("u")) == 3


def test_an_event_id_belongs_to_whoever_came_first(state):
    assert state.append([event("1", user="u"), event("1", user="v")]) == 1
    assert state.history("v").items == []
    assert [e.user_id for e in state.pending(10)] == ["u"]


def test_nothing_appended_is_nothing_new(state):
    assert state.append([]) == 0


def test_an_unknown_user_has_an_empty_history(state):
    assert state.history("nobody").items == []
    assert state.profile("nobody") == {}


def test_histories_of_many_users_come_at_once(state):
    state.append([event("1", "a", "u"), event("2", "b", "v"), event("3", "c", "v", at=200.0)])
    found = state.histories(["v", "nobody", "u"], limit=1)
    assert {user: history.items for user, history in found.items()} == {"v": ["c"], "nobody": [], "u": ["a"]}


def test_seen_is_every_item_once_however_old_and_of_one_user(state):
    state.append([event(str(n), f"i{n % 3}", at=float(n)) for n in range(9)])
    state.append([event("undated", "old", at=math.nan), event("lake", "known", at=5.0)], pending=False)
    state.append([event("v", "other", "v")])
    assert len(state.history("u", limit=1)) == 1
    assert sorted(state.seen("u")) == ["i0", "i1", "i2", "known", "old"]
    assert (state.seen("v"), state.seen("nobody")) == (["other"], [])


def test_an_event_that_is_not_taken_is_not_seen(state):
    state.append([event("1", "a", "u")])
    state.append([event("1", "b", "u"), event("1", "c", "v")])
    state.append([event("1", "d", "v")], pending=False)
    assert (state.seen("u"), state.seen("v")) == (["a"], [])


def test_what_is_drained_stays_seen_and_what_is_erased_does_not(state):
    state.append([event("1", "a"), event("2", "b", "v")])
    state.drained(["1"])
    assert state.seen("u") == ["a"]
    state.erase("u")
    assert (state.seen("u"), state.seen("v")) == ([], ["b"])
    state.append([event("3", "c")])
    assert state.seen("u") == ["c"]


def test_a_limited_history_costs_what_it_returns(state):
    state.append([event(str(n), f"i{n}", at=float(n)) for n in range(20_000)], pending=False)

    def fastest(limit):
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            state.history("u", limit)
            taken.append(time.perf_counter() - start)
        return min(taken)

    assert fastest(20) < fastest(None) / 10


def test_a_limited_history_in_sqlite_walks_one_range_without_sorting(tmp_path):
    with closing(open_state(tmp_path / "state.db")) as store:
        plan = store._readers.rows(f"EXPLAIN QUERY PLAN {HISTORY}", ("u", 200))
    assert [row[-1] for row in plan] == ["SEARCH events USING PRIMARY KEY (user_id=?)"]


def test_a_sqlite_file_from_before_seen_gets_it_from_its_events(tmp_path):
    path = tmp_path / "state.db"
    with closing(open_state(path)) as store:
        store.append([event("1", "a"), event("2", "b"), event("3", "a")])
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE seen; PRAGMA user_version = 1")
    with closing(open_state(path)) as store:
        assert sorted(store.seen("u")) == ["a", "b"]


def test_a_history_in_redis_from_before_seen_is_seen_too(state):
    if not isinstance(state, RedisState):
        pytest.skip("SQLite has a migration for it")
    state.append([event("1", "a"), event("2", "b")])
    state._redis.delete(state._key("s", "u"))
    state.append([event("3", "c")])
    assert sorted(state.seen("u")) == ["a", "b", "c"]


def test_ids_of_any_script_and_sign_are_kept_apart(state):
    users = ["用户甲", "a:b", "a", "{x}", "p:a", "a b\n"]
    state.append([event(f"e{n}", f"作品{n}", user) for n, user in enumerate(users)])
    assert [state.history(user).items for user in users] == [[f"作品{n}"] for n in range(len(users))]


def test_more_events_than_one_script_takes_are_all_stored(state):
    assert state.append([event(str(n), f"i{n}", at=float(n)) for n in range(1203)]) == 1203
    assert state.history("u").items[-1] == "i1202"
    assert len(state.pending(2000)) == 1203


def test_pending_events_come_whole_and_in_order_of_arrival(state):
    first = event("b", at=300.0, value=1.0, session_id="s", surface="feed", device="tv", request_id="r")
    state.append([first, event("a", at=100.0)])
    assert state.pending(10) == [first, event("a", at=100.0)]
    assert state.pending(1) == [first]
    assert state.pending(0) == []


def test_what_is_drained_is_not_pending_but_still_in_the_history(state):
    state.append([event("1"), event("2")])
    state.drained(["1", "never-there"])
    assert [e.event_id for e in state.pending(10)] == ["2"]
    assert len(state.history("u")) == 2


def test_a_drained_event_that_is_sent_again_stays_drained(state):
    state.append([event("1")])
    state.drained(["1"])
    assert state.append([event("1")]) == 0
    assert state.pending(10) == []


def test_events_from_the_lake_do_not_go_back_to_it(state):
    assert state.append([event("1")], pending=False) == 1
    assert state.pending(10) == []


def test_erasing_a_user_leaves_nothing_of_theirs_and_all_of_others(state):
    state.append([event("1"), event("2"), event("3", user="v")])
    state.put_profiles({"u": {"age": "30"}, "v": {"age": "40"}})
    assert state.erase("u") == 2
    assert state.history("u").items == []
    assert state.profile("u") == {}
    assert [e.user_id for e in state.pending(10)] == ["v"]
    assert state.profile("v") == {"age": "40"}


def test_erasing_nobody_removes_nothing(state):
    assert state.erase("nobody") == 0


def test_an_erased_user_may_come_back(state):
    state.append([event("1")])
    state.erase("u")
    assert state.append([event("1", "b")]) == 1
    assert state.history("u").items == ["b"]


def test_a_profile_is_replaced_as_a_whole(state):
    state.put_profiles({"u": {"age": "30", "city": "上海"}})
    state.put_profiles({"u": {"age": "31"}})
    state.put_profiles({})
    assert state.profile("u") == {"age": "31"}


def test_a_cursor_is_kept_until_it_is_removed(state):
    assert state.cursor("lake") is None
    state.put_cursor("lake", "7")
    assert state.cursor("lake") == "7"
    state.put_cursor("lake", None)
    assert state.cursor("lake") is None


def test_threads_that_send_the_same_events_store_each_once(state):
    added = []

    def send():
        added.extend(state.append([event(str(n), f"i{n}", at=float(n))]) for n in range(40))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(added) == 40
    assert state.history("u").items == [f"i{n}" for n in range(40)]


def test_a_state_that_cannot_be_reached_is_a_sentence():
    with pytest.raises(StoreError, match="does not answer"):
        open_state("redis://127.0.0.1:1/0")


def test_an_unknown_kind_of_state_is_a_sentence():
    with pytest.raises(ConfigError, match="redis://HOST:PORT/DB"):
        open_state("mongodb://host/db")


def test_recent_events_come_in_the_order_of_arrival_with_what_was_had_before(state):
    times = [("a", 10.0), ("b", 20.0), ("c", 30.0), ("b", 40.0), ("d", 5_000.0)]
    state.append([Event(f"e{n}", "u", item, timestamp=time) for n, (item, time) in enumerate(times)])
    found = state.recent("", 10)
    assert [(one.item_id, one.before, one.again) for one in found] == [
        ("a", (), False),
        ("b", ("a",), False),
        ("c", ("b", "a"), False),
        ("b", ("c", "a"), True),
        ("d", (), False),
    ]
    assert [one.item_id for one in state.recent(found[2].cursor, 1)] == ["b"]
    assert state.recent(found[-1].cursor, 10) == []


def test_recent_events_go_on_after_a_look_that_found_none(state):
    assert state.recent("", 10) == []
    assert state.recent("", 10) == []
    state.append([Event("1", "u", "a", value=2.5)])
    (one,) = state.recent("", 10)
    assert (one.item_id, one.kind, one.value, math.isnan(one.timestamp)) == ("a", "view", 2.5, True)
    state.append([Event("1", "u", "a")])  # a repeat adds nothing
    assert state.recent(one.cursor, 10) == []


def test_an_erased_user_is_not_among_the_recent_events(state):
    state.append([Event(f"{user}{n}", user, "a", timestamp=1.0) for user in ("u", "v") for n in range(2)])
    place = state.recent("", 10)[-1].cursor
    state.erase("v")
    assert len(state.recent("", 10)) == 2
    state.append([Event("w", "w", "b", timestamp=2.0)])
    assert [one.item_id for one in state.recent(place, 10)] == ["b"]  # numbers are not given twice


def test_what_the_lake_holds_already_is_not_recent(state):
    state.append([Event("1", "u", "a", timestamp=1.0)], pending=False)
    assert state.recent("", 10) == []


def test_a_number_changes_with_whatever_is_stored_of_a_user_and_is_never_given_twice(tmp_path):
    with closing(open_state(tmp_path / "state.db")) as store:
        numbers = [store.number("u")]
        for change in (
            lambda: store.append([event("1")]),
            lambda: store.append([event("2")], pending=False),
            lambda: store.put_profiles({"u": {"country": "DE"}}),
            lambda: store.erase("u"),
            lambda: store.append([event("3")]),
        ):
            change()
            numbers.append(store.number("u"))
        assert [number is None for number in numbers] == [True, False, False, False, True, False]
        given = [number for number in numbers if number is not None]
        assert len(set(given)) == len(given)


def test_a_number_stays_while_only_others_change(tmp_path):
    with closing(open_state(tmp_path / "state.db")) as store:
        store.append([event("1")])
        before = store.number("u")
        store.append([event("2", user="v")])
        store.put_profiles({"v": {"country": "DE"}})
        store.erase("v")
        assert store.number("u") == before
