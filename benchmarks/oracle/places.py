"""Where and when: the windows of records and of rights documents, by the clocks of the viewer's territory."""

from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

Record = dict[str, Any]
CLOCKS = {
    "DE": ["Europe/Berlin"],
    "FR": ["Europe/Paris"],
    "CN": ["Asia/Shanghai"],
    "GB": ["Europe/London"],
    "JP": ["Asia/Tokyo"],
    "US": ["America/New_York", "America/Adak", "Pacific/Honolulu"],  # its first and its last clocks
}
ALWAYS, NEVER = float("-inf"), float("inf")
ANYWHERE = ["Etc/GMT-14", "Etc/GMT+12"]  # the first and the last clock on land


def place(territory: Any) -> str | None:
    """A territory as it is known: two letters; WW and everything else are no place."""
    text = territory.strip().upper() if isinstance(territory, str) else ""
    return text if len(text) == 2 and text.isascii() and text.isalpha() and text != "WW" else None


def sold(record: Record, where: str | None) -> bool:
    """Whether the record's own territories let it be shown; unknown viewers see what is for everywhere."""
    listed = record.get("territories")
    return listed is None or "WW" in listed or (where is not None and where in listed)


def open_now(record: Record, now: float) -> bool:
    """Whether ``now`` lies in the record's window: the start belongs to it, the end does not."""
    start, end = record.get("available_from"), record.get("available_to")
    return (start is None or start <= now) and (end is None or now < end)


def embargoed(record: Record, now: float) -> bool:
    """Whether the record's embargo has not lifted yet."""
    return record.get("embargo_until") is not None and now < record["embargo_until"]


def granted(document: Record, where: str | None, now: float) -> bool:
    """Whether a rights document lets the work be shown there and then; an unknown viewer may be anywhere."""
    if where is not None:
        return _there(document, where, CLOCKS.get(where, ANYWHERE), now)
    named = {code for term in document["grants"] + document["bars"] for code in term["codes"]}
    everywhere = [(code, CLOCKS.get(code, ANYWHERE)) for code in sorted(named)] + [("elsewhere", ANYWHERE)]
    return all(_there(document, code, clocks, now) for code, clocks in everywhere)


def _there(document: Record, where: str, clocks: list[str], now: float) -> bool:
    grants = [term for term in document["grants"] if (where in term["codes"]) != term["but"]]
    bars = [term for term in document["bars"] if (where in term["codes"]) != term["but"]]
    # a grant opens when the last clock has come so far and closes when the first one has; a bar the other way round
    may = any(
        all(_last(term["opens"], c, ALWAYS) <= now < _first(term["closes"], c, NEVER) for c in clocks)
        for term in grants
    )
    barred = any(
        any(_first(term["opens"], c, ALWAYS) <= now for c in clocks)
        and any(now < _last(term["closes"], c, NEVER) for c in clocks)
        for term in bars
    )
    return may and not barred


def _first(when: Any, clock: str, otherwise: float) -> float:
    return otherwise if when is None else min(moments(when, clock))


def _last(when: Any, clock: str, otherwise: float) -> float:
    return otherwise if when is None else max(moments(when, clock))


@cache
def moments(when: float | str, clock: str) -> tuple[float, ...]:
    """When (s UTC) a clock on the wall reads ``when`` (``2026-01-02T12:00``): once, twice where it is put back.

    A time that it leaves out is the moment at which it is put forward. A number is a moment already.
    """
    if not isinstance(when, str):
        return (float(when),)
    zone, wall = ZoneInfo(clock), datetime.fromisoformat(when)
    tries = sorted({wall.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1)})
    if found := tuple(at for at in tries if _reading(at, zone) == wall):
        return found
    at = tries[0] // 60 * 60
    while _reading(at, zone) < wall:
        at += 60
    return (at,)


def _reading(at: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).replace(tzinfo=None)
