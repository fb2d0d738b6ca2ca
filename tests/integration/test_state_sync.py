"""The user state and a real lake: what is known comes in once, what was accepted goes out once, erased stays erased."""

import subprocess
import sys

import pyarrow as pa
import pytest

from recsys.errors import StoreError
from recsys.lake import Lake
from serving.stores.control import ControlStore
from serving.stores.jobs import Jobs
from serving.stores.state import Event, open_state
from serving.stores.sync import drain, drain_items, sync

US = pa.timestamp("us", tz="UTC")


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def state(tmp_path):
    store = open_state(tmp_path / "state.db")
    yield store
    store.close()


@pytest.fixture
def control(tmp_path):
    store = ControlStore.open(tmp_path / "control.db", lambda: 500.0)
    yield store
    store.close()


def events(*rows, timed=True):
    """Rows of (event id, user, item, second) as a table for the lake; without times the second is the order."""
    when = [int(row[3] * 1e6) if timed else None for row in rows]
    return pa.table(
        {
            "event_id": [row[0] for row in rows],
            "user_id": [row[1] for row in rows],
            "item_id": [row[2] for row in rows],
            "kind": ["view"] * len(rows),
            "timestamp": pa.array(when, pa.int64()).cast(US),
            "order": pa.array([None if timed else int(row[3]) for row in rows], pa.int64()),
        }
    )


def test_a_sync_brings_every_user_of_the_lake(lake, state):
    lake.append("events", events(("1", "u", "b", 20.5), ("2", "u", "a", 10.25), ("3", "v", "c", 5)))
    report = sync(lake, state)
    assert (report.added, report.skipped_erased, report.version) == (3, 0, lake.versions()["events"])
    assert state.history("u").items == ["a", "b"]
    assert state.history("u").times == [10.25, 20.5]
    assert state.pending(10) == []


def test_a_log_without_times_comes_in_its_order(lake, state):
    lake.append("events", events(("1", "u", "b", 2), ("2", "u", "a", 1), ("3", "u", "c", 10), timed=False))
    sync(lake, state)
    assert state.history("u").items == ["a", "b", "c"]


def test_a_second_sync_reads_nothing_again(lake, state):
    lake.append("events", events(("1", "u", "a", 10)))
    sync(lake, state)
    read = []
    assert sync(lake, state, progress=read.append).added == 0
    assert read == []


def test_a_sync_reads_only_what_came_since(lake, state):
    lake.append("events", events(("1", "u", "a", 10), ("2", "u", "b", 20)))
    sync(lake, state)
    lake.append("events", events(("3", "u", "c", 30)))
    read = []
    assert sync(lake, state, progress=read.append).added == 1
    assert read == [1]


def test_a_sync_of_a_lake_that_was_rewritten_adds_nothing_twice(lake, state):
    lake.append("events", events(("1", "u", "a", 10), ("2", "v", "b", 20)))
    sync(lake, state)
    lake.erase(["v"])
    assert sync(lake, state).added == 0
    assert state.history("u").items == ["a"]


def test_a_lake_without_events_fills_nothing(lake, state):
    report = sync(lake, state)
    assert (report.added, report.version) == (0, None)


def test_profiles_come_along_and_follow_changes(lake, state):
    lake.append("users", pa.table({"user_id": ["u", "v"], "age": ["30", None], "city": ["Paris", "上海"]}))
    assert sync(lake, state).profiles == 2
    assert state.profile("u") == {"age": "30", "city": "Paris"}
    assert state.profile("v") == {"city": "上海"}
    lake.append("users", pa.table({"user_id": ["u"], "age": ["31"], "city": ["Paris"]}))
    sync(lake, state)
    assert state.profile("u")["age"] == "31"


