"""Local time: dates of a time zone as moments, and hours of the week in which a campaign is open."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recsys.errors import ConfigError

DAY = 1440  # minutes
WEEK = 7 * DAY
EVERY_DAY = frozenset(range(1, 8))


@dataclass(frozen=True, slots=True)
class Hours:
    """Open from minute ``opens`` to minute ``closes`` of the local day, on ``weekdays`` (1 is Monday).

    ``closes`` at or before ``opens`` runs past midnight and belongs to the day on which it began.
    """

    weekdays: frozenset[int] = EVERY_DAY
    opens: int = 0
    closes: int = DAY

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        if not self.weekdays or not self.weekdays <= EVERY_DAY:
            yield "hours.weekdays has other days than 1 (Monday) to 7 (Sunday), or none"
        if not 0 <= self.opens < DAY or not 0 <= self.closes <= DAY:
            yield "hours.opens and hours.closes are minutes of a day, 0 to 1440"

    def spans(self) -> list[tuple[int, int]]:
        """Sorted spans of the week [start, end) in minutes from Monday 00:00, none across the week's end."""
        length = (self.closes - self.opens) % DAY or DAY
        found = []
        for day in self.weekdays:
            start = (day - 1) * DAY + self.opens
            found.append((start, min(start + length, WEEK)))
            if start + length > WEEK:
                found.append((0, start + length - WEEK))
        return _joined(sorted(found))

    def open_at(self, moment: float, zone: str) -> bool:
        """Whether it is open at a moment (s UTC)."""
        minute = week_minute(moment, zone)
        return any(start <= minute < end for start, end in self.spans())

    def next_turn(self, moment: float, zone: str) -> float:
        """The next moment (s UTC) after ``moment`` at which it may open or close; at most two days ahead."""
        today = local(moment, zone).date()
        found = [
            as_moment(today + timedelta(days=ahead), minute, zone)
            for ahead in range(3)
            for minute in {self.opens, self.closes % DAY}
        ]
        return min(turn for turn in found if turn > moment)


def known_zone(zone: str) -> bool:
    """Whether there is a time zone of this IANA name."""
    try:
        zone_of(zone)
    except ConfigError:
        return False
    return True


@lru_cache(maxsize=1024)
def zone_of(zone: str) -> ZoneInfo:
    """A time zone by its IANA name. ConfigError where there is none."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"There is no time zone {zone!r}; write an IANA name such as Asia/Shanghai.") from None


def moment_of(text: str, zone: str) -> float:
    """A local date or time (ISO, without an offset) as s UTC; a time with an offset is taken as it is.

    A local time that the clocks skip counts as the moment at which they jump; one that comes twice is the first.
    ConfigError where ``text`` is no time.
    """
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no date or time; write 2027-01-31 or 2027-01-31T18:00.") from None
    if given.tzinfo is not None:
        return given.timestamp()
    return _settled(given, zone)


def local(moment: float, zone: str) -> datetime:
    """A moment (s UTC) on the clocks of a time zone."""
    return datetime.fromtimestamp(moment, UTC).astimezone(zone_of(zone))


def local_day(moment: float, zone: str) -> int:
    """The local date as a number of days."""
    return local(moment, zone).toordinal()


def next_midnight(moment: float, zone: str) -> float:
    """The next local midnight (s UTC) after a moment."""
    return as_moment(local(moment, zone).date() + timedelta(days=1), 0, zone)


def as_moment(day: date, minute: int, zone: str) -> float:
    """A minute of a local day as s UTC."""
    clock = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - the zone follows
    return _settled(clock, zone)


def week_minute(moment: float, zone: str) -> float:
    """Minutes since the local Monday 00:00, by the clocks of the time zone."""
    here = local(moment, zone)
    return here.weekday() * DAY + here.hour * 60 + here.minute + (here.second + here.microsecond / 1e6) / 60


def _settled(clock: datetime, zone: str) -> float:
    where = zone_of(zone)
    early = clock.replace(tzinfo=where, fold=0)
    late = clock.replace(tzinfo=where, fold=1)
    before, after = early.utcoffset(), late.utcoffset()
    if before is None or after is None or after <= before:
        return early.timestamp()
    # The clocks skip this time: both readings are off by the jump, which lies between them.
    low, high = late.timestamp(), early.timestamp()
    while high - low > 1:
        middle = (low + high) / 2
        if datetime.fromtimestamp(middle, where).utcoffset() == before:
            low = middle
        else:
            high = middle
    return float(round(high))


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out
