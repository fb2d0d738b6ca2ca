"""The exposure report: what is missing of a promise is explained by numbers that add up to it."""

from collections import Counter
from dataclasses import replace

import pytest

from recsys.clock import fixed_clock
from recsys.overrides import Boost, Budget, Campaign, Caps, Exposure, Impression
from recsys.overrides.hours import local_day
from recsys.types import Viewer
from serving.asks import Ask
from serving.building import compiled
from serving.campaigns.desk import Desk
from serving.campaigns.four_eyes import FourEyes
from serving.campaigns.quotas import QuotaHour, QuotaLine, Unmet, quota_lines
from serving.campaigns.report import FEW_LISTS, HALTED, NOT_ON_AIR, Missed, report, says
from serving.campaigns.reporting import lines
from serving.engine import Engine
from serving.exposure import UNEXPLAINED, missed
from serving.stores.campaigns import Said
from serving.stores.records import Controls
from support.data import AT
from support.serve import make_bundle, stand
from support.stores import clock, control, location  # noqa: F401

# ruff: noqa: F811

HOUR = 3600.0
DAY = Campaign("c", (Boost("a", 1.0),), start=0.0, end=24 * HOUR, guarantee=240)  # 10 an hour
ANNA, BEN = Said("Anna", "premiere"), Said("Ben", "agreed")


def line(shown=(), misses=(), now=12 * HOUR, off=()):
    delivered, lost = Counter(dict(shown)), Counter(dict(misses))
    (found,) = report([(DAY, "live")], delivered, lost, now, off_air=lambda campaign: off)
    return found


def test_what_is_on_plan_needs_no_reason():
    found = line({("c", 1, 3): 120})
    assert (found.status, found.planned, found.missing, found.why) == ("on plan", 120, 0, ())


def test_the_lists_that_showed_nothing_of_it_are_what_is_missing_and_the_rest_was_too_few_lists():
    found = line({("c", 1, 3): 100}, {("c", "cap_slot", 5): 8, ("c", "gate:takedown", 6): 5})
    assert found.missing == 20
    assert found.why == (Missed("cap_slot", 8, 8), Missed(FEW_LISTS, 7), Missed("gate:takedown", 5, 5))
    assert (found.status, found.lists) == ("explained", 13)


def test_what_was_lost_early_has_been_caught_up_first():
    found = line({("c", 1, 3): 110}, {("c", "share", 1): 30, ("c", "full", 9): 6})
    assert found.why == (Missed("full", 6, 6), Missed("share", 4, 30))


def test_a_list_without_a_reason_is_a_fault_even_if_it_was_caught_up():
    found = line({("c", 1, 3): 110}, {("c", UNEXPLAINED, 1): 1, ("c", "full", 9): 10})
    assert found.status == "unexplained"
    assert sum(one.impressions for one in found.why) == 10


def test_while_it_is_off_the_air_its_plan_goes_on():
    found = line(
        {("c", 1, 3): 60}, {("c", "full", 11): 7}, off=[(2.5 * HOUR, 4 * HOUR, HALTED), (-1, HOUR, NOT_ON_AIR)]
    )
    assert found.why == (Missed(FEW_LISTS, 28), Missed(HALTED, 15), Missed(NOT_ON_AIR, 10), Missed("full", 7, 7))
    assert sum(one.impressions for one in found.why) == found.missing == 60


def test_parts_of_an_impression_become_whole_ones_that_add_up():
    found = line({("c", 1, 3): 119}, off=[(0.0, 90.0, HALTED), (100.0, 190.0, NOT_ON_AIR)], now=12 * HOUR)
    assert found.missing == 1 == sum(one.impressions for one in found.why)


def test_a_rule_of_the_gate_is_said_by_its_name():
    assert says("gate:takedown") == "safety or rights keep its works away: takedown"


def test_pauses_late_approvals_and_released_switches_are_read_from_the_record(control, clock):
    desk = Desk(control, FourEyes.load())
    document = {
        "id": "c",
        "surfaces": ["feed"],
        "start": "1970-01-01T00:00:00Z",
        "end": "1970-01-02T00:00:00Z",
        "guarantee": 240,
        "actions": [{"kind": "boost", "item_id": "a", "factor": 1.0}],
    }
    clock.now = 0.0
    desk.create(document, ANNA)
    desk.validate("c", ANNA)
    clock.now = 2 * HOUR
    assert desk.submit("c", ANNA).state == "live"
    clock.now = 3 * HOUR
    halt = control.halt("all", "", "Ben", "a rehearsal")
    clock.now = 4 * HOUR
    control.request_release(halt.id, "Ben", "over")
    control.approve_release(halt.id, "Anna")
    desk.pause("c", ANNA)
    clock.now = 7 * HOUR
    desk.resume("c", ANNA)
    (found,) = lines(control, 12 * HOUR)
    assert found.why == (Missed(FEW_LISTS, 60), Missed(NOT_ON_AIR, 50), Missed(HALTED, 10))


