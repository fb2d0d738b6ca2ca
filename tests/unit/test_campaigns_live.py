"""Campaigns: for whom they hold, what caps leave, when guarantees are due, and what is shown in place of a title."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.overrides import (
    Boost,
    Bury,
    Caps,
    Exclude,
    Exposure,
    Fill,
    Hours,
    Impression,
    OverrideIndex,
    Person,
    Pin,
    Present,
    Unserved,
    campaign_of,
    moment_of,
    parse_audience,
)
from recsys.types import Viewer
from support.campaigns import IDS, Field, campaign, live, placed, reasons, shown

READER = Person("u", {"group": "readers"}, {"page": "books"})
READERS = Field("profile.group", "readers")
BOOKS = Field("context.page", "books")
DAY0 = 719_163  # 1970-01-01


def seen(*impressions, user="u"):
    counts = Exposure()
    counts.record(user, [Impression(*one) for one in impressions])
    return counts


# audiences


def test_a_campaign_holds_for_its_audience_alone():
    order = campaign("c", Pin("i1", 1), audience=READERS)
    assert live(order, person=READER).pins == {1: (1, "c")}
    assert live(order, person=replace(READER, profile={"group": "players"})).pins == {}
    assert live(order).pins == {}


def test_an_audience_may_be_an_expression():
    order = campaign("c", Pin("i1", 1), audience=parse_audience('profile.group == "readers" && has(context.page)'))
    assert live(order, person=READER).pins
    assert not live(order, person=replace(READER, context={})).pins


def test_to_a_minor_and_to_whoever_opted_out_no_audience_of_the_profile_applies():
    order = campaign("c", Pin("i1", 1), audience=READERS)
    assert not live(order, person=replace(READER, minor=True)).pins
    assert not live(order, person=replace(READER, personalised=False)).pins


def test_to_a_minor_an_audience_of_the_context_applies():
    order = campaign("c", Pin("i1", 1), audience=BOOKS)
    assert live(order, person=replace(READER, minor=True)).pins


def test_an_audience_that_does_not_say_what_it_reads_counts_as_one_of_the_profile():
    class Anybody:
        def holds(self, record):
            return True

    order = campaign("c", Pin("i1", 1), audience=Anybody())
    assert live(order, person=READER).pins
    assert not live(order, person=replace(READER, minor=True)).pins


def test_an_exclude_applies_where_its_audience_is_not_read():
    order = campaign("c", Exclude("i1"), audience=READERS)
    players = replace(READER, profile={"group": "players"})
    assert live(order, person=players).excluded == frozenset()
    assert live(order, person=replace(players, minor=True)).excluded == {1}
    assert live(order, person=replace(players, personalised=False)).excluded == {1}


def test_an_audience_that_fails_promotes_nothing_and_excludes():
    class Broken:
        names = ("profile.group",)

        def holds(self, record):
            raise ZeroDivisionError

    found = live(campaign("c", Pin("i1", 1), Exclude("i2"), audience=Broken()), person=READER)
    assert (found.pins, found.excluded) == ({}, {2})


def test_equal_audiences_are_asked_once_and_remembered():
    asked = []

    class Counting(Field):
        def holds(self, record):
            asked.append(self)
            return super().holds(record)

    orders = [campaign(f"c{n}", Pin(f"i{n}", n + 1), audience=Counting("profile.group", "readers")) for n in range(5)]
    index = OverrideIndex.compile(orders, IDS)
    for person in (READER, replace(READER, user="v", context={"page": "games"})):  # what it reads is the same
        assert len(index.live(Viewer("home", "DE"), 0.0, person).pins) == 5
    assert len(asked) == 1


def test_an_audience_makes_a_campaign_more_specific():
    wide, narrow = campaign("a", Pin("i1", 1)), campaign("b", Pin("i2", 1), audience=READERS)
    found = live(wide, narrow, person=READER)
    assert found.pins == {1: (2, "b")}
    assert found.unserved == (Unserved("a", "slot_taken"),)


def test_the_earlier_approval_wins_between_equals():
    found = live(campaign("a", Pin("i1", 1), approved_at=2.0), campaign("b", Pin("i2", 1), approved_at=1.0))
    assert found.pins == {1: (2, "b")}


# objectives and minors


def test_an_objective_that_is_not_for_minors_promotes_nothing_to_them():
    order = campaign("c", Pin("i1", 1), Bury("i2", 0.5), objective="session_length")
    assert live(order).pins
    found = live(order, person=replace(READER, minor=True))
    assert found.pins == {}
    assert found.factors == {2: (0.5, "c/2")}
    assert found.unserved == (Unserved("c/1", "not_for_minors"),)


# hours


def test_a_campaign_holds_in_its_local_hours():
    noon = moment_of("2027-02-01T12:00", "Asia/Shanghai")
    order = campaign("c", Pin("i1", 1), hours=Hours(opens=720, closes=780), zone="Asia/Shanghai", end=noon + 1e6)
    index = OverrideIndex.compile([order], IDS)
    moments = (noon - 1, noon, noon + 3599, noon + 3600, noon + 86_400)
    assert [bool(index.live(Viewer("home"), at).pins) for at in moments] == [False, True, True, False, True]


# caps


def test_a_total_cap_ends_the_promotion_and_frees_the_slot():
    first, second = campaign("a", Pin("i1", 1), caps=Caps(total=2)), campaign("b", Pin("i2", 1))
    assert live(first, second, exposure=seen(("a", DAY0, 1))).pins == {1: (1, "a")}
    found = live(first, second, exposure=seen(("a", DAY0, 1), ("a", DAY0, 1)))
    assert found.pins == {1: (2, "b")}
    assert found.unserved == (Unserved("a", "cap_total"),)


def test_a_cap_of_a_user_and_day_counts_this_user_and_this_day():
    order = campaign("a", Pin("i1", 1), caps=Caps(user_day=1))
    counts = seen(("a", DAY0, 1))
    assert live(order, person=READER, exposure=counts).unserved == (Unserved("a", "cap_user_day"),)
    assert live(order, person=replace(READER, user="v"), exposure=counts).pins
    assert live(replace(order, end=1e6), person=READER, exposure=counts, now=86_400.0).pins


def test_the_day_of_a_cap_is_the_local_one():
    order = campaign("a", Pin("i1", 1), caps=Caps(user_day=1), zone="Asia/Shanghai", end=1e6)
    counts = seen(("a", DAY0, 1))
    assert not live(order, person=READER, exposure=counts, now=57_599.0).pins  # 23:59:59 there
    assert live(order, person=READER, exposure=counts, now=57_600.0).pins


def test_what_a_user_has_seen_is_not_read_after_opting_out_and_the_cap_holds():
    order = campaign("a", Pin("i1", 1), caps=Caps(user_day=1))
    found = live(order, person=replace(READER, personalised=False))
    assert found.unserved == (Unserved("a", "cap_unreadable"),)


def test_of_what_a_cap_leaves_no_more_is_in_one_list():
    order = campaign("a", Fill(1, ("i7", "i8", "i9"), 3), caps=Caps(total=3))
    out = placed([0, 1, 2], live(order, exposure=seen(("a", DAY0, 1))), 4)
    assert shown(out) == [7, 8, 0, 1]
    assert reasons(out) == {"a": "cap_total"}


def test_a_cap_of_a_slot_is_of_that_slot():
    order = campaign("a", Pin("i8", 1), Pin("i9", 2), caps=Caps(slot=1))
    out = placed([0, 1, 2], live(order, exposure=seen(("a", DAY0, 1))), 3)
    assert shown(out) == [0, 9, 1]
    assert reasons(out) == {"a/1": "cap_slot"}


def test_a_capped_boost_leaves_its_item_where_the_model_has_it():
    order = campaign("a", Boost("i2", 5.0), caps=Caps(total=1))
    assert shown(placed([0, 1, 2, 3], live(order), 3)) == [2, 0, 1]
    out = placed([0, 1, 2, 3], live(order, exposure=seen(("a", DAY0, 1))), 3)
    assert (shown(out), out.slate.overrides) == ([0, 1, 2], (None, None, None))


def test_caps_limit_promotions_only():
    order = campaign("a", Boost("i2", 5.0), Bury("i0", 0.2), Exclude("i1"), caps=Caps(total=1))
    found = live(order, exposure=seen(("a", DAY0, 1)))
    assert found.factors == {0: (0.2, "a/2")}
    assert found.excluded == {1}


def test_a_list_that_was_shown_is_counted_by_campaign_day_and_slot():
    counts = Exposure()
    order = campaign("a", Pin("i8", 2), Bury("i0", 0.5), caps=Caps(user_day=5))
    found = live(order, person=READER, exposure=counts)
    found.record(placed([0, 1, 2], found, 3).slate.overrides)
    assert counts.totals(["a"]).tolist() == [1]  # a bury is no exposure
    assert counts.of_user("u") == {("a", DAY0): 1}
    assert (counts.in_slot("a", 1), counts.in_slot("a", 2)) == (0, 1)


def test_who_saw_a_campaign_is_kept_only_where_a_cap_goes_by_it():
    counts = Exposure()
    orders = campaign("a", Pin("i8", 2)), campaign("b", Pin("i7", 1), caps=Caps(user_day=5))
    found = live(*orders, person=READER, exposure=counts)
    found.record(placed([0, 1, 2], found, 3).slate.overrides)
    assert counts.totals(["a", "b"]).tolist() == [1, 1]
    assert counts.of_user("u") == {("b", DAY0): 1}


def test_of_users_the_counts_forget_the_oldest_days_and_the_users_of_long_ago():
    counts = Exposure(users=2, days=2)
    for user, day in (("a", 1), ("b", 1), ("b", 2), ("b", 3), ("c", 3)):
        counts.record(user, [Impression("x", day, 1)])
    assert [counts.of_user(user) for user in "abc"] == [{}, {("x", 2): 1, ("x", 3): 1}, {("x", 3): 1}]
    assert counts.totals(["x"]).tolist() == [5]
    counts.forget(["x"])
    assert (counts.totals(["x"]).tolist(), counts.in_slot("x", 1)) == ([0], 0)


# guarantees


def promise(n=100, **more):
    return campaign("g", Boost("i8", 1.0), Boost("i9", 1.0), start=0.0, guarantee=n, **more)


def test_a_guarantee_behind_its_plan_raises_its_best_item_to_the_last_position():
    out = placed([0, 1, 2, 9, 8], live(promise(), now=50.0), 3)
    assert shown(out) == [0, 1, 9]
    assert (out.slate.sources[2], out.slate.overrides[2]) == ("guarantee", "g/2")


def test_a_guarantee_ahead_of_its_plan_waits():
    counts = Exposure()
    counts.record(None, [Impression("g", DAY0, 3)] * 50)
    assert live(promise(), now=49.9, exposure=counts).due == ()
    assert live(promise(), now=50.1, exposure=counts).due == (0,)


def test_a_guarantee_that_the_ranking_serves_already_raises_nothing():
    assert shown(placed([8, 0, 1, 9], live(promise(), now=50.0), 3)) == [8, 0, 1]


def test_guarantees_take_the_positions_that_are_left_in_their_order():
    other = campaign("h", Boost("i7", 1.0), start=0.0, guarantee=100, priority=1)
    third = campaign("j", Boost("i6", 1.0), start=0.0, guarantee=100, priority=-1)
    out = placed([0, 1], live(promise(), other, third, campaign("p", Pin("i5", 1)), now=50.0), 3)
    assert shown(out) == [5, 8, 7]
    assert reasons(out) == {"j": "full"}


def test_a_guarantee_whose_items_may_not_be_shown_is_unserved():
    out = placed([0, 1], live(promise(), now=50.0), 2, eligible=[0, 1])
    assert (shown(out), reasons(out)) == ([0, 1], {"g": "ineligible"})


def test_a_guarantee_whose_items_stand_there_for_others_is_unserved_for_that():
    others = campaign("p", Pin("i8", 1), Pin("i9", 2))
    out = placed([0, 1, 2], live(promise(), others, now=50.0), 3)
    assert (shown(out), reasons(out)) == ([8, 9, 0], {"g": "shown_already"})


def test_a_guarantee_whose_creator_has_all_places_is_unserved_for_that():
    room = {"groups": np.array([4, 5, 6, 7, 0, 1, 2, 3, 4, 4], np.int32), "limit": 1}
    others = campaign("p", Pin("i0", 1))
    out = placed([0, 1, 2], live(promise(), others, now=50.0), 3, **room)
    assert (shown(out), reasons(out)) == ([0, 1, 2], {"g": "creator_cap"})


def test_a_guarantee_for_some_territories_waits_where_the_territory_is_unknown():
    order = promise(territories=frozenset({"DE"}))
    assert live(order, now=50.0).due == (0,)
    assert live(order, viewer=Viewer("home"), now=50.0).due == ()


def test_a_guarantee_that_a_cap_holds_back_is_owed_and_not_due():
    found = live(promise(caps=Caps(user_day=1)), now=50.0, person=READER, exposure=seen(("g", DAY0, 3)))
    assert (found.owed, found.due) == ((0,), ())


def test_the_share_of_a_response_holds_for_a_guarantee_too():
    out = placed([0, 1], live(promise(share=0.3), now=50.0), 2)
    assert (shown(out), reasons(out)) == ([0, 1], {"g": "share"})


# texts


def test_a_title_is_replaced_wherever_its_item_stands_and_the_first_in_order_counts():
    one = campaign("a", Present("i1", "In the cinema again"))
    two = campaign("b", Present("i1", "Seen it?"), priority=1)
    found = live(one, two)
    assert found.resolved.texts[1].title == "Seen it?"
    assert found.unserved == (Unserved("a", "text_taken"),)


# slots


def test_a_fill_takes_the_slots_up_to_the_first_that_is_taken():
    found = live(campaign("p", Pin("i1", 3), priority=1), campaign("f", Fill(1, ("i2", "i3", "i4"), 3)))
    assert [(claim.id, claim.slot, claim.size) for claim in found.resolved.claims] == [("p", 3, 1), ("f", 1, 2)]
    assert found.unserved == (Unserved("f", "slot_taken"),)


def test_unknown_items_of_a_pool_are_passed_over_and_a_pool_of_them_alone_is_reported():
    assert shown(placed([0], [campaign("f", Fill(1, ("zzz", "i2")))], 2)) == [2, 0]
    assert reasons(placed([0], [campaign("f", Fill(1, ("zzz",)))], 2)) == {"f": "unknown_item"}


@pytest.mark.parametrize("slots", [(1, 2), (2, 1)])
def test_of_two_pools_the_first_in_order_chooses_first(slots):
    first, second = slots
    strong = campaign("s", Fill(first, ("i0", "i1")), priority=1)
    weak = campaign("w", Fill(second, ("i0", "i1")))
    out = placed([0, 1, 2], [weak, strong], 3)
    assert out.slate.items[first - 1] == 0
    assert campaign_of(out.slate.overrides[second - 1]) == "w"


def test_a_page_has_the_slots_behind_those_before():
    order = campaign("p", Pin("i8", 1), Pin("i9", 4), Fill(2, ("i5", "i6", "i7"), 2))
    out = placed([0, 1, 2], [order], 2, offset=2)  # places 3 and 4
    assert out.slate.items.tolist() == [5, 9]
    assert out.live.impressions(out.slate.overrides, 2) == [Impression("p", DAY0, 3), Impression("p", DAY0, 4)]
    assert np.isfinite(out.slate.scores).all()
