"""Local dates and hours, across midnight, week ends and the change of clocks."""

from datetime import UTC, datetime

import pytest

from recsys.errors import ConfigError
from recsys.overrides import Hours, moment_of
from recsys.overrides.hours import local_day, next_midnight


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_local_date_is_its_midnight_there():
    assert moment_of("2027-01-31", "Asia/Shanghai") == utc("2027-01-30T16:00")
    assert moment_of("2027-07-01T18:00", "Europe/Berlin") == utc("2027-07-01T16:00")


def test_a_time_with_an_offset_is_taken_as_it_is():
    assert moment_of("2027-01-31T00:00:00Z", "Asia/Shanghai") == utc("2027-01-31T00:00")


def test_a_time_that_the_clocks_skip_is_the_moment_of_the_jump_and_one_that_comes_twice_the_first():
    assert moment_of("2027-03-28T02:30", "Europe/Berlin") == utc("2027-03-28T01:00")
    assert moment_of("2027-10-31T02:30", "Europe/Berlin") == utc("2027-10-31T00:30")


def test_what_is_no_time_or_no_zone_is_refused():
    with pytest.raises(ConfigError, match="'soon' is no date"):
        moment_of("soon", "UTC")
    with pytest.raises(ConfigError, match="no time zone 'Mars/Base'"):
        moment_of("2027-01-31", "Mars/Base")


def test_the_local_day_begins_at_the_local_midnight():
    late = utc("2027-01-30T15:59")
    assert local_day(late + 60, "Asia/Shanghai") == local_day(late, "Asia/Shanghai") + 1
    assert next_midnight(late, "Asia/Shanghai") == late + 60


def test_a_day_of_25_hours_ends_after_25_hours():
    start = moment_of("2027-10-31", "Europe/Berlin")
    assert next_midnight(start, "Europe/Berlin") == start + 25 * 3600


def test_hours_are_open_from_their_first_minute_to_before_their_last():
    evening = Hours(opens=18 * 60, closes=22 * 60)
    times = ("17:59", "18:00", "21:59", "22:00")
    assert [evening.open_at(utc(f"2027-01-31T{at}"), "UTC") for at in times] == [False, True, True, False]


def test_hours_go_by_the_local_clock():
    evening = Hours(opens=18 * 60, closes=22 * 60)
    assert evening.open_at(utc("2027-01-31T10:00"), "Asia/Shanghai")
    assert not evening.open_at(utc("2027-01-31T10:00"), "UTC")


def test_hours_past_midnight_belong_to_the_day_on_which_they_began():
    sunday_night = Hours(frozenset({7}), 22 * 60, 2 * 60)
    times = ("2027-01-31T21:59", "2027-01-31T22:00", "2027-02-01T01:59", "2027-02-01T02:00")  # Sunday, Monday
    assert [sunday_night.open_at(utc(at), "UTC") for at in times] == [False, True, True, False]


def test_a_whole_day_is_the_whole_day():
    assert Hours(frozenset({1})).spans() == [(0, 1440)]
    assert Hours().spans() == [(0, 7 * 1440)]


def test_the_next_turn_is_the_next_opening_or_closing():
    evening = Hours(opens=18 * 60, closes=22 * 60)
    assert evening.next_turn(utc("2027-01-31T17:00"), "UTC") == utc("2027-01-31T18:00")
    assert evening.next_turn(utc("2027-01-31T18:00"), "UTC") == utc("2027-01-31T22:00")
    assert evening.next_turn(utc("2027-01-31T22:00"), "UTC") == utc("2027-02-01T18:00")
