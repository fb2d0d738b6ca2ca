import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from recsys.errors import DataError
from recsys.lake import Lake
from recsys.prepare import EventRule, PrepareSpec, load_dataset, load_facts, load_rules, load_sessions, prepare
from recsys.prepare import log as log_module

TIME = pa.timestamp("us", tz="UTC")


def append(lake, rows, start=0):
    """Events as dicts; ``minute`` is their time."""
    full = [
        {
            "event_id": f"e{start + place:03}",
            "user_id": "u",
            "item_id": "i",
            "kind": "view",
            "timestamp": datetime.fromtimestamp(60 * row["minute"], UTC) if "minute" in row else None,
            **{name: value for name, value in row.items() if name != "minute"},
        }
        for place, row in enumerate(rows)
    ]
    types = {"timestamp": TIME, "order": pa.int64(), "value": pa.float64()}
    names = ("event_id", "user_id", "item_id", "kind", "timestamp", "order", "value", "session_id")
    columns = {n: pa.array([row.get(n) for row in full], types.get(n, pa.string())) for n in names}
    lake.append("events", pa.table(columns))


def lake_of(folder, rows):
    lake = Lake(folder / "lake")
    append(lake, rows)
    return lake


def triples(data):
    """(user, item, minute) of every event, in order."""
    minutes = [None if np.isnan(t) else round(t / 60) for t in data.time.tolist()]
    return list(zip(data.users.external(data.user), data.catalogue.ids.external(data.item), minutes, strict=True))


def test_events_come_out_by_user_and_time_under_sorted_ids(tmp_path):
    rows = [
        {"user_id": "v", "item_id": "b", "minute": 3},
        {"user_id": "u", "item_id": "b", "minute": 9},
        {"user_id": "u", "item_id": "a", "minute": 1},
    ]
    data = prepare(lake_of(tmp_path, rows), PrepareSpec(), tmp_path / "data")
    assert triples(data) == [("u", "a", 1), ("u", "b", 9), ("v", "b", 3)]
    assert (data.users.ids, data.catalogue.ids.ids, data.at) == (("u", "v"), ("a", "b"), 540.0)


def test_times_keep_their_milliseconds(tmp_path):
    lake = lake_of(tmp_path, [{"minute": 1.00005}])
    assert prepare(lake, PrepareSpec(), tmp_path / "data").time.tolist() == [60.003]


def test_the_catalogue_holds_the_items_table_and_the_items_that_only_occur_in_events(tmp_path):
    lake = lake_of(tmp_path, [{"item_id": "b", "minute": 1}])
    lake.append("items", pa.table({"item_id": ["c", "a"], "title": ["丙", "甲"]}))
    data = prepare(lake, PrepareSpec(), tmp_path / "data")
    assert data.catalogue.ids.ids == ("a", "b", "c")
    assert data.catalogue.column("title") == ["甲", None, "丙"]
    assert data.item.tolist() == [1]


@pytest.mark.parametrize("labels", [None, [["violence"]]])
def test_whether_items_have_labels_is_kept_as_a_fact(tmp_path, labels):
    lake = lake_of(tmp_path, [{"minute": 1}])
    columns = {"item_id": pa.array(["i"])}
    if labels:
        columns["labels"] = pa.array(labels, pa.list_(pa.string()))
    lake.append("items", pa.table(columns))
    prepare(lake, PrepareSpec(), tmp_path / "data")
    assert load_facts(tmp_path / "data")["has_labels"] is bool(labels)


def test_profiles_are_the_columns_of_the_users_table_as_strings(tmp_path):
    lake = lake_of(tmp_path, [{"minute": 1}])
    lake.append(
        "users", pa.table({"user_id": ["u", "w"], "age": pa.array([24, None], pa.int64()), "city": ["上海", "Lyon"]})
    )
    data = prepare(lake, PrepareSpec(), tmp_path / "data")
    assert dict(data.profiles) == {"u": {"age": "24", "city": "上海"}, "w": {"city": "Lyon"}}
    assert data.users.ids == ("u",)


