"""From what a clock on the wall reads to the moment it means, in places with one clock or several.

The stricter reading counts everywhere. A window opens when the last clock of a territory has reached the time, and
closes when the first one has. A time that a clock reads twice (it is put back) opens at the second reading and closes
at the first. A time that a clock leaves out (it is put forward) is the moment of the change.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

When = float | date  # s UTC; a date = its first moment, or a naive datetime, by the territory's own clock

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a reading of a clock on the wall


def opening(when: When, clocks: Sequence[tzinfo]) -> float:
    """The moment (s UTC) from which ``when`` has come by every clock."""
    if isinstance(when, date):
        return max(_readings(_reading(when), clock)[-1] for clock in clocks)
    return when


def closing(when: When, clocks: Sequence[tzinfo]) -> float:
    """The moment (s UTC) at which ``when`` has come by one clock."""
    if isinstance(when, date):
        return min(_readings(_reading(when), clock)[0] for clock in clocks)
    return when


def _reading(when: date) -> datetime:
    return when if isinstance(when, datetime) else datetime(when.year, when.month, when.day)  # noqa: DTZ001


def _readings(wall: datetime, clock: tzinfo) -> tuple[float, ...]:
    """The moments when a clock reads ``wall``, earliest first; one moment, or two where it is put back."""
    first, second = (_moment(wall, clock, fold) for fold in (0, 1))
    if first <= second:
        return first, second
    return (_change(second, first, clock),)  # in a gap, the earlier offset gives the later moment


def _moment(wall: datetime, clock: tzinfo, fold: int) -> float:
    offset = clock.utcoffset(wall.replace(tzinfo=clock, fold=fold)) or timedelta()
    return (wall - _EPOCH - offset).total_seconds()


def _change(before: float, after: float, clock: tzinfo) -> float:
    """The second, between two moments, in which a clock is changed."""
    low, high = int(before), int(after)
    old = _offset(low, clock)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, clock) == old else (low, middle)
    return float(high)


def _offset(at: int, clock: tzinfo) -> timedelta | None:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)).astimezone(clock).utcoffset()