def test_events_from_before_an_erasure_stay_away_and_later_ones_come(lake, state, control):
    control.erase_user("u")  # at 500
    lake.append("events", events(("1", "u", "a", 499), ("2", "u", "b", 500), ("3", "u", "c", 501), ("4", "v", "d", 1)))
    report = sync(lake, state, control)
    assert (report.added, report.skipped_erased) == (2, 2)
    assert state.history("u").items == ["c"]


def test_events_without_times_of_an_erased_user_stay_away(lake, state, control):
    control.erase_user("u")
    lake.append("events", events(("1", "u", "a", 1), timed=False))
    assert sync(lake, state, control).skipped_erased == 1
    assert state.history("u").items == []


def test_the_profile_of_an_erased_user_stays_away(lake, state, control):
    control.erase_user("u")
    lake.append("users", pa.table({"user_id": ["u", "v"], "age": ["30", "40"]}))
    assert sync(lake, state, control).profiles == 1
    assert state.profile("u") == {}


def test_accepted_events_reach_the_lake_whole(lake, state):
    state.append([Event("1", "u", "a", "rating", 10.25, 4.5, "s", "feed", "tv", "r"), Event("2", "u", "b")])
    assert drain(state, lake) == 2
    rows = sorted(lake.read("events").to_pylist(), key=lambda row: row["event_id"])
    assert rows[0]["timestamp"].timestamp() == 10.25
    told = ("user_id", "item_id", "kind", "value", "session_id", "surface", "device", "request_id")
    assert [rows[0][name] for name in told] == ["u", "a", "rating", 4.5, "s", "feed", "tv", "r"]
    assert rows[1]["timestamp"] is None
    assert state.pending(10) == []


def test_a_drain_goes_on_until_nothing_is_pending(lake, state):
    state.append([Event(str(n), "u", "a", timestamp=float(n)) for n in range(7)])
    assert drain(state, lake, limit=3) == 7
    assert lake.read("events").num_rows == 7


def test_a_drain_that_died_after_the_lake_took_the_events_adds_none_twice(lake, state, monkeypatch):
    state.append([Event("1", "u", "a", timestamp=1.0)])
    with monkeypatch.context() as patch:
        patch.setattr(state, "drained", lambda ids: (_ for _ in ()).throw(StoreError("killed")))
        with pytest.raises(StoreError):
            drain(state, lake)
    assert drain(state, lake) == 0
    assert lake.read("events").num_rows == 1
    assert state.pending(10) == []


def test_what_was_drained_does_not_come_back_as_new(lake, state):
    state.append([Event("1", "u", "a", timestamp=1.0)])
    drain(state, lake)
    assert sync(lake, state).added == 0
    assert state.history("u").items == ["a"]


def test_an_event_from_before_an_erasure_never_reaches_the_lake(lake, state, control):
    state.append([Event("1", "u", "a", timestamp=499.0), Event("2", "v", "a", timestamp=499.0)])
    control.erase_user("u")
    assert drain(state, lake, control) == 1
    assert lake.read("events")["user_id"].to_pylist() == ["v"]
    assert state.pending(10) == []


def test_a_user_who_is_erased_while_events_are_drained_leaves_the_lake_again(lake, state, control, monkeypatch):
    state.append([Event("1", "u", "a", timestamp=600.0), Event("2", "v", "a", timestamp=600.0)])
    append = lake.append

    def erased_meanwhile(name, rows):
        control.erase_user("u")
        return append(name, rows)

    monkeypatch.setattr(lake, "append", erased_meanwhile)
    drain(state, lake, control)
    assert lake.read("events")["user_id"].to_pylist() == ["v"]


def test_upserted_items_reach_the_lake_once_and_bring_no_label_column_of_their_own(lake, state, control):
    control.upsert_items([{"item_id": "new", "title": "New", "genres": ["drama"]}], "app")
    assert drain_items(control, state, lake) == 1
    assert lake.read("items").select(["item_id", "title", "genres"]).to_pylist() == [
        {"item_id": "new", "title": "New", "genres": ["drama"]}
    ]
    assert "labels" not in lake.schema("items").names
    assert drain_items(control, state, lake) == 0