def test_weights_and_liked_follow_the_rules_and_the_rules_are_kept(tmp_path):
    rows = [{"kind": "rating", "value": v, "minute": v} for v in (1.0, 3.0, 4.0, 5.0)] + [
        {"kind": "share", "minute": 9}
    ]
    spec = PrepareSpec(events={"share": EventRule(weight=3)})
    data = prepare(lake_of(tmp_path, rows), spec, tmp_path / "data")
    assert data.positive.tolist() == [False, False, True, True, True]
    assert data.weight.tolist() == [1.0, 1.0, 1.0, 1.0, 3.0]
    assert load_rules(tmp_path / "data") == {
        "rating": EventRule(positive="value >= 3.5"),
        "share": EventRule(weight=3, positive="true"),
    }


def test_minimum_counts_are_applied_until_nothing_changes(tmp_path):
    # w has one event: without it c has one, so v has one: only u's two events on a remain
    pairs = ["ua", "ua", "va", "vc", "wc"]
    rows = [{"user_id": p[0], "item_id": p[1], "minute": n} for n, p in enumerate(pairs)]
    data = prepare(lake_of(tmp_path, rows), PrepareSpec(min_user_events=2, min_item_events=2), tmp_path / "data")
    assert triples(data) == [("u", "a", 0), ("u", "a", 1)]
    assert load_facts(tmp_path / "data")["counts"]["below_minimum"] == 3


def test_sessions_are_numbered_over_all_users(tmp_path):
    minutes = [("u", 0), ("u", 10), ("u", 50), ("v", 51), ("v", 90)]
    rows = [{"user_id": u, "minute": m} for u, m in minutes]
    prepare(lake_of(tmp_path, rows), PrepareSpec(session_gap_minutes=20), tmp_path / "data")
    assert load_sessions(tmp_path / "data").tolist() == [0, 0, 1, 2, 3]


def test_sessions_and_order_survive_many_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(log_module, "BATCH", 2048)
    rng = np.random.default_rng(0)
    rows = [
        {"user_id": f"{u:03}", "item_id": str(u), "minute": 60 * n} for n, u in enumerate(rng.integers(0, 50, 20_000))
    ]
    data = prepare(lake_of(tmp_path, rows), PrepareSpec(), tmp_path / "data")
    assert (np.diff(data.user) >= 0).all()
    assert (np.diff(data.time)[np.diff(data.user) == 0] > 0).all()
    assert (np.diff(load_sessions(tmp_path / "data")) == 1).all()


def test_a_log_with_only_an_order_has_unknown_times(tmp_path):
    data = prepare(
        lake_of(tmp_path, [{"item_id": "b", "order": 2}, {"item_id": "a", "order": 1}]), PrepareSpec(), tmp_path / "d"
    )
    assert triples(data) == [("u", "a", None), ("u", "b", None)]
    assert np.isnan(data.at)
    assert data.ordered


def test_a_log_with_neither_times_nor_order_is_not_ordered(tmp_path):
    data = prepare(lake_of(tmp_path, [{}, {}]), PrepareSpec(), tmp_path / "data")
    assert not data.ordered


def test_events_without_a_time_precede_the_timed_ones_and_are_counted(tmp_path):
    lake = lake_of(
        tmp_path, [{"item_id": "live", "minute": 5}, {"item_id": "b", "order": 2}, {"item_id": "a", "order": 1}]
    )
    data = prepare(lake, PrepareSpec(), tmp_path / "data")
    assert triples(data) == [("u", "a", None), ("u", "b", None), ("u", "live", 5)]
    assert load_facts(tmp_path / "data")["counts"]["untimed"] == 2


def test_the_same_versions_and_spec_reuse_the_folder(tmp_path, monkeypatch):
    lake = lake_of(tmp_path, [{"minute": 1}])
    prepare(lake, PrepareSpec(), tmp_path / "data")
    monkeypatch.setattr("recsys.prepare.build._build", None)
    assert prepare(lake, PrepareSpec(), tmp_path / "data").n_events == 1


