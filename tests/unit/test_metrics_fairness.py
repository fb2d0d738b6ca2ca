import numpy as np
import pytest

from recsys.errors import ConfigError
from recsys.metrics import exposure, gap


def groups(*values):
    """Groups of these values, one behind the other."""
    owner = np.repeat(np.arange(len(values)), [len(own) for own in values])
    return [(owner == at, np.array(own, np.float64)) for at, own in enumerate(values)]


def test_a_gap_is_between_the_best_and_the_worst_group():
    found = gap(groups([0.5, 0.5], [0.2] * 3, [0.4]), seed=0)
    assert found.difference == pytest.approx((0.3, 0.3, 0.3))
    assert found.ratio == pytest.approx((0.4, 0.4, 0.4))


def test_groups_of_equal_quality_have_a_ratio_of_1_even_at_0():
    assert gap(groups([0.5], [0.5]), seed=0).ratio == (1.0, 1.0, 1.0)
    assert gap(groups([0.0], [0.0]), seed=0).ratio == (1.0, 1.0, 1.0)


def test_by_chance_alone_groups_lie_apart_by_their_error():
    rng = np.random.default_rng(0)
    alike = groups(rng.random(2_000), rng.random(2_000))
    found = gap(alike, seed=0)
    error = np.sqrt(1 / 12 * 2 / 2_000)  # of the difference of two means
    assert 0 <= found.difference.low < found.difference.mean < 3 * error
    assert found.difference.high < 4 * error


def test_an_interval_of_a_gap_resamples_whole_users():
    one_user_each = np.array([0, 0, 0, 1, 1, 1])
    found = gap(groups([1, 0.8, 0.6], [0.2, 0.4, 0.6]), seed=0, clusters=one_user_each)
    assert found.difference == pytest.approx((0.4, 0.4, 0.4))


def test_a_gap_needs_two_groups_with_somebody_in_them():
    with pytest.raises(ConfigError, match="two groups"):
        gap(groups([0.5]), seed=0)
    assert np.isnan(gap(groups([0.5], []), seed=0).ratio).all()


def test_exposure_is_the_share_of_discounted_places_beside_that_of_items_and_events():
    top = np.array([[0, 2], [1, -1]], np.int32)  # big at the first places, small at a second one
    found = exposure(top, ["big", "big", "small", "small", None], np.array([5, 1, 2, 0, 100]))
    second = 1 / np.log2(3)
    assert list(found) == ["big", "small"]
    assert found["big"] == pytest.approx((2 / (2 + second), 0.5, 6 / 8))
    assert found["small"] == pytest.approx((second / (2 + second), 0.5, 2 / 8))


def test_random_lists_give_each_group_its_share_of_the_catalogue_by_chance():
    rng = np.random.default_rng(0)
    top = np.stack([rng.permutation(100)[:10] for _ in range(3_000)]).astype(np.int32)
    found = exposure(top, ["a"] * 30 + ["b"] * 70, np.ones(100))
    assert found["a"].shown == pytest.approx(0.3, abs=0.01)


def test_without_lists_or_groups_there_is_nothing_to_share():
    assert np.isnan(exposure(np.full((1, 2), -1, np.int32), ["a", "b"], np.ones(2))["a"].shown)
    assert exposure(np.array([[0]], np.int32), [None], np.ones(1)) == {}
