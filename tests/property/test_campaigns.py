"""Campaigns: caps, shares, quotas and the rules on minors hold for every set of campaigns and every list."""

import itertools
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.overrides import (
    REASONS,
    Hours,
    OverrideIndex,
    Person,
    Quota,
    QuotaIndex,
    Room,
    Traffic,
    campaign_of,
    place,
)
from recsys.overrides.pacing import is_due, planned
from recsys.types import Slate, Viewer
from support.campaigns import IDS, WORKS, Known, slate
from support.examples import EXAMPLES
from support.orders import campaigns, exposures, people

CAMPAIGNS = st.lists(campaigns([*WORKS, "absent"]), max_size=4, unique_by=lambda campaign: campaign.id)
VIEWER = st.builds(Viewer, st.sampled_from(["feed", "home"]), st.sampled_from([None, "DE"]), st.just(30))
NOW = st.integers(-1, 6).map(float)
ELIGIBLE = st.lists(st.booleans(), min_size=10, max_size=10).map(lambda flags: np.array(flags, np.bool_))
ITEMS = st.permutations(range(10)).flatmap(lambda items: st.integers(0, 10).map(lambda n: items[:n]))
K = st.integers(1, 8)
MORE = Known(tuple((item, item / 10) for item in range(10)))
LANGUAGES = ["de", "de", "de", "fr", "fr", "fr", "zh", "zh", None, None]


@EXAMPLES
@given(st.lists(campaigns(WORKS), max_size=4), VIEWER, NOW, people(), exposures(), ITEMS, ELIGIBLE, K)
def test_every_order_of_arrival_gives_the_same_list(orders, viewer, now, person, exposure, items, eligible, k):
    found = set()
    for some in itertools.permutations(orders):
        live = OverrideIndex.compile(some, IDS).live(viewer, now, person, exposure)
        out = place(slate(items), live, eligible, Room(k), MORE)
        found.add((tuple(out.slate.items.tolist()), out.slate.sources, out.slate.overrides, out.unserved))
    assert len(found) == 1


@EXAMPLES
@given(CAMPAIGNS, VIEWER, NOW, people(), exposures(), ITEMS, ELIGIBLE, K)
def test_no_list_goes_beyond_a_share_or_a_cap(orders, viewer, now, person, exposure, items, eligible, k):
    live = OverrideIndex.compile(orders, IDS).live(viewer, now, person, exposure)
    shown = live.impressions(place(slate(items), live, eligible, Room(k), MORE).slate.overrides)
    given_by = Counter(one.campaign for one in shown)
    for campaign in orders:
        n, caps = given_by[campaign.id], campaign.caps
        assert campaign.share is None or n <= campaign.share * k
        if n and caps.total is not None:
            assert exposure.totals([campaign.id])[0] + n <= caps.total
        if n and caps.user_day is not None and person.user is not None:
            assert person.personalised
            day = next(one.day for one in shown if one.campaign == campaign.id)
            assert exposure.of_user(person.user).get((campaign.id, day), 0) + n <= caps.user_day


@EXAMPLES
@given(CAMPAIGNS, VIEWER, NOW, people(), exposures(), ITEMS, ELIGIBLE, K)
def test_every_promotion_is_in_the_list_or_unserved_with_a_reason(
    orders, viewer, now, person, exposure, items, eligible, k
):
    live = OverrideIndex.compile(orders, IDS).live(viewer, now, person, exposure)
    out = place(slate(items), live, eligible, Room(k), MORE)
    told = {one.override for one in out.unserved} | set(out.slate.overrides)
    applying = {} if live.plan is None else {c.id: c for c in live.plan.campaigns}
    for claim in live.plan.claims if live.plan is not None else ():
        campaign = applying[campaign_of(claim.id)]
        if campaign.audience is None:
            assert claim.id in told
    assert all(one.reason in REASONS for one in out.unserved)


