"""States, four eyes, tightening, locking, kill switches: how people work on one campaign."""

import pytest

from recsys.errors import ConfigError
from recsys.overrides import Boost, Campaign, Caps, Exclude, Pin, Present, Sponsor
from recsys.overrides.documents import campaign_from, document_of
from serving.campaigns.desk import Desk
from serving.campaigns.four_eyes import FourEyes
from serving.campaigns.states import FINAL, STATES, TABLE, after
from serving.campaigns.tightening import tightens
from serving.receipts.asof import AsOf
from serving.stores.campaigns import Said
from serving.stores.records import ConflictError, Controls
from support.stores import clock, control, location  # noqa: F401

PIN = {"id": "c", "surfaces": ["home"], "end": "1970-01-02", "actions": [{"kind": "pin", "item_id": "a", "slot": 1}]}
BOOST = {**PIN, "surfaces": ["feed"], "actions": [{"kind": "boost", "item_id": "a", "factor": 2.0}]}
ANNA, BEN = Said("Anna", "premiere"), Said("Ben", "agreed")


@pytest.fixture
def desk(control):  # noqa: F811
    return Desk(control, FourEyes.load())


def at(said, version):
    return Said(said.actor, said.reason, version)


def pending(desk, document=PIN):
    desk.create(document, ANNA)
    desk.validate("c", ANNA)
    return desk.submit("c", ANNA)


def on_air(desk, document=PIN):
    filed = pending(desk, document)
    return filed if filed.state == "live" else desk.approve("c", at(BEN, filed.version))


def served(control):  # noqa: F811
    return [order.id for order in control.orders()]


def test_from_draft_to_air_every_act_is_in_the_history_with_who_and_why(desk):
    assert on_air(desk).state == "live"
    history = [(one.act, one.state, one.actor) for one in desk.control.campaign_history("c")]
    assert history == [
        ("create", "draft", "Anna"),
        ("validate", "validated", "Anna"),
        ("submit", "pending", "Anna"),
        ("approve", "scheduled", "Ben"),
        ("start", "live", "Ben"),
    ]
    audited = [(line.action, line.actor, line.reason) for line in desk.control.audit() if line.target == "c"]
    assert audited[0] == ("campaign.create", "Anna", "premiere")
    assert audited[3] == ("campaign.approve", "Ben", "agreed")
    assert desk.control.verify_audit() is None


def test_nothing_is_served_before_it_is_approved(desk):
    pending(desk)
    assert served(desk.control) == []


def test_whoever_wrote_a_pin_on_home_cannot_approve_it(desk):
    filed = pending(desk)
    with pytest.raises(ConflictError, match="another person"):
        desk.approve("c", at(ANNA, filed.version))
    assert served(desk.control) == []


def test_whoever_changed_it_last_cannot_approve_it_either(desk):
    desk.create(PIN, ANNA)
    desk.update("c", {**PIN, "priority": 2}, at(BEN, 1))
    desk.validate("c", BEN)
    filed = desk.submit("c", Said("Cem"))
    for author in (ANNA, BEN, Said("Cem")):
        with pytest.raises(ConflictError):
            desk.approve("c", at(author, filed.version))
    assert desk.approve("c", at(Said("Dana"), filed.version)).state == "live"


def test_a_small_boost_on_the_feed_needs_one_person(desk):
    assert pending(desk, BOOST).state == "live"
    assert served(desk.control) == ["c"]


@pytest.mark.parametrize(
    ("campaign", "why"),
    [
        (Campaign("c", (Pin("a", 1),), surfaces=frozenset({"push"})), "home, push or hot"),
        (Campaign("c", (Pin("a", 1),)), "home, push or hot"),
        (Campaign("c", (Boost("a", 2),), surfaces=frozenset({"kids"})), "minors"),
        (Campaign("c", (Boost("a", 2),), surfaces=frozenset({"feed"}), sponsor=Sponsor("n", "l", ("p",))), "pays"),
        (Campaign("c", tuple(Boost(f"{n}", 2) for n in range(4)), surfaces=frozenset({"feed"})), "large part"),
        (Campaign("c", (Present("a", "Other"),), surfaces=frozenset({"feed"})), "words or pictures"),
    ],
)
def test_the_rules_that_ship_say_when_a_second_person_is_needed(campaign, why):
    assert any(why in told for told in FourEyes.load().why(campaign, {"kids"}))


