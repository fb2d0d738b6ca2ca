"""Overrides on a list: what they move, and that they let nothing in."""

import numpy as np
import pytest

from recsys.overrides import Live, Unserved, apply, unserved
from recsys.types import Slate


def slate(items, scores=None, source="als"):
    given = np.linspace(1, 0, len(items)) if scores is None else scores
    return Slate(np.array(items, np.int32), np.array(given, np.float32), (source,) * len(items), (None,) * len(items))


def run(items, live, k, *, scores=None, eligible=None):
    open_to = np.ones(10, np.bool_) if eligible is None else np.isin(np.arange(10), eligible)
    return apply(slate(items, scores), live, open_to, k)


def test_without_overrides_the_first_k_stay_as_they_are():
    out = run([3, 1, 2], Live(), 2)
    assert out.items.tolist() == [3, 1]
    assert out.sources == ("als", "als")
    assert out.overrides == (None, None)


def test_a_pin_stands_in_its_slot_with_its_id_and_source():
    out = run([0, 1, 2, 3], Live(pins={2: (9, "p")}), 3)
    assert out.items.tolist() == [0, 9, 1]
    assert out.sources == ("als", "pin", "als")
    assert out.overrides == (None, "p", None)


def test_a_pinned_item_of_the_list_moves_and_is_there_once():
    assert run([0, 1, 2, 3], Live(pins={1: (3, "p")}), 4).items.tolist() == [3, 0, 1, 2]


def test_scores_never_rise_and_a_pin_takes_its_neighbours():
    out = run([0, 1, 2], Live(pins={1: (8, "p"), 3: (9, "q")}), 5, scores=[5.0, 3.0, 1.0])
    assert out.items.tolist() == [8, 0, 9, 1, 2]
    assert out.scores == pytest.approx([1.0, 1.0, 1.0, 0.525, 0.05])


def test_a_pin_that_may_not_be_shown_is_not_and_leaves_its_slot():
    live = Live(pins={1: (9, "p")})
    assert run([0, 1], live, 2, eligible=[0, 1]).items.tolist() == [0, 1]
    assert unserved(live, np.arange(10) < 9, 2) == (Unserved("p", "ineligible"),)


def test_a_pin_of_an_index_behind_the_catalogue_is_not_shown():
    assert run([0], Live(pins={1: (99, "p"), 2: (-1, "q")}), 3).items.tolist() == [0]


def test_a_slot_behind_the_list_is_unserved():
    live = Live(pins={3: (9, "p")})
    assert run([0, 1], live, 2).items.tolist() == [0, 1]
    assert unserved(live, np.ones(10, np.bool_), 2) == (Unserved("p", "beyond_list"),)


def test_in_a_short_list_pins_stand_behind_its_last_item():
    assert run([0], Live(pins={4: (8, "p"), 5: (9, "q")}), 5).items.tolist() == [0, 8, 9]


def test_a_list_of_pins_alone_is_a_list():
    out = run([], Live(pins={2: (8, "p")}), 3)
    assert out.items.tolist() == [8]
    assert out.scores.tolist() == [1.0]


def test_an_excluded_item_is_gone_even_if_it_is_pinned():
    live = Live(pins={1: (1, "p")}, excluded=frozenset({1}))
    assert run([0, 1, 2], live, 3).items.tolist() == [0, 2]


def test_items_that_may_not_be_shown_are_dropped_and_the_list_filled_from_behind():
    assert run([0, 1, 2, 3], Live(), 2, eligible=[1, 3]).items.tolist() == [1, 3]


def test_an_item_that_is_there_twice_stays_once():
    assert run([4, 4, 5], Live(), 3).items.tolist() == [4, 5]


def test_a_boost_multiplies_the_normalised_score():
    # 10, 6, 0 are 1, 0.62, 0.05 when normalised; 0.62 × 2 = 1.24
    out = run([0, 1, 2], Live(factors={1: (2.0, "b")}), 3, scores=[10.0, 6.0, 0.0])
    assert out.items.tolist() == [1, 0, 2]
    assert out.scores == pytest.approx([1.24, 1.0, 0.05])
    assert out.overrides == ("b", None, None)


def test_a_bury_moves_an_item_down_by_the_same_measure_for_negative_scores():
    # -1, -2, -3 are 1, 0.525, 0.05; 1 × 0.2 = 0.2
    out = run([0, 1, 2], Live(factors={0: (0.2, "b")}), 3, scores=[-1.0, -2.0, -3.0])
    assert out.items.tolist() == [1, 0, 2]
    assert out.scores == pytest.approx([0.525, 0.2, 0.05])


def test_the_scale_of_a_models_scores_changes_nothing():
    live = Live(factors={2: (3.0, "b")})
    small = run([0, 1, 2], live, 3, scores=[0.03, 0.02, 0.01])
    large = run([0, 1, 2], live, 3, scores=[3000.0, 2000.0, 1000.0])
    assert small.scores == pytest.approx(large.scores)


def test_equal_scores_keep_their_order_and_a_boost_lifts_one_of_them():
    assert run([5, 4, 3], Live(factors={3: (1.5, "b")}), 3, scores=[1.0, 1.0, 1.0]).items.tolist() == [3, 5, 4]


def test_scores_that_are_no_numbers_count_as_the_lowest():
    out = run([0, 1, 2], Live(), 3, scores=[np.nan, 2.0, 1.0])
    assert out.items.tolist() == [1, 0, 2]
    assert np.isfinite(out.scores).all()


def test_the_factor_of_a_pinned_item_does_not_count():
    out = run([0, 1], Live(pins={2: (1, "p")}, factors={1: (5.0, "b")}), 2)
    assert out.items.tolist() == [0, 1]
    assert out.overrides == (None, "p")


def test_the_id_of_an_earlier_step_stays():
    given = Slate(np.array([1], np.int32), np.array([1.0], np.float32), ("quota",), ("q",))
    assert apply(given, Live(), np.ones(2, np.bool_), 1).overrides == ("q",)


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_of_none_is_empty(k):
    assert len(run([0, 1], Live(pins={1: (2, "p")}), k)) == 0
