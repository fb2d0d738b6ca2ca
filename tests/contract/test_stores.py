"""The same statements about every store: user state on SQLite and Redis, the control store on SQLite and PostgreSQL."""

import math
import os
import sqlite3
import threading
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest

from recsys.errors import ConfigError, DataError, StoreError
from recsys.overrides import Override
from recsys.safety.rights import Rights, Term, only
from serving.stores.control import Controls, ControlStore
from serving.stores.state import Event, UserState, open_state
from serving.stores.state_redis import RedisState
from serving.stores.state_sqlite import HISTORY
from serving.stores.tables import metadata

REDIS = "redis://127.0.0.1:6379/0"
POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
SKIP = "RECSYS_TEST_NO_SERVERS"


def absent(what, error):
    if os.environ.get(SKIP) == "1":
        pytest.skip(f"{what} is not tested: {SKIP}=1")
    pytest.fail(f"{what} does not answer ({error}); start it, or set {SKIP}=1 to leave its tests out.", pytrace=False)


# ---------------------------------------------------------------- user state


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


# ---------------------------------------------------------------- control store


class Ticking:
    """A clock set by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Ticking()


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request, tmp_path):
    if request.param == "sqlite":
        yield tmp_path / "control.db"
        return
    import psycopg

    schema = f"test_{uuid.uuid4().hex}"
    try:
        connection = psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        absent(f"PostgreSQL at {POSTGRES}", error)
    connection.execute(f"CREATE SCHEMA {schema}")
    yield f"{POSTGRES}?options=-csearch_path%3D{schema}"
    connection.execute(f"DROP SCHEMA {schema} CASCADE")
    connection.close()


@pytest.fixture
def control(location, clock):
    store = ControlStore.open(location, clock)
    yield store
    store.close()


def override(override_id="o1", **more):
    given = {"action": "pin", "item_id": "a", "slot": 1, "start": 500.0, "end": 2000.0, **more}
    return Override(override_id, **given)


def seen(store, sequence):
    """Whether a store comes to know of a change: at once embedded, within moments on a server."""
    deadline = time.monotonic() + 5
    while store.sequence() < sequence and time.monotonic() < deadline:
        time.sleep(0.01)
    return store.sequence() >= sequence


def test_the_migrations_make_what_the_tables_say(control):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with control._db._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_new_store_is_empty(control):
    assert control.sequence() == 0
    assert (control.overrides(), control.takedowns(), control.items(), control.keys()) == ([], [], [], [])
    assert control.changes(0) == []
    assert control.verify_audit() is None


def test_what_was_written_is_there_after_opening_again(control, location):
    control.take_down("a", reason="court order", actor="sam")
    again = ControlStore.open(location)
    assert [t.item_id for t in again.takedowns()] == ["a"]
    assert again.sequence() == control.sequence() == 1
    again.close()


def test_every_write_moves_the_sequence_by_one_and_leaves_a_change(control):
    control.take_down("a", reason="r", actor="sam")
    control.put_override(override(), "eve")
    control.revoke_override("o1", "eve", "over")
    assert control.sequence() == 3
    assert [(c.seq, c.kind, c.key) for c in control.changes(0)] == [
        (1, "takedown", "a"),
        (2, "override", "o1"),
        (3, "override_revoked", "o1"),
    ]
    assert [c.seq for c in control.changes(2)] == [3]


def test_a_change_of_another_process_is_seen(control, location):
    other = ControlStore.open(location)
    assert other.sequence() == 0
    control.take_down("a", reason="r", actor="sam")
    assert seen(other, 1)
    assert [t.item_id for t in other.takedowns()] == ["a"]
    other.close()


def test_an_override_comes_back_as_it_was_given(control):
    given = override(surfaces=frozenset({"feed", "home"}), territories=frozenset({"CN"}), priority=3, reason="春节")
    control.put_override(given, "eve")
    assert control.overrides() == [given]


def test_an_override_without_a_start_comes_back_without_one(control):
    given = override(start=-math.inf)
    control.put_override(given, "eve")
    assert control.overrides() == [given]


def test_an_override_that_ended_is_gone_and_one_that_lies_ahead_is_there(control, clock):
    control.put_override(override("past", end=1000.0), "eve")
    control.put_override(override("ahead", start=1500.0), "eve")
    assert [o.id for o in control.overrides()] == ["ahead"]
    assert [o.id for o in control.overrides(at=900.0)] == ["ahead", "past"]
    clock.now = 2000.0
    assert control.overrides() == []


def test_an_impossible_override_is_refused_and_leaves_no_trace(control):
    with pytest.raises(ConfigError, match="slot"):
        control.put_override(override(slot=0), "eve")
    assert (control.sequence(), control.audit()) == (0, [])


def test_an_override_of_a_known_id_replaces_it_and_audit_shows_both(control):
    control.put_override(override(slot=1), "eve")
    control.put_override(override(slot=2), "eve")
    assert [o.slot for o in control.overrides()] == [2]
    last = control.audit()[-1]
    assert (last.before["slot"], last.after["slot"]) == (1, 2)


def test_an_override_is_revoked_once(control):
    control.put_override(override(), "eve")
    assert control.revoke_override("o1", "eve", "mistake") is True
    assert control.revoke_override("o1", "eve", "mistake") is False
    assert control.revoke_override("unknown", "eve", "mistake") is False
    assert control.overrides() == []


def test_a_revoked_override_cannot_be_put_again(control):
    control.put_override(override(), "eve")
    control.revoke_override("o1", "eve", "mistake")
    with pytest.raises(ConfigError, match="revoked"):
        control.put_override(override(), "eve")


def test_taking_down_twice_is_one_takedown(control):
    first = control.take_down("a", reason="r", actor="sam", territory="cn")
    second = control.take_down("a", reason="other", actor="tom", territory="CN")
    assert (first, first.territory) == (second, "CN")
    assert control.sequence() == len(control.audit()) == 1


def test_a_territory_and_everywhere_are_two_takedowns(control):
    control.take_down("a", reason="r", actor="sam", territory="CN")
    control.take_down("a", reason="r", actor="sam")
    assert {t.territory for t in control.takedowns()} == {"CN", None}


def test_threads_that_take_the_same_item_down_make_one_takedown(control):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(control.take_down("a", reason="r", actor="sam").id))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == len(control.takedowns()) == 1


def test_a_takedown_needs_a_reason(control):
    with pytest.raises(ConfigError, match="reason"):
        control.take_down("a", reason=" ", actor="sam")


def test_a_restore_needs_a_second_person(control):
    takedown = control.take_down("a", reason="r", actor="sam")
    control.request_restore(takedown.id, "sam", "cleared by counsel")
    with pytest.raises(ConfigError, match="second person"):
        control.approve_restore(takedown.id, "sam")
    assert [t.item_id for t in control.takedowns()] == ["a"]
    control.approve_restore(takedown.id, "tom")
    assert control.takedowns() == []
    assert control.changes(0)[-1].kind == "restore"


def test_a_second_request_does_not_make_the_first_person_a_second_one(control):
    takedown = control.take_down("a", reason="r", actor="sam")
    control.request_restore(takedown.id, "sam", "cleared")
    with pytest.raises(ConfigError, match="sam has already asked"):
        control.request_restore(takedown.id, "tom", "cleared too")


def test_a_restore_that_nobody_asked_for_is_refused(control):
    takedown = control.take_down("a", reason="r", actor="sam")
    with pytest.raises(ConfigError, match="request it first"):
        control.approve_restore(takedown.id, "tom")


def test_an_unknown_takedown_cannot_be_restored(control):
    with pytest.raises(ConfigError, match="No takedown in force"):
        control.request_restore("td_none", "sam", "cleared")


def test_a_restored_item_can_be_taken_down_again(control):
    first = control.take_down("a", reason="r", actor="sam")
    control.request_restore(first.id, "sam", "cleared")
    control.approve_restore(first.id, "tom")
    second = control.take_down("a", reason="again", actor="sam")
    assert [t.id for t in control.takedowns()] == [second.id] != [first.id]


def test_pending_restores_are_listed(control):
    takedown = control.take_down("a", reason="r", actor="sam", territory="FR")
    control.request_restore(takedown.id, "sam", "cleared")
    request = control.restore_requests()[0]
    assert (request.takedown_id, request.territory, request.requested_by) == (takedown.id, "FR", "sam")


def test_items_keep_the_order_of_their_first_arrival(control):
    control.upsert_items([{"item_id": "b"}, {"item_id": "a"}], "p")
    control.upsert_items([{"item_id": "b", "title": "new"}, {"item_id": "c"}], "p")
    assert [(seq, record["item_id"]) for seq, record in control.items()] == [(3, "b"), (2, "a"), (4, "c")]


def test_items_since_a_number_are_what_is_new_or_changed(control):
    last = control.upsert_items([{"item_id": "a"}, {"item_id": "b"}], "p")
    control.upsert_items([{"item_id": "c"}, {"item_id": "a", "title": "new"}], "p")
    assert last == 2
    assert [record for _, record in control.items(last)] == [{"item_id": "a", "title": "new"}, {"item_id": "c"}]


def test_an_item_comes_back_with_its_times_lists_and_vector(control):
    record = {"item_id": "a", "title": "三体", "tags": ["x", "y"], "embargo_until": datetime(2030, 1, 2, tzinfo=UTC)}
    control.upsert_items([{**record, "vector": np.array([0.5, -1.0], np.float32)}], "p")
    ((_, found),) = control.items()
    vector = found.pop("vector")
    assert found == record
    assert vector.dtype == np.float32
    assert vector.tolist() == [0.5, -1.0]


def test_items_are_stored_all_or_none(control):
    with pytest.raises(DataError, match="item_id"):
        control.upsert_items([{"item_id": "a"}, {"title": "nameless"}], "p")
    assert control.items() == []


def test_no_items_change_nothing(control):
    assert control.upsert_items([], "p") == 0
    assert control.sequence() == 0


def test_controls_of_an_unknown_user_are_the_defaults(control):
    assert control.controls("u") == Controls(True, frozenset(), frozenset())


def test_controls_are_replaced_and_point_to_one_user(control):
    control.put_controls("u", Controls(True, frozenset({"a"})))
    control.put_controls("u", Controls(False, frozenset({"b"}), frozenset({"c"})))
    assert control.controls("u") == Controls(False, frozenset({"b"}), frozenset({"c"}))
    assert control.controls("v") == Controls()


def test_a_users_controls_wake_no_cache(control):
    control.put_controls("u", Controls(False))
    assert control.sequence() == 0


def test_erasing_a_user_forgets_the_controls_and_remembers_when(control, clock):
    control.put_controls("u", Controls(False, frozenset({"a"})))
    clock.now = 1234.5
    control.erase_user("u")
    assert control.controls("u") == Controls()
    assert control.erased_at("u") == 1234.5
    assert control.erased_at("v") is None


def test_a_second_erasure_moves_the_moment(control, clock):
    control.erase_user("u")
    clock.now = 3000.0
    control.erase_user("u")
    assert control.erased_at("u") == 3000.0


def test_erasures_since_a_number_know_who_without_naming_them(control):
    control.erase_user("u")
    since = control.sequence()
    control.erase_user("v")
    late = control.erased_since(since)
    assert (late.at("u"), late.at("v"), len(late)) == (None, 1000.0, 1)
    assert "v" not in late.times


def test_the_audit_log_never_names_a_user(control):
    control.put_controls("reader-4711", Controls(False, frozenset({"some-item"})))
    control.erase_user("reader-4711")
    told = "\n".join(control.export_audit())
    assert "reader-4711" not in told
    assert "some-item" not in told
    assert [entry.action for entry in control.audit()] == ["controls.put", "user.erase"]


def test_a_key_opens_the_door_until_it_is_revoked(control):
    token = control.create_key("app", "platform", "root")
    principal = control.authenticate(token)
    assert token.startswith("rk_platform_")
    assert (principal.name, principal.role) == ("app", "platform")
    assert control.revoke_key(principal.id, "root") is True
    assert control.authenticate(token) is None
    assert control.revoke_key(principal.id, "root") is False


def test_a_wrong_token_is_nobody(control):
    token = control.create_key("app", "platform", "root")
    for wrong in ("", "rk_platform_", token[:-1], token + "x", token.upper(), "\udcff密"):
        assert control.authenticate(wrong) is None


def test_a_key_that_another_process_revokes_is_worthless_here(control, location):
    token = control.create_key("app", "editor", "root")
    principal = control.authenticate(token)
    other = ControlStore.open(location)
    other.revoke_key(principal.id, "root")
    assert seen(control, 2)
    assert control.authenticate(token) is None
    other.close()


def test_a_token_is_nowhere_in_the_store(control):
    token = control.create_key("app", "admin", "root")
    secret = token.removeprefix("rk_admin_")
    with control._db._engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(table.select()):
                assert secret not in repr(row)


def test_an_unknown_role_is_refused(control):
    with pytest.raises(ConfigError, match="There is no role 'king'"):
        control.create_key("app", "king", "root")


def test_every_write_is_audited_with_who_and_why(control):
    takedown = control.take_down("a", reason="court order", actor="sam")
    control.request_restore(takedown.id, "sam", "cleared")
    control.approve_restore(takedown.id, "tom")
    control.put_override(override(reason="festival"), "eve")
    control.revoke_override("o1", "eve", "over")
    control.upsert_items([{"item_id": "n"}], "platform:key_1")
    control.create_key("app", "metrics", "root")
    assert [(e.seq, e.actor, e.action, e.reason) for e in control.audit()] == [
        (1, "sam", "takedown", "court order"),
        (2, "sam", "restore.request", "cleared"),
        (3, "tom", "restore.approve", "cleared"),
        (4, "eve", "override.put", "festival"),
        (5, "eve", "override.revoke", "over"),
        (6, "platform:key_1", "items.upsert", ""),
        (7, "root", "key.create", ""),
    ]
    assert [e.seq for e in control.audit(since=4, limit=2)] == [5, 6]
    assert control.verify_audit() is None


@pytest.mark.parametrize(
    ("damage", "first_bad"),
    [
        ("UPDATE audit SET reason = 'nothing' WHERE seq = 2", 2),
        ("UPDATE audit SET at = at + 1 WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("DELETE FROM audit", 1),
    ],
)
def test_an_altered_audit_log_is_found_out(control, damage, first_bad):
    for item in ("a", "b", "c"):
        control.take_down(item, reason="r", actor="sam")
    with control._db.write("intruder") as write:
        write.connection.exec_driver_sql(damage)
    assert control.verify_audit() == first_bad


def test_writers_beside_each_other_number_their_changes_without_gaps(control, location):
    other = ControlStore.open(location)

    def write(store, name):
        for n in range(10):
            store.take_down(f"{name}{n}", reason="r", actor=name)

    threads = [threading.Thread(target=write, args=(store, name)) for store, name in ((control, "x"), (other, "y"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [c.seq for c in control.changes(0)] == list(range(1, 21))
    assert control.verify_audit() is None
    other.close()


def test_many_processes_may_open_a_new_store_at_once(location):
    stores, errors = [], []

    def open_one():
        try:
            stores.append(ControlStore.open(location))
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len({store.pseudonym("u") for store in stores}) == 1
    for store in stores:
        store.close()


def test_a_store_of_a_newer_version_is_refused(control, location):
    with control._db.write("upgrade") as write:
        write.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer version"):
        ControlStore.open(location)


def test_a_control_store_that_cannot_be_reached_is_a_sentence_without_the_password():
    with pytest.raises(StoreError, match="control store") as caught:
        ControlStore.open("postgresql://root:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def test_an_unknown_kind_of_control_store_is_a_sentence():
    with pytest.raises(ConfigError, match="postgresql://"):
        ControlStore.open("mysql://host/db")


def test_rights_are_replaced_and_come_since_a_change(control):
    germany, world = Rights((Term(only("DE")),), source="onix"), Rights((Term(),), source="ddex")
    first = control.put_rights({"a": germany, "b": germany}, actor="sam", reason="list 1")
    last = control.put_rights({"b": world}, actor="sam", reason="list 2")
    assert control.rights() == {"a": germany, "b": world}
    assert control.rights(first) == {"b": world}
    assert [(change.kind, change.key) for change in control.changes(first)] == [("rights", "b")]
    assert control.audit()[-1].reason == "list 2"
    assert seen(control, last)


def test_no_rights_change_nothing(control):
    before = control.sequence()
    assert control.put_rights({}, actor="sam", reason="empty") == 0
    assert control.sequence() == before