def test_an_upserted_episode_reaches_the_lake_with_its_series(lake, state, control):
    control.upsert_items([{"item_id": "e1", "series": "s", "episode": 1}, {"item_id": "film"}], "app")
    drain_items(control, state, lake)
    rows = lake.read("items").select(["item_id", "series", "episode"]).to_pylist()
    assert sorted(rows, key=lambda row: row["item_id"]) == [
        {"item_id": "e1", "series": "s", "episode": 1},
        {"item_id": "film", "series": None, "episode": None},
    ]


def test_a_changed_item_replaces_what_the_lake_has_of_it(lake, state, control):
    lake.append("items", pa.table({"item_id": ["a"], "title": ["Old"], "year": pa.array([1999], pa.int32())}))
    control.upsert_items([{"item_id": "a", "title": "Corrected"}], "app")
    drain_items(control, state, lake)
    assert lake.read("items").select(["item_id", "title", "year"]).to_pylist() == [
        {"item_id": "a", "title": "Corrected", "year": None}
    ]


@pytest.mark.parametrize(("held", "kept"), [(["MPA:G"], "FSK:6|MPA:PG"), ([[]], ["FSK:6", "MPA:PG"]), ([4.5], None)])
def test_ratings_reach_the_lake_as_it_has_them_and_not_where_they_are_something_else(lake, state, control, held, kept):
    kind = pa.list_(pa.string()) if held == [[]] else None
    lake.append("items", pa.table({"item_id": ["a"], "ratings": pa.array(held, kind)}))
    control.upsert_items([{"item_id": "b", "ratings": ["FSK:6", "MPA:PG"]}], "app")
    assert drain_items(control, state, lake) == 1
    rows = {row["item_id"]: row["ratings"] for row in lake.read("items").to_pylist()}
    assert rows["b"] == kept


def test_a_user_who_was_erased_while_events_were_drained_may_come_back_with_later_ones(lake, state, control):
    state.append([Event("1", "u", "a", timestamp=600.0)])
    append = lake.append

    def erased_meanwhile(name, rows):
        control.erase_user("u")  # at 500
        return append(name, rows)

    lake.append = erased_meanwhile
    drain(state, lake, control)
    del lake.append
    state.append([Event("2", "u", "b", timestamp=500.5), Event("3", "u", "c", timestamp=499.5)])
    assert drain(state, lake) == 1
    assert lake.read("events")["item_id"].to_pylist() == ["b"]


def bytes_of(folder, name):
    return b"".join(file.read_bytes() for file in folder.glob(f"{name}*"))


def test_a_job_that_is_done_leaves_no_byte_of_its_payload(tmp_path):
    jobs = Jobs(tmp_path / "jobs.db")
    ids = [jobs.put("erase_user", {"user_id": user}) for user in ("reader-4711", "reader-0815")]
    assert b"reader-4711" in bytes_of(tmp_path, "jobs.db")
    jobs.failed(jobs.take().id, "reader-4711 is locked")
    jobs.done(ids[0])
    assert b"reader-4711" not in bytes_of(tmp_path, "jobs.db")
    assert b"reader-0815" in bytes_of(tmp_path, "jobs.db")
    assert jobs.waiting() == 1
    jobs.close()


def test_a_payload_that_a_killed_process_left_in_the_log_goes_when_the_queue_is_opened(tmp_path):
    code = (
        "import os, sys; from serving.stores.jobs import Jobs; jobs = Jobs(sys.argv[1]); "
        "job = jobs.put('erase_user', {'user_id': 'reader-4711'}); "
        "jobs._writer.execute('DELETE FROM jobs'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "jobs.db")], check=False)
    assert b"reader-4711" in bytes_of(tmp_path, "jobs.db")
    Jobs(tmp_path / "jobs.db").close()
    assert b"reader-4711" not in bytes_of(tmp_path, "jobs.db")
