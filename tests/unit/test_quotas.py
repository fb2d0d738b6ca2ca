"""Prominence quotas: what counts, what gives way, and what is reported."""

import numpy as np
import pytest

from recsys.errors import ConfigError
from recsys.overrides import Boost, Exclude, Kept, Pin, Quota, QuotaIndex
from recsys.types import Viewer
from support.campaigns import Known, campaign, live, placed, reasons, shown

HERE = Viewer("home", "DE", 30)
ORIGIN = ["us", "us", "us", "us", "de", "de", "fr", "fr", None, ["DE", "fr"]]


def quota(name="q", values=("de",), share=0.3, **more):
    return Quota(name, "origin", values, share, **more)


def under(*quotas, viewer=HERE):
    return QuotaIndex.compile(quotas, {"origin": ORIGIN}.__getitem__).live(viewer)


def run(items, *quotas, k=4, orders=(), more=None, now=0.0, **room):
    return placed(items, live(*orders, now=now), k, quotas=under(*quotas), more=more, **room)


def test_a_list_that_meets_its_quota_stays_as_it_is():
    out = run([0, 4, 1, 5], quota(share=0.5))
    assert shown(out) == [0, 4, 1, 5]
    assert out.quotas == (Kept("q", 2, 2),)
    assert out.slate.overrides == (None,) * 4


def test_the_best_matching_candidates_take_the_lowest_positions():
    # 30 % of 4 is 1.2: two positions
    out = run([0, 1, 2, 3, 4, 5], quota())
    assert shown(out) == [0, 1, 5, 4]
    assert out.slate.sources[2:] == ("quota", "quota")
    assert out.slate.overrides[2:] == ("q", "q")
    assert out.quotas == (Kept("q", 2, 2),)


def test_a_list_of_values_counts_and_case_does_not():
    assert run([0, 1, 2, 9], quota(share=0.25)).quotas == (Kept("q", 1, 1),)


def test_where_the_candidates_have_none_the_pool_is_asked():
    assert shown(run([0, 1, 2, 3], quota(share=0.25), more=Known())) == [0, 1, 2, 4]


def test_only_what_may_be_shown_counts_and_a_pool_without_more_is_reported():
    out = run([0, 1, 2, 3, 4, 5], quota(share=0.5), more=Known(), eligible=[0, 1, 2, 3, 5])
    assert shown(out) == [0, 1, 2, 5]
    assert out.quotas == (Kept("q", 2, 1, "pool"),)


def test_an_excluded_work_meets_no_quota():
    out = run(
        [0, 1, 2, 3, 4],
        quota(share=0.25),
        more=Known(),
        orders=[campaign("no", Exclude("i4"), Exclude("i5"), Exclude("i9"))],
    )
    assert out.quotas == (Kept("q", 1, 0, "pool"),)


def test_a_quota_takes_ranked_positions_before_guarantees_and_those_before_slots():
    orders = [campaign("p", Pin("i2", 1)), campaign("g", Boost("i3", 1.0), start=0.0, guarantee=100)]
    ranked = run([0, 1, 4, 5], quota(share=0.3), k=3, orders=orders, now=50.0)
    assert shown(ranked) == [2, 4, 3]
    guaranteed = run([0, 1, 4, 5], quota(share=0.6), k=3, orders=orders, now=50.0)
    assert shown(guaranteed) == [2, 4, 5]
    pinned = run([0, 1, 4, 5], quota(share=1.0), k=3, orders=orders, more=Known(), now=50.0)
    assert set(shown(pinned)) == {4, 5, 9}
    assert reasons(pinned) == {"p": "quota", "g": "quota"}


def test_a_work_that_an_earlier_quota_needs_stays():
    german, french = quota("a", share=0.5), quota("b", values=("fr",), share=0.5)
    out = run([0, 1, 4, 5, 6, 7], german, french)
    assert sorted(shown(out)) == [4, 5, 6, 7]
    assert out.quotas == (Kept("a", 2, 2), Kept("b", 2, 2))


def test_quotas_that_ask_for_more_than_there_is_room_are_met_in_their_order():
    german, french = quota("a", share=1.0), quota("b", values=("fr",), share=0.5)
    out = run([4, 5, 6, 7], german, french, k=2)
    assert shown(out) == [4, 5]
    assert out.quotas == (Kept("a", 2, 2), Kept("b", 1, 0, "held"))


def test_one_work_may_count_for_two_quotas():
    german, french = quota("a", share=0.5), quota("b", values=("fr",), share=0.5)
    assert shown(run([0, 1, 9], german, french, k=2)) == [0, 9]


def test_the_creator_cap_holds_and_a_work_may_give_way_to_one_of_its_own_creator():
    groups = np.array([0, 1, 2, 3, 0, 1, 5, 6, 7, 8])
    out = run([0, 1, 4, 5], quota(share=1.0), k=2, groups=groups, limit=1)
    assert shown(out) == [4, 5]


def test_a_quota_holds_on_its_surfaces_and_in_its_territories_and_where_the_territory_is_unknown():
    here = quota(surfaces=frozenset({"home"}), territories=frozenset({"DE"}))
    places = [Viewer("home", "DE"), Viewer("feed", "DE"), Viewer("home", "FR"), Viewer("home", None)]
    assert [len(under(here, viewer=viewer)) for viewer in places] == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (quota(""), "id is ''"),
        (Quota("q", "", ("de",), 0.3), "field is empty"),
        (quota(values=()), "values are missing"),
        (quota(share=0.0), "share is 0.0"),
        (quota(share=1.1), "share is 1.1"),
        (quota(window="day"), "window is 'day'"),
        (quota(territories=frozenset({"xx1"})), "territories has 'xx1'"),
    ],
)
def test_an_impossible_quota_is_refused_by_the_name_of_its_field(wrong, words):
    with pytest.raises(ConfigError, match=words):
        under(wrong)
