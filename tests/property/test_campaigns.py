"""Campaigns: caps, shares, quotas and the rules on minors hold for every set of campaigns and every list."""

import itertools
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import given

from recsys.overrides import (
    REASONS,
    Campaign,
    Exposure,
    Hours,
    Live,
    OverrideIndex,
    Person,
    Placed,
    Quota,
    QuotaIndex,
    Room,
    Traffic,
    campaign_of,
    place,
)
from recsys.overrides.pacing import is_due, planned
from recsys.types import BoolArray, Slate, Viewer
from support.campaigns import IDS, WORKS, Known, slate
from support.drawn import Drawn, drawn
from support.examples import EXAMPLES
from support.orders import campaigns, exposure, person

NAMES = [*WORKS, "absent"]
MORE = Known(tuple((item, item / 10) for item in range(10)))
LANGUAGES = ["de", "de", "de", "fr", "fr", "fr", "zh", "zh", None, None]
SIZE = 320  # bytes of one case; what is not read of them costs nothing


class Case(NamedTuple):
    """Campaigns, who looks where and when, what was shown before, and a model's list."""

    orders: list[Campaign]
    viewer: Viewer
    now: float
    person: Person
    exposure: Exposure
    items: list[int]
    eligible: BoolArray
    k: int

    def live(self, person: Person | None = None) -> Live:
        """What holds for the viewer, or for somebody else in the same place."""
        index = OverrideIndex.compile(self.orders, IDS)
        return index.live(self.viewer, self.now, person or self.person, self.exposure)

    def placed(self, live: Live, items: list[int] | None = None, **room: object) -> Placed:
        """The list, or that of another model, under what holds."""
        return place(slate(self.items if items is None else items), live, self.eligible, Room(self.k, **room), MORE)


def case(of: Drawn, names: list[str] = NAMES) -> Case:
    return Case(
        campaigns(of, names),
        Viewer(of.pick(["feed", "home"]), of.pick([None, "DE"]), 30),
        float(of.pick(range(-1, 7))),
        person(of),
        exposure(of),
        of.some(range(10), 0, 10),
        np.array([of.pick([True, False]) for _ in range(10)]),
        of.pick(range(1, 9)),
    )


def distinct(of: Drawn) -> Case:
    found = case(of)
    return found._replace(orders=list({one.id: one for one in found.orders}.values()))


def ranked_twice(of: Drawn) -> tuple[Case, list[int]]:
    """A case, and another model's list."""
    return distinct(of), of.some(range(10), 0, 10)


@EXAMPLES
@given(drawn(lambda of: case(of, WORKS), SIZE))
def test_every_order_of_arrival_gives_the_same_list(this):
    found = set()
    for some in itertools.permutations(this.orders):
        turned = this._replace(orders=list(some))
        out = turned.placed(turned.live())
        found.add((tuple(out.slate.items.tolist()), out.slate.sources, out.slate.overrides, out.unserved))
    assert len(found) == 1


def pressing(of: Drawn, **more: object) -> Case:
    """Campaigns for everybody, everywhere, now, over nearly all works: drawn campaigns rarely meet their viewer, and
    what is not on has no limits to go beyond."""
    found = distinct(of)
    to_all = {"surfaces": frozenset(), "territories": frozenset(), "hours": None, **more}
    orders = [replace(one, **to_all, objective="editorial", start=-9.0, end=9.0) for one in found.orders]
    out = of.some(range(10), 0, 3)
    return found._replace(orders=orders, eligible=~np.isin(np.arange(10), out))


@EXAMPLES
@given(drawn(lambda of: pressing(of, audience=None), SIZE))
def test_no_list_goes_beyond_a_share_or_a_cap(this):
    live, person, exposure = this.live(), this.person, this.exposure
    shown = live.impressions(this.placed(live).slate.overrides)
    given_by = Counter(one.campaign for one in shown)
    for campaign in this.orders:
        n, caps = given_by[campaign.id], campaign.caps
        assert campaign.share is None or n <= campaign.share * this.k
        if n and caps.total is not None:
            assert exposure.totals([campaign.id])[0] + n <= caps.total
        if n and caps.user_day is not None and person.user is not None:
            assert person.personalised
            day = next(one.day for one in shown if one.campaign == campaign.id)
            assert exposure.of_user(person.user).get((campaign.id, day), 0) + n <= caps.user_day


