"""Overrides on a list: what they move, and that they let nothing in."""

import numpy as np
import pytest

from recsys.overrides import (
    NONE_LIVE,
    Boost,
    Bury,
    Caps,
    Exclude,
    Exposure,
    Fill,
    Impression,
    Person,
    Pin,
    Room,
    Row,
    place,
    rows,
)
from recsys.types import Slate
from support.campaigns import Known, campaign, live, placed, reasons, shown


def pin(name, item, slot, **more):
    return campaign(name, Pin(f"i{item}", slot), **more)


def boost(name, item, factor, **more):
    return campaign(name, Boost(f"i{item}", factor), **more)


def test_without_overrides_the_first_k_stay_as_they_are():
    out = placed([3, 1, 2], k=2).slate
    assert out.items.tolist() == [3, 1]
    assert out.sources == ("als", "als")
    assert out.overrides == (None, None)


def test_a_pin_stands_in_its_slot_with_its_id_and_source():
    out = placed([0, 1, 2, 3], [pin("p", 9, 2)], 3).slate
    assert out.items.tolist() == [0, 9, 1]
    assert out.sources == ("als", "pin", "als")
    assert out.overrides == (None, "p", None)


def test_a_pinned_item_of_the_list_moves_and_is_there_once():
    assert shown(placed([0, 1, 2, 3], [pin("p", 3, 1)])) == [3, 0, 1, 2]


def test_scores_never_rise_and_a_pin_takes_its_neighbours():
    out = placed([0, 1, 2], [pin("p", 8, 1), pin("q", 9, 3)], 5, scores=[5.0, 3.0, 1.0]).slate
    assert out.items.tolist() == [8, 0, 9, 1, 2]
    assert out.scores == pytest.approx([1.0, 1.0, 1.0, 0.525, 0.05])


def test_a_pin_that_may_not_be_shown_is_not_and_leaves_its_slot():
    out = placed([0, 1], [pin("p", 9, 1)], 2, eligible=[0, 1])
    assert shown(out) == [0, 1]
    assert reasons(out) == {"p": "ineligible"}


def test_an_index_behind_the_catalogue_is_not_shown():
    few = np.ones(3, np.bool_)
    given = Slate(np.array([0, 7, -1], np.int32), np.zeros(3, np.float32), ("als",) * 3, (None,) * 3)
    out = place(given, live(pin("p", 9, 1), boost("b", 8, 5.0)), few, Room(3), Known(((8, 1.0),)))
    assert shown(out) == [0]


def test_a_slot_behind_the_list_is_unserved():
    out = placed([0, 1], [pin("p", 9, 3)], 2)
    assert shown(out) == [0, 1]
    assert reasons(out) == {"p": "beyond_list"}


def test_in_a_short_list_pins_stand_behind_its_last_item():
    assert shown(placed([0], [pin("p", 8, 4), pin("q", 9, 5)], 5)) == [0, 8, 9]


def test_a_list_of_pins_alone_is_a_list():
    out = placed([], [pin("p", 8, 2)], 3).slate
    assert out.items.tolist() == [8]
    assert out.scores.tolist() == [1.0]


def test_an_excluded_item_is_gone_even_if_it_is_pinned():
    out = placed([0, 1, 2], [pin("p", 1, 1), campaign("no", Exclude("i1"))], 3)
    assert shown(out) == [0, 2]
    assert reasons(out) == {"p": "excluded"}


def test_items_that_may_not_be_shown_are_dropped_and_the_list_filled_from_behind():
    assert shown(placed([0, 1, 2, 3], k=2, eligible=[1, 3])) == [1, 3]


def test_an_item_that_is_there_twice_stays_once():
    assert shown(placed([4, 4, 5], k=3)) == [4, 5]


def test_a_boost_multiplies_the_normalised_score():
    # 10, 6, 0 are 1, 0.62, 0.05 when normalised; 0.62 × 2 = 1.24
    out = placed([0, 1, 2], [boost("b", 1, 2.0)], 3, scores=[10.0, 6.0, 0.0]).slate
    assert out.items.tolist() == [1, 0, 2]
    assert out.scores == pytest.approx([1.24, 1.0, 0.05])
    assert out.overrides == ("b", None, None)


