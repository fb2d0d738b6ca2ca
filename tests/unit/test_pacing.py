"""Pacing of guarantees: the plan by hand, and the controller against traffic."""

import pytest

from recsys.errors import ConfigError
from recsys.overrides import Hours, Traffic, moment_of
from recsys.overrides.pacing import EVEN, is_due, planned

DAY = 86_400.0
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
