"""Campaigns: what is refused, and what an objective may be."""

from dataclasses import replace

import pytest

from recsys.errors import ConfigError
from recsys.overrides import (
    Boost,
    Bury,
    Caps,
    Exclude,
    Fill,
    Hours,
    Override,
    OverrideIndex,
    Pin,
    Present,
    Row,
    Sponsor,
    campaign_of,
    objective,
    parse_audience,
)
from support.campaigns import IDS, campaign

PAID = Sponsor("A publisher", "Ad", ("territory: DE",))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (campaign("", Pin("i1", 1)), "id is ''"),
        (campaign("a/b", Pin("i1", 1)), "id is 'a/b'"),
        (campaign("c"), "actions are 0"),
        (campaign("c", Pin("", 1)), r"action 1 \(pin\): item_id is empty"),
        (campaign("c", Exclude("i1"), Pin("i1", 0)), r"action 2 \(pin\): slot is 0"),
        (campaign("c", Boost("i1", 0.5)), "factor is 0.5; a boost"),
        (campaign("c", Bury("i1", 1.5)), "factor is 1.5; a bury"),
        (campaign("c", Bury("i1", 0.0)), "factor is 0.0; a bury"),
        (campaign("c", Fill(1, ())), "pool is empty"),
        (campaign("c", Fill(1, ("i1", "i1"))), "pool names an item twice"),
        (campaign("c", Fill(1, ("i1",), 0)), "quota is 0"),
        (campaign("c", Row(1, " ", ("i1",), 1)), "title is empty"),
        (campaign("c", Row(1, "x" * 201, ("i1",), 1)), "title has 201 characters"),
        (campaign("c", Row(1, "a\u202eb", ("i1",), 1)), "not printed"),
        (campaign("c", Row(1, "A", ("i1",), 51)), "size is 51"),
        (campaign("c", Present("i1")), "title and artwork are both missing"),
        (campaign("c", Present("i1", artwork="javascript:alert(1)")), "artwork is no https address"),
        (campaign("c", Pin("i1", 1), end=float("nan")), "end is missing"),
        (campaign("c", Pin("i1", 1), start=100.0), "start is not before end"),
        (campaign("c", Pin("i1", 1), territories=frozenset({"de"})), "territories has 'de'"),
        (campaign("c", Pin("i1", 1), zone="Mars/Base"), "zone is 'Mars/Base'"),
        (campaign("c", Pin("i1", 1), hours=Hours(frozenset({8}))), "hours.weekdays"),
        (campaign("c", Pin("i1", 1), hours=Hours(opens=1440)), "hours.opens"),
        (campaign("c", Pin("i1", 1), caps=Caps(user_day=0)), "caps.user_day is 0"),
        (campaign("c", Pin("i1", 1), share=1.5), "share is 1.5"),
        (campaign("c", Boost("i1", 1.0), guarantee=0, start=0.0), "guarantee is 0"),
        (campaign("c", Pin("i1", 1), guarantee=5, start=0.0), "guarantee is of no item"),
        (campaign("c", Boost("i1", 1.0), guarantee=5), "guarantee needs a start"),
        (campaign("c", Boost("i1", 1.0), guarantee=5, start=0.0, caps=Caps(total=4)), "above caps.total 4"),
        (campaign("c", Exclude("i1"), sponsor=PAID), "promotes nothing"),
        (campaign("c", Pin("i1", 1), sponsor=replace(PAID, label="")), "sponsor.label is empty"),
        (campaign("c", Pin("i1", 1), sponsor=replace(PAID, parameters=())), "sponsor.parameters is empty"),
        (campaign("c", Pin("i1", 1), objective="clicks"), "there is no objective 'clicks'"),
        (campaign("c", Pin("i1", 1), approved_at=float("inf")), "approved_at is no time"),
    ],
)
def test_an_impossible_campaign_is_refused_by_the_name_of_its_field(given, words):
    with pytest.raises(ConfigError, match=f"(?i){words}"):
        given.validate()


def test_a_sound_campaign_is_accepted():
    sound = campaign(
        "c",
        Pin("i1", 1),
        Boost("i2", 9.0),
        Row(3, "二十四节气", ("i3",), 1),
        Present("i1", "A title", "https://cdn.example/i1.jpg"),
        audience=parse_audience('profile.language == "zh"'),
        zone="Asia/Shanghai",
        hours=Hours(frozenset({6, 7}), 18 * 60, 60),
        caps=Caps(3, 1000, 5000),
        guarantee=5000,
        start=0.0,
        share=0.3,
        sponsor=PAID,
        surfaces=frozenset({"feed"}),
    )
    sound.validate()
    index = OverrideIndex.compile([sound], IDS)
    assert (index.refused, [one.campaign for one in index.ordered]) == ((), [sound])


def test_every_mistake_is_named_at_once():
    with pytest.raises(ConfigError, match=r"slot is 0.*zone is 'x'.*share is 2"):
        campaign("c", Pin("i1", 0), zone="x", share=2.0).validate()


@pytest.mark.parametrize("more", [{"objective": "session_length"}, {"sponsor": PAID}])
def test_on_a_surface_for_minors_some_objectives_are_refused(more):
    minors = campaign("c", Pin("i1", 1), surfaces=frozenset({"minor"}), **more)
    with pytest.raises(ConfigError, match="not pursued with minors"):
        minors.validate()
    replace(minors, surfaces=frozenset({"feed"})).validate()


def test_the_surfaces_for_minors_are_those_of_the_policy():
    kids = campaign("c", Pin("i1", 1), surfaces=frozenset({"kids"}), objective="session_length")
    kids.validate()
    with pytest.raises(ConfigError, match="not pursued with minors"):
        kids.validate({"kids"})


def test_an_objective_is_one_of_the_registry():
    assert objective("heritage", minors=True).zh == "推广文化遗产"
    with pytest.raises(ConfigError, match="known are: editorial"):
        objective("watch_time")


def test_an_action_has_the_campaigns_id_where_it_is_the_only_one():
    assert campaign("c", Pin("i1", 1)).action_ids == ("c",)
    assert campaign("c", Pin("i1", 1), Pin("i2", 2)).action_ids == ("c/1", "c/2")
    assert [campaign_of(name) for name in ("c", "c/2")] == ["c", "c"]


def test_a_single_override_is_a_campaign_of_one_action():
    single = Override("o", "boost", "i1", factor=2.0, end=9.0, priority=3, created_at=7.0)
    assert single.campaign.actions == (Boost("i1", 2.0),)
    assert (single.campaign.id, single.campaign.priority, single.campaign.approved_at) == ("o", 3, 7.0)


def test_an_audience_reads_fields_of_profile_and_context_only():
    with pytest.raises(ConfigError, match="there is no field 'age'"):
        parse_audience("age > 3")