def test_a_bury_moves_an_item_down_by_the_same_measure_for_negative_scores():
    # -1, -2, -3 are 1, 0.525, 0.05; 1 × 0.2 = 0.2
    out = placed([0, 1, 2], [campaign("b", Bury("i0", 0.2))], 3, scores=[-1.0, -2.0, -3.0]).slate
    assert out.items.tolist() == [1, 0, 2]
    assert out.scores == pytest.approx([0.525, 0.2, 0.05])


def test_the_scale_of_a_models_scores_changes_nothing():
    small = placed([0, 1, 2], [boost("b", 2, 3.0)], 3, scores=[0.03, 0.02, 0.01]).slate
    large = placed([0, 1, 2], [boost("b", 2, 3.0)], 3, scores=[3000.0, 2000.0, 1000.0]).slate
    assert small.scores == pytest.approx(large.scores)


def test_equal_scores_keep_their_order_and_a_boost_lifts_one_of_them():
    assert shown(placed([5, 4, 3], [boost("b", 3, 1.5)], 3, scores=[1.0, 1.0, 1.0])) == [3, 5, 4]


def test_scores_that_are_no_numbers_count_as_the_lowest():
    out = placed([0, 1, 2], k=3, scores=[np.nan, 2.0, 1.0]).slate
    assert out.items.tolist() == [1, 0, 2]
    assert np.isfinite(out.scores).all()


def test_the_factor_of_a_pinned_item_does_not_count():
    out = placed([0, 1], [pin("p", 1, 2), boost("b", 1, 5.0)], 2).slate
    assert out.items.tolist() == [0, 1]
    assert out.overrides == (None, "p")


def test_the_id_of_an_earlier_step_stays():
    given = Slate(np.array([1], np.int32), np.array([1.0], np.float32), ("other",), ("q",))
    assert place(given, NONE_LIVE, np.ones(2, np.bool_), Room(1)).slate.overrides == ("q",)


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_of_none_is_empty(k):
    assert shown(placed([0, 1], [pin("p", 2, 1)], k)) == []


def test_a_boost_brings_in_an_item_from_beyond_the_candidates():
    # 4 is at 0.05 × e^0 = 0.05 as the slate's lowest is; × 5 = 0.25, above 0.05
    out = placed([0, 1, 2], [boost("b", 4, 5.0)], 3, scores=[10.0, 6.0, 0.0], more=Known(((4, 0.0),))).slate
    assert out.items.tolist() == [0, 1, 4]
    assert (out.sources[2], out.overrides[2]) == ("boost", "b")
    assert out.scores[2] == pytest.approx(0.25)


def test_an_item_far_below_the_candidates_is_not_lifted_by_any_boost():
    more = Known(((4, -100.0),))
    assert shown(placed([0, 1, 2], [boost("b", 4, 5.0)], 3, scores=[10.0, 6.0, 0.0], more=more)) == [0, 1, 2]


def test_an_item_that_the_model_says_nothing_of_is_not_lifted():
    assert shown(placed([0, 1, 2], [boost("b", 4, 5.0)], 4, more=Known())) == [0, 1, 2]


# fills and rows


def test_a_fill_takes_its_slots_with_the_best_of_its_pool():
    fill = campaign("f", Fill(1, ("i2", "i1", "i9"), 2))
    out = placed([0, 1, 2, 3], [fill]).slate
    assert out.items.tolist() == [1, 2, 0, 3]  # the viewer's order, not the pool's
    assert out.sources == ("fill", "fill", "als", "als")
    assert out.overrides == ("f", "f", None, None)


def test_a_fill_scores_what_the_candidates_do_not_hold():
    fill = campaign("f", Fill(1, ("i8", "i9")))
    assert shown(placed([0, 1], [fill], 2, scores=[1.0, 0.0], more=Known(((8, 0.1), (9, 0.7))))) == [9, 0]