@EXAMPLES
@given(drawn(distinct, SIZE))
def test_every_promotion_is_in_the_list_or_unserved_with_a_reason(this):
    live = this.live()
    out = this.placed(live)
    told = {one.override for one in out.unserved} | set(out.slate.overrides)
    applying = {} if live.plan is None else {c.id: c for c in live.plan.campaigns}
    for claim in live.plan.claims if live.plan is not None else ():
        campaign = applying[campaign_of(claim.id)]
        if campaign.audience is None:
            assert claim.id in told
    assert all(one.reason in REASONS for one in out.unserved)


def with_quotas(of: Drawn) -> tuple[Case, list[Quota]]:
    asked = of.several(lambda: (of.pick(["de", "fr", "zh"]), of.pick([0.1, 0.3, 0.5, 1.0])), 3)
    quotas = [Quota(f"q{at}", "language", (language,), share) for at, (language, share) in enumerate(asked)]
    return distinct(of), quotas


@EXAMPLES
@given(drawn(with_quotas, SIZE))
def test_a_quota_is_met_or_the_pool_or_another_quota_is_why_not(this):
    case, quotas = this
    held = QuotaIndex.compile(quotas, lambda _: LANGUAGES).live(case.viewer)
    live = case.live()
    out = case.placed(live, quotas=held)
    shown = out.slate.items.tolist()
    open_to = [item for item in range(10) if case.eligible[item] and item not in live.excluded]
    assert [kept.quota for kept in out.quotas] == [quota.id for quota in quotas]
    for quota, kept in zip(quotas, out.quotas, strict=True):
        matching = [item for item in open_to if LANGUAGES[item] == quota.values[0]]
        inside = [item for item in shown if item in matching]
        assert (kept.wanted, kept.got) == (quota.wanted(len(shown)), len(inside))
        if kept.reason is None:
            assert len(inside) >= kept.wanted
        elif len(quotas) == 1:
            assert set(matching) <= set(shown)  # none is left: the pool has no more


HOURS = [None, Hours(opens=480, closes=1320), Hours(frozenset({6, 7}), 1200, 120)]


class Run(NamedTuple):
    """A guarantee of ``n`` over so many minutes, and the parts of the run after which somebody asks."""

    traffic: Traffic
    hours: Hours | None
    zone: str
    n: int
    minutes: int
    moments: list[float]


def run(of: Drawn) -> Run:
    weights = tuple(of.pick([1.0, 0.0, 3.0]) for _ in range(24))
    return Run(
        Traffic(weights if any(weights) else (1.0,) * 24),
        of.pick(HOURS),
        of.pick(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
        of.pick(range(1, 51)),
        1 + of.pick(range(84)) * 240 + of.pick(range(240)),
        sorted(of.several(lambda: (of.pick(range(256)) + of.pick(range(256)) / 256) / 256, 80)),
    )


@EXAMPLES
@given(drawn(run, SIZE))
def test_a_guarantee_is_never_ahead_of_its_plan_and_served_whenever_behind(this):
    start, length = 1_806_000_000.0, this.minutes * 60.0  # days before the clocks change in Europe
    end, where = start + length, {"zone": this.zone, "hours": this.hours}
    delivered, last = 0, 0.0
    for part in this.moments:
        plan = planned(this.n, this.traffic.share(start, end, start + part * length, **where))
        served = is_due(delivered, plan)
        assert served == (delivered < plan)
        delivered += served
        assert last - 1e-6 <= plan <= this.n
        assert delivered < plan + 1 + 1e-6  # a share of the day is rounded
        last = plan
    assert this.traffic.share(start, end, end, **where) == 1


@EXAMPLES
@given(drawn(pressing, SIZE))
def test_of_two_minors_in_one_context_both_get_the_same_promotions(case):
    lists = []
    for profile in ({"group": "a"}, {"group": "b"}):
        minor = Person(None, profile, case.person.context, minor=True)
        lists.append(case.placed(case.live(minor)).slate)
    assert (lists[0].items.tolist(), lists[0].overrides) == (lists[1].items.tolist(), lists[1].overrides)


@EXAMPLES
@given(drawn(ranked_twice, SIZE))
def test_whatever_ranks_the_list_slots_and_excludes_stand(this):
    """An experiment is another ranking: it changes neither who is left out nor who has a slot."""
    case, other = this
    case = case._replace(exposure=Exposure())
    live = case.live()
    full = [[*some, *(item for item in range(10) if item not in some)] for some in (case.items, other)]
    placed: list[Slate] = [case.placed(live, items).slate for items in full]
    for out in placed:
        assert not live.excluded.intersection(out.items.tolist())
    slots = [
        {
            at: item
            for at, (item, source) in enumerate(zip(out.items.tolist(), out.sources, strict=True))
            if source == "pin"
        }
        for out in placed
    ]
    assert slots[0] == slots[1]
