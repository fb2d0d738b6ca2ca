"""New works, lists, quotas and what the service puts in force, on every control store."""

from collections import Counter

from recsys.overrides import Budget, Newcomer, Traffic
from serving.stores.newcomers import Known
from support.stores import clock, control, location  # noqa: F401

# ruff: noqa: F811

AT = 1000.0  # the time of the stores in tests
NEW = Newcomer("new", AT - 60.0)
BUDGET = Budget("cold_start.x", ("a", "b"), AT - 60.0, AT + 3600.0, "UTC", 10, 0.1, ("feed",))


def counted(control):
    return [(one.work.item_id, one.work.impressions, one.work.positives) for one in control.newcomers()]


def test_impressions_add_up_and_a_user_likes_a_work_once(control):
    control.add_newcomers([NEW, Newcomer("other", AT)])
    control.add_newcomers([Newcomer("new", AT)])  # known: keeps its first day
    assert control.newcomers() == [Known(Newcomer("other", AT)), Known(NEW)]
    ann = ("new", "ann")
    assert control.count_newcomers(Counter(new=2, unknown=1), {ann, ("new", "bob"), ("unknown", "ann")}, {ann}) == {ann}
    assert control.count_newcomers(Counter(new=1), {ann}, {ann, ("other", "ann")}) == {ann}
    assert counted(control) == [("other", 0, 0), ("new", 3, 1)]


def test_nothing_more_is_counted_of_what_has_ended(control):
    control.add_newcomers([NEW])
    control.count_newcomers(Counter(new=1), {("new", "ann")}, ())
    control.end_newcomers({"new": "graduated"}, AT - 3600.0)
    assert control.count_newcomers(Counter(new=1), {("new", "bob")}, {("new", "ann")}) == set()
    (known,) = control.newcomers()
    assert (known.stage, known.ended_at, known.work.impressions) == ("graduated", AT, 1)


def test_who_was_shown_what_is_forgotten_when_no_budget_is_in_force(control):
    control.put_cold_start(BUDGET)
    control.add_newcomers([NEW])
    control.count_newcomers(Counter(new=1), {("new", "ann")}, ())
    control.put_cold_start(None)
    assert control.count_newcomers(Counter(), (), {("new", "ann")}) == set()
    assert counted(control) == [("new", 1, 0)]


def test_who_was_erased_was_shown_nothing_and_the_counts_stay(control):
    control.add_newcomers([NEW])
    name = control.pseudonym("ann")
    control.count_newcomers(Counter(new=1), {("new", name)}, ())
    control.erase_user("ann")
    late = {("new", name)}  # told by a worker that had counted it before
    assert control.count_newcomers(Counter(new=1), late, late) == set()
    assert counted(control) == [("new", 2, 0)]


def test_a_budget_is_an_order_until_its_day_is_over_and_is_written_once(control, clock):
    assert control.cold_start() is None
    assert control.put_cold_start(BUDGET)
    assert not control.put_cold_start(BUDGET)
    assert control.cold_start() == BUDGET
    assert control.orders() == [BUDGET.campaign]
    assert control.orders(BUDGET.end) == []
    assert control.put_cold_start(None)
    assert control.orders() == []
    assert [(change.kind, change.key) for change in control.changes(0)] == [
        ("cold_start", "cold_start.x"),
        ("cold_start", ""),
    ]


def test_when_a_work_came_first_is_known_whatever_was_changed_since(control, clock):
    control.upsert_items([{"item_id": "a", "title": "one"}], "app")
    control.upsert_items([{"item_id": "a", "title": "two"}], "app")
    assert control.first_seen(AT - 1) == {"a": AT}
    assert control.first_seen(AT) == {}


def test_lists_and_quotas_add_up(control):
    for _ in range(2):
        control.add_lists(Counter({5: 1, 6: 2}), {("q", "pool", 5): (1, 3, 2), ("q", "", 5): (2, 6, 7)})
    assert control.list_hours() == {5: 2, 6: 4}
    assert control.quota_hours() == {("q", "pool", 5): (2, 6, 4), ("q", "", 5): (4, 12, 14)}


def test_the_newest_profile_is_in_force_for_a_day(control):
    assert control.traffic() is None
    assert control.traffic_is_due()
    found = Traffic(tuple(float(hour) for hour in range(168)), "UTC")
    control.put_traffic(found)
    assert control.traffic() == found
    assert not control.traffic_is_due()
