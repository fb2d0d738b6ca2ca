"""Whether minors should be asleep, by the clocks of a territory."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from recsys.safety.parts import Curfew, Minors
from recsys.safety.rights.places import clocks

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Signals:
    """What a platform tells a minor beside the list."""

    curfew: bool  # it is night there: end the session
    pause: int | None  # s of one session after which to pause; None = the pack does not say


def is_curfew(minors: Minors, territory: str | None, now: float) -> bool:
    """Whether it is curfew by some clock of a territory at ``now`` (s UTC); of the whole pack where it is unknown."""
    if minors.curfew is None:
        return False
    named = minors.zones.get(territory or "", ())
    if territory is None:
        named = tuple(zone for names in minors.zones.values() for zone in names)
    zones = [ZoneInfo(name) for name in named] or clocks(territory)
    return any(_during(minors.curfew, zone, now) for zone in zones)


def _during(curfew: Curfew, zone: tzinfo, now: float) -> bool:
    at = (EPOCH + timedelta(seconds=now)).astimezone(zone).time()
    if curfew.starts < curfew.ends:
        return curfew.starts <= at < curfew.ends
    return at >= curfew.starts or at < curfew.ends
