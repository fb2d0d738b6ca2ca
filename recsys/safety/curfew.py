"""Whether minors should be asleep, by the clocks of a territory."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from recsys.safety.parts import Curfew, Minors

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Signals:
    """What a platform tells a minor beside the list."""

    curfew: bool  # it is night there: end the session
    pause: int | None  # s of one session after which to pause; None = the pack does not say


def is_curfew(minors: Minors, territory: str | None, now: float) -> bool:
    """Whether it is curfew in a territory at ``now`` (s UTC); where its clocks are unknown, anywhere in the pack."""
    if minors.curfew is None:
        return False
    zones = minors.zones.get(territory or "") or tuple(zone for names in minors.zones.values() for zone in names)
    return any(_during(minors.curfew, zone, now) for zone in zones)


def _during(curfew: Curfew, zone: str, now: float) -> bool:
    at = (EPOCH + timedelta(seconds=now)).astimezone(ZoneInfo(zone)).time()
    if curfew.starts < curfew.ends:
        return curfew.starts <= at < curfew.ends
    return at >= curfew.starts or at < curfew.ends
