"""Why a work must not be shown to a viewer, in the order of precedence; "" where it may."""

from typing import Any

from benchmarks.oracle.editors import can_ask, excluded
from benchmarks.oracle.ledger import Ledger
from benchmarks.oracle.packs import packs_of, surface
from benchmarks.oracle.places import embargoed, granted, open_now, place, sold
from benchmarks.oracle.statements import holding
from benchmarks.oracle.verdicts import shows

Record = dict[str, Any]


def unsafe(ledger: Ledger, ask: Record, item: str) -> str:
    """Why safety, rights or editors' excludes forbid a work: rows 0–4 and 6 of the precedence."""
    record, where, now = ledger.items.get(item), place(ask["territory"]), ledger.now
    if record is None:
        return "not in the catalogue"
    for order in ledger.orders.values():
        if order["item_id"] == item and _here(order["territory"], where):
            return f"takedown {order['id']}"
    if garbage(record):
        return "garbage"
    if not sold(record, where):
        return "territory"
    if not open_now(record, now):
        return "window"
    if embargoed(record, now):
        return "embargo"
    if item in ledger.rights and not granted(ledger.rights[item], where, now):
        return "rights document"
    return _policy(ledger, ask, item, where) or excluded(ledger, ask, item, where)


def unwanted(ledger: Ledger, ask: Record, item: str, *, personal: bool) -> str:
    """Why the request itself, its user or what the user had forbids a work."""
    if item in ask["exclude"] or item == ask["similar_to"]:
        return "excluded by the request"
    if ask["user"] is not None and can_ask(ledger):
        user = ledger.user(ask["user"])
        if item in user["hidden"] or item in user["unwanted"]:
            return "hidden by the user"
    if personal and not ledger.returns and item in had(ledger, ask):
        return "had by the user"
    if ask["filter"] is not None and not matches(ledger.items[item], ask["filter"]["rule"]):
        return "filter"
    return _series(ledger, ask, item, personal=personal) if ask["series"] == "next" else ""


def had(ledger: Ledger, ask: Record) -> set[str]:
    """What a personal list knows that the user had."""
    stored = [] if ask["user"] is None or "state" in ledger.failing else ledger.user(ask["user"])["had"]
    return {*stored, *ask["session"]}


def caps(ledger: Ledger, ask: Record) -> tuple[int | None, int | None]:
    """At most how many works of one creator and of one topic a list holds."""
    rules = [surface(pack, ask["surface"]) for pack in packs_of(ledger.pack, place(ask["territory"]))]
    creator = min((one["max_per_creator"] for one in rules if one["max_per_creator"] is not None), default=None)
    topic = min((one["max_per_topic"] for one in rules if one["max_per_topic"] is not None), default=None)
    return creator, topic


def garbage(record: Record) -> bool:
    """Whether a field is something that it cannot be."""
    start, end, age = record.get("available_from"), record.get("available_to"), record.get("min_age")
    return (
        (start is not None and end is not None and start > end)
        or (age is not None and not 0 <= age <= 99)
        or any(not label.strip() or "|" in label for label in record.get("labels") or ())
        or any(code != "WW" and place(code) is None for code in record.get("territories") or ())
    )


def matches(record: Record, rule: list[Any]) -> bool:
    """Whether a condition is true of a work; what is unknown makes it true of nothing."""
    kind, field, value = rule
    if kind == "and":
        return matches(record, field) and matches(record, value)
    if kind == "or":
        return matches(record, field) or matches(record, value)
    given = record.get(field)
    if kind == "has":
        return given is not None
    if given is None:
        return False
    return {
        "contains": lambda: value in given,
        "==": lambda: given == value,
        "!=": lambda: given != value,
        ">=": lambda: given >= value,
        "<": lambda: given < value,
    }[kind]()  # type: ignore[no-any-return]


def _here(territory: str | None, where: str | None) -> bool:
    return place(territory) is None or where is None or place(territory) == where


def _policy(ledger: Ledger, ask: Record, item: str, where: str | None) -> str:
    record = ledger.items[item]
    said = ledger.labels.get(item, [])
    labels = holding(record, said, ledger.versions.get(item, 0), ledger.now)
    stale = ledger.now - ledger.confirmed > ledger.pack.get("confirm_within", 120.0)
    packs = packs_of(ledger.pack, where)
    silent = "silent" in ledger.failing
    if silent and any(surface(pack, ask["surface"])["strict"] for pack in packs):
        return "takedowns may be missing"
    scene = {"territory": where, "now": ledger.now, "stale": stale}
    return next((why for pack in packs if (why := shows(pack, record, labels, ask, scene, cleared=silent))), "")


def _series(ledger: Ledger, ask: Record, item: str, *, personal: bool) -> str:
    """Of a series that is begun only the episode after the furthest one; of others the first."""
    record = ledger.items[item]
    if not record.get("series") or record.get("episode") is None:
        return ""
    every = [one for one in ledger.items.values() if one.get("series") == record["series"]]
    steps = sorted({_step(one) for one in every if one.get("episode") is not None})
    known = [ledger.items[name] for name in had(ledger, ask) if name in ledger.items] if personal else []
    done = [steps.index(_step(one)) for one in known if one.get("series") == record["series"] and _step(one) in steps]
    wanted = max(done, default=-1) + 1
    return "" if steps.index(_step(record)) == wanted else "another episode comes next"


def _step(record: Record) -> tuple[float, float]:
    season = record.get("season")
    episode = record.get("episode")
    return (float("-inf") if season is None else season), (float("nan") if episode is None else episode)
