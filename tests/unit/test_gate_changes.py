"""A gate never changes; another one is made of it, and masks end at boundaries."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest

from recsys.clock import EventClock, fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError
from recsys.safety import Gate, Takedown, load_policy
from recsys.safety.recent import Recent
from recsys.types import Viewer

OPEN = load_policy("open")
VIEWER = Viewer("feed", "DE", 30)


def items(*rows):
    return Catalogue.from_records([{"item_id": row} if isinstance(row, str) else row for row in rows])


def gate_of(*rows, clock=None, takedowns=()):
    return Gate.compile(items(*rows), OPEN, clock or fixed_clock(100.0), takedowns)


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def test_a_cached_mask_ends_exactly_at_each_boundary():
    row = {"item_id": "x", "available_from": at(10), "embargo_until": at(20), "available_to": at(30)}
    clock = EventClock(0.0)
    gate = gate_of(row, clock=clock)
    seen = []
    for now in (9.0, 10.0, 19.999999, 20.0, 29.999999, 30.0, 31.0):
        clock.saw(now)
        seen.append(bool(gate.mask(VIEWER)[0]))
    assert seen == [False, False, False, True, True, False, False]


def test_a_cached_mask_is_right_when_the_clock_goes_back():
    now = [25.0]
    gate = gate_of({"item_id": "x", "available_from": at(20)}, clock=lambda: now[0])
    assert gate.mask(VIEWER)[0]
    now[0] = 19.0
    assert not gate.mask(VIEWER)[0]


def test_between_boundaries_a_mask_is_one_read_only_array():
    gate = gate_of("a")
    mask = gate.mask(VIEWER)
    assert gate.mask(VIEWER) is mask
    with pytest.raises(ValueError, match="read-only"):
        mask[0] = False


def test_viewers_whom_nothing_tells_apart_share_a_mask():
    gate = gate_of({"item_id": "a", "min_age": 16, "territories": ["DE"]})
    assert gate.mask(Viewer("feed", "US", 30)) is gate.mask(Viewer("feed", "JP", 77))
    assert gate.mask(Viewer("feed", "DE", 30)) is not gate.mask(Viewer("feed", "JP", 30))


def test_an_order_for_an_unnamed_territory_tells_an_unknown_territory_apart():
    gate = gate_of("a", takedowns=[Takedown("t", "a", "CN")])
    assert [bool(gate.mask(Viewer("feed", place, 30))[0]) for place in ("US", "CN", None)] == [True, False, False]


def test_with_takedowns_gives_another_gate_and_leaves_the_first():
    before = gate_of("a", "b")
    assert before.mask(VIEWER).tolist() == [True, True]
    after = before.with_takedowns([Takedown("t", "b")])
    assert after.mask(VIEWER).tolist() == [True, False]
    assert before.mask(VIEWER).tolist() == [True, True]


def test_the_list_of_takedowns_is_complete_so_an_empty_one_lifts_all():
    gate = gate_of("a", takedowns=[Takedown("t", "a")])
    assert not gate.mask(VIEWER)[0]
    assert gate.with_takedowns([]).mask(VIEWER)[0]


def test_a_takedown_of_an_unknown_item_bites_when_the_item_comes():
    gate = gate_of("a").with_takedowns([Takedown("t", "late")])
    assert gate.mask(VIEWER).tolist() == [True]
    grown = gate.extended(items("late", "later"))
    assert grown.mask(VIEWER).tolist() == [True, False, True]
    assert grown.check(VIEWER, np.array([1, 2], np.int32)).reasons == ["takedown", ""]


def test_a_takedown_bites_an_item_that_came_after_the_gate_was_compiled():
    grown = gate_of("a").extended(items("b")).extended(items("c"))
    assert grown.with_takedowns([Takedown("t", "b"), Takedown("u", "c")]).mask(VIEWER).tolist() == [True, False, False]


def test_a_takedown_bites_every_row_of_an_id_that_came_again():
    grown = gate_of("a").extended(items("a")).with_takedowns([Takedown("t", "a")])
    assert grown.mask(VIEWER).tolist() == [False, False]


def test_items_that_come_later_bring_their_own_labels_territories_and_boundaries():
    clock = EventClock(0.0)
    late = [
        {"item_id": "b", "labels": ["illegal"]},
        {"item_id": "c", "territories": ["US"]},
        {"item_id": "d", "available_from": at(7)},
    ]
    gate = gate_of({"item_id": "a", "labels": ["general"], "territories": ["DE"]}, clock=clock)
    grown = gate.extended(items(*late))
    assert grown.mask(VIEWER).tolist() == [True, False, False, False]
    clock.saw(7.0)
    assert grown.mask(VIEWER).tolist() == [True, False, False, True]
    assert grown.labels(1) == ["illegal"]
    assert gate.n_items == 1


def test_a_replaced_row_counts_at_once_and_the_first_gate_keeps_the_old():
    clock = EventClock(0.0)
    before = gate_of("a", {"item_id": "b", "territories": ["US"]}, clock=clock)
    after = before.replaced(1, items({"item_id": "b", "embargo_until": at(5)}))
    clock.saw(4.0)
    assert after.check(VIEWER, np.array([1], np.int32)).reasons == ["embargo"]
    clock.saw(5.0)
    assert after.mask(VIEWER).tolist() == [True, True]
    assert before.mask(VIEWER).tolist() == [True, False]


def test_a_row_of_another_item_cannot_replace_one():
    with pytest.raises(ConfigError, match="item's own row"):
        gate_of("a", "b").replaced(1, items("a"))
    with pytest.raises(ConfigError, match="item's own row"):
        gate_of("a").replaced(-1, items("a"))


def test_many_rows_replaced_at_once_are_like_a_fresh_compile():
    clock = EventClock(0.0)
    before = gate_of("a", {"item_id": "b", "territories": ["US"]}, "c", {"item_id": "d", "min_age": 40}, clock=clock)
    new = [
        {"item_id": "d", "labels": ["illegal"]},
        {"item_id": "b", "embargo_until": at(5), "territories": ["DE", "FR"]},
        {"item_id": "a", "min_age": 18, "territories": ["DE"]},
    ]
    after = before.replaced_many([3, 1, 0], items(*new))
    fresh = gate_of(new[2], new[1], "c", new[0], clock=clock)
    every = np.arange(4, dtype=np.int32)
    for now in (4.0, 5.0):
        clock.saw(now)
        for viewer in (VIEWER, Viewer("feed", "US", 30), Viewer("feed", "FR", 17), Viewer("feed", None, None)):
            assert after.mask(viewer).tolist() == fresh.mask(viewer).tolist()
            assert after.cleared(viewer).tolist() == fresh.cleared(viewer).tolist()
            assert after.check(viewer, every).reasons == fresh.check(viewer, every).reasons
    assert [after.labels(n) for n in range(4)] == [fresh.labels(n) for n in range(4)]
    assert before.mask(VIEWER).tolist() == [True, False, True, False]


def test_of_a_row_that_is_replaced_twice_the_last_one_counts():
    gate = gate_of("a", "b").replaced_many([1, 0, 1], items({"item_id": "b", "min_age": 90}, "a", "b"))
    assert gate.mask(VIEWER).tolist() == [True, True]
    gate = gate_of("a", "b").replaced_many([1, 0, 1], items("b", "a", {"item_id": "b", "min_age": 90}))
    assert gate.mask(VIEWER).tolist() == [True, False]


def test_takedowns_hold_for_replaced_rows():
    gate = gate_of("a", "b", takedowns=[Takedown("t", "b")]).replaced_many([0, 1], items("a", "b"))
    assert gate.mask(VIEWER).tolist() == [True, False]


def test_no_rows_replace_nothing():
    gate = gate_of("a")
    assert gate.replaced_many([], items()).mask(VIEWER).tolist() == [True]


@pytest.mark.parametrize("indices", [[0], [0, 0], [0, 2], [0, -1], [1, 0]])
def test_rows_that_are_not_of_their_items_replace_none(indices):
    gate = gate_of("a", "b")
    with pytest.raises(ConfigError, match="own row"):
        gate.replaced_many(indices, items({"item_id": "a", "min_age": 90}, "b"))
    assert gate.mask(VIEWER).tolist() == [True, True]


def test_the_check_does_not_look_at_a_mask():
    now = [5.0]
    gate = gate_of({"item_id": "x", "available_to": at(10)}, clock=lambda: now[0])
    stale = gate.mask(VIEWER)
    now[0] = 10.0
    assert stale[0]
    assert gate.check(VIEWER, np.array([0], np.int32)).reasons == ["window"]


def test_threads_see_the_same_masks():
    rows = [{"item_id": str(i), "min_age": i % 20} for i in range(200)]
    gate = gate_of(*rows)
    ages = [age for _ in range(20) for age in range(20)]
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda age: int(gate.mask(Viewer("feed", None, age)).sum()), ages))
    assert counts == [10 * (age + 1) for age in ages]


def test_what_was_used_longest_ago_is_forgotten_first():
    made = []
    memory = Recent[str, int](2)
    for key in ("a", "b", "a", "c", "a", "b"):
        memory.get(key, lambda key=key: made.append(key) or len(made))
    assert made == ["a", "b", "c", "b"]