@pytest.mark.parametrize(
    "campaign",
    [
        Campaign("c", (Pin("a", 1),), surfaces=frozenset({"feed"})),
        Campaign("c", (Exclude("a"),)),
        Campaign("c", tuple(Boost(f"{n}", 2) for n in range(4)), surfaces=frozenset({"feed"}), share=0.3),
    ],
)
def test_and_when_one_person_is_enough(campaign):
    assert FourEyes.load().why(campaign, {"kids"}) == ()


def test_a_rule_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "rules.toml").write_text('[[rules]]\nbecause = "x"\nkind = ["pin"]\n')
    with pytest.raises(ConfigError, match="no field 'kind'"):
        FourEyes.load(tmp_path / "rules.toml")


def test_a_pause_acts_at_once_and_coming_back_waits_for_another_person(desk):
    on_air(desk)
    assert desk.pause("c", ANNA).state == "paused"
    assert served(desk.control) == []
    filed = desk.resume("c", ANNA)
    assert (filed.state, served(desk.control)) == ("pending", [])
    with pytest.raises(ConflictError):
        desk.approve("c", at(ANNA, filed.version))
    desk.approve("c", at(BEN, filed.version))
    assert served(desk.control) == ["c"]


def test_shortening_acts_at_once_and_lengthening_waits_while_the_old_goes_on(desk):
    filed = on_air(desk)
    filed = desk.update("c", {**PIN, "end": "1970-01-01T12:00"}, at(ANNA, filed.version))
    assert (filed.state, filed.end) == ("live", 43_200)
    filed = desk.update("c", {**PIN, "end": "1970-01-03"}, at(ANNA, filed.version))
    assert filed.state == "draft"
    assert [order.end for order in desk.control.orders()] == [43_200]
    desk.validate("c", ANNA)
    filed = desk.submit("c", ANNA)
    assert desk.approve("c", at(BEN, filed.version)).end == 172_800


def test_of_two_editors_the_second_is_told_what_the_first_changed_and_nothing_is_lost(desk):
    desk.create(PIN, ANNA)
    desk.update("c", {**PIN, "priority": 5}, at(BEN, 1))
    with pytest.raises(ConflictError, match=r"has version 2, you read 1.*Ben: update.*Changed: priority"):
        desk.update("c", {**PIN, "name": "Other"}, at(ANNA, 1))
    assert desk.control.campaign("c").document["priority"] == 5


def test_a_request_with_a_known_key_is_carried_out_once(desk):
    once = Said("Anna", key="k1")
    assert desk.create(PIN, once) == desk.create(PIN, once)
    assert len(desk.control.campaign_history("c")) == 1
    with pytest.raises(ConflictError, match="idempotency key"):
        desk.create({**PIN, "id": "d"}, once)


def test_a_campaign_ends_by_itself_and_the_record_says_so(desk, clock):  # noqa: F811
    on_air(desk)
    clock.now = 86_400.0
    assert served(desk.control) == []
    assert desk.control.turn_campaigns() == 1
    assert desk.control.campaign("c").state == "expired"
    assert desk.control.turn_campaigns() == 0


def test_a_kill_switch_is_one_person_and_its_release_two(desk):
    on_air(desk)
    for scope, key in (("campaign", "c"), ("editor", "Anna"), ("all", "")):
        halt = desk.control.halt(scope, key, "Ben", "wrong picture")
        assert served(desk.control) == [], scope
        with pytest.raises(ConflictError, match="Nobody has asked"):
            desk.control.approve_release(halt.id, "Anna")
        desk.control.request_release(halt.id, "Anna", "repaired")
        with pytest.raises(ConflictError, match="another person"):
            desk.control.approve_release(halt.id, "Anna")
        desk.control.approve_release(halt.id, "Ben")
        assert served(desk.control) == ["c"], scope
    assert desk.control.verify_audit() is None


