"""A pack as it stands in its file, and what it is in each territory."""

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.oracle.places import ANYWHERE, CLOCKS

Record = dict[str, Any]
RANK = ["allow", "label", "interstitial", "limit", "hold", "block", "takedown"]
SURFACE: Record = {
    "strict": True,
    "minors": False,
    "minors_cleared_only": True,
    "show_limited": False,
    "unlabelled": "hold",
    "unknown_label": "hold",
    "unrated": "allow",
    "unknown_age": None,
    "max_per_creator": None,
    "max_per_topic": None,
}


def worst(*verdicts: str) -> str:
    """The most restrictive of some verdicts."""
    return max(verdicts, key=RANK.index)


def packs_of(pack: Record, where: str | None) -> list[Record]:
    """The packs of which the strictest answer counts; for a viewer who may be anywhere, those of every place."""
    if where is not None:
        return _in(pack, where)
    entries, regions = pack.get("territories", {}), pack.get("regions", {})
    named = {code for name in entries for code in regions.get(name, [name])}
    return [pack, *(one for code in sorted(named) for one in _in(pack, code))]


def _in(pack: Record, code: str) -> list[Record]:
    entries, regions = pack.get("territories", {}), pack.get("regions", {})
    mine = [entries[name] for name, members in regions.items() if name in entries and code in members]
    below = [_with(pack, entry) for entry in mine] or [pack]
    return [_with(one, entries[code]) if code in entries else one for one in below]


def _with(pack: Record, entry: Record) -> Record:
    surfaces = {name: {**rules, **entry.get("surfaces", {}).get(name, {})} for name, rules in pack["surfaces"].items()}
    labels = {**pack["labels"], **entry.get("labels", {})}
    return {**pack, "surfaces": surfaces, "labels": labels, "minors": entry.get("minors", pack.get("minors", {}))}


def surface(pack: Record, name: str) -> Record:
    """The rules of a surface; one that the pack does not name is strict, for minors, and as narrow as the narrowest."""
    if name in pack["surfaces"]:
        return {**SURFACE, **pack["surfaces"][name]}
    named = [{**SURFACE, **rules} for rules in pack["surfaces"].values()]
    strictest = {key: worst("hold", *(one[key] for one in named)) for key in ("unlabelled", "unknown_label")}
    caps = {
        key: min((one[key] for one in named if one[key] is not None), default=None)
        for key in ("max_per_creator", "max_per_topic")
    }
    unrated = worst("allow", *(one["unrated"] for one in named))
    return {**SURFACE, "minors": True, "unrated": unrated, **strictest, **caps}


def asleep(pack: Record, where: str | None, now: float) -> Record | None:
    """The curfew, where it is night by some clock of the territory; by any clock of the pack where that is unknown."""
    minors = pack.get("minors", {})
    curfew = minors.get("curfew")
    if curfew is None:
        return None
    zones = minors.get("zones", {})
    clocks = zones.get(where) or CLOCKS.get(where or "", ANYWHERE)
    if where is None:
        clocks = [name for names in zones.values() for name in names]
    starts, ends = time.fromisoformat(curfew["starts"]), time.fromisoformat(curfew["ends"])
    for name in clocks:
        at = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(name)).time()
        night = starts <= at < ends if starts < ends else at >= starts or at < ends
        if night:
            return dict(curfew)
    return None
