"""The exposure budget of new works: who graduates, who stops, and what a day's campaign is."""

from dataclasses import replace

import pytest

from recsys.errors import ConfigError
from recsys.overrides import Boost, ColdStart, Newcomer, Traffic, moment_of
from recsys.overrides.newcomers import interval

RULE = ColdStart(impressions=1000, at_least=100, rate=0.02, days=30)
NOW = moment_of("2027-02-01T10:00", "UTC")
NEW = Newcomer("n", NOW - 86_400)


def stage(impressions, positives, since=NOW - 86_400):
    return RULE.stage(Newcomer("n", since, impressions, positives), NOW)


def test_the_interval_is_wilsons():
    # 10 of 100: (0.1 + 0.0192) / 1.0384 = 0.1148, half width 1.96 × √(0.0009 + 0.000096) / 1.0384 = 0.0596
    assert interval(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert interval(0, 0) == (0.0, 1.0)


def test_a_work_is_not_judged_before_it_was_shown_often_enough():
    assert stage(99, 99) == "exploring"


def test_a_work_graduates_early_where_its_rate_is_certainly_enough():
    assert stage(100, 10) == "graduated"  # at least 0.055


def test_a_work_stops_early_where_its_rate_is_certainly_too_low():
    assert stage(300, 0) == "stopped"  # at most 0.0126


def test_a_work_in_between_explores_until_its_budget_is_spent_and_then_the_rate_decides():
    assert stage(999, 20) == "exploring"
    assert stage(1000, 20) == "graduated"
    assert stage(1000, 19) == "stopped"


def test_after_its_days_a_work_stops():
    assert stage(10, 0, since=NOW - 30 * 86_400) == "stopped"


def test_the_days_budget_is_a_guarantee_over_the_rest_of_the_local_day():
    made = replace(RULE, zone="Asia/Shanghai", daily=50).campaign([NEW], NOW)
    assert made.id == "cold_start.2027-02-01"
    assert (made.start, made.end) == (NOW, moment_of("2027-02-02", "Asia/Shanghai"))
    assert (made.guarantee, made.share, made.objective) == (50, 0.1, "discovery")
    made.validate()


def test_what_was_delivered_today_is_on_plan_when_the_budget_is_made_anew():
    made = replace(RULE, daily=400).budget([NEW], NOW, delivered=100)  # 300 are left for 14 hours
    assert made.guarantee == 400
    assert made.start == pytest.approx(NOW - 14 * 3600 / 3)
    share = Traffic().share(made.start, made.end, NOW)
    assert made.guarantee * share == pytest.approx(100)


def test_the_budget_is_never_more_than_the_works_still_have():
    works = [replace(NEW, impressions=990, positives=20), replace(NEW, item_id="m", impressions=95)]
    assert RULE.campaign(works, NOW).guarantee == 10 + 905
    assert RULE.budget(works, NOW, delivered=9_990).guarantee == 10_000


def test_the_least_shown_work_comes_first_and_those_who_are_done_are_not_in_it():
    works = [replace(NEW, item_id="b", impressions=5), NEW, Newcomer("done", NOW, 1000, 900)]
    assert RULE.campaign(works, NOW).actions == (Boost("n", 1.0), Boost("b", 1.0))


def test_without_a_work_that_explores_there_is_no_campaign():
    assert RULE.campaign([Newcomer("done", NOW, 1000, 900)], NOW) is None


def test_an_impossible_rule_is_refused():
    with pytest.raises(ConfigError, match="impressions is 10"):
        ColdStart(impressions=10, at_least=100).validate()
