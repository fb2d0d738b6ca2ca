"""The one source of time. A client never sets the time that the gate sees."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]  # seconds since 1970 UTC


def system_clock() -> float:
    """The machine's time, in seconds since 1970 UTC."""
    return time.time()


def fixed_clock(at: float) -> Clock:
    """A clock that stands still, for offline lists and tests."""
    return lambda: at


class EventClock:
    """A clock that follows the newest event seen, for replaying old logs (``RECSYS_CLOCK=events``)."""

    def __init__(self, start: float) -> None:
        self._now = start

    def __call__(self) -> float:
        return self._now

    def saw(self, timestamp: float) -> None:
        """Move to ``timestamp`` if it is later; time never runs back."""
        if timestamp > self._now:
            self._now = timestamp


def to_datetime(at: float) -> datetime:
    """Seconds since 1970 as an aware UTC datetime."""
    return datetime.fromtimestamp(at, UTC)
