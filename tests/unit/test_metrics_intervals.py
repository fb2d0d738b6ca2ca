import numpy as np
import pytest

from recsys.errors import ConfigError
from recsys.metrics import bootstrap, bootstrap_columns, bootstrap_groups, paired_ratio


def test_a_constant_has_an_interval_of_no_width():
    assert bootstrap(np.full(50, 0.25), seed=1) == (0.25, 0.25, 0.25)


def test_the_interval_of_a_fair_coin_has_the_width_of_the_normal_one():
    mean, low, high = bootstrap(np.arange(400) % 2, seed=1)
    assert mean == 0.5
    assert (low, high) == (pytest.approx(0.451, abs=0.006), pytest.approx(0.549, abs=0.006))


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values = np.arange(30) ** 2 / 900
    assert bootstrap(values, seed=3) == bootstrap(values, seed=3)
    assert bootstrap(values, seed=3) != bootstrap(values, seed=4)


def test_columns_are_resampled_together():
    values = np.arange(20.0)
    one, twice = bootstrap_columns(np.stack([values, 2 * values], axis=1), seed=0)
    assert twice == pytest.approx((2 * one.mean, 2 * one.low, 2 * one.high))


def test_no_values_have_no_mean():
    assert np.isnan(bootstrap(np.zeros(0), seed=0)).all()


def test_a_paired_ratio_of_proportional_values_is_certain():
    b = np.arange(1.0, 30.0)
    assert paired_ratio(1.5 * b, b, seed=0) == pytest.approx((1.5, 1.5, 1.5))


def test_a_paired_ratio_knows_what_noise_is():
    rng = np.random.default_rng(0)
    a, b = rng.random(500), rng.random(500)
    ratio, low, high = paired_ratio(a, b, seed=0)
    assert low < ratio < high
    assert low < 1 < high


def test_nothing_over_nothing_is_one_and_something_over_nothing_is_infinite():
    none, some = np.zeros(5), np.ones(5)
    assert paired_ratio(none, none, seed=0) == (1.0, 1.0, 1.0)
    assert paired_ratio(some, none, seed=0) == (np.inf, np.inf, np.inf)


def test_a_ratio_that_is_sometimes_infinite_has_an_interval_without_nan():
    a, b = np.ones(3), np.array([1.0, 0.0, 0.0])
    ratio, low, high = paired_ratio(a, b, seed=0)
    assert (ratio, low, high) == (pytest.approx(3.0), pytest.approx(1.0), np.inf)


def test_queries_of_one_user_are_resampled_together():
    # two users, each all right or all wrong: a resample of users has mean 0, 1/2 or 1, however many queries they ask
    values, users = np.repeat([0.0, 1.0], 100), np.repeat([7, 3], 100)
    assert bootstrap(values, seed=0, clusters=users) == (0.5, 0.0, 1.0)
    narrow = bootstrap(values, seed=0)
    assert narrow.high - narrow.low < 0.15


def test_a_user_counts_by_the_number_of_his_queries():
    # user 0 asks three times and is wrong, user 1 asks once and is right: a resample with both has mean 1/4
    values, users = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0, 0, 0, 1])
    mean, low, high = bootstrap(values, seed=0, clusters=users)
    assert (mean, low, high) == (0.25, 0.0, 1.0)
    assert bootstrap(values, seed=0, clusters=users, level=0.4).high == 0.25


def test_an_interval_over_users_holds_the_truth_as_often_as_it_says():
    # 60 users of 20 alike queries each: over queries the interval would be 4 times too narrow
    rng, held = np.random.default_rng(0), {"users": 0, "queries": 0}
    users = np.repeat(np.arange(60), 20)
    for seed in range(100):
        values = np.repeat(rng.normal(0.5, 0.2, 60), 20) + rng.normal(0, 0.02, 1200)
        for name, clusters in (("users", users), ("queries", None)):
            _, low, high = bootstrap(values, seed=seed, clusters=clusters, repeats=200)
            held[name] += low <= 0.5 <= high
    assert held["users"] >= 88
    assert held["queries"] < 60


def test_a_paired_ratio_resamples_users():
    # user 0: 1 against 1, user 1: 3 against 1; resamples of users have the ratios 1, 2 and 3
    a, b, users = np.repeat([1.0, 3.0], 50), np.ones(100), np.repeat([0, 1], 50)
    assert paired_ratio(a, b, seed=0, clusters=users) == (2.0, 1.0, 3.0)


def test_users_with_one_query_each_are_resampled_like_queries():
    values = np.arange(30.0)
    assert bootstrap(values, seed=0, clusters=np.arange(30)) == bootstrap(values, seed=0)


def test_every_query_needs_its_user():
    with pytest.raises(ConfigError, match="3 rows and 2 clusters"):
        bootstrap(np.ones(3), seed=0, clusters=np.zeros(2, np.int32))


def test_a_ratio_of_different_queries_is_refused():
    with pytest.raises(ConfigError, match="same queries"):
        paired_ratio(np.ones(3), np.ones(4), seed=0)


def test_groups_are_resampled_with_everybody_and_measured_on_their_own():
    members = np.array([True, True, False, True])
    found = bootstrap_groups([(np.ones(4, bool), np.arange(4.0)[:, None]), (members, np.full((3, 2), 0.5))], seed=0)
    assert found[0][0].mean == 1.5
    assert found[1] == [(0.5, 0.5, 0.5)] * 2  # resamples without a member would be 0, or NaN


def test_a_group_of_nobody_has_no_mean():
    nobody = np.zeros(3, bool)
    assert np.isnan(bootstrap_groups([(nobody, np.zeros((0, 1)))], seed=0)[0][0]).all()


def test_an_interval_of_a_group_is_as_wide_as_that_of_its_members_alone():
    rng = np.random.default_rng(0)
    members, values = np.arange(900) % 3 == 0, rng.random(900)
    (((mean, low, high),),) = bootstrap_groups([(members, values[members, None])], seed=1)
    alone = bootstrap(values[members], seed=1)
    assert mean == pytest.approx(alone.mean)
    assert high - low == pytest.approx(alone.high - alone.low, rel=0.15)
