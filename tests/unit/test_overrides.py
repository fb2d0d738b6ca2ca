"""Overrides: what is refused, who wins, for whom and when."""

import itertools
import math
from dataclasses import replace

import pytest

from recsys.dataset.ids import IdMap
from recsys.errors import ConfigError
from recsys.overrides import Override, OverrideIndex, Person, Unserved
from recsys.types import Viewer

IDS = IdMap(["a", "b", "c"])
VIEWER = Viewer("home", "DE", 30)


def pin(name, item="a", slot=1, **more):
    return Override(name, "pin", item, slot=slot, end=100.0, **more)


def boost(name, item="a", factor=2.0, **more):
    return Override(name, "boost", item, factor=factor, end=100.0, **more)


def live(*orders, viewer=VIEWER, now=0.0):
    return OverrideIndex.compile(orders, IDS).live(viewer, now)


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (pin("", "a"), "id is empty"),
        (pin("x", ""), "item_id is empty"),
        (pin("x", slot=0), "slot is 0"),
        (pin("x", slot=None), "slot is None"),
        (replace(boost("x"), slot=1), "slot is 1"),
        (boost("x", factor=None), "factor is None"),
        (boost("x", factor=0.5), "factor is 0.5"),
        (boost("x", factor=math.inf), "factor is inf"),
        (boost("x", factor=math.nan), "factor is nan"),
        (replace(boost("x", factor=1.5), action="bury"), "factor is 1.5"),
        (replace(boost("x", factor=-0.5), action="bury"), "factor is -0.5"),
        (pin("x", factor=2.0), "factor is 2.0"),
        (Override("x", "exclude", "a"), "end is missing"),
        (pin("x", start=100.0), "start is not before end"),
        (pin("x", start=math.nan), "start is not before end"),
        (pin("x", territories=frozenset({"de"})), "territories has 'de'"),
        (pin("x", surfaces=frozenset({""})), "surfaces has an empty name"),
        (pin("x", created_at=math.nan), "created_at is no time"),
        (replace(pin("x"), action="promote"), "action is 'promote'"),
    ],
)
def test_an_impossible_override_is_refused_by_the_name_of_its_field(order, field):
    with pytest.raises(ConfigError, match=field):
        order.validate()


def test_a_sound_override_is_accepted():
    sound = pin("x", surfaces=frozenset({"home"}), territories=frozenset({"CN"}), start=1.0)
    sound.validate()
    assert OverrideIndex.compile([sound], IDS).refused == ()


def test_one_refused_override_is_left_out_and_named_and_the_others_hold():
    index = OverrideIndex.compile([pin("bad", slot=0), pin("good")], IDS)
    assert index.live(VIEWER, 0.0).pins == {1: (0, "good")}
    assert len(index.refused) == 1
    assert "'bad'" in index.refused[0]


def test_an_override_holds_from_its_start_up_to_its_end():
    order = pin("x", start=10.0)
    index = OverrideIndex.compile([order], IDS)
    assert [bool(index.live(VIEWER, now).pins) for now in (9.9, 10.0, 99.9, 100.0)] == [False, True, True, False]


def test_an_override_holds_on_its_surfaces_only():
    order = pin("x", surfaces=frozenset({"home"}))
    assert live(order).pins
    assert not live(order, viewer=Viewer("feed", "DE")).pins


def test_an_override_holds_in_its_territories_only():
    order = pin("x", territories=frozenset({"DE"}))
    assert live(order, viewer=Viewer("home", "de")).pins
    assert not live(order, viewer=Viewer("home", "FR")).pins
    assert not live(order, viewer=Viewer("home", None)).pins


def test_an_exclude_for_a_territory_applies_where_the_territory_is_unknown():
    order = Override("x", "exclude", "a", end=100.0, territories=frozenset({"DE"}))
    places = ("DE", "FR", None)
    assert [live(order, viewer=Viewer("home", place)).excluded for place in places] == [{0}, set(), {0}]


def test_the_higher_priority_gets_the_slot():
    found = live(pin("low", "a"), pin("high", "b", priority=1))
    assert found.pins == {1: (1, "high")}
    assert found.unserved == (Unserved("low", "slot_taken"),)


def test_of_equal_priority_the_more_specific_gets_the_slot():
    found = live(pin("wide", "a", created_at=-5.0), pin("narrow", "b", surfaces=frozenset({"home"})))
    assert found.pins == {1: (1, "narrow")}


def test_of_equal_specificity_the_older_gets_the_slot_and_then_the_lower_id():
    assert live(pin("a1", "a", created_at=2.0), pin("z1", "b", created_at=1.0)).pins == {1: (1, "z1")}
    assert live(pin("z1", "a"), pin("a1", "b")).pins == {1: (1, "a1")}


def test_an_item_stands_in_one_slot_only():
    found = live(pin("first", "a", 3, priority=1), pin("second", "a", 1))
    assert found.pins == {3: (0, "first")}
    assert found.unserved == (Unserved("second", "item_pinned"),)


def test_an_exclude_beats_a_pin_of_any_priority_and_frees_its_slot():
    found = live(pin("top", "a", priority=9), pin("next", "b"), Override("no", "exclude", "a", end=100.0))
    assert found.excluded == {0}
    assert found.pins == {1: (1, "next")}
    assert found.unserved == (Unserved("top", "excluded"),)


def test_factors_of_one_item_multiply_and_name_the_first_in_order():
    bury = Override("down", "bury", "a", factor=0.25, end=100.0)
    assert live(boost("up", factor=3.0, priority=1), bury).factors == {0: (0.75, "up")}


def test_a_factor_is_held_within_its_limits_alone_and_together():
    assert live(boost("x", factor=50.0)).factors == {0: (5.0, "x")}
    assert live(boost("x", factor=4.0), boost("y", factor=4.0)).factors == {0: (5.0, "x")}
    deep = Override("d", "bury", "a", factor=0.01, end=100.0)
    assert live(deep).factors == {0: (0.2, "d")}
    assert live(deep, boost("x", factor=50.0)).factors == {0: (1.0, "d")}


def test_an_override_of_an_unknown_item_is_reported():
    assert live(pin("x", "zzz")).unserved == (Unserved("x", "unknown_item"),)


def test_the_order_of_arrival_changes_nothing():
    orders = [pin("p", "a"), pin("q", "b"), pin("r", "a", 2, priority=1), boost("s", "c"), boost("t", "c", 1.1)]
    answers = {repr(live(*some)) for some in itertools.permutations(orders)}
    assert len(answers) == 1


def test_no_clock_no_override():
    assert live(pin("x"), now=math.nan).pins == {}


def test_where_campaigns_ask_nothing_of_a_viewer_what_holds_is_worked_out_once_for_all_and_once_for_minors():
    index = OverrideIndex.compile([pin("x"), boost("y", "b")], IDS)
    first, second = (index.live(VIEWER, 0.0, Person(name)) for name in ("u", "v"))
    assert first.resolved is second.resolved
    assert (first.user, second.user) == ("u", "v")
    assert index.live(VIEWER, 0.0, Person("w", minor=True)).resolved is not first.resolved
