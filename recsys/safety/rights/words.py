"""Rights in words, for people who have to understand why a work is shown or not."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from recsys.safety.rights.local import When
from recsys.safety.rights.places import Places, clocks, code, countries
from recsys.safety.rights.record import Rights, Term

_SHOWN = 8  # codes of a list that are spelt out


def explained(rights: Rights, territory: str | None, at: float) -> Iterator[str]:
    """Sentences: what was granted and barred, when it opens there, and what holds at ``at`` (s UTC)."""
    said_by = f"{rights.source or 'unknown'}{f' {rights.document}' if rights.document else ''}"
    yield f"Source: {said_by}."
    for grant in rights.grants:
        yield f"Granted{f' ({grant.use})' if grant.use else ''} {_term(grant)}."
    for bar in rights.bars:
        yield f"Barred ({bar.use}) {_term(bar)}."
    name = place(territory)
    found = rights.windows(territory)
    if not found:
        yield f"In {name} it is never shown."
    for opens, closes in found:
        begin = "at once" if opens == -math.inf else f"from {moment(opens, territory)}"
        end = "without end" if closes == math.inf else f"until before {moment(closes, territory)}"
        yield f"In {name} it may be shown {begin}, {end}."
    reason = rights.reason(territory, at)
    yield f"At {moment(at, territory)} it {'may be shown' if reason is None else f'is not shown: {reason}'}."


def place(territory: str | None) -> str:
    """A territory as people call it."""
    found = code(territory)
    if found is None:
        return "an unknown territory, where only what holds everywhere counts,"
    return f"{countries().get(found, 'the territory')} ({found})"


def moment(at: float, territory: str | None) -> str:
    """A moment by the territory's clock, where it has one, and in UTC."""
    try:
        utc = datetime.fromtimestamp(at, UTC)
        found = code(territory)
        zones = clocks(found) if found in countries() else ()
        local = {utc.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z") for zone in zones}
    except (OverflowError, ValueError, OSError):
        return "a time outside the calendar"
    text = utc.strftime("%Y-%m-%d %H:%M UTC")
    return f"{local.pop()} ({text})" if len(local) == 1 else text


def _term(term: Term) -> str:
    begin = "" if term.opens == -math.inf else f" from {_when(term.opens)}"
    end = "" if term.closes == math.inf else f" until before {_when(term.closes)}"
    return f"{_places(term.where)}{begin}{end}"


def _when(when: When) -> str:
    return moment(when, None) if isinstance(when, float | int) else f"{when} local time"


def _places(where: Places) -> str:
    codes = sorted(where.codes)
    listed = ", ".join(codes[:_SHOWN]) + (f" and {len(codes) - _SHOWN} more" if len(codes) > _SHOWN else "")
    if not codes:
        return "everywhere" if where.but else "nowhere"
    return f"everywhere but in {listed}" if where.but else f"in {listed}"
