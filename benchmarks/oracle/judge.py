"""Why a work must not be shown to a viewer, in the order of precedence; "" where it may."""

from collections.abc import Hashable
from typing import Any

from benchmarks.oracle.editors import can_ask, excluded, is_personal
from benchmarks.oracle.ledger import Ledger, Opinion
from benchmarks.oracle.packs import packs_of, surface
from benchmarks.oracle.places import embargoed, granted, open_now, place, sold
from benchmarks.oracle.records import garbage
from benchmarks.oracle.statements import holding
from benchmarks.oracle.verdicts import hidden_parts, shows, stance

Record = dict[str, Any]


def unsafe(ledger: Ledger, ask: Record, item: str, *, canary: bool = False) -> str:
    """Why safety, rights or editors' excludes forbid a work: rows 0–4 and 6 of the precedence.

    Of a canary's share, both the policy in force and the one on trial have to allow it.
    """
    viewer = (ask["surface"], ask["territory"], ask["age"])
    why = ledger.once(("forbidden", canary, viewer, item), lambda: _forbidden(ledger, ask, item, canary=canary))
    return why or left_out(ledger, ask, item)


def allowed(ledger: Ledger, ask: Record, *, canary: bool) -> list[str]:
    """Every work that the viewer may see."""
    key = ("allowed", canary, *_whose(ledger, ask))
    return ledger.once(key, lambda: [item for item in ledger.items if not unsafe(ledger, ask, item, canary=canary)])


def left_out(ledger: Ledger, ask: Record, item: str) -> str:
    """Which order of editors leaves a work out, "" for none."""
    order = ledger.once(("excluded", *_whose(ledger, ask)), lambda: excluded(ledger, ask)).get(item)
    return "" if order is None else f"excluded: {order}"


def _whose(ledger: Ledger, ask: Record) -> tuple[Hashable, ...]:
    """All that may matter of a viewer."""
    viewer = (ask["surface"], ask["territory"], ask["age"], is_personal(ledger, ask))
    return (*viewer, *ask["profile"].items(), None, *ask["context"].items())


def _forbidden(ledger: Ledger, ask: Record, item: str, *, canary: bool) -> str:
    where, now = place(ask["territory"]), ledger.now
    if item not in ledger.items:
        return "not in the catalogue"
    for order in ledger.orders.values():
        if order["item_id"] == item and _here(order["territory"], where):
            return f"takedown: {order['id']}"
    if item in ledger.rights and not granted(ledger.rights[item], where, now):
        return "rights document"
    for opinion in ledger.opinions(canary=canary):
        record = opinion.items[item]
        if garbage(record):
            return "garbage"
        if not sold(record, where):
            return "territory"
        if not open_now(record, now):
            return "window"
        if embargoed(record, now):
            return "embargo"
        if why := _policy(ledger, opinion, ask, item):
            return f"canary: {why}" if opinion is ledger.candidate else why
    return ""


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


def caps(ledger: Ledger, ask: Record, *, canary: bool) -> tuple[int | None, int | None]:
    """At most how many works of one creator and of one topic a list holds."""
    rules = [
        surface(pack, ask["surface"]) for one in ledger.opinions(canary=canary) for pack in packs_for(ledger, one, ask)
    ]
    creator = min((one["max_per_creator"] for one in rules if one["max_per_creator"] is not None), default=None)
    topic = min((one["max_per_topic"] for one in rules if one["max_per_topic"] is not None), default=None)
    return creator, topic


def withheld(ledger: Ledger, ask: Record, item: str, *, canary: bool) -> set[str]:
    """The parts of a work that the viewer must not see though the work may be shown."""

    def parts() -> set[str]:
        found: set[str] = set()
        for opinion in ledger.opinions(canary=canary):
            labels = _labels(ledger, opinion, item)
            for pack in packs_for(ledger, opinion, ask):
                found |= hidden_parts(pack, opinion.items[item], labels, stance_of(ledger, pack, ask))
        return found

    return ledger.once(("parts", canary, ask["surface"], ask["territory"], ask["age"], item), parts)


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


def _policy(ledger: Ledger, opinion: Opinion, ask: Record, item: str) -> str:
    labels, packs = _labels(ledger, opinion, item), packs_for(ledger, opinion, ask)
    silent = "silent" in ledger.failing
    if silent and any(surface(pack, ask["surface"])["strict"] for pack in packs):
        return "takedowns may be missing"
    record, seen = opinion.items[item], [stance_of(ledger, pack, ask) for pack in packs]
    narrowest = min((one["shown"] for one in seen), key=len)  # a verdict of one pack is held to what each of them shows
    for pack, one in zip(packs, seen, strict=True):
        if why := shows(pack, record, labels, {**one, "shown": narrowest}, cleared=silent):
            return why
    return ""


def packs_for(ledger: Ledger, opinion: Opinion, ask: Record) -> list[Record]:
    """The packs of one opinion that all have to agree, wherever the viewer may be."""
    where = place(ask["territory"])
    return ledger.once(("packs", id(opinion), where), lambda: packs_of(opinion.pack, where))


def _labels(ledger: Ledger, opinion: Opinion, item: str) -> list[Record]:
    said, version = ledger.labels.get(item, []), ledger.versions.get(item, 0)
    record = opinion.items[item]
    return ledger.once(("labels", id(opinion), item), lambda: holding(record, said, version, ledger.now))


def stance_of(ledger: Ledger, pack: Record, ask: Record) -> Record:
    """How a pack sees the viewer of a request now."""
    stale = ledger.now - ledger.confirmed > pack.get("confirm_within", 120.0)
    scene = {"territory": place(ask["territory"]), "now": ledger.now, "stale": stale}
    key = ("stance", id(pack), ask["surface"], scene["territory"], ask["age"])
    return ledger.once(key, lambda: stance(pack, ask, scene))


def _series(ledger: Ledger, ask: Record, item: str, *, personal: bool) -> str:
    """Of a series that is begun only the episode after the furthest one; of others the first."""
    record = ledger.items[item]
    if not record.get("series") or record.get("episode") is None:
        return ""
    steps = ledger.once(("series", record["series"]), lambda: _steps(ledger, record["series"]))
    known = [ledger.items[name] for name in had(ledger, ask) if name in ledger.items] if personal else []
    done = [steps.index(_step(one)) for one in known if one.get("series") == record["series"] and _step(one) in steps]
    wanted = max(done, default=-1) + 1
    return "" if steps.index(_step(record)) == wanted else "another episode comes next"


def _steps(ledger: Ledger, series: str) -> list[tuple[float, float]]:
    every = [one for one in ledger.items.values() if one.get("series") == series]
    return sorted({_step(one) for one in every if one.get("episode") is not None})


def _step(record: Record) -> tuple[float, float]:
    season, episode = record.get("season"), record.get("episode")
    return (float("-inf") if season is None else season), (float("nan") if episode is None else episode)