PROMISE = {"start": AT - 1000.0, "end": AT + 1000.0, "guarantee": 10}


def answered(tmp_path, **more):
    """Where a list is made for a minor who has had the campaign once today, which is behind its plan; and the list."""
    here = stand(tmp_path, make_bundle(tmp_path / "b"))
    campaign = Campaign("c", (Boost("i11", 1.0),), **{**PROMISE, **more})
    counts = Exposure()
    counts.record("u", [Impression("c", local_day(AT, "UTC"), 1)])
    engine = Engine(here.engine.live, here.control, here.state, fixed_clock(AT), exposure=counts)

    def answer():
        view = engine.live.view()
        view = replace(view, overrides=compiled(view, [campaign]))
        return engine.recommend_on(view, [Ask(Viewer("feed", None, 15), 5, user_id="u")])[0]

    return here, answer


def test_a_promise_that_was_kept_in_a_list_is_not_missed_in_it(tmp_path):
    _, answer = answered(tmp_path)
    assert "c" in answer().slate.overrides
    assert list(missed(answer())) == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"caps": Caps(user_day=1)}, "cap_user_day"),
        ({"share": 0.01}, "share"),
        ({"objective": "session_length"}, "not_for_minors"),
    ],
)
def test_a_promise_that_is_held_back_says_by_what(tmp_path, more, reason):
    _, answer = answered(tmp_path, **more)
    assert list(missed(answer())) == [("c", reason)]


def test_a_work_that_may_not_be_shown_says_whose_rule_it_is(tmp_path):
    here, answer = answered(tmp_path)
    here.control.put_controls("u", Controls(True, frozenset({"i11"}), frozenset()))
    assert list(missed(answer())) == [("c", "own_choice")]
    here.control.take_down("i11", reason="court order", actor="Ben")
    assert list(missed(answer())) == [("c", "gate:takedown")]


def test_what_the_last_check_takes_out_is_missed_too(tmp_path):
    _, answer = answered(tmp_path)
    whole = answer()
    left = replace(whole.slate, overrides=(None,) * len(whole.slate))
    assert list(missed(replace(whole, slate=left))) == [("c", "removed")]


def test_in_an_unknown_territory_a_promise_for_one_is_neither_kept_nor_missed(tmp_path):
    _, answer = answered(tmp_path, territories=frozenset({"DE"}))
    assert "c" not in answer().slate.overrides
    assert list(missed(answer())) == []


def test_quotas_are_summed_over_lists_by_hour_with_what_was_missing_by_reason():
    counted = {
        ("at", "", 5): (10, 30, 30),
        ("at", "pool", 5): (2, 6, 4),
        ("at", "pool", 6): (1, 3, 0),
        ("at", "held", 6): (4, 12, 6),
        ("de", "", 5): (1, 3, 4),
    }
    at, de = quota_lines(counted)
    assert at == QuotaLine(
        quota="at",
        lists=17,
        wanted=51,
        got=40,
        missing=11,
        unmet=7,
        why=(Unmet("held", 6, 4), Unmet("pool", 5, 3)),
        by_hour=(QuotaHour(5, 12, 36, 34, 2), QuotaHour(6, 5, 15, 6, 9)),
    )
    assert (de.quota, de.got, de.missing, de.unmet, de.why) == ("de", 4, 0, 0, ())
    assert says("pool").startswith("nothing else that may be shown")


def test_the_budget_of_new_works_has_a_line_and_what_a_switch_cost_it(control, clock):
    start = clock()
    control.put_cold_start(Budget("cold_start.x", ("a",), start, start + 10 * HOUR, "UTC", 100, 0.1))
    (line,) = lines(control, start + HOUR)
    assert (line.campaign, line.state, line.planned, line.why) == ("cold_start.x", "live", 10, (Missed(FEW_LISTS, 10),))
    control.halt("campaign", "cold_start", "Anna", "wait")
    (line,) = lines(control, start + 2 * HOUR)
    assert (line.state, line.planned, line.why) == ("halted", 20, (Missed(HALTED, 20),))
    assert lines(control, start + 10 * HOUR) == []
