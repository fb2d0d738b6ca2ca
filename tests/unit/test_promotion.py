from typing import Any

import pytest

from recsys.metrics import Interval
from training.promotion import Candidate, Decision, decide

ALS = {"recipe": "als", "factors": 64}
WARP = {"recipe": "warp", "factors": 32}
BETTER = Interval(1.03, 1.001, 1.06)


def candidate(
    recipe: dict[str, Any] = ALS, *, lake: str = "/lake", events: int = 1, made: str | None = "first"
) -> Candidate:
    return Candidate(recipe, lake, {"events": events}, {} if made is None else {"events": made})


def judged(paired: Interval | None, *, floor: float = 2.0) -> Decision:
    return decide(candidate(WARP), candidate(ALS), paired, floor_ratio=floor)


def test_the_first_model_is_champion() -> None:
    assert decide(candidate(), None, None, floor_ratio=2.0).promoted


def test_the_first_model_is_champion_even_below_the_floor_and_says_so() -> None:
    decision = decide(candidate(), None, None, floor_ratio=0.9)
    assert decision.promoted
    assert "below" in decision.reason


def test_a_better_model_becomes_champion() -> None:
    assert judged(BETTER).promoted


def test_a_better_model_may_be_worse_by_less_than_one_percent_at_its_lower_bound() -> None:
    assert judged(Interval(1.02, 0.9901, 1.05)).promoted


@pytest.mark.parametrize("low", [0.99, 0.95])
def test_a_lower_bound_of_minus_one_percent_keeps_the_champion(low: float) -> None:
    decision = judged(Interval(1.02, low, 1.09))
    assert not decision.promoted
    assert "1.020× [" in decision.reason
    assert "lower bound" in decision.reason


def test_an_equal_model_of_another_recipe_keeps_the_champion() -> None:
    decision = judged(Interval(1.0, 0.995, 1.005))
    assert not decision.promoted
    assert "not better" in decision.reason


def test_a_model_below_popular_keeps_the_champion() -> None:
    decision = judged(BETTER, floor=0.999)
    assert not decision.promoted
    assert "popular floor" in decision.reason


def test_popular_itself_may_win() -> None:
    assert judged(BETTER, floor=1.0).promoted


@pytest.mark.parametrize("unknown", [float("nan"), None])
def test_what_cannot_be_measured_keeps_the_champion(unknown: float | None) -> None:
    paired = None if unknown is None else Interval(unknown, unknown, unknown)
    assert not judged(paired).promoted
    assert not judged(BETTER, floor=float("nan")).promoted


def test_the_same_recipe_on_newer_data_becomes_champion() -> None:
    decision = decide(candidate(events=2), candidate(events=1), Interval(1, 1, 1), floor_ratio=2.0)
    assert decision.promoted
    assert "newer data" in decision.reason


def test_the_same_recipe_on_another_lake_keeps_the_champion_and_names_the_command() -> None:
    new, old = candidate(lake="/b", events=9, made="second"), candidate(lake="/a")
    decision = decide(new, old, Interval(1, 1, 1), floor_ratio=2.0)
    assert not decision.promoted
    assert "another lake" in decision.reason
    assert "`recsys promote --force`" in decision.reason


def test_a_lake_that_was_made_anew_in_the_same_place_is_another_lake() -> None:
    decision = decide(candidate(events=9, made="second"), candidate(), Interval(1, 1, 1), floor_ratio=2.0)
    assert not decision.promoted
    assert "a lake that was made anew" in decision.reason


def test_a_lake_that_was_moved_is_the_same_lake() -> None:
    decision = decide(candidate(lake="/b", events=2), candidate(lake="/a"), Interval(1, 1, 1), floor_ratio=2.0)
    assert decision.promoted


@pytest.mark.parametrize(("place", "promoted"), [("/a", True), ("/b", False)])
def test_a_champion_from_before_tables_had_ids_is_known_by_its_lakes_place(place: str, promoted: bool) -> None:
    old = candidate(lake="/a", made=None)
    assert decide(candidate(lake=place, events=2), old, Interval(1, 1, 1), floor_ratio=2.0).promoted is promoted


def test_another_recipe_on_another_lake_becomes_champion_where_the_recipes_were_compared() -> None:
    assert decide(candidate(WARP, made="second"), candidate(ALS), BETTER, floor_ratio=2.0).promoted


def test_the_same_recipe_on_the_same_data_keeps_the_champion() -> None:
    decision = decide(candidate(), candidate(), Interval(1, 1, 1), floor_ratio=2.0)
    assert not decision.promoted
    assert "nothing changed" in decision.reason


def test_the_same_recipe_on_older_data_keeps_the_champion() -> None:
    decision = decide(candidate(events=1), candidate(events=2), Interval(1, 1, 1), floor_ratio=2.0)
    assert not decision.promoted
    assert "older data" in decision.reason