@EXAMPLES
@given(
    CAMPAIGNS,
    VIEWER,
    NOW,
    people(),
    ITEMS,
    ELIGIBLE,
    K,
    st.lists(st.tuples(st.sampled_from(["de", "fr", "zh"]), st.sampled_from([0.1, 0.3, 0.5, 1.0])), max_size=3),
)
def test_a_quota_is_met_or_the_pool_or_another_quota_is_why_not(orders, viewer, now, person, items, eligible, k, asked):
    quotas = [Quota(f"q{at}", "language", (language,), share) for at, (language, share) in enumerate(asked)]
    held = QuotaIndex.compile(quotas, lambda _: LANGUAGES).live(viewer)
    live = OverrideIndex.compile(orders, IDS).live(viewer, now, person)
    out = place(slate(items), live, eligible, Room(k, quotas=held), MORE)
    shown = out.slate.items.tolist()
    open_to = [item for item in range(10) if eligible[item] and item not in live.excluded]
    assert [kept.quota for kept in out.quotas] == [quota.id for quota in quotas]
    for quota, kept in zip(quotas, out.quotas, strict=True):
        matching = [item for item in open_to if LANGUAGES[item] == quota.values[0]]
        inside = [item for item in shown if item in matching]
        assert kept.wanted == quota.wanted(len(shown))
        assert len(inside) >= kept.got if kept.reason is None else True
        if kept.reason is None:
            assert len(inside) >= kept.wanted
        elif len(quotas) == 1:
            assert set(matching) <= set(shown)  # none is left: the pool has no more


WEIGHTS = st.lists(st.sampled_from([0.0, 1.0, 3.0]), min_size=24, max_size=24).filter(any).map(tuple)
HOURS = st.sampled_from([None, Hours(opens=480, closes=1320), Hours(frozenset({6, 7}), 1200, 120)])


@EXAMPLES
@given(
    WEIGHTS,
    HOURS,
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
    st.integers(1, 50),
    st.integers(1, 60 * 24 * 14),
    st.lists(st.floats(0, 1), max_size=80).map(sorted),
)
def test_a_guarantee_is_never_ahead_of_its_plan_and_served_whenever_behind(weights, hours, zone, n, minutes, moments):
    start, length = 1_806_000_000.0, minutes * 60.0  # days before the clocks change in Europe
    traffic, delivered, last = Traffic(weights), 0, 0.0
    for part in moments:
        plan = planned(n, traffic.share(start, start + length, start + part * length, zone=zone, hours=hours))
        served = is_due(delivered, plan)
        assert served == (delivered < plan)
        delivered += served
        assert last - 1e-6 <= plan <= n
        assert delivered < plan + 1
        last = plan
    assert traffic.share(start, start + length, start + length, zone=zone, hours=hours) == 1


@EXAMPLES
@given(CAMPAIGNS, VIEWER, NOW, people(), people(), exposures(), ITEMS, ELIGIBLE, K)
def test_of_two_minors_in_one_context_both_get_the_same_promotions(
    orders, viewer, now, one, other, exposure, items, eligible, k
):
    lists = []
    for person in (one, other):
        minor = Person(None, person.profile, one.context, minor=True)
        live = OverrideIndex.compile(orders, IDS).live(viewer, now, minor, exposure)
        lists.append(place(slate(items), live, eligible, Room(k), MORE).slate)
    assert (lists[0].items.tolist(), lists[0].overrides) == (lists[1].items.tolist(), lists[1].overrides)


@EXAMPLES
@given(CAMPAIGNS, VIEWER, NOW, people(), ITEMS, ITEMS, ELIGIBLE, K)
def test_whatever_ranks_the_list_slots_and_excludes_stand(orders, viewer, now, person, one, other, eligible, k):
    """An experiment is another ranking: it changes neither who is left out nor who has a slot."""
    live = OverrideIndex.compile(orders, IDS).live(viewer, now, person)
    full = [*one, *(item for item in range(10) if item not in one)], [*other, *(i for i in range(10) if i not in other)]
    placed: list[Slate] = [place(slate(items), live, eligible, Room(k), MORE).slate for items in full]
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
