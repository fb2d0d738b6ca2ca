"""What editors leave out: excludes by themselves and in campaigns."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.oracle.ledger import Ledger
from benchmarks.oracle.packs import surface

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


def excluded(ledger: Ledger, ask: Record, item: str, where: str | None) -> str:
    """Which exclude holds for a work here and now, "" for none."""
    for one in ledger.overrides.values():
        if one["action"] == "exclude" and one["item_id"] == item and _holds(ledger, ask, one, where):
            return f"excluded by {one['id']}"
    for one in ledger.campaigns:
        hits = any(action["kind"] == "exclude" and action["item_id"] == item for action in one["actions"])
        if hits and _holds(ledger, ask, one, where) and _in_hours(one, ledger.now) and _reaches(ledger, ask, one):
            return f"excluded by {one['id']}"
    return ""


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


def _reaches(ledger: Ledger, ask: Record, campaign: Record) -> bool:
    """Whether its excludes apply to a viewer: to everybody whose profile must not be asked, too."""
    audience = campaign["audience"]
    if audience is None:
        return True
    of, name, value = audience["rule"]
    if of == "context":
        return bool(ask["context"].get(name) == value)
    if not is_personal(ledger, ask) or _minor(ledger, ask):
        return True
    return bool(ask["profile"].get(name) == value)


def _minor(ledger: Ledger, ask: Record) -> bool:
    majority = ledger.pack.get("age_bands", [3, 8, 12, 16, 18])[-1]
    known = ask["age"] is not None and ask["age"] < majority
    return known or bool(surface(ledger.pack, ask["surface"])["minors"])
