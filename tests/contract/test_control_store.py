"""The same statements about the control store on SQLite and on PostgreSQL."""

import math
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from recsys.errors import ConfigError, DataError, StoreError
from recsys.overrides import Override
from recsys.safety.rights import Rights, Term, only
from serving.stores.control import Controls, ControlStore
from serving.stores.tables import metadata
from support.stores import clock, control, location
from support.waiting import until

__all__ = ["clock", "control", "location"]


def override(override_id="o1", **more):
    given = {"action": "pin", "item_id": "a", "slot": 1, "start": 500.0, "end": 2000.0, **more}
    return Override(override_id, **given)


def seen(store, sequence):
    """Whether a store comes to know of a change: at once embedded, within moments on a server."""
    return until(lambda: store.sequence() >= sequence)


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


def test_an_upsert_loosens_nothing_that_an_earlier_one_said(control):
    control.upsert_items([{"item_id": "a", "title": "one", "min_age": 18, "labels": ["gore"]}], "p")
    control.upsert_items([{"item_id": "a", "title": "two", "min_age": 6}, {"item_id": "a", "title": "three"}], "q")
    ((_, found),) = control.items()
    assert found == {"item_id": "a", "title": "three", "min_age": 18, "labels": ["gore"]}
    control.upsert_items([{"item_id": "a", "title": "four", "min_age": 6, "loosens": True}], "safety")
    ((_, found),) = control.items()
    assert (found["min_age"], found.get("labels")) == (6, None)


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
