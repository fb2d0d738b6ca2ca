"""Pacing of guarantees: the plan by hand, and the controller against traffic."""

from itertools import pairwise

import pytest

from recsys.errors import ConfigError
from recsys.overrides import Hours, Traffic, moment_of
from recsys.overrides.pacing import EVEN, is_due, planned

DAY = 86_400.0
HOUR = 3600.0
START = moment_of("2027-02-01", "UTC")  # a Monday
EVENING = Traffic((1.0,) * 18 + (3.0,) * 6)  # 18 + 18 parts a day


def test_with_even_traffic_half_of_the_time_is_half_of_the_plan():
    assert EVEN.share(START, START + 2 * DAY, START + DAY) == pytest.approx(0.5)


def test_the_plan_waits_for_the_hours_with_traffic():
    shares = [EVENING.share(START, START + DAY, START + hour * 3600) for hour in (0, 9, 18, 21, 24)]
    assert shares == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_the_hours_are_those_of_the_time_zone():
    start = moment_of("2027-02-01", "Asia/Shanghai")
    assert EVENING.share(start, start + DAY, start + 18 * 3600, zone="Asia/Shanghai") == pytest.approx(0.5)


def test_a_week_has_its_own_hours():
    weekend = Traffic((1.0,) * 120 + (2.0,) * 48)  # 120 and 96 parts
    assert weekend.share(START, START + 7 * DAY, START + 5 * DAY) == pytest.approx(120 / 216)


def test_only_traffic_within_the_campaigns_hours_counts():
    noon = Hours(opens=12 * 60, closes=14 * 60)
    shares = [EVEN.share(START, START + DAY, START + hour * 3600, hours=noon) for hour in (12, 12.5, 13, 14)]
    assert shares == pytest.approx([0, 0.25, 0.5, 1])


def test_before_the_run_nothing_is_planned_and_after_it_all():
    assert EVEN.share(START, START + DAY, START - 1) == 0
    assert EVEN.share(START, START + DAY, START + DAY) == 1


def test_where_no_traffic_is_expected_time_alone_counts():
    night = Traffic((1.0,) + (0.0,) * 23)
    assert night.share(START + 7200, START + 10800, START + 9000) == pytest.approx(0.5)


def test_a_day_of_23_hours_has_the_traffic_of_its_hours():
    start, end = moment_of("2027-03-28", "Europe/Berlin"), moment_of("2027-03-29", "Europe/Berlin")
    assert end - start == 23 * 3600
    assert EVEN.share(start, end, moment_of("2027-03-28T12:00", "Europe/Berlin"), zone="Europe/Berlin") == 0.5


@pytest.mark.parametrize("hours", [(1.0,) * 23, (0.0,) * 24, (-1.0,) * 24, (float("nan"),) * 24])
def test_a_profile_that_says_nothing_is_refused(hours):
    with pytest.raises(ConfigError):
        Traffic(hours)


def test_a_guarantee_is_due_while_it_is_behind_its_plan():
    assert planned(1000, 0.25) == 250
    assert is_due(249, 249.5)
    assert not is_due(250, 250)


def test_the_controller_follows_the_plan_within_one_impression_and_delivers_all():
    delivered = 0
    for minute in range(1440):  # one request a minute
        plan = planned(100, EVENING.share(START, START + DAY, START + minute * 60))
        delivered += is_due(delivered, plan)
        assert plan <= delivered < plan + 1 or delivered == plan
    assert delivered == 100


def test_after_a_gap_the_controller_catches_up_as_fast_as_traffic_allows():
    delivered = 0
    for minute in range(720, 1440):  # no traffic in the morning
        delivered += is_due(delivered, planned(100, EVEN.share(START, START + DAY, START + minute * 60)))
        if minute == 720 + 53:  # 54 requests: the 50 of the morning, and what is planned meanwhile
            assert delivered == 54
    assert delivered == 100


MONDAY = 4 * 24  # hours since 1970: its first Monday is the 5th of January


def test_a_profile_is_measured_over_whole_weeks_and_smoothed_by_one_more_without_rises_and_falls():
    monday = {MONDAY + 9: 168}  # 168 requests on Monday between 9 and 10: 1 an hour on average
    found = Traffic.measured({MONDAY: 0, **monday}, (MONDAY + 168) * HOUR)
    assert found.zone == "UTC"
    assert found.hours[9] == pytest.approx((168 + 1) / 2, rel=1e-4)
    assert set(found.hours[:9] + found.hours[10:]) == {0.5}


def test_until_there_is_a_week_all_hours_are_alike():
    assert Traffic.measured({}, 9e8) == EVEN
    assert Traffic.measured({MONDAY: 5}, (MONDAY + 167.9) * HOUR) == EVEN


def test_only_the_last_four_weeks_are_measured():
    old = {MONDAY + hour: 1000 for hour in range(168)}
    new = {MONDAY + week * 168 + 3: 7 for week in range(1, 5)}
    found = Traffic.measured(old | new, (MONDAY + 5 * 168) * HOUR)
    assert found.hours[3] > 100 * found.hours[4]


@pytest.mark.parametrize(
    ("zone", "weights"),
    [
        ("Asia/Shanghai", {17: 4.0}),  # 9 o'clock in London is 17 o'clock there
        ("Asia/Kolkata", {14: 2.0, 15: 2.0}),  # half past two to half past three
        ("America/New_York", {4: 4.0}),
    ],
)
def test_a_profile_of_one_zone_is_read_by_the_clocks_of_another(zone, weights):
    profile = Traffic(tuple(4.0 if hour == 9 else 0.0 for hour in range(24)), "UTC")
    start = moment_of("2027-01-04", zone)
    shares = [profile.share(start, start + DAY, start + hour * HOUR, zone=zone) for hour in range(25)]
    gained = {hour: 4 * (after - before) for hour, (before, after) in enumerate(pairwise(shares))}
    assert {hour: gain for hour, gain in gained.items() if gain > 1e-9} == pytest.approx(weights)


def test_a_profile_of_an_unknown_zone_is_refused():
    with pytest.raises(ConfigError, match="Atlantis"):
        Traffic(zone="Atlantis")