def test_a_switch_for_another_editor_stops_nothing_of_this_one(desk):
    on_air(desk)
    desk.control.halt("editor", "Somebody", "Ben", "x")
    assert served(desk.control) == ["c"]


def test_final_states_have_no_way_out():
    assert not [key for key in TABLE if key[0] in FINAL]
    assert {state for state, _ in TABLE} | FINAL == set(STATES)
    with pytest.raises(ConflictError, match="revoked cannot submit"):
        after("revoked", "submit")


@pytest.mark.parametrize(
    ("after_", "tighter"),
    [
        ({"caps": Caps(total=5)}, True),
        ({"caps": Caps(total=50)}, False),
        ({"share": 0.2}, True),
        ({"territories": frozenset({"DE"})}, True),
        ({"territories": frozenset()}, False),
        ({"actions": (Pin("a", 1), Exclude("z"))}, True),
        ({"actions": (Pin("b", 1),)}, False),
        ({"priority": 3}, False),
        ({"end": 200.0}, False),
    ],
)
def test_what_tightens_a_promotion(after_, tighter):
    given = {"end": 100.0, "territories": frozenset({"DE", "FR"}), "caps": Caps(total=10)}
    before = Campaign("c", (Pin("a", 1),), **given)
    assert tightens(before, Campaign(**{"id": "c", "actions": before.actions, **given, **after_})) is tighter


def test_an_exclude_that_ends_earlier_is_a_loosening():
    assert not tightens(Campaign("c", (Exclude("a"),), end=100.0), Campaign("c", (Exclude("a"),), end=50.0))


def test_a_campaign_survives_the_way_through_plain_values():
    document = {
        "id": "festival",
        "objective": "heritage",
        "surfaces": ["feed"],
        "audience": 'context.page == "festival"',
        "start": "2027-02-01",
        "end": "2027-02-15",
        "zone": "Asia/Shanghai",
        "hours": {"weekdays": [5, 6], "opens": "18:00"},
        "caps": {"user_day": 3},
        "guarantee": 20,
        "share": 0.5,
        "sponsor": {"name": "n", "label": "Ad", "parameters": ["territory"]},
        "actions": [
            {"kind": "boost", "item_id": "a", "factor": 2},
            {"kind": "row", "slot": 5, "title": "修复电影", "pool": ["a", "b"], "size": 2},
        ],
    }
    campaign = campaign_from(document)
    assert campaign.start == 1_801_411_200.0
    assert campaign_from(document_of(campaign)) == campaign


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"prioritty": 1}, "no field 'prioritty'"),
        ({"end": "soon"}, "end is 'soon'"),
        ({"actions": [{"kind": "pinn"}]}, r"actions\[1\] has no known kind"),
        ({"actions": [{"kind": "pin", "item_id": "a"}]}, r"actions\[1\].slot is missing"),
        ({"actions": [{"kind": "pin", "item_id": "a", "slot": "1"}]}, r"slot is '1'; write a whole number"),
        ({"zone": "Mars"}, "zone is 'Mars'"),
        ({"hours": {"opens": "25"}}, "hours.opens"),
    ],
)
def test_what_cannot_be_read_is_named(wrong, says):
    with pytest.raises(ConfigError, match=says):
        campaign_from({**PIN, **wrong})


def test_a_replay_sees_the_campaigns_and_switches_of_its_moment(desk):
    on_air(desk)
    live = desk.control.sequence()
    desk.control.halt("all", "", "Ben", "wrong picture")
    stopped = desk.control.sequence()

    def then(sequence):
        return AsOf(desk.control, sequence, 1000.0, Controls(), silent=0.0).orders()

    assert [order.id for order in then(live)] == ["c"]
    assert then(live)[0].approved_at == 1000.0
    assert then(stopped) == then(1) == []
