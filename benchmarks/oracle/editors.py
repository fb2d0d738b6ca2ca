"""What editors leave out or put in other words: single excludes, and campaigns that no kill switch holds back."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.oracle.ledger import Ledger
from benchmarks.oracle.packs import surface
from benchmarks.oracle.places import place

Record = dict[str, Any]


def is_personal(ledger: Ledger, ask: Record) -> bool:
    """Whether the list may know its user: nobody has opted out, and whether anybody has can be read."""
    if not ask["personalised"]:
        return False
    if ask["user"] is None:
        return True
    return can_ask(ledger) and bool(ledger.user(ask["user"])["personalised"])


def can_ask(ledger: Ledger) -> bool:
    """Whether users' choices can be read; a store that has been silent is not waited for."""
    return not {"controls", "silent"} & ledger.failing


def excluded(ledger: Ledger, ask: Record) -> dict[str, str]:
    """Every work that editors leave out here and now, and by which order."""
    where, found = place(ask["territory"]), {}
    for one in ledger.overrides.values():
        if one["action"] == "exclude" and _holds(ledger, ask, one, where) and not _halted(ledger, one):
            found[one["item_id"]] = f"override {one['id']}"
    for one in ledger.campaigns.values():
        if _on(ledger, ask, one, where) and _audience(ledger, ask, one) is not False:
            hit = (action["item_id"] for action in one["actions"] if action["kind"] == "exclude")
            found |= dict.fromkeys(hit, f"campaign {one['id']}")
    return found


def words(ledger: Ledger, ask: Record, item: str) -> list[Record]:
    """Other titles and pictures that campaigns give a work here and now."""
    where, found = place(ask["territory"]), []
    for one in ledger.campaigns.values():
        placed = where is not None or not one["territories"]
        if placed and _on(ledger, ask, one, where) and _audience(ledger, ask, one) is True:
            said = [action for action in one["actions"] if action["kind"] == "present"]
            found += [action for action in said if action["item_id"] == item]
    return found


def _on(ledger: Ledger, ask: Record, campaign: Record, where: str | None) -> bool:
    here = _holds(ledger, ask, campaign, where) and _in_hours(campaign, ledger.now)
    return here and not _halted(ledger, campaign)


def _halted(ledger: Ledger, one: Record) -> bool:
    """Whether a kill switch holds an order back: its own, its editor's, or that of all."""
    kept = {"campaign": one["id"], "editor": one["by"], "all": ""}
    return any(kept[switch["scope"]] == switch["key"] for switch in ledger.halts.values())


def _holds(ledger: Ledger, ask: Record, one: Record, where: str | None) -> bool:
    there = not one["territories"] or where is None or where in one["territories"]
    on = not one["surfaces"] or ask["surface"] in one["surfaces"]
    return on and there and bool(one["start"] <= ledger.now < one["end"])


def _in_hours(campaign: Record, now: float) -> bool:
    if campaign["hours"] is None:
        return True
    opens, closes = campaign["hours"]
    at = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(campaign["zone"]))
    minute = at.hour * 60 + at.minute
    return opens <= minute < closes if opens < closes else minute >= opens or minute < closes


def _audience(ledger: Ledger, ask: Record, campaign: Record) -> bool | None:
    """Whether a viewer belongs to a campaign's audience; None where the profile must not be asked."""
    audience = campaign["audience"]
    if audience is None:
        return True
    of, name, value = audience["rule"]
    if of == "profile" and (not is_personal(ledger, ask) or _minor(ledger, ask)):
        return None
    return bool(ask[of].get(name) == value)


def _minor(ledger: Ledger, ask: Record) -> bool:
    majority = ledger.pack.get("age_bands", [3, 8, 12, 16, 18])[-1]
    known = ask["age"] is not None and ask["age"] < majority
    return known or bool(surface(ledger.pack, ask["surface"])["minors"])
