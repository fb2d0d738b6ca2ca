"""What users did: their histories and profiles, and the events that the lake has yet to get."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from recsys.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a user did with an item."""

    event_id: str
    user_id: str
    item_id: str
    kind: str = "view"
    timestamp: float = float("nan")  # s UTC, NaN if the log has none
    value: float | None = None
    session_id: str | None = None
    surface: str | None = None
    device: str | None = None
    request_id: str | None = None
    order: int | None = None  # place in a log without times


RECENT = 200_000  # accepted events that counters can still be rebuilt from
SITTING = 1_800.0  # s within which one user's events are one sitting
LOOK_BACK = 50  # newest events of a sitting that are looked at
BEFORE = 3  # works before an event that are remembered with it


@dataclass(frozen=True, slots=True)
class Recent:
    """An accepted event in the order of arrival, as counters need it: without its user."""

    cursor: str  # where to read on
    item_id: str
    kind: str
    value: float | None
    timestamp: float  # s UTC, NaN if unknown
    before: tuple[str, ...] = ()  # works of the same sitting, newest first
    again: bool = False  # the same user had the same work within this sitting


@dataclass(frozen=True, slots=True)
class History:
    """One user's events as aligned lists, oldest first; those without a time come before all others."""

    items: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # s UTC, NaN if unknown

    def __len__(self) -> int:
        return len(self.items)


@runtime_checkable
class UserState(Protocol):
    """Histories by user id. Safe to share between threads; every method raises StoreError where the store fails."""

    def append(self, events: Sequence[Event], *, pending: bool = True) -> int:
        """Store the events whose ids are new, durably, and say how many; ``pending`` ones still go to the lake."""
        ...

    def history(self, user_id: str, limit: int | None = None) -> History:
        """A user's newest ``limit`` events, all if left out; empty for an unknown user. Costs as much as it returns."""
        ...

    def histories(self, user_ids: Sequence[str], limit: int | None = None) -> dict[str, History]:
        """The histories of many users, unknown ones empty."""
        ...

    def seen(self, user_id: str) -> list[str]:
        """Every item of a user's events once, however old, in no particular order."""
        ...

    def erase(self, user_id: str) -> int:
        """Forget a user's events, pending ones too, and profile; gives the number of events."""
        ...

    def pending(self, limit: int) -> list[Event]:
        """Events that the lake has not confirmed, in the order they came."""
        ...

    def recent(self, after: str, limit: int) -> list[Recent]:
        """Accepted events behind a cursor ("" is the beginning), oldest first; the newest ``RECENT`` are kept."""
        ...

    def drained(self, event_ids: Collection[str]) -> None:
        """Tell that the lake holds these."""
        ...

    def cursor(self, name: str) -> str | None:
        """A bookmark by name."""
        ...

    def put_cursor(self, name: str, value: str | None) -> None:
        """Set a bookmark, or remove it."""
        ...

    def put_profiles(self, profiles: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the profiles of these users."""
        ...

    def profile(self, user_id: str) -> dict[str, str]:
        """A user's profile, empty if there is none."""
        ...

    def ping(self) -> None:
        """Raise StoreError where the store does not answer."""
        ...

    def close(self) -> None:
        """Give every connection back."""
        ...


def open_state(url_or_path: str | Path) -> UserState:
    """Open a SQLite file (made where absent) or ``redis://HOST:PORT/DB[?prefix=NAME]``."""
    from serving.stores.state_sqlite import SqliteState

    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return SqliteState(Path(url_or_path))
    if url_or_path.startswith("sqlite:///"):
        return SqliteState(Path(url_or_path.removeprefix("sqlite:///")))
    if url_or_path.startswith(("redis://", "rediss://", "unix://")):
        from serving.stores.state_redis import RedisState

        return RedisState(url_or_path)
    scheme = url_or_path.split("://", 1)[0]
    raise ConfigError(f"state_url has the scheme {scheme!r}; write redis://HOST:PORT/DB or the path of a file.")
