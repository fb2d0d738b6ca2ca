"""Label events in the control store, on SQLite and on PostgreSQL."""

import pytest

from recsys.errors import DataError
from recsys.lake import Lake
from recsys.safety.labels import PRESENT, LabelEvent
from serving.stores.control import ControlStore
from serving.stores.state import open_state
from serving.stores.sync import drain_labels
from support.stores import clock, control, location

__all__ = ["clock", "control", "location"]


def event(event_id="l1", item="a", **more):
    given = {"item_version": PRESENT, "source": "model", "label": "violence", "created": 900.0, **more}
    return LabelEvent(id=event_id, item_id=item, **given)


def test_a_label_comes_back_with_everything_that_was_said(control):
    said = event(
        *("l1", "a"),
        score=0.75,
        territory="DE",
        expires=2_000.0,
        negates=True,
        evidence="matched 'x' of list 7",
        policy_version="lexicon-3",
        actor="scanner",
        item_version=0,
    )
    assert control.add_labels([said], "sam") == (1, 1)
    assert control.label_events() == control.label_events(["a", "b"]) == [said]
    assert control.label_events(["b"]) == []


def test_an_event_counts_once(control):
    assert control.add_labels([event()], "sam") == (1, 1)
    assert control.add_labels([event(created=950.0), event("l2")], "sam") == (1, 2)
    assert control.add_labels([event("l3"), event("l3")], "sam") == (1, 3)
    assert len(control.label_events()) == 3


def test_an_id_that_is_there_and_says_something_else_refuses_the_batch(control):
    control.add_labels([event()], "sam")
    for other in ({"label": "gore"}, {"expires": 2e9}, {"evidence": "reel 3"}, {"policy_version": "v2"}):
        with pytest.raises(DataError, match="l1 is there already"):
            control.add_labels([event("l2"), event(**other)], "sam")
    assert [found.id for found in control.label_events()] == ["l1"]


def test_one_bad_event_refuses_the_batch_and_is_named(control):
    with pytest.raises(DataError, match=r"labels\[1\] \(l2\): score 3"):
        control.add_labels([event(), event("l2", score=3.0)], "sam")
    assert (control.label_events(), control.sequence()) == ([], 0)


def test_every_item_of_a_batch_is_one_change_and_the_batch_one_line_of_the_audit(control):
    control.add_labels([event("l1", "a"), event("l2", "b"), event("l3", "a")], "sam")
    assert [(change.seq, change.kind, change.key) for change in control.changes(0)] == [
        (1, "label", "a"),
        (2, "label", "b"),
    ]
    (line,) = control.audit()
    assert (line.actor, line.action, line.target) == ("sam", "labels.add", "2 items")
    assert line.after["labels"] == ["l1", "l2", "l3"]
    assert control.verify_audit() is None


def test_a_label_is_of_the_newest_version_unless_it_says_of_which(control):
    control.upsert_items([{"item_id": "a", "title": "one"}], "p")
    control.upsert_items([{"item_id": "a", "title": "two"}], "p")
    control.add_labels([event(), event("l2", item_version=1)], "sam")
    assert [found.item_version for found in control.label_events()] == [2, 1]
    with pytest.raises(DataError, match="version 3 of a, whose newest is 2"):
        control.add_labels([event("l3", item_version=3)], "sam")


def test_an_upsert_that_changes_nothing_is_no_new_version(control):
    control.upsert_items([{"item_id": "a", "title": "one"}], "p")
    control.upsert_items([{"item_id": "a", "title": "one"}], "p")
    assert control.item_versions(["a", "unknown"]) == {"a": 1}
    control.upsert_items([{"item_id": "a", "title": "two"}], "p")
    assert control.item_versions(["a"]) == {"a": 3}


def test_more_labels_than_one_query_takes_are_all_stored(control):
    assert control.add_labels([event(f"l{n}", f"i{n}") for n in range(1_203)], "sam") == (1_203, 1_203)
    assert len(control.label_events(f"i{n}" for n in range(1_203))) == 1_203


def test_labels_are_read_in_pages_of_whole_changes(control):
    control.add_labels([event("l1", "a")], "sam")
    control.add_labels([event("l2", "b"), event("l3", "b")], "sam")
    assert [(seq, found.id) for seq, found in control.label_events_since(0, 2)] == [(1, "l1"), (2, "l2"), (2, "l3")]
    assert control.label_events_since(2, 2) == []


def test_a_store_from_before_versions_takes_the_newest_upsert_as_version(location, clock):
    from alembic import command
    from alembic.config import Config

    from serving.stores.database import MIGRATIONS

    with_items = ControlStore.open(location, clock)
    with_items.upsert_items([{"item_id": "a"}], "p")
    with_items.upsert_items([{"item_id": "b"}], "p")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = with_items._db._engine
    with engine.connect().execution_options(recsys_write=True) as connection, connection.begin():
        for table in ("labels", "reviews", "reports", "statements"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("ALTER TABLE items DROP COLUMN version")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    assert with_items.item_versions(["a", "b"]) == {"a": 1, "b": 2}
    with_items.close()


def test_labels_come_into_the_lake_once_with_who_said_them(control, tmp_path):
    lake, state = Lake(tmp_path / "lake"), open_state(tmp_path / "state.db")
    control.add_labels([event(score=0.5, actor="scanner", evidence="term x", expires=1_500.0)], "sam")
    assert drain_labels(control, state, lake) == 1
    control.add_labels([event("l2", "b", source="human", negates=True, territory="DE")], "sam")
    assert drain_labels(control, state, lake) == 1
    assert drain_labels(control, state, lake) == 0
    rows = lake.read("labels").sort_by("id").to_pylist()
    assert [(r["id"], r["source"], r["actor"], r["evidence"]) for r in rows] == [
        ("l1", "model", "scanner", "term x"),
        ("l2", "human", "", ""),
    ]
    assert (rows[0]["created"].timestamp(), rows[0]["expires"].timestamp()) == (900.0, 1_500.0)
    assert (rows[1]["negates"], rows[1]["territory"]) == (True, "DE")
    state.close()


def test_what_is_said_later_is_later_even_by_a_clock_that_stands_or_runs_behind(control, clock):
    control.add_labels([event("l1", created=5_000.0)], "sam")
    control.add_labels([event("l2"), event("l3"), event("l4", "b")], "sam", dated=False)
    assert [(e.id, round(e.created, 6)) for e in control.label_events(["a"])] == [
        ("l1", 5_000.0),
        ("l2", 5_000.000001),
        ("l3", 5_000.000002),
    ]
    assert control.label_events(["b"])[0].created == clock.now
