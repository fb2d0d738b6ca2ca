"""S41: whoever wrote a campaign does not approve it where a rule says so; it ends; every act is kept for good."""

from pathlib import Path

import pytest

from recsys.errors import RecsysError
from serving.campaigns import desk as desks
from serving.campaigns.desk import Desk
from serving.campaigns.four_eyes import FourEyes
from serving.stores import campaigns
from serving.stores.campaigns import Said
from serving.stores.control import ControlStore
from serving.stores.records import ConflictError
from support.evidence import proves

PIN = {"kind": "pin", "item_id": "a", "slot": 1}
BOOST = {"kind": "boost", "item_id": "a", "factor": 2.0}
SPONSOR = {"name": "A publisher", "label": "Ad", "parameters": ["territory"]}
CASES = {
    "home": {"surfaces": ["home"], "actions": [PIN]},
    "push": {"surfaces": ["push"], "actions": [PIN]},
    "hot": {"surfaces": ["hot"], "actions": [PIN]},
    "sponsor": {"surfaces": ["feed"], "actions": [BOOST], "sponsor": SPONSOR},
    "share": {"surfaces": ["feed"], "actions": [{"kind": "fill", "slot": 1, "pool": ["a"], "quota": 5}]},
    "minors": {"surfaces": ["minor"], "actions": [BOOST]},
}


def _desk(tmp_path: Path) -> Desk:
    return Desk(ControlStore.open(tmp_path / "control.db", lambda: 1000.0), FourEyes.load())


def _pending(desk: Desk, name: str) -> int:
    anna = Said("Anna")
    desk.create({"id": name, "end": "1970-01-02", **CASES[name]}, anna)
    desk.validate(name, anna)
    return desk.submit(name, anna).version


def _nobody_looks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(campaigns, "_refuse_own", lambda filed, actor, needs: None)


@proves("S41", mutation="nobody asks who approves", by=_nobody_looks)
def test_s41_the_author_cannot_approve_and_another_person_can(tmp_path: Path) -> None:
    desk = _desk(tmp_path)
    for name in CASES:
        version = _pending(desk, name)
        with pytest.raises(ConflictError):
            desk.approve(name, Said("Anna", version=version))
        assert name not in {order.id for order in desk.control.orders()}
        assert desk.approve(name, Said("Ben", version=version)).state == "live"
        assert name in {order.id for order in desk.control.orders()}


def _no_rules(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FourEyes, "why", lambda self, campaign, minors: ())


@proves("S41", mutation="no rule asks for a second person", by=_no_rules)
def test_s41_what_a_rule_names_waits_for_approval(tmp_path: Path) -> None:
    desk = _desk(tmp_path)
    for name in CASES:
        _pending(desk, name)
        assert desk.control.campaign(name).state == "pending"
    assert desk.control.orders() == []


def _everything_tightens(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desks, "tightens", lambda before, after: True)


@proves("S41", mutation="every change passes for a tightening", by=_everything_tightens)
def test_s41_a_change_that_loosens_waits_for_approval_again(tmp_path: Path) -> None:
    desk = _desk(tmp_path)
    live = desk.approve("home", Said("Ben", version=_pending(desk, "home")))
    other = {"id": "home", "end": "1970-01-03", **CASES["home"]}
    desk.update("home", other, Said("Ben", version=live.version))
    assert [order.end for order in desk.control.orders()] == [86_400.0]


def _endless(patch: pytest.MonkeyPatch) -> None:
    from recsys.overrides import campaign

    patch.setattr(campaign, "time_mistakes", lambda start, end: iter(()))


@proves("S41", mutation="a campaign needs no end", by=_endless)
def test_s41_a_campaign_without_an_end_is_refused(tmp_path: Path) -> None:
    desk, refused = _desk(tmp_path), ""
    try:
        desk.create({"id": "home", **CASES["home"]}, Said("Anna"))
    except RecsysError as error:  # the store would refuse it too, and not say why
        refused = str(error)
    assert "end is missing" in refused


def _unaudited(patch: pytest.MonkeyPatch) -> None:
    from serving.stores.database import Write

    patch.setattr(Write, "audit", lambda *_, **__: None)


@proves("S41", mutation="acts are not audited", by=_unaudited)
def test_s41_every_act_is_in_the_audit_with_who_before_and_after(tmp_path: Path) -> None:
    desk = _desk(tmp_path)
    desk.approve("home", Said("Ben", "agreed", version=_pending(desk, "home")))
    desk.pause("home", Said("Anna", "wrong picture"))
    lines = [line for line in desk.control.audit() if line.target == "home"]
    assert [(line.action, line.actor) for line in lines] == [
        ("campaign.create", "Anna"),
        ("campaign.validate", "Anna"),
        ("campaign.submit", "Anna"),
        ("campaign.approve", "Ben"),
        ("campaign.start", "Ben"),
        ("campaign.pause", "Anna"),
    ]
    assert (lines[-1].before["state"], lines[-1].after["state"], lines[-1].reason) == (
        "live",
        "paused",
        "wrong picture",
    )
    assert desk.control.verify_audit() is None
