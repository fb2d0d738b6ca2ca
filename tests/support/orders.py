"""Campaigns of every action and limit, who looks, and what was shown before, out of drawn bytes."""

from collections.abc import Sequence

from recsys.overrides import (
    Boost,
    Bury,
    Campaign,
    CampaignAction,
    Caps,
    Exclude,
    Exposure,
    Fill,
    Hours,
    Impression,
    Person,
    Pin,
    Present,
    Row,
    Sponsor,
)
from support.campaigns import Field
from support.drawn import Drawn

IDS = [f"c{n}" for n in range(12)]
EPOCH_DAY = 719_163  # 1970-01-01 as a local date
PAID = Sponsor("A publisher", "Ad", ("territory",))
AUDIENCES = [None, None, *(Field(name, value) for name in ("profile.group", "context.page") for value in "ab")]
KINDS = ["pin", "boost", "bury", "exclude", "fill", "row", "present"]
CAP = [None, None, 1, 2]


def action(given: Drawn, names: Sequence[str]) -> CampaignAction:
    """One action on some of the items."""
    kind = given.pick(KINDS)
    if kind in ("fill", "row"):
        slot, pool = given.pick(range(1, 7)), tuple(given.some(names, 1, 4))
        if kind == "fill":
            return Fill(slot, pool, given.pick(range(1, 4)))
        return Row(slot, "A row", pool, given.pick(range(1, 5)))
    item = given.pick(names)
    if kind == "pin":
        return Pin(item, given.pick(range(1, 7)))
    if kind == "boost":
        return Boost(item, given.pick([1.0, 2.0, 5.0, 50.0]))
    if kind == "bury":
        return Bury(item, given.pick([0.5, 0.01]))
    return Exclude(item) if kind == "exclude" else Present(item, "Another title")


def campaign(given: Drawn, names: Sequence[str]) -> Campaign:
    """A campaign that may hold for a few seconds around zero."""
    start = float(given.pick(range(-2, 6)))
    actions = tuple(given.several(lambda: action(given, names), 3, 1))
    boosts = any(isinstance(one, Boost) for one in actions)
    promotes = any(not isinstance(one, Bury | Exclude | Present) for one in actions)
    return Campaign(
        given.pick(IDS),
        actions,
        surfaces=given.pick([frozenset[str](), frozenset({"feed"}), frozenset({"home"})]),
        territories=given.pick([frozenset[str](), frozenset({"DE"})]),
        audience=given.pick(AUDIENCES),
        start=start,
        end=start + 4.0,
        zone=given.pick(["UTC", "Asia/Shanghai"]),
        hours=given.pick([None, None, Hours(opens=0, closes=720)]),
        priority=given.pick(range(2)),
        caps=Caps(given.pick(CAP), given.pick(CAP), given.pick(CAP)),
        guarantee=given.pick([None, 1]) if boosts else None,
        share=given.pick([None, None, 0.2, 0.5]),
        objective=given.pick(["editorial", "session_length"]),
        sponsor=given.pick([None, PAID]) if promotes else None,
        approved_at=float(given.pick(range(3))),
    )


def campaigns(given: Drawn, names: Sequence[str], most: int = 4, least: int = 0) -> list[Campaign]:
    """Campaigns, of which two may have one id."""
    return given.several(lambda: campaign(given, names), most, least)


def person(given: Drawn) -> Person:
    """Who looks."""
    profile, context = given.pick([{}, {"group": "a"}, {"group": "b"}]), given.pick([{}, {"page": "a"}, {"page": "b"}])
    return Person(
        given.pick([None, "u", "v"]), profile, context, minor=given.pick([False, True]),
        personalised=given.pick([True, False]),
    )  # fmt: skip


def exposure(given: Drawn) -> Exposure:
    """What was shown before."""
    counts = Exposure()
    for user in (None, "u"):
        shown = given.several(lambda: Impression(given.pick(IDS), EPOCH_DAY, given.pick(range(1, 7))), 4)
        counts.record(user, shown)
    return counts