def test_another_spec_makes_the_folder_again(tmp_path):
    lake = lake_of(tmp_path, [{"minute": 1}])
    prepare(lake, PrepareSpec(), tmp_path / "data")
    assert prepare(lake, PrepareSpec(returns=True), tmp_path / "data").returns


def test_new_events_make_the_folder_again_and_a_pinned_version_does_not_see_them(tmp_path):
    lake = lake_of(tmp_path, [{"minute": 1}])
    old = lake.versions()
    append(lake, [{"minute": 2}], start=1)
    assert prepare(lake, PrepareSpec(), tmp_path / "data").n_events == 2
    assert prepare(lake, PrepareSpec(), tmp_path / "data", old).n_events == 1


def test_a_folder_without_its_last_file_is_made_again(tmp_path):
    lake = lake_of(tmp_path, [{"minute": 1}])
    prepare(lake, PrepareSpec(), tmp_path / "data")
    (tmp_path / "data" / "facts.json").unlink()
    assert prepare(lake, PrepareSpec(), tmp_path / "data").n_events == 1


def test_a_failure_leaves_the_old_folder_and_nothing_beside_it(tmp_path, monkeypatch):
    lake = lake_of(tmp_path, [{"minute": 1}])
    prepare(lake, PrepareSpec(), tmp_path / "data")

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr("recsys.prepare.build.write_rules", fail)
    with pytest.raises(OSError, match="disk full"):
        prepare(lake, PrepareSpec(returns=True), tmp_path / "data")
    assert load_dataset(tmp_path / "data").returns is False
    assert sorted(path.name for path in tmp_path.iterdir()) == [".data.lock", "data", "lake"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    lake = lake_of(tmp_path, [{"minute": 1}])
    (tmp_path / ".data.part-killed").mkdir()
    prepare(lake, PrepareSpec(), tmp_path / "data")
    assert not (tmp_path / ".data.part-killed").exists()


def test_the_arrays_are_mapped_and_cannot_be_written(tmp_path):
    data = prepare(lake_of(tmp_path, [{"minute": 1}]), PrepareSpec(), tmp_path / "data")
    assert [a.dtype.str for a in (data.user, data.item, data.time, data.weight, data.positive)] == [
        "<i4",
        "<i4",
        "<f8",
        "<f4",
        "|b1",
    ]
    assert not data.item.flags.writeable


def test_a_lake_without_events_is_refused(tmp_path):
    with pytest.raises(DataError, match="has no events"):
        prepare(Lake(tmp_path / "lake"), PrepareSpec(), tmp_path / "data")


def test_a_lake_whose_users_were_all_erased_is_refused(tmp_path):
    lake = lake_of(tmp_path, [{"minute": 1}])
    lake.erase(["u"])
    with pytest.raises(DataError, match="holds no events; ingest some first"):
        prepare(lake, PrepareSpec(), tmp_path / "data")


def test_a_lake_that_is_deleted_and_made_anew_is_not_taken_for_the_old_one(tmp_path):
    prepare(lake_of(tmp_path, [{"item_id": "old", "minute": 1}]), PrepareSpec(), tmp_path / "data")
    shutil.rmtree(tmp_path / "lake")
    anew = lake_of(tmp_path, [{"item_id": "new", "minute": 1}])
    assert anew.versions() == {"events": 0}
    assert prepare(anew, PrepareSpec(), tmp_path / "data").catalogue.ids.ids == ("new",)


def test_minimum_counts_that_leave_nothing_are_named(tmp_path):
    lake = lake_of(tmp_path, [{"minute": 1}])
    with pytest.raises(DataError, match="lower min_user_events"):
        prepare(lake, PrepareSpec(min_user_events=2), tmp_path / "data")


def test_a_folder_of_another_format_is_refused(tmp_path):
    prepare(lake_of(tmp_path, [{"minute": 1}]), PrepareSpec(), tmp_path / "data")
    facts = tmp_path / "data" / "facts.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "format": 0}))
    with pytest.raises(DataError, match="format 0"):
        load_dataset(tmp_path / "data")
