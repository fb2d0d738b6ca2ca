"""Users' histories read from a pinned lake version, for lists made offline by the same engine."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.errors import DataError
from recsys.lake import Lake
from recsys.types import NOTHING
from serving.stores.control import Erasures
from serving.stores.state import History


class LakeHistories:
    """Histories and profiles of a lake version, up to a moment. Holds the events of the log in memory, as columns."""

    def __init__(self, lake: Lake, versions: Mapping[str, int], at: float | None) -> None:
        events = _sorted(lake.read("events", versions.get("events")))
        known = events["time"].filter(pc.is_finite(events["time"]))
        self.newest = float(pc.max(known).as_py()) if len(known) else None
        if at is not None:
            events = events.filter(pc.invert(pc.greater(events["time"], at)))  # an unknown time is before any
        users = events["user_id"].to_numpy(zero_copy_only=False)
        self._events = events.select(["item_id", "kind", "value", "time"])
        self._names, self._starts = np.unique(users, return_index=True)
        self._ends = np.append(self._starts[1:], len(users))
        self._profiles = _profiles(lake, versions)
        self._gone: set[str] = set()

    def without(self, erased: Erasures) -> None:
        """Forget users who have been erased; the lake may not have been rewritten yet."""
        if len(erased):
            self._gone = {name for name in self.users() if erased.at(name) is not None}

    def users(self) -> list[str]:
        """Every user with an event or a profile, sorted."""
        return sorted({*(str(name) for name in self._names), *self._profiles} - self._gone)

    def history(self, user_id: str, limit: int | None = None) -> History:
        """Everything a user has had, oldest first; empty for a user the lake does not know."""
        place = np.searchsorted(self._names, user_id)
        if place == len(self._names) or self._names[place] != user_id or user_id in self._gone:
            return History([], [], [], [])
        start, end = int(self._starts[place]), int(self._ends[place])
        if limit is not None:
            start = max(start, end - limit)
        own = self._events.slice(start, end - start)
        return History(
            own["item_id"].to_pylist(), own["kind"].to_pylist(), own["value"].to_pylist(), own["time"].to_pylist()
        )

    def seen(self, user_id: str) -> Sequence[str]:
        """Every item a user has had, each once."""
        return list(dict.fromkeys(self.history(user_id).items))

    def profile(self, user_id: str) -> Mapping[str, str]:
        """What the users table says of a user."""
        return NOTHING if user_id in self._gone else self._profiles.get(user_id, NOTHING)


def _sorted(events: pa.Table) -> pa.Table:
    keys = [(name, "ascending") for name in ("user_id", "timestamp", "order", "event_id")]
    events = events.sort_by(keys).combine_chunks()
    micros = events["timestamp"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).cast(pa.float64())
    return events.append_column("time", pc.fill_null(pc.divide(micros, 1e6), float("nan")))


def _profiles(lake: Lake, versions: Mapping[str, int]) -> dict[str, Mapping[str, str]]:
    if not lake.has("users"):
        return {}
    rows = lake.read("users", versions.get("users")).to_pylist()
    return {row.pop("user_id"): {name: str(value) for name, value in row.items() if value is not None} for row in rows}


def read_users(lines: Sequence[str]) -> list[str]:
    """User ids of a file: one a line, no header, blank lines and duplicates ignored."""
    users = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not users:
        raise DataError("The users file names nobody; write one user id a line.")
    return users