def test_a_pool_that_runs_out_is_reported_and_leaves_the_rest_to_the_model():
    out = placed([0, 1, 2], [campaign("f", Fill(1, ("i8", "i9"), 2))], 3, eligible=[0, 1, 2, 8])
    assert shown(out) == [8, 0, 1]
    assert reasons(out) == {"f": "pool_short"}


def test_a_fill_leaves_a_pinned_item_to_its_pin():
    out = placed([0, 1, 2], [campaign("f", Fill(1, ("i0", "i1"))), pin("p", 0, 3)], 3)
    assert shown(out) == [1, 2, 0]


def test_a_row_stands_between_the_others_as_one_group():
    out = placed([0, 1, 2, 3, 4], [campaign("r", Row(2, "Restored films", ("i8", "i9"), 2))], 5).slate
    assert out.items.tolist() == [0, 8, 9, 1, 2]
    assert rows(out.overrides, out.sources) == [("r", 2, 2)]


def test_two_rows_that_touch_are_two_groups():
    first, second = campaign("r", Row(1, "A", ("i8",), 1)), campaign("s", Row(2, "B", ("i9",), 1))
    out = placed([0, 1], [first, second], 3).slate
    assert rows(out.overrides, out.sources) == [("r", 1, 1), ("s", 2, 1)]


def test_the_actions_of_a_campaign_are_told_apart_by_their_number():
    both = campaign("c", Pin("i8", 1), Pin("i9", 2))
    assert placed([0, 1], [both], 3).slate.overrides == ("c/1", "c/2", None)


# ceilings


def test_a_share_is_of_the_positions_of_one_list_rounded_down():
    # half of 5 is 2.5: two positions
    wide = campaign("c", Fill(1, ("i7", "i8", "i9"), 3), share=0.5)
    out = placed([0, 1, 2, 3, 4], [wide], 5)
    assert shown(out) == [7, 8, 0, 1, 2]
    assert reasons(out) == {"c": "share"}


def test_boosts_beyond_a_share_do_not_count():
    # 0.2 × 5 = 1 position: of 3 and 4 only the better one is lifted, the other stands where it stood
    both = campaign("c", Boost("i3", 5.0), Boost("i4", 5.0), share=0.2)
    out = placed([0, 1, 2, 3, 4], [both], 5).slate
    assert out.items.tolist() == [3, 0, 1, 2, 4]
    assert out.overrides == ("c/1", None, None, None, None)


def test_a_creator_cap_holds_for_pins_and_says_so():
    creators = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    out = placed([0, 3, 4], [pin("p", 1, 1), pin("q", 2, 2)], 3, groups=creators, limit=1)
    assert shown(out) == [1, 3]
    assert reasons(out) == {"q": "creator_cap"}


# the worked examples of docs/campaigns.md: a list of three under the model's order A B C

A, B, C, X, Y = range(5)
TWICE = Exposure()
TWICE.record("u", [Impression("c", 719_163, 1)] * 2)


@pytest.mark.parametrize(
    ("orders", "items", "told"),
    [
        ([pin("p1", X, 1), pin("p2", Y, 1, priority=1)], [Y, A, B], {"p1": "slot_taken"}),
        ([pin("p1", X, 1), campaign("x", Exclude(f"i{X}"))], [A, B, C], {"p1": "excluded"}),
        ([campaign("p1", Pin(f"i{X}", 1), Pin(f"i{X}", 3))], [X, A, B], {"p1/2": "item_pinned"}),
        (
            [campaign("f", Fill(1, (f"i{C}", f"i{B}"), 2)), pin("p", X, 2, priority=1)],
            [B, X, A],
            {"f": "slot_taken"},
        ),
        ([boost("b1", B, 4.0), boost("b2", B, 3.0)], [B, A, C], {}),
        ([pin("c", X, 1, caps=Caps(user_day=2)), pin("d", Y, 1)], [Y, A, B], {"c": "cap_user_day"}),
        ([campaign("g", Boost(f"i{X}", 1.0), start=-100.0, guarantee=1)], [A, B, X], {}),
    ],
)
def test_the_worked_examples_are_true(orders, items, told):
    out = placed([A, B, C], live(*orders, person=Person("u"), exposure=TWICE), 3)
    assert (shown(out), reasons(out)) == (items, told)
